//! Puts responses to queries, by id and question.
//!
//! Over UDP a query may be sent again and each be answered, a capture may hear one packet twice, and nobody says that
//! an answer will not come; over TCP none of this happens.

use std::collections::BTreeMap;
use std::time::Duration;

use model::Timestamp;
use model::exchange::{Ending, Exchange, Message as Half, Protocol, Quality};

use crate::decode::{Env, Loss};
use crate::limits::Limits;

use super::answers;
use super::message::{Message, Via};
use super::words;

/// Resolvers give up or ask again after so long (resolv.conf(5): `timeout`).
const PATIENCE: Duration = Duration::from_secs(5);
/// What comes a second time so soon was not sent a second time, but heard twice; and a response that comes before its
/// query comes so much before it.
const ECHO: Duration = Duration::from_millis(20);
/// Between two looks for what is due.
const PAUSE: Duration = Duration::from_millis(10);

/// One datagram, or one message of a stream.
#[derive(Debug)]
pub(super) struct Arrived<'a> {
    pub(super) message: Message<'a>,
    /// When its first byte and its last byte were seen.
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    /// Its size on the wire.
    pub(super) size: u64,
    /// Why its end is missing, if it is.
    pub(super) loss: Option<Loss>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The response is awaited.
    Asked,
    /// The response came before its query.
    Early,
    /// A zone transfer, whose end has not come.
    Transfer,
    /// It is over; what still comes of it is no news.
    Over,
}

#[derive(Debug)]
struct Entry {
    serial: u32,
    state: State,
    /// When the query was last seen.
    asked: Timestamp,
    due: Timestamp,
    retries: u32,
    /// The serial number of the zone that is transferred.
    zone: Option<u32>,
}

/// The queries between two ends.
#[derive(Debug)]
pub(super) struct Pairs {
    via: Via,
    /// By id and question.
    entries: BTreeMap<(u16, u64), Entry>,
    /// When the first entry is due over UDP, or earlier.
    due: Option<Timestamp>,
}

impl Pairs {
    pub(super) fn new(via: Via) -> Self {
        Self { via, entries: BTreeMap::new(), due: None }
    }

    pub(super) fn query(&mut self, arrived: &Arrived<'_>, env: &mut Env<'_, '_>) {
        let message = &arrived.message;
        let key = (message.header.id, message.key().unwrap_or_default());
        if let Some(entry) = self.entries.get_mut(&key).filter(|_| self.via == Via::Udp) {
            let echo = arrived.first.since(entry.asked) < ECHO;
            match entry.state {
                State::Early => {
                    entry.asked = arrived.first;
                    env.ledger.change(entry.serial, arrived.last, |exchange| {
                        fill_request(exchange, arrived);
                        if exchange.quality == Quality::NoRequest {
                            exchange.quality = arrived.loss.map_or(Quality::Complete, Loss::quality);
                        }
                    });
                    return self.close(key, arrived.first, env);
                }
                State::Asked if !echo => {
                    entry.asked = arrived.first;
                    entry.due = arrived.first.plus(PATIENCE);
                    entry.retries += 1;
                    let retries = entry.retries.to_string();
                    env.ledger.change(entry.serial, arrived.last, |exchange| {
                        let headers = &mut exchange.request.headers;
                        headers.retain(|(name, _)| name != "retries");
                        headers.push(("retries".to_owned(), retries));
                    });
                    return;
                }
                State::Over if !echo => {}
                State::Asked | State::Over | State::Transfer => return,
            }
        }
        let mut exchange = env.connection.exchange(Protocol::Dns, arrived.first);
        fill_request(&mut exchange, arrived);
        // Whoever asks everybody need not be answered by anybody.
        exchange.waits = env.connection.server.ip().is_multicast();
        let serial = env.open(exchange);
        env.ledger.miss(serial, arrived.loss);
        self.enter(key, serial, State::Asked, arrived.first, arrived.first.plus(PATIENCE), env);
    }

    pub(super) fn response(&mut self, arrived: &Arrived<'_>, env: &mut Env<'_, '_>) {
        let Some(key) = self.asked_by(&arrived.message) else {
            return self.unasked(arrived, env);
        };
        let Some(entry) = self.entries.get_mut(&key) else { return };
        let serial = entry.serial;
        match entry.state {
            State::Over | State::Early => return,
            State::Asked | State::Transfer => {}
        }
        let limits = env.cx.limits;
        let first = entry.state == State::Asked;
        let goes_on = self.via == Via::Tcp && transfer_goes_on(&arrived.message, entry);
        if goes_on {
            entry.state = State::Transfer;
        }
        env.ledger.change(serial, arrived.last, |exchange| {
            if first {
                exchange.server = env.connection.server;
                fill_response(exchange, arrived, limits);
            } else if let Some(half) = &mut exchange.response {
                half.bytes += arrived.size;
                half.last = arrived.last;
                half.cut |= arrived.loss.is_some();
                answers::more(half, &arrived.message, limits);
            }
            if let Some(half) = &mut exchange.response {
                half.complete = !goes_on;
            }
        });
        env.ledger.miss(serial, arrived.loss);
        if !goes_on {
            self.close(key, arrived.last, env);
        }
    }

    /// A response may have been lost.
    pub(super) fn responses_lost(&mut self, loss: Loss, env: &mut Env<'_, '_>) {
        env.ledger.doubt_all(loss.quality());
        let transfers = self.entries.values().filter(|entry| entry.state == State::Transfer);
        transfers.for_each(|entry| env.ledger.mark(entry.serial, loss.quality()));
    }

    pub(super) fn end(&mut self, ending: Ending, env: &mut Env<'_, '_>) {
        self.entries.clear();
        self.due = None;
        env.end(ending);
    }

    /// Gives up what did not come over UDP.
    pub(super) fn tick(&mut self, env: &mut Env<'_, '_>) {
        let now = env.at;
        if self.due.is_none_or(|due| due > now) {
            return;
        }
        self.entries.retain(|_, entry| {
            if entry.due <= now {
                env.close(entry.serial);
            }
            entry.due > now
        });
        // Not at each moment at which one is due, where there are many.
        let next = self.entries.values().map(|entry| entry.due).min();
        self.due = next.map(|due| due.max(now.plus(PAUSE)));
    }

    pub(super) fn due(&self) -> Option<Timestamp> {
        self.due
    }

    /// Whether nothing is awaited or remembered.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn held(&self) -> usize {
        self.entries.len() * (size_of::<Entry>() + 32)
    }

    /// The query that a message answers. An error may come without the question.
    fn asked_by(&self, message: &Message<'_>) -> Option<(u16, u64)> {
        let id = message.header.id;
        if let Some(key) = message.key() {
            // Of a query that was cut short before its question, the id has to do.
            return [(id, key), (id, 0)].into_iter().find(|key| self.entries.contains_key(key));
        }
        let mut same = self
            .entries
            .range((id, 0)..=(id, u64::MAX))
            .filter(|(_, entry)| matches!(entry.state, State::Asked | State::Transfer));
        let (key, _) = same.next()?;
        same.next().is_none().then_some(*key)
    }

    /// A response to a query that was not seen, or not yet.
    fn unasked(&mut self, arrived: &Arrived<'_>, env: &mut Env<'_, '_>) {
        let mut exchange = env.connection.exchange(Protocol::Dns, arrived.first);
        answers::name(&mut exchange, &arrived.message);
        fill_response(&mut exchange, arrived, env.cx.limits);
        exchange.quality = Quality::NoRequest;
        let serial = env.open(exchange);
        match (self.via, arrived.message.key()) {
            (Via::Udp, Some(key)) => {
                let key = (arrived.message.header.id, key);
                let due = arrived.last.plus(ECHO);
                self.enter(key, serial, State::Early, arrived.last, due, env);
            }
            (Via::Udp, None) | (Via::Tcp, _) => env.close(serial),
        }
    }

    fn enter(
        &mut self,
        key: (u16, u64),
        serial: u32,
        state: State,
        asked: Timestamp,
        due: Timestamp,
        env: &mut Env<'_, '_>,
    ) {
        if self.entries.len() >= 2 * env.cx.limits.pending_per_flow {
            // The ledger has as many at most; the others are memories.
            self.entries.retain(|_, entry| env.ledger.get(entry.serial).is_some());
        }
        let entry = Entry { serial, state, asked, due, retries: 0, zone: None };
        if let Some(before) = self.entries.insert(key, entry) {
            env.close(before.serial);
        }
        self.due = Some(self.due.map_or(due, |known| known.min(due)));
    }

    fn close(&mut self, key: (u16, u64), at: Timestamp, env: &mut Env<'_, '_>) {
        let Some(entry) = self.entries.get_mut(&key) else { return };
        env.close(entry.serial);
        entry.state = State::Over;
        entry.due = at.plus(PATIENCE);
        if self.via == Via::Tcp {
            self.entries.remove(&key);
        }
    }
}

fn fill_request(exchange: &mut Exchange, arrived: &Arrived<'_>) {
    answers::name(exchange, &arrived.message);
    exchange.request = Half {
        bytes: arrived.size,
        first: arrived.first,
        last: arrived.last,
        cut: arrived.loss.is_some(),
        complete: arrived.loss.is_none(),
        ..Half::default()
    };
    answers::query(&mut exchange.request, &arrived.message);
}

fn fill_response(exchange: &mut Exchange, arrived: &Arrived<'_>, limits: &Limits) {
    exchange.response = Some(Half {
        bytes: arrived.size,
        first: arrived.first,
        last: arrived.last,
        cut: arrived.loss.is_some(),
        complete: true,
        ..Half::default()
    });
    answers::response(exchange, &arrived.message, limits);
}

/// A zone comes in any number of messages, from its SOA record to the same once more (RFC 5936, section 2.2).
fn transfer_goes_on(message: &Message<'_>, entry: &mut Entry) -> bool {
    let transfers = message.question.as_ref().is_some_and(|q| matches!(q.kind, words::AXFR | words::IXFR));
    if !(transfers || entry.state == State::Transfer) || message.header.rcode() != 0 {
        return false;
    }
    let serial = |record: &super::message::Record| {
        let end = record.data.end.checked_sub(20).filter(|at| *at >= record.data.start)?;
        let bytes = message.bytes.get(end..end + 4)?;
        Some(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    };
    let count = message.header.counts[1];
    let ends =
        |record: &super::message::Record| if record.kind == words::SOA { serial(record) } else { None };
    let first = message.records().next().and_then(|record| ends(&record));
    let last = message.records().take(usize::from(count)).last().and_then(|record| ends(&record));
    match (entry.zone, first) {
        // The first message: alone, its SOA says that nothing is new, or begins a transfer one record a message.
        (None, Some(zone)) => {
            entry.zone = Some(zone);
            let incremental = message.question.as_ref().is_some_and(|q| q.kind == words::IXFR);
            if count == 1 { !incremental } else { last != Some(zone) }
        }
        (None, None) => false,
        (Some(zone), _) => last != Some(zone),
    }
}
