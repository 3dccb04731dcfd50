//! What a container should hold, to be compared with what it holds.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use model::frame::{Entry, Look};
use model::hash::fnv1a_of;
use watch::Kind;

/// A file, folder or link of this machine and where it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expected<'a> {
    pub from: &'a Path,
    pub kind: Kind,
    pub to: String,
}

/// What is to be compared for it; `None` for what has gone or become something else meanwhile, or cannot be read: its
/// own change, or the attempt to send it, tells. Reads the whole file.
pub(crate) fn expected(of: Expected) -> Option<Entry> {
    let look = match of.kind {
        Kind::Written => file(of.from).ok()?,
        Kind::Folder => Look::Folder,
        Kind::Link => Look::Link { target: fs::read_link(of.from).ok()?.to_string_lossy().into_owned() },
        Kind::Removed => return None,
    };
    Some(Entry { path: of.to, look })
}

fn file(path: &Path) -> io::Result<Look> {
    let mut file = File::open(path)?;
    let executable = file.metadata()?.permissions().mode() & 0o111 != 0;
    let (hash, length) = fnv1a_of(&mut file)?;
    Ok(Look::File { length, hash, executable })
}
