//! A request and its response, as far as they came.

use model::Timestamp;
use model::exchange::{Exchange, Protocol};

use crate::decode::Dir;
use crate::events::Events;
use crate::grpc::Grpc;
use crate::ledger;
use crate::limits::Limits;
use crate::report::Pace;
use crate::waiting::{self, Pauses};

#[derive(Debug)]
pub(super) struct Call {
    pub(super) exchange: Exchange,
    /// Reads the bodies where they hold the messages of gRPC-Web.
    pub(super) grpc: Option<Grpc>,
    /// The response is a stream of them.
    pub(super) events: Option<Events>,
    /// The response has no length, and may be a stream of whatever.
    pub(super) pauses: Option<Pauses>,
    pub(super) asked: bool,
    pub(super) answered: bool,
    pub(super) pace: Pace,
}

impl Call {
    pub(super) fn new(mut exchange: Exchange, asked: bool) -> Self {
        let grpc = Grpc::new(&exchange.request.headers);
        if grpc.is_some() {
            exchange.protocol = Protocol::Grpc;
        } else {
            exchange.waits = waiting::asks_for_it(&exchange);
        }
        let pace = Pace::default();
        Self { exchange, grpc, events: None, pauses: None, asked, answered: false, pace }
    }

    /// More of the response comes, or its end.
    pub(super) fn go_on(&mut self, at: Timestamp) {
        if let (Some(pauses), Some(response)) = (&mut self.pauses, &self.exchange.response) {
            self.exchange.waits |= pauses.go_on(response, at);
        }
    }

    /// Takes bytes of a body that holds messages.
    pub(super) fn messages(&mut self, dir: Dir, bytes: &[u8], at: Timestamp, limits: &Limits) {
        if let Some(message) = dir.message(&mut self.exchange) {
            message.bytes += bytes.len() as u64;
            message.last = at;
        }
        if let Some(grpc) = &mut self.grpc {
            grpc.body(dir, at, bytes, &mut self.exchange, limits);
        }
        self.pace.changed(at);
    }

    /// Takes bytes of a body of events.
    pub(super) fn events(&mut self, bytes: &[u8], at: Timestamp, limits: &Limits) {
        if let (Some(events), Some(response)) = (&mut self.events, &mut self.exchange.response) {
            events.take(response, at, bytes, limits);
        }
        self.pace.changed(at);
    }

    /// Bytes of a body are missing that may hold messages.
    pub(super) fn lose_messages(&mut self, dir: Dir, bytes: u64) {
        if let Some(grpc) = &mut self.grpc {
            grpc.lose(dir, bytes);
        }
    }

    /// A body that may hold messages is over.
    pub(super) fn end_messages(&mut self, dir: Dir, complete: bool, at: Timestamp, limits: &Limits) {
        if let Some(grpc) = &mut self.grpc {
            grpc.ended(dir, complete, at, &mut self.exchange, limits);
        }
    }

    pub(super) fn held(&self) -> usize {
        let events = self.events.as_ref().map_or(0, Events::held);
        ledger::size(&self.exchange) + self.grpc.as_ref().map_or(0, Grpc::held) + events
    }
}
