//! What views are shown, and who is told that what they asked for is done.

use std::collections::BTreeMap;

use api::ApiError;
use api::shape::{Event as Happening, State as Step};

use super::{Run, Waiter};
use crate::jobs::now;
use crate::reload::Live;
use crate::state::{Goal, JobKind, Told};

impl Run {
    /// The services that should run, as reloads see them.
    pub(super) fn live(&self) -> BTreeMap<String, Live> {
        let views = self.state.views();
        let wanted = views.into_iter().filter_map(|view| {
            let member = self.state.members.get(&view.service).filter(|m| m.goal == Goal::Run)?;
            let service = self.state.plan.services.get(&view.service)?.clone();
            let free = member.runs() && member.job.is_none_or(|(_, kind)| kind == JobKind::Probe);
            let container = member.container.as_ref().filter(|_| free).map(|c| c.id.clone());
            let busy = view.build.is_some();
            let live = Live {
                container,
                busy,
                step: view.state,
                ready: view.ready,
                error: view.error,
                exit_code: view.exit_code,
                service,
            };
            Some((view.service, live))
        });
        wanted.collect()
    }

    pub(super) fn on_told(&mut self, told: Told) {
        let (kind, service, text) = match told {
            Told::Started(service) => ("started", service, "started".to_owned()),
            Told::Ready(service) => ("ready", service, "ready".to_owned()),
            Told::Stopped(service) => ("stopped", service, "stopped".to_owned()),
            Told::Removed(service) => ("removed", service, "removed".to_owned()),
            Told::Image(service) => ("image", service, "its image is there".to_owned()),
            Told::Failed(service, error) => ("failed", service, error.message),
            Told::Exited(service, code) => {
                let event = Happening {
                    ts: now().to_string(),
                    kind: "exited".into(),
                    instance: self.instance(&service),
                    service: Some(service),
                    text: format!("exited with {code}"),
                    exit_code: Some(code),
                    ..Happening::default()
                };
                return self.put_on_axis(event);
            }
        };
        self.tell(kind, Some(service), text);
    }

    pub(super) fn tell(&mut self, kind: &str, service: Option<String>, text: String) {
        let instance = service.as_deref().and_then(|s| self.instance(s));
        let event = Happening {
            ts: now().to_string(),
            kind: kind.into(),
            service,
            instance,
            text,
            ..Happening::default()
        };
        self.put_on_axis(event);
    }

    /// What it is about is shown first: whoever hears of it and looks finds it so.
    pub(super) fn put_on_axis(&mut self, event: Happening) {
        self.publish();
        self.shared.board.tell(event);
    }

    fn instance(&self, service: &str) -> Option<String> {
        self.state.members.get(service).and_then(|m| m.container.as_ref()).map(|c| c.name.clone())
    }

    /// Watches the files of the plan as it is now.
    pub(super) fn watch(&mut self) {
        let watched = self.watch_files && self.state.members.values().any(|m| m.goal == Goal::Run);
        self.reloads.watch(&self.state.plan, &self.shared.manifests(), watched);
    }

    pub(super) fn publish(&mut self) {
        self.dirty = false;
        let mut views = self.state.views();
        for view in &mut views {
            if let Some(stats) = self.stats.get(&view.service).filter(|_| view.state == Step::Running) {
                view.cpu = Some(stats.cpu_cores);
                view.memory = Some(stats.memory.into());
            }
            if view.build.is_some()
                && let Some(build) = self.builds.get(&view.service)
            {
                view.build = Some(build.clone());
            }
            view.reload = self.reloads.view(&view.service, self.reload_views.get(&view.service));
        }
        self.shared.board.services(views);
    }

    /// What is waited for does not come about while the engine is away.
    pub(super) fn give_up_waiters(&mut self, error: &ApiError) {
        let settled = self.settled.drain(..).map(|(_, waiter)| waiter);
        settled.chain(self.downs.drain(..)).for_each(|waiter| tell(waiter, Some(error.clone())));
    }

    pub(super) fn answer_waiters(&mut self) {
        let state = &self.state;
        let rests = |name: &String| state.members.get(name).is_none_or(|m| m.job.is_none());
        let (done, open) =
            std::mem::take(&mut self.settled).into_iter().partition::<Vec<_>, _>(|(services, _)| {
                if services.is_empty() { state.members.keys().all(rests) } else { services.iter().all(rests) }
            });
        self.settled = open;
        if !done.is_empty() {
            self.publish();
        }
        for (services, waiter) in done {
            tell(waiter, self.state.left_standing(&services).cloned());
        }
        if !self.downs.is_empty() && self.state.is_down() {
            self.publish();
            let left = self.state.left_standing(&[]).cloned();
            self.downs.drain(..).for_each(|waiter| tell(waiter, left.clone()));
        }
        self.shared
            .at_rest
            .send_replace(!self.state.members.values().any(|m| m.container.is_some() || m.job.is_some()));
    }
}

/// Tells whoever waited, unless they have gone away.
fn tell(waiter: Waiter, error: Option<ApiError>) {
    if waiter.send(error.map_or(Ok(()), Err)).is_err() {
        tracing::debug!("nobody waits any more");
    }
}
