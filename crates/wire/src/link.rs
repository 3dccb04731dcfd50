//! What packets start with in captures: the link types that a developer's machine and its tools write.

use etherparse::{EtherType, LaxSlicedPacket};

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
}

const LLC_SNAP: [u8; 6] = [0xaa, 0xaa, 3, 0, 0, 0];

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
            113 => Self::LinuxSll,
            127 => Self::Radiotap,
            149 | 258 => Self::PkTap,
            239 => Self::NfLog,
            276 => Self::LinuxSll2,
            _ => return None,
        })
    }

    /// The packet behind the link's header; `None` when there is none, or not enough of it.
    pub(crate) fn strip(self, bytes: &[u8]) -> Option<LaxSlicedPacket<'_>> {
        match self {
            Self::Ethernet => LaxSlicedPacket::from_ethernet(bytes).ok(),
            Self::RawIp => ip(bytes),
            Self::LinuxSll => typed(bytes, 14, 16),
            Self::LinuxSll2 => typed(bytes, 0, 20),
            Self::BsdLoopback => ip(bytes.get(4..)?),
            Self::Ppp => ppp(bytes),
            // Version, code, session and length come first; code 0 is data.
            Self::PppOe => ppp(bytes.get(6..).filter(|_| bytes[1] == 0)?),
            Self::CiscoHdlc => typed(bytes, 2, 4),
            Self::NfLog => nflog(bytes),
            Self::PkTap => {
                let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
                let (length, inner) = (usize::try_from(word(0)?).ok()?, i32::try_from(word(8)?).ok()?);
                match Self::numbered(inner)? {
                    Self::PkTap => None,
                    inner => inner.strip(bytes.get(length..)?),
                }
            }
            Self::Wifi => wifi(bytes),
            Self::Radiotap => {
                let length = u16::from_le_bytes(bytes.get(2..4)?.try_into().ok()?);
                wifi(bytes.get(usize::from(length)..)?)
            }
        }
    }
}

fn ip(bytes: &[u8]) -> Option<LaxSlicedPacket<'_>> {
    LaxSlicedPacket::from_ip(bytes).ok()
}

/// A packet at `header` whose ethertype stands at `type_at`.
fn typed(bytes: &[u8], type_at: usize, header: usize) -> Option<LaxSlicedPacket<'_>> {
    let kind = bytes.get(type_at..type_at + 2)?;
    let kind = EtherType(u16::from_be_bytes([kind[0], kind[1]]));
    Some(LaxSlicedPacket::from_ether_type(kind, bytes.get(header..)?))
}

/// RFC 1661 section 2: a protocol number of one byte if it is odd, else of two.
fn ppp(bytes: &[u8]) -> Option<LaxSlicedPacket<'_>> {
    let bytes = bytes.strip_prefix(&[0xff, 3]).unwrap_or(bytes);
    match bytes {
        [0x21 | 0x57, packet @ ..] | [0, 0x21 | 0x57, packet @ ..] => ip(packet),
        _ => None,
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

/// IEEE 802.11-2020 section 9.2: a data frame that is not encrypted carries LLC and SNAP.
fn wifi(bytes: &[u8]) -> Option<LaxSlicedPacket<'_>> {
    let [control, flags, ..] = *bytes else { return None };
    let (is_data, has_none, encrypted) = (control & 0x0c == 0x08, control & 0x40 != 0, flags & 0x40 != 0);
    if !is_data || has_none || encrypted {
        return None;
    }
    let between_stations = if flags & 3 == 3 { 6 } else { 0 };
    let quality = if control & 0x80 != 0 { 2 } else { 0 };
    let body = bytes.get(24 + between_stations + quality..)?;
    let behind = body.strip_prefix(&LLC_SNAP)?;
    typed(behind, 0, 2)
}

#[cfg(test)]
mod tests {
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
    fn what_carries_no_packet_gives_none() {
        assert_eq!(Link::numbered(220), None);
        for (number, bytes) in [
            (51, with(&[0x11, 9, 0, 1, 0, 32, 0, 0x21])),
            (9, with(&[0xc0, 0x21])),
            (105, with(&[&[0x88, 0x41], [0; 24].as_slice(), &LLC_SNAP, &[8, 0]].concat())),
            (105, with(&[&[0x80, 0], [0; 24].as_slice()].concat())),
            (258, [&12_u32.to_le_bytes()[..], &1_u32.to_le_bytes(), &258_u32.to_le_bytes()].concat()),
            (239, vec![2, 0, 0, 0, 0, 0, 1, 0]),
        ] {
            assert!(Link::numbered(number).unwrap().strip(&bytes).is_none(), "{number}");
        }
    }
}
