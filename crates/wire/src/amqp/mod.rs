//! AMQP 0-9-1 (with `RabbitMQ`'s extensions), both directions of one connection.
//!
//! `frame` cuts bytes into frames and finds the next one after a loss, `spec` knows the methods. `calls` makes exchanges
//! of what both sides say on each channel: `connect` of the handshake, `requests` of methods that are answered by a
//! method, `publish` and `deliver` of messages on their way to the broker and from it. What becomes what is told in
//! `docs/protocols/amqp.md`.

mod args;
mod calls;
mod channel;
mod closing;
mod connect;
mod content;
mod deliver;
mod detect;
mod fields;
mod frame;
mod publish;
mod requests;
mod spec;

use crate::decode::Decode;
use crate::rejoin::Frames;
use calls::Calls;

pub(crate) use detect::recognise;

pub(crate) fn decoder() -> Box<dyn Decode> {
    Box::<Frames<Calls>>::default()
}
