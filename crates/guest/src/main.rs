//! The static binary inside the engine.
fn main() {}
