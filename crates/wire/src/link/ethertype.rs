//! What stands between a link's header and the packet: VLAN tags, labels, sessions, and the LLC of old frames.

use etherparse::{EtherType, LaxSlicedPacket};

/// Tags before each other: more is no traffic of anybody's.
const TAGS: usize = 4;
/// Ethertypes (IEEE 802 numbers, IANA).
const VLAN: [u16; 4] = [0x8100, 0x88a8, 0x9100, 0x9200];
const MPLS: [u16; 2] = [0x8847, 0x8848];
const PPPOE_SESSION: u16 = 0x8864;
const BRIDGED: u16 = 0x6558;
/// A number up to here is the length of what follows, in the form that IEEE 802.3 had before Ethernet II.
const LENGTHS: u16 = 1500;
/// What `Linux "cooked"` captures write for a frame that begins with LLC.
const LINUX_LLC: u16 = 4;

/// LLC and SNAP (IEEE 802.2): an ethertype follows.
pub(super) const LLC_SNAP: [u8; 6] = [0xaa, 0xaa, 3, 0, 0, 0];

pub(super) fn ip(bytes: &[u8]) -> Option<LaxSlicedPacket<'_>> {
    LaxSlicedPacket::from_ip(bytes).ok()
}

/// The packet of an Ethernet frame.
pub(super) fn ethernet(bytes: &[u8]) -> Option<LaxSlicedPacket<'_>> {
    typed(bytes, 12, 14)
}

/// A packet at `header` whose ethertype stands at `type_at`.
pub(super) fn typed(bytes: &[u8], type_at: usize, header: usize) -> Option<LaxSlicedPacket<'_>> {
    let kind = bytes.get(type_at..type_at + 2)?;
    carried(u16::from_be_bytes([kind[0], kind[1]]), bytes.get(header..)?)
}

/// The packet behind an ethertype, or a length in its place.
pub(crate) fn carried(mut kind: u16, mut bytes: &[u8]) -> Option<LaxSlicedPacket<'_>> {
    for _ in 0..TAGS {
        if VLAN.contains(&kind) {
            kind = u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?);
            bytes = bytes.get(4..)?;
        }
    }
    match kind {
        PPPOE_SESSION => pppoe(bytes),
        BRIDGED => ethernet(bytes),
        LINUX_LLC => snap(bytes),
        _ if MPLS.contains(&kind) => mpls(bytes),
        _ if kind <= LENGTHS => snap(bytes.get(..usize::from(kind)).unwrap_or(bytes)),
        _ => Some(LaxSlicedPacket::from_ether_type(EtherType(kind), bytes)),
    }
}

/// The packet behind LLC and SNAP.
pub(super) fn snap(bytes: &[u8]) -> Option<LaxSlicedPacket<'_>> {
    let behind = bytes.strip_prefix(&LLC_SNAP)?;
    let kind = u16::from_be_bytes(behind.get(..2)?.try_into().ok()?);
    // No length within a length.
    (kind > LENGTHS).then(|| carried(kind, behind.get(2..)?)).flatten()
}

/// RFC 3032: labels of four bytes, the last one marked; nothing says what follows. It is an IP packet by its first four
/// bits, else a frame behind a control word (RFC 4385).
pub(crate) fn mpls(bytes: &[u8]) -> Option<LaxSlicedPacket<'_>> {
    const LABELS: usize = 16;
    let last = bytes.chunks_exact(4).take(LABELS).position(|label| label[2] & 1 != 0)?;
    let packet = bytes.get(4 * (last + 1)..)?;
    match packet.first()? >> 4 {
        4 | 6 => ip(packet),
        // No ethertype again, so that labels within labels come to an end.
        0 => LaxSlicedPacket::from_ethernet(packet.get(4..)?).ok(),
        _ => None,
    }
}

/// RFC 2516: version, code, session and length; code 0 is data.
pub(super) fn pppoe(bytes: &[u8]) -> Option<LaxSlicedPacket<'_>> {
    ppp(bytes.get(6..).filter(|_| bytes[1] == 0)?)
}

/// RFC 1661 section 2: a protocol number of one byte if it is odd, else of two.
pub(super) fn ppp(bytes: &[u8]) -> Option<LaxSlicedPacket<'_>> {
    let bytes = bytes.strip_prefix(&[0xff, 3]).unwrap_or(bytes);
    match bytes {
        [0x21 | 0x57, packet @ ..] | [0, 0x21 | 0x57, packet @ ..] => ip(packet),
        _ => None,
    }
}
