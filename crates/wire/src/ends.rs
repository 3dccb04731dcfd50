//! Whose a packet is, for whoever wants no more of it.

use std::net::SocketAddr;

use crate::link::Link;
use crate::packet::{self, Carried};

/// The ends of a packet's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// Who sent it.
    pub from: SocketAddr,
    /// To whom.
    pub to: SocketAddr,
    /// It asks for a new TCP connection.
    pub opens: bool,
}

impl Ends {
    /// Whether they are these two, in any order.
    pub fn are(&self, ends: [SocketAddr; 2]) -> bool {
        ends == [self.from, self.to] || ends == [self.to, self.from]
    }
}

/// The ends of a packet; `None` when it is neither TCP nor UDP.
pub fn ends(link: Link, bytes: &[u8]) -> Option<Ends> {
    match packet::parse(link, bytes, bytes.len())? {
        Carried::Segment(segment) => {
            let opens = segment.syn && segment.ack.is_none();
            Some(Ends { from: segment.from, to: segment.to, opens })
        }
        Carried::Datagram(datagram) => Some(Ends { from: datagram.from, to: datagram.to, opens: false }),
        Carried::Unreachable(segment) => Some(Ends { from: segment.from, to: segment.to, opens: false }),
    }
}
