//! Everything against the machine's real engine.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod builds;
mod containers;
mod events;
mod execs;
mod images;
mod logs;
mod networks;
mod stats;
