//! One service's batches, in order.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::watch::plan::{Decision, Step, decide};
use ::watch::{Batch, Change};
use api::shape::{Event as Shown, ReloadMs, ReloadView};
use model::line::{Line, Stream};
use model::plan::{ReloadMode, Service, Source};
use tokio::sync::{mpsc, watch};

use super::{Live, Lives, is_manual};
use crate::agent::{AgentError, AgentLink};
use crate::jobs::now;
use crate::probe::{Asking, Timing, question};
use crate::run::Event;
use crate::shared::{Probing, Shared};
use crate::spec;
use crate::state::Input;

/// How often a service is asked whether it answers after its process was started anew.
const ASK: Duration = Duration::from_millis(5);

/// What a worker is given.
pub(super) enum Work {
    Batch(Batch),
    Pending,
}

/// Takes one service's batches in order.
pub(super) struct Worker {
    shared: Arc<Shared>,
    service: String,
    lives: watch::Receiver<Lives>,
    link: Option<(String, AgentLink)>,
    pending: Vec<Batch>,
    batches: u64,
    /// What a reload started has ended by itself, and nothing was started since.
    down: bool,
    /// Changes of a batch that failed, of which nobody knows how many are in the container.
    owed: Vec<Change>,
    /// What went wrong last, until a batch goes right.
    failure: Option<String>,
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
    pub(super) fn new(shared: Arc<Shared>, service: &str, lives: watch::Receiver<Lives>) -> Self {
        Self {
            shared,
            service: service.to_owned(),
            lives,
            link: None,
            pending: Vec::new(),
            batches: 0,
            down: false,
            owed: Vec::new(),
            failure: None,
        }
    }

    pub(super) async fn run(mut self, mut inbox: mpsc::Receiver<Work>) {
        loop {
            let work = tokio::select! {
                work = inbox.recv() => work,
                (container, code) = crash(&mut self.link) => {
                    self.crashed(container, code).await;
                    continue;
                }
            };
            let Some(work) = work else { return };
            match work {
                Work::Pending => {
                    for batch in std::mem::take(&mut self.pending) {
                        self.apply(&batch).await;
                    }
                }
                Work::Batch(batch) if self.waits(&batch) => {
                    self.pending.push(batch);
                    self.show().await;
                }
                Work::Batch(batch) => self.apply(&batch).await,
            }
        }
    }

    fn live(&mut self) -> Option<Live> {
        self.lives.borrow_and_update().get(&self.service).cloned()
    }

    /// The service once nothing is being done to it: an image that is being built may hold the files as they were
    /// before the change.
    async fn at_rest(&mut self) -> Option<Live> {
        loop {
            let live = self.live()?;
            if !live.is_moving() {
                return Some(live);
            }
            self.lives.changed().await.ok()?;
        }
    }

    fn waits(&mut self, batch: &Batch) -> bool {
        let Some(live) = self.live() else { return false };
        let manual =
            |rule: usize| live.service.reload.get(rule).is_some_and(|r| r.mode == ReloadMode::Manual);
        batch.changes.iter().any(|c| manual(c.rule))
    }

    /// What a reload started has ended by itself, later than the reload was answered. The engine does not tell: the
    /// container waits for the next save.
    async fn crashed(&mut self, container: String, code: i32) {
        self.down = true;
        self.note(Input::Reloaded { container, ready: false }).await;
        self.shared.board.tell(Shown {
            ts: now().to_string(),
            kind: "crashed".into(),
            service: Some(self.service.clone()),
            instance: Some(spec::instance_name(&self.shared.whose.stack, &self.service)),
            text: crash_text(code),
            ok: Some(false),
            error: Some(crash_text(code)),
            ..Shown::default()
        });
        self.failure = Some(crash_text(code));
        self.show().await;
    }

    async fn show(&mut self) {
        let pending = self.pending.iter().map(|b| b.changes.len() as u32).sum();
        let manual = self.live().is_some_and(|live| is_manual(&live.service.reload));
        let error = self.failure.clone();
        let view = ReloadView { manual, pending, failed: error.is_some(), error, notice: None };
        self.shared.send(Event::Reload(self.service.clone(), view)).await;
    }

    async fn apply(&mut self, batch: &Batch) {
        let Some(live) = self.at_rest().await else { return self.show().await };
        // What a failed batch did not get to is done with this one.
        let owed = std::mem::take(&mut self.owed).into_iter().filter(|c| !batch.changes.contains(c));
        let batch = &Batch { changes: owed.chain(batch.changes.iter().cloned()).collect(), ..batch.clone() };
        let mut decision = decide(&live.service.reload, batch);
        // What does not run has nothing to restart, but its image may hold what changed.
        let in_image = matches!(live.service.source, Source::Build(_));
        if decision.is_empty() || (live.container.is_none() && !in_image) {
            return;
        }
        // Whatever the rule says, what does not run any more has to be started to see the change.
        if self.down && !decision.then.iter().any(|step| matches!(step, Step::Restart | Step::Rebuild)) {
            decision.then.push(Step::Restart);
        }
        let folder = PathBuf::from(&self.shared.whose.folder);
        let shown = |path: &PathBuf| path.strip_prefix(&folder).unwrap_or(path).display().to_string();
        let mut told = Told {
            files: batch.changes.iter().map(|c| shown(&c.path)).collect(),
            action: if live.container.is_some() { action(&decision) } else { "rebuild" },
            ..Told::default()
        };
        told.files.dedup();
        told.ms.detect = millis(batch.closed.duration_since(batch.first_event));
        if let Err(error) = self.carry_out(&live, &decision, &mut told).await {
            told.error = Some(error);
            self.owed.clone_from(&batch.changes);
        }
        told.ms.total = millis(batch.first_event.elapsed());
        self.failure.clone_from(&told.error);
        self.tell(told, &live);
        self.show().await;
    }

    async fn carry_out(&mut self, live: &Live, decision: &Decision, told: &mut Told) -> Result<(), String> {
        let container = match &live.container {
            Some(container) if !decision.then.contains(&Step::Rebuild) => container.clone(),
            _ => {
                self.down = false;
                return self.rebuild().await;
            }
        };
        let restarts = decision.then.contains(&Step::Restart);
        if restarts {
            self.note(Input::Reloading { container: container.clone() }).await;
        }
        self.batches += 1;
        let sink = self.shared.sink.clone();
        let instance = spec::instance_name(&self.shared.whose.stack, &self.service);
        let mut joiner = logs::Joiner::new(&self.service, &instance);
        let mut lines: Vec<Line> = Vec::new();
        let batch = self.batches;
        let grace = live.service.stop_grace;
        let outcome = match self.link(&container).await {
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
                    self.note(Input::Reloaded { container, ready: live.ready }).await;
                }
                return Err(what);
            }
            Err(error) => {
                self.link = None;
                tracing::warn!("{} could not be reloaded in place: {error}", self.service);
                told.action = "rebuild";
                return self.rebuild().await.map_err(|e| format!("{error}; {e}"));
            }
        }
        if restarts {
            let begun = Instant::now();
            self.down = false;
            let mut link = self.link.take();
            let answer = tokio::select! {
                (_, code) = crash(&mut link) => {
                    self.down = true;
                    Err(crash_text(code))
                }
                answer = self.until_answers(&container, &live.service) => answer,
            };
            self.link = link;
            told.ms.ready = Some(millis(begun.elapsed()));
            self.note(Input::Reloaded { container, ready: answer.is_ok() }).await;
            return answer;
        }
        Ok(())
    }

    async fn note(&mut self, input: Input) {
        self.shared.send(Event::Reloaded(input)).await;
    }

    async fn link(&mut self, container: &str) -> Result<&mut AgentLink, AgentError> {
        if self.link.as_ref().is_none_or(|(of, _)| of != container) {
            let engine = self.shared.engine.borrow().clone().ok_or(AgentError::Gone)?;
            self.link = Some((container.to_owned(), AgentLink::connect(&engine, container).await?));
        }
        self.link.as_mut().map(|(_, link)| link).ok_or(AgentError::Gone)
    }

    async fn until_answers(&mut self, container: &str, service: &Service) -> Result<(), String> {
        let engine = self.shared.engine.borrow().clone().ok_or("the engine went away")?;
        let image = match engine.inspect(container).await {
            Ok(facts) => engine.image(&facts.image_id).await.ok().flatten(),
            Err(error) => return Err(error.to_string()),
        };
        let (question, timing) = question(service, image.as_ref());
        let instance = spec::instance_name(&self.shared.whose.stack, &self.service);
        let _probing = Probing::begin(self.shared.clone(), &self.service);
        let asking = Asking {
            engine: &engine,
            logs: &self.shared.sink.store,
            container,
            instance: &instance,
            question,
            timing: Timing { every: timing.every.min(ASK), ..timing },
        };
        asking.until_yes().await
    }

    /// Builds the image again and waits until a new container answers, or that failed.
    async fn rebuild(&mut self) -> Result<(), String> {
        if self.shared.engine.borrow().is_none() {
            return Err("the engine does not answer".into());
        }
        let (reply, answer) = tokio::sync::oneshot::channel();
        self.shared.send(Event::Ask(Input::Rebuild(vec![self.service.clone()]), reply)).await;
        if let Ok(Err(error)) = answer.await {
            return Err(error.message);
        }
        loop {
            let Some(live) = self.live() else { return Err("it was stopped".into()) };
            if let Some(outcome) = live.outcome() {
                return outcome;
            }
            if self.lives.changed().await.is_err() {
                return Err("the session ended".into());
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

/// Waits until what a reload started has ended by itself: in which container, and its exit code. A way that breaks is
/// given up; the next batch makes a new one.
async fn crash(link: &mut Option<(String, AgentLink)>) -> (String, i32) {
    if let Some((container, agent)) = link {
        match agent.ended().await {
            Ok(code) => return (container.clone(), code),
            Err(_) => *link = None,
        }
    }
    std::future::pending().await
}

fn crash_text(code: i32) -> String {
    format!("it ended with exit code {code} after the reload and starts again with the next save")
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
