//! The watches that are set, one for each folder.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

use crate::WatchError;
use crate::tree::{Tree, is_gone};

/// What tells one folder from another, whatever their paths: device and number.
type Identity = (u64, u64);

/// Makes the library's side of the watches.
type Open = Box<dyn Fn() -> notify::Result<RecommendedWatcher> + Send>;

/// Folders by path, and each folder by what it is.
///
/// The kernel has one watch for a folder, by what it is; the library knows paths. A folder that moved may be found at
/// its new place before the library has read of the move. Left to itself, the library would then have two paths for
/// one watch, and end it with the wrong one. So no folder is ever given a second path here: the first is taken back.
pub(crate) struct Watches {
    open: Open,
    /// `None` while the system allows no more of them.
    backend: Option<RecommendedWatcher>,
    folders: BTreeMap<PathBuf, Identity>,
    paths: HashMap<Identity, PathBuf>,
}

impl Watches {
    pub(crate) fn new(open: Open) -> Self {
        Self { open, backend: None, folders: BTreeMap::new(), paths: HashMap::new() }
    }

    fn set(&mut self, path: &Path, mode: RecursiveMode) -> Result<(), WatchError> {
        let named = |error| WatchError::from_notify(error, path.to_owned());
        let backend = match &mut self.backend {
            Some(backend) => backend,
            none => none.insert((self.open)().map_err(named)?),
        };
        backend.watch(path, mode).map_err(named)
    }

    /// Watches a folder; nothing when it is watched, not there any more, or closed to us, as reading it then tells.
    pub(crate) fn add(&mut self, folder: &Path) -> Result<(), WatchError> {
        let Some(identity) = identity(folder) else { return Ok(()) };
        if self.folders.get(folder) == Some(&identity) {
            return Ok(());
        }
        self.take_back(folder);
        if let Some(former) = self.paths.get(&identity).cloned() {
            self.take_back(&former);
        }
        match self.set(folder, RecursiveMode::NonRecursive) {
            Ok(()) => {
                self.folders.insert(folder.to_owned(), identity);
                self.paths.insert(identity, folder.to_owned());
                Ok(())
            }
            Err(WatchError::Path { source, .. })
                if is_gone(&source) || source.kind() == io::ErrorKind::PermissionDenied =>
            {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Watches the folder in which a tree's root comes and goes. While its watch was being set, one nearer to the
    /// root may have come.
    pub(crate) fn add_anchor(&mut self, tree: &Tree) -> Result<(), WatchError> {
        loop {
            let anchor = tree.anchor();
            self.add(anchor)?;
            if tree.anchor() == anchor {
                return Ok(());
            }
        }
    }

    /// Watches a folder with all in it, where the system can do that at once.
    pub(crate) fn add_all_beneath(&mut self, root: &Path) -> Result<(), WatchError> {
        let Some(identity) = identity(root).filter(|_| !self.folders.contains_key(root)) else {
            return Ok(());
        };
        self.set(root, RecursiveMode::Recursive)?;
        self.folders.insert(root.to_owned(), identity);
        Ok(())
    }

    /// A folder went, came or moved: the watches on it and beneath are taken back, and set again by who finds it.
    pub(crate) fn forget(&mut self, path: &Path) {
        let beneath = self
            .folders
            .range::<Path, _>((Bound::Included(path), Bound::Unbounded))
            .take_while(|(folder, _)| folder.starts_with(path));
        for folder in beneath.map(|(folder, _)| folder.clone()).collect::<Vec<_>>() {
            self.take_back(&folder);
        }
    }

    fn take_back(&mut self, folder: &Path) {
        if let Some(identity) = self.folders.remove(folder) {
            if self.paths.get(&identity).is_some_and(|path| path == folder) {
                self.paths.remove(&identity);
            }
            if let Some(backend) = &mut self.backend {
                // It is no error that the library was faster.
                drop(backend.unwatch(folder));
            }
        }
    }
}

#[cfg(unix)]
fn identity(folder: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(folder).ok().filter(fs::Metadata::is_dir).map(|found| (found.dev(), found.ino()))
}

/// Where folders have no number their path stands for it: only Linux watches more than a few of them one by one.
#[cfg(not(unix))]
fn identity(folder: &Path) -> Option<Identity> {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    folder.hash(&mut hasher);
    fs::metadata(folder).ok().filter(fs::Metadata::is_dir).map(|_| (0, hasher.finish()))
}
