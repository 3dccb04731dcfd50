//! The way of an exchange into the store, and what can be asked about all calls at once.

use std::collections::{HashMap, VecDeque};

use model::Timestamp;
use model::call::{Call, Edge};
use model::exchange::{Ending, Exchange, Protocol};
use model::plan::CallsConfig;

use crate::axis::{Axis, Bin};
use crate::edges::{EdgeRate, Edges, Share};
use crate::hairpin::{Hairpins, Half};
use crate::judge;
use crate::names::{Names, ServiceId};
use crate::query::{self, Page, Position, Query};
use crate::redact::Redaction;
use crate::shape::{self, Identity, base36, from_base36};
use crate::store::{Entry, Key, Store};

/// The user agent of Shoal's own readiness probes.
const PROBE: &str = "shoal-probe";

/// How much is kept before the oldest goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Calls.
    pub calls: usize,
    /// Bytes in memory: records, headers and bodies.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { calls: 50_000, bytes: 128 * 1024 * 1024 }
    }
}

/// What a report did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It is the first of this call.
    New(String),
    /// It told more about this call.
    Updated(String),
    /// It is the first of call `id`, and showed that `removed` was only a part of it.
    Replaced {
        /// The call to show.
        id: String,
        /// The call that is gone.
        removed: String,
    },
    /// It is no call of its own, or told nothing new, or its call has been evicted.
    Ignored,
}

/// The numbers over all calls of this session, evicted ones included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Head {
    /// Calls seen.
    pub total: u64,
    /// Calls that may still change.
    pub pending: u64,
    /// Calls that failed.
    pub failed: u64,
    /// Calls no longer kept.
    pub evicted: u64,
    /// Shoal's own readiness probes, which are no calls.
    pub probes: u64,
    /// Grows with every change.
    pub revision: u64,
}

/// What changed since a revision.
#[derive(Debug)]
pub struct Changes<'a> {
    /// Each changed call once, as it is now, in the order of its newest change.
    pub calls: Vec<&'a Call>,
    /// Where to go on.
    pub revision: u64,
}

/// What became of a report's call.
#[derive(Debug)]
enum Slot {
    /// It is in the store under this number.
    Kept(u64),
    /// It was evicted before it was done; its edge still counts it.
    Evicted(Share, ServiceId, ServiceId),
    /// It is the inner half of another call.
    Merged,
}

/// All calls of a session.
#[derive(Debug)]
pub struct Calls {
    redaction: Redaction,
    body_limit: usize,
    limits: Limits,
    epoch: String,
    names: Names,
    store: Store,
    slots: HashMap<Key, Slot>,
    /// Keys of [`Slot::Evicted`] and [`Slot::Merged`], oldest first, so that they too are bounded.
    ghosts: VecDeque<Key>,
    edges: Edges,
    axis: Axis,
    hairpins: Hairpins,
    capture: u32,
    head: Head,
}

impl Calls {
    /// An empty store. `epoch` begins every id and connection name; it must differ from that of any other session of
    /// the stack.
    pub fn new(config: &CallsConfig, limits: Limits, epoch: &str) -> Self {
        Self {
            redaction: Redaction::new(config),
            body_limit: config.body_limit,
            limits,
            epoch: epoch.to_owned(),
            names: Names::default(),
            store: Store::default(),
            slots: HashMap::new(),
            ghosts: VecDeque::new(),
            edges: Edges::default(),
            axis: Axis::default(),
            hairpins: Hairpins::default(),
            capture: 0,
            head: Head::default(),
        }
    }

    /// Follows a changed manifest. What is already stored stays as it is.
    pub fn configure(&mut self, config: &CallsConfig) {
        self.redaction = Redaction::new(config);
        self.body_limit = config.body_limit;
    }

    /// Who has which address.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Who has which address.
    pub fn names_mut(&mut self) -> &mut Names {
        &mut self.names
    }

    /// Takes one report. The newest report of a `(conn, serial)` replaces the older ones.
    pub fn observe(&mut self, mut exchange: Exchange) -> Change {
        self.settle();
        let key = (self.capture, exchange.conn, exchange.serial);
        match self.slots.get(&key) {
            Some(Slot::Kept(ordinal)) => self.update(*ordinal, exchange),
            Some(Slot::Evicted(share, from, to)) => {
                let (share, from, to) = (*share, *from, *to);
                self.redaction.exchange(&mut exchange);
                self.recount(key, share, from, to, exchange);
                Change::Ignored
            }
            Some(Slot::Merged) => Change::Ignored,
            None => self.insert(key, exchange),
        }
    }

    /// A capture begins, and with it new numbers of connections. What the last one left unfinished stays so.
    pub fn restart_capture(&mut self) {
        self.capture += 1;
        let open: Vec<u64> = self.store.order().iter().map(|(_, ordinal)| *ordinal).collect();
        for ordinal in open {
            if self.store.get(ordinal).is_some_and(|entry| !entry.call.done) {
                self.store.change(ordinal, |entry| {
                    entry.call.done = true;
                    add_note(&mut entry.call.note, "the capture ended before this call did");
                });
            }
        }
        let kept = self.slots.drain().filter(|(_, slot)| matches!(slot, Slot::Kept(_))).collect();
        self.slots = kept;
        self.ghosts.clear();
        self.hairpins = Hairpins::default();
        self.head.pending = 0;
    }

    /// Gives calls the names that were learnt after they were seen. Every [`observe`](Self::observe) begins with it.
    pub fn settle(&mut self) {
        let fresh = self.names.take_fresh();
        let Some(since) = fresh.iter().map(|(_, at)| *at).min() else { return };
        let recent = self.store.order().iter().rev().take_while(|(at, _)| *at >= since);
        let recent: Vec<u64> = recent.map(|(_, ordinal)| *ordinal).collect();
        for ordinal in recent {
            let Some(entry) = self.store.get(ordinal) else { continue };
            let (client, server) = (entry.call.from.addr, entry.call.to.addr);
            let touched = |ip: std::net::IpAddr| fresh.iter().any(|(addr, _)| *addr == ip.to_canonical());
            if !touched(client.ip()) && !touched(server.ip()) {
                continue;
            }
            let ends = Ends::of(&self.names, client, server, entry.call.ts);
            let (from, to) = (self.names.name(ends.from), self.names.name(ends.to));
            if entry.call.from.service == from && entry.call.to.service == to {
                continue;
            }
            let (from, to) = (from.to_owned(), to.to_owned());
            let (edges, names) = (&mut self.edges, &ends);
            self.store.change(ordinal, |entry| {
                entry.call.from.service = from;
                entry.call.to.service = to;
                edges.remove(&entry.share);
                entry.share = edges.moved(names.from, names.to, entry.call.protocol, entry.share);
                edges.add(&entry.share);
            });
        }
    }

    /// The numbers over all calls.
    pub fn head(&self) -> Head {
        Head { revision: self.store.revision(), ..self.head }
    }

    /// How many calls are kept.
    pub fn len(&self) -> usize {
        self.store.len()
    }

    /// Whether no call is kept.
    pub fn is_empty(&self) -> bool {
        self.store.len() == 0
    }

    /// Bytes in memory of all kept calls.
    pub fn bytes(&self) -> usize {
        self.store.bytes()
    }

    /// One call, unless it is unknown or evicted.
    pub fn get(&self, id: &str) -> Option<&Call> {
        let ordinal = from_base36(id.strip_prefix(&self.epoch)?.strip_prefix('-')?)?;
        Some(&self.store.get(ordinal)?.call)
    }

    /// At most `limit` calls that match, from a position on.
    pub fn list(&self, query: &Query, from: Position, limit: usize) -> Page<'_> {
        query::page(&self.store, query, from, limit)
    }

    /// At most `limit` calls that changed after `revision`; after 0 that is all that are kept.
    pub fn changes(&self, revision: u64, limit: usize) -> Changes<'_> {
        let mut changes = Changes { calls: Vec::new(), revision };
        for (at, entry) in self.store.changed(revision) {
            if changes.calls.len() == limit {
                return changes;
            }
            changes.calls.push(&entry.call);
            changes.revision = at;
        }
        changes.revision = self.store.revision();
        changes
    }

    /// Every edge that was seen, with the calls that are no longer kept.
    pub fn edges(&self) -> Vec<Edge> {
        self.edges.list(&self.names)
    }

    /// How often each edge was used from `since` to `until`, as far as its calls are kept.
    pub fn edge_rates(&self, since: Timestamp, until: Timestamp) -> Vec<EdgeRate> {
        query::edge_rates(&self.store, since, until)
    }

    /// Calls and errors in `bins` equal spans from `from` to `to`, evicted ones included; a quarter of a second is the
    /// finest step, a day the longest memory.
    pub fn series(&self, from: Timestamp, to: Timestamp, bins: usize) -> Vec<Bin> {
        self.axis.series(from, to, bins)
    }

    fn insert(&mut self, key: Key, mut exchange: Exchange) -> Change {
        let at = judge::start(&exchange);
        let ends = Ends::of(&self.names, exchange.client, exchange.server, at);
        if self.is_probe(&exchange, &ends, at) {
            self.head.probes += u64::from(exchange.done);
            return Change::Ignored;
        }
        self.prepare(&mut exchange);
        let latency = judge::is_latency(&exchange);
        let ordinal = self.store.next();
        let identity = Identity {
            id: format!("{}-{}", self.epoch, base36(ordinal)),
            conn: self.conn_name(key),
            from: self.names.name(ends.from).to_owned(),
            to: self.names.name(ends.to).to_owned(),
            note: ends.note.clone(),
        };
        let call = shape::call(exchange, identity);
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
        self.axis.add(call.ts, !call.ok);
        self.head.total += 1;
        self.head.failed += u64::from(!call.ok);
        self.head.pending += u64::from(!call.done);
        self.slots.insert(key, Slot::Kept(ordinal));
        self.store.push(Entry::new(call, key, share));
        self.evict();
        match removed {
            Some(removed) => Change::Replaced { id, removed },
            None => Change::New(id),
        }
    }

    fn update(&mut self, ordinal: u64, mut exchange: Exchange) -> Change {
        let Some(entry) = self.store.get(ordinal) else { return Change::Ignored };
        if progress_of(&exchange) <= progress_of_call(&entry.call) {
            return Change::Ignored;
        }
        self.prepare(&mut exchange);
        let latency = judge::is_latency(&exchange);
        let Some(old) = self.store.get(ordinal) else { return Change::Ignored };
        let was = (old.share, old.call.done);
        let (from, to) = self.edges.ends(&old.share);
        let identity = Identity {
            id: old.call.id.clone(),
            conn: old.call.conn.clone(),
            from: old.call.from.service.clone(),
            to: old.call.to.service.clone(),
            note: old.call.note.clone(),
        };
        let call = shape::call(exchange, identity);
        let share = self.edges.share(from, to, &call, latency);
        let (id, done) = (call.id.clone(), call.done);
        self.store.change(ordinal, |entry| {
            entry.call = call;
            entry.share = share;
        });
        self.replace_share(&was.0, &share);
        if done && !was.1 {
            self.head.pending = self.head.pending.saturating_sub(1);
        }
        self.evict();
        Change::Updated(id)
    }

    /// An evicted call went on: its edge and the totals follow.
    fn recount(&mut self, key: Key, was: Share, from: ServiceId, to: ServiceId, exchange: Exchange) {
        let latency = judge::is_latency(&exchange);
        let unnamed = Identity {
            id: String::new(),
            conn: String::new(),
            from: String::new(),
            to: String::new(),
            note: None,
        };
        let call = shape::call(exchange, unnamed);
        let share = self.edges.share(from, to, &call, latency);
        self.replace_share(&was, &share);
        if call.done {
            self.slots.remove(&key);
            self.head.pending = self.head.pending.saturating_sub(1);
        } else {
            self.slots.insert(key, Slot::Evicted(share, from, to));
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

    /// Hides what must not be kept and cuts what is too long, before anything else sees the exchange.
    fn prepare(&self, exchange: &mut Exchange) {
        self.redaction.exchange(exchange);
        for message in std::iter::once(&mut exchange.request).chain(&mut exchange.response) {
            if message.body.len() > self.body_limit {
                message.body.truncate(self.body_limit);
                message.cut = true;
            }
        }
    }

    /// Shoal's own probes come from this machine: with its user agent, or as connects that carry nothing, either
    /// closed at once or tried while the service was being probed.
    fn is_probe(&self, exchange: &Exchange, ends: &Ends, at: Timestamp) -> bool {
        if ends.from != 0 {
            return false;
        }
        match exchange.protocol {
            Protocol::Http1 => judge::header(&exchange.request, "user-agent")
                .is_some_and(|agent| agent.split('/').next() == Some(PROBE)),
            Protocol::Tcp => {
                let silent = exchange.request.bytes == 0
                    && exchange.response.as_ref().is_none_or(|response| response.bytes == 0);
                let here = self.names.is_gateway(exchange.client.ip());
                let own = match exchange.ending {
                    Ending::Open | Ending::Closed => true,
                    Ending::Reset | Ending::Refused | Ending::NoAnswer | Ending::Idle => {
                        self.names.is_probing(ends.to, at)
                    }
                };
                silent && here && own
            }
        }
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
        Some(entry.call.id)
    }

    fn evict(&mut self) {
        while self.store.len() > self.limits.calls || self.store.bytes() > self.limits.bytes {
            let Some(entry) = self.store.pop() else { return };
            self.head.evicted += 1;
            if entry.call.done || entry.key.0 != self.capture {
                self.slots.remove(&entry.key);
            } else {
                let (from, to) = self.edges.ends(&entry.share);
                self.haunt(entry.key, Slot::Evicted(entry.share, from, to));
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

/// Who is at each end, and what that says about the call.
struct Ends {
    from: ServiceId,
    to: ServiceId,
    half: Option<Half>,
    note: Option<String>,
}

impl Ends {
    fn of(names: &Names, client: std::net::SocketAddr, server: std::net::SocketAddr, at: Timestamp) -> Self {
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
}

fn add_note(note: &mut Option<String>, more: &str) {
    *note = Some(match note.take() {
        Some(before) => format!("{before}; {more}"),
        None => more.to_owned(),
    });
}

/// How far an exchange has come. Reports of one exchange only ever go up, so what is not above is stale.
type Progress = (bool, bool, Timestamp, Timestamp, u64, u64);

fn progress_of(exchange: &Exchange) -> Progress {
    progress(exchange.done, &exchange.request, exchange.response.as_ref(), exchange.status.is_some())
}

fn progress_of_call(call: &Call) -> Progress {
    progress(call.done, &call.request, call.response.as_ref(), call.status.is_some())
}

fn progress(
    done: bool,
    request: &model::exchange::Message,
    response: Option<&model::exchange::Message>,
    status: bool,
) -> Progress {
    let (last, bytes) =
        response.map_or((Timestamp::default(), 0), |response| (response.last, response.bytes));
    (done, status || response.is_some(), last, request.last, bytes, request.bytes)
}
