//! What proves that bytes of a connection that was joined in mid-stream are WebSocket frames.

use super::frame::{self, FrameHead};
use crate::detect::{Proof, Starts};
use crate::framing::Head;

/// So many characters of text are no chance.
const ENOUGH: u64 = 8;

/// A WebSocket begins as HTTP, so that its frames are never a connection's first bytes. Where a turn begins with them,
/// only text shows by itself what they are; else both directions must.
pub(crate) fn recognise(starts: &Starts<'_>) -> Proof {
    let (to_server, to_client) = (starts.to_server(), starts.to_client());
    if starts.opening {
        return Proof::No;
    }
    match (text(to_server, true), text(to_client, false)) {
        (Proof::Yes, _) | (_, Proof::Yes) => return Proof::Yes,
        (Proof::Maybe, _) | (_, Proof::Maybe) => return Proof::Maybe,
        (Proof::No, Proof::No) => {}
    }
    match (message(to_server, true), message(to_client, false)) {
        (Proof::No, _) | (_, Proof::No) => Proof::No,
        (Proof::Yes, Proof::Yes) => Proof::Yes,
        (Proof::Maybe | Proof::Yes, Proof::Maybe | Proof::Yes) => Proof::Maybe,
    }
}

/// Whether these bytes are frames, the first of them a whole message.
fn message(bytes: &[u8], masked: bool) -> Proof {
    match bytes {
        [] | [0x81 | 0x82] => Proof::Maybe,
        [0x81 | 0x82, length, ..] if length & 0x7f != 0 => frame::are_frames(bytes, masked, true).0,
        _ => Proof::No,
    }
}

/// Whether these bytes are frames, the first of them a readable text.
fn text(bytes: &[u8], masked: bool) -> Proof {
    if bytes.first() != Some(&0x81) {
        return Proof::No;
    }
    let (proof, _) = frame::are_frames(bytes, masked, true);
    let Head::Frame { head, payload } = frame::measure(bytes, false) else { return proof };
    let (head, rest) = bytes.split_at(head);
    let mut known = rest[..usize::try_from(payload).unwrap_or(usize::MAX).min(rest.len())].to_vec();
    if let Some(FrameHead { key: Some(key), .. }) = FrameHead::read(head) {
        frame::unmask(&mut known, key);
    }
    if payload < ENOUGH || !is_readable(&known) { Proof::No } else { proof }
}

/// Whether these bytes are the beginning of a text without control characters.
fn is_readable(bytes: &[u8]) -> bool {
    let readable = |text: &str| text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t'));
    match str::from_utf8(bytes) {
        Ok(text) => readable(text),
        Err(error) => {
            let known = &bytes[..error.valid_up_to()];
            error.error_len().is_none() && str::from_utf8(known).is_ok_and(readable)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_taken_for_it_in_mid_stream_only_where_they_show_it() {
        let server: &[u8] = b"\x81\x0d{\"type\":\"hi\"}";
        let client: &[u8] = b"\x81\x8d\0\0\0\0{\"type\":\"hi\"}";
        let binary: (&[u8], &[u8]) = (b"\x82\x83\x01\x02\x03\x04abc", b"\x82\x02\0\x01\x89\0");
        let cases: [(&[u8], &[u8], Proof); 12] = [
            (client, b"", Proof::Yes),
            (b"", server, Proof::Yes),
            (binary.0, binary.1, Proof::Yes),
            (binary.0, b"", Proof::Maybe),
            (b"", binary.1, Proof::Maybe),
            (server, b"", Proof::No),
            (b"", client, Proof::No),
            (binary.1, binary.0, Proof::No),
            (b"\x82\x80", b"\x82\0", Proof::No),
            (b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n", Proof::No),
            (b"\x16\x03\x01\x00\x05", b"", Proof::No),
            (b"*1\r\n$4\r\nPING\r\n", b"+PONG\r\n", Proof::No),
        ];
        for (to_server, to_client, expected) in cases {
            let recognised =
                |opening, to_server, to_client| recognise(&Starts::new(opening, to_server, to_client));
            assert_eq!(recognised(false, to_server, to_client), expected, "{to_server:x?} {to_client:x?}");
            assert_eq!(recognised(true, to_server, to_client), Proof::No);
            let longest = to_server.len().max(to_client.len());
            for end in 1..longest {
                let cut = |bytes: &'static [u8]| &bytes[..bytes.len().min(end)];
                let early = recognised(false, cut(to_server), cut(to_client));
                assert!(early == Proof::Maybe || early == expected, "{to_server:x?} {to_client:x?} {end}");
            }
        }
        assert_eq!(recognise(&Starts::new(false, b"", b"\x81\x0d{\"type\":\"\x01i\"}")), Proof::Maybe);
    }
}
