//! The capture seen from the host: runs the guest through the engine and hands over what it reports; reads capture
//! files without any engine.
//!
//! The guest is a container of its own on the engine's network, or on that of one container whose loopback is to be heard:
//! one capability (`NET_RAW`), nothing writable, no user's container changed. What it reports comes over the engine's attach stream, so it works on a remote engine
//! too. One task always drains that stream, because a reader that stalls would block the guest; what the receiver
//! does not take in time is dropped, oldest first, and counted.
//!
//! Deliberately absent: decoding (`wire` does it, in the guest or in [`pcap`]), names, any wish to be complete at the
//! stack's cost. Tested on a real engine in `tests/`, and on capture files beside the code.

mod account;
mod container;
mod error;
mod follow;
mod orders;
pub mod pcap;
mod queue;
mod start;

pub use error::CaptureError;
pub use orders::{Orders, Remote, Secrets};
pub use start::{Capture, Start, Vantage, start};
