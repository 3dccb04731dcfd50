//! Collects a head from chunks cut anywhere, without copying one that comes in one piece.

use std::ops::Range;

use model::Timestamp;

/// A head longer than this is not taken for one, in bytes. Servers allow 8 to 64 KB.
const HEAD_LIMIT: usize = 128 * 1024;

/// A head that is being collected. Empty lines before it are passed over (RFC 9112 section 2.2).
#[derive(Debug, Default)]
pub(super) struct Head {
    held: Vec<u8>,
    first: Option<Timestamp>,
}

/// What became of a chunk.
#[derive(Debug)]
pub(super) struct Collected {
    /// How many of its bytes are passed over or kept.
    pub(super) used: usize,
    /// Where the whole head is, if it is whole.
    pub(super) whole: Option<Whole>,
    pub(super) too_long: bool,
}

/// Where a whole head is.
#[derive(Debug)]
pub(super) enum Whole {
    InChunk(Range<usize>),
    Held,
}

impl Head {
    pub(super) fn collect(&mut self, chunk: &[u8], at: Timestamp) -> Collected {
        let before_head = |b: &&u8| self.held.is_empty() && matches!(b, b'\r' | b'\n');
        let blank = chunk.iter().take_while(before_head).count();
        if blank == chunk.len() {
            return Collected { used: blank, whole: None, too_long: false };
        }
        self.first.get_or_insert(at);
        if self.held.is_empty() {
            let chunk_head = &chunk[blank..];
            if let Some(end) = head_end(chunk_head, 0).filter(|end| *end <= HEAD_LIMIT) {
                let range = blank..blank + end;
                return Collected { used: range.end, whole: Some(Whole::InChunk(range)), too_long: false };
            }
        }
        let room = (HEAD_LIMIT + 1).saturating_sub(self.held.len()).min(chunk.len() - blank);
        let known = self.held.len();
        self.held.extend_from_slice(&chunk[blank..blank + room]);
        // The end may have begun in the last chunk: at most three bytes of it.
        if let Some(end) = head_end(&self.held, known.saturating_sub(3)) {
            self.held.truncate(end);
            return Collected { used: blank + end - known, whole: Some(Whole::Held), too_long: false };
        }
        Collected { used: blank + room, whole: None, too_long: self.held.len() > HEAD_LIMIT }
    }

    /// The bytes of a whole head.
    pub(super) fn bytes<'a>(&'a self, chunk: &'a [u8], whole: &Whole) -> &'a [u8] {
        match whole {
            Whole::InChunk(range) => &chunk[range.clone()],
            Whole::Held => &self.held,
        }
    }

    pub(super) fn first_byte_at(&self, now: Timestamp) -> Timestamp {
        self.first.unwrap_or(now)
    }

    /// Starts a head with bytes that a hunt has found.
    pub(super) fn begin(&mut self, bytes: &[u8], at: Timestamp) {
        self.clear();
        if !bytes.is_empty() {
            self.held.extend_from_slice(bytes);
            self.first = Some(at);
        }
    }

    pub(super) fn clear(&mut self) {
        self.first = None;
        // A usual head's room is kept for the next one.
        if self.held.capacity() > 16 * 1024 {
            self.held = Vec::new();
        }
        self.held.clear();
    }

    pub(super) fn take(&mut self) -> Vec<u8> {
        self.first = None;
        std::mem::take(&mut self.held)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    pub(super) fn held(&self) -> usize {
        self.held.capacity()
    }
}

/// Where the first head ends that ends after `from`: behind an empty line, with or without carriage returns.
fn head_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += bytes.get(at..)?.iter().position(|b| *b == b'\n')? + 1;
        match bytes.get(at..)? {
            [b'\n', ..] => return Some(at + 1),
            [b'\r', b'\n', ..] => return Some(at + 2),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_found_however_it_is_cut() {
        for (text, rest) in [("A\r\nB\r\n\r\n", "body"), ("\r\n\nA\nB\n\n", "x"), ("A\r\n\r\n", "")] {
            let stream = format!("{text}{rest}");
            let head_text = text.trim_start();
            for size in 1..=stream.len() {
                let mut head = Head::default();
                let mut seen = 0;
                let mut found = None;
                for chunk in stream.as_bytes().chunks(size) {
                    let collected = head.collect(chunk, Timestamp(1));
                    seen += collected.used;
                    if let Some(whole) = collected.whole {
                        found = Some(String::from_utf8(head.bytes(chunk, &whole).to_vec()).unwrap());
                        break;
                    }
                    assert_eq!(collected.used, chunk.len());
                }
                assert_eq!(found.as_deref(), Some(head_text), "{stream:?} by {size}");
                assert_eq!(seen, text.len(), "{stream:?} by {size}");
            }
        }
    }

    #[test]
    fn an_endless_head_is_given_up_and_not_kept() {
        for size in [1, 1000, 300_000] {
            let mut head = Head::default();
            let chunk = vec![b'x'; size];
            let mut total = 0;
            while !head.collect(&chunk, Timestamp(0)).too_long {
                total += size;
                assert!(total <= HEAD_LIMIT + size);
            }
            assert!(head.held() <= 4 * HEAD_LIMIT);
        }
    }
}
