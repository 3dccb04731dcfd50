//! What a container should be.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::time::Duration;

use bollard::models::{
    ContainerCreateBody, EndpointSettings, HostConfig, HostConfigLogConfig, Mount, MountTmpfsOptions,
    MountType, NetworkingConfig, PortBinding, ResourcesUlimits, RestartPolicy as EnginePolicy,
    RestartPolicyNameEnum,
};
use model::plan::{Port, Resources, RestartPolicy};

/// What a container should be; the default is the image as it is, on the engine's default network.
#[derive(Debug, Clone, PartialEq)]
pub struct ContainerSpec {
    /// Its name; empty: the engine makes one up.
    pub name: String,
    /// The image, by reference or id.
    pub image: String,
    /// Replaces the image's entrypoint; an empty list removes it.
    pub entrypoint: Option<Vec<String>>,
    /// Replaces the image's command.
    pub cmd: Option<Vec<String>>,
    /// The environment, over the image's.
    pub env: Vec<(String, String)>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Its host name; `None`: the beginning of its id.
    pub hostname: Option<String>,
    /// What it is connected to.
    pub network: Network,
    /// Ports published on the engine's machine.
    pub ports: Vec<Port>,
    /// TCP ports that are only said to be there.
    pub exposed: Vec<u16>,
    /// What is mounted.
    pub mounts: Vec<MountSpec>,
    /// `user[:group]`; `None`: the image's.
    pub user: Option<String>,
    /// The working folder; `None`: the image's.
    pub working_dir: Option<String>,
    /// When the engine starts it again.
    pub restart: RestartPolicy,
    /// Limits.
    pub resources: Resources,
    /// The signal that asks it to end; `None`: the image's.
    pub stop_signal: Option<String>,
    /// How long it may take to end.
    pub stop_grace: Option<Duration>,
    /// Capabilities added.
    pub cap_add: Vec<String>,
    /// Capabilities dropped.
    pub cap_drop: Vec<String>,
    /// Such as `no-new-privileges`.
    pub security_opt: Vec<String>,
    /// How many processes it may have.
    pub pids_limit: Option<i64>,
    /// All rights of the machine.
    pub privileged: bool,
    /// The root file system can only be read.
    pub read_only: bool,
    /// A small init process as PID 1.
    pub init: bool,
    /// A terminal is allocated.
    pub tty: bool,
    /// Its standard input is kept open for `attach`.
    pub open_stdin: bool,
    /// Its standard input ends when the first `attach` ends.
    pub stdin_once: bool,
    /// The log driver; `None`: the engine's default.
    pub log_driver: Option<String>,
    /// The log driver's options.
    pub log_options: BTreeMap<String, String>,
    /// `name:address` lines for `/etc/hosts`.
    pub extra_hosts: Vec<String>,
    /// Size of `/dev/shm` in bytes.
    pub shm_size: Option<u64>,
    /// Limits by name: soft and hard.
    pub ulimits: BTreeMap<String, (i64, i64)>,
    /// `linux/amd64` and the like; `None`: the engine's.
    pub platform: Option<String>,
}

impl Default for ContainerSpec {
    fn default() -> Self {
        Self {
            name: String::new(),
            image: String::new(),
            entrypoint: None,
            cmd: None,
            env: Vec::new(),
            labels: BTreeMap::new(),
            hostname: None,
            network: Network::Default,
            ports: Vec::new(),
            exposed: Vec::new(),
            mounts: Vec::new(),
            user: None,
            working_dir: None,
            restart: RestartPolicy::No,
            resources: Resources::default(),
            stop_signal: None,
            stop_grace: None,
            cap_add: Vec::new(),
            cap_drop: Vec::new(),
            security_opt: Vec::new(),
            pids_limit: None,
            privileged: false,
            read_only: false,
            init: false,
            tty: false,
            open_stdin: false,
            stdin_once: false,
            log_driver: None,
            log_options: BTreeMap::new(),
            extra_hosts: Vec::new(),
            shm_size: None,
            ulimits: BTreeMap::new(),
            platform: None,
        }
    }
}

/// What a container is connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Network {
    /// The engine's default bridge.
    Default,
    /// A network by name, with the names that the container has on it.
    Named {
        /// The network.
        name: String,
        /// Host names of the container there.
        aliases: Vec<String>,
    },
    /// The machine's own.
    Host,
    /// None but loopback.
    None,
    /// That of another container, by id.
    Container(String),
}

/// Something mounted into a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountSpec {
    /// What.
    pub source: MountFrom,
    /// Where, absolute inside the container.
    pub target: String,
    /// Whether the container may only read it.
    pub read_only: bool,
}

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MountFrom {
    /// A file or folder of the engine's machine, absolute; it must exist.
    Bind(PathBuf),
    /// A named volume.
    Volume(String),
    /// Memory; the limit in bytes.
    Tmpfs(Option<u64>),
}

impl ContainerSpec {
    pub(crate) fn body(&self) -> ContainerCreateBody {
        ContainerCreateBody {
            hostname: self.hostname.clone(),
            image: Some(self.image.clone()),
            entrypoint: self.entrypoint.clone(),
            cmd: self.cmd.clone(),
            env: Some(self.env.iter().map(|(name, value)| format!("{name}={value}")).collect()),
            labels: Some(self.labels.clone().into_iter().collect()),
            user: self.user.clone(),
            working_dir: self.working_dir.clone(),
            stop_signal: self.stop_signal.clone(),
            stop_timeout: self.stop_grace.map(seconds),
            tty: Some(self.tty),
            open_stdin: Some(self.open_stdin),
            attach_stdin: Some(self.open_stdin),
            stdin_once: Some(self.stdin_once),
            exposed_ports: Some(self.exposed_ports()),
            networking_config: self.endpoints(),
            host_config: Some(self.host()),
            ..ContainerCreateBody::default()
        }
    }

    fn exposed_ports(&self) -> Vec<String> {
        let published = self.ports.iter().map(|port| format!("{}/{}", port.container, port.protocol.name()));
        let mut all: Vec<String> =
            self.exposed.iter().map(|port| format!("{port}/tcp")).chain(published).collect();
        all.sort();
        all.dedup();
        all
    }

    fn endpoints(&self) -> Option<NetworkingConfig> {
        let Network::Named { name, aliases } = &self.network else { return None };
        let endpoint = EndpointSettings { aliases: Some(aliases.clone()), ..EndpointSettings::default() };
        Some(NetworkingConfig { endpoints_config: Some(HashMap::from([(name.clone(), endpoint)])) })
    }

    fn host(&self) -> HostConfig {
        let mut bindings: HashMap<String, Option<Vec<PortBinding>>> = HashMap::new();
        for port in &self.ports {
            let key = format!("{}/{}", port.container, port.protocol.name());
            let binding = PortBinding {
                host_ip: Some(port.address.clone()),
                host_port: Some(port.host.map(|p| p.to_string()).unwrap_or_default()),
            };
            bindings.entry(key).or_default().get_or_insert_default().push(binding);
        }
        HostConfig {
            network_mode: match &self.network {
                Network::Default => None,
                Network::Named { name, .. } => Some(name.clone()),
                Network::Host => Some("host".to_owned()),
                Network::None => Some("none".to_owned()),
                Network::Container(id) => Some(format!("container:{id}")),
            },
            port_bindings: (!bindings.is_empty()).then_some(bindings),
            mounts: Some(self.mounts.iter().map(mount).collect()),
            restart_policy: Some(policy(self.restart)),
            memory: self.resources.memory.map(|bytes| bytes as i64),
            nano_cpus: self.resources.cpus.map(|cores| (cores * 1e9) as i64),
            cap_add: some(&self.cap_add),
            cap_drop: some(&self.cap_drop),
            security_opt: some(&self.security_opt),
            pids_limit: self.pids_limit,
            privileged: Some(self.privileged),
            readonly_rootfs: Some(self.read_only),
            init: self.init.then_some(true),
            log_config: (self.log_driver.is_some() || !self.log_options.is_empty()).then(|| {
                HostConfigLogConfig {
                    typ: self.log_driver.clone(),
                    config: Some(self.log_options.clone().into_iter().collect()),
                }
            }),
            extra_hosts: some(&self.extra_hosts),
            shm_size: self.shm_size.map(|bytes| bytes as i64),
            ulimits: Some(
                self.ulimits.iter().map(|(name, (soft, hard))| ulimit(name, *soft, *hard)).collect(),
            ),
            ..HostConfig::default()
        }
    }
}

fn some(list: &[String]) -> Option<Vec<String>> {
    (!list.is_empty()).then(|| list.to_vec())
}

fn ulimit(name: &str, soft: i64, hard: i64) -> ResourcesUlimits {
    ResourcesUlimits { name: Some(name.to_owned()), soft: Some(soft), hard: Some(hard) }
}

/// Whole seconds, rounded up so that a short grace does not become none.
pub(crate) fn seconds(span: Duration) -> i64 {
    (span.as_secs() + u64::from(span.subsec_nanos() > 0)) as i64
}

fn mount(spec: &MountSpec) -> Mount {
    let mut mount =
        Mount { target: Some(spec.target.clone()), read_only: Some(spec.read_only), ..Mount::default() };
    match &spec.source {
        MountFrom::Bind(path) => {
            mount.typ = Some(MountType::BIND);
            mount.source = Some(path.to_string_lossy().into_owned());
        }
        MountFrom::Volume(name) => {
            mount.typ = Some(MountType::VOLUME);
            mount.source = Some(name.clone());
        }
        MountFrom::Tmpfs(size) => {
            mount.typ = Some(MountType::TMPFS);
            mount.tmpfs_options = size.map(|bytes| MountTmpfsOptions {
                size_bytes: Some(bytes as i64),
                ..MountTmpfsOptions::default()
            });
        }
    }
    mount
}

fn policy(policy: RestartPolicy) -> EnginePolicy {
    let (name, most) = match policy {
        RestartPolicy::No => (RestartPolicyNameEnum::NO, None),
        RestartPolicy::OnFailure(most) => (RestartPolicyNameEnum::ON_FAILURE, most.map(i64::from)),
        RestartPolicy::Always => (RestartPolicyNameEnum::ALWAYS, None),
    };
    EnginePolicy { name: Some(name), maximum_retry_count: most }
}
