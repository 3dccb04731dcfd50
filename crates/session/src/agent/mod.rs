//! The host's end of the guest's agent: one open `exec` in a service's container, through which reloads go.

mod look;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use engine::{Engine, EngineError, Exec, ExecSpec};
use futures_util::StreamExt;
use model::frame::{Entry, FrameError, Frames, FromAgent, ToAgent, encode};
use model::line::Stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use watch::Kind;
use watch::plan::{Decision, Step, Write};

use crate::tools::{BINARY, FOLDER};
pub(crate) use look::expected;

/// Bytes of a file that go in one frame.
const CHUNK: usize = 256 * 1024;
/// How long the agent may take to say that it is there.
const HELLO: Duration = Duration::from_secs(5);
/// How long it may be silent while it works.
const SILENCE: Duration = Duration::from_mins(10);
/// Entries that are compared with one frame.
const COMPARED: usize = 1000;

/// Why a batch was not applied.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AgentError {
    /// The user's own step failed: a command, a file that cannot be written.
    #[error("{what}")]
    Step {
        /// What was tried, and why it failed.
        what: String,
    },
    /// The engine said no.
    #[error("the agent in the container cannot be reached: {0}")]
    Engine(#[from] EngineError),
    /// The way to the agent broke.
    #[error("the way to the agent in the container broke: {0}")]
    Pipe(#[from] std::io::Error),
    /// A file could not be read here.
    #[error("`{path}` cannot be read: {cause}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        cause: std::io::Error,
    },
    /// A step could not be written as a frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The container was made without the guest.
    #[error("the container has no `{FOLDER}/{BINARY}`")]
    Missing,
    /// The agent or the engine is not there any more.
    #[error("the agent in the container is gone")]
    Gone,
}

/// What applying a batch took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Applied {
    /// Bytes of files that were sent.
    pub bytes: u64,
    /// Until the last byte was handed over.
    pub send: Duration,
    /// From there until the container had the files and the signals.
    pub apply: Duration,
    /// What the commands took, if there were any.
    pub run: Option<Duration>,
    /// From the signal to the old process until the new one ran, if it was started anew.
    pub restart: Option<Duration>,
}

/// An open way to the agent in one container. Dropping it ends the agent.
pub(crate) struct AgentLink {
    exec: Exec,
    supervised: bool,
    frames: Frames<FromAgent>,
    answers: VecDeque<FromAgent>,
    /// The service has ended by itself while something else was waited for.
    crashed: Option<i32>,
    complaints: Vec<u8>,
}

impl AgentLink {
    /// Starts an agent in a running container and waits until it is there.
    pub(crate) async fn connect(engine: &Engine, container: &str) -> Result<Self, AgentError> {
        let spec = ExecSpec {
            cmd: vec![format!("{FOLDER}/{BINARY}"), "agent".to_owned()],
            stdin: true,
            user: Some("0".to_owned()),
            ..ExecSpec::default()
        };
        let exec = match engine.exec(container, &spec).await {
            Err(EngineError::NoProgram { .. }) => return Err(AgentError::Missing),
            exec => exec?,
        };
        let mut link = Self {
            exec,
            supervised: false,
            frames: Frames::default(),
            answers: VecDeque::new(),
            crashed: None,
            complaints: Vec::new(),
        };
        match tokio::time::timeout(HELLO, link.answer()).await {
            Ok(Ok(FromAgent::Ready { supervised })) => Ok(Self { supervised, ..link }),
            Ok(Ok(_)) | Err(_) => Err(AgentError::Gone),
            Ok(Err(error)) => match engine.exec_exit(&link.exec.id).await {
                // What shells and engines say when there is no such program.
                Ok(Some(126 | 127)) => Err(AgentError::Missing),
                _ => Err(error),
            },
        }
    }

    /// Whether the service's process can be started anew while its container goes on.
    pub(crate) fn is_supervised(&self) -> bool {
        self.supervised
    }

    /// The places in the list of those that are not in the container as they should be.
    pub(crate) async fn compare(&mut self, entries: &[Entry]) -> Result<Vec<usize>, AgentError> {
        let mut differing = Vec::new();
        for (part, entries) in entries.chunks(COMPARED).enumerate() {
            self.send(&ToAgent::Compare { entries: entries.to_vec() }).await?;
            self.exec.input.flush().await?;
            let which = loop {
                match tokio::time::timeout(SILENCE, self.answer()).await.map_err(|_| AgentError::Gone)?? {
                    FromAgent::Differ { which } => break which,
                    // Whoever waits for an end hears of it later.
                    FromAgent::Ended { code } => self.crashed = Some(code),
                    _ => {}
                }
            };
            differing.extend(which.into_iter().map(|place| part * COMPARED + place as usize));
        }
        Ok(differing)
    }

    /// Sends a batch and waits until it is done; what its commands print goes to `output`.
    pub(crate) async fn apply(
        &mut self,
        decision: &Decision,
        batch: u64,
        grace: Duration,
        mut output: impl FnMut(&[u8]),
    ) -> Result<Applied, AgentError> {
        let begun = Instant::now();
        let ran = decision.then.iter().any(|step| matches!(step, Step::Run { .. }));
        let restarted = decision.then.contains(&Step::Restart);
        if restarted {
            // An end that was told before is that of what is about to be replaced.
            self.crashed = None;
            self.answers.retain(|answer| !matches!(answer, FromAgent::Ended { .. }));
        }
        let mut bytes = 0;
        for path in &decision.deletes {
            self.send(&ToAgent::Delete { path: path.clone() }).await?;
        }
        for write in &decision.writes {
            bytes += self.send_file(write).await?;
        }
        for step in &decision.then {
            let step = match step {
                Step::Run { command, user } => ToAgent::Run { command: command.clone(), user: user.clone() },
                Step::Signal(name) => ToAgent::Signal { name: name.clone() },
                Step::Restart => {
                    ToAgent::Restart { grace_ms: grace.as_millis().min(u128::from(u32::MAX)) as u32 }
                }
                // The image is built on the host; the agent has no part in it.
                Step::Rebuild => continue,
            };
            self.send(&step).await?;
        }
        self.send(&ToAgent::Commit { batch }).await?;
        self.exec.input.flush().await?;
        let send = begun.elapsed();
        let mut failed = None;
        loop {
            let answer =
                tokio::time::timeout(SILENCE, self.answer()).await.map_err(|_| AgentError::Gone)??;
            match answer {
                FromAgent::Output { bytes } => output(&bytes),
                FromAgent::Failed { what } => failed = Some(what),
                FromAgent::Done { batch: of, ok, run, restart } if of == batch => {
                    if !ok {
                        let what = failed.unwrap_or_else(|| "a step failed".to_owned());
                        return Err(AgentError::Step { what });
                    }
                    let [run, restart] = [run, restart].map(Duration::from_micros);
                    return Ok(Applied {
                        bytes,
                        send,
                        apply: begun.elapsed().saturating_sub(send + run + restart),
                        run: ran.then_some(run),
                        restart: restarted.then_some(restart),
                    });
                }
                // What this batch started may end before the batch is told to be done; `ended` tells it then.
                FromAgent::Ended { code } => self.crashed = Some(code),
                // A late answer is of no batch of ours.
                _ => {}
            }
        }
    }

    /// Waits until what the last restart started has ended by itself, and tells its exit code: the container goes on
    /// and so does not show it. Nothing is lost when the wait is given up.
    pub(crate) async fn ended(&mut self) -> Result<i32, AgentError> {
        if let Some(code) = self.crashed.take() {
            return Ok(code);
        }
        loop {
            if let FromAgent::Ended { code } = self.answer().await? {
                return Ok(code);
            }
        }
    }

    /// Sends what is at `write.from` now. What is gone or has become another kind of thing meanwhile is a change of its
    /// own that comes later. Returns the bytes sent.
    async fn send_file(&mut self, write: &Write) -> Result<u64, AgentError> {
        let unreadable = |cause| AgentError::Read { path: write.from.display().to_string(), cause };
        let facts = match tokio::fs::symlink_metadata(&write.from).await {
            Ok(facts) => facts,
            Err(error) if is_gone(&error) => return Ok(0),
            Err(error) => return Err(unreadable(error)),
        };
        let (path, mode) = (write.to.clone(), facts.permissions().mode() & 0o7777);
        match write.kind {
            Kind::Folder if facts.is_dir() => self.send(&ToAgent::MakeDir { path, mode }).await?,
            Kind::Link if facts.is_symlink() => {
                let target = match tokio::fs::read_link(&write.from).await {
                    Ok(target) => target.to_string_lossy().into_owned(),
                    Err(error) if is_gone(&error) => return Ok(0),
                    Err(error) => return Err(unreadable(error)),
                };
                self.send(&ToAgent::Link { path, target }).await?;
            }
            Kind::Written if facts.is_file() => {
                return self.send_bytes(&write.from, path, mode, write.in_place).await;
            }
            Kind::Folder | Kind::Link | Kind::Written | Kind::Removed => {}
        }
        Ok(0)
    }

    async fn send_bytes(
        &mut self,
        from: &Path,
        path: String,
        mode: u32,
        in_place: bool,
    ) -> Result<u64, AgentError> {
        let unreadable = |cause| AgentError::Read { path: from.display().to_string(), cause };
        let mut file = match tokio::fs::File::open(from).await {
            Ok(file) => file,
            Err(error) if is_gone(&error) => return Ok(0),
            Err(error) => return Err(unreadable(error)),
        };
        let mut sent = 0;
        let mut chunk = next_chunk(&mut file).await.map_err(unreadable)?;
        let mut path = Some(path);
        loop {
            let next = if chunk.len() < CHUNK {
                Vec::new()
            } else {
                next_chunk(&mut file).await.map_err(unreadable)?
            };
            let last = next.is_empty();
            sent += chunk.len() as u64;
            let bytes = std::mem::replace(&mut chunk, next);
            match path.take() {
                Some(path) => self.send(&ToAgent::Put { path, mode, in_place, bytes, last }).await?,
                None => self.send(&ToAgent::Append { bytes, last }).await?,
            }
            if last {
                return Ok(sent);
            }
        }
    }

    async fn send(&mut self, step: &ToAgent) -> Result<(), AgentError> {
        let frame = encode(step)?;
        let mut rest = frame.as_slice();
        while !rest.is_empty() {
            // Reading goes on while writing: an agent that cannot get rid of its answers would stop listening.
            tokio::select! {
                written = self.exec.input.write(rest) => match written? {
                    0 => return Err(AgentError::Gone),
                    bytes => rest = &rest[bytes..],
                },
                part = self.exec.output.next() => match part {
                    Some(Ok((stream, bytes))) => heard(&mut self.frames, &mut self.answers, &mut self.complaints, stream, &bytes),
                    Some(Err(error)) => return Err(error.into()),
                    None => return Err(AgentError::Gone),
                },
            }
        }
        Ok(())
    }

    async fn answer(&mut self) -> Result<FromAgent, AgentError> {
        loop {
            if let Some(answer) = self.answers.pop_front() {
                return Ok(answer);
            }
            match self.exec.output.next().await {
                Some(Ok((stream, bytes))) => {
                    heard(&mut self.frames, &mut self.answers, &mut self.complaints, stream, &bytes);
                }
                Some(Err(error)) => return Err(error.into()),
                None => {
                    let said = String::from_utf8_lossy(&self.complaints).trim().to_owned();
                    if said.is_empty() {
                        return Err(AgentError::Gone);
                    }
                    return Err(AgentError::Pipe(std::io::Error::other(said)));
                }
            }
        }
    }
}

fn heard(
    frames: &mut Frames<FromAgent>,
    answers: &mut VecDeque<FromAgent>,
    complaints: &mut Vec<u8>,
    stream: Stream,
    bytes: &[u8],
) {
    if stream == Stream::Stderr {
        complaints.extend_from_slice(&bytes[..bytes.len().min(2000)]);
        complaints.truncate(2000);
        return;
    }
    frames.push(bytes);
    answers.extend(std::iter::from_fn(|| frames.next_frame()));
}

/// Whether a path is not there any more; a folder above it may be a file by now.
fn is_gone(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
}

async fn next_chunk(file: &mut tokio::fs::File) -> std::io::Result<Vec<u8>> {
    let mut chunk = Vec::with_capacity(CHUNK);
    file.take(CHUNK as u64).read_to_end(&mut chunk).await?;
    Ok(chunk)
}

impl std::fmt::Debug for AgentLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AgentLink").field("exec", &self.exec.id).finish_non_exhaustive()
    }
}
