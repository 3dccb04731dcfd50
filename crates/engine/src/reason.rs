//! From the engine's words to an [`EngineError`].

use std::error::Error as _;
use std::io;

use bollard::errors::Error;

use crate::EngineError;

/// What was attempted, in words that fit before "did not work", and the engine's address.
pub(crate) struct Attempt<'a> {
    pub(crate) what: &'a str,
    pub(crate) address: &'a str,
}

impl Attempt<'_> {
    /// Reads what `bollard` says.
    pub(crate) fn failed(&self, error: &Error) -> EngineError {
        match error {
            Error::DockerResponseServerError { status_code, message } => self.answered(*status_code, message),
            Error::DockerStreamError { error } => self.answered(500, error),
            Error::SocketNotFoundError(_) => self.unreachable("the socket is not there"),
            Error::RequestTimeoutError => self.other(None, "the engine took too long to answer"),
            other => self.broken(other),
        }
    }

    /// Reads the operating system's error on a connection of our own.
    pub(crate) fn io(&self, error: &io::Error) -> EngineError {
        match error.kind() {
            io::ErrorKind::PermissionDenied => EngineError::NoRights { address: self.address.to_owned() },
            io::ErrorKind::NotFound => self.unreachable("the socket is not there"),
            io::ErrorKind::ConnectionRefused | io::ErrorKind::TimedOut => {
                self.unreachable(&error.to_string())
            }
            _ => self.other(None, &error.to_string()),
        }
    }

    /// Reads an answer that is no success.
    pub(crate) fn answered(&self, status: u16, message: &str) -> EngineError {
        let what = self.what.to_owned();
        if is_disk_full(message) {
            return EngineError::DiskFull { what };
        }
        if is_port_taken(message)
            && let Some(port) = port_in(message)
        {
            return EngineError::PortTaken { port, holder: None };
        }
        if let Some(image) = after(message, "No such image: ") {
            return EngineError::ImageMissing { image };
        }
        if is_program_missing(message) {
            return EngineError::NoProgram {
                program: program_in(message),
                message: message.trim().to_owned(),
            };
        }
        if message.contains("does not support reading") {
            return EngineError::Unsupported { what: message.trim().to_owned() };
        }
        match status {
            404 => EngineError::NotFound { what: missing_in(message).unwrap_or(what) },
            409 if message.contains("is already in use by container") => {
                EngineError::NameTaken { name: name_in(message) }
            }
            409 => EngineError::Conflict { what, message: message.trim().to_owned() },
            501 => EngineError::Unsupported { what: message.trim().to_owned() },
            _ => self.other(Some(status), message),
        }
    }

    fn broken(&self, error: &Error) -> EngineError {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
        let mut deepest = error.to_string();
        while let Some(at) = cause {
            if let Some(io) = at.downcast_ref::<io::Error>() {
                return self.io(io);
            }
            deepest = at.to_string();
            cause = at.source();
        }
        match error {
            Error::HyperLegacyError { err } if err.is_connect() => self.unreachable(&deepest),
            _ if error.source().is_some() => self.other(None, &format!("{error}: {deepest}")),
            _ => self.other(None, &deepest),
        }
    }

    fn unreachable(&self, cause: &str) -> EngineError {
        EngineError::NotReachable { address: self.address.to_owned(), cause: cause.to_owned() }
    }

    fn other(&self, status: Option<u16>, message: &str) -> EngineError {
        EngineError::Other { what: self.what.to_owned(), status, message: message.trim().to_owned() }
    }
}

/// Whether a text of the engine, a builder or a program in it says that a disk is full.
pub(crate) fn is_disk_full(message: &str) -> bool {
    message.contains("no space left on device") || message.contains("No space left on device")
}

/// Whether an image's registry could not be talked to.
pub(crate) fn is_registry_down(message: &str) -> bool {
    [
        "dial tcp",
        "i/o timeout",
        "no such host",
        "TLS handshake",
        "connection refused",
        "connection reset",
        "Client.Timeout",
        "context deadline exceeded",
        "request canceled",
        "server misbehaving",
        "proxyconnect",
        "certificate",
        "failed to do request",
        ": EOF",
    ]
    .iter()
    .any(|sign| message.contains(sign))
}

/// Whether a registry answered that it has no such image, or not for us.
pub(crate) fn is_image_unknown(message: &str) -> bool {
    [
        "manifest unknown",
        "not found",
        "pull access denied",
        "repository does not exist",
        "access to the resource is denied",
    ]
    .iter()
    .any(|sign| message.contains(sign))
}

/// Whether a runtime says that the program to run is not there or cannot be run.
pub(crate) fn is_program_missing(message: &str) -> bool {
    message.contains("executable file not found")
        || ((message.contains("OCI runtime") || message.contains("exec failed"))
            && (message.contains("no such file or directory") || message.contains("permission denied")))
}

fn is_port_taken(message: &str) -> bool {
    message.contains("port is already allocated") || message.contains("address already in use")
}

/// The host port in one of the ways in which engines 20 to 29 name it: `Bind for 0.0.0.0:80 failed`,
/// `listen tcp4 127.0.0.1:80: bind`, `failed to bind host port for 0.0.0.0:80:172.17.0.2:80/tcp`.
fn port_in(message: &str) -> Option<u16> {
    [
        "Bind for ",
        "host port for ",
        "host port ",
        "listen tcp4 ",
        "listen tcp6 ",
        "listen tcp ",
        "listen udp4 ",
        "listen udp ",
    ]
    .iter()
    .filter_map(|sign| message.split_once(sign))
    .find_map(|(_, rest)| {
        let rest = match rest.strip_prefix('[') {
            Some(v6) => v6.split_once("]:")?.1,
            None => rest.split_once(':')?.1,
        };
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest[..digits].parse().ok()
    })
}

/// ``container `abc` `` from `No such container: abc` and its like.
fn missing_in(message: &str) -> Option<String> {
    for (sign, noun) in [
        ("No such container: ", "container"),
        ("no such container: ", "container"),
        ("No such exec instance: ", "exec"),
        ("no such volume: ", "volume"),
        ("No such network: ", "network"),
    ] {
        if let Some(name) = after(message, sign) {
            return Some(format!("{noun} `{name}`"));
        }
    }
    if let Some((_, rest)) = message.split_once("network ")
        && let Some((name, _)) = rest.split_once(" not found")
    {
        return Some(format!("network `{name}`"));
    }
    None
}

fn after(message: &str, sign: &str) -> Option<String> {
    let (_, rest) = message.split_once(sign)?;
    rest.split_whitespace().next().map(|word| word.trim_end_matches(['"', ',']).to_owned())
}

/// The name in `Conflict. The container name "/shop-db-1" is already in use by container …`.
fn name_in(message: &str) -> String {
    message.split('"').nth(1).unwrap_or(message).trim_start_matches('/').to_owned()
}

/// The program in `… exec: "nosuch": executable file not found in $PATH: unknown`.
fn program_in(message: &str) -> String {
    message.split('"').nth(1).map_or_else(|| "the program".to_owned(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, message: &str) -> EngineError {
        Attempt { what: "starting it", address: "unix:///x" }.answered(status, message)
    }

    #[test]
    fn names_the_port_that_is_taken() {
        for message in [
            "driver failed programming external connectivity on endpoint a (1f): Bind for 127.0.0.1:8080 failed: port is already allocated",
            "driver failed programming external connectivity on endpoint a (1f): Error starting userland proxy: listen tcp4 127.0.0.1:8080: bind: address already in use",
            "failed to set up container networking: failed to bind host port for 0.0.0.0:8080:172.18.0.2:80/tcp: address already in use",
            "failed to bind host port 127.0.0.1:8080/tcp: address already in use",
            "Error starting userland proxy: listen tcp6 [::1]:8080: bind: address already in use",
        ] {
            assert_eq!(read(500, message), EngineError::PortTaken { port: 8080, holder: None }, "{message}");
        }
    }

    #[test]
    fn tells_kinds_apart() {
        assert_eq!(read(404, "No such image: a:b"), EngineError::ImageMissing { image: "a:b".into() });
        assert_eq!(
            read(404, "No such container: abc"),
            EngineError::NotFound { what: "container `abc`".into() }
        );
        assert_eq!(read(404, "network n not found"), EngineError::NotFound { what: "network `n`".into() });
        assert_eq!(
            read(
                409,
                "Conflict. The container name \"/a-1\" is already in use by container \"5f\". You have to"
            ),
            EngineError::NameTaken { name: "a-1".into() }
        );
        assert_eq!(
            read(500, "write /x: no space left on device"),
            EngineError::DiskFull { what: "starting it".into() }
        );
        assert!(matches!(read(409, "Container 5f is not running"), EngineError::Conflict { .. }));
        assert!(matches!(
            read(400, "OCI runtime exec failed: exec failed: exec: \"nosuch\": executable file not found in $PATH: unknown"),
            EngineError::NoProgram { program, .. } if program == "nosuch"
        ));
    }
}
