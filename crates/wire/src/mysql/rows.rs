//! Rows as JSON: an array of objects by column name, which is whole JSON whenever it is looked at.

use crate::json;
use model::exchange::Message;

use super::columns::Column;
use super::read::Reader;
use super::values::{Shown, Value, binary_value, part_of_value, text_value};
use crate::limits::Limits;

/// How a result's rows are written on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Text,
    Binary,
    /// The command was not seen: as whichever fits a row to its last byte.
    Either,
}

/// A row's bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) format: Format,
    pub(super) whole: bool,
}

/// Begins another result's rows in a message's body. With a second one the body becomes an array of arrays.
pub(super) fn begin(message: &mut Message, results: u64, limits: &Limits) {
    message.media = Some("application/json".to_owned());
    match results {
        _ if message.body.len() + 4 > limits.body => message.cut = true,
        0 => message.body = b"[]".to_vec(),
        1 => {
            message.body.insert(0, b'[');
            message.body.extend_from_slice(b",[]]");
        }
        _ => {
            message.body.pop();
            message.body.extend_from_slice(b",[]]");
        }
    }
}

/// Adds a row to the result that was begun last, and says whether there was room. Of a row that is not `whole`, what
/// there is; one that does not fit its columns is left out.
pub(super) fn add(
    message: &mut Message,
    row: Row<'_>,
    columns: &[Column],
    nested: bool,
    limits: &Limits,
) -> bool {
    let closing = if nested { 2 } else { 1 };
    // A result that found no room for its brackets finds none for its rows.
    let end = message.body.len().checked_sub(closing).filter(|end| *end > 0);
    let Some(end) = end else {
        message.cut = true;
        return false;
    };
    let comma = message.body[end - 1] != b'[';
    let room = limits.body.saturating_sub(message.body.len() + usize::from(comma));
    // One long value leaves room for others.
    let value_limit = limits.body / 4;
    let Some(object) = object(row, columns, value_limit) else {
        message.cut = true;
        return true;
    };
    let fits = object.json.len() <= room;
    message.cut |= object.cut || !fits;
    if !fits {
        return false;
    }
    let tail = message.body.split_off(end);
    if comma {
        message.body.push(b',');
    }
    message.body.extend_from_slice(object.json.as_bytes());
    message.body.extend_from_slice(&tail);
    true
}

struct Object {
    json: String,
    cut: bool,
}

/// A row; `None` where its bytes do not fit its columns.
fn object(row: Row<'_>, columns: &[Column], limit: usize) -> Option<Object> {
    match row.format {
        Format::Text => text_row(row, columns, limit),
        Format::Binary => binary_row(row, columns, limit),
        Format::Either => text_row(row, columns, limit).or_else(|| binary_row(row, columns, limit)),
    }
}

fn text_row(row: Row<'_>, columns: &[Column], limit: usize) -> Option<Object> {
    let (mut reader, mut object) = (Reader(row.bytes), Object { json: "{".to_owned(), cut: false });
    for column in columns {
        if let Some(behind) = reader.0.strip_prefix(b"\xfb") {
            reader = Reader(behind);
            object.member(&column.name, (Value::Null, false));
        } else if let Some(bytes) = reader.string() {
            object.member(&column.name, text_value(bytes, column, limit));
        } else if row.whole {
            return None;
        } else {
            return Some(object.break_off(reader, column, limit));
        }
    }
    reader.is_empty().then(|| object.close())
}

/// A NUL, then a bit for each column that is NULL, the first two being unused, then the others' values.
fn binary_row(row: Row<'_>, columns: &[Column], limit: usize) -> Option<Object> {
    let mut reader = Reader(row.bytes);
    if reader.u8()? != 0 {
        return None;
    }
    let nulls = reader.take((columns.len() + 9) / 8)?;
    let mut object = Object { json: "{".to_owned(), cut: false };
    for (place, column) in columns.iter().enumerate() {
        let bit = place + 2;
        if nulls[bit / 8] & (1 << (bit % 8)) != 0 {
            object.member(&column.name, (Value::Null, false));
        } else if let Some(shown) = binary_value(&mut reader, column, limit) {
            object.member(&column.name, shown);
        } else if row.whole {
            return None;
        } else {
            return Some(object.break_off(reader, column, limit));
        }
    }
    reader.is_empty().then(|| object.close())
}

impl Object {
    fn member(&mut self, name: &str, (value, cut): Shown<'_>) {
        self.cut |= cut;
        if self.json.len() > 1 {
            self.json.push(',');
        }
        json::string(&mut self.json, name);
        self.json.push(':');
        match value {
            Value::Null => self.json.push_str("null"),
            Value::Number(number) => self.json.push_str(&number),
            Value::Text(text) => json::string(&mut self.json, &text),
        }
    }

    /// The row's bytes end inside a value.
    fn break_off(mut self, mut reader: Reader<'_>, column: &Column, limit: usize) -> Self {
        if let Some(shown) = part_of_value(&mut reader, column, limit) {
            self.member(&column.name, shown);
        }
        self.cut = true;
        self.close()
    }

    fn close(mut self) -> Self {
        self.json.push('}');
        self
    }
}

#[cfg(test)]
mod tests {
    use super::super::columns::kind;
    use super::*;

    fn columns() -> Vec<Column> {
        let column =
            |name: &str, kind| Column { name: name.to_owned(), kind, unsigned: false, binary: false };
        vec![column("id", kind::LONG), column("na\"me", 253)]
    }

    fn body(rows: &[(&[u8], Format)], limit: usize) -> (String, bool) {
        let mut message = Message::default();
        let limits = Limits::new(limit);
        begin(&mut message, 0, &limits);
        for (bytes, format) in rows {
            let row = Row { bytes, format: *format, whole: true };
            add(&mut message, row, &columns(), false, &limits);
        }
        (String::from_utf8(message.body).unwrap(), message.cut)
    }

    #[test]
    fn rows_of_both_protocols_become_the_same_objects() {
        let text: &[u8] = b"\x017\x03a\n\\";
        let binary: &[u8] = b"\0\0\x07\0\0\0\x03a\n\\";
        for format in [Format::Text, Format::Either] {
            let (json, cut) = body(&[(text, format), (b"\xfb\xfb", format)], 999);
            assert_eq!(json, r#"[{"id":7,"na\"me":"a\n\\"},{"id":null,"na\"me":null}]"#);
            assert!(!cut);
        }
        for format in [Format::Binary, Format::Either] {
            let (json, cut) = body(&[(binary, format), (b"\0\x0c", format)], 999);
            assert_eq!(json, r#"[{"id":7,"na\"me":"a\n\\"},{"id":null,"na\"me":null}]"#);
            assert!(!cut);
        }
    }

    #[test]
    fn what_does_not_fit_is_left_out_and_said() {
        let row: &[u8] = b"\x017\x01a";
        let one = r#"[{"id":7,"na\"me":"a"}]"#;
        assert_eq!(body(&[(row, Format::Text); 3], one.len()), (one.to_owned(), true));
        assert_eq!(body(&[(row, Format::Text)], one.len()), (one.to_owned(), false));
        assert_eq!(body(&[(b"\x017\x02a", Format::Text)], 99), ("[]".to_owned(), true));
        assert_eq!(body(&[(b"\x017\x01abc", Format::Either)], 99), ("[]".to_owned(), true));
        let (json, cut) = body(&[(b"\x017\x1eaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", Format::Text)], 80);
        assert_eq!((json.as_str(), cut), (r#"[{"id":7,"na\"me":"aaaaaaaaaaaaaaaaaaaa"}]"#, true));
    }

    #[test]
    fn of_a_row_that_is_not_whole_there_is_what_came() {
        for (bytes, format) in
            [(&b"\x017\xfd\0\0\x01abc"[..], Format::Text), (b"\0\0\x07\0\0\0\xfd\0\0\x01abc", Format::Binary)]
        {
            let (mut message, limits) = (Message::default(), Limits::new(99));
            begin(&mut message, 0, &limits);
            add(&mut message, Row { bytes, format, whole: false }, &columns(), false, &limits);
            assert_eq!(message.body, br#"[{"id":7,"na\"me":"abc"}]"#);
            assert!(message.cut);
        }
        let (mut message, limits) = (Message::default(), Limits::new(0));
        begin(&mut message, 0, &limits);
        add(
            &mut message,
            Row { bytes: b"\x017\xfb", format: Format::Text, whole: true },
            &columns(),
            false,
            &limits,
        );
        assert_eq!((message.body.len(), message.cut), (0, true));
    }

    #[test]
    fn several_results_become_an_array_of_arrays() {
        let mut message = Message::default();
        for result in 0..3 {
            begin(&mut message, result, &Limits::new(999));
            for id in 0..result {
                let bytes = [b"\x01", id.to_string().as_bytes(), b"\xfb"].concat();
                let row = Row { bytes: &bytes, format: Format::Text, whole: true };
                add(&mut message, row, &columns(), result > 0, &Limits::new(999));
            }
        }
        let json = String::from_utf8(message.body).unwrap();
        assert_eq!(json, r#"[[],[{"id":0,"na\"me":null}],[{"id":0,"na\"me":null},{"id":1,"na\"me":null}]]"#);
        let mut out = String::new();
        json::string(&mut out, "\u{1}\u{1f} é");
        assert_eq!(out, r#""\u0001\u001f é""#);
    }
}
