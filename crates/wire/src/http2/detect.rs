//! What proves that bytes are HTTP/2.

use super::frame::{self, FrameHead};
use super::hpack::{Block, Hpack};
use crate::decode::Dir;
use crate::detect::{Proof, Starts};

/// RFC 9113 section 3.4: what every client begins with.
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(crate) fn recognise(starts: &Starts<'_>) -> Proof {
    let preface = preface(starts.to_server());
    if preface == Proof::Yes {
        return Proof::Yes;
    }
    if starts.opening {
        // Only a client can open; a server may be faster with its settings.
        let server = server_start(starts.to_client());
        return if preface == Proof::No || server == Proof::No { Proof::No } else { Proof::Maybe };
    }
    if preface == Proof::Maybe && !starts.to_server().is_empty() {
        return Proof::Maybe;
    }
    let (asked, answered) =
        (walk(Dir::ToServer, starts.to_server()), walk(Dir::ToClient, starts.to_client()));
    match (asked, answered) {
        (Walk::Proof, _)
        | (_, Walk::Proof)
        | (Walk::Fits { frames: 1.., control: true }, Walk::Fits { frames: 1.., .. })
        | (Walk::Fits { frames: 1.., .. }, Walk::Fits { frames: 1.., control: true }) => Proof::Yes,
        (Walk::No, Walk::No) => Proof::No,
        (Walk::No, _) if starts.to_client().is_empty() => Proof::No,
        (_, Walk::No) if starts.to_server().is_empty() => Proof::No,
        _ => Proof::Maybe,
    }
}

pub(super) fn preface(bytes: &[u8]) -> Proof {
    let known = bytes.len().min(PREFACE.len());
    match bytes[..known] == PREFACE[..known] {
        false => Proof::No,
        true if known == PREFACE.len() => Proof::Yes,
        true => Proof::Maybe,
    }
}

/// A server's first frame is its settings.
fn server_start(bytes: &[u8]) -> Proof {
    let shape: [fn(u8) -> bool; frame::HEAD] = [
        |b| b == 0,
        |b| b == 0,
        |b| b.is_multiple_of(6) && b <= 96,
        |b| b == frame::SETTINGS,
        |b| b == 0,
        |b| b == 0,
        |b| b == 0,
        |b| b == 0,
        |b| b == 0,
    ];
    if bytes.iter().zip(shape).any(|(byte, fits)| !fits(*byte)) {
        return Proof::No;
    }
    let settings = bytes.get(frame::HEAD..).unwrap_or_default();
    let length = bytes.get(2).map_or(0, |length| usize::from(*length));
    if frame::are_settings(&settings[..settings.len().min(length)]) { Proof::Maybe } else { Proof::No }
}

/// What bytes are when they are read as frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Walk {
    /// A header block that makes sense only in this direction.
    Proof,
    /// Whole frames that could be; whether there is one among them that is about the connection.
    Fits {
        frames: usize,
        control: bool,
    },
    No,
}

fn walk(dir: Dir, bytes: &[u8]) -> Walk {
    let mut hpack = Hpack::default();
    let mut rest = bytes;
    let (mut frames, mut control) = (0, false);
    while let Some(head) = FrameHead::read(rest) {
        if !head.is_plausible(dir) {
            return Walk::No;
        }
        let length = head.length as usize;
        let Some(payload) = rest.get(frame::HEAD..frame::HEAD + length) else {
            return Walk::Fits { frames, control };
        };
        rest = &rest[frame::HEAD + length..];
        match head.kind {
            frame::SETTINGS if !frame::are_settings(payload) => return Walk::No,
            frame::HEADERS if head.has(frame::END_HEADERS) => {
                let Some(block) = frame::fragment(&head, payload) else { return Walk::No };
                match judge(&hpack.decode(block)) {
                    Fields::Request if dir == Dir::ToServer => return Walk::Proof,
                    Fields::Response if dir == Dir::ToClient => return Walk::Proof,
                    Fields::Unclear => {}
                    Fields::Request | Fields::Response | Fields::Broken => return Walk::No,
                }
            }
            _ => {}
        }
        frames += 1;
        control |= head.is_control();
    }
    if may_begin_head(dir, rest) { Walk::Fits { frames, control } } else { Walk::No }
}

/// Whether there is a plausible head that begins like this.
fn may_begin_head(dir: Dir, start: &[u8]) -> bool {
    // A length, a type and flags that fit have a stream that fits: the connection, or the first one.
    let ends: [&[u8; frame::HEAD]; 4] = [
        b"\0\0\0\x04\0\0\0\0\0",
        b"\0\0\x01\0\0\0\0\0\x01",
        b"\0\0\x08\x06\0\0\0\0\0",
        b"\0\0\x04\x08\0\0\0\0\0",
    ];
    ends.iter().any(|end| {
        let whole = [start, &end[start.len()..]].concat();
        FrameHead::read(&whole).is_some_and(|head| head.is_plausible(dir))
    })
}

/// Whether this is a header block that makes sense only in this direction.
pub(super) fn proves(dir: Dir, head: &FrameHead, payload: &[u8]) -> bool {
    let block = frame::fragment(head, payload).map(|block| Hpack::default().decode(block));
    match block.map(|block| judge(&block)) {
        Some(Fields::Request) => dir == Dir::ToServer,
        Some(Fields::Response) => dir == Dir::ToClient,
        Some(Fields::Unclear | Fields::Broken) | None => false,
    }
}

enum Fields {
    Request,
    Response,
    /// They could be trailers, or refer to what was not seen.
    Unclear,
    Broken,
}

/// What a header block is about, by its pseudo-header fields (RFC 9113 section 8.3).
fn judge(block: &Block) -> Fields {
    let well_named = |name: &str| {
        let name = name.strip_prefix(':').unwrap_or(name);
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && !b.is_ascii_uppercase())
    };
    if !block.whole || !block.fields.iter().all(|field| !field.known || well_named(&field.name)) {
        return Fields::Broken;
    }
    let is_method = |method: &str| {
        !method.is_empty()
            && method.len() <= 32
            && method.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let is_path = |path: &str| path.starts_with(['/', '*']);
    let is_status = |status: &str| status.len() == 3 && status.bytes().all(|b| b.is_ascii_digit());
    let unknown = block.fields.iter().any(|field| !field.known);
    let scheme = block.get(":scheme").is_some_and(|scheme| matches!(scheme, "http" | "https"));
    match (block.get(":method"), block.get(":path"), block.get(":status")) {
        (Some(method), Some(path), None) if is_method(method) && is_path(path) => Fields::Request,
        (Some("CONNECT"), None, None) if block.get(":authority").is_some() => Fields::Request,
        // What is not known was sent before.
        (Some(method), None, None) if unknown && scheme && is_method(method) => Fields::Request,
        (None, Some(path), None) if unknown && scheme && is_path(path) => Fields::Request,
        (None, None, None) => Fields::Unclear,
        (None, None, Some(status)) if is_status(status) => Fields::Response,
        _ => Fields::Broken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: &[u8] = b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64";
    const ACK: &[u8] = b"\0\0\0\x04\x01\0\0\0\0";
    const PING: &[u8] = b"\0\0\x08\x06\0\0\0\0\0abcdefgh";
    /// `GET http /` of an authority that is not known.
    const GET: &[u8] = b"\0\0\x04\x01\x05\0\0\0\x09\x82\x86\x84\xbe";
    /// A path and an authority that are not known.
    const POST: &[u8] = b"\0\0\x05\x01\x04\0\0\0\x09\x83\x86\xc0\xbf\xbe";
    const OK: &[u8] = b"\0\0\x02\x01\x04\0\0\0\x09\x88\xbf";
    const TRAILERS: &[u8] = b"\0\0\x02\x01\x05\0\0\0\x09\xbf\xbe";
    const ONE_BYTE: &[u8] = b"\0\0\x01\0\x01\0\0\0\x09x";

    fn check(opening: bool, to_server: &[u8], to_client: &[u8], expected: Proof) {
        for (asked, answered) in (0..=to_server.len())
            .map(|end| (&to_server[..end], to_client))
            .chain((0..=to_client.len()).map(|end| (to_server, &to_client[..end])))
        {
            let proof = recognise(&Starts::new(opening, asked, answered));
            let whole = asked.len() == to_server.len() && answered.len() == to_client.len();
            let early = proof == expected || proof == Proof::Maybe;
            assert!(
                early && (!whole || proof == expected),
                "{proof:?} not {expected:?}: {asked:?} {answered:?}"
            );
        }
    }

    #[test]
    fn an_opening_is_told_by_the_clients_preface() {
        let opened = [PREFACE, SETTINGS].concat();
        for (to_server, to_client, expected) in [
            (&opened[..], &b""[..], Proof::Yes),
            (&opened, SETTINGS, Proof::Yes),
            (b"", SETTINGS, Proof::Maybe),
            (b"", b"\0\0\0\x04\0\0\0\0\0", Proof::Maybe),
            (b"", ACK, Proof::No),
            (b"", PING, Proof::No),
            (b"", GET, Proof::No),
            (GET, b"", Proof::No),
            (b"PRI * HTTP/2.0\r\n\r\nXX", b"", Proof::No),
        ] {
            check(true, to_server, to_client, expected);
        }
    }

    #[test]
    fn a_turn_is_told_by_a_header_block_or_by_frames_both_ways() {
        let join = |parts: &[&[u8]]| parts.concat();
        for (to_server, to_client, expected) in [
            (join(&[GET]), join(&[]), Proof::Yes),
            (join(&[POST]), join(&[]), Proof::Yes),
            (join(&[]), join(&[OK]), Proof::Yes),
            (join(&[PING, ONE_BYTE, GET]), join(&[]), Proof::Yes),
            (join(&[PING]), join(&[ACK, ONE_BYTE]), Proof::Yes),
            (join(&[PREFACE]), join(&[]), Proof::Yes),
            // Frames alone do not tell which way they go.
            (join(&[SETTINGS, PING]), join(&[]), Proof::Maybe),
            (join(&[]), join(&[SETTINGS, PING]), Proof::Maybe),
            (join(&[ONE_BYTE]), join(&[ONE_BYTE]), Proof::Maybe),
            (join(&[]), join(&[TRAILERS]), Proof::Maybe),
            // The wrong way round.
            (join(&[OK]), join(&[]), Proof::No),
            (join(&[]), join(&[GET]), Proof::No),
            (join(&[b"\0\0\x02\x01\x05\0\0\0\x09\x80\x80"]), join(&[]), Proof::No),
        ] {
            check(false, &to_server, &to_client, expected);
        }
        // The middle of a body says nothing about the other direction.
        assert_eq!(recognise(&Starts::new(false, b"middle of a body", OK)), Proof::Yes);
        assert_eq!(recognise(&Starts::new(false, b"middle of a body", TRAILERS)), Proof::Maybe);
    }

    #[test]
    fn other_protocols_are_none() {
        let cases: [(&str, &[u8], &[u8]); 17] = [
            ("http/1", b"GET / HTTP/1.1\r\nHost: x\r\n", b"HTTP/1.1 200 OK\r\n"),
            ("redis", b"*1\r\n$4\r\nPING\r\n", b"+PONG\r\n"),
            ("postgres", b"\0\0\0\x29\0\x03\0\0user\0shop\0database\0shop\0", b"R\0\0\0\x0c\0\0\0\x05abcd"),
            ("postgres ssl", b"\0\0\0\x08\x04\xd2\x16\x2f", b"N"),
            ("mysql", b"\x20\0\0\x01\x85\xa6\xff\x01\0\0\0\x01", b"\x4a\0\0\0\x0a8.0.36\0\x08\0\0\0"),
            (
                "mongodb",
                b"\x3b\0\0\0\x01\0\0\0\0\0\0\0\xd4\x07\0\0",
                b"\x3b\0\0\0\x02\0\0\0\x01\0\0\0\xdd\x07\0\0",
            ),
            ("kafka", b"\0\0\0\x1f\0\x12\0\x03\0\0\0\x01\0\x08consumer", b"\0\0\x01\x0a\0\0\0\x01\0\0\0\0"),
            ("amqp", b"AMQP\0\0\x09\x01", b"\x01\0\0\0\0\x01\xf0\0\x0a\0\x0a"),
            ("nats", b"CONNECT {\"verbose\":false}\r\n", b"INFO {\"server_id\":\"x\"}\r\n"),
            ("mqtt", b"\x10\x11\0\x04MQTT\x04\x02\0\x3c\0\x05alice", b"\x20\x02\0\0"),
            ("tls", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", b"\x16\x03\x03\0\x7a\x02\0\0\x76\x03\x03"),
            ("ssh", b"SSH-2.0-OpenSSH_9.2\r\n", b"SSH-2.0-OpenSSH_9.2\r\n"),
            ("smtp", b"EHLO client\r\n", b"220 mail ESMTP\r\n"),
            (
                "dns",
                b"\0\x1d\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x07example\x03com\0\0\x01\0\x01",
                b"\0\x2d\x12\x34\x81\x80\0\x01\0\x01\0\0\0\0\x07example",
            ),
            ("proxy", b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n", b""),
            ("zeros", b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
            ("text", b"hello, this is text\n", b"and this too\n"),
        ];
        for (name, to_server, to_client) in cases {
            for opening in [true, false] {
                let starts = |a, b| recognise(&Starts::new(opening, a, b));
                assert_eq!(starts(to_server, to_client), Proof::No, "{name} {opening}");
                assert_eq!(starts(to_server, b""), Proof::No, "{name} {opening}, asked");
                for end in 0..to_server.len() {
                    assert_ne!(starts(&to_server[..end], b""), Proof::Yes, "{name}");
                }
                for end in 0..to_client.len() {
                    assert_ne!(starts(b"", &to_client[..end]), Proof::Yes, "{name}");
                }
            }
        }
    }
}
