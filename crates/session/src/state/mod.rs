//! What a stack is and what should happen to it next. Pure: no clock, no engine, no tasks.
//!
//! [`State::on`] takes one [`Input`] and answers with the [`Effect`]s that bring the stack closer to what is wanted.
//! Every effect that is a job comes back as [`Input::JobDone`]; a service has at most one job at a time, which is
//! what keeps two containers of one service from ever running side by side. After every input the whole stack is
//! looked at again ([`step`]), so no input needs to know what follows from it.

mod step;
#[cfg(test)]
mod tests;
pub mod view;

use std::collections::BTreeMap;

use api::ApiError;
use model::Timestamp;
use model::plan::{Lifetime, Plan};

/// A job's number, unique within a session.
pub type JobId = u64;

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
    start_wanted: bool,
    /// The container should be stopped once, and then be what the goal says.
    stop_wanted: bool,
    /// The image must be prepared anew, and the container replaced if the image changed.
    image_wanted: bool,
    /// The container is replaced by a new one, though its definition is the same.
    replace: bool,
    /// What went wrong; nothing more is tried until somebody asks again.
    pub error: Option<ApiError>,
    /// It runs but does not answer; it is still being asked.
    pub late: Option<ApiError>,
    /// How often the engine started the container again by itself.
    pub restarts: u32,
}

/// Whether the stack's network, guest and capture stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ground {
    /// Nothing is there.
    Bare,
    /// Being laid.
    Laying,
    /// All is there.
    Laid,
    /// Being cleared.
    Clearing,
}

/// A running stack.
#[derive(Debug, Clone)]
pub struct State {
    /// What should run.
    pub plan: Plan,
    /// Every service of the plan, and those whose containers are still there.
    pub members: BTreeMap<String, Member>,
    /// Network, guest, capture.
    pub ground: Ground,
    /// Why the ground could not be laid.
    pub ground_error: Option<ApiError>,
    /// Whether the engine answers; nothing is begun while it does not.
    pub engine_up: bool,
    /// The whole stack was asked for, so services that join the plan start too.
    whole: bool,
    /// The stack is being taken down, and with what.
    clearing: Option<Clearing>,
    next_job: JobId,
}

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
    /// The engine does not answer.
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
        /// With which code.
        code: i32,
    },
    /// The engine says that a container is gone.
    Removed {
        /// Its id.
        id: String,
    },
    /// A reload restarted the process in the container; it must answer anew.
    Answered {
        /// Its service.
        service: String,
        /// Whether it did.
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

impl Member {
    fn new(hash: String) -> Self {
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
            error: None,
            late: None,
            restarts: 0,
        }
    }

    /// Whether its container runs.
    pub fn runs(&self) -> bool {
        self.container.as_ref().is_some_and(|c| matches!(c.doing, Doing::Running(_)))
    }

    fn want(&mut self, build: bool) {
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

    fn want_again(&mut self) {
        self.goal = Goal::Run;
        self.error = None;
        self.stop_wanted = self.runs();
        self.start_wanted = true;
    }

    fn replaces(&self) -> bool {
        self.container
            .as_ref()
            .is_some_and(|c| self.replace || (c.hash != self.hash && self.goal == Goal::Run))
    }
}

impl State {
    /// A stack of which nothing is known yet but what should run; `hashes` are the definitions' by service.
    pub fn new(plan: Plan, hashes: &BTreeMap<String, String>) -> Self {
        let members =
            plan.services.keys().map(|name| (name.clone(), Member::new(hash_of(hashes, name)))).collect();
        Self {
            plan,
            members,
            ground: Ground::Bare,
            ground_error: None,
            engine_up: false,
            whole: false,
            clearing: None,
            next_job: 1,
        }
    }

    /// Takes one input and says what should be done.
    pub fn on(&mut self, input: Input) -> Vec<Effect> {
        let mut effects = Vec::new();
        match input {
            Input::Up { services, build } => self.on_up(&services, build),
            Input::Stop(services) => self.each(&services, |m| {
                if matches!(m.goal, Goal::Run | Goal::Idle) {
                    m.goal = Goal::Stop;
                }
                m.start_wanted = false;
                m.image_wanted = false;
                m.error = None;
            }),
            Input::Restart(services) => self.each(&services, Member::want_again),
            Input::Rebuild(services) => self.each(&services, |m| {
                m.want(true);
                m.replace = true;
            }),
            Input::Down(clearing) => self.on_down(clearing),
            Input::Plan(plan, hashes) => self.on_plan(plan, &hashes),
            Input::EngineUp(found) => self.on_engine_up(found),
            Input::EngineDown => self.engine_up = false,
            Input::JobDone(job, service, outcome) => self.on_job(job, &service, outcome, &mut effects),
            Input::GroundLaid(Ok(())) => self.ground = Ground::Laid,
            Input::GroundLaid(Err(error)) => {
                self.ground = Ground::Bare;
                for (name, member) in self.members.iter_mut().filter(|(_, m)| m.goal == Goal::Run) {
                    member.error.get_or_insert_with(|| error.clone().about(name));
                }
                self.ground_error = Some(error);
            }
            Input::GroundCleared => {
                self.ground = Ground::Bare;
                self.clearing = None;
            }
            Input::Started { id, at } => self.on_started(&id, at, &mut effects),
            Input::Exited { id, code } => self.on_exited(&id, code, &mut effects),
            Input::Removed { id } => self.on_removed(&id),
            Input::Answered { service, ready } => {
                if let Some(container) = self.members.get_mut(&service).and_then(|m| m.container.as_mut()) {
                    container.ready = ready;
                }
            }
        }
        self.step(&mut effects);
        effects
    }

    /// Whether nothing of the stack is there and nothing is being done.
    pub fn is_clear(&self) -> bool {
        self.ground == Ground::Bare && self.members.values().all(|m| m.container.is_none() && m.job.is_none())
    }

    /// Whether `down` has nothing left to do: all that is still there was meant to stay.
    pub fn is_down(&self) -> bool {
        self.clearing.is_none()
            && self.ground != Ground::Clearing
            && self
                .members
                .values()
                .all(|m| m.goal != Goal::Gone || (m.container.is_none() && m.job.is_none()))
    }

    /// The names of services that are asked for but not in the plan.
    pub fn unknown<'a>(&self, services: &'a [String]) -> Option<&'a String> {
        services.iter().find(|name| !self.members.contains_key(*name))
    }

    fn on_up(&mut self, services: &[String], build: bool) {
        self.clearing = None;
        self.ground_error = None;
        self.whole |= services.is_empty();
        let mut open: Vec<String> = if services.is_empty() {
            self.plan.services.keys().cloned().collect()
        } else {
            services.to_vec()
        };
        let mut seen = Vec::new();
        while let Some(name) = open.pop() {
            if seen.contains(&name) {
                continue;
            }
            if let Some(service) = self.plan.services.get(&name) {
                open.extend(service.depends_on.iter().map(|d| d.service.clone()));
            }
            seen.push(name);
        }
        self.each(&seen, |m| m.want(build));
    }

    fn on_down(&mut self, clearing: Clearing) {
        self.whole = false;
        self.clearing = Some(clearing);
        for (name, member) in &mut self.members {
            let stays = self.plan.services.get(name).is_some_and(|s| s.lifetime == Lifetime::Persistent)
                && !clearing.all;
            member.error = None;
            member.start_wanted = false;
            member.image_wanted = false;
            if !stays {
                member.goal = Goal::Gone;
            }
        }
    }

    fn on_plan(&mut self, plan: Plan, hashes: &BTreeMap<String, String>) {
        self.plan = plan;
        for name in self.plan.services.keys() {
            let hash = hash_of(hashes, name);
            let whole = self.whole;
            let member = self.members.entry(name.clone()).or_insert_with(|| {
                let mut member = Member::new(hash.clone());
                if whole {
                    member.want(false);
                }
                member
            });
            if member.hash != hash {
                member.hash = hash;
                if member.goal == Goal::Run {
                    member.want(false);
                }
            }
        }
        for (name, member) in &mut self.members {
            if !self.plan.services.contains_key(name) {
                member.goal = Goal::Gone;
                member.hash = String::new();
                member.start_wanted = false;
                member.image_wanted = false;
            }
        }
    }

    fn on_engine_up(&mut self, found: Vec<Found>) {
        self.engine_up = true;
        for member in self.members.values_mut() {
            member.container = None;
        }
        let any = !found.is_empty();
        for Found { service, container } in found {
            let known = self.plan.services.contains_key(&service);
            let member = self.members.entry(service).or_insert_with(|| Member::new(String::new()));
            if member.container.as_ref().is_some_and(|c| matches!(c.doing, Doing::Running(_))) {
                continue;
            }
            if member.goal == Goal::Idle {
                member.goal = match container.doing {
                    _ if !known => Goal::Idle,
                    // Ended by a stop, not by itself: 128 + SIGKILL, 128 + SIGTERM.
                    Doing::Created | Doing::Exited(137 | 143) => Goal::Stop,
                    Doing::Running(_) | Doing::Exited(_) => Goal::Run,
                };
                // Adopted as it runs: a definition that changed meanwhile is applied at the next `up`.
                member.image = None;
            }
            member.container = Some(container);
        }
        if any && self.ground == Ground::Bare && self.clearing.is_none() {
            self.whole =
                self.plan.services.keys().all(|n| self.members.get(n).is_some_and(|m| m.container.is_some()));
        }
    }

    fn on_job(&mut self, job: JobId, service: &str, outcome: Outcome, effects: &mut Vec<Effect>) {
        let Some(member) = self.members.get_mut(service) else { return };
        let kind = match member.job {
            Some((current, kind)) if current == job => kind,
            _ => return,
        };
        member.job = None;
        match outcome {
            Outcome::Image(id) => {
                if member.image.as_ref().is_some_and(|old| *old != id) {
                    member.replace = member.container.is_some();
                }
                effects.push(Effect::Tell(Told::Image(service.to_owned())));
                member.image = Some(id);
                member.image_wanted = false;
            }
            Outcome::Created(container) => {
                member.container = Some(container);
                member.replace = false;
                member.restarts = 0;
            }
            Outcome::Started(at, ports) => {
                member.start_wanted = false;
                if let Some(container) = &mut member.container {
                    // The engine's events may have been faster, and may even have told of its end.
                    if !matches!(container.doing, Doing::Exited(_)) {
                        container.doing = Doing::Running(at);
                    }
                    container.ready = false;
                    container.ports = ports;
                }
                effects.push(Effect::Tell(Told::Started(service.to_owned())));
            }
            Outcome::Ready => {
                member.late = None;
                if let Some(container) = &mut member.container {
                    container.ready = true;
                }
                effects.push(Effect::Tell(Told::Ready(service.to_owned())));
            }
            Outcome::Stopped(code) => {
                member.stop_wanted = false;
                member.late = None;
                // Stopped to be replaced or started anew.
                member.start_wanted |= member.goal == Goal::Run;
                if let Some(container) = &mut member.container {
                    container.doing = code.map_or(Doing::Created, Doing::Exited);
                    container.ready = false;
                }
                effects.push(Effect::Tell(Told::Stopped(service.to_owned())));
            }
            Outcome::Removed => {
                member.container = None;
                effects.push(Effect::Tell(Told::Removed(service.to_owned())));
            }
            Outcome::Failed(error) => {
                if kind == JobKind::Image {
                    member.image_wanted = false;
                    member.replace = false;
                }
                if kind == JobKind::Start {
                    member.start_wanted = false;
                }
                effects.push(Effect::Tell(Told::Failed(service.to_owned(), error.clone())));
                match kind {
                    JobKind::Probe => member.late = Some(error),
                    _ => member.error = Some(error),
                }
            }
        }
    }

    fn on_started(&mut self, id: &str, at: Timestamp, effects: &mut Vec<Effect>) {
        let Some((name, member)) = self.by_container(id) else { return };
        let ours = matches!(member.job, Some((_, JobKind::Start)));
        let Some(container) = &mut member.container else { return };
        if matches!(container.doing, Doing::Running(_)) {
            return;
        }
        container.doing = Doing::Running(at);
        container.ready = false;
        if !ours {
            member.restarts += 1;
            member.error = None;
            effects.push(Effect::Tell(Told::Started(name)));
        }
    }

    fn on_exited(&mut self, id: &str, code: i32, effects: &mut Vec<Effect>) {
        let Some((name, member)) = self.by_container(id) else { return };
        let asked = matches!(member.job, Some((_, JobKind::Stop | JobKind::Remove)));
        if let Some(container) = &mut member.container {
            container.doing = Doing::Exited(code);
            container.ready = false;
        }
        member.late = None;
        if let Some((job, JobKind::Probe)) = member.job {
            member.job = None;
            effects.push(Effect::Cancel(job));
        }
        if !asked {
            effects.push(Effect::Tell(Told::Exited(name, code)));
        }
    }

    fn on_removed(&mut self, id: &str) {
        let Some((_, member)) = self.by_container(id) else { return };
        if !matches!(member.job, Some((_, JobKind::Remove))) {
            member.container = None;
        }
    }

    fn by_container(&mut self, id: &str) -> Option<(String, &mut Member)> {
        self.members
            .iter_mut()
            .find(|(_, m)| m.container.as_ref().is_some_and(|c| c.id == id))
            .map(|(name, member)| (name.clone(), member))
    }

    fn each(&mut self, services: &[String], mut change: impl FnMut(&mut Member)) {
        for (name, member) in &mut self.members {
            let in_plan = self.plan.services.contains_key(name);
            if in_plan && (services.is_empty() || services.contains(name)) {
                change(member);
            }
        }
    }
}

fn hash_of(hashes: &BTreeMap<String, String>, name: &str) -> String {
    hashes.get(name).cloned().unwrap_or_default()
}
