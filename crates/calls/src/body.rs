//! Bodies as text.

use std::borrow::Cow;

use model::exchange::Message;

use crate::coding::is_coded;
use crate::judge::header;

/// The body as text: by its content type where it has one, by its bytes where it has none; `None` when it is no UTF-8,
/// when its type says that it is no text, or when a content coding still hides it. A letter that was cut in half is left out.
pub fn body_text(message: &Message) -> Option<Cow<'_, str>> {
    if message.body.is_empty() || is_coded(message) {
        return None;
    }
    let kind = content_type(message);
    if kind.as_deref().is_some_and(|kind| !is_text(kind)) {
        return None;
    }
    let text = match std::str::from_utf8(&message.body) {
        Ok(text) => text,
        Err(error) if message.cut && error.error_len().is_none() => {
            std::str::from_utf8(message.body.get(..error.valid_up_to())?).ok()?
        }
        Err(_) => return None,
    };
    (kind.is_some() || !text.contains('\0')).then_some(Cow::Borrowed(text))
}

/// The media type without its parameters, in lower case: of what the decoder made of the body, else as sent.
pub(crate) fn content_type(message: &Message) -> Option<String> {
    let value = message.media.as_deref().or_else(|| header(message, "content-type"))?;
    let kind = value.split(';').next().unwrap_or_default().trim();
    (!kind.is_empty()).then(|| kind.to_ascii_lowercase())
}

fn is_text(kind: &str) -> bool {
    let (family, name) = kind.split_once('/').unwrap_or((kind, ""));
    match family {
        "text" | "multipart" | "message" => true,
        "image" => name == "svg+xml",
        "application" => {
            let name = name.rsplit('+').next().unwrap_or(name);
            ["json", "xml", "javascript", "ecmascript", "graphql", "yaml", "toml", "csv", "html"]
                .iter()
                .any(|word| name.contains(word))
                || matches!(name, "x-www-form-urlencoded" | "sql" | "x-sh")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(headers: &[(&str, &str)], body: &[u8], cut: bool) -> Option<String> {
        let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let message = Message { headers, body: body.to_vec(), cut, ..Message::default() };
        body_text(&message).map(Cow::into_owned)
    }

    #[test]
    fn the_type_decides_where_there_is_one() {
        for (kind, expected) in [
            ("application/json; charset=utf-8", true),
            ("application/problem+json", true),
            ("application/vnd.api+json", true),
            ("TEXT/HTML", true),
            ("application/x-www-form-urlencoded", true),
            ("image/svg+xml", true),
            ("image/png", false),
            ("application/octet-stream", false),
            ("application/grpc", false),
            ("application/x-protobuf", false),
        ] {
            assert_eq!(text(&[("Content-Type", kind)], b"{}", false).is_some(), expected, "{kind}");
        }
    }

    #[test]
    fn bytes_decide_where_there_is_none() {
        assert_eq!(text(&[], "grüße".as_bytes(), false).as_deref(), Some("grüße"));
        assert_eq!(text(&[], b"\xff\xfe", false), None);
        assert_eq!(text(&[], b"a\0b", false), None);
        assert_eq!(text(&[], b"", false), None);
    }

    #[test]
    fn half_a_letter_is_left_out_only_when_cut() {
        assert_eq!(text(&[], b"gr\xc3", true).as_deref(), Some("gr"));
        assert_eq!(text(&[], b"gr\xc3", false), None);
        assert_eq!(text(&[], b"gr\xc3x", true), None);
    }

    #[test]
    fn coded_bodies_are_no_text() {
        assert_eq!(text(&[("content-encoding", "gzip")], b"abc", false), None);
        assert_eq!(text(&[("content-encoding", "identity")], b"abc", false).as_deref(), Some("abc"));
    }
}
