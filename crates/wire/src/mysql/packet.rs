//! Packets: three bytes of length, one of sequence. A payload of 16 MiB and more comes in several frames.

use model::Timestamp;

use crate::decode::Loss;
use crate::framing::{Frame, Head};

/// Bytes before a payload.
pub(super) const HEAD: u64 = 4;
/// The length of a frame that another one continues.
pub(super) const FULL: u64 = 0xff_ffff;
/// Room that is kept for the next packet that is joined, in bytes.
const ROOM: usize = 16 * 1024;

pub(super) fn head(bytes: &[u8]) -> Head {
    match bytes {
        [a, b, c, _, ..] => Head::Frame { head: 4, payload: u64::from(u32::from_le_bytes([*a, *b, *c, 0])) },
        _ => Head::More,
    }
}

/// One packet, joined of its frames.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packet<'a> {
    /// The sequence number of its last frame.
    pub(super) seq: u8,
    /// How many frames it came in.
    pub(super) frames: u64,
    /// The payload, or its beginning.
    pub(super) payload: &'a [u8],
    /// The whole payload's size, in bytes.
    pub(super) size: u64,
    pub(super) first: Timestamp,
    pub(super) loss: Option<Loss>,
}

impl Packet<'_> {
    /// Its size with the heads of its frames.
    pub(super) fn on_wire(&self) -> u64 {
        self.size + HEAD * self.frames
    }

    pub(super) fn whole(&self) -> bool {
        self.payload.len() as u64 == self.size
    }

    /// Whether it begins a command or an answer: no other came before it.
    pub(super) fn opens(&self, seq: u8) -> bool {
        u64::from(self.seq.wrapping_sub(seq)) == (self.frames - 1) % 256
    }
}

#[derive(Debug)]
struct Begun {
    frames: u64,
    size: u64,
    first: Timestamp,
    loss: Option<Loss>,
}

/// Joins the frames of one direction.
#[derive(Debug, Default)]
pub(super) struct Joiner {
    held: Vec<u8>,
    begun: Option<Begun>,
}

impl Joiner {
    /// The packet that a frame ends; `None` when more frames follow.
    pub(super) fn join<'a>(&'a mut self, frame: &Frame<'a>, keep: usize) -> Option<Packet<'a>> {
        let seq = frame.head.get(3).copied().unwrap_or_default();
        if self.begun.is_none() {
            self.clear();
            if frame.size != FULL {
                let Frame { payload, size, first, loss, .. } = *frame;
                return Some(Packet { seq, frames: 1, payload, size, first, loss });
            }
        }
        let begun = self.begun.get_or_insert(Begun { frames: 0, size: 0, first: frame.first, loss: None });
        begun.frames += 1;
        begun.size += frame.size;
        if begun.loss.is_none() {
            let room = keep.saturating_sub(self.held.len()).min(frame.payload.len());
            self.held.extend_from_slice(&frame.payload[..room]);
        }
        begun.loss = begun.loss.or(frame.loss);
        if frame.size == FULL {
            return None;
        }
        let Begun { frames, size, first, loss } = self.begun.take()?;
        Some(Packet { seq, frames, payload: &self.held, size, first, loss })
    }

    /// The packet that was begun will not be ended.
    pub(super) fn restart(&mut self) {
        self.begun = None;
        self.clear();
    }

    pub(super) fn held(&self) -> usize {
        self.held.capacity()
    }

    fn clear(&mut self) {
        self.held.clear();
        self.held.shrink_to(ROOM);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framing::Framer;

    #[test]
    fn frames_of_full_length_are_joined_and_an_empty_one_may_end_them() {
        let frame = |seq: u8, size: usize| {
            [&(size as u32).to_le_bytes()[..3], &[seq], &vec![b'a' + seq; size][..]].concat()
        };
        let full = FULL as usize;
        let bytes = [frame(0, 3), frame(1, full), frame(2, full), frame(3, 0), frame(0, 1)].concat();
        let (mut framer, mut joiner) = (Framer::default(), Joiner::default());
        let mut found = Vec::new();
        for mut rest in bytes.chunks(1 << 20) {
            while let Some(frame) = framer.next(&mut rest, Timestamp(0), 100, head).unwrap() {
                if let Some(packet) = joiner.join(&frame, 100) {
                    found.push((packet.seq, packet.frames, packet.payload.len(), packet.on_wire()));
                }
            }
        }
        assert_eq!(found, [(0, 1, 3, 7), (3, 3, 100, 2 * FULL + 12), (0, 1, 1, 5)]);
        assert!(joiner.held() <= ROOM && framer.held() <= ROOM);
    }
}
