//! Cuts one direction's bytes into lines, and the payloads that follow some of them.

use model::Timestamp;

use crate::decode::Loss;

/// What a server tells of itself is the longest line, in bytes; with many other servers' addresses it can be long.
const LINE_LIMIT: usize = 64 * 1024;

/// A line without its end, and the payload behind it.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    pub(super) line: &'a [u8],
    /// The payload, or its beginning.
    pub(super) payload: &'a [u8],
    /// All bytes on the wire.
    pub(super) size: u64,
    /// When the first one was seen.
    pub(super) first: Timestamp,
    /// Why a part of the payload is missing.
    pub(super) loss: Option<Loss>,
    /// Whether it was seen to its end.
    pub(super) complete: bool,
}

/// The bytes are not of this protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Broken;

/// What a line says of what follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Follows {
    Nothing,
    /// So many bytes, and a line's end.
    Payload(u64),
    /// It is no line of this protocol.
    Bad,
}

/// One direction.
#[derive(Debug, Default)]
pub(super) struct Frames {
    line: Vec<u8>,
    payload: Vec<u8>,
    /// What is still to come of the payload, with its line's end.
    left: Option<u64>,
    size: u64,
    first: Option<Timestamp>,
    loss: Option<Loss>,
    /// A part of the payload is missing, behind what is kept.
    torn: bool,
    /// The frame was handed out.
    spent: bool,
    lost: bool,
}

impl Frames {
    /// The next frame in `rest`, which moves on behind it; `None` when more bytes are needed. At most `keep` bytes of a
    /// payload are kept. To be called until it gives `None`, even with no bytes left.
    pub(super) fn next(
        &mut self,
        rest: &mut &[u8],
        at: Timestamp,
        keep: usize,
        follows: impl Fn(&[u8]) -> Follows,
    ) -> Result<Option<Frame<'_>>, Broken> {
        if self.spent {
            self.found();
        }
        if self.left.is_none() {
            if rest.is_empty() || !self.read_line(rest, at)? {
                return Ok(None);
            }
            match follows(&self.line) {
                Follows::Nothing => self.left = Some(0),
                Follows::Payload(size) => self.left = Some(size.saturating_add(2)),
                Follows::Bad => return Err(Broken),
            }
        }
        let left = self.read_payload(rest, keep)?;
        if left > 0 {
            return Ok(None);
        }
        self.spent = true;
        Ok(Some(self.frame(at, true)))
    }

    /// So many bytes are missing here, where `needed` bytes of a payload are shown. Inside a payload it only becomes
    /// shorter, and [`Self::next`] goes on; elsewhere nobody knows any more where a line begins, and this says false.
    pub(super) fn lose(&mut self, bytes: u64, loss: Loss, needed: usize) -> bool {
        if self.spent {
            self.found();
        }
        match &mut self.left {
            Some(left) if bytes <= *left && !self.lost => {
                *left -= bytes;
                self.size += bytes;
                self.torn = true;
                // What would not have been kept is not missed.
                if loss == Loss::Lost || self.payload.len() < needed {
                    self.loss = Some(loss);
                }
                true
            }
            Some(_) | None => {
                self.lost = true;
                false
            }
        }
    }

    /// The frame whose line is whole and whose payload will not be seen any further.
    pub(super) fn unfinished(&mut self) -> Option<Frame<'_>> {
        (self.left.is_some() && !std::mem::replace(&mut self.spent, true))
            .then(|| self.frame(Timestamp(0), false))
    }

    /// The place in the stream is not known any more.
    pub(super) fn lost(&mut self) {
        self.lost = true;
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lost
    }

    /// A line begins with the next byte.
    pub(super) fn found(&mut self) {
        self.line.clear();
        self.payload.clear();
        self.line.shrink_to(4096);
        self.payload.shrink_to(16 * 1024);
        let (line, payload) = (std::mem::take(&mut self.line), std::mem::take(&mut self.payload));
        *self = Self { line, payload, ..Self::default() };
    }

    pub(super) fn held(&self) -> usize {
        self.line.capacity() + self.payload.capacity()
    }

    fn frame(&self, at: Timestamp, complete: bool) -> Frame<'_> {
        Frame {
            line: &self.line,
            payload: &self.payload,
            size: self.size,
            first: self.first.unwrap_or(at),
            loss: self.loss,
            complete,
        }
    }

    /// Whether the line is whole. Empty lines, which servers and clients pass over, are none.
    fn read_line(&mut self, rest: &mut &[u8], at: Timestamp) -> Result<bool, Broken> {
        loop {
            let end = rest.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(rest.len(), |end| end + 1);
            if taken == 0 {
                return Ok(false);
            }
            if self.line.len() + taken > LINE_LIMIT {
                return Err(Broken);
            }
            self.first.get_or_insert(at);
            self.line.extend_from_slice(&rest[..taken]);
            self.size += taken as u64;
            *rest = &rest[taken..];
            if end.is_none() {
                return Ok(false);
            }
            self.line.pop();
            if self.line.last() == Some(&b'\r') {
                self.line.pop();
            }
            if !self.line.is_empty() {
                return Ok(true);
            }
            self.first = None;
            self.size = 0;
        }
    }

    /// Takes what there is of the payload and says how much is still to come.
    fn read_payload(&mut self, rest: &mut &[u8], keep: usize) -> Result<u64, Broken> {
        let Some(left) = &mut self.left else { return Ok(0) };
        let content = (*left).saturating_sub(2).min(rest.len() as u64) as usize;
        if !self.torn {
            let room = keep.saturating_sub(self.payload.len()).min(content);
            self.payload.extend_from_slice(&rest[..room]);
        }
        let mut taken = content;
        *left -= content as u64;
        while let (1 | 2, Some(byte)) = (*left, rest.get(taken)) {
            if *byte != if *left == 2 { b'\r' } else { b'\n' } {
                return Err(Broken);
            }
            *left -= 1;
            taken += 1;
        }
        self.size += taken as u64;
        *rest = &rest[taken..];
        Ok(*left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `P 3` is followed by three bytes, `L` by nothing.
    fn follows(line: &[u8]) -> Follows {
        match line {
            b"L" => Follows::Nothing,
            [b'P', b' ', size] => Follows::Payload(u64::from(size - b'0')),
            _ => Follows::Bad,
        }
    }

    fn read(frames: &mut Frames, bytes: &[u8], size: usize, keep: usize) -> Result<Vec<String>, Broken> {
        let mut found = Vec::new();
        for chunk in bytes.chunks(size.max(1)) {
            let mut rest = chunk;
            while let Some(frame) = frames.next(&mut rest, Timestamp(0), keep, follows)? {
                let (line, payload) =
                    (String::from_utf8_lossy(frame.line), String::from_utf8_lossy(frame.payload));
                found.push(format!("{line}:{payload}/{}", frame.size));
            }
        }
        Ok(found)
    }

    #[test]
    fn frames_are_the_same_however_they_are_cut() {
        let bytes = b"P 3\r\na\r\n\r\n\r\nL\nP 0\r\n\r\nP 8\r\n12345678\r\n";
        for size in 1..=bytes.len() {
            let whole = read(&mut Frames::default(), bytes, size, 100).unwrap();
            assert_eq!(whole, ["P 3:a\r\n/10", "L:/2", "P 0:/7", "P 8:12345678/15"], "by {size}");
            let short = read(&mut Frames::default(), bytes, size, 2).unwrap();
            assert_eq!(short, ["P 3:a\r/10", "L:/2", "P 0:/7", "P 8:12/15"], "by {size}");
        }
    }

    #[test]
    fn what_is_no_frame_is_told() {
        for bytes in [&b"X\r\n"[..], b"P 2\r\nabcd"] {
            for size in [1, bytes.len()] {
                assert_eq!(read(&mut Frames::default(), bytes, size, 9), Err(Broken));
            }
        }
        assert_eq!(read(&mut Frames::default(), &vec![b'L'; LINE_LIMIT + 1], 1000, 9), Err(Broken));
    }

    #[test]
    fn a_loss_inside_a_payload_keeps_the_place_and_another_does_not() {
        let mut frames = Frames::default();
        assert!(read(&mut frames, b"P 8\r\n12", 9, 100).unwrap().is_empty());
        assert!(frames.lose(4, Loss::Lost, 100));
        assert_eq!(read(&mut frames, b"78\r\nL\r\n", 9, 100).unwrap(), ["P 8:12/15", "L:/3"]);
        read(&mut frames, b"P 8\r\n12", 9, 100).unwrap();
        assert!(!frames.lose(100, Loss::Cut, 100) && frames.is_lost());
        let frame = frames.unfinished().unwrap();
        assert_eq!((frame.line, frame.payload, frame.complete), (&b"P 8"[..], &b"12"[..], false));
        assert!(frames.unfinished().is_none());
        frames.found();
        assert_eq!(read(&mut frames, b"L\r\n", 9, 100).unwrap(), ["L:/3"]);
    }
}
