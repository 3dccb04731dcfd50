//! What is known to be in a service's container of what its rules cover.
//!
//! Kept in the stack's folder, so that a session that follows one which was killed knows what was changed, and what was
//! deleted, while nobody watched.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use ::watch::{Change, Covered, Kind};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Record {
    /// The container's id.
    pub container: String,
    /// A number for the rules and whatever else decides what is in the container.
    pub rules: u64,
    files: Vec<Known>,
}

/// A path as it was when it went to the container.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Known {
    rule: usize,
    path: PathBuf,
    folder: bool,
    mark: u64,
}

impl Record {
    /// That all of this is in the container but for these changes, which are yet to come.
    pub(super) fn new(container: &str, rules: u64, found: &[Covered], missing: &[Change]) -> Self {
        let missing: BTreeSet<_> = missing.iter().map(|c| (c.rule, c.path.as_path())).collect();
        let files = found.iter().filter(|c| !missing.contains(&(c.rule, c.path.as_path()))).map(Known::of);
        let mut files: Vec<Known> = files.collect();
        files.sort();
        Self { container: container.to_owned(), rules, files }
    }

    /// How what is there now differs from what is known.
    pub(super) fn changes(&self, found: &[Covered]) -> Vec<Change> {
        let known: BTreeMap<_, &Known> = self.files.iter().map(|k| ((k.rule, k.path.as_path()), k)).collect();
        let now: BTreeSet<_> = found.iter().map(|c| (c.rule, c.path.as_path())).collect();
        // A watched folder that went is a folder without content: its counterpart is not ours to remove.
        let is_root = |k: &Known| {
            k.folder && self.files.iter().all(|other| other.rule != k.rule || other.path >= k.path)
        };
        let gone = self.files.iter().filter(|k| !now.contains(&(k.rule, k.path.as_path())) && !is_root(k));
        let mut changes: Vec<Change> =
            gone.map(|k| Change { rule: k.rule, path: k.path.clone(), kind: Kind::Removed }).collect();
        for c in found {
            let before = known.get(&(c.rule, c.path.as_path()));
            if before.is_some_and(|k| k.mark == c.mark) {
                continue;
            }
            if before.is_some_and(|k| k.folder != (c.kind == Kind::Folder)) {
                changes.push(Change { rule: c.rule, path: c.path.clone(), kind: Kind::Removed });
            }
            changes.push(Change { rule: c.rule, path: c.path.clone(), kind: c.kind });
        }
        changes.sort_by(|a, b| (a.rule, &a.path).cmp(&(b.rule, &b.path)));
        changes
    }

    /// These changes have come to the container; each with its path's mark from before it was sent. What was something
    /// else by then was not sent, so that what is there is what was there before.
    pub(super) fn learn(&mut self, done: &[(Change, Option<u64>)]) {
        for (change, mark) in done {
            if change.kind != Kind::Removed && mark.is_none() {
                continue;
            }
            self.files.retain(|k| {
                k.rule != change.rule
                    || if change.kind == Kind::Removed {
                        !k.path.starts_with(&change.path)
                    } else {
                        k.path != change.path
                    }
            });
            if let Some(mark) = mark.filter(|_| change.kind != Kind::Removed) {
                let (rule, path) = (change.rule, change.path.clone());
                self.files.push(Known { rule, path, folder: change.kind == Kind::Folder, mark });
            }
        }
        self.files.sort();
    }

    /// What an earlier session wrote; `None` when there is nothing that can be used.
    pub(super) fn read(file: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(file).ok()?).ok()
    }

    /// Writes it so that a reader finds the old or the new one, and nothing in between.
    pub(super) fn write(&self, file: &Path) -> std::io::Result<()> {
        let folder = file.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let new = file.with_extension("new");
        std::fs::write(&new, serde_json::to_vec(self)?)?;
        std::fs::rename(new, file)
    }
}

impl Known {
    fn of(c: &Covered) -> Self {
        Self { rule: c.rule, path: c.path.clone(), folder: c.kind == Kind::Folder, mark: c.mark }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covered(all: &[(&str, Kind, u64)]) -> Vec<Covered> {
        all.iter().map(|&(path, kind, mark)| Covered { rule: 0, path: path.into(), kind, mark }).collect()
    }

    fn change(path: &str, kind: Kind) -> Change {
        Change { rule: 0, path: path.into(), kind }
    }

    #[test]
    fn what_changed_meanwhile_is_told_once() {
        let before = covered(&[
            ("/w", Kind::Folder, 0),
            ("/w/a", Kind::Written, 1),
            ("/w/b", Kind::Folder, 0),
            ("/w/b/x", Kind::Written, 1),
            ("/w/c", Kind::Written, 1),
            ("/w/d", Kind::Written, 1),
        ]);
        let mut record = Record::new("id", 7, &before, &[]);
        assert_eq!(record.changes(&before), []);
        let now = covered(&[
            ("/w", Kind::Folder, 0),
            ("/w/a", Kind::Written, 2),
            ("/w/c", Kind::Written, 1),
            ("/w/d", Kind::Folder, 0),
            ("/w/e", Kind::Link, 5),
        ]);
        let changes = record.changes(&now);
        let expected = [
            change("/w/a", Kind::Written),
            change("/w/b", Kind::Removed),
            change("/w/b/x", Kind::Removed),
            change("/w/d", Kind::Removed),
            change("/w/d", Kind::Folder),
            change("/w/e", Kind::Link),
        ];
        assert_eq!(changes, expected);
        // What did not come to the container is still missing.
        assert_eq!(Record::new("id", 7, &now, &[change("/w/a", Kind::Written)]).changes(&now), expected[..1]);
        let mark = |c: &Change| now.iter().find(|n| n.path == c.path).map(|n| n.mark);
        record.learn(&changes.iter().map(|c| (c.clone(), mark(c))).collect::<Vec<_>>());
        assert_eq!(record.changes(&now), []);
    }

    #[test]
    fn the_watched_folder_itself_is_never_removed() {
        let before = covered(&[("/w", Kind::Folder, 0), ("/w/a", Kind::Written, 1)]);
        let record = Record::new("id", 7, &before, &[]);
        assert_eq!(record.changes(&[]), [change("/w/a", Kind::Removed)]);
        let file = Record::new("id", 7, &covered(&[("/w/a", Kind::Written, 1)]), &[]);
        assert_eq!(file.changes(&[]), [change("/w/a", Kind::Removed)]);
    }

    #[test]
    fn it_survives_its_session() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("synced/orders.json");
        assert_eq!(Record::read(&file), None);
        let record = Record::new("id", u64::MAX, &covered(&[("/w/a", Kind::Written, u64::MAX)]), &[]);
        record.write(&file).unwrap();
        assert_eq!(Record::read(&file), Some(record));
        std::fs::write(&file, "{").unwrap();
        assert_eq!(Record::read(&file), None);
    }

    #[test]
    fn what_became_something_else_before_it_was_sent_is_not_taken_for_sent() {
        let before = covered(&[("/w", Kind::Folder, 0), ("/w/a", Kind::Written, 1)]);
        let mut record = Record::new("id", 7, &before, &[]);
        record.learn(&[(change("/w/a", Kind::Written), None)]);
        let now = covered(&[("/w", Kind::Folder, 0), ("/w/a", Kind::Folder, 0)]);
        assert_eq!(record.changes(&now), [change("/w/a", Kind::Removed), change("/w/a", Kind::Folder)]);
    }
}
