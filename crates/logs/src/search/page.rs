//! Pages of lines.

use std::io;
use std::sync::Arc;

use model::Timestamp;
use model::line::{Level, Stream};
use serde_json::{Map, Value};

use super::merge::{Direction, End, Room, merge};
use super::query::Query;
use super::scan::{Bounds, Hit, Reader};
use crate::cursor::Cursor;
use crate::error::LogError;
use crate::store::Store;

/// A page has no more text than this, but for its first line: memory stays bounded however long lines are.
const PAGE: usize = 8 << 20;

/// Where a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// The last lines.
    Newest,
    /// The first lines.
    Oldest,
    /// The last lines before this one.
    Before(Cursor),
    /// The first lines after this one. With a cursor that a page gave for reading on, also every line that has
    /// arrived since then but bears an earlier time; of those there may be more than the limit.
    After(Cursor),
}

/// Lines in order of time, oldest first whichever way was read.
#[derive(Debug, Clone)]
pub struct Page {
    /// The lines.
    pub lines: Vec<Stored>,
    /// What to read older lines before; `None` at the beginning.
    pub before: Option<Cursor>,
    /// What to read newer lines after, those that are still to come included.
    pub after: Cursor,
    /// Whether there may be more in the direction of reading at this moment.
    pub more: bool,
    /// How many lines were looked at.
    pub scanned: u64,
}

/// A stored line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its place.
    pub cursor: Cursor,
    /// The engine's time. Where a stream's clock stepped back by less than a second, the time of the line before.
    pub ts: Timestamp,
    /// The service.
    pub service: Arc<str>,
    /// The container's name.
    pub instance: Arc<str>,
    /// Where it came from.
    pub stream: Stream,
    /// How urgent it says it is; a continuation is as urgent as its head.
    pub level: Option<Level>,
    /// The text without escapes, what is no UTF-8 replaced.
    pub text: String,
    /// The bytes as they came, where they are not those of `text`.
    pub raw: Option<Vec<u8>>,
    /// Whether it belongs to the line before it in its stream, as in a stack trace.
    pub cont: bool,
}

impl Stored {
    /// The bytes as they came.
    pub fn bytes(&self) -> &[u8] {
        self.raw.as_deref().unwrap_or(self.text.as_bytes())
    }

    /// The fields of a JSON or logfmt line.
    pub fn fields(&self) -> Option<Map<String, Value>> {
        crate::fields(&self.text)
    }
}

impl Store {
    /// Reads at most `limit` lines of all services, merged by time.
    pub fn read(&self, query: &Query, from: From, limit: usize) -> Result<Page, LogError> {
        let (tracks, arrival) = self.views(&query.services);
        let mut readers: Vec<_> = tracks.into_iter().filter_map(|track| Reader::new(track, query)).collect();
        let page = match from {
            From::Newest => backward(&mut readers, query, None, limit, arrival),
            From::Before(cursor) => backward(&mut readers, query, Some(cursor), limit, arrival),
            From::Oldest => forward(&mut readers, query, Cursor::START, limit, arrival),
            From::After(cursor) => match cursor.arrival() {
                None => forward(&mut readers, query, cursor, limit, arrival),
                Some(seen) => follow(self, &mut readers, query, cursor, seen, limit, arrival),
            },
        };
        page.map_err(|e| self.failed(e))
    }

    /// How many lines there are.
    pub fn count(&self, query: &Query) -> Result<u64, LogError> {
        let mut count = 0;
        self.each(query, |hits| count += hits.len() as u64)?;
        Ok(count)
    }

    /// Calls `take` with all hits, zone by zone in no order.
    pub(crate) fn each(&self, query: &Query, mut take: impl FnMut(&[Hit])) -> Result<(), LogError> {
        let mut hits = Vec::new();
        for track in self.views(&query.services).0 {
            let Some(mut reader) = Reader::new(track, query) else { continue };
            let zones: Vec<_> = reader.zones(Bounds::ALL).collect();
            for (view, zone) in zones {
                hits.clear();
                reader.scan(view, zone, Bounds::ALL, &mut hits).map_err(|e| self.failed(e))?;
                take(&hits);
            }
        }
        Ok(())
    }
}

fn budget(query: &Query) -> u64 {
    query.budget.unwrap_or(u64::MAX)
}

/// The last lines, or the last before a place.
fn backward(
    readers: &mut [Reader<'_>],
    query: &Query,
    before: Option<Cursor>,
    limit: usize,
    arrival: u64,
) -> io::Result<Page> {
    let bounds = Bounds { before: before.map_or(Bounds::ALL.before, Cursor::key), ..Bounds::ALL };
    let mut merged =
        merge(readers, |_| bounds, Direction::Backward, Room { lines: limit, bytes: PAGE }, budget(query))?;
    merged.hits.reverse();
    let lines = stored(readers, &merged.hits)?;
    let oldest = lines.first().map(|line| line.cursor);
    let before_next = match merged.end {
        End::Exhausted => None,
        // Nothing at the moment itself was looked at.
        End::Budget(ts) => Some(Cursor::at(Timestamp(ts.saturating_add(1)))),
        End::Full => oldest.or(before).or(Some(Cursor::at(Timestamp(i64::MAX)))),
    };
    let newest = lines.last().map(|line| line.cursor);
    let after = match before {
        None => ending(readers, Cursor::START).seen(arrival),
        Some(before) => newest.unwrap_or(before),
    };
    Ok(Page { lines, before: before_next, after, more: before_next.is_some(), scanned: merged.scanned })
}

/// The first lines after a place.
fn forward(
    readers: &mut [Reader<'_>],
    query: &Query,
    after: Cursor,
    limit: usize,
    arrival: u64,
) -> io::Result<Page> {
    let bounds = Bounds { after: after.key(), ..Bounds::ALL };
    let merged =
        merge(readers, |_| bounds, Direction::Forward, Room { lines: limit, bytes: PAGE }, budget(query))?;
    let lines = stored(readers, &merged.hits)?;
    let next = match merged.end {
        End::Budget(ts) => Cursor::at(Timestamp(ts)).max(after),
        End::Full => lines.last().map_or(after, |line| line.cursor),
        End::Exhausted => ending(readers, after),
    };
    let before = lines.first().map(|line| line.cursor);
    Ok(Page {
        lines,
        before,
        after: next.seen(arrival),
        more: merged.end != End::Exhausted,
        scanned: merged.scanned,
    })
}

/// The first lines after a place, and those before it that a reader who had seen so many lines has not seen.
fn follow(
    store: &Store,
    readers: &mut [Reader<'_>],
    query: &Query,
    cursor: Cursor,
    seen: u64,
    limit: usize,
    arrival: u64,
) -> io::Result<Page> {
    let unseen = store.unseen(seen);
    let late = |reader: &Reader<'_>| {
        let (ts, service, seq) = cursor.key();
        // Up to the place, the line there included: it may be among them when lines came in between.
        let before = (ts, service, seq.saturating_add(1));
        let from_seq = unseen.get(&reader.track.number).copied().unwrap_or(0);
        Bounds { before, from_seq, ..Bounds::ALL }
    };
    let missed =
        merge(readers, late, Direction::Forward, Room { lines: usize::MAX, bytes: usize::MAX }, u64::MAX)?;
    let mut lines = stored(readers, &missed.hits)?;
    let page = forward(readers, query, cursor, limit.saturating_sub(lines.len()), arrival)?;
    lines.extend(page.lines);
    let before = lines.first().map(|line| line.cursor).or(page.before);
    Ok(Page { lines, before, scanned: page.scanned + missed.scanned, ..page })
}

/// Behind every line there is, looked at or not wanted; at least `least`.
fn ending(readers: &[Reader<'_>], least: Cursor) -> Cursor {
    let zones = readers.iter().flat_map(|reader| &reader.track.views).flat_map(|view| view.zones.iter());
    zones
        .map(|zone| Cursor::at(Timestamp(zone.max.saturating_add(1))))
        .max()
        .map_or(least, |end| end.max(least))
}

fn stored(readers: &mut [Reader<'_>], hits: &[(usize, Hit)]) -> io::Result<Vec<Stored>> {
    hits.iter().filter_map(|(whose, hit)| one(&mut readers[*whose], *hit).transpose()).collect()
}

fn one(reader: &mut Reader<'_>, hit: Hit) -> io::Result<Option<Stored>> {
    let pages = reader.pages(hit.view)?;
    let Some(record) = pages.record(hit.line) else { return Ok(None) };
    let bytes = pages.text(hit.line);
    let aside = if record.has_aside() { reader.view(hit.view).aside(hit.line)? } else { None };
    let whole = aside.and_then(|aside| aside.whole(bytes));
    let (text, lossy) = match std::str::from_utf8(bytes) {
        Ok(text) => (text.to_owned(), None),
        Err(_) => (String::from_utf8_lossy(bytes).into_owned(), Some(bytes.to_vec())),
    };
    Ok(Some(Stored {
        cursor: Cursor::of(hit.key),
        ts: Timestamp(record.ts),
        service: reader.track.name.clone(),
        instance: reader.track.instance(record.instance),
        stream: record.stream(),
        level: record.level(),
        text,
        raw: whole.or(lossy),
        cont: record.continues(),
    }))
}
