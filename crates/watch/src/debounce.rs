//! When a batch is over. Pure: time is passed in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// A batch ends at the latest this long after its first event, however busy the folder is.
pub(crate) const CAP: Duration = Duration::from_secs(1);
/// The same while git is at work.
const GIT_CAP: Duration = Duration::from_secs(10);
/// Git that holds its lock and changes nothing for so long waits for somebody, such as the writer of a message.
const GIT_IDLE: Duration = Duration::from_millis(500);
/// A rebase lets go of its lock between two commits, for less than this.
const GIT_PAUSE: Duration = Duration::from_millis(50);
/// More files than this are a bulk: of a branch, of a generator. Events of one come late where the machine is busy.
const BULK: usize = 50;
/// How many quiet times end a bulk.
const BULK_QUIET: u32 = 4;
/// How often git is looked after.
const GIT_LOOK: Duration = Duration::from_millis(5);

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
    /// The content, and whoever wrote it has closed it.
    Closed,
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
    /// One file that was written and closed, so far.
    complete: bool,
    git: Option<Git>,
    /// Whether git was looked after when it began.
    looked: bool,
}

/// What is known of git, which was at work while the batch was collected.
#[derive(Debug, Clone, Copy)]
struct Git {
    /// When it was last seen at work.
    seen: Instant,
    /// When it is looked after again.
    look: Instant,
}

impl Pending {
    fn due(&self) -> Instant {
        // The quiet time is for what is not complete. Some editors touch a save once more: half of it is for them.
        let quiet = match self.paths.len() {
            _ if self.complete => self.quiet / 2,
            ..=BULK => self.quiet,
            _ => self.quiet * BULK_QUIET,
        };
        let quiet = self.last + quiet;
        match self.git {
            None => quiet.min(self.first.at + CAP),
            Some(git) => quiet.max(git.look).min(self.first.at + GIT_CAP),
        }
    }

    /// Whether a batch that is due has to wait for git.
    fn waits(&mut self, now: Instant, is_locked: bool) -> bool {
        if now >= self.first.at + GIT_CAP || is_locked && now >= self.last + GIT_IDLE {
            return false;
        }
        if is_locked {
            self.git = Some(Git { seen: now, look: now + GIT_LOOK });
            return true;
        }
        let Some(git) = &mut self.git else { return false };
        git.look = git.seen + GIT_PAUSE;
        now < git.look
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
            complete: false,
            git: None,
            looked: false,
        });
        pending.last = pending.last.max(seen.at);
        pending.quiet = pending.quiet.max(quiet);
        let known = pending.paths.entry(place).or_insert(touch);
        *known = touch.max(*known);
        pending.complete = touch == Touch::Closed && pending.paths.len() == 1;
    }

    /// A file that is already in a batch is still being written.
    pub(crate) fn prolong(&mut self, whose: Option<&str>, tree: usize, path: &Path, seen: Seen) {
        if let Some(pending) = self.pending.get_mut(&whose.map(str::to_owned))
            && pending.paths.contains_key(&(tree, path.to_owned()))
        {
            pending.last = pending.last.max(seen.at);
            pending.complete = false;
        }
    }

    /// When [`Self::take_due`] has something at the earliest.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.pending.values().map(Pending::due).min()
    }

    /// Looks after git once as soon as a batch begins: it may be done before that is over, and soon go on.
    pub(crate) fn look(&mut self, now: Instant, mut is_locked: impl FnMut(&Pending) -> bool) {
        for pending in self.pending.values_mut().filter(|pending| !pending.looked) {
            pending.looked = true;
            if is_locked(pending) {
                pending.git = Some(Git { seen: now, look: now });
            }
        }
    }

    /// One of those that are over by now. Those of which `is_locked` says that git is changing their files go on.
    pub(crate) fn take_due(
        &mut self,
        now: Instant,
        mut is_locked: impl FnMut(&Pending) -> bool,
    ) -> Option<(Option<String>, Pending)> {
        let mut over = |pending: &mut Pending| {
            pending.due() <= now && {
                let locked = is_locked(pending);
                !pending.waits(now, locked)
            }
        };
        let due =
            self.pending.iter_mut().find_map(|(whose, pending)| over(pending).then(|| whose.clone()))?;
        self.pending.remove_entry(&due)
    }
}
