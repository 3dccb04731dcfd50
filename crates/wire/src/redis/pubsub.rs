//! What a server pushes to those who listen, and which of a connection's subscriptions it is for.

use std::collections::BTreeMap;

use model::Timestamp;
use model::exchange::{Exchange, Message, Protocol, Quality, Topic, TopicRole};

use super::commands::Listening;
use super::quote;
use super::reply::Reply;
use crate::decode::Env;
use crate::ledger;
use crate::limits::Limits;
use crate::media::media;

/// How many subscriptions of one connection are told apart.
const SUBSCRIPTIONS_LIMIT: usize = 512;

/// A pushed message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Push {
    pub(super) listening: Listening,
    /// The channel or pattern that was subscribed to; empty when there was none to give up.
    pub(super) place: Vec<u8>,
    pub(super) what: What,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum What {
    Subscribed,
    Unsubscribed,
    /// Where a pattern was subscribed to, on which channel it came.
    Message {
        channel: Option<Vec<u8>>,
    },
}

/// The reply as a pushed message, if it may be one: RESP2 sends these as arrays like any other.
pub(super) fn read(reply: &Reply) -> Option<Push> {
    let written = &reply.written;
    if !matches!(written.kind, b'*' | b'>') {
        return None;
    }
    let (kind, place) = (written.words.first()?, written.words.get(1)?);
    let (listening, what) = match kind.as_slice() {
        b"message" => (Listening::Channel, What::Message { channel: None }),
        b"smessage" => (Listening::Shard, What::Message { channel: None }),
        b"pmessage" => (Listening::Pattern, What::Message { channel: Some(written.words.get(2)?.clone()) }),
        b"subscribe" => (Listening::Channel, What::Subscribed),
        b"psubscribe" => (Listening::Pattern, What::Subscribed),
        b"ssubscribe" => (Listening::Shard, What::Subscribed),
        b"unsubscribe" => (Listening::Channel, What::Unsubscribed),
        b"punsubscribe" => (Listening::Pattern, What::Unsubscribed),
        b"sunsubscribe" => (Listening::Shard, What::Unsubscribed),
        _ => return None,
    };
    Some(Push { listening, place: place.clone(), what })
}

impl Push {
    /// Something that is no subscription's.
    pub(super) fn other(reply: &Reply) -> Self {
        let place = reply.written.words.first().cloned().unwrap_or_default();
        Self { listening: Listening::Pushes, place, what: What::Message { channel: None } }
    }

    /// The exchange of a subscription whose command was not seen.
    pub(super) fn exchange(&self, first: Timestamp, env: &mut Env<'_, '_>) -> Exchange {
        let mut exchange = env.connection.exchange(Protocol::Redis, first);
        self.listening.command().clone_into(&mut exchange.method);
        exchange.target = quote::text(&self.place);
        exchange.waits = true;
        if self.listening != Listening::Pushes {
            exchange.quality = Quality::MidStream;
            let name = exchange.target.clone();
            exchange.topic = Some(Topic { role: TopicRole::Receives, name, key: None });
        }
        exchange
    }
}

/// Adds what a subscription got to its exchange.
pub(super) fn deliver(exchange: &mut Exchange, push: &Push, reply: &Reply, at: Timestamp, limits: &Limits) {
    let written = &reply.written;
    let first = reply.measure.first;
    let message = exchange.response.get_or_insert_with(|| Message { first, last: at, ..Message::default() });
    match &push.what {
        What::Subscribed | What::Unsubscribed => {
            message.bytes += reply.measure.size;
            message.last = at;
            if push.what == What::Subscribed {
                exchange.status = written.words.first().map(|word| quote::text(word));
            } else {
                message.complete = true;
            }
        }
        What::Message { channel } => {
            let kind = match channel {
                Some(channel) => format!("message {}", quote::text(channel)),
                None if push.listening == Listening::Pushes => "push".to_owned(),
                None => "message".to_owned(),
            };
            let text = (written.text.clone(), written.text.len() as u64);
            let (body, size) = match &written.last {
                Some((body, size)) if push.listening != Listening::Pushes => (body.clone(), *size),
                Some(_) | None => text,
            };
            message.media.get_or_insert_with(|| media(&body).to_owned());
            ledger::part(message, at, &kind, &body, size, limits);
            message.bytes += reply.measure.size.saturating_sub(size);
        }
    }
    if let Some(loss) = reply.measure.loss {
        exchange.quality = loss.quality();
    }
}

/// No more comes of what was listened to.
pub(super) fn end(exchange: &mut Exchange) {
    if let Some(message) = &mut exchange.response {
        message.complete = true;
    }
}

/// The serial numbers of the exchanges that stand for a connection's subscriptions.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    known: BTreeMap<(Listening, Vec<u8>), u32>,
    held: usize,
}

impl Subscriptions {
    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    pub(super) fn get(&self, listening: Listening, place: &[u8]) -> Option<u32> {
        self.known.get(&(listening, place.to_vec())).copied()
    }

    /// Adds one, and returns the exchange that is to be closed for it: an earlier one of the same place, or any when
    /// there are too many.
    pub(super) fn add(&mut self, listening: Listening, place: &[u8], serial: u32) -> Option<u32> {
        let before = self.known.insert((listening, place.to_vec()), serial);
        if before.is_some() {
            return before;
        }
        self.held += size(place);
        if self.known.len() <= SUBSCRIPTIONS_LIMIT {
            return None;
        }
        let oldest = self.known.iter().min_by_key(|(_, serial)| **serial).map(|(key, _)| key.clone());
        oldest.and_then(|(listening, place)| self.remove(listening, &place))
    }

    pub(super) fn remove(&mut self, listening: Listening, place: &[u8]) -> Option<u32> {
        let serial = self.known.remove(&(listening, place.to_vec()))?;
        self.held -= size(place);
        Some(serial)
    }

    /// How many there are of one kind.
    pub(super) fn count(&self, listening: Listening) -> usize {
        self.known.keys().filter(|(kind, _)| *kind == listening).count()
    }

    /// All of them end.
    pub(super) fn end(&mut self, env: &mut Env<'_, '_>) {
        self.held = 0;
        for serial in std::mem::take(&mut self.known).into_values() {
            env.ledger.change(serial, env.at, end);
            env.close(serial);
        }
    }

    pub(super) fn held(&self) -> usize {
        self.held
    }
}

fn size(place: &[u8]) -> usize {
    place.len() + 64
}
