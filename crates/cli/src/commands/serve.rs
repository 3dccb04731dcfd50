//! `shoal serve`: the session itself, in the foreground.

use api::Client;
use api::running::{Running, build_of};

use crate::args::StackArguments;
use crate::failure::Failure;
use crate::locate::{Stack, environment};
use crate::print;

pub(super) async fn run(
    arguments: &StackArguments,
    listen: Option<&str>,
    background: bool,
) -> Result<(), Failure> {
    let log = std::env::var("SHOAL_LOG").unwrap_or_else(|_| "warn,session=info,server=info".into());
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(log))
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    let stack = Stack::find(arguments, &[])?;
    if !background {
        take_over(&stack).await?;
    }
    let program = std::env::current_exe()?;
    let mut env = environment();
    env.remove(api::HUGE_PAGES);
    let session = server::SessionConfig {
        place: stack.place.clone(),
        state: stack.state.clone(),
        files: stack.files.clone(),
        name: stack.name().map(str::to_owned),
        profiles: stack.profiles().to_vec(),
        env,
        guest: program.with_file_name("shoal-guest"),
        running: Running { build: build_of(&program), background, arguments: stack.session_arguments() },
    };
    let config = server::Config { session, listen: listen.map(str::to_owned) };
    let server = server::Server::start(config).await?;
    if let Some(url) = server.url() {
        print::line(url)?;
    }
    if !background {
        print::note("the session runs; Ctrl-C ends it, the services run on");
    }
    tokio::select! {
        () = server.ended() => {}
        () = asked_to_end() => {}
    }
    server.stop().await;
    Ok(())
}

/// A session that runs in the background ends, so that this one can go on where it stops. Services are not touched.
async fn take_over(stack: &Stack) -> Result<(), Failure> {
    let running = Client::new(&stack.place);
    if !running.is_alive().await {
        return Ok(());
    }
    print::note("taking over from the session in the background; the services run on");
    Ok(running.end_session().await?)
}

/// Ctrl-C or `SIGTERM`.
async fn asked_to_end() {
    let mut term = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(term) => term,
        Err(error) => {
            print::note(&format!("`SIGTERM` cannot be awaited: {error}"));
            return std::future::pending().await;
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = term.recv() => {}
    }
}
