//! What stands before each message (Kafka protocol guide, "Request and Response Headers"): its size, and behind that in
//! a request the API, its version, a number that the response repeats, and who asks.

use super::apis::{self, Api, api_of};
use super::fields::Fields;
use crate::framing::Head;

/// Bytes of a message's size.
pub(super) const SIZE: usize = 4;
/// No message is larger, in bytes. Brokers and clients agree on a hundred megabytes at most, unless told otherwise.
const LIMIT: u32 = 0x0fff_ffff;
/// A client's name is not longer, in bytes.
const CLIENT_LIMIT: usize = 255;
/// A request's size, API, version, number, and the length of its client's name.
const FIXED: usize = 14;

#[derive(Debug, Clone, Copy)]
pub(super) struct Header<'a> {
    pub(super) api: &'static Api,
    pub(super) version: i16,
    pub(super) correlation: i32,
    pub(super) client: &'a str,
    /// What follows, of this message and perhaps of the next.
    pub(super) body: &'a [u8],
}

/// What bytes prove that may be a request.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape<'a> {
    No,
    Maybe,
    /// It may be one, and nothing in it speaks against.
    Weak(Header<'a>),
    /// It is one as good as certainly: it has a client's name.
    Strong(Header<'a>),
    /// Only a request for versions says all this: it is checked to its end.
    Sure(Header<'a>),
}

pub(super) fn head(bytes: &[u8]) -> Head {
    match bytes.first_chunk() {
        None => Head::More,
        Some(size) => match u32::from_be_bytes(*size) {
            size if size <= LIMIT => Head::Frame { head: SIZE, payload: u64::from(size) },
            _ => Head::Bad,
        },
    }
}

/// The number of a response whose first bytes are these, size included; where there may be one and it is not whole, none.
pub(super) fn response(bytes: &[u8]) -> Result<Option<i32>, ()> {
    match (bytes.first(), bytes.first_chunk::<SIZE>(), bytes.get(SIZE..).and_then(|rest| rest.first_chunk()))
    {
        (Some(first), None, _) if *first > 0x0f => Err(()),
        (_, Some(size), _) if !(4..=LIMIT).contains(&u32::from_be_bytes(*size)) => Err(()),
        (_, _, Some(number)) => Ok(Some(i32::from_be_bytes(*number))),
        _ => Ok(None),
    }
}

/// A request, by its first bytes with the size.
pub(super) fn shape(bytes: &[u8]) -> Shape<'_> {
    if bytes.first().is_some_and(|first| *first > 0x0f) || bytes.get(4).is_some_and(|high| *high != 0) {
        return Shape::No;
    }
    let Some(size) = bytes.first_chunk::<SIZE>() else { return Shape::Maybe };
    let size = u32::from_be_bytes(*size) as usize;
    if size < FIXED - SIZE {
        return Shape::No;
    }
    let mut fields = Fields::new(&bytes[SIZE..], false);
    let (Some(key), Some(version)) = (fields.i16(), fields.i16()) else {
        let known = bytes.len() < 6 || api_of(i16::from(bytes[5])).is_some();
        return if known { Shape::Maybe } else { Shape::No };
    };
    let Some(api) = api_of(key).filter(|api| api.has(version)) else { return Shape::No };
    let Some(correlation) = fields.i32() else { return Shape::Maybe };
    let Some(length) = fields.i16() else { return Shape::Maybe };
    let length = usize::try_from(length).unwrap_or_default();
    if correlation < 0
        || bytes[12] == 0xff && bytes[13] != 0xff
        || length > CLIENT_LIMIT
        || FIXED + length > SIZE + size
    {
        return Shape::No;
    }
    let named = bytes.get(FIXED..).unwrap_or_default();
    let name = &named[..named.len().min(length)];
    if name.iter().any(|byte| *byte < b' ' || *byte == 0x7f) {
        return Shape::No;
    }
    let mut body = named.get(length..).unwrap_or_default();
    if api.is_flexible(version) {
        match body.split_first() {
            // Nobody has put a tag there yet.
            Some((0, rest)) => body = rest,
            Some(_) => return Shape::No,
            None => return Shape::Maybe,
        }
    }
    if named.len() < length {
        return Shape::Maybe;
    }
    let Ok(client) = str::from_utf8(name) else { return Shape::No };
    let header = Header { api, version, correlation, client, body };
    if key == apis::API_VERSIONS && api.knows(version) {
        return versions(&header, size + SIZE - (bytes.len() - body.len()).min(size + SIZE));
    }
    match (client.len(), key, version) {
        // ZooKeeper's first message has all this.
        (0, apis::PRODUCE, 0) => Shape::No,
        (0 | 1, _, _) => Shape::Weak(header),
        _ => Shape::Strong(header),
    }
}

/// A request for versions whose body is so long.
fn versions<'a>(header: &Header<'a>, length: usize) -> Shape<'a> {
    if header.version < 3 {
        return if length == 0 { Shape::Sure(*header) } else { Shape::No };
    }
    let there = header.body.len().min(length);
    let mut fields = Fields::new(&header.body[..there], true);
    let printable = |text: String| text.bytes().all(|byte| (b' '..0x7f).contains(&byte));
    let read = fields.string().map(printable).zip(fields.string().map(printable)).zip(fields.tags());
    match read {
        None if there < length => Shape::Maybe,
        Some(((true, true), ())) if there == length && fields.rest().is_empty() => Shape::Sure(*header),
        Some(_) | None => Shape::No,
    }
}

/// A request behind its size.
pub(super) fn request(payload: &[u8], size: u64) -> Option<Header<'_>> {
    let mut fields = Fields::new(payload, false);
    let (key, version, correlation) = (fields.i16()?, fields.i16()?, fields.i32()?);
    let api = api_of(key).filter(|api| api.has(version))?;
    // The very first version of what brokers ask of each other had no name in it.
    let client = if (key, version) == (7, 0) { "" } else { name(&mut fields, size)? };
    let mut body = Fields::new(fields.rest(), api.is_flexible(version));
    body.tags()?;
    Some(Header { api, version, correlation, client, body: body.rest() })
}

fn name<'a>(fields: &mut Fields<'a>, size: u64) -> Option<&'a str> {
    let length = fields.i16()?;
    let Ok(length) = usize::try_from(length) else { return (length == -1).then_some("") };
    if length > CLIENT_LIMIT || length as u64 > size {
        return None;
    }
    str::from_utf8(fields.take(length)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(bytes: &[u8]) -> &'static str {
        match shape(bytes) {
            Shape::No => "no",
            Shape::Maybe => "maybe",
            Shape::Weak(_) => "weak",
            Shape::Strong(_) => "strong",
            Shape::Sure(_) => "sure",
        }
    }

    #[test]
    fn requests_are_told_from_other_bytes_and_no_prefix_lies() {
        let cases: [(&[u8], &str); 15] = [
            (b"\0\0\0\x0f\0\x12\0\0\0\0\0\x01\0\x05kafka", "sure"),
            (b"\0\0\0\x10\0\x12\0\0\0\0\0\x01\0\x05kafka?", "no"),
            (b"\0\0\0\x16\0\x12\0\x03\0\0\0\x01\0\x05kafka\0\x03py\x021\0", "sure"),
            (b"\0\0\0\x16\0\x12\0\x03\0\0\0\x01\0\x05kafka\0\x03p\x01\x021\0", "no"),
            (b"\0\0\0\x17\0\x12\0\x03\0\0\0\x01\0\x05kafka\0\x03py\x021\0\0", "no"),
            (b"\0\0\0\x13\0\x03\0\x01\0\0\0\x02\0\x05kafka\xff\xff\xff\xff", "strong"),
            (b"\0\0\0\x0e\0\x03\0\x01\0\0\0\x02\xff\xff\xff\xff\xff\xff", "weak"),
            (b"\0\0\0\x0e\0\x03\0\x01\0\0\0\x02\xff\xfe\xff\xff\xff\xff", "no"),
            (b"\0\0\0\x13\0\x03\0\x63\0\0\0\x02\0\x05kafka", "no"),
            (b"\0\0\0\x13\0\x5d\0\x01\0\0\0\x02\0\x05kafka", "no"),
            (b"\0\0\0\x13\0\x03\0\x01\xff\0\0\x02\0\x05kafka", "no"),
            (b"\0\0\0\x13\0\x03\0\x01\0\0\0\x02\0\x05kaf\x01a", "no"),
            (b"\0\0\0\x2d\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x75\x30", "no"),
            (b"\0\0\0\x08\x04\xd2\x16\x2f", "no"),
            (b"\0\0\0\x52\0\x03\0\0user\0postgres\0", "no"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(told(bytes), expected, "{bytes:?}");
            for end in 0..bytes.len() {
                let early = told(&bytes[..end]);
                let lies = early != "maybe" && early != expected;
                assert!(!lies, "{:?} {early}", &bytes[..end]);
            }
        }
    }

    #[test]
    fn responses_are_told_by_size_and_number() {
        for (bytes, expected) in [
            (&b""[..], Ok(None)),
            (b"\0\0\0\x06\0\0\0", Ok(None)),
            (b"\0\0\0\x06\0\0\0\x07\0", Ok(Some(7))),
            (b"\0\0\0\x03\0\0\0\x07", Err(())),
            (b"\x10\0", Err(())),
            (b"HTTP", Err(())),
        ] {
            assert_eq!(response(bytes), expected, "{bytes:?}");
        }
    }
}
