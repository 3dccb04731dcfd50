//! Commands about services as a whole.

use std::process::ExitCode;
use std::time::Duration;

use api::Client;
use api::commands::command;
use api::shape::{self, CheckState, Empty, ServiceView, Services, State};

use super::up::until_ready;
use crate::args::StackArguments;
use crate::failure::Failure;
use crate::locate::Stack;
use crate::print::{self, Paint};

/// How long services may take until they answer again, as for `shoal up`.
const PATIENCE: Duration = Duration::from_mins(10);

/// `shoal down`. Returns when nothing is left, the session included where nobody else looks at it.
pub(super) async fn down(arguments: &StackArguments, volumes: bool, all: bool) -> Result<(), Failure> {
    let stack = Stack::find(arguments, &[])?;
    let client = stack.session().await?;
    let done = client.call(command::down, &shape::Down { volumes, all }).await?;
    if let Some(note) = done.note {
        print::note(&note);
    }
    for _ in 0..200 {
        if !client.is_alive().await {
            break;
        }
        // A window that looks on keeps the session; then there is nothing to wait for.
        match client.call(command::snapshot, &Empty {}).await {
            Ok(_) | Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    Ok(())
}

/// `shoal start`.
pub(super) async fn start(arguments: &StackArguments, services: Vec<String>) -> Result<(), Failure> {
    Stack::find(arguments, &services)?.require_plan()?;
    let client = super::session(arguments).await?;
    let chosen = Services { services };
    client.call(command::start, &chosen).await?;
    settled(&client, &chosen).await
}

/// Waits until the services answer again, or it is clear that they do not.
async fn settled(client: &Client, chosen: &Services) -> Result<(), Failure> {
    super::or_interrupt(until_ready(client, &chosen.services, PATIENCE)).await
}

/// `shoal stop`.
pub(super) async fn stop(arguments: &StackArguments, services: Vec<String>) -> Result<(), Failure> {
    super::session(arguments).await?.call(command::stop, &Services { services }).await?;
    Ok(())
}

/// `shoal restart`.
pub(super) async fn restart(arguments: &StackArguments, services: Vec<String>) -> Result<(), Failure> {
    let client = super::session(arguments).await?;
    let chosen = Services { services };
    client.call(command::restart, &chosen).await?;
    settled(&client, &chosen).await
}

/// `shoal build`.
pub(super) async fn build(arguments: &StackArguments, services: Vec<String>) -> Result<(), Failure> {
    let client = super::session(arguments).await?;
    let chosen = Services { services };
    client.call(command::rebuild, &chosen).await?;
    settled(&client, &chosen).await
}

/// `shoal reload`.
pub(super) async fn reload(arguments: &StackArguments, services: Vec<String>) -> Result<(), Failure> {
    super::session(arguments).await?.call(command::reload, &Services { services }).await?;
    Ok(())
}

/// `shoal ps`.
pub(super) async fn ps(arguments: &StackArguments, json: bool) -> Result<(), Failure> {
    let client: Client = super::session(arguments).await?;
    let snapshot = client.call(command::snapshot, &Empty {}).await?;
    if let Some(error) = snapshot.engine.error.filter(|_| !snapshot.engine.ok) {
        return Err(error.into());
    }
    if json {
        return snapshot.services.iter().try_for_each(print::json);
    }
    let paint = Paint::stdout();
    let head = ["SERVICE", "STATE", "PORTS", "CPU", "MEMORY", "RESTARTS"].map(|h| paint.dim(h)).to_vec();
    let rows: Vec<Vec<String>> =
        std::iter::once(head).chain(snapshot.services.iter().map(|s| row(s, paint))).collect();
    print::table(&rows)
}

fn row(service: &ServiceView, paint: Paint) -> Vec<String> {
    let ports: Vec<String> =
        service.ports.iter().map(|p| format!("{}:{}->{}", p.address, p.host, p.container)).collect();
    vec![
        paint.bold(&service.service),
        state(service, paint),
        ports.join(" "),
        service.cpu.map(|c| format!("{:.1} %", c * 100.0)).unwrap_or_default(),
        service.memory.map(|m| print::size(m.as_f64())).unwrap_or_default(),
        if service.restarts == 0 { String::new() } else { service.restarts.to_string() },
    ]
}

fn state(service: &ServiceView, paint: Paint) -> String {
    let exit = service.exit_code.map(|c| format!(" (exit {c})")).unwrap_or_default();
    match service.state {
        State::Running if service.ready => paint.green("ready"),
        State::Running => paint.amber("running"),
        State::Waiting => {
            paint.amber(&format!("waits for {}", service.waiting_for.as_deref().unwrap_or("its turn")))
        }
        State::Building => "building".into(),
        State::Pulling => "pulling".into(),
        State::Starting => "starting".into(),
        State::Stopping => "stopping".into(),
        State::Stopped => paint.dim("stopped"),
        State::Completed => paint.green("completed"),
        State::Failed => paint.red(&format!("failed{exit}")),
    }
}

/// `shoal doctor`: exit code 1 when something does not work.
pub(super) async fn doctor(arguments: &StackArguments, json: bool) -> Result<ExitCode, Failure> {
    let report = super::session(arguments).await?.call(command::doctor, &Empty {}).await?;
    let paint = Paint::stdout();
    for check in &report.checks {
        if json {
            print::json(check)?;
            continue;
        }
        let mark = match check.state {
            CheckState::Ok => paint.green("ok  "),
            CheckState::Warning => paint.amber("warn"),
            CheckState::Failed => paint.red("fail"),
        };
        print::line(&format!("{mark}  {}: {}", paint.bold(&check.name), check.text))?;
        if let Some(hint) = &check.hint {
            print::line(&format!("      hint: {hint}"))?;
        }
    }
    let failed = report.checks.iter().any(|c| c.state == CheckState::Failed);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
