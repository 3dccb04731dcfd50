//! The fields of a JSON or logfmt line, read only when somebody looks.

use memchr::memchr_iter;
use serde_json::{Map, Number, Value};

use crate::text::access::Access;
use crate::text::skim::is_object;

/// The members of a line that is a JSON object; in any other line the `key=value` pairs, and in one of an access log what
/// was asked and answered; `None` without any.
///
/// Unquoted values that look like numbers, `true`, `false` and `null` become what they look like.
pub fn fields(text: &str) -> Option<Map<String, Value>> {
    let text = text.trim();
    if is_object(text) {
        return serde_json::from_str::<Map<String, Value>>(text).ok().filter(|map| !map.is_empty());
    }
    if let Some(access) = Access::of(text) {
        return Some(access.fields());
    }
    let mut map = Map::new();
    let mut from = 0;
    for equals in memchr_iter(b'=', text.as_bytes()) {
        if equals < from {
            continue;
        }
        if let Some((key, value, end)) = pair(text, from, equals) {
            map.entry(key).or_insert(value);
            from = end;
        }
    }
    (!map.is_empty()).then_some(map)
}

/// The pair around the sign at `equals`, not reaching before `from`, and where it ends.
fn pair(text: &str, from: usize, equals: usize) -> Option<(String, Value, usize)> {
    let bytes = text.as_bytes();
    let start = bytes[from..equals].iter().rposition(|b| !is_key(*b)).map_or(from, |at| from + at + 1);
    let key =
        text.get(start..equals).filter(|key| key.as_bytes().first().is_some_and(|b| !b.is_ascii_digit()))?;
    let before = start.checked_sub(1).map(|at| bytes[at]);
    if !matches!(before, None | Some(b' ' | b'\t' | b'[' | b'(' | b'{' | b',')) {
        return None;
    }
    let rest = text.get(equals + 1..)?;
    if rest.starts_with('"') {
        let end = quoted_end(rest.as_bytes())?;
        let raw = &rest[..end];
        let string = serde_json::from_str(raw).unwrap_or_else(|_| raw[1..end - 1].to_owned());
        return Some((key.to_owned(), Value::String(string), equals + 1 + end));
    }
    let end = rest
        .find(|c: char| c.is_ascii_whitespace() || matches!(c, ',' | ']' | ')' | '}'))
        .unwrap_or(rest.len());
    let word = &rest[..end];
    // `a==b` and `a=>b` are code.
    if word.starts_with(['=', '>']) {
        return None;
    }
    Some((key.to_owned(), scalar(word), equals + 1 + end))
}

fn is_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/' | b'@')
}

/// The length of the quoted string at the beginning, both quotes included.
fn quoted_end(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

fn scalar(word: &str) -> Value {
    match word {
        "true" => return Value::Bool(true),
        "false" => return Value::Bool(false),
        "null" | "nil" | "" => return Value::Null,
        _ => {}
    }
    let plain = word.strip_prefix('-').unwrap_or(word);
    let digits = plain.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    // A number with leading zeros is an identifier.
    let identifier = plain.len() > 1 && plain.starts_with('0') && !plain.starts_with("0.");
    if digits && !identifier && !plain.is_empty() {
        if let Ok(number) = word.parse::<i64>() {
            return Value::Number(number.into());
        }
        if let Some(number) = word.parse().ok().and_then(Number::from_f64) {
            return Value::Number(number);
        }
    }
    Value::String(word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn reads_what_structured_loggers_write() {
        for (text, expected) in [
            (r#"{"level":"info","user":7,"a":{"b":1}}"#, json!({"level": "info", "user": 7, "a": {"b": 1}})),
            (
                "level=info msg=\"a \\\"b\\\"\" took=1.5 ok=true err=",
                json!({"level": "info", "msg": "a \"b\"", "took": 1.5, "ok": true, "err": null}),
            ),
            (
                "2026-11-23T02:13:20Z INFO served{id=7 path=/x?a=b}: done status=200",
                json!({"id": 7, "path": "/x?a=b", "status": 200}),
            ),
            (
                "zip=00123 ip=10.0.0.1 neg=-4 a.b=c",
                json!({"zip": "00123", "ip": "10.0.0.1", "neg": -4, "a.b": "c"}),
            ),
            ("a=1 a=2", json!({"a": 1})),
        ] {
            assert_eq!(fields(text).map(Value::Object), Some(expected), "{text}");
        }
    }

    #[test]
    fn finds_none_where_there_are_none() {
        for text in
            ["", "plain words", "{}", "{broken", "GET /x?a=b", "if a == b", "x => y", "=", "a=\"open", "7=x"]
        {
            assert_eq!(fields(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn ends_on_any_text(text in "[ -~ä\"=\\\\]{0,40}") {
            let _ = fields(&text);
        }
    }
}
