//! Programs in a container.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use engine::{Engine, EngineError, Exec, ExecInput, ExecSpec};
use futures_util::StreamExt as _;
use model::line::Stream;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;

use crate::{Open, Order, Output, QUEUE, Terminal, TerminalError, terminal};

/// Runs the better shell that is there.
const SHELL: &str = "if command -v bash >/dev/null 2>&1; then exec bash; else exec sh; fi";

/// How long a shell's first words are waited for, to tell "no shell" before the terminal opens.
const FIRST_WORDS: Duration = Duration::from_millis(300);

/// What a missing program ends with in a shell.
const NOT_FOUND: i32 = 127;

/// By this variable the programs of a terminal are found again when it closes.
const MARK: &str = "SHOAL_TERMINAL";

/// Opens a program in a running container; without a command the first of `bash` and `sh` that is there.
pub async fn in_container(
    engine: &Engine,
    container: &str,
    open: &Open,
) -> Result<(Terminal, mpsc::Receiver<Output>), TerminalError> {
    let mark = mark();
    let spec = ExecSpec {
        cmd: open.command.clone().unwrap_or_else(|| ["sh", "-c", SHELL].map(str::to_owned).to_vec()),
        tty: !open.plain,
        stdin: true,
        env: vec![("TERM".to_owned(), "xterm-256color".to_owned()), (MARK.to_owned(), mark.clone())],
        size: Some((open.cols, open.rows)),
        ..ExecSpec::default()
    };
    let no_shell = || TerminalError::NoShell { container: container.to_owned() };
    let mut exec = match engine.exec(container, &spec).await {
        Ok(exec) => exec,
        Err(EngineError::NoProgram { .. }) if open.command.is_none() => return Err(no_shell()),
        Err(EngineError::NoProgram { program, message }) => {
            return Err(TerminalError::NoProgram { program, cause: message });
        }
        Err(error) => return Err(error.into()),
    };
    let mut first = None;
    if open.command.is_none()
        && let Ok(item) = tokio::time::timeout(FIRST_WORDS, exec.output.next()).await
    {
        match item {
            Some(Ok((_, bytes))) if is_runtime_failure(&bytes) => return Err(no_shell()),
            Some(Ok((stream, bytes))) => first = Some((stream, bytes.to_vec())),
            Some(Err(error)) => return Err(error.into()),
            None => {}
        }
    }
    let (terminal, orders) = terminal();
    let (output, shown) = mpsc::channel(QUEUE);
    let session = Session {
        engine: engine.clone(),
        container: container.to_owned(),
        id: exec.id.clone(),
        mark,
        tty: spec.tty,
        program: spec.cmd.first().cloned().unwrap_or_default(),
    };
    tokio::spawn(async move { session.run(exec, first, orders, output).await });
    Ok((terminal, shown))
}

struct Session {
    engine: Engine,
    container: String,
    id: String,
    mark: String,
    tty: bool,
    program: String,
}

impl Session {
    async fn run(
        self,
        exec: Exec,
        first: Option<(Stream, Vec<u8>)>,
        mut orders: mpsc::Receiver<Order>,
        output: mpsc::Sender<Output>,
    ) {
        let Exec { input, output: mut printed, .. } = exec;
        let session = Arc::new(self);
        // Apart from the reading: a program that waits to print takes no input meanwhile.
        let mut typing = tokio::spawn({
            let session = Arc::clone(&session);
            async move {
                let mut input = Some(input);
                while let Some(order) = orders.recv().await {
                    session.obey(order, &mut input).await;
                }
            }
        });
        let mut at_start = first.is_none();
        let mut next = first.map(|(stream, bytes)| session.show(stream, &bytes));
        loop {
            if let Some(shown) = next.take() {
                tokio::select! {
                    sent = output.send(shown) => if sent.is_err() {
                        typing.abort();
                        return session.hang_up().await;
                    },
                    _ = &mut typing => return session.hang_up().await,
                }
            }
            let item = tokio::select! {
                item = printed.next() => item,
                _ = &mut typing => return session.hang_up().await,
            };
            match item {
                Some(Ok((_, bytes))) if at_start && is_runtime_failure(&bytes) => {
                    typing.abort();
                    return session.tell_missing(&bytes, &output).await;
                }
                Some(Ok((stream, bytes))) => {
                    at_start = false;
                    next = Some(session.show(stream, &bytes));
                }
                Some(Err(error)) => {
                    tracing::debug!(%error, "a terminal's connection broke");
                    break;
                }
                None => break,
            }
        }
        typing.abort();
        output.send(Output::Exit(session.exit().await)).await.ok();
    }

    fn show(&self, stream: Stream, bytes: &[u8]) -> Output {
        match stream {
            _ if self.tty => Output::Bytes(bytes.to_vec()),
            Stream::Stderr => Output::Stderr(bytes.to_vec()),
            Stream::Stdout | Stream::Build | Stream::Reload => Output::Stdout(bytes.to_vec()),
        }
    }

    /// A broken input is no end: the program may still print.
    async fn obey(&self, order: Order, input: &mut Option<ExecInput>) {
        match order {
            Order::Write(bytes) => {
                if let Some(input) = input {
                    input.write_all(&bytes).await.ok();
                    input.flush().await.ok();
                }
            }
            Order::Eof if self.tty => {
                if let Some(input) = input {
                    input.write_all(b"\x04").await.ok();
                }
            }
            Order::Eof => {
                if let Some(mut input) = input.take() {
                    input.shutdown().await.ok();
                }
            }
            Order::Resize(cols, rows) => {
                if self.tty {
                    self.engine.exec_resize(&self.id, cols, rows).await.ok();
                }
            }
        }
    }

    async fn tell_missing(&self, bytes: &[u8], output: &mpsc::Sender<Output>) {
        tracing::debug!(message = %String::from_utf8_lossy(bytes), "the engine could not run a program");
        let text = format!("`{}` is not in the container or cannot be run\n", self.program);
        output.send(Output::Stderr(text.into_bytes())).await.ok();
        output.send(Output::Exit(Some(NOT_FOUND))).await.ok();
    }

    /// The engine may need a moment after the last byte.
    async fn exit(&self) -> Option<i32> {
        for _ in 0..50 {
            match self.engine.exec_exit(&self.id).await {
                Ok(Some(code)) => return Some(code),
                Ok(None) => tokio::time::sleep(Duration::from_millis(20)).await,
                Err(_) => return None,
            }
        }
        None
    }

    /// Closing the connection leaves the programs running, so they get the signal that a closed terminal sends.
    async fn hang_up(&self) {
        let script = format!(
            "for p in /proc/[0-9]*; do if [ ${{p#/proc/}} != $$ ] && grep -qs '{MARK}={}' $p/environ; \
             then kill -HUP ${{p#/proc/}}; fi; done",
            self.mark
        );
        let spec = ExecSpec { cmd: vec!["sh".to_owned(), "-c".to_owned(), script], ..ExecSpec::default() };
        match self.engine.exec(&self.container, &spec).await {
            Ok(mut exec) => while exec.output.next().await.is_some() {},
            Err(error) => tracing::debug!(%error, "a closed terminal's programs were not ended"),
        }
    }
}

/// The engine writes a failed start into the program's output.
fn is_runtime_failure(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start();
    text.starts_with("OCI runtime exec failed")
        || text.starts_with("exec failed: unable to start container process")
}

fn mark() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let at = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("{}-{}-{}", std::process::id(), at.as_nanos(), NEXT.fetch_add(1, Ordering::Relaxed))
}
