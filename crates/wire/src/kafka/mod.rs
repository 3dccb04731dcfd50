//! Kafka's protocol, both directions of one connection: requests, and responses that bear their numbers.
//!
//! `header` reads what stands before each message and finds the next one after a loss, `apis` knows what can be asked.
//! `calls` makes exchanges of both, with what `request` and `response` read; `records` counts and shows the records in
//! them, `known` remembers names across messages. What becomes what is told in `docs/protocols/kafka.md`.

mod apis;
mod calls;
mod detect;
mod errors;
mod fields;
mod header;
mod known;
mod records;
mod request;
mod response;

use model::Timestamp;
use model::exchange::{Ending, Quality};

use crate::conversation::{Connection, Cx, Decode, Dir, Loss, Verdict};
use crate::framing::{Broken, Framer};
use crate::rejoin::{Hunt, Input};
use calls::{Calls, Env};

pub(crate) use detect::recognise;

/// How much of a message is looked at, in bytes, whatever the limit of bodies is: the topics of a large cluster.
const MESSAGE_KEPT: usize = 128 * 1024;

pub(crate) fn decoder() -> Box<dyn Decode> {
    Box::<Kafka>::default()
}

/// The decoder of one connection.
#[derive(Debug, Default)]
struct Kafka {
    sides: [Side; 2],
    calls: Calls,
}

#[derive(Debug, Default)]
struct Side {
    framer: Framer,
    hunt: Hunt,
}

impl Decode for Kafka {
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
                if !side.hunt.look(&mut input, |bytes| self.calls.find(dir, bytes)) {
                    return Verdict::Mine;
                }
                side.framer.found();
            }
            if self.messages(dir, &mut input, &mut env).is_ok() {
                return Verdict::Mine;
            }
            if !self.calls.any() {
                return Verdict::NotMine;
            }
            // Nobody knows why: the bytes were mistaken for messages after a loss, or they are none.
            self.sides[dir as usize].framer.lose(u64::MAX, Loss::Lost);
            self.calls.lost(dir, Quality::Gap);
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
        let ended = side.framer.is_lost() || self.messages(dir, &mut Input::new(&[]), &mut env).is_err();
        if ended {
            self.sides[dir as usize].framer.lose(u64::MAX, loss);
            self.calls.lost(dir, loss.quality());
        }
    }

    fn close(&mut self, dir: Dir, _: Timestamp, _: &mut Connection, cx: &mut Cx<'_>) {
        // Nobody answers any more. A client that has ended may still be answered.
        if dir == Dir::ToClient {
            self.calls.end(Ending::Closed, cx);
        }
    }

    fn end(&mut self, ending: Ending, _: &mut Connection, cx: &mut Cx<'_>) -> bool {
        self.calls.end(ending, cx);
        self.calls.any()
    }

    fn report(&mut self, now: Timestamp, cx: &mut Cx<'_>) {
        self.calls.ledger.report(now, cx);
    }

    fn due(&self) -> Option<Timestamp> {
        self.calls.ledger.due()
    }

    fn held(&self) -> usize {
        self.calls.held() + self.sides.iter().map(|side| side.framer.held() + side.hunt.held()).sum::<usize>()
    }
}

impl Kafka {
    /// Takes whole messages, as many as there are.
    fn messages(&mut self, dir: Dir, input: &mut Input<'_>, env: &mut Env<'_, '_>) -> Result<(), Broken> {
        let keep = MESSAGE_KEPT.max(env.cx.limits.body.saturating_mul(2));
        let framer = &mut self.sides[dir as usize].framer;
        let mut rest = input.rest();
        let result = loop {
            match framer.next(&mut rest, env.at, keep, header::head) {
                Err(broken) => break Err(broken),
                Ok(None) => break Ok(()),
                Ok(Some(frame)) => {
                    let read = match dir {
                        Dir::ToServer => self.calls.request(&frame, env),
                        Dir::ToClient => {
                            self.calls.response(&frame, env);
                            Ok(())
                        }
                    };
                    if read.is_err() {
                        break read;
                    }
                }
            }
        };
        let left = rest.len();
        input.keep_last(left);
        result
    }
}
