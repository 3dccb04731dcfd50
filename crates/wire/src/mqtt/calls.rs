//! Makes exchanges of packets: connects and what ends them, and what all of them share. Messages are in `messages`,
//! subscriptions in `subscriptions`.

use std::collections::BTreeMap;

use model::Timestamp;
use model::exchange::{Ending, Exchange, Message, Protocol, Quality};

use crate::conversation::{Connection, Cx, Dir, Loss};
use crate::framing::Frame;
use crate::ledger::Ledger;
use crate::limits::Limits;

use super::facts;
use super::messages::Aliases;
use super::packet::{self, Connect, Packet};
use super::properties::{ASSIGNED_CLIENT_ID, AUTHENTICATION_METHOD, Properties, REASON_STRING};
use super::reason::{Reason, connect_return, granted, reason};

/// One packet as it came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) dir: Dir,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    /// Its size on the wire.
    pub(super) size: u64,
    /// What is behind its fixed header, as far as it is kept.
    pub(super) body: &'a [u8],
    pub(super) body_size: u64,
    pub(super) loss: Option<Loss>,
}

/// What is needed to open and close an exchange.
#[derive(Debug)]
pub(super) struct Env<'a, 'b> {
    pub(super) connection: &'a mut Connection,
    pub(super) cx: &'a mut Cx<'b>,
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
    pub(super) ledger: Ledger,
    connect: Option<u32>,
    auth: Option<u32>,
    /// By who gave the id: the client's own, and the broker's deliveries.
    pub(super) pending: [BTreeMap<u16, Pending>; 2],
    pub(super) aliases: [Aliases; 2],
}

impl Calls {
    /// Takes a packet; false when it is none.
    pub(super) fn packet(
        &mut self,
        dir: Dir,
        frame: &Frame<'_>,
        at: Timestamp,
        env: &mut Env<'_, '_>,
    ) -> bool {
        let seen = Seen {
            dir,
            first: frame.first,
            last: at,
            size: frame.head.len() as u64 + frame.size,
            body: frame.payload,
            body_size: frame.size,
            loss: frame.loss,
        };
        let Some(packet) = packet::read(frame.head[0], seen.body, self.version) else {
            if let Some(loss) = seen.loss {
                self.packets_lost(dir, loss, env.cx);
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
    pub(super) fn packets_lost(&mut self, dir: Dir, loss: Loss, cx: &mut Cx<'_>) {
        if dir == Dir::ToClient {
            self.ledger.doubt_all(loss.quality());
        }
        self.aliases[dir as usize] = Aliases::default();
        for pending in &mut self.pending {
            for entry in pending.values_mut() {
                entry.lost[dir as usize] = true;
            }
            // Its answer may be gone, and its id given to another.
            for (_, entry) in pending.extract_if(.., |_, entry| entry.lost == [true; 2]) {
                self.ledger.mark(entry.serial, loss.quality());
                self.ledger.close(entry.serial, Ending::Open, cx);
            }
        }
    }

    /// The broker says no more.
    pub(super) fn unanswered(&mut self, cx: &mut Cx<'_>) {
        let asked = std::mem::take(&mut self.pending[Dir::ToServer as usize]);
        let asked = asked.into_values().map(|pending| pending.serial);
        for serial in asked.chain(self.connect.take()).chain(self.auth.take()) {
            self.ledger.close(serial, Ending::Closed, cx);
        }
    }

    pub(super) fn end(&mut self, ending: Ending, cx: &mut Cx<'_>) {
        self.pending = [BTreeMap::new(), BTreeMap::new()];
        self.ledger.end(ending, cx);
    }

    pub(super) fn any(&self) -> bool {
        self.ledger.any()
    }

    pub(super) fn held(&self) -> usize {
        let pending: usize = self.pending.iter().map(BTreeMap::len).sum();
        self.ledger.held()
            + pending * (size_of::<Pending>() + 16)
            + self.aliases.iter().map(Aliases::held).sum::<usize>()
    }

    fn connects(&mut self, connect: &Connect<'_>, seen: &Seen<'_>, env: &mut Env<'_, '_>) {
        self.version = Some(connect.version);
        self.client.clone_from(&connect.client);
        let mut exchange = exchange("CONNECT", connect.client.clone(), seen, env);
        exchange.request = message(seen);
        exchange.request.headers = facts::connect(connect);
        if let Some(will) = &connect.will {
            let size = will.payload.len() as u64;
            facts::body(&mut exchange.request, &will.properties, will.payload, size, env.cx.limits);
        }
        self.connect = Some(self.open(exchange, seen, env));
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
            None => self.unasked("CONNECT", seen, env),
        };
        let assigned = properties.text(ASSIGNED_CLIENT_ID);
        self.client = assigned.clone().unwrap_or(std::mem::take(&mut self.client));
        self.ledger.change(serial, seen.last, |exchange| {
            if let Some(assigned) = assigned {
                exchange.target = assigned;
            }
            answer(exchange, seen, Some(&reason), properties);
            if present && let Some(response) = &mut exchange.response {
                response.headers.push(("session-present".to_owned(), "true".to_owned()));
            }
        });
        self.close(serial, seen, env);
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
        let mut message = message(seen);
        message.headers = properties.facts().collect();
        put(&mut exchange, message, seen.dir);
        let serial = self.open(exchange, seen, env);
        self.ledger.finish(serial, Ending::Open, env.cx);
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
                exchange.request = message(seen);
                exchange.request.headers = properties.facts().collect();
                self.auth = Some(self.open(exchange, seen, env));
            }
            (Dir::ToServer, Some(serial)) => {
                self.ledger.change(serial, seen.last, |exchange| {
                    exchange.request.bytes += seen.size;
                    exchange.request.last = seen.last;
                });
            }
            (Dir::ToClient, Some(serial)) => {
                let reason = reason(code, "Success");
                let change = |exchange: &mut Exchange| answer(exchange, seen, Some(&reason), properties);
                self.ledger.change(serial, seen.last, change);
                if code == 0 {
                    self.auth = None;
                    self.close(serial, seen, env);
                }
            }
            (Dir::ToClient, None) => {}
        }
    }

    /// An answer came to what was not seen.
    pub(super) fn unasked(&mut self, method: &str, seen: &Seen<'_>, env: &mut Env<'_, '_>) -> u32 {
        let mut exchange = exchange(method, String::new(), seen, env);
        exchange.quality = Quality::NoRequest;
        self.ledger.open(exchange, seen.last, env.cx)
    }

    pub(super) fn open(&mut self, exchange: Exchange, seen: &Seen<'_>, env: &mut Env<'_, '_>) -> u32 {
        let serial = self.ledger.open(exchange, seen.last, env.cx);
        if let Some(loss) = seen.loss {
            self.ledger.mark(serial, loss.quality());
        }
        serial
    }

    pub(super) fn close(&mut self, serial: u32, seen: &Seen<'_>, env: &mut Env<'_, '_>) {
        if let Some(loss) = seen.loss {
            self.ledger.mark(serial, loss.quality());
        }
        self.ledger.close(serial, Ending::Open, env.cx);
    }

    /// Waits for an answer with this id; what waited for it before never gets one.
    pub(super) fn enter(&mut self, owner: Dir, id: u16, serial: u32, kind: Kind, env: &mut Env<'_, '_>) {
        let pending = Pending { serial, kind, lost: [false; 2] };
        // Those that were given up wait no more.
        if self.pending[owner as usize].len() >= 2 * env.cx.limits.pending_per_flow {
            self.pending[owner as usize].retain(|_, pending| self.ledger.get(pending.serial).is_some());
        }
        if let Some(before) = self.pending[owner as usize].insert(id, pending) {
            self.ledger.close(before.serial, Ending::Open, env.cx);
        }
    }

    /// How much of bodies is kept: nothing more where too many messages wait for their answer.
    pub(super) fn limits(&self, env: &Env<'_, '_>) -> Limits {
        let limits = env.cx.limits;
        let body = if self.ledger.held() < limits.flow_buffer { limits.body } else { 0 };
        Limits { body, ..*limits }
    }
}

pub(super) fn exchange(method: &str, target: String, seen: &Seen<'_>, env: &mut Env<'_, '_>) -> Exchange {
    let mut exchange = env.connection.exchange(Protocol::Mqtt, seen.first);
    method.clone_into(&mut exchange.method);
    exchange.target = target;
    exchange
}

pub(super) fn message(seen: &Seen<'_>) -> Message {
    Message {
        bytes: seen.size,
        first: seen.first,
        last: seen.last,
        cut: seen.loss.is_some(),
        complete: seen.loss.is_none(),
        ..Message::default()
    }
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
    let first = seen.first;
    let response = exchange.response.get_or_insert_with(|| Message { first, ..Message::default() });
    response.bytes += seen.size;
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
