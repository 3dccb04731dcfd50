//! `zstd` (RFC 8878), within the window that RFC 9659 allows for content codings.
//!
//! The decoder hands out the end of a frame only once it has seen the frame's last block, so a frame that was cut is
//! given to it up to its last whole block, which is then marked as the last one.

use std::io::Read;

use ruzstd::decoding::StreamingDecoder;

use super::Plain;

/// The largest window of a content coding.
const WINDOW: u64 = 8 * 1024 * 1024;
const MAGIC: u32 = 0xfd2f_b528;
/// Frames of any other content, to be skipped, have one of sixteen magic numbers.
const SKIPPABLE: u32 = 0x184d_2a50;

/// All frames, one after the other.
pub(super) fn decode(coded: &[u8], limit: usize) -> Option<Plain> {
    let mut plain = Plain { bytes: Vec::new(), whole: false };
    let mut rest = coded;
    while !rest.is_empty() {
        let Some(magic) = number(rest, 4) else {
            return (coded.len() < 4 || rest.len() < coded.len()).then_some(Plain { whole: false, ..plain });
        };
        if magic & !0xf == SKIPPABLE {
            let size = rest.get(4..).and_then(|rest| number(rest, 4));
            let end = size.and_then(|size| usize::try_from(size).ok()?.checked_add(8));
            plain.whole = end.is_some_and(|end| end <= rest.len());
            rest = end.and_then(|end| rest.get(end..)).unwrap_or_default();
            continue;
        }
        if magic != MAGIC {
            return None;
        }
        let Some(frame) = Frame::of(rest) else { return Some(Plain { whole: false, ..plain }) };
        let room = limit.saturating_sub(plain.bytes.len());
        let before = plain.bytes.len();
        let decoder = StreamingDecoder::new_with_max_window_size(frame.bytes.as_slice(), WINDOW).ok()?;
        decoder.take(room as u64).read_to_end(&mut plain.bytes).ok()?;
        plain.whole = frame.whole && plain.bytes.len() - before < room;
        if !plain.whole {
            return Some(plain);
        }
        rest = rest.get(frame.end..).unwrap_or_default();
    }
    Some(plain)
}

/// A frame as far as its blocks are whole.
struct Frame {
    bytes: Vec<u8>,
    /// Where it ends in what it was read from.
    end: usize,
    whole: bool,
}

impl Frame {
    /// `None` when not even one block is whole.
    fn of(coded: &[u8]) -> Option<Self> {
        let descriptor = *coded.get(4)?;
        let single = descriptor & 0x20 != 0;
        let window = usize::from(!single);
        let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
        let size = match descriptor >> 6 {
            0 => usize::from(single),
            size => 1 << size,
        };
        let (mut at, mut last) = (5 + window + dictionary + size, None);
        loop {
            let header = coded.get(at..at + 3).and_then(|header| number(header, 3));
            let Some(header) = header else { break };
            // A run-length block holds one byte however long it becomes.
            let len = if header >> 1 & 3 == 1 { 1 } else { (header >> 3) as usize };
            let end = at + 3 + len;
            if end > coded.len() {
                break;
            }
            last = Some(at);
            at = end;
            if header & 1 == 1 {
                let checksum = if descriptor & 4 == 0 { 0 } else { 4 };
                let end = (at + checksum).min(coded.len());
                let whole = at + checksum <= coded.len();
                let bytes = without_checksum(coded.get(..at)?);
                return Some(Self { bytes, end, whole });
            }
        }
        let last = last?;
        let mut bytes = without_checksum(coded.get(..at)?);
        *bytes.get_mut(last)? |= 1;
        Some(Self { bytes, end: at, whole: false })
    }
}

/// The frame's checksum is not asked for: bytes that the capture lost are told by the message's quality.
fn without_checksum(frame: &[u8]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    if let Some(descriptor) = frame.get_mut(4) {
        *descriptor &= !4;
    }
    frame
}

/// The first `len` bytes, little-endian.
fn number(bytes: &[u8], len: usize) -> Option<u32> {
    let bytes = bytes.get(..len)?;
    Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte)))
}
