//! The values that messages are made of (Kafka protocol guide, "Protocol Primitive Types").

/// Reads values one after the other; what is not there is `None`, and then all that follows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
    /// The version is a flexible one: lengths are variable integers, tagged fields follow each structure.
    flexible: bool,
}

/// Bytes that may be longer than what is there of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Blob<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) size: usize,
}

pub(super) type TopicId = [u8; 16];

impl<'a> Fields<'a> {
    pub(super) fn new(rest: &'a [u8], flexible: bool) -> Self {
        Self { rest, flexible }
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let Some((taken, rest)) = self.rest.split_at_checked(bytes) else {
            self.rest = &[];
            return None;
        };
        self.rest = rest;
        Some(taken)
    }

    pub(super) fn skip(&mut self, bytes: usize) -> Option<()> {
        self.take(bytes).map(drop)
    }

    /// Passes over bytes that only some versions have.
    pub(super) fn skip_if(&mut self, is: bool, bytes: usize) -> Option<()> {
        if is { self.skip(bytes) } else { Some(()) }
    }

    fn array_of<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(super) fn i8(&mut self) -> Option<i8> {
        self.array_of().map(i8::from_be_bytes)
    }

    pub(super) fn i16(&mut self) -> Option<i16> {
        self.array_of().map(i16::from_be_bytes)
    }

    pub(super) fn i32(&mut self) -> Option<i32> {
        self.array_of().map(i32::from_be_bytes)
    }

    pub(super) fn i64(&mut self) -> Option<i64> {
        self.array_of().map(i64::from_be_bytes)
    }

    pub(super) fn id(&mut self) -> Option<TopicId> {
        self.array_of()
    }

    /// An unsigned variable integer of at most 64 bits.
    fn unsigned(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array_of()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    /// A signed variable integer, zigzag coded.
    pub(super) fn varint(&mut self) -> Option<i64> {
        let coded = self.unsigned()?;
        Some((coded >> 1) as i64 ^ -((coded & 1) as i64))
    }

    /// A length, where null counts as nothing.
    fn length(&mut self, short: bool) -> Option<usize> {
        let length = match (self.flexible, short) {
            (true, _) => return usize::try_from(self.unsigned()?.saturating_sub(1)).ok(),
            (false, true) => i32::from(self.i16()?),
            (false, false) => self.i32()?,
        };
        Some(usize::try_from(length).unwrap_or_default())
    }

    /// How many elements an array has, or bytes a blob, behind it.
    pub(super) fn count(&mut self) -> Option<usize> {
        self.length(false)
    }

    /// A string; a null one is empty, and what is no UTF-8 is replaced.
    pub(super) fn string(&mut self) -> Option<String> {
        let length = self.length(true)?;
        self.take(length).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    /// Bytes, or the first ones of those that are not whole.
    pub(super) fn blob(&mut self) -> Option<Blob<'a>> {
        let size = self.length(false)?;
        let (bytes, rest) = self.rest.split_at(size.min(self.rest.len()));
        self.rest = rest;
        Some(Blob { bytes, size })
    }

    /// What is in an array, element by element; what is cut off is left out, and then there is nothing behind it.
    pub(super) fn each(&mut self, mut element: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.each_before(|element_fields, _| element(element_fields))
    }

    /// As [`Self::each`], and how many elements follow each one.
    pub(super) fn each_before(
        &mut self,
        mut element: impl FnMut(&mut Self, usize) -> Option<()>,
    ) -> Option<()> {
        for left in (0..self.count()?).rev() {
            if self.rest.is_empty() {
                return None;
            }
            element(self, left)?;
        }
        Some(())
    }

    /// Passes over the tagged fields behind a structure.
    pub(super) fn tags(&mut self) -> Option<()> {
        if !self.flexible {
            return Some(());
        }
        for _ in 0..self.unsigned()? {
            self.unsigned()?;
            let size = self.unsigned()?;
            self.skip(usize::try_from(size).ok()?)?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variable_integers_are_read() {
        for (bytes, expected) in [
            (&b"\x00"[..], Some(0)),
            (b"\x01", Some(-1)),
            (b"\x02", Some(1)),
            (b"\xac\x02", Some(150)),
            (b"\xfe\xff\xff\xff\x0f", Some(i64::from(i32::MAX))),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", Some(i64::MIN)),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", None),
            (b"\x80", None),
        ] {
            assert_eq!(Fields::new(bytes, true).varint(), expected, "{bytes:?}");
        }
    }

    #[test]
    fn strings_and_arrays_are_read_either_way() {
        let mut old = Fields::new(b"\0\x02hi\xff\xff\0\0\0\x02\0\x01\0\x02\xff\xff\xff\xff", false);
        let mut new = Fields::new(b"\x03hi\0\x03\0\x01\0\x02\0\x01\x05\x01?", true);
        for fields in [&mut old, &mut new] {
            assert_eq!(fields.string().as_deref(), Some("hi"));
            assert_eq!(fields.string().as_deref(), Some(""));
            let mut items = Vec::new();
            fields.each(|item| item.i16().map(|value| items.push(value))).unwrap();
            assert_eq!(items, [1, 2]);
        }
        assert_eq!(old.blob(), Some(Blob { bytes: b"", size: 0 }));
        assert_eq!((new.blob().map(|blob| blob.size), new.rest()), (Some(0), &b"\x01\x05\x01?"[..]));
        new.tags().unwrap();
        assert_eq!(new.rest(), b"");
    }

    #[test]
    fn what_is_cut_off_is_not_there() {
        let mut fields = Fields::new(b"\0\0\0\x09abc", false);
        assert_eq!(fields.blob(), Some(Blob { bytes: b"abc", size: 9 }));
        assert_eq!(fields.i8(), None);
        let mut count = 0;
        assert_eq!(
            Fields::new(b"\x7f\xff\xff\xff\0\x01\0", false).each(|item| {
                count += 1;
                item.i16().map(drop)
            }),
            None
        );
        assert_eq!(count, 2);
        assert_eq!(Fields::new(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", true).tags(), None);
    }
}
