//! What a line has beside its text: the escapes that were taken out, and the engine's own time where it was moved.

use super::ansi;

/// The text of a line as it is searched, and what makes its bytes whole again.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Split {
    /// Bytes without escapes, line feeds and a last carriage return.
    pub(crate) text: Vec<u8>,
    /// Pairs of place and length, and the bytes; empty when the text is all.
    pub(crate) aside: Vec<u8>,
}

/// Takes the escapes out of a line, and the carriage return that a terminal puts before the line feed.
///
/// Reuses the buffers of `out`. A line feed cannot be part of a line, but what can come comes: it is set aside too.
pub(crate) fn split(bytes: &[u8], out: &mut Split) {
    out.text.clear();
    out.aside.clear();
    let last = bytes.len() - usize::from(bytes.last() == Some(&b'\r'));
    let mut gap = 0;
    let mut from = 0;
    let take = |out: &mut Split, gap: &mut usize, from: usize, to: usize, end: usize| {
        out.text.extend_from_slice(&bytes[from..to]);
        *gap += to - from;
        if end > to {
            varint(&mut out.aside, *gap as u64);
            varint(&mut out.aside, (end - to) as u64);
            out.aside.extend_from_slice(&bytes[to..end]);
            *gap = 0;
        }
    };
    if memchr::memchr2(0x1b, b'\n', &bytes[..last]).is_some() {
        for escape in ansi::escapes(&bytes[..last]).chain(std::iter::once(last..last)) {
            while let Some(feed) = memchr::memchr(b'\n', &bytes[from..escape.start]) {
                take(out, &mut gap, from, from + feed, from + feed + 1);
                from += feed + 1;
            }
            take(out, &mut gap, from, escape.start, escape.end);
            from = escape.end;
        }
    }
    take(out, &mut gap, from, last, bytes.len());
}

/// The bytes as they came; `None` when `aside` does not fit the text.
pub(crate) fn join(text: &[u8], aside: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() + aside.len());
    let (mut text, mut aside) = (text, aside);
    while !aside.is_empty() {
        let gap = usize::try_from(read_varint(&mut aside)?).ok()?;
        let length = usize::try_from(read_varint(&mut aside)?).ok()?;
        let (before, rest) = text.split_at_checked(gap)?;
        let (escape, next) = aside.split_at_checked(length)?;
        bytes.extend_from_slice(before);
        bytes.extend_from_slice(escape);
        (text, aside) = (rest, next);
    }
    bytes.extend_from_slice(text);
    Some(bytes)
}

/// LEB128: seven bits a byte, lowest first.
pub(crate) fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Reads one number and moves on behind it.
pub(crate) fn read_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn both(bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let mut out = Split::default();
        split(bytes, &mut out);
        let whole = join(&out.text, &out.aside).unwrap();
        (out.text, whole)
    }

    #[test]
    fn sets_aside_what_is_no_text() {
        for (bytes, text) in [
            (&b"plain"[..], &b"plain"[..]),
            (b"tty\r", b"tty"),
            (b"10%\r50%\r100%", b"10%\r50%\r100%"),
            (b"\x1b[31mred\x1b[0m\r", b"red"),
            (b"a\nb\x1b[0m\nc", b"abc"),
            (b"", b""),
            (b"\r", b""),
        ] {
            assert_eq!(both(bytes), (text.to_vec(), bytes.to_vec()), "{bytes:?}");
        }
    }

    #[test]
    fn refuses_what_does_not_fit() {
        for aside in [&[5, 1, b'x'][..], &[0, 9, b'x'], &[0x80], &[0xff; 11], &[0]] {
            assert_eq!(join(b"abc", aside), None, "{aside:?}");
        }
    }

    proptest! {
        #[test]
        fn every_line_comes_back_whole(
            bytes in proptest::collection::vec(prop_oneof![3 => 0x20_u8..0x7f, 1 => Just(0x1b), 1 => Just(b'['), 1 => Just(b'm'), 1 => any::<u8>()], 0..80)
        ) {
            let (text, whole) = both(&bytes);
            prop_assert_eq!(whole, bytes);
            prop_assert!(!text.contains(&b'\n') && !text.contains(&0x1b));
        }

        #[test]
        fn every_number_survives(value: u64) {
            let mut bytes = Vec::new();
            varint(&mut bytes, value);
            prop_assert_eq!(read_varint(&mut &bytes[..]), Some(value));
        }
    }
}
