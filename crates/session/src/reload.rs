//! From a batch of changed files to new code that answers.
//!
//! One worker a service takes its batches in order: it sends the files through the guest, waits for the service to
//! answer again, and tells what happened with the milliseconds of each phase. A failing step is the user's to mend:
//! it is shown, and the next save is waited for. A way to the container that breaks is another matter: then the image
//! is built again.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::watch::plan::{Decision, Step, decide};
use ::watch::{Batch, Rule, Watcher};
use api::shape::{Event as Shown, ReloadMs, ReloadView};
use model::line::{Line, Stream};
use model::plan::{Plan, ReloadMode, ReloadRule, Service, Source};
use tokio::sync::{mpsc, watch};

use crate::agent::{AgentError, AgentLink};
use crate::jobs::now;
use crate::probe::{Asking, Timing, question};
use crate::run::Event;
use crate::shared::Shared;
use crate::spec;
use crate::state::Input;

/// Batches that may wait for one service.
const QUEUE: usize = 64;
/// How often a service is asked whether it answers after its process was started anew.
const ASK: Duration = Duration::from_millis(5);

/// A service that runs and can be reloaded.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Live {
    pub container: String,
    pub ready: bool,
    pub service: Service,
}

type Lives = BTreeMap<String, Live>;

/// Watches files and keeps one worker a service.
pub(crate) struct Reloads {
    shared: Arc<Shared>,
    lives: watch::Sender<Lives>,
    watched: Option<Watched>,
    workers: BTreeMap<String, mpsc::Sender<Work>>,
    rules: BTreeMap<String, Vec<ReloadRule>>,
}

struct Watched {
    rules: Vec<Rule>,
    files: Vec<PathBuf>,
    _watcher: Watcher,
}

/// What a worker is given.
enum Work {
    Batch(Batch),
    Pending,
}

impl Reloads {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let lives = watch::Sender::new(Lives::new());
        Self { shared, lives, watched: None, workers: BTreeMap::new(), rules: BTreeMap::new() }
    }

    /// Which services run in which containers.
    pub(crate) fn set_live(&self, lives: Lives) {
        self.lives.send_if_modified(|old| {
            let differs = *old != lives;
            if differs {
                *old = lives;
            }
            differs
        });
    }

    /// The reload of a service before anything happened.
    pub(crate) fn view(&self, service: &str) -> Option<ReloadView> {
        let rules = self.rules.get(service).filter(|r| !r.is_empty())?;
        Some(ReloadView { manual: is_manual(rules), pending: 0, failed: false })
    }

    /// Watches the files of this plan, and always the manifest's own.
    pub(crate) fn watch(&mut self, plan: &Plan, manifests: &[PathBuf], services: bool) {
        self.rules = plan.services.iter().map(|(n, s)| (n.clone(), s.reload.clone())).collect();
        let of = |(name, service): (&String, &Service)| -> Vec<Rule> {
            let rule = |(index, rule): (usize, &ReloadRule)| {
                let context = match &service.source {
                    Source::Build(build) => Some(build.context.clone()),
                    Source::Image(_) => None,
                };
                Rule { service: name.clone(), index, rule: rule.clone(), context }
            };
            service.reload.iter().enumerate().map(rule).collect()
        };
        let rules: Vec<Rule> =
            if services { plan.services.iter().flat_map(of).collect() } else { Vec::new() };
        if self.watched.as_ref().is_some_and(|w| w.rules == rules && w.files == manifests) {
            return;
        }
        self.watched = None;
        let (sender, mut batches) = mpsc::channel(QUEUE);
        match Watcher::start(rules.clone(), manifests.to_vec(), sender) {
            Ok(watcher) => {
                self.watched = Some(Watched { rules, files: manifests.to_vec(), _watcher: watcher });
                let shared = self.shared.clone();
                self.shared.spawn(async move {
                    while let Some(batch) = batches.recv().await {
                        shared.send(Event::Batch(batch)).await;
                    }
                });
            }
            Err(error) => {
                let text = format!("files cannot be watched: {error}");
                let hint = error.hint();
                self.shared.board.tell(Shown {
                    ts: now().to_string(),
                    kind: "reload".into(),
                    text,
                    ok: Some(false),
                    error: hint,
                    ..Shown::default()
                });
            }
        }
    }

    /// Gives a batch to its service's worker; one without a service is about the manifest.
    pub(crate) fn take(&mut self, batch: Batch) {
        if let Some(service) = batch.service.clone() {
            return self.give(&service, Work::Batch(batch));
        }
        let shared = self.shared.clone();
        self.shared.spawn(async move {
            let reader = shared.clone();
            let read = tokio::task::spawn_blocking(move || reader.read_manifest()).await;
            if let Ok(loaded) = read {
                shared.send(Event::Manifest(Box::new(loaded))).await;
            }
        });
    }

    /// Applies what waits in manual mode; empty: of all services.
    pub(crate) fn apply_pending(&mut self, services: &[String]) {
        let names: Vec<String> = self.workers.keys().cloned().collect();
        for name in names.iter().filter(|n| services.is_empty() || services.contains(n)) {
            self.give(name, Work::Pending);
        }
    }

    fn give(&mut self, service: &str, work: Work) {
        let sender = self.workers.entry(service.to_owned()).or_insert_with(|| {
            let (sender, inbox) = mpsc::channel(QUEUE);
            let worker = Worker {
                shared: self.shared.clone(),
                service: service.to_owned(),
                lives: self.lives.subscribe(),
                link: None,
                pending: Vec::new(),
                batches: 0,
            };
            self.shared.spawn(worker.run(inbox));
            sender
        });
        if sender.try_send(work).is_err() {
            tracing::warn!("{QUEUE} reloads of {service} wait already; one is left out");
        }
    }
}

fn is_manual(rules: &[ReloadRule]) -> bool {
    rules.iter().any(|r| r.mode == ReloadMode::Manual)
}

struct Worker {
    shared: Arc<Shared>,
    service: String,
    lives: watch::Receiver<Lives>,
    link: Option<(String, AgentLink)>,
    pending: Vec<Batch>,
    batches: u64,
}

/// How a batch went.
#[derive(Default)]
struct Told {
    files: Vec<String>,
    bytes: u64,
    action: &'static str,
    ms: ReloadMs,
    error: Option<String>,
}

impl Worker {
    async fn run(mut self, mut inbox: mpsc::Receiver<Work>) {
        while let Some(work) = inbox.recv().await {
            let batches = match work {
                Work::Pending => std::mem::take(&mut self.pending),
                Work::Batch(batch) if self.waits(&batch) => {
                    self.pending.push(batch);
                    self.show(false).await;
                    continue;
                }
                Work::Batch(batch) => vec![batch],
            };
            for batch in batches {
                self.apply(&batch).await;
            }
        }
    }

    fn live(&mut self) -> Option<Live> {
        self.lives.borrow_and_update().get(&self.service).cloned()
    }

    fn waits(&mut self, batch: &Batch) -> bool {
        let Some(live) = self.live() else { return false };
        let manual =
            |rule: usize| live.service.reload.get(rule).is_some_and(|r| r.mode == ReloadMode::Manual);
        batch.changes.iter().any(|c| manual(c.rule))
    }

    async fn show(&mut self, failed: bool) {
        let pending = self.pending.iter().map(|b| b.changes.len() as u32).sum();
        let view = ReloadView { manual: pending > 0, pending, failed };
        self.shared.send(Event::Reload(self.service.clone(), view)).await;
    }

    async fn apply(&mut self, batch: &Batch) {
        // What does not run needs no reload: its next start builds from the files as they are then.
        let Some(live) = self.live() else { return };
        let decision = decide(&live.service.reload, batch);
        if decision.is_empty() {
            return;
        }
        let folder = PathBuf::from(&self.shared.whose.folder);
        let shown = |path: &PathBuf| path.strip_prefix(&folder).unwrap_or(path).display().to_string();
        let mut told = Told {
            files: batch.changes.iter().map(|c| shown(&c.path)).collect(),
            action: action(&decision),
            ..Told::default()
        };
        told.files.dedup();
        told.ms.detect = millis(batch.closed.duration_since(batch.first_event));
        if let Err(error) = self.carry_out(&live, &decision, &mut told).await {
            told.error = Some(error);
        }
        told.ms.total = millis(batch.first_event.elapsed());
        let failed = told.error.is_some();
        self.tell(told, &live);
        self.show(failed).await;
    }

    async fn carry_out(&mut self, live: &Live, decision: &Decision, told: &mut Told) -> Result<(), String> {
        if decision.then.contains(&Step::Rebuild) {
            return self.rebuild(live).await;
        }
        let restarts = decision.then.contains(&Step::Restart);
        if restarts {
            self.shared.send(Event::Answered(self.service.clone(), false)).await;
        }
        self.batches += 1;
        let sink = self.shared.sink.clone();
        let instance = spec::instance_name(&self.shared.whose.stack, &self.service);
        let mut joiner = logs::Joiner::new(&self.service, &instance);
        let mut lines: Vec<Line> = Vec::new();
        let batch = self.batches;
        let grace = live.service.stop_grace;
        let outcome = match self.link(&live.container).await {
            Ok(link) => {
                let output = |bytes: &[u8]| {
                    joiner.push(now(), Stream::Reload, bytes, false, &mut lines);
                    sink.append(&std::mem::take(&mut lines));
                };
                link.apply(decision, batch, grace, output).await
            }
            Err(error) => Err(error),
        };
        joiner.finish(&mut lines);
        self.shared.sink.append(&lines);
        match outcome {
            Ok(applied) => {
                told.bytes = applied.bytes;
                told.ms.send = millis(applied.send);
                told.ms.apply = millis(applied.apply);
            }
            Err(AgentError::Step { what }) => {
                if restarts {
                    self.shared.send(Event::Answered(self.service.clone(), live.ready)).await;
                }
                return Err(what);
            }
            Err(error) => {
                self.link = None;
                tracing::warn!("{} could not be reloaded in place: {error}", self.service);
                told.action = "rebuild";
                return self.rebuild(live).await.map_err(|e| format!("{error}; {e}"));
            }
        }
        if restarts {
            let begun = Instant::now();
            let ready = self.until_answers(live).await;
            told.ms.ready = Some(millis(begun.elapsed()));
            self.shared.send(Event::Answered(self.service.clone(), ready.is_ok())).await;
            return ready;
        }
        Ok(())
    }

    async fn link(&mut self, container: &str) -> Result<&mut AgentLink, AgentError> {
        if self.link.as_ref().is_none_or(|(of, _)| of != container) {
            let engine = self.shared.engine.borrow().clone().ok_or(AgentError::Gone)?;
            self.link = Some((container.to_owned(), AgentLink::connect(&engine, container).await?));
        }
        self.link.as_mut().map(|(_, link)| link).ok_or(AgentError::Gone)
    }

    async fn until_answers(&mut self, live: &Live) -> Result<(), String> {
        let engine = self.shared.engine.borrow().clone().ok_or("the engine went away")?;
        let image = match engine.inspect(&live.container).await {
            Ok(facts) => engine.image(&facts.image_id).await.ok().flatten(),
            Err(error) => return Err(error.to_string()),
        };
        let (question, timing) = question(&live.service, image.as_ref());
        let instance = spec::instance_name(&self.shared.whose.stack, &self.service);
        self.shared.calls().names_mut().probing(&self.service, now());
        let asking = Asking {
            engine: &engine,
            logs: &self.shared.sink.store,
            container: &live.container,
            instance: &instance,
            question,
            timing: Timing { every: timing.every.min(ASK), ..timing },
        };
        let answer = asking.until_yes().await;
        self.shared.calls().names_mut().probed(&self.service, now());
        answer
    }

    /// Builds the image again and waits until a new container answers, or the build failed.
    async fn rebuild(&mut self, live: &Live) -> Result<(), String> {
        let (reply, answer) = tokio::sync::oneshot::channel();
        self.shared.send(Event::Ask(Input::Rebuild(vec![self.service.clone()]), reply)).await;
        if let Ok(Err(error)) = answer.await {
            return Err(error.message);
        }
        loop {
            if self.lives.changed().await.is_err() {
                return Err("the session ended".into());
            }
            if self.live().is_some_and(|now| now.container != live.container && now.ready) {
                return Ok(());
            }
            let views = self.shared.board.snapshot().services;
            if let Some(error) = views.into_iter().find(|s| s.service == self.service).and_then(|s| s.error) {
                return Err(error.message);
            }
        }
    }

    fn tell(&self, told: Told, live: &Live) {
        let files = match told.files.as_slice() {
            [] => "nothing".to_owned(),
            [one] => one.clone(),
            [first, rest @ ..] => format!("{first} and {} more", rest.len()),
        };
        let text = match &told.error {
            None => format!("{files}: {}", told.action),
            Some(error) => format!("{files}: {} failed: {error}", told.action),
        };
        self.shared.board.tell(Shown {
            ts: now().to_string(),
            kind: "reload".into(),
            service: Some(self.service.clone()),
            instance: Some(spec::instance_name(&self.shared.whose.stack, &live.service.name)),
            text,
            ok: Some(told.error.is_none()),
            files: Some(told.files),
            bytes: Some(told.bytes.into()),
            action: Some(told.action.to_owned()),
            ms: Some(told.ms),
            error: told.error,
            ..Shown::default()
        });
    }
}

/// The most that a batch does, in one word.
fn action(decision: &Decision) -> &'static str {
    let rank = |step: &Step| match step {
        Step::Run(_) => (1, "run"),
        Step::Signal(_) => (2, "signal"),
        Step::Restart => (3, "restart"),
        Step::Rebuild => (4, "rebuild"),
    };
    decision.then.iter().map(rank).max().map_or("nothing", |(_, word)| word)
}

fn millis(span: Duration) -> f64 {
    (span.as_secs_f64() * 1e6).round() / 1e3
}
