//! Values of columns and parameters, as text: in PostgreSQL's own words where it sends text, decoded where it sends the
//! binary form of a common type, else in hexadecimal.

use super::binary;
use crate::json;

/// Object identifiers of types, which are the same in every server.
pub(super) mod oid {
    pub(crate) const BOOL: u32 = 16;
    pub(crate) const BYTEA: u32 = 17;
    pub(crate) const CHAR: u32 = 18;
    pub(crate) const NAME: u32 = 19;
    pub(crate) const INT8: u32 = 20;
    pub(crate) const INT2: u32 = 21;
    pub(crate) const INT4: u32 = 23;
    pub(crate) const TEXT: u32 = 25;
    pub(crate) const OID: u32 = 26;
    pub(crate) const JSON: u32 = 114;
    pub(crate) const XML: u32 = 142;
    pub(crate) const FLOAT4: u32 = 700;
    pub(crate) const FLOAT8: u32 = 701;
    pub(crate) const UNKNOWN: u32 = 705;
    pub(crate) const BPCHAR: u32 = 1042;
    pub(crate) const VARCHAR: u32 = 1043;
    pub(crate) const DATE: u32 = 1082;
    pub(crate) const TIME: u32 = 1083;
    pub(crate) const INTERVAL: u32 = 1186;
    pub(crate) const CIDR: u32 = 650;
    pub(crate) const INET: u32 = 869;
    pub(crate) const TIMESTAMP: u32 = 1114;
    pub(crate) const TIMESTAMPTZ: u32 = 1184;
    pub(crate) const NUMERIC: u32 = 1700;
    pub(crate) const UUID: u32 = 2950;
    pub(crate) const JSONB: u32 = 3802;
    /// Types that users define have larger ones.
    pub(crate) const FIRST_OF_USERS: u32 = 16384;
    /// Arrays of the types above.
    pub(crate) const ARRAYS: [u32; 21] = [
        199, 1000, 1001, 1002, 1003, 1005, 1007, 1009, 1014, 1015, 1016, 1021, 1022, 1028, 1115, 1182, 1183,
        1185, 1231, 2951, 3807,
    ];
}

/// How values are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Text,
    Binary,
}

impl Format {
    pub(super) fn of(code: u16) -> Self {
        if code == 1 { Self::Binary } else { Self::Text }
    }

    /// The format of the value at a place, by a list that may be empty, or hold one for all.
    pub(super) fn at(list: &[u16], place: usize) -> Self {
        let code = match list {
            [] => 0,
            [all] => *all,
            each => each.get(place).copied().unwrap_or(0),
        };
        Self::of(code)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    /// As text that is a number to JSON as well.
    Number(String),
    Text(String),
    List(Vec<Value>),
}

impl Value {
    /// The value of a type, as far as both are known.
    pub(super) fn read(kind: u32, format: Format, bytes: Option<&[u8]>) -> Self {
        let Some(bytes) = bytes else { return Self::Null };
        match format {
            Format::Text => Self::of_text(kind, bytes),
            Format::Binary => {
                binary::read(kind, bytes).unwrap_or_else(|| Self::Text(format!("\\x{}", hex(bytes))))
            }
        }
    }

    fn of_text(kind: u32, bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        match (kind, text.as_ref()) {
            (oid::BOOL, "t") => Self::Bool(true),
            (oid::BOOL, "f") => Self::Bool(false),
            (oid::FLOAT4 | oid::FLOAT8, number) => Self::number(number, usize::MAX),
            (oid::INT2 | oid::INT4 | oid::INT8 | oid::OID | oid::NUMERIC, number) => Self::number(number, 15),
            _ => Self::Text(text.into_owned()),
        }
    }

    /// A number where JSON has such a number and readers keep so many digits of it, else text.
    pub(super) fn number(text: &str, digits: usize) -> Self {
        let is_number = json::is_number(text.as_bytes());
        if is_number && text.bytes().filter(u8::is_ascii_digit).count() <= digits {
            Self::Number(text.to_owned())
        } else {
            Self::Text(text.to_owned())
        }
    }

    /// For a header.
    pub(super) fn text(self) -> String {
        match self {
            Self::Null => "NULL".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Number(text) | Self::Text(text) => text,
            Self::List(_) => {
                let mut json = String::new();
                self.json(&mut json);
                json
            }
        }
    }

    pub(super) fn json(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Number(text) => out.push_str(text),
            Self::Text(text) => json::string(out, text),
            Self::List(values) => {
                out.push('[');
                for (i, value) in values.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    // Lists hold no lists, so this ends.
                    value.json(out);
                }
                out.push(']');
            }
        }
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value & 0xf)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_values_are_json_by_their_type() {
        let cases: [(u32, &str, &str); 14] = [
            (oid::INT4, "42", "42"),
            (oid::INT8, "-9007199254740993", "\"-9007199254740993\""),
            (oid::NUMERIC, "12.50", "12.50"),
            (oid::NUMERIC, "NaN", "\"NaN\""),
            (oid::NUMERIC, "1234567890.123456789", "\"1234567890.123456789\""),
            (oid::FLOAT8, "0.30000000000000004", "0.30000000000000004"),
            (oid::FLOAT8, "1e-07", "1e-07"),
            (oid::FLOAT8, "Infinity", "\"Infinity\""),
            (oid::BOOL, "t", "true"),
            (oid::TEXT, "42", "\"42\""),
            (oid::TEXT, "a\"b\\c\n\u{1}", "\"a\\\"b\\\\c\\n\\u0001\""),
            (oid::INT4, "007", "\"007\""),
            (oid::INT4, "1.", "\"1.\""),
            (oid::INT4, "", "\"\""),
        ];
        for (kind, text, json) in cases {
            let mut out = String::new();
            Value::read(kind, Format::Text, Some(text.as_bytes())).json(&mut out);
            assert_eq!(out, json, "{kind} {text}");
        }
    }

    #[test]
    fn formats_are_none_one_or_each() {
        let formats = |list: &[u16]| [Format::at(list, 0), Format::at(list, 1)];
        assert_eq!(formats(&[]), [Format::Text; 2]);
        assert_eq!(formats(&[1]), [Format::Binary; 2]);
        assert_eq!(formats(&[0, 1]), [Format::Text, Format::Binary]);
    }
}
