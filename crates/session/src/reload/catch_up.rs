//! A container that comes up: the way to it is opened before the first save needs it, and what it lacks of what its
//! rules cover becomes a batch.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use ::watch::plan::destination;
use ::watch::{Batch, Change, Covered, covered};
use engine::ContainerFacts;
use model::frame::Entry;
use model::plan::{Action, Mount, MountSource, ReloadRule, Service, Source};
use tokio::sync::watch;

use super::record::Record;
use super::worker::Worker;
use super::{Live, Lives, rules_of};
use crate::agent::{AgentError, expected};

/// Time to the next try when the way to a container broke.
const AGAIN: Duration = Duration::from_secs(1);

/// A container that was greeted, or is to be left alone for a while.
#[derive(Debug, Default)]
pub(super) struct Greeted {
    container: Option<String>,
    not_before: Option<Instant>,
}

impl Greeted {
    /// The way to the container broke.
    pub(super) fn lost(&mut self) {
        *self = Self { container: None, not_before: Some(Instant::now() + AGAIN) };
    }

    /// A service is greeted once it serves, so that its start is not slowed down, or when it never will as it is.
    fn lacks(&self, live: &Live) -> bool {
        live.container.is_some()
            && live.container != self.container
            && !live.service.reload.is_empty()
            && (live.ready || live.error.is_some())
    }
}

/// Waits until there is a container to greet.
pub(super) async fn comes(lives: &mut watch::Receiver<Lives>, service: &str, greeted: &Greeted) {
    if let Some(at) = greeted.not_before {
        tokio::time::sleep_until(at.into()).await;
    }
    loop {
        if lives.borrow_and_update().get(service).is_some_and(|live| greeted.lacks(live)) {
            return;
        }
        if lives.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}

impl Worker {
    /// Opens the way to the container that came, and returns what it lacks.
    pub(super) async fn greet(&mut self) -> Option<Batch> {
        let live = self.live().filter(|live| self.greeted.lacks(live))?;
        let container = live.container.clone()?;
        self.greeted = Greeted { container: Some(container.clone()), not_before: None };
        match self.missed(&live, &container).await {
            Ok(batch) => batch,
            // It was made when the service had no rules; a change will build it anew.
            Err(AgentError::Missing) => None,
            Err(error) => {
                tracing::debug!("{} cannot be brought up to date yet: {error}", self.service);
                self.link = None;
                self.greeted.lost();
                None
            }
        }
    }

    async fn missed(&mut self, live: &Live, container: &str) -> Result<Option<Batch>, AgentError> {
        self.link(container).await?;
        let engine = self.shared.engine.borrow().clone().ok_or(AgentError::Gone)?;
        let facts = engine.inspect(container).await?;
        let (began, seen) = (Instant::now(), SystemTime::now());
        let rules = rules_of(&live.service);
        let looked = tokio::task::spawn_blocking(move || covered(&rules)).await;
        let found = match looked {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                tracing::warn!("{error}");
                return Ok(None);
            }
            Err(_) => return Err(AgentError::Gone),
        };
        let rules = fingerprint(&live.service, &facts);
        let known = self.record.take().or_else(|| Record::read(&self.record_file()));
        let known = known.filter(|record| record.container == container);
        // An image that was built a moment ago has what was there, in the form that its Dockerfile gave it.
        let is_new = facts.labels.get(SESSION) == Some(&self.shared.session) && known.is_none();
        let changes = match known {
            Some(record) if record.rules == rules => {
                let changes = record.changes(&found);
                self.record = Some(record);
                // A save before that is among them. Where the container was compared instead it need not be: a mount
                // shows it there already, and what follows a save has not followed.
                self.caught_up_to = Some(began);
                changes
            }
            _ if is_new && matches!(live.service.source, Source::Build(_)) && !mounts_over(&live.service) => {
                self.keep(Record::new(container, rules, &found, &[])).await;
                return Ok(None);
            }
            _ => {
                let changes = self.compared(live, container, &found).await?;
                self.keep(Record::new(container, rules, &found, &changes)).await;
                changes
            }
        };
        let batch = Batch {
            service: Some(self.service.clone()),
            changes,
            first_event: began,
            closed: Instant::now(),
            first_event_at: seen,
        };
        Ok((!batch.changes.is_empty()).then_some(batch))
    }

    /// What is not in the container as it is here. What is only there is not ours to judge.
    async fn compared(
        &mut self,
        live: &Live,
        container: &str,
        found: &[Covered],
    ) -> Result<Vec<Change>, AgentError> {
        let (rules, volumes) = (live.service.reload.clone(), live.service.volumes.clone());
        let all = found.to_vec();
        let looked = tokio::task::spawn_blocking(move || expectations(&rules, &volumes, &all)).await;
        let (places, entries): (Vec<usize>, Vec<Entry>) =
            looked.map_err(|_| AgentError::Gone)?.into_iter().unzip();
        let differing = self.link(container).await?.compare(&entries).await?;
        let missing = differing.into_iter().filter_map(|at| found.get(*places.get(at)?));
        Ok(missing.map(|c| Change { rule: c.rule, path: c.path.clone(), kind: c.kind }).collect())
    }

    /// Remembers what is in the container.
    pub(super) async fn keep(&mut self, record: Record) {
        let (file, written) = (self.record_file(), record.clone());
        self.record = Some(record);
        match tokio::task::spawn_blocking(move || written.write(&file)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!("what {} has of its files cannot be noted: {error}", self.service);
            }
            Err(error) => tracing::debug!("{error}"),
        }
    }

    fn record_file(&self) -> PathBuf {
        self.shared.config.place.synced(&self.service)
    }
}

/// The label with the session that made a container.
const SESSION: &str = "dev.shoal.session";

/// What should be in the container by these rules, each with its place in `found`.
fn expectations(rules: &[ReloadRule], volumes: &[Mount], found: &[Covered]) -> Vec<(usize, Entry)> {
    // Of two rules that lead to the same place the later one has the last word.
    let mut wanted: BTreeMap<String, usize> = BTreeMap::new();
    for (place, one) in found.iter().enumerate() {
        let Some(rule) = rules.get(one.rule).filter(|rule| rule.then != Action::Rebuild) else { continue };
        let Some(to) = destination(rule, &one.path) else { continue };
        if shown_at(volumes, &to).as_deref() == Some(&*one.path) {
            continue;
        }
        wanted.insert(to, place);
    }
    let entry = |(to, place): (String, usize)| {
        let one: &Covered = found.get(place)?;
        Some((place, expected(&one.path, one.kind, to)?))
    };
    wanted.into_iter().filter_map(entry).collect()
}

/// What is mounted over a path of the container.
fn mounted_over<'a>(volumes: &'a [Mount], inside: &str) -> Option<&'a Mount> {
    let over = volumes.iter().filter(|mount| Path::new(inside).starts_with(&mount.target));
    over.max_by_key(|mount| Path::new(&mount.target).components().count())
}

/// Whether what is written there goes when the container stops.
pub(super) fn is_in_memory(volumes: &[Mount], inside: &str) -> bool {
    mounted_over(volumes, inside).is_some_and(|mount| matches!(mount.source, MountSource::Tmpfs(_)))
}

/// The path of this machine that is mounted at a path of the container; `None` when it is not one of this machine's.
pub(super) fn shown_at(volumes: &[Mount], inside: &str) -> Option<PathBuf> {
    let mount = mounted_over(volumes, inside)?;
    let MountSource::Bind(source) = &mount.source else { return None };
    let rest = Path::new(inside).strip_prefix(&mount.target).ok()?;
    Some(if rest.as_os_str().is_empty() { source.clone() } else { source.join(rest) })
}

/// Whether something is mounted over a place where files go, so that what the image has there does not count.
fn mounts_over(service: &Service) -> bool {
    let mut places = service.reload.iter().filter_map(|rule| rule.to.as_deref());
    places.any(|to| mounted_over(&service.volumes, to).is_some())
}

/// A number for what decides, beside the files, what a container has of them. What is in memory goes with every start.
fn fingerprint(service: &Service, facts: &ContainerFacts) -> u64 {
    let mut places = service.reload.iter().filter_map(|rule| rule.to.as_deref());
    let in_memory = places.any(|to| is_in_memory(&service.volumes, to));
    let started = in_memory.then_some(facts.started.map(|at| at.0));
    let text = serde_json::to_vec(&(&service.reload, started)).unwrap_or_default();
    model::hash::fnv1a(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(source: MountSource, target: &str) -> Mount {
        Mount { source, target: target.to_owned(), read_only: false }
    }

    #[test]
    fn the_innermost_mount_says_what_is_shown() {
        let volumes = [
            mount(MountSource::Bind("/w/app".into()), "/app"),
            mount(MountSource::Volume("modules".to_owned()), "/app/node_modules"),
            mount(MountSource::Bind("/w/one.conf".into()), "/etc/one.conf"),
        ];
        for (inside, shown) in [
            ("/app/x/y", Some("/w/app/x/y")),
            ("/app", Some("/w/app")),
            ("/app/node_modules/x", None),
            ("/etc/one.conf", Some("/w/one.conf")),
            ("/etc/two.conf", None),
            ("/application", None),
        ] {
            assert_eq!(shown_at(&volumes, inside), shown.map(PathBuf::from), "{inside}");
        }
    }
}
