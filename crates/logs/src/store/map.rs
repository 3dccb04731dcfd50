//! Files as memory.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use memmap2::Mmap;

/// The bytes of a file up to when they were mapped; none for an empty file or one that is gone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mapped(Option<Arc<Mmap>>);

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.as_deref().map_or(&[], |map| map)
    }
}

/// A file that is mapped when somebody reads it, and again when it has grown.
#[derive(Debug)]
pub(crate) struct Source {
    path: PathBuf,
    mapped: Mutex<Mapped>,
}

impl Source {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, mapped: Mutex::default() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The file with at least `length` bytes, or what there is of it. A file that was evicted has none.
    pub(crate) fn upto(&self, length: usize) -> io::Result<Mapped> {
        let mut mapped = self.mapped.lock().unwrap_or_else(PoisonError::into_inner);
        if mapped.len() < length {
            *mapped = map(&self.path)?;
        }
        Ok(mapped.clone())
    }
}

fn map(path: &Path) -> io::Result<Mapped> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Mapped::default()),
        Err(error) => return Err(error),
    };
    if file.metadata()?.len() == 0 {
        return Ok(Mapped::default());
    }
    // SAFETY: the store's lock keeps other writers out; this process only appends behind what readers look at, cuts
    // files before any reader exists, and unlinks whole files, which a mapping outlives.
    #[expect(
        unsafe_code,
        reason = "only through a map is a search as fast as memory: three times the speed of reading"
    )]
    let map = unsafe { Mmap::map(&file)? };
    Ok(Mapped(Some(Arc::new(map))))
}
