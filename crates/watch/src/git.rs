//! Whether git is at work in a repository: while it switches branches, what changes belongs together.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::debounce::Place;

/// The repositories that folders lie in, each found once.
#[derive(Debug, Default)]
pub(crate) struct Repositories {
    /// The lock of a folder's repository, if it has one.
    locks: HashMap<PathBuf, Option<PathBuf>>,
}

impl Repositories {
    /// Whether git holds the lock of a repository that any of these paths lies in. It does so from before it writes
    /// the first file of another branch until after the last.
    pub(crate) fn are_locked<'a>(&mut self, places: impl Iterator<Item = &'a Place>) -> bool {
        let folders: HashSet<_> = places.filter_map(|(_, path)| path.parent()).collect();
        let locks: HashSet<_> = folders.into_iter().filter_map(|folder| self.lock(folder)).collect();
        locks.iter().any(|lock| lock.exists())
    }

    /// Repositories come and go: what was found is not believed for longer than a batch.
    pub(crate) fn forget(&mut self) {
        self.locks.clear();
    }

    fn lock(&mut self, folder: &Path) -> Option<PathBuf> {
        if let Some(known) = self.locks.get(folder) {
            return known.clone();
        }
        let found = match folder_of_git(folder) {
            Some(git) => Some(git.join("index.lock")),
            None => folder.parent().and_then(|parent| self.lock(parent)),
        };
        self.locks.insert(folder.to_owned(), found.clone());
        found
    }
}

/// Where git keeps what it knows of the work tree at a folder. Linked work trees and submodules have a file in place
/// of the folder, which says where that is.
pub(crate) fn folder_of_git(top: &Path) -> Option<PathBuf> {
    let entry = top.join(".git");
    let found = fs::metadata(&entry).ok()?;
    if found.is_dir() {
        return Some(entry);
    }
    let text = fs::read_to_string(&entry).ok()?;
    Some(top.join(text.strip_prefix("gitdir:")?.trim()))
}

/// What all work trees of a repository share.
pub(crate) fn common_folder(git: &Path) -> PathBuf {
    match fs::read_to_string(git.join("commondir")) {
        Ok(text) => git.join(text.trim()),
        Err(_) => git.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_work_trees_and_submodules_have_their_own_lock() {
        let disk = tempfile::tempdir().unwrap();
        let at = |name: &str| disk.path().join(name);
        for folder in
            ["main/.git/worktrees/side", "main/.git/modules/sub", "main/src", "main/sub/a", "side/b", "none"]
        {
            fs::create_dir_all(at(folder)).unwrap();
        }
        fs::write(at("side/.git"), format!("gitdir: {}\n", at("main/.git/worktrees/side").display()))
            .unwrap();
        fs::write(at("main/.git/worktrees/side/commondir"), "../..\n").unwrap();
        fs::write(at("main/sub/.git"), "gitdir: ../.git/modules/sub\n").unwrap();
        let files = [
            ("main/src/x", "main/.git"),
            ("main/sub/a/x", "main/.git/modules/sub"),
            ("side/b/x", "main/.git/worktrees/side"),
        ];
        for (_, git) in files {
            let lock = at(git).join("index.lock");
            fs::write(&lock, "").unwrap();
            for (file, of) in files {
                let place = (0, at(file));
                assert_eq!(
                    Repositories::default().are_locked([&place].into_iter()),
                    of == git,
                    "{file}, {git} locked"
                );
            }
            fs::remove_file(lock).unwrap();
        }
        assert!(!Repositories::default().are_locked([&(0, at("none/x"))].into_iter()));
        let side = folder_of_git(&at("side")).unwrap();
        assert_eq!(common_folder(&side).canonicalize().unwrap(), at("main/.git").canonicalize().unwrap());
    }
}
