//! Hides fields of `multipart/form-data` (RFC 7578).

use super::{REDACTED, Redaction, json, starts_like_json};

/// The body with hidden parts replaced; `None` when there is nothing to hide.
pub(super) fn hide(body: &[u8], content_type: &str, rules: &Redaction) -> Option<Vec<u8>> {
    let boundary = parameter(content_type, "boundary").filter(|boundary| !boundary.is_empty())?;
    let delimiter = format!("--{boundary}");
    let mut out = Vec::new();
    let mut copied = 0;
    let mut at = find(body, delimiter.as_bytes(), 0)?;
    loop {
        let head = at + delimiter.len();
        let next = find(body, delimiter.as_bytes(), head);
        // A part's content ends before the line break of the next delimiter, or with the body where it was cut.
        let end = next.map_or(body.len(), |next| next.saturating_sub(2).max(head));
        let Some(blank) = find(body, b"\r\n\r\n", head).filter(|blank| *blank < end) else {
            match next {
                Some(next) => at = next,
                None => break,
            }
            continue;
        };
        let start = blank + 4;
        let content = body.get(start..end.max(start)).unwrap_or_default();
        let name = field_name(body.get(head..blank).unwrap_or_default());
        let replacement = if name.is_some_and(|name| rules.hides_field(&name)) {
            Some(REDACTED.as_bytes().to_vec())
        } else if starts_like_json(content) {
            json::hide(content, rules)
        } else {
            None
        };
        if let Some(replacement) = replacement.filter(|_| !content.is_empty()) {
            out.extend_from_slice(body.get(copied..start).unwrap_or_default());
            out.extend_from_slice(&replacement);
            copied = end;
        }
        match next {
            Some(next) => at = next,
            None => break,
        }
    }
    if copied == 0 {
        return None;
    }
    out.extend_from_slice(body.get(copied..).unwrap_or_default());
    Some(out)
}

/// The `name` of a part's `Content-Disposition`.
fn field_name(head: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(head);
    let value = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
    })?;
    parameter(value, "name")
}

/// A parameter of a header's value, with or without quotes.
pub(crate) fn parameter(value: &str, wanted: &str) -> Option<String> {
    let mut quoted = false;
    let parameters = value.split(|letter| {
        quoted ^= letter == '"';
        letter == ';' && !quoted
    });
    parameters.skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim().trim_matches('"').to_owned())
    })
}

/// Where `wanted` stands in a body, at `from` or behind it.
pub(crate) fn find(body: &[u8], wanted: &[u8], from: usize) -> Option<usize> {
    let rest = body.get(from..)?;
    rest.windows(wanted.len()).position(|window| window == wanted).map(|at| from + at)
}
