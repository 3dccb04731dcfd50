//! The integers and strings that packets are made of: little-endian, or with a length before them.

/// Reads from the front of a payload; `None` where it ends too early.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn u8(&mut self) -> Option<u8> {
        self.fixed(1).map(|value| value as u8)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.fixed(2).map(|value| value as u16)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.fixed(4).map(|value| value as u32)
    }

    /// An integer of at most eight bytes.
    pub(super) fn fixed(&mut self, size: usize) -> Option<u64> {
        let bytes = self.take(size)?;
        Some(bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    pub(super) fn take(&mut self, size: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(size)?;
        self.0 = rest;
        Some(taken)
    }

    /// Bytes up to a NUL, which is read as well.
    pub(super) fn until_nul(&mut self) -> Option<&'a [u8]> {
        let end = self.0.iter().position(|byte| *byte == 0)?;
        let taken = self.take(end)?;
        self.take(1)?;
        Some(taken)
    }

    /// A length-encoded integer.
    pub(super) fn length(&mut self) -> Option<u64> {
        match self.u8()? {
            0xfc => self.fixed(2),
            0xfd => self.fixed(3),
            0xfe => self.fixed(8),
            // NULL, and nothing at all.
            0xfb | 0xff => None,
            value => Some(u64::from(value)),
        }
    }

    /// A length-encoded string.
    pub(super) fn string(&mut self) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let length = usize::try_from(ahead.length()?).ok()?;
        let taken = ahead.take(length)?;
        *self = ahead;
        Some(taken)
    }

    /// As much of a length-encoded string as is there, and its whole length.
    pub(super) fn part_of_string(&mut self) -> Option<(&'a [u8], u64)> {
        let length = self.length()?;
        let known = usize::try_from(length).unwrap_or(usize::MAX).min(self.0.len());
        Some((self.take(known)?, length))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Names, messages and the like are shown so far, in bytes.
const TEXT_LIMIT: usize = 1024;

/// For people: not too long, and what is no UTF-8 is replaced.
pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(TEXT_LIMIT)]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_in_all_their_sizes() {
        let cases: [(&[u8], Option<u64>); 9] = [
            (b"\x00", Some(0)),
            (b"\xfa", Some(250)),
            (b"\xfb", None),
            (b"\xfc\x01\x02", Some(0x201)),
            (b"\xfc\x01", None),
            (b"\xfd\x01\x02\x03", Some(0x03_0201)),
            (b"\xfe\x01\0\0\0\0\0\0\x80", Some(0x8000_0000_0000_0001)),
            (b"\xff", None),
            (b"", None),
        ];
        for (bytes, expected) in cases {
            assert_eq!(Reader(bytes).length(), expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_string_that_is_not_whole_is_none_and_stays() {
        let mut reader = Reader(b"\x03ab");
        assert_eq!(reader.string(), None);
        assert_eq!(reader.part_of_string(), Some((&b"ab"[..], 3)));
        let mut reader = Reader(b"ab\0c");
        assert_eq!((reader.until_nul(), reader.until_nul()), (Some(&b"ab"[..]), None));
        assert_eq!(reader.0, b"c");
    }
}
