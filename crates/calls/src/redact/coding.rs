//! Texts within texts: a string of JSON, a value of a form, a literal of SQL, as what they stand for.

use std::borrow::Cow;

/// How a text is written within another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    /// Backslashes: JSON, JavaScript, what `redis-cli` prints.
    Backslash,
    /// `%XX` and `+`: forms and queries.
    Percent,
    /// As it stands there.
    Nothing,
}

/// A part of a text with its escapes undone, and where each of its bytes came from.
#[derive(Debug)]
pub(super) struct Undone<'a> {
    pub(super) bytes: Cow<'a, [u8]>,
    coding: Coding,
    /// Where the part begins.
    start: usize,
    /// Where each byte, and the end, is in the part; empty where that is the same place.
    places: Vec<u32>,
}

impl<'a> Undone<'a> {
    /// The part as it stands there.
    pub(super) fn same(part: &'a [u8], start: usize) -> Self {
        Self { bytes: part.into(), coding: Coding::Nothing, start, places: Vec::new() }
    }

    /// The part, which begins at `start`, with its escapes undone. What is no escape stays.
    pub(super) fn new(part: &'a [u8], start: usize, coding: Coding) -> Self {
        let is_mark = |byte: &u8| match coding {
            Coding::Backslash => *byte == b'\\',
            Coding::Percent => matches!(byte, b'%' | b'+'),
            Coding::Nothing => false,
        };
        if !part.iter().any(is_mark) {
            return Self { coding, ..Self::same(part, start) };
        }
        let mut bytes = Vec::with_capacity(part.len());
        let mut places = Vec::with_capacity(part.len() + 1);
        let mut at = 0;
        while let Some(rest) = part.get(at..).filter(|rest| !rest.is_empty()) {
            let mut buffer = [0; 4];
            let (made, used) = match coding {
                Coding::Backslash => backslash(rest, &mut buffer),
                Coding::Percent => percent(rest, &mut buffer),
                Coding::Nothing => (&rest[..1], 1),
            };
            bytes.extend_from_slice(made);
            places.extend(made.iter().map(|_| at as u32));
            at += used;
        }
        places.push(at as u32);
        Self { bytes: bytes.into(), coding, start, places }
    }

    /// Where in the outer text the byte is that has this place here.
    pub(super) fn place(&self, at: usize) -> usize {
        let last = || self.places.last().copied();
        self.start + self.places.get(at).copied().or_else(last).map_or(at, |place| place as usize)
    }

    /// How a quote is written in the outer text.
    pub(super) fn coded(&self, quote: &str) -> String {
        match self.coding {
            Coding::Backslash => quote.replace('\\', r"\\").replace('"', "\\\""),
            Coding::Percent => quote.replace('\\', "%5C").replace('"', "%22"),
            Coding::Nothing => quote.to_owned(),
        }
    }
}

/// What the bytes begin with, and how many of them it takes.
fn backslash<'b>(rest: &'b [u8], buffer: &'b mut [u8; 4]) -> (&'b [u8], usize) {
    match rest {
        [b'\\', b'n', ..] => (b"\n", 2),
        [b'\\', b'r', ..] => (b"\r", 2),
        [b'\\', b't', ..] => (b"\t", 2),
        [b'\\', b'u', hex @ ..] => {
            let letter = hex.get(..4).and_then(hex_number).and_then(char::from_u32).unwrap_or('\u{fffd}');
            (letter.encode_utf8(buffer).as_bytes(), 2 + hex.len().min(4))
        }
        [b'\\', b'x', hex @ ..] if hex.get(..2).and_then(hex_number).is_some() => {
            buffer[0] = hex.get(..2).and_then(hex_number).unwrap_or_default() as u8;
            (&buffer[..1], 4)
        }
        [b'\\', _, ..] => (&rest[1..2], 2),
        _ => (&rest[..1], 1),
    }
}

fn percent<'b>(rest: &'b [u8], buffer: &'b mut [u8; 4]) -> (&'b [u8], usize) {
    match rest {
        [b'+', ..] => (b" ", 1),
        [b'%', hex @ ..] if hex.get(..2).and_then(hex_number).is_some() => {
            buffer[0] = hex.get(..2).and_then(hex_number).unwrap_or_default() as u8;
            (&buffer[..1], 3)
        }
        _ => (&rest[..1], 1),
    }
}

fn hex_number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |number, digit| Some(number * 16 + char::from(*digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone_and_places_are_known() {
        for (coding, part, expected) in [
            (Coding::Backslash, r#"a\"b\\c\u0041\n\x41\z"#, "a\"b\\cA\nAz"),
            (Coding::Percent, "a+b%3Dc%zz%", "a b=c%zz%"),
            (Coding::Backslash, r"\u00e4\u12", "ä\u{fffd}"),
            (Coding::Backslash, r"\", r"\"),
            (Coding::Percent, "plain", "plain"),
        ] {
            let undone = Undone::new(part.as_bytes(), 10, coding);
            assert_eq!(String::from_utf8_lossy(&undone.bytes), expected);
            assert_eq!(undone.place(0), 10);
            assert_eq!(undone.place(undone.bytes.len()), 10 + part.len(), "{part}");
        }
        let undone = Undone::new(br#"a\"b"#, 0, Coding::Backslash);
        assert_eq!((undone.place(1), undone.place(2)), (1, 3));
        assert_eq!(undone.coded("\\\""), r#"\\\""#);
    }
}
