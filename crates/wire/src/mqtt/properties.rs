//! The properties of MQTT 5 (section 2.2.2).

use super::reader::{Reader, text};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Number(u32),
    Text(&'a [u8]),
    Pair(&'a [u8], &'a [u8]),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Property<'a> {
    pub(super) id: u8,
    pub(super) value: Value<'a>,
}

/// The properties of one packet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Properties<'a>(Vec<Property<'a>>);

pub(super) const CONTENT_TYPE: u8 = 0x03;
pub(super) const CORRELATION_DATA: u8 = 0x09;
pub(super) const ASSIGNED_CLIENT_ID: u8 = 0x12;
pub(super) const AUTHENTICATION_METHOD: u8 = 0x15;
const AUTHENTICATION_DATA: u8 = 0x16;
pub(super) const REASON_STRING: u8 = 0x1f;
pub(super) const TOPIC_ALIAS: u8 = 0x23;
const USER_PROPERTY: u8 = 0x26;

#[derive(Debug, Clone, Copy)]
enum Kind {
    One,
    Two,
    Four,
    Varying,
    Text,
    Pair,
}

fn spec(id: u8) -> Option<(&'static str, Kind)> {
    use Kind::{Four, One, Pair, Text, Two, Varying};
    Some(match id {
        0x01 => ("payload-format-indicator", One),
        0x02 => ("message-expiry-interval", Four),
        CONTENT_TYPE => ("content-type", Text),
        0x08 => ("response-topic", Text),
        CORRELATION_DATA => ("correlation-data", Text),
        0x0b => ("subscription-identifier", Varying),
        0x11 => ("session-expiry-interval", Four),
        ASSIGNED_CLIENT_ID => ("assigned-client-identifier", Text),
        0x13 => ("server-keep-alive", Two),
        AUTHENTICATION_METHOD => ("authentication-method", Text),
        AUTHENTICATION_DATA => ("authentication-data", Text),
        0x17 => ("request-problem-information", One),
        0x18 => ("will-delay-interval", Four),
        0x19 => ("request-response-information", One),
        0x1a => ("response-information", Text),
        0x1c => ("server-reference", Text),
        REASON_STRING => ("reason-string", Text),
        0x21 => ("receive-maximum", Two),
        0x22 => ("topic-alias-maximum", Two),
        TOPIC_ALIAS => ("topic-alias", Two),
        0x24 => ("maximum-qos", One),
        0x25 => ("retain-available", One),
        USER_PROPERTY => ("user-property", Pair),
        0x27 => ("maximum-packet-size", Four),
        0x28 => ("wildcard-subscription-available", One),
        0x29 => ("subscription-identifiers-available", One),
        0x2a => ("shared-subscription-available", One),
        _ => return None,
    })
}

impl<'a> Properties<'a> {
    /// Reads a list with its length before it; `None` when it is none, or not all of it is there.
    pub(super) fn read(reader: &mut Reader<'a>) -> Option<Self> {
        let length = reader.varying()?;
        let mut list = Reader(reader.take(usize::try_from(length).ok()?)?);
        let mut properties = Vec::new();
        while !list.is_empty() {
            let id = list.byte()?;
            let value = match spec(id)?.1 {
                Kind::One => Value::Number(u32::from(list.byte()?)),
                Kind::Two => Value::Number(u32::from(list.two()?)),
                Kind::Four => Value::Number(list.four()?),
                Kind::Varying => Value::Number(list.varying()?),
                Kind::Text => Value::Text(list.bytes()?),
                Kind::Pair => Value::Pair(list.bytes()?, list.bytes()?),
            };
            properties.push(Property { id, value });
        }
        Some(Self(properties))
    }

    /// Whether a message can have all of these: what tells a list of properties from a payload that looks like one.
    pub(super) fn are_a_messages(&self) -> bool {
        self.0
            .iter()
            .all(|property| matches!(property.id, 1 | 2 | 3 | 8 | 9 | 0x0b | TOPIC_ALIAS | USER_PROPERTY))
    }

    pub(super) fn bytes(&self, id: u8) -> Option<&'a [u8]> {
        self.0.iter().find_map(|property| match property.value {
            Value::Text(bytes) if property.id == id => Some(bytes),
            _ => None,
        })
    }

    pub(super) fn text(&self, id: u8) -> Option<String> {
        self.bytes(id).map(text)
    }

    pub(super) fn number(&self, id: u8) -> Option<u32> {
        self.0.iter().find_map(|property| match property.value {
            Value::Number(number) if property.id == id => Some(number),
            _ => None,
        })
    }

    /// As names and values; what proves who the client is is left out.
    pub(super) fn facts(&self) -> impl Iterator<Item = (String, String)> {
        self.0.iter().filter_map(|property| {
            let (name, _) = spec(property.id)?;
            let value = match &property.value {
                Value::Text(_) if property.id == AUTHENTICATION_DATA => "[redacted]".to_owned(),
                Value::Text(bytes) if property.id == CORRELATION_DATA => {
                    printable(bytes).unwrap_or_else(|| bytes.escape_ascii().to_string())
                }
                Value::Text(bytes) => text(bytes),
                Value::Number(number) => number.to_string(),
                Value::Pair(name, value) => format!("{}: {}", text(name), text(value)),
            };
            Some((name.to_owned(), value))
        })
    }
}

/// Bytes that people can read.
pub(super) fn printable(bytes: &[u8]) -> Option<String> {
    let text = str::from_utf8(bytes).ok().filter(|text| !text.is_empty())?;
    (!text.chars().any(char::is_control)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_become_facts_and_what_is_secret_does_not() {
        let bytes = b"\x34\x01\x01\x02\0\0\0\x3c\x03\0\x0atext/plain\x09\0\x02\x01z\x0b\x80\x01\x15\0\x05SCRAM\x16\0\x06secret\x26\0\x01a\0\x01brest";
        let mut reader = Reader(bytes);
        let properties = Properties::read(&mut reader).unwrap();
        assert_eq!(reader.0, b"rest");
        let facts: Vec<_> = properties.facts().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            facts,
            [
                "payload-format-indicator=1",
                "message-expiry-interval=60",
                "content-type=text/plain",
                "correlation-data=\\x01z",
                "subscription-identifier=128",
                "authentication-method=SCRAM",
                "authentication-data=[redacted]",
                "user-property=a: b",
            ]
        );
        assert!(!properties.are_a_messages());
    }

    #[test]
    fn what_is_no_list_of_properties_is_refused() {
        for bytes in [&b""[..], b"\x02\x01", b"\x01\x01", b"\x02\x7f\0", b"\x04\x03\0\x09x", b"{\"a\":1}"] {
            assert_eq!(Properties::read(&mut Reader(bytes)), None, "{}", bytes.escape_ascii());
        }
    }
}
