//! Snappy's raw format (google/snappy, `format_description.txt`): copies of what came before, and what did not.

/// The beginning of what was compressed, `limit` bytes at most, or as far as it can be read.
pub(super) fn decompress(bytes: &[u8], limit: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let Some(mut rest) = skip_length(bytes) else { return out };
    while out.len() < limit
        && let Some(behind) = step(rest, &mut out, limit)
    {
        rest = behind;
    }
    out
}

/// The length of it all stands first, seven bits a byte.
fn skip_length(bytes: &[u8]) -> Option<&[u8]> {
    let last = bytes.iter().take(5).position(|byte| byte & 0x80 == 0)?;
    bytes.get(last + 1..)
}

fn step<'a>(bytes: &'a [u8], out: &mut Vec<u8>, limit: usize) -> Option<&'a [u8]> {
    let (&tag, rest) = bytes.split_first()?;
    let (upper, kind) = (usize::from(tag >> 2), tag & 3);
    let number = |size: usize| {
        let (number, rest) = rest.split_at_checked(size)?;
        Some((number.iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest))
    };
    let room = limit - out.len();
    if kind == 0 {
        let (length, rest) = if upper < 60 { (upper, rest) } else { number(upper - 59)? };
        let there = rest.len().min(length + 1);
        out.extend_from_slice(&rest[..there.min(room)]);
        return rest.get(length + 1..);
    }
    let (length, offset, rest) = match kind {
        1 => {
            let (low, rest) = number(1)?;
            (4 + (upper & 7), upper >> 3 << 8 | low, rest)
        }
        2 => {
            let (offset, rest) = number(2)?;
            (upper + 1, offset, rest)
        }
        _ => {
            let (offset, rest) = number(4)?;
            (upper + 1, offset, rest)
        }
    };
    let start = out.len().checked_sub(offset).filter(|_| offset > 0)?;
    // A copy may reach into what it writes.
    for at in start..start + length.min(room) {
        out.push(out[at]);
    }
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_and_copies_are_undone() {
        // What python-snappy makes of it, and by hand where it makes none.
        let cases: [(&[u8], &[u8]); 7] = [
            (b"\0", b""),
            (b"\x03\x08abc", b"abc"),
            // "ab" eight times: two literals, a copy of fourteen from two before.
            (b"\x10\x04ab\x36\x02\0", b"abababababababab"),
            (b"\x0a\x00a\x15\x01", b"aaaaaaaaaa"),
            // The long form of a literal, and of a copy.
            (b"\x04\xf0\x03abcd", b"abcd"),
            (b"\x08\x0cabcd\x0f\x04\0\0\0", b"abcdabcd"),
            (b"\x04\xf4\x03\0abcd", b"abcd"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(decompress(bytes, 100), expected, "{}", bytes.escape_ascii());
            for limit in 0..expected.len() {
                assert_eq!(decompress(bytes, limit), &expected[..limit]);
            }
        }
    }

    #[test]
    fn what_is_broken_gives_what_comes_before_it() {
        for (bytes, expected) in [
            (&b""[..], &b""[..]),
            (b"\xff\xff\xff\xff\xff\xff", b""),
            (b"\x10\x04ab\x36\x03\0", b"ab"),
            (b"\x10\x04ab\x36\x00\0", b"ab"),
            (b"\x10\x3fab", b""),
            (b"\x10\x7cab", b"ab"),
        ] {
            let found = decompress(bytes, 100);
            assert_eq!(found, expected, "{}", bytes.escape_ascii());
        }
    }
}
