//! One service.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::plan::{
    ContainerOptions, Dependency, Lifetime, Port, PullPolicy, Resources, RestartPolicy, Service as Planned,
};

use super::{Draft, env, image, mounts, ready, reload};
use crate::format::Loose;
use crate::read::{At, Field, List, Map};
use crate::shape::{Service, Words};
use crate::source::Findings;

/// How long a service may take to end, as in Compose.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// The service with everything resolved; `None` when what is wrong leaves nothing to run.
pub(super) fn planned(draft: &Draft, findings: &mut Findings) -> Option<Planned> {
    let written = draft.service?;
    // Everything is looked at before the first `?`, so that all that is wrong is told at once.
    let source = image::source(draft, written, findings);
    let env = env::lowered(draft, written, findings);
    let volumes = mounts::lowered(draft, written, findings);
    let ready = written.ready.get().and_then(|ready| ready::lowered(draft, written, ready, findings));
    let rules = written.reload.get().into_iter().flat_map(|rules| &rules.0);
    let reload = rules.filter_map(|rule| reload::lowered(draft, written, rule, findings)).collect();
    let container = container(written, findings);
    let entrypoint = non_empty(&written.entrypoint, findings);
    let user = super::user(&written.user, findings);
    let resources = written.resources.get();
    Some(Planned {
        name: draft.name.to_owned(),
        source: source?,
        command: written.command.get().map(|command| command.words.clone()),
        entrypoint,
        env,
        ports: ports(written),
        volumes,
        depends_on: written
            .depends_on
            .get()
            .into_iter()
            .flat_map(|list| list.0.sound())
            .map(dependency)
            .collect(),
        ready,
        reload,
        restart: written.restart.value().map_or(RestartPolicy::No, |restart| restart.0),
        lifetime: written.lifetime.value().unwrap_or(Lifetime::Session),
        resources: Resources {
            memory: resources.and_then(|limits| limits.memory.value()).map(|bytes| bytes.0),
            cpus: resources.and_then(|limits| limits.cpus.value()).map(|cores| cores.0),
        },
        stop_signal: written.stop_signal.value().map(|signal| {
            if signal.0.starts_with(|char: char| char.is_ascii_digit()) {
                signal.0
            } else {
                format!("SIG{}", signal.0)
            }
        }),
        stop_grace: written.stop_grace.value().unwrap_or(STOP_GRACE),
        user,
        working_dir: written.working_dir.value().map(|path| path.0),
        pull: written.pull.value().unwrap_or(PullPolicy::Missing),
        platform: written.platform.value().map(|platform| platform.0),
        loopback: written.loopback.value().unwrap_or(false),
        container,
    })
}

fn dependency(
    (service, _, condition): (&str, crate::source::Spot, &At<model::plan::Condition>),
) -> Dependency {
    Dependency { service: service.to_owned(), condition: condition.value }
}

/// The ports, each once.
fn ports(written: &Service) -> Vec<Port> {
    let mut seen = BTreeSet::new();
    let all = written.ports.get().into_iter().flat_map(|ports| &ports.0).flat_map(|at| &at.value.0);
    all.filter(|port| seen.insert((&port.address, port.host, port.container, port.protocol)))
        .cloned()
        .collect()
}

/// An entrypoint of no words is refused: it would leave nothing to run.
fn non_empty(words: &Field<Words>, findings: &mut Findings) -> Option<Vec<String>> {
    let words = words.get()?;
    if words.words.is_empty() {
        findings
            .error(words.spot, "invalid-command", "the entrypoint is empty")
            .hint("leave the key out to use the image's");
        return None;
    }
    Some(words.words.clone())
}

fn container(written: &Service, findings: &mut Findings) -> ContainerOptions {
    let ulimits = written.ulimits.get().into_iter().flat_map(Map::sound);
    let flag = |field: &Field<At<bool>>| field.value().unwrap_or(false);
    ContainerOptions {
        labels: labels(&written.labels, findings),
        extra_hosts: all(&written.extra_hosts).map(|line| line.0.clone()).collect(),
        cap_add: all(&written.cap_add).map(|name| name.0.clone()).collect(),
        cap_drop: all(&written.cap_drop).map(|name| name.0.clone()).collect(),
        privileged: flag(&written.privileged),
        read_only: flag(&written.read_only),
        init: flag(&written.init),
        tty: flag(&written.tty),
        shm_size: written.shm_size.value().map(|bytes| bytes.0),
        ulimits: ulimits.map(|(name, _, limit)| (name.to_owned(), (limit.soft, limit.hard))).collect(),
    }
}

fn all<T>(field: &Field<List<At<T>>>) -> impl Iterator<Item = &T> {
    field.get().into_iter().flat_map(|list| &list.0).map(|at| &at.value)
}

/// The user's labels; those by which Shoal and Compose know their containers are not the user's to set.
fn labels(field: &Field<Map<At<Loose>>>, findings: &mut Findings) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    for (name, key, value) in field.get().into_iter().flat_map(Map::sound) {
        if name.starts_with("dev.shoal.") || name.starts_with("com.docker.compose.") {
            let message = format!("the label `{name}` is set by Shoal itself");
            findings.error(key, "reserved-label", message).hint("give the label another name");
        } else {
            labels.insert(name.to_owned(), value.value.0.clone());
        }
    }
    labels
}
