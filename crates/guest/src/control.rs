//! What the agent and the supervisor of one container say to each other: a line each, over a socket that has a name
//! but no file, so that a read-only root and a user without rights do not matter.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::SocketAddr;

/// Agent to supervisor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Request {
    /// Start the service's process anew.
    Restart { id: u32, grace_ms: u32 },
    /// Send a signal to the service's process.
    Signal { id: u32, number: i32 },
}

/// Supervisor to agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Notice {
    /// The request was done; the service's process has this number.
    Done { id: u32, pid: i32 },
    /// The request could not be done.
    Failed { id: u32, why: String },
    /// The service's process ended by itself after a reload, and the container waits for the next one.
    Ended { code: i32 },
    /// The first notice to each agent: `HOME` of the service, empty when it has none.
    Home(String),
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Restart { id, grace_ms } => write!(f, "restart {id} {grace_ms}"),
            Self::Signal { id, number } => write!(f, "signal {id} {number}"),
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done { id, pid } => write!(f, "done {id} {pid}"),
            Self::Failed { id, why } => write!(f, "failed {id} {why}"),
            Self::Ended { code } => write!(f, "ended {code}"),
            Self::Home(path) => write!(f, "home {path}"),
        }
    }
}

impl Request {
    /// Reads a line without its end.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let (verb, id) = (words.next()?, words.next()?.parse().ok()?);
        let argument = words.next()?;
        match verb {
            "restart" => Some(Self::Restart { id, grace_ms: argument.parse().ok()? }),
            "signal" => Some(Self::Signal { id, number: argument.parse().ok()? }),
            _ => None,
        }
    }
}

impl Notice {
    /// Reads a line without its end.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let (verb, rest) = line.split_once(' ')?;
        let pair = || rest.split_once(' ');
        match verb {
            "done" => {
                pair().and_then(|(id, pid)| Some(Self::Done { id: id.parse().ok()?, pid: pid.parse().ok()? }))
            }
            "failed" => {
                pair().and_then(|(id, why)| Some(Self::Failed { id: id.parse().ok()?, why: why.to_owned() }))
            }
            "ended" => Some(Self::Ended { code: rest.parse().ok()? }),
            "home" => Some(Self::Home(rest.to_owned())),
            _ => None,
        }
    }
}

/// Where a container's supervisor listens. The mount namespace is what a container never shares, not even where it
/// shares the network or the process numbers.
pub(crate) fn address(given: Option<&OsString>) -> io::Result<SocketAddr> {
    if let Some(name) = given {
        return SocketAddr::from_abstract_name(name.as_bytes());
    }
    let namespace = fs::read_link("/proc/self/ns/mnt")?;
    SocketAddr::from_abstract_name([b"shoal-supervisor-", namespace.as_os_str().as_bytes()].concat())
}

/// Cuts bytes as they come into lines. What is longer than any of our lines is dropped.
#[derive(Debug, Default)]
pub(crate) struct Lines(Vec<u8>);

impl Lines {
    const LONGEST: usize = 8192;

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn next_line(&mut self) -> Option<String> {
        let Some(end) = self.0.iter().position(|&b| b == b'\n') else {
            if self.0.len() > Self::LONGEST {
                self.0.clear();
            }
            return None;
        };
        let line = self.0.drain(..=end).take(end).collect::<Vec<u8>>();
        Some(String::from_utf8_lossy(&line).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_survives_the_wire() {
        for request in [Request::Restart { id: 1, grace_ms: 10_000 }, Request::Signal { id: 2, number: 1 }] {
            assert_eq!(Request::parse(&request.to_string()), Some(request));
        }
        for notice in [
            Notice::Done { id: 1, pid: 7 },
            Notice::Failed { id: 2, why: "no such file or directory".into() },
            Notice::Ended { code: 137 },
            Notice::Home("/home/with space".into()),
        ] {
            assert_eq!(Notice::parse(&notice.to_string()), Some(notice));
        }
        for line in ["", "restart", "restart 1", "restart x 1", "signal 1 HUP", "dance 1 2"] {
            assert_eq!(Request::parse(line), None, "{line}");
        }
    }

    #[test]
    fn lines_are_whole_however_they_are_cut() {
        let mut lines = Lines::default();
        lines.push(b"ended 1\nho");
        assert_eq!(lines.next_line().as_deref(), Some("ended 1"));
        assert_eq!(lines.next_line(), None);
        lines.push(b"me /root\n");
        assert_eq!(lines.next_line().as_deref(), Some("home /root"));
        lines.push(&[b'x'; Lines::LONGEST + 1]);
        assert_eq!(lines.next_line(), None);
        lines.push(b"ended 2\n");
        assert_eq!(lines.next_line().as_deref(), Some("ended 2"));
    }
}
