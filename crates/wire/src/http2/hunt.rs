//! Looks for the beginning of a frame in bytes whose place in the stream is not known.
//!
//! A head is believed when it fits and another follows where it says, or nothing follows there yet, or when it begins a
//! header block that makes sense. A head that is misread by a byte fits now and then, so that one which waits for more
//! bytes does not keep others from being found.

use std::collections::VecDeque;

use model::Timestamp;

use super::detect;
use super::frame::{self, FrameHead, HEAD};
use crate::decode::Dir;

/// How far behind a head the next one is looked for, in bytes.
const REACH: usize = 48 * 1024;
/// How many heads may wait for more bytes.
const WAITING_LIMIT: usize = 8;
/// Header blocks up to this size may speak for themselves, in bytes.
const BLOCK_LIMIT: usize = 1024;

/// Bytes that may begin a frame.
#[derive(Debug, Default)]
pub(super) struct Hunted {
    bytes: Vec<u8>,
    /// How many of them came when.
    came: VecDeque<(usize, Timestamp)>,
    scan: Scan,
}

impl Hunted {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Keeps what a scan of these bytes left open.
    pub(super) fn keep(&mut self, bytes: &[u8], at: Timestamp, scan: Scan) {
        self.bytes = bytes.to_vec();
        self.came = VecDeque::from([(bytes.len(), at)]);
        self.scan = scan;
        self.forget_useless();
    }

    /// Takes more bytes. Once there is a frame, returns everything from there on as it came.
    pub(super) fn more(
        &mut self,
        dir: Dir,
        bytes: &[u8],
        at: Timestamp,
        is_expected: impl Fn(u32) -> bool,
    ) -> Option<Vec<(Timestamp, Vec<u8>)>> {
        self.bytes.extend_from_slice(bytes);
        self.came.push_back((bytes.len(), at));
        if let Some(place) = self.scan.look(dir, &self.bytes, is_expected) {
            self.skip(place);
            return Some(std::mem::take(self).pieces());
        }
        self.forget_useless();
        None
    }

    pub(super) fn held(&self) -> usize {
        self.bytes.capacity() + self.came.capacity() * size_of::<(usize, Timestamp)>()
    }

    fn forget_useless(&mut self) {
        let useless = self.scan.open_from();
        self.skip(useless);
        self.scan.shift(useless);
    }

    fn skip(&mut self, count: usize) {
        self.bytes.drain(..count);
        let mut left = count;
        while let Some((length, _)) = self.came.front_mut() {
            let passed = left.min(*length);
            *length -= passed;
            left -= passed;
            if *length > 0 {
                break;
            }
            self.came.pop_front();
        }
    }

    fn pieces(self) -> Vec<(Timestamp, Vec<u8>)> {
        let mut rest = self.bytes.as_slice();
        let piece = |(length, at): &(usize, Timestamp)| {
            let (bytes, behind) = rest.split_at(*length);
            rest = behind;
            (*at, bytes.to_vec())
        };
        self.came.iter().map(piece).collect()
    }
}

/// How far bytes were looked at.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Nothing before this place was left out.
    looked: usize,
    /// Heads that fit, of whose frames not enough came to tell.
    waiting: VecDeque<usize>,
}

#[derive(PartialEq, Eq)]
enum Opinion {
    Frame,
    Nothing,
    Unsure,
}

impl Scan {
    /// Where a frame begins. To be called again with more bytes behind the same ones.
    pub(super) fn look(
        &mut self,
        dir: Dir,
        bytes: &[u8],
        is_expected: impl Fn(u32) -> bool,
    ) -> Option<usize> {
        let opinion = |at: usize| judge(dir, &bytes[at..], &is_expected);
        for _ in 0..self.waiting.len() {
            let at = self.waiting.pop_front()?;
            match opinion(at) {
                Opinion::Frame => return Some(at),
                Opinion::Unsure => self.waiting.push_back(at),
                Opinion::Nothing => {}
            }
        }
        while self.looked + HEAD <= bytes.len() {
            let at = self.looked;
            self.looked += 1;
            match opinion(at) {
                Opinion::Frame => return Some(at),
                Opinion::Unsure if self.waiting.len() < WAITING_LIMIT => self.waiting.push_back(at),
                Opinion::Unsure | Opinion::Nothing => {}
            }
        }
        None
    }

    /// Nothing before this place is needed any more.
    fn open_from(&self) -> usize {
        self.waiting.front().copied().unwrap_or(self.looked)
    }

    fn shift(&mut self, count: usize) {
        self.looked -= count;
        self.waiting.iter_mut().for_each(|at| *at -= count);
    }
}

fn judge(dir: Dir, bytes: &[u8], is_expected: impl Fn(u32) -> bool) -> Opinion {
    let Some(head) = FrameHead::read(bytes).filter(|head| head.is_plausible(dir) && !head.is_hollow()) else {
        return Opinion::Nothing;
    };
    let end = HEAD + head.length as usize;
    let whole_block = head.kind == frame::HEADERS && head.has(frame::END_HEADERS);
    if !head.is_control() && !is_expected(head.stream) {
        let payload = bytes.get(HEAD..end).filter(|block| whole_block && block.len() <= BLOCK_LIMIT);
        let proves = payload.is_some_and(|payload| detect::proves(dir, &head, payload));
        return if proves { Opinion::Frame } else { Opinion::Nothing };
    }
    if head.kind == frame::HEADERS && !whole_block {
        return Opinion::Nothing;
    }
    match bytes.get(end..) {
        Some([]) => Opinion::Frame,
        Some(behind) if behind.len() >= HEAD => match FrameHead::read(behind) {
            Some(next) if next.is_plausible(dir) => Opinion::Frame,
            _ => Opinion::Nothing,
        },
        _ if end <= REACH => Opinion::Unsure,
        _ => Opinion::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PING: &[u8] = b"\0\0\x08\x06\0\0\0\0\0abcdefgh";
    const DATA: &[u8] = b"\0\0\x03\0\0\0\0\0\x05xyz";
    const GET: &[u8] = b"\0\0\x03\x01\x05\0\0\0\x63\x82\x86\x84";

    /// Where a frame begins in bytes that come in chunks of `size`, and how much is held in the end.
    fn look(bytes: &[u8], size: usize) -> (Option<String>, usize) {
        let mut hunted = Hunted::default();
        for (n, chunk) in bytes.chunks(size).enumerate() {
            let is_expected = |stream| stream == 5;
            if let Some(pieces) = hunted.more(Dir::ToServer, chunk, Timestamp(n as i64), is_expected) {
                let text: Vec<u8> = pieces.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
                assert!(pieces.iter().all(|(at, bytes)| at.0 <= n as i64 && !bytes.is_empty()));
                return (Some(String::from_utf8_lossy(&text).into_owned()), 0);
            }
        }
        (None, hunted.bytes.len())
    }

    #[test]
    fn a_head_is_believed_when_another_or_nothing_follows() {
        let rest = &b"rest of a body"[..];
        let text = |bytes: &[u8]| Some(String::from_utf8_lossy(bytes).into_owned());
        type Case<'a> = (&'a [&'a [u8]], Option<String>, usize);
        let cases: [Case<'_>; 6] = [
            (&[rest, PING], text(PING), 0),
            (&[rest, DATA, PING], text(&[DATA, PING].concat()), 0),
            // What follows is no head.
            (&[rest, DATA, b"something else"], None, 8),
            // Not enough to tell.
            (&[rest, DATA, b"\0\0\x08"], None, DATA.len() + 3),
            // Of a stream that nobody expects, but what it says makes sense.
            (&[rest, GET], text(GET), 0),
            (&[b""], None, 0),
        ];
        for (parts, found, held) in cases {
            let bytes = parts.concat();
            assert_eq!(look(&bytes, bytes.len().max(1)), (found, held), "{parts:?}");
        }
    }

    #[test]
    fn a_head_that_waits_does_not_hide_others() {
        // A first byte is missing: the head that is read instead claims 32 KB.
        let bytes = [b"\0\x7e\0\x01\x05\0\0\0\x05", &[b'x'; 126][..], PING].concat();
        for size in [1, 10, bytes.len()] {
            assert_eq!(look(&bytes, size).0.as_deref(), str::from_utf8(PING).ok(), "by {size}");
        }
        // Any number of them is held no longer than it may matter.
        let (found, held) = look(&b"\0\x7e\0\x01\x05\0\0\0\x05x".repeat(20_000), 1000);
        assert!(found.is_none() && held <= REACH + HEAD + 1000, "{held}");
    }
}
