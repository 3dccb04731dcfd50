//! What passes from one service to another, counted as it happens, and by route.

mod book;

use std::collections::HashMap;

use model::Timestamp;
use model::call::{Call, Edge};
use model::exchange::Protocol;

use crate::counts::{self, Addend, Counted, Counts};
use crate::manifest::Manifest;
use crate::names::{Names, ServiceId};
use crate::past::{Past, Range};
use crate::recent::Newest;
use crate::routes::Tallies;
pub(crate) use book::{Book, Rest};

/// What one call adds to its edge and to its route there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share {
    edge: usize,
    route: usize,
    one: Addend,
}

impl Share {
    pub(crate) fn failed(&self) -> bool {
        self.one.failed
    }

    pub(crate) fn at(&self) -> Timestamp {
        self.one.at
    }

    /// Whether its time counts.
    pub(crate) fn is_latency(&self) -> bool {
        self.one.latency.is_some()
    }
}

#[derive(Debug, Default)]
pub(crate) struct Edges {
    tallies: Vec<Tally>,
    index: HashMap<(ServiceId, ServiceId, Protocol), usize>,
    routes: Tallies,
    /// By the numbers of routes: an edge is the sum of its own.
    past: Past,
}

#[derive(Debug)]
struct Tally {
    from: ServiceId,
    to: ServiceId,
    protocol: Protocol,
    counts: Counts,
    newest: Newest,
}

impl Edges {
    /// What `call` adds to the edge between its ends; `latency` says whether its time counts as one.
    pub(crate) fn share(&mut self, from: ServiceId, to: ServiceId, call: &Call, latency: bool) -> Share {
        let edge = self.edge(from, to, call.protocol);
        Share { edge, route: self.routes.find(edge, &call.route), one: Addend::of(call, latency) }
    }

    /// What a call whose route is no longer known adds to where it was counted.
    pub(crate) fn share_of(was: Share, call: &Call, latency: bool) -> Share {
        let background = was.one.background;
        Share { one: Addend { background, ..Addend::of(call, latency) }, ..was }
    }

    /// The same share on the edge between other ends.
    pub(crate) fn moved(&mut self, from: ServiceId, to: ServiceId, call: &Call, share: Share) -> Share {
        let edge = self.edge(from, to, call.protocol);
        let one = Addend { background: counts::is_background(call), ..share.one };
        Share { edge, route: self.routes.find(edge, &call.route), one }
    }

    /// Whose share it is.
    pub(crate) fn ends(&self, share: &Share) -> (ServiceId, ServiceId) {
        self.tallies.get(share.edge).map_or((0, 0), |tally| (tally.from, tally.to))
    }

    /// The number of its route, as long as no routes become one.
    pub(crate) fn route(&self, share: &Share) -> usize {
        self.routes.resolve(share.route)
    }

    pub(crate) fn add(&mut self, share: &Share) {
        self.add_to_sums(share);
        self.past.add(share.route, &share.one);
    }

    fn add_to_sums(&mut self, share: &Share) {
        let Some(tally) = self.tallies.get_mut(share.edge) else { return };
        let one = of_edge(share.one);
        tally.counts.add(&one);
        tally.newest.add(&one);
        self.routes.add(share.route, &share.one);
    }

    /// Adds calls that were counted and not told one by one.
    pub(crate) fn count(&mut self, from: ServiceId, to: ServiceId, route: &str, counted: &Counted<'_>) {
        let edge = self.edge(from, to, counted.tally.like.protocol);
        let number = self.routes.find(edge, route);
        if let Some(tally) = self.tallies.get_mut(edge) {
            let counted = Counted { latency: counted.latency && !counted.background, ..*counted };
            tally.counts.count(&counted);
            tally.newest.count(&counted);
        }
        self.routes.count(number, counted);
        self.past.count(number, counted);
    }

    pub(crate) fn remove(&mut self, share: &Share) {
        let Some(tally) = self.tallies.get_mut(share.edge) else { return };
        let one = of_edge(share.one);
        tally.counts.remove(&one);
        tally.newest.remove(&one);
        self.routes.remove(share.route, &share.one);
        self.past.remove(share.route, &share.one);
    }

    /// Routes to `to` that `rename` gives another text become that one.
    pub(crate) fn rename_routes(&mut self, to: ServiceId, rename: impl Fn(Protocol, &str) -> String) {
        let tallies = &self.tallies;
        self.routes.rename(|edge, text| {
            let tally = tallies.get(edge).filter(|tally| tally.to == to)?;
            Some(rename(tally.protocol, text))
        });
    }

    fn edge(&mut self, from: ServiceId, to: ServiceId, protocol: Protocol) -> usize {
        *self.index.entry((from, to, protocol)).or_insert_with(|| {
            let (counts, newest) = (Counts::new(3), Newest::default());
            self.tallies.push(Tally { from, to, protocol, counts, newest });
            self.tallies.len() - 1
        })
    }

    /// All edges over which a call went.
    pub(crate) fn list(&self, names: &Names, manifest: &Manifest) -> Vec<Edge> {
        let used = self.tallies.iter().filter(|tally| tally.counts.sums.calls > 0);
        let edge = |tally: &Tally| Edge {
            recent: tally.newest.read(),
            ..tally.edge(&tally.counts, names, manifest)
        };
        used.map(edge).collect()
    }

    /// What was counted of every route within a span of time.
    pub(crate) fn past(&self, since: Timestamp, until: Timestamp) -> Range {
        self.past.range(since, until, |number| self.routes.resolve(number))
    }

    /// The edges over which a call went within a span of time.
    pub(crate) fn list_past(&self, range: &Range, names: &Names, manifest: &Manifest) -> Vec<Edge> {
        let mut edges: HashMap<usize, Counts> = HashMap::new();
        for (route, counts) in &range.counts {
            let Some(edge) = self.routes.edge(*route) else { continue };
            let sum = edges.entry(edge).or_insert_with(|| Counts::new(2));
            // As good as always a route is asked for background alone, or never.
            if counts.sums.background < counts.sums.calls {
                sum.sum(counts);
            } else {
                sum.sums.add(&counts.sums);
            }
        }
        let edge = |(number, counts): (&usize, &Counts)| {
            self.tallies.get(*number).map(|tally| tally.edge(counts, names, manifest))
        };
        edges.iter().filter_map(edge).collect()
    }

    /// The routes over which a call went within a span of time: edge's ends and protocol, text and counts.
    pub(crate) fn routes_past<'a>(
        &'a self,
        range: &'a Range,
    ) -> impl Iterator<Item = ((ServiceId, ServiceId, Protocol), &'a str, &'a Counts)> {
        range.counts.iter().filter_map(|(route, counts)| {
            let tally = self.tallies.get(self.routes.edge(*route)?)?;
            Some(((tally.from, tally.to, tally.protocol), self.routes.text(*route)?, counts))
        })
    }

    /// Ends, protocol and counts of every edge.
    pub(crate) fn counts(&self) -> impl Iterator<Item = ((ServiceId, ServiceId, Protocol), &Counts)> {
        self.tallies.iter().map(|tally| ((tally.from, tally.to, tally.protocol), &tally.counts))
    }

    /// Every route over which a call went: its number, its edge's ends and protocol, its text and counts.
    pub(crate) fn routes(
        &self,
    ) -> impl Iterator<Item = (usize, (ServiceId, ServiceId, Protocol), &str, &Counts)> {
        self.routes.used().filter_map(|(number, edge, text, counts)| {
            let tally = self.tallies.get(edge)?;
            Some((number, (tally.from, tally.to, tally.protocol), text, counts))
        })
    }
}

/// How fast a health check is answered says nothing of the work that goes over the same edge; its route tells it.
fn of_edge(one: Addend) -> Addend {
    Addend { latency: one.latency.filter(|_| !one.background), ..one }
}

impl Tally {
    fn edge(&self, counts: &Counts, names: &Names, manifest: &Manifest) -> Edge {
        let (from, to) = (names.name(self.from), names.name(self.to));
        let works = counts.sums.calls > counts.sums.background;
        let [p50_ms, p90_ms, p99_ms] = counts.percentiles();
        Edge {
            from: from.to_owned(),
            to: to.to_owned(),
            protocol: self.protocol,
            calls: counts.sums.calls,
            errors: counts.sums.errors,
            background: counts.sums.background,
            bytes: counts.sums.bytes,
            p50_ms,
            p90_ms,
            p99_ms,
            last: counts.sums.last,
            undeclared: works && manifest.undeclared(from, to),
            forbidden: manifest.forbids(from, to),
            via: None,
            topic: None,
            recent: None,
        }
    }
}
