//! What a packet carries, in words, for files in which there is nothing to decode.

use etherparse::{IpNumber, LaxNetSlice};

use crate::link::Link;
use crate::packet::{Carried, parse};
use crate::tunnel;

/// What is in a packet that is no TCP: `UDP port 8125`, `ICMP`, `ARP`. `None` for TCP.
pub fn carries(link: Link, bytes: &[u8]) -> Option<String> {
    match parse(link, bytes, bytes.len()) {
        Some(Carried::Segment(_)) => return None,
        // The lower one is mostly the server's.
        Some(Carried::Datagram(datagram)) => {
            return Some(format!("UDP port {}", datagram.from.port().min(datagram.to.port())));
        }
        Some(Carried::Unreachable(_)) | None => {}
    }
    let packet = link.strip(bytes).map(tunnel::innermost);
    let payload = match packet.as_ref().and_then(|packet| packet.net.as_ref()) {
        Some(LaxNetSlice::Ipv4(ip)) => ip.payload(),
        Some(LaxNetSlice::Ipv6(ip)) => ip.payload(),
        Some(LaxNetSlice::Arp(_)) => return Some("ARP".to_owned()),
        None => return Some("no IP".to_owned()),
    };
    let number = payload.ip_number;
    Some(match number.keyword_str() {
        _ if payload.fragmented => "fragments of IP".to_owned(),
        Some(_) if number == IpNumber::TCP => "TCP that is cut within its header".to_owned(),
        Some(keyword) => keyword.to_owned(),
        None => format!("IP protocol {}", number.0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::PacketBuilder;

    #[test]
    fn packets_are_told_in_words() {
        let ip = || PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64);
        let mut all: [Vec<u8>; 4] = Default::default();
        ip().tcp(4000, 80, 77, 1024).write(&mut all[0], b"hello").unwrap();
        ip().udp(40_000, 8125).write(&mut all[1], b"hello").unwrap();
        ip().icmpv4_echo_request(1, 2).write(&mut all[2], b"hello").unwrap();
        ip().write(&mut all[3], IpNumber(253), b"hello").unwrap();
        let arp = [&[0; 12][..], &[8, 6, 0, 1, 8, 0, 6, 4, 0, 1], &[0; 20]].concat();
        let raw = |at: usize| carries(Link::RawIp, &all[at]);
        assert_eq!(raw(0), None);
        assert_eq!(raw(1).as_deref(), Some("UDP port 8125"));
        assert_eq!(raw(2).as_deref(), Some("ICMP"));
        assert!(raw(3).is_some_and(|words| words.contains("253")), "{:?}", raw(3));
        assert_eq!(carries(Link::Ethernet, &arp).as_deref(), Some("ARP"));
        assert_eq!(carries(Link::Ethernet, b"x").as_deref(), Some("no IP"));
        assert_eq!(carries(Link::RawIp, &all[0][..30]).as_deref(), Some("TCP that is cut within its header"));
    }
}
