//! Which protocol the first bytes of a connection speak. Never the port.
//!
//! Each recogniser is a pure function of what both directions began with: `Yes` once the bytes prove it, `No` once they
//! exclude it, `Maybe` as long as more could do either. A false `Yes` costs more than a late one: half a line proves
//! nothing. The same recognisers are asked again, each time the direction turns, about a connection that none knew.

use model::Timestamp;
use model::exchange::Protocol;

use crate::decode::{Decode, Dir};
use crate::servers::Expected;
use crate::{amqp, dns, http1, http2, kafka, mongodb, mqtt, mysql, nats, postgres, redis, tls, websocket};

/// No protocol needs more to be told from the others: a request line with a long target.
const PROBE_LIMIT: usize = 16 * 1024;
/// How much of a turn is remembered while the other direction speaks.
const TURN_LIMIT: usize = 256;

/// What a prefix proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    Yes,
    No,
    Maybe,
}

/// What both directions began with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Starts<'a> {
    /// By [`Dir`]; empty while nothing came.
    bytes: [&'a [u8]; 2],
    /// They are the first bytes of the connection; else perhaps of a message.
    pub(crate) opening: bool,
}

impl<'a> Starts<'a> {
    pub(crate) fn new(opening: bool, to_server: &'a [u8], to_client: &'a [u8]) -> Self {
        Self { bytes: [to_server, to_client], opening }
    }

    pub(crate) fn to_server(self) -> &'a [u8] {
        self.bytes[Dir::ToServer as usize]
    }

    pub(crate) fn to_client(self) -> &'a [u8] {
        self.bytes[Dir::ToClient as usize]
    }

    /// What is proved if the client is the other end.
    fn proved_turned(self) -> Option<&'static Spoken> {
        let turned = Self { bytes: [self.bytes[1], self.bytes[0]], ..self };
        SPOKEN.iter().find(|spoken| (spoken.recognise)(&turned) == Proof::Yes)
    }
}

/// A protocol that has a decoder.
#[derive(Debug)]
pub(crate) struct Spoken {
    pub(crate) protocol: Protocol,
    recognise: fn(&Starts<'_>) -> Proof,
    decoder: fn() -> Box<dyn Decode>,
}

impl Spoken {
    /// Who reads a protocol; nobody reads bare TCP.
    pub(crate) fn of(protocol: Protocol) -> Option<&'static Self> {
        // A gRPC call is told from others on its own stream.
        let read = if protocol == Protocol::Grpc { Protocol::Http2 } else { protocol };
        SPOKEN.iter().find(|spoken| spoken.protocol == read)
    }

    pub(crate) fn decoder(&self) -> Box<dyn Decode> {
        (self.decoder)()
    }
}

/// All of them; where two would claim the same bytes, the earlier one gets them.
static SPOKEN: &[Spoken] = &[
    Spoken { protocol: Protocol::Http1, recognise: http1::recognise, decoder: http1::decoder },
    Spoken { protocol: Protocol::Tls, recognise: tls::recognise, decoder: tls::decoder },
    Spoken { protocol: Protocol::WebSocket, recognise: websocket::recognise, decoder: websocket::decoder },
    Spoken { protocol: Protocol::Http2, recognise: http2::recognise, decoder: http2::decoder },
    Spoken { protocol: Protocol::Nats, recognise: nats::recognise, decoder: nats::decoder },
    Spoken { protocol: Protocol::Redis, recognise: redis::recognise, decoder: redis::decoder },
    Spoken { protocol: Protocol::Mongodb, recognise: mongodb::recognise, decoder: mongodb::decoder },
    Spoken { protocol: Protocol::Mqtt, recognise: mqtt::recognise, decoder: mqtt::decoder },
    Spoken { protocol: Protocol::Dns, recognise: dns::recognise, decoder: dns::decoder },
    Spoken { protocol: Protocol::Postgres, recognise: postgres::recognise, decoder: postgres::decoder },
    Spoken { protocol: Protocol::Amqp, recognise: amqp::recognise, decoder: amqp::decoder },
    Spoken { protocol: Protocol::Kafka, recognise: kafka::recognise, decoder: kafka::decoder },
    Spoken { protocol: Protocol::Mysql, recognise: mysql::recognise, decoder: mysql::decoder },
];

/// What is known of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Finding {
    Unsure,
    Spoken(&'static Spoken),
    /// It is this, but the client is the other end.
    Turned(&'static Spoken),
    Nothing,
}

/// Holds a connection's first bytes until they tell.
#[derive(Debug)]
pub(crate) struct Probe {
    chunks: Vec<(Dir, Timestamp, Vec<u8>)>,
    starts: [Vec<u8>; 2],
    /// Directions that grow no more, since bytes were lost.
    frozen: [bool; 2],
    opening: bool,
    /// Who the client is was guessed.
    guessed: bool,
    /// By their place in [`SPOKEN`], one bit each.
    excluded: u32,
    held: usize,
}

impl Default for Probe {
    fn default() -> Self {
        Self {
            chunks: Vec::new(),
            starts: [Vec::new(), Vec::new()],
            frozen: [false; 2],
            opening: true,
            guessed: false,
            excluded: 0,
            held: 0,
        }
    }
}

impl Probe {
    /// Of a connection that is older than the capture. Who its client is may be `guessed`.
    pub(crate) fn mid_stream(guessed: bool) -> Self {
        Self { opening: false, guessed, ..Self::default() }
    }

    /// Takes the next bytes.
    pub(crate) fn data(&mut self, dir: Dir, at: Timestamp, bytes: &[u8], expected: Expected) -> Finding {
        self.chunks.push((dir, at, bytes.to_vec()));
        self.held += bytes.len() + 64;
        let start = &mut self.starts[dir as usize];
        if self.frozen[dir as usize] {
            return if self.held > 2 * PROBE_LIMIT { Finding::Nothing } else { Finding::Unsure };
        }
        start
            .extend_from_slice(&bytes[..bytes.len().min(PROBE_LIMIT + 1 - start.len().min(PROBE_LIMIT + 1))]);
        let full = start.len() > PROBE_LIMIT;
        let starts = Starts::new(self.opening, &self.starts[0], &self.starts[1]);
        match expected {
            Expected::Surely(told) if self.opening => return surely(told, &starts),
            Expected::Unread => return Finding::Nothing,
            Expected::Surely(_) | Expected::Perhaps(_) | Expected::Anything => {}
        }
        for (place, spoken) in SPOKEN.iter().enumerate() {
            let bit = 1 << place;
            if !expected.allows(spoken) {
                self.excluded |= bit;
            }
            if self.excluded & bit != 0 {
                continue;
            }
            match (spoken.recognise)(&starts) {
                Proof::Yes => return Finding::Spoken(spoken),
                Proof::Maybe if !self.opening && expected.favours(spoken) => {
                    return Finding::Spoken(spoken);
                }
                Proof::Maybe if !full => {}
                Proof::Maybe | Proof::No => self.excluded |= bit,
            }
        }
        if self.guessed
            && let Some(spoken) = starts.proved_turned()
        {
            return Finding::Turned(spoken);
        }
        if self.excluded.count_ones() as usize == SPOKEN.len() { Finding::Nothing } else { Finding::Unsure }
    }

    /// A range of one direction is lost: what it has not proved by now it never will.
    pub(crate) fn loses(&mut self, dir: Dir) -> Finding {
        self.frozen[dir as usize] = true;
        if dir == Dir::ToServer || self.starts[0].is_empty() { Finding::Nothing } else { Finding::Unsure }
    }

    /// The direction of the first bytes.
    pub(crate) fn began_with(&self) -> Option<Dir> {
        self.chunks.first().map(|(dir, _, _)| *dir)
    }

    /// The bytes so far, in the order they came.
    pub(crate) fn take(&mut self) -> Vec<(Dir, Timestamp, Vec<u8>)> {
        self.held = 0;
        std::mem::take(&mut self.chunks)
    }

    pub(crate) fn held(&self) -> usize {
        self.held + self.starts.iter().map(Vec::len).sum::<usize>()
    }
}

/// What a connection speaks from its first byte on to a server of whom `told` was said: within TLS, where it begins so.
fn surely(told: &'static Spoken, starts: &Starts<'_>) -> Finding {
    if starts.to_server().is_empty() {
        return Finding::Spoken(told);
    }
    match (Spoken::of(Protocol::Tls), tls::recognise(starts)) {
        (Some(tls), Proof::Yes) => Finding::Spoken(tls),
        (Some(_), Proof::Maybe) => Finding::Unsure,
        _ => Finding::Spoken(told),
    }
}

/// The turns of a connection that no decoder knows: each may begin with a message.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    last: Option<Dir>,
    starts: [Vec<u8>; 2],
}

impl Turns {
    /// Takes the next bytes and says whether a turn begins with them.
    pub(crate) fn data(&mut self, dir: Dir, bytes: &[u8]) -> bool {
        let turns = self.last != Some(dir);
        self.last = Some(dir);
        if turns {
            self.starts[dir as usize].clear();
            self.starts[dir as usize].extend_from_slice(&bytes[..bytes.len().min(TURN_LIMIT)]);
        }
        turns
    }

    /// Bytes are missing: what comes next may be a message's first.
    pub(crate) fn broken(&mut self) {
        self.last = None;
    }

    /// The protocol that a turn beginning with these bytes speaks, if any; where who the client is was `guessed`, perhaps
    /// the other way round.
    pub(crate) fn speaks(&self, dir: Dir, bytes: &[u8], expected: Expected, guessed: bool) -> Finding {
        let mut starts = Starts::new(false, &self.starts[0], &self.starts[1]);
        starts.bytes[dir as usize] = &bytes[..bytes.len().min(PROBE_LIMIT)];
        let spoken = SPOKEN.iter().filter(|spoken| expected.allows(spoken)).find(|spoken| {
            match (spoken.recognise)(&starts) {
                Proof::Yes => true,
                Proof::Maybe => expected.favours(spoken),
                Proof::No => false,
            }
        });
        let turned = || starts.proved_turned().filter(|_| guessed).map(Finding::Turned);
        spoken.map(Finding::Spoken).or_else(turned).unwrap_or(Finding::Nothing)
    }

    pub(crate) fn held(&self) -> usize {
        self.starts.iter().map(Vec::capacity).sum()
    }
}

/// Which way bytes go that may be a message's first, where they tell by themselves. Some protocols' messages look the
/// same both ways.
pub(crate) fn direction(bytes: &[u8]) -> Option<Dir> {
    let proves = |starts: &Starts<'_>| SPOKEN.iter().any(|s| (s.recognise)(starts) == Proof::Yes);
    let bytes = &bytes[..bytes.len().min(PROBE_LIMIT)];
    match (proves(&Starts::new(false, bytes, &[])), proves(&Starts::new(false, &[], bytes))) {
        (true, false) => Some(Dir::ToServer),
        (false, true) => Some(Dir::ToClient),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_asks_both_directions() {
        use Dir::{ToClient, ToServer};
        type Chunks = &'static [(Dir, &'static [u8])];
        let cases: [(Chunks, &str); 6] = [
            (&[(ToServer, b"GE"), (ToServer, b"T / HTTP/1.1\r\n")], "http/1"),
            (&[(ToClient, b"HTTP/1.1 200")], "http/1"),
            (&[(ToClient, b"SSH-2.0-x\r\n")], "nothing"),
            (&[(ToServer, b"GE"), (ToClient, b"220 ready\r\n")], "unsure"),
            (&[(ToServer, b"\xff\xff\xff\xff\xff")], "nothing"),
            (&[(ToServer, b"GET")], "unsure"),
        ];
        for (chunks, expected) in cases {
            let mut probe = Probe::default();
            let last = chunks
                .iter()
                .map(|(dir, bytes)| probe.data(*dir, Timestamp(0), bytes, Expected::Anything))
                .last();
            let found = match last.unwrap() {
                Finding::Spoken(spoken) => spoken.protocol.name(),
                Finding::Unsure => "unsure",
                Finding::Turned(_) => "turned",
                Finding::Nothing => "nothing",
            };
            assert_eq!(found, expected, "{chunks:?}");
        }
    }

    #[test]
    fn no_protocol_takes_what_another_begins_with() {
        // WebSocket begins behind an upgrade, which is HTTP's.
        for spoken in SPOKEN.iter().filter(|spoken| spoken.protocol != Protocol::WebSocket) {
            crate::prefixes::check(spoken.protocol.name(), spoken.recognise);
        }
    }

    #[test]
    fn half_a_message_of_a_known_server_is_enough() {
        let find = |mut probe: Probe, expected| probe.data(Dir::ToServer, Timestamp(0), b"GET /", expected);
        let known = Expected::Perhaps(Protocol::Http1);
        assert!(matches!(find(Probe::mid_stream(false), known), Finding::Spoken(_)));
        assert!(matches!(find(Probe::mid_stream(false), Expected::Anything), Finding::Unsure));
        assert!(matches!(find(Probe::default(), known), Finding::Unsure));
    }

    #[test]
    fn what_is_told_of_a_server_beats_what_its_bytes_look_like() {
        let redis = Expected::Surely(Spoken::of(Protocol::Redis).unwrap());
        let find = |mut probe: Probe, bytes: &[u8], expected| match probe.data(
            Dir::ToServer,
            Timestamp(0),
            bytes,
            expected,
        ) {
            Finding::Spoken(spoken) => spoken.protocol.name(),
            Finding::Unsure => "unsure",
            Finding::Turned(_) => "turned",
            Finding::Nothing => "nothing",
        };
        let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
        for (bytes, opening, later) in [
            (&b"GET / HTTP/1.1\r\n\r\n"[..], "redis", "nothing"),
            (b"SET a 1\r\n", "redis", "redis"),
            // A server that speaks it within TLS speaks it.
            (hello, "tls", "nothing"),
            (&hello[..7], "unsure", "nothing"),
        ] {
            assert_eq!(find(Probe::default(), bytes, redis), opening, "{bytes:x?}");
            assert_eq!(find(Probe::mid_stream(false), bytes, redis), later, "{bytes:x?}");
            assert_eq!(find(Probe::default(), bytes, Expected::Unread), "nothing");
        }
    }
}
