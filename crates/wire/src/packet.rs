//! Link, IP and TCP headers. Nothing of theirs is trusted beyond the bytes that are there.

use std::net::{IpAddr, SocketAddr};

use etherparse::{EtherType, LaxNetSlice, LaxSlicedPacket, TransportSlice};

use crate::seq::Seq;

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
}

/// One TCP segment.
#[derive(Debug)]
pub(crate) struct Segment<'a> {
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) seq: Seq,
    pub(crate) ack: Option<Seq>,
    pub(crate) syn: bool,
    pub(crate) fin: bool,
    pub(crate) rst: bool,
    pub(crate) payload: &'a [u8],
    /// Bytes of the payload's end that the capture cut off.
    pub(crate) cut: u64,
}

/// The segment in a packet; `None` when there is none, or not enough of it.
pub(crate) fn parse(link: Link, bytes: &[u8], wire_len: usize) -> Option<Segment<'_>> {
    let packet = match link {
        Link::Ethernet => LaxSlicedPacket::from_ethernet(bytes).ok()?,
        Link::RawIp => LaxSlicedPacket::from_ip(bytes).ok()?,
        Link::LinuxSll => cooked(bytes, 14, 16)?,
        Link::LinuxSll2 => cooked(bytes, 0, 20)?,
        Link::BsdLoopback => LaxSlicedPacket::from_ip(bytes.get(4..)?).ok()?,
    };
    let cut_by_capture = wire_len.saturating_sub(bytes.len()) as u64;
    let (from, to, cut) = match packet.net.as_ref()? {
        LaxNetSlice::Ipv4(ip) => {
            let head = ip.header();
            let auth = ip.extensions().auth.map_or(0, |auth| auth.slice().len());
            let cut = missing(head.total_len(), head.slice().len() + auth, ip.payload().payload.len());
            (IpAddr::V4(head.source_addr()), IpAddr::V4(head.destination_addr()), cut)
        }
        LaxNetSlice::Ipv6(ip) => {
            let head = ip.header();
            let extensions = ip.extensions().slice().len();
            let cut = missing(head.payload_length(), extensions, ip.payload().payload.len());
            (IpAddr::V6(head.source_addr()), IpAddr::V6(head.destination_addr()), cut)
        }
        LaxNetSlice::Arp(_) => return None,
    };
    let Some(TransportSlice::Tcp(tcp)) = packet.transport else { return None };
    Some(Segment {
        from: SocketAddr::new(from, tcp.source_port()),
        to: SocketAddr::new(to, tcp.destination_port()),
        seq: Seq(tcp.sequence_number()),
        ack: tcp.ack().then(|| Seq(tcp.acknowledgment_number())),
        syn: tcp.syn(),
        fin: tcp.fin(),
        rst: tcp.rst(),
        payload: tcp.payload(),
        cut: cut.map_or(cut_by_capture, |cut| cut.min(cut_by_capture)),
    })
}

/// How many bytes a header's length field promises beyond those that are there; `None` when it says nothing, as in
/// segments over 64 KB that the kernel has not split yet.
fn missing(declared: u16, before_payload: usize, there: usize) -> Option<u64> {
    (declared != 0).then(|| usize::from(declared).saturating_sub(before_payload + there) as u64)
}

fn cooked(bytes: &[u8], protocol_at: usize, header: usize) -> Option<LaxSlicedPacket<'_>> {
    let protocol = bytes.get(protocol_at..protocol_at + 2)?;
    let protocol = EtherType(u16::from_be_bytes([protocol[0], protocol[1]]));
    Some(LaxSlicedPacket::from_ether_type(protocol, bytes.get(header..)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::PacketBuilder;

    fn ethernet(payload: &[u8]) -> Vec<u8> {
        let builder = PacketBuilder::ethernet2([1; 6], [2; 6])
            .ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
            .tcp(4000, 80, 77, 1024)
            .ack(5);
        let mut packet = Vec::new();
        builder.write(&mut packet, payload).unwrap();
        packet
    }

    fn v6(payload: &[u8]) -> Vec<u8> {
        let mut packet = Vec::new();
        PacketBuilder::ipv6([1; 16], [2; 16], 64)
            .tcp(4000, 80, 77, 1024)
            .ack(5)
            .write(&mut packet, payload)
            .unwrap();
        packet
    }

    #[test]
    fn every_link_gives_the_same_segment() {
        let whole = ethernet(b"hello");
        let ip = &whole[14..];
        let vlan = [&whole[..12], &[0x81, 0, 0, 7, 8, 0], ip].concat();
        let padded = [&whole[..], &[0; 9]].concat();
        let sll = [&[0; 14][..], &[8, 0], ip].concat();
        let sll2 = [&[8, 0][..], &[0; 18], ip].concat();
        let null = [&[2, 0, 0, 0][..], ip].concat();
        let cases = [
            (Link::Ethernet, whole.clone()),
            (Link::Ethernet, vlan),
            (Link::Ethernet, padded),
            (Link::RawIp, ip.to_vec()),
            (Link::LinuxSll, sll),
            (Link::LinuxSll2, sll2),
            (Link::BsdLoopback, null),
            (Link::RawIp, v6(b"hello")),
        ];
        for (link, packet) in cases {
            let segment = parse(link, &packet, packet.len()).unwrap();
            assert_eq!(segment.payload, b"hello", "{link:?}");
            assert_eq!((segment.seq, segment.ack, segment.cut), (Seq(77), Some(Seq(5)), 0), "{link:?}");
            assert_eq!((segment.from.port(), segment.to.port()), (4000, 80), "{link:?}");
        }
    }

    #[test]
    fn what_the_capture_cut_off_is_counted() {
        for whole in [ethernet(&[b'x'; 1000]), [&[0; 12][..], &[0x86, 0xdd], &v6(&[b'x'; 1000])].concat()] {
            let head = whole.len() - 1000;
            for keep in [0, 1, 999, 1000] {
                let segment = parse(Link::Ethernet, &whole[..head + keep], whole.len()).unwrap();
                assert_eq!((segment.payload.len(), segment.cut), (keep, 1000 - keep as u64));
            }
        }
    }

    #[test]
    fn a_segment_without_a_length_is_as_long_as_the_packet() {
        let mut packet = ethernet(&[b'x'; 100]);
        packet[16..18].fill(0);
        let segment = parse(Link::Ethernet, &packet, packet.len() + 7).unwrap();
        assert_eq!((segment.payload.len(), segment.cut), (100, 7));
    }

    #[test]
    fn no_prefix_and_no_flipped_byte_panics() {
        for (link, packet) in [(Link::Ethernet, ethernet(b"hello")), (Link::RawIp, v6(b"hello"))] {
            for end in 0..packet.len() {
                parse(link, &packet[..end], packet.len());
                for value in [0, 1, 0x7f, 0xff] {
                    let mut bad = packet.clone();
                    bad[end] = value;
                    parse(link, &bad, bad.len());
                }
            }
        }
    }
}
