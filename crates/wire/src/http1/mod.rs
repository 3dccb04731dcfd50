//! HTTP/1.0 and 1.1 (RFC 9110, RFC 9112), both directions of one connection.
//!
//! `side` cuts one direction's bytes into heads and bodies and hunts for the next head after a loss; `pairs` puts
//! responses to requests; `upgrade` knows what Upgrade turns the connection into. Behind that, or behind CONNECT, the
//! connection is no HTTP any more, and another decoder's.

mod body;
mod call;
mod collect;
mod detect;
mod head;
mod hunt;
mod pairs;
mod side;
mod upgrade;

use model::Timestamp;
use model::exchange::Ending;

use crate::decode::{Decode, Dir, Env, Loss, Verdict};
use crate::stranger;
use body::{Body, Framing, Skipped};
use head::{Meaning, RequestHead, ResponseHead};
use pairs::Pairs;
use side::{Side, State};

pub(crate) use detect::recognise;

pub(crate) fn decoder() -> Box<dyn Decode> {
    Box::<Http1>::default()
}

/// The decoder of one connection.
#[derive(Debug, Default)]
struct Http1 {
    sides: [Side; 2],
    pairs: Pairs,
    next: Option<Next>,
    /// What the client sent behind a request for a tunnel: what it is the answer tells.
    behind: Option<Behind>,
}

/// Bytes that wait, and since when.
#[derive(Debug)]
struct Behind {
    first: Timestamp,
    bytes: Vec<u8>,
    /// Some are missing, or there were too many to be kept.
    lost: bool,
}

impl Behind {
    fn lose(&mut self) {
        self.bytes = Vec::new();
        self.lost = true;
    }
}

/// How much of that is waited for, in bytes.
const BEHIND_LIMIT: usize = 64 * 1024;

/// What speaks behind a response.
#[derive(Debug)]
enum Next {
    Known(Box<dyn Decode>),
    Unknown,
}

impl Decode for Http1 {
    fn data(&mut self, dir: Dir, bytes: &[u8], env: &mut Env<'_, '_>) -> Verdict {
        let mut rest = bytes;
        while !rest.is_empty() {
            if dir == Dir::ToServer && self.waits_behind(rest, env.at) {
                return Verdict::Mine;
            }
            if dir == Dir::ToClient && self.is_strange(rest, env) {
                return Verdict::Mine;
            }
            let used = match self.sides[dir as usize].state {
                State::Head => match self.head(dir, rest, env) {
                    Some(used) => used,
                    None => return Verdict::NotMine,
                },
                State::Body(_) => self.body(dir, rest, env),
                State::Hunt => self.hunt(dir, rest, env),
            };
            self.sides[dir as usize].grew(used as u64);
            rest = &rest[used..];
            match self.next.take() {
                None => {}
                Some(Next::Known(decoder)) => return Verdict::Becomes { decoder, rest: rest.len() },
                Some(Next::Unknown) => return Verdict::Anew { rest: rest.len() },
            }
            if self.behind.is_some() && !self.pairs.waits_for_tunnel() {
                self.read_behind(env);
            }
        }
        Verdict::Mine
    }

    fn gap(&mut self, dir: Dir, bytes: u64, loss: Loss, env: &mut Env<'_, '_>) {
        if let (Dir::ToServer, Some(behind)) = (dir, &mut self.behind) {
            return behind.lose();
        }
        let side = &mut self.sides[dir as usize];
        side.hunt.forget();
        side.grew(bytes);
        match &mut side.state {
            State::Hunt if side.adrift && self.pairs.reads_last(dir) => {
                self.pairs.body_lost(dir, bytes, loss, env.at, env.cx.limits);
            }
            State::Hunt => {
                side.missing += bytes;
                self.pairs.messages_lost(dir, loss);
            }
            State::Head => {
                side.missing = bytes;
                side.state = State::Hunt;
                self.broken_head(dir, loss, env);
            }
            State::Body(body) => match body.skip(bytes) {
                Skipped::Inside => self.pairs.body_lost(dir, bytes, loss, env.at, env.cx.limits),
                Skipped::Ended => {
                    self.pairs.body_lost(dir, bytes, loss, env.at, env.cx.limits);
                    self.message_ended(dir, env);
                }
                Skipped::Past(beyond) => {
                    self.pairs.body_lost(dir, bytes - beyond, loss, env.at, env.cx.limits);
                    self.message_ended(dir, env);
                    self.sides[dir as usize].missing = beyond;
                    self.sides[dir as usize].state = State::Hunt;
                    self.pairs.messages_lost(dir, loss);
                }
                Skipped::OutOfStep => {
                    side.missing = 0;
                    side.state = State::Hunt;
                    side.adrift = self.pairs.reads_last(dir);
                    if side.adrift {
                        self.pairs.body_lost(dir, bytes, loss, env.at, env.cx.limits);
                    }
                    self.pairs.mark(dir, loss.quality());
                    self.pairs.messages_lost(dir, loss);
                }
            },
        }
    }

    fn close(&mut self, dir: Dir, env: &mut Env<'_, '_>) {
        if matches!(self.sides[dir as usize].state, State::Body(Body::UntilClose)) {
            self.message_ended(dir, env);
        }
        // Nobody answers any more. A client that has ended may still be answered.
        if dir == Dir::ToClient {
            self.pairs.end(Ending::Closed, env);
        }
    }

    fn early(&mut self) -> Option<(Dir, Timestamp, Vec<u8>)> {
        if let Some(Behind { first, bytes, .. }) = self.behind.take() {
            return (!bytes.is_empty()).then_some((Dir::ToServer, first, bytes));
        }
        let head = &mut self.sides[Dir::ToServer as usize].head;
        let (first, bytes) = (head.first_byte_at(Timestamp(0)), head.take());
        (!bytes.is_empty()).then_some((Dir::ToServer, first, bytes))
    }

    fn end(&mut self, ending: Ending, env: &mut Env<'_, '_>) {
        // What is in the ledger is the next decoder's.
        self.pairs.end(ending, env);
    }

    fn wake(&mut self, env: &mut Env<'_, '_>) {
        self.pairs.report(env);
    }

    fn due(&self) -> Option<Timestamp> {
        self.pairs.due()
    }

    fn held(&self) -> usize {
        let behind = self.behind.as_ref().map_or(0, |behind| behind.bytes.capacity());
        behind + self.pairs.held() + self.sides.iter().map(Side::held).sum::<usize>()
    }
}

impl Http1 {
    /// Whether bytes of the client wait for the answer to a request for a tunnel.
    fn waits_behind(&mut self, bytes: &[u8], at: Timestamp) -> bool {
        let is_between = matches!(self.sides[Dir::ToServer as usize].state, State::Head);
        if !is_between || !self.pairs.waits_for_tunnel() {
            return false;
        }
        let nothing = || Behind { first: at, bytes: Vec::new(), lost: false };
        let behind = self.behind.get_or_insert_with(nothing);
        if behind.bytes.len() + bytes.len() > BEHIND_LIMIT {
            behind.lose();
        }
        if !behind.lost {
            behind.bytes.extend_from_slice(bytes);
        }
        true
    }

    /// There is no tunnel: what waits is for the server itself.
    fn read_behind(&mut self, env: &mut Env<'_, '_>) {
        let Some(Behind { first, bytes, lost }) = self.behind.take() else { return };
        if lost {
            self.sides[Dir::ToServer as usize].state = State::Hunt;
        }
        let now = std::mem::replace(&mut env.at, first);
        self.data(Dir::ToServer, &bytes, env);
        env.at = now;
    }

    /// Whether the server speaks another protocol, by the first bytes of what should be a response.
    fn is_strange(&mut self, bytes: &[u8], env: &mut Env<'_, '_>) -> bool {
        let side = &mut self.sides[Dir::ToClient as usize];
        if !matches!(side.state, State::Head) || !side.head.is_empty() || !self.pairs.wait() {
            return false;
        }
        let Some(words) = stranger::in_tls(bytes).or_else(|| stranger::in_http2(bytes)) else { return false };
        side.missing = 0;
        side.state = State::Hunt;
        self.pairs.answered_otherwise(&words, bytes.len(), env);
        true
    }

    /// Takes bytes of a head; `None` when the connection is no HTTP after all.
    fn head(&mut self, dir: Dir, bytes: &[u8], env: &mut Env<'_, '_>) -> Option<usize> {
        let side = &mut self.sides[dir as usize];
        let collected = side.head.collect(bytes, env.at);
        let Some(whole) = collected.whole else {
            if collected.too_long {
                self.not_http(dir, env)?;
            }
            return Some(collected.used);
        };
        let first = side.head.first_byte_at(env.at);
        let text = side.head.bytes(bytes, &whole);
        let understood = head::read(dir, text).or_else(|| {
            // Some servers send bytes behind a response that has none; the next head is glued to them.
            let start = hunt::find(dir, text).filter(|_| env.ledger.any())?;
            head::read(dir, &text[start..])
        });
        side.head.clear();
        match understood {
            Some(Meaning::Request(head)) => self.request(head, first, env),
            Some(Meaning::Response(head)) => self.response(head, first, env),
            None => {
                self.not_http(dir, env)?;
            }
        }
        Some(collected.used)
    }

    /// What comes is no message. A connection that had some is listened to until the next one.
    fn not_http(&mut self, dir: Dir, env: &mut Env<'_, '_>) -> Option<()> {
        let side = &mut self.sides[dir as usize];
        side.head.clear();
        side.missing = 0;
        side.state = State::Hunt;
        env.ledger.any().then_some(())
    }

    fn request(&mut self, head: RequestHead, first: Timestamp, env: &mut Env<'_, '_>) {
        // Whoever asks again has got the last answer, even if its end was not found in the bytes.
        if self.pairs.answering() && matches!(self.sides[Dir::ToClient as usize].state, State::Hunt) {
            self.pairs.message_ended(Dir::ToClient, false, env);
        }
        let framing = head.framing;
        self.pairs.request(head, first, env);
        self.begin_body(Dir::ToServer, framing, env);
    }

    fn response(&mut self, head: ResponseHead, first: Timestamp, env: &mut Env<'_, '_>) {
        if head.is_interim() {
            return;
        }
        self.pairs.next_to_answer(first, env);
        let framing = head.framing(self.pairs.method());
        self.pairs.response(head, first, env.at);
        if framing == Framing::Tunnel {
            let next = upgrade::next(&mut self.pairs, env);
            self.next = Some(next.map_or(Next::Unknown, Next::Known));
            self.pairs.message_ended(Dir::ToServer, true, env);
            self.pairs.message_ended(Dir::ToClient, true, env);
            return;
        }
        self.begin_body(Dir::ToClient, framing, env);
    }

    fn begin_body(&mut self, dir: Dir, framing: Framing, env: &mut Env<'_, '_>) {
        match Body::new(framing) {
            Some(body) => self.sides[dir as usize].state = State::Body(body),
            None if framing == Framing::Unclear => {
                self.sides[dir as usize].missing = 0;
                self.sides[dir as usize].state = State::Hunt;
            }
            None => self.message_ended(dir, env),
        }
    }

    fn body(&mut self, dir: Dir, bytes: &[u8], env: &mut Env<'_, '_>) -> usize {
        let side = &mut self.sides[dir as usize];
        let State::Body(body) = &mut side.state else { return bytes.len() };
        let pairs = &mut self.pairs;
        let limits = env.cx.limits;
        let fed = body.feed(bytes, &mut |data| pairs.body(dir, data, env.at, limits));
        if fed.broken {
            // The chunked coding does not hold: where this message ends is not known.
            side.missing = 0;
            side.state = State::Hunt;
        } else if fed.ended {
            let trailers = body.take_trailers();
            self.pairs.trailers(dir, trailers);
            self.message_ended(dir, env);
        }
        fed.used
    }

    fn message_ended(&mut self, dir: Dir, env: &mut Env<'_, '_>) {
        let side = &mut self.sides[dir as usize];
        side.state = State::Head;
        side.adrift = false;
        side.hunt.forget();
        side.ended = true;
        if dir == Dir::ToClient && matches!(self.sides[Dir::ToServer as usize].state, State::Hunt) {
            // What was answered to the end was asked to the end, even if that end was not found in the bytes.
            self.pairs.message_ended(Dir::ToServer, false, env);
        }
        self.pairs.message_ended(dir, true, env);
    }

    /// A head was cut short by a loss: its first line may be there.
    fn broken_head(&mut self, dir: Dir, loss: Loss, env: &mut Env<'_, '_>) {
        let side = &mut self.sides[dir as usize];
        let first = side.head.first_byte_at(env.at);
        let known = side.head.take();
        let understood = head::partial(dir, &known);
        match understood {
            Some(Meaning::Request(head)) => {
                self.pairs.request(head, first, env);
                self.pairs.mark(dir, loss.quality());
            }
            Some(Meaning::Response(head)) if !head.is_interim() => {
                self.pairs.next_to_answer(first, env);
                self.pairs.response(head, first, env.at);
                self.pairs.mark(dir, loss.quality());
            }
            Some(Meaning::Response(_)) | None => self.pairs.messages_lost(dir, loss),
        }
    }

    /// Looks for the next head in bytes whose place in their message is not known.
    fn hunt(&mut self, dir: Dir, bytes: &[u8], env: &mut Env<'_, '_>) -> usize {
        let side = &mut self.sides[dir as usize];
        let Some(found) = side.hunt.look(dir, bytes, env.at) else {
            if side.adrift && self.pairs.reads_last(dir) {
                self.pairs.body_lost(dir, bytes.len() as u64, Loss::Cut, env.at, env.cx.limits);
                if body::ends_chunks(bytes) {
                    self.message_ended(dir, env);
                }
            } else {
                side.missing += bytes.len() as u64;
            }
            return bytes.len();
        };
        let sized = side.last_size.max(1);
        let messages = (side.missing + sized / 2) / sized;
        side.state = State::Head;
        side.adrift = false;
        side.head.begin(&found.before, found.first);
        self.pairs.message_ended(dir, false, env);
        if dir == Dir::ToClient {
            self.pairs.answers_lost(messages.max(1), env);
        }
        found.at
    }
}
