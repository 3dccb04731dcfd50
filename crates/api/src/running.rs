//! What a running session says of itself beside its socket: for clients of another build, which may not understand
//! its answers.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::place::Place;

/// A running session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// The [`build_of`] its program.
    pub build: String,
    /// Nobody's terminal holds it, so another may take its place without a word.
    pub background: bool,
    /// How it was told which stack is meant: `-f FILE -p NAME --profile P`.
    pub arguments: Vec<String>,
}

impl Running {
    /// Writes it where clients look. Whoever does has the stack's lease.
    pub fn write(&self, place: &Place) -> std::io::Result<()> {
        std::fs::write(place.running(), serde_json::to_vec(self).map_err(std::io::Error::other)?)
    }

    /// What the session at `place` said when it started; `None` when it said nothing that can be read.
    pub fn read(place: &Place) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(place.running()).ok()?).ok()
    }

    /// Whether `program` should start a session in this one's place.
    pub(crate) fn is_replaced_by(&self, program: &Path) -> bool {
        let build = build_of(program);
        self.background && !build.is_empty() && self.build != build
    }
}

/// Tells a program from its builds before and after; empty when it is gone. Its size and the time of its last change
/// are enough for that, and reading a hundred megabytes for every command is not.
pub fn build_of(program: &Path) -> String {
    std::fs::metadata(program)
        .map_or_else(|_| String::new(), |m| format!("{:x}-{:x}-{:x}", m.len(), m.mtime(), m.mtime_nsec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_background_session_of_another_build_gives_way() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("shoal");
        std::fs::write(&program, "one").unwrap();
        let running =
            |background| Running { build: build_of(&program), background, arguments: vec!["-p".into()] };
        let (background, foreground) = (running(true), running(false));
        assert!(!background.is_replaced_by(&program));
        std::fs::write(&program, "another").unwrap();
        assert!(background.is_replaced_by(&program));
        assert!(!foreground.is_replaced_by(&program));
        std::fs::remove_file(&program).unwrap();
        assert!(!background.is_replaced_by(&program), "nothing could be started instead");
    }

    #[test]
    fn what_a_session_says_is_read_back_and_nonsense_is_not() {
        let state = tempfile::tempdir().unwrap();
        let place = Place::of(state.path(), "shop", Path::new("/shop"));
        place.create().unwrap();
        assert_eq!(Running::read(&place), None);
        let said =
            Running { build: "b".into(), background: true, arguments: vec!["-f".into(), "x y".into()] };
        said.write(&place).unwrap();
        assert_eq!(Running::read(&place), Some(said));
        std::fs::write(place.running(), "4711").unwrap();
        assert_eq!(Running::read(&place), None);
    }
}
