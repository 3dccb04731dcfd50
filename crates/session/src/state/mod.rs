//! What a stack is and what should happen to it next. Pure: no clock, no engine, no tasks.
//!
//! [`State::on`] takes one [`Input`] and answers with the [`Effect`]s that bring the stack closer to what is wanted.
//! Every effect that is a job comes back as [`Input::JobDone`]; a service has at most one job at a time, which is
//! what keeps two containers of one service from ever running side by side. After every input the whole stack is
//! looked at again ([`step`]), so no input needs to know what follows from it.

mod input;
mod member;
mod step;
#[cfg(test)]
mod tests;
mod told;
pub mod view;

use std::collections::BTreeMap;

use api::ApiError;
use model::plan::{Lifetime, Plan};

pub use input::{Clearing, Effect, Found, Input, JobId, Outcome, Told};
pub use member::{Container, Doing, Goal, JobKind, Member};

/// Whether the stack's network, guest and capture stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ground {
    /// Nothing is there.
    Bare,
    /// Being laid.
    Laying,
    /// All is there.
    Laid,
    /// Being cleared, and with what.
    Clearing(Clearing),
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
            Input::EngineDown => self.on_engine_down(&mut effects),
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
                // Whoever asked for more meanwhile gets it.
                if self.clearing.is_some_and(|wanted| self.ground == Ground::Clearing(wanted)) {
                    self.clearing = None;
                }
                self.ground = Ground::Bare;
            }
            Input::Started { id, at } => self.on_started(&id, at, &mut effects),
            Input::Exited { id, at, code } => self.on_exited(&id, at, code, &mut effects),
            Input::Removed { id } => self.on_removed(&id),
            Input::Reloading { container } => {
                if let Some((_, member)) = self.by_container(&container) {
                    member.set_reloading(true);
                }
            }
            Input::Reloaded { container, ready } => {
                if let Some((_, member)) = self.by_container(&container) {
                    member.set_reloading(false);
                    member.set_ready(ready);
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

    /// Whether `down` has nothing left to do: all that is still there was meant to stay, or cannot be removed.
    pub fn is_down(&self) -> bool {
        self.clearing.is_none()
            && !matches!(self.ground, Ground::Clearing(_))
            && !self.members.values().any(Member::is_leaving)
    }

    /// Why one of these services (empty: any) could not be stopped or removed.
    pub fn left_standing(&self, services: &[String]) -> Option<&ApiError> {
        let asked = |name: &String| services.is_empty() || services.contains(name);
        self.members
            .iter()
            .filter(|(name, m)| asked(name) && matches!(m.goal, Goal::Stop | Goal::Gone))
            .find_map(|(_, m)| m.error.as_ref().filter(|_| m.container.is_some()))
    }

    /// The first of these services that there is not.
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
            if !self.plan.services.contains_key(name) && member.goal != Goal::Gone {
                member.goal = Goal::Gone;
                member.error = None;
                member.hash = String::new();
                member.start_wanted = false;
                member.image_wanted = false;
            }
        }
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
