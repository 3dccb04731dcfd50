//! The guest's capture container: what it is, and finding or making it.

use engine::{ContainerFacts, ContainerSpec, Engine, EngineError, Exec, Network};
use model::plan::Resources;

use crate::start::{Start, Vantage};

/// What a capture may use, in bytes. The kernel's ring is not counted.
const MEMORY: u64 = 128 * 1024 * 1024;
const LOOPBACK_MEMORY: u64 = 48 * 1024 * 1024;
/// The ring of a loopback's, in megabytes.
const LOOPBACK_RING: u32 = 4;
/// Labels that begin so say what a container of the guest's is there for.
const GUEST: &str = "dev.shoal.guest";

/// The container with the least rights that can listen.
pub(crate) fn spec(start: &Start<'_>) -> ContainerSpec {
    let mut cmd = vec!["capture".to_owned(), "--body-limit".to_owned(), start.orders.body_limit.to_string()];
    let mut labels = start.labels.clone();
    let mut label = |name: &str, value: String| drop(labels.insert(format!("{GUEST}{name}"), value));
    let (name, network, memory) = match &start.vantage {
        Vantage::Bridges => {
            for bridge in &start.orders.bridges {
                cmd.extend(["--bridge".to_owned(), bridge.clone()]);
            }
            label("", "capture".to_owned());
            ("capture".to_owned(), Network::Host, MEMORY)
        }
        Vantage::Loopback { service, container, started } => {
            cmd.extend(["--loopback".to_owned(), "--ring".to_owned(), LOOPBACK_RING.to_string()]);
            label("", "loopback".to_owned());
            label(".of", (*container).to_owned());
            // The same container has another network each time it is started.
            label(".since", started.to_string());
            (format!("loopback-{service}"), Network::Container((*container).to_owned()), LOOPBACK_MEMORY)
        }
    };
    ContainerSpec {
        name: format!("{}-shoal-{name}", start.stack),
        image: start.image.to_owned(),
        entrypoint: Some(vec!["/shoal-guest".to_owned()]),
        cmd: Some(cmd),
        labels,
        network,
        user: Some("0".to_owned()),
        cap_drop: vec!["ALL".to_owned()],
        cap_add: vec!["NET_RAW".to_owned()],
        security_opt: vec!["no-new-privileges".to_owned()],
        read_only: true,
        pids_limit: Some(16),
        resources: Resources { memory: Some(memory), cpus: None },
        open_stdin: true,
        log_driver: Some("none".to_owned()),
        ..ContainerSpec::default()
    }
}

/// Attaches to a capture container: one that runs already with this guest, and is there for the same, is taken over with
/// all that it knows of open connections; any other is replaced.
pub(crate) async fn open(engine: &Engine, spec: &ContainerSpec) -> Result<(String, Exec), EngineError> {
    match engine.inspect(&spec.name).await {
        Ok(found) if found.is_running() && is_for(&found, spec) => {
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

/// Whether a container of this name does what this one would do.
fn is_for(found: &ContainerFacts, spec: &ContainerSpec) -> bool {
    let mut purpose = spec.labels.iter().filter(|(name, _)| name.starts_with(GUEST));
    found.image == spec.image && purpose.all(|(name, value)| found.labels.get(name) == Some(value))
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
