//! Values as they stand in rows and parameters, in the text and in the binary protocol.

use std::borrow::Cow;

use super::columns::{Column, kind};
use super::read::Reader;

/// Whole numbers beyond this lose digits where JSON is read as floating point: they become strings.
const EXACT: u64 = 1 << 53;
/// A binary value is shown so far, in bytes.
const BINARY_LIMIT: usize = 256;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'a> {
    Null,
    /// JSON reads it as a number and loses nothing.
    Number(String),
    Text(Cow<'a, str>),
}

/// A value and whether it is shorter than what was sent.
pub(super) type Shown<'a> = (Value<'a>, bool);

impl Value<'_> {
    /// For people, without quotes.
    pub(super) fn plain(&self) -> &str {
        match self {
            Self::Null => "NULL",
            Self::Number(number) => number,
            Self::Text(text) => text,
        }
    }
}

/// A value of the text protocol, of at most `limit` bytes.
pub(super) fn text_value<'a>(bytes: &'a [u8], column: &Column, limit: usize) -> Shown<'a> {
    match column.kind {
        kind::TINY | kind::SHORT | kind::LONG | kind::INT24 | kind::LONGLONG | kind::YEAR => {
            let text = String::from_utf8_lossy(bytes);
            let exact = text.parse::<i64>().is_ok_and(|number| number.unsigned_abs() <= EXACT);
            // Zero-filled numbers are none in JSON.
            let canonical = text.parse::<i64>().is_ok_and(|number| number.to_string() == text);
            if exact && canonical {
                (Value::Number(text.into_owned()), false)
            } else {
                (Value::Text(text), false)
            }
        }
        kind::FLOAT | kind::DOUBLE => {
            let text = String::from_utf8_lossy(bytes);
            let number = text.parse::<f64>().is_ok_and(f64::is_finite)
                && text.trim_start_matches('-').starts_with(|c: char| c.is_ascii_digit());
            let zeros = text.trim_start_matches('-').strip_prefix('0');
            if number && !zeros.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
                (Value::Number(text.into_owned()), false)
            } else {
                (Value::Text(text), false)
            }
        }
        kind::BIT => (bits(bytes), false),
        _ => string(bytes, column.binary, limit),
    }
}

/// The next value of the binary protocol; `None` where it is not whole, or its type is not known.
pub(super) fn binary_value<'a>(reader: &mut Reader<'a>, column: &Column, limit: usize) -> Option<Shown<'a>> {
    let whole = |reader: &mut Reader<'a>, size: usize| {
        let bits = reader.fixed(size)?;
        let unused = 64 - 8 * size as u32;
        let number = if column.unsigned {
            exact(bits <= EXACT, bits.to_string())
        } else {
            let signed = ((bits << unused) as i64) >> unused;
            exact(signed.unsigned_abs() <= EXACT, signed.to_string())
        };
        Some(number)
    };
    let value = match column.kind {
        kind::NULL => Value::Null,
        kind::TINY => whole(reader, 1)?,
        kind::SHORT | kind::YEAR => whole(reader, 2)?,
        kind::LONG | kind::INT24 => whole(reader, 4)?,
        kind::LONGLONG => whole(reader, 8)?,
        kind::FLOAT => {
            let number = f32::from_bits(reader.u32()?);
            exact(number.is_finite(), number.to_string())
        }
        kind::DOUBLE => {
            let number = f64::from_bits(reader.fixed(8)?);
            exact(number.is_finite(), number.to_string())
        }
        kind::DATE | kind::DATETIME | kind::TIMESTAMP => moment(reader, column.kind == kind::DATE)?,
        kind::TIME => span(reader)?,
        kind::BIT => bits(reader.string()?),
        kind::DECIMAL | kind::NEWDECIMAL | kind::VARCHAR | kind::STRINGS.. => {
            return Some(string(reader.string()?, column.binary, limit));
        }
        _ => return None,
    };
    Some((value, false))
}

/// The beginning of a string whose end is not there; `None` of other types.
pub(super) fn part_of_value<'a>(reader: &mut Reader<'a>, column: &Column, limit: usize) -> Option<Shown<'a>> {
    if !matches!(column.kind, kind::VARCHAR | kind::STRINGS..) {
        return None;
    }
    let (bytes, _) = reader.part_of_string()?;
    Some((string(bytes, column.binary, limit).0, true))
}

fn exact(is_exact: bool, number: String) -> Value<'static> {
    if is_exact { Value::Number(number) } else { Value::Text(number.into()) }
}

/// Text, or what bytes are when they are none.
fn string(bytes: &[u8], binary: bool, limit: usize) -> Shown<'_> {
    if binary && std::str::from_utf8(bytes).is_err() {
        let shown = &bytes[..bytes.len().min(BINARY_LIMIT).min(limit / 2)];
        let mut hex = String::with_capacity(2 + 2 * shown.len());
        hex.push_str("0x");
        for byte in shown {
            for digit in [byte >> 4, byte & 15] {
                hex.extend(char::from_digit(u32::from(digit), 16));
            }
        }
        return (Value::Text(hex.into()), shown.len() < bytes.len());
    }
    let mut end = bytes.len().min(limit);
    // Not in the middle of a character.
    while end < bytes.len() && end > 0 && bytes[end] & 0xc0 == 0x80 {
        end -= 1;
    }
    (Value::Text(String::from_utf8_lossy(&bytes[..end])), end < bytes.len())
}

fn bits(bytes: &[u8]) -> Value<'static> {
    if bytes.len() > 8 {
        return string(bytes, true, BINARY_LIMIT).0.into_owned();
    }
    let number = bytes.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    exact(number <= EXACT, number.to_string())
}

impl Value<'_> {
    fn into_owned(self) -> Value<'static> {
        match self {
            Self::Null => Value::Null,
            Self::Number(number) => Value::Number(number),
            Self::Text(text) => Value::Text(text.into_owned().into()),
        }
    }
}

/// A date, perhaps with a time of day.
fn moment(reader: &mut Reader<'_>, date_only: bool) -> Option<Value<'static>> {
    let length = usize::from(reader.u8()?);
    let mut fields = Reader(reader.take(length)?);
    let (mut year, mut month, mut day) = (0, 0, 0);
    if length > 0 {
        (year, month, day) = (fields.u16()?, fields.u8()?, fields.u8()?);
    }
    let date = format!("{year:04}-{month:02}-{day:02}");
    if date_only {
        return Some(Value::Text(date.into()));
    }
    let (mut hour, mut minute, mut second) = (0, 0, 0);
    if length > 4 {
        (hour, minute, second) = (fields.u8()?, fields.u8()?, fields.u8()?);
    }
    let fraction = fraction(&mut fields, length > 7)?;
    Some(Value::Text(format!("{date} {hour:02}:{minute:02}:{second:02}{fraction}").into()))
}

/// A TIME: hours may be many, and less than none.
fn span(reader: &mut Reader<'_>) -> Option<Value<'static>> {
    let length = usize::from(reader.u8()?);
    let mut fields = Reader(reader.take(length)?);
    if length == 0 {
        return Some(Value::Text("00:00:00".into()));
    }
    let sign = if fields.u8()? == 0 { "" } else { "-" };
    let hours = u64::from(fields.u32()?) * 24 + u64::from(fields.u8()?);
    let (minute, second) = (fields.u8()?, fields.u8()?);
    let fraction = fraction(&mut fields, length > 8)?;
    Some(Value::Text(format!("{sign}{hours:02}:{minute:02}:{second:02}{fraction}").into()))
}

fn fraction(fields: &mut Reader<'_>, sent: bool) -> Option<String> {
    Some(if sent { format!(".{:06}", fields.u32()?) } else { String::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(kind: u8, unsigned: bool, binary: bool) -> Column {
        Column { name: String::new(), kind, unsigned, binary }
    }

    /// `#` before what is a number, `~` before what is cut.
    fn show(shown: Option<Shown<'_>>) -> String {
        let Some((value, cut)) = shown else { return "none".to_owned() };
        let mark = if matches!(value, Value::Number(_)) { "#" } else { "" };
        format!("{}{mark}{}", if cut { "~" } else { "" }, value.plain())
    }

    #[test]
    fn text_values_are_numbers_only_where_nothing_is_lost() {
        let cases: [(&[u8], u8, bool, &str); 16] = [
            (b"7", kind::LONG, true, "#7"),
            (b"-7", kind::TINY, true, "#-7"),
            (b"007", kind::LONG, true, "007"),
            (b"9007199254740992", kind::LONGLONG, true, "#9007199254740992"),
            (b"9007199254740993", kind::LONGLONG, true, "9007199254740993"),
            (b"18446744073709551615", kind::LONGLONG, true, "18446744073709551615"),
            (b"1.5", kind::DOUBLE, true, "#1.5"),
            (b"1e+100", kind::DOUBLE, true, "#1e+100"),
            (b"01.5", kind::FLOAT, true, "01.5"),
            (b"inf", kind::DOUBLE, true, "inf"),
            (b"1.50", kind::NEWDECIMAL, true, "1.50"),
            (b"\x01\x02", kind::BIT, true, "#258"),
            (b"gr\xc3\xb6\xc3\x9fe", 253, false, "größe"),
            (b"\xff\x00", 252, true, "0xff00"),
            (b"gr\xf6", 253, false, "gr\u{fffd}"),
            (b"abcdefghijk\xc3\xb6", 252, true, "~abcdefghijk"),
        ];
        for (bytes, kind, binary, expected) in cases {
            let shown = text_value(bytes, &column(kind, false, binary), 12);
            assert_eq!(show(Some(shown)), expected, "{bytes:?}");
        }
    }

    #[test]
    fn binary_values_are_read_by_their_type() {
        let cases: [(&[u8], u8, bool, &str); 21] = [
            (b"\xff", kind::TINY, false, "#-1"),
            (b"\xff", kind::TINY, true, "#255"),
            (b"\xfe\xff", kind::SHORT, false, "#-2"),
            (b"\xe9\x07", kind::YEAR, true, "#2025"),
            (b"\x01\0\0\x80", kind::LONG, false, "#-2147483647"),
            (b"\x07\0\0\0", kind::INT24, false, "#7"),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff", kind::LONGLONG, true, "18446744073709551615"),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff", kind::LONGLONG, false, "#-1"),
            (b"\0\0\xc0\x3f", kind::FLOAT, false, "#1.5"),
            (b"\0\0\0\0\0\0\xf0\x7f", kind::DOUBLE, false, "inf"),
            (b"\0\0\0\0\0\0\xf8\x3f", kind::DOUBLE, false, "#1.5"),
            (b"", kind::NULL, false, "NULL"),
            (b"\x04\xea\x07\x0b\x18", kind::DATE, false, "2026-11-24"),
            (b"\x00", kind::DATETIME, false, "0000-00-00 00:00:00"),
            (b"\x07\xea\x07\x0b\x18\x07\x11\x05", kind::DATETIME, false, "2026-11-24 07:17:05"),
            (
                b"\x0b\xea\x07\x0b\x18\x07\x11\x05\x01\0\0\0",
                kind::TIMESTAMP,
                false,
                "2026-11-24 07:17:05.000001",
            ),
            (b"\x08\x01\x01\0\0\0\x02\x03\x04", kind::TIME, false, "-26:03:04"),
            (b"\x0c\0\0\0\0\0\x02\x03\x04\x05\0\0\0", kind::TIME, false, "02:03:04.000005"),
            (b"\x03abc", 253, false, "abc"),
            (b"\x041.50", kind::NEWDECIMAL, false, "1.50"),
            (b"abc", 99, false, "none"),
        ];
        for (bytes, kind, unsigned, expected) in cases {
            let mut reader = Reader(bytes);
            assert_eq!(
                show(binary_value(&mut reader, &column(kind, unsigned, false), 100)),
                expected,
                "{bytes:?}"
            );
            assert!(reader.is_empty() || expected == "none", "{bytes:?}");
            for end in 0..bytes.len() {
                assert_eq!(
                    binary_value(&mut Reader(&bytes[..end]), &column(kind, unsigned, false), 100),
                    None
                );
            }
        }
    }
}
