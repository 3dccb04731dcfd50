//! Terminal escapes, which are kept beside the text and not in it, so that a search finds words across colours.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memchr;

const ESC: u8 = 0x1b;

/// The bytes without terminal escapes (ECMA-48 section 5): control sequences, operating system commands, and
/// two-byte escapes. What is not terminated stays, but for its first byte.
pub fn strip_ansi(bytes: &[u8]) -> Cow<'_, [u8]> {
    if memchr(ESC, bytes).is_none() {
        return Cow::Borrowed(bytes);
    }
    let mut text = Vec::with_capacity(bytes.len());
    let mut from = 0;
    for escape in escapes(bytes) {
        text.extend_from_slice(&bytes[from..escape.start]);
        from = escape.end;
    }
    text.extend_from_slice(&bytes[from..]);
    Cow::Owned(text)
}

/// Where the escapes are, in order, never overlapping.
pub(crate) fn escapes(bytes: &[u8]) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + memchr(ESC, bytes.get(at..)?)?;
        at = start + length(&bytes[start..]);
        Some(start..at)
    })
}

/// The length of the escape that `bytes` begin with.
fn length(bytes: &[u8]) -> usize {
    match bytes.get(1) {
        Some(b'[') => control(bytes),
        Some(b']' | b'P' | b'X' | b'^' | b'_') => string(bytes),
        // Intermediate bytes, as in the choice of a character set, then a final one.
        Some(0x20..=0x2f) => {
            let intermediate = bytes[1..].iter().take_while(|b| (0x20..=0x2f).contains(*b)).count();
            let last = bytes.get(1 + intermediate).is_some_and(|b| (0x30..=0x7e).contains(b));
            1 + intermediate + usize::from(last)
        }
        Some(0x30..=0x7e) => 2,
        _ => 1,
    }
}

/// `ESC [`, parameters, intermediates, a final byte.
fn control(bytes: &[u8]) -> usize {
    let parameters = bytes[2..].iter().take_while(|b| (0x20..=0x3f).contains(*b)).count();
    match bytes.get(2 + parameters) {
        Some(0x40..=0x7e) => 3 + parameters,
        // Cut off at the end of the line.
        None => 2 + parameters,
        Some(_) => 1,
    }
}

/// `ESC ]` and its kin, up to BEL or `ESC \`.
fn string(bytes: &[u8]) -> usize {
    let end = bytes[2..].iter().position(|b| matches!(b, 0x07 | 0x1b));
    match end.map(|at| at + 2) {
        Some(at) if bytes[at] == 0x07 => at + 1,
        Some(at) if bytes.get(at + 1) == Some(&b'\\') => at + 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn strips_what_terminals_do_not_show() {
        for (bytes, text) in [
            (&b"plain"[..], &b"plain"[..]),
            (b"\x1b[32minfo\x1b[39m: up", b"info: up"),
            (b"\x1b[1;38;5;200mx\x1b[0m", b"x"),
            (b"\x1b]8;;http://a\x1b\\link\x1b]8;;\x07!", b"link!"),
            (b"\x1b]0;title\x07x", b"x"),
            (b"\x1b(Bx\x1b=y\x1bMz", b"xyz"),
            (b"a\x1b[2Kb\x1b[", b"ab"),
            (b"\x1b]never ends", b"]never ends"),
            (b"\x1b[\x01x", b"[\x01x"),
            (b"\x1b", b""),
        ] {
            assert_eq!(strip_ansi(bytes), text, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn leaves_no_escape_and_touches_nothing_else(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let text = strip_ansi(&bytes);
            prop_assert!(!text.contains(&ESC));
            let removed: usize = escapes(&bytes).map(|e| e.len()).sum();
            prop_assert_eq!(text.len() + removed, bytes.len());
        }
    }
}
