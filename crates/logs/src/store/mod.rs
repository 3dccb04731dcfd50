//! The store: a folder with a folder of segments for every service.

mod map;
mod names;
pub(crate) mod record;
mod recover;
pub(crate) mod resume;
pub(crate) mod segment;
mod totals;
pub(crate) mod track;
mod writer;

use std::collections::HashMap;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use model::Timestamp;
use model::line::Line;

use self::resume::Resume;
use self::totals::Totals;
use self::track::{Track, TrackView};
use crate::error::LogError;

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes on disk for the whole stack. Whoever has most gives way first, so a chatty service evicts only itself.
    pub bytes: u64,
    /// Lines older than this go.
    pub age: Duration,
}

impl Default for Limits {
    /// 1 GB and 7 days.
    fn default() -> Self {
        Self { bytes: 1_000_000_000, age: Duration::from_hours(7 * 24) }
    }
}

/// How many lines there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Head {
    /// Lines held.
    pub lines: u64,
    /// Lines that quota or age evicted. `lines + dropped` only grows, so a change of it tells of new lines.
    pub dropped: u64,
    /// Lines held that state no level.
    pub unknown: u64,
    /// Lines held by level, in the order of [`model::line::Level::ALL`].
    pub levels: [u64; 6],
}

impl Head {
    fn new(counts: [u64; 7], dropped: u64) -> Self {
        let [unknown, levels @ ..] = counts;
        Self { lines: counts.iter().sum(), dropped, unknown, levels }
    }
}

/// How many lines of one service there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// The service.
    pub service: String,
    /// Its lines.
    pub head: Head,
    /// Bytes on disk.
    pub bytes: u64,
}

/// The log of one stack. Any number of threads may append and read at once.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    limits: Limits,
    tracks: RwLock<HashMap<String, Arc<Track>>>,
    totals: Totals,
    /// Held until the store is dropped or the process ends, however it ends.
    _lock: File,
}

impl Store {
    /// Opens the store in `dir`, which is created if need be, and cuts what a crash tore. One process at a time.
    pub fn open(dir: &Path, limits: Limits) -> Result<Self, LogError> {
        fs::create_dir_all(dir).map_err(|e| LogError::io("create", dir, e))?;
        let lock = lock(dir)?;
        let store = Self {
            dir: dir.to_owned(),
            limits,
            tracks: RwLock::default(),
            totals: Totals::default(),
            _lock: lock,
        };
        let failed = |e| LogError::io("list", dir, e);
        for entry in fs::read_dir(dir).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            if let Some((number, service)) = name.to_str().and_then(folder_parts) {
                let track = store.open_track(number, &service)?;
                store.tracks.write().unwrap_or_else(PoisonError::into_inner).insert(service, track);
            }
        }
        Ok(store)
    }

    fn open_track(&self, number: u16, service: &str) -> Result<Arc<Track>, LogError> {
        let dir = self.dir.join(folder_name(number, service));
        // So that eviction lets go of little at a time.
        let segment_bytes = (self.limits.bytes / 64).clamp(4 << 10, 64 << 20);
        Track::open(number, service, dir, segment_bytes, &self.totals).map(Arc::new)
    }

    fn tracks(&self) -> Vec<Arc<Track>> {
        let tracks = self.tracks.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = tracks.values().cloned().collect();
        all.sort_unstable_by_key(|track| track.number);
        all
    }

    fn track(&self, service: &str) -> Result<Arc<Track>, LogError> {
        let known = |tracks: &HashMap<String, Arc<Track>>| tracks.get(service).cloned();
        if let Some(track) = known(&self.tracks.read().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(track);
        }
        let mut tracks = self.tracks.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(track) = known(&tracks) {
            return Ok(track);
        }
        let number = tracks.values().map(|track| track.number + 1).max().unwrap_or(0);
        let track = self.open_track(number, service)?;
        tracks.insert(service.to_owned(), track.clone());
        Ok(track)
    }

    /// Stores lines. When this returns, they survive the end of the process, however it ends.
    pub fn append(&self, lines: &[Line]) -> Result<(), LogError> {
        let mut sealed = false;
        let mut done: Vec<&str> = Vec::new();
        for line in lines {
            if done.contains(&line.service.as_str()) {
                continue;
            }
            let of_service = lines.iter().filter(|other| other.service == line.service);
            sealed |= self.track(&line.service)?.append(of_service, &self.totals)?;
            done.push(&line.service);
        }
        if sealed { self.keep_quota() } else { Ok(()) }
    }

    /// How many lines there are in all. Costs a few loads: for counters on the screen.
    pub fn head(&self) -> Head {
        Head::new(self.totals.levels(), self.totals.dropped())
    }

    /// How many lines every service has.
    pub fn tallies(&self) -> Vec<Tally> {
        let tally = |track: &Arc<Track>| {
            let (counts, dropped) = track.counts();
            Tally { service: track.name.to_string(), head: Head::new(counts, dropped), bytes: track.bytes() }
        };
        self.tracks().iter().map(tally).collect()
    }

    /// What a reader needs that attaches to `instance` again; `None` when nothing of it is stored. One that doubts what
    /// it was given since a moment looks again `from` there.
    pub fn resume(&self, instance: &str, from: Option<Timestamp>) -> Result<Option<Resume>, LogError> {
        let mut latest: Option<Resume> = None;
        for track in self.tracks() {
            let view = track.view(u64::MAX);
            let found =
                resume::resume(&view, instance, from).map_err(|e| LogError::io("read", &self.dir, e))?;
            if let Some(found) = found.filter(|f| latest.as_ref().is_none_or(|l| l.last < f.last)) {
                latest = Some(found);
            }
        }
        Ok(latest)
    }

    /// Evicts what is too old at `now`, and what is too much. Returns how many lines went.
    pub fn retain(&self, now: Timestamp) -> Result<u64, LogError> {
        let before = self.totals.dropped();
        let cutoff = now.minus(self.limits.age).0;
        for track in self.tracks() {
            while track.evict(Some(cutoff), &self.totals)? {}
        }
        self.keep_quota()?;
        Ok(self.totals.dropped() - before)
    }

    fn keep_quota(&self) -> Result<(), LogError> {
        while self.totals.bytes() > self.limits.bytes {
            let Some(largest) = self.tracks().into_iter().max_by_key(|track| track.bytes()) else { break };
            if !largest.evict(None, &self.totals)? {
                break;
            }
        }
        Ok(())
    }

    /// The services' logs at one moment, and how many lines the store had taken by then. All services when none are
    /// named.
    pub(crate) fn views(&self, services: &[String]) -> (Vec<TrackView>, u64) {
        let arrival = self.totals.arrived();
        let wanted =
            |track: &Arc<Track>| services.is_empty() || services.iter().any(|name| **name == *track.name);
        let views = self.tracks().iter().filter(|t| wanted(t)).map(|track| track.view(arrival)).collect();
        (views, arrival)
    }

    /// For every service by its number, the first line that a reader who had seen `arrival` lines has not seen.
    pub(crate) fn unseen(&self, arrival: u64) -> HashMap<u16, u64> {
        self.tracks().iter().map(|track| (track.number, track.seq_at(arrival))).collect()
    }

    pub(crate) fn failed(&self, error: io::Error) -> LogError {
        LogError::io("read", &self.dir, error)
    }
}

fn lock(dir: &Path) -> Result<File, LogError> {
    let path = dir.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|e| LogError::io("open", &path, e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LogError::InUse { dir: dir.to_owned() }),
        Err(TryLockError::Error(error)) => Err(LogError::io("lock", &path, error)),
    }
}

/// `0003-orders`; whatever a file name should not have is written as `%` and its number.
fn folder_name(number: u16, service: &str) -> String {
    let mut name = format!("{number:04}-");
    for byte in service.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') {
            name.push(byte.into());
        } else {
            name.push('%');
            name.extend(
                [byte >> 4, byte & 15].map(|half| char::from(b"0123456789abcdef"[usize::from(half)])),
            );
        }
    }
    name
}

fn folder_parts(name: &str) -> Option<(u16, String)> {
    let (number, rest) = name.split_once('-')?;
    let mut bytes = Vec::with_capacity(rest.len());
    let mut parts = rest.split('%');
    bytes.extend_from_slice(parts.next()?.as_bytes());
    for part in parts {
        let (code, text) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(code, 16).ok()?);
        bytes.extend_from_slice(text.as_bytes());
    }
    Some((number.parse().ok()?, String::from_utf8(bytes).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_service_survives_its_folders_name(number in 0_u16..9999, service in "[ -~äß/%]{0,12}") {
            let name = folder_name(number, &service);
            prop_assert!(!name.contains('/'));
            prop_assert_eq!(folder_parts(&name), Some((number, service)));
        }
    }
}
