//! NATS: the protocol between a client and a server (the documentation's "Client Protocol"), both directions of one
//! connection.
//!
//! `frames` cuts bytes into lines and payloads, `ops` reads the lines, `calls` makes exchanges of them: a message that is
//! published, one that is delivered, and where one of them names a subject to answer to, with that answer.

mod calls;
mod detect;
mod frames;
mod json;
mod ops;
mod payload;
mod replies;
mod subjects;

use model::Timestamp;
use model::exchange::Ending;

use crate::decode::{Decode, Dir, Env, Loss, Verdict};
use crate::hunt::Hunt;
use calls::{Calls, Part};
use frames::{Broken, Follows, Frames};
use ops::Op;

pub(crate) use detect::recognise;

pub(crate) fn decoder() -> Box<dyn Decode> {
    Box::new(Nats {
        frames: Default::default(),
        hunts: [Hunt::new(detect::begins_request), Hunt::new(detect::begins_delivery)],
        calls: Calls::default(),
        now: Timestamp(0),
    })
}

/// The decoder of one connection.
#[derive(Debug)]
struct Nats {
    /// By [`Dir`].
    frames: [Frames; 2],
    /// For a direction whose place in the stream is not known.
    hunts: [Hunt; 2],
    calls: Calls,
    now: Timestamp,
}

impl Decode for Nats {
    fn data(&mut self, dir: Dir, bytes: &[u8], env: &mut Env<'_, '_>) -> Verdict {
        self.now = env.at;
        let mut rest = bytes;
        loop {
            if self.frames[dir as usize].is_lost() {
                let Some(found) = self.hunts[dir as usize].look(rest) else { return Verdict::Mine };
                self.frames[dir as usize].found();
                rest = &rest[found.at..];
                // These are less than a line.
                let mut before = &found.before[..];
                while let Ok(true) = self.next(dir, &mut before, env) {}
            }
            match self.next(dir, &mut rest, env) {
                Ok(true) => {}
                Ok(false) => return Verdict::Mine,
                Err(Broken) if !env.ledger.any() => return Verdict::NotMine,
                // What comes is no line. A connection that had some is listened to until the next one.
                Err(Broken) => {
                    self.frames[dir as usize].lost();
                    self.calls.lost(None, env);
                    return Verdict::Mine;
                }
            }
        }
    }

    fn gap(&mut self, dir: Dir, bytes: u64, loss: Loss, env: &mut Env<'_, '_>) {
        self.now = env.at;
        self.hunts[dir as usize].forget();
        let frames = &mut self.frames[dir as usize];
        if !frames.is_lost() && frames.lose(bytes, loss, env.cx.limits.body) {
            // A payload whose end was lost may be whole now. The line before it was one of this protocol.
            self.data(dir, b"", env);
            return;
        }
        if let Some(mut frame) = frames.unfinished() {
            frame.loss = Some(loss);
            if let Some(op) = ops::read(dir, frame.line) {
                self.calls.on(&Part { op, frame: &frame, at: env.at }, env);
            }
        }
        self.calls.lost(Some(loss), env);
    }

    fn close(&mut self, dir: Dir, env: &mut Env<'_, '_>) {
        // Either side answers the other: what one has sent last may still be answered.
        self.unfinished(dir, env);
    }

    fn end(&mut self, ending: Ending, env: &mut Env<'_, '_>) {
        self.unfinished(Dir::ToServer, env);
        self.unfinished(Dir::ToClient, env);
        self.calls.end(ending, env);
    }

    fn held(&self) -> usize {
        let frames: usize = self.frames.iter().map(Frames::held).sum();
        let hunts: usize = self.hunts.iter().map(Hunt::held).sum();
        frames + hunts + self.calls.held()
    }
}

impl Nats {
    /// Takes the next line and its payload, if they are whole.
    fn next(&mut self, dir: Dir, rest: &mut &[u8], env: &mut Env<'_, '_>) -> Result<bool, Broken> {
        let keep = env.cx.limits.body + payload::HEADERS_LIMIT;
        let follows = |line: &[u8]| match ops::read(dir, line) {
            Some(Op::Publish(message) | Op::Deliver(_, message)) => Follows::Payload(message.size),
            Some(_) => Follows::Nothing,
            None => Follows::Bad,
        };
        let Some(frame) = self.frames[dir as usize].next(rest, env.at, keep, follows)? else {
            return Ok(false);
        };
        let op = ops::read(dir, frame.line).ok_or(Broken)?;
        self.calls.on(&Part { op, frame: &frame, at: env.at }, env);
        Ok(true)
    }

    /// No more comes in this direction: what was seen of a message is told.
    fn unfinished(&mut self, dir: Dir, env: &mut Env<'_, '_>) {
        if let Some(frame) = self.frames[dir as usize].unfinished()
            && let Some(op) = ops::read(dir, frame.line)
        {
            env.at = self.now;
            self.calls.on(&Part { op, frame: &frame, at: env.at }, env);
        }
    }
}
