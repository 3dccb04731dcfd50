//! The compressed protocol: packets inside packets, of which a head tells both sizes.

use flate2::{Decompress, FlushDecompress, Status};

use crate::decode::Loss;

/// Three bytes of length, one of sequence, three of the length before compression.
const HEAD: usize = 7;
/// What is inflated at once, in bytes.
const CHUNK: usize = 16 * 1024;
/// What an inflater holds, in bytes: its window and its tables.
const INFLATER: usize = 48 * 1024;

/// How payloads are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Zlib,
    /// Not read: what it holds is counted.
    Zstd,
}

/// What stands inside.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Inside<'a> {
    Bytes(&'a [u8]),
    /// So many bytes are not known, and why.
    Missing(u64, Loss),
}

#[derive(Debug)]
enum Coding {
    /// Too short to be worth it.
    Stored,
    Zlib(Box<Decompress>),
    /// Lost, broken or unknown.
    Opaque,
}

/// One direction.
#[derive(Debug)]
pub(super) struct Compressed {
    method: Method,
    head: Vec<u8>,
    coding: Coding,
    /// Bytes of the packet that are still to come.
    left: u64,
    /// Bytes that they are to become.
    promised: u64,
    inflated: Vec<u8>,
    lost: bool,
}

impl Compressed {
    pub(super) fn new(method: Method) -> Self {
        Self {
            method,
            head: Vec::new(),
            coding: Coding::Stored,
            left: 0,
            promised: 0,
            inflated: Vec::new(),
            lost: false,
        }
    }

    /// The next that is known of what is inside; `None` when more bytes are needed.
    pub(super) fn next<'a, 'r: 'a>(&'a mut self, rest: &mut &'r [u8]) -> Option<Inside<'a>> {
        loop {
            if self.left == 0 && self.promised == 0 {
                self.coding = Coding::Stored;
                self.begin(rest)?;
            }
            let known = usize::try_from(self.left).unwrap_or(usize::MAX).min(rest.len());
            match &mut self.coding {
                Coding::Stored if known == 0 && self.left > 0 => return None,
                Coding::Stored => {
                    let bytes = take(rest, known);
                    self.left -= known as u64;
                    self.promised -= known as u64;
                    if known > 0 {
                        return Some(Inside::Bytes(bytes));
                    }
                }
                Coding::Zlib(inflater) => {
                    let room = usize::try_from(self.promised).unwrap_or(usize::MAX).min(CHUNK);
                    self.inflated.resize(room, 0);
                    let (read, written) = (inflater.total_in(), inflater.total_out());
                    let input = rest.split_at(known).0;
                    let status = inflater.decompress(input, &mut self.inflated, FlushDecompress::None);
                    let read = (inflater.total_in() - read) as usize;
                    let written = inflater.total_out() - written;
                    take(rest, read);
                    self.left -= read as u64;
                    self.promised -= written;
                    // Behind its end, or behind as much as the head tells, a packet holds nothing.
                    if !matches!(status, Ok(Status::Ok | Status::BufError)) || self.promised == 0 {
                        self.coding = Coding::Opaque;
                    } else if read == 0 && written == 0 {
                        if self.left > 0 {
                            return None;
                        }
                        self.coding = Coding::Opaque;
                    }
                    if written > 0 {
                        self.inflated.truncate(written as usize);
                        return Some(Inside::Bytes(&self.inflated));
                    }
                }
                Coding::Opaque => {
                    take(rest, known);
                    self.left -= known as u64;
                    if self.left > 0 {
                        return None;
                    }
                    let missing = std::mem::take(&mut self.promised);
                    if missing > 0 {
                        let unread = self.method == Method::Zstd;
                        return Some(Inside::Missing(missing, if unread { Loss::Cut } else { Loss::Lost }));
                    }
                }
            }
        }
    }

    /// So many bytes are missing here; how many of those inside are known to be missing by that.
    pub(super) fn lose(&mut self, bytes: u64) -> u64 {
        if bytes > self.left {
            self.lost = true;
            self.head.clear();
            self.left = 0;
            return std::mem::take(&mut self.promised);
        }
        self.left -= bytes;
        if matches!(self.coding, Coding::Stored) {
            self.promised -= bytes;
            return bytes;
        }
        self.coding = Coding::Opaque;
        0
    }

    /// Whether the place in the stream is not known.
    pub(super) fn is_lost(&self) -> bool {
        self.lost
    }

    /// A packet begins with the next byte.
    pub(super) fn found(&mut self) {
        self.lost = false;
        self.head.clear();
        (self.left, self.promised) = (0, 0);
    }

    pub(super) fn held(&self) -> usize {
        let inflater = if matches!(self.coding, Coding::Zlib(_)) { INFLATER } else { 0 };
        self.head.capacity() + self.inflated.capacity() + inflater
    }

    /// Reads a packet's head.
    fn begin(&mut self, rest: &mut &[u8]) -> Option<()> {
        let more = take(rest, rest.len().min(HEAD - self.head.len()));
        self.head.extend_from_slice(more);
        if self.head.len() < HEAD {
            return None;
        }
        let size =
            |at: usize| self.head[at..at + 3].iter().rev().fold(0, |size, byte| size << 8 | u64::from(*byte));
        (self.left, self.promised) = (size(0), size(4));
        self.head.clear();
        self.coding = match self.method {
            _ if self.promised == 0 => {
                self.promised = self.left;
                Coding::Stored
            }
            Method::Zlib => Coding::Zlib(Box::new(Decompress::new(true))),
            Method::Zstd => Coding::Opaque,
        };
        Some(())
    }
}

fn take<'a>(rest: &mut &'a [u8], size: usize) -> &'a [u8] {
    let (taken, behind) = rest.split_at(size.min(rest.len()));
    *rest = behind;
    taken
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::ZlibEncoder;

    use super::*;

    fn packet(plain: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(plain).unwrap();
        let bytes = encoder.finish().unwrap();
        head(bytes.len(), plain.len()).into_iter().chain(bytes).collect()
    }

    fn head(size: usize, plain: usize) -> Vec<u8> {
        [&(size as u32).to_le_bytes()[..3], &[0], &(plain as u32).to_le_bytes()[..3]].concat()
    }

    /// Everything inside, and how much of it is missing.
    fn inside(layer: &mut Compressed, bytes: &[u8], size: usize) -> (Vec<u8>, u64) {
        let (mut out, mut missing) = (Vec::new(), 0);
        for mut rest in bytes.chunks(size) {
            while let Some(inside) = layer.next(&mut rest) {
                match inside {
                    Inside::Bytes(bytes) => out.extend_from_slice(bytes),
                    Inside::Missing(bytes, _) => missing += bytes,
                }
            }
            assert!(rest.is_empty());
        }
        (out, missing)
    }

    #[test]
    fn packets_are_inflated_however_they_are_cut() {
        let long: Vec<u8> = (0..100_000_u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        let bytes = [head(3, 0), b"abc".to_vec(), packet(&long), head(0, 0), packet(b"xyz")].concat();
        let expected = [&b"abc"[..], &long, b"xyz"].concat();
        for size in [1, 7, 1000, bytes.len()] {
            let mut layer = Compressed::new(Method::Zlib);
            assert_eq!(inside(&mut layer, &bytes, size), (expected.clone(), 0), "by {size}");
            assert!(layer.held() <= CHUNK + 64);
        }
    }

    #[test]
    fn what_cannot_be_inflated_is_counted_and_the_next_packet_is_read() {
        let mut broken = packet(&[b'x'; 1000]);
        broken[9..].fill(0xff);
        let short = [head(packet(b"abc").len() - 7, 1000), packet(b"abc")[7..].to_vec()].concat();
        let bytes = [broken, short, packet(b"ok")].concat();
        let (out, missing) = inside(&mut Compressed::new(Method::Zlib), &bytes, 5);
        assert_eq!((out, missing), (b"abcok".to_vec(), 1997));
        let bytes = [packet(&[b'x'; 1000]), head(2, 0), b"ok".to_vec()].concat();
        assert_eq!(inside(&mut Compressed::new(Method::Zstd), &bytes, 9), (b"ok".to_vec(), 1000));
    }

    #[test]
    fn no_more_is_inflated_than_a_head_promises() {
        let mut bomb = packet(&vec![0; 10_000_000]);
        bomb[4..7].copy_from_slice(&[3, 0, 0]);
        let bytes = [bomb, packet(b"ok")].concat();
        assert_eq!(inside(&mut Compressed::new(Method::Zlib), &bytes, 100), (b"\0\0\0ok".to_vec(), 0));
    }

    #[test]
    fn a_loss_inside_a_packet_keeps_the_place() {
        let mut layer = Compressed::new(Method::Zlib);
        assert_eq!(inside(&mut layer, &[&head(9, 0)[..], b"abc"].concat(), 99), (b"abc".to_vec(), 0));
        assert_eq!((layer.lose(4), layer.is_lost()), (4, false));
        assert_eq!(inside(&mut layer, b"hi", 99), (b"hi".to_vec(), 0));
        let bytes = packet(&[b'x'; 1000]);
        inside(&mut layer, &bytes[..8], 99);
        assert_eq!((layer.lose(4), layer.is_lost()), (0, false));
        assert_eq!(inside(&mut layer, &bytes[12..], 99), (Vec::new(), 1000));
        layer.lose(1);
        assert!(layer.is_lost());
        layer.found();
        assert_eq!(inside(&mut layer, &packet(b"ok"), 99), (b"ok".to_vec(), 0));
    }
}
