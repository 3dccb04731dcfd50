//! The outer members of JSON, read without the whole of it: bodies are cut at a limit, and most of them is not looked at.

use std::borrow::Cow;

/// A value as it is written; its end may be cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Value<'a>(&'a [u8]);

impl<'a> Value<'a> {
    /// The value that a text begins with.
    pub(super) fn of(text: &'a [u8]) -> Self {
        let text = trim(text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text));
        Self(text.get(..end(text)).unwrap_or(text))
    }

    pub(super) fn is_object(self) -> bool {
        self.0.first() == Some(&b'{')
    }

    pub(super) fn is_list(self) -> bool {
        self.0.first() == Some(&b'[')
    }

    /// The member of an object; nothing for what is no object.
    pub(super) fn member(self, name: &str) -> Option<Value<'a>> {
        let mut rest = trim(self.0.strip_prefix(b"{")?);
        while rest.first() == Some(&b'"') {
            let (key, behind) = rest.split_at(end(rest));
            let value = trim(trim(behind).strip_prefix(b":")?);
            let (value, behind) = value.split_at(end(value));
            if Value(key).text().is_some_and(|key| key == name) {
                return (!value.is_empty()).then_some(Value(value));
            }
            rest = trim(trim(behind).strip_prefix(b",")?);
        }
        None
    }

    /// What a list holds; nothing for what is no list.
    pub(super) fn items(self) -> impl Iterator<Item = Value<'a>> {
        let mut rest = self.0.strip_prefix(b"[").map(trim).unwrap_or_default();
        std::iter::from_fn(move || {
            if matches!(rest.first(), None | Some(b']')) {
                return None;
            }
            let (item, behind) = rest.split_at(end(rest));
            let behind = trim(behind);
            rest = behind.strip_prefix(b",").map(trim).unwrap_or_default();
            (!item.is_empty()).then_some(Value(item))
        })
    }

    /// A string, its escapes undone; one that is cut off as far as it goes.
    pub(super) fn text(self) -> Option<Cow<'a, str>> {
        let inner = self.0.strip_prefix(b"\"")?;
        match inner.strip_suffix(b"\"") {
            Some(plain) if !plain.contains(&b'\\') => std::str::from_utf8(plain).ok().map(Cow::Borrowed),
            Some(_) => serde_json::from_slice::<String>(self.0).ok().map(Cow::Owned),
            // A letter or an escape that was cut in half has at most so many bytes.
            None => (0..=6).find_map(|half| {
                let whole = [b"\"", inner.get(..inner.len().checked_sub(half)?)?, b"\""].concat();
                serde_json::from_slice::<String>(&whole).ok().map(Cow::Owned)
            }),
        }
    }

    /// A number, as it is written.
    pub(super) fn number(self) -> Option<&'a str> {
        let digits = std::str::from_utf8(self.0).ok()?;
        digits.parse::<f64>().is_ok().then_some(digits)
    }
}

fn trim(text: &[u8]) -> &[u8] {
    text.trim_ascii_start()
}

/// Where the value ends that a text begins with.
fn end(text: &[u8]) -> usize {
    let (mut at, mut depth) = (0, 0usize);
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => at = string_end(text, at),
            b'{' | b'[' => {
                depth += 1;
                at += 1;
                continue;
            }
            b'}' | b']' if depth > 0 => {
                depth -= 1;
                at += 1;
            }
            b'}' | b']' | b',' if depth == 0 => return at,
            _ => {
                at += 1;
                continue;
            }
        }
        if depth == 0 {
            return at.min(text.len());
        }
    }
    text.len()
}

/// Past the closing quote of the string that begins at `at`.
fn string_end(text: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_and_items_are_found_without_what_is_behind_them() {
        let text = br#" {"a" : "x\"y", "b":{"a":1,"c":[{},"]"]}, "d": -3.5e1 ,"e":[1, {"f":"}"},[]],"cut":"gr\u00fc"#;
        let value = Value::of(text);
        assert!(value.is_object() && !value.is_list());
        assert_eq!(value.member("a").and_then(Value::text).as_deref(), Some("x\"y"));
        assert_eq!(value.member("b").and_then(|b| b.member("a")).and_then(Value::number), Some("1"));
        assert_eq!(value.member("d").and_then(|d| Value::of(d.0.trim_ascii_end()).number()), Some("-3.5e1"));
        let items: Vec<_> = value.member("e").unwrap().items().collect();
        assert_eq!(items.len(), 3);
        assert_eq!(items[1].member("f").and_then(Value::text).as_deref(), Some("}"));
        assert_eq!(value.member("cut").and_then(Value::text).as_deref(), Some("grü"));
        assert_eq!(value.member("c"), None, "only outer members");
    }

    #[test]
    fn no_prefix_breaks_anything_and_a_cut_string_is_told_as_far_as_it_goes() {
        let text = "{\"q\":\"aü\\u00fc\\n\",\"l\":[{\"m\":1}]}".as_bytes();
        for end in 0..text.len() {
            let value = Value::of(&text[..end]);
            let q = value.member("q").and_then(Value::text);
            assert!(q.is_none_or(|q| "aüü\n".starts_with(&*q)), "{end}");
            assert!(value.member("l").is_none_or(|l| l.items().count() <= 1), "{end}");
        }
        assert_eq!(Value::of(b"[1 2").items().count(), 1);
    }
}
