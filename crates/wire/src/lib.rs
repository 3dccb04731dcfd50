//! Packets in, exchanges out: what two ends said to each other, decoded from bytes that nobody vouches for.
//!
//! [`Wire`] takes packets in the order they were captured and yields [`model::exchange::Exchange`]s. Inside, bytes
//! flow one way: [`link`](Link) and packet headers give segments, a `flow` puts both directions' segments in order and tells
//! lost ranges from late ones, `detect` names the protocol from the first bytes of each direction, a decoder cuts the
//! bytes into messages and pairs them. What no decoder knows is a `tcp` exchange with bytes and times, never nothing.
//! Of datagrams only DNS is read (`datagrams`), and what is none is passed over.
//!
//! Rules that hold everywhere: nothing that was not seen is made up (no status, no body, no ending); every loss is
//! counted and marked on the exchanges that it touches and on no other; memory is bounded for each flow and for all
//! ([`Limits`]); work is linear in the bytes that come.
//!
//! Deliberately absent: I/O, clocks (time is the packets' own, and [`Wire::tick`]'s), threads, ports with a meaning,
//! checksum checks (captured next to the sender, most are not filled in yet), IP fragments, names of any kind.
//! Tested by tables beside the code, by properties (any cutting, reordering and repetition of a stream gives the same
//! exchanges; loss touches only the calls it hits), and by captures of real traffic in `tests/data`.

mod amqp;
mod carries;
mod conversation;
mod datagrams;
mod decode;
mod detect;
mod dns;
mod ends;
mod events;
mod flow;
mod framing;
mod grpc;
mod http1;
mod http2;
mod hunt;
mod json;
mod kafka;
mod ledger;
mod limits;
mod link;
mod media;
mod mongodb;
mod mqtt;
mod mysql;
mod nats;
mod packet;
mod postgres;
#[cfg(test)]
mod prefixes;
mod reassembly;
mod redis;
mod rejoin;
mod report;
mod seq;
mod servers;
pub mod sql;
mod stranger;
mod table;
mod tcp;
mod tls;
mod tunnel;
mod unreachable;
mod waiting;
mod websocket;
mod wire;

pub use carries::carries;
pub use ends::{Ends, ends};
pub use limits::Limits;
pub use link::Link;
pub use wire::Wire;
