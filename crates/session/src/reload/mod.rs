//! From a batch of changed files to new code that answers.
//!
//! One worker a service takes its batches in order: it sends the files through the guest, waits for the service to
//! answer again, and tells what happened with the milliseconds of each phase. A failing step is the user's to mend:
//! it is shown, and the next save is waited for. A way to the container that breaks is another matter: then the image
//! is built again.

mod carry_out;
mod catch_up;
mod record;
mod worker;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use ::watch::{Batch, Rule, Watcher};
use api::ApiError;
use api::shape::{Event as Shown, ReloadView, State as Step};
use model::plan::{Plan, ReloadMode, ReloadRule, Service, Source};
use tokio::sync::{mpsc, watch};

use crate::jobs::now;
use crate::run::Event;
use crate::shared::Shared;
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
}

struct Watched {
    rules: Vec<Rule>,
    files: Vec<PathBuf>,
    _watcher: Watcher,
}

impl Reloads {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let lives = watch::Sender::new(Lives::new());
        Self { shared, lives, watched: None, workers: BTreeMap::new(), rules: BTreeMap::new() }
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

    /// The reload of a service before anything happened.
    pub(crate) fn view(&self, service: &str) -> Option<ReloadView> {
        let rules = self.rules.get(service).filter(|r| !r.is_empty())?;
        Some(ReloadView { manual: is_manual(rules), pending: 0, failed: false })
    }

    /// Watches the files of this plan, and always the manifest's own.
    pub(crate) fn watch(&mut self, plan: &Plan, manifests: &[PathBuf], services: bool) {
        self.rules = plan.services.iter().map(|(n, s)| (n.clone(), s.reload.clone())).collect();
        let rules: Vec<Rule> =
            if services { plan.services.values().flat_map(rules_of).collect() } else { Vec::new() };
        for rule in &rules {
            self.worker(&rule.service);
        }
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
