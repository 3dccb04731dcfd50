//! A service, its container, and what is wanted of both.

use api::ApiError;
use model::Timestamp;

use super::JobId;

/// What should become of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// Nobody asked for it.
    Idle,
    /// It should run.
    Run,
    /// Its container should stand still.
    Stop,
    /// Its container should not exist.
    Gone,
}

/// What a container does, as far as the engine told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// It was never started.
    Created,
    /// It runs since then.
    Running(Timestamp),
    /// It ended with this code.
    Exited(i32),
}

/// A container of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// The engine's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The hash of the definition that it was made from.
    pub hash: String,
    /// The id of the image that it was made from.
    pub image: String,
    /// What it does.
    pub doing: Doing,
    /// Whether it answered since it started.
    pub ready: bool,
    /// Its ports on this machine.
    pub ports: Vec<api::shape::PortView>,
}

/// What is being done for a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobKind {
    /// Its image is built or pulled.
    Image,
    /// Its container is made.
    Create,
    /// Its container is started.
    Start,
    /// It is asked whether it answers.
    Probe,
    /// Its container is stopped.
    Stop,
    /// Its container is removed.
    Remove,
}

/// A service and what is known of it.
#[derive(Debug, Clone)]
pub struct Member {
    /// What should become of it.
    pub goal: Goal,
    /// Its one job.
    pub job: Option<(JobId, JobKind)>,
    /// The hash of its definition in the plan; empty once it is gone from the plan.
    pub hash: String,
    /// The image it should run, once prepared.
    pub image: Option<String>,
    /// Its container.
    pub container: Option<Container>,
    /// The container should be started though it stands still.
    pub(super) start_wanted: bool,
    /// The container should be stopped once, and then be what the goal says.
    pub(super) stop_wanted: bool,
    /// The image must be prepared anew, and the container replaced if the image changed.
    pub(super) image_wanted: bool,
    /// The container is replaced by a new one, though its definition is the same.
    pub(super) replace: bool,
    /// A reload restarts its process, and asks by itself whether it answers.
    pub(super) reloading: bool,
    /// What went wrong; nothing more is tried until somebody asks again.
    pub error: Option<ApiError>,
    /// It runs but does not answer; it is still being asked.
    pub late: Option<ApiError>,
    /// How often the engine started the container again by itself.
    pub restarts: u32,
}

impl Member {
    pub(super) fn new(hash: String) -> Self {
        Self {
            goal: Goal::Idle,
            job: None,
            hash,
            image: None,
            container: None,
            start_wanted: false,
            stop_wanted: false,
            image_wanted: false,
            replace: false,
            reloading: false,
            error: None,
            late: None,
            restarts: 0,
        }
    }

    /// Whether its container runs.
    pub fn runs(&self) -> bool {
        self.container.as_ref().is_some_and(|c| matches!(c.doing, Doing::Running(_)))
    }

    pub(super) fn want(&mut self, build: bool) {
        self.goal = Goal::Run;
        self.error = None;
        let current = self.container.as_ref().is_some_and(|c| c.hash == self.hash);
        if !(self.runs() && current) || build {
            self.image_wanted = true;
        }
        if !self.runs() {
            self.start_wanted = true;
        }
    }

    pub(super) fn want_again(&mut self) {
        self.goal = Goal::Run;
        self.error = None;
        self.stop_wanted = self.runs();
        self.start_wanted = true;
    }

    pub(super) fn replaces(&self) -> bool {
        self.container
            .as_ref()
            .is_some_and(|c| self.replace || (c.hash != self.hash && self.goal == Goal::Run))
    }

    /// Whether it runs and was not seen to answer.
    pub(super) fn asks(&self) -> bool {
        self.runs() && !self.reloading && self.container.as_ref().is_some_and(|c| !c.ready)
    }

    /// Somebody else removed its container, which is as good as having stopped it.
    pub(super) fn was_taken_away(&mut self) {
        if self.goal == Goal::Run && !self.start_wanted && !self.image_wanted {
            self.goal = Goal::Stop;
        }
    }

    /// Whether it is still to go, and nothing keeps it from going.
    pub(super) fn is_leaving(&self) -> bool {
        self.goal == Goal::Gone && self.error.is_none() && (self.container.is_some() || self.job.is_some())
    }

    pub(super) fn set_reloading(&mut self, reloading: bool) {
        self.reloading = reloading;
        self.set_ready(false);
    }

    pub(super) fn set_ready(&mut self, ready: bool) {
        if ready {
            self.late = None;
        }
        if let Some(container) = &mut self.container {
            container.ready = ready && matches!(container.doing, Doing::Running(_));
        }
    }
}
