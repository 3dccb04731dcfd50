//! Calls, errors, bytes and latencies, counted as they happen and taken back when a call turns out otherwise.

use std::sync::OnceLock;
use std::time::Duration;

use hdrhistogram::Histogram;
use model::Timestamp;
use model::call::{Background, Call};
use model::exchange::Tally;
use serde::{Deserialize, Serialize};

use crate::past::Cell;

/// Histogram units in a millisecond: 100 ns, so that calls of some microseconds keep two digits.
const UNITS: f64 = 10_000.0;
/// Milliseconds of a day, the longest latency that is told from a longer one.
pub(crate) const DAY_MS: f64 = 86_400_000.0;
const LONGEST: u64 = (DAY_MS * UNITS) as u64;

/// What one call adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Addend {
    pub(crate) failed: bool,
    /// It is a health check or a scrape.
    pub(crate) background: bool,
    pub(crate) bytes: u64,
    pub(crate) latency: Option<u64>,
    pub(crate) at: Timestamp,
    /// `None` as long as it goes on.
    pub(crate) ended: Option<Timestamp>,
}

impl Addend {
    /// `latency` says whether its time counts as one.
    pub(crate) fn of(call: &Call, latency: bool) -> Self {
        let response = call.response.as_ref().map_or(0, |response| response.bytes);
        let took = Duration::from_secs_f64(call.ms.unwrap_or_default().clamp(0.0, DAY_MS) / 1000.0);
        Self {
            failed: !call.ok,
            background: is_background(call),
            bytes: call.request.bytes.saturating_add(response),
            latency: call.ms.filter(|_| latency).map(units),
            at: call.ts,
            ended: call.done.then(|| call.ts.plus(took)),
        }
    }
}

/// Calls that came too thick to be told one by one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted<'a> {
    pub(crate) tally: &'a Tally,
    pub(crate) at: Timestamp,
    pub(crate) failed: bool,
    /// They are health checks or scrapes.
    pub(crate) background: bool,
    /// Whether their times count as latencies.
    pub(crate) latency: bool,
}

impl Counted<'_> {
    /// Latencies, as units, and how many calls took each.
    pub(crate) fn latencies(&self) -> impl Iterator<Item = (u64, u32)> {
        let all = self.tally.micros.iter().filter(|_| self.latency);
        all.map(|(micros, calls)| (units(f64::from(*micros) / 1000.0), *calls))
    }
}

/// Whether a call is known to be background by itself: a poll is so only by those around it.
pub(crate) fn is_background(call: &Call) -> bool {
    matches!(call.background, Some(Background::Health | Background::Metrics))
}

/// Milliseconds as a histogram counts them.
pub(crate) fn units(ms: f64) -> u64 {
    ((ms * UNITS).round() as u64).clamp(1, LONGEST)
}

/// What can be added up.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Sums {
    pub(crate) calls: u64,
    pub(crate) errors: u64,
    /// Health checks and scrapes.
    pub(crate) background: u64,
    pub(crate) bytes: u64,
    pub(crate) last: Timestamp,
}

impl Sums {
    pub(crate) fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.errors += other.errors;
        self.background += other.background;
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.last = self.last.max(other.last);
    }

    /// The last one stays the last.
    pub(crate) fn remove(&mut self, other: &Self) {
        self.calls = self.calls.saturating_sub(other.calls);
        self.errors = self.errors.saturating_sub(other.errors);
        self.background = self.background.saturating_sub(other.background);
        self.bytes = self.bytes.saturating_sub(other.bytes);
    }
}

impl From<&Addend> for Sums {
    fn from(one: &Addend) -> Self {
        Self {
            calls: 1,
            errors: one.failed.into(),
            background: one.background.into(),
            bytes: one.bytes,
            last: one.at,
        }
    }
}

impl From<&Counted<'_>> for Sums {
    fn from(counted: &Counted<'_>) -> Self {
        let Tally { calls, bytes, .. } = *counted.tally;
        let where_so = |so: bool| if so { calls } else { 0 };
        Self {
            calls,
            errors: where_so(counted.failed),
            background: where_so(counted.background),
            bytes,
            last: counted.at,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Counts {
    pub(crate) sums: Sums,
    /// Significant digits of the percentiles: a histogram of three takes ten times the memory of one of two.
    digits: u8,
    latencies: Option<Histogram<u32>>,
    /// Read off the histogram when somebody asks, and again after it changed.
    percentiles: OnceLock<[f64; 3]>,
}

impl Counts {
    pub(crate) fn new(digits: u8) -> Self {
        Self { sums: Sums::default(), digits, latencies: None, percentiles: OnceLock::new() }
    }

    pub(crate) fn add(&mut self, one: &Addend) {
        self.sums.add(&one.into());
        self.record(one.latency.map(|latency| (latency, 1)));
    }

    pub(crate) fn remove(&mut self, one: &Addend) {
        self.sums.remove(&one.into());
        if let (Some(latency), Some(latencies)) = (one.latency, &mut self.latencies) {
            let single = Histogram::<u32>::new(self.digits).ok();
            let single = single.and_then(|mut single| single.record(latency).ok().map(|()| single));
            if single.is_some_and(|single| latencies.subtract(single).is_ok()) {
                self.percentiles = OnceLock::new();
            }
        }
    }

    pub(crate) fn count(&mut self, counted: &Counted<'_>) {
        self.sums.add(&counted.into());
        self.record(counted.latencies());
    }

    /// Adds what was counted within a span of time.
    pub(crate) fn absorb(&mut self, cell: &Cell) {
        self.sums.add(&cell.sums);
        self.record(cell.latencies());
    }

    /// Adds latencies, as units, and how many calls took each.
    fn record(&mut self, latencies: impl IntoIterator<Item = (u64, u32)>) {
        for (latency, calls) in latencies {
            if self.latencies.is_none() {
                self.latencies = Histogram::new(self.digits).ok();
            }
            // Saturating would clip instead of making room.
            let recorded = self.latencies.as_mut().map(|latencies| latencies.record_n(latency, calls));
            debug_assert!(recorded.is_some_and(|recorded| recorded.is_ok()), "it grows by itself");
            self.percentiles = OnceLock::new();
        }
    }

    /// Adds what another one has counted.
    pub(crate) fn sum(&mut self, other: &Self) {
        self.sums.add(&other.sums);
        match (&mut self.latencies, &other.latencies) {
            (Some(ours), Some(theirs)) => {
                // Both have the same digits and grow by themselves, so there is room for every value.
                let added = ours.add(theirs);
                debug_assert!(added.is_ok());
            }
            (ours @ None, theirs) => ours.clone_from(theirs),
            (Some(_), None) => {}
        }
        self.percentiles = OnceLock::new();
    }

    /// The median, the 90th and the 99th percentile in milliseconds.
    pub(crate) fn percentiles(&self) -> [Option<f64>; 3] {
        let Some(latencies) = self.latencies.as_ref().filter(|latencies| !latencies.is_empty()) else {
            return [None; 3];
        };
        let read = || [50.0, 90.0, 99.0].map(|p| latencies.value_at_percentile(p) as f64 / UNITS);
        self.percentiles.get_or_init(read).map(Some)
    }
}
