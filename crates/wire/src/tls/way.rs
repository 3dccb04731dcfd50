//! One direction's records: which seal opens them, and what is missing between them.

use std::collections::VecDeque;

use super::cipher::Seal;
use crate::decode::Loss;
use crate::framing::Framer;

/// How many records may be missing in a row.
const MISSING_LIMIT: u64 = 64;

/// One direction.
#[derive(Debug, Default)]
pub(super) struct Way {
    pub(super) framer: Framer,
    /// Before TLS 1.3: records are sealed from here on.
    pub(super) sealed: bool,
    /// The seal in use, and those that may follow it.
    pub(super) seals: VecDeque<Seal>,
    /// Bytes since the last record that was opened.
    missing: Option<(u64, Loss)>,
    /// Bytes in which a record's beginning is looked for.
    pub(super) searched: Vec<u8>,
    /// Bytes of a record that is not over.
    pub(super) begun: u64,
    /// Records in a row that did not open.
    pub(super) failed: u32,
}

/// A record that opens.
#[derive(Debug)]
pub(super) struct Found {
    /// By which seal.
    place: usize,
    /// By one that follows the last.
    newer: Option<Seal>,
    sequence: u64,
    /// Records before it that are missing.
    pub(super) passed: u64,
    pub(super) kind: u8,
    pub(super) content: Vec<u8>,
}

impl Way {
    pub(super) fn miss(&mut self, bytes: u64, loss: Loss) {
        if bytes > 0 {
            let before = self.missing.map_or(0, |(bytes, _)| bytes);
            self.missing = Some((before + bytes, loss));
        }
    }

    /// Tries to open a record: by the seal in use, else by one that may have taken its place.
    pub(super) fn find(&self, head: &[u8], payload: &[u8]) -> Option<Found> {
        let most = if self.missing.is_some() { MISSING_LIMIT } else { 0 };
        for place in 0..=self.seals.len() {
            let newer = if place == self.seals.len() { Some(self.seals.back()?.next()?) } else { None };
            let seal = newer.as_ref().or_else(|| self.seals.get(place))?;
            for passed in 0..=most {
                let sequence = seal.sequence + passed;
                if let Some((kind, content)) = seal.open(sequence, head, payload) {
                    return Some(Found { place, newer, sequence, passed, kind, content });
                }
            }
        }
        None
    }

    /// No more comes: the record that is not over will never be.
    pub(super) fn end(&mut self) {
        let begun = std::mem::take(&mut self.begun);
        self.miss(begun, Loss::Lost);
    }

    /// What is missing behind the last record that was opened.
    pub(super) fn take_missing(&mut self) -> Option<(u64, Loss)> {
        self.missing.take().filter(|_| self.seals.front().is_some_and(|seal| seal.sequence > 0))
    }

    /// Goes on behind a record; returns what was missing before it.
    pub(super) fn accept(&mut self, found: &mut Found) -> Option<(u64, Loss)> {
        self.failed = 0;
        self.seals.extend(found.newer.take());
        self.seals.drain(..found.place);
        if let Some(seal) = self.seals.front_mut() {
            seal.sequence = found.sequence + 1;
        }
        // Before the first record of a seal there was nothing but the handshake.
        self.missing.take().filter(|_| found.sequence > 0)
    }
}
