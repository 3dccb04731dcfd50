//! Every coding, whole, cut, broken and hostile.

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use model::Timestamp;
use model::exchange::{Message, Part};
use proptest::prelude::*;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::{is_coded, remove, remove_of_messages};

const LIMIT: usize = 64 * 1024;
const CODINGS: [&str; 5] = ["gzip", "zlib", "raw", "br", "zstd"];
/// `{"hello":"world, world, world"}` by Node's brotli and the `zstd` tool.
const BY_OTHERS: [(&str, &str); 2] = [("br", BR), ("zstd", ZSTD)];
const BR: &str = "0b0f807b2268656c6c6f223a22776f726c642c20776f726c642c20776f726c64227d03";
const ZSTD: &str = "28b52ffd0468cd0000987b2268656c6c6f223a22776f726c642c20227d0100c59525d43996f5";

fn code(coding: &str, plain: &[u8]) -> Vec<u8> {
    match coding {
        "gzip" => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(plain).unwrap();
            encoder.finish().unwrap()
        }
        "zlib" => {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(plain).unwrap();
            encoder.finish().unwrap()
        }
        "raw" => {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(plain).unwrap();
            encoder.finish().unwrap()
        }
        "br" => {
            let mut out = Vec::new();
            let mut encoder = brotli::CompressorWriter::new(&mut out, 4096, 5, 18);
            encoder.write_all(plain).unwrap();
            drop(encoder);
            out
        }
        _ => compress_to_vec(plain, CompressionLevel::Fastest),
    }
}

fn message(coding: &str, body: Vec<u8>) -> Message {
    let name = if matches!(coding, "zlib" | "raw") { "deflate" } else { coding };
    let headers = vec![("Content-Encoding".to_owned(), name.to_owned())];
    Message { headers, bytes: body.len() as u64, body, complete: true, ..Message::default() }
}

fn removed(mut message: Message, limit: usize) -> Message {
    remove(&mut message, limit);
    message
}

/// Text that no coding makes very small.
fn text(len: usize) -> Vec<u8> {
    let mut state = 7u32;
    let letter = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        b'a' + (state >> 24) as u8 % 20
    };
    (0..len).map(letter).collect()
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

#[test]
fn whole_bodies_become_plain() {
    for coding in CODINGS {
        for plain in [b"x".to_vec(), b"{\"a\":1}".to_vec(), text(50_000)] {
            let shown = removed(message(coding, code(coding, &plain)), LIMIT);
            assert_eq!(shown.body, plain, "{coding}");
            assert!(shown.decoded && !shown.cut && !is_coded(&shown), "{coding}");
        }
    }
    for (coding, coded) in BY_OTHERS {
        let shown = removed(message(coding, hex(coded)), LIMIT);
        assert_eq!(String::from_utf8_lossy(&shown.body), r#"{"hello":"world, world, world"}"#, "{coding}");
        assert!(!shown.cut, "{coding}");
    }
}

#[test]
fn names_in_any_spelling_and_order() {
    let plain = text(100);
    let twice = code("gzip", &code("br", &plain));
    for (name, body) in
        [("X-GZIP", code("gzip", &plain)), (" identity , gzip", code("gzip", &plain)), ("br, gzip", twice)]
    {
        assert_eq!(removed(message(name, body), LIMIT).body, plain, "{name}");
    }
    for name in ["compress", "gzip, gzip, gzip, gzip, gzip", "gzip, made-up"] {
        let shown = removed(message(name, code("gzip", &plain)), LIMIT);
        assert!(is_coded(&shown) && !shown.decoded, "{name}");
    }
}

#[test]
fn members_and_frames_follow_each_other() {
    for coding in ["gzip", "zstd"] {
        let mut coded = code(coding, b"one ");
        coded.extend(code(coding, b"two"));
        assert_eq!(removed(message(coding, coded.clone()), LIMIT).body, b"one two");
        let shown = removed(message(coding, coded), 5);
        assert_eq!((shown.body.as_slice(), shown.cut), (&b"one t"[..], true));
    }
    let mut coded = b"\x52\x2a\x4d\x18\x03\0\0\0xyz".to_vec();
    coded.extend(code("zstd", b"behind what is skipped"));
    assert_eq!(removed(message("zstd", coded), LIMIT).body, b"behind what is skipped");
    let mut header = b"\x1f\x8b\x08\x1e\0\0\0\0\0\x03\x02\0abname\0comment\0xx".to_vec();
    header.extend(&code("gzip", b"all fields")[10..]);
    assert_eq!(removed(message("gzip", header), LIMIT).body, b"all fields");
}

#[test]
fn what_was_cut_shows_its_beginning() {
    let plain = text(200_000);
    for coding in CODINGS {
        let mut coded = message(coding, code(coding, &plain));
        coded.body.truncate(coded.body.len() * 3 / 4);
        coded.cut = true;
        let shown = removed(coded, usize::MAX);
        assert!(shown.cut && shown.decoded, "{coding}");
        assert!(shown.body.len() > 30_000, "{coding}: {}", shown.body.len());
        assert!(plain.starts_with(&shown.body), "{coding}");
    }
}

#[test]
fn what_still_comes_is_not_cut() {
    for coding in CODINGS {
        let coded = code(coding, &text(20_000));
        let mut growing = message(coding, coded[..coded.len() / 2].to_vec());
        growing.complete = false;
        assert!(!removed(growing.clone(), LIMIT).cut, "{coding}");
        growing.complete = true;
        assert!(!removed(growing, LIMIT).decoded, "{coding}: nothing of it is missing");
    }
}

#[test]
fn what_is_not_what_it_says_stays_coded() {
    for coding in CODINGS {
        for body in [&b"{\"password\":\"x\"}"[..], &[0xff; 40], &[0x1f, 0x8b, 9, 0, 0]] {
            let shown = removed(message(coding, body.to_vec()), LIMIT);
            assert!(!shown.decoded && is_coded(&shown) && shown.body == body, "{coding} {body:?}");
        }
    }
    // A window of 4 GiB, and one beyond the standard.
    assert!(!removed(message("zstd", hex("28b52ffd00b0010000")), LIMIT).decoded);
    assert!(!removed(message("br", vec![0x11, 0x3f, 0, 0]), LIMIT).decoded);
}

#[test]
fn bombs_make_no_more_than_the_limit() {
    let zeros = vec![0u8; 20_000_000];
    for coding in CODINGS {
        let bomb = code(coding, &zeros);
        let shown = removed(message(coding, bomb), 1000);
        assert_eq!((shown.body.len(), shown.cut), (1000, true), "{coding}");
    }
    let nested = code("gzip", &code("gzip", &zeros));
    assert_eq!(removed(message("gzip, gzip", nested), 10_000).body.len().min(10_000), 10_000);
}

proptest! {
    #[test]
    fn any_cut_is_a_beginning(len in 0..3000usize, keep in any::<prop::sample::Index>(), coding in 0..5usize, limit in 1..4000usize) {
        let (coding, plain) = (CODINGS[coding], text(len));
        let coded = code(coding, &plain);
        let keep = keep.index(coded.len()) + 1;
        let mut sent = message(coding, coded[..keep].to_vec());
        sent.cut = keep < coded.len();
        let shown = removed(sent, limit);
        prop_assert!(shown.decoded);
        prop_assert!(shown.body.len() <= limit && plain.starts_with(&shown.body));
        prop_assert!(shown.cut || shown.body == plain);
        prop_assert!(keep < coded.len() || limit <= plain.len() || !shown.cut);
    }

    #[test]
    fn any_bytes_end(coding in 0..5usize, bytes in prop::collection::vec(any::<u8>(), 0..400), flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4)) {
        let limit = 2000;
        prop_assert!(removed(message(CODINGS[coding], bytes.clone()), limit).body.len() <= limit.max(bytes.len()));
        let mut broken = code(CODINGS[coding], &bytes);
        for (at, byte) in flips {
            let at = at.index(broken.len());
            broken[at] ^= byte;
        }
        let len = broken.len();
        prop_assert!(removed(message(CODINGS[coding], broken), limit).body.len() <= limit.max(len));
    }
}

#[test]
fn a_coding_of_the_transfer_is_removed_too() {
    let mut sent = message("br", code("gzip", &code("br", b"hello")));
    sent.headers.push(("Transfer-Encoding".to_owned(), "gzip, chunked".to_owned()));
    let plain = removed(sent, LIMIT);
    assert_eq!((plain.body.as_slice(), plain.decoded), (&b"hello"[..], true));
    let mut chunked = Message { body: b"hello".to_vec(), complete: true, ..Message::default() };
    chunked.headers.push(("transfer-encoding".to_owned(), "Chunked".to_owned()));
    assert!(!is_coded(&chunked));
}

#[test]
fn messages_that_zstd_codes_are_read_one_by_one() {
    let plain = text(3000);
    // The second one is not coded, the third only begins as if it were, and the fourth was cut.
    let coded = code("zstd", &plain);
    let pieces = [coded.clone(), b"plain".to_vec(), coded[..9].to_vec(), coded[..40].to_vec()];
    let mut message = Message::default();
    for (n, piece) in pieces.iter().enumerate() {
        let (bytes, kept) = (if n == 3 { coded.len() } else { piece.len() } as u64, piece.len() as u32);
        message.body.extend(piece);
        message.parts.push(Part { at: Timestamp(0), kind: "message".to_owned(), bytes, kept });
    }
    let untouched = message.clone();
    remove_of_messages(&mut message, LIMIT);
    assert_eq!(message, untouched, "without the header they are anything");
    message.headers.push(("grpc-encoding".to_owned(), "zstd".to_owned()));
    let mut small = message.clone();
    remove_of_messages(&mut message, LIMIT);
    let sizes: Vec<_> = message.parts.iter().map(|part| (part.bytes, part.kept)).collect();
    assert_eq!(sizes, [(3000, 3000), (5, 5), (9, 9), (coded.len() as u64, 40)]);
    assert_eq!(message.body, [plain.as_slice(), b"plain", &coded[..9], &coded[..40]].concat());
    remove_of_messages(&mut small, 100);
    assert_eq!(small.body, untouched.body, "one that there is no room for stays as it came");
}
