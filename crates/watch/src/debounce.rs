//! When a batch is over. Pure: time is passed in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// A batch ends at the latest this long after its first event, however busy the folder is.
pub(crate) const CAP: Duration = Duration::from_secs(1);

/// When an event was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) at: Instant,
    pub(crate) wall: SystemTime,
}

/// How sure it is that something has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Touch {
    /// Permissions or times, maybe: the disk must differ from what was known.
    Doubtful,
    /// Content or existence.
    Certain,
}

/// Where a path belongs: to a watched tree, by its number.
pub(crate) type Place = (usize, PathBuf);

/// Events of one service that are not yet a batch.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) first: Seen,
    pub(crate) paths: BTreeMap<Place, Touch>,
    last: Instant,
    quiet: Duration,
}

impl Pending {
    fn due(&self) -> Instant {
        (self.last + self.quiet).min(self.first.at + CAP)
    }
}

/// Collects events until it is quiet.
#[derive(Debug, Default)]
pub(crate) struct Debounce {
    pending: BTreeMap<Option<String>, Pending>,
}

impl Debounce {
    /// Takes an event; `quiet` is the quiet time that the rule asks for.
    pub(crate) fn touch(
        &mut self,
        whose: Option<&str>,
        place: Place,
        touch: Touch,
        quiet: Duration,
        seen: Seen,
    ) {
        let pending = self.pending.entry(whose.map(str::to_owned)).or_insert_with(|| Pending {
            first: seen,
            paths: BTreeMap::new(),
            last: seen.at,
            quiet,
        });
        pending.last = pending.last.max(seen.at);
        pending.quiet = pending.quiet.max(quiet);
        let known = pending.paths.entry(place).or_insert(touch);
        *known = touch.max(*known);
    }

    /// A file that is already in a batch is still being written.
    pub(crate) fn prolong(&mut self, whose: Option<&str>, tree: usize, path: &Path, seen: Seen) {
        if let Some(pending) = self.pending.get_mut(&whose.map(str::to_owned))
            && pending.paths.contains_key(&(tree, path.to_owned()))
        {
            pending.last = pending.last.max(seen.at);
        }
    }

    /// When [`Self::take_due`] has something at the earliest.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.pending.values().map(Pending::due).min()
    }

    /// One of those that are over by now.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<(Option<String>, Pending)> {
        let due = self.pending.iter().find(|(_, pending)| pending.due() <= now)?.0.clone();
        self.pending.remove_entry(&due)
    }
}
