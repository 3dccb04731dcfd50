//! What was counted last: how an edge is now, however many calls went before.
//!
//! A call counts when it ended, since what takes three seconds is known three seconds after it began. The last seconds
//! that had calls stay until newer ones come, so that what rests still says how it was.

use std::collections::VecDeque;

use model::Timestamp;
use model::call::Recent;

use crate::counts::{Addend, Counted, Counts};
use crate::past::Cell;

const SECOND: i64 = 1_000_000_000;
/// So many seconds are kept, up to the newest one in which a call ended.
const KEPT: i64 = 10;

/// The newest calls of one edge.
#[derive(Debug, Default)]
pub(crate) struct Newest {
    /// By the second in which they ended, in order.
    seconds: VecDeque<(i64, Cell)>,
    /// When the newest of them ended.
    until: Timestamp,
}

impl Newest {
    pub(crate) fn add(&mut self, one: &Addend) {
        let Some(ended) = one.ended else { return };
        if let Some(cell) = self.cell(ended) {
            cell.add(one);
        }
    }

    pub(crate) fn remove(&mut self, one: &Addend) {
        let Some(second) = one.ended.map(second) else { return };
        if let Some((_, cell)) = self.seconds.iter_mut().find(|(at, _)| *at == second) {
            cell.remove(one);
        }
    }

    pub(crate) fn count(&mut self, counted: &Counted<'_>) {
        if let Some(cell) = self.cell(counted.at) {
            cell.count(counted);
        }
    }

    /// `None` as long as no call ended.
    pub(crate) fn read(&self) -> Option<Recent> {
        let mut counts = Counts::new(2);
        self.seconds.iter().for_each(|(_, cell)| counts.absorb(cell));
        let [p50_ms, p90_ms, p99_ms] = counts.percentiles();
        let (calls, errors) = (counts.sums.calls, counts.sums.errors);
        (calls > 0).then_some(Recent { calls, errors, p50_ms, p90_ms, p99_ms, until: self.until })
    }

    fn cell(&mut self, ended: Timestamp) -> Option<&mut Cell> {
        let at = second(ended);
        let newest = self.seconds.back().map_or(at, |(newest, _)| at.max(*newest));
        if at <= newest - KEPT {
            return None;
        }
        self.until = self.until.max(ended);
        while self.seconds.front().is_some_and(|(oldest, _)| *oldest <= newest - KEPT) {
            self.seconds.pop_front();
        }
        let place = self.seconds.partition_point(|(before, _)| *before < at);
        if self.seconds.get(place).is_none_or(|(found, _)| *found != at) {
            self.seconds.insert(place, (at, Cell::default()));
        }
        self.seconds.get_mut(place).map(|(_, cell)| cell)
    }
}

fn second(at: Timestamp) -> i64 {
    at.0.div_euclid(SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::units;

    fn one(ended_ms: i64, ms: f64) -> Addend {
        let ended = Timestamp(ended_ms * 1_000_000);
        let at = Timestamp(ended.0 - (ms * 1e6) as i64);
        Addend {
            failed: false,
            background: false,
            bytes: 1,
            latency: Some(units(ms)),
            at,
            ended: Some(ended),
        }
    }

    #[test]
    fn a_hundred_thousand_fast_calls_do_not_hide_that_it_is_slow_now() {
        let mut newest = Newest::default();
        (0..100_000).for_each(|n| newest.add(&one(n, 2.0)));
        assert!((newest.read().unwrap().p50_ms.unwrap() - 2.0).abs() < 0.1);
        for n in 0..5 {
            newest.add(&one(112_000 + n * 1000, 3000.0));
        }
        let recent = newest.read().unwrap();
        assert_eq!((recent.calls, recent.until), (5, Timestamp(116_000_000_000)));
        assert!((recent.p50_ms.unwrap() - 3000.0).abs() < 60.0, "{recent:?}");
    }

    #[test]
    fn what_rests_still_says_how_it_was_and_what_is_taken_back_goes() {
        let mut newest = Newest::default();
        assert_eq!(newest.read(), None);
        let (fast, slow) = (one(1_500, 1.0), one(9_000, 400.0));
        newest.add(&fast);
        newest.add(&slow);
        newest.add(&Addend { ended: None, ..slow });
        assert_eq!(newest.read().unwrap().calls, 2, "one that goes on is none yet");
        newest.remove(&slow);
        let recent = newest.read().unwrap();
        assert!(recent.calls == 1 && recent.p99_ms.unwrap() < 1.1, "{recent:?}");
        newest.remove(&fast);
        assert_eq!(newest.read(), None);
        newest.add(&one(60_000, 1.0));
        newest.add(&one(50_000, 1.0));
        assert_eq!(newest.read().unwrap().calls, 1, "what ended long before is not of now");
    }
}
