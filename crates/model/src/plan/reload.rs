//! What happens when files change.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One rule of `reload`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadRule {
    /// The watched file or folder on this machine, absolute.
    pub watch: PathBuf,
    /// Where it is in the container, absolute; `None`: nothing is copied.
    pub to: Option<String>,
    /// What follows once the files are in place.
    pub then: Action,
    /// The command of [`Action::Run`], and commands that go before a restart.
    pub run: Vec<String>,
    /// `user[:group]` that runs it; `None`: the service's own.
    pub user: Option<String>,
    /// Patterns in `.dockerignore` syntax, relative to `watch`, that do not count.
    pub ignore: Vec<String>,
    /// When not empty, only files that match one of these patterns count.
    pub include: Vec<String>,
    /// The quiet time that ends a batch.
    pub debounce: Duration,
    /// Whether a batch is applied at once or waits for the user.
    pub mode: ReloadMode,
    /// What a deletion does.
    pub on_delete: OnDelete,
    /// Write into the existing file instead of renaming a new one over it.
    pub in_place: bool,
}

impl ReloadRule {
    /// The quiet time of rules that name none.
    pub const DEBOUNCE: Duration = Duration::from_millis(10);

    /// A rule that says nothing else: everything below `watch` counts, and nothing is copied.
    pub fn new(watch: PathBuf, then: Action) -> Self {
        Self {
            watch,
            to: None,
            then,
            run: Vec::new(),
            user: None,
            ignore: Vec::new(),
            include: Vec::new(),
            debounce: Self::DEBOUNCE,
            mode: ReloadMode::Auto,
            on_delete: OnDelete::Remove,
            in_place: false,
        }
    }
}

/// What follows once changed files are in place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The framework reloads itself.
    Nothing,
    /// The service's process is started anew; its container goes on.
    Restart,
    /// The service's process gets a signal, such as `HUP`.
    Signal(String),
    /// The rule's command is run in the container.
    Run,
    /// The image is built again and the container replaced.
    Rebuild,
}

/// Whether a batch is applied at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReloadMode {
    /// At once.
    Auto,
    /// When the user asks.
    Manual,
}

/// What a deletion on this machine does in the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnDelete {
    /// The file goes there too.
    Remove,
    /// The file stays there.
    Keep,
    /// The image is built again.
    Rebuild,
}
