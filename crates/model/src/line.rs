//! One log line of one instance.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// Where a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// The service's standard output.
    Stdout,
    /// The service's standard error.
    Stderr,
    /// What building the service's image printed.
    Build,
    /// What a reload of the service printed.
    Reload,
}

impl Stream {
    /// The name that the contract uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
            Self::Build => "build",
            Self::Reload => "reload",
        }
    }
}

/// How urgent a line says it is. The order is by urgency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Finest detail.
    Trace,
    /// For whoever works on the service.
    Debug,
    /// The ordinary course.
    Info,
    /// Something to look at.
    Warn,
    /// Something failed.
    Error,
    /// The service cannot go on.
    Fatal,
}

impl Level {
    /// Every level, finest first.
    pub const ALL: [Self; 6] = [Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error, Self::Fatal];

    /// The name that the contract uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Fatal => "fatal",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a text is no level.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no level; levels are `trace`, `debug`, `info`, `warn`, `error`, `fatal`")]
pub struct BadLevel(pub String);

impl FromStr for Level {
    type Err = BadLevel;

    fn from_str(text: &str) -> Result<Self, BadLevel> {
        let lower = text.to_ascii_lowercase();
        Self::ALL.into_iter().find(|l| l.name() == lower).ok_or_else(|| BadLevel(text.to_owned()))
    }
}

/// One line as the engine handed it over, without its line feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The engine's time of reading it.
    pub ts: Timestamp,
    /// The service of the manifest.
    pub service: String,
    /// The container's name, such as `shop-orders-1`.
    pub instance: String,
    /// Where it came from.
    pub stream: Stream,
    /// The bytes as they came, ANSI escapes and invalid UTF-8 included.
    pub bytes: Vec<u8>,
}
