//! The loop: one task that owns the state, takes every event, and starts what the state asks for.
//!
//! Nothing here waits for the engine; whatever does runs beside the loop and comes back as an event. Lines and
//! exchanges never pass through here.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use api::shape::{
    Build as Progressed, CaptureState, CaptureView, Change, EngineView, Event as Shown, ReloadView,
};
use api::{ApiError, Code};
use engine::{ContainerFacts, Engine, EngineEvent, EventKind};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::follow::{self, Followed};
use crate::ground::{self, Laid};
use crate::jobs::{Bench, now};
use crate::link::{self, Tidings};
use crate::observe;
use crate::reload::{Live, Reloads};
use crate::shared::Shared;
use crate::spec::{self, SERVICE};
use crate::state::{Clearing, Effect, Found, Goal, Input, JobId, Outcome, State, Told};
use crate::tools::Tools;
use crate::translate;

/// How often views are brought up to date at most.
const PUBLISH: Duration = Duration::from_millis(33);

/// Everything that reaches the loop.
pub(crate) enum Event {
    /// Somebody asks for something; the answer comes at once.
    Ask(Input, oneshot::Sender<Result<(), ApiError>>),
    /// Whoever asked waits until all that was begun is done.
    WhenSettled(Vec<String>, oneshot::Sender<()>),
    /// Whoever asked waits until the stack is down.
    WhenDown(oneshot::Sender<()>),
    /// What `up` wants observed.
    Observe {
        /// Watch files.
        reload: bool,
        /// Look at calls.
        capture: bool,
    },
    /// Of the engine.
    Engine(Tidings),
    /// A job ended.
    JobDone(JobId, String, Outcome),
    /// The ground was laid.
    Laid(Result<Laid, ApiError>),
    /// The ground was cleared.
    Cleared(Result<(), ApiError>),
    /// A container runs and was looked at.
    Inspected(ContainerFacts),
    /// A container's use.
    Stats(String, Option<engine::Stats>),
    /// A build or pull got on.
    Progress(String, Progressed),
    /// The capture is now so.
    Capture(CaptureView),
    /// A service's reload is now so.
    Reload(String, ReloadView),
    /// A service's process was started anew by a reload.
    Answered(String, bool),
    /// Files changed.
    Batch(watch::Batch),
    /// Whoever works in manual reload mode wants what waits to be applied.
    ApplyPending(Vec<String>),
    /// The manifest was read again.
    Manifest(Box<manifest::Loaded>),
    /// The log of this container was read to its end.
    Followed(String),
}

/// What the loop owns.
pub(crate) struct Run {
    shared: Arc<Shared>,
    state: State,
    engine: Option<Engine>,
    tools: Option<Tools>,
    capture: Option<capture::Capture>,
    jobs: HashMap<JobId, CancellationToken>,
    /// Containers whose logs are being read.
    followed: HashSet<String>,
    stats: BTreeMap<String, engine::Stats>,
    builds: BTreeMap<String, Progressed>,
    reloads: Reloads,
    reload_views: BTreeMap<String, ReloadView>,
    observe_calls: bool,
    watch_files: bool,
    settled: Vec<(Vec<String>, oneshot::Sender<()>)>,
    downs: Vec<oneshot::Sender<()>>,
    dirty: bool,
}

impl Run {
    pub(crate) fn new(shared: Arc<Shared>, state: State) -> Self {
        Self {
            reloads: Reloads::new(shared.clone()),
            shared,
            state,
            engine: None,
            tools: None,
            capture: None,
            jobs: HashMap::new(),
            followed: HashSet::new(),
            stats: BTreeMap::new(),
            builds: BTreeMap::new(),
            reload_views: BTreeMap::new(),
            observe_calls: true,
            watch_files: true,
            settled: Vec::new(),
            downs: Vec::new(),
            dirty: true,
        }
    }

    /// Runs until the session is asked to end.
    pub(crate) async fn run(mut self, mut events: mpsc::Receiver<Event>) {
        let mut publish = tokio::time::interval(PUBLISH);
        publish.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = self.shared.ending.cancelled() => break,
                event = events.recv() => match event {
                    Some(event) => self.take(event),
                    None => break,
                },
                _ = publish.tick(), if self.dirty => self.publish(),
            }
        }
        if let Some(capture) = self.capture.take() {
            capture.leave();
        }
    }

    fn take(&mut self, event: Event) {
        self.dirty = true;
        match event {
            Event::Ask(input, reply) => self.on_ask(input, reply),
            Event::WhenSettled(services, reply) => self.settled.push((services, reply)),
            Event::WhenDown(reply) => self.downs.push(reply),
            Event::Observe { reload, capture } => {
                self.observe_calls = capture;
                self.watch_files = reload;
                self.watch();
            }
            Event::Engine(tidings) => self.on_tidings(tidings),
            Event::JobDone(job, service, outcome) => {
                self.jobs.remove(&job);
                self.builds.remove(&service);
                self.feed(Input::JobDone(job, service, outcome));
            }
            Event::Laid(laid) => self.on_laid(laid),
            Event::Cleared(outcome) => self.on_cleared(outcome),
            Event::Inspected(facts) => self.on_inspected(&facts),
            Event::Stats(service, Some(stats)) => drop(self.stats.insert(service, stats)),
            Event::Stats(service, None) => drop(self.stats.remove(&service)),
            Event::Progress(service, build) => drop(self.builds.insert(service, build)),
            Event::Capture(view) => self.shared.board.post(Change::Capture(view)),
            Event::Reload(service, view) => drop(self.reload_views.insert(service, view)),
            Event::Answered(service, ready) => self.feed(Input::Answered { service, ready }),
            Event::Batch(batch) => self.reloads.take(batch),
            Event::ApplyPending(services) => self.reloads.apply_pending(&services),
            Event::Manifest(loaded) => self.on_manifest(*loaded),
            Event::Followed(container) => {
                self.followed.remove(&container);
                // It may have been started again while the end of its log was being read.
                if self
                    .state
                    .members
                    .values()
                    .any(|m| m.runs() && m.container.as_ref().is_some_and(|c| c.id == container))
                {
                    self.look_at(&container);
                }
            }
        }
        self.answer_waiters();
    }

    fn on_ask(&mut self, input: Input, reply: oneshot::Sender<Result<(), ApiError>>) {
        let answer = match &input {
            Input::Up { services, .. }
            | Input::Stop(services)
            | Input::Restart(services)
            | Input::Rebuild(services) => {
                self.state.unknown(services).map_or(Ok(()), |name| Err(self.unknown(name)))
            }
            _ => Ok(()),
        };
        if answer.is_ok() {
            self.feed(input);
            // What was asked is shown before the answer, so that nobody reads an older state after it.
            self.publish();
        }
        // Whoever asked may have gone away.
        drop(reply.send(answer));
    }

    fn unknown(&self, name: &str) -> ApiError {
        let known: Vec<&str> = self.state.plan.services.keys().map(String::as_str).collect();
        ApiError::new(Code::NotFound, format!("there is no service `{name}`"))
            .hint(format!("services are: {}", known.join(", ")))
    }

    fn on_tidings(&mut self, tidings: Tidings) {
        match tidings {
            Tidings::Up(engine, found) => {
                self.engine = Some(engine.clone());
                let found = found.iter().filter_map(|facts| {
                    let service = facts.labels.get(SERVICE)?.clone();
                    Some(Found { service, container: link::container(facts) })
                });
                let found: Vec<Found> = found.collect();
                let running: Vec<String> = found.iter().map(|f| f.container.id.clone()).collect();
                self.feed(Input::EngineUp(found));
                for id in &running {
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
                self.shared.board.post(Change::Engine(EngineView {
                    ok: false,
                    address: self.shared.engine_address(),
                    version: None,
                    error: Some(error),
                }));
                self.feed(Input::EngineDown);
            }
            Tidings::Event(event) => self.on_engine(event),
        }
    }

    fn on_engine(&mut self, event: EngineEvent) {
        let EngineEvent { id, ts, kind, .. } = event;
        match kind {
            EventKind::Started => {
                self.feed(Input::Started { id: id.clone(), at: ts });
                self.look_at(&id);
            }
            EventKind::Died { exit_code } => {
                self.shared.forget(&id, ts);
                self.feed(Input::Exited { id, code: exit_code });
            }
            EventKind::Removed => {
                self.shared.forget(&id, ts);
                self.feed(Input::Removed { id });
            }
            EventKind::Created | EventKind::Oom | EventKind::Health(_) | EventKind::Other(_) => {}
        }
    }

    /// Inspects a container that runs, so that its address, ports, logs and use are followed.
    fn look_at(&self, id: &str) {
        let Some(engine) = self.engine.clone() else { return };
        let (shared, id) = (self.shared.clone(), id.to_owned());
        self.shared.spawn(async move {
            if let Ok(facts) = engine.inspect(&id).await {
                shared.send(Event::Inspected(facts)).await;
            }
        });
    }

    fn on_inspected(&mut self, facts: &ContainerFacts) {
        let Some(service) = facts.labels.get(SERVICE).cloned() else { return };
        let Some(engine) = self.engine.clone() else { return };
        self.shared.learn(&service, facts);
        let runs = matches!(link::container(facts).doing, crate::state::Doing::Running(_));
        if let Some(container) = self
            .state
            .members
            .get_mut(&service)
            .and_then(|m| m.container.as_mut())
            .filter(|c| c.id == facts.id && runs)
        {
            container.ports = translate::ports(facts);
        }
        if self.followed.contains(&facts.id) {
            return;
        }
        self.followed.insert(facts.id.clone());
        let followed = Followed {
            container: facts.id.clone(),
            service: service.clone(),
            instance: facts.name.clone(),
            tty: facts.tty,
            started: facts.started.unwrap_or_default(),
        };
        let shared = self.shared.clone();
        let reader = engine.clone();
        let reading = self.shared.reading(&facts.id);
        self.shared.spawn(async move {
            follow::follow(&reader, &followed, &shared.sink).await;
            drop(reading);
            shared.send(Event::Followed(followed.container)).await;
        });
        if runs {
            self.shared.spawn(observe::stats(self.shared.clone(), engine, facts.id.clone(), service));
        }
    }

    fn on_laid(&mut self, laid: Result<Laid, ApiError>) {
        let laid = match laid {
            Ok(laid) => laid,
            Err(error) => {
                self.tell("failed", None, error.message.clone());
                return self.feed(Input::GroundLaid(Err(error)));
            }
        };
        self.tools = Some(laid.tools);
        self.shared.learn_gateways(&laid.gateways);
        match laid.capture {
            Ok((capture, frames)) => {
                self.shared.calls().restart_capture();
                self.capture = Some(capture);
                self.shared.spawn(observe::exchanges(self.shared.clone(), frames));
            }
            Err(_) if !self.observe_calls => {}
            Err(message) => {
                self.tell("capture", None, format!("calls cannot be observed: {message}"));
                let view =
                    CaptureView { state: CaptureState::Failed, message: Some(message), ..observe::nothing() };
                self.shared.board.post(Change::Capture(view));
            }
        }
        self.feed(Input::GroundLaid(Ok(())));
        self.watch();
    }

    fn on_cleared(&mut self, outcome: Result<(), ApiError>) {
        if let Err(error) = outcome {
            self.tell("failed", None, error.message.clone());
            *self.shared.clear_error() = Some(error);
        }
        self.tools = None;
        self.shared.board.post(Change::Capture(observe::nothing()));
        self.feed(Input::GroundCleared);
    }

    fn on_manifest(&mut self, loaded: manifest::Loaded) {
        self.shared.show_manifest(&loaded);
        let Some(plan) = loaded.plan else {
            return self.tell(
                "manifest",
                None,
                "the manifest has errors; what runs follows the last good one".into(),
            );
        };
        if plan == self.state.plan {
            return;
        }
        self.tell("manifest", None, "the manifest changed".into());
        self.shared.calls().configure(&plan.calls);
        let hashes = spec::hashes(&plan);
        self.feed(Input::Plan(plan, hashes));
        self.watch();
    }

    /// Gives the state an input and does what it asks for.
    fn feed(&mut self, input: Input) {
        for effect in self.state.on(input) {
            self.begin(effect);
        }
        self.reloads.set_live(self.live());
    }

    fn live(&self) -> BTreeMap<String, Live> {
        let member = |(name, m): (&String, &crate::state::Member)| {
            let container = m
                .container
                .as_ref()
                .filter(|_| m.runs() && m.job.is_none_or(|(_, k)| k == crate::state::JobKind::Probe))?;
            let service = self.state.plan.services.get(name)?.clone();
            Some((name.clone(), Live { container: container.id.clone(), ready: container.ready, service }))
        };
        self.state.members.iter().filter_map(member).collect()
    }

    fn begin(&mut self, effect: Effect) {
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
                self.job(job, service, move |bench| async move { bench.start(&container).await });
            }
            Effect::Probe { job, service, container } => {
                let shared = self.shared.clone();
                self.job(job, service.clone(), move |bench| async move {
                    shared.calls().names_mut().probing(&service, now());
                    let _probed = Probed { shared, service };
                    bench.probe(&container).await
                });
            }
            Effect::Stop { job, service, container } => {
                self.job(job, service, move |bench| async move { bench.stop(&container).await });
            }
            Effect::Remove { job, service, container } => {
                let shared = self.shared.clone();
                self.job(job, service, move |bench| async move {
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
        let (shared, plan, observe) = (self.shared.clone(), self.state.plan.clone(), self.observe_calls);
        if observe {
            let view = CaptureView { state: CaptureState::Starting, ..observe::nothing() };
            self.shared.board.post(Change::Capture(view));
        }
        self.shared.spawn(async move {
            let laid = ground::lay(&engine, &plan, &shared.session, &shared.guest, observe).await;
            shared.send(Event::Laid(laid)).await;
        });
    }

    fn clear_ground(&mut self, clearing: Clearing) {
        let Some(engine) = self.engine.clone() else { return };
        let (shared, capture) = (self.shared.clone(), self.capture.take());
        self.shared.spawn(async move {
            if let Some(capture) = capture {
                capture.stop().await;
            }
            let outcome = ground::clear(&engine, &shared.whose, clearing).await;
            shared.send(Event::Cleared(outcome)).await;
        });
    }

    fn on_told(&mut self, told: Told) {
        let (kind, service, text) = match told {
            Told::Started(service) => ("started", service, "started".to_owned()),
            Told::Ready(service) => ("ready", service, "ready".to_owned()),
            Told::Stopped(service) => ("stopped", service, "stopped".to_owned()),
            Told::Removed(service) => ("removed", service, "removed".to_owned()),
            Told::Image(service) => ("image", service, "its image is there".to_owned()),
            Told::Failed(service, error) => ("failed", service, error.message),
            Told::Exited(service, code) => {
                let event = Shown {
                    ts: now().to_string(),
                    kind: "exited".into(),
                    instance: self.instance(&service),
                    service: Some(service),
                    text: format!("exited with {code}"),
                    exit_code: Some(code),
                    ..Shown::default()
                };
                return self.shared.board.tell(event);
            }
        };
        self.tell(kind, Some(service), text);
    }

    fn tell(&self, kind: &str, service: Option<String>, text: String) {
        let instance = service.as_deref().and_then(|s| self.instance(s));
        let event =
            Shown { ts: now().to_string(), kind: kind.into(), service, instance, text, ..Shown::default() };
        self.shared.board.tell(event);
    }

    fn instance(&self, service: &str) -> Option<String> {
        self.state.members.get(service).and_then(|m| m.container.as_ref()).map(|c| c.name.clone())
    }

    /// Watches the files of the plan as it is now.
    fn watch(&mut self) {
        let watched = self.watch_files && self.state.members.values().any(|m| m.goal == Goal::Run);
        self.reloads.watch(&self.state.plan, &self.shared.manifests(), watched);
    }

    fn publish(&mut self) {
        self.dirty = false;
        let mut views = self.state.views();
        for view in &mut views {
            if let Some(stats) =
                self.stats.get(&view.service).filter(|_| view.state == api::shape::State::Running)
            {
                view.cpu = Some(stats.cpu_cores);
                view.memory = Some(stats.memory.into());
            }
            view.build = self.builds.get(&view.service).cloned();
            view.reload =
                self.reload_views.get(&view.service).cloned().or_else(|| self.reloads.view(&view.service));
        }
        self.shared.board.services(views);
    }

    fn answer_waiters(&mut self) {
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
        for (_, waiter) in done {
            tell(waiter);
        }
        if !self.downs.is_empty() && self.state.is_down() {
            self.publish();
            self.downs.drain(..).for_each(tell);
        }
        self.shared
            .at_rest
            .send_replace(!self.state.members.values().any(|m| m.container.is_some() || m.job.is_some()));
    }
}

/// Tells whoever waited, unless they have gone away.
fn tell(waiter: oneshot::Sender<()>) {
    if waiter.send(()).is_err() {
        tracing::debug!("nobody waits any more");
    }
}

/// Tells the calls that probing ended, however it ended.
struct Probed {
    shared: Arc<Shared>,
    service: String,
}

impl Drop for Probed {
    fn drop(&mut self) {
        self.shared.calls().names_mut().probed(&self.service, now());
    }
}
