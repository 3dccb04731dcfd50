//! Records in a request or a response: batches (magic 2), and message sets before them (magic 0 and 1). They are
//! counted by their heads, and shown where they are not compressed.

use super::fields::{Blob, Fields};
use crate::json;

/// What a batch's attributes say.
const COMPRESSION: i16 = 7;
const CONTROL: i16 = 32;
/// Bytes of an offset and a size.
pub(super) const ENTRY_HEAD: usize = 12;
/// Bytes up to the format and the attributes of a message, with those of its offset and size.
pub(super) const HEAD_AT_LEAST: usize = 18;
/// Bytes of a batch up to its first record, with those of its offset and size.
pub(super) const BATCH_HEAD: usize = ENTRY_HEAD + BATCH_COUNT + 4;
/// Where in a batch, behind its size, its attributes are, and its count of records.
const BATCH_ATTRIBUTES: usize = 9;
const BATCH_COUNT: usize = 45;
/// A key longer than this tells nothing apart, in bytes.
const KEY_LIMIT: usize = 256;

/// What was seen of all records of a message.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// How many there are.
    pub(super) count: u64,
    /// Some are behind what is there.
    pub(super) more: bool,
    pub(super) codec: Option<&'static str>,
    /// The first one's, where it is text.
    pub(super) key: Option<String>,
    /// The first ones, as elements of a JSON array.
    pub(super) json: String,
    /// How many are in `json`.
    pub(super) shown: u64,
    /// Bytes that `json` may have.
    pub(super) room: usize,
}

/// What the head of a batch, or of a message, tells.
#[derive(Debug)]
pub(super) struct Entry {
    /// How many records it has.
    pub(super) count: u64,
    pub(super) codec: Option<&'static str>,
    /// It is a compressed message, in which there are others.
    pub(super) holds_others: bool,
}

impl Entry {
    /// Reads its first [`BATCH_HEAD`] bytes, or all where there are less.
    pub(super) fn read(head: &[u8]) -> Option<Self> {
        let mut fields = Fields::new(head.get(ENTRY_HEAD + 4..)?, false);
        let is_message = fields.i8()? < 2;
        if is_message {
            let codec = codec(i16::from(fields.i8()?));
            return Some(Self { count: 1, codec, holds_others: codec.is_some() });
        }
        fields.skip(BATCH_ATTRIBUTES - 5)?;
        let attributes = fields.i16()?;
        fields.skip(BATCH_COUNT - BATCH_ATTRIBUTES - 2)?;
        let count = u64::try_from(fields.i32()?).ok()?;
        // The broker's own are about transactions.
        let count = if attributes & CONTROL != 0 { 0 } else { count };
        Some(Self { count, codec: codec(attributes), holds_others: false })
    }
}

/// Where records are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) topic: &'a str,
    pub(super) partition: i32,
}

#[derive(Debug, Clone, Copy)]
struct Record<'a> {
    offset: Option<i64>,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
}

impl Seen {
    pub(super) fn new(room: usize) -> Self {
        Self { room, ..Self::default() }
    }

    /// Takes one partition's records; `stored` when they have offsets, as a broker gives them.
    pub(super) fn take(&mut self, place: Place<'_>, blob: Blob<'_>, stored: bool) {
        let mut fields = Fields::new(blob.bytes, false);
        let mut told = 0;
        while !fields.rest().is_empty() {
            let whole = blob.bytes.len() == blob.size;
            let Some(size) = self.entry(place, &mut fields, stored, whole) else { break };
            told += size;
        }
        self.more |= blob.bytes.len() < blob.size && told < blob.size;
    }

    /// A batch, or a message of a message set, and its size.
    fn entry(
        &mut self,
        place: Place<'_>,
        fields: &mut Fields<'_>,
        stored: bool,
        whole: bool,
    ) -> Option<usize> {
        let offset = fields.i64()?;
        let size = usize::try_from(fields.i32()?).ok()?;
        let there = size.min(fields.rest().len());
        if whole && there < size {
            // A broker sends as much as it may, and cuts off the last one, which is then asked for again.
            return None;
        }
        let entry = fields.take(there)?;
        let offset = stored.then_some(offset);
        let magic = *entry.get(4)?;
        if magic < 2 {
            self.message(place, Fields::new(entry, false), magic, offset)?;
        } else {
            self.batch(place, Fields::new(entry.get(BATCH_ATTRIBUTES..)?, false), offset)?;
        }
        Some(ENTRY_HEAD + size)
    }

    fn batch(&mut self, place: Place<'_>, mut fields: Fields<'_>, offset: Option<i64>) -> Option<()> {
        let attributes = fields.i16()?;
        fields.skip(BATCH_COUNT - BATCH_ATTRIBUTES - 2)?;
        let count = u64::try_from(fields.i32()?).ok()?;
        if attributes & CONTROL != 0 {
            // The broker's own, about transactions.
            return Some(());
        }
        self.count += count;
        if let Some(codec) = codec(attributes) {
            self.codec = Some(codec);
            return Some(());
        }
        for _ in 0..count {
            if self.is_full() || self.record(place, &mut fields, offset).is_none() {
                break;
            }
        }
        Some(())
    }

    fn record(&mut self, place: Place<'_>, fields: &mut Fields<'_>, offset: Option<i64>) -> Option<()> {
        let length = usize::try_from(fields.varint()?).ok()?;
        let mut record = Fields::new(fields.take(length)?, true);
        record.i8()?;
        record.varint()?;
        let delta = record.varint()?;
        let Nullable(key) = nullable(&mut record)?;
        let Nullable(value) = nullable(&mut record)?;
        let offset = offset.map(|offset| offset.saturating_add(delta));
        let mut headers = String::new();
        for _ in 0..record.varint()? {
            let Nullable(name) = nullable(&mut record)?;
            let Nullable(value) = nullable(&mut record)?;
            headers.push(if headers.is_empty() { '{' } else { ',' });
            json::text(&mut headers, name.unwrap_or_default());
            headers.push(':');
            show(&mut headers, value);
        }
        self.show(place, Record { offset, key, value }, &headers);
        Some(())
    }

    fn message(
        &mut self,
        place: Place<'_>,
        mut fields: Fields<'_>,
        magic: u8,
        offset: Option<i64>,
    ) -> Option<()> {
        fields.skip(5)?;
        let attributes = fields.i8()?;
        fields.skip(if magic == 1 { 8 } else { 0 })?;
        let mut part = || {
            let size = fields.i32()?;
            match usize::try_from(size) {
                Ok(size) => fields.take(size).map(|bytes| Nullable(Some(bytes))),
                Err(_) => Some(Nullable(None)),
            }
        };
        let (Nullable(key), Nullable(value)) = (part()?, part()?);
        self.count += 1;
        match codec(i16::from(attributes)) {
            // A compressed message holds others; how many is not known.
            Some(codec) => {
                self.codec = Some(codec);
                self.more = true;
            }
            None => self.show(place, Record { offset, key, value }, ""),
        }
        Some(())
    }

    fn is_full(&self) -> bool {
        self.json.len() >= self.room
    }

    fn show(&mut self, place: Place<'_>, record: Record<'_>, headers: &str) {
        if self.shown == 0 {
            let key = record.key.filter(|key| key.len() <= KEY_LIMIT);
            self.key = key.and_then(|key| str::from_utf8(key).ok()).map(str::to_owned);
        }
        if self.is_full() {
            return;
        }
        self.shown += 1;
        let out = &mut self.json;
        out.push_str(if out.is_empty() { "[{\"topic\":" } else { ",\n{\"topic\":" });
        json::string(out, place.topic);
        out.push_str(",\"partition\":");
        out.push_str(&place.partition.to_string());
        if let Some(offset) = record.offset {
            out.push_str(",\"offset\":");
            out.push_str(&offset.to_string());
        }
        out.push_str(",\"key\":");
        show(out, record.key);
        out.push_str(",\"value\":");
        show(out, record.value);
        if !headers.is_empty() {
            out.push_str(",\"headers\":");
            out.push_str(headers);
            out.push('}');
        }
        out.push('}');
    }
}

/// A value that is JSON as it is, another as a string.
fn show(out: &mut String, value: Option<&[u8]>) {
    match value {
        None => out.push_str("null"),
        Some(value) => match str::from_utf8(value) {
            Ok(text) if json::is_structure(text) => out.push_str(text),
            _ => json::text(out, value),
        },
    }
}

/// Bytes that may be null.
struct Nullable<'a>(Option<&'a [u8]>);

fn nullable<'a>(fields: &mut Fields<'a>) -> Option<Nullable<'a>> {
    match usize::try_from(fields.varint()?) {
        Ok(size) => fields.take(size).map(|bytes| Nullable(Some(bytes))),
        Err(_) => Some(Nullable(None)),
    }
}

fn codec(attributes: i16) -> Option<&'static str> {
    match attributes & COMPRESSION {
        0 => None,
        1 => Some("gzip"),
        2 => Some("snappy"),
        3 => Some("lz4"),
        4 => Some("zstd"),
        _ => Some("unknown"),
    }
}
