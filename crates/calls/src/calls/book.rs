//! Counts go to disk every few seconds, and come back when the next session begins.

use std::time::Duration;

use model::Timestamp;

use super::Calls;
use crate::disk::DiskError;
use crate::edges::{Book, Rest, Share};

/// So often what was counted is written.
const EVERY: Duration = Duration::from_secs(5);
/// The same where there is much of it.
const SELDOM: Duration = Duration::from_mins(1);
/// Bytes that are much.
const MUCH: usize = 1 << 20;
/// Reports of calls and tallies may come so late: what is younger is not written yet.
const LATE: Duration = Duration::from_secs(2);

/// What was written last.
#[derive(Debug, Default)]
pub(super) struct Written {
    at: Timestamp,
    bytes: usize,
    /// What had been seen then, whatever it was.
    seen: (u64, u64),
    /// Nothing of it was left out as too young.
    whole: bool,
}

impl Calls {
    /// Writes what was counted beside the calls, so that the next session tells the same of the past; `last`: this one
    /// ends. Does nothing as long as it is not due.
    ///
    /// # Errors
    /// When the disk refuses. It is tried again half a minute later.
    pub fn save_counts(&mut self, now: Timestamp, last: bool) -> Result<(), DiskError> {
        let Some(mut disk) = self.disk.take_if(|disk| last || !disk.rests(now)) else { return Ok(()) };
        let outcome = match self.due_book(now, last) {
            Some(book) => disk.write_book(&book, now),
            None => Ok(()),
        };
        self.disk = Some(disk);
        outcome
    }

    fn due_book(&mut self, now: Timestamp, last: bool) -> Option<Vec<u8>> {
        let seen = (self.store.revision(), self.head.tallied);
        let rests = seen == self.written.seen;
        let pause = if self.written.bytes > MUCH { SELDOM } else { EVERY };
        if (rests && self.written.whole) || (!last && now < self.written.at.plus(pause)) {
            return None;
        }
        let whole = last || rests;
        let newest = Timestamp(self.edges.newest());
        // The end of its second, or a moment by which everything was reported.
        let then = if whole { newest.0.saturating_add(1) } else { newest.minus(LATE).0 };
        let book = self
            .edges
            .with_book(then, self.open(), (&mut self.axis, &self.names), |book| postcard::to_allocvec(book));
        // What is in a book has a length that is known, so writing it down cannot fail.
        let book = book.and_then(Result::ok);
        self.written = Written { at: now, bytes: book.as_ref().map_or(0, Vec::len), seen, whole };
        book
    }

    /// The calls that still go on.
    fn open(&self) -> Vec<(String, Share)> {
        let entries = self.store.order().iter().filter_map(|(_, ordinal)| self.store.get(*ordinal));
        entries.filter(|entry| !entry.call.done).map(|entry| (entry.call.id.clone(), entry.share)).collect()
    }

    /// Takes up what other sessions counted. Before the first call.
    pub(super) fn take_up(&mut self, book: &mut Book) -> Option<Rest> {
        self.edges.take_up(book, &mut self.axis, &mut self.names)
    }

    /// Counts what a book has beside the calls that were kept.
    pub(super) fn count_rest(&mut self, rest: Rest) {
        let sums = self.edges.add_rest(rest);
        self.head.total += sums.calls;
        self.head.failed += sums.errors;
    }
}
