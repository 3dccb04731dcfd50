//! One place of a broker: who left what there.

use std::collections::{HashMap, VecDeque};

use model::Timestamp;
use model::exchange::Protocol;

use super::Sent;
use crate::names::ServiceId;

/// So many senders of one place are remembered.
const SENDERS: usize = 16;
/// So many keys of one place are remembered.
const KEYS: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Place {
    /// Each with its newest message, the newest sender last.
    senders: Vec<(ServiceId, Timestamp)>,
    keys: HashMap<String, Keyed>,
    order: VecDeque<String>,
}

#[derive(Debug)]
struct Keyed {
    by: ServiceId,
    /// `None` when several messages with this key are on their way: it does not tell one from the other.
    at: Option<Timestamp>,
    received: bool,
}

impl Place {
    pub(super) fn send(&mut self, by: ServiceId, at: Timestamp, key: Option<&str>) {
        self.senders.retain(|(sender, _)| *sender != by);
        self.senders.push((by, at));
        if self.senders.len() > SENDERS {
            self.senders.remove(0);
        }
        let Some(key) = key else { return };
        if let Some(known) = self.keys.get_mut(key) {
            let clear = known.received;
            *known = Keyed { by, at: Some(at).filter(|_| clear), received: false };
            return;
        }
        self.keys.insert(key.to_owned(), Keyed { by, at: Some(at), received: false });
        self.order.push_back(key.to_owned());
        if self.order.len() > KEYS
            && let Some(oldest) = self.order.pop_front()
        {
            self.keys.remove(&oldest);
        }
    }

    /// Who left the message that was received at this moment, and when, where that is known.
    pub(super) fn receive(&mut self, at: Timestamp, key: Option<&str>) -> Option<Sent> {
        if let Some(known) = key.and_then(|key| self.keys.get_mut(key)) {
            // It stays: a message may go to several receivers.
            known.received = true;
            return Some((known.by, known.at.filter(|sent| *sent <= at)));
        }
        let before = self.senders.iter().rfind(|(_, sent)| *sent <= at);
        before.or(self.senders.last()).map(|(sender, _)| (*sender, None))
    }

    pub(super) fn knows(&self, key: &str) -> bool {
        self.keys.contains_key(key)
    }

    pub(super) fn last_sent(&self) -> Option<Timestamp> {
        self.senders.iter().map(|(_, at)| *at).max()
    }
}

/// Whether a subscription to `pattern` gets what is sent to `name`.
pub(super) fn covers(protocol: Protocol, pattern: &str, name: &str) -> bool {
    match protocol {
        Protocol::Redis => pattern.contains(['*', '?']) && glob(pattern.as_bytes(), name.as_bytes()),
        Protocol::Nats => levels(pattern, name, '.', "*", ">"),
        Protocol::Mqtt => levels(pattern, name, '/', "+", "#"),
        _ => false,
    }
}

/// NATS' subjects and MQTT's topic filters: `one` stands for a level, `rest` for all that follow.
fn levels(pattern: &str, name: &str, separator: char, one: &str, rest: &str) -> bool {
    let mut names = name.split(separator);
    for level in pattern.split(separator) {
        if level == rest {
            return true;
        }
        match names.next() {
            Some(name) if level == one || level == name => {}
            _ => return false,
        }
    }
    names.next().is_none()
}

/// Redis' patterns, as far as `*` and `?` go.
fn glob(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(letter) if *letter == b'?' || Some(letter) == name.get(n) => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    n = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|letter| *letter == b'*')
}
