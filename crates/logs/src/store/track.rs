//! The log of one service: sealed segments, the one that grows, and the names of its instances.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::line::{Line, Stream};

use super::names::Names;
use super::record::{Record, Zones, level_number, stream_number};
use super::recover;
use super::segment::{Segment, View};
use super::totals::Totals;
use super::writer::Writer;
use crate::error::LogError;
use crate::fold::Fold;
use crate::text::escapes::{Split, split};

/// Longer lines are cut when they are stored; [`crate::Joiner`] cuts and marks much earlier.
const MAX_STORED: usize = 1 << 20;
/// A stream's clock that steps back by less, in nanoseconds, does not reorder its lines.
const SMALL_STEP: i64 = 1_000_000_000;
/// So many appends are remembered in order of arrival, for readers who follow.
const ARRIVALS: usize = 4096;

/// One service's log.
#[derive(Debug)]
pub(crate) struct Track {
    /// Its number in the store, which orders lines of equal time.
    pub(crate) number: u16,
    /// The service.
    pub(crate) name: Arc<str>,
    dir: PathBuf,
    segment_bytes: u64,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    sealed: VecDeque<Sealed>,
    live: Live,
    names: Names,
    streams: HashMap<(u16, u8), Flow>,
    /// Number of arrival and number in the service of the first line of an append.
    arrivals: VecDeque<(u64, u64)>,
}

/// What is known of a stream of an instance while it is written.
#[derive(Debug)]
struct Flow {
    fold: Fold,
    last: i64,
}

#[derive(Debug)]
struct Sealed {
    view: View,
    bytes: u64,
    levels: [u64; 7],
    latest: i64,
}

#[derive(Debug)]
struct Live {
    segment: Arc<Segment>,
    writer: Writer,
    zones: Zones,
    asides: u32,
}

/// Lines that are in the writer but not yet on disk.
#[derive(Default)]
struct Staged {
    records: Vec<Record>,
    asides: u32,
}

/// A service's log up to one moment.
#[derive(Debug, Clone)]
pub(crate) struct TrackView {
    pub(crate) number: u16,
    pub(crate) name: Arc<str>,
    pub(crate) instances: Arc<Vec<Arc<str>>>,
    pub(crate) views: Vec<View>,
}

impl Track {
    /// Opens the folder of a service, creates it where there is none, and cuts what is torn.
    pub(crate) fn open(
        number: u16,
        name: &str,
        dir: PathBuf,
        segment_bytes: u64,
        totals: &Totals,
    ) -> Result<Self, LogError> {
        std::fs::create_dir_all(&dir).map_err(|e| LogError::io("create", &dir, e))?;
        let names = Names::open(&dir)?;
        let mut sealed = VecDeque::new();
        let mut next = 0;
        for base in recover::bases(&dir)? {
            let whole = recover::whole(&Segment::new(&dir, base))?;
            recover::cut(&Segment::new(&dir, base), whole.lengths)?;
            next = base + u64::from(whole.zones.lines);
            sealed.push_back((base, whole));
        }
        let reopened = sealed.pop_back_if(|(_, whole)| whole.lengths.sum() < segment_bytes);
        let live = match reopened {
            Some((base, whole)) => Live::open(&dir, base, whole)?,
            None => Live::open(&dir, next, recover::Whole::default())?,
        };
        let sealed: VecDeque<Sealed> =
            sealed.into_iter().map(|(base, whole)| Sealed::new(&dir, base, &whole)).collect();
        for part in &sealed {
            totals.opened(&part.levels, part.bytes);
        }
        totals.opened(&live.zones.levels, live.writer.lengths().sum());
        let first = sealed.front().map_or(live.segment.base, |part| part.view.segment.base);
        totals.opened_dropped(first);
        let inner = Inner { sealed, live, names, streams: HashMap::new(), arrivals: VecDeque::new() };
        Ok(Self { number, name: name.into(), dir, segment_bytes, inner: Mutex::new(inner) })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends lines of this service. Returns whether a segment was sealed, so that the store's size is due a look.
    pub(crate) fn append<'l>(
        &self,
        lines: impl Iterator<Item = &'l Line>,
        totals: &Totals,
    ) -> Result<bool, LogError> {
        let mut guard = self.lock();
        let inner = &mut *guard;
        let mut staged = Staged::default();
        let mut parts = Split::default();
        let mut sealed = false;
        for line in lines {
            inner.stage(line, &mut parts, &mut staged)?;
            let full = inner.live.writer.bytes() >= self.segment_bytes;
            if full || inner.live.writer.is_full() {
                inner.commit(&mut staged, totals)?;
            }
            if full {
                inner.seal(&self.dir)?;
                sealed = true;
            }
        }
        inner.commit(&mut staged, totals)?;
        Ok(sealed)
    }

    /// The lines that had arrived when the store had taken `arrival` lines in all.
    pub(crate) fn view(&self, arrival: u64) -> TrackView {
        let inner = self.lock();
        let limit = inner.seq_at(arrival);
        let live = std::iter::once(inner.live.view());
        let views = inner.sealed.iter().map(|part| part.view.clone()).chain(live);
        let views = views.filter_map(|view| {
            let lines = limit.saturating_sub(view.segment.base).min(u64::from(view.lines)) as u32;
            (lines > 0).then_some(View { lines, ..view })
        });
        TrackView {
            number: self.number,
            name: self.name.clone(),
            instances: inner.names.all(),
            views: views.collect(),
        }
    }

    /// The number of the first line that arrived after the store had taken `arrival` lines in all, as far as that is
    /// remembered.
    pub(crate) fn seq_at(&self, arrival: u64) -> u64 {
        self.lock().seq_at(arrival)
    }

    /// Bytes on disk.
    pub(crate) fn bytes(&self) -> u64 {
        let inner = self.lock();
        inner.sealed.iter().map(|part| part.bytes).sum::<u64>() + inner.live.writer.lengths().sum()
    }

    /// Lines that are stored by level number, and lines that were evicted.
    pub(crate) fn counts(&self) -> ([u64; 7], u64) {
        let inner = self.lock();
        let mut levels = inner.live.zones.levels;
        for part in &inner.sealed {
            for (sum, count) in levels.iter_mut().zip(part.levels) {
                *sum += count;
            }
        }
        let dropped = inner.sealed.front().map_or(inner.live.segment.base, |part| part.view.segment.base);
        (levels, dropped)
    }

    /// Removes the oldest segment if its lines are all from before `cutoff`, or in any case without one. Returns
    /// whether there was one to remove.
    pub(crate) fn evict(&self, cutoff: Option<i64>, totals: &Totals) -> Result<bool, LogError> {
        let mut guard = self.lock();
        let inner = &mut *guard;
        let due = |latest: Option<i64>| latest.is_some_and(|at| cutoff.is_none_or(|cutoff| at < cutoff));
        if inner.sealed.is_empty() && due(inner.live.zones.latest()) {
            inner.seal(&self.dir)?;
        }
        let Some(part) = inner.sealed.pop_front_if(|part| due(Some(part.latest))) else { return Ok(false) };
        totals.evicted(&part.levels, part.bytes);
        let segment = &part.view.segment;
        segment.remove().map_err(|e| LogError::io("remove", segment.index.path(), e))?;
        Ok(true)
    }
}

impl Inner {
    fn next(&self) -> u64 {
        self.live.segment.base + u64::from(self.live.zones.lines)
    }

    fn seq_at(&self, arrival: u64) -> u64 {
        let after = self.arrivals.partition_point(|(first, _)| *first < arrival);
        let end = self.arrivals.get(after).map_or_else(|| self.next(), |(_, seq)| *seq);
        match after.checked_sub(1).and_then(|at| self.arrivals.get(at)) {
            Some((first, seq)) => end.min(seq.saturating_add(arrival - first)),
            None => end,
        }
    }

    fn stage(&mut self, line: &Line, parts: &mut Split, staged: &mut Staged) -> Result<(), LogError> {
        split(&line.bytes[..line.bytes.len().min(MAX_STORED)], parts);
        let instance = self.names.number(&line.instance)?;
        let flow = self.streams.entry((instance, stream_number(line.stream)));
        let flow = flow.or_insert_with(|| Flow { fold: Fold::new(), last: i64::MIN });
        let step = flow.last.saturating_sub(line.ts.0);
        let moved = if (1..SMALL_STEP).contains(&step) { step } else { 0 };
        let ts = line.ts.0 + moved;
        flow.last = ts;
        let (continues, level) = flow.fold.admit(ts, &String::from_utf8_lossy(&parts.text));
        let writer = &mut self.live.writer;
        writer.push_text(&parts.text);
        let aside = moved > 0 || !parts.aside.is_empty();
        if aside {
            let number = self.live.zones.lines + staged.records.len() as u32;
            writer.push_aside(number, moved, &parts.aside);
            staged.asides += 1;
        }
        let flags = Record::flags(line.stream, continues, aside);
        let end = writer.end() as u32;
        let record = Record { ts, end, instance, level: level_number(level), flags };
        writer.push_record(record);
        staged.records.push(record);
        Ok(())
    }

    fn commit(&mut self, staged: &mut Staged, totals: &Totals) -> Result<(), LogError> {
        if staged.records.is_empty() {
            return Ok(());
        }
        let seq = self.next();
        let live = &mut self.live;
        let before = live.writer.lengths().sum();
        let path = live.segment.text.path();
        live.writer.flush().map_err(|e| LogError::io("write", path, e))?;
        let mut levels = [0; 7];
        for record in &staged.records {
            live.zones.push(*record);
            levels[usize::from(record.level)] += 1;
        }
        live.asides += staged.asides;
        let first = totals.appended(&levels, live.writer.lengths().sum() - before);
        if self.arrivals.len() == ARRIVALS {
            self.arrivals.pop_front();
        }
        self.arrivals.push_back((first, seq));
        *staged = Staged::default();
        Ok(())
    }

    /// Closes the growing segment and begins the next.
    fn seal(&mut self, dir: &Path) -> Result<(), LogError> {
        let next = Live::open(dir, self.next(), recover::Whole::default())?;
        let live = std::mem::replace(&mut self.live, next);
        self.sealed.push_back(Sealed {
            bytes: live.writer.lengths().sum(),
            levels: live.zones.levels,
            latest: live.zones.latest().unwrap_or(i64::MIN),
            view: live.view(),
        });
        Ok(())
    }
}

impl Live {
    fn open(dir: &Path, base: u64, whole: recover::Whole) -> Result<Self, LogError> {
        let segment = Arc::new(Segment::new(dir, base));
        let writer = Writer::open(&segment, whole.lengths)?;
        Ok(Self { segment, writer, zones: whole.zones, asides: whole.asides })
    }

    fn view(&self) -> View {
        View {
            segment: self.segment.clone(),
            lines: self.zones.lines,
            end: self.zones.end,
            asides: self.asides,
            zones: self.zones.all.as_slice().into(),
        }
    }
}

impl Sealed {
    fn new(dir: &Path, base: u64, whole: &recover::Whole) -> Self {
        let view = View {
            segment: Arc::new(Segment::new(dir, base)),
            lines: whole.zones.lines,
            end: whole.zones.end,
            asides: whole.asides,
            zones: whole.zones.all.as_slice().into(),
        };
        Self {
            bytes: whole.lengths.sum(),
            levels: whole.zones.levels,
            latest: whole.zones.latest().unwrap_or(i64::MIN),
            view,
        }
    }
}

impl TrackView {
    /// The name of an instance by its number.
    pub(crate) fn instance(&self, number: u16) -> Arc<str> {
        self.instances.get(usize::from(number)).cloned().unwrap_or_default()
    }

    /// Whether the engine's own streams: what a reader of the engine has seen.
    pub(crate) fn is_engines(stream: Stream) -> bool {
        matches!(stream, Stream::Stdout | Stream::Stderr)
    }
}
