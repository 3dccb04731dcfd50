//! From a batch of changed files to new code that answers.
//!
//! One worker a service takes its batches in order: it sends the files through the guest, waits for the service to
//! answer again, and tells what happened with the milliseconds of each phase. A failing step is the user's to mend:
//! it is shown, and the next save is waited for. A way to the container that breaks is another matter: then the image
//! is built again.

mod carry_out;
mod catch_up;
mod loops;
mod record;
mod worker;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use ::watch::{Batch, Change, Rule, Tidings, Watcher};
use api::ApiError;
use api::shape::{Event as Shown, ReloadView, State as Step};
use model::plan::{MountSource, Plan, ReloadMode, ReloadRule, Service, Source};
use tokio::sync::{mpsc, watch};

use crate::jobs::now;
use crate::run::Event;
use crate::shared::Shared;
use loops::{Fate, Loop};
use worker::{Work, Worker};

/// Batches that may wait for one service.
const QUEUE: usize = 64;

/// A service that should run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Live {
    /// Its container, when it runs and nothing is being done to it.
    pub container: Option<String>,
    /// Its image is being built or pulled.
    pub busy: bool,
    pub step: Step,
    pub ready: bool,
    pub error: Option<ApiError>,
    pub exit_code: Option<i32>,
    pub service: Service,
}

impl Live {
    /// Whether something is being done that will change what it is.
    fn is_moving(&self) -> bool {
        self.busy || matches!(self.step, Step::Building | Step::Pulling | Step::Starting | Step::Stopping)
    }

    /// How a rebuild ended; `None` while it goes on.
    fn outcome(&self) -> Option<Result<(), String>> {
        if self.is_moving() {
            return None;
        }
        if let Some(error) = &self.error {
            return Some(Err(error.message.clone()));
        }
        match self.step {
            Step::Running => self.ready.then_some(Ok(())),
            // The rest is up to those that it waits for.
            Step::Waiting | Step::Completed => Some(Ok(())),
            Step::Failed => Some(Err(format!("it exited with {}", self.exit_code.unwrap_or_default()))),
            Step::Stopped => Some(Err("it was stopped".into())),
            Step::Building | Step::Pulling | Step::Starting | Step::Stopping => None,
        }
    }
}

type Lives = BTreeMap<String, Live>;

/// Watches files and keeps one worker a service.
pub(crate) struct Reloads {
    shared: Arc<Shared>,
    lives: watch::Sender<Lives>,
    watched: Option<Watched>,
    workers: BTreeMap<String, mpsc::Sender<Work>>,
    rules: BTreeMap<String, Vec<ReloadRule>>,
    /// What each service can write of this machine's files.
    writable: BTreeMap<String, Vec<PathBuf>>,
    loops: BTreeMap<String, Loop>,
    /// Services whose files get no notifications, and why.
    polled: BTreeMap<String, String>,
}

struct Watched {
    rules: Vec<Rule>,
    files: Vec<PathBuf>,
    _watcher: Watcher,
}

impl Reloads {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let lives = watch::Sender::new(Lives::new());
        Self {
            shared,
            lives,
            watched: None,
            workers: BTreeMap::new(),
            rules: BTreeMap::new(),
            writable: BTreeMap::new(),
            loops: BTreeMap::new(),
            polled: BTreeMap::new(),
        }
    }

    /// Which services should run, and how far they are.
    pub(crate) fn set_live(&self, lives: Lives) {
        self.lives.send_if_modified(|old| {
            let differs = *old != lives;
            if differs {
                *old = lives;
            }
            differs
        });
    }

    /// The reload of a service as its worker told it last, if it has rules.
    pub(crate) fn view(&self, service: &str, told: Option<&ReloadView>) -> Option<ReloadView> {
        let rules = self.rules.get(service).filter(|r| !r.is_empty())?;
        let mut view = told.cloned().unwrap_or_default();
        view.manual = is_manual(rules);
        view.notice = self.polled.get(service).cloned();
        if let Some((file, held)) = self.loops.get(service).and_then(Loop::suspended) {
            view.notice =
                Some(format!("writes `{}` itself, which leads to no more reloads", self.shown(file)));
            view.pending += held as u32;
        }
        Some(view)
    }

    fn shown(&self, path: &std::path::Path) -> String {
        path.strip_prefix(&self.shared.whose.folder).unwrap_or(path).display().to_string()
    }

    /// Watches the files of this plan, and always the manifest's own.
    pub(crate) fn watch(&mut self, plan: &Plan, manifests: &[PathBuf], services: bool) {
        self.rules = plan.services.iter().map(|(n, s)| (n.clone(), s.reload.clone())).collect();
        self.writable = plan.services.iter().map(|(n, s)| (n.clone(), writable(s))).collect();
        let rules: Vec<Rule> =
            if services { plan.services.values().flat_map(rules_of).collect() } else { Vec::new() };
        for rule in &rules {
            self.worker(&rule.service);
        }
        if self.watched.as_ref().is_some_and(|w| w.rules == rules && w.files == manifests) {
            return;
        }
        self.watched = None;
        self.loops.clear();
        self.polled.clear();
        let (sender, mut tidings) = mpsc::channel(QUEUE);
        match Watcher::start(rules.clone(), manifests.to_vec(), sender) {
            Ok(watcher) => {
                self.watched = Some(Watched { rules, files: manifests.to_vec(), _watcher: watcher });
                let shared = self.shared.clone();
                self.shared.spawn(async move {
                    while let Some(tidings) = tidings.recv().await {
                        shared.send(Event::Files(tidings)).await;
                    }
                });
            }
            Err(error) => {
                let hint = error.hint().unwrap_or_else(|| error.to_string());
                self.tell(None, format!("files cannot be watched: {error}"), Some(hint));
            }
        }
    }

    /// Puts something about the watching itself on the time axis; with an error, something bad.
    fn tell(&self, service: Option<String>, text: String, error: Option<String>) {
        self.shared.board.tell(Shown {
            ts: now().to_string(),
            kind: "watch".into(),
            service,
            text,
            ok: Some(error.is_none()),
            error,
            ..Shown::default()
        });
    }

    /// Takes what the watcher tells.
    pub(crate) fn take(&mut self, tidings: Tidings) {
        match tidings {
            Tidings::Batch(batch) => match batch.service.clone() {
                Some(service) => self.sift(&service, batch),
                None => self.read_manifest(),
            },
            Tidings::Polled { service, error } => {
                let whose =
                    service.clone().map_or_else(|| "the manifest".to_owned(), |s| format!("files of `{s}`"));
                let text = format!("{whose} are looked at now and then, as {error}");
                self.tell(service.clone(), text, Some(error.hint().unwrap_or_else(|| error.to_string())));
                if let Some(service) = service {
                    self.polled.insert(service, format!("saves are found late: {error}"));
                }
            }
            Tidings::Watched { service, path } => {
                self.tell(service.clone(), format!("`{}` is watched again", self.shown(&path)), None);
                service.and_then(|service| self.polled.remove(&service));
            }
        }
    }

    /// Gives a batch to its service's worker, unless the service itself is behind it.
    fn sift(&mut self, service: &str, batch: Batch) {
        let writable = self.writable.get(service).map(Vec::as_slice).unwrap_or_default();
        let rules = self.rules.get(service).map(Vec::as_slice).unwrap_or_default();
        // What waits for the user goes round nowhere.
        let waits = |change: &Change| rules.get(change.rule).is_some_and(|r| r.mode == ReloadMode::Manual);
        let is_shared =
            |change: &Change| !waits(change) && writable.iter().any(|folder| change.path.starts_with(folder));
        let found = self.loops.entry(service.to_owned()).or_default();
        match found.take(batch, is_shared) {
            Fate::Goes(batch) => self.give(service, Work::Batch(batch)),
            Fate::Held { first: false } => {}
            Fate::Held { first: true } => {
                let file =
                    self.loops.get(service).and_then(Loop::suspended).map(|(file, _)| self.shown(file));
                let file = file.unwrap_or_default();
                self.tell(
                    Some(service.to_owned()),
                    format!("`{service}` writes `{file}` itself whenever it is reloaded, so that this leads to no more reloads"),
                    Some(format!("add `{file}` to the rule's `ignore`, or write it outside of what is watched; `shoal reload {service}` applies it all the same")),
                );
            }
        }
    }

    /// A service's worker is done with a batch.
    pub(crate) fn on_reloaded(&mut self, service: &str) {
        let Some(wait) = self.loops.get_mut(service).and_then(|found| found.ended(Instant::now())) else {
            return;
        };
        let (shared, service) = (self.shared.clone(), service.to_owned());
        self.shared.spawn(async move {
            tokio::time::sleep(wait).await;
            shared.send(Event::Answered(service)).await;
        });
    }

    /// The time in which a service may answer a reload by writing is over.
    pub(crate) fn on_answered(&mut self, service: &str) {
        if self.loops.get_mut(service).is_some_and(|found| found.is_mended(Instant::now())) {
            let text =
                format!("`{service}` does not write its own files any more; all changes are reloaded again");
            self.tell(Some(service.to_owned()), text, None);
        }
    }

    fn read_manifest(&self) {
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
        let names: Vec<String> = self.rules.keys().cloned().collect();
        for name in names.iter().filter(|n| services.is_empty() || services.contains(n)) {
            let changes = self.loops.get_mut(name).map(Loop::release).unwrap_or_default();
            if !changes.is_empty() {
                let (at, first_event_at) = (Instant::now(), SystemTime::now());
                let service = Some(name.clone());
                let batch = Batch { service, changes, first_event: at, closed: at, first_event_at };
                self.give(name, Work::Batch(batch));
            }
            if self.workers.contains_key(name) {
                self.give(name, Work::Pending);
            }
        }
    }

    fn worker(&mut self, service: &str) -> &mpsc::Sender<Work> {
        self.workers.entry(service.to_owned()).or_insert_with(|| {
            let (sender, inbox) = mpsc::channel(QUEUE);
            let worker = Worker::new(self.shared.clone(), service, self.lives.subscribe());
            self.shared.spawn(worker.run(inbox));
            sender
        })
    }

    fn give(&mut self, service: &str, work: Work) {
        if self.worker(service).try_send(work).is_err() {
            tracing::warn!("{QUEUE} reloads of {service} wait already; one is left out");
        }
    }
}

/// The folders of this machine that a service can write.
fn writable(service: &Service) -> Vec<PathBuf> {
    let writable = service.volumes.iter().filter(|mount| !mount.read_only);
    let folder = |mount: &model::plan::Mount| match &mount.source {
        MountSource::Bind(path) => Some(path.clone()),
        MountSource::Volume(_) | MountSource::Tmpfs(_) => None,
    };
    writable.filter_map(folder).collect()
}

/// A service's rules, to be watched for.
fn rules_of(service: &Service) -> Vec<Rule> {
    let context = match &service.source {
        Source::Build(build) => Some(&build.context),
        Source::Image(_) => None,
    };
    let rule = |(index, rule): (usize, &ReloadRule)| Rule {
        service: service.name.clone(),
        index,
        rule: rule.clone(),
        context: context.cloned(),
    };
    service.reload.iter().enumerate().map(rule).collect()
}

fn is_manual(rules: &[ReloadRule]) -> bool {
    rules.iter().any(|r| r.mode == ReloadMode::Manual)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rebuild_ends_with_what_came_of_it() {
        let live = |step, ready, busy, error: Option<&str>| Live {
            container: None,
            busy,
            step,
            ready,
            error: error.map(|e| ApiError::new(api::Code::BuildFailed, e)),
            exit_code: Some(3),
            service: crate::spec::forgotten("orders"),
        };
        for (now, outcome) in [
            // The old container serves on while the new image is built, and when that failed.
            (live(Step::Running, true, true, None), None),
            (live(Step::Running, true, false, Some("no")), Some(Err("no".to_owned()))),
            (live(Step::Stopping, true, false, None), None),
            (live(Step::Running, false, false, None), None),
            (live(Step::Running, true, false, None), Some(Ok(()))),
            (live(Step::Failed, false, false, None), Some(Err("it exited with 3".to_owned()))),
            (live(Step::Waiting, false, false, None), Some(Ok(()))),
        ] {
            assert_eq!(now.outcome(), outcome, "{now:?}");
        }
    }
}
