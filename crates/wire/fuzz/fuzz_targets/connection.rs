//! One connection of any bytes, losses and disorder, through detection and whatever decoder takes it.
#![no_main]

#[path = "../../tests/wire/play.rs"]
mod play;

libfuzzer_sys::fuzz_target!(|script: &[u8]| play::play(script));
