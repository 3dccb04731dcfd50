//! The calls around one call in time, found by who made them and who works because of them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use model::Timestamp;
use model::call::{Call, OUTSIDE};
use model::exchange::{Protocol, TopicRole};

use crate::brokers::is_pushed;
use crate::store::Store;
use crate::trace::{self, Context};

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
}

/// A broker, and the name of a place there.
type AtBroker<'a> = (&'a str, &'a str);

pub(super) struct Seen<'a> {
    pub(super) call: &'a Call,
    pub(super) context: Option<Context<'a>>,
    /// `None` while it goes on.
    pub(super) end: Option<Timestamp>,
    /// Who works because of it, and which of its instances.
    pub(super) worker: Option<(&'a str, IpAddr)>,
    /// It is a stream: held open, it may be the reason for all that its callee does, or for nothing.
    pub(super) is_stream: bool,
}

impl<'a> Around<'a> {
    /// The calls around number `ordinal`, and its place among them.
    pub(super) fn of(store: &'a Store, ordinal: u64) -> Option<(Self, usize)> {
        let middle = &store.get(ordinal)?.call;
        let order = store.order();
        let at = order.binary_search(&(middle.ts, ordinal)).ok()?;
        let (first, last) = (middle.ts.minus(REACH), end(middle).unwrap_or(Timestamp(i64::MAX)));
        let mut start = at;
        while start > 0 && at - start < MOST && order.get(start - 1).is_some_and(|(at, _)| *at >= first) {
            start -= 1;
        }
        let mut around = Self::default();
        let in_reach = |at: &Timestamp| *at <= last || at.since(last) <= REACH;
        let stop = order.len().min(at.saturating_add(MOST));
        for (_, ordinal) in order.range(start..stop).take_while(|(at, _)| in_reach(at)) {
            let Some(entry) = store.get(*ordinal) else { continue };
            around.push(&entry.call);
        }
        Some((around, at - start))
    }

    /// All calls.
    pub(super) fn all(store: &'a Store) -> Self {
        let mut around = Self::default();
        store
            .order()
            .iter()
            .filter_map(|(_, ordinal)| store.get(*ordinal))
            .for_each(|e| around.push(&e.call));
        around
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
        if let Some(topic) = &call.topic {
            let key = (call.to.service.as_str(), topic.name.as_str());
            match topic.role {
                TopicRole::Sends => self.sent.entry(key).or_default().push(place),
                TopicRole::Receives if is_delivery(call) => {
                    self.delivered.entry(key).or_default().push(place);
                }
                TopicRole::Receives => {}
            }
        }
        self.on.entry(&call.conn).or_default().push(place);
        let is_stream = call.waits && !is_delivery(call);
        let context = trace::context(&call.request);
        self.seen.push(Seen { call, context, end: end(call), worker, is_stream });
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
            let at = self.seen.get(**made).map_or(Timestamp(i64::MAX), |seen| seen.call.ts);
            end.is_none_or(|end| at <= end || at.since(end) <= AFTER)
        };
        made.iter().take_while(soon).copied()
    }

    /// What a service works on, as far as it began before the call at `place`, the latest first.
    pub(super) fn worked_on_before(&self, service: &str, place: usize) -> impl Iterator<Item = usize> {
        before(self.worked_on_by.get(service), place).iter().rev().copied()
    }

    /// Calls that left something where this one got it, the latest first.
    pub(super) fn sent_before(&self, place: usize) -> impl Iterator<Item = usize> {
        let key = self.at_broker(place, TopicRole::Receives);
        before(key.and_then(|key| self.sent.get(&key)), place).iter().rev().copied()
    }

    /// Calls that got something where this one left it.
    pub(super) fn delivered_after(&self, place: usize) -> impl Iterator<Item = usize> {
        let key = self.at_broker(place, TopicRole::Sends);
        after(key.and_then(|key| self.delivered.get(&key)), place).iter().copied()
    }

    fn at_broker(&self, place: usize, role: TopicRole) -> Option<AtBroker<'a>> {
        let call = self.call(place)?;
        let topic = call.topic.as_ref().filter(|topic| topic.role == role)?;
        Some((call.to.service.as_str(), topic.name.as_str()))
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

/// Whether a broker hands over one message, for which the receiver then works until it says that it is done.
pub(super) fn is_delivery(call: &Call) -> bool {
    let receives = call.topic.as_ref().is_some_and(|topic| topic.role == TopicRole::Receives);
    receives && is_pushed(call)
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
