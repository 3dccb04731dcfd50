//! Counters over all services, read thirty times a second without a lock.

use std::sync::atomic::{AtomicU64, Ordering};

/// What the store holds and has let go.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    /// Lines ever taken.
    arrived: AtomicU64,
    /// Lines evicted.
    dropped: AtomicU64,
    /// Bytes on disk.
    bytes: AtomicU64,
    /// Lines held, by level number.
    levels: [AtomicU64; 7],
}

impl Totals {
    fn held(&self, levels: &[u64; 7], bytes: u64) -> u64 {
        for (sum, count) in self.levels.iter().zip(levels) {
            sum.fetch_add(*count, Ordering::Relaxed);
        }
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        levels.iter().sum()
    }

    /// Counts what was found on disk.
    pub(crate) fn opened(&self, levels: &[u64; 7], bytes: u64) {
        let lines = self.held(levels, bytes);
        self.arrived.fetch_add(lines, Ordering::Release);
    }

    /// Counts the lines that were evicted before the store was opened.
    pub(crate) fn opened_dropped(&self, lines: u64) {
        self.dropped.fetch_add(lines, Ordering::Relaxed);
        self.arrived.fetch_add(lines, Ordering::Release);
    }

    /// Counts new lines; returns the number of arrival of the first.
    pub(crate) fn appended(&self, levels: &[u64; 7], bytes: u64) -> u64 {
        let lines = self.held(levels, bytes);
        self.arrived.fetch_add(lines, Ordering::AcqRel)
    }

    pub(crate) fn evicted(&self, levels: &[u64; 7], bytes: u64) {
        for (sum, count) in self.levels.iter().zip(levels) {
            sum.fetch_sub(*count, Ordering::Relaxed);
        }
        self.dropped.fetch_add(levels.iter().sum(), Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(crate) fn arrived(&self) -> u64 {
        self.arrived.load(Ordering::Acquire)
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn levels(&self) -> [u64; 7] {
        self.levels.each_ref().map(|count| count.load(Ordering::Relaxed))
    }
}
