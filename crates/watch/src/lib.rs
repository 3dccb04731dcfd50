//! From a saved file to what must be done about it: file changes become batches ([`Watcher`]), a batch becomes a
//! decision ([`plan::decide`]).
//!
//! A folder that is ignored gets no watch at all, so a `node_modules` costs nothing. A batch ends after a short quiet
//! time, or after a second if it never gets quiet. What counts is how the disk differs from what was known of it: an
//! editor's dance of temporary files and renames is one change of one file, and a file that came and went is none.
//! While git switches branches, a batch waits until it is done.
//!
//! Deliberately absent: doing anything about it (`session` and the guest's agent do), holding back what the user
//! wants to apply by hand, and reading files. Tested by case files with a clock and a disk of their own
//! (`cases/*.txt`), and on real folders in `tests/`.

#[cfg(test)]
mod cases;
mod covered;
mod debounce;
mod error;
mod filter;
mod git;
mod limits;
mod patterns;
pub mod plan;
mod snapshot;
mod tree;
mod watcher;
mod watches;

use std::path::PathBuf;
use std::time::{Instant, SystemTime};

use model::plan::ReloadRule;

pub use covered::{Covered, covered, mark};
pub use error::WatchError;
pub use watcher::Watcher;

/// A service's reload rule, to be watched for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The service.
    pub service: String,
    /// The rule's place among the service's rules.
    pub index: usize,
    /// The rule.
    pub rule: ReloadRule,
    /// The folder the service's image is built from, whose `.dockerignore` counts as well.
    pub context: Option<PathBuf>,
}

/// What a [`Watcher`] tells.
#[derive(Debug)]
pub enum Tidings {
    /// Files have changed.
    Batch(Batch),
    /// A rule's files get no notifications any more: they are looked at now and then, so that changes are found late
    /// but none is lost.
    Polled {
        /// Whose rule; `None` for the further files.
        service: Option<String>,
        /// Why.
        error: WatchError,
    },
    /// They get notifications again.
    Watched {
        /// Whose rule.
        service: Option<String>,
        /// What is watched.
        path: PathBuf,
    },
}

/// Changes that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Whose rules they match; `None`: one of the further files, such as the manifest, has changed.
    pub service: Option<String>,
    /// In the order of rules and paths; a path is named twice only when a folder became a file or the reverse, and
    /// then its removal comes first.
    pub changes: Vec<Change>,
    /// When the first change was seen.
    pub first_event: Instant,
    /// When the quiet time was over.
    pub closed: Instant,
    /// When the first change was seen, on the time axis of logs and calls.
    pub first_event_at: SystemTime,
}

/// A path that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// Which of the service's rules it matches.
    pub rule: usize,
    /// Absolute, beneath the rule's `watch`.
    pub path: PathBuf,
    /// What it is now.
    pub kind: Kind,
}

/// What has become of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// It is gone, with all that was in it.
    Removed,
    /// It is a new folder; what is in it is named by itself.
    Folder,
    /// It is a file with new content or new permissions.
    Written,
    /// It is a symbolic link, new or pointing elsewhere.
    Link,
}
