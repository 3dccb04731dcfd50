//! What a message carries: headers, and bytes for whoever gets it.

use model::Timestamp;
use model::exchange::Message;

use super::frames::Frame;
use super::{json, ops};
use crate::limits::Limits;
use crate::media::media;

/// How much of a message's headers is read, in bytes.
pub(super) const HEADERS_LIMIT: usize = 8 * 1024;
const VERSION: &[u8] = b"NATS/1.0";

/// A message, and what its headers say of it in the protocol's name.
#[derive(Debug)]
pub(super) struct Payload {
    pub(super) message: Message,
    /// A code and perhaps words, in the place of a message.
    pub(super) status: Option<(String, String)>,
}

/// What an answer says of how it went.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) status: Option<String>,
    pub(super) failure: Option<String>,
}

impl Payload {
    pub(super) fn read(op: &ops::Message<'_>, frame: &Frame<'_>, at: Timestamp, limits: &Limits) -> Self {
        let split = usize::try_from(op.headers).unwrap_or(usize::MAX).min(frame.payload.len());
        let (head, body) = frame.payload.split_at(split);
        let (status, headers) = read_head(head);
        let body = &body[..body.len().min(limits.body)];
        let cut = !frame.complete || frame.loss.is_some() || (body.len() as u64) < op.size - op.headers;
        let message = Message {
            headers,
            body: body.to_vec(),
            bytes: frame.size,
            cut,
            first: frame.first,
            last: at.max(frame.first),
            complete: frame.complete,
            media: Some(media(body).to_owned()),
            ..Message::default()
        };
        Self { message, status }
    }

    /// How a request went that this answers. `pulls` says that the request waits for messages, and that there being
    /// none is an answer like another.
    pub(super) fn verdict(&self, pulls: bool) -> Verdict {
        if let Some((code, words)) = &self.status {
            let none = pulls && matches!(code.as_str(), "404" | "408");
            let failure = match words.as_str() {
                _ if none => None,
                "" if code == "503" => Some("no responders".to_owned()),
                words => Some(words.to_owned()),
            };
            return Verdict { status: Some(code.clone()), failure };
        }
        let header = |name: &str| {
            let found = self.message.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.clone())
        };
        // Services by the micro-service convention say by headers that they failed.
        let (code, words) = (header("Nats-Service-Error-Code"), header("Nats-Service-Error"));
        if code.is_some() || words.is_some() {
            return Verdict { status: code, failure: Some(words.unwrap_or_default()) };
        }
        self.stream_error().unwrap_or_default()
    }

    /// What the server's own stream engine says went wrong.
    fn stream_error(&self) -> Option<Verdict> {
        let error = json::field(&self.message.body, "error")?;
        json::field(error, "err_code")?;
        let text = |name| json::field(error, name).map(|value| String::from_utf8_lossy(value).into_owned());
        Some(Verdict { status: text("code"), failure: Some(text("description").unwrap_or_default()) })
    }
}

type Head = (Option<(String, String)>, Vec<(String, String)>);

/// `NATS/1.0`, perhaps with a status and words, and then lines of names and values.
fn read_head(head: &[u8]) -> Head {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let Some(status) = first.as_bytes().strip_prefix(VERSION).map(|_| first[VERSION.len()..].trim()) else {
        return (None, Vec::new());
    };
    let (code, words) = status.split_once(' ').unwrap_or((status, ""));
    let status = (!code.is_empty()).then(|| (code.to_owned(), words.trim().to_owned()));
    let fields = lines.filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_owned(), value.trim().to_owned()))
    });
    (status, fields.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(headers: &str, body: &str) -> Payload {
        let bytes = [headers, body].concat();
        let (headers, size) = (headers.len() as u64, bytes.len() as u64);
        let op = ops::Message { subject: b"a", reply: None, headers, size };
        let frame = Frame {
            line: b"",
            payload: bytes.as_bytes(),
            size,
            first: Timestamp(1),
            loss: None,
            complete: true,
        };
        Payload::read(&op, &frame, Timestamp(2), &Limits::new(100))
    }

    #[test]
    fn headers_are_told_from_the_body() {
        let read = payload("NATS/1.0\r\nA: b\r\nC:d:e\r\n\r\n", "hello");
        assert_eq!(read.message.body, b"hello");
        assert_eq!(
            read.message.headers,
            [("A".to_owned(), "b".to_owned()), ("C".to_owned(), "d:e".to_owned())]
        );
        assert!(read.status.is_none() && !read.message.cut);
        assert!(payload("", &"x".repeat(101)).message.cut);
    }

    #[test]
    fn an_answer_tells_how_it_went() {
        let verdict = |headers: &str, body: &str, pulls: bool| {
            let verdict = payload(headers, body).verdict(pulls);
            format!(
                "{} {}",
                verdict.status.as_deref().unwrap_or("-"),
                verdict.failure.as_deref().unwrap_or("-")
            )
        };
        for (headers, body, pulls, expected) in [
            ("", "hello", false, "- -"),
            ("NATS/1.0 503\r\n\r\n", "", false, "503 no responders"),
            ("NATS/1.0 408 Request Timeout\r\n\r\n", "", true, "408 -"),
            ("NATS/1.0 404 No Messages\r\n\r\n", "", false, "404 No Messages"),
            ("NATS/1.0 409 Consumer Deleted\r\n\r\n", "", true, "409 Consumer Deleted"),
            (
                "NATS/1.0\r\nNats-Service-Error: bad id\r\nNats-Service-Error-Code: 400\r\n\r\n",
                "",
                false,
                "400 bad id",
            ),
            (
                "",
                r#"{"type":"x","error":{"code":404,"err_code":10059,"description":"stream not found"}}"#,
                false,
                "404 stream not found",
            ),
            ("", r#"{"error":{"code":404}}"#, false, "- -"),
        ] {
            assert_eq!(verdict(headers, body, pulls), expected, "{headers} {body}");
        }
    }
}
