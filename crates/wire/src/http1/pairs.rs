//! Puts responses to requests: in order (RFC 9112 section 9.3.2), and marked wherever the order may be off.

use std::collections::VecDeque;

use model::Timestamp;
use model::exchange::{Ending, Exchange, Message, Protocol, Quality};

use super::call::Call;
use super::head::{RequestHead, ResponseHead};
use crate::decode::{Dir, Env, Loss};
use crate::events::Events;
use crate::grpc;
use crate::ledger;
use crate::limits::Limits;
use crate::report::Pace;
use crate::waiting::{self, Pauses};

/// The calls of one connection that are not done, oldest first.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    calls: VecDeque<Call>,
    /// The last call's request is being read.
    asking: bool,
    /// The first call's response is being read.
    answering: bool,
    /// Requests were sent before the last one was answered.
    pipelines: bool,
    /// Responses are missing since the last one was seen, and how.
    answers_missing: Option<Quality>,
    /// Requests were lost behind those that wait.
    asks_missing: bool,
    /// Calls that were given up for their number, whose responses are still to come.
    forgotten: u32,
    held: usize,
    due: Option<Timestamp>,
}

impl Pairs {
    pub(super) fn answering(&self) -> bool {
        self.answering
    }

    pub(super) fn held(&self) -> usize {
        self.held
    }

    pub(super) fn due(&self) -> Option<Timestamp> {
        self.due
    }

    /// Whether a message is being read in one direction, behind which nothing was sent yet.
    pub(super) fn reads_last(&self, dir: Dir) -> bool {
        !self.pipelines
            && match dir {
                Dir::ToServer => self.asking,
                Dir::ToClient => self.answering,
            }
    }

    /// The call whose response is being read.
    pub(super) fn answered(&self) -> Option<&Exchange> {
        self.calls.front().filter(|_| self.answering).map(|call| &call.exchange)
    }

    /// The method that the next response answers; empty when it is not known.
    pub(super) fn method(&self) -> &str {
        self.calls.front().map_or("", |call| call.exchange.method.as_str())
    }

    pub(super) fn request(&mut self, head: RequestHead, first: Timestamp, env: &mut Env<'_, '_>) {
        if self.answers_missing.is_some() && !self.pipelines {
            // Who waits for each answer before asking again has got those answers. We have not.
            self.give_up_answers(self.calls.len(), env);
        }
        self.pipelines |= !self.calls.is_empty();
        if self.calls.len() >= env.cx.limits.pending_per_flow
            && let Some(call) = self.calls.pop_front()
        {
            self.forgotten += u32::from(!self.answering);
            self.answering = false;
            env.for_room(|env| self.finish(call, Ending::Open, env));
        }
        let mut exchange = env.connection.exchange(Protocol::Http1, first);
        exchange.method = head.method;
        exchange.target = head.target;
        exchange.request.headers = head.fields;
        exchange.request.last = env.at;
        self.asking = true;
        self.push(Call::new(exchange, false), env.at, env);
    }

    /// Makes the call that is answered next the first one.
    pub(super) fn next_to_answer(&mut self, first: Timestamp, env: &mut Env<'_, '_>) {
        if self.calls.front().is_some_and(|call| call.answered)
            && let Some(mut call) = self.calls.pop_front()
        {
            // Answered before it was asked to the end, which must have come before what is answered now was asked.
            ledger::mark(&mut call.exchange, Quality::Gap);
            self.asking &= !self.calls.is_empty();
            self.finish(call, Ending::Open, env);
        }
        if self.forgotten == 0 && self.calls.is_empty() {
            let mut exchange = env.connection.exchange(Protocol::Http1, first);
            exchange.quality = Quality::NoRequest;
            self.push(Call::new(exchange, true), first, env);
        }
    }

    pub(super) fn response(&mut self, head: ResponseHead, first: Timestamp, at: Timestamp) {
        self.answers_missing = None;
        if self.forgotten > 0 {
            self.forgotten -= 1;
            return;
        }
        self.answering = true;
        if let Some(call) = self.calls.front_mut() {
            self.held -= call.held();
            grpc::answered(&mut call.grpc, &mut call.exchange, Some(head.status.to_string()), &head.fields);
            let message = Message { headers: head.fields, first, last: at, ..Message::default() };
            if call.grpc.is_none() {
                call.exchange.waits |= waiting::is_stream(&message);
                call.pauses =
                    (!message.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length")))
                        .then(Pauses::default);
            }
            if Events::are_in(&message) {
                call.events = Some(Events::default());
            }
            call.exchange.response = Some(message);
            self.held += call.held();
            earlier(&mut self.due, call.pace.changed(at));
        }
    }

    pub(super) fn body(&mut self, dir: Dir, bytes: &[u8], at: Timestamp, limits: &Limits) {
        let room = limits.flow_buffer.saturating_sub(self.held);
        if self.open_call(dir).is_some_and(|call| call.grpc.is_some()) {
            return self.resize(dir, |call| call.messages(dir, bytes, at, limits));
        }
        if dir == Dir::ToClient
            && let Some(call) = self.open_call(dir)
        {
            call.go_on(at);
        }
        if dir == Dir::ToClient && self.open_call(dir).is_some_and(|call| call.events.is_some()) {
            let limits = Limits { body: if bytes.len() > room { 0 } else { limits.body }, ..*limits };
            return self.resize(dir, |call| call.events(bytes, at, &limits));
        }
        let Some((message, pace)) = self.open_message(dir) else { return };
        message.bytes += bytes.len() as u64;
        message.last = at;
        let mut kept = 0;
        if !message.cut {
            kept = bytes.len().min(limits.body.saturating_sub(message.body.len())).min(room);
            message.body.extend_from_slice(&bytes[..kept]);
            message.cut = kept < bytes.len();
        }
        let due = pace.changed(at);
        self.held += kept;
        earlier(&mut self.due, due);
    }

    /// Bytes of a body are missing, and how many.
    pub(super) fn body_lost(&mut self, dir: Dir, bytes: u64, loss: Loss, at: Timestamp, limits: &Limits) {
        self.resize(dir, |call| call.lose_messages(dir, bytes));
        let Some((message, _)) = self.open_message(dir) else { return };
        let missed = ledger::lose(message, at, bytes, loss, limits);
        if let (Dir::ToClient, Some(call)) = (dir, self.calls.front_mut())
            && let Some(events) = &mut call.events
        {
            events.lose();
        }
        if let Some(quality) = missed {
            self.mark(dir, quality);
        }
    }

    pub(super) fn trailers(&mut self, dir: Dir, trailers: Vec<(String, String)>) {
        self.resize(dir, |call| {
            if call.grpc.is_some() {
                grpc::settle(&mut call.exchange, &trailers);
            }
            if let Some(message) = dir.message(&mut call.exchange) {
                message.headers.extend(trailers);
            }
        });
    }

    /// The message that is being read in one direction was seen to its `end`, or will not be seen any further.
    pub(super) fn message_ended(&mut self, dir: Dir, end: bool, env: &mut Env<'_, '_>) {
        self.resize(dir, |call| {
            if dir == Dir::ToClient {
                call.go_on(env.at);
            }
            if let Some(message) = dir.message(&mut call.exchange) {
                message.complete = end;
                message.last = message.last.max(env.at);
            }
            call.end_messages(dir, end, env.at, env.cx.limits);
        });
        match dir {
            Dir::ToServer if self.asking => {
                self.asking = false;
                if let Some(call) = self.calls.back_mut() {
                    call.asked = true;
                    if call.answered
                        && let Some(call) = self.calls.pop_back()
                    {
                        self.finish(call, Ending::Open, env);
                    }
                }
            }
            Dir::ToClient if self.answering => {
                self.answering = false;
                if let Some(call) = self.calls.front_mut() {
                    call.answered = true;
                    if call.asked
                        && let Some(call) = self.calls.pop_front()
                    {
                        self.finish(call, Ending::Open, env);
                    }
                }
            }
            Dir::ToServer | Dir::ToClient => {}
        }
    }

    /// Marks the message that is being read.
    pub(super) fn mark(&mut self, dir: Dir, quality: Quality) {
        if let Some(call) = self.open_call(dir) {
            ledger::mark(&mut call.exchange, quality);
        }
    }

    /// Whole messages, or the heads of some, are missing in one direction.
    pub(super) fn messages_lost(&mut self, dir: Dir, loss: Loss) {
        if self.calls.is_empty() {
            return;
        }
        match dir {
            Dir::ToClient if self.answering && !self.pipelines => {}
            Dir::ToClient => self.answers_missing = Some(loss.quality()),
            Dir::ToServer => {
                self.asks_missing = true;
                if self.pipelines {
                    // Requests are missing in the middle of others: whose response is whose is a guess from here on.
                    self.calls.iter_mut().for_each(|call| ledger::mark(&mut call.exchange, loss.quality()));
                }
            }
        }
    }

    /// A response was found behind a loss of about `count` of them.
    pub(super) fn answers_lost(&mut self, count: u64, env: &mut Env<'_, '_>) {
        let Some(quality) = self.answers_missing else { return };
        for call in &mut self.calls {
            ledger::mark(&mut call.exchange, quality);
        }
        // A request that was lost as well may be what this response answers: then nobody knows, and nobody is told.
        let spared = usize::from(!self.asks_missing);
        let most = self.calls.len().saturating_sub(spared);
        let given_up = match (self.pipelines, self.asks_missing) {
            (_, true) => most,
            (true, false) => usize::try_from(count).unwrap_or(usize::MAX).min(most),
            (false, false) => 0,
        };
        self.give_up_answers(given_up, env);
    }

    fn give_up_answers(&mut self, count: usize, env: &mut Env<'_, '_>) {
        let quality = self.answers_missing.take().unwrap_or(Quality::Gap);
        for mut call in self.calls.drain(..count).collect::<Vec<_>>() {
            ledger::mark(&mut call.exchange, quality);
            self.finish(call, Ending::Open, env);
        }
        self.asking &= !self.calls.is_empty();
    }

    /// Whether any call waits for its answer.
    pub(super) fn wait(&self) -> bool {
        !self.answering && self.calls.back().is_some_and(|call| !call.answered)
    }

    /// The last call asks for a tunnel, and has no answer yet.
    pub(super) fn waits_for_tunnel(&self) -> bool {
        let asks = |call: &Call| call.exchange.method == "CONNECT" && call.exchange.response.is_none();
        !self.asking && self.calls.back().is_some_and(asks)
    }

    /// So many bytes came that are of another protocol, in answer to what waits.
    pub(super) fn answered_otherwise(&mut self, words: &str, bytes: usize, env: &mut Env<'_, '_>) {
        let mut response = Some(Message {
            bytes: bytes as u64,
            cut: true,
            first: env.at,
            last: env.at,
            ..Message::default()
        });
        while let Some(mut call) = self.calls.pop_front() {
            self.held = self.held.saturating_sub(call.held());
            if call.exchange.response.is_none() {
                call.exchange.failure = Some(words.to_owned());
                call.exchange.response = response.take();
            }
            self.held += call.held();
            self.finish(call, Ending::Open, env);
        }
        (self.asking, self.answering) = (false, false);
    }

    /// Hands out the call that turned its connection into something else, without the answer that only said so.
    pub(super) fn take_upgraded(&mut self) -> Option<Exchange> {
        let call = self.calls.pop_front()?;
        self.held = self.held.saturating_sub(call.held());
        self.asking = false;
        self.answering = false;
        let mut exchange = call.exchange;
        exchange.status = None;
        exchange.response = None;
        exchange.request.complete = call.asked;
        Some(exchange)
    }

    /// No more comes.
    pub(super) fn end(&mut self, ending: Ending, env: &mut Env<'_, '_>) {
        let missing = self.answers_missing.take();
        while let Some(mut call) = self.calls.pop_front() {
            if let (Some(quality), None) = (missing, &call.exchange.response) {
                ledger::mark(&mut call.exchange, quality);
            }
            debug_assert_eq!(call.exchange.conn, env.connection.id);
            self.finish(call, ending, env);
        }
        self.asking = false;
        self.answering = false;
    }

    pub(super) fn report(&mut self, env: &mut Env<'_, '_>) {
        if self.due.is_none_or(|due| due > env.at) {
            return;
        }
        self.due = None;
        for call in &mut self.calls {
            if call.pace.take(env.at) {
                env.cx.out.push(call.exchange.clone());
            }
            if let Some(due) = call.pace.due() {
                earlier(&mut self.due, due);
            }
        }
    }

    fn push(&mut self, mut call: Call, at: Timestamp, env: &mut Env<'_, '_>) {
        env.ledger.is_elsewhere();
        self.held += call.held();
        earlier(&mut self.due, call.pace.changed(at));
        self.calls.push_back(call);
    }

    fn open_call(&mut self, dir: Dir) -> Option<&mut Call> {
        match dir {
            Dir::ToServer if self.asking => self.calls.back_mut(),
            Dir::ToClient if self.answering => self.calls.front_mut(),
            Dir::ToServer | Dir::ToClient => None,
        }
    }

    /// Changes the call whose message is being read in one direction, and with it what it holds.
    fn resize(&mut self, dir: Dir, change: impl FnOnce(&mut Call)) {
        let Some(call) = self.open_call(dir) else { return };
        let before = call.held();
        change(call);
        let (after, due) = (call.held(), call.pace.due());
        self.held = (self.held + after).saturating_sub(before);
        if let Some(due) = due {
            earlier(&mut self.due, due);
        }
    }

    fn open_message(&mut self, dir: Dir) -> Option<(&mut Message, &mut Pace)> {
        let Call { exchange, pace, .. } = self.open_call(dir)?;
        Some((dir.message(exchange)?, pace))
    }

    fn finish(&mut self, call: Call, ending: Ending, env: &mut Env<'_, '_>) {
        self.held = self.held.saturating_sub(call.held());
        let mut exchange = call.exchange;
        if let (Some(mut events), Some(response)) = (call.events, &mut exchange.response) {
            events.end(response, env.cx.limits);
        }
        if let Some(missing) = env.cx.missing(&exchange) {
            ledger::mark(&mut exchange, missing);
        }
        exchange.ending = ending;
        exchange.done = true;
        env.cx.out.push(exchange);
        if self.calls.is_empty() {
            self.pipelines = false;
            self.asks_missing = false;
            self.due = None;
        }
    }
}

/// Moves a moment forward to an earlier one.
fn earlier(due: &mut Option<Timestamp>, at: Timestamp) {
    *due = Some(due.map_or(at, |due| due.min(at)));
}
