//! Makes exchanges of streams: each is a request and its response (RFC 9113 section 8.1).

use std::collections::BTreeMap;

use model::Timestamp;
use model::exchange::{Ending, Exchange, Message, Protocol, Quality};

use super::fields::{self, Headers};
use super::frame;
use super::losses::Losses;
use super::stream::{self, Over, Stream};
use crate::decode::{Dir, Env, Loss};
use crate::events::Events;
use crate::grpc::{self, Grpc};
use crate::ledger;
use crate::limits::Limits;

/// How far the number of a new stream may be from the last one's, where requests were lost.
const STREAMS_AHEAD: u32 = 200;

/// How often a flow's usual bound may be held until its oldest streams are given up.
const PATIENCE: usize = 8;

/// The streams of one connection that are not over.
#[derive(Debug, Default)]
pub(super) struct Calls {
    streams: BTreeMap<u32, Stream>,
    over: Over,
    /// By the lowest bit of their numbers, which says who began them: the newest stream that was let go for room. What
    /// still comes of it, and of those before it, is nobody's.
    let_go: [u32; 2],
    last: u32,
    losses: Losses,
    /// Some call of the connection is a gRPC call.
    any_grpc: bool,
    /// The server goes away because of an error.
    failing: Option<String>,
    /// When a gRPC call will have lasted long enough to be a stream.
    streams_at: Option<Timestamp>,
}

impl Calls {
    pub(super) fn held(&self) -> usize {
        let grpc: usize =
            self.streams.values().filter_map(|stream| stream.grpc.as_ref()).map(Grpc::held).sum();
        let events = self.streams.values().filter_map(|stream| stream.events.as_ref());
        grpc + events.map(Events::held).sum::<usize>() + self.streams.len() * size_of::<Stream>()
    }

    pub(super) fn due(&self) -> Option<Timestamp> {
        self.streams_at
    }

    pub(super) fn wake(&mut self, env: &mut Env<'_, '_>) {
        let now = env.at;
        if self.streams_at.is_some_and(|at| at <= now) {
            self.streams_at = None;
            for stream in self.streams.values() {
                let Some(exchange) = env.ledger.get(stream.serial) else { continue };
                if stream.grpc.is_none() || exchange.waits {
                    continue;
                }
                if grpc::is_stream(exchange, now) {
                    env.ledger.change(stream.serial, now, |exchange| exchange.waits = true);
                } else {
                    self.streams_at = earlier(self.streams_at, grpc::streams_at(exchange));
                }
            }
        }
    }

    /// Whether a frame of this stream is no surprise.
    pub(super) fn expects(&self, dir: Dir, stream: u32) -> bool {
        // What the server answers may have been asked before the capture, or in what was lost.
        let asked = stream > self.last || dir == Dir::ToClient;
        let near = self.last == 0 || stream <= self.last.saturating_add(STREAMS_AHEAD);
        (asked && near) || self.streams.contains_key(&stream) || self.over.has(stream)
    }

    pub(super) fn upgraded(&mut self, mut request: Exchange, env: &mut Env<'_, '_>) {
        request.protocol = Protocol::Http2;
        let ended = [request.request.complete, false];
        let serial = env.open(request);
        self.streams.insert(1, Stream { serial, ended, ..Stream::default() });
        self.last = 1;
    }

    pub(super) fn headers(&mut self, dir: Dir, headers: Headers, env: &mut Env<'_, '_>) {
        let (id, ends) = (headers.stream, headers.ends);
        if let Some(promised) = headers.promised {
            // What is pushed answers a request that the server makes up.
            self.request(promised, headers, env);
            return self.message_ended(Dir::ToServer, promised, env);
        }
        let known = self.streams.contains_key(&id);
        match dir {
            Dir::ToServer if known => self.trailers(dir, headers, env),
            Dir::ToServer if fields::is_request(&headers.block) => {
                self.request(id, headers, env);
            }
            Dir::ToServer => return,
            Dir::ToClient if !known && !self.unasked(id, headers.first, env) => return,
            Dir::ToClient if self.streams.get(&id).is_some_and(|stream| stream.answering) => {
                self.trailers(dir, headers, env);
            }
            Dir::ToClient if fields::is_interim(&headers.block) && !ends => return,
            Dir::ToClient => self.response(headers, env.at, env),
        }
        if ends {
            self.message_ended(dir, id, env);
        }
        self.bound(env);
    }

    /// A `DATA` frame of so many bytes begins.
    pub(super) fn piece(&mut self, dir: Dir, id: u32, bytes: u64, at: Timestamp, env: &mut Env<'_, '_>) {
        if dir == Dir::ToClient {
            if !self.streams.contains_key(&id) && !self.unasked(id, at, env) {
                return;
            }
            if self.streams.get(&id).is_some_and(|stream| !stream.answering) {
                // Its headers are older than the capture, or lost.
                self.response(Headers::unseen(id, at), at, env);
            }
        }
        if let Some(stream) = self.streams.get_mut(&id)
            && let Some(grpc) = &mut stream.grpc
        {
            grpc.piece(dir, bytes);
        }
    }

    /// Takes bytes of a body.
    pub(super) fn content(&mut self, dir: Dir, id: u32, bytes: &[u8], env: &mut Env<'_, '_>) {
        let full = env.ledger.held() + bytes.len() > env.cx.limits.flow_buffer;
        let limits = if full { Limits { body: 0, ..*env.cx.limits } } else { *env.cx.limits };
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let streams_at = env.ledger.change(stream.serial, env.at, |exchange| {
            if dir == Dir::ToClient {
                stream.go_on(exchange, env.at);
            }
            let (grpc, events) = (&mut stream.grpc, &mut stream.events);
            let message = dir.message(exchange)?;
            let Some(grpc) = grpc else {
                match events.as_mut().filter(|_| dir == Dir::ToClient) {
                    Some(events) => events.take(message, env.at, bytes, &limits),
                    None => ledger::extend(message, env.at, bytes, &limits),
                }
                return None;
            };
            message.bytes += bytes.len() as u64;
            message.last = message.last.max(env.at);
            grpc.body(dir, env.at, bytes, exchange, &limits);
            grpc::streams_at(exchange).filter(|_| !exchange.waits)
        });
        self.streams_at = earlier(self.streams_at, streams_at.flatten());
        self.bound(env);
    }

    /// A `DATA` frame of so many bytes is over.
    pub(super) fn piece_ended(&mut self, dir: Dir, id: u32, bytes: u64, env: &mut Env<'_, '_>) {
        let Some(stream) = self.streams.get_mut(&id).filter(|stream| stream.unclear && stream.grpc.is_none())
        else {
            return;
        };
        self.any_grpc |= env.ledger.change(stream.serial, env.at, |exchange| {
            let first = dir
                .message(exchange)
                .is_some_and(|m| m.bytes == bytes && grpc::begins_message(&m.body, bytes));
            if first {
                grpc::turn(&mut stream.grpc, exchange, env.cx.limits);
            }
            first
        }) == Some(true);
    }

    /// Bytes of a body are missing.
    pub(super) fn content_lost(&mut self, dir: Dir, id: u32, bytes: u64, loss: Loss, env: &mut Env<'_, '_>) {
        let Some(stream) = self.streams.get_mut(&id).filter(|_| bytes > 0) else { return };
        if let Some(grpc) = &mut stream.grpc {
            grpc.lose(dir, bytes);
        }
        if let Some(events) = stream.events.as_mut().filter(|_| dir == Dir::ToClient) {
            events.lose();
        }
        let missed = env.ledger.change(stream.serial, env.at, |exchange| {
            ledger::lose(dir.message(exchange)?, env.at, bytes, loss, env.cx.limits)
        });
        env.ledger.mark(stream.serial, missed.flatten());
    }

    /// Frames of nobody knows which streams are missing.
    pub(super) fn lose(&mut self, dir: Dir, loss: Loss) {
        self.losses.add(dir, loss);
    }

    /// The message of one direction is at its end.
    pub(super) fn message_ended(&mut self, dir: Dir, id: u32, env: &mut Env<'_, '_>) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        if std::mem::replace(&mut stream.ended[dir as usize], true) {
            return;
        }
        let serial = stream.serial;
        let length = stream.length[dir as usize];
        let bytes = env.ledger.change(serial, env.at, |exchange| {
            if dir == Dir::ToClient {
                stream.go_on(exchange, env.at);
            }
            let message = dir.message(exchange)?;
            message.complete = true;
            message.last = message.last.max(env.at);
            Some(message.bytes)
        });
        if length.is_none() || length != bytes.flatten() {
            // Some of it may have been among what was lost.
            self.doubt(id, dir, env);
        }
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let grpc = &mut stream.grpc;
        env.ledger.change(serial, env.at, |exchange| {
            if let Some(grpc) = grpc {
                grpc.ended(dir, true, env.at, exchange, env.cx.limits);
            }
        });
        let [asked, answered] = stream.ended;
        // A gRPC call is over with its status, whatever of the request is still under way.
        if answered && (asked || stream.grpc.is_some()) {
            self.close(id, Ending::Open, env);
        }
    }

    /// One side gave the stream up.
    pub(super) fn reset(&mut self, dir: Dir, id: u32, code: Option<u32>, env: &mut Env<'_, '_>) {
        let Some(stream) = self.streams.get(&id) else { return };
        if !stream.ended[Dir::ToClient as usize] {
            env.ledger.change(stream.serial, env.at, |exchange| stream::reset(exchange, dir, code, env.at));
        }
        self.close(id, Ending::Open, env);
    }

    /// The server takes no streams behind `last`.
    pub(super) fn go_away(&mut self, last: u32, code: u32, env: &mut Env<'_, '_>) {
        if code != frame::NO_ERROR {
            self.failing = Some(format!("the server closed the connection: {}", frame::error_name(code)));
        }
        let Some(behind) = last.checked_add(1) else { return };
        let refused: Vec<u32> =
            self.streams.range(behind..).map(|(id, _)| *id).filter(|id| id % 2 == 1).collect();
        for id in refused {
            let Some(stream) = self.streams.get(&id) else { continue };
            let why = format!("not processed, the server goes away: {}", frame::error_name(code));
            env.ledger.change(stream.serial, env.at, |exchange| {
                exchange.failure.get_or_insert(why);
            });
            self.close(id, Ending::Open, env);
        }
    }

    /// So many bytes came from the server that are of another protocol, in answer to all that was asked since the client
    /// has begun.
    pub(super) fn answered_otherwise(
        &mut self,
        words: &str,
        bytes: usize,
        begun: Timestamp,
        env: &mut Env<'_, '_>,
    ) {
        if !env.ledger.any() {
            // The client waits for the server's settings until it asks for more than to be understood.
            let mut exchange = env.connection.exchange(Protocol::Http2, begun);
            (exchange.method, exchange.target) = ("PRI".to_owned(), "*".to_owned());
            exchange.request.complete = true;
            let serial = env.open(exchange);
            self.streams.insert(0, Stream { serial, ..Stream::default() });
        }
        while let Some((&id, stream)) = self.streams.first_key_value() {
            env.ledger.change(stream.serial, env.at, |exchange| {
                exchange.failure = Some(words.to_owned());
                exchange.response = Some(Message {
                    bytes: bytes as u64,
                    cut: true,
                    first: env.at,
                    last: env.at,
                    ..Message::default()
                });
            });
            self.close(id, Ending::Open, env);
        }
    }

    /// No more comes.
    pub(super) fn end(&mut self, ending: Ending, env: &mut Env<'_, '_>) {
        let failing = self.failing.take();
        while let Some((&id, stream)) = self.streams.first_key_value() {
            if let Some(why) = failing.clone().filter(|_| !stream.ended[Dir::ToClient as usize]) {
                let at = env.ledger.get(stream.serial).map_or(Timestamp(0), |exchange| exchange.request.last);
                env.ledger.change(stream.serial, at, |exchange| {
                    exchange.failure.get_or_insert(why);
                });
            }
            self.close(id, ending, env);
        }
        env.end(ending);
        self.streams_at = None;
    }

    fn request(&mut self, id: u32, headers: Headers, env: &mut Env<'_, '_>) {
        let mut exchange = env.connection.exchange(Protocol::Http2, headers.first);
        exchange.request.last = env.at;
        let stream = Stream::asked(&mut exchange, headers.block, headers.quality, self.any_grpc);
        self.any_grpc |= stream.grpc.is_some();
        self.open(id, exchange, stream, env.at, env);
        self.last = self.last.max(id);
    }

    /// Opens an exchange for a response whose request was not seen; false when the stream is over already.
    fn unasked(&mut self, id: u32, first: Timestamp, env: &mut Env<'_, '_>) -> bool {
        if id == 0 || self.over.has(id) || id <= self.let_go[id as usize % 2] {
            return false;
        }
        let mut exchange = env.connection.exchange(Protocol::Http2, first);
        exchange.quality = Quality::NoRequest;
        let stream = Stream { ended: [true, false], unclear: true, ..Stream::default() };
        self.open(id, exchange, stream, first, env);
        true
    }

    fn open(
        &mut self,
        id: u32,
        exchange: Exchange,
        mut stream: Stream,
        at: Timestamp,
        env: &mut Env<'_, '_>,
    ) {
        if self.streams.len() >= env.cx.limits.pending_per_flow {
            self.let_oldest_go(env);
        }
        stream.serial = env.ledger.open(exchange, at, env.cx);
        stream.losses = [Dir::ToServer, Dir::ToClient].map(|dir| self.losses.count(dir));
        self.streams.insert(id, stream);
    }

    /// Gives up the oldest streams where headers and lists of messages grow without end.
    fn bound(&mut self, env: &mut Env<'_, '_>) {
        while env.ledger.held() > PATIENCE * env.cx.limits.flow_buffer && !self.streams.is_empty() {
            self.let_oldest_go(env);
        }
    }

    fn let_oldest_go(&mut self, env: &mut Env<'_, '_>) {
        let Some((&oldest, stream)) = self.streams.first_key_value() else { return };
        if !stream.ended[Dir::ToClient as usize] {
            self.let_go[oldest as usize % 2] = oldest;
        }
        env.for_room(|env| self.close(oldest, Ending::Open, env));
    }

    fn response(&mut self, headers: Headers, at: Timestamp, env: &mut Env<'_, '_>) {
        let Headers { stream: id, first, block, quality, .. } = headers;
        let Some(stream) = self.streams.get_mut(&id) else { return };
        if fields::is_response(&block) {
            // It was not among what was lost before.
            stream.losses[Dir::ToClient as usize] = self.losses.count(Dir::ToClient);
        }
        let mut response = Message { first, last: at, ..Message::default() };
        env.ledger.change(stream.serial, at, |exchange| {
            stream.answered(exchange, &mut response, block, env.cx.limits);
            exchange.response = Some(response);
        });
        self.any_grpc |= stream.grpc.is_some();
        env.ledger.mark(stream.serial, quality);
    }

    fn trailers(&mut self, dir: Dir, headers: Headers, env: &mut Env<'_, '_>) {
        let trailers = fields::headers(headers.block, &[]);
        let Some(stream) = self.streams.get_mut(&headers.stream) else { return };
        let ends_grpc = dir == Dir::ToClient && grpc::is_settled(&trailers);
        self.any_grpc |= ends_grpc;
        env.ledger.change(stream.serial, env.at, |exchange| {
            if ends_grpc && stream.grpc.is_none() {
                grpc::turn(&mut stream.grpc, exchange, env.cx.limits);
            }
            if ends_grpc {
                grpc::settle(exchange, &trailers);
            }
            if let Some(message) = dir.message(exchange) {
                message.headers.extend(trailers);
                message.last = message.last.max(env.at);
            }
        });
        env.ledger.mark(stream.serial, headers.quality);
    }

    /// Marks a stream whose message in this direction may have been hit by a loss since it began.
    fn doubt(&mut self, id: u32, dir: Dir, env: &mut Env<'_, '_>) {
        let Some(stream) = self.streams.get(&id) else { return };
        env.ledger.mark(stream.serial, self.losses.since(dir, stream.losses[dir as usize]));
    }

    fn close(&mut self, id: u32, ending: Ending, env: &mut Env<'_, '_>) {
        // What did not come to its end may have come to it in what was lost, or was given up there.
        let [asked, answered] = self.streams.get(&id).map_or([true; 2], |stream| stream.ended);
        if !asked || !answered {
            self.doubt(id, Dir::ToServer, env);
        }
        if !answered {
            self.doubt(id, Dir::ToClient, env);
        }
        let Some(mut stream) = self.streams.remove(&id) else { return };
        if let Some(events) = &mut stream.events {
            env.ledger.change(stream.serial, env.at, |exchange| {
                exchange.response.as_mut().map(|response| events.end(response, env.cx.limits))
            });
        }
        if stream.ended != [true, true] {
            self.over.add(id);
        }
        env.ledger.close(stream.serial, ending, env.cx);
    }
}

fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    [one, other].into_iter().flatten().min()
}
