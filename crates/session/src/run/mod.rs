//! The loop: one task that owns the state, takes every event, and starts what the state asks for.
//!
//! Nothing here waits for the engine; whatever does runs beside the loop and comes back as an event. Lines and
//! exchanges never pass through here.

mod effects;
mod show;
mod tidings;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use api::shape::{Build as Progressed, CaptureView, Change, ReloadView};
use api::{ApiError, Code};
use engine::{ContainerFacts, Engine};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::follow::Ended;
use crate::ground::Laid;
use crate::link::Tidings;
use crate::reload::Reloads;
use crate::shared::Shared;
use crate::spec;
use crate::state::{Input, JobId, Outcome, State};
use crate::tools::Tools;

/// How often views are brought up to date at most.
const PUBLISH: Duration = Duration::from_millis(33);

/// Somebody who waits, and is told why what was asked did not come about.
pub(crate) type Waiter = oneshot::Sender<Result<(), ApiError>>;

/// Everything that reaches the loop.
pub(crate) enum Event {
    /// Somebody asks for something; the answer comes at once.
    Ask(Input, oneshot::Sender<Result<(), ApiError>>),
    /// Whoever asked waits until all that was begun for these services (empty: for all) is done.
    WhenSettled(Vec<String>, Waiter),
    /// Whoever asked waits until the stack is down.
    WhenDown(Waiter),
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
    /// A container's use, or that it is not followed any more.
    Stats {
        /// The container.
        container: String,
        /// Its service.
        service: String,
        /// How much it uses.
        stats: Option<engine::Stats>,
    },
    /// A build or pull got on.
    Progress(String, Progressed),
    /// The capture is now so.
    Capture(CaptureView),
    /// A service's reload is now so.
    Reload(String, ReloadView),
    /// Something about a reload that the state wants to know.
    Reloaded(Input),
    /// Files changed, or cannot be watched.
    Files(watch::Tidings),
    /// A service had time to answer its reload.
    Answered(String),
    /// Whoever works in manual reload mode wants what waits to be applied.
    ApplyPending(Vec<String>),
    /// The manifest was read again.
    Manifest(Box<manifest::Loaded>),
    /// The log of this container is not read any more.
    Followed(String, Ended),
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
    /// Containers whose use is being measured.
    measured: HashSet<String>,
    stats: BTreeMap<String, engine::Stats>,
    builds: BTreeMap<String, Progressed>,
    reloads: Reloads,
    reload_views: BTreeMap<String, ReloadView>,
    observe_calls: bool,
    watch_files: bool,
    settled: Vec<(Vec<String>, Waiter)>,
    downs: Vec<Waiter>,
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
            measured: HashSet::new(),
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
            Event::Stats { service, stats: Some(stats), .. } => drop(self.stats.insert(service, stats)),
            Event::Stats { container, service, stats: None } => {
                self.measured.remove(&container);
                self.stats.remove(&service);
            }
            Event::Progress(service, build) => drop(self.builds.insert(service, build)),
            Event::Capture(view) => {
                let packets_kept = self.state.plan.calls.packets.into();
                self.shared.board.post(Change::Capture(CaptureView { packets_kept, ..view }));
            }
            Event::Reload(service, view) => {
                self.reloads.on_reloaded(&service);
                self.reload_views.insert(service, view);
            }
            Event::Reloaded(input) => self.feed(input),
            Event::Files(tidings) => self.reloads.take(tidings),
            Event::Answered(service) => self.reloads.on_answered(&service),
            Event::ApplyPending(services) => self.reloads.apply_pending(&services),
            Event::Manifest(loaded) => self.on_manifest(*loaded),
            Event::Followed(container, ended) => {
                self.followed.remove(&container);
                // It may have been started again while the end of its log was being read.
                let runs = self
                    .state
                    .members
                    .values()
                    .any(|m| m.runs() && m.container.as_ref().is_some_and(|c| c.id == container));
                if runs && ended == Ended::Here {
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
            let starts = matches!(input, Input::Up { .. });
            self.feed(input);
            if starts {
                // What is saved while an image is being built is not in it.
                self.watch();
            }
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
        // Everything of the stack bears its name: under another one it is another stack.
        if plan.name != self.shared.whose.stack {
            let (old, new) = (&self.shared.whose.stack, &plan.name);
            let text =
                format!("the stack is now called `{new}`: `shoal -p {old} down` ends what runs as `{old}`");
            return self.tell("manifest", None, text);
        }
        self.tell("manifest", None, "the manifest changed".into());
        self.shared.calls().configure(&plan);
        self.shared.order_capture(&plan);
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
}
