//! What containers print, with the engine's time of reading it.
//!
//! Read from the engine's log, never by `attach`: a slow reader of that one slows the container down.

use std::collections::VecDeque;
use std::pin::Pin;

use bollard::container::LogOutput;
use bollard::query_parameters::LogsOptionsBuilder;
use futures_util::{Stream, StreamExt as _, stream};
use model::Timestamp;
use model::line;

use crate::container::short;
use crate::{Engine, EngineError};

/// Which part of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogRequest {
    /// Not before this moment. The engine counts whole seconds here, so up to a second more comes; and older engines
    /// read the whole log to get there unless `tail` is given too.
    pub since: Option<Timestamp>,
    /// At most this many lines of the end, both streams together.
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
    pub bytes: Vec<u8>,
    /// Whether the line ends here.
    pub ends_line: bool,
}

/// The parts in the order of the log.
pub type Logs = Pin<Box<dyn Stream<Item = Result<LogPart, EngineError>> + Send>>;

/// After this many bytes the engine cuts a line and writes its time again.
const PART: usize = 16 * 1024;

impl Engine {
    /// A container's log.
    pub fn logs(&self, id: &str, request: LogRequest) -> Logs {
        let tail = request.tail.map_or_else(|| "all".to_owned(), |lines| lines.to_string());
        let mut options = LogsOptionsBuilder::new()
            .stdout(true)
            .stderr(true)
            .timestamps(true)
            .follow(request.follow)
            .tail(&tail);
        if let Some(since) = request.since {
            options = options.since(i32::try_from(since.seconds()).unwrap_or(i32::MAX));
        }
        let engine = self.clone();
        let what = format!("reading the log of container `{}`", short(id));
        let mut last = Timestamp::default();
        let parts = self.docker().logs(id, Some(options.build())).flat_map(move |item| {
            let parts: VecDeque<Result<LogPart, EngineError>> = match item {
                Ok(LogOutput::StdErr { message }) => {
                    VecDeque::from([Ok(framed(line::Stream::Stderr, &message, &mut last))])
                }
                Ok(LogOutput::Console { message }) => {
                    terminal(&message, &mut last).into_iter().map(Ok).collect()
                }
                Ok(LogOutput::StdOut { message } | LogOutput::StdIn { message }) => {
                    VecDeque::from([Ok(framed(line::Stream::Stdout, &message, &mut last))])
                }
                Err(error) => VecDeque::from([Err(engine.failed(&what, &error))]),
            };
            stream::iter(parts)
        });
        Box::pin(parts)
    }
}

/// One frame is one line or one part of one.
fn framed(stream: line::Stream, frame: &[u8], last: &mut Timestamp) -> LogPart {
    let (ts, text) = stamped(frame, last);
    let (bytes, ends_line) = match text.strip_suffix(b"\n") {
        Some(line) => (line, true),
        None => (text, false),
    };
    LogPart { ts, stream, bytes: bytes.to_vec(), ends_line }
}

/// A terminal's log has no frames: what comes is cut at line feeds, and a long line has its time again in the middle.
fn terminal(line: &[u8], last: &mut Timestamp) -> Vec<LogPart> {
    let mut parts = Vec::new();
    let (mut ts, mut rest) = stamped(line, last);
    while rest.len() > PART {
        let (part, next) = rest.split_at(PART);
        if stamp(next).is_none() {
            break;
        }
        parts.push(LogPart { ts, stream: line::Stream::Stdout, bytes: part.to_vec(), ends_line: false });
        (ts, rest) = stamped(next, last);
    }
    let (rest, ends_line) = match rest.strip_suffix(b"\n") {
        Some(line) => (line.strip_suffix(b"\r").unwrap_or(line), true),
        None => (rest, false),
    };
    parts.push(LogPart { ts, stream: line::Stream::Stdout, bytes: rest.to_vec(), ends_line });
    parts
}

/// Takes the time off the front; text without one gets that of the text before.
fn stamped<'a>(text: &'a [u8], last: &mut Timestamp) -> (Timestamp, &'a [u8]) {
    match stamp(text) {
        Some((ts, rest)) => {
            *last = ts;
            (ts, rest)
        }
        None => (*last, text),
    }
}

fn stamp(text: &[u8]) -> Option<(Timestamp, &[u8])> {
    let space = text.iter().take(40).position(|byte| *byte == b' ')?;
    let ts = std::str::from_utf8(&text[..space]).ok()?.parse().ok()?;
    Some((ts, &text[space + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: &str = "2026-11-23T06:00:00.123456789Z";

    #[test]
    fn a_frame_loses_its_time_and_line_feed() {
        let mut last = Timestamp::default();
        let part = framed(line::Stream::Stderr, format!("{AT} a b\n").as_bytes(), &mut last);
        assert_eq!((part.bytes.as_slice(), part.ends_line), (&b"a b"[..], true));
        assert_eq!(part.ts.to_string(), AT);
        let cut = framed(line::Stream::Stderr, format!("{AT} {}", "x".repeat(PART)).as_bytes(), &mut last);
        assert_eq!((cut.bytes.len(), cut.ends_line), (PART, false));
        let empty = framed(line::Stream::Stdout, format!("{AT} \n").as_bytes(), &mut last);
        assert_eq!((empty.bytes.len(), empty.ends_line), (0, true));
    }

    #[test]
    fn a_long_line_of_a_terminal_is_cut_where_its_time_stands_again() {
        let mut last = Timestamp::default();
        let text = format!("{AT} {}{AT} {}{AT} tail\r\n", "x".repeat(PART), "y".repeat(PART));
        let parts = terminal(text.as_bytes(), &mut last);
        let seen: Vec<(usize, bool)> = parts.iter().map(|p| (p.bytes.len(), p.ends_line)).collect();
        assert_eq!(seen, [(PART, false), (PART, false), (4, true)]);
    }

    #[test]
    fn a_prompt_without_an_end_stays_open() {
        let mut last = Timestamp::default();
        let parts = terminal(format!("{AT} $ ").as_bytes(), &mut last);
        assert_eq!((parts[0].bytes.as_slice(), parts[0].ends_line), (&b"$ "[..], false));
    }
}
