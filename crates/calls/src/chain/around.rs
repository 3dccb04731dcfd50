//! The calls around one call in time, found by who made them and who works because of them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use model::Timestamp;
use model::call::{Call, OUTSIDE};
use model::exchange::{Protocol, TopicRole};

use crate::brokers::{is_fetched, is_pushed, places};
use crate::store::Store;
use crate::trace::{self, Contexts, Kind};

/// So far before a call its reasons are looked for, and so far after its end its consequences.
const REACH: Duration = Duration::from_mins(2);
/// So many calls on each side at most.
const MOST: usize = 10_000;
/// So long after a call has ended work that it caused may still make calls that carry its trace.
pub(super) const AFTER: Duration = Duration::from_secs(30);

/// Calls by their places in the order of time.
#[derive(Default)]
pub(super) struct Around<'a> {
    seen: Vec<Seen<'a>>,
    made_by: HashMap<&'a str, Vec<usize>>,
    worked_on_by: HashMap<&'a str, Vec<usize>>,
    on: HashMap<&'a str, Vec<usize>>,
    sent: HashMap<AtBroker<'a>, Vec<usize>>,
    delivered: HashMap<AtBroker<'a>, Vec<usize>>,
    /// By the ids that trace headers name, in lower case.
    traced: HashMap<(Kind, String), Vec<usize>>,
}

/// A broker, and the name of a place there.
type AtBroker<'a> = (&'a str, &'a str);

pub(super) struct Seen<'a> {
    pub(super) call: &'a Call,
    /// When it began to be a reason: what is waited for at a broker, when it came.
    pub(super) at: Timestamp,
    pub(super) contexts: Contexts<'a>,
    /// `None` while it goes on.
    pub(super) end: Option<Timestamp>,
    /// Who works because of it, and which of its instances.
    pub(super) worker: Option<(&'a str, IpAddr)>,
    /// It is a stream: held open, it may be the reason for all that its callee does, or for nothing.
    pub(super) is_stream: bool,
    /// It fetched messages. Nobody sees how long its caller works on them.
    pub(super) is_fetch: bool,
}

impl<'a> Around<'a> {
    /// The calls around number `ordinal`, and its place among them.
    pub(super) fn of(store: &'a Store, ordinal: u64) -> Option<(Self, usize)> {
        let middle = &store.get(ordinal)?.call;
        let order = store.order();
        let now = begin(middle);
        let at = order.partition_point(|place| *place < (now, ordinal));
        let (first, last) = (now.minus(REACH), end(middle).unwrap_or(Timestamp(i64::MAX)));
        let mut start = at;
        while start > 0 && at - start < MOST && order.get(start - 1).is_some_and(|(at, _)| *at >= first) {
            start -= 1;
        }
        let in_reach = |at: &Timestamp| *at <= last || at.since(last) <= REACH;
        let stop = order.len().min(at.saturating_add(MOST));
        let near = order.range(start..stop).take_while(|(at, _)| in_reach(at));
        // What came from a broker meanwhile may have been asked for long before.
        let asked_before = order.range(..start).filter(|(_, ordinal)| {
            let call = store.get(*ordinal).map(|entry| &entry.call);
            call.is_some_and(|call| is_fetched(call) && begin(call) >= first && in_reach(&begin(call)))
        });
        let around = Self::in_order(store, asked_before.chain(near).map(|(_, ordinal)| *ordinal));
        let place = around.seen.iter().position(|seen| std::ptr::eq(seen.call, middle))?;
        Some((around, place))
    }

    /// All calls.
    pub(super) fn all(store: &'a Store) -> Self {
        Self::in_order(store, store.order().iter().map(|(_, ordinal)| *ordinal))
    }

    fn in_order(store: &'a Store, ordinals: impl Iterator<Item = u64>) -> Self {
        let calls = ordinals.filter_map(|ordinal| store.get(ordinal));
        let mut calls: Vec<(Timestamp, &Call)> =
            calls.map(|entry| (begin(&entry.call), &entry.call)).collect();
        calls.sort_by_key(|(at, _)| *at);
        let mut around = Self::default();
        for (_, call) in calls {
            around.push(call);
        }
        around
    }

    pub(super) fn len(&self) -> usize {
        self.seen.len()
    }

    fn push(&mut self, call: &'a Call) {
        let place = self.seen.len();
        if call.from.service != OUTSIDE {
            self.made_by.entry(&call.from.service).or_default().push(place);
        }
        let worker = worker(call);
        if let Some((service, _)) = worker {
            self.worked_on_by.entry(service).or_default().push(place);
        }
        let role = call.topic.as_ref().map(|topic| topic.role);
        for name in places(call) {
            let key = (call.to.service.as_str(), name);
            match role {
                Some(TopicRole::Sends) => self.sent.entry(key).or_default().push(place),
                Some(TopicRole::Receives) if is_delivery(call) => {
                    self.delivered.entry(key).or_default().push(place);
                }
                Some(TopicRole::Receives) | None => {}
            }
        }
        self.on.entry(&call.conn).or_default().push(place);
        let contexts = trace::contexts(&call.request);
        for context in &contexts.0 {
            let key = (context.kind, context.trace.to_ascii_lowercase());
            self.traced.entry(key).or_default().push(place);
        }
        let (is_fetch, is_stream) = (is_fetched(call), call.waits && !is_delivery(call));
        self.seen.push(Seen { call, at: begin(call), contexts, end: end(call), worker, is_stream, is_fetch });
    }

    pub(super) fn get(&self, place: usize) -> Option<&Seen<'a>> {
        self.seen.get(place)
    }

    pub(super) fn call(&self, place: usize) -> Option<&'a Call> {
        self.seen.get(place).map(|seen| seen.call)
    }

    /// Calls that whoever works because of this one made meanwhile, or shortly after.
    pub(super) fn made_during(&self, place: usize) -> impl Iterator<Item = usize> {
        let seen = self.seen.get(place);
        let worker = seen.and_then(|seen| seen.worker);
        let made = after(worker.and_then(|(service, _)| self.made_by.get(service)), place);
        let end = seen.and_then(|seen| seen.end);
        let soon = move |made: &&usize| {
            let at = self.seen.get(**made).map_or(Timestamp(i64::MAX), |seen| seen.at);
            end.is_none_or(|end| at <= end || at.since(end) <= AFTER)
        };
        made.iter().take_while(soon).copied()
    }

    /// What a service works on, as far as it began before the call at `place`, the latest first.
    pub(super) fn worked_on_before(&self, service: &str, place: usize) -> impl Iterator<Item = usize> {
        before(self.worked_on_by.get(service), place).iter().rev().copied()
    }

    /// Calls that left something where this one got it, the latest first of each place.
    pub(super) fn sent_before(&self, place: usize) -> impl Iterator<Item = usize> {
        let keys = self.at_broker(place, TopicRole::Receives);
        keys.into_iter().flat_map(move |key| before(self.sent.get(&key), place).iter().rev().copied())
    }

    /// Calls that got something where this one left it.
    pub(super) fn delivered_after(&self, place: usize) -> impl Iterator<Item = usize> {
        let keys = self.at_broker(place, TopicRole::Sends);
        keys.into_iter().flat_map(move |key| after(self.delivered.get(&key), place).iter().copied())
    }

    /// Calls of the same trace before this one, the latest first.
    pub(super) fn traced_before(&self, place: usize) -> impl Iterator<Item = usize> {
        self.traces(place).flat_map(move |key| before(self.traced.get(&key), place).iter().rev().copied())
    }

    /// Calls of the same trace behind this one.
    pub(super) fn traced_after(&self, place: usize) -> impl Iterator<Item = usize> {
        self.traces(place).flat_map(move |key| after(self.traced.get(&key), place).iter().copied())
    }

    fn traces(&self, place: usize) -> impl Iterator<Item = (Kind, String)> {
        let contexts = self.seen.get(place).into_iter().flat_map(|seen| &seen.contexts.0);
        contexts.map(|context| (context.kind, context.trace.to_ascii_lowercase()))
    }

    fn at_broker(&self, place: usize, role: TopicRole) -> Vec<AtBroker<'a>> {
        let Some(call) = self.call(place) else { return Vec::new() };
        let about = call.topic.as_ref().is_some_and(|topic| topic.role == role);
        let places = if about { places(call) } else { Vec::new() };
        places.into_iter().map(|name| (call.to.service.as_str(), name)).collect()
    }

    /// The call before the one at `place` on its connection.
    pub(super) fn before_on_connection(&self, place: usize) -> Option<usize> {
        before(self.on.get(self.seen.get(place)?.call.conn.as_str()), place).last().copied()
    }
}

fn before(places: Option<&Vec<usize>>, place: usize) -> &[usize] {
    let places = places.map(Vec::as_slice).unwrap_or_default();
    places.get(..places.partition_point(|other| *other < place)).unwrap_or_default()
}

fn after(places: Option<&Vec<usize>>, place: usize) -> &[usize] {
    let places = places.map(Vec::as_slice).unwrap_or_default();
    places.get(places.partition_point(|other| *other <= place)..).unwrap_or_default()
}

/// Whether a broker hands over messages, for which the receiver then works: until it says that it is done, where it was
/// not asked for them.
pub(super) fn is_delivery(call: &Call) -> bool {
    let receives = call.topic.as_ref().is_some_and(|topic| topic.role == TopicRole::Receives);
    receives && (is_pushed(call) || is_fetched(call))
}

/// When it began, or when what it waited for came.
fn begin(call: &Call) -> Timestamp {
    let came = call.response.as_ref().filter(|_| is_fetched(call)).map(|response| response.first);
    came.map_or(call.ts, |came| came.max(call.ts))
}

/// Who is asked works, and so does who gets a delivery. A connection of which nothing else is known says nothing.
fn worker(call: &Call) -> Option<(&str, IpAddr)> {
    let held = matches!(call.protocol, Protocol::Tcp | Protocol::Tls | Protocol::Dns | Protocol::WebSocket);
    let party = if is_delivery(call) {
        &call.from
    } else if held {
        return None;
    } else {
        &call.to
    };
    (party.service != OUTSIDE).then(|| (party.service.as_str(), party.addr.ip()))
}

fn end(call: &Call) -> Option<Timestamp> {
    let response = call.response.as_ref().map_or(call.request.last, |response| response.last);
    call.done.then(|| response.max(call.request.last).max(call.ts))
}
