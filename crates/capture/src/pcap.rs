//! Capture files: `.pcap` and `.pcapng`, read as they come, however large they are.

use std::fs::File;
use std::path::{Path, PathBuf};

use model::Timestamp;
use model::exchange::Exchange;
use pcap_parser::{Block, Linktype, PcapBlockOwned, PcapError as Parse, create_reader};
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
}

/// Limits that fit a file, with so many bytes of each body kept.
pub fn limits(body: usize) -> Limits {
    Limits::new(body)
}

/// Decodes a file; exchanges go to `sink` as they are reported.
pub fn read_file(path: &Path, limits: Limits, sink: &mut dyn FnMut(Exchange)) -> Result<Summary, PcapError> {
    let file = File::open(path).map_err(|cause| PcapError::Read { path: path.to_owned(), cause })?;
    let mut reader =
        create_reader(WINDOW, file).map_err(|_| PcapError::NoCapture { path: path.to_owned() })?;
    let mut decoding = Decoding { wire: Wire::new(limits), out: Vec::new(), last: Timestamp(0) };
    let mut interfaces: Vec<Interface> = Vec::new();
    let mut summary = Summary::default();
    let damaged = |packets, what: String| PcapError::Damaged { path: path.to_owned(), packets, what };
    loop {
        match reader.next() {
            Ok((offset, block)) => {
                decoding.block(path, &block, &mut interfaces, &mut summary)?;
                reader.consume(offset);
                decoding.out.drain(..).for_each(&mut *sink);
            }
            Err(Parse::Eof) => break,
            Err(Parse::Incomplete(_)) => {
                let before = reader.data().len();
                reader.refill().map_err(|e| damaged(summary.packets, format!("{e:?}")))?;
                if reader.data().is_empty() {
                    break;
                }
                if reader.data().len() == before {
                    return Err(damaged(summary.packets, "its last packet is cut off".to_owned()));
                }
            }
            Err(Parse::UnexpectedEof) => {
                return Err(damaged(summary.packets, "its last packet is cut off".to_owned()));
            }
            Err(error) => return Err(damaged(summary.packets, format!("{error:?}"))),
        }
    }
    decoding.wire.finish(&mut decoding.out);
    decoding.out.drain(..).for_each(sink);
    Ok(summary)
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
    last: Timestamp,
}

impl Decoding {
    fn block(
        &mut self,
        path: &Path,
        block: &PcapBlockOwned<'_>,
        interfaces: &mut Vec<Interface>,
        summary: &mut Summary,
    ) -> Result<(), PcapError> {
        match block {
            PcapBlockOwned::LegacyHeader(header) => {
                let resolution = if header.is_nanosecond_precision() { 1_000_000_000 } else { 1_000_000 };
                interfaces.push(Interface { link: header.network, resolution, offset: 0 });
            }
            PcapBlockOwned::Legacy(packet) => {
                let Some(interface) = interfaces.first() else { return Ok(()) };
                let unit = 1_000_000_000 / interface.resolution;
                let nanos = u64::from(packet.ts_usec) * unit;
                let at = Timestamp(i64::from(packet.ts_sec) * 1_000_000_000 + nanos as i64);
                self.packet(path, at, interface.link, packet.data, packet.origlen as usize, summary)?;
            }
            PcapBlockOwned::NG(Block::SectionHeader(_)) => interfaces.clear(),
            PcapBlockOwned::NG(Block::InterfaceDescription(described)) => interfaces.push(Interface {
                link: described.linktype,
                resolution: described.ts_resolution().unwrap_or(1_000_000),
                offset: described.ts_offset(),
            }),
            PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
                let Some(interface) = interfaces.get(packet.if_id as usize) else { return Ok(()) };
                let units = (u64::from(packet.ts_high) << 32) | u64::from(packet.ts_low);
                let nanos = u128::from(units) * 1_000_000_000 / u128::from(interface.resolution.max(1));
                let at =
                    Timestamp((nanos as i64).saturating_add(interface.offset.saturating_mul(1_000_000_000)));
                let kept = &packet.data[..packet.data.len().min(packet.caplen as usize)];
                self.packet(path, at, interface.link, kept, packet.origlen as usize, summary)?;
            }
            PcapBlockOwned::NG(Block::SimplePacket(packet)) => {
                let Some(interface) = interfaces.first() else { return Ok(()) };
                let kept = &packet.data[..packet.data.len().min(packet.origlen as usize)];
                self.packet(path, self.last, interface.link, kept, packet.origlen as usize, summary)?;
            }
            PcapBlockOwned::NG(_) => {}
        }
        Ok(())
    }

    fn packet(
        &mut self,
        path: &Path,
        at: Timestamp,
        link: Linktype,
        bytes: &[u8],
        wire_len: usize,
        summary: &mut Summary,
    ) -> Result<(), PcapError> {
        let link = known(link).ok_or_else(|| PcapError::Link { path: path.to_owned(), link: link.0 })?;
        summary.packets += 1;
        // A file has no clock of its own: its packets' times are the time.
        if at.since(self.last).as_millis() > 100 {
            self.wire.tick(at, &mut self.out);
            self.last = at;
        }
        self.wire.packet(at, link, bytes, wire_len, &mut self.out);
        Ok(())
    }
}

/// Link types by their numbers in tcpdump.org's list.
fn known(link: Linktype) -> Option<Link> {
    Some(match link.0 {
        0 | 108 => Link::BsdLoopback,
        1 => Link::Ethernet,
        12 | 14 | 101 | 228 | 229 => Link::RawIp,
        113 => Link::LinuxSll,
        276 => Link::LinuxSll2,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Summary, PcapError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        read_file(file.path(), limits(1024), &mut |_| {})
    }

    /// A pcap header of microsecond times and Ethernet, and one packet of four bytes.
    fn small() -> Vec<u8> {
        let mut file = Vec::new();
        for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 1, 10, 20, 4, 4, 0] {
            file.extend_from_slice(&word.to_le_bytes());
        }
        file
    }

    #[test]
    fn a_small_file_is_read_and_a_damaged_one_says_where() {
        assert_eq!(read(&small()).unwrap(), Summary { packets: 1 });
        assert!(matches!(read(b"not a capture"), Err(PcapError::NoCapture { .. })));
        let mut cut = small();
        cut.extend_from_slice(&[1; 10]);
        assert!(matches!(read(&cut), Err(PcapError::Damaged { packets: 1, .. })));
        let mut odd = small();
        odd[20] = 199;
        assert!(matches!(read(&odd), Err(PcapError::Link { link: 199, .. })));
    }
}
