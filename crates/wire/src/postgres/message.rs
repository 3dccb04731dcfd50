//! What messages are made of: integers in network order, strings that end with a zero, fields of errors.

use model::exchange::Message;

/// How much of a small fact is kept as a header, in bytes.
const FACT_LIMIT: usize = 1000;
/// How many headers a message has at most.
const FACTS_LIMIT: usize = 128;

/// The payload ends before the value does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooShort;

/// Reads a payload from its beginning. `None` where it is too short.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn i32(&mut self) -> Option<i32> {
        self.array().map(i32::from_be_bytes)
    }

    pub(super) fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_be_bytes)
    }

    /// A string without its zero.
    pub(super) fn text(&mut self) -> Option<&'a [u8]> {
        let end = self.0.iter().position(|b| *b == 0)?;
        let text = self.take(end)?;
        self.take(1)?;
        Some(text)
    }

    /// The rest where it should be a string, even if its zero is missing.
    pub(super) fn text_or_rest(&mut self) -> &'a [u8] {
        self.text().unwrap_or_else(|| std::mem::take(&mut self.0))
    }

    /// A value with its length before it; `None` is NULL.
    pub(super) fn value(&mut self) -> Result<Option<&'a [u8]>, TooShort> {
        match self.i32().ok_or(TooShort)? {
            -1 => Ok(None),
            length => {
                let length = usize::try_from(length).map_err(|_| TooShort)?;
                self.take(length).map(Some).ok_or(TooShort)
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The fields of an `ErrorResponse` or a `NoticeResponse`, as far as they are there.
#[derive(Debug, Default)]
pub(super) struct Report(Vec<(u8, String)>);

impl Report {
    pub(super) fn read(payload: &[u8]) -> Self {
        let mut reader = Reader(payload);
        let mut fields = Vec::new();
        while let Some(code) = reader.u8().filter(|code| *code != 0) {
            let Some(value) = reader.text() else { break };
            fields.push((code, text(value)));
        }
        Self(fields)
    }

    pub(super) fn get(&self, code: u8) -> Option<&str> {
        self.0.iter().find(|(known, _)| *known == code).map(|(_, value)| value.as_str())
    }

    pub(super) fn message(&self) -> &str {
        self.get(b'M').unwrap_or_default()
    }

    pub(super) fn sqlstate(&self) -> Option<&str> {
        self.get(b'C').filter(|code| code.len() == 5 && code.bytes().all(|b| b.is_ascii_alphanumeric()))
    }

    /// Where in the text of the query, counted in characters from 1.
    pub(super) fn position(&self) -> Option<usize> {
        self.get(b'P')?.parse().ok()
    }

    /// What helps a developer besides the message itself.
    pub(super) fn facts(&self, message: &mut Message) {
        const NAMES: [(u8, &str); 9] = [
            (b'V', "severity"),
            (b'D', "detail"),
            (b'H', "hint"),
            (b'P', "position"),
            (b'W', "where"),
            (b's', "schema"),
            (b't', "table"),
            (b'c', "column"),
            (b'n', "constraint"),
        ];
        for (code, name) in NAMES {
            if let Some(value) = self.get(code) {
                fact(message, name, value);
            }
        }
    }
}

/// Adds a header, within bounds.
pub(super) fn fact(message: &mut Message, name: &str, value: &str) {
    if message.headers.len() < FACTS_LIMIT {
        let cut = |text: &str| text[..text.floor_char_boundary(FACT_LIMIT)].to_owned();
        let mut kept = cut(value);
        if kept.len() < value.len() {
            kept.push('…');
        }
        message.headers.push((cut(name), kept));
    }
}

/// What a `CommandComplete` says: its tag, the tag's first word, how many rows.
pub(super) fn rows_of(tag: &str) -> Option<u64> {
    tag.rsplit(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_stops_where_bytes_end() {
        let mut reader = Reader(b"\0\x02ab\0\0\0\0\x02xy\xff\xff\xff\xff\0\0\0\x09z");
        assert_eq!((reader.u16(), reader.text()), (Some(2), Some(&b"ab"[..])));
        assert_eq!(reader.value(), Ok(Some(&b"xy"[..])));
        assert_eq!((reader.value(), reader.value()), (Ok(None), Err(TooShort)));
        assert_eq!(Reader(b"\xff\xff\xff\xfe").value(), Err(TooShort));
        assert_eq!((Reader(b"abc").text(), Reader(b"abc").text_or_rest()), (None, &b"abc"[..]));
    }

    #[test]
    fn an_error_is_read_as_far_as_it_is_there() {
        let whole = Report::read(b"SERROR\0VERROR\0C23505\0Mduplicate key\0P15\0\0");
        assert_eq!(
            (whole.sqlstate(), whole.message(), whole.position()),
            (Some("23505"), "duplicate key", Some(15))
        );
        let half = Report::read(b"SERROR\0C23505\0Mdupl");
        assert_eq!((half.sqlstate(), half.message()), (Some("23505"), ""));
        let mut message = Message::default();
        whole.facts(&mut message);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(message.headers, [pair("severity", "ERROR"), pair("position", "15")]);
    }

    #[test]
    fn a_header_is_cut_at_a_character() {
        let mut message = Message::default();
        fact(&mut message, "detail", &"ä".repeat(600));
        assert_eq!(message.headers[0].1.chars().count(), 501);
    }

    #[test]
    fn tags_tell_rows() {
        for (tag, rows) in [("SELECT 3", Some(3)), ("INSERT 0 7", Some(7)), ("BEGIN", None), ("", None)] {
            assert_eq!(rows_of(tag), rows, "{tag}");
        }
    }
}
