//! BSON (bsonspec.org): the elements of a document, of which perhaps only the beginning is there.

/// A document's bytes, from its length on, as far as they are there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Document<'a>(&'a [u8]);

/// One element. Its value is all there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Element<'a> {
    pub(super) kind: u8,
    pub(super) name: &'a [u8],
    pub(super) value: &'a [u8],
}

pub(super) const DOUBLE: u8 = 0x01;
pub(super) const STRING: u8 = 0x02;
pub(super) const DOCUMENT: u8 = 0x03;
pub(super) const ARRAY: u8 = 0x04;
pub(super) const BOOL: u8 = 0x08;
pub(super) const CODE_WITH_SCOPE: u8 = 0x0f;
pub(super) const INT32: u8 = 0x10;
pub(super) const INT64: u8 = 0x12;

/// The smallest document: its length and its end.
pub(super) const SMALLEST: usize = 5;

impl<'a> Document<'a> {
    /// The document that `bytes` begin with, and what is behind it; `None` when its length cannot be one.
    pub(super) fn read(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let length = usize::try_from(int32(bytes)?).ok().filter(|length| *length >= SMALLEST)?;
        let (own, rest) = bytes.split_at(length.min(bytes.len()));
        Some((Self(own), rest))
    }

    /// The size that it says it has.
    pub(super) fn size(self) -> usize {
        int32(self.0).and_then(|length| usize::try_from(length).ok()).unwrap_or(0)
    }

    pub(super) fn whole(self) -> bool {
        self.0.len() == self.size()
    }

    pub(super) fn elements(self) -> Elements<'a> {
        // The last byte of a whole document is its end.
        let end = if self.whole() { self.0.len() - 1 } else { self.0.len() };
        Elements { rest: self.0.get(4..end).unwrap_or_default(), broken: !self.whole() }
    }

    pub(super) fn first(self) -> Option<Element<'a>> {
        self.elements().next()
    }

    pub(super) fn get(self, name: &str) -> Option<Element<'a>> {
        self.elements().find(|element| element.name == name.as_bytes())
    }

    pub(super) fn text(self, name: &str) -> Option<&'a str> {
        self.get(name)?.text()
    }

    pub(super) fn number(self, name: &str) -> Option<f64> {
        self.get(name)?.number()
    }

    pub(super) fn document(self, name: &str) -> Option<Self> {
        self.get(name)?.document()
    }
}

impl<'a> Element<'a> {
    pub(super) fn text(&self) -> Option<&'a str> {
        let text = if self.kind == STRING { string(self.value)? } else { return None };
        str::from_utf8(text).ok()
    }

    pub(super) fn number(&self) -> Option<f64> {
        match self.kind {
            DOUBLE => Some(f64::from_le_bytes(self.value.try_into().ok()?)),
            BOOL => Some(f64::from(self.value.first().copied()?)),
            INT32 => Some(f64::from(int32(self.value)?)),
            INT64 => Some(i64::from_le_bytes(self.value.try_into().ok()?) as f64),
            _ => None,
        }
    }

    /// A document, or an array, whose elements are named by their place.
    pub(super) fn document(&self) -> Option<Document<'a>> {
        matches!(self.kind, DOCUMENT | ARRAY).then_some(Document(self.value))
    }
}

/// The elements of a document, one after the other.
#[derive(Debug, Clone)]
pub(super) struct Elements<'a> {
    rest: &'a [u8],
    /// Not all of them are there, or what is there is none.
    broken: bool,
}

impl Elements<'_> {
    pub(super) fn broken(&self) -> bool {
        self.broken
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        let rest = std::mem::take(&mut self.rest);
        let (&kind, behind) = rest.split_first()?;
        let read = || {
            let (name, behind) = c_string(behind)?;
            let size = size(kind, behind)?;
            Some((name, behind, size))
        };
        let Some((name, behind, size)) = read() else {
            self.broken = true;
            return None;
        };
        let whole = size <= behind.len();
        self.broken |= !whole;
        if !whole && !matches!(kind, DOCUMENT | ARRAY) {
            return None;
        }
        let (value, behind) = behind.split_at(size.min(behind.len()));
        self.rest = behind;
        Some(Element { kind, name, value })
    }
}

/// The size of a value that `bytes` begin with.
fn size(kind: u8, bytes: &[u8]) -> Option<usize> {
    let length = |least: i32| usize::try_from(int32(bytes).filter(|length| *length >= least)?).ok();
    Some(match kind {
        // undefined, null, the smallest and the largest key
        0x06 | 0x0a | 0x7f | 0xff => 0,
        BOOL => 1,
        INT32 => 4,
        // double, date, timestamp, 64-bit integer
        DOUBLE | 0x09 | 0x11 | INT64 => 8,
        // object id
        0x07 => 12,
        // decimal
        0x13 => 16,
        // string, code, symbol
        STRING | 0x0d | 0x0e => length(1)? + 4,
        DOCUMENT | ARRAY => length(SMALLEST as i32)?,
        // a length, a string, a document
        CODE_WITH_SCOPE => length(14)?,
        // binary: a length, what it is, bytes
        0x05 => length(0)? + 5,
        // pattern and options of a regular expression
        0x0b => {
            let (_, behind) = c_string(bytes)?;
            let (_, behind) = c_string(behind)?;
            bytes.len() - behind.len()
        }
        // a pointer: a string and an object id
        0x0c => length(1)? + 16,
        _ => return None,
    })
}

pub(super) fn int32(bytes: &[u8]) -> Option<i32> {
    let four = bytes.get(..4)?;
    Some(i32::from_le_bytes([four[0], four[1], four[2], four[3]]))
}

/// Bytes up to a zero, and what is behind it.
pub(super) fn c_string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

/// The text of a string with its length before it and a zero behind it.
pub(super) fn string(value: &[u8]) -> Option<&[u8]> {
    let length = usize::try_from(int32(value)?).ok()?.checked_sub(1)?;
    value.get(4..4usize.checked_add(length)?)
}
