//! The blocks of a file, one after the other, into the decoder.

use model::Timestamp;
use model::exchange::Exchange;
use pcap_parser::{Block, Linktype, PcapBlockOwned, SecretsType};
use wire::{Limits, Link, Wire};

use super::summary::Summary;

/// The Packet Block that the Enhanced one replaced (pcapng specification, appendix A).
const OBSOLETE_PACKET: u32 = 2;
/// Kinds of packets that are counted, at most.
const KINDS: usize = 64;

#[derive(Debug, Clone, Copy)]
struct Interface {
    link: Linktype,
    resolution: Resolution,
    /// Seconds added to every time.
    offset: i64,
}

/// Units of time a second.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resolution(u64);

impl Resolution {
    /// What the option `if_tsresol` says: a power of ten, or with the highest bit set of two. Microseconds where it says
    /// what no clock has.
    pub(super) fn of_option(value: u8) -> Self {
        let exponent = u32::from(value & 0x7f);
        let units =
            if value & 0x80 == 0 { 10_u64.checked_pow(exponent) } else { 2_u64.checked_pow(exponent) };
        Self(units.unwrap_or(1_000_000))
    }

    pub(super) fn nanos(self, units: u64) -> i64 {
        let nanos = u128::from(units) * 1_000_000_000 / u128::from(self.0);
        i64::try_from(nanos).unwrap_or(i64::MAX)
    }
}

pub(super) struct Decoding {
    pub(super) wire: Wire,
    out: Vec<Exchange>,
    interfaces: Vec<Interface>,
    big_endian: bool,
    pub(super) summary: Summary,
    pub(super) odd_link: Option<Linktype>,
    last: Timestamp,
    /// Nothing was decoded yet, and no TCP seen: what there is instead is counted.
    nothing: bool,
}

impl Decoding {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            wire: Wire::new(limits),
            out: Vec::new(),
            interfaces: Vec::new(),
            big_endian: false,
            summary: Summary::default(),
            odd_link: None,
            last: Timestamp(0),
            nothing: true,
        }
    }

    pub(super) fn block(&mut self, block: &PcapBlockOwned<'_>) {
        match block {
            PcapBlockOwned::LegacyHeader(header) => {
                let resolution = if header.is_nanosecond_precision() { 1_000_000_000 } else { 1_000_000 };
                // What is above says how long the frames' check sequences are.
                let link = Linktype(header.network.0 & 0xffff);
                self.interfaces = vec![Interface { link, resolution: Resolution(resolution), offset: 0 }];
            }
            PcapBlockOwned::Legacy(packet) => {
                let units = u64::from(packet.ts_usec);
                let seconds = i64::from(packet.ts_sec);
                self.packet(0, Some((units, seconds)), packet.data, packet.origlen);
            }
            PcapBlockOwned::NG(Block::SectionHeader(header)) => {
                self.big_endian = header.big_endian();
                self.interfaces.clear();
            }
            PcapBlockOwned::NG(Block::InterfaceDescription(described)) => self.interfaces.push(Interface {
                link: described.linktype,
                resolution: Resolution::of_option(described.if_tsresol),
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
            // The parser reads the numbers of blocks that it does not know in one order of bytes.
            PcapBlockOwned::NG(Block::Unknown(block))
                if [block.block_type, block.block_type.swap_bytes()].contains(&OBSOLETE_PACKET) =>
            {
                self.obsolete(block.data);
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

    /// Interface and drops (two bytes each), time, bytes kept and bytes there were (four bytes each, time twice), packet.
    fn obsolete(&mut self, block: &[u8]) {
        let Some((header, data)) = block.split_at_checked(20) else { return };
        let short = |at: usize| [header[at], header[at + 1]];
        let interface =
            if self.big_endian { u16::from_be_bytes(short(0)) } else { u16::from_le_bytes(short(0)) };
        let word = |at: usize| {
            let bytes = [header[at], header[at + 1], header[at + 2], header[at + 3]];
            if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
        };
        let units = (u64::from(word(4)) << 32) | u64::from(word(8));
        let (kept, wire_len) = (word(12) as usize, word(16));
        self.packet(interface.into(), Some((units, 0)), &data[..data.len().min(kept)], wire_len);
    }

    /// Takes a packet with its time in units of the interface's and whole seconds, if it has one.
    fn packet(&mut self, interface: usize, time: Option<(u64, i64)>, bytes: &[u8], wire_len: u32) {
        let Some(interface) = self.interfaces.get(interface) else {
            self.summary.undescribed += 1;
            return;
        };
        let Some(link) = Link::numbered(interface.link.0) else {
            self.odd_link = Some(interface.link);
            *self.summary.unknown.entry(interface.link.0).or_default() += 1;
            return;
        };
        let at = time.map_or(self.last, |(units, seconds)| interface.time(units, seconds));
        self.last = at;
        self.summary.packets += 1;
        // A file has no clock of its own: its packets' times are the time.
        self.wire.packet(at, link, bytes, wire_len as usize, &mut self.out);
        if self.nothing {
            self.look(link, bytes);
        }
    }

    fn look(&mut self, link: Link, bytes: &[u8]) {
        let kinds = &mut self.summary.carried;
        match wire::carries(link, bytes).filter(|_| self.out.is_empty()) {
            Some(kind) if kinds.len() < KINDS || kinds.contains_key(&kind) => {
                *kinds.entry(kind).or_default() += 1;
            }
            Some(_) => *kinds.entry("others".to_owned()).or_default() += 1,
            None => {
                self.nothing = false;
                kinds.clear();
            }
        }
    }

    /// Hands on what was reported.
    pub(super) fn hand_on(&mut self, sink: &mut dyn FnMut(Exchange)) {
        if !self.out.is_empty() {
            self.nothing = false;
            self.summary.carried.clear();
        }
        self.out.drain(..).for_each(sink);
    }

    /// Nothing more comes.
    pub(super) fn finish(&mut self) {
        self.wire.finish(&mut self.out);
        self.summary.lost = self.wire.counts().lost_gaps;
    }
}

impl Interface {
    fn time(&self, units: u64, seconds: i64) -> Timestamp {
        let seconds = seconds.saturating_add(self.offset).saturating_mul(1_000_000_000);
        Timestamp(self.resolution.nanos(units).saturating_add(seconds))
    }
}
