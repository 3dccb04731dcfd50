//! What Shoal is measured beside.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Reads a container's log from the engine and throws it away; returns when the last byte came.
pub(crate) fn drain(container: &str) -> Instant {
    let mut socket = UnixStream::connect("/var/run/docker.sock").expect("the engine's socket");
    let path = format!("/containers/{container}/logs?follow=1&stdout=1&stderr=1&timestamps=1");
    socket.write_all(format!("GET {path} HTTP/1.0\r\nHost: docker\r\n\r\n").as_bytes()).expect("a request");
    let (mut buffer, mut last) = (vec![0; 64 * 1024], Instant::now());
    while socket.read(&mut buffer).expect("the log") > 0 {
        last = Instant::now();
    }
    last
}

/// The engine's process.
pub(crate) fn engine() -> u32 {
    let pid = std::fs::read_to_string("/var/run/docker.pid").expect("the engine runs on this machine");
    pid.trim().parse().expect("a process id")
}

/// The latest release of ripgrep, installed where benchmarks keep their things.
pub(crate) fn ripgrep(tools: &Path) -> PathBuf {
    let program = tools.join("bin/rg");
    if !program.exists() {
        let args = ["install", "--locked", "--quiet", "ripgrep", "--root"];
        let installed = Command::new(env!("CARGO")).args(args).arg(tools).status();
        assert!(installed.expect("cargo runs").success(), "ripgrep could not be installed");
    }
    program
}

/// What a shell command line prints, and the processor time that it took.
pub(crate) fn timed(shell: &str) -> (String, Duration) {
    let script = format!("TIMEFORMAT='%3U %3S'; time {{ {shell}; }}");
    let ran = Command::new("bash").args(["-c", &script]).output().expect("bash runs");
    let told = String::from_utf8_lossy(&ran.stderr).into_owned();
    let seconds =
        told.lines().last().unwrap_or_default().split(' ').map(|n| n.parse::<f64>().expect("seconds"));
    (String::from_utf8_lossy(&ran.stdout).trim().to_owned(), Duration::from_secs_f64(seconds.sum()))
}
