//! One connection's bytes, both ways, in order: finds the decoder, feeds it, falls back to counting.
//!
//! A decoder has five methods (`data gap close end report`) and is one more arm of [`Decoder`] and of
//! [`detect`](crate::detect). It gives up by [`Verdict::NotMine`], and then the connection is a `tcp` exchange.

use std::net::SocketAddr;

use model::Timestamp;
use model::exchange::{Ending, Exchange, Message, Protocol, Quality};

use crate::detect::{Finding, Probe, opens_http1};
use crate::http1::Http1;
use crate::limits::Limits;
use crate::tcp::Tcp;

/// How often a connection that no decoder knows is looked at again, each time its direction turns.
const RETRIES: u32 = 64;

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
}

impl Connection {
    /// A new exchange of this connection, of which nothing is known.
    pub(crate) fn exchange(&mut self, protocol: Protocol, first: Timestamp) -> Exchange {
        let serial = self.serial;
        self.serial += 1;
        Exchange {
            conn: self.id,
            serial,
            client: self.client,
            server: self.server,
            protocol,
            method: String::new(),
            target: String::new(),
            status: None,
            request: Message { first, last: first, ..Message::default() },
            response: None,
            quality: Quality::Complete,
            ending: Ending::Open,
            done: false,
        }
    }
}

/// What a decoder needs besides the bytes.
#[derive(Debug)]
pub(crate) struct Cx<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) out: &'a mut Vec<Exchange>,
    /// Bytes that no decoder saw.
    pub(crate) lost: &'a mut u64,
}

/// What a decoder thinks of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Mine,
    NotMine,
}

#[derive(Debug)]
enum Decoder {
    /// The first bytes are held until they tell the protocol.
    Probing(Probe),
    Http1(Box<Http1>),
    /// None knows it; `turned` is the direction of the last bytes.
    Unknown {
        retries: u32,
        turned: Option<Dir>,
    },
}

/// One connection's bytes.
#[derive(Debug)]
pub(crate) struct Conversation {
    connection: Connection,
    decoder: Decoder,
    tcp: Tcp,
}

impl Conversation {
    pub(crate) fn new(id: u64, client: SocketAddr, server: SocketAddr, opened: Timestamp) -> Self {
        let connection = Connection { id, client, server, serial: 0 };
        Self { connection, decoder: Decoder::Probing(Probe::default()), tcp: Tcp::new(opened) }
    }

    /// Swaps the ends; only before the first byte.
    pub(crate) fn turn_round(&mut self) {
        std::mem::swap(&mut self.connection.client, &mut self.connection.server);
    }

    /// The connection is older than the capture.
    pub(crate) fn mid_stream(&mut self) {
        self.tcp.mark(Quality::MidStream);
    }

    pub(crate) fn data(&mut self, dir: Dir, at: Timestamp, bytes: &[u8], cx: &mut Cx<'_>) {
        self.tcp.count(dir, at, bytes.len() as u64);
        match &mut self.decoder {
            Decoder::Probing(probe) => match probe.data(dir, at, bytes) {
                Finding::Unsure => {}
                Finding::Http1 => self.replay(cx),
                Finding::Nothing => self.unknown(at),
            },
            Decoder::Http1(http) => {
                if http.data(dir, at, bytes, &mut self.connection, cx) == Verdict::NotMine {
                    self.unknown(at);
                }
            }
            Decoder::Unknown { retries, turned } => {
                let turns = *turned != Some(dir);
                *turned = Some(dir);
                if turns && *retries > 0 {
                    *retries -= 1;
                    if opens_http1(dir, bytes) {
                        self.tcp.uncount(dir, bytes.len() as u64);
                        if !self.tcp.is_empty() {
                            self.tcp.end(Ending::Open, at, &mut self.connection, cx);
                        }
                        self.tcp = Tcp::new(at);
                        self.decoder = Decoder::Http1(Box::default());
                        return self.data(dir, at, bytes, cx);
                    }
                }
                self.tcp.changed(at, &mut self.connection);
            }
        }
    }

    pub(crate) fn gap(&mut self, dir: Dir, at: Timestamp, bytes: u64, loss: Loss, cx: &mut Cx<'_>) {
        if loss == Loss::Lost {
            *cx.lost += bytes;
        }
        self.tcp.gap(dir, at, bytes, loss);
        match &mut self.decoder {
            Decoder::Probing(probe) => {
                let known = probe.loses(dir);
                if known == Finding::Http1 {
                    self.replay(cx);
                    if let Decoder::Http1(http) = &mut self.decoder {
                        http.gap(dir, at, bytes, loss, &mut self.connection, cx);
                    }
                } else if known == Finding::Nothing {
                    self.unknown(at);
                }
            }
            Decoder::Http1(http) => http.gap(dir, at, bytes, loss, &mut self.connection, cx),
            Decoder::Unknown { turned, .. } => {
                *turned = None;
                self.tcp.changed(at, &mut self.connection);
            }
        }
    }

    /// One direction ended in order.
    pub(crate) fn close(&mut self, dir: Dir, at: Timestamp, cx: &mut Cx<'_>) {
        self.tcp.close(dir);
        if let Decoder::Http1(http) = &mut self.decoder {
            http.close(dir, at, &mut self.connection, cx);
        }
    }

    /// The connection is over, or no longer followed.
    pub(crate) fn end(&mut self, ending: Ending, at: Timestamp, cx: &mut Cx<'_>) {
        let told = match &mut self.decoder {
            Decoder::Http1(http) => http.end(ending, &mut self.connection, cx),
            Decoder::Probing(_) | Decoder::Unknown { .. } => Verdict::NotMine,
        };
        if told == Verdict::NotMine {
            self.tcp.end(ending, at, &mut self.connection, cx);
        }
        self.decoder = Decoder::Unknown { retries: 0, turned: None };
    }

    /// The connect was not answered so far.
    pub(crate) fn unanswered(&mut self, at: Timestamp, cx: &mut Cx<'_>) {
        self.tcp.end(Ending::NoAnswer, at, &mut self.connection, cx);
        self.tcp = Tcp::new(at);
    }

    /// Reports what changed and is due.
    pub(crate) fn report(&mut self, now: Timestamp, cx: &mut Cx<'_>) {
        match &mut self.decoder {
            Decoder::Http1(http) => http.report(now, cx),
            Decoder::Unknown { .. } => self.tcp.report(now, cx),
            Decoder::Probing(_) => {}
        }
    }

    /// When the next report is due.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        match &self.decoder {
            Decoder::Http1(http) => http.due(),
            Decoder::Unknown { .. } => self.tcp.due(),
            Decoder::Probing(_) => None,
        }
    }

    /// Bytes of memory held beyond the fixed.
    pub(crate) fn held(&self) -> usize {
        match &self.decoder {
            Decoder::Http1(http) => http.held(),
            Decoder::Probing(probe) => probe.held(),
            Decoder::Unknown { .. } => 0,
        }
    }

    fn unknown(&mut self, at: Timestamp) {
        self.decoder = Decoder::Unknown { retries: RETRIES, turned: None };
        self.tcp.changed(at, &mut self.connection);
    }

    fn replay(&mut self, cx: &mut Cx<'_>) {
        let Decoder::Probing(probe) = &mut self.decoder else { return };
        let chunks = probe.take();
        let mut http = Box::<Http1>::default();
        for (dir, at, bytes) in chunks {
            if http.data(dir, at, &bytes, &mut self.connection, cx) == Verdict::NotMine {
                return self.unknown(at);
            }
        }
        self.decoder = Decoder::Http1(http);
    }
}
