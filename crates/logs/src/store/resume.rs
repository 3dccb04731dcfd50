//! Where a reader of the engine's log goes on, so that re-attaching loses no line and doubles none.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;

use model::Timestamp;
use model::line::Stream;

use super::record::stream_number;
use super::segment::{Pages, View};
use super::track::TrackView;

/// How far before the last line lines are remembered, in nanoseconds. The engine is asked for the last second, and
/// the two streams of a container are out of order by up to 200 ms.
const WINDOW: i64 = 2_000_000_000;

/// What a reader needs that attaches to an instance again.
#[derive(Debug)]
pub struct Resume {
    /// The engine's time of the last stored line. Ask the engine for what is newer than a second before it.
    pub last: Timestamp,
    /// The stored lines around it.
    pub seen: Seen,
}

/// The lines of an instance that are stored already, as a multiset: equal lines at equal times are as many as came.
#[derive(Debug, Default)]
pub struct Seen {
    floor: i64,
    lines: HashMap<(i64, u8, u64), u32>,
}

impl Seen {
    /// Whether the line is new and to be stored; `bytes` are the whole line, as [`crate::Joiner`] gives it.
    ///
    /// A line that is two seconds older than the last stored one is never new: it was stored or given up before.
    pub fn admit(&mut self, ts: Timestamp, stream: Stream, bytes: &[u8]) -> bool {
        if ts.0 < self.floor {
            return false;
        }
        match self.lines.get_mut(&key(ts.0, stream, bytes)) {
            Some(count) if *count > 0 => {
                *count -= 1;
                false
            }
            _ => true,
        }
    }

    /// Whether a line of these was seen: while the engine's first answer begins behind all of them, lines may be
    /// missing between, and more is to be asked for.
    pub fn knows(&self, ts: Timestamp, stream: Stream, bytes: &[u8]) -> bool {
        self.lines.contains_key(&key(ts.0, stream, bytes))
    }
}

fn key(ts: i64, stream: Stream, bytes: &[u8]) -> (i64, u8, u64) {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    (ts, stream_number(stream), hasher.finish())
}

/// Looks for the instance in the log of a service.
pub(super) fn resume(track: &TrackView, instance: &str) -> io::Result<Option<Resume>> {
    let Some(number) = track.instances.iter().position(|name| &**name == instance) else { return Ok(None) };
    let number = number as u16;
    let mut last = None;
    for view in track.views.iter().rev() {
        let pages = view.open()?;
        let newest = (0..view.lines).rev().find(|line| is_of(&pages, *line, number));
        if let Some(line) = newest {
            last = engines_time(view, &pages, line)?;
            break;
        }
    }
    let Some(last) = last else { return Ok(None) };
    let floor = last.saturating_sub(WINDOW);
    let mut seen = Seen { floor, lines: HashMap::new() };
    for view in &track.views {
        for zone in view.zones.iter().filter(|zone| zone.max >= floor) {
            let pages = view.open()?;
            for line in zone.first..(zone.first + zone.count).min(view.lines) {
                if is_of(&pages, line, number) {
                    remember(&mut seen, view, &pages, line)?;
                }
            }
        }
    }
    Ok(Some(Resume { last: Timestamp(last), seen }))
}

fn is_of(pages: &Pages, line: u32, instance: u16) -> bool {
    pages.record(line).is_some_and(|r| r.instance == instance && TrackView::is_engines(r.stream()))
}

/// The time that the engine gave the line, before it was moved.
fn engines_time(view: &View, pages: &Pages, line: u32) -> io::Result<Option<i64>> {
    let Some(record) = pages.record(line) else { return Ok(None) };
    let aside = if record.has_aside() { view.aside(line)? } else { None };
    Ok(Some(record.ts - aside.map_or(0, |aside| aside.moved)))
}

fn remember(seen: &mut Seen, view: &View, pages: &Pages, line: u32) -> io::Result<()> {
    let Some(record) = pages.record(line).filter(|record| record.ts >= seen.floor) else { return Ok(()) };
    let aside = if record.has_aside() { view.aside(line)? } else { None };
    let ts = record.ts - aside.as_ref().map_or(0, |aside| aside.moved);
    if ts < seen.floor {
        return Ok(());
    }
    let text = pages.text(line);
    let whole = aside.and_then(|aside| aside.whole(text));
    let bytes = whole.as_deref().unwrap_or(text);
    *seen.lines.entry(key(ts, record.stream(), bytes)).or_default() += 1;
    Ok(())
}
