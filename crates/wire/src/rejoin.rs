//! Decodes what is made of frames, and looks for the next frame in bytes that begin anywhere: after a loss, where a
//! frame's length tells nothing any more.

use std::borrow::Cow;

use model::Timestamp;
use model::exchange::{Ending, Quality};

use crate::decode::{Decode, Dir, Env, Loss, Verdict};
use crate::framing::{Broken, Frame, Framer, Head};
use crate::limits::Limits;

/// How much of a frame that is not whole is waited for, in bytes.
const TAIL_LIMIT: usize = 4096;

/// What a protocol makes of its frames.
pub(crate) trait Framed: std::fmt::Debug {
    /// What the beginning of a frame tells.
    fn head(bytes: &[u8]) -> Head;

    /// How many bytes of a frame's payload are looked at.
    fn keep(limits: &Limits) -> usize;

    /// Where in bytes that begin anywhere a frame begins beyond doubt; else how many of them are of no use.
    fn find(&self, dir: Dir, bytes: &[u8]) -> Result<usize, usize>;

    /// Takes a frame; an error when it cannot be one.
    fn frame(&mut self, dir: Dir, frame: &Frame<'_>, env: &mut Env<'_, '_>) -> Result<(), Broken>;

    /// Takes bytes of a payload that is larger than what is kept, behind what was kept of it. Its frame comes after them.
    fn passes(&mut self, _: Dir, _kept: &[u8], _more: &[u8]) {}

    /// Frames of one direction are missing.
    fn lost(&mut self, dir: Dir, quality: Quality, env: &mut Env<'_, '_>);

    /// Nobody answers any more.
    fn server_closed(&mut self, env: &mut Env<'_, '_>) {
        self.end(Ending::Closed, env);
    }

    /// As [`Decode::end`].
    fn end(&mut self, ending: Ending, env: &mut Env<'_, '_>);

    /// As [`Decode::wake`].
    fn wake(&mut self, _: &mut Env<'_, '_>) {}

    /// As [`Decode::due`].
    fn due(&self) -> Option<Timestamp> {
        None
    }

    /// As [`Decode::held`].
    fn held(&self) -> usize;
}

/// The decoder of one connection of frames.
#[derive(Debug, Default)]
pub(crate) struct Frames<C> {
    sides: [Side; 2],
    calls: C,
}

#[derive(Debug, Default)]
struct Side {
    framer: Framer,
    hunt: Hunt,
}

impl<C: Framed> Frames<C> {
    /// Takes whole frames, as many as there are.
    fn take(&mut self, dir: Dir, input: &mut Input<'_>, env: &mut Env<'_, '_>) -> Result<(), Broken> {
        let keep = C::keep(env.cx.limits);
        let framer = &mut self.sides[dir as usize].framer;
        let mut rest = input.rest();
        let result = loop {
            let pass = |kept: &[u8], more: &[u8]| self.calls.passes(dir, kept, more);
            match framer.next_passing(&mut rest, env.at, keep, C::head, pass) {
                Err(broken) => break Err(broken),
                Ok(None) => break Ok(()),
                Ok(Some(frame)) => {
                    if let Err(broken) = self.calls.frame(dir, &frame, env) {
                        break Err(broken);
                    }
                }
            }
        };
        let left = rest.len();
        input.keep_last(left);
        result
    }

    /// The place in the stream is not known any more.
    fn lose(&mut self, dir: Dir, loss: Loss, env: &mut Env<'_, '_>) {
        self.sides[dir as usize].framer.lose(u64::MAX, loss);
        self.calls.lost(dir, loss.quality(), env);
    }
}

impl<C: Framed> Decode for Frames<C> {
    fn data(&mut self, dir: Dir, bytes: &[u8], env: &mut Env<'_, '_>) -> Verdict {
        let mut input = Input::new(bytes);
        loop {
            let side = &mut self.sides[dir as usize];
            if side.framer.is_lost() {
                if !side.hunt.look(&mut input, |bytes| self.calls.find(dir, bytes)) {
                    return Verdict::Mine;
                }
                side.framer.found();
            }
            if self.take(dir, &mut input, env).is_ok() {
                return Verdict::Mine;
            }
            if !env.ledger.any() {
                return Verdict::NotMine;
            }
            // Nobody knows why: the bytes were mistaken for frames after a loss, or they are none.
            self.lose(dir, Loss::Lost, env);
        }
    }

    fn gap(&mut self, dir: Dir, bytes: u64, loss: Loss, env: &mut Env<'_, '_>) {
        let side = &mut self.sides[dir as usize];
        side.hunt.forget();
        side.framer.lose(bytes, loss);
        let ended = side.framer.is_lost() || self.take(dir, &mut Input::new(&[]), env).is_err();
        if ended {
            self.lose(dir, loss, env);
        }
    }

    fn close(&mut self, dir: Dir, env: &mut Env<'_, '_>) {
        // A client that has ended may still be answered.
        if dir == Dir::ToClient {
            self.calls.server_closed(env);
        }
    }

    fn end(&mut self, ending: Ending, env: &mut Env<'_, '_>) {
        self.calls.end(ending, env);
    }

    fn wake(&mut self, env: &mut Env<'_, '_>) {
        self.calls.wake(env);
    }

    fn due(&self) -> Option<Timestamp> {
        self.calls.due()
    }

    fn held(&self) -> usize {
        self.calls.held() + self.sides.iter().map(|side| side.framer.held() + side.hunt.held()).sum::<usize>()
    }
}

/// Bytes that are being read.
#[derive(Debug)]
struct Input<'a> {
    bytes: Cow<'a, [u8]>,
    read: usize,
}

impl<'a> Input<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes: Cow::Borrowed(bytes), read: 0 }
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.read..]
    }

    /// All but the last bytes have been read.
    fn keep_last(&mut self, bytes: usize) {
        self.read = self.bytes.len() - bytes;
    }
}

/// Bytes that may be the beginning of a frame.
#[derive(Debug, Default)]
struct Hunt {
    tail: Vec<u8>,
}

impl Hunt {
    /// Whether there is a frame, with which the input then goes on. `find` says where in bytes the first one begins that
    /// is beyond doubt, else how many of them are of no more use.
    fn look(&mut self, input: &mut Input<'_>, find: impl Fn(&[u8]) -> Result<usize, usize>) -> bool {
        if !self.tail.is_empty() {
            let mut joined = std::mem::take(&mut self.tail);
            joined.extend_from_slice(input.rest());
            *input = Input { bytes: Cow::Owned(joined), read: 0 };
        }
        match find(input.rest()) {
            Ok(start) => {
                input.read += start;
                true
            }
            Err(of_no_use) => {
                let rest = &input.rest()[of_no_use..];
                self.tail.extend_from_slice(&rest[rest.len().saturating_sub(TAIL_LIMIT)..]);
                false
            }
        }
    }

    /// What comes next does not follow what came last.
    fn forget(&mut self) {
        self.tail.clear();
    }

    fn held(&self) -> usize {
        self.tail.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame begins with `<` and is beyond doubt with the `>` behind it.
    fn find(bytes: &[u8]) -> Result<usize, usize> {
        let start = bytes.iter().position(|b| *b == b'<').ok_or(bytes.len())?;
        if bytes[start..].contains(&b'>') { Ok(start) } else { Err(start) }
    }

    #[test]
    fn a_frame_is_found_however_the_bytes_are_cut() {
        let bytes = b"some body <frame> and more";
        for size in 1..=bytes.len() {
            let mut hunt = Hunt::default();
            let mut found = None;
            let mut seen = 0;
            for chunk in bytes.chunks(size) {
                let mut input = Input::new(chunk);
                seen += chunk.len();
                if hunt.look(&mut input, find) {
                    found = Some(seen - input.rest().len());
                    break;
                }
            }
            assert_eq!(found, Some(10), "by {size}");
        }
    }

    #[test]
    fn a_long_hunt_holds_little() {
        let mut hunt = Hunt::default();
        for _ in 0..100 {
            assert!(!hunt.look(&mut Input::new(&b"<<<<<<<<<<".repeat(200)), find));
            assert!(hunt.held() <= 4 * TAIL_LIMIT, "{}", hunt.held());
        }
    }
}
