//! A build's context as a tar, written while it is sent.

use std::fs::{self, File};
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::EngineError;
use crate::dockerignore::Ignored;

/// Bytes per piece.
const PIECE: usize = 64 * 1024;

/// The name of a Dockerfile that is outside the context, inside the tar.
const OUTSIDE: &str = ".dockerfile.outside-of-the-context";

/// What is sent.
pub(crate) struct Context {
    folder: PathBuf,
    dockerfile: PathBuf,
    ignored: Ignored,
    /// The Dockerfile's name inside the tar.
    pub(crate) dockerfile_name: String,
}

impl Context {
    pub(crate) fn new(folder: &Path, dockerfile: &Path) -> Result<Self, EngineError> {
        let unreadable = |path: &Path, error: &io::Error| EngineError::Unreadable {
            path: path.display().to_string(),
            cause: error.to_string(),
        };
        fs::read_dir(folder).map_err(|error| unreadable(folder, &error))?;
        File::open(dockerfile).map_err(|error| unreadable(dockerfile, &error))?;
        let dockerfile_name = match dockerfile.strip_prefix(folder) {
            Ok(inside) => inside.to_string_lossy().replace('\\', "/"),
            Err(_) => OUTSIDE.to_owned(),
        };
        Ok(Self {
            folder: folder.to_owned(),
            dockerfile: dockerfile.to_owned(),
            ignored: Ignored::of(folder, dockerfile)?,
            dockerfile_name,
        })
    }

    /// Writes the tar; blocks, and ends with an error when nobody takes the pieces any more.
    pub(crate) fn send(&self, pieces: &mpsc::Sender<io::Result<Bytes>>) {
        let mut archive =
            tar::Builder::new(Pieces { pieces: pieces.clone(), buffer: Vec::with_capacity(PIECE) });
        archive.follow_symlinks(false);
        let written =
            self.write(&mut archive).and_then(|()| archive.into_inner()).and_then(|mut out| out.flush());
        if let Err(error) = written {
            pieces.blocking_send(Err(error)).ok();
        }
    }

    fn write<W: Write>(&self, archive: &mut tar::Builder<W>) -> io::Result<()> {
        if self.dockerfile_name == OUTSIDE {
            append(archive, &self.dockerfile, Path::new(OUTSIDE))?;
        }
        self.write_folder(archive, Path::new(""))
    }

    fn write_folder<W: Write>(&self, archive: &mut tar::Builder<W>, inside: &Path) -> io::Result<()> {
        let mut entries: Vec<_> = fs::read_dir(self.folder.join(inside))?.collect::<Result<_, _>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path = inside.join(entry.file_name());
            // The builder itself needs these two, whatever the patterns say.
            let needed = path == Path::new(&self.dockerfile_name) || path == Path::new(".dockerignore");
            let ignored = !needed && self.ignored.is_ignored(&path);
            let is_folder = entry.file_type()?.is_dir();
            if is_folder && ignored {
                let leads_to_dockerfile = Path::new(&self.dockerfile_name).starts_with(&path);
                if !self.ignored.is_final() || leads_to_dockerfile {
                    self.write_folder(archive, &path)?;
                }
                continue;
            }
            if !ignored {
                append(archive, &entry.path(), &path)?;
            }
            if is_folder {
                self.write_folder(archive, &path)?;
            }
        }
        Ok(())
    }
}

/// One file, folder or symbolic link, owned by root as `docker` does it; sockets and the like are left out.
fn append<W: Write>(archive: &mut tar::Builder<W>, from: &Path, name: &Path) -> io::Result<()> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("`{}`: {error}", from.display()));
    let meta = fs::symlink_metadata(from).map_err(named)?;
    let mut header = tar::Header::new_gnu();
    header.set_metadata(&meta);
    header.set_uid(0);
    header.set_gid(0);
    if meta.is_symlink() {
        header.set_size(0);
        return archive.append_link(&mut header, name, fs::read_link(from).map_err(named)?);
    }
    if meta.is_dir() {
        header.set_size(0);
        return archive.append_data(&mut header, name, io::empty());
    }
    if meta.is_file() {
        // Exactly as long as the header says, even when the file changes meanwhile.
        let content = File::open(from).map_err(named)?.chain(io::repeat(0)).take(meta.len());
        return archive.append_data(&mut header, name, content);
    }
    Ok(())
}

/// Collects small writes into pieces.
struct Pieces {
    pieces: mpsc::Sender<io::Result<Bytes>>,
    buffer: Vec<u8>,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.buffer, Vec::with_capacity(PIECE));
        let sent = self.pieces.blocking_send(Ok(Bytes::from(piece)));
        sent.map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "the build has ended"))
    }
}
