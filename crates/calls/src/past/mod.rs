//! What was counted when, so that a range of the past costs as little as the present.
//!
//! Time is cut into slots that get wider with their age, and a slot holds what was counted in it of whatever was used
//! then. Latencies are kept as counts of buckets that are 1.6 % wide, in a list as short as what was seen.

mod cell;

use std::collections::{HashMap, VecDeque};

use model::Timestamp;
use serde::{Deserialize, Serialize};

pub(crate) use cell::Cell;

use crate::counts::{Addend, Counted, Counts};

const SECOND: i64 = 1_000_000_000;
/// A slot is so wide once its end has this age; the younger ones are a second wide.
const WIDTHS: [(i64, i64); 2] = [(2 * 3600 * SECOND, 60 * SECOND), (600 * SECOND, 10 * SECOND)];
/// What is older is forgotten, as on the time axis.
const OLDEST: i64 = 24 * 3600 * SECOND;
/// So often slots are made wider.
const ROLL: i64 = 10 * SECOND;
/// So much memory at most, near enough: the oldest slots go first.
const MOST: usize = 32 << 20;
/// By the number of what is counted.
#[derive(Debug, Default)]
pub(crate) struct Past {
    /// In order, none overlapping another; where nothing was counted there is none.
    slots: VecDeque<Slot>,
    newest: i64,
    rolled: i64,
}

/// A span of time, in nanoseconds.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Slot {
    from: i64,
    width: i64,
    pub(crate) cells: HashMap<usize, Cell>,
}

/// A span of time and what was counted in it, by number.
#[derive(Debug)]
pub(crate) struct Range {
    pub(crate) since: Timestamp,
    pub(crate) until: Timestamp,
    pub(crate) counts: HashMap<usize, Counts>,
}

impl Range {
    pub(crate) fn seconds(&self) -> f64 {
        self.until.since(self.since).as_secs_f64()
    }

    /// From when to when it was counted, where anything was.
    pub(crate) fn span(&self) -> Option<(Timestamp, Timestamp)> {
        (!self.counts.is_empty()).then_some((self.since, self.until))
    }
}

impl Past {
    pub(crate) fn add(&mut self, number: usize, one: &Addend) {
        if let Some(cell) = self.cell(number, one.at) {
            cell.add(one);
        }
    }

    pub(crate) fn remove(&mut self, number: usize, one: &Addend) {
        let slot = self.slot_of(one.at.0).and_then(|at| self.slots.get_mut(at));
        if let Some(cell) = slot.and_then(|slot| slot.cells.get_mut(&number)) {
            cell.remove(one);
        }
    }

    pub(crate) fn count(&mut self, number: usize, counted: &Counted<'_>) {
        if let Some(cell) = self.cell(number, counted.at) {
            cell.count(counted);
        }
    }

    /// What began from `since` to `until`. A slot counts where its middle lies; a range that holds no middle is widened
    /// to the slots that it touches. Numbers that `resolve` to one count as that.
    pub(crate) fn range(
        &self,
        since: Timestamp,
        until: Timestamp,
        resolve: impl Fn(usize) -> usize,
    ) -> Range {
        let inside = |slot: &&Slot| (since.0..until.0).contains(&(slot.from + slot.width / 2));
        let touched = |slot: &&Slot| slot.from < until.0 && slot.from + slot.width > since.0;
        let any = self.slots.iter().any(|slot| inside(&slot));
        let mut range = Range { since, until, counts: HashMap::new() };
        let (mut first, mut last) = (i64::MAX, i64::MIN);
        for slot in self.slots.iter().filter(|slot| if any { inside(slot) } else { touched(slot) }) {
            (first, last) = (first.min(slot.from), last.max(slot.from + slot.width));
            for (number, cell) in slot.cells.iter().filter(|(_, cell)| cell.sums.calls > 0) {
                let counts = range.counts.entry(resolve(*number)).or_insert_with(|| Counts::new(2));
                counts.absorb(cell);
            }
        }
        if first < last {
            // Beyond what was counted nothing happened, as long as it was looked at.
            range.since = Timestamp(if any { first.min(since.0.max(self.oldest())) } else { first });
            range.until = Timestamp(if any { last.max(until.0.min(self.newest)) } else { last });
        }
        range
    }

    fn oldest(&self) -> i64 {
        self.slots.front().map_or(0, |slot| slot.from)
    }

    /// The slots that are over by then, but for what is younger; and the moment up to which they reach. `None` for none.
    pub(crate) fn over(&self, then: i64) -> Option<(Vec<&Slot>, std::ops::Range<i64>)> {
        let slots: Vec<&Slot> = self.slots.iter().take_while(|slot| slot.from < then).collect();
        let reach = slots.first()?.from..slots.last()?.end();
        Some((slots, reach))
    }

    /// When the newest thing was counted.
    pub(crate) fn newest(&self) -> i64 {
        self.newest
    }

    /// Puts slots where nothing was counted so far. `false` for what are none: then nothing changes.
    pub(crate) fn put(&mut self, slots: Vec<Slot>) -> bool {
        let mut before = i64::MIN;
        let sound = slots.iter().all(|slot| {
            let sound = slot.is_sound(before);
            before = slot.end();
            sound
        });
        if !sound || !self.slots.is_empty() {
            return false;
        }
        self.newest = slots.last().map_or(self.newest, |last| self.newest.max(last.end() - 1));
        self.slots = slots.into();
        true
    }

    fn cell(&mut self, number: usize, at: Timestamp) -> Option<&mut Cell> {
        if at.0 < self.newest.saturating_sub(OLDEST) {
            return None;
        }
        self.newest = self.newest.max(at.0);
        if self.newest.saturating_sub(self.rolled) >= ROLL {
            self.roll();
        }
        let place = if let Some(place) = self.slot_of(at.0) {
            place
        } else {
            let place = self.slots.partition_point(|slot| slot.from <= at.0);
            let from = at.0 - at.0.rem_euclid(SECOND);
            self.slots.insert(place, Slot { from, width: SECOND, cells: HashMap::new() });
            place
        };
        self.slots.get_mut(place).map(|slot| slot.cells.entry(number).or_default())
    }

    fn slot_of(&self, at: i64) -> Option<usize> {
        let place = self.slots.partition_point(|slot| slot.from <= at).checked_sub(1)?;
        self.slots.get(place).filter(|slot| at < slot.from + slot.width).map(|_| place)
    }

    /// Makes old slots wider, and lets go of the oldest.
    fn roll(&mut self) {
        self.rolled = self.newest;
        let mut bytes = 0;
        for slot in std::mem::take(&mut self.slots) {
            if self.newest - slot.from > OLDEST {
                continue;
            }
            bytes += slot.cells.values().map(Cell::size).sum::<usize>();
            let begin = |width: i64| slot.from - slot.from.rem_euclid(width);
            // By the end, so that all that become one slot become so at once.
            let is_old = |(age, width): &&(i64, i64)| self.newest - (begin(*width) + width) >= *age;
            let width = WIDTHS.iter().find(is_old).map_or(SECOND, |(_, width)| *width).max(slot.width);
            let from = begin(width);
            match self.slots.back_mut().filter(|before| before.from == from && before.width == width) {
                Some(before) => before.absorb(slot),
                None => self.slots.push_back(Slot { from, width, cells: slot.cells }),
            }
        }
        while bytes > MOST {
            let Some(oldest) = self.slots.pop_front() else { return };
            bytes = bytes.saturating_sub(oldest.cells.values().map(Cell::size).sum());
        }
    }
}

impl Slot {
    pub(crate) fn start(&self) -> i64 {
        self.from
    }

    pub(crate) fn end(&self) -> i64 {
        self.from.saturating_add(self.width)
    }

    fn absorb(&mut self, other: Self) {
        for (number, cell) in other.cells {
            self.cells.entry(number).or_default().absorb(&cell);
        }
    }

    /// Whether it may stand behind `before`: what comes from a file may be anything.
    fn is_sound(&self, before: i64) -> bool {
        let width = self.width == SECOND || WIDTHS.iter().any(|(_, width)| *width == self.width);
        width
            && self.from >= before
            && self.from < i64::MAX - OLDEST
            && self.from.rem_euclid(self.width) == 0
            && self.cells.values().all(Cell::is_sound)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::cell::{bucket, middle};
    use super::*;
    use crate::counts::units;

    fn one(second: i64, ms: f64) -> Addend {
        let latency = Some(units(ms));
        let at = Timestamp(second * SECOND);
        Addend { failed: ms > 50.0, background: false, bytes: 10, latency, at, ended: Some(at) }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp(second * SECOND)
    }

    proptest! {
        #[test]
        fn a_latency_is_told_within_a_hundredth(value in 1_u64..864_000_000_000) {
            let told = middle(bucket(value));
            prop_assert!(told.abs_diff(value) * 100 <= value, "{value} {told}");
            prop_assert_eq!(bucket(told), bucket(value));
        }

        #[test]
        fn whatever_comes_when_nothing_is_lost_and_slots_do_not_overlap(
            moments in prop::collection::vec((0_i64..20_000, 0_usize..3), 1..300),
        ) {
            let mut past = Past::default();
            for (second, number) in &moments {
                past.add(*number, &one(*second, 1.0));
            }
            past.roll();
            let all = past.range(at(0), at(30_000), |number| number);
            let counted: u64 = all.counts.values().map(|counts| counts.sums.calls).sum();
            prop_assert_eq!(counted, moments.len() as u64);
            let ends = past.slots.iter().map(|slot| (slot.from, slot.from + slot.width));
            prop_assert!(ends.clone().zip(ends.skip(1)).all(|(a, b)| a.1 <= b.0));
            for (second, number) in &moments {
                past.remove(*number, &one(*second, 1.0));
            }
            prop_assert!(past.range(at(0), at(30_000), |number| number).counts.is_empty());
        }
    }

    #[test]
    fn a_range_counts_what_began_in_it_and_says_what_it_counts() {
        let mut past = Past::default();
        for second in 0..30 {
            past.add(usize::from(second >= 20), &one(second, if second >= 20 { 100.0 } else { 1.0 }));
        }
        let range = past.range(at(10), at(25), |number| number);
        assert_eq!((range.since, range.until, range.seconds()), (at(10), at(25), 15.0));
        let told =
            |number: usize| range.counts.get(&number).map(|counts| (counts.sums.calls, counts.sums.errors));
        assert_eq!((told(0), told(1)), (Some((10, 0)), Some((5, 5))));
        let [median, ..] = range.counts[&1].percentiles();
        assert!((median.unwrap() - 100.0).abs() < 1.0, "{median:?}");
        let merged = past.range(at(10), at(25), |_| 7);
        assert_eq!(merged.counts[&7].sums.calls, 15);
        assert!(past.range(at(40), at(50), |number| number).counts.is_empty());
    }

    #[test]
    fn old_times_are_counted_together_and_a_short_range_is_widened_to_what_was() {
        let mut past = Past::default();
        for second in 0..3 * 3600 {
            past.add(0, &one(second, 1.0));
        }
        let range = past.range(at(65), at(66), |number| number);
        assert_eq!((range.since, range.until), (at(60), at(120)));
        assert_eq!(range.counts[&0].sums.calls, 60);
        let range = past.range(at(3600), at(2 * 3600), |number| number);
        assert_eq!(range.counts[&0].sums.calls, 3600);
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_goes_first() {
        let mut past = Past::default();
        for minute in 0..300 {
            for number in 0..2_000 {
                past.add(number, &one(minute * 60, (number % 40) as f64));
            }
        }
        past.roll();
        let bytes: usize = past.slots.iter().flat_map(|slot| slot.cells.values()).map(Cell::size).sum();
        assert!(bytes <= MOST && bytes > MOST / 2, "{bytes}");
        let range = past.range(at(299 * 60), at(300 * 60), |number| number);
        assert_eq!(range.counts.len(), 2_000, "the newest are kept");
        past.add(0, &one(2 * 24 * 3600, 1.0));
        past.roll();
        assert_eq!(past.slots.len(), 1, "what is older than a day is forgotten");
    }
}
