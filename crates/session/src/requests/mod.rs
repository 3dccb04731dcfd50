//! What viewers ask of a session, one method a command of the contract.

mod export;
mod map;
mod packets;
mod pages;
mod query;
mod replay;

use std::time::Duration;

use api::shape::{DoctorReport, Done, Down, EventsPage, EventsRead, Snapshot, State, Up};
use api::{ApiError, Code};
use tokio::sync::oneshot;

use crate::manifests::Asked;
use crate::run::Event;
use crate::state::{Clearing, Input};
use crate::{Session, doctor};

pub(crate) use export::{MOST_BYTES, text, too_large};
pub(crate) use query::{calls_query, logs_query};

/// How long a command waits for the engine to answer for the first time.
const ENGINE: Duration = Duration::from_secs(3);
/// How long a session counts as having just begun.
const FRESH: Duration = Duration::from_secs(2);

impl Session {
    /// Everything a view shows at first. A session that has just begun knows nothing of its containers yet; it says
    /// nothing before the engine told what is there and each service was asked once whether it answers.
    pub async fn snapshot(&self) -> Result<Snapshot, ApiError> {
        if self.begun.elapsed() < FRESH {
            drop(tokio::time::timeout(FRESH, self.all_told()).await);
        }
        Ok(self.shared.board.snapshot())
    }

    async fn all_told(&self) {
        let (mut now, mut deltas) = self.shared.board.subscribe();
        loop {
            let unasked =
                now.services.iter().any(|s| s.state == State::Running && !s.ready && s.error.is_none());
            let told = if now.engine.ok { !unasked } else { now.engine.error.is_some() };
            if told || deltas.recv().await.is_err() {
                return;
            }
            now = self.shared.board.snapshot();
        }
    }

    /// Starts services.
    pub async fn up(&self, up: Up) -> Result<Done, ApiError> {
        let asked = Asked {
            services: up.services.clone(),
            profiles: up.profiles,
            env: Some(up.env).filter(|env| !env.is_empty()),
        };
        self.read_manifest(asked).await?;
        if up.trust {
            self.trust()?;
        } else {
            self.require_trust()?;
        }
        self.require_engine().await?;
        self.shared.send(Event::Observe { reload: !up.no_reload, capture: !up.no_capture }).await;
        self.ask(Input::Up { services: up.services, build: up.build }).await?;
        Ok(Done::default())
    }

    /// Takes the stack down, and returns when nothing of it is left.
    pub async fn down(&self, down: Down) -> Result<Done, ApiError> {
        self.require_engine().await?;
        self.shared.clear_error().take();
        self.ask(Input::Down(Clearing { volumes: down.volumes, all: down.all })).await?;
        let (reply, settled) = oneshot::channel();
        self.shared.send(Event::WhenDown(reply)).await;
        settled.await.map_err(|_| gone())??;
        match self.shared.clear_error().take() {
            Some(error) => Err(error),
            None if *self.shared.at_rest.borrow() => Ok(Done::default()),
            None => Ok(Done {
                note: Some("persistent services run on; `shoal down --all` removes them too".into()),
            }),
        }
    }

    /// Starts services that are stopped.
    pub async fn start_services(&self, services: Vec<String>) -> Result<Done, ApiError> {
        self.read_manifest(Asked { services: services.clone(), ..Asked::default() }).await?;
        self.require_trust()?;
        self.require_engine().await?;
        // What is observed stays as `up` wanted it.
        self.ask(Input::Up { services, build: false }).await?;
        Ok(Done::default())
    }

    /// Stops services, and returns when they stand still.
    pub async fn stop_services(&self, services: Vec<String>) -> Result<Done, ApiError> {
        self.require_engine().await?;
        self.ask(Input::Stop(services.clone())).await?;
        let (reply, settled) = oneshot::channel();
        self.shared.send(Event::WhenSettled(services, reply)).await;
        settled.await.map_err(|_| gone())??;
        Ok(Done::default())
    }

    /// Stops and starts services.
    pub async fn restart_services(&self, services: Vec<String>) -> Result<Done, ApiError> {
        self.require_trust()?;
        self.require_engine().await?;
        self.ask(Input::Restart(services)).await?;
        Ok(Done::default())
    }

    /// Builds services' images again.
    pub async fn rebuild(&self, services: Vec<String>) -> Result<Done, ApiError> {
        self.require_trust()?;
        self.require_engine().await?;
        self.ask(Input::Rebuild(services)).await?;
        Ok(Done::default())
    }

    /// Applies what waits in manual reload mode.
    pub async fn reload(&self, services: Vec<String>) -> Result<Done, ApiError> {
        self.shared.send(Event::ApplyPending(services)).await;
        Ok(Done::default())
    }

    /// The user approves of the manifest on this machine.
    pub fn trust(&self) -> Result<Done, ApiError> {
        let mut stack = self.shared.board.snapshot().stack;
        let manifest = self.shared.config.files.first().cloned().unwrap_or_default();
        api::host::remember(&self.shared.config.state, &stack.name, &manifest, true).map_err(|e| {
            ApiError::new(Code::Failed, format!("that you approve could not be remembered: {e}"))
        })?;
        stack.trusted = true;
        self.shared.board.post(api::shape::Change::Stack(stack));
        Ok(Done::default())
    }

    /// Asks the session to end; containers run on.
    pub fn shutdown(&self) -> Done {
        self.shared.ending.cancel();
        Done::default()
    }

    /// A page of events.
    pub async fn events(&self, read: EventsRead) -> Result<EventsPage, ApiError> {
        Ok(self.shared.board.events(&read).await)
    }

    /// What is wrong with this machine.
    pub async fn doctor(&self) -> Result<DoctorReport, ApiError> {
        // A session that has just begun does not know yet whether the engine answers.
        self.snapshot().await?;
        Ok(doctor::examine(&self.shared).await)
    }

    async fn ask(&self, input: Input) -> Result<(), ApiError> {
        let (reply, answer) = oneshot::channel();
        self.shared.send(Event::Ask(input, reply)).await;
        answer.await.map_err(|_| gone())?
    }

    /// Reads the manifest as it is at this moment: it may have been saved faster than a watcher could tell.
    async fn read_manifest(&self, asked: Asked) -> Result<(), ApiError> {
        let shared = self.shared.clone();
        let read = tokio::task::spawn_blocking(move || shared.read_manifest_for(&asked)).await;
        let loaded =
            read.map_err(|e| ApiError::new(Code::Failed, format!("reading the manifest broke off: {e}")))?;
        let errors = loaded.diagnostics.iter().filter(|d| d.severity == manifest::Severity::Error).count();
        let broken = loaded.plan.is_none();
        self.shared.send(Event::Manifest(Box::new(loaded))).await;
        if !broken {
            return Ok(());
        }
        let manifest = self.shared.board.snapshot().stack.manifest;
        Err(ApiError::new(Code::Manifest, format!("{manifest} has {errors} errors"))
            .hint("`shoal check` shows them"))
    }

    fn require_trust(&self) -> Result<(), ApiError> {
        let stack = self.shared.board.snapshot().stack;
        if stack.trusted {
            return Ok(());
        }
        let mut error =
            ApiError::new(Code::Untrusted, format!("{} was never run on this machine", stack.manifest))
                .hint("look at what it does, then approve of it: `shoal up` does");
        error.causes = stack.asks;
        Err(error)
    }

    pub(crate) async fn require_engine(&self) -> Result<engine::Engine, ApiError> {
        let mut engine = self.shared.engine.subscribe();
        let there = tokio::time::timeout(ENGINE, engine.wait_for(Option::is_some)).await;
        if let Ok(Ok(engine)) = there
            && let Some(engine) = engine.clone()
        {
            return Ok(engine);
        }
        let shown = self.shared.board.snapshot().engine.error;
        Err(shown.unwrap_or_else(|| ApiError::new(Code::EngineUnreachable, "the engine does not answer")))
    }
}

fn gone() -> ApiError {
    ApiError::new(Code::SessionGone, "the session ended")
}
