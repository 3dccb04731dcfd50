//! IP, TCP and UDP headers. Nothing of theirs is trusted beyond the bytes that are there.

use std::net::{IpAddr, SocketAddr};

use etherparse::{IpNumber, LaxNetSlice, TransportSlice};

use crate::link::Link;
use crate::seq::Seq;
use crate::tunnel;
use crate::unreachable::Unreachable;

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

/// One UDP datagram.
#[derive(Debug)]
pub(crate) struct Datagram<'a> {
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) payload: &'a [u8],
    /// Bytes of the payload's end that are not there: the capture cut them off, or they travel in other fragments.
    pub(crate) cut: u64,
}

/// What a packet carries.
#[derive(Debug)]
pub(crate) enum Carried<'a> {
    Segment(Segment<'a>),
    Datagram(Datagram<'a>),
    /// It says that a segment did not arrive.
    Unreachable(Unreachable),
}

/// What a packet carries; `None` when it is neither, or not enough of it is there.
pub(crate) fn parse(link: Link, bytes: &[u8], wire_len: usize) -> Option<Carried<'_>> {
    let packet = tunnel::innermost(link.strip(bytes)?);
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
    let tcp = match &packet.transport {
        Some(TransportSlice::Tcp(tcp)) => tcp,
        Some(TransportSlice::Udp(udp)) => return Some(Carried::Datagram(datagram(from, to, udp.slice())?)),
        Some(TransportSlice::Icmpv4(icmp)) => return Unreachable::v4(icmp.slice()).map(Carried::Unreachable),
        Some(TransportSlice::Icmpv6(icmp)) => return Unreachable::v6(icmp.slice()).map(Carried::Unreachable),
        Some(TransportSlice::Igmp(_)) => return None,
        None => return Some(Carried::Datagram(datagram(from, to, first_fragment(packet.net.as_ref()?)?)?)),
    };
    Some(Carried::Segment(Segment {
        from: SocketAddr::new(from, tcp.source_port()),
        to: SocketAddr::new(to, tcp.destination_port()),
        seq: Seq(tcp.sequence_number()),
        ack: tcp.ack().then(|| Seq(tcp.acknowledgment_number())),
        syn: tcp.syn(),
        fin: tcp.fin(),
        rst: tcp.rst(),
        payload: tcp.payload(),
        cut: cut.map_or(cut_by_capture, |cut| cut.min(cut_by_capture)),
    }))
}

/// The datagram whose header (RFC 768) `bytes` begin with. Its own length tells what is missing of it.
fn datagram(from: IpAddr, to: IpAddr, bytes: &[u8]) -> Option<Datagram<'_>> {
    let (header, rest) = bytes.split_at_checked(8)?;
    let word = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let length = usize::from(word(4)).checked_sub(8)?;
    Some(Datagram {
        from: SocketAddr::new(from, word(0)),
        to: SocketAddr::new(to, word(2)),
        payload: &rest[..rest.len().min(length)],
        cut: length.saturating_sub(rest.len()) as u64,
    })
}

/// The first fragment of a datagram, which has its header: a large answer still tells what it answers.
fn first_fragment<'a>(net: &LaxNetSlice<'a>) -> Option<&'a [u8]> {
    match net {
        LaxNetSlice::Ipv4(ip) => {
            let payload = ip.payload();
            let first = payload.fragmented && ip.header().fragments_offset().value() == 0;
            (first && payload.ip_number == IpNumber::UDP).then_some(payload.payload)
        }
        LaxNetSlice::Ipv6(_) | LaxNetSlice::Arp(_) => None,
    }
}

/// How many bytes a header's length field promises beyond those that are there; `None` when it says nothing, as in
/// segments over 64 KB that the kernel has not split yet.
fn missing(declared: u16, before_payload: usize, there: usize) -> Option<u64> {
    (declared != 0).then(|| usize::from(declared).saturating_sub(before_payload + there) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::PacketBuilder;

    fn segment(link: Link, bytes: &[u8], wire_len: usize) -> Segment<'_> {
        match parse(link, bytes, wire_len) {
            Some(Carried::Segment(segment)) => segment,
            other => panic!("no segment: {other:?}"),
        }
    }

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
            let segment = segment(link, &packet, packet.len());
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
                let segment = segment(Link::Ethernet, &whole[..head + keep], whole.len());
                assert_eq!((segment.payload.len(), segment.cut), (keep, 1000 - keep as u64));
            }
        }
    }

    #[test]
    fn a_segment_without_a_length_is_as_long_as_the_packet() {
        let mut packet = ethernet(&[b'x'; 100]);
        packet[16..18].fill(0);
        let segment = segment(Link::Ethernet, &packet, packet.len() + 7);
        assert_eq!((segment.payload.len(), segment.cut), (100, 7));
    }

    fn datagram(payload: &[u8], more_fragments: bool) -> Vec<u8> {
        let mut packet = Vec::new();
        PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
            .udp(4000, 53)
            .write(&mut packet, payload)
            .unwrap();
        if more_fragments {
            packet[6] |= 0x20;
        }
        packet
    }

    #[test]
    fn a_datagram_tells_what_is_missing_of_it() {
        let whole = datagram(b"hello", false);
        let first = {
            let mut packet = datagram(b"hello, you there", true);
            packet.truncate(packet.len() - 8);
            packet[3] -= 8;
            packet
        };
        let later = {
            let mut packet = datagram(b"hello", true);
            packet[7] = 1;
            packet
        };
        type Case<'a> = (&'a [u8], usize, Option<(&'a [u8], u64)>);
        let cases: [Case<'_>; 5] = [
            (&whole, whole.len(), Some((b"hello", 0))),
            (&whole[..whole.len() - 3], whole.len(), Some((b"he", 3))),
            (&first, first.len(), Some((b"hello, y", 8))),
            (&later, later.len(), None),
            (&whole[..24], whole.len(), None),
        ];
        for (bytes, wire_len, expected) in cases {
            let found = match parse(Link::RawIp, bytes, wire_len) {
                Some(Carried::Datagram(d)) => {
                    assert_eq!((d.from.port(), d.to.port()), (4000, 53));
                    Some((d.payload, d.cut))
                }
                Some(other) => panic!("{other:?}"),
                None => None,
            };
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn no_prefix_and_no_flipped_byte_panics() {
        let packets = [
            (Link::Ethernet, ethernet(b"hello")),
            (Link::RawIp, v6(b"hello")),
            (Link::RawIp, datagram(b"hello", false)),
            (Link::RawIp, datagram(b"hello", true)),
        ];
        for (link, packet) in packets {
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
