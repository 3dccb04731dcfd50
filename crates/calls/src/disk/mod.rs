//! Calls on disk: what outlives memory and the session.
//!
//! A folder of segments, each a file of records that is only appended to and a file of the bodies that they name, so
//! that what is read at a start is small. The oldest segment goes when the quota is reached. A record or body that is
//! not whole (the session was killed while it wrote) is as if it were not there.

mod book;
mod segment;

use std::collections::{HashMap, VecDeque};
use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use model::Timestamp;
use model::call::Call;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::calls::add_note;
use segment::{Segment, Writer};

/// Calls older than this go, as log lines do.
const AGE: Duration = Duration::from_hours(7 * 24);
/// A body that is not longer stays in memory and in its record: most statements, keys and small answers do.
pub(crate) const SMALL: usize = 256;
/// So long after the disk refused something it is asked again.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why calls could not be kept on disk.
#[derive(Debug, thiserror::Error)]
#[error("could not {what} `{}`", path.display())]
pub struct DiskError {
    what: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl DiskError {
    fn new(what: &'static str, path: &Path, source: io::Error) -> Self {
        Self { what, path: path.to_owned(), source }
    }
}

/// Where a body lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    segment: u32,
    at: u32,
    pub(crate) length: u32,
    hash: u32,
}

/// The places of a request's and a response's body, where they are not with the call.
pub(crate) type Places = [Option<Place>; 2];

/// A call as it was kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Saved<C = Call> {
    pub(crate) call: C,
    pub(crate) bodies: Places,
    /// Whether its time says how fast the callee is.
    pub(crate) latency: bool,
    /// Whether a content coding was removed from the bodies: frames of the capture do not say it, and so no message does.
    decoded: [bool; 2],
}

/// What a file of records is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Record<C = Call> {
    /// This call, or what became of it.
    Call(Saved<C>),
    /// The call with this id turned out to be none.
    Gone(String),
}

#[derive(Debug)]
pub(crate) struct Disk {
    dir: PathBuf,
    limit: u64,
    /// Oldest first; the newest is the one that is written.
    segments: VecDeque<Segment>,
    writer: Option<Writer>,
    /// Not before this moment is anything written.
    rest: Timestamp,
    open: Mutex<HashMap<u32, File>>,
}

impl Disk {
    /// What is in `dir`, which is made if need be.
    pub(crate) fn open(dir: &Path, limit: u64) -> Result<Self, DiskError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
        made.map_err(|e| DiskError::new("make", dir, e))?;
        let segments = segment::all(dir).map_err(|e| DiskError::new("list", dir, e))?;
        let rest = Timestamp::default();
        Ok(Self { dir: dir.to_owned(), limit, segments, writer: None, rest, open: Mutex::default() })
    }

    pub(crate) fn set_limit(&mut self, limit: u64) {
        self.limit = limit;
    }

    /// The newest calls that were kept, about so many at most, in the order in which they were first written.
    pub(crate) fn read(&mut self, most: usize) -> Vec<Saved> {
        let mut parts = Vec::new();
        let mut count = 0;
        for segment in self.segments.iter_mut().rev() {
            if count >= most {
                break;
            }
            let part = segment.read(&self.dir);
            count += part.len();
            parts.push(part);
        }
        latest(parts.into_iter().rev().flatten())
    }

    /// Whether the disk is to be left alone after it refused something.
    pub(crate) fn rests(&self, now: Timestamp) -> bool {
        now < self.rest
    }

    /// Begins a row of calls that are written at once.
    pub(crate) fn batch(&mut self, now: Timestamp) -> Result<Batch, DiskError> {
        if self.writer.is_none() {
            match self.begin() {
                Ok(writer) => self.writer = Some(writer),
                Err(error) => return Err(self.refused(now, "make a file in", error)),
            }
        }
        let (segment, at) = self.writer.as_ref().map(Writer::place).unwrap_or_default();
        Ok(Batch { segment, at, ..Batch::default() })
    }

    fn begin(&mut self) -> io::Result<Writer> {
        let number = self.segments.back().map_or(0, |last| last.number.wrapping_add(1));
        let (segment, writer) = Writer::create(&self.dir, number)?;
        self.segments.push_back(segment);
        Ok(writer)
    }

    /// Writes a row of calls. After an error nothing of it counts.
    pub(crate) fn write(&mut self, batch: &Batch, now: Timestamp) -> Result<(), DiskError> {
        let (Some(writer), Some(segment)) = (&mut self.writer, self.segments.back_mut()) else {
            return Ok(());
        };
        if let Err(error) = writer.write(&batch.bodies, &batch.records) {
            // What was written in part is torn: nothing may follow it in this segment.
            self.writer = None;
            return Err(self.refused(now, "write into", error));
        }
        segment.bytes += (batch.bodies.len() + batch.records.len()) as u64;
        segment.latest = segment.latest.max(batch.latest);
        // Eviction lets go of little at a time.
        if segment.bytes >= (self.limit / 32).clamp(256 << 10, 32 << 20) {
            self.writer = None;
        }
        self.keep_quota(now);
        Ok(())
    }

    /// Puts a book in the place of the one before.
    pub(crate) fn write_book(&mut self, book: &[u8], now: Timestamp) -> Result<(), DiskError> {
        book::write(&self.dir, book).map_err(|error| self.refused(now, "write what was counted into", error))
    }

    /// The book that was written last, if there is one.
    pub(crate) fn read_book<T: DeserializeOwned>(&self) -> Result<Option<T>, DiskError> {
        book::read(&self.dir).map_err(|error| self.unread(error))
    }

    /// A book that is none.
    pub(crate) fn no_book(&self) -> DiskError {
        self.unread(book::damaged())
    }

    fn unread(&self, error: io::Error) -> DiskError {
        DiskError::new("read what was counted before, and counts anew:", &book::path(&self.dir), error)
    }

    fn refused(&mut self, now: Timestamp, what: &'static str, error: io::Error) -> DiskError {
        self.rest = Timestamp(now.0.saturating_add(PATIENCE.as_nanos() as i64));
        DiskError::new(what, &self.dir, error)
    }

    /// Removes what is too much or, at `now`, too old.
    fn keep_quota(&mut self, now: Timestamp) {
        let cutoff = now.minus(AGE);
        while let Some(oldest) = self.segments.front() {
            let is_written = self.segments.len() == 1 && self.writer.is_some();
            let too_old = oldest.latest < cutoff;
            if is_written || (self.bytes() <= self.limit && !too_old) {
                return;
            }
            self.opened().remove(&oldest.number);
            oldest.remove(&self.dir);
            self.segments.pop_front();
        }
    }

    /// Bytes of all files.
    pub(crate) fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// A call with its bodies; a body that is gone is one that was cut.
    pub(crate) fn whole(&self, call: &Call, bodies: Places) -> Call {
        let mut call = call.clone();
        let mut is_gone = false;
        for (message, place) in std::iter::once(&mut call.request).chain(&mut call.response).zip(bodies) {
            let Some(place) = place else { continue };
            if let Some(body) = self.body(place) {
                message.body = body;
            } else {
                (message.cut, is_gone) = (true, true);
            }
        }
        if is_gone {
            add_note(&mut call.note, "its bodies are no longer kept, see `disk_limit` in the manifest");
        }
        call
    }

    /// A body, unless it went with its segment or is not whole.
    pub(crate) fn body(&self, place: Place) -> Option<Vec<u8>> {
        let mut open = self.opened();
        let file = match open.entry(place.segment) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(new) => {
                new.insert(File::open(segment::bodies(&self.dir, place.segment)).ok()?)
            }
        };
        let body = segment::read_at(file, place.at.into(), place.length as usize).ok()?;
        (hash(&body) == place.hash).then_some(body)
    }

    fn opened(&self) -> std::sync::MutexGuard<'_, HashMap<u32, File>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Calls that are about to be written.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    segment: u32,
    at: u32,
    bodies: Vec<u8>,
    records: Vec<u8>,
    latest: Timestamp,
}

impl Batch {
    /// Adds a body, and says where it will be.
    pub(crate) fn body(&mut self, body: &[u8]) -> Place {
        let at = self.at + self.bodies.len() as u32;
        self.bodies.extend_from_slice(body);
        Place { segment: self.segment, at, length: body.len() as u32, hash: hash(body) }
    }

    /// Adds a call whose long bodies were added before.
    pub(crate) fn call(&mut self, call: &Call, bodies: Places, latency: bool) {
        let decoded = [call.request.decoded, call.response.as_ref().is_some_and(|message| message.decoded)];
        self.latest = self.latest.max(call.ts);
        segment::put_record(&mut self.records, &Record::Call(Saved { call, bodies, latency, decoded }));
    }

    /// Says of a call that was written before that it is none.
    pub(crate) fn gone(&mut self, id: String) {
        segment::put_record(&mut self.records, &Record::<Call>::Gone(id));
    }

    /// Whether so much was added that it is to be written before more is.
    pub(crate) fn is_full(&self) -> bool {
        self.bodies.len() + self.records.len() > 1 << 20
    }
}

/// What became of each call.
fn latest(records: impl Iterator<Item = Record>) -> Vec<Saved> {
    let mut calls: Vec<Option<Saved>> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for record in records {
        match record {
            Record::Call(saved) => {
                let place = *places.entry(saved.call.id.clone()).or_insert(calls.len());
                match calls.get_mut(place) {
                    Some(known) => *known = Some(saved),
                    None => calls.push(Some(saved)),
                }
            }
            Record::Gone(id) => {
                if let Some(known) = places.get(&id).and_then(|place| calls.get_mut(*place)) {
                    *known = None;
                }
            }
        }
    }
    calls.into_iter().flatten().collect()
}

/// Tells a body or record that is whole from one that is not.
fn hash(bytes: &[u8]) -> u32 {
    let hash = model::hash::fnv1a(bytes);
    (hash ^ (hash >> 32)) as u32
}
