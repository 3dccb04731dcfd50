//! What containers print, with the engine's time of reading it.
//!
//! Read from the engine's log, never by `attach`: a slow reader of that one slows the container down.

use std::io;
use std::pin::Pin;

use bytes::{Buf as _, Bytes, BytesMut};
use futures_util::{Stream, TryStreamExt as _, stream};
use model::Timestamp;
use model::line;

use crate::answer::Body;
use crate::container::short;
use crate::{Engine, EngineError};

/// Which part of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogRequest {
    /// Not before this moment; of Podman, which counts whole seconds, up to a second more comes. Older engines read the
    /// whole log to get there unless `tail` is given too.
    pub since: Option<Timestamp>,
    /// At most this many lines of the end, both streams together; a line of several parts is as many.
    pub tail: Option<u32>,
    /// Go on with what is printed from now on, until the container ends.
    pub follow: bool,
    /// Whether the container has a terminal.
    pub tty: bool,
}

/// A line, or a part of one that is longer than 16 KiB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPart {
    /// When the engine read it; all parts of one line have the same.
    pub ts: Timestamp,
    /// Standard output or standard error; a terminal has only the former.
    pub stream: line::Stream,
    /// The bytes as they came, without the line's end.
    pub bytes: Bytes,
    /// Whether the line ends here: with a line feed, or with the process that had begun it.
    pub ends_line: bool,
}

/// The parts in the order of the log, as many at once as have come.
pub type Logs = Pin<Box<dyn Stream<Item = Result<Vec<LogPart>, EngineError>> + Send>>;

/// After this many bytes the engine cuts a line and writes its time again.
const PART: usize = 16 * 1024;
/// No time with the blank behind it is longer.
const STAMP: usize = 40;
/// A frame has one part, so a longer one is none.
const LONGEST_FRAME: usize = 1 << 20;

impl Engine {
    /// A container's log.
    pub fn logs(&self, id: &str, request: LogRequest) -> Logs {
        let path = self.log_path(id, request);
        let what = format!("reading the log of container `{}`", short(id));
        let engine = self.clone();
        let cut = Cut { tty: request.tty, anywhere: self.version().podman, last: Timestamp::default() };
        let parts = async move {
            let body = engine.get(&what, &path).await?;
            let reader = Reader { engine, what, body, cut, ended: false };
            Ok(stream::try_unfold(reader, Reader::next))
        };
        Box::pin(stream::once(parts).try_flatten())
    }

    fn log_path(&self, id: &str, request: LogRequest) -> String {
        let tail = request.tail.map_or_else(|| "all".to_owned(), |lines| lines.to_string());
        let follow = u8::from(request.follow);
        let since = match request.since {
            None => String::new(),
            Some(since) if self.version().podman => format!("&since={}", since.seconds()),
            Some(since) => format!("&since={}.{:09}", since.seconds(), since.subsec_nanos()),
        };
        format!("/containers/{id}/logs?stdout=1&stderr=1&timestamps=1&follow={follow}&tail={tail}{since}")
    }
}

struct Reader {
    engine: Engine,
    what: String,
    body: Body,
    cut: Cut,
    ended: bool,
}

impl Reader {
    async fn next(mut self) -> Result<Option<(Vec<LogPart>, Self)>, EngineError> {
        let mut parts = Vec::new();
        loop {
            // The first lines may have come with the answer's head, and nothing after them.
            let cut = self.cut.all(&mut self.body.buffer, self.ended, &mut parts);
            cut.map_err(|error| self.engine.attempt(&self.what).io(&error))?;
            if !parts.is_empty() || self.ended {
                return Ok((!parts.is_empty()).then_some((parts, self)));
            }
            let read = self.body.read().await;
            self.ended = !read.map_err(|error| self.engine.attempt(&self.what).io(&error))?;
        }
    }
}

/// Cuts what the engine sends into parts.
struct Cut {
    tty: bool,
    /// The engine cuts lines wherever it likes, as Podman does. Docker cuts at 16 KiB and where a process ends.
    anywhere: bool,
    /// The time of the last part.
    last: Timestamp,
}

impl Cut {
    /// Takes all whole parts from the front of `source`.
    fn all(&mut self, source: &mut BytesMut, ended: bool, parts: &mut Vec<LogPart>) -> io::Result<()> {
        while let Some(part) = if self.tty { self.terminal(source, ended) } else { self.frame(source)? } {
            parts.push(part);
        }
        Ok(())
    }

    /// One byte for the stream, three zeros, four bytes of length; then one line or one part of one.
    fn frame(&mut self, source: &mut BytesMut) -> io::Result<Option<LogPart>> {
        let Some([kind, _, _, _, length @ ..]) = source.first_chunk::<8>().copied() else { return Ok(None) };
        let length = u32::from_be_bytes(length) as usize;
        if length > LONGEST_FRAME || kind > 3 {
            return Err(io::Error::other("the engine's log has no frames"));
        }
        if source.len() < 8 + length {
            return Ok(None);
        }
        source.advance(8);
        let mut bytes = source.split_to(length).freeze();
        if kind == 3 {
            let words = String::from_utf8_lossy(&bytes);
            return Err(io::Error::other(words.trim().to_owned()));
        }
        bytes.advance(self.stamped(&bytes));
        let feed = bytes.last() == Some(&b'\n');
        bytes.truncate(bytes.len() - usize::from(feed));
        let ends_line = feed || !self.anywhere && bytes.len() < PART;
        let stream = if kind == 2 { line::Stream::Stderr } else { line::Stream::Stdout };
        Ok(Some(LogPart { ts: self.last, stream, bytes, ends_line }))
    }

    /// A terminal's log has no frames: it is cut at line feeds, and a long line has its time again in the middle.
    fn terminal(&mut self, source: &mut BytesMut, ended: bool) -> Option<LogPart> {
        let feed = source.iter().take(STAMP + PART + 1).position(|byte| *byte == b'\n');
        if source.is_empty() || feed.is_none() && !ended && source.len() <= STAMP + PART {
            return None;
        }
        source.advance(self.stamped(source));
        let feed = source.iter().take(PART + 1).position(|byte| *byte == b'\n');
        let mut bytes = source.split_to(feed.unwrap_or_else(|| source.len().min(PART))).freeze();
        if feed.is_some() {
            source.advance(1);
            bytes.truncate(bytes.len() - usize::from(bytes.last() == Some(&b'\r')));
        }
        let ends_line = feed.is_some() || bytes.len() < PART;
        Some(LogPart { ts: self.last, stream: line::Stream::Stdout, bytes, ends_line })
    }

    /// Notes the time at the front and tells its length; text without one has the time of the text before.
    fn stamped(&mut self, text: &[u8]) -> usize {
        match stamp(text) {
            Some((ts, length)) => {
                self.last = ts;
                length
            }
            None => 0,
        }
    }
}

fn stamp(text: &[u8]) -> Option<(Timestamp, usize)> {
    let space = text.iter().take(STAMP).position(|byte| *byte == b' ')?;
    let ts = std::str::from_utf8(&text[..space]).ok()?.parse().ok()?;
    Some((ts, space + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: &str = "2026-11-23T06:00:00.123456789Z";

    /// The parts of what arrives in pieces.
    fn cut(tty: bool, wire: &[u8], step: usize) -> io::Result<Vec<(line::Stream, Vec<u8>, bool)>> {
        let (mut cut, mut source) =
            (Cut { tty, anywhere: false, last: Timestamp::default() }, BytesMut::new());
        let mut parts = Vec::new();
        for piece in wire.chunks(step) {
            source.extend_from_slice(piece);
            cut.all(&mut source, false, &mut parts)?;
        }
        cut.all(&mut source, true, &mut parts)?;
        assert!(parts.iter().all(|part| part.ts.to_string() == AT));
        Ok(parts.into_iter().map(|part| (part.stream, part.bytes.to_vec(), part.ends_line)).collect())
    }

    fn framed(kind: u8, payload: &str) -> Vec<u8> {
        let payload = format!("{AT} {payload}");
        let length = (payload.len() as u32).to_be_bytes();
        [&[kind, 0, 0, 0], &length[..], payload.as_bytes()].concat()
    }

    #[test]
    fn a_frame_loses_its_time_and_line_feed() {
        let long = "x".repeat(PART);
        let wire = [framed(2, "a b\n"), framed(1, &long), framed(1, "\n")].concat();
        for step in [1, 7, 4096, wire.len()] {
            let expected = [
                (line::Stream::Stderr, b"a b".to_vec(), true),
                (line::Stream::Stdout, long.clone().into_bytes(), false),
                (line::Stream::Stdout, Vec::new(), true),
            ];
            assert_eq!(cut(false, &wire, step).unwrap(), expected, "cut every {step}");
        }
    }

    #[test]
    fn the_daemons_own_words_and_nonsense_are_errors() {
        let error = cut(false, &framed(3, "Error grabbing logs: EOF\n"), 9).unwrap_err();
        assert!(error.to_string().ends_with("Error grabbing logs: EOF"), "{error}");
        assert!(cut(false, b"no frames at all", 3).is_err());
        assert_eq!(cut(false, &framed(1, "cut off")[..20], 20).unwrap(), []);
    }

    #[test]
    fn a_long_line_of_a_terminal_is_cut_where_its_time_stands_again() {
        let text = format!("{AT} {}{AT} {}{AT} tail\r\n", "x".repeat(PART), "y".repeat(PART));
        for step in [1, 1000, text.len()] {
            let parts = cut(true, text.as_bytes(), step).unwrap();
            let seen: Vec<(usize, bool)> = parts.iter().map(|p| (p.1.len(), p.2)).collect();
            assert_eq!(seen, [(PART, false), (PART, false), (4, true)]);
        }
    }

    #[test]
    fn a_line_ends_with_the_process_that_had_begun_it() {
        let parts = cut(true, format!("{AT} $ ").as_bytes(), 5).unwrap();
        assert_eq!(parts, [(line::Stream::Stdout, b"$ ".to_vec(), true)]);
        let parts = cut(false, &[framed(1, "no end"), framed(1, "again\n")].concat(), 5).unwrap();
        assert!(parts.iter().all(|(_, _, ends_line)| *ends_line), "{parts:?}");
    }
}
