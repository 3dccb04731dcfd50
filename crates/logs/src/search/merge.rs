//! All services' lines in one order, from either end.

use std::collections::BinaryHeap;
use std::io;

use super::scan::{Bounds, Hit, Reader};
use crate::cursor::Key;
use crate::store::record::Zone;

/// Which end the lines are wanted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Oldest first.
    Forward,
    /// Newest first.
    Backward,
}

impl Direction {
    /// Turns an order so that the greatest comes first.
    fn rank(self, (ts, service, seq): Key) -> Key {
        match self {
            Self::Backward => (ts, service, seq),
            Self::Forward => (!ts, !service, !seq),
        }
    }

    /// The best time that a line of the zone can have.
    fn best(self, zone: Zone) -> i64 {
        match self {
            Self::Backward => zone.max,
            Self::Forward => !zone.min,
        }
    }

    /// Whether a search that ends before the moment `best` will begin elsewhere than this one did.
    fn gets_on(self, best: i64, bounds: Bounds) -> bool {
        match self {
            Self::Backward => (best, u16::MAX, u64::MAX) < bounds.before,
            Self::Forward => ((!best).saturating_sub(1), u16::MAX, u64::MAX) > bounds.after,
        }
    }
}

/// How much is wanted at most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    pub(crate) lines: usize,
    /// Of text; one line there is in any case.
    pub(crate) bytes: usize,
}

/// What a merge found.
pub(crate) struct Merged {
    /// The lines in the direction of the search, and whose they are.
    pub(crate) hits: Vec<(usize, Hit)>,
    /// How many lines were looked at.
    pub(crate) scanned: u64,
    pub(crate) end: End,
}

/// Why a merge ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// There is no more.
    Exhausted,
    /// There are as many as were wanted.
    Full,
    /// The budget is used up; every line on this side of the moment was looked at, none at it.
    Budget(i64),
}

/// The first lines in a direction.
///
/// Zones are taken by the best time in them, so that a line is given out as soon as no zone that was not looked at
/// can have a better one: the newest hits cost only the newest zones, whatever the order within a segment.
pub(crate) fn merge(
    readers: &mut [Reader<'_>],
    bounds: impl Fn(&Reader<'_>) -> Bounds,
    direction: Direction,
    room: Room,
    budget: u64,
) -> io::Result<Merged> {
    let mut zones: Vec<(i64, usize, u32, Zone)> = Vec::new();
    for (whose, reader) in readers.iter().enumerate() {
        let of_reader = reader.zones(bounds(reader));
        zones.extend(of_reader.map(|(view, zone)| (direction.best(zone), whose, view, zone)));
    }
    zones.sort_by_key(|(best, ..)| *best);
    let mut waiting: BinaryHeap<(Key, usize, Hit)> = BinaryHeap::new();
    let mut merged = Merged { hits: Vec::new(), scanned: 0, end: End::Full };
    let mut found = Vec::new();
    let (limit, mut bytes) = (room.lines, 0);
    while merged.hits.len() < limit && bytes <= room.bytes {
        while let Some((best, whose, view, zone)) = zones.last().copied() {
            if waiting.peek().is_some_and(|(rank, ..)| rank.0 > best) {
                break;
            }
            if merged.scanned >= budget && direction.gets_on(best, bounds(&readers[whose])) {
                merged.end = End::Budget(if direction == Direction::Forward { !best } else { best });
                return Ok(merged);
            }
            zones.pop();
            merged.scanned += u64::from(zone.count);
            let reader = &mut readers[whose];
            let within = bounds(reader);
            reader.scan(view, zone, within, &mut found)?;
            // No more than `limit` of one zone can be among the first.
            if found.len() > limit {
                found.select_nth_unstable_by(limit, |a, b| direction.rank(b.key).cmp(&direction.rank(a.key)));
                found.truncate(limit);
            }
            waiting.extend(found.drain(..).map(|hit| (direction.rank(hit.key), whose, hit)));
        }
        let Some((_, whose, hit)) = waiting.pop() else {
            merged.end = End::Exhausted;
            break;
        };
        bytes += readers[whose].size(hit)?;
        merged.hits.push((whose, hit));
    }
    Ok(merged)
}
