//! Who is at each end of an exchange, and what that says about it.

use std::net::SocketAddr;

use model::Timestamp;
use model::exchange::{Ending, Exchange, Protocol};

use crate::hairpin::Half;
use crate::judge;
use crate::names::{Names, ServiceId};

/// The user agent of Shoal's own readiness probes.
const PROBE: &str = "shoal-probe";

pub(crate) struct Ends {
    pub(crate) from: ServiceId,
    pub(crate) to: ServiceId,
    /// Which half of a call through a published port it may be.
    pub(crate) half: Option<Half>,
    pub(crate) note: Option<String>,
}

impl Ends {
    /// Client and server at that moment; `home` is the service on whose loopback they were heard, if it was there. All
    /// that passes there is its own, whatever addresses it bears.
    pub(crate) fn of(
        names: &Names,
        home: ServiceId,
        (client, server): (SocketAddr, SocketAddr),
        at: Timestamp,
    ) -> Self {
        if home != 0 {
            return Self { from: home, to: home, half: None, note: None };
        }
        let (from, to) = (names.owner(client.ip(), at), names.owner(server.ip(), at));
        if from != 0
            && to == 0
            && names.is_gateway(server.ip())
            && let Some((to, port)) = names.behind(server.port())
        {
            let note = format!("through the published port {}", server.port());
            return Self { from, to, half: Some(Half::Outer(to, port)), note: Some(note) };
        }
        let inner =
            from == 0 && to != 0 && names.is_gateway(client.ip()) && names.is_published(to, server.port());
        Self { from, to, half: inner.then(|| Half::Inner(to, server.port())), note: None }
    }

    /// Whether others speak with each other on a network that somebody of the stack is on too.
    pub(crate) fn is_of_strangers(&self, names: &Names, exchange: &Exchange) -> bool {
        let shared = |end: SocketAddr| names.is_shared(end.ip());
        self.from == 0 && self.to == 0 && (shared(exchange.client) || shared(exchange.server))
    }

    /// Whether it is Shoal's own. Its probes come from this machine: with its user agent, or as connects that carry
    /// nothing, either closed at once or tried while the service was being probed.
    pub(crate) fn is_probe(&self, names: &Names, exchange: &Exchange) -> bool {
        if self.from != 0 {
            return false;
        }
        match exchange.protocol {
            Protocol::Http1 | Protocol::Http2 | Protocol::Grpc => {
                judge::header(&exchange.request, "user-agent")
                    .is_some_and(|agent| agent.split('/').next() == Some(PROBE))
            }
            Protocol::Tcp => {
                // Some services greet whoever connects, before anything was asked.
                let greeted = exchange.response.as_ref().is_some_and(|response| response.bytes > 0);
                let silent = exchange.request.bytes == 0;
                let own = match exchange.ending {
                    Ending::Open | Ending::Closed if !greeted => true,
                    _ => names.is_probing(self.to, judge::start(exchange)),
                };
                silent && own && names.is_gateway(exchange.client.ip())
            }
            _ => false,
        }
    }
}
