//! A request and its response as seen on the wire, with addresses and no names.
//!
//! `wire` makes them, the guest sends them, `calls` gives them names. An exchange is reported more than once: while
//! its request is known and its response is awaited, and again as it goes on; the newest report of a `(conn, serial)`
//! replaces the older ones.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// What two ends speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Protocol {
    /// HTTP/1.0 and 1.1 (RFC 9112).
    #[serde(rename = "http/1")]
    Http1,
    /// HTTP/2 (RFC 9113) that carries no gRPC.
    #[serde(rename = "http/2")]
    Http2,
    /// gRPC over HTTP/2, and gRPC-Web over either HTTP.
    #[serde(rename = "grpc")]
    Grpc,
    /// WebSocket (RFC 6455), from the upgrade on.
    #[serde(rename = "websocket")]
    WebSocket,
    /// Redis serialization protocol, versions 2 and 3, and inline commands.
    #[serde(rename = "redis")]
    Redis,
    /// PostgreSQL's frontend/backend protocol, version 3.
    #[serde(rename = "postgres")]
    Postgres,
    /// MySQL's and `MariaDB`'s client/server protocol.
    #[serde(rename = "mysql")]
    Mysql,
    /// MongoDB's wire protocol.
    #[serde(rename = "mongodb")]
    Mongodb,
    /// Kafka's protocol.
    #[serde(rename = "kafka")]
    Kafka,
    /// AMQP 0-9-1.
    #[serde(rename = "amqp")]
    Amqp,
    /// NATS' client protocol.
    #[serde(rename = "nats")]
    Nats,
    /// MQTT 3.1, 3.1.1 and 5.
    #[serde(rename = "mqtt")]
    Mqtt,
    /// DNS (RFC 1035) over UDP or TCP.
    #[serde(rename = "dns")]
    Dns,
    /// TLS whose inside is not readable: who is asked for, and which versions.
    #[serde(rename = "tls")]
    Tls,
    /// Any byte stream that no decoder knows.
    #[serde(rename = "tcp")]
    Tcp,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Http1,
        Self::Http2,
        Self::Grpc,
        Self::WebSocket,
        Self::Redis,
        Self::Postgres,
        Self::Mysql,
        Self::Mongodb,
        Self::Kafka,
        Self::Amqp,
        Self::Nats,
        Self::Mqtt,
        Self::Dns,
        Self::Tls,
        Self::Tcp,
    ];

    /// The name that the contract uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http1 => "http/1",
            Self::Http2 => "http/2",
            Self::Grpc => "grpc",
            Self::WebSocket => "websocket",
            Self::Redis => "redis",
            Self::Postgres => "postgres",
            Self::Mysql => "mysql",
            Self::Mongodb => "mongodb",
            Self::Kafka => "kafka",
            Self::Amqp => "amqp",
            Self::Nats => "nats",
            Self::Mqtt => "mqtt",
            Self::Dns => "dns",
            Self::Tls => "tls",
            Self::Tcp => "tcp",
        }
    }

    /// The protocol of a contract's name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.name() == name)
    }
}

/// How much of an exchange was seen. Nothing that was not seen is ever made up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Quality {
    /// All of it.
    Complete,
    /// The capture cut packets short, or did not follow it to its end, to keep within its bounds.
    Truncated,
    /// Bytes in the middle were lost.
    Gap,
    /// The connection was older than the capture.
    MidStream,
    /// The connection ended, or was forgotten, without a response.
    NoResponse,
    /// A response came whose request was not seen.
    NoRequest,
}

impl Quality {
    /// The name that the contract uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Truncated => "truncated",
            Self::Gap => "gap",
            Self::MidStream => "mid-stream",
            Self::NoResponse => "no-response",
            Self::NoRequest => "no-request",
        }
    }
}

/// How a connection stands, or ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Ending {
    /// It goes on.
    Open,
    /// Both sides closed it.
    Closed,
    /// One side reset it.
    Reset,
    /// The connect was answered by a reset: nobody listens.
    Refused,
    /// The connect was never answered.
    NoAnswer,
    /// Nothing was seen for so long that it was forgotten.
    Idle,
}

/// One direction of an exchange.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Message {
    /// Header names and values in wire order; trailers follow the headers.
    pub headers: Vec<(String, String)>,
    /// The first bytes of the body, chunked coding removed, content coding kept; at most the limit asked for.
    #[serde(with = "serde_bytes")]
    pub body: Vec<u8>,
    /// The body's whole size in bytes, before cutting. For `tcp`, the bytes of this direction.
    pub bytes: u64,
    /// Whether `body` is shorter than what was sent.
    pub cut: bool,
    /// When its first byte was seen.
    pub first: Timestamp,
    /// When its last byte was seen, so far.
    pub last: Timestamp,
    /// Whether it was seen to its end.
    pub complete: bool,
    /// What `body` holds where no header says so, as a media type: a decoder's own rendering of a binary protocol.
    pub media: Option<String>,
    /// The messages of a stream that `body` holds one after the other: of a gRPC call, of a WebSocket. Of very many, the
    /// first [`FIRST_PARTS`] and the newest.
    pub parts: Vec<Part>,
    /// How many messages there are, those that are not in `parts` as well: of a stream, or the records of a broker's
    /// message; 0 where it is none of these.
    pub messages: u64,
    /// Whether the content coding that the headers still name was removed from `body`; `bytes` counts it as sent. No
    /// capture does that, so it is in no frame.
    #[serde(skip)]
    pub decoded: bool,
}

/// So many messages of a stream stay listed, however many follow: how it began.
pub const FIRST_PARTS: usize = 20;

impl Message {
    /// How many messages of a stream are not listed: they were between the first [`FIRST_PARTS`] and the others.
    pub fn left_out(&self) -> u64 {
        let listed = self.parts.len() as u64;
        if listed == 0 { 0 } else { self.messages.saturating_sub(listed) }
    }
}

/// One message of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// When its last byte was seen.
    pub at: Timestamp,
    /// What it is, in the protocol's word: `text`, `ping`, `close 1000`, `message`.
    pub kind: String,
    /// Its size in bytes, before cutting.
    pub bytes: u64,
    /// How many bytes of the message's `body` are its.
    pub kept: u32,
}

/// A place where messages are left and fetched: what joins a sender and a receiver behind a broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topic {
    /// What this exchange does there.
    pub role: TopicRole,
    /// The name: a Kafka topic, an AMQP exchange and routing key or a queue, a NATS subject, a Redis channel or list.
    pub name: String,
    /// What tells one message from the others, where the protocol has it: a correlation id, a Kafka key.
    pub key: Option<String>,
}

/// Which side of a [`Topic`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TopicRole {
    /// It leaves messages.
    Sends,
    /// It fetches messages or gets them.
    Receives,
}

/// A request and its response, or one connection of an unknown protocol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// The connection, unique within one capture.
    pub conn: u64,
    /// The exchange's place on its connection, counted from 0.
    pub serial: u32,
    /// Who opened the connection.
    pub client: SocketAddr,
    /// Who was called.
    pub server: SocketAddr,
    /// What they speak.
    pub protocol: Protocol,
    /// What is done: `GET`, `SELECT`, `Produce`; empty for `tcp`.
    pub method: String,
    /// To what: the request's target as sent, a table, a key, a topic; empty for `tcp`.
    pub target: String,
    /// The protocol's own status, such as `200`; `None` when it was not seen.
    pub status: Option<String>,
    /// The answer says by the protocol's own rules that it failed, and why, in its words (which may be none). HTTP is
    /// judged by its status instead.
    pub failure: Option<String>,
    /// Its time is spent waiting for something to happen: a blocking read, a subscription, a stream.
    pub waits: bool,
    /// The broker's place that it is about.
    pub topic: Option<Topic>,
    /// What the client sent.
    pub request: Message,
    /// What the server sent; `None` while nothing of it was seen.
    pub response: Option<Message>,
    /// It went through TLS whose secrets are known; of a [`Protocol::Tls`] connection: what it says is read.
    pub decrypted: bool,
    /// How much of it was seen.
    pub quality: Quality,
    /// How the connection stands; [`Ending::Open`] for an exchange whose connection goes on.
    pub ending: Ending,
    /// Whether no further report of this exchange follows.
    pub done: bool,
}

impl Exchange {
    /// An exchange of which nothing is known but its connection, its place on it, and when it began.
    pub fn new(
        (conn, serial): (u64, u32),
        client: SocketAddr,
        server: SocketAddr,
        protocol: Protocol,
        first: Timestamp,
    ) -> Self {
        Self {
            conn,
            serial,
            client,
            server,
            protocol,
            method: String::new(),
            target: String::new(),
            status: None,
            failure: None,
            waits: false,
            topic: None,
            request: Message { first, last: first, ..Message::default() },
            response: None,
            decrypted: false,
            quality: Quality::Complete,
            ending: Ending::Open,
            done: false,
        }
    }

    /// The time from the request's first byte to the response's last; `None` until both were seen.
    pub fn latency(&self) -> Option<Duration> {
        let from = self.request.first;
        let until = self.response.as_ref().filter(|response| response.complete)?.last;
        let known = self.quality != Quality::NoRequest && from.0 != 0 && until >= from;
        known.then(|| until.since(from))
    }
}

/// Calls that were counted and timed, and not told one by one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// One of them, without headers and bodies; its target is empty where they had many.
    pub like: Exchange,
    /// How many they are.
    pub calls: u64,
    /// Body bytes of both directions, of all of them.
    pub bytes: u64,
    /// What their answers say of [`Message::messages`], added up.
    pub messages: u64,
    /// How many took how long: microseconds with five significant bits, rounded down, in rising order. Those without a
    /// whole answer have no time.
    pub micros: Vec<(u32, u32)>,
}

/// What a capture has seen and missed since it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CaptureCounts {
    /// Packets that passed the filter.
    pub packets: u64,
    /// Their bytes on the wire.
    pub bytes: u64,
    /// Packets that the kernel dropped since the ring was full.
    pub lost_kernel: u64,
    /// Segments' bytes that no decoder saw: gaps in flows.
    pub lost_gaps: u64,
    /// Exchanges that were not followed to their end, since bounds on memory were reached.
    pub given_up: u64,
    /// Exchanges dropped since the way to the host was full or broken.
    pub lost_transport: u64,
    /// Exchanges that were written before this, done or in a [`Tally`]: what of them did not arrive was lost on the way.
    pub written: u64,
    /// Exchanges that were counted in a [`Tally`] and not told one by one.
    pub tallied: u64,
    /// Connections followed now.
    pub flows: u64,
}

impl CaptureCounts {
    /// The sums of both.
    #[must_use]
    pub const fn plus(&self, other: &Self) -> Self {
        Self {
            packets: self.packets + other.packets,
            bytes: self.bytes + other.bytes,
            lost_kernel: self.lost_kernel + other.lost_kernel,
            lost_gaps: self.lost_gaps + other.lost_gaps,
            given_up: self.given_up + other.given_up,
            lost_transport: self.lost_transport + other.lost_transport,
            written: self.written + other.written,
            tallied: self.tallied + other.tallied,
            flows: self.flows + other.flows,
        }
    }
}
