//! The static binary inside the engine.
//!
//! One binary, three ways to run it: `capture` watches the stack's networks and reports what its services say to each
//! other, `supervise` is PID 1 of a service that is reloaded in place, `agent` takes files and commands for such a
//! service. Each speaks frames ([`model::frame`]) over its standard input and output, so nothing listens on a port.
//!
//! Deliberately absent: any decision (the session decides), name look-ups (a static binary has none), async. This is
//! the only crate that may use `unsafe`: ring buffers, signals, raw system calls. Tested beside the code, and by
//! `capture` and `tests/` on the real engine.

mod agent;
mod capture;
mod control;
mod process;
mod signal;
mod supervise;

use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

const USAGE: &str = "usage: shoal-guest capture | supervise | agent | --version";

/// Decoding makes and drops some thirty small texts a call; the system's allocator takes twice the time for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let mut args = env::args_os().skip(1);
    let command = args.next();
    let rest: Vec<OsString> = args.collect();
    match command.as_deref().and_then(|c| c.to_str()) {
        Some("capture") => capture::run(&rest),
        Some("supervise") => supervise::run(&rest),
        Some("agent") => agent::run(&rest),
        Some("--version") => say(&mut io::stdout(), concat!("shoal-guest ", env!("CARGO_PKG_VERSION")), 0),
        _ => complain(USAGE),
    }
}

/// Tells what is wrong with the arguments and ends with the code that shells use for it.
fn complain(what: &str) -> ExitCode {
    say(&mut io::stderr(), what, 2)
}

/// An error of the system's in its bare words, as C programs print it.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let bare = text.split(" (os error").next().unwrap_or(&text);
    let mut letters = bare.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

fn say(to: &mut dyn Write, what: &str, code: u8) -> ExitCode {
    match writeln!(to, "{what}") {
        Ok(()) => ExitCode::from(code),
        Err(_) => ExitCode::FAILURE,
    }
}
