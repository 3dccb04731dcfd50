//! How fast a log comes, and how far its reader is behind.
//!
//! Every look at a log costs as much as some ten lines, so lines that come slowly are left to gather. Lines that come
//! fast would fill the engine's end of the connection meanwhile, and gather for as long as it has room.
//!
//! An engine that throws the beginning of a log away does so under a slow reader too, and tells nobody. Who was behind
//! and has caught up therefore looks once more at what was written meanwhile.

use std::time::{Duration, Instant};

use model::Timestamp;

/// How long lines that come slowly gather.
const GATHER: Duration = Duration::from_millis(25);
/// How long those gather that come fast.
const BREATH: Duration = Duration::from_millis(1);
/// So many parts at once are read without a pause.
const MANY: usize = 100;
/// So many parts in that time are slow: the engine's end of the connection holds some three hundred.
const SLOW: usize = 150;

/// How fast one log comes.
#[derive(Debug)]
pub(crate) struct Pace {
    since: Instant,
    parts: usize,
    slow: bool,
}

impl Pace {
    pub(crate) fn new() -> Self {
        Self { since: Instant::now(), parts: 0, slow: true }
    }

    /// Takes how many parts came at once; tells how long to wait for more.
    pub(crate) fn pause_after(&mut self, parts: usize) -> Option<Duration> {
        self.parts += parts;
        let spans = self.since.elapsed().as_secs_f64() / GATHER.as_secs_f64();
        if spans >= 1.0 {
            self.slow = (self.parts as f64) < SLOW as f64 * spans;
            (self.since, self.parts) = (Instant::now(), 0);
        }
        if self.slow { Some(GATHER) } else { (parts < MANY).then_some(BREATH) }
    }
}

const BEHIND: Duration = Duration::from_secs(1);
const CAUGHT_UP: Duration = Duration::from_millis(200);
/// Nobody looks back farther: it would take as much memory as there were lines.
const FARTHEST: Duration = Duration::from_secs(30);

/// One reader's lag. The engine's clock may not be this machine's, so the least lag that was seen counts as none.
#[derive(Debug, Default)]
pub(crate) struct Lag {
    least: Option<i64>,
    since: Option<Timestamp>,
}

impl Lag {
    /// Takes the times of lines that were read at `now`. When the reader has caught up it tells since when it had been
    /// behind.
    pub(crate) fn read(&mut self, now: Timestamp, first: Timestamp, last: Timestamp) -> Option<Timestamp> {
        let lag = now.0 - last.0;
        let least = self.least.map_or(lag, |least| least.min(lag));
        self.least = Some(least);
        let lag = Duration::from_nanos((lag - least).unsigned_abs());
        if lag > BEHIND {
            self.since.get_or_insert(first);
        }
        let since = self.since.take_if(|_| lag < CAUGHT_UP)?;
        Some(since.max(last.minus(FARTHEST)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads of lines of one moment, in milliseconds: when, and of when.
    fn told(reads: &[(i64, i64)]) -> Vec<Option<i64>> {
        let mut lag = Lag::default();
        let ms = |ms: i64| Timestamp(ms * 1_000_000);
        reads.iter().map(|(now, ts)| Some(lag.read(ms(*now), ms(*ts), ms(*ts))?.0 / 1_000_000)).collect()
    }

    #[test]
    fn who_was_behind_and_caught_up_is_told_since_when() {
        assert_eq!(
            told(&[(100, 99), (2_000, 900), (3_000, 1_500), (3_600, 3_590), (3_700, 3_699)]),
            [None, None, None, Some(900), None]
        );
    }

    #[test]
    fn neither_another_clock_nor_reading_of_the_past_is_a_lag() {
        assert_eq!(told(&[(100, 9_000), (200, 9_090), (300, 9_200)]), [None; 3]);
        assert_eq!(told(&[(60_000, 100), (60_100, 30_000), (60_200, 60_199), (60_300, 60_290)]), [None; 4]);
    }

    #[test]
    fn nobody_looks_back_for_ever() {
        assert_eq!(told(&[(100, 100), (90_000, 1_000), (91_000, 90_990)]), [None, None, Some(60_990)]);
    }
}
