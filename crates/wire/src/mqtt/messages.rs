//! Messages on their way to the broker and from it, and how the other end answers for them.

use std::collections::HashMap;

use model::exchange::{Exchange, Topic, TopicRole};

use crate::decode::{Dir, Env};

use super::calls::{Calls, Kind, Seen, answer, close, exchange, judge, open, put, unasked};
use super::facts;
use super::packet::{Publish, Step};
use super::properties::{CORRELATION_DATA, Properties, TOPIC_ALIAS, printable};
use super::reason::Reason;

/// Topics that have a number are kept up to so many bytes for each direction.
const ALIASES_LIMIT: usize = 64 * 1024;
/// What one costs besides its name, in bytes.
const ALIAS: usize = 64;

/// The topics that one direction has given numbers to (MQTT 5, section 3.3.2.3.4).
#[derive(Debug, Default)]
pub(super) struct Aliases {
    topics: HashMap<u32, String>,
    held: usize,
}

impl Aliases {
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// The topic of a message, which may be told by a number that stands for it.
    fn topic(&mut self, publish: &Publish<'_>) -> String {
        let Some(alias) = publish.properties.number(TOPIC_ALIAS) else { return publish.topic.clone() };
        if publish.topic.is_empty() {
            return self.topics.get(&alias).cloned().unwrap_or_default();
        }
        if let Some(before) = self.topics.remove(&alias) {
            self.held -= before.len() + ALIAS;
        }
        if self.held + publish.topic.len() + ALIAS <= ALIASES_LIMIT {
            self.held += publish.topic.len() + ALIAS;
            self.topics.insert(alias, publish.topic.clone());
        }
        publish.topic.clone()
    }
}

impl Calls {
    pub(super) fn publish(&mut self, publish: &Publish<'_>, seen: &Seen<'_>, env: &mut Env<'_, '_>) {
        self.version = self.version.or(publish.proves);
        let known = publish.id.and_then(|id| self.pending[seen.dir as usize].get(&id));
        if let Some(known) = known
            && publish.again
        {
            return sent_again(known.serial, seen, env);
        }
        let name = self.aliases[seen.dir as usize].topic(publish);
        let (method, role) = match seen.dir {
            Dir::ToServer => ("PUBLISH", TopicRole::Sends),
            Dir::ToClient => ("DELIVER", TopicRole::Receives),
        };
        let mut exchange = exchange(method, name.clone(), seen, env);
        let key = publish.properties.bytes(CORRELATION_DATA).and_then(printable);
        exchange.topic = Some(Topic { role, name, key });
        let mut message = seen.frame.message(seen.last);
        message.headers = facts::publish(publish);
        let size = seen.frame.size.saturating_sub(publish.before as u64);
        facts::body(&mut message, &publish.properties, publish.payload, size, &env.limits());
        put(&mut exchange, message, seen.dir);
        let serial = open(exchange, seen, env);
        match publish.id {
            Some(id) => self.enter(seen.dir, id, serial, Kind::Publish, env),
            // Nobody answers.
            None => env.finish(serial),
        }
    }

    /// One step of the way in which a message that asks for an answer gets it (MQTT 5, section 4.3).
    pub(super) fn step(
        &mut self,
        step: Step,
        id: u16,
        reason: Option<&Reason>,
        properties: &Properties<'_>,
        seen: &Seen<'_>,
        env: &mut Env<'_, '_>,
    ) {
        // A release goes the way of its message, all others go against it.
        let owner = match (step, seen.dir) {
            (Step::Release, _) => return,
            (_, Dir::ToClient) => Dir::ToServer,
            (_, Dir::ToServer) => Dir::ToClient,
        };
        let known = self.pending[owner as usize].get(&id).filter(|known| known.kind == Kind::Publish);
        let serial = match (known, owner) {
            (Some(known), _) => known.serial,
            (None, Dir::ToServer) => {
                let serial = unasked("PUBLISH", seen, env);
                self.enter(owner, id, serial, Kind::Publish, env);
                serial
            }
            // The delivery was not seen, and what it was is not known.
            (None, Dir::ToClient) => return,
        };
        let done = step != Step::Received || reason.is_some_and(|reason| reason.failure);
        env.ledger.change(serial, seen.last, |exchange| match owner {
            Dir::ToServer => {
                answer(exchange, seen, reason, properties);
                if let Some(response) = &mut exchange.response {
                    response.complete = done;
                }
            }
            Dir::ToClient => taken(exchange, seen, reason, properties, done),
        });
        if done {
            self.pending[owner as usize].remove(&id);
            close(serial, seen, env);
        }
    }
}

/// The same message once more, since its answer did not come.
fn sent_again(serial: u32, seen: &Seen<'_>, env: &mut Env<'_, '_>) {
    env.ledger.change(serial, seen.last, |exchange| {
        let headers = &mut exchange.request.headers;
        let before = headers.iter().find(|(name, _)| name == "retries");
        let retries = before.and_then(|(_, value)| value.parse::<u32>().ok()).unwrap_or(0) + 1;
        headers.retain(|(name, _)| name != "retries");
        headers.push(("retries".to_owned(), retries.to_string()));
    });
}

/// The client has taken a delivery, or begun to.
fn taken(
    exchange: &mut Exchange,
    seen: &Seen<'_>,
    reason: Option<&Reason>,
    properties: &Properties<'_>,
    done: bool,
) {
    let delivered = exchange.request.first;
    let request = &mut exchange.request;
    if request.bytes == 0 {
        let handling = seen.last.since(delivered).as_secs_f64() * 1000.0;
        request.headers.push(("handling-ms".to_owned(), format!("{handling:.3}")));
    }
    request.bytes += seen.frame.on_wire();
    request.last = seen.last;
    request.complete = done;
    request.headers.extend(properties.facts());
    if let Some(reason) = reason {
        judge(exchange, reason, properties);
    }
}
