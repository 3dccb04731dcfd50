//! The nouns of Shoal: what a stack should be ([`plan`]), what it says ([`line`]), what its services say to each
//! other ([`exchange`] as seen on the wire, [`call`] once both ends have names), and what the guest and its host
//! tell each other ([`frame`], and [`packets`] as they were heard). [`secret`] knows by which names secrets go.
//!
//! Deliberately absent: behaviour beyond small pure helpers, any I/O, any clock, the shapes of the public API
//! (they are `api`'s own). Tested by round trips and tables beside the code.

pub mod call;
pub mod exchange;
pub mod frame;
pub mod hash;
pub mod line;
pub mod packets;
pub mod plan;
pub mod secret;
pub mod time;
pub mod waiting;

pub use time::Timestamp;
