//! Makes exchanges of packets: connects and what ends them, and what all of them share. Messages are in `messages`,
//! subscriptions in `subscriptions`.

use std::collections::BTreeMap;

use model::Timestamp;
use model::exchange::{Ending, Exchange, Message, Protocol, Quality};

use crate::decode::{Dir, Env, Loss};
use crate::framing::Frame;

use super::facts;
use super::messages::Aliases;
use super::packet::{self, Connect, Packet};
use super::properties::{ASSIGNED_CLIENT_ID, AUTHENTICATION_METHOD, Properties, REASON_STRING};
use super::reason::{Reason, connect_return, granted, reason};

/// One packet as it came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) dir: Dir,
    pub(super) frame: &'a Frame<'a>,
    pub(super) last: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Publish,
    Subscribe,
    Unsubscribe,
}

/// What waits for an answer with its packet id.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) serial: u32,
    pub(super) kind: Kind,
    /// Bytes of these directions were lost since.
    lost: [bool; 2],
}

/// The exchanges of one connection.
#[derive(Debug, Default)]
pub(super) struct Calls {
    pub(super) version: Option<u8>,
    client: String,
    connect: Option<u32>,
    auth: Option<u32>,
    /// By who gave the id: the client's own, and the broker's deliveries.
    pub(super) pending: [BTreeMap<u16, Pending>; 2],
    pub(super) aliases: [Aliases; 2],
}

impl Calls {
    /// Takes a packet; false when it is none.
    pub(super) fn packet(&mut self, dir: Dir, frame: &Frame<'_>, env: &mut Env<'_, '_>) -> bool {
        let seen = Seen { dir, frame, last: env.at };
        let Some(packet) = packet::read(frame.head[0], frame.payload, self.version) else {
            if let Some(loss) = frame.loss {
                self.packets_lost(dir, loss, env);
            }
            // What is cut short cannot be judged.
            return !frame.whole();
        };
        match packet {
            Packet::Connect(connect) => self.connects(&connect, &seen, env),
            Packet::Connected { present, code, version, properties } => {
                self.version.get_or_insert(version);
                self.connected(present, code, version, &properties, &seen, env);
            }
            Packet::Publish(publish) => self.publish(&publish, &seen, env),
            Packet::Step { step, id, code, properties } => {
                let reason = code.map(|code| reason(code, "Success"));
                self.step(step, id, reason.as_ref(), &properties, &seen, env);
            }
            Packet::Subscribe(asked) => self.subscribe("SUBSCRIBE", &asked, &seen, env),
            Packet::Unsubscribe(asked) => self.subscribe("UNSUBSCRIBE", &asked, &seen, env),
            Packet::Subscribed { id, properties, codes, version } => {
                let reasons: Vec<_> = codes.iter().map(|code| granted(*code, version)).collect();
                self.subscribed(id, "SUBSCRIBE", &reasons, &properties, &seen, env);
            }
            Packet::Unsubscribed { id, properties, codes } => {
                let reasons: Vec<_> = codes.iter().map(|code| reason(*code, "Success")).collect();
                self.subscribed(id, "UNSUBSCRIBE", &reasons, &properties, &seen, env);
            }
            Packet::Ping => {}
            Packet::Disconnect { code, properties } => self.disconnects(code, &properties, &seen, env),
            Packet::Auth { code, properties } => self.auth(code, &properties, &seen, env),
        }
        true
    }

    /// Any number of packets of one direction are missing.
    pub(super) fn packets_lost(&mut self, dir: Dir, loss: Loss, env: &mut Env<'_, '_>) {
        if dir == Dir::ToClient {
            env.ledger.doubt_all(loss.quality());
        }
        self.aliases[dir as usize] = Aliases::default();
        for pending in &mut self.pending {
            for entry in pending.values_mut() {
                entry.lost[dir as usize] = true;
            }
            // Its answer may be gone, and its id given to another.
            for (_, entry) in pending.extract_if(.., |_, entry| entry.lost == [true; 2]) {
                env.ledger.mark(entry.serial, loss.quality());
                env.close(entry.serial);
            }
        }
    }

    /// The broker says no more.
    pub(super) fn unanswered(&mut self, env: &mut Env<'_, '_>) {
        let asked = std::mem::take(&mut self.pending[Dir::ToServer as usize]);
        let asked = asked.into_values().map(|pending| pending.serial);
        for serial in asked.chain(self.connect.take()).chain(self.auth.take()) {
            env.ledger.close(serial, Ending::Closed, env.cx);
        }
    }

    pub(super) fn end(&mut self, ending: Ending, env: &mut Env<'_, '_>) {
        self.pending = [BTreeMap::new(), BTreeMap::new()];
        env.end(ending);
    }

    pub(super) fn held(&self) -> usize {
        let pending: usize = self.pending.iter().map(BTreeMap::len).sum();
        pending * (size_of::<Pending>() + 16) + self.aliases.iter().map(Aliases::held).sum::<usize>()
    }

    fn connects(&mut self, connect: &Connect<'_>, seen: &Seen<'_>, env: &mut Env<'_, '_>) {
        self.version = Some(connect.version);
        self.client.clone_from(&connect.client);
        let mut exchange = exchange("CONNECT", connect.client.clone(), seen, env);
        exchange.request = seen.frame.message(seen.last);
        exchange.request.headers = facts::connect(connect);
        if let Some(will) = &connect.will {
            let size = will.payload.len() as u64;
            facts::body(&mut exchange.request, &will.properties, will.payload, size, env.cx.limits);
        }
        self.connect = Some(open(exchange, seen, env));
    }

    fn connected(
        &mut self,
        present: bool,
        code: u8,
        version: u8,
        properties: &Properties<'_>,
        seen: &Seen<'_>,
        env: &mut Env<'_, '_>,
    ) {
        let reason = if version >= 5 { reason(code, "Success") } else { connect_return(code) };
        let serial = match self.connect.take() {
            Some(serial) => serial,
            None => unasked("CONNECT", seen, env),
        };
        let assigned = properties.text(ASSIGNED_CLIENT_ID);
        self.client = assigned.clone().unwrap_or(std::mem::take(&mut self.client));
        env.ledger.change(serial, seen.last, |exchange| {
            if let Some(assigned) = assigned {
                exchange.target = assigned;
            }
            answer(exchange, seen, Some(&reason), properties);
            if present && let Some(response) = &mut exchange.response {
                response.headers.push(("session-present".to_owned(), "true".to_owned()));
            }
        });
        close(serial, seen, env);
    }

    fn disconnects(
        &mut self,
        code: Option<u8>,
        properties: &Properties<'_>,
        seen: &Seen<'_>,
        env: &mut Env<'_, '_>,
    ) {
        let mut exchange = exchange("DISCONNECT", self.client.clone(), seen, env);
        if let Some(reason) = code.map(|code| reason(code, "Normal disconnection")) {
            judge(&mut exchange, &reason, properties);
        }
        let mut message = seen.frame.message(seen.last);
        message.headers = properties.facts().collect();
        put(&mut exchange, message, seen.dir);
        let serial = open(exchange, seen, env);
        env.finish(serial);
    }

    /// A client proves anew who it is, in any number of steps (MQTT 5, section 4.12); within a connect it is part of it.
    fn auth(&mut self, code: u8, properties: &Properties<'_>, seen: &Seen<'_>, env: &mut Env<'_, '_>) {
        if self.connect.is_some() {
            return;
        }
        match (seen.dir, self.auth) {
            (Dir::ToServer, None) => {
                let method = properties.text(AUTHENTICATION_METHOD).unwrap_or_default();
                let mut exchange = exchange("AUTH", method, seen, env);
                exchange.request = seen.frame.message(seen.last);
                exchange.request.headers = properties.facts().collect();
                self.auth = Some(open(exchange, seen, env));
            }
            (Dir::ToServer, Some(serial)) => {
                env.ledger.change(serial, seen.last, |exchange| {
                    exchange.request.bytes += seen.frame.on_wire();
                    exchange.request.last = seen.last;
                });
            }
            (Dir::ToClient, Some(serial)) => {
                let reason = reason(code, "Success");
                let change = |exchange: &mut Exchange| answer(exchange, seen, Some(&reason), properties);
                env.ledger.change(serial, seen.last, change);
                if code == 0 {
                    self.auth = None;
                    close(serial, seen, env);
                }
            }
            (Dir::ToClient, None) => {}
        }
    }

    /// Waits for an answer with this id; what waited for it before never gets one.
    pub(super) fn enter(&mut self, owner: Dir, id: u16, serial: u32, kind: Kind, env: &mut Env<'_, '_>) {
        let pending = Pending { serial, kind, lost: [false; 2] };
        // Those that were given up wait no more.
        if self.pending[owner as usize].len() >= 2 * env.cx.limits.pending_per_flow {
            self.pending[owner as usize].retain(|_, pending| env.ledger.get(pending.serial).is_some());
        }
        if let Some(before) = self.pending[owner as usize].insert(id, pending) {
            env.close(before.serial);
        }
    }
}

/// An answer came to what was not seen.
pub(super) fn unasked(method: &str, seen: &Seen<'_>, env: &mut Env<'_, '_>) -> u32 {
    let mut exchange = exchange(method, String::new(), seen, env);
    exchange.quality = Quality::NoRequest;
    env.open(exchange)
}

pub(super) fn open(exchange: Exchange, seen: &Seen<'_>, env: &mut Env<'_, '_>) -> u32 {
    let serial = env.open(exchange);
    env.ledger.miss(serial, seen.frame.loss);
    serial
}

pub(super) fn close(serial: u32, seen: &Seen<'_>, env: &mut Env<'_, '_>) {
    env.ledger.miss(serial, seen.frame.loss);
    env.close(serial);
}

pub(super) fn exchange(method: &str, target: String, seen: &Seen<'_>, env: &mut Env<'_, '_>) -> Exchange {
    let mut exchange = env.connection.exchange(Protocol::Mqtt, seen.frame.first);
    method.clone_into(&mut exchange.method);
    exchange.target = target;
    exchange
}

/// Puts a message where it belongs. What the broker sends by itself has waited for it to happen.
pub(super) fn put(exchange: &mut Exchange, message: Message, dir: Dir) {
    match dir {
        Dir::ToServer => exchange.request = message,
        Dir::ToClient => {
            exchange.waits = true;
            exchange.response = Some(message);
        }
    }
}

/// The broker answers.
pub(super) fn answer(
    exchange: &mut Exchange,
    seen: &Seen<'_>,
    reason: Option<&Reason>,
    properties: &Properties<'_>,
) {
    let first = seen.frame.first;
    let response = exchange.response.get_or_insert_with(|| Message { first, ..Message::default() });
    response.bytes += seen.frame.on_wire();
    response.last = seen.last;
    response.complete = true;
    response.headers.extend(properties.facts());
    if let Some(reason) = reason {
        judge(exchange, reason, properties);
    }
}

pub(super) fn judge(exchange: &mut Exchange, reason: &Reason, properties: &Properties<'_>) {
    exchange.status = Some(reason.name.clone().into_owned());
    if reason.failure {
        let words = properties.text(REASON_STRING);
        exchange.failure = Some(words.unwrap_or_else(|| reason.name.clone().into_owned()));
    }
}
