//! The lines of one zone that a query wants.

use std::io;

use super::matcher::Text;
use super::query::{ANY_LEVEL, Narrow, Query};
use super::whole;
use crate::cursor::Key;
use crate::store::record::{Record, Zone};
use crate::store::segment::{Pages, View};
use crate::store::track::TrackView;

/// When fewer lines than one in so many are left by the index, each is looked at by itself.
const FEW: usize = 16;

/// A service's log with what the query says of it and the pages that are open.
pub(crate) struct Reader<'q> {
    pub(crate) track: TrackView,
    pub(crate) narrow: Narrow,
    query: &'q Query,
    /// What every wanted line has in its text.
    text: Option<&'q Text>,
    pages: Vec<Option<Pages>>,
}

/// Between which places, both excluded, lines are wanted; and from which line of the service on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) after: Key,
    pub(crate) before: Key,
    pub(crate) from_seq: u64,
}

impl Bounds {
    pub(crate) const ALL: Self =
        Self { after: (i64::MIN, 0, 0), before: (i64::MAX, u16::MAX, u64::MAX), from_seq: 0 };

    fn hold(self, key: Key) -> bool {
        key > self.after && key < self.before && key.2 >= self.from_seq
    }
}

/// A line that was found: its place among all, its segment and its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Hit {
    pub(crate) key: Key,
    pub(crate) view: u32,
    pub(crate) line: u32,
}

impl<'q> Reader<'q> {
    /// `None` when the query wants nothing of this service.
    pub(crate) fn new(track: TrackView, query: &'q Query) -> Option<Self> {
        let narrow = query.narrow(&track)?;
        let text =
            query.text.as_ref().or_else(|| query.filter.as_ref().and_then(|filter| filter.hints().text));
        let pages = vec![None; track.views.len()];
        Some(Self { track, narrow, query, text, pages })
    }

    /// The zones in which there may be a wanted line.
    pub(crate) fn zones(&self, bounds: Bounds) -> impl Iterator<Item = (u32, Zone)> + '_ {
        let narrow = self.narrow;
        let (earliest, latest) = (narrow.since.max(bounds.after.0), narrow.until.min(bounds.before.0));
        let views = self.track.views.iter().zip(0_u32..);
        views.flat_map(move |(view, at)| {
            let zones = view.zones.iter().filter(move |zone| {
                zone.first < view.lines
                    && zone.max >= earliest
                    && zone.min <= latest
                    && zone.levels & narrow.levels != 0
                    && zone.streams & narrow.streams != 0
                    && view.segment.base + u64::from(zone.first + zone.count) > bounds.from_seq
            });
            zones.map(move |zone| (at, *zone))
        })
    }

    pub(crate) fn view(&self, at: u32) -> &View {
        &self.track.views[at as usize]
    }

    pub(crate) fn pages(&mut self, at: u32) -> io::Result<Pages> {
        let slot = &mut self.pages[at as usize];
        if let Some(pages) = slot {
            return Ok(pages.clone());
        }
        let pages = self.track.views[at as usize].open()?;
        *slot = Some(pages.clone());
        Ok(pages)
    }

    /// Appends the wanted lines of a zone in the order of the segment.
    pub(crate) fn scan(
        &mut self,
        at: u32,
        zone: Zone,
        bounds: Bounds,
        hits: &mut Vec<Hit>,
    ) -> io::Result<()> {
        let pages = self.pages(at)?;
        let view = self.view(at);
        let end = (zone.first + zone.count).min(view.lines);
        let base = view.segment.base;
        // What is out of bounds is a hit all the same for the rest of its record, which is not.
        let expands = self.expands();
        let reach = if expands { Bounds::ALL } else { bounds };
        let whole = self.is_whole(zone, base, reach);
        let mut left = Vec::new();
        if !whole {
            left.extend((zone.first..end).filter(|line| {
                pages.record(*line).is_some_and(|record| self.wants(record, base + u64::from(*line), reach))
            }));
            if left.is_empty() && !expands {
                return Ok(());
            }
        }
        let few = !whole && left.len() * FEW < zone.count as usize;
        let mut lines: Vec<u32> = match self.text {
            None if whole => (zone.first..end).collect(),
            None => left,
            Some(text) if text.is_bulk() && !few => {
                let mut left = left.into_iter().peekable();
                let wanted = |line: &u32| {
                    while left.next_if(|next| next < line).is_some() {}
                    whole || left.peek() == Some(line)
                };
                let mut found =
                    find_all(&pages, zone.start, zone.first..end, |lines, from| text.find(lines, from));
                found.retain({
                    let mut wanted = wanted;
                    move |line| wanted(line)
                });
                found
            }
            Some(text) if whole => (zone.first..end).filter(|line| text.is_in(pages.text(*line))).collect(),
            Some(text) => left.into_iter().filter(|line| text.is_in(pages.text(*line))).collect(),
        };
        let filter = self.query.filter.as_ref();
        let holds = |line: u32, record: Record| {
            filter.is_none_or(|filter| filter.holds(&self.track, record, pages.text(line)))
        };
        if filter.is_some() {
            lines.retain(|line| pages.record(*line).is_some_and(|record| holds(*line, record)));
        }
        if expands {
            let is_hit = |line: u32| {
                let found = self.text.is_none_or(|wanted| wanted.is_in(pages.text(line)));
                found && pages.record(line).is_some_and(|record| self.may_be(record) && holds(line, record))
            };
            lines = whole::expand(&pages, view.lines, zone.first..end, &lines, is_hit);
        }
        for line in lines {
            let Some(record) = pages.record(line) else { continue };
            let key = (record.ts, self.track.number, base + u64::from(line));
            if !expands || self.in_time(record) && bounds.hold(key) {
                hits.push(Hit { key, view: at, line });
            }
        }
        Ok(())
    }

    /// Whether lines are wanted for being beside a hit.
    fn expands(&self) -> bool {
        let narrows = self.text.is_some() || self.query.filter.is_some() || self.narrow.levels != ANY_LEVEL;
        self.query.whole && narrows
    }

    /// Bytes of a line's text.
    pub(crate) fn size(&mut self, hit: Hit) -> io::Result<usize> {
        Ok(self.pages(hit.view)?.text(hit.line).len())
    }

    /// Whether the index refuses no line of the zone.
    fn is_whole(&self, zone: Zone, base: u64, bounds: Bounds) -> bool {
        let narrow = self.narrow;
        zone.levels & !narrow.levels == 0
            && zone.streams & !narrow.streams == 0
            && narrow.instance.is_none()
            && zone.min >= narrow.since
            && zone.max <= narrow.until
            && zone.min > bounds.after.0
            && zone.max < bounds.before.0
            && base + u64::from(zone.first) >= bounds.from_seq
    }

    fn wants(&self, record: Record, seq: u64, bounds: Bounds) -> bool {
        self.may_be(record) && bounds.hold((record.ts, self.track.number, seq))
    }

    /// Whether the index allows a line wherever it is.
    fn may_be(&self, record: Record) -> bool {
        let narrow = self.narrow;
        record.level_bit() & narrow.levels != 0
            && record.stream_bit() & narrow.streams != 0
            && narrow.instance.is_none_or(|instance| instance == record.instance)
            && self.in_time(record)
    }

    fn in_time(&self, record: Record) -> bool {
        (self.narrow.since..=self.narrow.until).contains(&record.ts)
    }
}

/// The numbers of the lines in which `find` finds something, by jumping from hit to hit.
fn find_all(
    pages: &Pages,
    start: u32,
    lines: std::ops::Range<u32>,
    find: impl Fn(&[u8], usize) -> Option<usize>,
) -> Vec<u32> {
    let mut found = Vec::new();
    let Some(last) = lines.end.checked_sub(1).and_then(|line| pages.record(line)) else { return found };
    let text = pages.text.get(start as usize..last.end as usize).unwrap_or(&[]);
    let (mut line, mut from) = (lines.start, 0);
    while from < text.len() {
        let Some(at) = find(text, from).filter(|at| *at < text.len()) else { break };
        let place = start + at as u32;
        line = line_at(pages, line..lines.end, place);
        let Some(record) = pages.record(line).filter(|record| record.end > place) else { break };
        found.push(line);
        line += 1;
        from = (record.end - start) as usize;
    }
    found
}

/// The line that holds the byte at `place`: looked for near the first, as hits are seldom far apart.
fn line_at(pages: &Pages, lines: std::ops::Range<u32>, place: u32) -> u32 {
    let is_before = |line| pages.record(line).is_some_and(|record| record.end <= place);
    let (mut low, mut step) = (lines.start, 1);
    while low + step < lines.end && is_before(low + step - 1) {
        low += step;
        step *= 2;
    }
    let mut high = (low + step).min(lines.end) - 1;
    while low < high {
        let middle = low + (high - low) / 2;
        if is_before(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}
