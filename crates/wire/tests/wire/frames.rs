//! What the tests of HTTP/2 share: frames, header blocks and gRPC messages as bytes.

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

pub(crate) type Fields<'a> = &'a [(&'a str, &'a str)];

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = payload.len() as u32;
    [&length.to_be_bytes()[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

pub(crate) fn data(stream: u32, flags: u8, bytes: &[u8]) -> Vec<u8> {
    frame(0, flags, stream, bytes)
}

/// Headers that leave nothing in the table.
pub(crate) fn headers(stream: u32, flags: u8, fields: Fields<'_>) -> Vec<u8> {
    frame(1, flags | END_HEADERS, stream, &block(fields))
}

pub(crate) fn reset(stream: u32, code: u32) -> Vec<u8> {
    frame(3, 0, stream, &code.to_be_bytes())
}

pub(crate) fn settings() -> Vec<u8> {
    frame(4, 0, 0, b"\0\x03\0\0\0\x64\0\x04\0\x01\0\0")
}

pub(crate) fn go_away(last: u32, code: u32) -> Vec<u8> {
    frame(7, 0, 0, &[last.to_be_bytes(), code.to_be_bytes()].concat())
}

pub(crate) fn get(path: &str) -> Vec<(&str, &str)> {
    vec![(":method", "GET"), (":scheme", "http"), (":path", path), (":authority", "x")]
}

pub(crate) fn call(path: &str) -> Vec<(&str, &str)> {
    vec![
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "x"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ]
}

/// A gRPC message with its prefix.
pub(crate) fn message(payload: &[u8]) -> Vec<u8> {
    [&[0][..], &(payload.len() as u32).to_be_bytes(), payload].concat()
}

pub(crate) fn block(fields: Fields<'_>) -> Vec<u8> {
    fields.iter().flat_map(|(name, value)| [&b"\x10"[..], &string(name), &string(value)].concat()).collect()
}

/// Fields that each table has.
const STATIC: [(usize, (&str, &str)); 4] =
    [(2, (":method", "GET")), (3, (":method", "POST")), (6, (":scheme", "http")), (8, (":status", "200"))];

/// Writes each field once and refers to it from then on.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    added: Vec<(String, String)>,
}

impl Encoder {
    pub(crate) fn headers(&mut self, stream: u32, flags: u8, fields: Fields<'_>) -> Vec<u8> {
        let mut block = Vec::new();
        for (name, value) in fields {
            let fixed = STATIC.iter().find(|(_, field)| *field == (*name, *value));
            if let Some((index, _)) = fixed {
                block.extend(integer(0x80, 7, *index));
                continue;
            }
            let known = self.added.iter().rev().position(|(n, v)| n == name && v == value);
            if let Some(place) = known {
                block.extend(integer(0x80, 7, place + 62));
            } else {
                block.extend([&b"\x40"[..], &string(name), &string(value)].concat());
                self.added.push(((*name).to_owned(), (*value).to_owned()));
            }
        }
        frame(1, flags | END_HEADERS, stream, &block)
    }
}

fn string(text: &str) -> Vec<u8> {
    [&integer(0, 7, text.len())[..], text.as_bytes()].concat()
}

fn integer(first: u8, prefix: u32, value: usize) -> Vec<u8> {
    let most = (1 << prefix) - 1;
    if value < most {
        return vec![first | value as u8];
    }
    let mut out = vec![first | most as u8];
    let mut rest = value - most;
    while rest >= 128 {
        out.push((rest % 128) as u8 | 0x80);
        rest /= 128;
    }
    out.push(rest as u8);
    out
}
