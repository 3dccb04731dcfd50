//! `shoal up`: start, say what happens, and return or follow.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use api::commands::command;
use api::shape::{self, ServiceView, Services, Snapshot, State};
use api::{ApiError, Client, Code};

use super::logs::Follow;
use crate::args::{StackArguments, UpArguments};
use crate::failure::Failure;
use crate::locate::{Stack, environment};
use crate::print::{self, Paint};

const LOOK: Duration = Duration::from_millis(50);

pub(super) async fn run(arguments: &StackArguments, up: &UpArguments) -> Result<(), Failure> {
    let stack = Stack::find(arguments, &up.services)?;
    stack.require_plan()?;
    let client = stack.session().await?;
    let since = model::Timestamp::from_system(std::time::SystemTime::now()).to_string();
    // Whoever types `shoal up` in a folder approves of the manifest there.
    let request = shape::Up {
        services: up.services.clone(),
        build: up.build,
        trust: true,
        no_reload: up.no_reload,
        no_capture: up.no_capture,
        profiles: arguments.profiles.clone(),
        env: environment(),
    };
    client.call(command::up, &request).await?;
    let timeout = Duration::from_secs(up.timeout);
    if up.detach {
        return super::or_interrupt(until_ready(&client, &up.services, timeout)).await;
    }
    let follow = async {
        let mut lines = Follow::since(&client, up.services.clone(), since);
        let mut ready = Box::pin(until_ready(&client, &up.services, timeout));
        let mut waiting = true;
        loop {
            tokio::select! {
                outcome = &mut ready, if waiting => {
                    waiting = false;
                    match outcome {
                        Ok(()) => print::note("all services are ready; Ctrl-C stops them"),
                        // The stack goes on so that its logs can be read and its files mended.
                        Err(Failure::Api(error)) => print::error(&error),
                        Err(other) => return Err(other),
                    }
                }
                printed = lines.print_next() => {
                    printed?;
                }
            }
        }
    };
    tokio::select! {
        outcome = follow => outcome,
        _ = tokio::signal::ctrl_c() => {
            print::note("stopping; Ctrl-C again leaves the services running");
            super::or_interrupt(async { Ok(client.call(command::stop, &Services::default()).await?) }).await?;
            Err(Failure::Interrupted)
        }
    }
}

/// Waits until every service that was asked for answers or is done, and tells each step of the way.
pub(super) async fn until_ready(client: &Client, asked: &[String], timeout: Duration) -> Result<(), Failure> {
    let begun = Instant::now();
    let mut told = BTreeMap::new();
    loop {
        let snapshot = client.call(command::snapshot, &shape::Empty {}).await?;
        if let Some(error) = snapshot.engine.error.clone().filter(|_| !snapshot.engine.ok) {
            return Err(error.into());
        }
        let meant = meant(&snapshot, asked);
        for service in &meant {
            let now = step(service);
            if told.get(&service.service) != Some(&now) {
                print::note(&format!("{} {now}", Paint::stderr().bold(&format!("{:<12}", service.service))));
                told.insert(service.service.clone(), now);
            }
        }
        if meant.iter().all(|s| is_up(s)) {
            return Ok(());
        }
        if let Some(failure) = verdict(&meant) {
            return Err(failure);
        }
        if begun.elapsed() > timeout {
            let late: Vec<&str> = meant.iter().filter(|s| !is_up(s)).map(|s| s.service.as_str()).collect();
            let message = format!("not ready after {} s: {}", timeout.as_secs(), late.join(", "));
            return Err(ApiError::new(Code::TimedOut, message)
                .hint("`shoal ps` and `shoal logs` say how far they are")
                .into());
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn meant<'a>(snapshot: &'a Snapshot, asked: &[String]) -> Vec<&'a ServiceView> {
    let mut names: Vec<&str> = asked.iter().map(String::as_str).collect();
    let mut at = 0;
    while at < names.len() {
        let service = snapshot.services.iter().find(|s| s.service == names[at]);
        for dependency in service.map(|s| s.depends_on.as_slice()).unwrap_or_default() {
            if !names.contains(&dependency.as_str()) {
                names.push(dependency);
            }
        }
        at += 1;
    }
    snapshot.services.iter().filter(|s| asked.is_empty() || names.contains(&s.service.as_str())).collect()
}

fn is_up(service: &ServiceView) -> bool {
    // While its image is built anew, or when that failed, what runs is not what was asked for.
    service.build.is_none()
        && service.error.is_none()
        && ((service.state == State::Running && service.ready) || service.state == State::Completed)
}

fn moves(service: &ServiceView) -> bool {
    match service.state {
        State::Building | State::Pulling | State::Starting | State::Stopping => true,
        State::Running => service.build.is_some() || (!service.ready && service.error.is_none()),
        State::Waiting | State::Stopped | State::Failed | State::Completed => false,
    }
}

/// What failed, once nothing else moves.
fn verdict(services: &[&ServiceView]) -> Option<Failure> {
    let failed: Vec<&&ServiceView> =
        services.iter().filter(|s| s.state == State::Failed || (s.error.is_some() && !is_up(s))).collect();
    if failed.is_empty() || services.iter().any(|s| moves(s)) {
        return None;
    }
    let mut errors = failed.iter().map(|service| {
        let exited = || {
            ApiError::new(
                Code::Failed,
                format!("`{}` exited with {}", service.service, service.exit_code.unwrap_or_default()),
            )
            .hint(format!("`shoal logs {}` shows what it said", service.service))
        };
        service.error.clone().unwrap_or_else(exited)
    });
    let first = errors.next()?;
    for other in errors {
        print::error(&other);
    }
    Some(first.into())
}

fn step(service: &ServiceView) -> String {
    let paint = Paint::stderr();
    let build = service.build.as_ref().map(|b| paint.dim(&format!(" {}", b.step))).unwrap_or_default();
    match service.state {
        State::Waiting => {
            paint.amber(&format!("waits for {}", service.waiting_for.as_deref().unwrap_or("its turn")))
        }
        State::Building => format!("building{build}"),
        State::Pulling => format!("pulling{build}"),
        State::Starting => "starting".into(),
        State::Running if service.build.is_some() => format!("building{build}"),
        State::Running if service.ready => paint.green("ready"),
        State::Running => "running, not ready yet".into(),
        State::Stopping => "stopping".into(),
        State::Stopped => "stopped".into(),
        State::Failed => paint.red("failed"),
        State::Completed => paint.green("completed"),
    }
}

#[cfg(test)]
mod tests {
    use api::shape::Build;

    use super::*;

    fn service(state: State, ready: bool) -> ServiceView {
        ServiceView {
            service: "orders".into(),
            state,
            ready,
            waiting_for: None,
            instance: None,
            image: None,
            ports: Vec::new(),
            restarts: 0,
            exit_code: None,
            started: None,
            cpu: None,
            memory: None,
            error: None,
            build: None,
            reload: None,
            depends_on: Vec::new(),
        }
    }

    #[test]
    fn what_runs_while_its_image_is_built_is_not_up_yet() {
        let up = service(State::Running, true);
        assert!(is_up(&up) && verdict(&[&up]).is_none());
        let building = ServiceView { build: Some(Build::default()), ..up.clone() };
        assert!(!is_up(&building) && verdict(&[&building]).is_none());
        let error = ApiError::new(Code::BuildFailed, "the build failed");
        let failed = ServiceView { error: Some(error), ..up };
        assert!(
            !is_up(&failed)
                && matches!(verdict(&[&failed]), Some(Failure::Api(e)) if e.code == Code::BuildFailed)
        );
    }

    #[test]
    fn nothing_failed_before_all_has_settled() {
        let (failed, moving) = (service(State::Failed, false), service(State::Starting, false));
        assert!(verdict(&[&failed, &moving]).is_none());
        assert!(verdict(&[&failed, &service(State::Waiting, false)]).is_some());
    }
}
