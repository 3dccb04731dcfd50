//! Capture files: `.pcap` and `.pcapng`, plain or compressed by gzip, read as they come, however large they are.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use model::Timestamp;
use model::exchange::Exchange;
use pcap_parser::{Block, Linktype, PcapBlockOwned, PcapError as Parse, SecretsType, create_reader};
use wire::{Limits, Link, Wire};

/// Bytes that are read at once; a packet must fit.
const WINDOW: usize = 1 << 20;

/// Why a capture file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PcapError {
    /// The file cannot be opened or read.
    #[error("`{path}` cannot be read: {cause}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// It is no capture file.
    #[error("`{path}` is no pcap or pcapng file")]
    NoCapture {
        /// The file.
        path: PathBuf,
    },
    /// It breaks off or is damaged.
    #[error("`{path}` is damaged after {packets} packets: {what}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Packets before the damage.
        packets: u64,
        /// What was found.
        what: String,
    },
    /// Its packets are of a kind that no decoder knows.
    #[error("`{path}` holds packets of link type {link}, which is not known here")]
    Link {
        /// The file.
        path: PathBuf,
        /// The link type's number (tcpdump.org's list).
        link: i32,
    },
}

/// What was in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Packets read.
    pub packets: u64,
    /// Packets passed over, since nothing here knows their link type.
    pub unknown: u64,
    /// Bytes that the file lacks within its connections.
    pub lost: u64,
    /// The last packet is not whole: whoever wrote the file was stopped in the middle.
    pub cut_off: bool,
}

/// Limits that fit a file, with so many bytes of each body kept.
pub fn limits(body: usize) -> Limits {
    Limits::new(body)
}

/// Decodes a file, TLS by a key log too; exchanges go to `sink` as they are reported. A file that breaks off in its last
/// packet is read up to there; in any other damaged one, what came before the damage is handed over too.
pub fn read_file(
    path: &Path,
    limits: Limits,
    keys: &[u8],
    sink: &mut dyn FnMut(Exchange),
) -> Result<Summary, PcapError> {
    let file = open(path).map_err(|cause| PcapError::Read { path: path.to_owned(), cause })?;
    let mut reader = create_reader(WINDOW, file).map_err(|error| unread(path, &error))?;
    let mut decoding = Decoding::new(limits);
    if !keys.is_empty() {
        decoding.wire.add_keys(keys);
        decoding.wire.add_keys(b"\n");
    }
    let end = loop {
        match reader.next() {
            Ok((offset, block)) => {
                decoding.block(&block);
                reader.consume(offset);
                decoding.out.drain(..).for_each(&mut *sink);
            }
            Err(Parse::Eof) => break Ok(()),
            Err(Parse::UnexpectedEof) => {
                decoding.summary.cut_off = true;
                break Ok(());
            }
            Err(Parse::Incomplete(_)) => {
                let before = reader.data().len();
                if let Err(error) = reader.refill() {
                    break Err(format!("{error:?}"));
                }
                if reader.data().len() == before {
                    decoding.summary.cut_off = before > 0;
                    break Ok(());
                }
            }
            Err(error) => break Err(format!("{error:?}")),
        }
    };
    let summary = decoding.finish();
    decoding.out.drain(..).for_each(sink);
    match (end, decoding.odd_link) {
        (Err(what), _) => Err(PcapError::Damaged { path: path.to_owned(), packets: summary.packets, what }),
        (Ok(()), Some(link)) if summary.packets == 0 => {
            Err(PcapError::Link { path: path.to_owned(), link: link.0 })
        }
        (Ok(()), _) => Ok(summary),
    }
}

/// Why not even the beginning of a file was read.
fn unread(path: &Path, error: &Parse<&[u8]>) -> PcapError {
    let path = path.to_owned();
    match error {
        Parse::ReadError => PcapError::Damaged { path, packets: 0, what: "it cannot be unpacked".to_owned() },
        _ => PcapError::NoCapture { path },
    }
}

/// Opens a file; one that begins as gzip does (RFC 1952 section 2.3.1) is unpacked while it is read.
fn open(path: &Path) -> std::io::Result<Box<dyn Read + Send>> {
    let mut file = BufReader::new(File::open(path)?);
    let packed = file.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    Ok(if packed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) })
}

#[derive(Debug, Clone, Copy)]
struct Interface {
    link: Linktype,
    /// Units of time a second.
    resolution: u64,
    /// Seconds added to every time.
    offset: i64,
}

struct Decoding {
    wire: Wire,
    out: Vec<Exchange>,
    interfaces: Vec<Interface>,
    summary: Summary,
    odd_link: Option<Linktype>,
    last: Timestamp,
}

impl Decoding {
    fn new(limits: Limits) -> Self {
        Self {
            wire: Wire::new(limits),
            out: Vec::new(),
            interfaces: Vec::new(),
            summary: Summary::default(),
            odd_link: None,
            last: Timestamp(0),
        }
    }

    fn block(&mut self, block: &PcapBlockOwned<'_>) {
        match block {
            PcapBlockOwned::LegacyHeader(header) => {
                let resolution = if header.is_nanosecond_precision() { 1_000_000_000 } else { 1_000_000 };
                self.interfaces = vec![Interface { link: header.network, resolution, offset: 0 }];
            }
            PcapBlockOwned::Legacy(packet) => {
                let units = u64::from(packet.ts_usec);
                let seconds = i64::from(packet.ts_sec);
                self.packet(0, Some((units, seconds)), packet.data, packet.origlen);
            }
            PcapBlockOwned::NG(Block::SectionHeader(_)) => self.interfaces.clear(),
            PcapBlockOwned::NG(Block::InterfaceDescription(described)) => self.interfaces.push(Interface {
                link: described.linktype,
                resolution: described.ts_resolution().unwrap_or(1_000_000),
                offset: described.ts_offset(),
            }),
            PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
                let units = (u64::from(packet.ts_high) << 32) | u64::from(packet.ts_low);
                let kept = &packet.data[..packet.data.len().min(packet.caplen as usize)];
                self.packet(packet.if_id as usize, Some((units, 0)), kept, packet.origlen);
            }
            PcapBlockOwned::NG(Block::SimplePacket(packet)) => {
                let kept = &packet.data[..packet.data.len().min(packet.origlen as usize)];
                self.packet(0, None, kept, packet.origlen);
            }
            // A file may bring the secrets of its own connections.
            PcapBlockOwned::NG(Block::DecryptionSecrets(secrets))
                if secrets.secrets_type == SecretsType::TlsKeyLog =>
            {
                self.wire.add_keys(secrets.data);
            }
            PcapBlockOwned::NG(_) => {}
        }
    }

    /// Takes a packet with its time in units of the interface's and whole seconds, if it has one.
    fn packet(&mut self, interface: usize, time: Option<(u64, i64)>, bytes: &[u8], wire_len: u32) {
        let Some(interface) = self.interfaces.get(interface) else { return };
        let Some(link) = Link::numbered(interface.link.0) else {
            self.odd_link = Some(interface.link);
            self.summary.unknown += 1;
            return;
        };
        let at = time.map_or(self.last, |(units, seconds)| interface.time(units, seconds));
        self.last = at;
        self.summary.packets += 1;
        // A file has no clock of its own: its packets' times are the time.
        self.wire.packet(at, link, bytes, wire_len as usize, &mut self.out);
    }

    fn finish(&mut self) -> Summary {
        self.wire.finish(&mut self.out);
        self.summary.lost = self.wire.counts().lost_gaps;
        self.summary
    }
}

impl Interface {
    fn time(&self, units: u64, seconds: i64) -> Timestamp {
        let nanos = u128::from(units) * 1_000_000_000 / u128::from(self.resolution.max(1));
        let seconds = seconds.saturating_add(self.offset).saturating_mul(1_000_000_000);
        Timestamp(i64::try_from(nanos).unwrap_or(i64::MAX).saturating_add(seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<(Summary, Vec<Exchange>), PcapError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let mut exchanges = Vec::new();
        read_file(file.path(), limits(1024), b"", &mut |exchange| exchanges.push(exchange))
            .map(|summary| (summary, exchanges))
    }

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// A TCP segment over IPv4 from port 4000 to 80, or back.
    fn segment(back: bool, flags: u8, seq: u32, ack: u32, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x45, 0];
        packet.extend((40 + payload.len() as u16).to_be_bytes());
        packet.extend([0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1 + u8::from(back), 10, 0, 0, 2 - u8::from(back)]);
        let (from, to) = if back { (80_u16, 4000_u16) } else { (4000, 80) };
        packet.extend(from.to_be_bytes());
        packet.extend(to.to_be_bytes());
        packet.extend(seq.to_be_bytes());
        packet.extend(ack.to_be_bytes());
        packet.extend([0x50, flags, 255, 255, 0, 0, 0, 0]);
        packet.extend(payload);
        packet
    }

    fn call() -> Vec<Vec<u8>> {
        let ask = b"GET /a HTTP/1.1\r\n\r\n";
        vec![
            segment(false, 2, 9, 0, b""),
            segment(true, 18, 99, 10, b""),
            segment(false, 16, 10, 100, ask),
            segment(true, 16, 100, 10 + ask.len() as u32, b"HTTP/1.1 204 No\r\n\r\n"),
        ]
    }

    /// A pcap file of raw IP packets.
    fn classic(link: u32, packets: &[Vec<u8>]) -> Vec<u8> {
        let mut file = words(&[0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, link]);
        for (n, packet) in packets.iter().enumerate() {
            file.extend(words(&[10, n as u32, packet.len() as u32, packet.len() as u32]));
            file.extend(packet);
        }
        file
    }

    /// A pcapng file whose second interface has the packets, in nanoseconds.
    fn next_generation(packets: &[Vec<u8>]) -> Vec<u8> {
        let mut file = words(&[0x0a0d_0d0a, 28, 0x1a2b_3c4d, 1, u32::MAX, u32::MAX, 28]);
        file.extend(words(&[1, 20, 199, 0, 20]));
        file.extend(words(&[1, 32, 101, 0, 0x0001_0009, 9, 0, 32]));
        for (n, packet) in packets.iter().enumerate() {
            let padded = packet.len().next_multiple_of(4);
            let block = 32 + padded as u32;
            let length = packet.len() as u32;
            let nanos = 10_000_000_000_u64 + n as u64;
            file.extend(words(&[6, block, 1, (nanos >> 32) as u32, nanos as u32, length, length]));
            file.extend(packet);
            file.resize(file.len() + padded - packet.len(), 0);
            file.extend(words(&[block]));
        }
        file
    }

    #[test]
    fn both_formats_give_the_calls_and_their_times() {
        for (file, unit) in [(classic(101, &call()), 1000), (next_generation(&call()), 1)] {
            let (summary, exchanges) = read(&file).unwrap();
            assert_eq!(summary, Summary { packets: 4, ..Summary::default() });
            let [call] = &exchanges[..] else { panic!("{exchanges:?}") };
            assert_eq!((call.target.as_str(), call.status.as_deref()), ("/a", Some("204")));
            assert_eq!(call.request.first, Timestamp(10_000_000_000 + 2 * unit));
        }
    }

    #[test]
    fn a_packed_file_is_read_like_a_plain_one() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut packed, &classic(101, &call())).unwrap();
        let packed = packed.finish().unwrap();
        let (summary, exchanges) = read(&packed).unwrap();
        assert_eq!((summary.packets, exchanges.len(), summary.cut_off), (4, 1, false));
        let broken = read(&packed[..packed.len() - 12]);
        assert!(matches!(broken, Err(PcapError::Damaged { packets: 0, .. })), "{broken:?}");
    }

    #[test]
    fn a_file_that_breaks_off_is_read_to_there() {
        for whole in [classic(101, &call()), next_generation(&call())] {
            for missing in [1, 7, 20] {
                let (summary, exchanges) = read(&whole[..whole.len() - missing]).unwrap();
                assert_eq!((summary.packets, summary.cut_off), (3, true));
                assert_eq!((exchanges.len(), exchanges[0].status.as_deref()), (1, None));
            }
        }
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        assert!(matches!(read(b"not a capture"), Err(PcapError::NoCapture { .. })));
        assert!(matches!(read(&classic(199, &call())), Err(PcapError::Link { link: 199, .. })));
        let nowhere = Path::new("/nowhere/to/be/found.pcap");
        assert!(matches!(read_file(nowhere, limits(1), b"", &mut |_| {}), Err(PcapError::Read { .. })));
        let (summary, exchanges) = read(&classic(199, &[])).unwrap();
        assert_eq!((summary.packets, exchanges.len()), (0, 0));
    }
}
