//! A broker hides who speaks to whom: senders and receivers at one place of it are joined to edges of their own.
//!
//! A message is known by its key where it has one. One without is taken for the newest that was left at its place, so it
//! has a sender but no time on its way.

mod deliveries;
mod early;
mod place;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};

use model::Timestamp;
use model::call::{Call, Edge};
use model::exchange::{Protocol, Tally, TopicRole};

use crate::counts::{Addend, Counts, units};
use crate::judge;
use crate::names::{Names, ServiceId};
use crate::past::Past;
use crate::recent::Newest;
use crate::routes;
use deliveries::{Delivery, MOST, deliveries, tallied};
pub(crate) use deliveries::{Known, is_fetched, is_pushed, places};
use early::{Earlies, Early};
use place::{Place, covers};

/// So many places are remembered; reply places come and go with every question.
const PLACES: usize = 1024;
/// So many edges are told apart.
const EDGES: usize = 1024;

/// What is left where, and who got it.
#[derive(Debug, Default)]
pub(crate) struct Brokers {
    places: HashMap<Key, Place>,
    order: VecDeque<Key>,
    joined: HashMap<Joint, Joined>,
    /// By the numbers of what is joined.
    past: Past,
    early: Earlies,
}

/// Broker, protocol, name.
type Key = (ServiceId, Protocol, String);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Joint {
    from: ServiceId,
    to: ServiceId,
    broker: ServiceId,
    protocol: Protocol,
    topic: String,
}

#[derive(Debug)]
struct Joined {
    number: usize,
    counts: Counts,
    newest: Newest,
}

impl Brokers {
    /// Takes a call between two services as it is now; `known` is what was known of it.
    pub(crate) fn observe(&mut self, (from, to): (ServiceId, ServiceId), call: &Call, known: Known) {
        let Some(topic) = &call.topic else { return };
        match topic.role {
            TopicRole::Sends if call.ok && !known.sent => {
                for (number, name) in places(call).into_iter().enumerate() {
                    // Of several messages the key is the first one's.
                    let key = topic.key.as_deref().filter(|_| number == 0);
                    self.send((to, call.protocol), from, name, key, call.ts);
                }
            }
            TopicRole::Sends => {}
            TopicRole::Receives => {
                for (number, delivery) in deliveries(call, known.received).enumerate().take(MOST) {
                    let key = topic.key.as_deref().filter(|_| number == 0 && known.received == 0);
                    self.receive((to, call.protocol), from, &delivery, key);
                }
            }
        }
    }

    /// Takes calls between two services that were counted and not told.
    pub(crate) fn count(&mut self, (from, to): (ServiceId, ServiceId), tally: &Tally, at: Timestamp) {
        // Calls of many targets are about many places.
        let like = &tally.like;
        let Some(topic) = like.topic.as_ref().filter(|_| !like.target.is_empty()) else { return };
        match topic.role {
            TopicRole::Sends if judge::ok(like) => {
                self.send((to, like.protocol), from, &topic.name, None, at);
            }
            TopicRole::Sends => {}
            TopicRole::Receives => {
                let messages = tallied(tally).min(MOST as u64);
                let bytes = tally.bytes / messages.max(1);
                for _ in 0..messages {
                    self.receive(
                        (to, like.protocol),
                        from,
                        &Delivery { at, bytes, place: &topic.name },
                        None,
                    );
                }
            }
        }
    }

    fn send(
        &mut self,
        (broker, protocol): (ServiceId, Protocol),
        by: ServiceId,
        name: &str,
        key: Option<&str>,
        at: Timestamp,
    ) {
        self.place((broker, protocol, name.to_owned())).send(by, at, key);
        self.meet((broker, protocol), name, key, at);
    }

    /// Joins what was received of this place before it was known.
    fn meet(
        &mut self,
        (broker, protocol): (ServiceId, Protocol),
        name: &str,
        key: Option<&str>,
        at: Timestamp,
    ) {
        for early in self.early.of((broker, protocol), name, key, at) {
            let delivery = Delivery { at: early.at, bytes: early.bytes, place: &early.place };
            self.receive(early.broker, early.by, &delivery, early.key.as_deref());
        }
    }

    fn receive(
        &mut self,
        (broker, protocol): (ServiceId, Protocol),
        by: ServiceId,
        delivery: &Delivery<'_>,
        key: Option<&str>,
    ) {
        let exact = (broker, protocol, delivery.place.to_owned());
        let named = if self.places.contains_key(&exact) {
            Some(exact)
        } else {
            self.other_place((broker, protocol), delivery.place, key)
        };
        let Some(named) = named else {
            let Delivery { at, bytes, place } = *delivery;
            let (place, key) = (place.to_owned(), key.map(str::to_owned));
            self.early.add(Early { broker: (broker, protocol), by, place, key, at, bytes });
            return;
        };
        let Some(place) = self.places.get_mut(&named) else { return };
        let Some((from, sent)) = place.receive(delivery.at, key) else { return };
        let mut topic = routes::place(protocol, &named.2);
        let joint = |topic| Joint { from, to: by, broker, protocol, topic };
        if self.joined.len() >= EDGES && !self.joined.contains_key(&joint(topic.clone())) {
            routes::OTHER.clone_into(&mut topic);
        }
        let latency = sent.map(|sent| units(delivery.at.since(sent).as_secs_f64() * 1000.0));
        let (bytes, at) = (delivery.bytes, delivery.at);
        let one = Addend { failed: false, background: false, bytes, latency, at, ended: Some(at) };
        let number = self.joined.len();
        let joined = self.joined.entry(joint(topic));
        let joined =
            joined.or_insert_with(|| Joined { number, counts: Counts::new(2), newest: Newest::default() });
        joined.counts.add(&one);
        joined.newest.add(&one);
        self.past.add(joined.number, &one);
    }

    /// Who listens to many places names none of them; and what is sent to one may arrive from another.
    fn other_place(
        &self,
        (broker, protocol): (ServiceId, Protocol),
        name: &str,
        key: Option<&str>,
    ) -> Option<Key> {
        let own = self.places.iter().filter(|((b, p, _), _)| (*b, *p) == (broker, protocol));
        let newest = |(_, place): &(&Key, &Place)| place.last_sent();
        let by_pattern = own.clone().filter(|((.., sent_to), _)| covers(protocol, name, sent_to));
        let by_key = own.filter(|(_, place)| key.is_some_and(|key| place.knows(key)));
        let found = by_pattern.max_by_key(newest).or_else(|| by_key.max_by_key(newest));
        found.map(|(key, _)| key.clone())
    }

    fn place(&mut self, key: Key) -> &mut Place {
        if !self.places.contains_key(&key) {
            self.order.push_back(key.clone());
            if self.order.len() > PLACES
                && let Some(oldest) = self.order.pop_front()
            {
                self.places.remove(&oldest);
            }
        }
        self.places.entry(key).or_default()
    }

    /// Every sender and receiver that were joined, with the messages that went from one to the other.
    pub(crate) fn edges<'a>(&'a self, names: &'a Names) -> impl Iterator<Item = Edge> + 'a {
        self.joined
            .iter()
            .map(|(joint, joined)| Edge { recent: joined.newest.read(), ..joint.edge(&joined.counts, names) })
    }

    /// The same within a span of time.
    pub(crate) fn edges_past(&self, since: Timestamp, until: Timestamp, names: &Names) -> Vec<Edge> {
        let range = self.past.range(since, until, |number| number);
        let edge = |(joint, joined): (&Joint, &Joined)| {
            range.counts.get(&joined.number).map(|counts| joint.edge(counts, names))
        };
        self.joined.iter().filter_map(edge).collect()
    }

    /// Whether anything that somebody sent came to this service.
    pub(crate) fn feeds(&self, service: ServiceId) -> bool {
        self.joined.keys().any(|joint| joint.to == service)
    }
}

impl Joint {
    fn edge(&self, counts: &Counts, names: &Names) -> Edge {
        let name = |service| names.name(service).to_owned();
        let [p50_ms, p90_ms, p99_ms] = counts.percentiles();
        Edge {
            from: name(self.from),
            to: name(self.to),
            protocol: self.protocol,
            calls: counts.sums.calls,
            errors: 0,
            background: 0,
            bytes: counts.sums.bytes,
            p50_ms,
            p90_ms,
            p99_ms,
            last: counts.sums.last,
            undeclared: false,
            forbidden: false,
            via: Some(name(self.broker)),
            topic: Some(self.topic.clone()),
            recent: None,
        }
    }
}

/// A message that has not been received yet is remembered with when it was sent.
type Sent = (ServiceId, Option<Timestamp>);
