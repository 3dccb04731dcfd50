//! What the engine says about a container.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use bollard::models::{
    ContainerInspectResponse, ContainerStateStatusEnum, EndpointSettings, HealthStatusEnum,
    HostConfigLogConfig, PortMap,
};
use model::Timestamp;
use model::plan::Transport;

/// One container as the engine sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerFacts {
    /// The engine's id.
    pub id: String,
    /// Its name, without the slash.
    pub name: String,
    /// Its labels, those of its image included.
    pub labels: BTreeMap<String, String>,
    /// The image's reference as it was asked for.
    pub image: String,
    /// The image's id.
    pub image_id: String,
    /// What it does.
    pub state: ContainerState,
    /// How it ended, when it did.
    pub exit_code: Option<i32>,
    /// Whether it was killed for want of memory.
    pub oom: bool,
    /// Why the engine could not start it; empty when it could.
    pub start_error: String,
    /// When it was started last, as the engine notes it: its first log lines may be a little older.
    pub started: Option<Timestamp>,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// When it ended last.
    pub finished: Option<Timestamp>,
    /// Its first process, as the engine's machine counts; `None` when it does not run.
    pub pid: Option<u32>,
    /// What the image's health check says; `None` without one.
    pub health: Option<Health>,
    /// Its addresses by network.
    pub addresses: Vec<(String, IpAddr)>,
    /// The engine's own addresses on its networks.
    pub gateways: Vec<IpAddr>,
    /// Ports published on the engine's machine; empty unless it runs.
    pub ports: Vec<PublishedPort>,
    /// How often the engine started it again by itself.
    pub restart_count: u32,
    /// Whether it has a terminal.
    pub tty: bool,
    /// Whether the engine throws the beginning of its log away when that grows.
    pub log_rotates: bool,
}

impl ContainerFacts {
    /// Whether its process is there.
    pub fn is_running(&self) -> bool {
        matches!(self.state, ContainerState::Running | ContainerState::Paused)
    }
}

/// What a container does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContainerState {
    /// It was never started.
    Created,
    /// It runs.
    Running,
    /// It is frozen.
    Paused,
    /// It ended and the engine will start it again.
    Restarting,
    /// It is being removed.
    Removing,
    /// It ended.
    Exited,
    /// The engine could not remove it wholly.
    Dead,
}

/// What an image's health check says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Not known yet.
    Starting,
    /// Well.
    Healthy,
    /// Not well.
    Unhealthy,
}

/// One port published on the engine's machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedPort {
    /// The address that it is bound to.
    pub address: String,
    /// The port on the engine's machine.
    pub host: u16,
    /// The port in the container.
    pub container: u16,
    /// TCP or UDP.
    pub protocol: Transport,
}

/// The engine's map in a stable order.
pub(crate) fn to_sorted(map: Option<HashMap<String, String>>) -> BTreeMap<String, String> {
    map.unwrap_or_default().into_iter().collect()
}

pub(crate) fn read(answer: ContainerInspectResponse) -> ContainerFacts {
    let config = answer.config.unwrap_or_default();
    let state = answer.state.unwrap_or_default();
    let network = answer.network_settings.unwrap_or_default();
    let kind = match state.status {
        Some(ContainerStateStatusEnum::RUNNING) => ContainerState::Running,
        Some(ContainerStateStatusEnum::PAUSED) => ContainerState::Paused,
        Some(ContainerStateStatusEnum::RESTARTING) => ContainerState::Restarting,
        Some(ContainerStateStatusEnum::REMOVING) => ContainerState::Removing,
        Some(ContainerStateStatusEnum::EXITED) => ContainerState::Exited,
        Some(ContainerStateStatusEnum::DEAD) => ContainerState::Dead,
        _ if state.running == Some(true) => ContainerState::Running,
        _ => ContainerState::Created,
    };
    let ended = matches!(kind, ContainerState::Exited | ContainerState::Dead | ContainerState::Restarting);
    let mut endpoints: Vec<(String, EndpointSettings)> =
        network.networks.unwrap_or_default().into_iter().collect();
    endpoints.sort_by(|a, b| a.0.cmp(&b.0));
    ContainerFacts {
        id: answer.id.unwrap_or_default(),
        name: answer.name.unwrap_or_default().trim_start_matches('/').to_owned(),
        labels: to_sorted(config.labels),
        image: config.image.unwrap_or_default(),
        image_id: answer.image.unwrap_or_default(),
        state: kind,
        exit_code: state.exit_code.filter(|_| ended).map(|code| code as i32),
        oom: state.oom_killed.unwrap_or(false),
        start_error: state.error.unwrap_or_default(),
        started: moment(state.started_at.as_deref()),
        created: answer.created.and_then(|at| i64::try_from(at.unix_timestamp_nanos()).ok()).map(Timestamp),
        finished: moment(state.finished_at.as_deref()),
        pid: state.pid.and_then(|pid| u32::try_from(pid).ok()).filter(|pid| *pid > 0),
        health: state.health.and_then(|health| health.status).and_then(|status| match status {
            HealthStatusEnum::STARTING => Some(Health::Starting),
            HealthStatusEnum::HEALTHY => Some(Health::Healthy),
            HealthStatusEnum::UNHEALTHY => Some(Health::Unhealthy),
            HealthStatusEnum::EMPTY | HealthStatusEnum::NONE => None,
        }),
        addresses: endpoints.iter().flat_map(|(name, endpoint)| addresses(name, endpoint)).collect(),
        gateways: endpoints
            .iter()
            .flat_map(|(_, e)| [e.gateway.as_deref(), e.ipv6_gateway.as_deref()])
            .filter_map(|text| text?.parse().ok())
            .collect(),
        ports: ports(network.ports.unwrap_or_default()),
        restart_count: answer.restart_count.and_then(|n| u32::try_from(n).ok()).unwrap_or(0),
        tty: config.tty.unwrap_or(false),
        log_rotates: answer.host_config.and_then(|host| host.log_config).is_some_and(rotates),
    }
}

fn rotates(log: HostConfigLogConfig) -> bool {
    log.typ.as_deref() == Some("local") || log.config.is_some_and(|options| options.contains_key("max-size"))
}

fn addresses(network: &str, endpoint: &EndpointSettings) -> Vec<(String, IpAddr)> {
    [endpoint.ip_address.as_deref(), endpoint.global_ipv6_address.as_deref()]
        .into_iter()
        .filter_map(|text| Some((network.to_owned(), text?.parse().ok()?)))
        .collect()
}

fn ports(map: PortMap) -> Vec<PublishedPort> {
    let mut all = Vec::new();
    for (key, bindings) in map {
        let (port, protocol) = key.split_once('/').unwrap_or((&key, "tcp"));
        let protocol = match protocol {
            "tcp" => Transport::Tcp,
            "udp" => Transport::Udp,
            _ => continue,
        };
        let Ok(container) = port.parse::<u16>() else { continue };
        for binding in bindings.unwrap_or_default() {
            let Some(host) = binding.host_port.and_then(|text| text.parse().ok()) else { continue };
            let address = binding.host_ip.unwrap_or_default();
            all.push(PublishedPort { address, host, container, protocol });
        }
    }
    all.sort_by(|a, b| (a.container, a.protocol, &a.address).cmp(&(b.container, b.protocol, &b.address)));
    all
}

/// The year 1 stands for "never".
fn moment(text: Option<&str>) -> Option<Timestamp> {
    text?.parse::<Timestamp>().ok().filter(|at| at.0 > 0)
}
