//! Frames (AMQP 0-9-1, section 4.2.3): type, channel, size, payload, and an octet that marks the end.

use super::spec::{self, Sender, Spec};
use crate::decode::Dir;
use crate::detect::Proof;
use crate::framing::{Frame, Head};

pub(super) const METHOD: u8 = 1;
pub(super) const HEADER: u8 = 2;
pub(super) const BODY: u8 = 3;
pub(super) const HEARTBEAT: u8 = 8;
/// The octet behind each payload.
pub(super) const END: u8 = 0xCE;
pub(super) const HEAD: usize = 7;
/// What a client says first; a server says it to refuse.
pub(super) const PROTOCOL: [u8; 8] = *b"AMQP\0\0\x09\x01";

/// The first byte of a protocol header, which is no type of a frame.
pub(super) const PROTOCOL_TYPE: u8 = b'A';

/// Where a frame ends, or a protocol header. The end octet counts as payload.
pub(super) fn head(bytes: &[u8]) -> Head {
    match bytes {
        [] => Head::More,
        [PROTOCOL_TYPE, ..] => match bytes.first_chunk::<8>() {
            None => Head::More,
            Some(header) if header.starts_with(b"AMQP") => Head::Frame { head: header.len(), payload: 0 },
            Some(_) => Head::Bad,
        },
        [METHOD | HEADER | BODY | HEARTBEAT, ..] => match bytes.first_chunk::<HEAD>() {
            None => Head::More,
            Some([_, _, _, size @ ..]) => {
                Head::Frame { head: HEAD, payload: u64::from(u32::from_be_bytes(*size)) + 1 }
            }
        },
        _ => Head::Bad,
    }
}

/// The channel of a frame, by its whole head.
pub(super) fn channel(head: &[u8]) -> u16 {
    match head {
        [_, high, low, ..] => u16::from_be_bytes([*high, *low]),
        _ => 0,
    }
}

/// Whether another octet stands where the end octet belongs. One that was not kept is not missed.
pub(super) fn ends_wrong(frame: &Frame<'_>) -> bool {
    frame.size > 0 && frame.whole() && frame.payload.last() != Some(&END)
}

/// What is kept of the payload, without the end octet.
pub(super) fn payload<'a>(frame: &Frame<'a>) -> &'a [u8] {
    let size = usize::try_from(frame.size).unwrap_or(usize::MAX).saturating_sub(1);
    &frame.payload[..frame.payload.len().min(size)]
}

/// What a method frame's payload begins with.
pub(super) fn method(payload: &[u8]) -> Option<&'static Spec> {
    let [a, b, c, d] = *payload.first_chunk()?;
    spec::method(u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))
}

/// What a frame proves that begins with these bytes: of the protocol, and of the direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// It is one, which only this side sends, and so long; whole, with its end octet.
    Sure(usize),
    /// It is one that either side may send, so long.
    Either(usize),
    /// It may be one.
    Maybe,
    No,
}

/// Method frames larger than this are not recognised, in bytes: arguments of a declaration, a server's properties.
const SIZE_LIMIT: u32 = 32 * 1024;

pub(super) fn shape(dir: Dir, bytes: &[u8]) -> Shape {
    let Some(&kind) = bytes.first() else { return Shape::Maybe };
    if !matches!(kind, METHOD | HEADER | BODY | HEARTBEAT) {
        return Shape::No;
    }
    let Some([_, _, _, size @ ..]) = bytes.first_chunk::<HEAD>() else { return Shape::Maybe };
    let (size, rest) = (u32::from_be_bytes(*size), &bytes[HEAD..]);
    let channel = channel(bytes);
    let payload = &rest[..rest.len().min(size as usize)];
    let (fits, sender) = match kind {
        METHOD => method_fits(payload, channel, size),
        HEADER => (channel > 0 && header_fits(payload, size), Sender::Both),
        BODY => (channel > 0 && size > 0, Sender::Both),
        _ => (channel == 0 && size == 0, Sender::Both),
    };
    let wrong_way = match sender {
        Sender::Client => dir == Dir::ToClient,
        Sender::Server => dir == Dir::ToServer,
        Sender::Both => false,
    };
    match rest.get(size as usize) {
        _ if !fits || wrong_way => Shape::No,
        None => Shape::Maybe,
        Some(&END) if sender == Sender::Both => Shape::Either(HEAD + size as usize + 1),
        Some(&END) => Shape::Sure(HEAD + size as usize + 1),
        Some(_) => Shape::No,
    }
}

/// Whether a payload may be a method's, as far as it is there, and who sends it.
fn method_fits(payload: &[u8], channel: u16, size: u32) -> (bool, Sender) {
    if !(4..=SIZE_LIMIT).contains(&size) {
        return (false, Sender::Both);
    }
    match (method(payload), payload) {
        (Some(spec), _) => ((spec.class == spec::CONNECTION) == (channel == 0), spec.sender),
        (None, [high, low, ..]) if payload.len() < 4 => {
            (*high == 0 && matches!(low, 10 | 20 | 30 | 40 | 50 | 60 | 85 | 90), Sender::Both)
        }
        (None, _) => (payload.len() < 4 && payload.first().is_none_or(|high| *high == 0), Sender::Both),
    }
}

/// Class `basic`, whose weight is zero: nothing else has content.
fn header_fits(payload: &[u8], size: u32) -> bool {
    const BEGINS: [u8; 4] = [0, spec::BASIC as u8, 0, 0];
    let known = payload.len().min(BEGINS.len());
    (14..=SIZE_LIMIT).contains(&size) && payload[..known] == BEGINS[..known]
}

/// What a direction's bytes prove that may begin with a frame.
pub(super) fn prove(dir: Dir, mut bytes: &[u8]) -> Proof {
    loop {
        match shape(dir, bytes) {
            Shape::Sure(_) => return Proof::Yes,
            Shape::Either(length) => bytes = &bytes[length..],
            Shape::Maybe => return Proof::Maybe,
            Shape::No => return Proof::No,
        }
    }
}

/// Where in bytes that begin anywhere the first frame begins that is beyond doubt; else where one may begin that is
/// not whole yet, or how many bytes are of no more use.
pub(super) fn find(dir: Dir, bytes: &[u8]) -> Result<usize, usize> {
    let mut maybe = None;
    for at in 0..bytes.len() {
        match shape(dir, &bytes[at..]) {
            // Three bytes of an array may look like the beginning of a body frame, which is not worth waiting for.
            Shape::Sure(_) => return Ok(at),
            Shape::Either(_) if bytes[at] != BODY => return Ok(at),
            Shape::Maybe if bytes[at] != BODY => maybe = maybe.or(Some(at)),
            Shape::Either(_) | Shape::Maybe | Shape::No => {}
        }
    }
    Err(maybe.unwrap_or(bytes.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Dir::{ToClient, ToServer};

    #[test]
    fn frames_tell_their_end_and_who_sends_them() {
        let cases: [(Dir, &[u8], Shape); 14] = [
            (ToServer, b"\x01\0\x01\0\0\0\x05\0\x14\0\x0a\0\xce", Shape::Sure(13)),
            (ToClient, b"\x01\0\x01\0\0\0\x05\0\x14\0\x0a\0\xce", Shape::No),
            (ToClient, b"\x01\0\x01\0\0\0\x08\0\x14\0\x0b\0\0\0\0\xce", Shape::Sure(16)),
            (ToServer, b"\x01\0\x01\0\0\0\x0d\0\x3c\0\x50\0\0\0\0\0\0\0\x01\0\xce", Shape::Either(21)),
            (ToServer, b"\x08\0\0\0\0\0\0\xce", Shape::Either(8)),
            (ToServer, b"\x08\0\0\0\0\0\0\xcd", Shape::No),
            (ToServer, b"\x08\0\x01\0\0\0\0\xce", Shape::No),
            (ToServer, b"\x02\0\x01\0\0\0\x0e\0\x3c\0\0\0\0\0\0\0\0\0\x05\0\0\xce", Shape::Either(22)),
            (ToServer, b"\x02\0\x01\0\0\0\x0e\0\x3c\0\x01\0\0\0\0\0\0\0\x05\0\0\xce", Shape::No),
            (ToServer, b"\x03\0\x01\0\0\0\x02hi\xce", Shape::Either(10)),
            // A connection's method on a channel, and a channel's on none.
            (ToServer, b"\x01\0\x01\0\0\0\x05\0\x0a\0\x28\0\xce", Shape::No),
            (ToServer, b"\x01\0\0\0\0\0\x05\0\x14\0\x0a\0\xce", Shape::No),
            (ToServer, b"\x01\0\x01\xff\0\0\x05", Shape::No),
            (ToServer, b"\x04\0", Shape::No),
        ];
        for (dir, bytes, expected) in cases {
            assert_eq!(shape(dir, bytes), expected, "{bytes:?}");
            for end in 0..bytes.len() {
                let early = shape(dir, &bytes[..end]);
                assert!(early == Shape::Maybe || early == expected, "{:?}: {early:?}", &bytes[..end]);
            }
        }
    }

    #[test]
    fn a_frame_is_found_behind_whatever_came_before() {
        let open = b"\x01\0\x01\0\0\0\x05\0\x14\0\x0a\0\xce";
        for before in [&b""[..], b"xx\xce", b"\x01\0\x01\0\0\0\x05\0\x14", b"\x03\0\0\0\0\x01\0\x03"] {
            let bytes = [before, open].concat();
            assert_eq!(find(ToServer, &bytes), Ok(before.len()), "{before:?}");
            for end in before.len()..bytes.len() {
                assert!(find(ToServer, &bytes[..end]).is_err_and(|of_no_use| of_no_use <= before.len()));
            }
        }
        assert_eq!(find(ToServer, b"{\"a\":1}"), Err(7));
    }
}
