//! Rows as JSON: an array of objects, one row a line, so that what is cut off can still be read.

use model::Timestamp;
use model::exchange::Message;

use super::message::Reader;
use super::names::Column;
use super::value::{Format, Value};
use crate::json;
use crate::ledger;
use crate::limits::Limits;

/// Adds a row to a body. Without columns it is an array, whose values are text where they may be.
pub(super) fn add(
    response: &mut Message,
    at: Timestamp,
    columns: Option<&[Column]>,
    payload: &[u8],
    is_whole: bool,
    limits: &Limits,
) {
    response.last = response.last.max(at);
    if response.cut {
        return;
    }
    let mut line = if response.body.is_empty() { "[\n" } else { ",\n" }.to_owned();
    let read_all = row(columns, payload, &mut line);
    response.media = Some("application/json".to_owned());
    ledger::keep(response, line.as_bytes(), limits);
    response.cut |= !(is_whole && read_all);
}

/// Ends the body: `has_rows` says whether the statement is one that gives rows, even if it gave none.
pub(super) fn end(response: &mut Message, has_rows: bool, limits: &Limits) {
    if response.cut {
        return;
    }
    let is_json = response.media.as_deref() == Some("application/json");
    if is_json && !response.body.is_empty() {
        ledger::keep(response, b"\n]", limits);
    } else if has_rows && response.body.is_empty() {
        response.media = Some("application/json".to_owned());
        ledger::keep(response, b"[]", limits);
    }
}

/// One row, as far as it is there; whether it is there whole.
fn row(columns: Option<&[Column]>, payload: &[u8], out: &mut String) -> bool {
    let mut reader = Reader(payload);
    let Some(count) = reader.u16() else { return false };
    out.push(if columns.is_some() { '{' } else { '[' });
    for place in 0..usize::from(count) {
        let Ok(value) = reader.value() else { return false };
        if place > 0 {
            out.push(',');
        }
        let column = columns.and_then(|columns| columns.get(place));
        if let Some(column) = column {
            json::string(out, &column.name);
            out.push(':');
        } else if columns.is_some() {
            json::string(out, &format!("({})", place + 1));
            out.push(':');
        }
        let value = match column {
            Some(column) => Value::read(column.kind, column.format, value),
            None => Value::read(0, unknown_format(value), value),
        };
        value.json(out);
    }
    out.push(if columns.is_some() { '}' } else { ']' });
    reader.is_empty()
}

fn unknown_format(value: Option<&[u8]>) -> Format {
    let is_text = value.is_none_or(|bytes| {
        str::from_utf8(bytes)
            .is_ok_and(|text| !text.contains(|c: char| c.is_control() && !"\n\r\t".contains(c)))
    });
    if is_text { Format::Text } else { Format::Binary }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(columns: Option<&[Column]>, rows: &[&[u8]], limit: usize) -> (String, bool) {
        let limits = Limits::new(limit);
        let mut message = Message::default();
        for row in rows {
            add(&mut message, Timestamp(0), columns, row, true, &limits);
        }
        end(&mut message, true, &limits);
        (String::from_utf8(message.body).unwrap(), message.cut)
    }

    #[test]
    fn rows_are_objects_in_an_array() {
        let column = |name: &str, kind| Column { name: name.to_owned(), kind, format: Format::Text };
        let columns = [column("id", 23), column("na\"me", 25)];
        let rows: [&[u8]; 2] = [b"\0\x02\0\0\0\x011\0\0\0\x01a", b"\0\x02\0\0\0\x012\xff\xff\xff\xff"];
        let whole = "[\n{\"id\":1,\"na\\\"me\":\"a\"},\n{\"id\":2,\"na\\\"me\":null}\n]";
        assert_eq!(body(Some(&columns), &rows, 100), (whole.to_owned(), false));
        assert_eq!(body(Some(&columns), &[], 100), ("[]".to_owned(), false));
        assert_eq!(body(Some(&columns), &rows, 10), (whole[..10].to_owned(), true));
        assert_eq!(body(None, &rows, 100).0, "[\n[\"1\",\"a\"],\n[\"2\",null]\n]");
        assert_eq!(body(None, &[b"\0\x01\0\0\0\x01\x07"], 100).0, "[\n[\"\\\\x07\"]\n]");
        assert_eq!(body(Some(&columns[..1]), &rows[..1], 100).0, "[\n{\"id\":1,\"(2)\":\"a\"}\n]");
        assert_eq!(body(Some(&columns), &[b"\0\x02\0\0\0\x011\0\0"], 100), ("[\n{\"id\":1".to_owned(), true));
    }
}
