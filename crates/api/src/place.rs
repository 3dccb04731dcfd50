//! Where a stack's things lie on this machine.
//!
//! Everything of one stack is in one folder under the platform's state folder, named after the stack and the
//! manifest's folder; nothing is written into the user's repository.

use std::fs::{DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The variable that puts the state folder elsewhere.
pub const STATE_VARIABLE: &str = "SHOAL_STATE_DIR";

/// The state folder, `~/.local/state/shoal` on Linux; `overridden` is the value of [`STATE_VARIABLE`].
pub fn state_folder(overridden: Option<PathBuf>) -> PathBuf {
    overridden.unwrap_or_else(|| {
        directories::ProjectDirs::from("dev", "", "shoal").map_or_else(
            || std::env::temp_dir().join("shoal"),
            |dirs| dirs.state_dir().unwrap_or(dirs.data_local_dir()).to_owned(),
        )
    })
}

/// One stack's folder and what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The stack's folder.
    pub folder: PathBuf,
}

impl Place {
    /// The place of the stack `name` whose manifest is in `manifest_folder`.
    pub fn of(state: &Path, name: &str, manifest_folder: &Path) -> Self {
        let hash = model::hash::fnv1a(manifest_folder.as_os_str().as_encoded_bytes());
        let key = (hash ^ (hash >> 32)) as u32;
        Self { folder: state.join("stacks").join(format!("{name}-{key:08x}")) }
    }

    /// Makes the folder. Logs and the session's socket are in it, so it is the user's alone.
    pub fn create(&self) -> std::io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        // It may be there from a time when it was made otherwise.
        std::fs::set_permissions(&self.folder, Permissions::from_mode(0o700))
    }

    /// The session's socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("session.sock")
    }

    /// The file that a running session keeps locked, with its process id in it.
    pub fn lease(&self) -> PathBuf {
        self.folder.join("session.lease")
    }

    /// What a running session says of itself.
    pub fn running(&self) -> PathBuf {
        self.folder.join("session.json")
    }

    /// What a session that nobody looks at prints.
    pub fn session_log(&self) -> PathBuf {
        self.folder.join("session.log")
    }

    /// What is known to be in a service's container of the files that are watched for it.
    pub fn synced(&self, service: &str) -> PathBuf {
        self.folder.join("synced").join(format!("{service}.json"))
    }

    /// The calls.
    pub fn calls(&self) -> PathBuf {
        self.folder.join("calls")
    }

    /// The log store.
    pub fn logs(&self) -> PathBuf {
        self.folder.join("logs")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_folders_never_share_a_place() {
        let state = Path::new("/state");
        let one = Place::of(state, "shop", Path::new("/a"));
        assert_eq!(one, Place::of(state, "shop", Path::new("/a")));
        assert_ne!(one, Place::of(state, "shop", Path::new("/b")));
        assert!(one.socket().starts_with("/state/stacks"));
    }

    #[test]
    fn a_place_is_its_users_alone() {
        let state = tempfile::tempdir().unwrap();
        let place = Place::of(state.path(), "shop", Path::new("/a"));
        std::fs::create_dir_all(&place.folder).unwrap();
        place.create().unwrap();
        assert_eq!(std::fs::metadata(&place.folder).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
