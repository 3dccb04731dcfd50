//! The guest's capture container: what it is, and finding or making it.

use engine::{ContainerSpec, Engine, EngineError, Exec, Network};
use model::plan::Resources;

use crate::start::Start;

const MEMORY: u64 = 128 * 1024 * 1024;

/// The container with the least rights that can listen.
pub(crate) fn spec(start: &Start<'_>) -> ContainerSpec {
    let mut cmd = vec!["capture".to_owned(), "--body-limit".to_owned(), start.orders.body_limit.to_string()];
    for bridge in &start.orders.bridges {
        cmd.extend(["--bridge".to_owned(), bridge.clone()]);
    }
    let mut labels = start.labels.clone();
    labels.insert("dev.shoal.guest".to_owned(), "capture".to_owned());
    ContainerSpec {
        name: format!("{}-shoal-capture", start.stack),
        image: start.image.to_owned(),
        entrypoint: Some(vec!["/shoal-guest".to_owned()]),
        cmd: Some(cmd),
        labels,
        network: Network::Host,
        user: Some("0".to_owned()),
        cap_drop: vec!["ALL".to_owned()],
        cap_add: vec!["NET_RAW".to_owned()],
        security_opt: vec!["no-new-privileges".to_owned()],
        read_only: true,
        pids_limit: Some(16),
        resources: Resources { memory: Some(MEMORY), cpus: None },
        open_stdin: true,
        log_driver: Some("none".to_owned()),
        ..ContainerSpec::default()
    }
}

/// Attaches to the stack's capture container: one that runs already with this guest is taken over with all that it
/// knows of open connections; any other is replaced.
pub(crate) async fn open(engine: &Engine, spec: &ContainerSpec) -> Result<(String, Exec), EngineError> {
    match engine.inspect(&spec.name).await {
        Ok(found) if found.is_running() && found.image == spec.image => {
            let attached = engine.attach(&found.id).await?;
            return Ok((found.id, attached));
        }
        Ok(found) => gone_is_fine(engine.remove(&found.id, true).await)?,
        Err(EngineError::NotFound { .. }) => {}
        Err(error) => return Err(error),
    }
    let id = engine.create(spec).await?;
    match begin(engine, &id).await {
        Ok(attached) => Ok((id, attached)),
        Err(error) => {
            // What did not start is not left behind; the first error is the one to tell.
            drop(engine.remove(&id, true).await);
            Err(error)
        }
    }
}

/// Attaches and then starts, so that not even the first report is missed.
pub(crate) async fn begin(engine: &Engine, id: &str) -> Result<Exec, EngineError> {
    let attached = engine.attach(id).await?;
    engine.start(id).await?;
    Ok(attached)
}

pub(crate) fn gone_is_fine(outcome: Result<(), EngineError>) -> Result<(), EngineError> {
    match outcome {
        Err(EngineError::NotFound { .. }) => Ok(()),
        other => other,
    }
}
