//! What can go wrong, by what the user can do about it.

use std::io;
use std::path::{Path, PathBuf};

/// Why lines cannot be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Another process holds the folder.
    #[error("the logs in `{}` are being written by another session", dir.display())]
    InUse {
        /// The store's folder.
        dir: PathBuf,
    },
    /// No room.
    #[error("the disk is full, so log lines cannot be kept in `{}`", path.display())]
    DiskFull {
        /// The file that could not grow.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No rights.
    #[error("no right to {doing} `{}`", path.display())]
    Denied {
        /// What was attempted.
        doing: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Anything else that the file system answers.
    #[error("cannot {doing} `{}`", path.display())]
    Io {
        /// What was attempted.
        doing: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl LogError {
    pub(crate) fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path, source },
            io::ErrorKind::PermissionDenied => Self::Denied { doing, path, source },
            _ => Self::Io { doing, path, source },
        }
    }

    /// What the user can do, if anything.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::InUse { .. } => Some("use the session that runs, or stop it first"),
            Self::DiskFull { .. } => {
                Some("free some space, or lower the log quota; the stack itself goes on")
            }
            Self::Denied { .. } => Some("make the folder yours, for example with `chown -R $USER`"),
            Self::Io { .. } => None,
        }
    }
}

/// Why an expression or a pattern cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FilterError {
    /// Where, in characters from the beginning of the text, counted from 0.
    pub at: usize,
    /// What is wrong there.
    pub message: String,
    /// What could be meant.
    pub hint: Option<String>,
}

impl FilterError {
    pub(crate) fn new(at: usize, message: impl Into<String>) -> Self {
        Self { at, message: message.into(), hint: None }
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_becomes_what_the_user_can_do() {
        let path = Path::new("/state/shop/logs");
        for (kind, message, has_hint) in [
            (
                io::ErrorKind::StorageFull,
                "the disk is full, so log lines cannot be kept in `/state/shop/logs`",
                true,
            ),
            (io::ErrorKind::PermissionDenied, "no right to write `/state/shop/logs`", true),
            (io::ErrorKind::NotADirectory, "cannot write `/state/shop/logs`", false),
        ] {
            let error = LogError::io("write", path, kind.into());
            assert_eq!((error.to_string().as_str(), error.hint().is_some()), (message, has_hint));
            assert!(std::error::Error::source(&error).is_some());
        }
    }
}
