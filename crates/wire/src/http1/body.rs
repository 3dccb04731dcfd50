//! How long a body is, and its bytes without their coding (RFC 9112 sections 6 and 7).

/// A chunk-size line or a trailer line longer than this is taken for garbage, in bytes.
const LINE_LIMIT: usize = 16 * 1024;
const TRAILERS_LIMIT: usize = 128;

/// What a head says of the body after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    None,
    Length(u64),
    Chunked,
    UntilClose,
    /// The rest of the connection is no HTTP.
    Tunnel,
    /// What it says cannot be followed.
    Unclear,
}

/// A body that is being read.
#[derive(Debug)]
pub(super) enum Body {
    /// Bytes to come.
    Length(u64),
    Chunked(Chunked),
    UntilClose,
}

/// What became of bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fed {
    pub(super) used: usize,
    pub(super) ended: bool,
    pub(super) broken: bool,
}

/// Where a lost range left a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Skipped {
    /// Still in it.
    Inside,
    /// Exactly at its end.
    Ended,
    /// Behind its end by so many bytes.
    Past(u64),
    /// Nobody knows where.
    OutOfStep,
}

#[derive(Debug)]
pub(super) struct Chunked {
    stage: Stage,
    line: Vec<u8>,
    trailers: Vec<(String, String)>,
}

#[derive(Debug)]
enum Stage {
    Size,
    Data(u64),
    DataEnd,
    Trailer,
}

impl Body {
    pub(super) fn new(framing: Framing) -> Option<Self> {
        match framing {
            Framing::Length(0) | Framing::None | Framing::Tunnel | Framing::Unclear => None,
            Framing::Length(bytes) => Some(Self::Length(bytes)),
            Framing::Chunked => {
                Some(Self::Chunked(Chunked { stage: Stage::Size, line: Vec::new(), trailers: Vec::new() }))
            }
            Framing::UntilClose => Some(Self::UntilClose),
        }
    }

    /// Takes bytes and hands on those of the body.
    pub(super) fn feed(&mut self, bytes: &[u8], data: &mut impl FnMut(&[u8])) -> Fed {
        match self {
            Self::UntilClose => {
                data(bytes);
                Fed { used: bytes.len(), ended: false, broken: false }
            }
            Self::Length(left) => {
                let used = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                data(&bytes[..used]);
                *left -= used as u64;
                Fed { used, ended: *left == 0, broken: false }
            }
            Self::Chunked(chunked) => chunked.feed(bytes, data),
        }
    }

    /// Passes over bytes that were lost.
    pub(super) fn skip(&mut self, bytes: u64) -> Skipped {
        match self {
            Self::UntilClose => Skipped::Inside,
            Self::Length(left) => match left.checked_sub(bytes) {
                Some(0) => Skipped::Ended,
                Some(rest) => {
                    *left = rest;
                    Skipped::Inside
                }
                None => Skipped::Past(bytes - *left),
            },
            Self::Chunked(Chunked { stage, .. }) => match stage {
                Stage::Data(left) if bytes <= *left => {
                    *left -= bytes;
                    if *left == 0 {
                        *stage = Stage::DataEnd;
                    }
                    Skipped::Inside
                }
                Stage::Size | Stage::Data(_) | Stage::DataEnd | Stage::Trailer => Skipped::OutOfStep,
            },
        }
    }

    pub(super) fn take_trailers(&mut self) -> Vec<(String, String)> {
        match self {
            Self::Chunked(chunked) => std::mem::take(&mut chunked.trailers),
            Self::Length(_) | Self::UntilClose => Vec::new(),
        }
    }
}

/// Whether a chunked body without trailers ends with these bytes, as far as bytes of an unknown place can tell.
pub(super) fn ends_chunks(bytes: &[u8]) -> bool {
    const LAST: &[u8] = b"\r\n0\r\n\r\n";
    bytes.ends_with(LAST) || bytes == &LAST[2..]
}

impl Chunked {
    fn feed(&mut self, bytes: &[u8], data: &mut impl FnMut(&[u8])) -> Fed {
        let mut at = 0;
        while at < bytes.len() {
            if let Stage::Data(left) = &mut self.stage {
                let used = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len() - at);
                data(&bytes[at..at + used]);
                at += used;
                *left -= used as u64;
                if *left == 0 {
                    self.stage = Stage::DataEnd;
                }
                continue;
            }
            let rest = &bytes[at..];
            let end = rest.iter().position(|b| *b == b'\n');
            let part = &rest[..end.map_or(rest.len(), |end| end + 1)];
            at += part.len();
            if self.line.len() + part.len() > LINE_LIMIT {
                return Fed { used: at, ended: false, broken: true };
            }
            self.line.extend_from_slice(part);
            if end.is_some() {
                match self.line_ended() {
                    Line::More => {}
                    Line::Last => return Fed { used: at, ended: true, broken: false },
                    Line::Bad => return Fed { used: at, ended: false, broken: true },
                }
            }
        }
        Fed { used: at, ended: false, broken: false }
    }

    fn line_ended(&mut self) -> Line {
        let line = self.line.trim_ascii();
        let next = match self.stage {
            Stage::Size => match chunk_size(line) {
                Some(0) => Stage::Trailer,
                Some(size) => Stage::Data(size),
                None => return Line::Bad,
            },
            Stage::DataEnd | Stage::Data(_) if line.is_empty() => Stage::Size,
            Stage::DataEnd | Stage::Data(_) => return Line::Bad,
            Stage::Trailer if line.is_empty() => return Line::Last,
            Stage::Trailer => {
                let Some(colon) = line.iter().position(|b| *b == b':') else { return Line::Bad };
                if self.trailers.len() == TRAILERS_LIMIT {
                    return Line::Bad;
                }
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes.trim_ascii()).into_owned();
                self.trailers.push((text(&line[..colon]), text(&line[colon + 1..])));
                Stage::Trailer
            }
        };
        self.stage = next;
        self.line.clear();
        Line::More
    }
}

enum Line {
    More,
    Last,
    Bad,
}

/// RFC 9112 section 7.1: hexadecimal digits, then perhaps an extension after `;`.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    let after = line[digits..].trim_ascii_start();
    if digits == 0 || digits > 16 || !(after.is_empty() || after.starts_with(b";")) {
        return None;
    }
    u64::from_str_radix(str::from_utf8(&line[..digits]).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Text, bytes used, ended, broken, trailers.
    type Outcome<T> = (T, usize, bool, bool, usize);

    fn read(framing: Framing, bytes: &[u8], cut: usize) -> Outcome<String> {
        let mut body = Body::new(framing).unwrap();
        let mut text = Vec::new();
        let mut used = 0;
        for chunk in bytes.chunks(cut) {
            let fed = body.feed(chunk, &mut |data: &[u8]| text.extend_from_slice(data));
            used += fed.used;
            if fed.ended || fed.broken {
                let text = String::from_utf8(text).unwrap();
                return (text, used, fed.ended, fed.broken, body.take_trailers().len());
            }
            assert_eq!(fed.used, chunk.len());
        }
        (String::from_utf8(text).unwrap(), used, false, false, 0)
    }

    #[test]
    fn bodies_end_where_their_framing_says() {
        use Framing::{Chunked, Length, UntilClose};
        let cases: [(Framing, &str, Outcome<&str>); 11] = [
            (Length(5), "hello world", ("hello", 5, true, false, 0)),
            (Length(50), "hello", ("hello", 5, false, false, 0)),
            (UntilClose, "hello", ("hello", 5, false, false, 0)),
            (Chunked, "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nHTTP", ("hello world", 26, true, false, 0)),
            (Chunked, "5;a=b\nhello\n0\n\n", ("hello", 15, true, false, 0)),
            (Chunked, "0\r\nA: b\r\nC: d\r\n\r\n", ("", 17, true, false, 2)),
            (Chunked, "zz\r\n", ("", 4, false, true, 0)),
            (Chunked, "\r\n", ("", 2, false, true, 0)),
            (Chunked, "5\r\nhelloX\r\n", ("hello", 11, false, true, 0)),
            (Chunked, "fffffffffffffffff\r\n", ("", 19, false, true, 0)),
            (Chunked, "ffffffffffffffff\r\nabc", ("abc", 21, false, false, 0)),
        ];
        for (framing, bytes, (text, used, ended, broken, trailers)) in cases {
            for cut in 1..=bytes.len() {
                let result = read(framing, bytes.as_bytes(), cut);
                assert_eq!(result, (text.to_owned(), used, ended, broken, trailers), "{bytes:?} by {cut}");
            }
        }
    }

    #[test]
    fn a_lost_range_is_placed_where_the_framing_allows() {
        let mut body = Body::Length(10);
        assert_eq!(body.skip(4), Skipped::Inside);
        assert_eq!(body.skip(9), Skipped::Past(3));
        assert_eq!(body.skip(6), Skipped::Ended);
        let mut body = Body::new(Framing::Chunked).unwrap();
        assert_eq!(body.skip(1), Skipped::OutOfStep);
        body.feed(b"5\r\nhe", &mut |_| {});
        assert_eq!(body.skip(3), Skipped::Inside);
        let fed = body.feed(b"\r\n0\r\n\r\n", &mut |_| {});
        assert_eq!(fed, Fed { used: 7, ended: true, broken: false });
    }
}
