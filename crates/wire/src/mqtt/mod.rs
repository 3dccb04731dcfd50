//! MQTT 3.1, 3.1.1 and 5: what a client and its broker say to each other.
//!
//! `packet`, `properties` and `reader` read a packet, `detect` proves that bytes are some, `calls` makes exchanges of
//! them: of connects, publishes, deliveries, subscriptions. Pings are none.

mod calls;
mod detect;
mod facts;
mod messages;
mod packet;
mod properties;
mod reader;
mod reason;
mod subscriptions;

use model::exchange::Ending;

use crate::decode::{Decode, Dir, Env, Loss, Verdict};
use crate::detect::Proof;
use crate::framing::Framer;
use calls::Calls;
use detect::Run;

pub(crate) use detect::recognise;

/// Of a packet so much is kept beside the body: topics, properties, filters.
const BESIDE: usize = 8 * 1024;

pub(crate) fn decoder() -> Box<dyn Decode> {
    Box::<Mqtt>::default()
}

/// The decoder of one connection.
#[derive(Debug, Default)]
struct Mqtt {
    framers: [Framer; 2],
    /// Whether a direction's packets are followed from its first byte on, or from where one was found.
    begun: [bool; 2],
    calls: Calls,
}

impl Decode for Mqtt {
    fn data(&mut self, dir: Dir, bytes: &[u8], env: &mut Env<'_, '_>) -> Verdict {
        if !std::mem::replace(&mut self.begun[dir as usize], true) {
            if dir == Dir::ToServer && detect::connect(bytes) != Proof::No {
                self.begun = [true; 2];
            } else {
                self.framers[dir as usize].lose(u64::MAX, Loss::Lost);
            }
        }
        let framer = &mut self.framers[dir as usize];
        if framer.is_lost() {
            // Packets begin where segments do, mostly.
            if !Run::of(bytes, dir).goes_on() {
                return Verdict::Mine;
            }
            framer.found();
        }
        let mut rest = bytes;
        loop {
            match framer.next(&mut rest, env.at, env.cx.limits.body.saturating_add(BESIDE), packet::head) {
                Ok(Some(frame))
                    if detect::goes(frame.head[0] >> 4, dir) && self.calls.packet(dir, &frame, env) => {}
                Ok(None) => return Verdict::Mine,
                Ok(Some(_)) | Err(_) if !env.ledger.any() => return Verdict::NotMine,
                Ok(Some(_)) | Err(_) => {
                    framer.lose(u64::MAX, Loss::Lost);
                    self.calls.packets_lost(dir, Loss::Lost, env);
                    return Verdict::Mine;
                }
            }
        }
    }

    fn gap(&mut self, dir: Dir, bytes: u64, loss: Loss, env: &mut Env<'_, '_>) {
        self.begun[dir as usize] = true;
        let framer = &mut self.framers[dir as usize];
        framer.lose(bytes, loss);
        if framer.is_lost() {
            self.calls.packets_lost(dir, loss, env);
        } else {
            // The loss may have been all that was missing of a packet.
            self.data(dir, b"", env);
        }
    }

    fn close(&mut self, dir: Dir, env: &mut Env<'_, '_>) {
        // Nobody answers any more. A client that has ended may still be answered, and one whose broker has ended may
        // still say that it took what it got.
        if dir == Dir::ToClient {
            self.calls.unanswered(env);
        }
    }

    fn end(&mut self, ending: Ending, env: &mut Env<'_, '_>) {
        self.calls.end(ending, env);
    }

    fn held(&self) -> usize {
        self.calls.held() + self.framers.iter().map(Framer::held).sum::<usize>()
    }
}
