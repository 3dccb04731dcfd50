//! The session's tie to the engine: connect, list what is there, follow what happens, and begin again when it breaks.

use std::collections::BTreeMap;
use std::time::Duration;

use api::ApiError;
use engine::{Address, ContainerFacts, ContainerState, Engine, EngineEvent};
use futures_util::StreamExt;
use tokio::sync::mpsc;

use crate::jobs::now;
use crate::spec::{FOLDER, STACK};
use crate::state::{Container, Doing};
use crate::translate;

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// What the tie reports.
#[derive(Debug)]
pub(crate) enum Tidings {
    /// The engine answers, and has these containers of the stack.
    Up(Engine, Vec<ContainerFacts>),
    /// Something happened to a container of the stack.
    Event(EngineEvent),
    /// A container of anybody's is on other networks now.
    Moved(String),
    /// The engine does not answer.
    Down(ApiError),
}

/// Whose containers to look for.
#[derive(Debug, Clone)]
pub(crate) struct Whose {
    pub stack: String,
    pub folder: String,
}

impl Whose {
    /// The labels to ask for.
    pub(crate) fn filter(&self) -> [(&str, &str); 2] {
        [(STACK, &self.stack), (FOLDER, &self.folder)]
    }
}

/// Keeps the tie until whoever listens goes away.
pub(crate) async fn keep(env: BTreeMap<String, String>, whose: Whose, tidings: mpsc::Sender<Tidings>) {
    let mut pause = FIRST_PAUSE;
    loop {
        let down = match hold(&env, &whose, &tidings, &mut pause).await {
            Ok(()) => return,
            Err(error) => error,
        };
        if tidings.send(Tidings::Down(down)).await.is_err() {
            return;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// One connection's life; `Ok` when nobody listens any more.
async fn hold(
    env: &BTreeMap<String, String>,
    whose: &Whose,
    tidings: &mpsc::Sender<Tidings>,
    pause: &mut Duration,
) -> Result<(), ApiError> {
    let address = Address::find(env).map_err(translate::engine)?;
    let engine = Engine::connect(&address).await.map_err(translate::engine)?;
    // What happens from here on is told by the stream, so nothing can happen unseen while the list is made.
    let mut events = engine.events_since(&whose.filter(), now());
    let mut moves = engine.moves();
    let found = engine.list(&whose.filter()).await.map_err(translate::engine)?;
    *pause = FIRST_PAUSE;
    if tidings.send(Tidings::Up(engine, found)).await.is_err() {
        return Ok(());
    }
    // What both tell ends with the engine.
    while let Some(told) = tokio::select! {
        event = events.next() => event.map(|event| event.map(Tidings::Event)),
        moved = moves.next() => moved.map(|moved| moved.map(Tidings::Moved)),
    } {
        let told = told.map_err(translate::engine)?;
        if tidings.send(told).await.is_err() {
            return Ok(());
        }
    }
    Err(ApiError::new(api::Code::EngineUnreachable, format!("the engine at `{address}` went away")))
}

/// A container as the state knows it.
pub(crate) fn container(facts: &ContainerFacts) -> Container {
    let doing = match facts.state {
        ContainerState::Running | ContainerState::Paused | ContainerState::Restarting => {
            Doing::Running(facts.started.unwrap_or_default())
        }
        ContainerState::Created => Doing::Created,
        ContainerState::Exited | ContainerState::Dead | ContainerState::Removing => {
            Doing::Exited(facts.exit_code.unwrap_or_default())
        }
    };
    Container {
        id: facts.id.clone(),
        name: facts.name.clone(),
        hash: facts.labels.get(crate::spec::HASH).cloned().unwrap_or_default(),
        image: facts.image_id.clone(),
        doing,
        ready: false,
        ports: translate::ports(facts),
    }
}
