//! A running stack: one process owns its containers' lives, reloads, logs and calls.
//!
//! [`state`] decides and is pure; `run` is the one loop that feeds it and does what it says; `board` is what every
//! view shows. Lines and exchanges go from the engine to their stores without passing the loop. All state that
//! matters is in the engine's labels and on disk: a session that is killed is followed by one that goes on.
//!
//! Deliberately absent: HTTP, terminals' looks, any shape that is not `api`'s, any type of the engine's client.
//! Tested by tables and random interleavings of [`state`], and from outside on a real engine in `tests/`.

mod agent;
mod board;
mod bodies;
mod captures;
mod doctor;
mod follow;
mod ground;
mod holder;
mod jobs;
mod key_logs;
mod lease;
mod link;
mod logfile;
mod manifests;
mod observe;
mod offline;
mod pace;
mod probe;
mod protos;
mod reload;
mod replay;
mod requests;
mod run;
mod shared;
mod spec;
pub mod state;
mod terminals;
mod tools;
pub mod translate;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use api::place::Place;
use api::running::Running;
use api::shape::EngineView;
use api::{ApiError, Code};
use calls::Calls;
use model::plan::Plan;
use tokio::sync::{Notify, mpsc};

pub use board::Board;
use follow::Sink;
use link::Whose;
pub use logfile::{LogFile, open_logs};
pub use offline::{Captures, Drawing, decode_captures, draw, export_captures};
use run::Run;
use shared::{Opened, Shared};
use state::State;
pub use terminal::Output as TerminalOutput;

/// Events that may wait for the loop.
const QUEUE: usize = 1024;

/// What a session is for.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the stack's things lie.
    pub place: Place,
    /// The state folder, for what is known of all stacks.
    pub state: PathBuf,
    /// The manifest's files, the main one first, absolute.
    pub files: Vec<PathBuf>,
    /// The stack's name, when it was asked for.
    pub name: Option<String>,
    /// Profiles that were asked for.
    pub profiles: Vec<String>,
    /// The environment.
    pub env: BTreeMap<String, String>,
    /// The guest's binary.
    pub guest: PathBuf,
    /// What it says of itself to clients.
    pub running: Running,
}

/// A session. Dropping it leaves the containers running.
#[derive(Debug)]
pub struct Session {
    shared: Arc<Shared>,
    begun: std::time::Instant,
    /// Locked as long as the session lives: there is one session a stack.
    _lease: File,
}

impl Session {
    /// Reads the manifest, opens the stores, and starts all tasks. Needs no engine: it is waited for.
    pub async fn start(config: Config) -> Result<Self, ApiError> {
        let lease = lease::take(&config.place, &config.running).await?;
        let loaded = manifests::load(&config, &manifests::Asked::default());
        let store = open_store(&config.place).await?;
        let plan = loaded.plan.clone().unwrap_or_else(|| Plan::empty(&loaded.name, &loaded.folder));
        let trusted = config.files.first().is_some_and(|f| api::host::is_trusted(&config.state, f));
        let session = format!("{:x}", jobs::now().0 / 1_000_000);
        let engine = EngineView { ok: false, address: String::new(), version: None, error: None };
        let board = Board::new(manifests::view(&config, &loaded, trusted), engine);
        let sink = Sink { store: Arc::new(store), news: Arc::new(Notify::new()) };
        let mut calls = Calls::new(&plan.calls, calls::Limits::default(), &session);
        calls.configure(&plan);
        let calls = observe::keep(calls, config.place.calls(), plan.calls.disk_limit).await?;
        let whose = Whose { stack: plan.name.clone(), folder: plan.folder.display().to_string() };
        let folders = protos::folders(&plan);
        let state = State::new(plan, &loaded.plan.as_ref().map(spec::hashes).unwrap_or_default());

        let protos = protos::Protos::new(folders);
        let opened = Opened { protos, session, whose, board, sink, calls, files: loaded.files };
        let (events, inbox) = mpsc::channel(QUEUE);
        let shared = Arc::new(Shared::new(config, opened, events));
        let run = Run::new(shared.clone(), state);
        shared.spawn_to_end(run.run(inbox));
        shared.spawn(observe::numbers(shared.clone()));
        let reading = shared.clone();
        // What a `.proto` file says must be hidden is to be known before the first call is written.
        shared.spawn(async move { drop(reading.protos.read().await) });
        shared.spawn(retain(shared.clone()));
        shared.spawn(key_logs::follow(shared.clone()));
        let (tidings, mut told) = mpsc::channel(QUEUE);
        shared.spawn(link::keep(shared.config.env.clone(), shared.whose.clone(), tidings));
        let forward = shared.clone();
        shared.spawn(async move {
            while let Some(tidings) = told.recv().await {
                forward.send(run::Event::Engine(tidings)).await;
            }
        });
        Ok(Self { shared, begun: std::time::Instant::now(), _lease: lease })
    }

    /// What every view shows.
    pub fn board(&self) -> &Board {
        &self.shared.board
    }

    /// Ends when the session was asked to end.
    pub async fn ended(&self) {
        self.shared.ending.cancelled().await;
    }

    /// Whether nothing of the stack is there, now and whenever that changes.
    pub fn at_rest(&self) -> tokio::sync::watch::Receiver<bool> {
        self.shared.at_rest.subscribe()
    }

    /// Ends all tasks. Containers run on.
    pub async fn end(&self) {
        self.shared.ending.cancel();
        self.shared.join().await;
        observe::save(&self.shared);
        observe::save_counts(&self.shared, true);
        // The lease is let go with this value; whoever waits for it sees that the file is not the one in its place.
        let place = &self.shared.config.place;
        for file in [place.running(), place.lease()] {
            drop(std::fs::remove_file(file));
        }
    }
}

/// Keeps the log store within its limits.
async fn retain(shared: Arc<Shared>) {
    let mut tick = tokio::time::interval(std::time::Duration::from_secs(30));
    loop {
        tick.tick().await;
        let store = shared.sink.store.clone();
        let kept = tokio::task::spawn_blocking(move || store.retain(jobs::now())).await;
        if let Ok(Err(error)) = kept {
            tracing::warn!("old log lines could not be removed: {error}");
        }
    }
}

/// Opens the log store. The lease is ours, so whoever still writes there is a session that is just ending.
async fn open_store(place: &Place) -> Result<logs::Store, ApiError> {
    let mut tries = 0;
    loop {
        match logs::Store::open(&place.logs(), logs::Limits::default()) {
            Ok(store) => return Ok(store),
            Err(logs::LogError::InUse { .. }) if tries < 100 => {
                tries += 1;
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
            Err(error) => {
                let mut shown = ApiError::new(Code::Failed, error.to_string()).caused_by(&error);
                shown.hint = error.hint().map(str::to_owned);
                return Err(shown);
            }
        }
    }
}
