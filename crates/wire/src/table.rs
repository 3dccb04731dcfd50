//! All flows that are followed, be they of segments or of datagrams: found by their two ends, ordered by when they were
//! last seen, woken when due.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
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
    /// Nothing more comes of it; it is only remembered.
    fn over(&self) -> bool;
}

#[derive(Debug)]
struct Entry<F> {
    key: Key,
    flow: F,
    held: usize,
    timer: Timestamp,
    over: bool,
    older: Option<u32>,
    newer: Option<u32>,
}

/// Flows by when they were last seen.
#[derive(Debug, Default, Clone, Copy)]
struct Queue {
    oldest: Option<u32>,
    newest: Option<u32>,
}

/// All flows.
#[derive(Debug)]
pub(crate) struct Table<F> {
    entries: Vec<Option<Box<Entry<F>>>>,
    free: Vec<u32>,
    index: HashMap<Key, u32, RandomState>,
    /// One for each flow.
    timers: BTreeSet<(Timestamp, u32)>,
    /// Those that go on, and those that are over.
    queues: [Queue; 2],
    held: usize,
}

impl<F> Default for Table<F> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            free: Vec::new(),
            index: HashMap::default(),
            timers: BTreeSet::new(),
            queues: [Queue::default(); 2],
            held: 0,
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
        if self.queues.iter().all(|queue| queue.newest != Some(slot)) {
            self.unlink(slot);
            self.link(slot);
        }
        Some(slot)
    }

    pub(crate) fn insert(&mut self, key: Key, flow: F) -> u32 {
        let (timer, over) = (flow.deadline(), flow.over());
        let entry = Box::new(Entry { key, flow, held: 0, timer, over, older: None, newer: None });
        let slot = if let Some(slot) = self.free.pop() {
            self.entries[slot as usize] = Some(entry);
            slot
        } else {
            self.entries.push(Some(entry));
            self.entries.len() as u32 - 1
        };
        self.index.insert(key, slot);
        self.timers.insert((timer, slot));
        self.link(slot);
        slot
    }

    pub(crate) fn remove(&mut self, slot: u32) -> Option<F> {
        self.unlink(slot);
        let entry = self.entries.get_mut(slot as usize)?.take()?;
        self.index.remove(&entry.key);
        self.timers.remove(&(entry.timer, slot));
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
            self.timers.remove(&(entry.timer, slot));
            entry.timer = due;
            self.timers.insert((due, slot));
        }
        if entry.flow.over() != entry.over {
            self.unlink(slot);
            self.link(slot);
        }
        Some(result)
    }

    /// The next flow that is due, which is then to be given a [`Self::rearm`] or removed.
    pub(crate) fn due(&mut self, now: Timestamp) -> Option<u32> {
        let (at, slot) = *self.timers.first()?;
        (at <= now).then_some(slot)
    }

    /// Sets a flow's timer anew after it went off; not before `now`, so that one round of ticks ends.
    pub(crate) fn rearm(&mut self, slot: u32, now: Timestamp) {
        if let Some(entry) = self.entries.get_mut(slot as usize).and_then(Option::as_mut) {
            self.timers.remove(&(entry.timer, slot));
            entry.timer = entry.flow.deadline().max(Timestamp(now.0.saturating_add(1)));
            self.timers.insert((entry.timer, slot));
        }
    }

    /// The flow that is missed least: of those that are over, else of all, the one that was silent longest.
    pub(crate) fn oldest(&self) -> Option<u32> {
        let [on, over] = self.queues;
        over.oldest.or(on.oldest)
    }

    /// The flows that hold most, in so far as they hold more than `bytes` together; the largest first.
    pub(crate) fn largest(&self, bytes: usize) -> Vec<u32> {
        let holders =
            (0_u32..).zip(&self.entries).filter_map(|(slot, entry)| Some((entry.as_ref()?.held, slot)));
        let mut holders: Vec<_> = holders.filter(|(held, _)| *held > 0).collect();
        holders.sort_unstable_by_key(|holder| Reverse(*holder));
        let mut sum = 0;
        let enough = holders.into_iter().take_while(|(held, _)| {
            let more = sum < bytes;
            sum += held;
            more
        });
        enough.map(|(_, slot)| slot).collect()
    }

    fn link(&mut self, slot: u32) {
        let Some(entry) = self.entries.get_mut(slot as usize).and_then(Option::as_mut) else { return };
        entry.over = entry.flow.over();
        let queue = &mut self.queues[usize::from(entry.over)];
        let newest = queue.newest.replace(slot);
        (entry.older, entry.newer) = (newest, None);
        match newest.and_then(|slot| self.entries[slot as usize].as_mut()) {
            Some(entry) => entry.newer = Some(slot),
            None => queue.oldest = Some(slot),
        }
    }

    fn unlink(&mut self, slot: u32) {
        let Some(entry) = self.entries.get(slot as usize).and_then(Option::as_ref) else { return };
        let (older, newer) = (entry.older, entry.newer);
        let queue = &mut self.queues[usize::from(entry.over)];
        match older.and_then(|slot| self.entries[slot as usize].as_mut()) {
            Some(entry) => entry.newer = newer,
            None => queue.oldest = newer,
        }
        match newer.and_then(|slot| self.entries[slot as usize].as_mut()) {
            Some(entry) => entry.older = older,
            None => queue.newest = older,
        }
    }
}
