//! One file a command, or a few that belong together.

mod calls;
mod captured;
mod chain;
mod check;
mod events;
mod exec;
mod logs;
mod map;
mod open;
mod packets;
mod place;
mod replay;
mod serve;
mod services;
mod time;
mod up;

use std::process::ExitCode;

use api::Client;
use clap::CommandFactory;

use crate::args::{Arguments, Command};
use crate::failure::Failure;
use crate::locate::Stack;
use crate::print;

/// Does what was asked.
pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    let stack = arguments.stack;
    match arguments.command {
        Command::Check { json } => check::check(&stack, json)?,
        Command::Plan { json: _ } => check::plan(&stack)?,
        Command::Schema => {
            print::line(&serde_json::to_string_pretty(&manifest::schema()).map_err(anyhow::Error::from)?)?;
        }
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Arguments::command(), "shoal", &mut std::io::stdout());
        }
        Command::Place { manifests, path } => place::run(stack, manifests, path)?,
        Command::Version => print::line(&format!("shoal {}", env!("CARGO_PKG_VERSION")))?,
        Command::Up(up) => up::run(&stack, &up).await?,
        Command::Down { volumes, all } => services::down(&stack, volumes, all).await?,
        Command::Start(chosen) => services::start(&stack, chosen.services).await?,
        Command::Stop(chosen) => services::stop(&stack, chosen.services).await?,
        Command::Restart(chosen) => services::restart(&stack, chosen.services).await?,
        Command::Build(chosen) => services::build(&stack, chosen.services).await?,
        Command::Reload(chosen) => services::reload(&stack, chosen.services).await?,
        Command::Ps { json } => services::ps(&stack, json).await?,
        Command::Logs(logs) => logs::run(&stack, &logs).await?,
        Command::Calls(calls) => calls::run(&stack, &calls).await?,
        Command::Map(map) => map::map(&stack, &map).await?,
        Command::Routes(routes) => map::routes(&stack, &routes).await?,
        Command::Openapi { services, json } => map::openapi(&stack, services, json).await?,
        Command::Events { follow, lines, json } => events::run(&stack, follow, lines, json).await?,
        Command::Exec { service, plain, command } => return exec::run(&stack, service, command, plain).await,
        Command::Shell { service } => return exec::run(&stack, service, Vec::new(), false).await,
        Command::Open => open::run(&stack)?,
        Command::Serve { listen, background } => serve::run(&stack, listen.as_deref(), background).await?,
        Command::Doctor { json } => return services::doctor(&stack, json).await,
    }
    Ok(ExitCode::SUCCESS)
}

/// The session of the stack that is meant.
async fn session(arguments: &crate::args::StackArguments) -> Result<Client, Failure> {
    Stack::find(arguments, &[])?.session().await
}

/// Waits for `work`, or for Ctrl-C.
async fn or_interrupt<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::select! {
        outcome = work => outcome,
        _ = tokio::signal::ctrl_c() => Err(Failure::Interrupted),
    }
}
