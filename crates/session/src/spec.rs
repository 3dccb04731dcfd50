//! From a service of the plan to the container that the engine should make. Pure.

use std::collections::BTreeMap;

use engine::{BuildSpec, ContainerSpec, ImageFacts, MountFrom, MountSpec, Network};
use model::plan::{Action, Build, Lifetime, MountSource, Plan, PullPolicy, Service};

use crate::state::view::image_name;
use crate::tools::{self, Tools};

/// The label that carries a stack's name.
pub(crate) const STACK: &str = "dev.shoal.stack";
/// The label that carries a service's name.
pub(crate) const SERVICE: &str = "dev.shoal.service";
/// The label that carries the hash of what a container was made from.
pub(crate) const HASH: &str = "dev.shoal.hash";
/// The label that carries the manifest's folder.
pub(crate) const FOLDER: &str = "dev.shoal.folder";

/// What everything of a stack is labelled with.
pub(crate) fn stack_labels(plan: &Plan, session: &str) -> BTreeMap<String, String> {
    labels_of(&plan.name, &plan.folder.display().to_string(), session)
}

/// The same by the stack's name and folder.
pub(crate) fn labels_of(stack: &str, folder: &str, session: &str) -> BTreeMap<String, String> {
    BTreeMap::from([
        (STACK.to_owned(), stack.to_owned()),
        (FOLDER.to_owned(), folder.to_owned()),
        ("dev.shoal.session".to_owned(), session.to_owned()),
        ("com.docker.compose.project".to_owned(), stack.to_owned()),
    ])
}

/// The container's name: `STACK-SERVICE-1`.
pub(crate) fn instance_name(stack: &str, service: &str) -> String {
    format!("{stack}-{service}-1")
}

/// The engine's name of a named volume.
pub(crate) fn volume_name(stack: &str, volume: &str) -> String {
    format!("{stack}_{volume}")
}

/// The services' named volumes, as the engine calls them.
pub(crate) fn volumes(plan: &Plan, service: &Service) -> Vec<String> {
    let named = service.volumes.iter().filter_map(|m| match &m.source {
        MountSource::Volume(name) => Some(volume_name(&plan.name, name)),
        MountSource::Bind(_) | MountSource::Tmpfs(_) => None,
    });
    named.collect()
}

/// A number for everything about a service that a container is made from: when it differs, the container is
/// replaced. Order, readiness, reload rules, what is seen of its calls, and where in which file a value stands can change
/// without that.
pub(crate) fn hash(service: &Service) -> String {
    let mut made_of = service.clone();
    made_of.depends_on = Vec::new();
    made_of.ready = None;
    made_of.reload = Vec::new();
    made_of.pull = PullPolicy::Missing;
    made_of.lifetime = Lifetime::Session;
    made_of.loopback = false;
    for value in made_of.env.values_mut() {
        value.origin = String::new();
    }
    let text = serde_json::to_vec(&(made_of, is_supervised(service))).unwrap_or_default();
    format!("{:016x}", model::hash::fnv1a(&text))
}

/// Every service's [`hash`].
pub(crate) fn hashes(plan: &Plan) -> BTreeMap<String, String> {
    plan.services.iter().map(|(name, service)| (name.clone(), hash(service))).collect()
}

/// Whether changes reach the service through the guest, which then is its container's first process.
pub(crate) fn is_supervised(service: &Service) -> bool {
    service.reload.iter().any(|rule| rule.to.is_some() || rule.then != Action::Rebuild)
}

/// What to build for a service.
pub(crate) fn build_spec(plan: &Plan, service: &Service, build: &Build, session: &str) -> BuildSpec {
    BuildSpec {
        context: build.context.clone(),
        dockerfile: build.dockerfile.clone(),
        target: build.target.clone(),
        args: build.args.clone(),
        tag: image_name(&plan.name, service),
        labels: stack_labels(plan, session).into_iter().filter(|(k, _)| k == STACK || k == FOLDER).collect(),
        platform: service.platform.clone(),
        no_cache: false,
    }
}

/// The container of a service.
pub(crate) fn container_spec(
    plan: &Plan,
    service: &Service,
    image: &ImageFacts,
    tools: &Tools,
    session: &str,
) -> ContainerSpec {
    let mut entrypoint = service.entrypoint.clone();
    let mut cmd = service.command.clone();
    let mut mounts: Vec<MountSpec> = service.volumes.iter().map(|m| mount(plan, m)).collect();
    if is_supervised(service) {
        // As the engine does it: a replaced entrypoint drops the image's command.
        let image_cmd = if entrypoint.is_some() { Vec::new() } else { image.cmd.clone() };
        let (wrapped, rest) = tools::wrap(
            entrypoint.as_deref().unwrap_or(&image.entrypoint),
            cmd.as_deref().unwrap_or(&image_cmd),
            service.stop_signal.as_deref().or(image.stop_signal.as_deref()),
        );
        (entrypoint, cmd) = (Some(wrapped), Some(rest));
        mounts.push(MountSpec {
            source: MountFrom::Volume(tools.volume.clone()),
            target: tools::FOLDER.to_owned(),
            read_only: true,
        });
    }
    let options = &service.container;
    ContainerSpec {
        name: instance_name(&plan.name, &service.name),
        image: image.id.clone(),
        entrypoint,
        cmd,
        env: service.env.iter().map(|(k, v)| (k.clone(), v.value.clone())).collect(),
        labels: labels(plan, service, session),
        network: Network::Named { name: plan.name.clone(), aliases: vec![service.name.clone()] },
        ports: service.ports.clone(),
        mounts,
        user: service.user.clone(),
        working_dir: service.working_dir.clone(),
        restart: service.restart,
        resources: service.resources,
        stop_signal: service.stop_signal.clone(),
        stop_grace: Some(service.stop_grace),
        cap_add: options.cap_add.clone(),
        cap_drop: options.cap_drop.clone(),
        privileged: options.privileged,
        read_only: options.read_only,
        init: options.init,
        tty: options.tty,
        extra_hosts: options.extra_hosts.clone(),
        shm_size: options.shm_size,
        ulimits: options.ulimits.clone(),
        platform: service.platform.clone(),
        ..ContainerSpec::default()
    }
}

/// What is known of a service that left the manifest while its container was there: only how to end it.
pub(crate) fn forgotten(service: &str) -> Service {
    Service {
        name: service.to_owned(),
        source: model::plan::Source::Image(String::new()),
        command: None,
        entrypoint: None,
        env: BTreeMap::new(),
        ports: Vec::new(),
        volumes: Vec::new(),
        depends_on: Vec::new(),
        ready: None,
        reload: Vec::new(),
        restart: model::plan::RestartPolicy::No,
        lifetime: Lifetime::Session,
        resources: model::plan::Resources::default(),
        stop_signal: None,
        stop_grace: std::time::Duration::from_secs(10),
        user: None,
        working_dir: None,
        pull: PullPolicy::Never,
        platform: None,
        loopback: false,
        container: model::plan::ContainerOptions::default(),
    }
}

fn labels(plan: &Plan, service: &Service, session: &str) -> BTreeMap<String, String> {
    let mut labels = service.container.labels.clone();
    labels.extend(stack_labels(plan, session));
    labels.extend([
        (SERVICE.to_owned(), service.name.clone()),
        ("dev.shoal.instance".to_owned(), instance_name(&plan.name, &service.name)),
        (HASH.to_owned(), hash(service)),
        ("com.docker.compose.service".to_owned(), service.name.clone()),
        ("com.docker.compose.container-number".to_owned(), "1".to_owned()),
    ]);
    labels
}

fn mount(plan: &Plan, mount: &model::plan::Mount) -> MountSpec {
    let source = match &mount.source {
        MountSource::Bind(path) => MountFrom::Bind(path.clone()),
        MountSource::Volume(name) => MountFrom::Volume(volume_name(&plan.name, name)),
        MountSource::Tmpfs(limit) => MountFrom::Tmpfs(*limit),
    };
    MountSpec { source, target: mount.target.clone(), read_only: mount.read_only }
}

#[cfg(test)]
mod tests {
    use model::plan::EnvValue;

    use super::*;

    #[test]
    fn only_what_a_container_is_made_from_replaces_it() {
        let mut service = forgotten("orders");
        let value = |value: &str, origin: &str| EnvValue { value: value.into(), origin: origin.into() };
        service.env.insert("DB".into(), value("postgres://db", "services.toml:14"));
        let before = hash(&service);
        service.env.insert("DB".into(), value("postgres://db", "services.toml:15"));
        service.lifetime = Lifetime::Persistent;
        service.pull = PullPolicy::Always;
        service.loopback = true;
        assert_eq!(hash(&service), before);
        service.env.insert("DB".into(), value("postgres://other", "services.toml:15"));
        assert_ne!(hash(&service), before);
    }
}
