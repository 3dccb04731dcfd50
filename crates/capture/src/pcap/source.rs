//! The bytes of a file, unpacked where it is packed.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Result};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use flate2::bufread::MultiGzDecoder;

/// Reads a file. Where it cannot be read on it seems to end, so that what was read before is not lost; [`Broken`] says
/// why.
pub(super) struct Source {
    inner: Box<dyn Read + Send>,
    broken: Broken,
}

/// Why a source ended before its end.
#[derive(Debug, Clone, Default)]
pub(super) struct Broken(Arc<Mutex<Option<String>>>);

impl Broken {
    pub(super) fn what(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Source {
    /// Opens a file; one that begins as gzip does (RFC 1952 section 2.3.1) is unpacked while it is read.
    pub(super) fn open(path: &Path) -> Result<(Self, Broken)> {
        let mut file = BufReader::new(File::open(path)?);
        let packed = file.fill_buf()?.starts_with(&[0x1f, 0x8b]);
        let inner: Box<dyn Read + Send> =
            if packed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
        let broken = Broken::default();
        Ok((Self { inner, broken: broken.clone() }, broken))
    }

    fn read_some(&mut self, into: &mut [u8]) -> Result<usize> {
        loop {
            match self.inner.read(into) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }
}

impl Read for Source {
    /// Fills all of `into` unless the file ends: its first block is looked for in what is read first.
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        let mut read = 0;
        while let Some(room) = into.get_mut(read..).filter(|room| !room.is_empty()) {
            match self.read_some(room) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) => {
                    let what = format!("it cannot be read on or unpacked there ({error})");
                    *self.broken.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(what);
                    self.inner = Box::new(std::io::empty());
                    break;
                }
            }
        }
        Ok(read)
    }
}
