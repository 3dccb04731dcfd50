//! Cuts a body into the messages that it carries, each behind five bytes of flag and length.

use model::Timestamp;
use model::exchange::Message;

use super::inflate::{self, Encoding};
use crate::ledger;
use crate::limits::Limits;

/// Flag and length, in bytes.
pub(super) const PREFIX: usize = 5;
const COMPRESSED: u8 = 0x01;
/// Of gRPC-Web: what follows are the trailers.
const TRAILERS: u8 = 0x80;
/// More of the trailers is not read, in bytes.
const TRAILERS_LIMIT: usize = 64 * 1024;
const TRAILERS_COUNT: usize = 256;
/// How much longer a message can become by compressing it, in bytes, if it is not huge.
const OVERHEAD: usize = 1024;

#[derive(Debug)]
enum State {
    Prefix,
    Payload(Payload),
    /// Where the next message begins is not known.
    Lost,
}

#[derive(Debug)]
struct Payload {
    flag: u8,
    size: u64,
    left: u64,
    /// How much of it is in the body.
    kept: usize,
    /// Some of it was lost.
    hurt: bool,
}

/// One direction's messages.
#[derive(Debug)]
pub(super) struct Messages {
    state: State,
    /// The beginning of a prefix, or of a payload that is read when it is whole.
    held: Vec<u8>,
    encoding: Encoding,
    count: u64,
    trailers: Option<Vec<(String, String)>>,
}

impl Default for Messages {
    fn default() -> Self {
        Self { state: State::Prefix, held: Vec::new(), encoding: Encoding::Other, count: 0, trailers: None }
    }
}

impl Messages {
    pub(super) fn encoding(&mut self, name: Option<&str>) {
        self.encoding = name.map_or(Encoding::Other, Encoding::named);
    }

    /// How many came.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn held(&self) -> usize {
        self.held.capacity()
    }

    pub(super) fn take_trailers(&mut self) -> Option<Vec<(String, String)>> {
        self.trailers.take()
    }

    pub(super) fn feed(&mut self, at: Timestamp, mut bytes: &[u8], message: &mut Message, limits: &Limits) {
        while !bytes.is_empty() {
            match &mut self.state {
                State::Lost => {
                    message.cut = true;
                    return;
                }
                State::Prefix => {
                    let missing = PREFIX - self.held.len();
                    let (first, behind) = bytes.split_at(missing.min(bytes.len()));
                    self.held.extend_from_slice(first);
                    bytes = behind;
                    self.begin(at, message, limits);
                }
                State::Payload(payload) => {
                    let taken = usize::try_from(payload.left).unwrap_or(usize::MAX).min(bytes.len());
                    let (first, behind) = bytes.split_at(taken);
                    bytes = behind;
                    payload.left -= taken as u64;
                    let room = payload.room(limits).saturating_sub(self.held.len());
                    match payload.flag {
                        // What follows a hole has no place.
                        _ if payload.hurt => {}
                        0 => {
                            let kept = ledger::keep_of_part(message, first, limits);
                            payload.kept += kept;
                            payload.hurt |= kept < taken;
                        }
                        _ => self.held.extend_from_slice(&first[..taken.min(room)]),
                    }
                    if payload.left == 0 {
                        self.message_ended(at, message, limits);
                    }
                }
            }
        }
    }

    /// So many bytes are missing here.
    pub(super) fn lose(&mut self, bytes: u64) {
        match &mut self.state {
            State::Payload(payload) if bytes < payload.left => {
                payload.left -= bytes;
                payload.hurt = true;
            }
            State::Payload(_) | State::Prefix | State::Lost => {
                self.state = State::Lost;
                self.held = Vec::new();
            }
        }
    }

    /// The sender wrote the next `bytes` in one piece, as most do with each message.
    pub(super) fn piece(&mut self, bytes: u64) {
        if matches!(self.state, State::Lost) && bytes >= PREFIX as u64 {
            self.state = State::Prefix;
        }
    }

    /// No more comes: a message that is not whole is listed as far as it came.
    pub(super) fn ended(&mut self, at: Timestamp, message: &mut Message, limits: &Limits) {
        if let State::Payload(payload) = &mut self.state {
            payload.hurt = true;
            self.message_ended(at, message, limits);
        }
        message.cut |= !self.held.is_empty();
        self.held = Vec::new();
    }

    /// Begins a message if its prefix is whole.
    fn begin(&mut self, at: Timestamp, message: &mut Message, limits: &Limits) {
        let &[flag, ref length @ ..] = self.held.as_slice() else { return };
        let Ok(length) = length.try_into().map(u32::from_be_bytes) else { return };
        self.held.clear();
        if flag & !(COMPRESSED | TRAILERS) != 0 {
            message.cut = true;
            self.state = State::Lost;
            return;
        }
        let size = u64::from(length);
        if flag == 0 {
            ledger::make_room(message, size, limits);
        }
        self.state = State::Payload(Payload { flag, size, left: size, kept: 0, hurt: false });
        if size == 0 {
            self.message_ended(at, message, limits);
        }
    }

    fn message_ended(&mut self, at: Timestamp, message: &mut Message, limits: &Limits) {
        let State::Payload(mut payload) = std::mem::replace(&mut self.state, State::Prefix) else { return };
        let held = std::mem::take(&mut self.held);
        if payload.flag & TRAILERS != 0 {
            self.trailers = Some(trailers(&held));
            // Nothing follows them.
            self.state = State::Lost;
            return;
        }
        self.count += 1;
        let mut size = payload.size;
        if payload.flag & COMPRESSED != 0 {
            ledger::make_room(message, size, limits);
            let room = limits.body.saturating_sub(message.body.len());
            if let Some((plain, whole)) = inflate::inflate(self.encoding, &held, room) {
                payload.kept = ledger::keep_of_part(message, &plain, limits);
                payload.hurt |= !whole;
                size = if whole { plain.len() as u64 } else { size.max(plain.len() as u64) };
            } else {
                payload.kept = ledger::keep_of_part(message, &held, limits);
                payload.hurt |= payload.kept as u64 != size;
            }
        }
        message.cut |= payload.hurt;
        ledger::note(message, at, "message", size, payload.kept);
    }
}

impl Payload {
    /// How much of it may be held until it is whole.
    fn room(&self, limits: &Limits) -> usize {
        if self.flag & TRAILERS != 0 { TRAILERS_LIMIT } else { limits.body + OVERHEAD }
    }
}

/// The trailers of gRPC-Web: lines as in a head of HTTP/1.
fn trailers(block: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(block);
    let field = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.trim().to_owned(), value.trim().to_owned()))
    };
    text.lines().filter_map(field).take(TRAILERS_COUNT).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn framed(flag: u8, payload: &[u8]) -> Vec<u8> {
        [&[flag][..], &(payload.len() as u32).to_be_bytes(), payload].concat()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// The body, whether it is cut, and each part's size and how much of it is there.
    type Read = (String, bool, Vec<(u64, u32)>);

    fn read(messages: &mut Messages, chunks: &[&[u8]], limit: usize) -> Read {
        let mut message = Message::default();
        let limits = Limits::new(limit);
        for chunk in chunks {
            messages.feed(Timestamp(0), chunk, &mut message, &limits);
        }
        messages.ended(Timestamp(0), &mut message, &limits);
        let parts = message.parts.iter().map(|part| (part.bytes, part.kept)).collect();
        (String::from_utf8_lossy(&message.body).into_owned(), message.cut, parts)
    }

    #[test]
    fn messages_are_the_same_however_they_are_cut() {
        let zipped = gzip(b"zipped zipped zipped");
        let body = [framed(0, b"one"), framed(0, b""), framed(1, &zipped), framed(0, b"four")].concat();
        for size in 1..=body.len() {
            let chunks: Vec<_> = body.chunks(size).collect();
            let mut messages = Messages::default();
            messages.encoding(Some("gzip"));
            let expected =
                ("onezipped zipped zippedfour".to_owned(), false, vec![(3, 3), (0, 0), (20, 20), (4, 4)]);
            assert_eq!(read(&mut messages, &chunks, 100), expected, "by {size}");
            let mut messages = Messages::default();
            messages.encoding(Some("gzip"));
            let (text, cut, parts) = read(&mut messages, &chunks, 9);
            // Each one has its beginning.
            assert_eq!((text.as_str(), cut, messages.count()), ("onezipfou", true, 4), "by {size}");
            assert_eq!((parts[2].1, parts[3]), (3, (4, 3)), "by {size}");
        }
    }

    #[test]
    fn what_cannot_be_inflated_is_kept_as_it_came() {
        let body = [framed(1, b"not zipped"), framed(0, b"plain")].concat();
        for encoding in [None, Some("gzip"), Some("snappy")] {
            let mut messages = Messages::default();
            messages.encoding(encoding);
            let expected = ("not zippedplain".to_owned(), false, vec![(10, 10), (5, 5)]);
            assert_eq!(read(&mut messages, &[&body], 100), expected);
        }
    }

    #[test]
    fn an_unfinished_message_is_listed_as_far_as_it_came() {
        let body = framed(0, b"unfinished");
        let cases: [(usize, Read); 3] = [
            (8, ("unf".to_owned(), true, vec![(10, 3)])),
            (5, (String::new(), true, vec![(10, 0)])),
            (3, (String::new(), true, vec![])),
        ];
        for (end, expected) in cases {
            assert_eq!(read(&mut Messages::default(), &[&body[..end]], 100), expected, "{end}");
        }
        // What is no message at all is not taken for one.
        let expected = (String::new(), true, vec![]);
        assert_eq!(read(&mut Messages::default(), &[b"<html></html>"], 100), expected);
    }

    #[test]
    fn a_loss_hurts_the_message_that_it_hits() {
        let body = [framed(0, b"abcdefgh"), framed(0, b"next")].concat();
        let mut messages = Messages::default();
        let mut message = Message::default();
        let limits = Limits::new(100);
        messages.feed(Timestamp(0), &body[..7], &mut message, &limits);
        messages.lose(3);
        messages.feed(Timestamp(0), &body[10..], &mut message, &limits);
        messages.ended(Timestamp(0), &mut message, &limits);
        let parts: Vec<_> = message.parts.iter().map(|part| (part.bytes, part.kept)).collect();
        assert_eq!((message.body.as_slice(), parts), (&b"abnext"[..], vec![(8, 2), (4, 4)]));
        assert!(message.cut);
        // Across a boundary nobody knows where the next one begins, unless it was written in one piece.
        let mut messages = Messages::default();
        messages.feed(Timestamp(0), &body[..7], &mut Message::default(), &limits);
        messages.lose(8);
        messages.piece(3);
        messages.feed(Timestamp(0), b"xyz", &mut Message::default(), &limits);
        assert_eq!(messages.count(), 0);
        messages.piece(9);
        messages.feed(Timestamp(0), &framed(0, b"next"), &mut Message::default(), &limits);
        assert_eq!(messages.count(), 1);
    }

    #[test]
    fn trailers_of_the_web_are_no_message() {
        let body = [framed(0, b"one"), framed(0x80, b"grpc-status:5\r\ngrpc-message: gone\r\n")].concat();
        let mut messages = Messages::default();
        assert_eq!(read(&mut messages, &[&body], 100), ("one".to_owned(), false, vec![(3, 3)]));
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let expected = [field("grpc-status", "5"), field("grpc-message", "gone")];
        assert_eq!(messages.take_trailers().unwrap(), expected);
    }
}
