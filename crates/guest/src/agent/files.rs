//! Writing, linking and removing files in the container, so that its own watchers see one change.

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{self as unix, DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};
use std::process;

use crate::reason;

/// How a file's new content takes the place of the old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// A new file is renamed over the old: nobody ever reads half of it.
    Replace,
    /// The old file is written into: whoever watches or has mounted it goes on seeing it.
    InPlace,
}

/// The file that is being received.
#[derive(Debug, Default)]
pub(super) struct Files {
    pending: Option<Pending>,
}

#[derive(Debug)]
struct Pending {
    path: PathBuf,
    file: File,
    /// The file beside it that takes its place in the end; `None` when written in place.
    temporary: Option<PathBuf>,
}

impl Files {
    /// Begins a file with its first bytes.
    pub(super) fn put(
        &mut self,
        path: &str,
        mode: u32,
        way: Way,
        bytes: &[u8],
        last: bool,
    ) -> Result<(), String> {
        self.abandon();
        let begin = || Pending::begin(checked(path)?, mode, way);
        self.pending = Some(begin().map_err(|error| failed("write", path, &error))?);
        self.append(bytes, last)
    }

    /// Adds bytes to the file that was begun; the last ones put it into its place.
    pub(super) fn append(&mut self, bytes: &[u8], last: bool) -> Result<(), String> {
        let Some(mut pending) = self.pending.take() else {
            return Err("write: no file was begun".to_owned());
        };
        let path = pending.path.clone();
        let done = pending.file.write_all(bytes).and_then(|()| if last { pending.finish() } else { Ok(()) });
        if done.is_err() {
            pending.discard();
        } else if !last {
            self.pending = Some(pending);
        }
        done.map_err(|error| failed("write", &path.to_string_lossy(), &error))
    }

    /// Forgets a file of which the end did not come.
    pub(super) fn abandon(&mut self) {
        if let Some(pending) = self.pending.take() {
            pending.discard();
        }
    }
}

impl Pending {
    fn begin(path: PathBuf, mode: u32, way: Way) -> io::Result<Self> {
        make_parents(&path)?;
        let existing = fs::symlink_metadata(&path).ok();
        if existing.as_ref().is_some_and(Metadata::is_dir) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let existing = existing.filter(Metadata::is_file);
        if way == Way::InPlace && existing.is_some() {
            match OpenOptions::new().write(true).custom_flags(libc::O_NOFOLLOW).open(&path) {
                Ok(file) => return Ok(Self { path, file, temporary: None }),
                // A program that runs cannot be written into, only replaced.
                Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => {}
                Err(error) => return Err(error),
            }
        }
        let temporary = beside(&path);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        let pending = Self { path, file, temporary: Some(temporary) };
        pending.take_rights(existing.as_ref(), mode).inspect_err(|_| pending.remove_temporary())?;
        Ok(pending)
    }

    /// Gives the new file the owner and permissions of the old one, or those of a file made here by hand.
    fn take_rights(&self, existing: Option<&Metadata>, mode: u32) -> io::Result<()> {
        let own = self.file.metadata()?;
        let (uid, gid, mode) = if let Some(old) = existing {
            (old.uid(), old.gid(), kept_mode(old.mode(), mode))
        } else {
            let folder = fs::metadata(self.path.parent().unwrap_or(Path::new("/")))?;
            (folder.uid(), folder.gid(), mode & 0o777)
        };
        if (own.uid(), own.gid()) != (uid, gid) {
            unix::fchown(&self.file, Some(uid), Some(gid))?;
        }
        self.file.set_permissions(Permissions::from_mode(mode))
    }

    fn finish(&mut self) -> io::Result<()> {
        let Some(temporary) = &self.temporary else {
            // What was longer before.
            let length = io::Seek::stream_position(&mut self.file)?;
            return self.file.set_len(length);
        };
        match fs::rename(temporary, &self.path) {
            // A file that is mounted by itself cannot be replaced.
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                let mut mounted = OpenOptions::new().write(true).truncate(true).open(&self.path)?;
                io::copy(&mut File::open(temporary)?, &mut mounted)?;
                fs::remove_file(temporary)
            }
            done => done,
        }
    }

    fn discard(self) {
        self.remove_temporary();
    }

    fn remove_temporary(&self) {
        if let Some(temporary) = &self.temporary {
            drop(fs::remove_file(temporary));
        }
    }
}

/// The old file's permissions; only whether it can be executed follows the new one.
fn kept_mode(old: u32, new: u32) -> u32 {
    let readable = old & 0o444;
    (old & 0o7666) | if new & 0o111 == 0 { 0 } else { readable >> 2 }
}

/// Makes a symbolic link, in one step also where something else was.
pub(super) fn link(path: &str, target: &str) -> Result<(), String> {
    let attempt = || -> io::Result<()> {
        let path = checked(path)?;
        make_parents(&path)?;
        let temporary = beside(&path);
        unix::symlink(target, &temporary)?;
        let folder = fs::metadata(path.parent().unwrap_or(Path::new("/")))?;
        unix::lchown(&temporary, Some(folder.uid()), Some(folder.gid()))
            .and_then(|()| fs::rename(&temporary, &path))
            .inspect_err(|_| drop(fs::remove_file(&temporary)))
    };
    attempt().map_err(|error| failed("link", path, &error))
}

/// Makes a folder with its parents; fine when it is there.
pub(super) fn make_folder(path: &str, mode: u32) -> Result<(), String> {
    let attempt = || -> io::Result<()> {
        let path = checked(path)?;
        make_parents(&path)?;
        if path.is_dir() { Ok(()) } else { make_owned(&path, mode & 0o777) }
    };
    attempt().map_err(|error| failed("make the folder", path, &error))
}

/// Removes a file, a link itself, or a folder with all in it.
pub(super) fn delete(path: &str) -> Result<(), String> {
    let attempt = || -> io::Result<()> {
        let path = checked(path)?;
        if path.parent().is_none() {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let found = match fs::symlink_metadata(&path) {
            Ok(found) => found,
            Err(error) if is_absent(&error) => return Ok(()),
            Err(error) => return Err(error),
        };
        match if found.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) } {
            Err(error) if is_absent(&error) => Ok(()),
            // A mount's folder stays, empty.
            Err(error) if found.is_dir() && error.kind() == io::ErrorKind::ResourceBusy => Ok(()),
            done => done,
        }
    };
    attempt().map_err(|error| failed("delete", path, &error))
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Makes missing parents, each with the owner of the nearest one that was there.
fn make_parents(path: &Path) -> io::Result<()> {
    let Some(parent) = path.parent().filter(|parent| !parent.is_dir()) else { return Ok(()) };
    make_parents(parent)?;
    make_owned(parent, 0o755)
}

fn make_owned(folder: &Path, mode: u32) -> io::Result<()> {
    match fs::DirBuilder::new().mode(mode).create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => return Ok(()),
        done => done?,
    }
    let above = fs::metadata(folder.parent().unwrap_or(Path::new("/")))?;
    let own = fs::metadata(folder)?;
    if (own.uid(), own.gid()) == (above.uid(), above.gid()) {
        return Ok(());
    }
    unix::chown(folder, Some(above.uid()), Some(above.gid()))
}

/// A name in the same folder for what will be renamed. It starts with a dot, which watchers pass over.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // Long names are cut: 255 bytes is the most a name may have.
    let short: String = name.chars().take(48).collect();
    path.with_file_name(format!(".shoal-put-{}-{short}", process::id()))
}

/// Only absolute paths without `..` are taken.
fn checked(path: &str) -> io::Result<PathBuf> {
    let path = Path::new(path);
    let plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    if path.is_absolute() && plain {
        Ok(path.components().collect())
    } else {
        Err(io::ErrorKind::InvalidInput.into())
    }
}

fn failed(what: &str, path: &str, error: &io::Error) -> String {
    format!("{what} `{path}`: {}", reason(error))
}
