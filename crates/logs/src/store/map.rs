//! Files as memory.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use memmap2::{Mmap, MmapOptions};

/// No map is smaller.
const ROOM: usize = 1 << 20;

/// The bytes of a file up to when they were asked for; none for an empty file or one that is gone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mapped {
    map: Option<Arc<Mmap>>,
    /// So much of the map is file. It may be larger, so that a file which grows is not mapped again each time: every
    /// page of it would have to be found anew.
    length: usize,
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.map.as_deref().and_then(|map| map.get(..self.length)).unwrap_or_default()
    }
}

/// A file that is mapped when somebody reads it, and again when it has outgrown that.
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
        if mapped.length < length {
            *mapped = grown(&self.path, mapped.map.take())?;
        }
        Ok(mapped.clone())
    }
}

fn grown(path: &Path, known: Option<Arc<Mmap>>) -> io::Result<Mapped> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Mapped::default()),
        Err(error) => return Err(error),
    };
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    if length == 0 {
        return Ok(Mapped::default());
    }
    if let Some(map) = known.filter(|map| map.len() >= length) {
        return Ok(Mapped { map: Some(map), length });
    }
    // Beyond the end of a file Unix maps what will be there.
    let room = if cfg!(unix) { length.next_power_of_two().max(ROOM) } else { length };
    // SAFETY: the store's lock keeps other writers out; this process only appends behind what readers look at, cuts
    // files before any reader exists, and unlinks whole files, which a mapping outlives. What lies beyond the file's
    // end is given to nobody.
    #[expect(
        unsafe_code,
        reason = "only through a map is a search as fast as memory: three times the speed of reading"
    )]
    let map = unsafe { MmapOptions::new().len(room).map(&file)? };
    Ok(Mapped { map: Some(Arc::new(map)), length })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn a_file_that_grows_is_seen_without_being_mapped_again() {
        let dir = tempfile::tempdir().unwrap();
        let source = Source::new(dir.path().join("file"));
        assert!(source.upto(1).unwrap().is_empty());
        let mut file = File::create(source.path()).unwrap();
        let mut all = Vec::new();
        let mut last: *const u8 = std::ptr::null();
        for byte in 0..9_u8 {
            file.write_all(&vec![byte; 100_000]).unwrap();
            all.resize(all.len() + 100_000, byte);
            let mapped = source.upto(all.len()).unwrap();
            assert!(*mapped == *all);
            assert!(last.is_null() || last == mapped.as_ptr());
            last = if cfg!(unix) { mapped.as_ptr() } else { last };
        }
        std::fs::remove_file(source.path()).unwrap();
        assert!(*source.upto(all.len()).unwrap() == *all);
        assert!(source.upto(all.len() + 1).unwrap().is_empty());
    }
}
