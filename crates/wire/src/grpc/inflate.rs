//! Compressed messages made readable, as far as there is room for them.

use std::io::Read;

/// What compresses messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Encoding {
    Gzip,
    Deflate,
    /// Messages are kept as they come.
    #[default]
    Other,
}

impl Encoding {
    pub(super) fn named(name: &str) -> Self {
        match name.trim() {
            "gzip" => Self::Gzip,
            "deflate" => Self::Deflate,
            _ => Self::Other,
        }
    }
}

/// At most `room` bytes of what was compressed, and whether that is all; `None` when it is not compressed like that.
pub(super) fn inflate(encoding: Encoding, bytes: &[u8], room: usize) -> Option<(Vec<u8>, bool)> {
    match encoding {
        Encoding::Gzip => read(flate2::read::GzDecoder::new(bytes), room),
        Encoding::Deflate => read(flate2::read::ZlibDecoder::new(bytes), room),
        Encoding::Other => None,
    }
}

fn read(decoder: impl Read, room: usize) -> Option<(Vec<u8>, bool)> {
    let mut out = Vec::new();
    let read = decoder.take(room as u64 + 1).read_to_end(&mut out);
    let whole = read.is_ok() && out.len() <= room;
    out.truncate(room);
    (whole || !out.is_empty() || room == 0).then_some((out, whole))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn what_was_compressed_is_read_within_its_bound() {
        let gzipped = gzip(b"hello hello hello");
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(b"hello").unwrap();
        let deflated = encoder.finish().unwrap();
        let bomb = gzip(&vec![0; 10_000_000]);
        assert!(bomb.len() < 20_000);
        type Found = Option<(&'static [u8], bool)>;
        let cases: [(Encoding, &[u8], usize, Found); 7] = [
            (Encoding::Gzip, &gzipped, 100, Some((b"hello hello hello", true))),
            (Encoding::Gzip, &gzipped, 17, Some((b"hello hello hello", true))),
            (Encoding::Gzip, &gzipped, 5, Some((b"hello", false))),
            (Encoding::Deflate, &deflated, 100, Some((b"hello", true))),
            (Encoding::Gzip, &bomb, 3, Some((b"\0\0\0", false))),
            (Encoding::Gzip, b"no gzip at all", 100, None),
            (Encoding::Other, &gzipped, 100, None),
        ];
        for (encoding, bytes, room, expected) in cases {
            let found = inflate(encoding, bytes, room);
            assert_eq!(
                found.as_ref().map(|(out, whole)| (&out[..], *whole)),
                expected,
                "{encoding:?} {room}"
            );
        }
        assert_eq!(Encoding::named(" gzip"), Encoding::Gzip);
        assert_eq!(Encoding::named("snappy"), Encoding::Other);
    }
}
