//! One direction: frames put together to messages.

use model::Timestamp;

use super::frame::{self, FrameHead, Kind};
use super::hunt::Hunt;
use super::inflate::Inflater;
use crate::decode::{Dir, Loss};
use crate::framing::{Broken, Frame, Framer};
use crate::limits::Limits;

/// A close frame's payload is kept whatever the limit on bodies, since its code is no body.
const CONTROL_LIMIT: usize = 125;

#[derive(Debug)]
pub(super) struct Side {
    dir: Dir,
    framer: Framer,
    hunt: Hunt,
    messages: Messages,
}

#[derive(Debug, Default)]
struct Messages {
    /// Messages may be compressed.
    inflater: Option<Inflater>,
    unfinished: Option<Unfinished>,
}

/// A message whose last frame has not come.
#[derive(Debug)]
struct Unfinished {
    kind: Kind,
    packed: bool,
    bytes: Vec<u8>,
    size: u64,
    /// `bytes` are all that came so far.
    whole: bool,
}

/// What came.
#[derive(Debug)]
pub(super) struct Came {
    /// When its first byte was seen.
    pub(super) first: Timestamp,
    /// Bytes of payload on the wire.
    pub(super) wire: u64,
    pub(super) message: Option<Message>,
}

/// A message: its first bytes, readable, and its whole size.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) kind: Kind,
    pub(super) bytes: Vec<u8>,
    pub(super) size: u64,
}

impl Side {
    pub(super) fn new(dir: Dir, inflater: Option<Inflater>) -> Self {
        let messages = Messages { inflater, unfinished: None };
        Self { dir, framer: Framer::default(), hunt: Hunt::default(), messages }
    }

    /// What was agreed, and what came before, is not known.
    pub(super) fn unknown(dir: Dir) -> Self {
        let mut inflater = Inflater::new(false);
        inflater.lose();
        let mut side = Self::new(dir, Some(inflater));
        side.framer.lose(0, Loss::Lost);
        side
    }

    pub(super) fn data(&mut self, at: Timestamp, bytes: &[u8], limits: &Limits, tell: &mut impl FnMut(Came)) {
        let packs = self.messages.inflater.is_some();
        let found;
        let mut rest = bytes;
        if self.framer.is_lost() {
            let waiting = self.hunt.waiting() as u64;
            let Some(frames) = self.hunt.look(bytes, self.dir == Dir::ToServer, packs) else {
                let passed = waiting + bytes.len() as u64 - self.hunt.waiting() as u64;
                return tell(Came { first: at, wire: passed, message: None });
            };
            found = frames;
            self.framer.found();
            rest = &found;
        }
        let keep = limits.body.max(if packs { limits.flow_buffer / 4 } else { CONTROL_LIMIT });
        loop {
            let before = rest.len();
            match self.framer.next(&mut rest, at, keep, |bytes| frame::measure(bytes, packs)) {
                Ok(None) => return,
                Ok(Some(frame)) => self.messages.frame(&frame, keep, limits.body, tell),
                Err(Broken) => {
                    self.framer.lose(0, Loss::Lost);
                    self.messages.lose(at, limits.body, tell);
                    return tell(Came { first: at, wire: before as u64, message: None });
                }
            }
        }
    }

    /// So many bytes are missing here.
    pub(super) fn gap(
        &mut self,
        at: Timestamp,
        bytes: u64,
        loss: Loss,
        limits: &Limits,
        tell: &mut impl FnMut(Came),
    ) {
        let was_lost = self.framer.is_lost();
        let passed = self.hunt.waiting() as u64;
        self.hunt.forget();
        self.framer.lose(bytes, loss);
        if self.framer.is_lost() {
            tell(Came { first: at, wire: passed + bytes, message: None });
            if !was_lost {
                self.messages.lose(at, limits.body, tell);
            }
        }
    }

    pub(super) fn held(&self) -> usize {
        self.framer.held()
            + self.hunt.waiting()
            + self.messages.inflater.as_ref().map_or(0, Inflater::held)
            + self.messages.unfinished.as_ref().map_or(0, |message| message.bytes.capacity())
    }
}

impl Messages {
    /// Takes a frame, of which so many bytes were kept; of a message at most `body` are.
    fn frame(&mut self, frame: &Frame<'_>, kept: usize, body: usize, tell: &mut impl FnMut(Came)) {
        let Some(head) = FrameHead::read(frame.head) else { return };
        let mut bytes = frame.payload.to_vec();
        if let Some(key) = head.key {
            frame::unmask(&mut bytes, key);
        }
        let message = if head.kind.is_control() {
            Some(Message { kind: head.kind, bytes, size: frame.size })
        } else {
            if head.kind != Kind::Continuation {
                // Nobody can read a message that another one cuts short.
                self.lose_unfinished(frame.first, body, tell);
            }
            let packs = self.inflater.is_some();
            let message = self.unfinished.get_or_insert_with(|| match head.kind {
                // Its beginning is lost, which says whether it is compressed.
                Kind::Continuation => Unfinished::new(head.kind, packs, false),
                kind => Unfinished::new(kind, head.packed, true),
            });
            message.extend(&bytes, frame.size, if message.packed { kept } else { body });
            if head.fin { self.finish(body) } else { None }
        };
        tell(Came { first: frame.first, wire: frame.size, message });
    }

    fn finish(&mut self, body: usize) -> Option<Message> {
        let Unfinished { kind, packed, bytes, size, whole } = self.unfinished.take()?;
        let Some(inflater) = self.inflater.as_mut().filter(|_| packed) else {
            return Some(Message { kind, bytes, size });
        };
        if !whole {
            inflater.lose();
            return Some(Message { kind, bytes: Vec::new(), size });
        }
        let unpacked = inflater.message(&bytes, body);
        Some(Message { kind, bytes: unpacked.bytes, size: unpacked.size.unwrap_or(size) })
    }

    fn lose_unfinished(&mut self, at: Timestamp, body: usize, tell: &mut impl FnMut(Came)) {
        if let Some(message) = &mut self.unfinished {
            message.whole = false;
            let message = self.finish(body);
            tell(Came { first: at, wire: 0, message });
        }
    }

    fn lose(&mut self, at: Timestamp, body: usize, tell: &mut impl FnMut(Came)) {
        self.lose_unfinished(at, body, tell);
        if let Some(inflater) = &mut self.inflater {
            inflater.lose();
        }
    }
}

impl Unfinished {
    fn new(kind: Kind, packed: bool, whole: bool) -> Self {
        Self { kind, packed, bytes: Vec::new(), size: 0, whole }
    }

    /// Adds a frame's bytes, as far as they are there, and not behind missing ones.
    fn extend(&mut self, bytes: &[u8], size: u64, limit: usize) {
        self.size += size;
        if self.whole {
            let room = limit.saturating_sub(self.bytes.len());
            self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
            self.whole = self.bytes.len() as u64 == self.size;
        }
    }
}
