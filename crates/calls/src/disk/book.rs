//! What was counted, in one file that is replaced as a whole: a session that is killed leaves the one before.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use super::hash;

/// How the file begins. The number is that of the layout of what follows: its hash, and what was counted.
const MAGIC: &[u8; 16] = b"shoal counts 01\n";
const HEAD: usize = MAGIC.len() + 4;

pub(super) fn path(dir: &Path) -> PathBuf {
    dir.join("counts")
}

pub(super) fn write(dir: &Path, book: &[u8]) -> io::Result<()> {
    let new = dir.join("counts.new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(MAGIC)?;
    file.write_all(&hash(book).to_le_bytes())?;
    file.write_all(book)?;
    drop(file);
    // What a power cut leaves of it is known by its hash.
    fs::rename(&new, path(dir))
}

pub(super) fn read<T: DeserializeOwned>(dir: &Path) -> io::Result<Option<T>> {
    let bytes = match fs::read(path(dir)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let book = bytes.get(HEAD..).filter(|book| {
        bytes.starts_with(MAGIC) && bytes.get(MAGIC.len()..HEAD) == Some(hash(book).to_le_bytes().as_slice())
    });
    let read = book.and_then(|book| postcard::from_bytes(book).ok());
    read.map(Some).ok_or_else(damaged)
}

pub(super) fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it is damaged, or of another version of Shoal")
}
