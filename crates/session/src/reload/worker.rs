//! One service's batches, in order.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::watch::plan::{Decision, Step, decide};
use ::watch::{Batch, Change, mark};
use api::shape::{Event as Shown, ReloadMs, ReloadView};
use model::plan::{ReloadMode, Service, Source};
use tokio::sync::{mpsc, watch};

use super::carry_out::end;
use super::catch_up::{Greeted, comes, shown_at};
use super::record::Record;
use super::{Live, Lives, is_manual};
use crate::agent::AgentLink;
use crate::jobs::now;
use crate::run::Event;
use crate::shared::Shared;
use crate::spec;
use crate::state::Input;

/// What a worker is given.
pub(super) enum Work {
    Batch(Batch),
    /// What a container was found to lack.
    Missing(Batch),
    Pending,
}

/// Takes one service's batches in order.
pub(super) struct Worker {
    pub(super) shared: Arc<Shared>,
    pub(super) service: String,
    pub(super) lives: watch::Receiver<Lives>,
    pub(super) link: Option<(String, AgentLink)>,
    pub(super) greeted: Greeted,
    /// What is known to be in the container.
    pub(super) record: Option<Record>,
    /// What was changed before this moment was found missing, or was there, when the container was greeted.
    pub(super) caught_up_to: Option<Instant>,
    pending: Vec<Batch>,
    pub(super) batches: u64,
    /// What a reload started has ended by itself, and nothing was started since.
    pub(super) down: bool,
    /// Changes of a batch that failed, of which nobody knows how many are in the container.
    owed: Vec<Change>,
    /// What went wrong last, until a batch goes right.
    failure: Option<String>,
}

/// How a batch went.
#[derive(Default)]
pub(super) struct Told {
    files: Vec<String>,
    pub(super) bytes: u64,
    pub(super) action: &'static str,
    pub(super) ms: ReloadMs,
    /// It is what a container was found to lack.
    pub(super) catching_up: bool,
    error: Option<String>,
}

impl Worker {
    pub(super) fn new(shared: Arc<Shared>, service: &str, lives: watch::Receiver<Lives>) -> Self {
        Self {
            shared,
            service: service.to_owned(),
            lives,
            link: None,
            greeted: Greeted::default(),
            record: None,
            caught_up_to: None,
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
                (container, ended) = end(&mut self.link) => {
                    match ended {
                        Some(code) => self.crashed(container, code).await,
                        None => self.greeted.lost(),
                    }
                    continue;
                }
                () = comes(&mut self.lives, &self.service, &self.greeted) => {
                    match self.greet().await {
                        Some(batch) => Some(Work::Missing(batch)),
                        None => continue,
                    }
                }
            };
            let Some(work) = work else { return };
            match work {
                Work::Batch(batch) if self.caught_up_to.is_some_and(|then| batch.closed < then) => {}
                Work::Pending => {
                    for batch in std::mem::take(&mut self.pending) {
                        self.apply(&batch, false).await;
                    }
                }
                Work::Batch(batch) | Work::Missing(batch) if self.waits(&batch) => {
                    self.pending.push(batch);
                    self.show().await;
                }
                Work::Batch(batch) => self.apply(&batch, false).await,
                Work::Missing(batch) => self.catch_up(&batch).await,
            }
        }
    }

    pub(super) fn live(&mut self) -> Option<Live> {
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
        self.failure = Some(crash_text(code));
        self.show().await;
        let event = Shown {
            ts: now().to_string(),
            kind: "crashed".into(),
            service: Some(self.service.clone()),
            instance: Some(spec::instance_name(&self.shared.whose.stack, &self.service)),
            text: crash_text(code),
            ok: Some(false),
            error: Some(crash_text(code)),
            ..Shown::default()
        };
        self.shared.send(Event::Happened(Box::new(event))).await;
    }

    async fn show(&mut self) {
        let pending = self.pending.iter().map(|b| b.changes.len() as u32).sum();
        let manual = self.live().is_some_and(|live| is_manual(&live.service.reload));
        let error = self.failure.clone();
        let view = ReloadView { manual, pending, failed: error.is_some(), error, notice: None };
        self.shared.send(Event::Reload(self.service.clone(), view)).await;
    }

    /// Gives a container what it was found to lack, unless another one has taken its place.
    async fn catch_up(&mut self, batch: &Batch) {
        let Some(live) = self.at_rest().await else { return };
        if self.record.as_ref().is_some_and(|record| Some(&record.container) == live.container.as_ref()) {
            self.apply(batch, true).await;
        }
    }

    async fn apply(&mut self, batch: &Batch, catching_up: bool) {
        let Some(live) = self.at_rest().await else { return self.show().await };
        // What a failed batch did not get to is done with this one.
        let owed = std::mem::take(&mut self.owed).into_iter().filter(|c| !batch.changes.contains(c));
        let batch = &Batch { changes: owed.chain(batch.changes.iter().cloned()).collect(), ..batch.clone() };
        let mut decision = decide(&live.service.reload, batch);
        spare_mounted(&mut decision, batch, &live.service);
        // From before the files are read: what changes while they are is another change.
        let marks: Vec<_> = batch.changes.iter().map(|c| (c.clone(), mark(&c.path, c.kind))).collect();
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
        let shown = |path: &Path| path.strip_prefix(&folder).unwrap_or(path).display().to_string();
        let mut told = Told {
            files: batch.changes.iter().map(|c| shown(&c.path)).collect(),
            action: if live.container.is_some() { action(&decision) } else { "rebuild" },
            catching_up,
            ..Told::default()
        };
        told.files.dedup();
        told.ms.detect = millis(batch.closed.duration_since(batch.first_event));
        let done = self.carry_out(&live, &decision, &mut told).await;
        told.ms.total = millis(batch.first_event.elapsed());
        told.error = done.err();
        self.failure.clone_from(&told.error);
        self.show().await;
        self.tell(told, &live).await;
        if self.failure.is_some() {
            self.owed.clone_from(&batch.changes);
        } else if let Some(mut record) =
            self.record.take_if(|r| Some(&r.container) == live.container.as_ref())
        {
            record.learn(&marks);
            self.keep(record).await;
        }
    }

    async fn tell(&mut self, told: Told, live: &Live) {
        let files = match told.files.as_slice() {
            [] => "nothing".to_owned(),
            [one] => one.clone(),
            [first, rest @ ..] => format!("{first} and {} more", rest.len()),
        };
        let why = if told.catching_up { " to catch up" } else { "" };
        let text = match &told.error {
            None => format!("{files}: {}{why}", told.action),
            Some(error) => format!("{files}: {}{why} failed: {error}", told.action),
        };
        let event = Shown {
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
        };
        self.shared.send(Event::Happened(Box::new(event))).await;
    }
}

/// Leaves out what the container sees anyway, as it is mounted there: to write it would be to write it here.
fn spare_mounted(decision: &mut Decision, batch: &Batch, service: &Service) {
    let at = |to: &str| shown_at(&service.volumes, to);
    decision.writes.retain(|write| at(&write.to).as_deref() != Some(&*write.from));
    decision.deletes.retain(|to| !at(to).is_some_and(|here| batch.changes.iter().any(|c| c.path == here)));
}

pub(super) fn crash_text(code: i32) -> String {
    format!("it ended with exit code {code} after the reload and starts again with the next save")
}

/// The most that a batch does, in one word.
fn action(decision: &Decision) -> &'static str {
    let rank = |step: &Step| match step {
        Step::Run { .. } => (1, "run"),
        Step::Signal(_) => (2, "signal"),
        Step::Restart => (3, "restart"),
        Step::Rebuild => (4, "rebuild"),
    };
    decision.then.iter().map(rank).max().map_or("nothing", |(_, word)| word)
}

pub(super) fn millis(span: Duration) -> f64 {
    (span.as_secs_f64() * 1e6).round() / 1e3
}
