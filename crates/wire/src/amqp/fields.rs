//! The values that methods and content headers are made of (AMQP 0-9-1, section 4.2.5).

use crate::json;

/// Tables in tables in tables: deeper ones are not looked into.
const DEPTH_LIMIT: usize = 16;

/// Reads values one after the other; what is not there is `None`, and then all that follows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let Some((taken, rest)) = self.rest.split_at_checked(bytes) else {
            self.rest = &[];
            return None;
        };
        self.rest = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(super) fn octet(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn short(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn long(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn longlong(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// A short string; what is no UTF-8 is replaced.
    pub(super) fn name(&mut self) -> Option<String> {
        let length = self.octet()?;
        self.take(usize::from(length)).map(lossy)
    }

    pub(super) fn long_bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.long()?;
        self.take(usize::try_from(length).ok()?)
    }

    /// The fields of a table, or the first ones of one that is not whole.
    pub(super) fn table(&mut self) -> Option<Fields<'a>> {
        let length = usize::try_from(self.long()?).ok()?.min(self.rest.len());
        self.take(length).map(Fields::new)
    }

    /// The next field of a table: its name, and its value as text, which for all but strings is JSON.
    pub(super) fn field(&mut self) -> Option<(String, String)> {
        let name = self.name()?;
        if self.rest.first() == Some(&b'S') {
            self.octet()?;
            return Some((name, lossy(self.long_bytes()?)));
        }
        let mut value = String::new();
        self.value(&mut value, DEPTH_LIMIT)?;
        Some((name, value))
    }

    /// A table's fields, whole ones.
    pub(super) fn all(mut self) -> Vec<(String, String)> {
        let mut fields = Vec::new();
        while let Some(field) = self.field() {
            fields.push(field);
        }
        fields
    }

    /// A table as JSON.
    pub(super) fn object(mut self, out: &mut String, depth: usize) -> Option<()> {
        out.push('{');
        let mut between = "";
        while !self.is_empty() {
            let name = self.name()?;
            out.push_str(between);
            json::string(out, &name);
            out.push(':');
            self.value(out, depth)?;
            between = ",";
        }
        out.push('}');
        Some(())
    }

    /// `RabbitMQ`'s letters of types, which differ from the specification's and are what everybody uses.
    fn value(&mut self, out: &mut String, depth: usize) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match self.octet()? {
            b't' => out.push_str(if self.octet()? == 0 { "false" } else { "true" }),
            b'b' => out.push_str(&i8::from_be_bytes(self.array()?).to_string()),
            b'B' => out.push_str(&self.octet()?.to_string()),
            b's' => out.push_str(&i16::from_be_bytes(self.array()?).to_string()),
            b'u' => out.push_str(&self.short()?.to_string()),
            b'I' => out.push_str(&i32::from_be_bytes(self.array()?).to_string()),
            b'i' => out.push_str(&self.long()?.to_string()),
            b'l' | b'L' => out.push_str(&i64::from_be_bytes(self.array()?).to_string()),
            b'T' => out.push_str(&self.longlong()?.to_string()),
            b'f' => json::float(out, f64::from(f32::from_be_bytes(self.array()?))),
            b'd' => json::float(out, f64::from_be_bytes(self.array()?)),
            b'D' => {
                let scale = i32::from(self.octet()?);
                json::float(out, f64::from(i32::from_be_bytes(self.array()?)) / 10f64.powi(scale));
            }
            b'S' | b'x' => json::text(out, self.long_bytes()?),
            b'V' => out.push_str("null"),
            b'F' => Fields::new(self.long_bytes()?).object(out, depth)?,
            b'A' => {
                let mut items = Fields::new(self.long_bytes()?);
                out.push('[');
                let mut between = "";
                while !items.is_empty() {
                    out.push_str(between);
                    items.value(out, depth)?;
                    between = ",";
                }
                out.push(']');
            }
            _ => return None,
        }
        Some(())
    }
}

pub(super) fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_every_type_are_shown() {
        let cases: [(&[u8], &str); 18] = [
            (b"t\x01", "true"),
            (b"b\xff", "-1"),
            (b"B\xff", "255"),
            (b"s\xff\xfe", "-2"),
            (b"u\x01\x00", "256"),
            (b"I\xff\xff\xff\xff", "-1"),
            (b"i\xff\xff\xff\xff", "4294967295"),
            (b"l\0\0\0\0\0\0\0\x07", "7"),
            (b"L\xff\xff\xff\xff\xff\xff\xff\xff", "-1"),
            (b"T\0\0\0\0\0\0\x03\xe8", "1000"),
            (b"f\x3f\x80\0\0", "1"),
            (b"d\x3f\xf8\0\0\0\0\0\0", "1.5"),
            (b"D\x02\0\0\0\x7d", "1.25"),
            (b"S\0\0\0\x02hi", "hi"),
            (b"x\0\0\0\x01\x01", "\"\\u0001\""),
            (b"V", "null"),
            (b"F\0\0\0\x04\x01at\0", "{\"a\":false}"),
            (b"A\0\0\0\x0aS\0\0\0\x03a\"bt\x01", "[\"a\\\"b\",true]"),
        ];
        for (bytes, expected) in cases {
            let table = [b"\x01k", bytes].concat();
            let (name, value) = Fields::new(&table).field().unwrap();
            assert_eq!((name.as_str(), value.as_str()), ("k", expected), "{bytes:?}");
            for end in 0..table.len() {
                assert_eq!(Fields::new(&table[..end]).field(), None, "{:?}", &table[..end]);
            }
        }
    }

    #[test]
    fn what_is_nested_too_deep_or_unknown_is_no_value() {
        let mut bytes = b"V".to_vec();
        for _ in 0..100 {
            let length = bytes.len() as u32;
            bytes = [b"A", &length.to_be_bytes()[..], &bytes].concat();
        }
        assert_eq!(Fields::new(&[b"\x01k", &bytes[..]].concat()).field(), None);
        assert_eq!(Fields::new(b"\x01k?").field(), None);
    }
}
