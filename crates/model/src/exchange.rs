//! A request and its response as seen on the wire, with addresses and no names.
//!
//! `wire` makes them, the guest sends them, `calls` gives them names. An exchange is reported more than once: while
//! its request is known and its response is awaited, and again as it goes on; the newest report of a `(conn, serial)`
//! replaces the older ones.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// What two ends speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Protocol {
    /// HTTP/1.0 and 1.1 (RFC 9112).
    Http1,
    /// Any byte stream that no decoder knows.
    Tcp,
}

impl Protocol {
    /// The name that the contract uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http1 => "http/1",
            Self::Tcp => "tcp",
        }
    }
}

/// How much of an exchange was seen. Nothing that was not seen is ever made up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Quality {
    /// All of it.
    Complete,
    /// Packets were cut short by the capture.
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

/// How a TCP connection began and ended, for `tcp` exchanges.
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
    /// `GET` and the like; empty for `tcp`.
    pub method: String,
    /// The request's target as sent; empty for `tcp`.
    pub target: String,
    /// The protocol's own status, such as `200`; `None` when it was not seen.
    pub status: Option<String>,
    /// What the client sent.
    pub request: Message,
    /// What the server sent; `None` while nothing of it was seen.
    pub response: Option<Message>,
    /// How much of it was seen.
    pub quality: Quality,
    /// How the connection stands; [`Ending::Open`] for an exchange whose connection goes on.
    pub ending: Ending,
    /// Whether no further report of this exchange follows.
    pub done: bool,
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
    /// Exchanges dropped since the way to the host was full.
    pub lost_transport: u64,
    /// Connections followed now.
    pub flows: u64,
}
