//! What follows from the state as it is: for each service at most one next job.

use model::plan::Condition;

use super::{Doing, Effect, Goal, Ground, JobId, JobKind, Member, State};

impl State {
    pub(super) fn step(&mut self, effects: &mut Vec<Effect>) {
        if !self.engine_up {
            return;
        }
        let names: Vec<String> = self.members.keys().cloned().collect();
        for name in names {
            let open = self.blocked_by(&name).is_none();
            let laid = self.ground == Ground::Laid;
            let Some(member) = self.members.get_mut(&name) else { continue };
            if let Some((job, _)) = member.job {
                if !interrupts(member) {
                    continue;
                }
                effects.push(Effect::Cancel(job));
                member.job = None;
            }
            let Some(kind) = next(member, open, laid) else { continue };
            let job = self.next_job;
            self.next_job += 1;
            member.job = Some((job, kind));
            if let Some(container) = member.container.as_mut().filter(|_| kind == JobKind::Start) {
                // How it ended before no longer counts: from here on an end is a new one.
                container.doing = Doing::Created;
            }
            effects.push(effect(member, job, kind, name));
        }
        let plan = &self.plan;
        self.members
            .retain(|name, m| plan.services.contains_key(name) || m.container.is_some() || m.job.is_some());
        self.step_ground(effects);
    }

    fn step_ground(&mut self, effects: &mut Vec<Effect>) {
        let wanted = self.members.values().any(|m| m.goal == Goal::Run && m.error.is_none());
        let rest = self.members.values().any(|m| m.container.is_some() || m.job.is_some());
        match (&self.ground, self.clearing) {
            (Ground::Bare, None) if wanted && self.ground_error.is_none() => {
                self.ground = Ground::Laying;
                effects.push(Effect::LayGround);
            }
            (Ground::Laid | Ground::Bare, Some(clearing)) if !rest => {
                self.ground = Ground::Clearing(clearing);
                effects.push(Effect::ClearGround(clearing));
            }
            // Something was meant to stay or cannot be removed, so the ground stays under it.
            (Ground::Laid | Ground::Bare, Some(_)) if !self.members.values().any(Member::is_leaving) => {
                self.clearing = None;
            }
            _ => {}
        }
    }

    /// The first dependency that keeps a service from starting, and how far it must be.
    pub fn blocked_by(&self, service: &str) -> Option<(&str, Condition)> {
        let dependencies = &self.plan.services.get(service)?.depends_on;
        dependencies
            .iter()
            .find(|d| !self.meets(&d.service, d.condition))
            .map(|d| (d.service.as_str(), d.condition))
    }

    fn meets(&self, service: &str, condition: Condition) -> bool {
        let Some(container) = self.members.get(service).and_then(|m| m.container.as_ref()) else {
            return false;
        };
        match condition {
            Condition::Started => matches!(container.doing, Doing::Running(_) | Doing::Exited(0)),
            Condition::Ready => container.ready,
            Condition::Completed => container.doing == Doing::Exited(0),
        }
    }
}

/// Whether what is wanted now makes the running job pointless. Building and asking can be given up at any moment;
/// what changes containers is always waited for.
fn interrupts(member: &Member) -> bool {
    match member.job {
        Some((_, JobKind::Image)) => matches!(member.goal, Goal::Stop | Goal::Gone),
        Some((_, JobKind::Probe)) => {
            matches!(member.goal, Goal::Stop | Goal::Gone)
                || member.stop_wanted
                || member.image_wanted
                || member.replaces()
                || !member.asks()
        }
        _ => false,
    }
}

fn next(member: &Member, open: bool, laid: bool) -> Option<JobKind> {
    let doing = member.container.as_ref().map(|c| c.doing);
    match member.goal {
        Goal::Idle => None,
        // Trying the same again at once would fail the same way.
        Goal::Stop | Goal::Gone if member.error.is_some() => None,
        Goal::Stop => member.runs().then_some(JobKind::Stop),
        Goal::Gone => match doing? {
            Doing::Running(_) => Some(JobKind::Stop),
            Doing::Created | Doing::Exited(_) => Some(JobKind::Remove),
        },
        Goal::Run if member.error.is_some() => member.asks().then_some(JobKind::Probe),
        Goal::Run => match doing {
            _ if member.image_wanted => Some(JobKind::Image),
            None if member.image.is_none() => member.start_wanted.then_some(JobKind::Image),
            None => (laid && member.start_wanted).then_some(JobKind::Create),
            // An adopted container is replaced only once somebody asked for it, which prepares an image first.
            Some(Doing::Running(_)) if member.image.is_some() && member.replaces() => Some(JobKind::Stop),
            Some(Doing::Running(_)) if member.stop_wanted => Some(JobKind::Stop),
            Some(Doing::Running(_)) => member.asks().then_some(JobKind::Probe),
            Some(_) if member.image.is_some() && member.replaces() => Some(JobKind::Remove),
            Some(_) => (laid && open && member.start_wanted).then_some(JobKind::Start),
        },
    }
}

fn effect(member: &Member, job: JobId, kind: JobKind, service: String) -> Effect {
    let container = member.container.as_ref().map(|c| c.id.clone()).unwrap_or_default();
    match kind {
        JobKind::Image => Effect::Image { job, service },
        JobKind::Create => Effect::Create { job, service, image: member.image.clone().unwrap_or_default() },
        JobKind::Start => Effect::Start { job, service, container },
        JobKind::Probe => Effect::Probe { job, service, container },
        JobKind::Stop => Effect::Stop { job, service, container },
        JobKind::Remove => Effect::Remove { job, service, container },
    }
}
