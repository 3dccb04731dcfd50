//! Whole records: a hit in one line of a stack trace is a hit in all of its lines.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::store::record::Record;
use crate::store::segment::Pages;

/// Between two lines of one record there are at most so many lines of other streams and instances.
const NEAR: u32 = 64;

/// The lines of a segment as records of one or more lines.
struct Records<'p> {
    pages: &'p Pages,
    lines: u32,
}

impl Records<'_> {
    fn at(&self, line: u32) -> Option<Record> {
        self.pages.record(line)
    }

    /// The line that this one continues.
    fn before(&self, line: u32) -> Option<u32> {
        let record = self.at(line).filter(|record| record.continues())?;
        let from = line.saturating_sub(NEAR);
        (from..line).rev().find(|at| self.at(*at).is_some_and(|other| other.is_beside(record)))
    }

    /// The line that continues this one.
    fn after(&self, line: u32) -> Option<u32> {
        let record = self.at(line)?;
        let to = self.lines.min(line.saturating_add(1 + NEAR));
        let next = (line + 1..to).find(|at| self.at(*at).is_some_and(|other| other.is_beside(record)))?;
        self.at(next).is_some_and(Record::continues).then_some(next)
    }

    /// All lines of the record that a line is part of, in order.
    fn of(&self, line: u32) -> Vec<u32> {
        let mut all: Vec<u32> = std::iter::successors(Some(line), |at| self.before(*at)).collect();
        all.reverse();
        all.extend(std::iter::successors(self.after(line), |at| self.after(*at)));
        all
    }
}

/// The lines of `zone` whose record has a hit, in order, given those that are hits themselves.
///
/// A record that begins before the zone or ends behind it is looked at there too, so that every zone finds the same of
/// it.
pub(crate) fn expand(
    pages: &Pages,
    lines: u32,
    zone: Range<u32>,
    hits: &[u32],
    is_hit: impl Fn(u32) -> bool,
) -> Vec<u32> {
    let records = Records { pages, lines };
    let mut found = BTreeSet::new();
    for hit in hits {
        if !found.contains(hit) {
            found.extend(records.of(*hit).into_iter().filter(|line| zone.contains(line)));
        }
    }
    let first = zone.start..zone.end.min(zone.start.saturating_add(NEAR));
    let last = zone.start.max(zone.end.saturating_sub(NEAR))..zone.end;
    let entering = first.filter(|line| records.before(*line).is_some_and(|before| before < zone.start));
    let leaving = last.filter(|line| records.after(*line).is_some_and(|after| after >= zone.end));
    for line in entering.chain(leaving).collect::<Vec<_>>() {
        let record = records.of(line);
        if record.iter().any(|line| !zone.contains(line) && is_hit(*line)) {
            found.extend(record.into_iter().filter(|line| zone.contains(line)));
        }
    }
    found.into_iter().collect()
}
