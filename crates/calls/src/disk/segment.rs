//! One segment: a file of records and a file of bodies.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use model::Timestamp;
use serde::Serialize;

use super::{Record, hash};

/// How a file of records begins. The number is that of their layout, which is that of `model::call::Call`: a file of
/// another layout is not read.
const MAGIC: &[u8; 16] = b"shoal calls 002\n";
/// Length and hash of a record stand before it.
const HEAD: usize = 8;
/// No record is longer: what says so is torn.
const LONGEST: usize = 64 << 20;

#[derive(Debug)]
pub(super) struct Segment {
    pub(super) number: u32,
    /// Bytes of both files.
    pub(super) bytes: u64,
    /// When its newest call began, or the files were last written as long as that is not known.
    pub(super) latest: Timestamp,
}

impl Segment {
    /// What is in it, up to where it is torn.
    pub(super) fn read(&mut self, dir: &Path) -> Vec<Record> {
        let bytes = std::fs::read(records(dir, self.number)).unwrap_or_default();
        let mut rest = bytes.strip_prefix(MAGIC.as_slice()).unwrap_or_default();
        let mut found = Vec::new();
        let mut latest = None;
        while let Some((record, behind)) = take_record(rest) {
            rest = behind;
            let Ok(mut record) = postcard::from_bytes::<Record>(record) else { break };
            if let Record::Call(saved) = &mut record {
                saved.call.request.decoded = saved.decoded[0];
                if let Some(response) = &mut saved.call.response {
                    response.decoded = saved.decoded[1];
                }
                latest = latest.max(Some(saved.call.ts));
            }
            found.push(record);
        }
        self.latest = latest.unwrap_or(self.latest);
        found
    }

    /// Removes its files, the one last by which it is found again at the next start if that fails.
    pub(super) fn remove(&self, dir: &Path) {
        drop(std::fs::remove_file(bodies(dir, self.number)));
        drop(std::fs::remove_file(records(dir, self.number)));
    }
}

/// All segments in a folder, oldest first.
pub(super) fn all(dir: &Path) -> io::Result<VecDeque<Segment>> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".calls"));
        numbers.extend(number.and_then(|number| u32::from_str_radix(number, 16).ok()));
    }
    numbers.sort_unstable();
    let segment = |number| {
        let about = [records(dir, number), bodies(dir, number)].map(|path| std::fs::metadata(path).ok());
        let written = about[0].as_ref().and_then(|about| about.modified().ok());
        let latest = written.map(Timestamp::from_system).unwrap_or_default();
        Segment { number, bytes: about.iter().flatten().map(std::fs::Metadata::len).sum(), latest }
    };
    Ok(numbers.into_iter().map(segment).collect())
}

#[derive(Debug)]
pub(super) struct Writer {
    number: u32,
    records: File,
    bodies: File,
    /// How much of the file of bodies is written.
    written: u32,
}

impl Writer {
    /// Begins a segment with this number, or the next one that is free: a session that is just ending may still write.
    pub(super) fn create(dir: &Path, mut number: u32) -> io::Result<(Segment, Self)> {
        let create = |path| OpenOptions::new().append(true).create_new(true).mode(0o600).open(path);
        let mut records = loop {
            match create(records(dir, number)) {
                Ok(file) => break file,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number = number.wrapping_add(1),
                Err(error) => return Err(error),
            }
        };
        let bodies = create(bodies(dir, number))?;
        records.write_all(MAGIC)?;
        let segment = Segment { number, bytes: MAGIC.len() as u64, latest: Timestamp::default() };
        Ok((segment, Self { number, records, bodies, written: 0 }))
    }

    /// Where the next body will be.
    pub(super) fn place(&self) -> (u32, u32) {
        (self.number, self.written)
    }

    /// Bodies come before the records that name them.
    pub(super) fn write(&mut self, bodies: &[u8], records: &[u8]) -> io::Result<()> {
        self.bodies.write_all(bodies)?;
        self.records.write_all(records)?;
        self.written += bodies.len() as u32;
        Ok(())
    }
}

pub(super) fn put_record(out: &mut Vec<u8>, record: &impl Serialize) {
    // What is in a call has a length that is known, so this cannot fail; a record that could not be written is none.
    let Ok(bytes) = postcard::to_allocvec(record) else { return };
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(&hash(&bytes).to_le_bytes());
    out.extend_from_slice(&bytes);
}

fn take_record(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let number = |at: usize| bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
    let length = usize::try_from(number(0)?).ok().filter(|length| *length <= LONGEST)?;
    let record = bytes.get(HEAD..HEAD + length)?;
    (hash(record) == number(4)?).then(|| (record, bytes.get(HEAD + length..).unwrap_or_default()))
}

pub(super) fn read_at(file: &mut File, at: u64, length: usize) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = vec![0; length];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn records(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("{number:08x}.calls"))
}

pub(super) fn bodies(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("{number:08x}.bodies"))
}
