//! What a client wants to be delivered, and no longer.

use crate::decode::{Dir, Env};

use super::calls::{Calls, Kind, Seen, answer, close, exchange, open, unasked};
use super::facts;
use super::packet::Filters;
use super::properties::Properties;
use super::reason::Reason;

impl Calls {
    pub(super) fn subscribe(
        &mut self,
        method: &str,
        asked: &Filters<'_>,
        seen: &Seen<'_>,
        env: &mut Env<'_, '_>,
    ) {
        let mut exchange = exchange(method, facts::target(&asked.list), seen, env);
        exchange.request = seen.frame.message(seen.last);
        exchange.request.headers = asked.properties.facts().collect();
        let kind = if method == "SUBSCRIBE" {
            exchange.request.headers.extend(facts::subscribe(&asked.list));
            Kind::Subscribe
        } else {
            Kind::Unsubscribe
        };
        let serial = open(exchange, seen, env);
        self.enter(Dir::ToServer, asked.id, serial, kind, env);
    }

    pub(super) fn subscribed(
        &mut self,
        id: u16,
        method: &str,
        reasons: &[Reason],
        properties: &Properties<'_>,
        seen: &Seen<'_>,
        env: &mut Env<'_, '_>,
    ) {
        let pending = &mut self.pending[Dir::ToServer as usize];
        let kind = if method == "SUBSCRIBE" { Kind::Subscribe } else { Kind::Unsubscribe };
        let known = pending.get(&id).filter(|known| known.kind == kind).map(|known| known.serial);
        let serial = match known {
            Some(serial) => {
                pending.remove(&id);
                serial
            }
            None => unasked(method, seen, env),
        };
        // Of several, the one that failed is told.
        let told = reasons.iter().find(|reason| reason.failure).or_else(|| reasons.first());
        env.ledger.change(serial, seen.last, |exchange| {
            answer(exchange, seen, told, properties);
            if let Some(response) = &mut exchange.response {
                response.headers.extend(facts::granted(&exchange.request, reasons));
            }
        });
        close(serial, seen, env);
    }
}
