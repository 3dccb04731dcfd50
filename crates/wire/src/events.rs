//! Server-sent events (HTML Standard, section 9.2): a response that is never over, whose body is one event after another.

use model::Timestamp;
use model::exchange::Message;

use crate::ledger;
use crate::limits::Limits;

/// Names longer than this are cut, in bytes.
const NAME_LIMIT: usize = 64;
/// What an event is called that says nothing else.
const USUAL: &str = "message";
/// What nobody hears of: it keeps the connection open.
const COMMENT: &str = "comment";

/// Cuts a body into events. A line ends with a line feed, as all programs send it.
#[derive(Debug, Default)]
pub(crate) struct Events {
    /// The beginning of the line that is being read.
    line: Vec<u8>,
    name: Option<String>,
    /// There was a line that is no comment.
    speaks: bool,
    /// The event so far, as much of it as is kept.
    text: Vec<u8>,
    /// Its bytes.
    size: u64,
    /// Its beginning is lost.
    broken: bool,
}

impl Events {
    /// Whether a response's body is events, and readable.
    pub(crate) fn are_in(response: &Message) -> bool {
        let field = |name: &str| {
            let field = response.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
            field.map(|(_, value)| value.split(';').next().unwrap_or_default().trim())
        };
        field("content-type").is_some_and(|kind| kind.eq_ignore_ascii_case("text/event-stream"))
            && field("content-encoding").is_none_or(|coding| coding.eq_ignore_ascii_case("identity"))
    }

    /// Takes bytes of the body, and adds the events that end in them to it.
    pub(crate) fn take(&mut self, response: &mut Message, at: Timestamp, bytes: &[u8], limits: &Limits) {
        response.bytes += bytes.len() as u64;
        response.last = response.last.max(at);
        let mut broken = false;
        let mut tell = |kind: &str, text: &[u8], size| ledger::list(response, at, kind, text, size, limits);
        self.feed(bytes, limits.body, &mut tell, &mut broken);
        response.cut |= broken;
    }

    /// No more comes: the beginning of an event stays in the body, and is none.
    pub(crate) fn end(&mut self, response: &mut Message, limits: &Limits) {
        let text = std::mem::take(self).text;
        ledger::keep_part(response, &text, limits);
    }

    pub(crate) fn held(&self) -> usize {
        self.line.len() + self.text.len()
    }

    /// Takes bytes of the body, and tells of each event that ends in them: its name, its beginning of at most `room`
    /// bytes, its size; or that one was broken.
    fn feed(
        &mut self,
        mut bytes: &[u8],
        room: usize,
        tell: &mut dyn FnMut(&str, &[u8], u64),
        broken: &mut bool,
    ) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = bytes.split_at(end + 1);
            bytes = rest;
            self.hold(line, room);
            if self.line_ended() {
                let event = std::mem::take(self);
                *broken |= event.broken;
                if !event.broken {
                    tell(event.kind(), &event.text, event.size);
                }
            }
        }
        self.hold(bytes, room);
    }

    /// Bytes are missing here.
    pub(crate) fn lose(&mut self) {
        *self = Self { broken: true, ..Self::default() };
    }

    fn hold(&mut self, bytes: &[u8], room: usize) {
        self.size += bytes.len() as u64;
        if !self.broken {
            let room = room.saturating_sub(self.text.len());
            self.text.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
        let room = (NAME_LIMIT + b"event: ".len()).saturating_sub(self.line.len());
        self.line.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// Whether the event ends with this line.
    fn line_ended(&mut self) -> bool {
        let line = self.line.trim_ascii_end();
        let ends = line.is_empty();
        self.speaks |= !ends && !line.starts_with(b":");
        if let Some(name) = line.strip_prefix(b"event:") {
            self.name = Some(String::from_utf8_lossy(name.trim_ascii_start()).into_owned());
        }
        self.line.clear();
        ends
    }

    fn kind(&self) -> &str {
        match &self.name {
            Some(name) if !name.is_empty() => name,
            Some(_) | None if self.speaks => USUAL,
            Some(_) | None => COMMENT,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(text: &str, cut: usize) -> Vec<String> {
        let mut events = Events::default();
        let mut told = Vec::new();
        for chunk in text.as_bytes().chunks(cut) {
            let mut tell = |kind: &str, text: &[u8], size| {
                assert_eq!(text.len() as u64, size);
                told.push(format!("{kind} {size}"));
            };
            events.feed(chunk, usize::MAX, &mut tell, &mut false);
        }
        told
    }

    #[test]
    fn a_body_is_cut_into_events_however_it_comes() {
        let cases = [
            ("data: a\n\ndata: b\ndata: c\n\n", &["message 9", "message 17"][..]),
            ("event: tick\r\ndata: 1\r\n\r\n", &["tick 24"]),
            (":\n\n: still here\n\n", &["comment 3", "comment 14"]),
            ("id: 7\nevent:\ndata\n\n", &["message 19"]),
            ("data: a\n\ndata: half", &["message 9"]),
            ("", &[]),
        ];
        for (text, expected) in cases {
            for cut in 1..=text.len().max(1) {
                assert_eq!(events(text, cut), expected, "{text:?} by {cut}");
            }
        }
    }

    #[test]
    fn an_event_without_its_beginning_is_not_told() {
        let mut events = Events::default();
        let mut told = Vec::new();
        let mut tell = |kind: &str, _: &[u8], _| told.push(kind.to_owned());
        let mut broken = false;
        events.feed(b"event: a\nda", usize::MAX, &mut tell, &mut broken);
        events.lose();
        events.feed(b"ta: b\n\nevent: c\ndata: d\n\n", usize::MAX, &mut tell, &mut broken);
        assert_eq!((told, broken), (vec!["c".to_owned()], true));
    }

    #[test]
    fn only_readable_event_streams_are_cut() {
        let message = |fields: &[(&str, &str)]| Message {
            headers: fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            ..Message::default()
        };
        assert!(Events::are_in(&message(&[("Content-Type", "text/event-stream; charset=utf-8")])));
        assert!(!Events::are_in(&message(&[("Content-Type", "text/html")])));
        let packed = message(&[("content-type", "text/event-stream"), ("content-encoding", "gzip")]);
        assert!(!Events::are_in(&packed));
    }
}
