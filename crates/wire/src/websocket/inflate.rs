//! Messages that are compressed (RFC 7692, permessage-deflate).
//!
//! Each direction is one stream that is flushed behind each message, and a message may refer to what came in earlier
//! ones. Keeping that context is right for both ways to negotiate; giving it up behind each message saves memory where
//! that is allowed, and lets a loss hit one message only.

use flate2::{Decompress, FlushDecompress, Status};

/// What the sender left out of each message's end (section 7.2.2).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
/// A context's size: its window of 32 KB and the decoder's tables.
const CONTEXT_SIZE: usize = 48 * 1024;
/// So much may be unpacked whatever was sent, and then so many bytes for each that was. Text has up to 30; what has more is
/// made to hurt.
const BOMB_ALLOWANCE: u64 = 4 * 1024 * 1024;
const BOMB_RATIO: u64 = 64;

/// One direction.
#[derive(Debug)]
pub(super) struct Inflater {
    context: Option<Decompress>,
    /// The sender starts anew with each message.
    resets: bool,
    /// The context is not known any more, for good.
    lost: bool,
    packed: u64,
    unpacked: u64,
}

/// A message that was unpacked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unpacked {
    /// Its first bytes.
    pub(super) bytes: Vec<u8>,
    /// Its whole size; `None` when it could not be unpacked to its end.
    pub(super) size: Option<u64>,
}

impl Inflater {
    pub(super) fn new(resets: bool) -> Self {
        Self { context: None, resets, lost: false, packed: 0, unpacked: 0 }
    }

    /// A direction whose earlier messages were not seen.
    pub(super) fn lose(&mut self) {
        self.lost |= !self.resets;
        self.context = None;
    }

    /// Unpacks a whole message and keeps at most so many bytes of it.
    pub(super) fn message(&mut self, packed: &[u8], keep: usize) -> Unpacked {
        let mut unpacked = Unpacked { bytes: Vec::new(), size: None };
        if self.lost {
            return unpacked;
        }
        self.packed += packed.len() as u64;
        let context = self.context.get_or_insert_with(|| Decompress::new(false));
        let allowed = BOMB_ALLOWANCE + BOMB_RATIO * self.packed;
        let mut size = 0;
        let mut ended = false;
        let whole = [packed, &TAIL].into_iter().all(|input| {
            ended
                || unpack(context, input, &mut ended, |bytes| {
                    size += bytes.len() as u64;
                    let kept = bytes.len().min(keep - unpacked.bytes.len());
                    unpacked.bytes.extend_from_slice(&bytes[..kept]);
                    self.unpacked + size <= allowed
                })
        });
        self.unpacked += size;
        if whole {
            unpacked.size = Some(size);
        }
        // A stream that says it is over (section 7.2.3.4) leaves no context that could be gone on with.
        if !whole || (ended && !self.resets) {
            self.lost = true;
        }
        if self.resets || self.lost {
            self.context = None;
        }
        unpacked
    }

    pub(super) fn held(&self) -> usize {
        if self.context.is_some() { CONTEXT_SIZE } else { 0 }
    }
}

/// Hands out what the input unpacks to; false when it is broken, or no more is `wanted`.
fn unpack(
    context: &mut Decompress,
    mut input: &[u8],
    ended: &mut bool,
    mut wanted: impl FnMut(&[u8]) -> bool,
) -> bool {
    let mut room = [0; 4096];
    loop {
        let (before, made_before) = (context.total_in(), context.total_out());
        let Ok(status) = context.decompress(input, &mut room, FlushDecompress::Sync) else { return false };
        let used = (context.total_in() - before) as usize;
        let made = (context.total_out() - made_before) as usize;
        input = &input[used..];
        if !wanted(&room[..made]) {
            return false;
        }
        if status == Status::StreamEnd {
            *ended = true;
            return true;
        }
        if made < room.len() && (input.is_empty() || used == 0) {
            return input.is_empty();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compress, Compression, FlushCompress};

    /// As a sender packs messages, the empty block's end removed.
    pub(super) fn pack(context: &mut Compress, message: &[u8]) -> Vec<u8> {
        let mut packed = Vec::with_capacity(message.len() + 1024);
        context.compress_vec(message, &mut packed, FlushCompress::Sync).unwrap();
        packed.truncate(packed.len() - TAIL.len());
        packed
    }

    fn text(unpacked: &Unpacked) -> &str {
        str::from_utf8(&unpacked.bytes).unwrap()
    }

    #[test]
    fn the_standard_s_examples_are_unpacked() {
        // Section 7.2.3: the same text in one block, by a reference to the message before, stored, and in a last block.
        let cases: [(bool, &[&[u8]]); 4] = [
            (false, &[b"\xf2\x48\xcd\xc9\xc9\x07\x00", b"\xf2\x00\x11\x00\x00"]),
            (true, &[b"\xf2\x48\xcd\xc9\xc9\x07\x00", b"\xf2\x48\xcd\xc9\xc9\x07\x00"]),
            (false, &[b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"]),
            (
                true,
                &[
                    b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00",
                    b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00",
                ],
            ),
        ];
        for (resets, messages) in cases {
            let mut inflater = Inflater::new(resets);
            for message in messages {
                let unpacked = inflater.message(message, 100);
                assert_eq!((text(&unpacked), unpacked.size), ("Hello", Some(5)), "{message:x?}");
            }
            assert_eq!(inflater.held() == 0, resets);
        }
    }

    #[test]
    fn a_lost_message_makes_the_next_ones_unreadable_only_where_they_refer_to_it() {
        for resets in [false, true] {
            let mut sender = Compress::new(Compression::best(), false);
            let mut inflater = Inflater::new(resets);
            let mut seen = Vec::new();
            for n in 0..4 {
                let packed = pack(&mut sender, b"a message like the others");
                if resets {
                    sender.reset();
                }
                if n == 1 {
                    inflater.lose();
                } else {
                    seen.push(inflater.message(&packed, 100).size);
                }
            }
            let later = resets.then_some(25);
            assert_eq!(seen, [Some(25), later, later]);
        }
    }

    #[test]
    fn a_large_message_is_cut_and_counted_and_a_bomb_is_not_unpacked() {
        let mut sender = Compress::new(Compression::best(), false);
        let mut inflater = Inflater::new(false);
        let large: Vec<u8> = (0..300_000_u32).map(|n| (n.wrapping_mul(n) >> 7) as u8).collect();
        let unpacked = inflater.message(&pack(&mut sender, &large), 1000);
        assert_eq!((unpacked.bytes.as_slice(), unpacked.size), (&large[..1000], Some(300_000)));
        let bomb = pack(&mut sender, &vec![0; 40_000_000]);
        assert!(bomb.len() < 50_000);
        assert_eq!(inflater.message(&bomb, 10).size, None);
        assert!(inflater.unpacked < 10_000_000);
        let after = pack(&mut sender, b"after");
        assert_eq!(inflater.message(&after, 10), Unpacked { bytes: Vec::new(), size: None });
    }

    #[test]
    fn garbage_is_told() {
        let mut inflater = Inflater::new(true);
        assert_eq!(inflater.message(b"\xff\xff\xff\xff", 10).size, None);
    }
}
