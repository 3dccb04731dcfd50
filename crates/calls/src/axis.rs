//! Calls and errors over time, for the time axis: it outlives the calls that were evicted.

use std::collections::VecDeque;

use model::Timestamp;
use serde::{Deserialize, Serialize};

/// Nanoseconds of one slot.
const SLOT: i64 = 250_000_000;
/// How many slots are kept: a day.
const KEPT: usize = 86_400 * 4;

/// What happened within one span of the time axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Bin {
    /// Calls that began in it.
    pub calls: u32,
    /// Those of them that failed.
    pub errors: u32,
}

#[derive(Debug, Default)]
pub(crate) struct Axis {
    first: i64,
    slots: VecDeque<Bin>,
}

impl Axis {
    pub(crate) fn add(&mut self, at: Timestamp, failed: bool) {
        self.count(at, 1, failed);
    }

    /// Adds several calls of one moment.
    pub(crate) fn count(&mut self, at: Timestamp, calls: u64, failed: bool) {
        let calls = u32::try_from(calls).unwrap_or(u32::MAX);
        if let Some(slot) = self.make_slot(at.0.div_euclid(SLOT)) {
            slot.calls = slot.calls.saturating_add(calls);
            slot.errors = slot.errors.saturating_add(if failed { calls } else { 0 });
        }
    }

    pub(crate) fn remove(&mut self, at: Timestamp, failed: bool) {
        let index = at.0.div_euclid(SLOT) - self.first;
        if let Some(slot) = usize::try_from(index).ok().and_then(|index| self.slots.get_mut(index)) {
            slot.calls = slot.calls.saturating_sub(1);
            slot.errors = slot.errors.saturating_sub(u32::from(failed));
        }
    }

    /// `bins` equal spans from `from` to `to`; a slot counts where its middle lies.
    pub(crate) fn series(&self, from: Timestamp, to: Timestamp, bins: usize) -> Vec<Bin> {
        let mut series = vec![Bin::default(); bins];
        let span = i128::from(to.0) - i128::from(from.0);
        if span <= 0 || bins == 0 {
            return series;
        }
        let start = usize::try_from(from.0.div_euclid(SLOT) - self.first).unwrap_or(0);
        for (index, slot) in self.slots.iter().enumerate().skip(start) {
            let middle = (i128::from(self.first) + index as i128) * i128::from(SLOT) + i128::from(SLOT / 2);
            let offset = middle - i128::from(from.0);
            if offset >= span {
                break;
            }
            if offset < 0 || slot.calls == 0 {
                continue;
            }
            if let Some(bin) = series.get_mut((offset * bins as i128 / span) as usize) {
                bin.calls = bin.calls.saturating_add(slot.calls);
                bin.errors = bin.errors.saturating_add(slot.errors);
            }
        }
        series
    }

    /// Every slot of a span in which something happened, by its number.
    pub(crate) fn within(&self, span: &std::ops::Range<i64>) -> Vec<(i64, Bin)> {
        let (first, end) = (span.start.div_euclid(SLOT), span.end.div_euclid(SLOT));
        let numbered = self.slots.iter().enumerate().map(|(index, bin)| (self.first + index as i64, *bin));
        numbered.filter(|(number, bin)| (first..end).contains(number) && bin.calls > 0).collect()
    }

    /// Adds what happened in slots.
    pub(crate) fn put(&mut self, slots: &[(i64, Bin)]) {
        for (number, bin) in slots {
            if let Some(slot) = self.make_slot(*number) {
                slot.calls = slot.calls.saturating_add(bin.calls);
                slot.errors = slot.errors.saturating_add(bin.errors);
            }
        }
    }

    fn make_slot(&mut self, slot: i64) -> Option<&mut Bin> {
        if self.slots.is_empty() {
            self.first = slot;
        }
        let mut index = slot - self.first;
        if index < 0 {
            if self.slots.len() as i64 - index > KEPT as i64 {
                return None;
            }
            for _ in 0..-index {
                self.slots.push_front(Bin::default());
            }
            self.first = slot;
            index = 0;
        }
        if index >= 2 * KEPT as i64 {
            // After a gap of a day nothing of what was kept is left.
            self.slots.clear();
            self.first = slot;
            index = 0;
        }
        while self.slots.len() as i64 <= index {
            self.slots.push_back(Bin::default());
        }
        while self.slots.len() > KEPT {
            self.slots.pop_front();
            self.first += 1;
            index -= 1;
        }
        self.slots.get_mut(index as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp(ms * 1_000_000)
    }

    fn counts(bins: &[Bin]) -> Vec<(u32, u32)> {
        bins.iter().map(|bin| (bin.calls, bin.errors)).collect()
    }

    #[test]
    fn bins_hold_what_began_in_them() {
        let mut axis = Axis::default();
        for (ms, failed) in [(10_000, false), (10_900, true), (11_100, false), (9_100, false)] {
            axis.add(at(ms), failed);
        }
        assert_eq!(counts(&axis.series(at(9_000), at(12_000), 3)), [(1, 0), (2, 1), (1, 0)]);
        assert_eq!(counts(&axis.series(at(10_000), at(11_000), 1)), [(2, 1)]);
        assert_eq!(counts(&axis.series(at(50_000), at(51_000), 2)), [(0, 0), (0, 0)]);
        axis.remove(at(10_900), true);
        assert_eq!(counts(&axis.series(at(9_000), at(12_000), 1)), [(3, 0)]);
    }

    #[test]
    fn nothing_sensible_is_asked_or_answered_for_empty_spans() {
        let axis = Axis::default();
        assert_eq!(counts(&axis.series(at(5), at(5), 2)), [(0, 0), (0, 0)]);
        assert!(axis.series(at(0), at(5), 0).is_empty());
    }

    #[test]
    fn memory_is_bounded_whatever_the_clock_does() {
        let mut axis = Axis::default();
        for hour in [0, 3, 30, 500, 499, 100_000, 1] {
            axis.add(at(hour * 3_600_000), false);
            assert!(axis.slots.len() <= KEPT, "{hour}: {}", axis.slots.len());
        }
        assert_eq!(counts(&axis.series(at(100_000 * 3_600_000), at(100_001 * 3_600_000), 1)), [(1, 0)]);
    }
}
