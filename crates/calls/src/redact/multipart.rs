//! Hides fields of `multipart/form-data` (RFC 7578).

use super::Look;
use super::coding::Undone;
use super::cuts::Cuts;

/// A boundary is no longer, in bytes (RFC 2046, section 5.1.1); of one that is, the beginning is looked for.
const BOUNDARY_LIMIT: usize = 70;

/// Finds the parts that are hidden, and what is hidden within the others.
pub(super) fn find(body: &[u8], content_type: &str, look: Look<'_>, cuts: &mut Cuts) {
    let Some(boundary) = parameter(content_type, "boundary").filter(|boundary| !boundary.is_empty()) else {
        return look.text(body, cuts);
    };
    let boundary = boundary.as_bytes();
    let delimiter = [b"--", boundary.get(..BOUNDARY_LIMIT).unwrap_or(boundary)].concat();
    let Some(mut at) = position(body, &delimiter, 0) else { return look.text(body, cuts) };
    loop {
        let head = at + delimiter.len();
        let next = position(body, &delimiter, head);
        // A part's content ends before the line break of the next delimiter, or with the body where it was cut.
        let end = next.map_or(body.len(), |next| next.saturating_sub(2).max(head));
        if let Some(blank) = position(body.get(..end).unwrap_or_default(), b"\r\n\r\n", head) {
            let start = blank + 4;
            let content = body.get(start..end).unwrap_or_default();
            let name = field_name(body.get(head..blank).unwrap_or_default());
            if name.is_some_and(|name| look.rules.hides_field(&name)) {
                cuts.hide(start..end, "");
            } else {
                let mut found = Cuts::default();
                look.text(content, &mut found);
                cuts.within(found, &Undone::same(content, start));
            }
        }
        match next {
            Some(next) => at = next,
            None => return,
        }
    }
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
fn parameter(value: &str, wanted: &str) -> Option<String> {
    value.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim().trim_matches('"').to_owned())
    })
}

fn position(body: &[u8], wanted: &[u8], from: usize) -> Option<usize> {
    let rest = body.get(from..)?;
    rest.windows(wanted.len()).position(|window| window == wanted).map(|at| from + at)
}
