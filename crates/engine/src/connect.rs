//! One engine, once it has answered.

use std::path::Path;
use std::sync::Arc;

use bollard::models::SystemVersion;
use bollard::{API_DEFAULT_VERSION, Docker};

use crate::reason::Attempt;
use crate::{Address, EngineError};

/// A connection to an engine; cheap to clone.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    docker: Docker,
    address: Address,
    shown: String,
    version: EngineVersion,
}

/// What answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineVersion {
    /// The engine's version, such as `20.10.24`.
    pub version: String,
    /// The newest API that it speaks, such as `1.41`.
    pub api: String,
    /// Whether it is Podman.
    pub podman: bool,
    /// Whether it builds with BuildKit.
    pub buildkit: bool,
    /// `linux` or `windows`.
    pub os: String,
    /// `amd64`, `arm64` and the like.
    pub arch: String,
}

/// How long the head of an answer may take, in seconds.
const TIMEOUT: u64 = 120;

impl Engine {
    /// Dials the engine and asks for its version.
    pub async fn connect(address: &Address) -> Result<Self, EngineError> {
        let shown = address.to_string();
        let attempt = Attempt { what: "connecting to the engine", address: &shown };
        let docker = match address {
            Address::Unix(path) => {
                Docker::connect_with_unix(&path.to_string_lossy(), TIMEOUT, API_DEFAULT_VERSION)
            }
            Address::Tcp(host) => {
                Docker::connect_with_http(&format!("tcp://{host}"), TIMEOUT, API_DEFAULT_VERSION)
            }
            Address::Tls { host, certificates } => with_tls(host, certificates),
        }
        .map_err(|error| attempt.failed(&error))?;
        let answer = docker.version().await.map_err(|error| attempt.failed(&error))?;
        let version = read_version(answer);
        Ok(Self { inner: Arc::new(Inner { docker, address: address.clone(), shown, version }) })
    }

    /// What answered when it was dialled.
    pub fn version(&self) -> &EngineVersion {
        &self.inner.version
    }

    /// Where it listens.
    pub fn address(&self) -> &Address {
        &self.inner.address
    }

    /// Whether it still answers.
    pub async fn ping(&self) -> Result<(), EngineError> {
        self.docker().ping().await.map_err(|error| self.failed("asking the engine", &error))?;
        Ok(())
    }

    pub(crate) fn docker(&self) -> &Docker {
        &self.inner.docker
    }

    /// The error for `what`, a phrase such as "starting `db`".
    pub(crate) fn failed(&self, what: &str, error: &bollard::errors::Error) -> EngineError {
        self.attempt(what).failed(error)
    }

    pub(crate) fn attempt<'a>(&'a self, what: &'a str) -> Attempt<'a> {
        Attempt { what, address: &self.inner.shown }
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("address", &self.inner.shown).finish_non_exhaustive()
    }
}

fn with_tls(host: &str, certificates: &Path) -> Result<Docker, bollard::errors::Error> {
    Docker::connect_with_ssl(
        &format!("tcp://{host}"),
        &certificates.join("key.pem"),
        &certificates.join("cert.pem"),
        &certificates.join("ca.pem"),
        TIMEOUT,
        API_DEFAULT_VERSION,
    )
}

fn read_version(answer: SystemVersion) -> EngineVersion {
    let podman = answer.components.iter().flatten().any(|part| part.name.contains("Podman"));
    let api = answer.api_version.unwrap_or_default();
    let os = answer.os.unwrap_or_default();
    // BuildKit came with API 1.39 and builds no Windows images.
    let buildkit = !podman && os != "windows" && at_least(&api, (1, 39));
    EngineVersion {
        version: answer.version.unwrap_or_default(),
        api,
        podman,
        buildkit,
        os,
        arch: answer.arch.unwrap_or_default(),
    }
}

fn at_least(api: &str, wanted: (u32, u32)) -> bool {
    let mut parts = api.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= wanted
}
