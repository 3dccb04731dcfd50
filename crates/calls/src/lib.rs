//! Exchanges and names in, calls out: who called whom, what it took, and what passed between any two services.
//!
//! [`Calls::observe_of`] takes each report of the capture, hides what must not be kept ([`Redaction`]), gives both ends
//! the names that were valid at that moment ([`Names`]), and stores the call within bounded memory; [`Calls::keep_in`] and
//! [`Calls::save`] put it on disk too, its long bodies there alone, so that it outlives the session;
//! [`Calls::save_counts`] does so for what is counted beside the calls. From the store come
//! pages ([`Calls::list`]), changes since a revision ([`Calls::changes`]), edges and routes with percentiles
//! ([`Calls::edges_within`], [`Calls::routes`]), what led to what ([`Calls::chain`]), what does not fit ([`Calls::findings`]),
//! and the time axis ([`Calls::series`]); [`Where`] is the filter language, [`export`], [`openapi`], [`map`] and
//! [`Calls::otlp`] are the ways out.
//!
//! Deliberately absent: any clock, task or socket (time comes with the exchanges, or is passed in), and decoding of bytes
//! (`wire` does it). Its folder is all that it touches. Tested by tables beside the code, by stories and properties in `tests`: whatever the
//! order of reports the calls are the same (but for what is learnt on the way: routes and polls), limits hold, and a
//! secret is in nothing that leaves this crate but [`Calls::reveal`].

mod axis;
mod background;
mod body;
mod broken;
mod brokers;
mod calls;
mod chain;
mod coding;
mod counts;
mod disk;
mod edges;
mod ends;
pub mod export;
mod filter;
mod findings;
mod hairpin;
mod hosts;
mod inside;
mod judge;
mod manifest;
pub mod map;
mod multipart;
mod names;
pub mod openapi;
mod otlp;
mod passing;
mod past;
mod progress;
pub mod protobuf;
mod query;
mod recent;
mod redact;
mod routes;
mod secrets;
mod shape;
mod store;
mod subnet;
#[cfg(test)]
mod tests;
mod trace;

pub use axis::Bin;
pub use body::body_text;
pub use calls::{Calls, Change, Changes, Head, Limits, Source};
pub use chain::{Link, Linked};
pub use disk::DiskError;
pub use filter::{FilterError, Where};
pub use findings::Finding;
pub use multipart::{BodyPart, body_parts};
pub use names::Names;
pub use otlp::{Spans, unlinked_spans};
pub use passing::Passing;
pub use query::{Counted, Cursor, Page, Position, Query, RouteQuery, Within};
pub use redact::{Hidden, REDACTED, Redaction};
pub use secrets::Unrevealed;
