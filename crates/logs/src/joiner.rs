//! From the engine's pieces to whole lines.

use std::mem;

use model::Timestamp;
use model::line::{Line, Stream};

/// The longest line that is kept whole, in bytes; a longer one is cut here and says so at its end.
pub const MAX_LINE: usize = 64 * 1024;

/// What a cut line ends with.
const CUT: &str = " … [cut at 64 KiB]";

/// Joins the pieces that the engine hands over for one instance into lines, per stream.
///
/// The engine splits at 16 KiB and stamps every piece; a line bears the time of its first piece.
#[derive(Debug)]
pub struct Joiner {
    service: String,
    instance: String,
    open: Vec<Open>,
}

/// A line whose end has not come yet.
#[derive(Debug)]
struct Open {
    stream: Stream,
    ts: Timestamp,
    bytes: Vec<u8>,
    /// The line is out, cut; what still comes of it is let go.
    cut: bool,
    /// Whether anything of the line came.
    begun: bool,
}

impl Joiner {
    /// For one instance of one service.
    pub fn new(service: impl Into<String>, instance: impl Into<String>) -> Self {
        Self { service: service.into(), instance: instance.into(), open: Vec::new() }
    }

    /// Takes one piece and appends the lines that it ends to `out`.
    ///
    /// `ends_line` tells that a line feed followed the piece; line feeds within the piece end lines as well.
    pub fn push(
        &mut self,
        ts: Timestamp,
        stream: Stream,
        bytes: &[u8],
        ends_line: bool,
        out: &mut Vec<Line>,
    ) {
        let known = self.open.iter().position(|open| open.stream == stream);
        let at = known.unwrap_or_else(|| {
            self.open.push(Open { stream, ts, bytes: Vec::new(), cut: false, begun: false });
            self.open.len() - 1
        });
        let mut pieces = bytes.split(|b| *b == b'\n').peekable();
        while let Some(piece) = pieces.next() {
            let last = pieces.peek().is_none();
            let ends = !last || ends_line;
            if last && !ends_line && piece.is_empty() {
                break;
            }
            let open = &mut self.open[at];
            let whole = open.add(ts, piece, ends);
            if let Some(bytes) = whole {
                let (service, instance) = (self.service.clone(), self.instance.clone());
                let ts = self.open[at].ts;
                out.push(Line { ts, service, instance, stream, bytes });
            }
        }
    }

    /// Gives out what has begun but not ended, for when no more will come: the instance has ended. When only the
    /// connection did, drop the joiner instead; the engine gives the whole line again.
    pub fn finish(&mut self, out: &mut Vec<Line>) {
        for open in mem::take(&mut self.open) {
            if open.begun && !open.cut {
                let (service, instance) = (self.service.clone(), self.instance.clone());
                out.push(Line { ts: open.ts, service, instance, stream: open.stream, bytes: open.bytes });
            }
        }
    }
}

impl Open {
    /// The line's bytes, once it ends or is too long.
    fn add(&mut self, ts: Timestamp, piece: &[u8], ends: bool) -> Option<Vec<u8>> {
        if !self.begun {
            (self.ts, self.begun, self.cut) = (ts, true, false);
        }
        let mut whole = None;
        if !self.cut {
            let room = MAX_LINE - self.bytes.len();
            self.bytes.extend_from_slice(&piece[..piece.len().min(room)]);
            if piece.len() > room {
                self.cut = true;
                self.bytes.truncate(character_boundary(&self.bytes));
                self.bytes.extend_from_slice(CUT.as_bytes());
                whole = Some(mem::take(&mut self.bytes));
            }
        }
        if ends {
            self.begun = false;
            if !self.cut {
                whole = Some(mem::take(&mut self.bytes));
            }
        }
        whole
    }
}

/// The length without a UTF-8 character that is not whole.
fn character_boundary(bytes: &[u8]) -> usize {
    let tail = bytes.len().saturating_sub(4);
    match std::str::from_utf8(&bytes[tail..]) {
        Err(error) if error.error_len().is_none() => tail + error.valid_up_to(),
        _ => {
            let start = bytes.iter().rposition(|b| b & 0xc0 != 0x80).unwrap_or(0);
            match std::str::from_utf8(&bytes[start..]) {
                Err(error) if error.error_len().is_none() => start,
                _ => bytes.len(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn joined(pieces: &[(i64, Stream, &[u8], bool)]) -> Vec<(i64, Stream, String)> {
        let (mut joiner, mut out) = (Joiner::new("orders", "shop-orders-1"), Vec::new());
        for (ts, stream, bytes, ends) in pieces {
            joiner.push(Timestamp(*ts), *stream, bytes, *ends, &mut out);
        }
        joiner.finish(&mut out);
        assert!(out.iter().all(|l| l.service == "orders" && l.instance == "shop-orders-1"));
        out.into_iter().map(|l| (l.ts.0, l.stream, String::from_utf8_lossy(&l.bytes).into_owned())).collect()
    }

    #[test]
    fn joins_per_stream_and_stamps_with_the_first_piece() {
        use Stream::{Stderr, Stdout};
        let lines = joined(&[
            (1, Stdout, b"he", false),
            (2, Stderr, b"err", true),
            (3, Stdout, b"llo", true),
            (4, Stdout, b"", true),
            (5, Stdout, b"a\nb\nc", false),
            (6, Stdout, b"\n", false),
            (7, Stderr, b"unfinished", false),
        ]);
        let expected = [
            (2, Stderr, "err"),
            (1, Stdout, "hello"),
            (4, Stdout, ""),
            (5, Stdout, "a"),
            (5, Stdout, "b"),
            (5, Stdout, "c"),
            (7, Stderr, "unfinished"),
        ];
        assert_eq!(lines, expected.map(|(ts, stream, text)| (ts, stream, text.to_owned())));
    }

    #[test]
    fn cuts_and_marks_a_line_that_is_too_long() {
        let long = "ä".repeat(MAX_LINE);
        let pieces: Vec<_> = long.as_bytes().chunks(16_383).map(|c| (9, Stream::Stdout, c, false)).collect();
        let mut pieces = pieces;
        pieces.push((9, Stream::Stdout, b"", true));
        pieces.push((10, Stream::Stdout, b"next", true));
        let lines = joined(&pieces);
        assert_eq!(lines.len(), 2);
        let head = lines[0].2.strip_suffix(CUT).unwrap();
        assert!(head.len() <= MAX_LINE && head.len() > MAX_LINE - 4 && head.chars().all(|c| c == 'ä'));
        assert_eq!(lines[1].2, "next");
    }

    #[test]
    fn keeps_a_line_of_exactly_the_limit_whole() {
        let line = vec![b'x'; MAX_LINE];
        assert_eq!(joined(&[(1, Stream::Stdout, &line, true)])[0].2.len(), MAX_LINE);
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_lines(
            lines in proptest::collection::vec("[a-c\r]{0,6}", 1..8),
            cuts in proptest::collection::vec(1_usize..5, 1..20)
        ) {
            let text = lines.join("\n") + "\n";
            let (mut joiner, mut out) = (Joiner::new("s", "i"), Vec::new());
            let (mut rest, mut cuts) = (text.as_bytes(), cuts.iter().cycle());
            while !rest.is_empty() {
                let (piece, next) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
                // The engine tells of the line feed beside the piece as often as within it.
                let ends = piece.ends_with(b"\n");
                let piece = piece.strip_suffix(b"\n").unwrap_or(piece);
                joiner.push(Timestamp(1), Stream::Stdout, piece, ends, &mut out);
                rest = next;
            }
            joiner.finish(&mut out);
            let got: Vec<_> = out.iter().map(|l| String::from_utf8(l.bytes.clone()).unwrap()).collect();
            prop_assert_eq!(got, lines);
        }
    }
}
