//! The way of an exchange into the store, and what can be asked about all calls at once.

mod book;
mod keep;
mod learn;
mod observe;
mod rehide;
mod sources;
mod tally;

pub use sources::Source;

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use model::Timestamp;
use model::call::{Call, Edge, OUTSIDE};
use model::exchange::{Exchange, Protocol};
use model::plan::{CallsConfig, Plan};

use crate::axis::{Axis, Bin};
use crate::background::{Asked, Rhythms};
use crate::brokers::{Brokers, Known};
use crate::disk::Disk;
use crate::edges::{Edges, Share};
use crate::ends::Ends;
use crate::hairpin::Hairpins;
use crate::hosts::Hosts;
use crate::manifest::Manifest;
use crate::names::{Names, ServiceId};
use crate::query::{self, Counted, Cursor, Page, Position, Query, Within};
use crate::redact::Redaction;
use crate::routes::Learnt;
use crate::secrets::Secrets;
use crate::shape::from_base36;
use crate::store::{Key, Store};
use book::Written;

/// How much is kept before the oldest goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Calls.
    pub calls: usize,
    /// Bytes in memory: records, headers, and the bodies that are not on disk.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { calls: 100_000, bytes: 128 * 1024 * 1024 }
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
    /// Calls that were counted and not told one by one.
    pub tallied: u64,
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
    /// It was evicted before it was done; its edges still count it, and what it goes on to bring.
    Evicted(Share, Known),
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
    pub(crate) names: Names,
    pub(crate) store: Store,
    slots: HashMap<Key, Slot>,
    /// Keys of [`Slot::Evicted`] and [`Slot::Merged`], oldest first, so that they too are bounded.
    ghosts: VecDeque<Key>,
    pub(crate) edges: Edges,
    learnt: Learnt,
    rhythms: Rhythms,
    pub(crate) brokers: Brokers,
    hosts: Hosts,
    pub(crate) manifest: Manifest,
    axis: Axis,
    hairpins: Hairpins,
    /// Whose loopback each [`Source`] hears, by its number.
    homes: Vec<ServiceId>,
    head: Head,
    /// Without one calls are in memory alone.
    disk: Option<Disk>,
    written: Written,
    /// The numbers of the calls that other sessions saw.
    restored: HashMap<String, u64>,
    /// Calls on disk that turned out to be none.
    retracted: Vec<String>,
    pub(crate) secrets: Secrets,
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
            learnt: Learnt::default(),
            rhythms: Rhythms::default(),
            brokers: Brokers::default(),
            hosts: Hosts::default(),
            manifest: Manifest::default(),
            axis: Axis::default(),
            hairpins: Hairpins::default(),
            homes: vec![0],
            head: Head::default(),
            disk: None,
            written: Written::default(),
            restored: HashMap::new(),
            retracted: Vec::new(),
            secrets: Secrets::default(),
        }
    }

    /// Follows the manifest. What a new rule hides is hidden in what is kept as well.
    pub fn configure(&mut self, plan: &Plan) {
        let redaction = Redaction::new(&plan.calls);
        if redaction != self.redaction {
            self.redaction = redaction;
            self.hide_kept();
        }
        self.body_limit = plan.calls.body_limit;
        if let Some(disk) = &mut self.disk {
            disk.set_limit(plan.calls.disk_limit);
        }
        self.manifest = Manifest::of(plan);
    }

    /// What is hidden.
    pub fn redaction(&self) -> &Redaction {
        &self.redaction
    }

    /// Who has which address.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Who has which address.
    pub fn names_mut(&mut self) -> &mut Names {
        &mut self.names
    }

    /// What the manifest says that servers speak, by the addresses that they have at that moment.
    pub fn protocols(&self, at: Timestamp) -> Vec<(SocketAddr, Protocol)> {
        self.names.protocols(&self.manifest.protocols, at)
    }

    /// The same on the loopback of a service.
    pub fn loopback_protocols(&self, service: &str) -> Vec<(SocketAddr, Protocol)> {
        let own = self.manifest.protocols.iter().filter(|rule| rule.service == service);
        let ends = own.flat_map(|rule| {
            let at = |ip: IpAddr| ((ip, rule.port).into(), rule.protocol);
            [at(Ipv4Addr::LOCALHOST.into()), at(Ipv6Addr::LOCALHOST.into())]
        });
        ends.collect()
    }

    /// Takes one report of what needs no guest.
    pub fn observe(&mut self, exchange: Exchange) -> Change {
        self.observe_of(Source::default(), exchange)
    }

    /// Takes one report of a guest. The newest report of a `(conn, serial)` of one guest replaces the older ones.
    pub fn observe_of(&mut self, source: Source, mut exchange: Exchange) -> Change {
        self.settle();
        let key = (source.0, exchange.conn, exchange.serial);
        match self.slots.get(&key) {
            Some(Slot::Kept(ordinal)) => self.update(*ordinal, exchange),
            Some(Slot::Evicted(share, known)) => {
                let was = (*share, *known);
                self.prepare(&mut exchange);
                self.recount(key, was, exchange);
                Change::Ignored
            }
            Some(Slot::Merged) => Change::Ignored,
            None => self.insert(key, exchange),
        }
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
            let touched = |ip: IpAddr| fresh.iter().any(|(addr, _)| *addr == ip.to_canonical());
            if !touched(client.ip()) && !touched(server.ip()) {
                continue;
            }
            let home = self.home(entry.key.0);
            let mut ends = Ends::of(&self.names, home, (client, server), entry.call.ts);
            // What an earlier session knew of a container that is gone, or not found yet, is not forgotten.
            let known = [(&mut ends.from, &entry.call.from), (&mut ends.to, &entry.call.to)];
            for (end, party) in
                known.into_iter().filter(|(end, party)| **end == 0 && party.service != OUTSIDE)
            {
                *end = self.names.intern(&party.service);
            }
            let (from, to) = (self.names.name(ends.from), self.names.name(ends.to));
            if entry.call.from.service == from && entry.call.to.service == to {
                continue;
            }
            let (from, to) = (from.to_owned(), to.to_owned());
            let (edges, names) = (&mut self.edges, &ends);
            let forbidden = self.manifest.forbids(&from, &to);
            let background = Asked::by_call(&entry.call).background(self.manifest.ready_path(&to));
            self.store.change(ordinal, |entry| {
                entry.call.background = background.or(entry.call.background);
                entry.call.forbidden = forbidden;
                entry.call.from.service = from;
                entry.call.to.service = to;
                for party in [&mut entry.call.from, &mut entry.call.to] {
                    party.host.take_if(|_| party.service != OUTSIDE);
                }
                edges.remove(&entry.share);
                entry.share = edges.moved(names.from, names.to, &entry.call, entry.share);
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

    /// One call without its long bodies, unless it is unknown or evicted; [`whole`](Self::whole) has them.
    pub fn get(&self, id: &str) -> Option<&Call> {
        Some(&self.store.get(self.ordinal(id)?)?.call)
    }

    pub(crate) fn ordinal(&self, id: &str) -> Option<u64> {
        let own = id.strip_prefix(&self.epoch).and_then(|rest| rest.strip_prefix('-'));
        own.and_then(from_base36).or_else(|| self.restored.get(id).copied())
    }

    /// The place of one call in the order of time, for [`list`](Self::list) to go on from.
    pub fn cursor(&self, id: &str) -> Option<Cursor> {
        let ordinal = self.ordinal(id)?;
        Some(Cursor::new(self.store.get(ordinal)?.call.ts, ordinal))
    }

    /// At most `limit` calls that match, from a position on.
    pub fn list(&self, query: &Query, from: Position, limit: usize) -> Page<'_> {
        query::page(&self.store, self.disk.as_ref(), query, from, limit)
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

    /// Every edge that was seen, with the calls that are no longer kept, by caller, callee and protocol; among them those
    /// between who sends and who receives through a broker.
    pub fn edges(&self) -> Vec<Edge> {
        let mut edges = self.edges.list(&self.names, &self.manifest);
        edges.extend(self.brokers.edges(&self.names));
        sorted(edges)
    }

    /// The same for calls that began within a span of the last day.
    pub fn edges_within(&self, within: Within) -> Counted<Edge> {
        if within.is_everything() {
            return Counted { counted: self.edges(), span: None };
        }
        let (since, until) = within.ends();
        let range = self.edges.past(since, until);
        let mut edges = self.edges.list_past(&range, &self.names, &self.manifest);
        edges.extend(self.brokers.edges_past(since, until, &self.names));
        Counted { counted: sorted(edges), span: range.span() }
    }

    /// Calls and errors in `bins` equal spans from `from` to `to`, evicted ones included; a quarter of a second is the
    /// finest step, a day the longest memory.
    pub fn series(&self, from: Timestamp, to: Timestamp, bins: usize) -> Vec<Bin> {
        self.axis.series(from, to, bins)
    }
}

fn sorted(mut edges: Vec<Edge>) -> Vec<Edge> {
    edges.sort_by(|a, b| {
        let ends = (&a.from, &a.to, a.protocol).cmp(&(&b.from, &b.to, b.protocol));
        ends.then_with(|| (&a.via, &a.topic).cmp(&(&b.via, &b.topic)))
    });
    edges
}

pub(crate) fn add_note(note: &mut Option<String>, more: &str) {
    *note = Some(match note.take() {
        Some(before) => format!("{before}; {more}"),
        None => more.to_owned(),
    });
}
