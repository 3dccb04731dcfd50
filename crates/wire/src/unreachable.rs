//! Words of a router or a host that a packet could not be delivered (RFC 792 type 3, RFC 4443 type 1): a connect that
//! gets them has failed.

use std::net::{IpAddr, SocketAddr};

use crate::seq::Seq;

/// Bytes before the packet that could not be delivered.
const HEAD: usize = 8;
const TCP: u8 = 6;

/// A TCP segment that could not be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unreachable {
    /// Who sent it.
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) seq: Seq,
    /// What is not there.
    pub(crate) reason: &'static str,
}

impl Unreachable {
    /// Reads a message of ICMP for IPv4.
    pub(crate) fn v4(message: &[u8]) -> Option<Self> {
        let reason = match message.first_chunk()? {
            [3, 0 | 6 | 11] => "network unreachable",
            [3, 1 | 7 | 8 | 12] => "host unreachable",
            [3, 2] => "protocol unreachable",
            [3, 3] => "port unreachable",
            [3, 9 | 10 | 13] => "prohibited by a filter",
            // Among others that a packet is too large, which its sender then mends.
            _ => return None,
        };
        let packet = message.get(HEAD..)?;
        let header = usize::from(packet.first()? & 0x0f) * 4;
        let address = |at: usize| Some(IpAddr::from(*packet.get(at..)?.first_chunk::<4>()?));
        let is_tcp = packet[0] >> 4 == 4 && *packet.get(9)? == TCP;
        Self::quoted(is_tcp, [address(12)?, address(16)?], packet.get(header.max(20)..)?, reason)
    }

    /// Reads a message of ICMP for IPv6.
    pub(crate) fn v6(message: &[u8]) -> Option<Self> {
        let reason = match message.first_chunk()? {
            [1, 0] => "no route",
            [1, 1 | 5 | 6] => "prohibited by a filter",
            [1, 3] => "host unreachable",
            [1, 4] => "port unreachable",
            _ => return None,
        };
        let packet = message.get(HEAD..)?;
        let address = |at: usize| Some(IpAddr::from(*packet.get(at..)?.first_chunk::<16>()?));
        let is_tcp = packet.first()? >> 4 == 6 && *packet.get(6)? == TCP;
        Self::quoted(is_tcp, [address(8)?, address(24)?], packet.get(40..)?, reason)
    }

    /// Of a segment at least eight bytes are quoted: its ports and its number.
    fn quoted(is_tcp: bool, [from, to]: [IpAddr; 2], segment: &[u8], reason: &'static str) -> Option<Self> {
        let word = |at: usize| Some(u16::from_be_bytes(*segment.get(at..)?.first_chunk()?));
        let (from, to) = (SocketAddr::new(from, word(0)?), SocketAddr::new(to, word(2)?));
        let seq = Seq(u32::from_be_bytes(*segment.get(4..)?.first_chunk()?));
        is_tcp.then_some(Self { from, to, seq, reason })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quoted_segment_is_read_as_far_as_it_must_be_there() {
        let mut v4 = vec![3, 1, 0, 0, 0, 0, 0, 0, 0x45];
        v4.extend([0; 8]);
        v4.extend([6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 9, 0x9c, 0x40, 0, 80, 0, 0, 0, 7]);
        let expected = Unreachable {
            from: ([10, 0, 0, 1], 40_000).into(),
            to: ([10, 0, 0, 9], 80).into(),
            seq: Seq(7),
            reason: "host unreachable",
        };
        assert_eq!(Unreachable::v4(&v4), Some(expected));
        let mut v6 = vec![1, 4, 0, 0, 0, 0, 0, 0, 0x60, 0, 0, 0, 0, 8, 6, 64];
        v6.extend([1; 16]);
        v6.extend([2; 16]);
        v6.extend([0x9c, 0x40, 0, 80, 0, 0, 0, 7]);
        let read = Unreachable::v6(&v6).unwrap();
        assert_eq!((read.from, read.to), (([1; 16], 40_000).into(), ([2; 16], 80).into()));
        assert_eq!(read.reason, "port unreachable");
        for (bytes, read) in [(&v4, Unreachable::v4 as fn(&[u8]) -> _), (&v6, Unreachable::v6)] {
            assert!((0..bytes.len()).all(|end| read(&bytes[..end]).is_none()));
        }
        // Too large, or of UDP.
        for (place, byte) in [(1, 4), (17, 17)] {
            let mut other = v4.clone();
            other[place] = byte;
            assert_eq!(Unreachable::v4(&other), None);
        }
    }
}
