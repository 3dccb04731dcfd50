//! MySQL's and MariaDB's client/server protocol (MySQL's source code documentation, "Client/Server Protocol"; MariaDB's
//! documentation of the same name), both directions of one connection.
//!
//! Bytes go through a [`Side`] for each direction (perhaps inflated, cut into frames, joined to packets) to the one
//! `session`, which knows who asks and puts answers to commands: they come one by one and in order. Where a length
//! leads is always known; what a loss takes is the place in the stream, until the client's next command.

mod answer;
mod columns;
mod command;
mod compress;
mod detect;
mod events;
mod handshake;
mod losses;
mod outcome;
mod packet;
mod parameters;
mod prepare;
mod read;
mod rows;
mod session;
mod shape;
mod statements;
mod totals;
mod values;

use model::exchange::Ending;

use crate::decode::{Decode, Dir, Env, Loss, Verdict};
use crate::framing::Framer;
use crate::tls;
use compress::{Compressed, Inside, Method};
use packet::Joiner;
use session::{Next, Session};
use shape::Wrapped;

pub(crate) use detect::recognise;

/// What is kept of a packet beside a body, in bytes: definitions, parameters, what stands before SQL.
const ROOM: usize = 16 * 1024;

pub(crate) fn decoder() -> Box<dyn Decode> {
    Box::<Mysql>::default()
}

/// One direction.
#[derive(Debug, Default)]
struct Side {
    layer: Option<Compressed>,
    framer: Framer,
    joiner: Joiner,
}

impl Side {
    fn is_lost(&self) -> bool {
        self.framer.is_lost() || self.layer.as_ref().is_some_and(Compressed::is_lost)
    }

    /// Nobody knows where the next packet begins.
    fn lose_place(&mut self) {
        self.framer.lose(u64::MAX, Loss::Lost);
        self.joiner.restart();
    }

    /// A packet begins with the next byte.
    fn found(&mut self) {
        if let Some(layer) = &mut self.layer {
            layer.found();
        }
        self.framer.found();
        self.joiner.restart();
    }

    fn held(&self) -> usize {
        self.framer.held() + self.joiner.held() + self.layer.as_ref().map_or(0, Compressed::held)
    }
}

/// The decoder of one connection.
#[derive(Debug, Default)]
struct Mysql {
    sides: [Side; 2],
    session: Session,
    /// Some bytes have come.
    begun: bool,
}

impl Decode for Mysql {
    fn data(&mut self, dir: Dir, bytes: &[u8], env: &mut Env<'_, '_>) -> Verdict {
        if !std::mem::replace(&mut self.begun, true) && shape::wrapped(bytes) == Wrapped::Compressed {
            self.compress(Method::Zlib);
        }
        if self.sides[dir as usize].is_lost() && !self.finds_place(dir, bytes) {
            if dir == Dir::ToClient {
                self.session.server_counts(bytes.len() as u64, env);
            }
            return Verdict::Mine;
        }
        self.feed(dir, bytes, env)
    }

    fn gap(&mut self, dir: Dir, bytes: u64, loss: Loss, env: &mut Env<'_, '_>) {
        let side = &mut self.sides[dir as usize];
        let missing = match &mut side.layer {
            Some(layer) => layer.lose(bytes),
            None => bytes,
        };
        if missing > 0 {
            side.framer.lose(missing, loss);
        }
        if side.is_lost() {
            side.joiner.restart();
            self.lost(dir, loss, env);
        } else if matches!(self.feed(dir, b"", env), Verdict::NotMine) {
            // A packet ended with what is missing, and it is none.
            self.lose_place(dir, env);
        }
    }

    fn end(&mut self, ending: Ending, env: &mut Env<'_, '_>) {
        self.session.end(ending, env);
    }

    fn held(&self) -> usize {
        self.session.held() + self.sides.iter().map(Side::held).sum::<usize>()
    }
}

impl Mysql {
    /// Whether a message begins with these bytes of a direction whose place was lost.
    fn finds_place(&mut self, dir: Dir, bytes: &[u8]) -> bool {
        let side = &mut self.sides[dir as usize];
        let wrapped = if side.layer.is_some() { Wrapped::Compressed } else { Wrapped::Plain };
        let begins = match (dir, self.session.expects()) {
            _ if shape::wrapped(bytes) != wrapped => false,
            (Dir::ToServer, _) => shape::begins_command(bytes),
            (Dir::ToClient, Some(seq)) => shape::begins_answer(bytes, seq),
            (Dir::ToClient, None) => false,
        };
        if begins {
            side.found();
            if dir == Dir::ToClient {
                self.session.server_found();
            }
        }
        begins
    }

    /// Takes bytes of a direction whose place is known.
    fn feed(&mut self, dir: Dir, bytes: &[u8], env: &mut Env<'_, '_>) -> Verdict {
        let mut rest = bytes;
        loop {
            let plain = self.sides[dir as usize].layer.is_none();
            match self.inside(dir, &mut rest, env) {
                Some(Next::Compressed(method)) if plain => self.compress(method),
                Some(Next::Tls) => return tls::begins(rest.len()),
                Some(Next::NotMine) => return Verdict::NotMine,
                Some(Next::Astray) => {
                    self.lose_place(dir, env);
                    return Verdict::Mine;
                }
                Some(Next::Goes | Next::Compressed(_)) => {}
                None => return Verdict::Mine,
            }
        }
    }

    fn compress(&mut self, method: Method) {
        for side in &mut self.sides {
            side.layer = Some(Compressed::new(method));
        }
    }

    fn lost(&mut self, dir: Dir, loss: Loss, env: &mut Env<'_, '_>) {
        match dir {
            Dir::ToServer => self.session.client_lost(loss, env),
            Dir::ToClient => self.session.server_lost(loss, env),
        }
    }

    fn lose_place(&mut self, dir: Dir, env: &mut Env<'_, '_>) {
        self.sides[dir as usize].lose_place();
        self.lost(dir, Loss::Lost, env);
    }

    /// Takes bytes up to the next packet that changes more than the session; `None` when more bytes are needed.
    fn inside(&mut self, dir: Dir, rest: &mut &[u8], env: &mut Env<'_, '_>) -> Option<Next> {
        let Side { layer, framer, joiner } = &mut self.sides[dir as usize];
        let keep = env.cx.limits.body.saturating_add(ROOM);
        let whole = *rest;
        let plain = layer.is_none();
        let mut inner: &[u8] = if plain { std::mem::take(rest) } else { &[] };
        loop {
            loop {
                let Ok(frame) = framer.next(&mut inner, env.at, keep, packet::head) else {
                    return Some(Next::NotMine);
                };
                let Some(frame) = frame else { break };
                let Some(packet) = joiner.join(&frame, keep) else { continue };
                let next = match dir {
                    Dir::ToServer => self.session.client(&packet, env),
                    Dir::ToClient => self.session.server(&packet, env),
                };
                if next != Next::Goes {
                    if plain {
                        *rest = &whole[whole.len() - inner.len()..];
                    }
                    return Some(next);
                }
            }
            inner = match layer.as_mut()?.next(rest)? {
                Inside::Bytes(bytes) => bytes,
                Inside::Missing(bytes, Loss::Cut) if framer.between_frames() => {
                    self.session.unreadable(dir, bytes, env);
                    &[]
                }
                Inside::Missing(bytes, loss) => {
                    framer.lose(bytes, loss);
                    &[]
                }
            };
            if framer.is_lost() {
                return Some(Next::Astray);
            }
        }
    }
}
