//! Kafka's protocol (the documentation's "Kafka protocol guide"), both directions of one connection: requests, and
//! responses that bear their numbers.
//!
//! `header` reads what stands before each message and finds the next one after a loss, `apis` knows what can be asked.
//! `calls` makes exchanges of both, with what `request` and `response` read; `records` counts and shows the records in
//! them, `walk` those in messages that are too large to be kept, `known` remembers names across messages. What becomes what is told in `docs/protocols/kafka.md`.

mod apis;
mod calls;
mod detect;
mod errors;
mod fields;
mod header;
mod known;
mod records;
mod request;
mod response;
mod tell;
mod walk;

use crate::decode::Decode;
use crate::rejoin::Frames;
use calls::Calls;

pub(crate) use detect::recognise;

pub(crate) fn decoder() -> Box<dyn Decode> {
    Box::<Frames<Calls>>::default()
}
