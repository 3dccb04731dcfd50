//! What the first bytes of a command and of an answer look like, on a connection whose beginning was not seen.

use std::cmp::Ordering;

use super::command::{self, code};
use super::packet::HEAD;

/// So much of a long statement is proof enough, in bytes.
const SQL_PROOF: usize = 48;
/// And so much where it is known that the protocol is spoken.
const KNOWN_PROOF: usize = 8;
/// The head of a packet of the compressed protocol.
const COMPRESSED_HEAD: usize = 7;

/// How packets of a connection that was joined late are wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrapped {
    Plain,
    Compressed,
}

/// What the first bytes of a command look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// SQL in a packet of its size.
    Sql,
    /// A command of a fixed shape.
    Likely,
    /// More bytes are needed.
    Unsure,
    None,
}

/// Whether a command begins with these bytes, of a connection that is known to have some.
pub(super) fn begins_command(bytes: &[u8]) -> bool {
    if wrapped(bytes) == Wrapped::Compressed && promised(bytes) > 0 {
        return bytes[3] == 0;
    }
    let plain = if wrapped(bytes) == Wrapped::Compressed { &bytes[COMPRESSED_HEAD..] } else { bytes };
    let whole = plain.len() == HEAD as usize + size(plain);
    match plain_command(plain, KNOWN_PROOF) {
        Shape::Sql | Shape::Likely => true,
        Shape::Unsure => false,
        Shape::None => whole && plain[3] == 0 && plain.get(4).is_some_and(|first| command::is_known(*first)),
    }
}

/// How the first bytes of a turn in the middle of a connection are wrapped.
pub(super) fn wrapped(bytes: &[u8]) -> Wrapped {
    match bytes {
        [_, _, _, seq, 0, 0, 0, inner @ ..] if inner.len() > HEAD as usize => {
            let fits = size(inner) + HEAD as usize <= size(bytes) && inner[3] == *seq && size(inner) > 0;
            if fits { Wrapped::Compressed } else { Wrapped::Plain }
        }
        [_, _, _, _, _, _, _, 0x78, flags, ..] if (0x7800 + u32::from(*flags)) % 31 == 0 => {
            if size(bytes) < promised(bytes) { Wrapped::Compressed } else { Wrapped::Plain }
        }
        _ => Wrapped::Plain,
    }
}

pub(super) fn command(bytes: &[u8]) -> Shape {
    if wrapped(bytes) == Wrapped::Compressed {
        let whole = COMPRESSED_HEAD + size(bytes);
        return match (bytes[3], promised(bytes)) {
            (0, 0) => plain_command(&bytes[COMPRESSED_HEAD..], SQL_PROOF),
            (0, _) if bytes.len() < whole => Shape::Unsure,
            (0, _) if bytes.len() == whole => Shape::Likely,
            _ => Shape::None,
        };
    }
    match plain_command(bytes, SQL_PROOF) {
        Shape::None if may_be_compressed(bytes) => Shape::Unsure,
        shape => shape,
    }
}

/// Whether a command may be the beginning of a compressed one, being too short to tell.
fn may_be_compressed(bytes: &[u8]) -> bool {
    let Some((head, inner)) = bytes.split_at_checked(COMPRESSED_HEAD) else {
        return bytes.get(3) == Some(&0) && bytes.len() <= COMPRESSED_HEAD;
    };
    let stored = inner.len() <= HEAD as usize
        && promised(bytes) == 0
        && (inner.len() < 3 || size(inner) > 0 && size(inner) + HEAD as usize <= size(head))
        && inner.get(3).is_none_or(|seq| *seq == 0);
    let inflated =
        inner.len() < 2 && promised(bytes) > size(head) && inner.first().is_none_or(|b| *b == 0x78);
    head[3] == 0 && (stored || inflated)
}

fn plain_command(bytes: &[u8], proof: usize) -> Shape {
    if bytes.get(3).is_some_and(|seq| *seq != 0) {
        return Shape::None;
    }
    let [_, _, _, _, first, arguments @ ..] = bytes else { return Shape::Unsure };
    let size = size(bytes);
    let known = arguments.len() + 1;
    let fixed = |expected: usize| match (size == expected, known.cmp(&expected)) {
        (false, _) | (true, Ordering::Greater) => Shape::None,
        (true, Ordering::Equal) => Shape::Likely,
        (true, Ordering::Less) => Shape::Unsure,
    };
    match *first {
        code::QUERY | code::PREPARE => {
            let sql = match arguments {
                [0, 1, sql @ ..] if *first == code::QUERY => sql,
                [0] if *first == code::QUERY => return Shape::Unsure,
                sql => sql,
            };
            let skipped = known - 1 - sql.len();
            statement(sql, size.saturating_sub(1 + skipped), proof)
        }
        code::PING | code::RESET_CONNECTION | code::STATISTICS => fixed(1),
        code::EXECUTE => {
            let one = [1, 0, 0, 0];
            let told = arguments.get(5..).unwrap_or_default();
            let iterates = told.iter().zip(one).all(|(byte, expected)| *byte == expected);
            let fits = iterates && arguments.get(4).is_none_or(|flags| *flags < 16) && size >= 10;
            match known.cmp(&size) {
                Ordering::Equal if fits => Shape::Likely,
                Ordering::Less if fits => Shape::Unsure,
                Ordering::Less | Ordering::Equal | Ordering::Greater => Shape::None,
            }
        }
        _ => Shape::None,
    }
}

/// SQL of a known size, of which `proof` bytes are enough.
fn statement(sql: &[u8], size: usize, proof: usize) -> Shape {
    // What stands behind is another command's.
    let sql = &sql[..sql.len().min(size)];
    if size < 5 {
        return Shape::None;
    }
    let text = &sql[..sql.len().min(SQL_PROOF)];
    if text.iter().any(|byte| *byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r')) {
        return Shape::None;
    }
    let blanks = text.iter().take_while(|byte| byte.is_ascii_whitespace() || **byte == b'(').count();
    let begins = &text[blanks..];
    let word = begins.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let starts = |known: &&str| {
        let known = known.as_bytes();
        begins[..word].eq_ignore_ascii_case(&known[..known.len().min(word)])
    };
    let comment = begins.starts_with(b"/*") || begins.starts_with(b"--");
    let whole_word = word < begins.len() || sql.len() == size;
    let whole = sql.len() == size || sql.len() >= proof;
    match KEYWORDS.iter().find(|known| starts(known)) {
        _ if comment => {
            if whole {
                Shape::Sql
            } else {
                Shape::Unsure
            }
        }
        Some(_) if !whole_word => Shape::Unsure,
        Some(_) if !KEYWORDS.iter().any(|known| begins[..word].eq_ignore_ascii_case(known.as_bytes())) => {
            if word == 0 && begins.len() < 2 && !whole {
                Shape::Unsure
            } else {
                Shape::None
            }
        }
        Some(_) => {
            if whole {
                Shape::Sql
            } else {
                Shape::Unsure
            }
        }
        None => Shape::None,
    }
}

/// Whether an answer may begin with these bytes, whose first packet has this sequence number.
pub(super) fn begins_answer(bytes: &[u8], seq: u8) -> bool {
    let bytes = match wrapped(bytes) {
        Wrapped::Compressed if promised(bytes) > 0 => return bytes[3] == seq,
        Wrapped::Compressed => &bytes[COMPRESSED_HEAD..],
        Wrapped::Plain => bytes,
    };
    let [_, _, _, number, first, ..] = *bytes else { return false };
    let size = size(bytes);
    let fits = match first {
        0 => (7..4096).contains(&size),
        0xff => (9..1024).contains(&size),
        0xfe => size == 5,
        0xfb => size > 1,
        // So many columns.
        _ => (1..=4).contains(&size),
    };
    // Another packet of this answer, or another answer.
    let next = bytes.get(HEAD as usize + size + 3);
    number == seq && fits && next.is_none_or(|next| *next == seq.wrapping_add(1) || *next == 1)
}

pub(super) fn size(bytes: &[u8]) -> usize {
    let byte = |at: usize| bytes.get(at).copied().map_or(0, usize::from);
    byte(0) | byte(1) << 8 | byte(2) << 16
}

fn promised(bytes: &[u8]) -> usize {
    size(bytes.get(4..).unwrap_or_default())
}

/// What statements begin with.
const KEYWORDS: &[&str] = &[
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "REPLACE",
    "SET",
    "SHOW",
    "BEGIN",
    "START",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT",
    "RELEASE",
    "CREATE",
    "ALTER",
    "DROP",
    "TRUNCATE",
    "RENAME",
    "CALL",
    "WITH",
    "USE",
    "EXPLAIN",
    "DESCRIBE",
    "DESC",
    "PREPARE",
    "EXECUTE",
    "DEALLOCATE",
    "LOCK",
    "UNLOCK",
    "LOAD",
    "ANALYZE",
    "OPTIMIZE",
    "KILL",
    "FLUSH",
    "GRANT",
    "REVOKE",
    "DO",
    "XA",
    "VALUES",
    "TABLE",
];
