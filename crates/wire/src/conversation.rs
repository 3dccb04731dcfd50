//! One connection's bytes, both ways, in order: finds the decoder, feeds it, falls back to counting.
//!
//! A decoder is a [`Decode`] and a line in [`detect`](crate::detect). It gives up by [`Verdict::NotMine`], and then the
//! connection is a `tcp` exchange; or it hands the connection on to another by [`Verdict::Becomes`].

use std::net::SocketAddr;

use model::Timestamp;
use model::exchange::{Ending, Quality};

use crate::decode::{Connection, Cx, Decode, Dir, Env, Loss, Verdict};
use crate::detect::{Finding, Probe, Spoken, Turns};
use crate::ledger::Ledger;
use crate::servers::Expected;
use crate::tcp::Tcp;

/// How often a connection that no decoder knows is looked at again, each time its direction turns.
const RETRIES: u32 = 64;

/// How often the rest of a connection is looked at as if it were a new one: tunnels in tunnels.
const TUNNELS_LIMIT: u32 = 8;

#[derive(Debug)]
enum Decoder {
    /// The first bytes are held until they tell the protocol.
    Probing(Probe),
    Known(Box<dyn Decode>),
    /// None knows it.
    Unknown {
        retries: u32,
        turns: Turns,
    },
}

/// One connection's bytes.
#[derive(Debug)]
pub(crate) struct Conversation {
    connection: Connection,
    decoder: Decoder,
    ledger: Ledger,
    tcp: Tcp,
    /// How often another decoder followed one.
    followed: u32,
    /// How it ended and when, where the end is not told before what makes it readable had time to come.
    ended: Option<(Ending, Timestamp)>,
    /// Who the client is was guessed.
    guessed: bool,
    /// It came out that the client is the other end.
    turned: bool,
}

impl Conversation {
    pub(crate) fn new(id: u64, client: SocketAddr, server: SocketAddr, opened: Timestamp) -> Self {
        let connection = Connection { id, client, server, serial: 0, within: false };
        Self::of(connection, opened)
    }

    /// What a connection says within another protocol that keeps it secret. Bytes that nobody knows are that one's to
    /// tell.
    pub(crate) fn within(outer: &Connection, opened: Timestamp) -> Self {
        let Connection { id, client, server, serial, .. } = *outer;
        Self::of(Connection { id, client, server, serial, within: true }, opened)
    }

    fn of(connection: Connection, opened: Timestamp) -> Self {
        Self {
            connection,
            decoder: Decoder::Probing(Probe::default()),
            ledger: Ledger::default(),
            tcp: Tcp::new(opened),
            followed: 0,
            ended: None,
            guessed: false,
            turned: false,
        }
    }

    /// The number of the exchange that comes next.
    pub(crate) fn next_number(&self) -> u32 {
        self.connection.serial
    }

    /// Gives this number to the exchange that comes next.
    pub(crate) fn number_from(&mut self, serial: u32) {
        self.connection.serial = serial;
    }

    /// Swaps the ends; only before the first byte.
    pub(crate) fn turn_round(&mut self) {
        std::mem::swap(&mut self.connection.client, &mut self.connection.server);
    }

    /// Whether it came out, since the last time, that the client is the other end.
    pub(crate) fn take_turn(&mut self) -> bool {
        std::mem::take(&mut self.turned)
    }

    /// The connection is older than the capture; who its client is may be `guessed`.
    pub(crate) fn mid_stream(&mut self, guessed: bool) {
        self.guessed = guessed;
        self.tcp.mark(Quality::MidStream);
        self.decoder = Decoder::Probing(Probe::mid_stream(guessed));
    }

    pub(crate) fn data(&mut self, dir: Dir, at: Timestamp, bytes: &[u8], cx: &mut Cx<'_>) {
        self.tcp.count(dir, at, bytes.len() as u64);
        match &mut self.decoder {
            Decoder::Probing(_) | Decoder::Known(_) => self.hand(dir, at, bytes, cx),
            Decoder::Unknown { .. } => self.look_again(dir, at, bytes, cx),
        }
    }

    /// A connection that no decoder knows may begin to speak what one does with each turn.
    fn look_again(&mut self, dir: Dir, at: Timestamp, bytes: &[u8], cx: &mut Cx<'_>) {
        let Decoder::Unknown { retries, turns } = &mut self.decoder else { return };
        if turns.data(dir, bytes) && *retries > 0 {
            *retries -= 1;
            let expected = expected(self.followed, &self.connection, cx);
            let finding = turns.speaks(dir, bytes, expected, self.guessed);
            if let Finding::Spoken(spoken) | Finding::Turned(spoken) = finding {
                self.tcp.uncount(dir, bytes.len() as u64);
                if !self.tcp.is_empty() && !self.connection.within {
                    self.tcp.end(Ending::Open, at, &mut self.connection, cx);
                }
                self.tcp = Tcp::new(at);
                let mut dir = dir;
                if let Finding::Turned(_) = finding {
                    self.turn();
                    dir = dir.other();
                }
                self.tcp.count(dir, at, bytes.len() as u64);
                self.decoder = Decoder::Known(spoken.decoder());
                self.learn(spoken, cx);
                return self.decode(dir, at, bytes, cx);
            }
        }
        self.count_only(at);
    }

    pub(crate) fn gap(&mut self, dir: Dir, at: Timestamp, bytes: u64, loss: Loss, cx: &mut Cx<'_>) {
        if loss == Loss::Lost && !self.connection.within {
            cx.counts.lost_gaps += bytes;
        }
        self.tcp.gap(dir, at, bytes, loss);
        if let Decoder::Probing(probe) = &mut self.decoder {
            let finding = probe.loses(dir);
            self.found(finding, at, cx);
        }
        if let Some((decoder, mut env)) = self.known(at, cx) {
            decoder.gap(dir, bytes, loss, &mut env);
        } else if let Decoder::Unknown { turns, .. } = &mut self.decoder {
            turns.broken();
            self.count_only(at);
        }
    }

    /// One direction ended in order.
    pub(crate) fn close(&mut self, dir: Dir, at: Timestamp, cx: &mut Cx<'_>) {
        self.tcp.close(dir);
        if let Some((decoder, mut env)) = self.known(at, cx) {
            decoder.close(dir, &mut env);
        }
    }

    /// The connection is over, or no longer followed. [`Self::linger`] is to be called from now on.
    pub(crate) fn end(&mut self, ending: Ending, at: Timestamp, cx: &mut Cx<'_>) {
        match &self.decoder {
            Decoder::Known(decoder) if decoder.waits() => self.ended = Some((ending, at)),
            _ => self.tell_end(ending, at, cx),
        }
    }

    /// Tells the end of a connection that is over, once nothing is waited for any more; at once when it is the `last`
    /// time.
    pub(crate) fn linger(&mut self, now: Timestamp, last: bool, cx: &mut Cx<'_>) {
        let Some((ending, at)) = self.ended else { return };
        if let Some((decoder, mut env)) = self.known(now, cx) {
            decoder.wake(&mut env);
            if decoder.waits() && !last {
                return self.ledger.report(now, cx);
            }
        }
        self.ended = None;
        self.tell_end(ending, at, cx);
    }

    fn tell_end(&mut self, ending: Ending, at: Timestamp, cx: &mut Cx<'_>) {
        let told = self.end_decoder(ending, at, cx);
        // An earlier decoder of this connection may have told all there was.
        let all_told = self.connection.within || told || (self.tcp.is_told() && self.tcp.is_empty());
        if !all_told {
            self.tcp.end(ending, at, &mut self.connection, cx);
        }
        self.decoder = Decoder::Unknown { retries: 0, turns: Turns::default() };
    }

    /// Why the connection failed.
    pub(crate) fn failed(&mut self, words: String) {
        self.tcp.fail(words);
    }

    /// Whether the connect was answered was not seen.
    pub(crate) fn unseen(&mut self) {
        self.tcp.mark(Quality::Truncated);
    }

    /// The connect was not answered so far.
    pub(crate) fn unanswered(&mut self, at: Timestamp, cx: &mut Cx<'_>) {
        self.tcp.end(Ending::NoAnswer, at, &mut self.connection, cx);
        self.tcp = Tcp::new(at);
    }

    /// Something else is said of the server now: what went on is ended, what comes is read by the new word.
    pub(crate) fn read_anew(&mut self, at: Timestamp, cx: &mut Cx<'_>) {
        if let Decoder::Probing(_) = &self.decoder {
            // The first bytes are still there to be read by it.
            return;
        }
        if !self.end_decoder(Ending::Open, at, cx) && !self.tcp.is_empty() {
            self.tcp.end(Ending::Open, at, &mut self.connection, cx);
        }
        self.tcp = Tcp::new(at);
        self.tcp.tell();
        self.mid_stream(false);
    }

    /// Whom the connection was opened to.
    pub(crate) fn server(&self) -> SocketAddr {
        self.connection.server
    }

    /// Reports what changed and is due.
    pub(crate) fn report(&mut self, now: Timestamp, cx: &mut Cx<'_>) {
        if let Some((decoder, mut env)) = self.known(now, cx) {
            decoder.wake(&mut env);
            self.ledger.report(now, cx);
        } else {
            self.tcp.report(now, cx);
        }
    }

    /// When the next report is due.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        match &self.decoder {
            Decoder::Known(decoder) => decoder.due().into_iter().chain(self.ledger.due()).min(),
            Decoder::Probing(_) | Decoder::Unknown { .. } => self.tcp.due(),
        }
    }

    /// Bytes of memory held beyond the fixed.
    pub(crate) fn held(&self) -> usize {
        let held = match &self.decoder {
            Decoder::Known(decoder) => decoder.held(),
            Decoder::Probing(probe) => probe.held(),
            Decoder::Unknown { turns, .. } => turns.held(),
        };
        self.ledger.held() + held
    }

    /// The decoder, if there is one, with what it needs.
    fn known<'a, 'b>(
        &'a mut self,
        at: Timestamp,
        cx: &'a mut Cx<'b>,
    ) -> Option<(&'a mut dyn Decode, Env<'a, 'b>)> {
        let Self { connection, decoder: Decoder::Known(decoder), ledger, .. } = self else { return None };
        Some((&mut **decoder, Env { connection, ledger, cx, at }))
    }

    /// No more comes for the decoder, if there is one. Says whether it had an exchange at all.
    fn end_decoder(&mut self, ending: Ending, at: Timestamp, cx: &mut Cx<'_>) -> bool {
        let Some((decoder, mut env)) = self.known(at, cx) else { return false };
        decoder.end(ending, &mut env);
        self.ledger.hand_over()
    }

    /// The counts are what is told of the connection, but for one within another, which tells that of all of it.
    fn count_only(&mut self, at: Timestamp) {
        if !self.connection.within {
            self.tcp.changed(at, &mut self.connection);
        }
    }

    fn unknown(&mut self, at: Timestamp) {
        // What a decoder took for its own is nobody's.
        self.ledger = Ledger::default();
        self.decoder = Decoder::Unknown { retries: RETRIES, turns: Turns::default() };
        self.count_only(at);
    }

    /// Gives counted bytes to whoever is there for them.
    fn hand(&mut self, dir: Dir, at: Timestamp, bytes: &[u8], cx: &mut Cx<'_>) {
        match &mut self.decoder {
            Decoder::Probing(_) => self.probe(dir, at, bytes, cx),
            Decoder::Known(_) => self.decode(dir, at, bytes, cx),
            Decoder::Unknown { .. } => self.count_only(at),
        }
    }

    fn probe(&mut self, dir: Dir, at: Timestamp, bytes: &[u8], cx: &mut Cx<'_>) {
        let Decoder::Probing(probe) = &mut self.decoder else { return };
        let expected = expected(self.followed, &self.connection, cx);
        let answers = probe.began_with().is_some_and(|first| first != dir);
        let finding = probe.data(dir, at, bytes, expected);
        self.found(finding, at, cx);
        // What excludes the last protocol may be the beginning of another's message.
        if answers && matches!(finding, Finding::Nothing) {
            self.look_again(dir, at, bytes, cx);
        }
    }

    /// What the first bytes told, if anything, decides who gets them.
    fn found(&mut self, finding: Finding, at: Timestamp, cx: &mut Cx<'_>) {
        match finding {
            Finding::Unsure => {}
            Finding::Nothing => self.unknown(at),
            Finding::Spoken(spoken) | Finding::Turned(spoken) => {
                let Decoder::Probing(probe) = &mut self.decoder else { return };
                let mut chunks = probe.take();
                if let Finding::Turned(_) = finding {
                    for (dir, ..) in &mut chunks {
                        *dir = dir.other();
                    }
                    self.turn();
                }
                self.decoder = Decoder::Known(spoken.decoder());
                self.learn(spoken, cx);
                let followed = self.followed;
                for (dir, at, bytes) in chunks {
                    if self.followed != followed {
                        self.tcp.count(dir, at, bytes.len() as u64);
                    }
                    self.hand(dir, at, &bytes, cx);
                }
            }
        }
    }

    /// The client is the other end, as the bytes prove.
    fn turn(&mut self) {
        self.turn_round();
        self.tcp.turn_round();
        self.turned = true;
        self.guessed = false;
    }

    fn learn(&self, spoken: &Spoken, cx: &mut Cx<'_>) {
        // What runs through a tunnel is not what its server speaks to others.
        if self.followed == 0 && !self.connection.within {
            cx.servers.learn(self.connection.server, spoken);
        }
    }

    /// Hands bytes to the decoder, and to the next one where it says that the connection becomes another.
    fn decode(&mut self, dir: Dir, at: Timestamp, bytes: &[u8], cx: &mut Cx<'_>) {
        let may_follow = self.followed < TUNNELS_LIMIT;
        let Some((decoder, mut env)) = self.known(at, cx) else { return };
        let (next, rest) = match decoder.data(dir, bytes, &mut env) {
            Verdict::Mine => return,
            Verdict::Turned => {
                self.tcp.turn_round();
                self.turned = true;
                return;
            }
            Verdict::NotMine => return self.unknown(at),
            Verdict::Becomes { decoder, rest } => (Decoder::Known(decoder), rest),
            Verdict::Anew { rest } if may_follow => (Decoder::Probing(Probe::default()), rest),
            Verdict::Anew { rest } => (Decoder::Unknown { retries: 0, turns: Turns::default() }, rest),
        };
        let early = decoder.early();
        let told = self.end_decoder(Ending::Open, at, cx);
        self.decoder = next;
        self.followed += 1;
        let rest = &bytes[bytes.len() - rest.min(bytes.len())..];
        let early = early.as_ref().map(|(dir, at, bytes)| (*dir, *at, &bytes[..]));
        let chunks = early.into_iter().chain((!rest.is_empty()).then_some((dir, at, rest)));
        if told {
            self.tcp = Tcp::new(at);
            self.tcp.tell();
            chunks.clone().for_each(|(dir, at, bytes)| self.tcp.count(dir, at, bytes.len() as u64));
        }
        for (dir, at, bytes) in chunks {
            self.hand(dir, at, bytes, cx);
        }
    }
}

/// What the bytes of a connection are read as, `followed` times after it became another.
fn expected(followed: u32, connection: &Connection, cx: &Cx<'_>) -> Expected {
    // What runs through a tunnel is not what its server speaks to others.
    if followed > 0 {
        return Expected::Anything;
    }
    let expected = cx.servers.expected(&connection.server);
    if connection.within { expected.within_tls() } else { expected }
}
