//! What a container should hold, to be compared with what it holds.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use model::frame::{Entry, Look};
use model::hash::fnv1a_of;
use watch::Kind;

/// What should be at `to` as it is at `from`; `None` for what has gone or become something else meanwhile, or cannot be
/// read: its own change tells. Reads the whole file.
pub(crate) fn expected(from: &Path, kind: Kind, to: String) -> Option<Entry> {
    let look = match kind {
        Kind::Written => file(from).ok()?,
        Kind::Folder => Look::Folder,
        Kind::Link => Look::Link { target: fs::read_link(from).ok()?.to_string_lossy().into_owned() },
        Kind::Removed => return None,
    };
    Some(Entry { path: to, look })
}

fn file(path: &Path) -> io::Result<Look> {
    let mut file = File::open(path)?;
    let executable = file.metadata()?.permissions().mode() & 0o111 != 0;
    let (hash, length) = fnv1a_of(&mut file)?;
    Ok(Look::File { length, hash, executable })
}
