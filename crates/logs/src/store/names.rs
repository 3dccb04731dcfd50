//! The names of a service's instances, by the numbers that the index has for them.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::LogError;

/// A table that only grows: a name a line.
#[derive(Debug)]
pub(crate) struct Names {
    path: PathBuf,
    file: File,
    all: Arc<Vec<Arc<str>>>,
}

impl Names {
    /// Reads the table in `dir`; a name that is not whole is cut.
    pub(crate) fn open(dir: &Path) -> Result<Self, LogError> {
        let path = dir.join("instances");
        let failed = |e| LogError::io("open", &path, e);
        let file = OpenOptions::new().create(true).append(true).open(&path).map_err(failed)?;
        let bytes = std::fs::read(&path).map_err(failed)?;
        let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        file.set_len(whole as u64).map_err(failed)?;
        let text = String::from_utf8_lossy(&bytes[..whole]);
        let all = Arc::new(text.lines().map(Arc::from).collect());
        Ok(Self { path, file, all })
    }

    /// All names in order of their numbers.
    pub(crate) fn all(&self) -> Arc<Vec<Arc<str>>> {
        self.all.clone()
    }

    /// The number of a name, which is given one when it is new. A table that is full has one number for the rest.
    pub(crate) fn number(&mut self, name: &str) -> Result<u16, LogError> {
        if let Some(at) = self.all.iter().position(|known| &**known == name) {
            return Ok(at as u16);
        }
        if self.all.len() >= usize::from(u16::MAX) {
            return Ok(u16::MAX);
        }
        let written = name.replace(['\n', '\r'], "?");
        self.file
            .write_all(format!("{written}\n").as_bytes())
            .map_err(|e| LogError::io("write", &self.path, e))?;
        Arc::make_mut(&mut self.all).push(name.into());
        Ok((self.all.len() - 1) as u16)
    }
}
