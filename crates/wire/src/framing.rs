//! Cuts one direction's bytes into frames whose length their head tells: what most binary protocols are made of.

use model::Timestamp;
use model::exchange::Message;

use crate::decode::Loss;

/// What the beginning of a frame tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Head {
    /// More bytes are needed to tell.
    More,
    /// So many bytes of head, then so many of payload.
    Frame { head: usize, payload: u64 },
    /// This is no frame of this protocol.
    Bad,
}

/// A whole frame.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) head: &'a [u8],
    /// The payload, or its beginning where it is larger than what is kept or some of it is lost.
    pub(crate) payload: &'a [u8],
    /// The whole payload's size, in bytes.
    pub(crate) size: u64,
    /// When its first byte was seen.
    pub(crate) first: Timestamp,
    /// Why a part of the payload is missing.
    pub(crate) loss: Option<Loss>,
}

impl Frame<'_> {
    /// Whether `payload` is all of it.
    pub(crate) fn whole(&self) -> bool {
        self.payload.len() as u64 == self.size
    }

    /// Its size with its head, in bytes.
    pub(crate) fn on_wire(&self) -> u64 {
        self.head.len() as u64 + self.size
    }

    /// It as one side's message, of which the last byte was seen now.
    pub(crate) fn message(&self, at: Timestamp) -> Message {
        Message {
            bytes: self.on_wire(),
            first: self.first,
            last: at,
            cut: self.loss.is_some(),
            complete: self.loss.is_none(),
            ..Message::default()
        }
    }
}

/// The bytes are not of this protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Broken;

/// One direction.
#[derive(Debug, Default)]
pub(crate) struct Framer {
    /// Head and payload of a frame that is not whole yet, as far as they are kept.
    held: Vec<u8>,
    first: Option<Timestamp>,
    payload: Option<Payload>,
    /// The frame in `held` has been handed out.
    spent: bool,
    lost: bool,
}

#[derive(Debug, Clone, Copy)]
struct Payload {
    head: usize,
    size: u64,
    left: u64,
    loss: Option<Loss>,
}

/// A head that is longer than this is garbage, in bytes.
const HEAD_LIMIT: usize = 64;
/// Room that is kept for the next frame, in bytes.
const ROOM: usize = 16 * 1024;

impl Framer {
    /// The next whole frame in `rest`, which moves on behind it; `None` when more bytes are needed, which are then kept.
    /// Of each payload at most `keep` bytes are kept. To be called until it gives `None`, even with no bytes left.
    pub(crate) fn next<'a, 'r: 'a>(
        &'a mut self,
        rest: &mut &'r [u8],
        at: Timestamp,
        keep: usize,
        head: impl Fn(&[u8]) -> Head,
    ) -> Result<Option<Frame<'a>>, Broken> {
        self.next_passing(rest, at, keep, head, |_, _| {})
    }

    /// As [`Self::next`]. Of a payload that is larger than what is kept, `pass` gets what was kept, and the rest piece by
    /// piece as it comes, unless some of it is lost before.
    pub(crate) fn next_passing<'a, 'r: 'a>(
        &'a mut self,
        rest: &mut &'r [u8],
        at: Timestamp,
        keep: usize,
        head: impl Fn(&[u8]) -> Head,
        mut pass: impl FnMut(&[u8], &[u8]),
    ) -> Result<Option<Frame<'a>>, Broken> {
        if std::mem::take(&mut self.spent) {
            self.restart();
        }
        if self.payload.is_none() {
            if self.held.is_empty() {
                if rest.is_empty() {
                    return Ok(None);
                }
                // A frame that is whole in these bytes is not copied.
                if let Head::Frame { head: length, payload } = head(rest)
                    && let Ok(size) = usize::try_from(payload)
                    && let Some(end) = length.checked_add(size).filter(|end| *end <= rest.len())
                {
                    let (frame, behind) = rest.split_at(end);
                    *rest = behind;
                    let (head, payload) = frame.split_at(length);
                    let (payload, more) = payload.split_at(size.min(keep));
                    if !more.is_empty() {
                        pass(payload, more);
                    }
                    return Ok(Some(Frame { head, payload, size: size as u64, first: at, loss: None }));
                }
            }
            if !self.collect_head(rest, at, head)? {
                return Ok(None);
            }
        }
        let Some(payload) = &mut self.payload else { return Ok(None) };
        let taken = usize::try_from(payload.left).unwrap_or(usize::MAX).min(rest.len());
        let (bytes, behind) = rest.split_at(taken);
        *rest = behind;
        payload.left -= taken as u64;
        if payload.loss.is_none() {
            let room = keep.saturating_sub(self.held.len() - payload.head);
            let (kept, more) = bytes.split_at(taken.min(room));
            self.held.extend_from_slice(kept);
            if !more.is_empty() {
                pass(&self.held[payload.head..], more);
            }
        }
        if payload.left > 0 {
            return Ok(None);
        }
        self.spent = true;
        let (size, loss) = (payload.size, payload.loss);
        let (head, payload) = self.held.split_at(payload.head);
        Ok(Some(Frame { head, payload, size, first: self.first.unwrap_or(at), loss }))
    }

    /// So many bytes are missing here. Inside a payload that is only a shorter payload, and [`Self::next`] goes on;
    /// elsewhere nobody knows any more where a frame begins, and [`Self::is_lost`] says so.
    pub(crate) fn lose(&mut self, bytes: u64, loss: Loss) {
        if std::mem::take(&mut self.spent) {
            self.restart();
        }
        match &mut self.payload {
            Some(payload) if bytes <= payload.left => {
                payload.left -= bytes;
                payload.loss = Some(loss);
            }
            Some(_) | None => {
                self.restart();
                self.lost = true;
            }
        }
    }

    /// Whether the place in the stream is not known. Then [`Self::next`] must not be called before [`Self::found`].
    pub(crate) fn is_lost(&self) -> bool {
        self.lost
    }

    /// A frame begins with the next byte.
    pub(crate) fn found(&mut self) {
        self.restart();
        self.lost = false;
    }

    /// Whether the next byte begins a frame.
    pub(crate) fn between_frames(&self) -> bool {
        !self.lost && (self.spent || (self.held.is_empty() && self.payload.is_none()))
    }

    pub(crate) fn held(&self) -> usize {
        self.held.capacity()
    }

    fn restart(&mut self) {
        self.held.clear();
        self.held.shrink_to(ROOM);
        self.payload = None;
        self.first = None;
    }

    /// Whether the head is whole.
    fn collect_head(
        &mut self,
        rest: &mut &[u8],
        at: Timestamp,
        head: impl Fn(&[u8]) -> Head,
    ) -> Result<bool, Broken> {
        self.first.get_or_insert(at);
        let known = self.held.len();
        let more = rest.len().min(HEAD_LIMIT - known.min(HEAD_LIMIT));
        self.held.extend_from_slice(&rest[..more]);
        match head(&self.held) {
            Head::Frame { head: length, payload } if length <= self.held.len() && length >= known => {
                self.held.truncate(length);
                *rest = &rest[length - known..];
                self.payload = Some(Payload { head: length, size: payload, left: payload, loss: None });
                Ok(true)
            }
            Head::More if self.held.len() < HEAD_LIMIT => {
                *rest = &rest[more..];
                Ok(false)
            }
            Head::Frame { .. } | Head::More | Head::Bad => Err(Broken),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One byte of length, then so many bytes; 255 is no length.
    fn head(bytes: &[u8]) -> Head {
        match bytes.first() {
            None => Head::More,
            Some(255) => Head::Bad,
            Some(length) => Head::Frame { head: 1, payload: u64::from(*length) },
        }
    }

    fn frames(framer: &mut Framer, bytes: &[u8], size: usize, keep: usize) -> Result<Vec<String>, Broken> {
        let mut found = Vec::new();
        for chunk in bytes.chunks(size.max(1)) {
            let mut rest = chunk;
            while let Some(frame) = framer.next(&mut rest, Timestamp(0), keep, head)? {
                found.push(format!("{}/{}", String::from_utf8_lossy(frame.payload), frame.size));
            }
        }
        Ok(found)
    }

    #[test]
    fn frames_are_the_same_however_they_are_cut() {
        let bytes = b"\x03abc\x00\x05hello\x01x";
        for size in 1..=bytes.len() {
            let whole = frames(&mut Framer::default(), bytes, size, 100).unwrap();
            assert_eq!(whole, ["abc/3", "/0", "hello/5", "x/1"], "by {size}");
            let short = frames(&mut Framer::default(), bytes, size, 2).unwrap();
            assert_eq!(short, ["ab/3", "/0", "he/5", "x/1"], "by {size}");
        }
    }

    #[test]
    fn what_is_not_kept_of_a_payload_is_passed_on() {
        let bytes = b"\x03abc\x05hello\x01x";
        for size in 1..=bytes.len() {
            let mut framer = Framer::default();
            let mut passed = String::new();
            for chunk in bytes.chunks(size) {
                let mut rest = chunk;
                let mut pass = |kept: &[u8], more: &[u8]| {
                    assert!(kept == b"ab" || kept == b"he", "{kept:?}");
                    passed.push_str(&String::from_utf8_lossy(more));
                };
                while framer.next_passing(&mut rest, Timestamp(0), 2, head, &mut pass).unwrap().is_some() {}
            }
            assert_eq!(passed, "cllo", "by {size}");
        }
    }

    #[test]
    fn what_is_no_frame_is_told() {
        assert_eq!(frames(&mut Framer::default(), b"\x01a\xffb", 1, 9), Err(Broken));
    }

    #[test]
    fn a_loss_inside_a_payload_keeps_the_place_and_another_does_not() {
        let mut framer = Framer::default();
        assert!(frames(&mut framer, b"\x06ab", 9, 100).unwrap().is_empty());
        framer.lose(3, Loss::Lost);
        assert!(!framer.is_lost() && !framer.between_frames());
        assert_eq!(frames(&mut framer, b"f\x01x", 9, 100).unwrap(), ["ab/6", "x/1"]);
        assert!(framer.between_frames());
        frames(&mut framer, b"\x02a", 9, 100).unwrap();
        framer.lose(1, Loss::Cut);
        let mut rest: &[u8] = b"";
        let frame = framer.next(&mut rest, Timestamp(0), 100, head).unwrap().unwrap();
        assert_eq!(
            (frame.payload, frame.size, frame.loss, frame.whole()),
            (&b"a"[..], 2, Some(Loss::Cut), false)
        );
        framer.lose(4, Loss::Lost);
        assert!(framer.is_lost());
        framer.found();
        assert_eq!(frames(&mut framer, b"\x01y", 9, 100).unwrap(), ["y/1"]);
    }
}
