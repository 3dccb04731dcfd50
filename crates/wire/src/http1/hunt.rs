//! Looks for the next head in bytes whose place in their message is not known.
//!
//! After a loss the next message may start anywhere, glued to the end of a body. A response shows by `HTTP/1.x ` and
//! a status, a request by ` HTTP/1.x` at the end of a line that starts with a known method.

use std::collections::VecDeque;

use model::Timestamp;

use super::detect::{http1_request, http1_response};
use crate::decode::Dir;
use crate::detect::Proof;

/// How much of the bytes before is looked at again, for a line cut in two.
const TAIL_LIMIT: usize = 2048;
/// Longer names first: `PATCH` must not be read as a shorter one's tail.
const METHODS: [&[u8]; 12] = [
    b"PROPFIND",
    b"OPTIONS",
    b"CONNECT",
    b"DELETE",
    b"SEARCH",
    b"TRACE",
    b"PATCH",
    b"QUERY",
    b"POST",
    b"HEAD",
    b"PUT",
    b"GET",
];

/// Bytes that may be the beginning of a head.
#[derive(Debug, Default)]
pub(super) struct Hunt {
    tail: Vec<u8>,
    /// How many of the tail's bytes came when.
    came: VecDeque<(usize, Timestamp)>,
}

/// Where a head starts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The head's bytes that came with earlier chunks.
    pub(super) before: Vec<u8>,
    /// When its first byte came.
    pub(super) first: Timestamp,
    /// Where it goes on in this chunk.
    pub(super) at: usize,
}

impl Hunt {
    pub(super) fn look(&mut self, dir: Dir, chunk: &[u8], at: Timestamp) -> Option<Found> {
        let tail = std::mem::take(&mut self.tail);
        let joined;
        let bytes = if tail.is_empty() {
            chunk
        } else {
            joined = [&tail[..], chunk].concat();
            &joined
        };
        if let Some(start) = find(dir, bytes) {
            let before = tail.get(start..).unwrap_or_default().to_vec();
            let first = self.came_at(start).unwrap_or(at);
            self.forget();
            return Some(Found { before, first, at: start.saturating_sub(tail.len()) });
        }
        let past = bytes.len().saturating_sub(TAIL_LIMIT);
        self.tail = bytes[past..].to_vec();
        self.came.push_back((chunk.len(), at));
        self.drop_came(past);
        None
    }

    /// What comes next does not follow what came last.
    pub(super) fn forget(&mut self) {
        self.tail.clear();
        self.came.clear();
    }

    pub(super) fn held(&self) -> usize {
        self.tail.capacity() + 24 * self.came.len()
    }

    fn came_at(&self, mut offset: usize) -> Option<Timestamp> {
        for (length, at) in &self.came {
            match offset.checked_sub(*length) {
                Some(rest) => offset = rest,
                None => return Some(*at),
            }
        }
        None
    }

    fn drop_came(&mut self, mut bytes: usize) {
        while let Some((length, _)) = self.came.front_mut() {
            if *length > bytes {
                *length -= bytes;
                return;
            }
            bytes -= *length;
            self.came.pop_front();
        }
    }
}

/// Where the first head in these bytes starts.
pub(super) fn find(dir: Dir, bytes: &[u8]) -> Option<usize> {
    match dir {
        Dir::ToServer => find_request(bytes),
        Dir::ToClient => find_response(bytes),
    }
}

fn find_response(bytes: &[u8]) -> Option<usize> {
    starts_of(bytes, b"HTTP/1.").find(|at| http1_response(&bytes[*at..]) == Proof::Yes)
}

fn find_request(bytes: &[u8]) -> Option<usize> {
    let known = starts_of(bytes, b" HTTP/1.").find_map(|version| {
        let after = bytes.get(version + 9)?;
        if !matches!(after, b'\r' | b'\n') {
            return None;
        }
        let target = bytes[..version].iter().rposition(|b| *b <= b' ')?;
        let opens = bytes[target + 1..version].first()?;
        if bytes[target] != b' ' || !(opens.is_ascii_alphanumeric() || matches!(opens, b'/' | b'*' | b'[')) {
            return None;
        }
        let method = METHODS.iter().find(|method| bytes[..target].ends_with(method))?;
        Some(target - method.len())
    });
    known.or_else(|| (http1_request(bytes) == Proof::Yes).then_some(0))
}

fn starts_of<'a>(bytes: &'a [u8], pattern: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    (0..bytes.len().saturating_sub(pattern.len() - 1)).filter(move |at| bytes[*at..].starts_with(pattern))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hunt(dir: Dir, text: &str, cut: usize) -> Option<usize> {
        let mut hunt = Hunt::default();
        let mut passed = 0;
        for chunk in text.as_bytes().chunks(cut) {
            if let Some(found) = hunt.look(dir, chunk, Timestamp(0)) {
                return Some(passed + found.at - found.before.len());
            }
            passed += chunk.len();
        }
        None
    }

    #[test]
    fn a_head_is_found_behind_whatever_came_before() {
        use Dir::{ToClient, ToServer};
        let cases = [
            (ToClient, "xxHTTP/1.1 200 OK\r\n", Some(2)),
            (ToClient, "HTTP/1.1 abc HTTP/1.0 404 x", Some(13)),
            (ToClient, "see HTTP/1.1 or HTTP/2 for more", None),
            (ToServer, "{\"a\":1}POST /x HTTP/1.1\r\nHost: x\r\n", Some(7)),
            (ToServer, "aGET http://x/ HTTP/1.1\r\n", Some(1)),
            (ToServer, "M-X /y HTTP/1.1\r\n", Some(0)),
            (ToServer, "we got / HTTP/1.1 from", None),
            (ToServer, "(as HTTP/1.1\r\n", None),
        ];
        for (dir, text, at) in cases {
            for cut in 1..=text.len() {
                // A head at the very beginning is taken with any method, and cannot be in two chunks.
                if at == Some(0) && cut < text.len() {
                    continue;
                }
                assert_eq!(hunt(dir, text, cut), at, "{text:?} by {cut}");
            }
        }
    }

    #[test]
    fn a_head_keeps_the_time_of_its_first_byte() {
        let mut hunt = Hunt::default();
        assert_eq!(hunt.look(Dir::ToClient, &[b'x'; 3000], Timestamp(1)), None);
        assert_eq!(hunt.look(Dir::ToClient, b"xxHT", Timestamp(2)), None);
        assert_eq!(hunt.look(Dir::ToClient, b"TP/1.1 ", Timestamp(3)), None);
        let found = Found { before: b"HTTP/1.1 ".to_vec(), first: Timestamp(2), at: 0 };
        assert_eq!(hunt.look(Dir::ToClient, b"200", Timestamp(4)), Some(found));
    }

    #[test]
    fn the_memory_of_a_long_hunt_is_bounded() {
        let mut hunt = Hunt::default();
        for _ in 0..100 {
            assert_eq!(hunt.look(Dir::ToServer, &[b'x'; 5000], Timestamp(0)), None);
            assert!(hunt.held() <= TAIL_LIMIT + 24);
        }
    }
}
