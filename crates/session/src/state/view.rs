//! A service as its viewers see it.

use api::shape::{Build, ServiceView, State as Shown};
use model::plan::{Condition, Source};

use super::{Doing, Goal, Ground, JobKind, Member, State};

impl State {
    /// Every service of the plan, and those that are still being removed, by name. What only the runner knows (use
    /// of memory, progress of builds, reloads) is left out.
    pub fn views(&self) -> Vec<ServiceView> {
        self.members.iter().map(|(name, member)| self.view(name, member)).collect()
    }

    fn view(&self, name: &str, member: &Member) -> ServiceView {
        let planned = self.plan.services.get(name);
        let container = member.container.as_ref();
        let builds = planned.is_some_and(|p| matches!(p.source, Source::Build(_)));
        let state = self.shown(name, member, builds);
        let waits = matches!(state, Shown::Waiting);
        ServiceView {
            service: name.to_owned(),
            state,
            ready: container.is_some_and(|c| c.ready),
            waiting_for: self.blocked_by(name).filter(|_| waits).map(|(s, c)| self.reason(s, c)),
            instance: container.map(|c| c.name.clone()),
            image: planned.map(|p| image_name(&self.plan.name, p)),
            ports: container.filter(|_| member.runs()).map(|c| c.ports.clone()).unwrap_or_default(),
            restarts: member.restarts,
            exit_code: container.and_then(|c| match c.doing {
                Doing::Exited(code) => Some(code),
                Doing::Created | Doing::Running(_) => None,
            }),
            started: container.and_then(|c| match c.doing {
                Doing::Running(at) => Some(at.to_string()),
                Doing::Created | Doing::Exited(_) => None,
            }),
            cpu: None,
            memory: None,
            error: member.error.clone().or_else(|| member.late.clone()),
            // How far it is, only the runner knows.
            build: matches!(member.job, Some((_, JobKind::Image))).then(Build::default),
            reload: None,
            depends_on: planned
                .map(|p| p.depends_on.iter().map(|d| d.service.clone()).collect())
                .unwrap_or_default(),
        }
    }

    fn shown(&self, name: &str, member: &Member, builds: bool) -> Shown {
        let doing = member.container.as_ref().map(|c| c.doing);
        match (member.job.map(|(_, kind)| kind), doing) {
            (Some(JobKind::Stop | JobKind::Remove), _) => Shown::Stopping,
            (_, Some(Doing::Running(_))) => Shown::Running,
            (Some(JobKind::Image), _) if builds => Shown::Building,
            (Some(JobKind::Image), _) => Shown::Pulling,
            _ if member.error.is_some() => Shown::Failed,
            (Some(JobKind::Create | JobKind::Start), _) => Shown::Starting,
            _ if !matches!(member.goal, Goal::Run) => Shown::Stopped,
            (_, Some(Doing::Exited(code))) if !member.start_wanted => {
                if code == 0 {
                    Shown::Completed
                } else {
                    Shown::Failed
                }
            }
            _ if self.ground == Ground::Laying => Shown::Starting,
            _ if self.blocked_by(name).is_some() => Shown::Waiting,
            _ => Shown::Starting,
        }
    }

    /// Why a service waits, in words: what must happen, and what keeps it from happening when that is known.
    fn reason(&self, service: &str, condition: Condition) -> String {
        let what = match condition {
            Condition::Started => format!("{service} to start"),
            Condition::Ready => format!("{service} to be ready"),
            Condition::Completed => format!("{service} to complete"),
        };
        let Some(member) = self.members.get(service) else { return what };
        match member.container.as_ref().map(|c| c.doing) {
            Some(Doing::Exited(code)) if code != 0 => format!("{what} (it exited with {code})"),
            _ if member.error.is_some() => format!("{what} (it failed)"),
            _ => what,
        }
    }
}

/// The image that a service runs: its reference, or the tag under which it is built.
pub fn image_name(stack: &str, service: &model::plan::Service) -> String {
    match &service.source {
        Source::Image(reference) => reference.clone(),
        Source::Build(_) => format!("{stack}-{}:latest", service.name),
    }
}
