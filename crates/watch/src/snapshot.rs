//! What is known of a watched tree, and how the disk differs from it. Pure: the disk is passed in.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::Kind;
use crate::debounce::Touch;

/// What a path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    File,
    Folder,
    Link,
}

/// What tells one state of a path from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) form: Form,
    /// Permission bits; 0 for links and folders, which are not mirrored.
    pub(crate) mode: u32,
    /// The file's number; another file of the same name has another. 0 for folders and where there are none.
    pub(crate) number: u64,
    /// Bytes; 0 for folders.
    pub(crate) length: u64,
    /// `None` for folders, whose time changes with every entry.
    pub(crate) modified: Option<SystemTime>,
}

/// Every path of a tree that counts.
#[derive(Debug, Default)]
pub(crate) struct Snapshot(BTreeMap<PathBuf, Stat>);

impl Snapshot {
    pub(crate) fn insert(&mut self, path: PathBuf, stat: Stat) {
        self.0.insert(path, stat);
    }

    pub(crate) fn contains(&self, path: &Path) -> bool {
        self.0.contains_key(path)
    }

    /// Every path with its state, folders before what is in them.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&PathBuf, &Stat)> {
        self.0.iter()
    }

    /// What a path was when last looked at.
    pub(crate) fn form(&self, path: &Path) -> Option<Form> {
        self.0.get(path).map(|stat| stat.form)
    }

    /// How the paths below `folder` differ in `now`.
    pub(crate) fn differences(&self, folder: &Path, now: &Self) -> Vec<PathBuf> {
        let gone = self.beneath(folder).filter(|(path, _)| !now.contains(path)).map(|(path, _)| path.clone());
        let changed =
            now.0.iter().filter(|&(path, stat)| self.0.get(path) != Some(stat)).map(|(path, _)| path.clone());
        gone.chain(changed).collect()
    }

    /// What became of a path that an event named; `now` is how the disk has it. Remembers it.
    pub(crate) fn resolve(&mut self, path: &Path, now: Option<Stat>, touch: Touch) -> Vec<Kind> {
        let before = self.0.get(path).copied();
        let is_folder = |stat: Option<Stat>| stat.is_some_and(|s| s.form == Form::Folder);
        let mut kinds = Vec::new();
        let Some(now) = now else {
            // A folder may have gone without an event for itself.
            let known = before.is_some() || self.beneath(path).next().is_some();
            self.forget(path);
            return if known { vec![Kind::Removed] } else { kinds };
        };
        if before.is_some() && is_folder(before) != is_folder(Some(now)) {
            self.forget(path);
            kinds.push(Kind::Removed);
        }
        self.0.insert(path.to_owned(), now);
        let same = before == Some(now);
        match now.form {
            Form::Folder if !same => kinds.push(Kind::Folder),
            Form::File if !same || touch >= Touch::Certain => kinds.push(Kind::Written),
            Form::Link if !same || touch >= Touch::Certain => kinds.push(Kind::Link),
            Form::Folder | Form::File | Form::Link => {}
        }
        kinds
    }

    /// The entries right below a folder.
    pub(crate) fn children(&self, folder: &Path) -> Vec<PathBuf> {
        self.beneath(folder)
            .filter(|(path, _)| path.parent() == Some(folder))
            .map(|(path, _)| path.clone())
            .collect()
    }

    fn forget(&mut self, path: &Path) {
        let gone: Vec<_> = self.beneath(path).map(|(path, _)| path.clone()).collect();
        for path in gone {
            self.0.remove(&path);
        }
        self.0.remove(path);
    }

    /// What lies below a path, without itself. Paths are ordered by their parts, so that is one stretch.
    fn beneath<'a>(&'a self, path: &'a Path) -> impl Iterator<Item = (&'a PathBuf, &'a Stat)> {
        self.0
            .range::<Path, _>((Bound::Excluded(path), Bound::Unbounded))
            .take_while(move |(other, _)| other.starts_with(path))
    }
}
