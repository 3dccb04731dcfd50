//! The top-level members of a JSON object, found without parsing what is in them: a level costs less than a tree.

use memchr::memchr2;

/// Whether the text has the outside of a JSON object.
pub(crate) fn is_object(text: &str) -> bool {
    let inner = text.strip_prefix('{').and_then(|t| t.strip_suffix('}'));
    inner.is_some_and(|t| t.trim_start().is_empty() || t.trim_start().starts_with('"'))
}

/// The string that a raw value is, if it is one without escapes.
pub(crate) fn unquoted(value: &str) -> Option<&str> {
    value.strip_prefix('"')?.strip_suffix('"').filter(|v| !v.contains('\\'))
}

/// Iterates over `(key, raw value)`; ends at the first thing that is no JSON.
pub(crate) struct Members<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Members<'t> {
    pub(crate) fn of(object: &'t str) -> Self {
        Self { text: object, at: usize::from(object.starts_with('{')) }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(|b| b.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// From the opening quote to behind the closing one.
    fn string(&mut self) -> Option<&'t str> {
        let start = self.at;
        self.at += 1;
        loop {
            let rest = self.text.as_bytes().get(self.at..)?;
            let stop = memchr2(b'"', b'\\', rest)?;
            self.at += stop + 1;
            if rest[stop] == b'"' {
                return self.text.get(start..self.at);
            }
            self.at += 1;
        }
    }

    /// Any value, brackets balanced.
    fn value(&mut self) -> Option<&'t str> {
        let start = self.at;
        let mut depth = 0_usize;
        loop {
            match self.peek()? {
                b'"' => {
                    self.string()?;
                    if depth == 0 {
                        break;
                    }
                }
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' if depth > 0 => {
                    depth -= 1;
                    self.at += 1;
                    if depth == 0 {
                        break;
                    }
                }
                b'}' | b']' | b',' if depth == 0 => break,
                _ => self.at += 1,
            }
        }
        self.text.get(start..self.at).map(str::trim_end)
    }
}

impl<'t> Iterator for Members<'t> {
    type Item = (&'t str, &'t str);

    fn next(&mut self) -> Option<Self::Item> {
        self.blanks();
        if self.peek()? == b',' {
            self.at += 1;
            self.blanks();
        }
        if self.peek()? != b'"' {
            return None;
        }
        let key = self.string()?;
        self.blanks();
        if self.peek()? != b':' {
            return None;
        }
        self.at += 1;
        self.blanks();
        let value = self.value()?;
        Some((key.get(1..key.len() - 1)?, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lists_the_outer_members() {
        let text = r#"{"a":1, "b" : {"c":[1,"}"]},"d":"x\"y","e":null }"#;
        let members: Vec<_> = Members::of(text).collect();
        assert_eq!(members, [("a", "1"), ("b", r#"{"c":[1,"}"]}"#), ("d", r#""x\"y""#), ("e", "null")]);
    }

    proptest! {
        #[test]
        fn ends_on_any_text(text in ".{0,40}") {
            prop_assert!(Members::of(&text).count() <= text.len());
        }

        #[test]
        fn agrees_with_a_parser(
            map in proptest::collection::btree_map("[a-z]{1,5}", "[ -~äö]{0,8}", 0..5)
        ) {
            let text = serde_json::to_string(&map).unwrap();
            prop_assert!(is_object(&text));
            let read: std::collections::BTreeMap<String, String> = Members::of(&text)
                .map(|(key, value)| (key.to_owned(), serde_json::from_str(value).unwrap()))
                .collect();
            prop_assert_eq!(read, map);
        }
    }
}
