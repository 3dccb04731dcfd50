//! What a segment holds when the store is opened: all that was acknowledged, and nothing torn.

use std::fs;
use std::io;
use std::path::Path;

use super::map::Mapped;
use super::record::{RECORD, Record, Zones};
use super::segment::{ENTRY, Segment, entry};
use super::writer::Lengths;
use crate::error::LogError;

/// The bases of the segments in a service's folder, in order. Files without an index are what an eviction that was
/// interrupted left, and go.
pub(crate) fn bases(dir: &Path) -> Result<Vec<u64>, LogError> {
    let failed = |e| LogError::io("list", dir, e);
    let mut bases = Vec::new();
    let mut orphans = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let Some(name) = name.to_str() else { continue };
        match Segment::base_of(name) {
            Some(base) => bases.push(base),
            None => orphans.extend(name.split_once('.').map(|(base, _)| base.to_owned())),
        }
    }
    for base in orphans.iter().filter_map(|name| u64::from_str_radix(name, 16).ok()) {
        if !bases.contains(&base) {
            let segment = Segment::new(dir, base);
            segment.remove().map_err(|e| LogError::io("remove", segment.text.path(), e))?;
        }
    }
    bases.sort_unstable();
    Ok(bases)
}

/// The whole lines of a segment.
#[derive(Debug, Default)]
pub(crate) struct Whole {
    pub(crate) zones: Zones,
    pub(crate) asides: u32,
    /// To which lengths the files are to be cut.
    pub(crate) lengths: Lengths,
}

/// Reads the index and finds where the segment is whole; changes nothing.
pub(crate) fn whole(segment: &Segment) -> Result<Whole, LogError> {
    let read =
        |source: &super::map::Source| source.upto(1).map_err(|e| LogError::io("read", source.path(), e));
    let (index, text) = (read(&segment.index)?, read(&segment.text)?);
    let mut zones = Zones::default();
    for line in 0..u32::try_from(index.len() / RECORD).unwrap_or(u32::MAX) {
        match Record::read(&index, line) {
            Some(record) if record.end > zones.end && record.end as usize <= text.len() => zones.push(record),
            _ => break,
        }
    }
    // A power cut may have kept the index and lost the text: the last line must end as lines do.
    if zones.end > 0 && text.get(zones.end as usize - 1) != Some(&b'\n') {
        zones = without_torn(&index, &text);
    }
    let (asides, aside) = asides(&read(&segment.aside_index)?, read(&segment.aside)?.len(), zones.lines);
    let lengths = Lengths {
        text: u64::from(zones.end),
        index: u64::from(zones.lines) * RECORD as u64,
        aside: u64::from(aside),
        aside_index: u64::from(asides) * ENTRY as u64,
    };
    Ok(Whole { zones, asides, lengths })
}

/// The lines up to the first that does not end with a line feed.
fn without_torn(index: &Mapped, text: &Mapped) -> Zones {
    let mut zones = Zones::default();
    for line in 0.. {
        match Record::read(index, line) {
            Some(record) if record.end > zones.end && text.get(record.end as usize - 1) == Some(&b'\n') => {
                zones.push(record);
            }
            _ => break,
        }
    }
    zones
}

/// How many entries belong to whole lines, and the bytes that they cover.
fn asides(index: &Mapped, bytes: usize, lines: u32) -> (u32, u32) {
    let (mut count, mut end, mut next) = (0, 0, 0);
    while let Some((line, stop)) = entry(index, count) {
        if line < next || line >= lines || stop <= end || stop as usize > bytes {
            break;
        }
        (count, end, next) = (count + 1, stop, line + 1);
    }
    (count, end)
}

/// Cuts the files of a segment that nobody will write again.
pub(crate) fn cut(segment: &Segment, lengths: Lengths) -> Result<(), LogError> {
    let files = [
        (&segment.text, lengths.text),
        (&segment.index, lengths.index),
        (&segment.aside, lengths.aside),
        (&segment.aside_index, lengths.aside_index),
    ];
    for (source, length) in files {
        let path = source.path();
        let cut = || match fs::metadata(path) {
            Ok(found) if found.len() > length => {
                fs::OpenOptions::new().write(true).open(path)?.set_len(length)
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        cut().map_err(|e| LogError::io("cut", path, e))?;
    }
    Ok(())
}
