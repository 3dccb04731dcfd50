//! Hides fields of `multipart/form-data` (RFC 7578).

use std::ops::Range;

use super::{REDACTED, Redaction, json, starts_like_json};

/// A part of a form.
#[derive(Debug)]
pub(crate) struct Part<'b> {
    pub(crate) head: Head<'b>,
    pub(crate) content: &'b [u8],
    /// Where in the body the content is.
    place: Range<usize>,
}

/// The header fields of a part.
#[derive(Debug)]
pub(crate) struct Head<'b>(&'b [u8]);

impl Head<'_> {
    /// A parameter of its `Content-Disposition`.
    pub(crate) fn parameter(&self, wanted: &str) -> Option<String> {
        let head = String::from_utf8_lossy(self.0);
        let value = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
        })?;
        parameter(value, wanted)
    }
}

/// What stands between the parts, by the content type.
pub(crate) fn boundary(content_type: &str) -> Option<String> {
    parameter(content_type, "boundary").filter(|boundary| !boundary.is_empty())
}

/// The parts of a body, the last one as far as it is there.
pub(crate) fn parts<'b>(body: &'b [u8], boundary: &str) -> impl Iterator<Item = Part<'b>> {
    let delimiter = format!("--{boundary}").into_bytes();
    let mut at = find(body, &delimiter, 0);
    std::iter::from_fn(move || {
        loop {
            let head = at? + delimiter.len();
            let next = find(body, &delimiter, head);
            at = next;
            // A part's content ends before the line break of the next delimiter, or with the body where it was cut.
            let end = next.map_or(body.len(), |next| next.saturating_sub(2).max(head));
            if let Some(blank) = find(body, b"\r\n\r\n", head).filter(|blank| *blank < end) {
                let place = blank + 4..end.max(blank + 4);
                let content = body.get(place.clone()).unwrap_or_default();
                return Some(Part { head: Head(body.get(head..blank).unwrap_or_default()), content, place });
            }
        }
    })
}

/// The body with hidden parts replaced; `None` when there is nothing to hide.
pub(super) fn hide(body: &[u8], content_type: &str, rules: &Redaction) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut copied = 0;
    for Part { head, content, place } in parts(body, &boundary(content_type)?) {
        let replacement = if head.parameter("name").is_some_and(|name| rules.hides_field(&name)) {
            Some(REDACTED.as_bytes().to_vec())
        } else if starts_like_json(content) {
            json::hide(content, rules)
        } else {
            None
        };
        if let Some(replacement) = replacement.filter(|_| !content.is_empty()) {
            out.extend_from_slice(body.get(copied..place.start).unwrap_or_default());
            out.extend_from_slice(&replacement);
            copied = place.end;
        }
    }
    if copied == 0 {
        return None;
    }
    out.extend_from_slice(body.get(copied..).unwrap_or_default());
    Some(out)
}

/// A parameter of a header's value, with or without quotes.
fn parameter(value: &str, wanted: &str) -> Option<String> {
    value.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim().trim_matches('"').to_owned())
    })
}

fn find(body: &[u8], wanted: &[u8], from: usize) -> Option<usize> {
    let rest = body.get(from..)?;
    rest.windows(wanted.len()).position(|window| window == wanted).map(|at| from + at)
}
