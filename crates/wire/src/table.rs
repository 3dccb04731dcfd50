//! All flows that are followed, be they of segments or of datagrams: found by their two ends, ordered by when they were
//! last seen, woken when due.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::{IpAddr, SocketAddr};

use foldhash::fast::RandomState;
use model::Timestamp;

/// The two ends of a connection, the lower one first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    low: (u128, u16),
    high: (u128, u16),
}

impl Key {
    /// The key, and which of its ends `from` is.
    pub(crate) fn of(from: SocketAddr, to: SocketAddr) -> (Self, usize) {
        let (a, b) = (flat(from), flat(to));
        if a <= b { (Self { low: a, high: b }, 0) } else { (Self { low: b, high: a }, 1) }
    }
}

fn flat(end: SocketAddr) -> (u128, u16) {
    let bits = match end.ip() {
        IpAddr::V4(ip) => u128::from(u32::from(ip)) | 0xffff_0000_0000,
        IpAddr::V6(ip) => u128::from(ip),
    };
    (bits, end.port())
}

/// What goes on between two ends.
pub(crate) trait Follow {
    /// When it has something to do, at the latest.
    fn deadline(&self) -> Timestamp;
    /// Bytes of memory held beyond the fixed.
    fn held(&self) -> usize;
}

#[derive(Debug)]
struct Entry<F> {
    key: Key,
    flow: F,
    held: usize,
    timer: Timestamp,
    generation: u32,
    older: Option<u32>,
    newer: Option<u32>,
}

/// All flows.
#[derive(Debug)]
pub(crate) struct Table<F> {
    entries: Vec<Option<Box<Entry<F>>>>,
    free: Vec<u32>,
    index: HashMap<Key, u32, RandomState>,
    timers: BinaryHeap<Reverse<(Timestamp, u32, u32)>>,
    oldest: Option<u32>,
    newest: Option<u32>,
    held: usize,
    generation: u32,
}

impl<F> Default for Table<F> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            free: Vec::new(),
            index: HashMap::default(),
            timers: BinaryHeap::new(),
            oldest: None,
            newest: None,
            held: 0,
            generation: 0,
        }
    }
}

impl<F: Follow> Table<F> {
    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    /// Bytes of memory that flows hold beyond the fixed.
    pub(crate) fn held(&self) -> usize {
        self.held
    }

    /// All that there are.
    pub(crate) fn slots(&self) -> Vec<u32> {
        let taken = (0_u32..).zip(&self.entries).filter(|(_, entry)| entry.is_some());
        taken.map(|(slot, _)| slot).collect()
    }

    /// Finds a flow and makes it the newest.
    pub(crate) fn find(&mut self, key: &Key) -> Option<u32> {
        let slot = *self.index.get(key)?;
        if self.newest != Some(slot) {
            self.unlink(slot);
            self.link(slot);
        }
        Some(slot)
    }

    pub(crate) fn insert(&mut self, key: Key, flow: F) -> u32 {
        self.generation = self.generation.wrapping_add(1);
        let generation = self.generation;
        let timer = flow.deadline();
        let entry = Box::new(Entry { key, flow, held: 0, timer, generation, older: None, newer: None });
        let slot = if let Some(slot) = self.free.pop() {
            self.entries[slot as usize] = Some(entry);
            slot
        } else {
            self.entries.push(Some(entry));
            self.entries.len() as u32 - 1
        };
        self.index.insert(key, slot);
        self.timers.push(Reverse((timer, slot, generation)));
        self.link(slot);
        slot
    }

    pub(crate) fn remove(&mut self, slot: u32) -> Option<F> {
        self.unlink(slot);
        let entry = self.entries.get_mut(slot as usize)?.take()?;
        self.index.remove(&entry.key);
        self.held -= entry.held;
        self.free.push(slot);
        Some(entry.flow)
    }

    /// Lets `work` on a flow, then brings its memory and its timer up to date.
    pub(crate) fn with<T>(&mut self, slot: u32, work: impl FnOnce(&mut F) -> T) -> Option<T> {
        let entry = self.entries.get_mut(slot as usize)?.as_mut()?;
        let result = work(&mut entry.flow);
        let held = entry.flow.held();
        self.held = self.held + held - entry.held;
        entry.held = held;
        let due = entry.flow.deadline();
        // A timer that is due too early costs one look; most deadlines move on with every segment.
        if due < entry.timer {
            entry.timer = due;
            self.timers.push(Reverse((due, slot, entry.generation)));
        }
        Some(result)
    }

    /// The next flow that is due, which is then to be given a [`Self::rearm`] or removed.
    pub(crate) fn due(&mut self, now: Timestamp) -> Option<u32> {
        loop {
            let Reverse((at, slot, generation)) = *self.timers.peek()?;
            if at > now {
                return None;
            }
            self.timers.pop();
            let live = self.entries.get(slot as usize).and_then(Option::as_ref);
            if live.is_some_and(|entry| entry.generation == generation && entry.timer == at) {
                return Some(slot);
            }
        }
    }

    /// Sets a flow's timer anew after it went off; not before `now`, so that one round of ticks ends.
    pub(crate) fn rearm(&mut self, slot: u32, now: Timestamp) {
        if let Some(entry) = self.entries.get_mut(slot as usize).and_then(Option::as_mut) {
            entry.timer = entry.flow.deadline().max(Timestamp(now.0.saturating_add(1)));
            self.timers.push(Reverse((entry.timer, slot, entry.generation)));
        }
    }

    pub(crate) fn oldest(&self) -> Option<u32> {
        self.oldest
    }

    /// The flow that was silent longest among those that hold at least `bytes`.
    pub(crate) fn oldest_holding(&self, bytes: usize) -> Option<u32> {
        let mut at = self.oldest;
        while let Some(entry) = at.and_then(|slot| self.entries.get(slot as usize)?.as_ref()) {
            if entry.held >= bytes {
                return at;
            }
            at = entry.newer;
        }
        None
    }

    fn link(&mut self, slot: u32) {
        let newest = self.newest.replace(slot);
        if let Some(entry) = self.entries[slot as usize].as_mut() {
            entry.older = newest;
            entry.newer = None;
        }
        match newest.and_then(|slot| self.entries[slot as usize].as_mut()) {
            Some(entry) => entry.newer = Some(slot),
            None => self.oldest = Some(slot),
        }
    }

    fn unlink(&mut self, slot: u32) {
        let Some(entry) = self.entries.get(slot as usize).and_then(Option::as_ref) else { return };
        let (older, newer) = (entry.older, entry.newer);
        match older.and_then(|slot| self.entries[slot as usize].as_mut()) {
            Some(entry) => entry.newer = newer,
            None => self.oldest = newer,
        }
        match newer.and_then(|slot| self.entries[slot as usize].as_mut()) {
            Some(entry) => entry.older = older,
            None => self.newest = older,
        }
    }
}
