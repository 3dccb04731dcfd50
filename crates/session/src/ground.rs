//! What a stack stands on: its network, the guest's image and volume.
//!
//! It is laid before the first container is made, and cleared after the last one is gone.

use std::path::Path;

use api::{ApiError, Code};
use engine::{Engine, EngineError};
use model::plan::Plan;

use crate::spec::{self, FOLDER, STACK};
use crate::state::Clearing;
use crate::tools::{self, Tools};
use crate::translate;

/// What was laid.
pub(crate) struct Laid {
    /// The guest's image and volume.
    pub tools: Tools,
    /// This machine as the stack's containers see it: their network's gateways, and what `host-gateway` stands for.
    pub gateways: Vec<std::net::IpAddr>,
    /// The interface of its network's bridge.
    pub bridge: String,
}

/// Lays the ground; all of it may be there already.
pub(crate) async fn lay(engine: &Engine, plan: &Plan, session: &str, guest: &Path) -> Result<Laid, ApiError> {
    if !guest.is_file() {
        return Err(ApiError::new(Code::Failed, format!("the guest is missing: {}", guest.display()))
            .hint("it belongs beside `shoal`; `./dev build` puts it there"));
    }
    let binary = tools::read(guest).await.map_err(translate::engine)?;
    let mut of_network = spec::stack_labels(plan, session);
    of_network.insert(tools::USES.to_owned(), binary.tools.volume.clone());
    let network = engine.ensure_network(&plan.name, &of_network).await.map_err(translate::engine)?;
    let folder = plan.folder.display().to_string();
    if network.labels.get(STACK) != Some(&plan.name) || network.labels.get(FOLDER) != Some(&folder) {
        let owner =
            network.labels.get(FOLDER).map_or("somebody else".to_owned(), |f| format!("a stack in {f}"));
        return Err(ApiError::new(Code::Conflict, format!("the network `{}` belongs to {owner}", plan.name))
            .hint(format!(
                "remove it with `docker network rm {}`, or give the stack another name with `-p`",
                plan.name
            )));
    }
    tools::ensure_tools(engine, &binary).await.map_err(translate::engine)?;
    let tools = binary.tools;
    // Without these a call by way of this machine shows as two.
    let mut gateways = network.gateways;
    gateways.extend(engine.host_gateways().await.unwrap_or_default());
    Ok(Laid { tools, gateways, bridge: network.bridge })
}

/// Clears the ground: captures that a session before has left, network, volumes when asked, and the guest where no other
/// stack uses it. Everything is tried; the first failure is told.
pub(crate) async fn clear(
    engine: &Engine,
    whose: &crate::link::Whose,
    clearing: Clearing,
) -> Result<(), ApiError> {
    let mut first: Option<EngineError> = None;
    let mut keep = |outcome: Result<(), EngineError>| match outcome {
        Ok(()) | Err(EngineError::NotFound { .. }) => {}
        Err(error) => {
            first.get_or_insert(error);
        }
    };
    for guest in engine.list(&whose.filter()).await.map_err(translate::engine)? {
        if guest.labels.contains_key(tools::LABEL) {
            keep(engine.remove(&guest.id, true).await);
        }
    }
    for network in engine.networks(&whose.filter()).await.map_err(translate::engine)? {
        keep(engine.remove_network(&network.name).await);
    }
    if clearing.volumes {
        for volume in engine.volumes(&whose.filter()).await.map_err(translate::engine)? {
            keep(engine.remove_volume(&volume.name).await);
        }
    }
    keep(tools::remove_tools(engine).await);
    first.map_or(Ok(()), |error| Err(translate::engine(error)))
}
