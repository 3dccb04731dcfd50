//! AMQP 0-9-1 (with `RabbitMQ`'s extensions), both directions of one connection.
//!
//! `frame` cuts bytes into frames and finds the next one after a loss, `spec` knows the methods. `calls` makes exchanges
//! of what both sides say on each channel: `connect` of the handshake, `requests` of methods that are answered by a
//! method, `publish` and `deliver` of messages on their way to the broker and from it. What becomes what is told in
//! `docs/protocols/amqp.md`.

mod args;
mod calls;
mod channel;
mod closing;
mod connect;
mod content;
mod deliver;
mod detect;
mod fields;
mod frame;
mod publish;
mod requests;
mod spec;

use model::Timestamp;
use model::exchange::{Ending, Quality};

use crate::conversation::{Connection, Cx, Decode, Dir, Loss, Verdict};
use crate::framing::{Broken, Framer};
use crate::rejoin::{Hunt, Input};
use calls::{Calls, Env};

pub(crate) use detect::recognise;

/// How much of a frame is looked at, in bytes, whatever the limit of bodies is: the arguments of a method.
const FRAME_KEPT: usize = 64 * 1024;

pub(crate) fn decoder() -> Box<dyn Decode> {
    Box::<Amqp>::default()
}

/// The decoder of one connection.
#[derive(Debug, Default)]
struct Amqp {
    sides: [Side; 2],
    calls: Calls,
}

#[derive(Debug, Default)]
struct Side {
    framer: Framer,
    hunt: Hunt,
}

impl Decode for Amqp {
    fn data(
        &mut self,
        dir: Dir,
        at: Timestamp,
        bytes: &[u8],
        connection: &mut Connection,
        cx: &mut Cx<'_>,
    ) -> Verdict {
        let mut env = Env { connection, cx, at };
        let mut input = Input::new(bytes);
        loop {
            let side = &mut self.sides[dir as usize];
            if side.framer.is_lost() {
                if !side.hunt.look(&mut input, |bytes| frame::find(dir, bytes)) {
                    return Verdict::Mine;
                }
                side.framer.found();
            }
            if self.frames(dir, &mut input, &mut env).is_ok() {
                return Verdict::Mine;
            }
            if !self.calls.any() {
                return Verdict::NotMine;
            }
            // Nobody knows why: the bytes were mistaken for frames after a loss, or they are none.
            self.sides[dir as usize].framer.lose(u64::MAX, Loss::Lost);
            self.calls.lost(dir, Quality::Gap, &mut env);
        }
    }

    fn gap(
        &mut self,
        dir: Dir,
        at: Timestamp,
        bytes: u64,
        loss: Loss,
        connection: &mut Connection,
        cx: &mut Cx<'_>,
    ) {
        let mut env = Env { connection, cx, at };
        let side = &mut self.sides[dir as usize];
        side.hunt.forget();
        side.framer.lose(bytes, loss);
        let ended = side.framer.is_lost() || self.frames(dir, &mut Input::new(&[]), &mut env).is_err();
        if ended {
            self.sides[dir as usize].framer.lose(u64::MAX, loss);
            self.calls.lost(dir, loss.quality(), &mut env);
        }
    }

    fn close(&mut self, dir: Dir, _: Timestamp, _: &mut Connection, cx: &mut Cx<'_>) {
        // A client that has ended may still be answered.
        if dir == Dir::ToClient {
            self.calls.server_closed(cx);
        }
    }

    fn end(&mut self, ending: Ending, _: &mut Connection, cx: &mut Cx<'_>) -> bool {
        self.calls.end(ending, cx);
        self.calls.any()
    }

    fn report(&mut self, now: Timestamp, cx: &mut Cx<'_>) {
        self.calls.report(now, cx);
    }

    fn due(&self) -> Option<Timestamp> {
        self.calls.due()
    }

    fn held(&self) -> usize {
        self.calls.held() + self.sides.iter().map(|side| side.framer.held() + side.hunt.held()).sum::<usize>()
    }
}

impl Amqp {
    /// Takes whole frames, as many as there are.
    fn frames(&mut self, dir: Dir, input: &mut Input<'_>, env: &mut Env<'_, '_>) -> Result<(), Broken> {
        let keep = FRAME_KEPT.max(env.cx.limits.body + 1);
        let framer = &mut self.sides[dir as usize].framer;
        let mut rest = input.rest();
        let result = loop {
            match framer.next(&mut rest, env.at, keep, frame::head) {
                Err(broken) => break Err(broken),
                Ok(None) => break Ok(()),
                Ok(Some(frame)) if frame::ends_wrong(&frame) => break Err(Broken),
                Ok(Some(frame)) => self.calls.frame(dir, &frame, env),
            }
        };
        let left = rest.len();
        input.keep_last(left);
        result
    }
}
