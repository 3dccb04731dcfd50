//! One connection's bytes, both ways, in order: finds the decoder, feeds it, falls back to counting.
//!
//! A decoder is a [`Decode`] and a line in [`detect`](crate::detect). It gives up by [`Verdict::NotMine`], and then the
//! connection is a `tcp` exchange; or it hands the connection on to another by [`Verdict::Becomes`].

use std::net::SocketAddr;

use model::Timestamp;
use model::exchange::{Ending, Exchange, Protocol, Quality};

use crate::detect::{Expected, Finding, Probe, Servers, Turns};
use crate::limits::Limits;
use crate::tcp::Tcp;
use crate::tls::Keys;

/// How often a connection that no decoder knows is looked at again, each time its direction turns.
const RETRIES: u32 = 64;

/// How often the rest of a connection is looked at as if it were a new one: tunnels in tunnels.
const TUNNELS_LIMIT: u32 = 8;

/// The direction of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dir {
    ToServer,
    ToClient,
}

/// Why bytes are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// They were not captured.
    Lost,
    /// The capture kept the packet's beginning only.
    Cut,
}

impl Loss {
    pub(crate) fn quality(self) -> Quality {
        match self {
            Self::Lost => Quality::Gap,
            Self::Cut => Quality::Truncated,
        }
    }
}

/// Who talks to whom.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) id: u64,
    pub(crate) client: SocketAddr,
    pub(crate) server: SocketAddr,
    pub(crate) serial: u32,
    /// It is what another one says, decrypted.
    pub(crate) within: bool,
}

impl Connection {
    /// A new exchange of this connection, of which nothing is known.
    pub(crate) fn exchange(&mut self, protocol: Protocol, first: Timestamp) -> Exchange {
        let serial = self.serial;
        self.serial += 1;
        let exchange = Exchange::new((self.id, serial), self.client, self.server, protocol, first);
        Exchange { decrypted: self.within, ..exchange }
    }
}

/// What a decoder needs besides the bytes.
#[derive(Debug)]
pub(crate) struct Cx<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) out: &'a mut Vec<Exchange>,
    /// Bytes that no decoder saw.
    pub(crate) lost: &'a mut u64,
    /// What servers were found to speak.
    pub(crate) servers: &'a mut Servers,
    /// What connections are encrypted by.
    pub(crate) keys: &'a Keys,
}

/// What is around a frame.
#[derive(Debug)]
pub(crate) struct Env<'a, 'b> {
    pub(crate) connection: &'a mut Connection,
    pub(crate) cx: &'a mut Cx<'b>,
    pub(crate) at: Timestamp,
}

/// What a decoder thinks of the bytes.
#[derive(Debug)]
pub(crate) enum Verdict {
    Mine,
    NotMine,
    /// From the last `rest` of the bytes on, the connection speaks something else. The decoder that says so is asked
    /// for its end before the other gets them.
    Becomes {
        decoder: Box<dyn Decode>,
        rest: usize,
    },
    /// As [`Self::Becomes`], but what the connection speaks from there on is to be found out.
    Anew {
        rest: usize,
    },
}

/// One protocol's decoder for one connection. Bytes come in order and cut anywhere; what was lost is said between them.
pub(crate) trait Decode: std::fmt::Debug {
    /// Takes the next bytes of one direction.
    fn data(
        &mut self,
        dir: Dir,
        at: Timestamp,
        bytes: &[u8],
        connection: &mut Connection,
        cx: &mut Cx<'_>,
    ) -> Verdict;

    /// So many bytes of one direction are missing here.
    fn gap(
        &mut self,
        dir: Dir,
        at: Timestamp,
        bytes: u64,
        loss: Loss,
        connection: &mut Connection,
        cx: &mut Cx<'_>,
    );

    /// One direction ended in order.
    fn close(&mut self, dir: Dir, at: Timestamp, connection: &mut Connection, cx: &mut Cx<'_>);

    /// Where the connection becomes another: what the other direction sent already, before it could know.
    fn early(&mut self) -> Option<(Dir, Timestamp, Vec<u8>)> {
        None
    }

    /// The connection is over, or no longer followed: every exchange gets its last report. False when there was not a
    /// single one in it.
    fn end(&mut self, ending: Ending, connection: &mut Connection, cx: &mut Cx<'_>) -> bool;

    /// What makes it readable may still come, from elsewhere than the connection.
    fn waits(&self) -> bool {
        false
    }

    /// Does what time alone asks for.
    fn wake(&mut self, _: Timestamp, _: &mut Connection, _: &mut Cx<'_>) {}

    /// Reports what changed and is due.
    fn report(&mut self, now: Timestamp, cx: &mut Cx<'_>);

    /// When the next report is due.
    fn due(&self) -> Option<Timestamp>;

    /// Bytes of memory held beyond the fixed.
    fn held(&self) -> usize;
}

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
    tcp: Tcp,
    /// How often another decoder followed one.
    followed: u32,
    /// How it ended and when, where the end is not told before what makes it readable had time to come.
    ended: Option<(Ending, Timestamp)>,
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
            tcp: Tcp::new(opened),
            followed: 0,
            ended: None,
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

    /// The connection is older than the capture.
    pub(crate) fn mid_stream(&mut self) {
        self.tcp.mark(Quality::MidStream);
        self.decoder = Decoder::Probing(Probe::mid_stream());
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
            if let Some(spoken) = turns.speaks(dir, bytes, expected) {
                self.tcp.uncount(dir, bytes.len() as u64);
                if !self.tcp.is_empty() && !self.connection.within {
                    self.tcp.end(Ending::Open, at, &mut self.connection, cx);
                }
                self.tcp = Tcp::new(at);
                self.tcp.count(dir, at, bytes.len() as u64);
                self.decoder = Decoder::Known(spoken.decoder());
                return self.decode(dir, at, bytes, cx);
            }
        }
        self.count_only(at);
    }

    pub(crate) fn gap(&mut self, dir: Dir, at: Timestamp, bytes: u64, loss: Loss, cx: &mut Cx<'_>) {
        if loss == Loss::Lost && !self.connection.within {
            *cx.lost += bytes;
        }
        self.tcp.gap(dir, at, bytes, loss);
        if let Decoder::Probing(probe) = &mut self.decoder {
            let finding = probe.loses(dir);
            self.found(finding, at, cx);
        }
        match &mut self.decoder {
            Decoder::Probing(_) => {}
            Decoder::Known(decoder) => decoder.gap(dir, at, bytes, loss, &mut self.connection, cx),
            Decoder::Unknown { turns, .. } => {
                turns.broken();
                self.count_only(at);
            }
        }
    }

    /// One direction ended in order.
    pub(crate) fn close(&mut self, dir: Dir, at: Timestamp, cx: &mut Cx<'_>) {
        self.tcp.close(dir);
        if let Decoder::Known(decoder) = &mut self.decoder {
            decoder.close(dir, at, &mut self.connection, cx);
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
        if let Decoder::Known(decoder) = &mut self.decoder {
            decoder.wake(now, &mut self.connection, cx);
            if decoder.waits() && !last {
                return decoder.report(now, cx);
            }
        }
        self.ended = None;
        self.tell_end(ending, at, cx);
    }

    fn tell_end(&mut self, ending: Ending, at: Timestamp, cx: &mut Cx<'_>) {
        let told = match &mut self.decoder {
            Decoder::Known(decoder) => decoder.end(ending, &mut self.connection, cx),
            Decoder::Probing(_) | Decoder::Unknown { .. } => false,
        };
        // An earlier decoder of this connection may have told all there was.
        let all_told = self.connection.within || told || (self.tcp.is_told() && self.tcp.is_empty());
        if !all_told {
            self.tcp.end(ending, at, &mut self.connection, cx);
        }
        self.decoder = Decoder::Unknown { retries: 0, turns: Turns::default() };
    }

    /// The connect was not answered so far.
    pub(crate) fn unanswered(&mut self, at: Timestamp, cx: &mut Cx<'_>) {
        self.tcp.end(Ending::NoAnswer, at, &mut self.connection, cx);
        self.tcp = Tcp::new(at);
    }

    /// Something else is said of the server now: what went on is ended, what comes is read by the new word.
    pub(crate) fn read_anew(&mut self, at: Timestamp, cx: &mut Cx<'_>) {
        let told = match &mut self.decoder {
            // The first bytes are still there to be read by it.
            Decoder::Probing(_) => return,
            Decoder::Known(decoder) => decoder.end(Ending::Open, &mut self.connection, cx),
            Decoder::Unknown { .. } => false,
        };
        if !told && !self.tcp.is_empty() {
            self.tcp.end(Ending::Open, at, &mut self.connection, cx);
        }
        self.tcp = Tcp::new(at);
        self.tcp.tell();
        self.mid_stream();
    }

    /// Whom the connection was opened to.
    pub(crate) fn server(&self) -> SocketAddr {
        self.connection.server
    }

    /// Reports what changed and is due.
    pub(crate) fn report(&mut self, now: Timestamp, cx: &mut Cx<'_>) {
        match &mut self.decoder {
            Decoder::Known(decoder) => {
                decoder.wake(now, &mut self.connection, cx);
                decoder.report(now, cx);
            }
            Decoder::Unknown { .. } if self.connection.within => {}
            Decoder::Unknown { .. } => self.tcp.report(now, cx),
            Decoder::Probing(_) => {}
        }
    }

    /// When the next report is due.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        match &self.decoder {
            Decoder::Known(decoder) => decoder.due(),
            Decoder::Unknown { .. } if self.connection.within => None,
            Decoder::Unknown { .. } => self.tcp.due(),
            Decoder::Probing(_) => None,
        }
    }

    /// Bytes of memory held beyond the fixed.
    pub(crate) fn held(&self) -> usize {
        match &self.decoder {
            Decoder::Known(decoder) => decoder.held(),
            Decoder::Probing(probe) => probe.held(),
            Decoder::Unknown { turns, .. } => turns.held(),
        }
    }

    /// The counts are what is told of the connection, but for one within another, which tells that of all of it.
    fn count_only(&mut self, at: Timestamp) {
        if !self.connection.within {
            self.tcp.changed(at, &mut self.connection);
        }
    }

    fn unknown(&mut self, at: Timestamp) {
        self.decoder = Decoder::Unknown { retries: RETRIES, turns: Turns::default() };
        self.count_only(at);
    }

    /// Gives counted bytes to whoever is there for them.
    fn hand(&mut self, dir: Dir, at: Timestamp, bytes: &[u8], cx: &mut Cx<'_>) {
        match &mut self.decoder {
            Decoder::Probing(_) => self.probe(dir, at, bytes, cx),
            Decoder::Known(_) => self.decode(dir, at, bytes, cx),
            Decoder::Unknown { .. } => self.tcp.changed(at, &mut self.connection),
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
            Finding::Spoken(spoken) => {
                let Decoder::Probing(probe) = &mut self.decoder else { return };
                let chunks = probe.take();
                self.decoder = Decoder::Known(spoken.decoder());
                // What runs through a tunnel is not what its server speaks to others.
                if self.followed == 0 && !self.connection.within {
                    cx.servers.learn(self.connection.server, spoken);
                }
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

    /// Hands bytes to the decoder, and to the next one where it says that the connection becomes another.
    fn decode(&mut self, dir: Dir, at: Timestamp, bytes: &[u8], cx: &mut Cx<'_>) {
        let Decoder::Known(decoder) = &mut self.decoder else { return };
        let (next, rest) = match decoder.data(dir, at, bytes, &mut self.connection, cx) {
            Verdict::Mine => return,
            Verdict::NotMine => return self.unknown(at),
            Verdict::Becomes { decoder, rest } => (Decoder::Known(decoder), rest),
            Verdict::Anew { rest } if self.followed < TUNNELS_LIMIT => {
                (Decoder::Probing(Probe::default()), rest)
            }
            Verdict::Anew { rest } => (Decoder::Unknown { retries: 0, turns: Turns::default() }, rest),
        };
        let early = decoder.early();
        let told = decoder.end(Ending::Open, &mut self.connection, cx);
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
