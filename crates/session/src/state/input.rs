//! What can happen to a stack, and what should be done about it.

use std::collections::BTreeMap;

use api::ApiError;
use model::Timestamp;
use model::plan::Plan;

use super::Container;

/// A job's number, unique within a session.
pub type JobId = u64;

/// What `down` removes beside containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clearing {
    /// Named volumes too.
    pub volumes: bool,
    /// Services of lifetime `persistent` too.
    pub all: bool,
}

/// A container that the engine has of this stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its service by label.
    pub service: String,
    /// The container.
    pub container: Container,
}

/// Everything that can happen to a stack.
#[derive(Debug, Clone)]
pub enum Input {
    /// These services should run, and what they depend on; empty: all.
    Up {
        /// By name.
        services: Vec<String>,
        /// Build even if nothing changed.
        build: bool,
    },
    /// These services should stand still.
    Stop(Vec<String>),
    /// These services should be stopped and started.
    Restart(Vec<String>),
    /// These services' images should be built again.
    Rebuild(Vec<String>),
    /// The stack should not exist.
    Down(Clearing),
    /// The manifest changed.
    Plan(Plan, BTreeMap<String, String>),
    /// The engine answers; these containers of the stack are there.
    EngineUp(Vec<Found>),
    /// The engine does not answer; what became of jobs is not known.
    EngineDown,
    /// A job ended.
    JobDone(JobId, String, Outcome),
    /// The ground was laid, or not.
    GroundLaid(Result<(), ApiError>),
    /// The ground was cleared; failures are told apart.
    GroundCleared,
    /// The engine says that a container runs.
    Started {
        /// Its id.
        id: String,
        /// Since when.
        at: Timestamp,
    },
    /// The engine says that a container ended.
    Exited {
        /// Its id.
        id: String,
        /// When, by the engine's clock.
        at: Timestamp,
        /// With which code.
        code: i32,
    },
    /// The engine says that a container is gone.
    Removed {
        /// Its id.
        id: String,
    },
    /// A reload is about to restart the process in this container; until it has, asking would ask the old one.
    Reloading {
        /// By id.
        container: String,
    },
    /// The reload in this container is over.
    Reloaded {
        /// By id.
        container: String,
        /// Whether the service answers.
        ready: bool,
    },
}

/// How a job ended.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The image is there under this id.
    Image(String),
    /// The container is there.
    Created(Container),
    /// The container runs.
    Started(Timestamp, Vec<api::shape::PortView>),
    /// The service answers.
    Ready,
    /// The container stands still, with this code if it ever ran.
    Stopped(Option<i32>),
    /// The container is gone.
    Removed,
    /// It did not work.
    Failed(ApiError),
}

/// What should be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Lay the ground: network, guest, capture.
    LayGround,
    /// Clear the ground.
    ClearGround(Clearing),
    /// Give up a service's job; its outcome will not count.
    Cancel(JobId),
    /// Prepare the image.
    Image {
        /// The job.
        job: JobId,
        /// For this service.
        service: String,
    },
    /// Make a container of this image.
    Create {
        /// The job.
        job: JobId,
        /// For this service.
        service: String,
        /// Of this image.
        image: String,
    },
    /// Start the container.
    Start {
        /// The job.
        job: JobId,
        /// For this service.
        service: String,
        /// This one.
        container: String,
    },
    /// Ask until it answers.
    Probe {
        /// The job.
        job: JobId,
        /// For this service.
        service: String,
        /// This one.
        container: String,
    },
    /// Stop the container.
    Stop {
        /// The job.
        job: JobId,
        /// For this service.
        service: String,
        /// This one.
        container: String,
    },
    /// Remove the container.
    Remove {
        /// The job.
        job: JobId,
        /// For this service.
        service: String,
        /// This one.
        container: String,
    },
    /// Something worth an event.
    Tell(Told),
}

/// What is worth an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// A container runs.
    Started(String),
    /// A service answers.
    Ready(String),
    /// A container ended by itself.
    Exited(String, i32),
    /// A container was stopped.
    Stopped(String),
    /// A container was removed.
    Removed(String),
    /// An image is there.
    Image(String),
    /// Something failed.
    Failed(String, ApiError),
}
