//! One TCP connection: both directions' segments in the order in which the two ends saw them.
//!
//! A segment is handed on when all bytes before it were, and when the other direction has come as far as the
//! segment's acknowledgement says its sender had seen. So a response never overtakes its request, however the capture
//! mixed them. What does not come is waited for a little while, longer where nobody has confirmed it, and then passed
//! over as a gap.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;

use model::Timestamp;
use model::exchange::Ending;

use crate::conversation::Conversation;
use crate::decode::{Cx, Dir, Loss};
use crate::detect::direction;
use crate::limits::Limits;
use crate::packet::Segment;
use crate::reassembly::{Half, Piece, Want};
use crate::seq::Seq;
use crate::servers::Servers;
use crate::table::Follow;
use crate::unreachable::Unreachable;

/// Two retransmissions of a SYN later (RFC 6298: after one second, then after two).
const NO_ANSWER_AFTER: Duration = Duration::from_secs(3);
/// How long an ended flow is remembered, so that its stragglers do not look like a new one.
const DEAD_FOR: Duration = Duration::from_secs(10);
const IDLE_AFTER: Duration = Duration::from_hours(1);
/// For flows that are not open on both sides.
const HALF_OPEN_AFTER: Duration = Duration::from_mins(2);
/// A SYN that comes so far behind its flow's first byte is late; another is a new connection's.
const LATE_SYN: i64 = 1 << 16;

/// Whether a segment belongs to this flow or opens a new one between the same ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Goes,
    Anew,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// A SYN was seen and nothing of the other side.
    Asked {
        since: Timestamp,
        told: bool,
        /// How often it was sent.
        times: u32,
    },
    Open,
    Dead,
}

/// What holds the flow up, and since when.
#[derive(Debug, Clone, Copy)]
struct Stuck {
    hole: Hole,
    since: Timestamp,
    segments: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hole {
    side: usize,
    want: Want,
    next: Option<Seq>,
}

#[derive(Debug)]
pub(crate) struct Flow {
    halves: [Half; 2],
    starts: [Option<Seq>; 2],
    client: usize,
    /// Who the client is can no longer change.
    settled: bool,
    talk: Conversation,
    phase: Phase,
    reset: bool,
    stuck: Option<Stuck>,
    seen: Timestamp,
}

impl Flow {
    /// A flow whose first segment comes from `ends[side]`; the caller hands that segment on as any other.
    pub(crate) fn new(
        id: u64,
        ends: [SocketAddr; 2],
        side: usize,
        segment: &Segment<'_>,
        at: Timestamp,
        servers: &Servers,
    ) -> Self {
        let (client, guessed) = guess_client(side, segment, servers);
        let mut talk = Conversation::new(id, ends[client], ends[1 - client], at);
        let opens = segment.syn && segment.ack.is_none();
        if !segment.syn && !segment.rst {
            talk.mid_stream(guessed);
        }
        Self {
            halves: [Half::default(), Half::default()],
            starts: [None, None],
            client,
            settled: false,
            talk,
            phase: if opens { Phase::Asked { since: at, told: false, times: 0 } } else { Phase::Open },
            reset: false,
            stuck: None,
            seen: at,
        }
    }

    pub(crate) fn segment(
        &mut self,
        at: Timestamp,
        side: usize,
        segment: &Segment<'_>,
        cx: &mut Cx<'_>,
    ) -> Fate {
        if segment.syn && segment.ack.is_none() && self.is_new_connection(side, segment.seq) {
            self.end(Ending::Idle, at, cx);
            return Fate::Anew;
        }
        self.seen = self.seen.max(at);
        if self.phase == Phase::Dead {
            return Fate::Goes;
        }
        if let Some(stuck) = &mut self.stuck {
            stuck.segments += 1;
        }
        if segment.rst && side != self.client && matches!(self.phase, Phase::Asked { .. }) {
            self.end(Ending::Refused, at, cx);
            return Fate::Goes;
        }
        if segment.syn {
            if let Phase::Asked { times, .. } = &mut self.phase {
                *times += 1;
            }
            self.synchronize(side, segment);
        } else if side != self.client || !segment.payload.is_empty() {
            self.phase = Phase::Open;
        }
        let ack = segment.ack.filter(|ack| self.halves[1 - side].confirm(*ack));
        let seq = if segment.syn { segment.seq.plus(1) } else { segment.seq };
        let length = segment.payload.len() as u64 + segment.cut;
        if segment.rst {
            self.reset = true;
            self.halves[side].end(seq);
        } else if length > 0 && !self.halves[side].closed() {
            let free = self.stuck.is_none();
            let [half, other] = self.both(side);
            if free && half.is_next(seq) && other.reached(ack) {
                half.advance(length);
                self.hand_on(side, at, segment.payload, segment.cut, cx);
            } else {
                half.insert(Piece { seq, bytes: segment.payload.to_vec(), cut: segment.cut, ack, at });
            }
        }
        if segment.fin {
            self.halves[side].end(seq.plus(length));
        }
        self.pump(at, cx);
        Fate::Goes
    }

    /// Somebody says that a segment from one side did not arrive. Whoever connects gives up then.
    pub(crate) fn unreachable(&mut self, at: Timestamp, side: usize, told: &Unreachable, cx: &mut Cx<'_>) {
        let is_connect = self.halves[side].start() == Some(told.seq.plus(1));
        if side == self.client && is_connect && matches!(self.phase, Phase::Asked { told: false, .. }) {
            self.talk.failed(format!("the connection was refused: {} (ICMP)", told.reason));
            self.end(Ending::Refused, at, cx);
        }
    }

    /// Does what time alone asks for.
    pub(crate) fn tick(&mut self, now: Timestamp, cx: &mut Cx<'_>) {
        if let Phase::Asked { since, told: told @ false, .. } = &mut self.phase
            && now.since(*since) >= NO_ANSWER_AFTER
        {
            *told = true;
            self.talk.unanswered(now, cx);
        }
        if self.phase == Phase::Dead {
            self.talk.linger(now, false, cx);
        } else {
            self.pump(now, cx);
            self.talk.report(now, cx);
        }
    }

    /// The flow is forgotten: whatever is not told yet is told now.
    pub(crate) fn finish(&mut self, ending: Ending, now: Timestamp, cx: &mut Cx<'_>) {
        self.end(ending, now, cx);
        self.talk.linger(now, true, cx);
    }

    /// What is said of these servers is another now.
    pub(crate) fn read_anew(&mut self, servers: &HashSet<SocketAddr>, now: Timestamp, cx: &mut Cx<'_>) {
        if self.phase != Phase::Dead && servers.contains(&self.talk.server()) {
            self.talk.read_anew(now, cx);
        }
    }

    /// Whether nothing was seen for so long that the flow may be forgotten.
    pub(crate) fn expired(&self, now: Timestamp) -> bool {
        now.since(self.seen) >= self.lifetime()
    }

    /// Ends the flow: what waits is handed on, every exchange gets its last report.
    pub(crate) fn end(&mut self, ending: Ending, at: Timestamp, cx: &mut Cx<'_>) {
        let told = matches!(self.phase, Phase::Asked { told: true, .. });
        let ending = match (self.phase, ending) {
            (Phase::Dead, _) => return,
            // Who asks again has waited for a second.
            (Phase::Asked { times: 2.., .. }, Ending::Open | Ending::Idle) if !cx.for_room => {
                Ending::NoAnswer
            }
            (Phase::Asked { .. }, Ending::Open | Ending::Idle) => {
                self.talk.unseen();
                ending
            }
            _ => ending,
        };
        while let Some(hole) = self.hole() {
            self.give_up(hole, at, cx);
            self.hand_on_ready(cx);
        }
        self.starts = [self.halves[0].start(), self.halves[1].start()];
        self.halves = [Half::default(), Half::default()];
        self.stuck = None;
        self.phase = Phase::Dead;
        if !told {
            self.talk.end(ending, at, cx);
        }
    }

    fn lifetime(&self) -> Duration {
        match self.phase {
            Phase::Dead => DEAD_FOR,
            Phase::Asked { .. } => HALF_OPEN_AFTER,
            Phase::Open if self.reset || self.halves.iter().any(Half::closed) => HALF_OPEN_AFTER,
            Phase::Open => IDLE_AFTER,
        }
    }

    fn is_new_connection(&self, side: usize, isn: Seq) -> bool {
        let dead = self.phase == Phase::Dead;
        let start = if dead { self.starts[side] } else { self.halves[side].start() };
        match start.map(|start| start.after(isn.plus(1))) {
            Some(distance) if dead => distance != 0,
            Some(distance) => !(0..LATE_SYN).contains(&distance),
            None => dead,
        }
    }

    fn synchronize(&mut self, side: usize, segment: &Segment<'_>) {
        self.halves[side].begin(segment.seq.plus(1));
        let client = if segment.ack.is_none() { side } else { 1 - side };
        if client != self.client && !self.settled {
            self.client = client;
            self.talk.turn_round();
        }
        if segment.ack.is_some() {
            self.phase = Phase::Open;
        }
    }

    fn both(&mut self, side: usize) -> [&mut Half; 2] {
        let [a, b] = &mut self.halves;
        if side == 0 { [a, b] } else { [b, a] }
    }

    fn dir(&self, side: usize) -> Dir {
        if side == self.client { Dir::ToServer } else { Dir::ToClient }
    }

    fn hand_on(&mut self, side: usize, at: Timestamp, bytes: &[u8], cut: u64, cx: &mut Cx<'_>) {
        self.settled = true;
        let dir = self.dir(side);
        if !bytes.is_empty() {
            self.talk.data(dir, at, bytes, cx);
        }
        if self.talk.take_turn() {
            self.client = 1 - self.client;
        }
        if cut > 0 {
            self.talk.gap(self.dir(side), at, cut, Loss::Cut, cx);
        }
    }

    /// Hands on all that may pass.
    fn hand_on_ready(&mut self, cx: &mut Cx<'_>) {
        let mut idle = 0;
        let mut side = self.client;
        while idle < 2 {
            let [half, other] = self.both(side);
            if let Some(piece) = half.take(other) {
                self.hand_on(side, piece.at, &piece.bytes, piece.cut, cx);
                idle = 0;
            } else {
                if half.closes() && !self.reset {
                    self.settled = true;
                    self.talk.close(self.dir(side), self.seen, cx);
                    idle = 0;
                }
                idle += 1;
                side = 1 - side;
            }
        }
    }

    fn pump(&mut self, now: Timestamp, cx: &mut Cx<'_>) {
        loop {
            self.hand_on_ready(cx);
            let Some(hole) = self.hole() else {
                self.stuck = None;
                break;
            };
            let stuck = match self.stuck {
                Some(stuck) if stuck.hole == hole => stuck,
                _ => *self.stuck.insert(Stuck { hole, since: now, segments: 0 }),
            };
            let (time, segments) = self.patience(hole);
            let waited = now.since(stuck.since) >= time || stuck.segments >= segments;
            if !waited && !self.over_bounds(cx.limits) {
                return;
            }
            self.give_up(hole, now, cx);
        }
        if self.reset {
            self.end(Ending::Reset, now, cx);
        } else if self.halves.iter().all(Half::closed) {
            self.end(Ending::Closed, now, cx);
        }
    }

    /// What holds the flow up; what is surely lost comes before what may come yet.
    fn hole(&self) -> Option<Hole> {
        let hole =
            |side: usize| Hole { side, want: self.halves[side].want(), next: self.halves[side].next() };
        let holes = [hole(self.client), hole(1 - self.client)];
        let rank = |want| match want {
            Want::Start => 0,
            Want::Confirmed => 1,
            Want::Missing => 2,
            Want::Other => 3,
            Want::Nothing => 4,
        };
        holes
            .into_iter()
            .filter(|hole| hole.want != Want::Nothing)
            .min_by_key(|hole| (rank(hole.want), self.halves[hole.side].waits_since()))
    }

    /// How long, and for how many more segments, a hole is waited for.
    fn patience(&self, hole: Hole) -> (Duration, u32) {
        match hole.want {
            Want::Start => (Duration::from_millis(20), 8),
            // It was sent and received: it comes within the capture's own disorder or never.
            Want::Confirmed | Want::Other => (Duration::from_millis(10), 8),
            Want::Missing if self.reset => (Duration::from_millis(50), 8),
            // Lost on the way: its sender will notice and send it again.
            Want::Missing if self.halves[hole.side].confirmed_once() => (Duration::from_secs(1), u32::MAX),
            // Nobody tells, since the other direction is not captured.
            Want::Missing => (Duration::from_millis(100), 32),
            Want::Nothing => (IDLE_AFTER, u32::MAX),
        }
    }

    fn over_bounds(&self, limits: &Limits) -> bool {
        let [a, b] = &self.halves;
        a.queued() + b.queued() > limits.flow_buffer || a.pieces() + b.pieces() > limits.pending_per_flow
    }

    fn give_up(&mut self, hole: Hole, at: Timestamp, cx: &mut Cx<'_>) {
        let [half, other] = self.both(hole.side);
        if hole.want == Want::Other {
            if let Some(piece) = half.take_next() {
                self.hand_on(hole.side, piece.at, &piece.bytes, piece.cut, cx);
            }
            return;
        }
        let lost = half.skip(other.front_ack());
        if lost > 0 {
            self.settled = true;
            self.talk.gap(self.dir(hole.side), at, lost, Loss::Lost, cx);
        }
    }
}

impl Follow for Flow {
    /// When [`Flow::tick`] has something to do, at the latest.
    fn deadline(&self) -> Timestamp {
        let expiry = self.seen.plus(self.lifetime());
        let asked = match self.phase {
            Phase::Asked { since, told: false, .. } => Some(since.plus(NO_ANSWER_AFTER)),
            Phase::Asked { told: true, .. } | Phase::Open | Phase::Dead => None,
        };
        let stuck = self.stuck.map(|stuck| stuck.since.plus(self.patience(stuck.hole).0));
        [asked, stuck, self.talk.due()].into_iter().flatten().fold(expiry, Timestamp::min)
    }

    fn held(&self) -> usize {
        let waiting: usize = self.halves.iter().map(|half| half.queued() + 64 * half.pieces()).sum();
        waiting + self.talk.held()
    }

    fn over(&self) -> bool {
        self.phase == Phase::Dead
    }
}

/// Who opened the connection, from its first segment: the SYN tells, else what is known of the two ends, else the bytes,
/// else the ports (a listener's is below the range that systems choose callers' from). Where these are alike it is a mere
/// guess, and said to be.
fn guess_client(side: usize, segment: &Segment<'_>, servers: &Servers) -> (usize, bool) {
    const EPHEMERAL: u16 = 32768;
    let (from, to) = (segment.from.port(), segment.to.port());
    let mut guessed = false;
    let sender_calls = if segment.syn {
        segment.ack.is_none()
    } else if servers.is_known(&segment.to) != servers.is_known(&segment.from) {
        servers.is_known(&segment.to)
    } else if let Some(dir) = direction(segment.payload) {
        dir == Dir::ToServer
    } else if (from >= EPHEMERAL) == (to >= EPHEMERAL) {
        guessed = true;
        from >= to
    } else {
        from >= EPHEMERAL
    };
    (if sender_calls { side } else { 1 - side }, guessed)
}
