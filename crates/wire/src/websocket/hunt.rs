//! Looks for a frame in bytes whose place in the stream is not known.
//!
//! After a loss nothing in the bytes says where a frame begins, but programs send a message at a time: it begins with a
//! segment, and ends with one.

use super::frame::are_frames;
use crate::detect::Proof;

/// A frame that is larger than this is not waited for, in bytes.
const HELD_LIMIT: usize = 64 * 1024;

/// Segments that may be frames.
#[derive(Debug, Default)]
pub(super) struct Hunt {
    held: Vec<u8>,
    /// Where the last of the frames begins.
    last: usize,
}

impl Hunt {
    /// The bytes from the first frame on, when they are found to be frames from end to end.
    pub(super) fn look(&mut self, chunk: &[u8], masked: bool, packs: bool) -> Option<Vec<u8>> {
        if !self.held.is_empty() {
            if self.held.len() + chunk.len() <= HELD_LIMIT {
                self.held.extend_from_slice(chunk);
                match self.proof(masked, packs) {
                    Proof::Yes => return Some(std::mem::take(self).held),
                    Proof::Maybe => return None,
                    Proof::No => {}
                }
            }
            self.forget();
        }
        self.held.extend_from_slice(chunk);
        match self.proof(masked, packs) {
            Proof::Yes => return Some(std::mem::take(self).held),
            Proof::Maybe if chunk.len() <= HELD_LIMIT => {}
            Proof::Maybe | Proof::No => self.forget(),
        }
        None
    }

    /// What comes next does not follow what came last.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// How many bytes wait for what follows them.
    pub(super) fn waiting(&self) -> usize {
        self.held.len()
    }

    fn proof(&mut self, masked: bool, packs: bool) -> Proof {
        let (proof, at) = are_frames(&self.held[self.last..], masked, packs);
        self.last += at;
        proof
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_found_where_a_segment_begins_with_one_and_another_ends_with_one() {
        type Case<'a> = (&'a [&'a [u8]], Option<&'a [u8]>);
        let many = vec![0; HELD_LIMIT];
        let cases: [Case<'_>; 6] = [
            (&[b"end of one", b"\x81\x02hi"], Some(b"\x81\x02hi")),
            (&[b"\x81\x05he", b"ll", b"o\x89\x00"], Some(b"\x81\x05hello\x89\x00")),
            (&[b"\x81\x05he", b"llo, no frame", b"\x81\x02hi"], Some(b"\x81\x02hi")),
            (&[b"\x81\x05he"], None),
            (&[b"x\x81\x02hi"], None),
            (&[b"\x81\x7f\0\0\0\0\x10\0\0\0", &many, b"\x89\x00"], Some(b"\x89\x00")),
        ];
        for (chunks, expected) in cases {
            let mut hunt = Hunt::default();
            let found = chunks.iter().filter_map(|chunk| hunt.look(chunk, false, false)).last();
            assert_eq!(found.as_deref(), expected, "{:x?}", chunks.last());
        }
    }
}
