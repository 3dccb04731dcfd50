//! MongoDB's wire protocol: commands and their replies.
//!
//! `message` reads what is said, in the open or compressed, `bson` and `render` turn documents into JSON, `command`
//! knows what commands mean, `detect` proves that bytes are messages, `calls` puts replies to commands.

mod bson;
mod calls;
mod command;
mod detect;
mod halves;
mod message;
mod render;
mod scalar;
mod snappy;

use model::Timestamp;
use model::exchange::Ending;

use crate::conversation::{Connection, Cx, Decode, Dir, Loss, Verdict};
use crate::detect::Proof;
use crate::framing::Framer;
use calls::{Calls, Env};

pub(crate) use detect::recognise;

pub(crate) fn decoder() -> Box<dyn Decode> {
    Box::<Mongodb>::default()
}

/// The decoder of one connection.
#[derive(Debug, Default)]
struct Mongodb {
    framers: [Framer; 2],
    calls: Calls,
}

impl Decode for Mongodb {
    fn data(
        &mut self,
        dir: Dir,
        at: Timestamp,
        bytes: &[u8],
        connection: &mut Connection,
        cx: &mut Cx<'_>,
    ) -> Verdict {
        let framer = &mut self.framers[dir as usize];
        if framer.is_lost() {
            // Messages begin where segments do, mostly.
            if detect::message(bytes, dir) != Proof::Yes {
                return Verdict::Mine;
            }
            framer.found();
        }
        let mut rest = bytes;
        loop {
            match framer.next(&mut rest, at, calls::reads(cx.limits), message::head) {
                Ok(Some(frame)) if self.calls.message(dir, &frame, at, &mut Env { connection, cx }) => {}
                Ok(None) => return Verdict::Mine,
                Ok(Some(_)) | Err(_) if !self.calls.ledger.any() => return Verdict::NotMine,
                Ok(Some(_)) | Err(_) => {
                    framer.lose(u64::MAX, Loss::Lost);
                    return Verdict::Mine;
                }
            }
        }
    }

    fn gap(&mut self, dir: Dir, _: Timestamp, bytes: u64, loss: Loss, _: &mut Connection, _: &mut Cx<'_>) {
        let framer = &mut self.framers[dir as usize];
        framer.lose(bytes, loss);
        if framer.is_lost() && dir == Dir::ToClient {
            self.calls.replies_lost(loss);
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
        self.calls.ledger.any()
    }

    fn report(&mut self, now: Timestamp, cx: &mut Cx<'_>) {
        self.calls.ledger.report(now, cx);
    }

    fn due(&self) -> Option<Timestamp> {
        self.calls.ledger.due()
    }

    fn held(&self) -> usize {
        self.calls.held() + self.framers.iter().map(Framer::held).sum::<usize>()
    }
}
