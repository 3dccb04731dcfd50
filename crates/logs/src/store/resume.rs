//! Where a reader of the engine's log goes on, so that re-attaching loses no line and doubles none.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;

use model::Timestamp;
use model::line::Stream;

use super::record::stream_number;
use super::segment::{Pages, View};
use super::track::TrackView;

/// How far before the last line the engine is asked again, in nanoseconds: the two streams of a container are out of
/// order by up to 200 ms.
const AGAIN: i64 = 1_000_000_000;
/// How far before that lines are remembered; engines that count whole seconds give up to one more.
const SLACK: i64 = 1_000_000_000;

/// What a reader needs that attaches to an instance again.
#[derive(Debug)]
pub struct Resume {
    /// The engine's time of the last stored line.
    pub last: Timestamp,
    /// From when on the engine is to be asked again.
    pub since: Timestamp,
    /// The stored lines around it.
    pub seen: Seen,
}

/// The lines of an instance that are stored already, as a multiset: equal lines at equal times are as many as came.
#[derive(Debug, Default)]
pub struct Seen {
    floor: i64,
    latest: i64,
    lines: HashMap<(i64, u8, u64), u32>,
}

impl Seen {
    /// Whether the line is new and to be stored; `bytes` are the whole line, as [`crate::Joiner`] gives it.
    ///
    /// A line that is a second older than what was asked for is never new: it was stored or given up before.
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

    /// Whether a reader who has come to this time needs to ask no more: all that follows is new.
    pub fn is_behind(&self, ts: Timestamp) -> bool {
        ts.0.saturating_sub(AGAIN + SLACK) > self.latest
    }

    /// Whether the line is one of these. The engine keeps the order in which it is read, so that what it gives from such
    /// a line on leaves nothing out; what begins with another line may.
    pub fn knows(&self, ts: Timestamp, stream: Stream, bytes: &[u8]) -> bool {
        self.lines.contains_key(&key(ts.0, stream, bytes))
    }
}

fn key(ts: i64, stream: Stream, bytes: &[u8]) -> (i64, u8, u64) {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    (ts, stream_number(stream), hasher.finish())
}

/// Looks for the instance in the log of a service; lines from `from` on are remembered in any case.
pub(super) fn resume(
    track: &TrackView,
    instance: &str,
    from: Option<Timestamp>,
) -> io::Result<Option<Resume>> {
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
    let since = from.map_or(i64::MAX, |from| from.0).min(last.saturating_sub(AGAIN));
    let floor = since.saturating_sub(SLACK);
    let mut seen = Seen { floor, latest: last, lines: HashMap::new() };
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
    Ok(Some(Resume { last: Timestamp(last), since: Timestamp(since), seen }))
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
    seen.latest = seen.latest.max(ts);
    *seen.lines.entry(key(ts, record.stream(), bytes)).or_default() += 1;
    Ok(())
}
