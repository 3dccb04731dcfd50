//! What the state asks for, begun: each job beside the loop, ending in an event.

use std::sync::Arc;
use std::time::Duration;

use api::shape::{Build as Progressed, Change};
use api::{ApiError, Code};
use futures_util::future::{Either, select};
use tokio::sync::mpsc;

use super::{Event, Run};
use crate::ground::{self, Laid};
use crate::jobs::{Bench, now};
use crate::shared::{Probing, Shared};
use crate::spec;
use crate::state::{Clearing, Effect, Input, JobId, Outcome};

/// How often a starting container's addresses are asked for.
const NAMING: Duration = Duration::from_millis(10);

impl Run {
    pub(super) fn begin(&mut self, effect: Effect) {
        match effect {
            Effect::Tell(told) => self.on_told(told),
            Effect::Cancel(job) => {
                if let Some(token) = self.jobs.remove(&job) {
                    token.cancel();
                }
            }
            Effect::LayGround => self.lay_ground(),
            Effect::ClearGround(clearing) => self.clear_ground(clearing),
            Effect::Image { job, service } => {
                // What an earlier build told late is not of this one.
                self.builds.remove(&service);
                let (progress, mut told) = mpsc::channel::<(String, Progressed)>(64);
                let shared = self.shared.clone();
                self.shared.spawn(async move {
                    while let Some((service, build)) = told.recv().await {
                        shared.send(Event::Progress(service, build)).await;
                    }
                });
                self.job(job, service, move |bench| async move { bench.image(progress).await });
            }
            Effect::Create { job, service, image } => {
                let Some(tools) = self.tools.clone() else { return self.lost(job, service) };
                self.job(job, service, move |bench| async move { bench.create(&image, &tools).await });
            }
            Effect::Start { job, service, container } => {
                let shared = self.shared.clone();
                self.job(job, service.clone(), move |bench| async move {
                    let start = std::pin::pin!(bench.start(&container));
                    let named = std::pin::pin!(name_early(&shared, &bench, &service, &container));
                    match select(start, named).await {
                        Either::Left((outcome, _)) => outcome,
                        Either::Right(((), start)) => start.await,
                    }
                });
            }
            Effect::Probe { job, service, container } => {
                let shared = self.shared.clone();
                self.job(job, service.clone(), move |bench| async move {
                    let _probing = Probing::begin(shared, &service);
                    bench.probe(&container).await
                });
            }
            Effect::Stop { job, service, container } => {
                self.job(job, service, move |bench| async move { bench.stop(&container).await });
            }
            Effect::Remove { job, service, container } => {
                let (shared, unheard) = (self.shared.clone(), self.captures.gone_from(&container));
                self.job(job, service, move |bench| async move {
                    unheard.await;
                    shared.log_read(&container).await;
                    bench.remove(&container).await
                });
            }
        }
    }

    fn job<F>(&mut self, job: JobId, service: String, work: impl FnOnce(Bench) -> F)
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        let Some(bench) = self.bench(&service) else { return self.lost(job, service) };
        let token = self.shared.ending.child_token();
        self.jobs.insert(job, token.clone());
        let (shared, work) = (self.shared.clone(), work(bench));
        self.shared.spawn(async move {
            tokio::select! {
                outcome = work => shared.send(Event::JobDone(job, service, outcome)).await,
                () = token.cancelled() => {}
            }
        });
    }

    fn bench(&self, service: &str) -> Option<Bench> {
        let engine = self.engine.clone()?;
        // A service that left the manifest is stopped and removed by the rules it was started with.
        let planned =
            self.state.plan.services.get(service).cloned().unwrap_or_else(|| spec::forgotten(service));
        Some(Bench {
            engine,
            plan: Arc::new(self.state.plan.clone()),
            service: planned,
            session: self.shared.session.clone(),
            local: engine::Address::find(&self.shared.config.env).is_ok_and(|address| address.is_local()),
            sink: self.shared.sink.clone(),
        })
    }

    /// A job that could not be begun: the engine went away in this moment.
    fn lost(&self, job: JobId, service: String) {
        let shared = self.shared.clone();
        let error = ApiError::new(Code::EngineUnreachable, "the engine went away").about(&service);
        self.shared
            .spawn(async move { shared.send(Event::JobDone(job, service, Outcome::Failed(error))).await });
    }

    fn lay_ground(&self) {
        let Some(engine) = self.engine.clone() else { return };
        let (shared, plan) = (self.shared.clone(), self.state.plan.clone());
        self.show_starting();
        self.shared.spawn(async move {
            let laid = ground::lay(&engine, &plan, &shared.session, &shared.guest).await;
            shared.send(Event::Laid(laid)).await;
        });
    }

    fn clear_ground(&mut self, clearing: Clearing) {
        let Some(engine) = self.engine.clone() else { return };
        self.tools = None;
        let (shared, gone) = (self.shared.clone(), self.captures.gone());
        self.shared.spawn(async move {
            gone.await;
            let outcome = ground::clear(&engine, &shared.whose, clearing).await;
            shared.send(Event::Cleared(outcome)).await;
        });
    }

    pub(super) fn on_laid(&mut self, laid: Result<Laid, ApiError>) {
        let laid = match laid {
            Ok(laid) => laid,
            Err(error) => {
                self.tell("failed", None, error.message.clone());
                self.shared.board.post(Change::Capture(self.shown.view()));
                return self.feed(Input::GroundLaid(Err(error)));
            }
        };
        self.tools = Some(laid.tools);
        self.shared.learn_gateways(&laid.gateways);
        self.shared.order_captures(&self.state.plan);
        self.shared.stands_on(laid.bridge);
        self.listen_first();
    }

    /// The capture listens, or cannot: containers may be made.
    pub(super) fn on_listening(&mut self) {
        self.feed(Input::GroundLaid(Ok(())));
        self.watch();
    }

    pub(super) fn on_cleared(&mut self, outcome: Result<(), ApiError>) {
        if let Err(error) = outcome {
            self.tell("failed", None, error.message.clone());
            *self.shared.clear_error() = Some(error);
        }
        self.shown.clear();
        self.shared.board.post(Change::Capture(self.shown.view()));
        self.feed(Input::GroundCleared);
    }
}

/// Learns a container's addresses while it starts: it may make its first call and end before it can be looked at.
async fn name_early(shared: &Shared, bench: &Bench, service: &str, container: &str) {
    loop {
        match bench.engine.addresses_in(&bench.plan.name, container).await {
            Ok(addresses) if addresses.is_empty() => tokio::time::sleep(NAMING).await,
            Ok(addresses) => return shared.learn_addresses(service, container, addresses, now()),
            // Whoever looks at the running container learns them.
            Err(_) => return std::future::pending().await,
        }
    }
}
