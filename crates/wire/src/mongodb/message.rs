//! Messages of the wire protocol: `OP_MSG`, the older `OP_QUERY` and its like, and `OP_COMPRESSED` around them.

use std::borrow::Cow;
use std::io::Read as _;

use flate2::read::ZlibDecoder;

use crate::framing::Head;

use super::bson::{Document, c_string, int32};
use super::snappy;

pub(super) const HEADER: usize = 16;
/// Servers refuse larger messages, in bytes.
const SIZE_LIMIT: i32 = 48 * 1000 * 1000 + 16 * 1024;

pub(super) const REPLY: i32 = 1;
pub(super) const UPDATE: i32 = 2001;
pub(super) const INSERT: i32 = 2002;
pub(super) const QUERY: i32 = 2004;
pub(super) const GET_MORE: i32 = 2005;
pub(super) const DELETE: i32 = 2006;
pub(super) const KILL_CURSORS: i32 = 2007;
pub(super) const COMPRESSED: i32 = 2012;
pub(super) const MSG: i32 = 2013;

const CHECKSUM: u32 = 1;
pub(super) const MORE_TO_COME: u32 = 2;
pub(super) const EXHAUST_ALLOWED: u32 = 1 << 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) id: i32,
    pub(super) answers: i32,
    pub(super) opcode: i32,
}

impl Header {
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let field = |at: usize| int32(bytes.get(at..)?);
        Some(Self { id: field(4)?, answers: field(8)?, opcode: field(12)? })
    }
}

/// A message's header, as soon as all of it is there.
pub(super) fn head(bytes: &[u8]) -> Head {
    let Some(length) = int32(bytes) else { return Head::More };
    if !(HEADER as i32..=SIZE_LIMIT).contains(&length) {
        return Head::Bad;
    }
    match Header::read(bytes) {
        None => Head::More,
        Some(header) if is_opcode(header.opcode) => {
            Head::Frame { head: HEADER, payload: (length as u64) - HEADER as u64 }
        }
        Some(_) => Head::Bad,
    }
}

pub(super) fn is_opcode(opcode: i32) -> bool {
    matches!(opcode, REPLY | UPDATE | INSERT | QUERY | GET_MORE | DELETE | KILL_CURSORS | COMPRESSED | MSG)
}

/// What a message says; documents may be cut short.
#[derive(Debug)]
pub(super) enum Message<'a> {
    /// A command or its reply, with lists of documents that belong to it.
    Command { flags: u32, document: Document<'a>, lists: Vec<List<'a>> },
    /// A query of old clients; to a place called `$cmd` it is a command.
    Query { place: &'a str, document: Document<'a> },
    /// What old clients do to a collection: the documents say what exactly.
    Legacy { name: &'static str, place: &'a str, answered: bool, documents: &'a [u8] },
    /// The answer to old queries.
    Reply { flags: u32, cursor: i64, documents: &'a [u8] },
}

/// Documents of a command that do not stand in it.
#[derive(Debug)]
pub(super) struct List<'a> {
    pub(super) name: &'a str,
    pub(super) documents: &'a [u8],
}

/// Reads what is behind a header; `whole` when that is all of it.
pub(super) fn read(opcode: i32, bytes: &[u8], whole: bool) -> Option<Message<'_>> {
    let place = |bytes| {
        let (place, rest) = c_string(bytes)?;
        Some((str::from_utf8(place).ok()?, rest))
    };
    let legacy = |name, place, answered, documents| Message::Legacy { name, place, answered, documents };
    Some(match opcode {
        MSG => msg(bytes, whole)?,
        QUERY => {
            let (place, rest) = place(bytes.get(4..)?)?;
            Message::Query { place, document: Document::read(rest.get(8..)?)?.0 }
        }
        INSERT => {
            let (place, rest) = place(bytes.get(4..)?)?;
            legacy("insert", place, false, rest)
        }
        UPDATE | DELETE => {
            let (place, rest) = place(bytes.get(4..)?)?;
            legacy(if opcode == UPDATE { "update" } else { "delete" }, place, false, rest.get(4..)?)
        }
        GET_MORE => {
            let (place, _) = place(bytes.get(4..)?)?;
            legacy("getMore", place, true, &[])
        }
        KILL_CURSORS => legacy("killCursors", "", false, &[]),
        REPLY => {
            let flags = int32(bytes)?.cast_unsigned();
            let cursor = i64::from_le_bytes(bytes.get(4..12)?.try_into().ok()?);
            Message::Reply { flags, cursor, documents: bytes.get(20..)? }
        }
        _ => return None,
    })
}

fn msg(bytes: &[u8], whole: bool) -> Option<Message<'_>> {
    let flags = int32(bytes)?.cast_unsigned();
    // The lower half of the flags must be understood.
    if flags & 0xfffc != 0 {
        return None;
    }
    let checksum = if whole && flags & CHECKSUM != 0 { 4 } else { 0 };
    let mut rest = bytes.get(4..bytes.len().checked_sub(checksum)?)?;
    let (mut document, mut lists) = (None, Vec::new());
    while let Some((kind, behind)) = rest.split_first() {
        match kind {
            0 => {
                let Some((found, behind)) = Document::read(behind) else { break };
                document.get_or_insert(found);
                rest = behind;
            }
            1 => {
                let Some(length) = int32(behind).and_then(|length| usize::try_from(length).ok()) else {
                    break;
                };
                let list = behind.get(4..length.max(4).min(behind.len()))?;
                let Some((name, documents)) = c_string(list) else { break };
                lists.push(List { name: str::from_utf8(name).ok()?, documents });
                rest = behind.get(length..).unwrap_or_default();
            }
            _ => return None,
        }
    }
    Some(Message::Command { flags, document: document?, lists })
}

/// What is inside a compressed message.
#[derive(Debug)]
pub(super) struct Inside<'a> {
    pub(super) opcode: i32,
    pub(super) compressor: &'static str,
    /// At most `limit` bytes; `None` when nobody here can read it.
    pub(super) bytes: Option<Cow<'a, [u8]>>,
    /// The size it says it has.
    pub(super) size: usize,
}

/// Opens a compressed message, of which `bytes` are what is behind the header.
pub(super) fn decompress(bytes: &[u8], limit: usize) -> Option<Inside<'_>> {
    let opcode = int32(bytes)?;
    let size = usize::try_from(int32(bytes.get(4..)?)?).ok()?;
    let data = bytes.get(9..)?;
    let (compressor, bytes) = match bytes[8] {
        0 => ("noop", Some(Cow::Borrowed(&data[..data.len().min(limit)]))),
        1 => ("snappy", Some(Cow::Owned(snappy::decompress(data, limit)))),
        2 => ("zlib", Some(Cow::Owned(inflate(data, limit)))),
        3 => ("zstd", None),
        _ => return None,
    };
    Some(Inside { opcode, compressor, bytes, size })
}

/// As much as can be read.
fn inflate(data: &[u8], limit: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut decoder = ZlibDecoder::new(data).take(limit as u64);
    let mut chunk = [0; 4096];
    while let Ok(read @ 1..) = decoder.read(&mut chunk) {
        out.extend_from_slice(&chunk[..read]);
    }
    out
}
