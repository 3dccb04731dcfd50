//! All who ask and answer over UDP. DNS is the only protocol that is looked for there, by structure; what is none is
//! passed over.

use model::Timestamp;

use crate::decode::Cx;
use crate::dns::{self, Talk};
use crate::packet::Datagram;
use crate::table::{Key, Table};

/// So many pairs of ends are followed, since most resolvers ask each question from another port.
const TALKS_LIMIT: usize = 8 * 1024;
/// So much may all of them hold, in bytes.
const HELD_LIMIT: usize = 8 * 1024 * 1024;

/// All pairs of ends.
#[derive(Debug, Default)]
pub(crate) struct Datagrams {
    table: Table<Talk>,
}

impl Datagrams {
    /// Takes a datagram; `next_conn` numbers connections.
    pub(crate) fn datagram(
        &mut self,
        at: Timestamp,
        datagram: &Datagram<'_>,
        next_conn: &mut u64,
        cx: &mut Cx<'_>,
    ) {
        let Some(query) = dns::is_query(datagram) else { return };
        let (key, _) = Key::of(datagram.from, datagram.to);
        let of_all = || Talk::asked_of_all(datagram.to, datagram.from).filter(|_| !query);
        let known = self.table.find(&key).or_else(|| self.table.find(&of_all()?));
        let slot = match known {
            Some(slot) => slot,
            // Announcements answer nobody.
            None if !query && datagram.to.ip().is_multicast() => return,
            None => {
                let (client, server) =
                    if query { (datagram.from, datagram.to) } else { (datagram.to, datagram.from) };
                let talk = Talk::new(*next_conn, client, server);
                *next_conn += 1;
                self.table.insert(key, talk)
            }
        };
        self.table.with(slot, |talk| talk.datagram(at, datagram, cx));
        while self.table.len() > TALKS_LIMIT || self.table.held() > HELD_LIMIT {
            let Some(oldest) = self.table.oldest() else { break };
            cx.for_room(|cx| self.forget(oldest, cx));
        }
    }

    pub(crate) fn tick(&mut self, now: Timestamp, cx: &mut Cx<'_>) {
        while let Some(slot) = self.table.due(now) {
            let expired = self.table.with(slot, |talk| {
                talk.tick(now, cx);
                talk.expired(now)
            });
            if expired == Some(true) {
                self.table.remove(slot);
            } else {
                self.table.rearm(slot, now);
            }
        }
    }

    pub(crate) fn finish(&mut self, cx: &mut Cx<'_>) {
        while let Some(oldest) = self.table.oldest() {
            self.forget(oldest, cx);
        }
    }

    pub(crate) fn held(&self) -> usize {
        self.table.held()
    }

    fn forget(&mut self, slot: u32, cx: &mut Cx<'_>) {
        if let Some(mut talk) = self.table.remove(slot) {
            talk.end(cx);
        }
    }
}
