//! A part of one service's log: four files that only grow, until they are removed together.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::map::{Mapped, Source};
use super::record::{RECORD, Record, Zone};
use crate::text::escapes::{join, read_varint};

/// Bytes of one entry of the aside index: line number and end.
pub(crate) const ENTRY: usize = 8;

/// The files of a segment, named by the number of its first line.
#[derive(Debug)]
pub(crate) struct Segment {
    /// The number of the first line within the service.
    pub(crate) base: u64,
    /// Lines without escapes, a line feed after each.
    pub(crate) text: Source,
    /// A [`Record`] for every line.
    pub(crate) index: Source,
    /// What lines have beside their text; only of those that have something.
    pub(crate) aside: Source,
    /// Line number and end for each of those, 4 bytes each.
    pub(crate) aside_index: Source,
}

impl Segment {
    pub(crate) fn new(dir: &Path, base: u64) -> Self {
        let file = |ending: &str| Source::new(dir.join(format!("{base:016x}.{ending}")));
        Self {
            base,
            text: file("text"),
            index: file("index"),
            aside: file("aside"),
            aside_index: file("asides"),
        }
    }

    /// The base in the name of a segment's index file.
    pub(crate) fn base_of(name: &str) -> Option<u64> {
        let digits = name.strip_suffix(".index").filter(|digits| digits.len() == 16)?;
        u64::from_str_radix(digits, 16).ok()
    }

    /// Removes the files, the index first: without it the others are no segment. Who has them mapped still reads.
    pub(crate) fn remove(&self) -> io::Result<()> {
        for source in [&self.index, &self.text, &self.aside_index, &self.aside] {
            match fs::remove_file(source.path()) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

/// A segment up to one moment.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub(crate) segment: Arc<Segment>,
    pub(crate) lines: u32,
    /// Bytes of text.
    pub(crate) end: u32,
    /// Entries in the aside index.
    pub(crate) asides: u32,
    pub(crate) zones: Arc<[Zone]>,
}

impl View {
    /// Maps what reading needs.
    pub(crate) fn open(&self) -> io::Result<Pages> {
        Ok(Pages {
            index: self.segment.index.upto(self.lines as usize * RECORD)?,
            text: self.segment.text.upto(self.end as usize)?,
        })
    }

    /// What the line has beside its text.
    pub(crate) fn aside(&self, line: u32) -> io::Result<Option<Aside>> {
        let index = self.segment.aside_index.upto(self.asides as usize * ENTRY)?;
        let entries = (self.asides as usize).min(index.len() / ENTRY) as u32;
        let (mut low, mut high) = (0, entries);
        while low < high {
            let middle = low + (high - low) / 2;
            if entry(&index, middle).is_some_and(|(number, _)| number < line) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let Some((number, end)) = entry(&index, low).filter(|_| low < entries) else { return Ok(None) };
        let start = low.checked_sub(1).and_then(|before| entry(&index, before)).map_or(0, |(_, end)| end);
        let bytes = self.segment.aside.upto(end as usize)?;
        let found = bytes.get(start as usize..end as usize).filter(|_| number == line);
        Ok(found.and_then(Aside::read))
    }
}

/// An entry of the aside index.
pub(crate) fn entry(index: &[u8], at: u32) -> Option<(u32, u32)> {
    let start = at as usize * ENTRY;
    let bytes: &[u8; ENTRY] = index.get(start..start + ENTRY)?.try_into().ok()?;
    let [l0, l1, l2, l3, e0, e1, e2, e3] = *bytes;
    Some((u32::from_le_bytes([l0, l1, l2, l3]), u32::from_le_bytes([e0, e1, e2, e3])))
}

/// What a line has beside its text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Aside {
    /// By how many nanoseconds the line's time was moved forward.
    pub(crate) moved: i64,
    /// The escapes that were taken out.
    escapes: Vec<u8>,
}

impl Aside {
    fn read(mut bytes: &[u8]) -> Option<Self> {
        let moved = i64::try_from(read_varint(&mut bytes)?).ok()?;
        Some(Self { moved, escapes: bytes.to_vec() })
    }

    /// The line as it came.
    pub(crate) fn whole(&self, text: &[u8]) -> Option<Vec<u8>> {
        if self.escapes.is_empty() { None } else { join(text, &self.escapes) }
    }
}

/// The mapped text and index of a segment. Whatever the files hold, reading gives bytes or nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pages {
    pub(crate) text: Mapped,
    pub(crate) index: Mapped,
}

impl Pages {
    pub(crate) fn record(&self, line: u32) -> Option<Record> {
        Record::read(&self.index, line)
    }

    /// Where the line's text begins.
    pub(crate) fn start(&self, line: u32) -> u32 {
        line.checked_sub(1).and_then(|before| self.record(before)).map_or(0, |record| record.end)
    }

    /// The line's text without its line feed.
    pub(crate) fn text(&self, line: u32) -> &[u8] {
        let Some(record) = self.record(line) else { return &[] };
        let bytes = self.text.get(self.start(line) as usize..record.end as usize).unwrap_or(&[]);
        bytes.strip_suffix(b"\n").unwrap_or(bytes)
    }
}
