//! Packets within packets: IP in IP, GRE, VXLAN, Geneve. What is within has the addresses that the services know.

use etherparse::{IpNumber, LaxNetSlice, LaxSlicedPacket, TransportSlice};

use crate::link::{Link, carried, mpls};

/// Tunnels in each other that are followed.
const NESTED: usize = 4;
/// Ports of the service name registry (IANA), and the one that Linux used for VXLAN before there was one.
const VXLAN: [u16; 2] = [4789, 8472];
const GENEVE: u16 = 6081;
const MPLS_IN_UDP: u16 = 6635;
/// PPP within GRE, as PPTP has it (RFC 2637).
const PPP: u16 = 0x880b;
/// Mirrored frames (ERSPAN): the first kind has no header of its own.
const ERSPAN: u16 = 0x88be;
const ERSPAN_3: u16 = 0x22eb;

/// The innermost packet: that of a link, out of all the tunnels that it is in.
pub(crate) fn innermost(mut packet: LaxSlicedPacket<'_>) -> LaxSlicedPacket<'_> {
    for _ in 0..NESTED {
        match inner(&packet).filter(|inner| inner.net.is_some()) {
            Some(inner) => packet = inner,
            None => return packet,
        }
    }
    packet
}

fn inner<'a>(packet: &LaxSlicedPacket<'a>) -> Option<LaxSlicedPacket<'a>> {
    if let Some(TransportSlice::Udp(udp)) = &packet.transport {
        let payload = udp.payload();
        return match udp.destination_port() {
            port if VXLAN.contains(&port) => vxlan(payload),
            GENEVE => geneve(payload),
            MPLS_IN_UDP => mpls(payload),
            _ => None,
        };
    }
    let payload = match packet.net.as_ref()? {
        LaxNetSlice::Ipv4(ip) => ip.payload(),
        LaxNetSlice::Ipv6(ip) => ip.payload(),
        LaxNetSlice::Arp(_) => return None,
    };
    if payload.fragmented {
        return None;
    }
    match payload.ip_number {
        IpNumber::IPV4 | IpNumber::IPV6 => LaxSlicedPacket::from_ip(payload.payload).ok(),
        IpNumber::GRE => gre(payload.payload),
        IpNumber::MPLS_IN_IP => mpls(payload.payload),
        _ => None,
    }
}

/// RFC 7348: a flag that the network's number is there, the number, and a frame.
fn vxlan(bytes: &[u8]) -> Option<LaxSlicedPacket<'_>> {
    const HAS_NUMBER: u8 = 8;
    let (header, frame) = bytes.split_at_checked(8)?;
    (header[0] & HAS_NUMBER != 0).then(|| Link::Ethernet.strip(frame)).flatten()
}

/// RFC 8926: version and length of the options in words of four bytes, flags, an ethertype, the network's number.
fn geneve(bytes: &[u8]) -> Option<LaxSlicedPacket<'_>> {
    let (header, behind) = bytes.split_at_checked(8)?;
    let (version, options) = (header[0] >> 6, usize::from(header[0] & 0x3f) * 4);
    (version == 0)
        .then(|| carried(u16::from_be_bytes([header[2], header[3]]), behind.get(options..)?))
        .flatten()
}

/// RFC 2784 and 2890: flags for what is there, version, an ethertype; then a checksum, a key, and a sequence number.
fn gre(bytes: &[u8]) -> Option<LaxSlicedPacket<'_>> {
    let (header, behind) = bytes.split_at_checked(4)?;
    let (flags, version) = (header[0], header[1] & 7);
    let [checksum, routing, key, sequence] = [0x80, 0x40, 0x20, 0x10].map(|flag| flags & flag != 0);
    let kind = u16::from_be_bytes([header[2], header[3]]);
    let mut length = 4 * [checksum, key, sequence].iter().filter(|there| **there).count();
    match (version, kind) {
        (0, _) if routing => None,
        (0, ERSPAN) => Link::Ethernet.strip(behind.get(length + if sequence { 8 } else { 0 }..)?),
        (0, ERSPAN_3) => Link::Ethernet.strip(behind.get(length + 12..)?),
        (0, kind) => carried(kind, behind.get(length..)?),
        (1, PPP) => {
            const ACKNOWLEDGES: u8 = 0x80;
            length += if header[1] & ACKNOWLEDGES != 0 { 4 } else { 0 };
            Link::Ppp.strip(behind.get(length..)?)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::{Carried, parse};
    use etherparse::PacketBuilder;

    fn within(protocol: IpNumber, payload: &[u8]) -> Vec<u8> {
        let mut packet = Vec::new();
        PacketBuilder::ipv4([192, 168, 0, 1], [192, 168, 0, 2], 64)
            .write(&mut packet, protocol, payload)
            .unwrap();
        packet
    }

    fn datagram(port: u16, payload: &[u8]) -> Vec<u8> {
        let mut packet = Vec::new();
        PacketBuilder::ipv4([192, 168, 0, 1], [192, 168, 0, 2], 64)
            .udp(33_333, port)
            .write(&mut packet, payload)
            .unwrap();
        packet
    }

    fn segment() -> Vec<u8> {
        let mut packet = Vec::new();
        PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
            .tcp(4000, 80, 77, 1024)
            .write(&mut packet, b"hello")
            .unwrap();
        packet
    }

    fn frame() -> Vec<u8> {
        [&[0; 12][..], &[8, 0], &segment()].concat()
    }

    #[test]
    fn every_tunnel_gives_the_segment_within_and_no_prefix_breaks_anything() {
        let ip = segment();
        let with = |header: &[u8], packet: &[u8]| [header, packet].concat();
        let vxlan = with(&[8, 0, 0, 0, 0, 0, 1, 0], &frame());
        let cases = [
            ("ip in ip", within(IpNumber::IPV4, &ip)),
            ("gre", within(IpNumber::GRE, &with(&[0, 0, 8, 0], &ip))),
            (
                "gre with all",
                within(IpNumber::GRE, &with(&[0xb0, 0, 8, 0, 1, 1, 0, 0, 2, 2, 2, 2, 3, 3, 3, 3], &ip)),
            ),
            ("gre of frames", within(IpNumber::GRE, &with(&[0x20, 0, 0x65, 0x58, 0, 0, 0, 9], &frame()))),
            (
                "erspan",
                within(
                    IpNumber::GRE,
                    &with(&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0, 0, 0, 0, 0, 0, 0], &frame()),
                ),
            ),
            (
                "pptp",
                within(
                    IpNumber::GRE,
                    &with(&[0x30, 0x81, 0x88, 0x0b, 0, 9, 0, 9, 0, 0, 0, 1, 0, 0, 0, 1, 0x21], &ip),
                ),
            ),
            ("vxlan", datagram(4789, &vxlan)),
            ("geneve", datagram(6081, &with(&[1, 0, 0x65, 0x58, 0, 0, 1, 0, 1, 2, 3, 0], &frame()))),
            ("mpls in udp", datagram(6635, &with(&[0, 0, 0x11, 0x40], &ip))),
            ("twice", within(IpNumber::IPV4, &datagram(8472, &vxlan))),
        ];
        for (name, bytes) in cases {
            let found = parse(Link::RawIp, &bytes, bytes.len() + 7);
            let Some(Carried::Segment(segment)) = found else { panic!("{name}: {found:?}") };
            assert_eq!((segment.payload, segment.cut, segment.to.port()), (&b"hello"[..], 0, 80), "{name}");
            assert_eq!(segment.from.ip().to_string(), "10.0.0.1", "{name}");
            for end in 0..bytes.len() {
                parse(Link::RawIp, &bytes[..end], bytes.len());
            }
        }
    }

    #[test]
    fn what_is_no_tunnel_stays_what_it_is() {
        for (port, payload) in
            [(4789, &b"hello, you there"[..]), (6081, &[0xff; 20]), (6635, &[]), (53, b"hello")]
        {
            let bytes = datagram(port, payload);
            let found = parse(Link::RawIp, &bytes, bytes.len());
            let Some(Carried::Datagram(datagram)) = found else { panic!("{port}: {found:?}") };
            assert_eq!((datagram.to.port(), datagram.payload), (port, payload));
        }
        let deep = (0..9).fold(segment(), |packet, _| within(IpNumber::IPV4, &packet));
        assert!(parse(Link::RawIp, &deep, deep.len()).is_none(), "bounded");
    }
}
