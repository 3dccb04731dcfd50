//! The few things that are asked of the JSON in the protocol, by looking at it as text.

use std::ops::Range;

/// Fields of `CONNECT` that let somebody in.
const SECRETS: [&str; 5] = ["auth_token", "jwt", "pass", "password", "sig"];

/// The object as it may be shown; `None` when it is not understood, and may hold anything.
pub(super) fn shown(json: &[u8]) -> Option<Vec<u8>> {
    let mut shown = Vec::with_capacity(json.len());
    let mut copied = 0;
    for (name, value) in fields(json)? {
        let empty = &json[value.clone()] == b"\"\"";
        if SECRETS.iter().any(|secret| name.eq_ignore_ascii_case(secret.as_bytes())) && !empty {
            shown.extend_from_slice(&json[copied..value.start]);
            shown.extend_from_slice(b"\"[redacted]\"");
            copied = value.end;
        }
    }
    shown.extend_from_slice(&json[copied..]);
    Some(shown)
}

/// The value of a field of the object, as it is written; of a string, what is between the quotes.
pub(super) fn field<'a>(json: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let (_, value) = fields(json)?.into_iter().find(|(known, _)| *known == name.as_bytes())?;
    let value = &json[value];
    let inside = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
    Some(inside.unwrap_or(value))
}

/// The names of an object's fields, and where their values are; `None` when it is no object.
fn fields(json: &[u8]) -> Option<Vec<(&[u8], Range<usize>)>> {
    let mut fields = Vec::new();
    let mut at = past_spaces(json, 0);
    if json.get(at) != Some(&b'{') {
        return None;
    }
    at = past_spaces(json, at + 1);
    while json.get(at) != Some(&b'}') {
        let name_end = value_end(json, at)?;
        let name = json[at..name_end].strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        at = past_spaces(json, name_end);
        if json.get(at) != Some(&b':') {
            return None;
        }
        at = past_spaces(json, at + 1);
        let end = value_end(json, at)?;
        fields.push((name, at..end));
        at = past_spaces(json, end);
        if json.get(at) == Some(&b',') {
            at = past_spaces(json, at + 1);
        }
    }
    // What stands behind the object is not looked at, and must not be shown.
    (past_spaces(json, at + 1) == json.len()).then_some(fields)
}

fn past_spaces(json: &[u8], at: usize) -> usize {
    let rest = json.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count()
}

/// Where the value that begins at a place ends. Objects and arrays are passed over by counting.
fn value_end(json: &[u8], start: usize) -> Option<usize> {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (place, byte) in json.iter().enumerate().skip(start) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => {
                quoted = !quoted;
                if !quoted && depth == 0 {
                    return Some(place + 1);
                }
            }
            _ if quoted => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth > 0 => {
                depth -= 1;
                if depth == 0 {
                    return Some(place + 1);
                }
            }
            b'}' | b']' | b',' | b':' if depth == 0 => return (place > start).then_some(place),
            _ if depth == 0 && byte.is_ascii_whitespace() => return Some(place),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_at_the_first_level_only() {
        let json = br#" { "a" : "x\"y", "in":{"b":1,"c":["}"]}, "b":-2.5,"c":true , "d":"" } "#;
        let found = |name| field(json, name).map(|value| String::from_utf8_lossy(value).into_owned());
        assert_eq!(found("a").as_deref(), Some("x\\\"y"));
        assert_eq!(found("b").as_deref(), Some("-2.5"));
        assert_eq!(found("c").as_deref(), Some("true"));
        assert_eq!(found("d").as_deref(), Some(""));
        assert_eq!(found("in").as_deref(), Some(r#"{"b":1,"c":["}"]}"#));
        assert_eq!(found("x"), None);
        for bad in
            ["", "[1]", "{", "{\"a\"}", "{\"a\":}", "{a:1}", "{\"a\":\"x", "{\"a\":1} {\"pass\":\"x\"}"]
        {
            assert_eq!(fields(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn what_lets_somebody_in_is_not_shown() {
        let json = br#"{"verbose":false,"user":"app","pass":"s3cret","auth_token":"","jwt":"s3cret","Sig" : "s3cret"}"#;
        assert_eq!(
            String::from_utf8(shown(json).unwrap()).unwrap(),
            r#"{"verbose":false,"user":"app","pass":"[redacted]","auth_token":"","jwt":"[redacted]","Sig" : "[redacted]"}"#
        );
        assert_eq!(shown(b"{\"pass\":\"s3cret\""), None);
    }
}
