//! What is published, delivered, asked and answered on one connection, as exchanges.

use std::collections::VecDeque;

use model::Timestamp;
use model::exchange::{Ending, Exchange, Message, Protocol, Quality, Topic, TopicRole};

use super::frames::Frame;
use super::json;
use super::ops::{self, Op};
use super::payload::{Payload, Verdict};
use super::replies::{Asked, Replies};
use super::subjects::{Subjects, is_inbox};
use crate::decode::{Env, Loss};

/// Where messages of streams are acknowledged.
const ACKS: &[u8] = b"$JS.ACK.";
/// What asks a stream for its next messages.
const PULLS: &[u8] = b"$JS.API.CONSUMER.MSG.NEXT.";

/// How many times as many confirmations are waited for as exchanges: each is for the oldest, so none may be missed.
const CONFIRMED_TIMES: usize = 16;

/// Something that a server confirms, when it was asked to confirm everything.
#[derive(Debug)]
enum Confirmed {
    /// It has no exchange.
    Nothing,
    /// That is its answer.
    Answer(u32),
    /// Another answer follows.
    Receipt(u32),
}

/// The exchanges of one connection.
#[derive(Debug, Default)]
pub(super) struct Calls {
    subjects: Subjects,
    /// The exchange of `CONNECT`, until it is answered.
    connect: Option<u32>,
    /// What the server told of itself.
    server: Vec<(String, String)>,
    /// The server confirms what it is told; these were not confirmed yet.
    confirms: bool,
    confirmed: VecDeque<Confirmed>,
    /// Requests that wait for an answer.
    asked: Replies,
    /// Those that ask streams for their next messages.
    pulls: Replies,
    /// Messages that came with a subject to answer to.
    got: Replies,
}

/// A line with all there is of its payload.
#[derive(Debug)]
pub(super) struct Part<'a> {
    pub(super) op: Op<'a>,
    pub(super) frame: &'a Frame<'a>,
    pub(super) at: Timestamp,
}

impl Calls {
    pub(super) fn on(&mut self, part: &Part<'_>, env: &mut Env<'_, '_>) {
        match part.op {
            Op::Info(json) => self.greeted(json),
            Op::Connect(json) => self.connects(json, part, env),
            Op::Publish(message) => self.publishes(&message, part, env),
            Op::Deliver(sid, message) => self.delivers(sid, &message, part, env),
            Op::Subscribe { subject, queue, sid } => {
                self.subjects.add(sid, subject);
                self.subscribes(subject, queue, part, env);
            }
            Op::Unsubscribe { sid, most } => {
                if most.is_none() {
                    self.subjects.remove(sid);
                }
                self.confirm(Confirmed::Nothing, env);
            }
            // Whether the other is alive: nobody's call. The first one answers the client's introduction.
            Op::Ping => {}
            Op::Pong => self.connected("PONG", None, part, env),
            Op::Ok => self.confirmed(part, env),
            Op::Error(words) => self.refused(words, part, env),
        }
    }

    /// Bytes may be missing in which there were answers, and confirmations: those can no more be counted.
    pub(super) fn lost(&mut self, loss: Option<Loss>, env: &mut Env<'_, '_>) {
        if let Some(loss) = loss {
            env.ledger.doubt_all(loss.quality());
        }
        self.confirms = false;
        for confirmed in std::mem::take(&mut self.confirmed) {
            if let Confirmed::Answer(serial) = confirmed
                && Some(serial) != self.connect
            {
                env.close(serial);
            }
        }
    }

    pub(super) fn end(&mut self, ending: Ending, env: &mut Env<'_, '_>) {
        // A client that does not ask to be confirmed is not answered.
        if let Some(connect) = self.connect.take().filter(|_| !self.confirms) {
            env.ledger.finish(connect, ending, env.cx);
        }
        env.end(ending);
    }

    pub(super) fn held(&self) -> usize {
        let subjects = self.asked.held() + self.pulls.held() + self.got.held();
        let confirmed = self.confirmed.capacity() * size_of::<Confirmed>();
        self.subjects.held() + subjects + confirmed
    }

    fn greeted(&mut self, json: &[u8]) {
        let facts = ["server_name", "version"].map(|name| {
            let value = json::field(json, name)?;
            Some((name.to_owned(), String::from_utf8_lossy(value).into_owned()))
        });
        self.server = facts.into_iter().flatten().collect();
    }

    fn connects(&mut self, json: &[u8], part: &Part<'_>, env: &mut Env<'_, '_>) {
        let name = json::field(json, "name").unwrap_or_default();
        let mut exchange = exchange("CONNECT", name, part, env);
        // What is not understood may hold anything.
        exchange.request.body = json::shown(json).unwrap_or_else(|| b"[redacted]".to_vec());
        exchange.request.body.truncate(env.cx.limits.body);
        exchange.request.media = Some("application/json".to_owned());
        let serial = env.open(exchange);
        self.connect = Some(serial);
        // A client that does not say otherwise is sent a line for everything that it tells the server.
        self.confirms = json::field(json, "verbose") != Some(b"false");
        self.confirm(Confirmed::Answer(serial), env);
    }

    /// The introduction of the client is answered.
    fn connected(&mut self, status: &str, failure: Option<String>, part: &Part<'_>, env: &mut Env<'_, '_>) {
        let Some(serial) = self.connect.take() else { return };
        let headers = std::mem::take(&mut self.server);
        env.ledger.change(serial, part.at, |exchange| {
            let response = message(part);
            exchange.response = Some(Message { headers, ..response });
            exchange.status = Some(status.to_owned());
            exchange.failure = failure;
        });
        env.close(serial);
    }

    fn subscribes(&mut self, subject: &[u8], queue: Option<&[u8]>, part: &Part<'_>, env: &mut Env<'_, '_>) {
        // Where a client waits for its own answers is nobody else's matter.
        if is_inbox(subject) {
            return self.confirm(Confirmed::Nothing, env);
        }
        let mut exchange = exchange("SUB", subject, part, env);
        if let Some(queue) = queue {
            exchange.request.headers.push(("queue".to_owned(), String::from_utf8_lossy(queue).into_owned()));
        }
        let serial = env.open(exchange);
        self.confirm(Confirmed::Answer(serial), env);
    }

    fn publishes(&mut self, op: &ops::Message<'_>, part: &Part<'_>, env: &mut Env<'_, '_>) {
        let payload = Payload::read(op, part.frame, part.at, env.cx.limits);
        if let Some(asked) = self.got.get(op.subject, env.ledger) {
            return self.answers(asked, op, payload, part, env);
        }
        let asks = op.reply.is_some_and(|reply| self.subjects.hears(reply));
        let mut exchange = exchange(if asks { "REQ" } else { "PUB" }, op.subject, part, env);
        exchange.topic = topic(TopicRole::Sends, op);
        exchange.request = payload.message;
        let pulls = op.subject.starts_with(PULLS);
        exchange.waits = pulls;
        let serial = env.open(exchange);
        match op.reply.filter(|_| asks) {
            Some(reply) => {
                let asked = if pulls { &mut self.pulls } else { &mut self.asked };
                asked.add(reply, serial, 2 * env.cx.limits.pending_per_flow, env.ledger);
                self.confirm(Confirmed::Receipt(serial), env);
            }
            None => self.confirm(Confirmed::Answer(serial), env),
        }
    }

    /// What is published answers a message that came before.
    fn answers(
        &mut self,
        asked: Asked,
        op: &ops::Message<'_>,
        payload: Payload,
        part: &Part<'_>,
        env: &mut Env<'_, '_>,
    ) {
        let acknowledges = op.subject.starts_with(ACKS);
        let verdict = if acknowledges { acknowledged(&payload.message.body) } else { payload.verdict(false) };
        self.confirm(Confirmed::Nothing, env);
        // Who says that it still works on it answers later.
        if acknowledges && verdict.status.as_deref() == Some("+WPI") {
            return;
        }
        self.got.remove(op.subject);
        if let Asked::Open(serial) = asked {
            env.ledger.change(serial, part.at, |exchange| answer(exchange, payload.message, verdict, part));
            env.close(serial);
        }
    }

    fn delivers(&mut self, sid: &[u8], op: &ops::Message<'_>, part: &Part<'_>, env: &mut Env<'_, '_>) {
        let payload = Payload::read(op, part.frame, part.at, env.cx.limits);
        let code = payload.status.as_ref().map(|(code, _)| code.as_str());
        // The server's own signs of life on a subscription.
        if code == Some("100") {
            return;
        }
        for (waiting, pulls) in [(&mut self.asked, false), (&mut self.pulls, true)] {
            let Some(asked) = waiting.get(op.subject, env.ledger) else { continue };
            waiting.remove(op.subject);
            if let Asked::Open(serial) = asked {
                let verdict = payload.verdict(pulls);
                env.ledger
                    .change(serial, part.at, |exchange| answer(exchange, payload.message, verdict, part));
                env.close(serial);
            }
            return;
        }
        // That no more comes, to who got something already.
        if code.is_some() && is_inbox(op.subject) {
            return;
        }
        self.pulled(sid, env);
        let mut exchange = exchange("MSG", op.subject, part, env);
        exchange.topic = topic(TopicRole::Receives, op);
        exchange.request = payload.message;
        // How long its receiver takes says nothing of the server.
        exchange.waits = true;
        exchange.status = payload.status.map(|(code, _)| code);
        let serial = env.open(exchange);
        match op.reply {
            Some(reply) => self.got.add(reply, serial, 2 * env.cx.limits.pending_per_flow, env.ledger),
            None => env.finish(serial),
        }
    }

    /// A message of a stream comes under its own subject, for the subscription of whoever asked for it.
    fn pulled(&mut self, sid: &[u8], env: &mut Env<'_, '_>) {
        let open = |serial: u32| env.ledger.get(serial).is_some();
        let is_its = |(subject, serial): &(&[u8], u32)| open(*serial) && self.subjects.is_for(sid, subject);
        let found = self.pulls.iter().find(is_its).map(|(subject, serial)| (subject.to_vec(), serial));
        if let Some((subject, serial)) = found {
            self.pulls.remove(&subject);
            env.finish(serial);
        }
    }

    /// The server will confirm this, or, where it was not asked to, nothing more is said of it.
    fn confirm(&mut self, confirmed: Confirmed, env: &mut Env<'_, '_>) {
        if self.confirms && self.confirmed.len() < CONFIRMED_TIMES * env.cx.limits.pending_per_flow {
            return self.confirmed.push_back(confirmed);
        }
        if let Confirmed::Answer(serial) = confirmed
            && Some(serial) != self.connect
        {
            env.finish(serial);
        }
    }

    fn confirmed(&mut self, part: &Part<'_>, env: &mut Env<'_, '_>) {
        match self.confirmed.pop_front() {
            Some(Confirmed::Answer(serial)) if Some(serial) == self.connect => {
                self.connected("OK", None, part, env);
            }
            Some(Confirmed::Answer(serial)) => {
                env.ledger.change(serial, part.at, |exchange| {
                    exchange.response = Some(message(part));
                    exchange.status = Some("OK".to_owned());
                });
                env.close(serial);
            }
            Some(Confirmed::Nothing | Confirmed::Receipt(_)) | None => {}
        }
    }

    fn refused(&mut self, words: &[u8], part: &Part<'_>, env: &mut Env<'_, '_>) {
        let words = String::from_utf8_lossy(words).trim_matches('\'').to_owned();
        if self.connect.is_some() {
            self.confirmed.pop_front();
            return self.connected("-ERR", Some(words), part, env);
        }
        let quoted = words.split('"').nth(1).unwrap_or_default();
        let waits = |serial: &u32| env.ledger.get(*serial).is_some_and(|e| e.target == quoted);
        let known = match self.confirmed.pop_front() {
            Some(Confirmed::Answer(serial) | Confirmed::Receipt(serial)) => Some(serial),
            Some(Confirmed::Nothing) => None,
            None => self.asked.iter().chain(self.pulls.iter()).map(|(_, serial)| serial).find(waits),
        };
        let serial = known.unwrap_or_else(|| {
            let exchange = exchange("-ERR", quoted.as_bytes(), part, env);
            let request = Message { first: part.frame.first, last: part.frame.first, ..Message::default() };
            env.open(Exchange { request, ..exchange })
        });
        env.ledger.change(serial, part.at, |exchange| {
            exchange.response = Some(message(part));
            exchange.status = Some("-ERR".to_owned());
            exchange.failure = Some(words);
        });
        env.close(serial);
    }
}

/// An exchange that a line begins.
fn exchange(method: &str, target: &[u8], part: &Part<'_>, env: &mut Env<'_, '_>) -> Exchange {
    let mut exchange = env.connection.exchange(Protocol::Nats, part.frame.first);
    method.clone_into(&mut exchange.method);
    exchange.target = String::from_utf8_lossy(target).into_owned();
    exchange.request = message(part);
    if let Some(loss) = part.frame.loss {
        exchange.quality = loss.quality();
    }
    exchange
}

/// A line that has no payload.
fn message(part: &Part<'_>) -> Message {
    Message {
        body: part.frame.line.to_vec(),
        bytes: part.frame.size,
        first: part.frame.first,
        last: part.at,
        complete: true,
        media: Some("text/plain".to_owned()),
        ..Message::default()
    }
}

fn answer(exchange: &mut Exchange, message: Message, verdict: Verdict, part: &Part<'_>) {
    exchange.response = Some(message);
    exchange.status = verdict.status;
    exchange.failure = verdict.failure;
    if let (Quality::Complete, Some(loss)) = (exchange.quality, part.frame.loss) {
        exchange.quality = loss.quality();
    }
}

/// The place of a message that is somebody's: the server's own subjects are none.
fn topic(role: TopicRole, op: &ops::Message<'_>) -> Option<Topic> {
    let own = [&b"$JS."[..], b"$SYS."].iter().any(|own| op.subject.starts_with(own));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    // Where a stream's message is acknowledged does not lead to who sent it.
    let reply = op.reply.filter(|reply| !reply.starts_with(ACKS));
    (!own).then(|| Topic { role, name: text(op.subject), key: reply.map(text) })
}

/// What an acknowledgement says: `+ACK`, or nothing, that all is well.
fn acknowledged(body: &[u8]) -> Verdict {
    let text = String::from_utf8_lossy(body);
    let word = text.split([' ', '{']).next().unwrap_or_default();
    let failure = matches!(word, "-NAK" | "+TERM").then(|| text.trim().to_owned());
    Verdict { status: (!word.is_empty()).then(|| word.to_owned()), failure }
}
