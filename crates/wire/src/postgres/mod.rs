//! PostgreSQL's frontend/backend protocol, version 3 (the manual's chapter "Frontend/Backend Protocol").
//!
//! An exchange is one executed statement. `startup` reads the packets before the first message; `ask` turns the client's
//! messages into steps that wait for an answer, `answer` takes the server's messages and gives each to the step that it
//! answers, in order; `recover` says what a loss leaves of that order. `names` remembers prepared statements and portals,
//! `value` and `binary` make values readable.
//!
//! No secret is kept: messages with passwords, and the key by which a query is cancelled, are counted and dropped.

mod answer;
mod ask;
mod binary;
mod detect;
mod errors;
mod message;
mod names;
mod recover;
mod rows;
mod shape;
mod startup;
mod steps;
mod streams;
mod value;

use model::exchange::{Ending, Quality};

use crate::decode::{Decode, Dir, Env, Loss, Verdict};
use crate::framing::{Broken, Frame, Framer, Head};
use crate::limits::Limits;
use answer::Answered;
use ask::Asked;
use names::Names;
use startup::Opening;
use steps::Steps;
use streams::Copying;

pub(crate) use detect::recognise;

/// Servers take no longer messages.
const LENGTH_LIMIT: u32 = 1 << 30;
/// What of a message is kept at least, so that a statement can be named whatever the body limit is, in bytes.
const KEEP_AT_LEAST: usize = 8 * 1024;

pub(crate) fn decoder() -> Box<dyn Decode> {
    Box::<Postgres>::default()
}

/// What the next bytes are.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    #[default]
    Unknown,
    /// A start-up packet of the client.
    Startup,
    /// The server's answer to the client's wish for encryption: one byte.
    Encryption,
    /// Messages, both ways.
    Messages,
    /// Nothing, since the connection was opened to cancel another's query: this exchange.
    Cancelled(u32),
}

/// The decoder of one connection.
#[derive(Debug, Default)]
struct Postgres {
    framers: [Framer; 2],
    phase: Phase,
    opening: Opening,
    steps: Steps,
    names: Names,
    asked: Asked,
    answered: Answered,
    copying: Option<Copying>,
    /// The channels that the client listens to, and the exchanges that get their notifications.
    listens: Vec<(String, u32)>,
    /// An answer whose request was not seen.
    stray: Option<u32>,
    /// Executed, but what the transaction's end brings belongs to it as well.
    settling: Option<u32>,
    /// The server passes over messages until `Sync`, since one failed.
    skipping: bool,
    /// Statements that it passed over, though the client goes by them until then.
    passed_over: Vec<(String, u64)>,
    order: recover::Order,
}

impl Decode for Postgres {
    fn data(&mut self, dir: Dir, bytes: &[u8], env: &mut Env<'_, '_>) -> Verdict {
        if self.phase == Phase::Unknown {
            self.begin(dir, bytes);
        }
        if dir == Dir::ToClient && !bytes.is_empty() {
            self.order.spoke = recover::Spoke::Something;
        }
        let mut framer = std::mem::take(&mut self.framers[dir as usize]);
        let verdict = self.read(dir, bytes, &mut framer, env);
        self.framers[dir as usize] = framer;
        verdict
    }

    fn gap(&mut self, dir: Dir, bytes: u64, loss: Loss, env: &mut Env<'_, '_>) {
        let framer = &mut self.framers[dir as usize];
        framer.lose(bytes, loss);
        let lost = framer.is_lost();
        match (self.phase, dir) {
            (Phase::Startup, Dir::ToServer) if lost => self.phase = Phase::Messages,
            // Who is answered by another byte than `N` sends no message that can be read.
            (Phase::Encryption, Dir::ToClient) => self.phase = Phase::Startup,
            _ => {}
        }
        match dir {
            Dir::ToServer => self.requests_lost(lost, loss.quality(), env),
            Dir::ToClient => self.answers_lost(lost, loss, env),
        }
        if !lost {
            // The message may have ended with what is missing.
            self.data(dir, &[], env);
        }
    }

    fn close(&mut self, dir: Dir, env: &mut Env<'_, '_>) {
        // A client that has ended may still be answered.
        if dir == Dir::ToServer {
            return;
        }
        if let Phase::Cancelled(serial) = self.phase {
            // The server does not say whether it cancelled anything: the close is its answer.
            env.ledger.change(serial, env.at, |exchange| {
                let response = exchange.response.get_or_insert_with(|| answer::message(env.at));
                (response.last, response.complete) = (env.at, true);
            });
        }
        env.end(Ending::Closed);
    }

    fn end(&mut self, ending: Ending, env: &mut Env<'_, '_>) {
        self.left_unencrypted(env);
        env.end(ending);
    }

    fn held(&self) -> usize {
        let listens: usize = self.listens.iter().map(|(channel, _)| channel.len() + 40).sum();
        let passed_over: usize = self.passed_over.iter().map(|(name, _)| name.len() + 40).sum();
        self.framers.iter().map(Framer::held).sum::<usize>()
            + self.steps.held()
            + self.names.held()
            + self.answered.held()
            + listens
            + passed_over
    }
}

impl Postgres {
    /// Looks at the connection's first bytes: only a start-up packet begins with a zero.
    fn begin(&mut self, dir: Dir, bytes: &[u8]) {
        if dir == Dir::ToServer && bytes.first() == Some(&0) {
            self.phase = Phase::Startup;
            return;
        }
        self.phase = Phase::Messages;
        for framer in &mut self.framers {
            framer.lose(0, Loss::Lost);
        }
    }

    fn read(&mut self, dir: Dir, mut rest: &[u8], framer: &mut Framer, env: &mut Env<'_, '_>) -> Verdict {
        if dir == Dir::ToClient && self.phase == Phase::Encryption {
            let Some((answer, behind)) = rest.split_first() else { return Verdict::Mine };
            match startup::encryption(*answer, behind.len()) {
                startup::Encryption::Refused => {
                    self.opening.refused(env.at);
                    self.phase = Phase::Startup;
                    rest = behind;
                }
                startup::Encryption::Error => self.phase = Phase::Messages,
                startup::Encryption::Becomes(verdict) => return verdict,
            }
        }
        let keep = keep(env.cx.limits);
        let mut is_chunk = true;
        loop {
            if framer.is_lost() {
                let found = recover::find(dir, rest, is_chunk);
                if found != Some(0) {
                    self.passed(dir, rest.len());
                }
                let Some(skipped) = found else { return Verdict::Mine };
                rest = &rest[skipped..];
                framer.found();
            }
            is_chunk = false;
            let starts_up = dir == Dir::ToServer && self.phase == Phase::Startup;
            let head = |bytes: &[u8]| if starts_up { startup::head(bytes) } else { head(dir, bytes) };
            match framer.next(&mut rest, env.at, keep, head) {
                Ok(None) => return Verdict::Mine,
                Ok(Some(frame)) => self.frame(dir, &frame, starts_up, env),
                Err(Broken) if !env.ledger.any() => return Verdict::NotMine,
                Err(Broken) => {
                    framer.lose(0, Loss::Lost);
                    rest = rest.split_first().map_or(rest, |(_, behind)| behind);
                    match dir {
                        Dir::ToServer => self.requests_lost(true, Quality::Gap, env),
                        // Nothing is missing: what answers is no PostgreSQL server.
                        Dir::ToClient if self.is_unanswered(env) => {}
                        Dir::ToClient => self.answers_lost(true, Loss::Lost, env),
                    }
                }
            }
        }
    }

    fn frame(&mut self, dir: Dir, frame: &Frame<'_>, starts_up: bool, env: &mut Env<'_, '_>) {
        match dir {
            Dir::ToServer if starts_up => self.startup(frame, env),
            Dir::ToServer => self.ask(frame, env),
            Dir::ToClient => self.answer(frame, env),
        }
    }
}

/// How much of a message is kept while it comes.
fn keep(limits: &Limits) -> usize {
    (limits.body + 1024).max(KEEP_AT_LEAST)
}

/// A kind, then a length that counts itself.
fn head(dir: Dir, bytes: &[u8]) -> Head {
    if bytes.first().is_some_and(|kind| !shape::is_kind(dir, *kind)) {
        return Head::Bad;
    }
    let Some(length) = bytes.get(1..5).and_then(|length| length.try_into().ok()).map(u32::from_be_bytes)
    else {
        return Head::More;
    };
    match length {
        4..=LENGTH_LIMIT => Head::Frame { head: 5, payload: u64::from(length) - 4 },
        _ => Head::Bad,
    }
}
