//! Where the engine listens.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::EngineError;

/// Where an engine listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A socket of this machine.
    Unix(PathBuf),
    /// `host:port`, unencrypted.
    Tcp(String),
    /// `host:port` behind TLS.
    Tls {
        /// `host:port`.
        host: String,
        /// The folder with `ca.pem`, `cert.pem` and `key.pem`.
        certificates: PathBuf,
    },
}

const SOCKET: &str = "/var/run/docker.sock";

impl Address {
    /// Looks where `docker` itself would: `DOCKER_HOST`, else the current context (`DOCKER_CONTEXT`, else
    /// `config.json` of `DOCKER_CONFIG` or `$HOME/.docker`), else the first usual socket that exists.
    pub fn find(env: &BTreeMap<String, String>) -> Result<Self, EngineError> {
        let var = |name: &str| env.get(name).map(String::as_str).filter(|value| !value.is_empty());
        let folder = match (var("DOCKER_CONFIG"), var("HOME")) {
            (Some(folder), _) => Some(PathBuf::from(folder)),
            (None, Some(home)) => Some(Path::new(home).join(".docker")),
            (None, None) => None,
        };
        if let Some(host) = var("DOCKER_HOST") {
            let tls = var("DOCKER_TLS_VERIFY")
                .and_then(|_| var("DOCKER_CERT_PATH").map(PathBuf::from).or_else(|| folder.clone()));
            return Self::parse(host, tls);
        }
        if let Some(folder) = &folder {
            let named = var("DOCKER_CONTEXT").map(str::to_owned).or_else(|| current_context(folder));
            if let Some(name) = named.filter(|name| name != "default") {
                return of_context(folder, &name);
            }
        }
        let beside = [
            Some(PathBuf::from(SOCKET)),
            var("XDG_RUNTIME_DIR").map(|run| Path::new(run).join("docker.sock")),
            var("HOME").map(|home| Path::new(home).join(".docker/run/docker.sock")),
            var("XDG_RUNTIME_DIR").map(|run| Path::new(run).join("podman/podman.sock")),
            Some(PathBuf::from("/run/podman/podman.sock")),
        ];
        let found = beside.into_iter().flatten().find(|path| path.exists());
        Ok(Self::Unix(found.unwrap_or_else(|| PathBuf::from(SOCKET))))
    }

    /// Reads an address as it stands in `DOCKER_HOST`; `certificates` makes a `tcp` one encrypted.
    pub fn parse(text: &str, certificates: Option<PathBuf>) -> Result<Self, EngineError> {
        let bad = |cause: &str| EngineError::BadAddress { address: text.to_owned(), cause: cause.to_owned() };
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(bad("it has no scheme"));
        };
        let host = rest.trim_end_matches('/');
        match scheme {
            "unix" if rest.starts_with('/') => Ok(Self::Unix(PathBuf::from(rest))),
            "unix" => Err(bad("the path of the socket is not absolute")),
            "tcp" | "http" | "https" if host.is_empty() => Err(bad("it names no host")),
            "tcp" | "http" | "https" => {
                let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
                match certificates {
                    Some(certificates) => Ok(Self::Tls {
                        host: if has_port { host.to_owned() } else { format!("{host}:2376") },
                        certificates,
                    }),
                    None if scheme == "https" => {
                        Err(bad("`DOCKER_CERT_PATH` with `DOCKER_TLS_VERIFY=1` is not set"))
                    }
                    None => Ok(Self::Tcp(if has_port { host.to_owned() } else { format!("{host}:2375") })),
                }
            }
            "ssh" => Err(bad("engines behind ssh are not supported yet")),
            "npipe" => Err(bad("named pipes exist on Windows only")),
            _ => Err(bad("the scheme is unknown")),
        }
    }

    /// Whether the engine runs on this machine, so that its container addresses can be dialled from here.
    pub fn is_local(&self) -> bool {
        matches!(self, Self::Unix(_))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp(host) | Self::Tls { host, .. } => write!(f, "tcp://{host}"),
        }
    }
}

fn current_context(folder: &Path) -> Option<String> {
    let config: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.join("config.json")).ok()?).ok()?;
    config.get("currentContext")?.as_str().filter(|name| !name.is_empty()).map(str::to_owned)
}

/// A context's folder is named after the SHA-256 of its name.
fn folder_of(name: &str) -> String {
    Sha256::digest(name.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").ok();
        hex
    })
}

fn of_context(folder: &Path, name: &str) -> Result<Address, EngineError> {
    let bad = |cause: String| EngineError::BadAddress { address: format!("docker context {name}"), cause };
    let id = folder_of(name);
    let path = folder.join("contexts/meta").join(&id).join("meta.json");
    let text = fs::read(&path).map_err(|error| bad(format!("`{}`: {error}", path.display())))?;
    let meta: serde_json::Value = serde_json::from_slice(&text).map_err(|error| bad(error.to_string()))?;
    let host = meta.pointer("/Endpoints/docker/Host").and_then(serde_json::Value::as_str);
    let host = host.ok_or_else(|| bad("it names no Docker endpoint".to_owned()))?;
    let tls = folder.join("contexts/tls").join(&id).join("docker");
    Address::parse(host, tls.join("ca.pem").exists().then_some(tls))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn docker_host_comes_first() {
        let found = Address::find(&env(&[("DOCKER_HOST", "tcp://10.0.0.1")])).unwrap();
        assert_eq!(found.to_string(), "tcp://10.0.0.1:2375");
        let tls = [("DOCKER_HOST", "tcp://h:1"), ("DOCKER_TLS_VERIFY", "1"), ("DOCKER_CERT_PATH", "/c")];
        assert_eq!(
            Address::find(&env(&tls)).unwrap(),
            Address::Tls { host: "h:1".into(), certificates: "/c".into() }
        );
    }

    #[test]
    fn the_current_context_comes_next() {
        let home = tempfile::tempdir().unwrap();
        let docker = home.path().join(".docker");
        // `printf far | sha256sum`
        let meta =
            docker.join("contexts/meta/512eea46ceb3921dff4363c7069d89d4964d1d9fccaa0f411851a7aa60a5c868");
        fs::create_dir_all(&meta).unwrap();
        fs::write(docker.join("config.json"), r#"{"currentContext":"far"}"#).unwrap();
        fs::write(
            meta.join("meta.json"),
            r#"{"Name":"far","Endpoints":{"docker":{"Host":"unix:///run/far.sock"}}}"#,
        )
        .unwrap();
        let env = env(&[("HOME", home.path().to_str().unwrap())]);
        assert_eq!(Address::find(&env).unwrap(), Address::Unix("/run/far.sock".into()));
    }

    #[test]
    fn what_cannot_be_dialled_is_told() {
        for text in ["ssh://me@host", "10.0.0.1", "unix://relative", "tcp://", "gopher://x", "https://h"] {
            let error = Address::parse(text, None).unwrap_err();
            assert!(matches!(error, EngineError::BadAddress { .. }), "{text}");
            assert!(error.hint().is_some());
        }
    }
}
