//! The parts of `multipart` bodies (RFC 2046 section 5.1, RFC 7578 for forms).

use model::exchange::Message;

use crate::coding::is_coded;
use crate::judge::header;
use crate::redact::{find, parameter};

/// More parts than this are left in the body.
const PARTS: usize = 500;

/// One part of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyPart<'a> {
    /// The field of a form that it is.
    pub name: Option<String>,
    /// The file that it was.
    pub filename: Option<String>,
    /// Its media type, as sent.
    pub media: Option<String>,
    /// What is in it.
    pub body: &'a [u8],
    /// Its end was not seen.
    pub cut: bool,
}

/// The parts of a body that has some; of one that was cut as far as it goes.
pub fn body_parts(message: &Message) -> Vec<BodyPart<'_>> {
    let value = message.media.as_deref().or_else(|| header(message, "content-type")).unwrap_or_default();
    let is_multipart = value.get(..10).is_some_and(|beginning| beginning.eq_ignore_ascii_case("multipart/"));
    if !is_multipart || is_coded(message) || !message.parts.is_empty() {
        return Vec::new();
    }
    let Some(boundary) = parameter(value, "boundary").filter(|boundary| !boundary.is_empty()) else {
        return Vec::new();
    };
    let (body, delimiter) = (message.body.as_slice(), format!("--{boundary}"));
    let mut parts = Vec::new();
    let mut at = next(body, &delimiter, 0);
    while let Some(start) = at.filter(|_| parts.len() < PARTS) {
        let inner = start + delimiter.len();
        if body.get(inner..).is_none_or(|rest| rest.starts_with(b"--")) {
            break;
        }
        at = next(body, &delimiter, inner);
        let end = at.unwrap_or(body.len());
        parts.extend(part(body.get(inner..end).unwrap_or_default(), at.is_none()));
    }
    parts
}

/// Where a delimiter stands at the beginning of a line.
fn next(body: &[u8], delimiter: &str, mut from: usize) -> Option<usize> {
    loop {
        let at = find(body, delimiter.as_bytes(), from)?;
        if at == 0 || body.get(at - 1) == Some(&b'\n') {
            return Some(at);
        }
        from = at + 1;
    }
}

/// What stands between two delimiters: the rest of a line, headers, an empty line, and what the part is.
fn part(bytes: &[u8], cut: bool) -> Option<BodyPart<'_>> {
    let line = bytes.iter().position(|byte| *byte == b'\n')?;
    let mut rest = bytes.get(line + 1..)?;
    let mut part = BodyPart { name: None, filename: None, media: None, body: b"", cut };
    loop {
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let (line, behind) = rest.split_at(end + 1);
        rest = behind;
        let line = String::from_utf8_lossy(line);
        if line.trim().is_empty() {
            break;
        }
        let Some((name, value)) = line.split_once(':') else { continue };
        match name.trim().to_ascii_lowercase().as_str() {
            "content-disposition" => {
                part.name = parameter(value, "name");
                part.filename = parameter(value, "filename");
            }
            "content-type" => part.media = Some(value.trim().to_owned()),
            _ => {}
        }
    }
    // The line break before a delimiter is the delimiter's.
    if !cut {
        rest = rest.strip_suffix(b"\n").unwrap_or(rest);
        rest = rest.strip_suffix(b"\r").unwrap_or(rest);
    }
    Some(BodyPart { body: rest, ..part })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &str = "before\r\n--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1 --B 2\r\n\
        --B\r\ncontent-disposition: form-data; name=f; filename=\"x; y.png\"\r\nContent-Type: image/png\r\n\r\n\
        \u{1}\r\n\r\n--B--\r\nafter";

    fn message(body: &str) -> Message {
        let headers =
            vec![("Content-Type".to_owned(), "Multipart/Form-Data; charset=x; boundary=\"B\"".to_owned())];
        Message { headers, body: body.as_bytes().to_vec(), ..Message::default() }
    }

    #[test]
    fn parts_have_names_files_types_and_bytes() {
        let message = message(FORM);
        let parts = body_parts(&message);
        let shown: Vec<_> =
            parts.iter().map(|p| (p.name.as_deref(), p.media.as_deref(), p.body, p.cut)).collect();
        let expected: [(_, _, &[u8], _); 2] =
            [(Some("a"), None, b"1 --B 2", false), (Some("f"), Some("image/png"), b"\x01\r\n", false)];
        assert_eq!(shown, expected);
        assert_eq!(parts[1].filename.as_deref(), Some("x; y.png"));
    }

    #[test]
    fn a_body_that_is_cut_anywhere_gives_what_is_there_and_others_give_none() {
        for end in 0..FORM.len() {
            assert!(body_parts(&message(&FORM[..end])).len() <= 2, "{end}");
        }
        let cut = message(&FORM[..FORM.len() - 16]);
        assert!(body_parts(&cut).last().is_some_and(|last| last.cut));
        let mut plain = message(FORM);
        plain.headers[0].1 = "text/plain; boundary=B".to_owned();
        assert_eq!(body_parts(&plain), []);
        let many = "--B\r\n\r\n\r\n".repeat(PARTS + 9);
        assert_eq!(body_parts(&message(&many)).len(), PARTS);
    }
}
