//! An exchange whose two ends have names.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::exchange::{Ending, Message, Protocol, Quality, Topic};

/// The name of everybody who is no service of the stack: this machine, its other programs, the world.
pub const OUTSIDE: &str = "outside";

/// One end of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// The service, or [`OUTSIDE`].
    pub service: String,
    /// Address and port as seen on the wire.
    pub addr: SocketAddr,
    /// Of [`OUTSIDE`]: the name that DNS last gave this address for.
    pub host: Option<String>,
}

/// Why a call says nothing about what the stack does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Background {
    /// It sees whether the callee is there.
    Health,
    /// It fetches metrics.
    Metrics,
    /// It comes at a steady pace with the same outcome, to see whether something has changed.
    Poll,
}

impl Background {
    /// The name that the contract uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Health => "health",
            Self::Metrics => "metrics",
            Self::Poll => "poll",
        }
    }
}

/// One request and its response between two named ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// Unique within the stack's history, short enough to type.
    pub id: String,
    /// When the first byte of the request was seen.
    pub ts: Timestamp,
    /// Who called.
    pub from: Party,
    /// Who was called.
    pub to: Party,
    /// What they spoke.
    pub protocol: Protocol,
    /// For people and filters: `GET /orders/7`; `tcp :5432` for a connection of an unknown protocol.
    pub operation: String,
    /// What calls that differ only in ids have in common: `GET /orders/{id}`.
    pub route: String,
    /// `GET`, or empty.
    pub method: String,
    /// The path without its query, or empty.
    pub path: String,
    /// The request's target as sent, query included, redacted; empty for `tcp`.
    pub target: String,
    /// The protocol's own status; `None` when it was not seen.
    pub status: Option<String>,
    /// `false` for a status of failure, a refused, reset or unanswered call; `true` otherwise, pending included.
    pub ok: bool,
    /// From the request's first byte to the response's last, in milliseconds; `None` until both were seen.
    pub ms: Option<f64>,
    /// From the request's first byte to the response's first, in milliseconds.
    pub ttfb_ms: Option<f64>,
    /// The connection.
    pub conn: String,
    /// What was asked, redacted.
    pub request: Message,
    /// What was answered, redacted.
    pub response: Option<Message>,
    /// It went through TLS, and was decrypted.
    pub decrypted: bool,
    /// How much was seen.
    pub quality: Quality,
    /// How the connection stands.
    pub ending: Ending,
    /// The trace id out of `traceparent`, `b3`, `x-request-id` and the like, when there is one.
    pub trace: Option<String>,
    /// Its time is spent waiting for something to happen.
    pub waits: bool,
    /// The manifest's rules do not permit it.
    pub forbidden: bool,
    /// It is a health check, a scrape or a poll.
    pub background: Option<Background>,
    /// The broker's place that it is about.
    pub topic: Option<Topic>,
    /// Something worth knowing about this call.
    pub note: Option<String>,
    /// Something in it was hidden.
    pub redacted: bool,
    /// Whether it can still change.
    pub done: bool,
}

/// Calls over one edge that differ only in ids.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// The caller, or [`OUTSIDE`].
    pub from: String,
    /// The callee, or [`OUTSIDE`].
    pub to: String,
    /// What they speak.
    pub protocol: Protocol,
    /// What is asked: `GET /orders/{id}`; `(other)` for all that are not told apart.
    pub route: String,
    /// How many calls ended or are open.
    pub calls: u64,
    /// How many of them failed.
    pub errors: u64,
    /// How many there were in each second of the last minute.
    pub per_second: f64,
    /// Percentiles of the calls that ended, in milliseconds.
    pub p50_ms: Option<f64>,
    /// See `p50_ms`.
    pub p90_ms: Option<f64>,
    /// See `p50_ms`.
    pub p99_ms: Option<f64>,
    /// When the newest call began.
    pub last: Timestamp,
}

/// What passed from one service to another.
#[derive(Debug, Clone, PartialEq)]
pub struct Edge {
    /// The caller, or [`OUTSIDE`].
    pub from: String,
    /// The callee, or [`OUTSIDE`].
    pub to: String,
    /// What they speak.
    pub protocol: Protocol,
    /// How many calls ended or are open.
    pub calls: u64,
    /// How many of them failed.
    pub errors: u64,
    /// How many of them are health checks and scrapes.
    pub background: u64,
    /// Body bytes of both directions.
    pub bytes: u64,
    /// Percentiles of the calls that ended and are no background, in milliseconds.
    pub p50_ms: Option<f64>,
    /// See `p50_ms`.
    pub p90_ms: Option<f64>,
    /// See `p50_ms`.
    pub p99_ms: Option<f64>,
    /// When the newest call began.
    pub last: Timestamp,
    /// The caller does not say that it depends on the callee.
    pub undeclared: bool,
    /// The manifest's rules do not permit it.
    pub forbidden: bool,
    /// The broker between the two: `calls` are messages then, and their time is that from sending to receiving. The
    /// calls that each of them makes to the broker have edges of their own.
    pub via: Option<String>,
    /// Where at the broker.
    pub topic: Option<String>,
    /// The newest of them; `None` where none has ended, and for a span of time.
    pub recent: Option<Recent>,
}

/// The calls of an edge that ended in the ten seconds up to the end of the newest one.
#[derive(Debug, Clone, PartialEq)]
pub struct Recent {
    /// How many ended.
    pub calls: u64,
    /// How many of them failed.
    pub errors: u64,
    /// Percentiles, in milliseconds.
    pub p50_ms: Option<f64>,
    /// See `p50_ms`.
    pub p90_ms: Option<f64>,
    /// See `p50_ms`.
    pub p99_ms: Option<f64>,
    /// When the newest of them ended.
    pub until: Timestamp,
}
