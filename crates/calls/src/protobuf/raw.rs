//! Messages without their schema, as `protoc --decode_raw` shows them: field numbers, and what the wire says of values.
//!
//! The wire format (protobuf.dev, "Encoding") does not tell a text from a nested message: what reads as text is taken for
//! text, what else reads as a message for a message.

/// How deep messages may be nested before the rest is shown as bytes.
const DEPTH: usize = 32;
/// More text than this is not made, in bytes.
const TEXT_LIMIT: usize = 256 * 1024;

/// The fields of a message, one a line; `None` when the bytes are no message. One that was `cut` may end anywhere.
pub fn raw(bytes: &[u8], cut: bool) -> Option<String> {
    if !(cut || is_message(bytes)) {
        return None;
    }
    let mut text = String::new();
    let end = write(bytes, 0, &mut text);
    if cut && !text.is_empty() && end == End::Early {
        text.push_str("…\n");
    }
    (!text.is_empty() || bytes.is_empty()).then_some(text)
}

#[derive(Debug, PartialEq, Eq)]
enum End {
    Whole,
    Early,
}

enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    Bytes(&'a [u8]),
    Group(&'a [u8]),
}

fn write(bytes: &[u8], depth: usize, text: &mut String) -> End {
    let mut rest = bytes;
    while !rest.is_empty() {
        if text.len() > TEXT_LIMIT {
            return End::Early;
        }
        let Some((number, value)) = field(&mut rest, depth) else { return End::Early };
        indent(depth, text);
        let shown = match value {
            Value::Varint(value) => value.to_string(),
            Value::Fixed64(value) => format!("0x{value:016x}"),
            Value::Fixed32(value) => format!("0x{value:08x}"),
            Value::Group(inner) => {
                nested(number, inner, depth, text);
                continue;
            }
            Value::Bytes(inner) => match readable(inner) {
                Some(word) => format!("{word:?}"),
                None if depth < DEPTH && is_message(inner) => {
                    nested(number, inner, depth, text);
                    continue;
                }
                None => format!("\"{}\"", inner.escape_ascii()),
            },
        };
        push(text, &[&number.to_string(), ": ", &shown, "\n"]);
    }
    End::Whole
}

fn nested(number: u64, inner: &[u8], depth: usize, text: &mut String) {
    push(text, &[&number.to_string(), " {\n"]);
    write(inner, depth + 1, text);
    indent(depth, text);
    text.push_str("}\n");
}

fn push(text: &mut String, parts: &[&str]) {
    for part in parts {
        text.push_str(part);
    }
}

fn indent(depth: usize, text: &mut String) {
    text.push_str(&"  ".repeat(depth));
}

fn readable(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    (!text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))).then_some(text)
}

/// Whether the bytes are fields from the first to the last.
fn is_message(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while !rest.is_empty() {
        if field(&mut rest, 0).is_none() {
            return false;
        }
    }
    true
}

fn field<'a>(rest: &mut &'a [u8], depth: usize) -> Option<(u64, Value<'a>)> {
    let tag = varint(rest)?;
    let number = tag >> 3;
    if !(1..1 << 29).contains(&number) {
        return None;
    }
    let value = match tag & 7 {
        0 => Value::Varint(varint(rest)?),
        1 => Value::Fixed64(u64::from_le_bytes(take(rest, 8)?.try_into().ok()?)),
        2 => {
            let length = usize::try_from(varint(rest)?).ok()?;
            Value::Bytes(take(rest, length)?)
        }
        3 => Value::Group(group(rest, number, depth)?),
        5 => Value::Fixed32(u32::from_le_bytes(take(rest, 4)?.try_into().ok()?)),
        _ => return None,
    };
    Some((number, value))
}

/// The fields up to the end tag of a group.
fn group<'a>(rest: &mut &'a [u8], number: u64, depth: usize) -> Option<&'a [u8]> {
    let all = *rest;
    if depth > DEPTH {
        return None;
    }
    loop {
        let before = *rest;
        let tag = varint(rest)?;
        if tag == number << 3 | 4 {
            return Some(&all[..all.len() - before.len()]);
        }
        *rest = before;
        field(rest, depth + 1)?;
    }
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, behind) = rest.split_first()?;
        *rest = behind;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_shown_by_number_and_kind() {
        // Made with protoc 3.21 from `id: 150 name: "lamp" at { x: 1 y: 2.5 } raw: "\001\377"`, y being a float.
        let bytes = b"\x08\x96\x01\x12\x04lamp\x1a\x07\x08\x01\x15\x00\x00\x20\x40\x22\x02\x01\xff";
        let text = "1: 150\n2: \"lamp\"\n3 {\n  1: 1\n  2: 0x40200000\n}\n4: \"\\x01\\xff\"\n";
        assert_eq!(raw(bytes, false).as_deref(), Some(text));
        for end in 0..bytes.len() {
            let cut = raw(&bytes[..end], true).unwrap_or_default();
            assert!(text.starts_with(cut.trim_end_matches("…\n")), "{end}: {cut}");
        }
    }

    #[test]
    fn groups_end_and_other_bytes_are_no_message() {
        assert_eq!(raw(b"\x0b\x10\x05\x0c\x18\x01", false).as_deref(), Some("1 {\n  2: 5\n}\n3: 1\n"));
        for bytes in [&b"\x00"[..], b"\x0b\x10\x05", b"\x0a\x05ab", b"\x0e", b"hello world"] {
            assert_eq!(raw(bytes, false), None, "{bytes:?}");
        }
        assert_eq!(raw(b"", false).as_deref(), Some(""));
    }

    #[test]
    fn deep_nesting_ends_and_stays_small() {
        let mut bytes = vec![1];
        for _ in 0..200 {
            let mut outer = vec![0x0a];
            let mut length = bytes.len();
            while length >= 0x80 {
                outer.push(length as u8 | 0x80);
                length >>= 7;
            }
            outer.push(length as u8);
            outer.extend(&bytes);
            bytes = outer;
        }
        assert!(raw(&bytes, false).unwrap().len() < 10_000);
        // Groups within groups as well.
        assert_eq!(raw(&[0x0b].repeat(5000), false), None);
    }
}
