//! What proves that bytes of a connection that was joined in mid-stream are WebSocket frames.

use super::frame::{self, FrameHead};
use crate::detect::{Proof, Starts};
use crate::framing::Head;

/// So many characters of text are no chance.
const ENOUGH: u64 = 8;

/// A WebSocket begins as HTTP, so that its frames are never a connection's first bytes. Where a turn begins with them,
/// only text shows what they are.
pub(crate) fn recognise(starts: &Starts<'_>) -> Proof {
    if starts.opening {
        return Proof::No;
    }
    match (text(starts.to_server(), true), text(starts.to_client(), false)) {
        (Proof::Yes, _) | (_, Proof::Yes) => Proof::Yes,
        (Proof::Maybe, _) | (_, Proof::Maybe) => Proof::Maybe,
        (Proof::No, Proof::No) => Proof::No,
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
    fn only_whole_frames_of_text_in_mid_stream_are_taken_for_it() {
        let server: &[u8] = b"\x81\x0d{\"type\":\"hi\"}";
        let client: &[u8] = b"\x81\x8d\0\0\0\0{\"type\":\"hi\"}";
        let cases: [(&[u8], &[u8], Proof); 9] = [
            (client, b"", Proof::Yes),
            (b"", server, Proof::Yes),
            (server, b"", Proof::No),
            (b"", client, Proof::No),
            (b"", b"\x81\x02hi", Proof::No),
            (b"", b"\x81\x0d{\"type\":\"\x01i\"}", Proof::No),
            (b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n", Proof::No),
            (b"\x16\x03\x01\x00\x05", b"", Proof::No),
            (b"*1\r\n$4\r\nPING\r\n", b"+PONG\r\n", Proof::No),
        ];
        for (to_server, to_client, expected) in cases {
            assert_eq!(
                recognise(&Starts::new(false, to_server, to_client)),
                expected,
                "{to_server:x?} {to_client:x?}"
            );
            assert_eq!(recognise(&Starts::new(true, to_server, to_client)), Proof::No);
            for end in 1..to_server.len().max(to_client.len()) {
                let cut = |bytes: &'static [u8]| &bytes[..bytes.len().min(end)];
                let early = recognise(&Starts::new(false, cut(to_server), cut(to_client)));
                assert!(early != Proof::Yes && (early == Proof::Maybe || expected == Proof::No), "{end}");
            }
        }
    }
}
