//! The host's end of the guest's agent: one open `exec` in a service's container, through which reloads go.

use std::collections::VecDeque;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use engine::{Engine, EngineError, Exec, ExecSpec};
use futures_util::StreamExt;
use model::frame::{FrameError, Frames, FromAgent, ToAgent, encode};
use model::line::Stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use watch::Kind;
use watch::plan::{Decision, Step, Write};

use crate::tools::{BINARY, FOLDER};

/// Bytes of a file that go in one frame.
const CHUNK: usize = 256 * 1024;
/// How long the agent may take to say that it is there.
const HELLO: Duration = Duration::from_secs(5);
/// How long it may be silent while it works.
const SILENCE: Duration = Duration::from_mins(10);

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
    /// From there until all was done.
    pub apply: Duration,
}

/// An open way to the agent in one container. Dropping it ends the agent.
pub(crate) struct AgentLink {
    exec: Exec,
    frames: Frames<FromAgent>,
    answers: VecDeque<FromAgent>,
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
        let mut link =
            Self { exec, frames: Frames::default(), answers: VecDeque::new(), complaints: Vec::new() };
        match tokio::time::timeout(HELLO, link.answer()).await {
            Ok(Ok(FromAgent::Ready { .. })) => Ok(link),
            Ok(Ok(_)) | Err(_) => Err(AgentError::Gone),
            Ok(Err(error)) => match engine.exec_exit(&link.exec.id).await {
                // What shells and engines say when there is no such program.
                Ok(Some(126 | 127)) => Err(AgentError::Missing),
                _ => Err(error),
            },
        }
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
        let mut bytes = 0;
        for path in &decision.deletes {
            self.send(&ToAgent::Delete { path: path.clone() }).await?;
        }
        for write in &decision.writes {
            bytes += self.send_file(write).await?;
        }
        for step in &decision.then {
            let step = match step {
                Step::Run(command) => ToAgent::Run { command: command.clone() },
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
        let (mut failed, mut crashed) = (None, None);
        loop {
            let answer =
                tokio::time::timeout(SILENCE, self.answer()).await.map_err(|_| AgentError::Gone)??;
            match answer {
                FromAgent::Output { bytes } => output(&bytes),
                FromAgent::Failed { what } => failed = Some(what),
                FromAgent::Done { batch: of, ok, .. } if of == batch => {
                    self.answers.extend(crashed);
                    return match (ok, failed) {
                        (true, _) => Ok(Applied { bytes, send, apply: begun.elapsed().saturating_sub(send) }),
                        (false, what) => {
                            Err(AgentError::Step { what: what.unwrap_or_else(|| "a step failed".to_owned()) })
                        }
                    };
                }
                // What this batch started may end before the batch is told to be done; `ended` tells it then.
                FromAgent::Ended { .. } => crashed = Some(answer),
                // A late answer is of no batch of ours.
                _ => {}
            }
        }
    }

    /// Waits until what the last restart started has ended by itself, and tells its exit code: the container goes on
    /// and so does not show it. Nothing is lost when the wait is given up.
    pub(crate) async fn ended(&mut self) -> Result<i32, AgentError> {
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

/// On the real engine, with the guest that `./dev build` made.
#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::PathBuf;

    use engine::{ContainerSpec, MountFrom, MountSpec};
    use testkit::EngineGuard;

    use super::*;
    use crate::tools::{self, Tools};

    const GRACE: Duration = Duration::from_secs(10);

    fn guest() -> PathBuf {
        let test = std::env::current_exe().unwrap();
        let guest = test.ancestors().nth(2).unwrap().join(BINARY);
        assert!(guest.is_file(), "no `{}`\nhint: run `./dev build`, which makes it", guest.display());
        guest
    }

    async fn ready(guard: &EngineGuard) -> Tools {
        let binary = tools::read(&guest()).await.unwrap();
        // As long as a network bears its name, nobody's `down` takes the guest away.
        let uses = BTreeMap::from([(tools::USES.to_owned(), binary.tools.volume.clone())]);
        let labels = guard.labels().into_iter().chain(uses).collect();
        guard.ensure_network(&guard.name("net"), &labels).await.unwrap();
        tools::ensure_tools(guard, &binary).await.unwrap();
        binary.tools
    }

    /// A container whose command runs under the supervisor.
    async fn supervised(guard: &EngineGuard, tools: &Tools, spec: ContainerSpec) -> String {
        let (entrypoint, cmd) = tools::wrap(&[], &spec.cmd.clone().unwrap_or_default(), None);
        let mount =
            |source, target: &str, read_only| MountSpec { source, target: target.to_owned(), read_only };
        let mounts = vec![
            mount(MountFrom::Volume(tools.volume.clone()), FOLDER, true),
            mount(MountFrom::Tmpfs(None), "/app", false),
        ];
        guard.run(&ContainerSpec { entrypoint: Some(entrypoint), cmd: Some(cmd), mounts, ..spec }).await
    }

    fn write(from: PathBuf, to: &str) -> Write {
        let kind = match fs::symlink_metadata(&from) {
            Ok(found) if found.is_dir() => Kind::Folder,
            Ok(found) if found.is_symlink() => Kind::Link,
            Ok(_) | Err(_) => Kind::Written,
        };
        Write { from, kind, to: to.to_owned(), in_place: false }
    }

    fn shell(script: &str) -> Step {
        Step::Run(["sh", "-c", script].map(str::to_owned).to_vec())
    }

    /// Applies a decision; what its commands printed.
    async fn apply(link: &mut AgentLink, decision: Decision) -> Result<String, AgentError> {
        let mut printed = Vec::new();
        link.apply(&decision, 1, GRACE, |bytes| printed.extend_from_slice(bytes)).await?;
        Ok(String::from_utf8(printed).unwrap())
    }

    async fn run(link: &mut AgentLink, script: &str) -> String {
        apply(link, Decision { then: vec![shell(script)], ..Decision::default() }).await.unwrap()
    }

    #[tokio::test]
    async fn a_batch_reaches_a_container_that_allows_nothing() {
        let guard = EngineGuard::connect("agent-batch").await;
        let tools = ready(&guard).await;
        let spec = ContainerSpec {
            user: Some("1000:1000".to_owned()),
            read_only: true,
            ..guard.shell("app", "while :; do sleep 1; done")
        };
        let id = supervised(&guard, &tools, spec).await;
        let here = tempfile::tempdir().unwrap();
        let at = |name: &str| here.path().join(name);
        fs::create_dir(at("folder")).unwrap();
        let large: Vec<u8> = (0..3 * CHUNK + 7).map(|n| n as u8).collect();
        fs::write(at("large"), &large).unwrap();
        fs::write(at("exact"), &large[..CHUNK]).unwrap();
        fs::write(at("empty"), "").unwrap();
        std::os::unix::fs::symlink("large", at("link")).unwrap();

        let mut link = AgentLink::connect(&guard, &id).await.unwrap();
        let names = ["empty", "exact", "folder", "large", "link"];
        let mut writes: Vec<_> =
            names.iter().map(|name| write(at(name), &format!("/app/deep/{name}"))).collect();
        // What went or is something else by now is another batch's.
        writes.push(write(at("gone-meanwhile"), "/app/gone"));
        writes.push(write(at("empty/was-a-folder"), "/app/gone/too"));
        writes.push(Write { kind: Kind::Folder, ..write(at("large"), "/app/another-kind") });
        let sent = link.apply(&Decision { writes, ..Decision::default() }, 7, GRACE, |_| ()).await.unwrap();
        assert_eq!(sent.bytes, (large.len() + CHUNK) as u64);
        let listed = run(
            &mut link,
            "cd /app && find . | sort && stat -c %s deep/large deep/exact && readlink deep/link",
        )
        .await;
        let folder = "./deep/folder\n./deep/large\n./deep/link\n";
        assert_eq!(
            listed,
            format!(".\n./deep\n./deep/empty\n./deep/exact\n{folder}{}\n{CHUNK}\nlarge\n", large.len())
        );

        // Commands run as the service's user; a restart keeps the container.
        assert_eq!(run(&mut link, "id -u").await, "1000\n");
        let process = "ps=$(cat /proc/1/task/1/children); echo $ps";
        let before = run(&mut link, process).await;
        let deletes = vec!["/app/deep".to_owned()];
        apply(&mut link, Decision { deletes, then: vec![Step::Restart], ..Decision::default() })
            .await
            .unwrap();
        assert_ne!(run(&mut link, process).await, before);
        assert_eq!(run(&mut link, "ls /app").await, "");

        // What fails is the user's, and the next batch goes through.
        let failed = Decision { writes: vec![write(at("empty"), "/etc/x")], ..Decision::default() };
        let error = apply(&mut link, failed).await.unwrap_err();
        assert!(
            matches!(&error, AgentError::Step { what } if what == "write `/etc/x`: read-only file system"),
            "{error}"
        );
        assert_eq!(run(&mut link, "echo on").await, "on\n");
        guard.kill(&id, "KILL").await.unwrap();
        assert!(apply(&mut link, Decision::default()).await.is_err());
    }

    #[tokio::test]
    async fn a_crash_after_a_restart_is_told_and_the_next_restart_mends_it() {
        let guard = EngineGuard::connect("agent-crash").await;
        let tools = ready(&guard).await;
        let id =
            supervised(&guard, &tools, guard.shell("app", "test -e /app/broken && exit 3; sleep 1000")).await;
        let here = tempfile::tempdir().unwrap();
        fs::write(here.path().join("x"), "").unwrap();
        let mut link = AgentLink::connect(&guard, &id).await.unwrap();
        let restart = |decision| Decision { then: vec![Step::Restart], ..decision };
        let broken =
            Decision { writes: vec![write(here.path().join("x"), "/app/broken")], ..Decision::default() };
        apply(&mut link, restart(broken)).await.unwrap();
        assert_eq!(link.ended().await.unwrap(), 3);
        assert_eq!(guard.inspect(&id).await.unwrap().state, engine::ContainerState::Running);
        let mended = Decision { deletes: vec!["/app/broken".to_owned()], ..Decision::default() };
        apply(&mut link, restart(mended)).await.unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(300), link.ended()).await.is_err(), "it runs");
    }

    #[tokio::test]
    async fn an_image_without_anything_is_reloaded_as_well() {
        let guard = EngineGuard::connect("agent-scratch").await;
        let tools = ready(&guard).await;
        // The guest's own image holds nothing but the guest, which waits for input here.
        let spec = ContainerSpec {
            image: tools.image.clone(),
            cmd: Some(["/shoal-guest", "agent", "--socket", "nobody"].map(str::to_owned).to_vec()),
            open_stdin: true,
            ..guard.shell("app", "")
        };
        let id = supervised(&guard, &tools, spec).await;
        let here = tempfile::tempdir().unwrap();
        fs::write(here.path().join("x"), "content").unwrap();
        let mut link = AgentLink::connect(&guard, &id).await.unwrap();
        let decision = Decision {
            writes: vec![write(here.path().join("x"), "/app/x"), write(here.path().join("x"), "/new/x")],
            then: vec![Step::Restart],
            ..Decision::default()
        };
        apply(&mut link, decision).await.unwrap();
        assert_eq!(guard.inspect(&id).await.unwrap().state, engine::ContainerState::Running);
    }

    #[tokio::test]
    async fn a_large_batch_passes_a_command_that_prints_much() {
        let guard = EngineGuard::connect("agent-large").await;
        let tools = ready(&guard).await;
        let id = supervised(&guard, &tools, guard.shell("app", "sleep 1000")).await;
        let here = tempfile::tempdir().unwrap();
        fs::write(here.path().join("x"), vec![b'x'; 4 * CHUNK]).unwrap();
        let mut link = AgentLink::connect(&guard, &id).await.unwrap();
        // The agent cannot print more while nobody reads, and would not read more while it prints.
        let spill =
            ToAgent::Run { command: vec!["head".into(), "-c".into(), "8000000".into(), "/dev/zero".into()] };
        link.send(&spill).await.unwrap();
        let writes = (0..20).map(|n| write(here.path().join("x"), &format!("/app/{n}"))).collect();
        let printed = apply(
            &mut link,
            Decision { writes, then: vec![shell("ls /app | wc -l")], ..Decision::default() },
        );
        let printed = printed.await.unwrap();
        assert_eq!((printed.len(), printed.trim_start_matches('\0')), (8_000_003, "20\n"));
    }

    #[tokio::test]
    async fn a_container_without_the_guest_says_so() {
        let guard = EngineGuard::connect("agent-none").await;
        let id = guard.run(&guard.shell("app", "sleep 1000")).await;
        let error = AgentLink::connect(&guard, &id).await.unwrap_err();
        assert_eq!(error.to_string(), "the container has no `/.shoal/shoal-guest`");
    }
}
