//! DNS (RFC 1035) with its extensions (EDNS, RFC 6891): over TCP one connection's messages, over UDP the datagrams
//! between two ends.
//!
//! `message`, `name` and `data` read a message, `detect` proves that bytes are one, `pairs` puts responses to queries,
//! `answers` says what they say. What is asked is the operation; that a name does not exist is an answer, no failure.

mod answers;
mod data;
mod detect;
mod message;
mod name;
mod pairs;
mod talk;
mod words;

use model::exchange::Ending;

use crate::decode::{Decode, Dir, Env, Loss, Verdict};
use crate::detect::Proof;
use crate::framing::{Frame, Framer, Head};
use detect::Way;
use message::{HEADER, Message, Via, word};
use pairs::{Arrived, Pairs};

pub(crate) use detect::recognise;
pub(crate) use talk::{Talk, is_query};

/// So much of a message tells that it is one: the header, a question, a record or two.
const BEGINNING: usize = 64;

pub(crate) fn decoder() -> Box<dyn Decode> {
    Box::new(Stream { framers: [Framer::default(), Framer::default()], pairs: Pairs::new(Via::Tcp) })
}

/// DNS over one TCP connection.
#[derive(Debug)]
struct Stream {
    framers: [Framer; 2],
    pairs: Pairs,
}

impl Decode for Stream {
    fn data(&mut self, dir: Dir, bytes: &[u8], env: &mut Env<'_, '_>) -> Verdict {
        let Self { framers, pairs } = self;
        let framer = &mut framers[dir as usize];
        if framer.is_lost() {
            // Messages begin where segments do, mostly. Of a large one the beginning has to do.
            match detect::framed(bytes, way(dir)) {
                Proof::Yes => {}
                Proof::Maybe if bytes.len() >= BEGINNING => {}
                Proof::Maybe | Proof::No => return Verdict::Mine,
            }
            framer.found();
        }
        let mut rest = bytes;
        loop {
            match framer.next(&mut rest, env.at, usize::from(u16::MAX), head) {
                Ok(Some(frame)) if fits(&frame, dir) => take(pairs, dir, &frame, env),
                Ok(None) => return Verdict::Mine,
                Ok(Some(_)) | Err(_) if !env.ledger.any() => return Verdict::NotMine,
                Ok(Some(_)) | Err(_) => {
                    framer.lose(u64::MAX, Loss::Lost);
                    return Verdict::Mine;
                }
            }
        }
    }

    fn gap(&mut self, dir: Dir, bytes: u64, loss: Loss, env: &mut Env<'_, '_>) {
        self.framers[dir as usize].lose(bytes, loss);
        if dir == Dir::ToClient {
            self.pairs.responses_lost(loss, env);
        }
        // The loss may have been all that was missing of a message.
        self.data(dir, b"", env);
    }

    fn end(&mut self, ending: Ending, env: &mut Env<'_, '_>) {
        self.pairs.end(ending, env);
    }

    fn held(&self) -> usize {
        self.pairs.held() + self.framers.iter().map(Framer::held).sum::<usize>()
    }
}

fn way(dir: Dir) -> Way {
    match dir {
        Dir::ToServer => Way::Query,
        Dir::ToClient => Way::Response,
    }
}

fn head(bytes: &[u8]) -> Head {
    match word(bytes, 0) {
        None => Head::More,
        Some(length) if usize::from(length) < HEADER => Head::Bad,
        Some(length) => Head::Frame { head: 2, payload: u64::from(length) },
    }
}

/// Whether a frame may be a message of this direction.
fn fits(frame: &Frame<'_>, dir: Dir) -> bool {
    message::Header::read(frame.payload).map_or(frame.loss.is_some(), |header| {
        header.is_response() == (dir == Dir::ToClient) && header.flags & 0x40 == 0
    })
}

fn take(pairs: &mut Pairs, dir: Dir, frame: &Frame<'_>, env: &mut Env<'_, '_>) {
    let Some(message) = Message::read(frame.payload) else { return };
    let (first, size, loss) = (frame.first, frame.on_wire(), frame.loss);
    let arrived = Arrived { message, first, last: env.at, size, loss };
    match dir {
        Dir::ToServer => pairs.query(&arrived, env),
        Dir::ToClient => pairs.response(&arrived, env),
    }
}
