//! Containers: made, started, stopped, looked at.

use std::collections::HashMap;
use std::time::Duration;

use bollard::query_parameters::{
    CreateContainerOptionsBuilder, InspectContainerOptions, KillContainerOptionsBuilder,
    ListContainersOptionsBuilder, RemoveContainerOptionsBuilder, RestartContainerOptionsBuilder,
    StartContainerOptions, StopContainerOptionsBuilder,
};
use futures_util::{StreamExt as _, stream};

use crate::network::label_filter;
use crate::spec::seconds;
use crate::{ContainerFacts, ContainerSpec, Engine, EngineError, facts};

/// How many containers are looked at at the same time.
const LOOKS: usize = 8;

impl Engine {
    /// Makes a container and returns its id. It is not started.
    pub async fn create(&self, spec: &ContainerSpec) -> Result<String, EngineError> {
        let mut options = CreateContainerOptionsBuilder::new();
        if !spec.name.is_empty() {
            options = options.name(&spec.name);
        }
        if let Some(platform) = &spec.platform {
            options = options.platform(platform);
        }
        let made = self.docker().create_container(Some(options.build()), spec.body()).await;
        match made.map_err(|error| self.failed(&format!("creating container `{}`", spec.name), &error)) {
            Ok(made) => Ok(made.id),
            // Podman says it in its own words and without the reference.
            Err(EngineError::NotFound { .. }) if self.image(&spec.image).await?.is_none() => {
                Err(EngineError::ImageMissing { image: spec.image.clone() })
            }
            Err(error) => Err(error),
        }
    }

    /// Starts a container; one that runs is no error. A taken port is told with who holds it.
    pub async fn start(&self, id: &str) -> Result<(), EngineError> {
        let answer = self.docker().start_container(id, None::<StartContainerOptions>).await;
        match answer.map_err(|error| self.failed(&format!("starting container `{}`", short(id)), &error)) {
            Err(EngineError::PortTaken { port, .. }) => {
                Err(EngineError::PortTaken { port, holder: self.publisher_of(port).await })
            }
            other => other,
        }
    }

    /// Asks a container to end and kills it after `grace`; one that does not run is no error.
    pub async fn stop(&self, id: &str, grace: Duration) -> Result<(), EngineError> {
        let options = StopContainerOptionsBuilder::new().t(whole(grace)).build();
        let answer = self.patient(grace).stop_container(id, Some(options)).await;
        answer.map_err(|error| self.failed(&format!("stopping container `{}`", short(id)), &error))
    }

    /// Sends a signal, such as `HUP`, to a container's first process.
    pub async fn kill(&self, id: &str, signal: &str) -> Result<(), EngineError> {
        let options = KillContainerOptionsBuilder::new().signal(signal).build();
        let answer = self.docker().kill_container(id, Some(options)).await;
        answer
            .map_err(|error| self.failed(&format!("sending `{signal}` to container `{}`", short(id)), &error))
    }

    /// Stops a container as [`Engine::stop`] does and starts it again.
    pub async fn restart(&self, id: &str, grace: Duration) -> Result<(), EngineError> {
        let options = RestartContainerOptionsBuilder::new().t(whole(grace)).build();
        let answer = self.patient(grace).restart_container(id, Some(options)).await;
        answer.map_err(|error| self.failed(&format!("restarting container `{}`", short(id)), &error))
    }

    /// Removes a container with its anonymous volumes; `force` kills it first. One that is not there is no error.
    pub async fn remove(&self, id: &str, force: bool) -> Result<(), EngineError> {
        let options = RemoveContainerOptionsBuilder::new().v(true).force(force).build();
        let answer = self.docker().remove_container(id, Some(options)).await;
        match answer.map_err(|error| self.failed(&format!("removing container `{}`", short(id)), &error)) {
            Err(EngineError::NotFound { .. }) => Ok(()),
            Err(EngineError::Conflict { message, .. }) if message.contains("already in progress") => Ok(()),
            other => other,
        }
    }

    /// What the engine says about a container, by id or name.
    pub async fn inspect(&self, id: &str) -> Result<ContainerFacts, EngineError> {
        let answer = self.docker().inspect_container(id, None::<InspectContainerOptions>).await;
        let answer =
            answer.map_err(|error| self.failed(&format!("looking at container `{}`", short(id)), &error))?;
        Ok(facts::read(answer))
    }

    /// Every container that has all these labels, in any state, by name.
    pub async fn list(&self, labels: &[(&str, &str)]) -> Result<Vec<ContainerFacts>, EngineError> {
        let options = ListContainersOptionsBuilder::new().all(true).filters(&label_filter(labels)).build();
        let found = self.docker().list_containers(Some(options)).await;
        let found = found.map_err(|error| self.failed("listing containers", &error))?;
        let ids = found.into_iter().filter_map(|container| container.id);
        let mut looks =
            stream::iter(ids).map(|id| async move { self.inspect(&id).await }).buffer_unordered(LOOKS);
        let mut all = Vec::new();
        while let Some(look) = looks.next().await {
            match look {
                Ok(container) => all.push(container),
                // It went away between the list and the look.
                Err(EngineError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    /// The name of the running container that publishes a port of this machine.
    async fn publisher_of(&self, port: u16) -> Option<String> {
        let options =
            ListContainersOptionsBuilder::new().filters(&HashMap::<String, Vec<String>>::new()).build();
        let running = self.docker().list_containers(Some(options)).await.ok()?;
        let holder =
            running.into_iter().find(|c| c.ports.iter().flatten().any(|p| p.public_port == Some(port)))?;
        Some(holder.names?.first()?.trim_start_matches('/').to_owned())
    }

    /// A client whose answers may take `grace` longer than usual.
    fn patient(&self, grace: Duration) -> bollard::Docker {
        let docker = self.docker().clone();
        let timeout = docker.timeout();
        docker.with_timeout(timeout + grace)
    }
}

fn whole(grace: Duration) -> i32 {
    i32::try_from(seconds(grace)).unwrap_or(i32::MAX)
}

/// Ids are cut as `docker` shows them; names stay.
pub(crate) fn short(id: &str) -> &str {
    if id.len() == 64 { id.get(..12).unwrap_or(id) } else { id }
}
