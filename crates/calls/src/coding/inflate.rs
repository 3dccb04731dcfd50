//! `gzip` (RFC 1952) and `deflate`, which is zlib (RFC 1950) by the book and raw DEFLATE (RFC 1951) from many servers.

use flate2::{Decompress, FlushDecompress, Status};

use super::Plain;

/// Plain bytes are made in steps of so many.
const STEP: usize = 16 * 1024;
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// All members of a gzip stream; what stands behind the last one is no part of it.
pub(super) fn gzip(coded: &[u8], limit: usize) -> Option<Plain> {
    let mut rest = coded;
    let mut plain = Plain { bytes: Vec::new(), whole: false };
    loop {
        let body = after_header(rest)?;
        let mut inflater = Decompress::new(false);
        plain.whole = inflate(&mut inflater, body, limit, &mut plain.bytes)?;
        if !plain.whole {
            return Some(plain);
        }
        // A member ends with eight bytes of checksum and size.
        let end = usize::try_from(inflater.total_in()).ok()?.saturating_add(8);
        rest = body.get(end..).unwrap_or_default();
        if !rest.starts_with(&MAGIC) {
            return Some(plain);
        }
    }
}

/// zlib, or raw DEFLATE where the bytes are no zlib.
pub(super) fn deflate(coded: &[u8], limit: usize) -> Option<Plain> {
    let with_header = match coded {
        [first, second, ..] => first & 0x0f == 8 && u16::from_be_bytes([*first, *second]) % 31 == 0,
        _ => false,
    };
    let attempt = |zlib: bool| {
        let mut bytes = Vec::new();
        let whole = inflate(&mut Decompress::new(zlib), coded, limit, &mut bytes)?;
        Some(Plain { bytes, whole })
    };
    with_header.then(|| attempt(true)).flatten().or_else(|| attempt(false))
}

/// Whether the stream was inflated to its end; `None` when it is none.
fn inflate(inflater: &mut Decompress, coded: &[u8], limit: usize, plain: &mut Vec<u8>) -> Option<bool> {
    while plain.len() < limit {
        let (len, read, made) = (plain.len(), inflater.total_in(), inflater.total_out());
        plain.resize(len.saturating_add(STEP).min(limit), 0);
        let rest = coded.get(usize::try_from(read).ok()?..)?;
        let status = inflater.decompress(rest, plain.get_mut(len..)?, FlushDecompress::None).ok();
        let made = usize::try_from(inflater.total_out() - made).ok()?;
        plain.truncate(len + made);
        match status? {
            Status::StreamEnd => return Some(true),
            Status::Ok | Status::BufError if made == 0 => return Some(false),
            Status::Ok | Status::BufError => {}
        }
    }
    Some(false)
}

/// What follows a member's header: nothing when the header itself ends early; `None` when it is none.
fn after_header(member: &[u8]) -> Option<&[u8]> {
    const TEXTS: [u8; 2] = [0x08, 0x10];
    const EXTRA: u8 = 0x04;
    const CHECKSUM: u8 = 0x02;
    let known = member.get(..member.len().min(3))?;
    if !([MAGIC[0], MAGIC[1], 8].starts_with(known)) {
        return None;
    }
    let Some(flags) = member.get(3) else { return Some(&[]) };
    let mut at = 10;
    if flags & EXTRA != 0 {
        let Some(&[low, high]) = member.get(at..at + 2) else { return Some(&[]) };
        at += 2 + usize::from(u16::from_le_bytes([low, high]));
    }
    for text in TEXTS {
        if flags & text != 0 {
            let rest = member.get(at..).unwrap_or_default();
            let Some(end) = rest.iter().position(|byte| *byte == 0) else { return Some(&[]) };
            at += end + 1;
        }
    }
    if flags & CHECKSUM != 0 {
        at += 2;
    }
    Some(member.get(at..).unwrap_or_default())
}
