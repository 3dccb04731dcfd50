//! What packets start with in captures: the link types that a developer's machine and its tools write.

mod ethertype;
mod wifi;

use etherparse::LaxSlicedPacket;

pub(crate) use ethertype::{carried, mpls};
use ethertype::{ethernet, ip, typed};

/// What a captured packet starts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// An Ethernet II header, with or without VLAN tags.
    Ethernet,
    /// An IPv4 or IPv6 header.
    RawIp,
    /// Linux "cooked" capture, version 1 (16 bytes).
    LinuxSll,
    /// Linux "cooked" capture, version 2 (20 bytes).
    LinuxSll2,
    /// BSD loopback: four bytes of address family.
    BsdLoopback,
    /// PPP (RFC 1661), with or without the address and control bytes of its framing (RFC 1662).
    Ppp,
    /// PPP over Ethernet (RFC 2516), from its own header on.
    PppOe,
    /// Cisco's HDLC: two bytes, then an ethertype.
    CiscoHdlc,
    /// Linux' netfilter log: tagged values, one of which is the packet.
    NfLog,
    /// Apple's packet tap: a header that tells the link type of what follows.
    PkTap,
    /// IEEE 802.11, in the open.
    Wifi,
    /// IEEE 802.11 behind a radiotap header.
    Radiotap,
    /// IEEE 802.11 behind the header of Prism cards, or the one that followed it (AVS).
    Prism,
    /// A header that tells its length and the link type of what follows (PPI).
    PerPacket,
    /// OpenBSD's packet filter: a header that begins with its length.
    PfLog,
    /// What OpenBSD's tap of encrypted traffic writes: twelve bytes of header.
    Enc,
    /// IP over InfiniBand (RFC 4391) behind a global routing header.
    IpoIb,
    /// Solaris' tap between zones: a header of 24 bytes.
    IpNet,
    /// An Ethernet header with the tag of a Marvell switch in it, of four bytes.
    Dsa,
    /// The same with a type of its own before the tag, of eight bytes together.
    EtherDsa,
    /// Ethernet behind the four bytes of Hilscher's netANALYZER.
    NetAnalyzer,
}

impl Link {
    /// The link type of a number in tcpdump.org's list; `None` when nothing here knows it.
    pub const fn numbered(number: i32) -> Option<Self> {
        Some(match number {
            0 | 108 => Self::BsdLoopback,
            1 => Self::Ethernet,
            9 | 50 => Self::Ppp,
            12 | 14 | 101 | 228 | 229 => Self::RawIp,
            51 => Self::PppOe,
            104 => Self::CiscoHdlc,
            105 => Self::Wifi,
            109 => Self::Enc,
            113 => Self::LinuxSll,
            117 => Self::PfLog,
            119 | 163 => Self::Prism,
            127 => Self::Radiotap,
            149 | 258 => Self::PkTap,
            192 => Self::PerPacket,
            226 => Self::IpNet,
            239 => Self::NfLog,
            240 => Self::NetAnalyzer,
            242 => Self::IpoIb,
            276 => Self::LinuxSll2,
            284 => Self::Dsa,
            285 => Self::EtherDsa,
            _ => return None,
        })
    }

    /// The packet behind the link's header; `None` when there is none, or not enough of it.
    pub(crate) fn strip(self, bytes: &[u8]) -> Option<LaxSlicedPacket<'_>> {
        match self {
            Self::Ethernet => ethernet(bytes),
            Self::RawIp => ip(bytes),
            Self::LinuxSll => typed(bytes, 14, 16),
            Self::LinuxSll2 => typed(bytes, 0, 20),
            Self::BsdLoopback => ip(bytes.get(4..)?),
            Self::Ppp => ethertype::ppp(bytes),
            Self::PppOe => ethertype::pppoe(bytes),
            Self::CiscoHdlc => typed(bytes, 2, 4),
            Self::NfLog => nflog(bytes),
            Self::PkTap => {
                let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
                let (length, inner) = (usize::try_from(word(0)?).ok()?, i32::try_from(word(8)?).ok()?);
                Self::behind(inner, bytes.get(length..)?)
            }
            Self::PerPacket => {
                let length = u16::from_le_bytes(bytes.get(2..4)?.try_into().ok()?);
                let inner = u32::from_le_bytes(bytes.get(4..8)?.try_into().ok()?);
                Self::behind(inner.try_into().ok()?, bytes.get(usize::from(length)..)?)
            }
            Self::Wifi | Self::Radiotap | Self::Prism => wifi::strip(self.to_frame(bytes)?),
            Self::PfLog => ip(bytes.get(usize::from(*bytes.first()?).next_multiple_of(4)..)?),
            Self::Enc => ip(bytes.get(12..)?),
            Self::IpoIb => typed(bytes, 40, 44),
            Self::IpNet => ip(bytes.get(24..)?),
            Self::Dsa => typed(bytes, 16, 18),
            Self::EtherDsa => typed(bytes, 20, 22),
            Self::NetAnalyzer => ethernet(bytes.get(4..)?),
        }
    }

    /// The packet behind a header that names the link type of what follows; one within another is not looked for.
    fn behind(inner: i32, bytes: &[u8]) -> Option<LaxSlicedPacket<'_>> {
        match Self::numbered(inner)? {
            Self::PkTap | Self::PerPacket => None,
            inner => inner.strip(bytes),
        }
    }

    /// The frame of IEEE 802.11 behind what a capturing card wrote before it.
    fn to_frame(self, bytes: &[u8]) -> Option<wifi::Frame<'_>> {
        match self {
            Self::Wifi => Some(wifi::Frame { bytes, padded: false }),
            Self::Radiotap => wifi::radiotap(bytes),
            Self::Prism => wifi::prism(bytes),
            _ => None,
        }
    }

    /// The frames that one of IEEE 802.11 puts together (A-MSDU), each as if it had come by Ethernet; none for any other.
    pub(crate) fn aggregate(self, bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
        self.to_frame(bytes).into_iter().flat_map(wifi::aggregate)
    }
}

/// Four bytes of header, then values of a length and a type, aligned to four bytes (Linux, `nfnetlink_log.h`).
fn nflog(bytes: &[u8]) -> Option<LaxSlicedPacket<'_>> {
    const PAYLOAD: u16 = 9;
    let mut rest = bytes.get(4..)?;
    loop {
        let word = |at: usize| Some(u16::from_le_bytes(rest.get(at..at + 2)?.try_into().ok()?));
        let (length, kind) = (usize::from(word(0)?), word(2)?);
        if kind == PAYLOAD {
            return ip(rest.get(4..length.min(rest.len()))?);
        }
        rest = rest.get(length.max(4).next_multiple_of(4)..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::ethertype::LLC_SNAP;
    use super::*;
    use etherparse::{PacketBuilder, TransportSlice};

    fn datagram() -> Vec<u8> {
        let mut packet = Vec::new();
        PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).udp(7, 9).write(&mut packet, b"hi").unwrap();
        packet
    }

    fn with(header: &[u8]) -> Vec<u8> {
        [header, &datagram()].concat()
    }

    #[test]
    fn every_link_gives_the_packet_behind_it_and_no_prefix_breaks_anything() {
        let nflog = {
            let whole = datagram();
            let head = [2, 0, 0, 0, 5, 0, 10, 0, b'x', 0, 0, 0];
            let length = (whole.len() as u16 + 4).to_le_bytes();
            [&head[..], &length, &[9, 0], &whole].concat()
        };
        let pktap = |inner: u32, header: &[u8]| {
            let words: Vec<u8> = [12_u32, 1, inner].iter().flat_map(|word| word.to_le_bytes()).collect();
            [&words[..], &with(header)].concat()
        };
        let ethernet = [[0; 12].as_slice(), &[8, 0]].concat();
        let data = [&[0x88, 1], [0; 24].as_slice(), &LLC_SNAP, &[8, 0]].concat();
        let bridge = [&[0x08, 3], [0; 28].as_slice(), &LLC_SNAP, &[8, 0]].concat();
        let cases = [
            (0, with(&[2, 0, 0, 0])),
            (1, with(&ethernet)),
            (9, with(&[0xff, 3, 0, 0x21])),
            (9, with(&[0x21])),
            (51, with(&[0x11, 0, 0, 1, 0, 32, 0, 0x21])),
            (101, datagram()),
            (104, with(&[0x0f, 0, 8, 0])),
            (105, with(&data)),
            (105, with(&bridge)),
            (113, with(&[[0; 14].as_slice(), &[8, 0]].concat())),
            (127, with(&[&[0, 0, 8, 0, 0, 0, 0, 0], &data[..]].concat())),
            (239, nflog),
            (258, pktap(1, &ethernet)),
            (149, pktap(0, &[2, 0, 0, 0])),
            (276, with(&[[8, 0].as_slice(), &[0; 18]].concat())),
            (1, with(&[[0; 12].as_slice(), &[0x88, 0xa8, 0, 1, 0x81, 0, 0, 2, 8, 0]].concat())),
            (1, with(&[[0; 12].as_slice(), &[0x88, 0x47, 0, 1, 0, 0x40, 0, 1, 1, 0x40]].concat())),
            (1, with(&[[0; 12].as_slice(), &[0x88, 0x47, 0, 1, 1, 0x40, 0, 0, 0, 0], &ethernet].concat())),
            (1, with(&[[0; 12].as_slice(), &[0x88, 0x64, 0x11, 0, 0, 1, 0, 32, 0, 0x21]].concat())),
            (1, with(&[[0; 12].as_slice(), &[0, 38], &LLC_SNAP, &[8, 0]].concat())),
            (113, with(&[[0; 14].as_slice(), &[0, 4], &LLC_SNAP, &[8, 0]].concat())),
            (113, with(&[[0; 14].as_slice(), &[0x81, 0, 0, 2, 8, 0]].concat())),
            (105, with(&[&[0x88, 0x81], [0; 28].as_slice(), &LLC_SNAP, &[8, 0]].concat())),
            (127, with(&[&[0, 0, 9, 0, 2, 0, 0, 0, 0x20], &data[..26], &[0, 0], &data[26..]].concat())),
            (
                127,
                with(&[&[0, 0, 25, 0, 3, 0, 0, 0x80, 0, 0, 0, 0], [0; 12].as_slice(), &[0], &data].concat()),
            ),
            (119, with(&[[0; 144].as_slice(), &data].concat())),
            (163, with(&[[0x80, 0x21, 0x10, 1, 0, 0, 0, 64].as_slice(), &[0; 56], &data].concat())),
            (192, with(&[[0, 0, 8, 0, 1, 0, 0, 0].as_slice(), &ethernet].concat())),
            (117, with(&[[61, 2, 0, 0].as_slice(), &[0; 60]].concat())),
            (109, with(&[2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])),
            (242, with(&[[0; 40].as_slice(), &[8, 0, 0, 0]].concat())),
            (226, with(&[[1, 2].as_slice(), &[0; 22]].concat())),
            (284, with(&[[0; 16].as_slice(), &[8, 0]].concat())),
            (285, with(&[[0; 20].as_slice(), &[8, 0]].concat())),
            (240, with(&[[0; 4].as_slice(), &ethernet].concat())),
        ];
        for (number, bytes) in cases {
            let link = Link::numbered(number).unwrap();
            let packet = link.strip(&bytes).unwrap_or_else(|| panic!("{link:?}"));
            let Some(TransportSlice::Udp(udp)) = &packet.transport else { panic!("{link:?}: {packet:?}") };
            assert_eq!((udp.destination_port(), udp.payload()), (9, &b"hi"[..]), "{link:?}");
            for end in 0..bytes.len() {
                drop(link.strip(&bytes[..end]));
            }
        }
    }

    #[test]
    fn frames_that_were_put_together_are_taken_apart() {
        let one = |packet: &[u8]| {
            let length = (packet.len() as u16 + 8).to_be_bytes();
            [&[0; 12][..], &length, &LLC_SNAP, &[8, 0], packet].concat()
        };
        let first = one(&datagram());
        let padding = vec![0; first.len().next_multiple_of(4) - first.len()];
        let head = [&[0x88, 2][..], &[0; 22], &[0x80, 0]].concat();
        let whole = [head, first, padding, one(&datagram())].concat();
        assert!(Link::Wifi.strip(&whole).is_none(), "they are no packet themselves");
        let frames: Vec<_> = Link::Wifi.aggregate(&whole).collect();
        assert_eq!(frames.len(), 2);
        for frame in frames {
            let packet = Link::Ethernet.strip(frame).unwrap();
            assert!(matches!(packet.transport, Some(TransportSlice::Udp(udp)) if udp.payload() == b"hi"));
        }
        for end in 0..whole.len() {
            assert!(Link::Wifi.aggregate(&whole[..end]).count() <= 2);
        }
        assert_eq!(Link::Ethernet.aggregate(&whole).count(), 0);
    }

    #[test]
    fn what_carries_no_packet_gives_none() {
        assert_eq!(Link::numbered(220), None);
        for (number, bytes) in [
            (51, with(&[0x11, 9, 0, 1, 0, 32, 0, 0x21])),
            (9, with(&[0xc0, 0x21])),
            (105, with(&[&[0x88, 0x41], [0; 24].as_slice(), &LLC_SNAP, &[8, 0]].concat())),
            (105, with(&[&[0x80, 0], [0; 24].as_slice()].concat())),
            (258, [&12_u32.to_le_bytes()[..], &1_u32.to_le_bytes(), &258_u32.to_le_bytes()].concat()),
            (239, vec![2, 0, 0, 0, 0, 0, 1, 0]),
            (192, [&[0, 0, 8, 0][..], &192_u32.to_le_bytes(), &datagram()].concat()),
            (1, [&[0; 12][..], &[0x88, 0x47], &[0; 4 * 40]].concat()),
        ] {
            assert!(Link::numbered(number).unwrap().strip(&bytes).is_none(), "{number}");
        }
    }
}
