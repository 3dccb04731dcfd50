//! One watched path: what counts beneath it, and what is known of it.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use model::plan::ReloadRule;

use crate::debounce::Touch;
use crate::filter::{Filter, Verdict};
use crate::snapshot::{Form, Snapshot, Stat};
use crate::{Change, Rule, WatchError};

pub(crate) struct Tree {
    /// `None` for a file beside the rules, such as the manifest.
    pub(crate) rule: Option<Rule>,
    /// The path as the user named it, and where it really is: events bear the latter.
    pub(crate) shown: PathBuf,
    pub(crate) real: PathBuf,
    filter: Option<Filter>,
    snapshot: Snapshot,
}

impl Tree {
    pub(crate) fn of_rule(rule: Rule) -> Result<Self, WatchError> {
        let shown = rule.rule.watch.clone();
        let real = real_path(&shown);
        let context = rule.context.as_deref().map(real_path);
        let filter = Filter::new(&real, &rule.rule, context.as_deref())?;
        Ok(Self { rule: Some(rule), shown, real, filter: Some(filter), snapshot: Snapshot::default() })
    }

    pub(crate) fn of_file(shown: PathBuf) -> Self {
        let real = real_path(&shown);
        Self { rule: None, shown, real, filter: None, snapshot: Snapshot::default() }
    }

    pub(crate) fn service(&self) -> Option<&str> {
        self.rule.as_ref().map(|rule| rule.service.as_str())
    }

    pub(crate) fn quiet(&self) -> Duration {
        self.rule.as_ref().map_or(ReloadRule::DEBOUNCE, |rule| rule.rule.debounce)
    }

    /// The folder that must be watched so that the root itself is seen to come and go.
    pub(crate) fn anchor(&self) -> &Path {
        self.real.ancestors().skip(1).find(|folder| folder.is_dir()).unwrap_or(Path::new("/"))
    }

    /// Whether what happened to a path may concern this tree, and whether it can count.
    pub(crate) fn verdict(&mut self, path: &Path, is_folder: bool) -> Verdict {
        match &mut self.filter {
            Some(filter) => filter.verdict(path, is_folder),
            None if path == self.real => Verdict::Counts,
            None => Verdict::Pruned,
        }
    }

    /// Whether the root lies beneath a path, so that the path's coming is the root's.
    pub(crate) fn lies_beneath(&self, path: &Path) -> bool {
        self.real.starts_with(path) && self.real != path
    }

    /// Whether a changed file changes what counts.
    pub(crate) fn is_ruled_by(&self, path: &Path) -> bool {
        self.filter.as_ref().is_some_and(|filter| filter.is_made_of(path))
    }

    /// Reads the lists of what is ignored again.
    pub(crate) fn renew_filter(&mut self) -> Result<(), WatchError> {
        let Some(rule) = &self.rule else { return Ok(()) };
        let context = rule.context.as_deref().map(real_path);
        self.filter = Some(Filter::new(&self.real, &rule.rule, context.as_deref())?);
        Ok(())
    }

    /// Takes what a first walk found as what was always there.
    pub(crate) fn remember(&mut self, found: Snapshot) {
        self.snapshot = found;
    }

    /// How the disk differs from what is known, beneath and at a path.
    pub(crate) fn differences(&self, path: &Path, found: &Snapshot) -> Vec<PathBuf> {
        let itself = self.snapshot.contains(path) && !found.contains(path);
        itself.then(|| path.to_owned()).into_iter().chain(self.snapshot.differences(path, found)).collect()
    }

    /// Walks what is at a path. `enter` is told of each folder before it is read, so that a watch set there misses
    /// nothing.
    pub(crate) fn walk(
        &mut self,
        from: &Path,
        enter: &mut dyn FnMut(&Path) -> Result<(), WatchError>,
    ) -> Result<Snapshot, WatchError> {
        let mut found = Snapshot::default();
        let mut waiting = vec![from.to_owned()];
        while let Some(path) = waiting.pop() {
            let Some(stat) = look(&path) else { continue };
            let is_folder = stat.form == Form::Folder;
            let verdict = self.verdict(&path, is_folder);
            if verdict == Verdict::Counts {
                found.insert(path.clone(), stat);
            }
            if !is_folder || verdict == Verdict::Pruned {
                continue;
            }
            enter(&path)?;
            match fs::read_dir(&path) {
                Ok(entries) => waiting.extend(entries.flatten().map(|entry| entry.path())),
                Err(error) if is_gone(&error) => {}
                Err(error) => {
                    tracing::warn!("`{}` cannot be read and is not watched: {error}", path.display());
                }
            }
        }
        Ok(found)
    }

    /// What the events of a batch amount to, for this tree.
    pub(crate) fn resolve(&mut self, path: &Path, touch: Touch) -> Vec<Change> {
        let now = look(path);
        // A watched folder that went is a folder without content: its counterpart in the container is not ours to
        // remove, only what we know to have come from here.
        let is_lost_root =
            now.is_none() && path == self.real && self.snapshot.form(path) == Some(Form::Folder);
        let paths = if is_lost_root { self.snapshot.children(path) } else { vec![path.to_owned()] };
        let index = self.rule.as_ref().map_or(0, |rule| rule.index);
        let mut changes = Vec::new();
        for path in paths {
            for kind in self.snapshot.resolve(&path, look(&path), touch) {
                changes.push(Change { rule: index, path: self.show(&path), kind });
            }
        }
        changes
    }

    pub(crate) fn show(&self, real: &Path) -> PathBuf {
        match real.strip_prefix(&self.real) {
            Ok(rest) if rest.as_os_str().is_empty() => self.shown.clone(),
            Ok(rest) => self.shown.join(rest),
            Err(_) => real.to_owned(),
        }
    }
}

/// Whether a folder is not there any more, or is something else by now: its own events tell.
pub(crate) fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// What a path is now, without following a link; `None` for what is not there or is neither file, folder nor link.
pub(crate) fn look(path: &Path) -> Option<Stat> {
    let found = fs::symlink_metadata(path).ok()?;
    let kind = found.file_type();
    let modified = found.modified().ok();
    if kind.is_dir() {
        Some(Stat { form: Form::Folder, mode: 0, number: 0, length: 0, modified: None })
    } else if kind.is_symlink() {
        Some(Stat { form: Form::Link, mode: 0, number: number(&found), length: found.len(), modified })
    } else if kind.is_file() {
        Some(Stat {
            form: Form::File,
            mode: mode(&found),
            number: number(&found),
            length: found.len(),
            modified,
        })
    } else {
        None
    }
}

#[cfg(unix)]
fn mode(found: &Metadata) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o777
}

#[cfg(not(unix))]
fn mode(found: &Metadata) -> u32 {
    if found.permissions().readonly() { 0o444 } else { 0o644 }
}

#[cfg(unix)]
fn number(found: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(found)
}

#[cfg(not(unix))]
fn number(_found: &Metadata) -> u64 {
    0
}

/// The path with all links in its parents resolved, as far as it exists.
fn real_path(path: &Path) -> PathBuf {
    if let Ok(real) = path.canonicalize() {
        return real;
    }
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => real_path(parent).join(name),
        _ => path.to_owned(),
    }
}
