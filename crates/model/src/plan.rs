//! The checked, fully resolved manifest: what should run.
//!
//! Paths are absolute, variables are replaced, defaults are filled in. Whoever has a [`Plan`] need not check again.

mod reload;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::exchange::Protocol;

pub use reload::{Action, OnDelete, ReloadMode, ReloadRule};

/// A whole stack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The stack's name: lower case letters, digits, `-` and `_`.
    pub name: String,
    /// The folder of the first manifest.
    pub folder: PathBuf,
    /// Every file that was read, the main manifest first; a change in one of them changes the plan.
    pub files: Vec<PathBuf>,
    /// What should run, by name. Services of inactive profiles are left out.
    pub services: BTreeMap<String, Service>,
    /// What the capture keeps.
    pub calls: CallsConfig,
    /// Who may call whom; empty when the manifest says nothing.
    pub allow: Vec<AllowRule>,
}

impl Plan {
    /// A plan in which nothing runs: what a session holds while its manifest has errors.
    pub fn empty(name: impl Into<String>, folder: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            folder: folder.into(),
            files: Vec::new(),
            services: BTreeMap::new(),
            calls: CallsConfig::default(),
            allow: Vec::new(),
        }
    }
}

/// One entry under `[services]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// Its name in the manifest, and its host name on the stack's network.
    pub name: String,
    /// Where its image comes from.
    pub source: Source,
    /// Replaces the image's command.
    pub command: Option<Vec<String>>,
    /// Replaces the image's entrypoint.
    pub entrypoint: Option<Vec<String>>,
    /// The environment, with where each value came from.
    pub env: BTreeMap<String, EnvValue>,
    /// Ports published on this machine.
    pub ports: Vec<Port>,
    /// What is mounted where.
    pub volumes: Vec<Mount>,
    /// What must come first.
    pub depends_on: Vec<Dependency>,
    /// How to see that it is ready; `None`: the image's health check, else the first port's accept, else running.
    pub ready: Option<Probe>,
    /// What to do when files change.
    pub reload: Vec<ReloadRule>,
    /// When the engine should start it again after it ended.
    pub restart: RestartPolicy,
    /// How long it may stay after `shoal down`.
    pub lifetime: Lifetime,
    /// Limits.
    pub resources: Resources,
    /// The signal that asks it to end; `None`: the image's, else `SIGTERM`.
    pub stop_signal: Option<String>,
    /// How long it may take to end before it is killed.
    pub stop_grace: Duration,
    /// `user[:group]` inside the container; `None`: the image's.
    pub user: Option<String>,
    /// The working folder inside the container; `None`: the image's.
    pub working_dir: Option<String>,
    /// When to pull the image.
    pub pull: PullPolicy,
    /// `linux/amd64` and the like; `None`: the engine's.
    pub platform: Option<String>,
    /// Whether calls over its container's loopback are seen too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub loopback: bool,
    /// The rest of what goes to the engine as it is.
    pub container: ContainerOptions,
}

/// Where a service's image comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// An image by reference.
    Image(String),
    /// An image built from a Dockerfile.
    Build(Build),
}

/// A build from a Dockerfile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Build {
    /// The folder that is sent to the builder.
    pub context: PathBuf,
    /// The Dockerfile, absolute.
    pub dockerfile: PathBuf,
    /// The stage to stop at.
    pub target: Option<String>,
    /// Build arguments.
    pub args: BTreeMap<String, String>,
}

/// A value and where it came from, such as `services.toml:14` or `.env`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvValue {
    /// The value as the service sees it.
    pub value: String,
    /// Where it came from, for people.
    pub origin: String,
}

/// A port of a container published on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// The address it is bound to; `127.0.0.1` unless the manifest says otherwise.
    pub address: String,
    /// The port on this machine; `None`: the engine picks a free one.
    pub host: Option<u16>,
    /// The port in the container.
    pub container: u16,
    /// TCP or UDP.
    pub protocol: Transport,
}

/// What a port speaks below the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// A byte stream.
    Tcp,
    /// Datagrams.
    Udp,
}

impl Transport {
    /// `tcp` or `udp`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// Something mounted into a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// What is mounted.
    pub source: MountSource,
    /// Where, absolute inside the container.
    pub target: String,
    /// Whether the container may only read it.
    pub read_only: bool,
}

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MountSource {
    /// A file or folder of this machine, absolute.
    Bind(PathBuf),
    /// A named volume of the stack; the engine's name for it is `STACK_NAME`.
    Volume(String),
    /// Memory; the limit in bytes.
    Tmpfs(Option<u64>),
}

/// What must be so before a service starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    /// The service that comes first.
    pub service: String,
    /// How far it must be.
    pub condition: Condition,
}

/// How far a dependency must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    /// Its container runs.
    Started,
    /// It has been ready at least once since it started.
    Ready,
    /// It ended with exit code 0.
    Completed,
}

/// How to see that a service is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// What is asked.
    pub check: Check,
    /// Time from one try to the next.
    pub every: Duration,
    /// How long one try may take.
    pub timeout: Duration,
    /// How long the service may take in all before it counts as failed.
    pub within: Duration,
}

/// What a probe asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// `GET path` answers with a status from 200 to 399.
    Http {
        /// The port in the container.
        port: u16,
        /// The path with its query, starting with `/`.
        path: String,
    },
    /// The port accepts a connection.
    Tcp(u16),
    /// The command, run in the container, ends with 0.
    Exec(Vec<String>),
    /// A log line contains this text since the container started.
    Log(String),
}

/// When the engine starts a container again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestartPolicy {
    /// Never.
    No,
    /// When it ended with another code than 0, at most this often (`None`: always).
    OnFailure(Option<u32>),
    /// Whenever it ended.
    Always,
}

/// How long a service's container lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lifetime {
    /// Until `shoal down`.
    Session,
    /// Until `shoal down --all`.
    Persistent,
}

/// When an image is pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PullPolicy {
    /// At every start.
    Always,
    /// When the engine does not have it.
    Missing,
    /// Never.
    Never,
}

/// Limits of one instance.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Resources {
    /// Bytes.
    pub memory: Option<u64>,
    /// Cores.
    pub cpus: Option<f64>,
}

/// What goes to the engine as the manifest says it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ContainerOptions {
    /// Labels of the user's.
    pub labels: BTreeMap<String, String>,
    /// `name:address` lines for `/etc/hosts`.
    pub extra_hosts: Vec<String>,
    /// Capabilities added.
    pub cap_add: Vec<String>,
    /// Capabilities dropped.
    pub cap_drop: Vec<String>,
    /// All rights of the machine.
    pub privileged: bool,
    /// The root file system can only be read.
    pub read_only: bool,
    /// A small init process as PID 1.
    pub init: bool,
    /// A terminal is allocated.
    pub tty: bool,
    /// Size of `/dev/shm` in bytes.
    pub shm_size: Option<u64>,
    /// Limits by name: soft and hard.
    pub ulimits: BTreeMap<String, (i64, i64)>,
}

/// The `[calls]` table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallsConfig {
    /// How many bytes of each body are kept.
    pub body_limit: usize,
    /// How many bytes of the disk all calls of the stack may take; 0 keeps them in memory alone.
    pub disk_limit: u64,
    /// Header names, and `$.path` of JSON bodies, whose values are hidden; the defaults included. So are those whose names
    /// say that they are secrets ([`crate::secret`]).
    pub redact: Vec<String>,
    /// How many bytes of the newest packets are kept.
    pub packets: u64,
    /// Files in which programs write the secrets of their TLS connections, absolute.
    pub tls_keys: Vec<PathBuf>,
    /// What services' ports speak, where the manifest says so.
    pub protocols: Vec<Speaks>,
}

/// A service's port speaks this, whatever its bytes look like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Speaks {
    /// The service.
    pub service: String,
    /// Its port, in its container.
    pub port: u16,
    /// [`Protocol::Tcp`]: it is not to be decoded.
    pub protocol: Protocol,
}

impl CallsConfig {
    /// What is hidden whatever the manifest says.
    pub const REDACTED: [&'static str; 8] = [
        "authorization",
        "proxy-authorization",
        "cookie",
        "set-cookie",
        "x-api-key",
        "$.password",
        "$.token",
        "$.secret",
    ];
}

impl Default for CallsConfig {
    fn default() -> Self {
        let redact = Self::REDACTED.map(str::to_owned).to_vec();
        Self {
            body_limit: 64 * 1024,
            disk_limit: 1 << 30,
            redact,
            packets: 0,
            tls_keys: Vec::new(),
            protocols: Vec::new(),
        }
    }
}

/// `[[allow]]`: `from` may call each of `to`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllowRule {
    /// The caller.
    pub from: String,
    /// The callees.
    pub to: Vec<String>,
}
