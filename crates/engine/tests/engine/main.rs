//! Everything against the machine's real engine.

mod builds;
mod containers;
mod events;
mod execs;
mod images;
mod logs;
mod networks;
mod stats;
