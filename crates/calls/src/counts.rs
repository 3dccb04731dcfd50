//! Calls, errors, bytes and latencies, counted as they happen and taken back when a call turns out otherwise.

use std::sync::OnceLock;

use hdrhistogram::Histogram;
use model::Timestamp;
use model::call::{Background, Call};
use model::exchange::Tally;

use crate::past::Cell;

/// Histogram units in a millisecond: 100 ns, so that calls of some microseconds keep two digits.
const UNITS: f64 = 10_000.0;
/// The longest latency that is told from a longer one: a day.
const LONGEST: u64 = 86_400 * 1_000 * 10_000;

/// What one call adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Addend {
    pub(crate) failed: bool,
    /// It is a health check or a scrape.
    pub(crate) background: bool,
    pub(crate) bytes: u64,
    pub(crate) latency: Option<u64>,
    pub(crate) at: Timestamp,
}

impl Addend {
    /// `latency` says whether its time counts as one.
    pub(crate) fn of(call: &Call, latency: bool) -> Self {
        let response = call.response.as_ref().map_or(0, |response| response.bytes);
        Self {
            failed: !call.ok,
            background: is_background(call),
            bytes: call.request.bytes.saturating_add(response),
            latency: call.ms.filter(|_| latency).map(units),
            at: call.ts,
        }
    }
}

/// Calls that came too thick to be told one by one.
#[derive(Debug)]
pub(crate) struct Counted<'a> {
    pub(crate) tally: &'a Tally,
    pub(crate) at: Timestamp,
    pub(crate) failed: bool,
    /// They are health checks or scrapes.
    pub(crate) background: bool,
    /// Whether their times count as latencies.
    pub(crate) latency: bool,
}

/// Whether a call is known to be background by itself: a poll is so only by those around it.
pub(crate) fn is_background(call: &Call) -> bool {
    matches!(call.background, Some(Background::Health | Background::Metrics))
}

/// Milliseconds as a histogram counts them.
pub(crate) fn units(ms: f64) -> u64 {
    ((ms * UNITS).round() as u64).clamp(1, LONGEST)
}

#[derive(Debug)]
pub(crate) struct Counts {
    pub(crate) calls: u64,
    pub(crate) errors: u64,
    /// Health checks and scrapes.
    pub(crate) background: u64,
    pub(crate) bytes: u64,
    pub(crate) last: Timestamp,
    /// Significant digits of the percentiles: a histogram of three takes ten times the memory of one of two.
    digits: u8,
    latencies: Option<Histogram<u32>>,
    /// Read off the histogram when somebody asks, and again after it changed.
    percentiles: OnceLock<[f64; 3]>,
}

impl Counts {
    pub(crate) fn new(digits: u8) -> Self {
        Self {
            calls: 0,
            errors: 0,
            background: 0,
            bytes: 0,
            last: Timestamp::default(),
            digits,
            latencies: None,
            percentiles: OnceLock::new(),
        }
    }

    pub(crate) fn add(&mut self, one: &Addend) {
        self.calls += 1;
        self.errors += u64::from(one.failed);
        self.background += u64::from(one.background);
        self.bytes = self.bytes.saturating_add(one.bytes);
        self.last = self.last.max(one.at);
        if let Some(latency) = one.latency {
            if self.latencies.is_none() {
                self.latencies = Histogram::new(self.digits).ok();
            }
            if self.latencies.as_mut().is_some_and(|latencies| latencies.record(latency).is_ok()) {
                self.percentiles = OnceLock::new();
            }
        }
    }

    pub(crate) fn remove(&mut self, one: &Addend) {
        self.calls = self.calls.saturating_sub(1);
        self.errors = self.errors.saturating_sub(u64::from(one.failed));
        self.background = self.background.saturating_sub(u64::from(one.background));
        self.bytes = self.bytes.saturating_sub(one.bytes);
        if let (Some(latency), Some(latencies)) = (one.latency, &mut self.latencies) {
            let single = Histogram::<u32>::new(self.digits).ok();
            let single = single.and_then(|mut single| single.record(latency).ok().map(|()| single));
            if single.is_some_and(|single| latencies.subtract(single).is_ok()) {
                self.percentiles = OnceLock::new();
            }
        }
    }

    pub(crate) fn count(&mut self, counted: &Counted<'_>) {
        let tally = counted.tally;
        self.calls += tally.calls;
        self.errors += if counted.failed { tally.calls } else { 0 };
        self.background += if counted.background { tally.calls } else { 0 };
        self.bytes = self.bytes.saturating_add(tally.bytes);
        self.last = self.last.max(counted.at);
        if !counted.latency || tally.micros.is_empty() {
            return;
        }
        if self.latencies.is_none() {
            self.latencies = Histogram::new(self.digits).ok();
        }
        let Some(latencies) = &mut self.latencies else { return };
        for (micros, calls) in &tally.micros {
            // Saturating would clip instead of making room.
            let recorded = latencies.record_n(units(f64::from(*micros) / 1000.0), *calls);
            debug_assert!(recorded.is_ok(), "clamped to what the histogram was made for");
        }
        self.percentiles = OnceLock::new();
    }

    /// Adds what was counted within a span of time.
    pub(crate) fn absorb(&mut self, cell: &Cell) {
        self.calls += cell.calls;
        self.errors += cell.errors;
        self.background += cell.background;
        self.bytes = self.bytes.saturating_add(cell.bytes);
        self.last = self.last.max(cell.last);
        for (latency, calls) in cell.latencies() {
            if self.latencies.is_none() {
                self.latencies = Histogram::new(self.digits).ok();
            }
            let recorded = self.latencies.as_mut().map(|latencies| latencies.record_n(latency, calls));
            debug_assert!(recorded.is_some_and(|recorded| recorded.is_ok()), "it grows by itself");
        }
        self.percentiles = OnceLock::new();
    }

    /// Adds what another one has counted.
    pub(crate) fn sum(&mut self, other: &Self) {
        self.calls += other.calls;
        self.errors += other.errors;
        self.background += other.background;
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.last = self.last.max(other.last);
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
