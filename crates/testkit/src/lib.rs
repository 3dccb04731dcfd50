//! What tests of several crates share: a guard around the real engine that cleans up after a test, however it ends.
//!
//! Deliberately absent: anything that stands in for an engine. A machine without one fails these tests and says what
//! mends it. Tested by every test that uses it, and by `engine`'s own.

mod guard;
mod label;

pub use guard::EngineGuard;
pub use label::{BASE_IMAGE, LABEL};
