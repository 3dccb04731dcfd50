//! Frames (RFC 9113 sections 4 and 6): heads, and what of a payload is not content.

use crate::decode::Dir;
use crate::framing::Head;

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

/// Of `DATA` and `HEADERS`.
pub(super) const END_STREAM: u8 = 0x1;
/// Of `SETTINGS` and `PING`.
pub(super) const ACK: u8 = 0x1;
pub(super) const END_HEADERS: u8 = 0x4;
pub(super) const PADDED: u8 = 0x8;
const WITH_PRIORITY: u8 = 0x20;

/// The size of every frame's head, in bytes.
pub(super) const HEAD: usize = 9;
/// The largest payload that a frame is believed to have where nothing else speaks for it, in bytes. Peers must allow
/// 16 KB, and few send more.
const PLAUSIBLE: u32 = 0xffff;
/// The largest payload of a frame that is no `DATA`, in bytes.
const CONTROL_LIMIT: u32 = 1 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameHead {
    pub(super) length: u32,
    pub(super) kind: u8,
    pub(super) flags: u8,
    reserved: bool,
    pub(super) stream: u32,
}

impl FrameHead {
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let &[l0, l1, l2, kind, flags, ref stream @ ..] = bytes.first_chunk::<HEAD>()?;
        let stream = u32::from_be_bytes(*stream);
        Some(Self {
            length: u32::from_be_bytes([0, l0, l1, l2]),
            kind,
            flags,
            reserved: stream >> 31 == 1,
            stream: stream & 0x7fff_ffff,
        })
    }

    pub(super) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Whether the protocol allows such a frame.
    pub(super) fn is_possible(&self) -> bool {
        let (length, connection) = (self.length, self.stream == 0);
        let fits = match self.kind {
            DATA | HEADERS | PUSH_PROMISE | CONTINUATION => !connection,
            PRIORITY => length == 5 && !connection,
            RST_STREAM => length == 4 && !connection,
            SETTINGS => length.is_multiple_of(6) && connection && (length == 0 || !self.has(ACK)),
            PING => length == 8 && connection,
            GOAWAY => length >= 8 && connection,
            WINDOW_UPDATE => length == 4,
            _ => true,
        };
        fits && (self.kind == DATA || length <= CONTROL_LIMIT)
    }

    /// Whether real programs send such a frame in this direction: for bytes that may be something else.
    pub(super) fn is_plausible(&self, dir: Dir) -> bool {
        let flags = match self.kind {
            DATA => END_STREAM | PADDED,
            HEADERS => END_STREAM | END_HEADERS | PADDED | WITH_PRIORITY,
            PUSH_PROMISE => END_HEADERS | PADDED,
            CONTINUATION => END_HEADERS,
            SETTINGS | PING => ACK,
            PRIORITY | RST_STREAM | GOAWAY | WINDOW_UPDATE => 0,
            _ => return false,
        };
        let odd = self.stream % 2 == 1;
        let from_here = match self.kind {
            DATA | HEADERS => odd || dir == Dir::ToClient,
            PUSH_PROMISE => odd && dir == Dir::ToClient,
            SETTINGS => self.length <= 16 * 6,
            GOAWAY => self.length <= 1024,
            _ => true,
        };
        let reserved = self.reserved || self.flags & !flags != 0 || self.length > PLAUSIBLE;
        self.is_possible() && from_here && !reserved
    }

    /// Whether there is hardly anything in it: zeros look like this.
    pub(super) fn is_hollow(&self) -> bool {
        self.kind == DATA && self.length == 0 && self.flags == 0
    }

    /// Whether it is about the connection, not about a stream.
    pub(super) fn is_control(&self) -> bool {
        self.stream == 0
    }
}

/// What a frame's first bytes tell. `DATA` ends with its head here: its payload may be large and is read as it comes.
pub(super) fn head(bytes: &[u8], trusted: bool, dir: Dir) -> Head {
    let Some(head) = FrameHead::read(bytes) else { return Head::More };
    if !head.is_possible() || !(trusted || head.is_plausible(dir)) {
        return Head::Bad;
    }
    Head::Frame { head: HEAD, payload: if head.kind == DATA { 0 } else { u64::from(head.length) } }
}

/// The part of a header block in a frame's payload, of which only `payload` was seen.
pub(super) fn fragment<'a>(head: &FrameHead, payload: &'a [u8]) -> Option<&'a [u8]> {
    let mut rest = payload;
    let mut padding = 0;
    if head.kind != CONTINUATION && head.has(PADDED) {
        let (length, behind) = rest.split_first()?;
        (padding, rest) = (usize::from(*length), behind);
    }
    match head.kind {
        HEADERS if head.has(WITH_PRIORITY) => rest = rest.get(5..)?,
        PUSH_PROMISE => rest = rest.get(4..)?,
        _ => {}
    }
    let unseen = head.length as usize - payload.len().min(head.length as usize);
    rest.get(..rest.len().checked_sub(padding.saturating_sub(unseen))?)
}

/// The stream that a `PUSH_PROMISE` promises.
pub(super) fn promised(head: &FrameHead, payload: &[u8]) -> Option<u32> {
    word(payload, usize::from(head.has(PADDED))).map(|stream| stream & 0x7fff_ffff)
}

pub(super) fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|word| u32::from_be_bytes(*word))
}

/// The table size among settings (RFC 9113 section 6.5.2); the last one counts.
pub(super) fn table_size(settings: &[u8]) -> Option<u32> {
    let size = settings.chunks_exact(6).rfind(|setting| setting[..2] == [0, 1])?;
    word(size, 2)
}

/// Whether these are settings that programs send: known ones, or reserved names that keep the others honest.
pub(super) fn are_settings(settings: &[u8]) -> bool {
    settings.chunks_exact(6).all(|setting| {
        let value = word(setting, 2).unwrap_or(0);
        match u16::from_be_bytes([setting[0], setting[1]]) {
            2 | 8 => value <= 1,
            4 => value <= 0x7fff_ffff,
            5 => (16_384..=0x00ff_ffff).contains(&value),
            0 => false,
            _ => true,
        }
    })
}

/// RFC 9113 section 7.
pub(super) fn error_name(code: u32) -> String {
    const NAMES: [&str; 14] = [
        "NO_ERROR",
        "PROTOCOL_ERROR",
        "INTERNAL_ERROR",
        "FLOW_CONTROL_ERROR",
        "SETTINGS_TIMEOUT",
        "STREAM_CLOSED",
        "FRAME_SIZE_ERROR",
        "REFUSED_STREAM",
        "CANCEL",
        "COMPRESSION_ERROR",
        "CONNECT_ERROR",
        "ENHANCE_YOUR_CALM",
        "INADEQUATE_SECURITY",
        "HTTP_1_1_REQUIRED",
    ];
    NAMES.get(code as usize).map_or_else(|| format!("error {code}"), |name| (*name).to_owned())
}

pub(super) const NO_ERROR: u32 = 0;
pub(super) const CANCEL: u32 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8; HEAD]) -> FrameHead {
        FrameHead::read(bytes).unwrap()
    }

    #[test]
    fn heads_are_judged_by_what_the_protocol_allows() {
        // Possible, and plausible from the client and from the server.
        let cases: [(&[u8; HEAD], bool, bool, bool); 16] = [
            (b"\x00\x00\x05\x00\x01\x00\x00\x00\x01", true, true, true),
            (b"\x00\x00\x05\x00\x01\x00\x00\x00\x02", true, false, true),
            (b"\x00\x00\x05\x00\x01\x00\x00\x00\x00", false, false, false),
            (b"\x00\x00\x05\x00\x11\x00\x00\x00\x01", true, false, false),
            (b"\x00\x00\x00\x00\x00\x00\x00\x00\x01", true, true, true),
            (b"\x00\x00\x05\x00\x01\x80\x00\x00\x01", true, false, false),
            (b"\x00\x00\x20\x01\x25\x00\x00\x00\x03", true, true, true),
            (b"\x00\x00\x08\x06\x00\x00\x00\x00\x00", true, true, true),
            (b"\x00\x00\x09\x06\x00\x00\x00\x00\x00", false, false, false),
            (b"\x00\x00\x0c\x04\x00\x00\x00\x00\x00", true, true, true),
            (b"\x00\x00\x0c\x04\x01\x00\x00\x00\x00", false, false, false),
            (b"\x00\x00\x0d\x04\x00\x00\x00\x00\x00", false, false, false),
            (b"\x00\x00\x04\x08\x00\x00\x00\x00\x00", true, true, true),
            (b"\x00\x00\x10\x05\x04\x00\x00\x00\x01", true, false, true),
            (b"\x00\x00\x04\x10\x00\x00\x00\x00\x00", true, false, false),
            (b"HTTP/1.1 ", false, false, false),
        ];
        for (bytes, possible, client, server) in cases {
            let head = read(bytes);
            let found =
                (head.is_possible(), head.is_plausible(Dir::ToServer), head.is_plausible(Dir::ToClient));
            assert_eq!(found, (possible, client, server), "{bytes:x?}");
        }
    }

    #[test]
    fn padding_and_priority_are_no_content() {
        let head = |kind, flags, length| FrameHead { length, kind, flags, reserved: false, stream: 1 };
        type Case = (FrameHead, &'static [u8], Option<&'static [u8]>);
        let cases: [Case; 9] = [
            (head(HEADERS, 0, 2), b"ab", Some(b"ab")),
            (head(HEADERS, PADDED, 5), b"\x02ab\0\0", Some(b"ab")),
            (head(HEADERS, WITH_PRIORITY, 7), b"12345ab", Some(b"ab")),
            (head(HEADERS, PADDED | WITH_PRIORITY, 9), b"\x0112345ab\0", Some(b"ab")),
            (head(HEADERS, PADDED, 3), b"\x09ab", None),
            (head(PUSH_PROMISE, 0, 6), b"\0\0\0\x02ab", Some(b"ab")),
            (head(CONTINUATION, PADDED, 2), b"ab", Some(b"ab")),
            // The end is missing, and part of the padding with it.
            (head(HEADERS, PADDED, 6), b"\x03ab\0", Some(b"ab")),
            (head(HEADERS, PADDED, 8), b"\x02abc", Some(b"abc")),
        ];
        for (head, payload, content) in cases {
            assert_eq!(fragment(&head, payload), content, "{head:?}");
        }
        assert_eq!(promised(&head(PUSH_PROMISE, PADDED, 6), b"\x01\0\0\0\x04\0"), Some(4));
        assert_eq!(promised(&head(PUSH_PROMISE, 0, 4), b"\x80\0\0\x04"), Some(4));
    }

    #[test]
    fn settings_tell_the_size_of_the_table() {
        assert_eq!(table_size(b"\0\x03\0\0\0\x64\0\x01\0\x01\0\0"), Some(65_536));
        assert_eq!(table_size(b"\0\x03\0\0\0\x64"), None);
        assert!(are_settings(b"\0\x03\0\0\0\x64\0\x01\0\x01\0\0\x0a\x0a\0\0\0\0"));
        assert!(!are_settings(b"\0\x05\0\0\0\x64"));
        assert!(!are_settings(b"\0\0\0\0\0\x64"));
    }
}
