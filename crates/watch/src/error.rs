use std::io;
use std::path::PathBuf;

use crate::limits;

/// Why files cannot be watched.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The system allows no more watches.
    #[error(
        "`{}` cannot be watched: the limit `{sysctl}` of {} is used up{}",
        path.display(), shown(*current), in_use(*used)
    )]
    Limit {
        /// The first path without a watch.
        path: PathBuf,
        /// The kernel's setting.
        sysctl: &'static str,
        /// Its value now, when it can be read.
        current: Option<u64>,
        /// How many this user's processes have, as far as that can be seen.
        used: Option<u64>,
    },
    /// A path cannot be read.
    #[error("`{}` cannot be watched: {source}", path.display())]
    Path {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A pattern of `ignore` or `include` is none.
    #[error("`{pattern}` is no pattern: {reason}")]
    Pattern {
        /// As it stands in the manifest.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The system's notifications are not available at all.
    #[error("file changes cannot be watched here: {0}")]
    Backend(String),
}

impl WatchError {
    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Limit { sysctl, current, .. } => {
                let more = current.map_or(524_288, |now| (now * 4).max(1024));
                Some(format!("sudo sysctl {sysctl}={more}, or watch less by `ignore`"))
            }
            Self::Path { .. } => Some("check the path and its permissions".to_owned()),
            Self::Pattern { .. } => {
                Some("patterns are those of a `.dockerignore`, one in a string".to_owned())
            }
            Self::Backend(_) => None,
        }
    }

    /// Gives the notification library's errors their names.
    pub(crate) fn from_notify(error: notify::Error, path: PathBuf) -> Self {
        match error.kind {
            notify::ErrorKind::MaxFilesWatch => Self::limit(path, limits::WATCHES),
            notify::ErrorKind::Io(source) => match source.raw_os_error() {
                Some(EMFILE) => Self::limit(path, limits::INSTANCES),
                _ => Self::Path { path, source },
            },
            notify::ErrorKind::PathNotFound => Self::Path { path, source: io::ErrorKind::NotFound.into() },
            _ => Self::Backend(error.to_string()),
        }
    }

    fn limit(path: PathBuf, sysctl: &'static str) -> Self {
        Self::Limit { path, sysctl, current: limits::value(sysctl), used: limits::used(sysctl) }
    }
}

/// Too many open files: what `inotify_init` says at the limit of instances.
const EMFILE: i32 = 24;

fn in_use(used: Option<u64>) -> String {
    used.map_or_else(String::new, |used| format!(" ({used} by programs of yours)"))
}

fn shown(value: Option<u64>) -> String {
    value.map_or_else(|| "unknown size".to_owned(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_names_the_setting_its_value_and_the_command() {
        let error = WatchError::Limit {
            path: "/work/app".into(),
            sysctl: "fs.inotify.max_user_watches",
            current: Some(8192),
            used: Some(8190),
        };
        assert_eq!(
            error.to_string(),
            "`/work/app` cannot be watched: the limit `fs.inotify.max_user_watches` of 8192 is used up (8190 by programs of yours)"
        );
        assert_eq!(
            error.hint().unwrap(),
            "sudo sysctl fs.inotify.max_user_watches=32768, or watch less by `ignore`"
        );
    }

    #[test]
    fn errors_of_the_library_get_names() {
        let named = |error| WatchError::from_notify(error, "/x".into());
        let of = notify::Error::new;
        assert!(matches!(
            named(of(notify::ErrorKind::MaxFilesWatch)),
            WatchError::Limit { sysctl: "fs.inotify.max_user_watches", .. }
        ));
        assert!(matches!(
            named(notify::Error::io(io::Error::from_raw_os_error(EMFILE))),
            WatchError::Limit { sysctl: "fs.inotify.max_user_instances", .. }
        ));
        assert!(matches!(named(of(notify::ErrorKind::PathNotFound)), WatchError::Path { .. }));
        assert!(matches!(named(notify::Error::generic("?")), WatchError::Backend(_)));
    }
}
