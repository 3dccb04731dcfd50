//! What a decoder is: what it is given, and what it says of the bytes.

use std::net::SocketAddr;

use model::Timestamp;
use model::exchange::{CaptureCounts, Ending, Exchange, Message, Protocol, Quality};

use crate::ledger::Ledger;
use crate::limits::Limits;
use crate::servers::Servers;
use crate::tls::Keys;

/// The direction of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dir {
    ToServer,
    ToClient,
}

impl Dir {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::ToServer => Self::ToClient,
            Self::ToClient => Self::ToServer,
        }
    }

    /// The message of an exchange that goes this way, if it has begun.
    pub(crate) fn message(self, exchange: &mut Exchange) -> Option<&mut Message> {
        match self {
            Self::ToServer => Some(&mut exchange.request),
            Self::ToClient => exchange.response.as_mut(),
        }
    }
}

/// Why bytes are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// They were not captured.
    Lost,
    /// The capture kept the packet's beginning only.
    Cut,
}

impl Loss {
    pub(crate) fn quality(self) -> Quality {
        match self {
            Self::Lost => Quality::Gap,
            Self::Cut => Quality::Truncated,
        }
    }
}

/// Who talks to whom.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) id: u64,
    pub(crate) client: SocketAddr,
    pub(crate) server: SocketAddr,
    pub(crate) serial: u32,
    /// It is what another one says, decrypted.
    pub(crate) within: bool,
}

impl Connection {
    /// A new exchange of this connection, of which nothing is known.
    pub(crate) fn exchange(&mut self, protocol: Protocol, first: Timestamp) -> Exchange {
        let serial = self.serial;
        self.serial += 1;
        let exchange = Exchange::new((self.id, serial), self.client, self.server, protocol, first);
        Exchange { decrypted: self.within, ..exchange }
    }
}

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Cx<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) out: &'a mut Vec<Exchange>,
    /// What was missed.
    pub(crate) counts: &'a mut CaptureCounts,
    /// Exchanges end since there is no room for them.
    pub(crate) for_room: bool,
    /// What servers were found to speak.
    pub(crate) servers: &'a mut Servers,
    /// What connections are encrypted by.
    pub(crate) keys: &'a Keys,
}

impl Cx<'_> {
    /// Ends exchanges since there is no room for them, which is not the fault of who did not answer yet.
    pub(crate) fn for_room(&mut self, end: impl FnOnce(&mut Self)) {
        let mark = self.begin_for_room();
        end(self);
        self.end_for_room(mark);
    }

    fn begin_for_room(&mut self) -> (bool, usize) {
        (std::mem::replace(&mut self.for_room, true), self.out.len())
    }

    fn end_for_room(&mut self, (before, told): (bool, usize)) {
        self.for_room = before;
        let given_up = self.out.iter().skip(told).filter(|told| told.quality == Quality::Truncated);
        self.counts.given_up += given_up.count() as u64;
    }

    /// What is to be said of an exchange that ends as it is.
    pub(crate) fn missing(&self, exchange: &Exchange) -> Option<Quality> {
        let whole = exchange.response.as_ref().map(|response| response.complete);
        match whole {
            None | Some(false) if self.for_room => Some(Quality::Truncated),
            None if !exchange.waits => Some(Quality::NoResponse),
            None | Some(_) => None,
        }
    }
}

/// What a decoder needs besides the bytes.
#[derive(Debug)]
pub(crate) struct Env<'a, 'b> {
    pub(crate) connection: &'a mut Connection,
    /// The connection's exchanges. They are reported without the decoder.
    pub(crate) ledger: &'a mut Ledger,
    pub(crate) cx: &'a mut Cx<'b>,
    /// Now.
    pub(crate) at: Timestamp,
}

impl Env<'_, '_> {
    /// As [`Ledger::open`].
    pub(crate) fn open(&mut self, exchange: Exchange) -> u32 {
        self.ledger.open(exchange, self.at, self.cx)
    }

    /// As [`Ledger::tell`].
    pub(crate) fn tell(&mut self, exchange: Exchange) {
        self.ledger.tell(exchange, self.at, self.cx);
    }

    /// As [`Ledger::close`], while the connection goes on.
    pub(crate) fn close(&mut self, serial: u32) {
        self.ledger.close(serial, Ending::Open, self.cx);
    }

    /// As [`Ledger::finish`], while the connection goes on.
    pub(crate) fn finish(&mut self, serial: u32) {
        self.ledger.finish(serial, Ending::Open, self.cx);
    }

    /// As [`Ledger::end`].
    pub(crate) fn end(&mut self, ending: Ending) {
        self.ledger.end(ending, self.cx);
    }

    /// As [`Cx::for_room`].
    pub(crate) fn for_room(&mut self, end: impl FnOnce(&mut Self)) {
        let mark = self.cx.begin_for_room();
        end(self);
        self.cx.end_for_room(mark);
    }

    /// How much is kept: nothing more of bodies where what waits holds too much.
    pub(crate) fn limits(&self) -> Limits {
        let limits = self.cx.limits;
        let body = if self.ledger.held() < limits.flow_buffer { limits.body } else { 0 };
        Limits { body, ..*limits }
    }
}

/// What a decoder thinks of the bytes.
#[derive(Debug)]
pub(crate) enum Verdict {
    Mine,
    NotMine,
    /// Its own, all of them, but the client is the other end: the connection's two ends are swapped already, and so is
    /// what the decoder knows of each.
    Turned,
    /// From the last `rest` of the bytes on, the connection speaks something else. The decoder that says so is asked
    /// for its end before the other gets them.
    Becomes {
        decoder: Box<dyn Decode>,
        rest: usize,
    },
    /// As [`Self::Becomes`], but what the connection speaks from there on is to be found out.
    Anew {
        rest: usize,
    },
}

/// One protocol's decoder for one connection. Bytes come in order and cut anywhere; what was lost is said between them.
pub(crate) trait Decode: std::fmt::Debug {
    /// Takes the next bytes of one direction.
    fn data(&mut self, dir: Dir, bytes: &[u8], env: &mut Env<'_, '_>) -> Verdict;

    /// So many bytes of one direction are missing here.
    fn gap(&mut self, dir: Dir, bytes: u64, loss: Loss, env: &mut Env<'_, '_>);

    /// One direction ended in order.
    fn close(&mut self, dir: Dir, env: &mut Env<'_, '_>) {
        // Nobody answers any more. A client that has ended may still be answered.
        if dir == Dir::ToClient {
            self.end(Ending::Closed, env);
        }
    }

    /// Where the connection becomes another: what the other direction sent already, before it could know.
    fn early(&mut self) -> Option<(Dir, Timestamp, Vec<u8>)> {
        None
    }

    /// The connection is over, or no longer followed: every exchange gets its last report.
    fn end(&mut self, ending: Ending, env: &mut Env<'_, '_>) {
        env.end(ending);
    }

    /// What makes it readable may still come, from elsewhere than the connection.
    fn waits(&self) -> bool {
        false
    }

    /// Does what time alone asks for, beyond the reports of the ledger's exchanges.
    fn wake(&mut self, _: &mut Env<'_, '_>) {}

    /// When time alone asks for something.
    fn due(&self) -> Option<Timestamp> {
        None
    }

    /// Bytes of memory held beyond the fixed, and beyond the ledger's.
    fn held(&self) -> usize;
}
