//! The binary `shoal`: the contract on a command line.
//!
//! Every command but `check`, `plan`, `schema` and `calls --pcap` is a request to the stack's session, which is
//! started when none runs. Data goes to standard output, everything else to standard error. Deliberately absent:
//! knowledge of the engine, of containers, of stores. Tested from outside in `tests/`.

mod args;
mod commands;
mod failure;
mod locate;
mod print;

use clap::Parser;

use args::Arguments;
use failure::Failure;

/// Decoding makes and drops some thirty small texts a call; the system's allocator takes twice the time for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::from(anyhow::Error::from(error)).report(),
    };
    let outcome = runtime.block_on(commands::run(arguments));
    // Nothing that still runs matters any more, and some of it may be blocked, as in a read of standard input: the
    // runtime is left to the end of the process instead of being torn down.
    std::mem::forget(runtime);
    match outcome {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}
