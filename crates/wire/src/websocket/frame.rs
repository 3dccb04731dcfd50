//! Frames: their heads, masks and closing words (RFC 6455 section 5).

use crate::detect::Proof;
use crate::framing::Head;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Kind {
    pub(super) fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Continuation => "continuation",
            Self::Text => "text",
            Self::Binary => "binary",
            Self::Close => "close",
            Self::Ping => "ping",
            Self::Pong => "pong",
        }
    }

    fn of(opcode: u8) -> Option<Self> {
        Some(match opcode {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return None,
        })
    }
}

/// What a whole head says besides the length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameHead {
    /// The message's last frame.
    pub(super) fin: bool,
    /// The message is compressed (RFC 7692 section 6: the bit of its first frame).
    pub(super) packed: bool,
    pub(super) kind: Kind,
    pub(super) key: Option<[u8; 4]>,
}

impl FrameHead {
    pub(super) fn read(head: &[u8]) -> Option<Self> {
        let (first, second) = (*head.first()?, *head.get(1)?);
        let key = if second & 0x80 == 0 { None } else { Some(*head.last_chunk()?) };
        Some(Self { fin: first & 0x80 != 0, packed: first & 0x40 != 0, kind: Kind::of(first & 0x0f)?, key })
    }
}

/// How long a frame is. Lenient where its meaning is clear all the same: in lengths that are not the shortest, in masks,
/// in control frames that are too large.
pub(super) fn measure(bytes: &[u8], packs: bool) -> Head {
    let [first, rest @ ..] = bytes else { return Head::More };
    let Some(kind) = Kind::of(first & 0x0f) else { return Head::Bad };
    let (fin, packed) = (first & 0x80 != 0, first & 0x40 != 0);
    let packable = packs && matches!(kind, Kind::Text | Kind::Binary);
    if first & 0x30 != 0 || (packed && !packable) || (kind.is_control() && !fin) {
        return Head::Bad;
    }
    let [second, rest @ ..] = rest else { return Head::More };
    let (length, payload) = match second & 0x7f {
        126 => match rest.first_chunk() {
            Some(bytes) => (4, u64::from(u16::from_be_bytes(*bytes))),
            None => return Head::More,
        },
        127 => match rest.first_chunk() {
            Some(bytes) => (10, u64::from_be_bytes(*bytes)),
            None => return Head::More,
        },
        short => (2, u64::from(short)),
    };
    let head = if second & 0x80 == 0 { length } else { length + 4 };
    if payload >> 63 != 0 {
        Head::Bad
    } else if bytes.len() < head {
        Head::More
    } else {
        Head::Frame { head, payload }
    }
}

/// Whether bytes whose place in the stream is not known are frames: of the direction's mask, each of the shortest length,
/// the last one ending with them. `Maybe` where only the last one's end is missing. Also, where the last one begins.
pub(super) fn are_frames(bytes: &[u8], masked: bool, packs: bool) -> (Proof, usize) {
    let mut proof = Proof::No;
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        if rest.get(1).is_some_and(|second| (second & 0x80 != 0) != masked) {
            return (Proof::No, at);
        }
        let (head, payload) = match measure(rest, packs) {
            Head::Frame { head, payload } => (head, payload),
            Head::More => return (Proof::Maybe, at),
            Head::Bad => return (Proof::No, at),
        };
        let shortest = match head - if masked { 4 } else { 0 } {
            2 => true,
            4 => payload > 125,
            _ => payload > 0xffff,
        };
        let control = rest[0] & 0x08 != 0;
        if !shortest || (control && payload > 125) {
            return (Proof::No, at);
        }
        let size = usize::try_from(payload).ok().and_then(|payload| head.checked_add(payload));
        match size.filter(|size| *size <= rest.len()) {
            Some(size) => at += size,
            None => return (Proof::Maybe, at),
        }
        proof = Proof::Yes;
    }
    (proof, at)
}

/// Applies a mask, or takes it away, from the payload's first byte on.
pub(super) fn unmask(payload: &mut [u8], key: [u8; 4]) {
    for (byte, key) in payload.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

/// The code and the reason of a close frame (section 5.5.1), which may have neither.
pub(super) fn closing(payload: &[u8]) -> (Option<u16>, &[u8]) {
    match payload.split_first_chunk() {
        Some((code, reason)) => (Some(u16::from_be_bytes(*code)), reason),
        None => (None, &[]),
    }
}

/// What a code says went wrong (section 7.4.1 and IANA's registry); `None` for an end as it should be, and for codes
/// that only the application knows.
pub(super) fn wrong(code: u16) -> Option<&'static str> {
    Some(match code {
        1002 => "protocol error",
        1003 => "unsupported data",
        1006 => "abnormal closure",
        1007 => "invalid payload data",
        1008 => "policy violation",
        1009 => "message too big",
        1010 => "missing extension",
        1011 => "internal error",
        1012 => "service restart",
        1013 => "try again later",
        1014 => "bad gateway",
        1015 => "TLS handshake",
        3000 => "unauthorized",
        3003 => "forbidden",
        3008 => "timeout",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_tells_the_frame_s_length_and_no_prefix_lies() {
        let frame = |head, payload| Head::Frame { head, payload };
        let cases: [(&[u8], bool, Head); 13] = [
            (b"\x81\x05", false, frame(2, 5)),
            (b"\x81\x85\x01\x02\x03\x04", false, frame(6, 5)),
            (b"\x82\x7e\x01\x00", false, frame(4, 256)),
            (b"\x82\xfe\x00\x05\x01\x02\x03\x04", false, frame(8, 5)),
            (b"\x02\x7f\0\0\0\0\0\x01\0\0", false, frame(10, 65536)),
            (b"\x82\x7f\x80\0\0\0\0\0\0\0", false, Head::Bad),
            (b"\xc1\x05", true, frame(2, 5)),
            (b"\xc1\x05", false, Head::Bad),
            (b"\xc0\x05", true, Head::Bad),
            (b"\x83\x05", true, Head::Bad),
            (b"\x09\x05", true, Head::Bad),
            (b"\x91\x05", true, Head::Bad),
            (b"\x88\x7e\x01\x02", false, frame(4, 258)),
        ];
        for (bytes, packs, expected) in cases {
            assert_eq!(measure(bytes, packs), expected, "{bytes:x?}");
            for end in 0..bytes.len() {
                let early = measure(&bytes[..end], packs);
                assert!(early == Head::More || early == expected, "{:x?}", &bytes[..end]);
            }
        }
    }

    #[test]
    fn bytes_are_frames_when_they_are_from_end_to_end() {
        use Proof::{Maybe, No, Yes};
        let cases: [(&[u8], bool, Proof); 9] = [
            (b"\x81\x02hi\x89\x00", false, Yes),
            (b"\x81\x82\x01\x02\x03\x04hi", true, Yes),
            (b"\x81\x02hi", true, No),
            (b"\x81\x02hi\x89", false, Maybe),
            (b"\x81\x03hi", false, Maybe),
            (b"\x81\x7e\x00\x02hi", false, No),
            (b"hello", false, No),
            (b"", false, No),
            (b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x01\x02\x03\x04", true, Maybe),
        ];
        for (bytes, masked, expected) in cases {
            assert_eq!(are_frames(bytes, masked, false).0, expected, "{bytes:x?}");
        }
    }

    #[test]
    fn a_close_may_say_why() {
        assert_eq!(closing(b"\x03\xe8bye"), (Some(1000), &b"bye"[..]));
        assert_eq!(closing(b"\x03\xe8"), (Some(1000), &b""[..]));
        assert_eq!(closing(b"\x03"), (None, &b""[..]));
        assert_eq!((wrong(1000), wrong(1001), wrong(4000)), (None, None, None));
        assert_eq!(wrong(1011), Some("internal error"));
    }
}
