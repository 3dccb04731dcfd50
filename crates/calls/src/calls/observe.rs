//! What one report does to the store, the edges and the totals.

use std::net::SocketAddr;

use model::call::{Background, Call};
use model::exchange::{Ending, Exchange};

use super::{Calls, Change, Slot, Source};
use crate::background::Asked;
use crate::brokers::Known;
use crate::edges::{Edges, Share};
use crate::ends::Ends;
use crate::hairpin::Half;
use crate::judge::Heard;
use crate::names::ServiceId;
use crate::progress::Progress;
use crate::redact::Hidden;
use crate::shape::{self, Identity, base36};
use crate::store::{Entry, Key};
use crate::{coding, inside, judge};

/// An exchange that was told for the first time.
struct Told {
    call: Call,
    ends: Ends,
    latency: bool,
    hidden: Hidden,
}

impl Calls {
    pub(super) fn insert(&mut self, key: Key, exchange: Exchange) -> Change {
        let ordinal = self.store.next();
        let Some(Told { call, ends, latency, hidden }) = self.tell(key, ordinal, exchange) else {
            return Change::Ignored;
        };
        let id = call.id.clone();
        let mut removed = None;
        if let Some(half) = ends.half {
            let stored = |ordinal: u64| self.store.get(ordinal).map(|entry| &entry.call);
            match (self.hairpins.partner(half, &call, stored), half) {
                (Some(_), Half::Inner(..)) => {
                    self.haunt(key, Slot::Merged);
                    return Change::Ignored;
                }
                (Some(inner), Half::Outer(..)) => removed = self.take_out(inner),
                (None, _) => self.hairpins.remember(half, ordinal),
            }
        }
        let share = self.edges.share(ends.from, ends.to, &call, latency);
        self.edges.add(&share);
        self.brokers.observe((ends.from, ends.to), &call, Known::default());
        self.hosts.hear(&call);
        self.axis.add(call.ts, !call.ok);
        self.head.total += 1;
        self.head.failed += u64::from(!call.ok);
        self.head.pending += u64::from(!call.done);
        self.slots.insert(key, Slot::Kept(ordinal));
        let done = call.done;
        self.store.push(Entry::new(call, key, share));
        self.secrets.keep(ordinal, hidden);
        if done {
            self.beat(ordinal);
        }
        self.evict();
        match removed {
            Some(removed) => Change::Replaced { id, removed },
            None => Change::New(id),
        }
    }

    /// A call that is handed on and not kept; `None` for what is no call.
    pub(crate) fn pass(&mut self, exchange: Exchange) -> Option<Call> {
        let ordinal = self.head.total;
        let key = (Source::default().0, exchange.conn, exchange.serial);
        let Told { mut call, ends, latency, .. } = self.tell(key, ordinal, exchange)?;
        self.head.total += 1;
        self.hosts.hear(&call);
        let share = self.edges.share(ends.from, ends.to, &call, latency);
        if may_be_poll(&call)
            && self.rhythms.beat(self.edges.route(&share), &call, ordinal).contains(&ordinal)
        {
            call.background = Some(Background::Poll);
        }
        Some(call)
    }

    /// The call that an exchange is; `None` for one of Shoal's own probes, and of strangers.
    fn tell(&mut self, key: Key, ordinal: u64, mut exchange: Exchange) -> Option<Told> {
        let (home, begun) = (self.home(key.0), judge::start(&exchange));
        let ends = Ends::of(&self.names, home, (exchange.client, exchange.server), begun);
        if ends.is_of_strangers(&self.names, &exchange) {
            return None;
        }
        if ends.is_probe(&self.names, &exchange) {
            self.head.probes += u64::from(exchange.done);
            if exchange.done && exchange.ending != Ending::Idle && judge::ok(&exchange) {
                self.names.listens(ends.to);
            }
            return None;
        }
        let hidden = self.prepare(&mut exchange);
        let latency = judge::is_latency(&exchange);
        let identity = Identity {
            id: format!("{}-{}", self.epoch, base36(ordinal)),
            conn: self.conn_name(key),
            from: self.names.name(ends.from).to_owned(),
            to: self.names.name(ends.to).to_owned(),
            hosts: [self.host(ends.from, exchange.client), self.host(ends.to, exchange.server)],
            note: ends.note.clone(),
            route: self.route_of(ends.to, &exchange),
            background: self.background(&ends, home, &exchange),
            redacted: !hidden.is_empty(),
            forbidden: self.manifest.forbids(self.names.name(ends.from), self.names.name(ends.to)),
        };
        Some(Told { call: shape::call(exchange, identity), ends, latency, hidden })
    }

    /// Whether it says nothing about what the stack does: by what it asks, or since Shoal runs the check in the service's
    /// own container that the manifest names, which asks over loopback.
    pub(super) fn background(&self, ends: &Ends, home: ServiceId, exchange: &Exchange) -> Option<Background> {
        let callee = self.names.name(ends.to);
        let asked = Asked::by(exchange).background(self.manifest.ready_path(callee));
        let checked = home != 0
            && self.manifest.is_checked_within(callee)
            && self.names.is_probing(home, judge::start(exchange));
        asked.or(checked.then_some(Background::Health))
    }

    fn route_of(&mut self, to: ServiceId, exchange: &Exchange) -> String {
        let heard = judge::heard(exchange.protocol, exchange.status.as_deref());
        self.learn_route(to, exchange.protocol, &judge::operation(exchange), heard)
    }

    pub(super) fn update(&mut self, ordinal: u64, mut exchange: Exchange) -> Change {
        let Some(entry) = self.store.get(ordinal) else { return Change::Ignored };
        if Progress::of(&exchange) <= Progress::of_call(&entry.call) {
            return Change::Ignored;
        }
        let hidden = self.prepare(&mut exchange);
        let latency = judge::is_latency(&exchange);
        let Some(old) = self.store.get(ordinal) else { return Change::Ignored };
        let was = (old.share, old.call.done);
        let (from, to) = self.edges.ends(&old.share);
        let mut identity = Identity {
            id: old.call.id.clone(),
            conn: old.call.conn.clone(),
            from: old.call.from.service.clone(),
            to: old.call.to.service.clone(),
            hosts: [old.call.from.host.clone(), old.call.to.host.clone()],
            note: old.call.note.clone(),
            route: old.call.route.clone(),
            background: Asked::by(&exchange)
                .background(self.manifest.ready_path(&old.call.to.service))
                .or(old.call.background),
            redacted: !hidden.is_empty(),
            forbidden: old.call.forbidden,
        };
        let operation = judge::operation(&exchange);
        let unheard = judge::heard(old.call.protocol, old.call.status.as_deref()) == Heard::Nothing;
        if operation != old.call.operation || (unheard && exchange.status.is_some()) {
            identity.route = self.route_of(to, &exchange);
        }
        let call = shape::call(exchange, identity);
        let share = self.edges.share(from, to, &call, latency);
        let (id, done) = (call.id.clone(), call.done);
        self.hosts.hear(&call);
        if call.topic.is_some() {
            let before = self.store.get(ordinal).map(|entry| Known::before(&entry.call, &call));
            self.brokers.observe((from, to), &call, before.unwrap_or_default());
        }
        self.store.change(ordinal, |entry| {
            entry.call = call;
            entry.share = share;
            entry.bodies = [None; 2];
        });
        self.replace_share(&was.0, &share);
        self.secrets.keep(ordinal, hidden);
        if done && !was.1 {
            self.head.pending = self.head.pending.saturating_sub(1);
            self.beat(ordinal);
        }
        self.evict();
        Change::Updated(id)
    }

    /// An evicted call went on: its edges and the totals follow.
    pub(super) fn recount(&mut self, key: Key, (was, known): (Share, Known), exchange: Exchange) {
        let latency = judge::is_latency(&exchange);
        let unnamed = Identity {
            id: String::new(),
            conn: String::new(),
            from: String::new(),
            to: String::new(),
            hosts: [None, None],
            note: None,
            route: String::new(),
            background: None,
            redacted: false,
            forbidden: false,
        };
        let call = shape::call(exchange, unnamed);
        let share = Edges::share_of(was, &call, latency);
        self.replace_share(&was, &share);
        self.brokers.observe(self.edges.ends(&was), &call, known);
        if call.done {
            self.slots.remove(&key);
            self.head.pending = self.head.pending.saturating_sub(1);
        } else {
            self.slots.insert(key, Slot::Evicted(share, Known::of(&call)));
        }
    }

    /// What somebody who is no service of the stack is called in the world.
    fn host(&self, service: ServiceId, addr: SocketAddr) -> Option<String> {
        let host = if service == 0 { self.hosts.name(addr.ip()) } else { None };
        host.map(str::to_owned)
    }

    /// A call has ended: it may be one of a row that is a poll.
    fn beat(&mut self, ordinal: u64) {
        let Some(entry) = self.store.get(ordinal) else { return };
        if !may_be_poll(&entry.call) {
            return;
        }
        for poll in self.rhythms.beat(self.edges.route(&entry.share), &entry.call, ordinal) {
            self.store.change(poll, |entry| entry.call.background = Some(Background::Poll));
        }
    }

    fn replace_share(&mut self, was: &Share, is: &Share) {
        if was == is {
            return;
        }
        self.edges.remove(was);
        self.edges.add(is);
        self.axis.remove(was.at(), was.failed());
        self.axis.add(is.at(), is.failed());
        self.head.failed = self.head.failed + u64::from(is.failed()) - u64::from(was.failed());
    }

    /// Hides what must not be kept and cuts what is too long, before anything else sees the exchange. What was hidden is
    /// handed back, for memory alone. What is left of an answer's body may say that it failed.
    pub fn prepare(&self, exchange: &mut Exchange) -> Hidden {
        for message in std::iter::once(&mut exchange.request).chain(&mut exchange.response) {
            coding::remove(message, self.body_limit);
            coding::remove_of_messages(message, self.body_limit);
        }
        let hidden = self.redaction.exchange(exchange);
        for message in std::iter::once(&mut exchange.request).chain(&mut exchange.response) {
            if message.body.len() > self.body_limit {
                message.body.truncate(self.body_limit);
                message.cut = true;
            }
            let mut room = message.body.len() as u32;
            for part in &mut message.parts {
                part.kept = part.kept.min(room);
                room -= part.kept;
            }
        }
        exchange.failure = exchange.failure.take().or_else(|| inside::failure(exchange));
        hidden
    }

    fn conn_name(&self, (capture, conn, _): Key) -> String {
        match capture {
            0 => format!("{}.{}", self.epoch, base36(conn)),
            _ => format!("{}.{}.{}", self.epoch, base36(capture.into()), base36(conn)),
        }
    }

    /// Takes a call out of store and counts, since it turned out to be a part of another.
    fn take_out(&mut self, ordinal: u64) -> Option<String> {
        let entry = self.store.remove(ordinal)?;
        self.edges.remove(&entry.share);
        self.axis.remove(entry.share.at(), entry.share.failed());
        self.head.total -= 1;
        self.head.failed -= u64::from(!entry.call.ok);
        self.head.pending = self.head.pending.saturating_sub(u64::from(!entry.call.done));
        self.haunt(entry.key, Slot::Merged);
        self.forget(&entry, ordinal);
        if entry.saved {
            self.retracted.push(entry.call.id.clone());
        }
        Some(entry.call.id)
    }

    pub(super) fn evict(&mut self) {
        while self.store.len() > self.limits.calls || self.store.bytes() > self.limits.bytes {
            let Some((ordinal, entry)) = self.store.pop() else { return };
            self.head.evicted += 1;
            self.forget(&entry, ordinal);
            if entry.call.done {
                self.slots.remove(&entry.key);
            } else {
                self.haunt(entry.key, Slot::Evicted(entry.share, Known::of(&entry.call)));
            }
        }
    }

    fn haunt(&mut self, key: Key, slot: Slot) {
        self.slots.insert(key, slot);
        self.ghosts.push_back(key);
        while self.ghosts.len() > self.limits.calls.max(1) {
            let Some(oldest) = self.ghosts.pop_front() else { return };
            match self.slots.get(&oldest) {
                Some(Slot::Evicted(..)) => {
                    self.slots.remove(&oldest);
                    self.head.pending = self.head.pending.saturating_sub(1);
                }
                Some(Slot::Merged) => {
                    self.slots.remove(&oldest);
                }
                Some(Slot::Kept(_)) | None => {}
            }
        }
    }
}

fn may_be_poll(call: &Call) -> bool {
    call.background.is_none_or(|background| background == Background::Poll)
}
