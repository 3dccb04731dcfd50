//! Puts replies to commands: by order, but for what is pushed, and for commands that are not answered.

use model::exchange::{Ending, Message, Protocol, Quality, Topic};

use super::commands::{Effect, Listening, Meaning, Veil, meaning};
use super::pubsub::{self, Push, Subscriptions, What};
use super::queue::{Answers, Awaited, Queue};
use super::reply::Reply;
use super::request::Command;
use super::{answer, detect, quote};
use crate::decode::{Dir, Env, Loss};
use crate::ledger;

/// How many times the exchanges that a flow may hold open may wait for their reply.
const WAITING_TIMES: usize = 16;

/// The commands of one connection that are not answered, and its subscriptions.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    queue: Queue,
    answers: Answers,
    subscriptions: Subscriptions,
    /// The exchange to which all that the server does is told.
    monitor: Option<u32>,
    /// The exchange that made the connection a replica's.
    replica: Option<u32>,
    /// Why replies are not put to commands.
    doubt: Option<Quality>,
    /// Replies came in this turn for which no command was seen.
    orphans: bool,
    /// The connection speaks RESP3, where what is pushed looks like nothing else.
    pushes: bool,
}

impl Pairs {
    pub(super) fn command(&mut self, command: &Command, env: &mut Env<'_, '_>) {
        let meaning = meaning(&command.words);
        let answered = self.answers.next(meaning.effect);
        let first = env.connection.serial;
        for place in places(command, &meaning) {
            let mut exchange = env.connection.exchange(Protocol::Redis, command.measure.first);
            exchange.method.clone_from(&meaning.method);
            exchange.waits = meaning.waits;
            exchange.topic = meaning.topic.map(|role| Topic { role, name: place.clone(), key: None });
            exchange.target = place;
            exchange.request = Message {
                body: command.text.clone(),
                bytes: command.measure.size,
                cut: command.cut,
                last: env.at,
                complete: command.complete,
                media: Some("text/plain".to_owned()),
                ..exchange.request
            };
            let doubt = self.doubt.filter(|_| self.queue.is_unsure());
            if let Some(quality) = command.measure.loss.map(Loss::quality).or(doubt) {
                exchange.quality = quality;
            }
            let serial = env.open(exchange);
            if !answered {
                env.finish(serial);
                continue;
            }
            // What is sent next is no reply: a snapshot, or what the primary is told.
            if meaning.method == "SYNC" {
                self.replica = Some(serial);
                return;
            }
            let confirmations = match (meaning.effect, command.words.len()) {
                (Effect::Unsubscribes(listening), ..=1) => self.subscriptions.count(listening).max(1),
                (_, words) => words - 1,
            };
            let (effect, veil) = (meaning.effect, meaning.veil);
            let awaited = Awaited { serial, command: first, effect, veil, confirmations };
            if let Some(oldest) = self.queue.push(awaited, WAITING_TIMES * env.cx.limits.pending_per_flow) {
                env.for_room(|env| env.close(oldest.serial));
            }
        }
    }

    pub(super) fn reply(&mut self, reply: &Reply, env: &mut Env<'_, '_>) {
        let written = &reply.written;
        let unasked = written.kind == b'>';
        self.pushes |= unasked;
        if let Some(push) = self.push(reply) {
            return self.pushed(&push, reply, env);
        }
        if unasked {
            return self.pushed(&Push::other(reply), reply, env);
        }
        if let Some(serial) = self.monitor
            && written.kind == b'+'
            && detect::is_monitor_line(&written.text)
        {
            let size = reply.measure.size.saturating_sub(3);
            env.ledger.change(serial, env.at, |exchange| {
                if let Some(message) = &mut exchange.response {
                    ledger::part(message, env.at, "command", &written.text, size, env.cx.limits);
                    message.bytes += reply.measure.size - size;
                }
            });
            return;
        }
        self.answers(reply, env);
    }

    /// What was seen of a reply whose rest is lost.
    pub(super) fn unfinished_reply(&mut self, reply: &Reply, env: &mut Env<'_, '_>) {
        if let Some(awaited) = self.queue.next()
            && reply.written.kind != b'>'
            && self.push(reply).is_none()
        {
            let executes = awaited.effect == Effect::Executes;
            env.ledger
                .change(awaited.serial, env.at, |exchange| answer::fill(exchange, reply, executes, env.at));
        }
    }

    /// The client begins to speak, and has all its answers.
    pub(super) fn turns(&mut self) {
        self.orphans = false;
    }

    /// Whether a reply is waited for that is not lost.
    pub(super) fn waits_for_replies(&self) -> bool {
        self.queue.next().is_some()
    }

    /// Whether it is not known which reply answers which command.
    pub(super) fn is_unsure(&self) -> bool {
        self.queue.is_unsure()
    }

    /// Commands may be missing here.
    pub(super) fn commands_lost(&mut self, loss: Option<Loss>) {
        self.doubt = self.doubt.or(loss.map(Loss::quality));
        // A client that waits has been answered already, and that answer was told as one without a command.
        if !self.orphans {
            self.queue.commands_lost();
        }
    }

    /// Replies, or pushed messages, may be missing here.
    pub(super) fn replies_lost(&mut self, loss: Option<Loss>, env: &mut Env<'_, '_>) {
        if let Some(loss) = loss {
            self.doubt = Some(loss.quality());
            env.ledger.mark_all(loss.quality());
        }
        self.queue.replies_lost();
    }

    /// All that was asked so far was answered, whether or not that was seen.
    pub(super) fn settle(&mut self, env: &mut Env<'_, '_>) {
        let doubt = self.doubt.take();
        for awaited in self.queue.take() {
            if let Some(doubt) = doubt {
                env.ledger.mark(awaited.serial, doubt);
            }
            match awaited.effect {
                Effect::Monitors => self.monitor = Some(awaited.serial),
                _ => env.close(awaited.serial),
            }
        }
    }

    /// What must not be shown of the next reply.
    pub(super) fn veil(&self) -> Veil {
        // Of a reply to nobody knows what, at least the settings are hidden.
        self.queue.next().map_or(Veil::Secrets, |awaited| awaited.veil)
    }

    pub(super) fn replicates(&self) -> bool {
        self.replica.is_some()
    }

    /// Bytes of a connection that is a replica's.
    pub(super) fn replicated(&mut self, dir: Dir, bytes: u64, env: &mut Env<'_, '_>) {
        let Some(serial) = self.replica.filter(|_| bytes > 0) else { return };
        env.ledger.change(serial, env.at, |exchange| {
            let message = match dir {
                Dir::ToServer => &mut exchange.request,
                Dir::ToClient => {
                    exchange.response.get_or_insert_with(|| Message { first: env.at, ..Message::default() })
                }
            };
            message.bytes += bytes;
            message.last = env.at;
            message.cut = true;
        });
    }

    pub(super) fn end(&mut self, ending: Ending, env: &mut Env<'_, '_>) {
        let doubt = self.doubt.filter(|_| self.queue.is_unsure());
        for awaited in self.queue.take() {
            if let Some(doubt) = doubt {
                env.ledger.mark(awaited.serial, doubt);
            }
        }
        env.end(ending);
    }

    pub(super) fn held(&self) -> usize {
        self.subscriptions.held() + self.queue.held()
    }

    /// A reply that answers the command whose turn it is.
    fn answers(&mut self, reply: &Reply, env: &mut Env<'_, '_>) {
        if self.queue.is_for_forgotten() {
            return;
        }
        // Who had less to give up than was thought has all confirmations already.
        while let Some(Awaited { command, effect: Effect::Unsubscribes(_), .. }) = self.queue.next()
            && !matches!(reply.written.kind, b'-' | b'+')
            && let Some(awaited) = self.queue.take_next(*command)
        {
            env.close(awaited.serial);
        }
        if let Some(command) = self.queue.next().map(|awaited| awaited.command) {
            // An error answers all subscriptions of a command at once.
            while let Some(awaited) = self.queue.take_next(command) {
                self.answer(&awaited, reply, env);
            }
            return;
        }
        self.orphans = true;
        // Who answers is not silenced, whatever was asked for.
        self.answers = Answers::All;
        let mut exchange = env.connection.exchange(Protocol::Redis, reply.measure.first);
        answer::fill(&mut exchange, reply, false, env.at);
        exchange.quality = Quality::NoRequest;
        env.tell(exchange);
    }

    fn answer(&mut self, awaited: &Awaited, reply: &Reply, env: &mut Env<'_, '_>) {
        let serial = awaited.serial;
        let executes = awaited.effect == Effect::Executes;
        env.ledger.change(serial, env.at, |exchange| answer::fill(exchange, reply, executes, env.at));
        let refused = matches!(reply.written.kind, b'-' | b'!');
        match awaited.effect {
            Effect::Monitors if !refused => {
                // What it tells comes behind this answer, and the body is all of that.
                env.ledger.change(serial, env.at, |exchange| {
                    if let Some(message) = &mut exchange.response {
                        message.body.clear();
                        message.complete = false;
                    }
                });
                if let Some(before) = self.monitor.replace(serial) {
                    env.close(before);
                }
                return;
            }
            Effect::Replicates if !refused => {
                self.replica = Some(serial);
                return;
            }
            Effect::Resets if !refused => {
                self.subscriptions.end(env);
                if let Some(monitor) = self.monitor.take() {
                    env.ledger.change(monitor, env.at, pubsub::end);
                    env.close(monitor);
                }
            }
            _ => {}
        }
        env.close(serial);
    }

    /// The reply as a pushed message, if that is what it is.
    fn push(&self, reply: &Reply) -> Option<Push> {
        let listens = !self.subscriptions.is_empty()
            || self.queue.first().is_none_or(|awaited| {
                matches!(awaited.effect, Effect::Subscribes(_) | Effect::Unsubscribes(_))
            });
        let array = listens && !self.pushes;
        pubsub::read(reply).filter(|_| array || reply.written.kind == b'>')
    }

    fn pushed(&mut self, push: &Push, reply: &Reply, env: &mut Env<'_, '_>) {
        let limits = env.cx.limits;
        if push.what == What::Unsubscribed {
            if let Some(serial) = self.subscriptions.remove(push.listening, &push.place) {
                env.ledger.change(serial, env.at, |exchange| {
                    pubsub::deliver(exchange, push, reply, env.at, limits);
                });
                env.close(serial);
            }
            return self.given_up(push.listening, reply, env);
        }
        let known = self.subscriptions.get(push.listening, &push.place);
        let serial = match known.filter(|serial| env.ledger.get(*serial).is_some()) {
            Some(serial) if push.what != What::Subscribed => serial,
            Some(_) | None => {
                let serial = self.asked_for(push, env).unwrap_or_else(|| {
                    let exchange = push.exchange(reply.measure.first, env);
                    env.open(exchange)
                });
                if let Some(gone) = self.subscriptions.add(push.listening, &push.place, serial) {
                    env.close(gone);
                }
                serial
            }
        };
        env.ledger.change(serial, env.at, |exchange| pubsub::deliver(exchange, push, reply, env.at, limits));
    }

    /// The exchange of the command that asked for a subscription, which waits no longer: where its confirmation is lost,
    /// the messages show that it was.
    fn asked_for(&mut self, push: &Push, env: &Env<'_, '_>) -> Option<u32> {
        let place = quote::text(&push.place);
        let awaited = self.queue.take_where(|awaited| {
            awaited.effect == Effect::Subscribes(push.listening)
                && env.ledger.get(awaited.serial).is_some_and(|exchange| exchange.target == place)
        })?;
        Some(awaited.serial)
    }

    /// A subscription was given up, perhaps since a command asked for it.
    fn given_up(&mut self, listening: Listening, reply: &Reply, env: &mut Env<'_, '_>) {
        let Some((serial, done)) = self.queue.confirm(listening) else { return };
        env.ledger.change(serial, env.at, |exchange| {
            let before = exchange.response.take();
            answer::fill(exchange, reply, false, env.at);
            exchange.status = reply.written.words.first().map(|word| quote::text(word));
            if let (Some(before), Some(message)) = (before, &mut exchange.response) {
                message.first = before.first;
                message.bytes += before.bytes;
                message.body = [&before.body[..], b"\n", &message.body].concat();
            }
        });
        if done {
            env.close(serial);
        }
    }
}

/// What a command is about, each of which gets an exchange: its first key or channel; or each channel that is subscribed
/// to, since each subscription lives and ends by itself.
fn places(command: &Command, meaning: &Meaning) -> Vec<String> {
    let words = match (meaning.effect, meaning.key) {
        (Effect::Subscribes(_), Some(first)) => &command.words[first..],
        (_, Some(key)) => &command.words[key..=key],
        (_, None) => return vec![String::new()],
    };
    words.iter().map(|word| quote::text(word)).collect()
}
