//! The growing end of a service's log.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use super::record::Record;
use super::segment::Segment;
use crate::error::LogError;
use crate::text::escapes::varint;

/// Lines that are not written yet are at most so many bytes.
const PENDING: usize = 1 << 20;

/// Appends to one file, which stands at its end; what is pending becomes part of it in one write.
#[derive(Debug)]
struct Tail {
    file: File,
    length: u64,
    pending: Vec<u8>,
}

impl Tail {
    fn open(path: &Path, length: u64) -> io::Result<Self> {
        // A file may be longer than what counts of it; the rest goes.
        let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
        file.set_len(length)?;
        file.seek(SeekFrom::Start(length))?;
        Ok(Self { file, length, pending: Vec::new() })
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        self.file.write_all(&self.pending)?;
        self.length += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }

    fn revert(&mut self, length: u64) {
        self.pending.clear();
        self.length = length;
        // A tail that cannot be cut is cut when the store is opened again.
        drop(self.file.set_len(length).and_then(|()| self.file.seek(SeekFrom::Start(length))));
    }
}

/// Writes one segment. The index is written last: a line whose record is there is there whole.
#[derive(Debug)]
pub(crate) struct Writer {
    text: Tail,
    index: Tail,
    aside: Tail,
    aside_index: Tail,
}

/// How long the files of a segment are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Lengths {
    pub(crate) text: u64,
    pub(crate) index: u64,
    pub(crate) aside: u64,
    pub(crate) aside_index: u64,
}

impl Lengths {
    pub(crate) fn sum(self) -> u64 {
        self.text + self.index + self.aside + self.aside_index
    }
}

impl Writer {
    /// Opens or creates the files and cuts each to its length.
    pub(crate) fn open(segment: &Segment, at: Lengths) -> Result<Self, LogError> {
        let tail = |source: &super::map::Source, length| {
            Tail::open(source.path(), length).map_err(|e| LogError::io("write", source.path(), e))
        };
        Ok(Self {
            text: tail(&segment.text, at.text)?,
            index: tail(&segment.index, at.index)?,
            aside: tail(&segment.aside, at.aside)?,
            aside_index: tail(&segment.aside_index, at.aside_index)?,
        })
    }

    /// Bytes of text when all that is pending is written.
    pub(crate) fn end(&self) -> u64 {
        self.text.length + self.text.pending.len() as u64
    }

    /// Bytes of all files when all that is pending is written.
    pub(crate) fn bytes(&self) -> u64 {
        [&self.text, &self.index, &self.aside, &self.aside_index]
            .map(|tail| tail.length + tail.pending.len() as u64)
            .iter()
            .sum()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.text.pending.len() >= PENDING
    }

    pub(crate) fn lengths(&self) -> Lengths {
        Lengths {
            text: self.text.length,
            index: self.index.length,
            aside: self.aside.length,
            aside_index: self.aside_index.length,
        }
    }

    pub(crate) fn push_text(&mut self, text: &[u8]) {
        self.text.pending.extend_from_slice(text);
        self.text.pending.push(b'\n');
    }

    pub(crate) fn push_record(&mut self, record: Record) {
        record.write(&mut self.index.pending);
    }

    pub(crate) fn push_aside(&mut self, line: u32, moved: i64, escapes: &[u8]) {
        varint(&mut self.aside.pending, moved as u64);
        self.aside.pending.extend_from_slice(escapes);
        let end = self.aside.length + self.aside.pending.len() as u64;
        self.aside_index.pending.extend_from_slice(&line.to_le_bytes());
        self.aside_index.pending.extend_from_slice(&(end as u32).to_le_bytes());
    }

    /// Hands all that is pending to the system, or none of it.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        let before = self.lengths();
        let written = self
            .aside
            .flush()
            .and_then(|()| self.aside_index.flush())
            .and_then(|()| self.text.flush())
            .and_then(|()| self.index.flush());
        if written.is_err() {
            self.index.revert(before.index);
            self.text.revert(before.text);
            self.aside_index.revert(before.aside_index);
            self.aside.revert(before.aside);
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_that_fails_halfway_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let segment = Segment::new(dir.path(), 0);
        let mut writer = Writer::open(&segment, Lengths::default()).unwrap();
        let push = |writer: &mut Writer, text: &[u8]| {
            writer.push_text(text);
            writer.push_aside(0, 0, b"x");
            let end = writer.end() as u32;
            writer.push_record(Record { ts: 1, end, instance: 0, level: 0, flags: 0 });
        };
        push(&mut writer, b"first");
        writer.flush().unwrap();
        let before = writer.lengths();
        assert_eq!((before.text, before.index, writer.end()), (6, 16, 6));
        // The index comes last; it cannot be written through this.
        let index = std::mem::replace(&mut writer.index.file, File::open(segment.index.path()).unwrap());
        push(&mut writer, b"second");
        writer.flush().unwrap_err();
        assert_eq!((writer.lengths(), writer.end(), writer.bytes()), (before, 6, before.sum()));
        assert_eq!(std::fs::read(segment.text.path()).unwrap(), b"first\n");
        writer.index.file = index;
        push(&mut writer, b"third");
        writer.flush().unwrap();
        assert_eq!(std::fs::read(segment.text.path()).unwrap(), b"first\nthird\n");
    }
}
