//! The way in and out: packets and moments in, exchanges out.

use std::net::SocketAddr;
use std::time::Duration;

use model::Timestamp;
use model::exchange::{CaptureCounts, Ending, Exchange, Protocol};

use crate::datagrams::Datagrams;
use crate::decode::Cx;
use crate::flow::{Fate, Flow};
use crate::limits::Limits;
use crate::link::Link;
use crate::packet::{self, Carried, Segment};
use crate::servers::Servers;
use crate::table::{Key, Table};
use crate::tls::Keys;
use crate::unreachable::Unreachable;

/// Decodes one capture.
#[derive(Debug)]
pub struct Wire {
    limits: Limits,
    table: Table<Flow>,
    datagrams: Datagrams,
    next_conn: u64,
    counts: CaptureCounts,
    servers: Servers,
    keys: Keys,
    now: Timestamp,
    /// The last packet's time is far ahead of all others'.
    ahead: bool,
}

/// How far apart packets that were captured at the same time may come.
const DISORDER: Duration = Duration::from_secs(1);
/// How far the next packet's time may be ahead before it is doubted.
const FAR: Duration = Duration::from_mins(1);

impl Wire {
    /// A decoder that has seen nothing yet.
    pub fn new(limits: Limits) -> Self {
        let counts = CaptureCounts::default();
        let (table, datagrams) = (Table::default(), Datagrams::default());
        let (servers, keys) = (Servers::default(), Keys::default());
        Self {
            limits,
            table,
            datagrams,
            next_conn: 0,
            counts,
            servers,
            keys,
            now: Timestamp(0),
            ahead: false,
        }
    }

    /// Numbers connections from here. Who starts a second decoder beside what a first has reported gives it another
    /// range, so that no two connections are taken for one.
    #[must_use]
    pub fn with_first_conn(self, conn: u64) -> Self {
        Self { next_conn: conn, ..self }
    }

    /// Keeps this many bytes of each body from now on.
    pub fn set_body_limit(&mut self, body: usize) {
        self.limits = Limits { body, ..self.limits };
    }

    /// Takes what somebody knows of servers: their bytes are read as this and nothing else, as [`Protocol::Tcp`] not at
    /// all. It is in place of what was said before, and counts for connections that are open, too.
    pub fn set_protocols(
        &mut self,
        servers: impl IntoIterator<Item = (SocketAddr, Protocol)>,
        out: &mut Vec<Exchange>,
    ) {
        let others = self.servers.tell(servers.into_iter().collect());
        if others.is_empty() {
            return;
        }
        let now = self.now;
        for slot in self.table.slots() {
            let mut cx = cx(&self.limits, &mut self.counts, &mut self.servers, &self.keys, out);
            self.table.with(slot, |flow| flow.read_anew(&others, now, &mut cx));
        }
    }

    /// Takes more of a key log (`SSLKEYLOGFILE`), cut anywhere. From the first call on, be it of no bytes, TLS that begins
    /// is held for a while, for its secrets may come yet.
    pub fn add_keys(&mut self, text: &[u8]) {
        self.keys.add(text);
    }

    /// Takes a packet: when it was captured, what it starts with, the bytes that were kept, and how many there were
    /// on the wire. Packets come in the order of their capture. What became known goes to `out`.
    pub fn packet(
        &mut self,
        at: Timestamp,
        link: Link,
        bytes: &[u8],
        wire_len: usize,
        out: &mut Vec<Exchange>,
    ) {
        self.counts.packets += 1;
        self.counts.bytes += wire_len as u64;
        self.goes_on(at, out);
        self.one(at, link, bytes, wire_len, out);
        for frame in link.aggregate(bytes) {
            self.one(at, Link::Ethernet, frame, wire_len, out);
        }
    }

    fn one(&mut self, at: Timestamp, link: Link, bytes: &[u8], wire_len: usize, out: &mut Vec<Exchange>) {
        match packet::parse(link, bytes, wire_len) {
            Some(Carried::Segment(segment)) => self.segment(at, &segment, out),
            Some(Carried::Datagram(datagram)) => {
                let mut cx = cx(&self.limits, &mut self.counts, &mut self.servers, &self.keys, out);
                self.datagrams.datagram(at, &datagram, &mut self.next_conn, &mut cx);
            }
            Some(Carried::Unreachable(told)) => self.unreachable(at, &told, out),
            None => {}
        }
    }

    /// Time as packets tell it. Where it goes back by more than their disorder the clock was set, or one capture follows
    /// another, and time goes on from there. What one packet alone says of a time far ahead is not believed before the
    /// next one says it too.
    fn goes_on(&mut self, at: Timestamp, out: &mut Vec<Exchange>) {
        let doubted = !self.ahead && self.now.0 != 0 && at.since(self.now) > FAR;
        self.ahead = doubted;
        if !doubted {
            self.tick(at, out);
        }
    }

    /// Does what time alone asks for: reports what lasts, gives up what does not come, forgets what is over.
    pub fn tick(&mut self, now: Timestamp, out: &mut Vec<Exchange>) {
        if now > self.now || self.now.since(now) > DISORDER {
            self.now = now;
        }
        let now = self.now;
        while let Some(slot) = self.table.due(now) {
            let mut cx = cx(&self.limits, &mut self.counts, &mut self.servers, &self.keys, out);
            let expired = self.table.with(slot, |flow| {
                flow.tick(now, &mut cx);
                flow.expired(now)
            });
            if expired == Some(true) {
                self.forget(slot, Ending::Idle, out);
            } else {
                self.table.rearm(slot, now);
            }
        }
        let mut cx = cx(&self.limits, &mut self.counts, &mut self.servers, &self.keys, out);
        self.datagrams.tick(now, &mut cx);
    }

    /// The capture is over: gives every exchange its last report.
    pub fn finish(&mut self, out: &mut Vec<Exchange>) {
        while let Some(slot) = self.table.oldest() {
            self.forget(slot, Ending::Open, out);
        }
        let mut cx = cx(&self.limits, &mut self.counts, &mut self.servers, &self.keys, out);
        self.datagrams.finish(&mut cx);
    }

    /// What was seen and missed so far. What the kernel and the way to the host lost is for the caller to add.
    pub fn counts(&self) -> CaptureCounts {
        CaptureCounts { flows: self.table.len() as u64, ..self.counts }
    }

    /// Bytes of memory held for what is not reported yet.
    pub fn held(&self) -> usize {
        self.table.held() + self.datagrams.held()
    }

    fn segment(&mut self, at: Timestamp, segment: &Segment<'_>, out: &mut Vec<Exchange>) {
        let (key, side) = Key::of(segment.from, segment.to);
        if let Some(slot) = self.table.find(&key) {
            match self.hand_on(slot, at, side, segment, out) {
                Some(Fate::Anew) => self.forget(slot, Ending::Idle, out),
                Some(Fate::Goes) | None => return self.make_room(out),
            }
        }
        // A lone reset, or the last acknowledgement of a connection that ended before: nothing to follow.
        if segment.rst || (segment.payload.is_empty() && segment.cut == 0 && !segment.syn) {
            return;
        }
        while self.table.len() >= self.limits.max_flows
            && let Some(oldest) = self.table.oldest()
        {
            self.let_go(oldest, out);
        }
        let ends = if side == 0 { [segment.from, segment.to] } else { [segment.to, segment.from] };
        let flow = Flow::new(self.next_conn, ends, side, segment, at, &self.servers);
        self.next_conn += 1;
        let slot = self.table.insert(key, flow);
        self.hand_on(slot, at, side, segment, out);
        self.make_room(out);
    }

    fn unreachable(&mut self, at: Timestamp, told: &Unreachable, out: &mut Vec<Exchange>) {
        let (key, side) = Key::of(told.from, told.to);
        if let Some(slot) = self.table.find(&key) {
            let mut cx = cx(&self.limits, &mut self.counts, &mut self.servers, &self.keys, out);
            self.table.with(slot, |flow| flow.unreachable(at, side, told, &mut cx));
        }
    }

    fn hand_on(
        &mut self,
        slot: u32,
        at: Timestamp,
        side: usize,
        segment: &Segment<'_>,
        out: &mut Vec<Exchange>,
    ) -> Option<Fate> {
        let mut cx = cx(&self.limits, &mut self.counts, &mut self.servers, &self.keys, out);
        self.table.with(slot, |flow| flow.segment(at, side, segment, &mut cx))
    }

    /// Keeps to the bound on all flows' memory: those that hold most are forgotten, and some more than must, so that it
    /// is not looked for them again with the next packet.
    fn make_room(&mut self, out: &mut Vec<Exchange>) {
        let (held, bound) = (self.table.held(), self.limits.total_buffer);
        if held > bound {
            for slot in self.table.largest(held - bound / 8 * 7) {
                self.let_go(slot, out);
            }
        }
    }

    /// Forgets a flow since there is no room for it.
    fn let_go(&mut self, slot: u32, out: &mut Vec<Exchange>) {
        let now = self.now;
        if let Some(mut flow) = self.table.remove(slot) {
            let mut cx = cx(&self.limits, &mut self.counts, &mut self.servers, &self.keys, out);
            cx.for_room(|cx| flow.finish(Ending::Idle, now, cx));
        }
    }

    fn forget(&mut self, slot: u32, ending: Ending, out: &mut Vec<Exchange>) {
        let now = self.now;
        if let Some(mut flow) = self.table.remove(slot) {
            let mut cx = cx(&self.limits, &mut self.counts, &mut self.servers, &self.keys, out);
            flow.finish(ending, now, &mut cx);
        }
    }
}

fn cx<'a>(
    limits: &'a Limits,
    counts: &'a mut CaptureCounts,
    servers: &'a mut Servers,
    keys: &'a Keys,
    out: &'a mut Vec<Exchange>,
) -> Cx<'a> {
    Cx { limits, out, counts, for_room: false, servers, keys }
}
