//! Whether bytes have the shape of messages: whose length and inside fit each other.

use super::message::Reader;
use crate::decode::Dir;
use crate::detect::Proof;

/// Of a message whose end is not seen a greater length proves that it is none, in bytes.
const LENGTH_LIMIT: u32 = 1 << 24;
/// No row has more columns.
const COLUMNS_LIMIT: u16 = 1664;
/// What statements begin with.
const WORDS: [&str; 44] = [
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "WITH",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "START",
    "END",
    "ABORT",
    "SET",
    "SHOW",
    "RESET",
    "CREATE",
    "ALTER",
    "DROP",
    "TRUNCATE",
    "COPY",
    "EXPLAIN",
    "ANALYZE",
    "VACUUM",
    "LISTEN",
    "UNLISTEN",
    "NOTIFY",
    "PREPARE",
    "EXECUTE",
    "DEALLOCATE",
    "DECLARE",
    "FETCH",
    "MOVE",
    "CLOSE",
    "SAVEPOINT",
    "RELEASE",
    "LOCK",
    "GRANT",
    "REVOKE",
    "CALL",
    "DO",
    "VALUES",
    "TABLE",
    "MERGE",
    "DISCARD",
    "REFRESH",
];

/// Whether messages begin here: all that are whole must fit, and one of them must prove it.
pub(super) fn messages(dir: Dir, bytes: &[u8]) -> Proof {
    let mut reader = Reader(bytes);
    let mut proved = Proof::Maybe;
    while !reader.is_empty() {
        let rest = reader;
        let Some(kind) = reader.u8().filter(|kind| is_kind(dir, *kind)) else { return Proof::No };
        let Some(length) = reader.u32() else {
            // A length below the limit begins with a zero.
            return if reader.0.first().is_none_or(|b| *b == 0) { proved } else { Proof::No };
        };
        if !(4..=LENGTH_LIMIT).contains(&length) {
            return Proof::No;
        }
        let Some(payload) = reader.take(length as usize - 4) else {
            return match proved {
                Proof::Maybe if begins_with_sql(kind, dir, &rest.0[5..]) => Proof::Yes,
                _ => proved,
            };
        };
        let fits = match dir {
            Dir::ToServer => asks(kind, payload),
            Dir::ToClient => answers(kind, payload),
        };
        match fits {
            None | Some(Proof::No) => return Proof::No,
            Some(Proof::Yes) => proved = Proof::Yes,
            Some(Proof::Maybe) => {}
        }
    }
    proved
}

/// Whether messages that prove nothing by themselves are still likely: all are whole, or the first is one of those that
/// may be long, and what is there of it fits.
pub(super) fn begins(dir: Dir, bytes: &[u8]) -> bool {
    let mut reader = Reader(bytes);
    while let (Some(kind), Some(length)) = (reader.u8(), reader.u32()) {
        let Some(left) = length.checked_sub(4) else { return false };
        if reader.take(left as usize).is_some() {
            continue;
        }
        let is_list = |count: Option<u16>| count.is_some_and(|count| (1..=COLUMNS_LIMIT).contains(&count));
        return match (dir, kind) {
            (Dir::ToServer, b'B') => reader.text().is_some() && reader.text().is_some(),
            (Dir::ToClient, b'D') => {
                is_list(reader.u16())
                    && reader.i32().is_some_and(|size| (-1..left as i32 - 5).contains(&size))
            }
            (Dir::ToClient, b'T') => is_list(reader.u16()) && reader.text().is_some(),
            _ => false,
        };
    }
    reader.is_empty() && bytes.len() >= 5
}

pub(super) fn is_kind(dir: Dir, kind: u8) -> bool {
    match dir {
        Dir::ToServer => b"QPBDECHSFXdcfp".contains(&kind),
        Dir::ToClient => b"RKSZTDCEN123nstIGHWdcAVv".contains(&kind),
    }
}

/// A query or a `Parse` whose end is not there begins with a statement's first word.
fn begins_with_sql(kind: u8, dir: Dir, payload: &[u8]) -> bool {
    let mut reader = Reader(payload);
    let text = match (dir, kind) {
        (Dir::ToServer, b'Q') => payload,
        (Dir::ToServer, b'P') if reader.text().is_some() => reader.0,
        _ => return false,
    };
    let text = text.trim_ascii_start();
    let word = text.iter().take_while(|b| b.is_ascii_alphabetic()).count();
    text.get(word).is_some_and(u8::is_ascii_whitespace)
        && WORDS.iter().any(|known| text[..word].eq_ignore_ascii_case(known.as_bytes()))
}

/// Whether the client's message fits its length: it proves something, or nothing, or it does not.
fn asks(kind: u8, payload: &[u8]) -> Option<Proof> {
    let mut reader = Reader(payload);
    let r = &mut reader;
    let proof = match kind {
        b'Q' => {
            let text = r.text()?;
            let first = text.trim_ascii_start().first();
            let sql = first.is_none_or(|b| b.is_ascii_alphabetic() || b"(-/;".contains(b));
            if sql && !text.is_empty() { Proof::Yes } else { Proof::Maybe }
        }
        b'P' => {
            r.text()?;
            r.text()?;
            let types = r.u16()?;
            r.take(4 * usize::from(types))?;
            Proof::Yes
        }
        b'B' => {
            r.text()?;
            r.text()?;
            let formats = r.u16()?;
            r.take(2 * usize::from(formats))?;
            for _ in 0..r.u16()? {
                r.value().ok()?;
            }
            let formats = r.u16()?;
            r.take(2 * usize::from(formats))?;
            Proof::Yes
        }
        b'D' | b'C' => {
            r.u8().filter(|of| b"SP".contains(of))?;
            r.text()?;
            Proof::Yes
        }
        b'E' => {
            r.text()?;
            r.i32().filter(|limit| *limit >= 0)?;
            Proof::Yes
        }
        b'H' | b'S' | b'X' | b'c' => Proof::Maybe,
        b'f' => {
            r.text()?;
            Proof::Maybe
        }
        _ => return Some(Proof::Maybe),
    };
    reader.is_empty().then_some(proof)
}

/// The same for the server's.
fn answers(kind: u8, payload: &[u8]) -> Option<Proof> {
    let mut reader = Reader(payload);
    let r = &mut reader;
    let proof = match kind {
        b'Z' => {
            r.u8().filter(|state| b"ITE".contains(state))?;
            Proof::Yes
        }
        b'T' => {
            for _ in 0..r.u16()? {
                r.text()?;
                r.take(18)?;
            }
            Proof::Yes
        }
        b'D' => {
            let columns = r.u16()?;
            for _ in 0..columns {
                r.value().ok()?;
            }
            if columns > 0 { Proof::Yes } else { Proof::Maybe }
        }
        b'C' => {
            let tag = r.text()?;
            if tag.first().is_some_and(u8::is_ascii_uppercase) { Proof::Yes } else { Proof::No }
        }
        b'E' | b'N' => {
            while r.u8()? != 0 {
                r.text()?;
            }
            if payload.starts_with(b"S") { Proof::Yes } else { Proof::Maybe }
        }
        b'S' => {
            r.text().filter(|name| !name.is_empty())?;
            r.text()?;
            Proof::Yes
        }
        b'A' => {
            r.u32()?;
            r.text().filter(|channel| !channel.is_empty())?;
            r.text()?;
            Proof::Yes
        }
        b't' => {
            let types = r.u16()?;
            r.take(4 * usize::from(types))?;
            Proof::Maybe
        }
        b'G' | b'H' | b'W' => {
            r.u8().filter(|format| *format <= 1)?;
            let columns = r.u16()?;
            r.take(2 * usize::from(columns))?;
            Proof::Maybe
        }
        b'1' | b'2' | b'3' | b'n' | b's' | b'I' | b'c' => Proof::Maybe,
        _ => return Some(Proof::Maybe),
    };
    reader.is_empty().then_some(proof)
}
