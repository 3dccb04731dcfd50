//! MongoDB's wire protocol (the manual's "MongoDB Wire Protocol"): commands and their replies.
//!
//! `message` reads what is said, in the open or compressed, `bson` and `render` turn documents into JSON, `command`
//! knows what commands mean, `detect` proves that bytes are messages, `calls` puts replies to commands.

mod bson;
mod calls;
mod command;
mod detect;
mod halves;
mod message;
mod render;
mod scalar;
mod snappy;

use crate::decode::Decode;
use crate::rejoin::Frames;
use calls::Calls;

pub(crate) use detect::recognise;

pub(crate) fn decoder() -> Box<dyn Decode> {
    Box::<Frames<Calls>>::default()
}
