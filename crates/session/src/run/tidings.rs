//! What the engine tells, and what is looked at because of it.

use api::shape::{Change, EngineView};
use engine::{ContainerFacts, Engine, EngineEvent, EventKind};

use super::{Event, Run};
use crate::follow::{self, Followed};
use crate::link::{self, Tidings};
use crate::spec::SERVICE;
use crate::state::{Doing, Found, Input};
use crate::{observe, translate};

impl Run {
    pub(super) fn on_tidings(&mut self, tidings: Tidings) {
        match tidings {
            Tidings::Up(engine, found) => {
                self.engine = Some(engine.clone());
                let found = found.iter().filter_map(|facts| {
                    let service = facts.labels.get(SERVICE)?.clone();
                    Some(Found { service, container: link::container(facts) })
                });
                let found: Vec<Found> = found.collect();
                let all: Vec<String> = found.iter().map(|f| f.container.id.clone()).collect();
                self.homes.retain(|_, home| all.contains(&home.container));
                self.feed(Input::EngineUp(found));
                self.bring_captures(None);
                // Also what stands still: the end of its log may not have been read yet.
                for id in &all {
                    self.look_at(id);
                }
                self.watch();
                // Services before the engine: whoever sees it answer sees what it has.
                self.publish();
                self.shared.board.post(Change::Engine(EngineView {
                    ok: true,
                    address: self.shared.engine_address(),
                    version: Some(engine.version().version.clone()),
                    error: None,
                }));
                self.shared.engine.send_replace(Some(engine));
            }
            Tidings::Down(error) => {
                if self.engine.take().is_some() {
                    self.tell("engine", None, format!("the engine went away: {}", error.message));
                }
                self.shared.engine.send_replace(None);
                self.give_up_waiters(&error);
                self.shared.board.post(Change::Engine(EngineView {
                    ok: false,
                    address: self.shared.engine_address(),
                    version: None,
                    error: Some(error),
                }));
                self.feed(Input::EngineDown);
            }
            Tidings::Event(event) => self.on_engine(event),
            Tidings::Moved(id) => {
                if self.homes.values().any(|home| home.container == id) {
                    self.look_at(&id);
                }
            }
        }
    }

    pub(super) fn on_engine(&mut self, event: EngineEvent) {
        let EngineEvent { id, ts, kind, .. } = event;
        match kind {
            EventKind::Started => {
                self.feed(Input::Started { id: id.clone(), at: ts });
                self.look_at(&id);
            }
            EventKind::Died { exit_code } => {
                self.shared.forget(&id, ts);
                self.not_at_home(&id);
                self.feed(Input::Exited { id, at: ts, code: exit_code });
            }
            EventKind::Removed => {
                self.shared.forget(&id, ts);
                self.shared.no_log(&id);
                self.not_at_home(&id);
                self.feed(Input::Removed { id });
            }
            EventKind::Created | EventKind::Oom | EventKind::Health(_) | EventKind::Other(_) => {}
        }
    }

    /// Inspects a container that runs, so that its address, ports, logs and use are followed.
    pub(super) fn look_at(&self, id: &str) {
        let Some(engine) = self.engine.clone() else { return };
        let (shared, id) = (self.shared.clone(), id.to_owned());
        self.shared.spawn(async move {
            if let Ok(facts) = engine.inspect(&id).await {
                shared.send(Event::Inspected(facts)).await;
            }
        });
    }

    /// Looks for the bridge of a network, so that it is heard.
    fn find_network(&self, engine: &Engine, network: String) {
        let (shared, engine) = (self.shared.clone(), engine.clone());
        self.shared.spawn(async move {
            let found = engine.network(&network).await.ok().flatten();
            shared.found_network(&network, found);
        });
    }

    pub(super) fn on_inspected(&mut self, facts: &ContainerFacts) {
        let Some(service) = facts.labels.get(SERVICE).cloned() else { return };
        let Some(engine) = self.engine.clone() else { return };
        for network in self.shared.learn(&service, facts) {
            self.find_network(&engine, network);
        }
        self.at_home(&service, facts);
        let runs = matches!(link::container(facts).doing, Doing::Running(_));
        if let Some(container) = self
            .state
            .members
            .get_mut(&service)
            .and_then(|m| m.container.as_mut())
            .filter(|c| c.id == facts.id && runs)
        {
            container.ports = translate::ports(facts);
        }
        if runs && self.measured.insert(facts.id.clone()) {
            self.shared.spawn(observe::stats(
                self.shared.clone(),
                engine.clone(),
                facts.id.clone(),
                service.clone(),
            ));
        }
        if !self.followed.insert(facts.id.clone()) {
            return;
        }
        let followed = Followed {
            container: facts.id.clone(),
            service,
            instance: facts.name.clone(),
            tty: facts.tty,
            rotates: facts.log_rotates,
            created: facts.created.unwrap_or_default(),
            started: facts.started.unwrap_or_default(),
        };
        let shared = self.shared.clone();
        let reading = self.shared.reading(&facts.id);
        self.shared.spawn(async move {
            let ended = follow::follow(&engine, &followed, &shared.sink).await;
            drop(reading);
            shared.send(Event::Followed(followed.container, ended)).await;
        });
    }
}
