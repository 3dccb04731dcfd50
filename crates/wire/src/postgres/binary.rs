//! The binary form of common types, read into the words that PostgreSQL would have sent as text.

use std::net::IpAddr;

use super::message::Reader;
use super::value::{Value, hex, oid};

const DAY: i64 = 86_400_000_000;
/// Days from 1970 to 2000, where PostgreSQL's time begins.
const EPOCH: i64 = 10_957;

/// `None` where the type is not known here, or the bytes are not of it.
pub(super) fn read(kind: u32, bytes: &[u8]) -> Option<Value> {
    let mut reader = Reader(bytes);
    let value = match kind {
        oid::BOOL => Value::Bool(reader.u8()? != 0),
        oid::INT2 => Value::Number((reader.u16()? as i16).to_string()),
        oid::INT4 => Value::Number(reader.i32()?.to_string()),
        oid::OID => Value::Number(reader.u32()?.to_string()),
        oid::INT8 => Value::number(&reader.i64()?.to_string(), 15),
        oid::FLOAT4 => Value::number(&f32::from_bits(reader.u32()?).to_string(), usize::MAX),
        oid::FLOAT8 => Value::number(&f64::from_bits(reader.i64()? as u64).to_string(), usize::MAX),
        oid::NUMERIC => Value::number(&numeric(&mut reader)?, 15),
        oid::DATE => Value::Text(match reader.i32()? {
            i32::MAX => "infinity".to_owned(),
            i32::MIN => "-infinity".to_owned(),
            days => date(i64::from(days)),
        }),
        oid::TIME => Value::Text(time(reader.i64()?)),
        oid::TIMESTAMP => Value::Text(timestamp(reader.i64()?, "")),
        oid::TIMESTAMPTZ => Value::Text(timestamp(reader.i64()?, "+00")),
        oid::INTERVAL => Value::Text(interval(reader.i64()?, reader.i32()?, reader.i32()?)),
        oid::INET | oid::CIDR => Value::Text(address(&mut reader)?),
        oid::UUID => Value::Text(uuid(reader.take(16)?)),
        oid::JSONB if reader.u8()? == 1 => Value::Text(all_text(&mut reader)?),
        oid::CHAR
        | oid::NAME
        | oid::TEXT
        | oid::JSON
        | oid::XML
        | oid::UNKNOWN
        | oid::BPCHAR
        | oid::VARCHAR => Value::Text(all_text(&mut reader)?),
        oid::BYTEA => return Some(Value::Text(format!("\\x{}", hex(bytes)))),
        kind if oid::ARRAYS.contains(&kind) => array(&mut reader)?,
        // An enum's binary form is its text; what holds other bytes is something else.
        kind if kind >= oid::FIRST_OF_USERS && !bytes.iter().any(u8::is_ascii_control) => {
            Value::Text(all_text(&mut reader)?)
        }
        _ => return None,
    };
    reader.is_empty().then_some(value)
}

fn all_text(reader: &mut Reader<'_>) -> Option<String> {
    let rest = reader.take(reader.0.len())?;
    Some(str::from_utf8(rest).ok()?.to_owned())
}

/// Of one dimension, or of none.
fn array(reader: &mut Reader<'_>) -> Option<Value> {
    let dimensions = reader.i32()?;
    reader.i32()?;
    let element = reader.u32()?;
    let count = match dimensions {
        0 => 0,
        1 => {
            let count = reader.u32()?;
            reader.i32()?;
            count
        }
        _ => return None,
    };
    let mut values = Vec::new();
    for _ in 0..count {
        values.push(match reader.value().ok()? {
            None => Value::Null,
            // No arrays of arrays: that is what dimensions are for.
            Some(_) if oid::ARRAYS.contains(&element) => return None,
            Some(bytes) => read(element, bytes)?,
        });
    }
    Some(Value::List(values))
}

/// Digits to the base of 10,000, and where the point is.
fn numeric(reader: &mut Reader<'_>) -> Option<String> {
    let count = reader.u16()?;
    let weight = i32::from(reader.u16()? as i16);
    let sign = reader.u16()?;
    let scale = usize::from(reader.u16()?);
    let mut digits = Vec::new();
    for _ in 0..count {
        digits.push(reader.u16().filter(|digit| *digit < 10_000)?);
    }
    let mut text = match sign {
        0 => String::new(),
        0x4000 => "-".to_owned(),
        0xc000 => return Some("NaN".to_owned()),
        0xd000 => return Some("Infinity".to_owned()),
        0xf000 => return Some("-Infinity".to_owned()),
        _ => return None,
    };
    let digit = |place: i32| usize::try_from(place).ok().and_then(|at| digits.get(at)).copied().unwrap_or(0);
    if weight < 0 {
        text.push('0');
    }
    for place in 0..=weight {
        let digit = digit(place);
        push_padded(&mut text, if place == 0 { 1 } else { 4 }, digit);
    }
    if scale > 0 {
        text.push('.');
        let end = text.len() + scale;
        let mut place = weight + 1;
        while text.len() < end {
            push_padded(&mut text, 4, digit(place));
            place += 1;
        }
        text.truncate(end);
    }
    Some(text)
}

fn push_padded(text: &mut String, width: usize, number: u16) {
    let digits = number.to_string();
    text.extend(std::iter::repeat_n('0', width.saturating_sub(digits.len())));
    text.push_str(&digits);
}

fn timestamp(micros: i64, zone: &str) -> String {
    match micros {
        i64::MAX => "infinity".to_owned(),
        i64::MIN => "-infinity".to_owned(),
        _ => format!("{} {}{zone}", date(micros.div_euclid(DAY)), time(micros.rem_euclid(DAY))),
    }
}

fn time(micros: i64) -> String {
    let seconds = micros / 1_000_000;
    let text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    match micros % 1_000_000 {
        0 => text,
        part => format!("{text}.{part:06}").trim_end_matches('0').to_owned(),
    }
}

/// In the style of PostgreSQL, but that years are told as months.
fn interval(micros: i64, days: i32, months: i32) -> String {
    let mut parts = Vec::new();
    for (count, word) in [(months, "mon"), (days, "day")] {
        match count {
            0 => {}
            1 => parts.push(format!("1 {word}")),
            _ => parts.push(format!("{count} {word}s")),
        }
    }
    if micros != 0 || parts.is_empty() {
        let sign = if micros < 0 { "-" } else { "" };
        parts.push(format!("{sign}{}", time(micros.saturating_abs())));
    }
    parts.join(" ")
}

/// Family, bits of the network, whether it is a network, the address.
fn address(reader: &mut Reader<'_>) -> Option<String> {
    let (_family, bits, is_network) = (reader.u8()?, reader.u8()?, reader.u8()? == 1);
    let address = match reader.u8()? {
        4 => IpAddr::from(*reader.take(4)?.first_chunk::<4>()?),
        16 => IpAddr::from(*reader.take(16)?.first_chunk::<16>()?),
        _ => return None,
    };
    let is_host = bits == if address.is_ipv4() { 32 } else { 128 };
    Some(if is_host && !is_network { address.to_string() } else { format!("{address}/{bits}") })
}

/// The day so many days after 2000-01-01, by the Gregorian calendar: eras of 400 years that begin in March.
fn date(days: i64) -> String {
    const ERA: i64 = 146_097;
    let days = days + EPOCH + 719_468;
    let (era, day) = (days.div_euclid(ERA), days.rem_euclid(ERA));
    let year = (day - day / 1460 + day / 36_524 - day / (ERA - 1)) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    if year > 0 {
        format!("{year:04}-{month:02}-{day:02}")
    } else {
        format!("{:04}-{month:02}-{day:02} BC", 1 - year)
    }
}

fn uuid(bytes: &[u8]) -> String {
    let text = hex(bytes);
    let groups = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| &text[range]);
    groups.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(kind: u32, bytes: &[u8]) -> Option<String> {
        read(kind, bytes).map(Value::text)
    }

    #[test]
    fn common_types_are_read() {
        let number = |digits: &[u16], weight: i16, sign: u16, scale: u16| {
            let head = [digits.len() as u16, weight as u16, sign, scale];
            head.iter().chain(digits).flat_map(|n| n.to_be_bytes()).collect::<Vec<_>>()
        };
        let cases: Vec<(u32, Vec<u8>, &str)> = vec![
            (oid::BOOL, vec![1], "true"),
            (oid::INT2, vec![0xff, 0xff], "-1"),
            (oid::INT4, vec![0, 0, 1, 0], "256"),
            (oid::INT8, 1_i64.to_be_bytes().to_vec(), "1"),
            (oid::FLOAT4, 1.5_f32.to_be_bytes().to_vec(), "1.5"),
            (oid::FLOAT8, f64::NAN.to_be_bytes().to_vec(), "NaN"),
            (oid::TEXT, "ä".into(), "ä"),
            (oid::UUID, (0..16).collect(), "00010203-0405-0607-0809-0a0b0c0d0e0f"),
            (oid::TIMESTAMP, 0_i64.to_be_bytes().to_vec(), "2000-01-01 00:00:00"),
            (oid::TIMESTAMPTZ, (-1_i64).to_be_bytes().to_vec(), "1999-12-31 23:59:59.999999+00"),
            (oid::TIMESTAMP, 772_984_445_500_000_i64.to_be_bytes().to_vec(), "2024-06-29 13:54:05.5"),
            (oid::TIMESTAMP, i64::MAX.to_be_bytes().to_vec(), "infinity"),
            (oid::DATE, 8_825_i32.to_be_bytes().to_vec(), "2024-02-29"),
            (oid::DATE, (-730_485_i32).to_be_bytes().to_vec(), "0001-01-01 BC"),
            (oid::TIME, 3_661_000_001_i64.to_be_bytes().to_vec(), "01:01:01.000001"),
            (
                oid::INTERVAL,
                [&3_500_000_i64.to_be_bytes()[..], &[0, 0, 0, 1, 0, 0, 0, 14]].concat(),
                "14 mons 1 day 00:00:03.5",
            ),
            (oid::INTERVAL, [&(-1_000_000_i64).to_be_bytes()[..], &[0; 8]].concat(), "-00:00:01"),
            (oid::INET, vec![2, 32, 0, 4, 10, 0, 0, 1], "10.0.0.1"),
            (oid::CIDR, vec![2, 8, 1, 4, 10, 0, 0, 0], "10.0.0.0/8"),
            (oid::NUMERIC, number(&[1, 2345, 6700], 1, 0, 2), "12345.67"),
            (oid::NUMERIC, number(&[5], -1, 0x4000, 4), "-0.0005"),
            (oid::NUMERIC, number(&[5], -2, 0, 8), "0.00000005"),
            (oid::NUMERIC, number(&[1], 2, 0, 0), "100000000"),
            (oid::NUMERIC, number(&[], 0, 0, 0), "0"),
            (oid::NUMERIC, number(&[], 0, 0xc000, 0), "NaN"),
            (oid::JSONB, b"\x01{}".to_vec(), "{}"),
            (oid::BYTEA, vec![0, 255], "\\x00ff"),
            (16_400, b"happy".to_vec(), "happy"),
        ];
        for (kind, bytes, expected) in cases {
            assert_eq!(text(kind, &bytes).as_deref(), Some(expected), "{kind} {bytes:?}");
        }
    }

    #[test]
    fn lists_are_read() {
        let mut bytes = [1, 0, 23, 3, 1].map(u32::to_be_bytes).concat();
        bytes.extend([4_i32, 7, -1, 4, 8].map(i32::to_be_bytes).concat());
        assert_eq!(text(1007, &bytes).as_deref(), Some("[7,null,8]"));
        assert_eq!(text(1007, &[0, 0, 23].map(u32::to_be_bytes).concat()).as_deref(), Some("[]"));
        let huge = [1, 0, 23, u32::MAX, 1].map(u32::to_be_bytes).concat();
        assert_eq!(text(1007, &huge), None);
    }

    #[test]
    fn what_does_not_fit_is_not_read() {
        let cases: [(u32, &[u8]); 8] = [
            (oid::INT4, &[0, 0, 1]),
            (oid::INT4, &[0, 0, 0, 0, 1]),
            (oid::TEXT, &[0xff]),
            (oid::UUID, &[0; 15]),
            (oid::NUMERIC, &[0, 9, 0, 0, 0, 0, 0, 0]),
            (oid::JSONB, &[2, b'1']),
            (600, &[0; 16]),
            (16_400, &[0, 0, 0, 1]),
        ];
        for (kind, bytes) in cases {
            assert_eq!(text(kind, bytes), None, "{kind} {bytes:?}");
        }
        let extreme = [&[0_u8, 0][..], &i16::MAX.to_be_bytes(), &[0, 0], &u16::MAX.to_be_bytes()].concat();
        assert!(text(oid::NUMERIC, &extreme).is_some_and(|t| t.len() < 200_000 && t.starts_with('0')));
        for days in [i32::MIN + 1, i32::MAX - 1] {
            assert!(text(oid::DATE, &days.to_be_bytes()).is_some());
        }
    }
}
