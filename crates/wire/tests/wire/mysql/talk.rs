//! The packets of both sides.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;

pub(super) const COMPRESS: u32 = 1 << 5;
pub(super) const SSL: u32 = 1 << 11;
pub(super) const DEPRECATE_EOF: u32 = 1 << 24;
pub(super) const ZSTD: u32 = 1 << 26;
const LIMIT: usize = 0xff_ffff;

/// A payload in as many frames as it needs.
pub(super) fn packet(seq: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut frames: Vec<&[u8]> = payload.chunks(LIMIT).collect();
    if payload.len().is_multiple_of(LIMIT) {
        frames.push(b"");
    }
    for (place, frame) in frames.into_iter().enumerate() {
        out.extend_from_slice(&(frame.len() as u32).to_le_bytes()[..3]);
        out.push(seq.wrapping_add(place as u8));
        out.extend_from_slice(frame);
    }
    out
}

/// Packets with sequence numbers that go on from `seq`.
pub(super) fn packets(seq: u8, payloads: &[Vec<u8>]) -> Vec<u8> {
    let numbered = payloads.iter().enumerate();
    numbered.flat_map(|(place, payload)| packet(seq.wrapping_add(place as u8), payload)).collect()
}

/// As the compressed protocol wraps them: what is short as it is.
pub(super) fn compressed(seq: u8, plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for (place, part) in plain.chunks(LIMIT).enumerate() {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(part).unwrap();
        let small = encoder.finish().unwrap();
        let (bytes, promised) = if part.len() < 50 || small.len() >= part.len() {
            (part, 0)
        } else {
            (small.as_slice(), part.len() as u32)
        };
        out.extend_from_slice(&(bytes.len() as u32).to_le_bytes()[..3]);
        out.push(seq.wrapping_add(place as u8));
        out.extend_from_slice(&promised.to_le_bytes()[..3]);
        out.extend_from_slice(bytes);
    }
    out
}

pub(super) fn length(value: usize) -> Vec<u8> {
    match value {
        0..=250 => vec![value as u8],
        251..=0xffff => [&[0xfc][..], &(value as u16).to_le_bytes()].concat(),
        _ => [&[0xfd][..], &(value as u32).to_le_bytes()[..3]].concat(),
    }
}

pub(super) fn string(bytes: &[u8]) -> Vec<u8> {
    [&length(bytes.len()), bytes].concat()
}

pub(super) fn greeting() -> Vec<u8> {
    let start = b"\x0a8.0.30\0\x08\0\0\0abcdefgh\0\xff\xff\xff\x02\0\xff\xdf\x15\0\0\0\0\0\0\0\0\0\0";
    packet(0, &[&start[..], b"ijklmnopqrst\0caching_sha2_password\0"].concat())
}

/// A hello of `ann` with the password's hash `SECRET` and more capabilities.
pub(super) fn hello(more: u32) -> Vec<u8> {
    let flags = more | 1 << 3 | 1 << 9 | 1 << 15 | 1 << 19;
    let rest = b"ann\0\x06SECRETshop\0caching_sha2_password\0";
    packet(1, &[&flags.to_le_bytes()[..], &[0; 28], rest].concat())
}

pub(super) fn ok(affected: usize, status: u16) -> Vec<u8> {
    [&[0][..], &length(affected), &[0], &status.to_le_bytes(), &[0, 0]].concat()
}

pub(super) fn eof(status: u16) -> Vec<u8> {
    [&[0xfe, 0, 0][..], &status.to_le_bytes()].concat()
}

pub(super) fn error(code: u16, words: &str) -> Vec<u8> {
    [&[0xff][..], &code.to_le_bytes(), b"#23000", words.as_bytes()].concat()
}

pub(super) fn column(name: &str, kind: u8) -> Vec<u8> {
    let mut out: Vec<u8> =
        ["def", "shop", "t", "t", name, name].iter().flat_map(|part| string(part.as_bytes())).collect();
    out.extend_from_slice(&[12, 33, 0, 0, 1, 0, 0, kind, 0, 0, 0, 0, 0]);
    out
}

/// A result's packets: columns, rows, and EOFs as they are agreed on.
pub(super) fn result(
    columns: &[Vec<u8>],
    rows: &[Vec<u8>],
    deprecate_eof: bool,
    status: u16,
) -> Vec<Vec<u8>> {
    let mut out = vec![length(columns.len())];
    out.extend_from_slice(columns);
    if !deprecate_eof {
        out.push(eof(status));
    }
    out.extend_from_slice(rows);
    let end = [&[0xfe, 0, 0][..], &status.to_le_bytes(), &[0, 0]].concat();
    out.push(if deprecate_eof { end } else { eof(status) });
    out
}
