//! The contract between a session and everybody who looks at it: window, browser, command line, scripts.
//!
//! One list of commands ([`commands`]) makes the router, the client's types and the TypeScript types. Beside it:
//! the shapes that travel ([`shape`]), the one form of every error ([`ApiError`]), where things lie on disk
//! ([`place`]), and a [`Client`] over the session's socket, which starts a session where none runs.
//!
//! Deliberately absent: any engine, manifest or store type; 64-bit integers (JavaScript has none); terminal output.
//! Tested by round trips and by comparing the generated files under `ui/src/api/generated` with what is committed.

mod client;
pub mod commands;
mod error;
mod found;
pub mod host;
mod pace;
pub mod place;
pub mod running;
pub mod shape;

pub use client::{Client, HUGE_PAGES, Incoming, Outgoing, Start, connect_or_start};
pub use error::{ApiError, Code};
pub use found::Found;
pub use pace::paced;
