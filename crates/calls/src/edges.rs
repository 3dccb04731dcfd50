//! What passes from one service to another, counted as it happens.

use std::collections::HashMap;
use std::sync::OnceLock;

use hdrhistogram::Histogram;
use model::Timestamp;
use model::call::{Call, Edge};
use model::exchange::Protocol;

use crate::names::{Names, ServiceId};

/// Histogram units in a millisecond: 100 ns, so that calls of some microseconds keep two digits.
const UNITS: f64 = 10_000.0;
/// The longest latency that is told from a longer one: a day.
const LONGEST: u64 = 86_400 * 1_000 * 10_000;

/// How often an edge was used within a span of time.
#[derive(Debug, Clone, PartialEq)]
pub struct EdgeRate {
    /// The caller.
    pub from: String,
    /// The callee.
    pub to: String,
    /// What they speak.
    pub protocol: Protocol,
    /// Calls that began within the span.
    pub calls: u64,
    /// Those of them that failed.
    pub errors: u64,
    /// Calls per second of the span.
    pub per_second: f64,
}

/// What one call adds to its edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share {
    edge: usize,
    failed: bool,
    bytes: u64,
    latency: Option<u64>,
    at: Timestamp,
}

impl Share {
    pub(crate) fn failed(&self) -> bool {
        self.failed
    }

    pub(crate) fn at(&self) -> Timestamp {
        self.at
    }
}

#[derive(Debug, Default)]
pub(crate) struct Edges {
    tallies: Vec<Tally>,
    index: HashMap<(ServiceId, ServiceId, Protocol), usize>,
}

#[derive(Debug)]
struct Tally {
    from: ServiceId,
    to: ServiceId,
    protocol: Protocol,
    calls: u64,
    errors: u64,
    bytes: u64,
    last: Timestamp,
    latencies: Option<Histogram<u32>>,
    /// Read off the histogram when somebody asks, and again after it changed.
    percentiles: OnceLock<[f64; 3]>,
}

impl Edges {
    /// What `call` adds to the edge between its ends; `latency` says whether its time counts as one.
    pub(crate) fn share(&mut self, from: ServiceId, to: ServiceId, call: &Call, latency: bool) -> Share {
        let edge = self.edge(from, to, call.protocol);
        let latency = call.ms.filter(|_| latency).map(|ms| ((ms * UNITS).round() as u64).clamp(1, LONGEST));
        let response = call.response.as_ref().map_or(0, |response| response.bytes);
        Share {
            edge,
            failed: !call.ok,
            bytes: call.request.bytes.saturating_add(response),
            latency,
            at: call.ts,
        }
    }

    /// The same share on the edge between other ends.
    pub(crate) fn moved(
        &mut self,
        from: ServiceId,
        to: ServiceId,
        protocol: Protocol,
        share: Share,
    ) -> Share {
        Share { edge: self.edge(from, to, protocol), ..share }
    }

    /// Whose share it is.
    pub(crate) fn ends(&self, share: &Share) -> (ServiceId, ServiceId) {
        self.tallies.get(share.edge).map_or((0, 0), |tally| (tally.from, tally.to))
    }

    pub(crate) fn add(&mut self, share: &Share) {
        let Some(tally) = self.tallies.get_mut(share.edge) else { return };
        tally.calls += 1;
        tally.errors += u64::from(share.failed);
        tally.bytes = tally.bytes.saturating_add(share.bytes);
        tally.last = tally.last.max(share.at);
        if let Some(latency) = share.latency {
            if tally.latencies.is_none() {
                tally.latencies = Histogram::new(3).ok();
            }
            if tally.latencies.as_mut().is_some_and(|latencies| latencies.record(latency).is_ok()) {
                tally.percentiles = OnceLock::new();
            }
        }
    }

    /// Adds calls that were counted and not told one by one.
    pub(crate) fn count(
        &mut self,
        from: ServiceId,
        to: ServiceId,
        counted: &model::exchange::Tally,
        at: Timestamp,
        failed: bool,
        latency: bool,
    ) {
        let edge = self.edge(from, to, counted.like.protocol);
        let Some(tally) = self.tallies.get_mut(edge) else { return };
        tally.calls += counted.calls;
        tally.errors += if failed { counted.calls } else { 0 };
        tally.bytes = tally.bytes.saturating_add(counted.bytes);
        tally.last = tally.last.max(at);
        if !latency || counted.micros.is_empty() {
            return;
        }
        if tally.latencies.is_none() {
            tally.latencies = Histogram::new(3).ok();
        }
        let Some(latencies) = &mut tally.latencies else { return };
        for (micros, calls) in &counted.micros {
            let units = (f64::from(*micros) / 1000.0 * UNITS) as u64;
            latencies.saturating_record_n(units.clamp(1, LONGEST), *calls);
        }
        tally.percentiles = OnceLock::new();
    }

    pub(crate) fn remove(&mut self, share: &Share) {
        let Some(tally) = self.tallies.get_mut(share.edge) else { return };
        tally.calls = tally.calls.saturating_sub(1);
        tally.errors = tally.errors.saturating_sub(u64::from(share.failed));
        tally.bytes = tally.bytes.saturating_sub(share.bytes);
        if let (Some(latency), Some(latencies)) = (share.latency, &mut tally.latencies) {
            let one =
                Histogram::<u32>::new(3).ok().and_then(|mut one| one.record(latency).ok().map(|()| one));
            if one.is_some_and(|one| latencies.subtract(one).is_ok()) {
                tally.percentiles = OnceLock::new();
            }
        }
    }

    fn edge(&mut self, from: ServiceId, to: ServiceId, protocol: Protocol) -> usize {
        *self.index.entry((from, to, protocol)).or_insert_with(|| {
            self.tallies.push(Tally::new(from, to, protocol));
            self.tallies.len() - 1
        })
    }

    /// All edges over which a call went, by caller, callee and protocol.
    pub(crate) fn list(&self, names: &Names) -> Vec<Edge> {
        let used = self.tallies.iter().filter(|tally| tally.calls > 0);
        let mut edges: Vec<Edge> = used.map(|tally| tally.edge(names)).collect();
        edges.sort_by(|a, b| (&a.from, &a.to, a.protocol).cmp(&(&b.from, &b.to, b.protocol)));
        edges
    }
}

impl Tally {
    fn new(from: ServiceId, to: ServiceId, protocol: Protocol) -> Self {
        Self {
            from,
            to,
            protocol,
            calls: 0,
            errors: 0,
            bytes: 0,
            last: Timestamp::default(),
            latencies: None,
            percentiles: OnceLock::new(),
        }
    }

    fn edge(&self, names: &Names) -> Edge {
        let percentiles =
            self.latencies.as_ref().filter(|latencies| !latencies.is_empty()).map(|latencies| {
                *self.percentiles.get_or_init(|| {
                    [50.0, 90.0, 99.0].map(|p| latencies.value_at_percentile(p) as f64 / UNITS)
                })
            });
        Edge {
            from: names.name(self.from).to_owned(),
            to: names.name(self.to).to_owned(),
            protocol: self.protocol,
            calls: self.calls,
            errors: self.errors,
            bytes: self.bytes,
            p50_ms: percentiles.map(|[p50, _, _]| p50),
            p90_ms: percentiles.map(|[_, p90, _]| p90),
            p99_ms: percentiles.map(|[_, _, p99]| p99),
            last: self.last,
        }
    }
}
