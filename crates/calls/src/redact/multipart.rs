//! Hides fields of `multipart/form-data` (RFC 7578).

use std::ops::Range;

use super::Look;
use super::coding::Undone;
use super::cuts::Cuts;

/// A boundary is no longer, in bytes (RFC 2046, section 5.1.1); of one that is, the beginning is looked for.
const BOUNDARY_LIMIT: usize = 70;

/// A part of a form.
#[derive(Debug)]
struct Part<'b> {
    head: Head<'b>,
    content: &'b [u8],
    /// Where in the body the content is.
    place: Range<usize>,
}

/// The header fields of a part.
#[derive(Debug)]
struct Head<'b>(&'b [u8]);

impl Head<'_> {
    /// A parameter of its `Content-Disposition`.
    fn parameter(&self, wanted: &str) -> Option<String> {
        let head = String::from_utf8_lossy(self.0);
        let value = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
        })?;
        parameter(value, wanted)
    }
}

/// What stands between the parts, by the content type.
fn boundary(content_type: &str) -> Option<String> {
    parameter(content_type, "boundary").filter(|boundary| !boundary.is_empty())
}

/// The parts of a body, the last one as far as it is there.
fn parts<'b>(body: &'b [u8], boundary: &str) -> impl Iterator<Item = Part<'b>> {
    let boundary = boundary.as_bytes();
    let delimiter = [b"--", boundary.get(..BOUNDARY_LIMIT).unwrap_or(boundary)].concat();
    let mut at = find(body, &delimiter, 0);
    std::iter::from_fn(move || {
        loop {
            let head = at? + delimiter.len();
            let next = find(body, &delimiter, head);
            at = next;
            // A part's content ends before the line break of the next delimiter, or with the body where it was cut.
            let end = next.map_or(body.len(), |next| line_break_before(body, next).max(head));
            // Some write lines that end as those of Unix.
            let blanks = [&b"\r\n\r\n"[..], b"\n\n"].into_iter();
            let part = body.get(..end).unwrap_or_default();
            let start = blanks.filter_map(|blank| Some(find(part, blank, head)? + blank.len())).min();
            if let Some(start) = start {
                let content = part.get(start..).unwrap_or_default();
                return Some(Part {
                    head: Head(body.get(head..start).unwrap_or_default()),
                    content,
                    place: start..end,
                });
            }
        }
    })
}

/// Where the line break begins that stands before a place, if one does.
fn line_break_before(body: &[u8], at: usize) -> usize {
    let before = body.get(..at).unwrap_or_default();
    let line = before.strip_suffix(b"\n").map_or(before, |line| line.strip_suffix(b"\r").unwrap_or(line));
    line.len()
}

/// Finds the parts that are hidden, and what is hidden within the others.
pub(super) fn find_hidden(body: &[u8], content_type: &str, look: Look<'_>, cuts: &mut Cuts) {
    let mut any = false;
    for Part { head, content, place } in
        boundary(content_type).iter().flat_map(|between| parts(body, between))
    {
        any = true;
        if head.parameter("name").is_some_and(|name| look.rules.hides_field(&name)) {
            cuts.hide(place, "");
        } else {
            let mut found = Cuts::default();
            look.text(content, &mut found);
            cuts.within(found, &Undone::same(content, place.start));
        }
    }
    if !any {
        look.text(body, cuts);
    }
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
