//! The guest's `supervise` and `agent` as real processes, side by side as in a container.

#![expect(clippy::unwrap_used, reason = "a test may panic, also outside of a test function")]

mod agent;
mod supervise;

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use model::frame::{self, Frames, FromAgent, ToAgent};

fn guest() -> Command {
    Command::new(env!("CARGO_BIN_EXE_guest"))
}

/// A supervisor with its service; killed when dropped.
struct Supervised {
    process: Child,
    lines: BufReader<ChildStdout>,
    socket: String,
}

impl Supervised {
    /// Runs a shell script under a supervisor of its own.
    fn start(name: &str, script: &str) -> Self {
        Self::run(name, guest(), script)
    }

    fn run(name: &str, mut guest: Command, script: &str) -> Self {
        let socket = format!("shoal-test-{}-{name}", std::process::id());
        let mut process = guest
            .args(["supervise", "--socket", &socket, "--", "sh", "-c", script])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap());
        Self { process, lines, socket }
    }

    /// The next line that the service prints.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn signal(&self, number: i32) {
        // SAFETY: takes no pointers.
        assert_eq!(unsafe { libc::kill(self.process.id() as i32, number) }, 0);
    }

    fn children(&self) -> Vec<i32> {
        let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", self.process.id()));
        children.unwrap_or_default().split_whitespace().map(|pid| pid.parse().unwrap()).collect()
    }

    fn exit_code(&mut self) -> i32 {
        self.process.wait().unwrap().code().unwrap()
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        if let Ok(None) = self.process.try_wait() {
            // With the request to end, the end of a service that does not listen to it ends the supervisor.
            self.signal(libc::SIGTERM);
            for child in self.children() {
                // SAFETY: takes no pointers.
                unsafe { libc::kill(child, libc::SIGKILL) };
            }
            drop(self.process.wait());
        }
    }
}

/// An agent as the host sees it.
struct Agent {
    process: Child,
    input: Option<ChildStdin>,
    output: ChildStdout,
    frames: Frames<FromAgent>,
    /// What was heard during a batch and is not of it.
    later: VecDeque<FromAgent>,
}

impl Agent {
    fn start(socket: &str) -> Self {
        let mut process = guest()
            .args(["agent", "--socket", socket])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (process.stdin.take(), process.stdout.take().unwrap());
        Self { process, input, output, frames: Frames::default(), later: VecDeque::new() }
    }

    /// One that has no supervisor beside it, and has said so.
    fn alone() -> Self {
        let mut agent = Self::start(&format!("shoal-test-{}-nobody", std::process::id()));
        assert_eq!(agent.next(), FromAgent::Ready { supervised: false });
        agent
    }

    /// One beside a supervisor.
    fn of(supervised: &Supervised) -> Self {
        let mut agent = Self::start(&supervised.socket);
        assert_eq!(agent.next(), FromAgent::Ready { supervised: true });
        agent
    }

    fn send(&mut self, step: &ToAgent) {
        self.input.as_mut().unwrap().write_all(&frame::encode(step).unwrap()).unwrap();
    }

    fn next(&mut self) -> FromAgent {
        let mut bytes = [0; 4096];
        loop {
            if let Some(answer) = self.later.pop_front().or_else(|| self.frames.next_frame()) {
                return answer;
            }
            let length = self.output.read(&mut bytes).unwrap();
            assert_ne!(length, 0, "the agent is gone");
            self.frames.push(&bytes[..length]);
        }
    }

    /// Does steps as one batch: what was printed, and the failure if there was one.
    fn apply(&mut self, steps: &[ToAgent]) -> (String, Result<(), String>) {
        for step in steps {
            self.send(step);
        }
        self.send(&ToAgent::Commit { batch: 1 });
        let (mut printed, mut failure, mut crashed) = (Vec::new(), None, Vec::new());
        loop {
            match self.next() {
                FromAgent::Output { bytes } => printed.extend(bytes),
                FromAgent::Failed { what } => assert_eq!(failure.replace(what), None, "one failure a batch"),
                FromAgent::Done { batch, ok, .. } => {
                    assert_eq!((batch, ok), (1, failure.is_none()));
                    self.later.extend(crashed);
                    return (String::from_utf8(printed).unwrap(), failure.map_or(Ok(()), Err));
                }
                // What the batch started may end before the batch is told to be done.
                ended @ FromAgent::Ended { .. } => crashed.push(ended),
                other => panic!("unexpected: {other:?}"),
            }
        }
    }

    fn done(&mut self, steps: &[ToAgent]) {
        assert_eq!(self.apply(steps).1, Ok(()));
    }

    fn failure(&mut self, steps: &[ToAgent]) -> String {
        self.apply(steps).1.unwrap_err()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.input.take());
        drop(self.process.wait());
    }
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn put(path: &Path, content: &str) -> ToAgent {
    ToAgent::Put { path: text(path), mode: 0o644, in_place: false, bytes: content.into(), last: true }
}

fn is_root() -> bool {
    // SAFETY: takes no pointers and cannot fail.
    unsafe { libc::geteuid() == 0 }
}
