//! What the engine and the jobs tell.

use std::collections::BTreeMap;

use api::{ApiError, Code};
use model::Timestamp;

use super::{Doing, Effect, Found, Goal, Ground, JobId, JobKind, Member, Outcome, State, Told};

impl State {
    /// The engine is back, or there for the first time. What went wrong only because it was away is tried again, and
    /// what ran when it went is started again: engines take their containers with them.
    pub(super) fn on_engine_up(&mut self, found: Vec<Found>) {
        self.engine_up = true;
        self.ground_error.take_if(|error| is_passing(error));
        // Who had a container, and whether it ran.
        let mut before = BTreeMap::new();
        for (name, member) in &mut self.members {
            member.error.take_if(|error| is_passing(error));
            let ran = member.runs();
            if member.container.take().is_some() {
                before.insert(name.clone(), ran);
            }
        }
        let any = !found.is_empty();
        for Found { service, container } in found {
            let known = self.plan.services.contains_key(&service);
            let ran = before.get(&service) == Some(&true);
            let member = self.members.entry(service).or_insert_with(|| Member::new(String::new()));
            if member.runs() {
                continue;
            }
            match container.doing {
                // Its start was asked for before the engine went, and came about.
                Doing::Running(_) if !member.stop_wanted => member.start_wanted = false,
                Doing::Exited(_) if ran && member.goal == Goal::Run => member.start_wanted = true,
                Doing::Created | Doing::Running(_) | Doing::Exited(_) => {}
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
        for (_, member) in self.members.iter_mut().filter(|(name, _)| before.contains_key(*name)) {
            if member.container.is_none() {
                member.was_taken_away();
            }
        }
        if any && self.ground == Ground::Bare && self.clearing.is_none() {
            self.whole =
                self.plan.services.keys().all(|n| self.members.get(n).is_some_and(|m| m.container.is_some()));
        }
    }

    /// Jobs are given up, since nobody can say how they ended; what is wanted stays wanted.
    pub(super) fn on_engine_down(&mut self, effects: &mut Vec<Effect>) {
        self.engine_up = false;
        for member in self.members.values_mut() {
            member.reloading = false;
            if let Some((job, _)) = member.job.take() {
                effects.push(Effect::Cancel(job));
            }
        }
    }

    pub(super) fn on_job(&mut self, job: JobId, service: &str, outcome: Outcome, effects: &mut Vec<Effect>) {
        let Some(member) = self.members.get_mut(service) else { return };
        let kind = match member.job {
            Some((current, kind)) if current == job => kind,
            _ => return,
        };
        member.job = None;
        let name = service.to_owned();
        match outcome {
            Outcome::Image(id) => {
                member.replace |= member.container.as_ref().is_some_and(|c| c.image != id);
                member.image = Some(id);
                member.image_wanted = false;
                effects.push(Effect::Tell(Told::Image(name)));
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
                    match container.doing {
                        Doing::Created => effects.push(Effect::Tell(Told::Started(name))),
                        Doing::Running(_) | Doing::Exited(_) => {}
                    }
                    if !matches!(container.doing, Doing::Exited(_)) {
                        container.doing = Doing::Running(at);
                    }
                    container.ready = false;
                    container.ports = ports;
                }
            }
            Outcome::Ready => {
                member.set_ready(true);
                effects.push(Effect::Tell(Told::Ready(name)));
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
                effects.push(Effect::Tell(Told::Stopped(name)));
            }
            Outcome::Removed => {
                member.container = None;
                effects.push(Effect::Tell(Told::Removed(name)));
            }
            Outcome::Failed(error) => {
                // What failed for want of an engine is still wanted when it is back.
                match kind {
                    JobKind::Image if !is_passing(&error) => {
                        member.image_wanted = false;
                        member.replace = false;
                    }
                    JobKind::Start if !is_passing(&error) => member.start_wanted = false,
                    _ => {}
                }
                effects.push(Effect::Tell(Told::Failed(name, error.clone())));
                match kind {
                    JobKind::Probe => member.late = Some(error),
                    _ => member.error = Some(error),
                }
            }
        }
    }

    pub(super) fn on_started(&mut self, id: &str, at: Timestamp, effects: &mut Vec<Effect>) {
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
        }
        effects.push(Effect::Tell(Told::Started(name)));
    }

    /// The news of an end often comes after the answer to the stop that caused it, and may then meet a container that
    /// was started again: an end from before that start is none of its own.
    pub(super) fn on_exited(&mut self, id: &str, at: Timestamp, code: i32, effects: &mut Vec<Effect>) {
        let Some((name, member)) = self.by_container(id) else { return };
        let Some(container) = &mut member.container else { return };
        match container.doing {
            Doing::Running(since) if since <= at => {}
            Doing::Running(_) | Doing::Created | Doing::Exited(_) => return,
        }
        container.doing = Doing::Exited(code);
        container.ready = false;
        member.reloading = false;
        member.late = None;
        if let Some((job, JobKind::Probe)) = member.job {
            member.job = None;
            effects.push(Effect::Cancel(job));
        }
        if !matches!(member.job, Some((_, JobKind::Stop | JobKind::Remove))) {
            effects.push(Effect::Tell(Told::Exited(name, code)));
        }
    }

    pub(super) fn on_removed(&mut self, id: &str) {
        let Some((_, member)) = self.by_container(id) else { return };
        if matches!(member.job, Some((_, JobKind::Remove))) {
            return;
        }
        member.container = None;
        if member.job.is_none() {
            member.was_taken_away();
        }
    }

    pub(super) fn by_container(&mut self, id: &str) -> Option<(String, &mut Member)> {
        self.members
            .iter_mut()
            .find(|(_, m)| m.container.as_ref().is_some_and(|c| c.id == id))
            .map(|(name, member)| (name.clone(), member))
    }
}

/// Whether the error says nothing but that the engine was away.
fn is_passing(error: &ApiError) -> bool {
    error.code == Code::EngineUnreachable
}
