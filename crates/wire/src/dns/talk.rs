//! The datagrams between two ends that ask and answer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use model::Timestamp;
use model::exchange::Ending;

use crate::decode::{Connection, Cx, Env, Loss};
use crate::ledger::Ledger;
use crate::packet::Datagram;
use crate::table::{Follow, Key};

use super::detect::{self, Way};
use super::message::{Header, Message, Via};
use super::name::Stop;
use super::pairs::{Arrived, Pairs};

/// How long two ends are remembered that say nothing: longer than an answer is waited for.
const IDLE_AFTER: Duration = Duration::from_secs(6);

/// Which way a datagram goes if it is DNS: whether it asks. A beginning that the capture kept has to fit as far as it
/// goes.
pub(crate) fn is_query(datagram: &Datagram<'_>) -> Option<bool> {
    let query = !Header::read(datagram.payload)?.is_response();
    let way = if query { Way::Query } else { Way::Response };
    let length = datagram.payload.len() + datagram.cut as usize;
    match detect::check(datagram.payload, length, way, Via::Udp) {
        Ok(()) | Err(Stop::Short) => Some(query),
        Err(Stop::Bad) => None,
    }
}

/// What two ends ask and answer.
#[derive(Debug)]
pub(crate) struct Talk {
    connection: Connection,
    ledger: Ledger,
    pairs: Pairs,
    seen: Timestamp,
}

impl Talk {
    pub(crate) fn new(id: u64, client: SocketAddr, server: SocketAddr) -> Self {
        let connection = Connection { id, client, server, serial: 0, within: false };
        Self { connection, ledger: Ledger::default(), pairs: Pairs::new(Via::Udp), seen: Timestamp(0) }
    }

    /// The ends under which a response is looked for that nobody was asked for: who asks a whole network is answered
    /// by a member of it (RFC 4795 for port 5355, RFC 6762 section 6.7 for port 5353).
    pub(crate) fn asked_of_all(client: SocketAddr, responder: SocketAddr) -> Option<Key> {
        let group: IpAddr = match (responder.port(), client.is_ipv4()) {
            (5353, true) => Ipv4Addr::new(224, 0, 0, 251).into(),
            (5353, false) => Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb).into(),
            (5355, true) => Ipv4Addr::new(224, 0, 0, 252).into(),
            (5355, false) => Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 3).into(),
            _ => return None,
        };
        Some(Key::of(client, SocketAddr::new(group, responder.port())).0)
    }

    pub(crate) fn datagram(&mut self, at: Timestamp, datagram: &Datagram<'_>, cx: &mut Cx<'_>) {
        self.seen = self.seen.max(at);
        let Some(message) = Message::read(datagram.payload) else { return };
        let query = !message.header.is_response();
        let size = datagram.payload.len() as u64 + datagram.cut;
        let loss = (datagram.cut > 0).then_some(Loss::Cut);
        let arrived = Arrived { message, first: at, last: at, size, loss };
        let Self { connection, ledger, pairs, .. } = self;
        let mut env = Env { connection, ledger, cx, at };
        if query {
            pairs.query(&arrived, &mut env);
        } else {
            let asked = std::mem::replace(&mut env.connection.server, datagram.from);
            pairs.response(&arrived, &mut env);
            env.connection.server = asked;
        }
    }

    pub(crate) fn tick(&mut self, now: Timestamp, cx: &mut Cx<'_>) {
        self.ledger.report(now, cx);
        let Self { connection, ledger, pairs, .. } = self;
        pairs.tick(&mut Env { connection, ledger, cx, at: now });
    }

    pub(crate) fn expired(&self, now: Timestamp) -> bool {
        self.pairs.is_empty() && now.since(self.seen) >= IDLE_AFTER
    }

    pub(crate) fn end(&mut self, cx: &mut Cx<'_>) {
        self.ledger.end(Ending::Open, cx);
    }
}

impl Follow for Talk {
    fn deadline(&self) -> Timestamp {
        let expiry = self.seen.plus(IDLE_AFTER);
        [self.pairs.due(), self.ledger.due()].into_iter().flatten().fold(expiry, Timestamp::min)
    }

    fn held(&self) -> usize {
        self.pairs.held() + self.ledger.held()
    }

    fn over(&self) -> bool {
        self.pairs.is_empty()
    }
}
