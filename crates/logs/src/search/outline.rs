//! How the hits of a query lie along the log.

use std::sync::Arc;

use model::Timestamp;
use model::line::Level;

use super::query::Query;
use super::scan::{Bounds, Reader};
use crate::error::LogError;
use crate::store::Store;
use crate::store::record::{Record, Zone, level_number};

/// Samples of the lines' times for every part of an outline.
const SAMPLES: u64 = 4;

/// The log in stretches of about equally many stored lines, and the hits in each.
///
/// Stretches of equal time would put a whole flood into one and leave hundreds empty: with these a place in the
/// outline is a place among the lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outline {
    /// In order of time, without gaps.
    pub parts: Vec<Part>,
    /// Hits of every service that the query asks for.
    pub services: Vec<(Arc<str>, Hits)>,
}

/// A stretch of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Where it begins.
    pub from: Timestamp,
    /// The last hit in it; where it begins if there is none.
    pub to: Timestamp,
    /// What matches in it.
    pub hits: Hits,
}

/// How many hits there are, and of which urgency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hits {
    /// All.
    pub lines: u64,
    /// Those of level warn.
    pub warnings: u64,
    /// Those of level error and fatal.
    pub errors: u64,
}

impl Hits {
    fn add(&mut self, level: u8) {
        self.lines += 1;
        self.warnings += u64::from(level == level_number(Some(Level::Warn)));
        self.errors += u64::from(level >= level_number(Some(Level::Error)));
    }
}

impl Outline {
    fn new(starts: Vec<i64>) -> Self {
        let part = |from| Part { from: Timestamp(from), to: Timestamp(from), hits: Hits::default() };
        Self { parts: starts.into_iter().map(part).collect(), services: Vec::new() }
    }

    /// The part of a moment, looked for where the one before was: neighbours in a segment are neighbours in time.
    fn part(&self, ts: i64, last: usize) -> usize {
        let starts_before = |at: usize| self.parts.get(at).is_some_and(|part| part.from.0 <= ts);
        if starts_before(last) && !starts_before(last + 1) {
            return last;
        }
        self.parts.partition_point(|part| part.from.0 <= ts).saturating_sub(1)
    }
}

impl Store {
    /// Counts the hits along the log, in at most `parts` stretches.
    pub fn outline(&self, query: &Query, parts: usize) -> Result<Outline, LogError> {
        let (tracks, _) = self.views(&query.services);
        let mut readers: Vec<_> = tracks.into_iter().filter_map(|track| Reader::new(track, query)).collect();
        let failed = |e| self.failed(e);
        let mut outline = Outline::new(starts(&mut readers, parts.max(1) as u64).map_err(failed)?);
        if outline.parts.is_empty() {
            return Ok(outline);
        }
        let mut found = Vec::new();
        for reader in &mut readers {
            let mut of_service = Hits::default();
            let zones: Vec<_> = reader.zones(Bounds::ALL).collect();
            let mut at = 0;
            for (view, zone) in zones {
                found.clear();
                reader.scan(view, zone, Bounds::ALL, &mut found).map_err(failed)?;
                let pages = reader.pages(view).map_err(failed)?;
                for hit in &found {
                    let level = pages.record(hit.line).map_or(0, |record: Record| record.level);
                    at = outline.part(hit.key.0, at);
                    let part = &mut outline.parts[at];
                    part.to = part.to.max(Timestamp(hit.key.0));
                    part.hits.add(level);
                    of_service.add(level);
                }
            }
            outline.services.push((reader.track.name.clone(), of_service));
        }
        Ok(outline)
    }
}

/// Where stretches of equally many lines begin, by a sample of the lines' times.
fn starts(readers: &mut [Reader<'_>], parts: u64) -> std::io::Result<Vec<i64>> {
    let zones: Vec<Vec<_>> = readers.iter().map(|reader| reader.zones(Bounds::ALL).collect()).collect();
    let all: u64 = zones.iter().flatten().map(|(_, zone)| u64::from(zone.count)).sum();
    let mut samples = sampled(readers, &zones, (all / (parts * SAMPLES)).max(1))?;
    if samples.is_empty() {
        // Few lines of a zone may be in the range.
        samples = sampled(readers, &zones, 1)?;
    }
    samples.sort_unstable();
    let lines: u64 = samples.iter().map(|(_, weight)| weight).sum();
    let mut starts = Vec::new();
    let mut before = 0;
    for (ts, weight) in samples {
        if before * parts >= starts.len() as u64 * lines && starts.last() != Some(&ts) {
            starts.push(ts);
        }
        before += weight;
    }
    Ok(starts)
}

/// The times of one line of so many, and how many lines each stands for.
fn sampled(
    readers: &mut [Reader<'_>],
    zones: &[Vec<(u32, Zone)>],
    stride: u64,
) -> std::io::Result<Vec<(i64, u64)>> {
    let mut samples = Vec::new();
    for (reader, zones) in readers.iter_mut().zip(zones) {
        let (since, until) = (reader.narrow.since, reader.narrow.until);
        for (view, zone) in zones {
            let pages = reader.pages(*view)?;
            let mut line = zone.first;
            let end = zone.first + zone.count;
            while line < end {
                let weight = stride.min(u64::from(end - line));
                if let Some(record) = pages.record(line).filter(|r| (since..=until).contains(&r.ts)) {
                    samples.push((record.ts, weight));
                }
                line += weight as u32;
            }
        }
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_in_the_part_that_begins_last_before_it() {
        let outline = Outline::new(vec![10, 20, 30]);
        for (ts, part) in [(5, 0), (10, 0), (19, 0), (20, 1), (29, 1), (30, 2), (99, 2)] {
            for last in 0..4 {
                assert_eq!(outline.part(ts, last), part, "{ts} after a line in part {last}");
            }
        }
    }
}
