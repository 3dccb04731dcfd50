//! What was counted of one thing: sums, and latencies by bucket.

use serde::{Deserialize, Serialize};

use crate::counts::{Addend, Counted, DAY_MS, Sums, units};

/// Buckets in each doubling of a latency, as a power of two.
const FINENESS: u32 = 6;

/// What was counted of one thing.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(crate) struct Cell {
    pub(crate) sums: Sums,
    /// Bucket and count, by bucket.
    latencies: Vec<(u16, u32)>,
}

impl Cell {
    /// Whether it can be what it says: what comes from a file may be anything.
    pub(super) fn is_sound(&self) -> bool {
        let longest = bucket(units(DAY_MS));
        self.latencies.windows(2).all(|pair| pair[0].0 < pair[1].0)
            && self.latencies.last().is_none_or(|(last, _)| *last <= longest)
    }

    pub(crate) fn absorb(&mut self, other: &Self) {
        self.sums.add(&other.sums);
        other.latencies.iter().for_each(|(bucket, calls)| self.record(*bucket, *calls));
    }

    pub(crate) fn add(&mut self, one: &Addend) {
        self.sums.add(&one.into());
        if let Some(latency) = one.latency {
            self.record(bucket(latency), 1);
        }
    }

    pub(crate) fn remove(&mut self, one: &Addend) {
        self.sums.remove(&one.into());
        if let Some(latency) = one.latency {
            self.unrecord(bucket(latency));
        }
    }

    pub(crate) fn count(&mut self, counted: &Counted<'_>) {
        self.sums.add(&counted.into());
        counted.latencies().for_each(|(latency, calls)| self.record(bucket(latency), calls));
    }

    fn record(&mut self, bucket: u16, calls: u32) {
        match self.latencies.binary_search_by_key(&bucket, |(known, _)| *known) {
            Ok(place) => self.latencies[place].1 = self.latencies[place].1.saturating_add(calls),
            Err(place) => self.latencies.insert(place, (bucket, calls)),
        }
    }

    fn unrecord(&mut self, bucket: u16) {
        if let Ok(place) = self.latencies.binary_search_by_key(&bucket, |(known, _)| *known) {
            self.latencies[place].1 -= 1;
            if self.latencies[place].1 == 0 {
                self.latencies.remove(place);
            }
        }
    }

    /// Latencies, as units of the histograms, and how many there were of each.
    pub(crate) fn latencies(&self) -> impl Iterator<Item = (u64, u32)> {
        self.latencies.iter().map(|(bucket, calls)| (middle(*bucket), *calls))
    }

    pub(super) fn size(&self) -> usize {
        size_of::<(usize, Self)>() + self.latencies.capacity() * size_of::<(u16, u32)>()
    }
}

/// The bucket of a latency.
pub(super) fn bucket(value: u64) -> u16 {
    let exponent = value.max(1).ilog2().saturating_sub(FINENESS);
    (u64::from(exponent << FINENESS) + (value >> exponent)) as u16
}

/// The middle of a bucket.
pub(super) fn middle(bucket: u16) -> u64 {
    let fine = 1 << FINENESS;
    let exponent = (u32::from(bucket) >> FINENESS).saturating_sub(1);
    let least = (u64::from(bucket) - u64::from(exponent) * fine) << exponent;
    least + (1 << exponent) / 2
}
