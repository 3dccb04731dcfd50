//! Exchanges and names in, calls out: who called whom, what it took, and what passed between any two services.
//!
//! [`Calls::observe`] takes each report of the capture, hides what must not be kept ([`Redaction`]), gives both ends
//! the names that were valid at that moment ([`Names`]), and stores the call within bounded memory. From the store come
//! pages ([`Calls::list`]), changes since a revision ([`Calls::changes`]), edges and routes with percentiles
//! ([`Calls::edges`], [`Calls::routes`]), what led to what ([`Calls::chain`]), what does not fit ([`Calls::findings`]),
//! and the time axis ([`Calls::series`]); [`Where`] is the filter language, [`export`], [`openapi`], [`map`] and
//! [`Calls::otlp`] are the ways out.
//!
//! Deliberately absent: any clock, task, file or socket (time comes with the exchanges), decoding of bytes (`wire`
//! does it), and bodies on disk. Tested by tables beside the code, by stories and properties in `tests`: whatever the
//! order of reports the calls are the same (but for what is learnt on the way: routes and polls), limits hold, and a secret is in nothing that leaves this crate.

mod axis;
mod background;
mod body;
mod brokers;
mod calls;
mod chain;
mod coding;
mod counts;
mod edges;
mod ends;
pub mod export;
mod filter;
mod findings;
mod hairpin;
mod hosts;
mod judge;
mod manifest;
pub mod map;
mod names;
pub mod openapi;
mod otlp;
mod passing;
mod progress;
pub mod protobuf;
mod query;
mod redact;
mod routes;
mod shape;
mod store;
#[cfg(test)]
mod tests;
mod trace;

pub use axis::Bin;
pub use body::body_text;
pub use calls::{Calls, Change, Changes, Head, Limits};
pub use chain::{Link, Linked};
pub use edges::EdgeRate;
pub use filter::{FilterError, Where};
pub use findings::Finding;
pub use names::Names;
pub use otlp::Spans;
pub use passing::Passing;
pub use query::{Cursor, Page, Position, Query, RouteQuery};
pub use redact::{REDACTED, Redaction};
