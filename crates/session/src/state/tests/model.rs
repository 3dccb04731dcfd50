//! An engine of numbers.

use std::collections::{BTreeMap, BTreeSet};

use ::model::Timestamp;
use api::{ApiError, Code};

use super::container;
use crate::state::{Doing, Effect, Found, Input, JobId, Outcome, State};

/// An engine that keeps numbers instead of containers, and checks what no engine may ever be asked for.
#[derive(Default)]
pub(super) struct Engine {
    pub containers: BTreeMap<String, (String, bool)>,
    pub made: u32,
    pub open: Vec<Effect>,
    cancelled: BTreeSet<JobId>,
}

impl Engine {
    pub(super) fn take(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Cancel(job) => {
                    self.cancelled.insert(job);
                }
                Effect::Tell(_) => {}
                other => self.open.push(other),
            }
        }
    }

    /// Does the open effect at `at`, and tells how it went; `fail` makes jobs fail that can.
    pub(super) fn finish(&mut self, at: usize, fail: bool) -> Vec<Input> {
        let effect = self.open.remove(at % self.open.len());
        let failed = || Outcome::Failed(ApiError::new(Code::Failed, "it did not work"));
        let done = |job, service, outcome| vec![Input::JobDone(job, service, outcome)];
        match effect {
            Effect::LayGround => vec![Input::GroundLaid(Ok(()))],
            Effect::ClearGround(_) => {
                assert!(self.containers.is_empty(), "the ground is cleared under {:?}", self.containers);
                vec![Input::GroundCleared]
            }
            Effect::Image { job, .. } | Effect::Probe { job, .. } if self.cancelled.contains(&job) => {
                Vec::new()
            }
            Effect::Image { job, service } => done(
                job,
                service.clone(),
                if fail { failed() } else { Outcome::Image(format!("img-{service}")) },
            ),
            Effect::Create { job, service, .. } => {
                assert!(self.containers.values().all(|(s, _)| *s != service), "two containers of {service}");
                if fail {
                    return done(job, service, failed());
                }
                self.made += 1;
                let id = format!("c{}", self.made);
                self.containers.insert(id.clone(), (service.clone(), false));
                done(job, service.clone(), Outcome::Created(container(&id, &service, Doing::Created)))
            }
            Effect::Start { job, service, container } => {
                if fail {
                    return done(job, service, failed());
                }
                let entry = self.containers.get_mut(&container).expect("what is started exists");
                assert!(!entry.1, "{service} is started twice");
                entry.1 = true;
                done(job, service, Outcome::Started(Timestamp(1), Vec::new()))
            }
            Effect::Probe { job, service, .. } => {
                done(job, service, if fail { failed() } else { Outcome::Ready })
            }
            Effect::Stop { job, service, .. } | Effect::Remove { job, service, .. } if fail => {
                done(job, service, failed())
            }
            Effect::Stop { job, service, container } => {
                self.containers.get_mut(&container).expect("what is stopped exists").1 = false;
                done(job, service, Outcome::Stopped(Some(0)))
            }
            Effect::Remove { job, service, container } => {
                self.containers.remove(&container).expect("what is removed exists");
                done(job, service, Outcome::Removed)
            }
            Effect::Cancel(_) | Effect::Tell(_) => Vec::new(),
        }
    }

    pub(super) fn settle(&mut self, state: &mut State) {
        while !self.open.is_empty() {
            for input in self.finish(0, false) {
                let effects = state.on(input);
                self.take(effects);
            }
        }
    }

    /// The process in a running container ends.
    pub(super) fn end(&mut self, state: &mut State, service: &str, code: i32) {
        let id =
            self.containers.iter().find(|(_, (s, runs))| s == service && *runs).map(|(id, _)| id.clone());
        let Some(id) = id else { return };
        self.containers.get_mut(&id).expect("just found").1 = false;
        let effects = state.on(Input::Exited { id, at: Timestamp(2), code });
        self.take(effects);
    }

    /// The engine goes away and comes back. What it was asked for came about or not, and nobody was told; what ran
    /// runs on or not.
    pub(super) fn goes_away(&mut self, state: &mut State, came_about: bool, runs_on: bool) {
        let effects = state.on(Input::EngineDown);
        self.take(effects);
        let gone = || ApiError::new(Code::EngineUnreachable, "the engine went away");
        for effect in std::mem::take(&mut self.open) {
            let input = match effect {
                Effect::LayGround => Input::GroundLaid(Err(gone())),
                Effect::ClearGround(_) => Input::GroundCleared,
                job => {
                    if came_about {
                        self.open.push(job);
                        self.finish(0, false);
                    }
                    continue;
                }
            };
            let effects = state.on(input);
            self.take(effects);
        }
        let known = |service: &str| state.members.get(service)?.container.as_ref().map(|c| c.doing);
        let found = |(id, (service, runs)): (&String, &mut (String, bool))| {
            let ended = *runs && !runs_on;
            *runs &= runs_on;
            let doing = match known(service) {
                _ if *runs => Doing::Running(Timestamp(1)),
                _ if ended => Doing::Exited(137),
                Some(Doing::Exited(code)) => Doing::Exited(code),
                _ => Doing::Created,
            };
            Found { service: service.clone(), container: container(id, service, doing) }
        };
        let found = self.containers.iter_mut().map(found).collect();
        let effects = state.on(Input::EngineUp(found));
        self.take(effects);
    }
}
