//! One stream: a request and its response.

use std::collections::VecDeque;

use model::Timestamp;
use model::exchange::{Exchange, Message, Protocol, Quality};

use super::hpack::Block;
use super::{fields, frame};
use crate::decode::Dir;
use crate::events::Events;
use crate::grpc::{self, Grpc};
use crate::limits::Limits;
use crate::waiting::{self, Pauses};

/// How many streams that are over are remembered: frames that were under way may still come.
const OVER_LIMIT: usize = 256;

/// Streams that are over while the other side may not know it.
#[derive(Debug, Default)]
pub(super) struct Over(VecDeque<u32>);

impl Over {
    pub(super) fn add(&mut self, stream: u32) {
        if self.0.len() >= OVER_LIMIT {
            self.0.pop_front();
        }
        self.0.push_back(stream);
    }

    pub(super) fn has(&self, stream: u32) -> bool {
        self.0.contains(&stream)
    }
}

#[derive(Debug, Default)]
pub(super) struct Stream {
    pub(super) serial: u32,
    /// By [`Dir`]: the message was seen to its end.
    pub(super) ended: [bool; 2],
    /// The response's own headers were seen, not only those of interim ones.
    pub(super) answering: bool,
    /// By [`Dir`]: how long the body is said to be.
    pub(super) length: [Option<u64>; 2],
    /// By [`Dir`]: losses that this stream had no part in.
    pub(super) losses: [u64; 2],
    pub(super) grpc: Option<Grpc>,
    /// The response is a stream of them.
    pub(super) events: Option<Events>,
    /// The silence in a response that has no length.
    pub(super) pauses: Pauses,
    /// Headers are not known that may say that it is a gRPC call.
    pub(super) unclear: bool,
}

impl Stream {
    /// Of a request with these fields, all of which are known unless `quality` says why not.
    pub(super) fn asked(
        exchange: &mut Exchange,
        block: Block,
        quality: Option<Quality>,
        any_grpc: bool,
    ) -> Self {
        let length = [fields::content_length(&block), None];
        let unclear = quality.is_some() && block.get("content-type").is_none();
        fields::ask(exchange, block);
        if let Some(quality) = quality {
            exchange.quality = quality;
        }
        let headers = &exchange.request.headers;
        // Who makes such calls makes others as well.
        let guessed = unclear && any_grpc && exchange.method == "POST";
        let grpc = Grpc::new(headers).or_else(|| guessed.then(|| Grpc::guessed(headers)));
        if grpc.is_some() {
            exchange.protocol = Protocol::Grpc;
        } else {
            exchange.waits = waiting::asks_for_it(exchange);
        }
        Self { length, grpc, unclear, ..Self::default() }
    }

    /// Takes the headers of the response.
    pub(super) fn answered(
        &mut self,
        exchange: &mut Exchange,
        response: &mut Message,
        block: Block,
        limits: &Limits,
    ) {
        self.answering = true;
        self.length[Dir::ToClient as usize] = fields::content_length(&block);
        let status = block.get(":status").map(str::to_owned);
        response.headers = fields::headers(block, &[":status"]);
        let signs = Grpc::new(&response.headers).is_some() || grpc::is_settled(&response.headers);
        if self.grpc.is_none() && self.unclear && signs {
            grpc::turn(&mut self.grpc, exchange, limits);
        }
        grpc::answered(&mut self.grpc, exchange, status, &response.headers);
        if self.grpc.is_none() {
            exchange.waits |= waiting::is_stream(response);
            self.events = Events::are_in(response).then(Events::default);
        }
    }

    /// More of the response comes, or its end.
    pub(super) fn go_on(&mut self, exchange: &mut Exchange, at: Timestamp) {
        let open = self.grpc.is_none() && self.length[Dir::ToClient as usize].is_none();
        if open && let Some(response) = &exchange.response {
            exchange.waits |= self.pauses.go_on(response, at);
        }
    }
}

/// One side gave the stream up before the response was at its end.
pub(super) fn reset(exchange: &mut Exchange, by: Dir, code: Option<u32>, at: Timestamp) {
    let cancelled = by == Dir::ToServer && code == Some(frame::CANCEL);
    if cancelled && let Some(deadline) = grpc::deadline_passed(exchange, at) {
        exchange.failure.get_or_insert_with(|| format!("deadline exceeded after {deadline:?}"));
        return;
    }
    // Whoever listens to a stream ends it like this.
    let had_enough = cancelled && exchange.waits;
    let who = if by == Dir::ToServer { "client" } else { "server" };
    if let Some(code) = code
        && !had_enough
        && exchange.failure.is_none()
    {
        exchange.failure = Some(format!("reset by the {who}: {}", frame::error_name(code)));
    }
}
