//! Shoal from outside: its binaries as `./dev build` makes them, on the real engine, asked as people and scripts ask.
//!
//! Every test has a [`world::World`] of its own: a home, a state folder, a stack's name, and a guard that ends every
//! process and removes everything in the engine that the test made. Tests that need the engine take turns.

mod calls;
mod cli;
mod compiled;
mod door;
mod failures;
mod files;
mod fire;
mod life;
mod logs;
mod logs_kept;
mod loopback;
mod meddling;
mod packets;
mod protocols;
mod reload;
mod reload_catch_up;
mod reload_trouble;
mod session;
mod unnoticed;
mod ways_out;
mod world;
