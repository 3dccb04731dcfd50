//! Programs with plain pipes.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::flow::{Flow, REST};
use crate::{Order, Output, QUEUE, Terminal, TerminalError, terminal};

pub(crate) fn open(
    dir: &Path,
    env: &BTreeMap<String, String>,
    command: &[String],
) -> Result<(Terminal, mpsc::Receiver<Output>), TerminalError> {
    let program = &command[0];
    let mut child = Command::new(program)
        .args(&command[1..])
        .current_dir(dir)
        .env_clear()
        .envs(env)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        // A group of its own, so that closing ends its children too.
        .process_group(0)
        .spawn()
        .map_err(|error| TerminalError::NoProgram { program: program.clone(), cause: error.to_string() })?;
    let (output, shown) = mpsc::channel(QUEUE);
    let readers = [
        child.stdout.take().map(|pipe| Reader::start(pipe, output.clone(), Output::Stdout)),
        child.stderr.take().map(|pipe| Reader::start(pipe, output.clone(), Output::Stderr)),
    ];
    let (terminal, orders) = terminal();
    let input = child.stdin.take();
    tokio::spawn(async move {
        let code = run(&mut child, input, orders).await;
        for reader in readers.into_iter().flatten() {
            reader.finish().await;
        }
        output.send(Output::Exit(code)).await.ok();
    });
    Ok((terminal, shown))
}

async fn run(
    child: &mut Child,
    mut input: Option<ChildStdin>,
    mut orders: mpsc::Receiver<Order>,
) -> Option<i32> {
    loop {
        tokio::select! {
            status = child.wait() => return status.ok().and_then(|status| status.code()),
            order = orders.recv() => match order {
                Some(Order::Write(bytes)) => {
                    if let Some(input) = &mut input {
                        input.write_all(&bytes).await.ok();
                    }
                }
                Some(Order::Eof) => input = None,
                Some(Order::Resize(..)) => {}
                None => {
                    end_group(child).await;
                    return None;
                }
            },
        }
    }
}

/// The program's group gets no chance to go on without its window.
async fn end_group(child: &mut Child) {
    if let Some(id) = child.id() {
        let group = format!("-{id}");
        Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status().await.ok();
    }
    child.kill().await.ok();
}

struct Reader {
    task: JoinHandle<()>,
    flow: Arc<Flow>,
}

impl Reader {
    fn start(
        pipe: impl AsyncRead + Unpin + Send + 'static,
        output: mpsc::Sender<Output>,
        kind: fn(Vec<u8>) -> Output,
    ) -> Self {
        let flow = Arc::new(Flow::default());
        Self { task: tokio::spawn(read(pipe, output, kind, Arc::clone(&flow))), flow }
    }

    /// Until the pipe's end, or until nothing comes any more.
    async fn finish(mut self) {
        loop {
            let mark = self.flow.mark();
            if tokio::time::timeout(REST, &mut self.task).await.is_ok() {
                return;
            }
            if self.flow.is_dry_since(mark) {
                return self.task.abort();
            }
        }
    }
}

async fn read(
    mut pipe: impl AsyncRead + Unpin,
    output: mpsc::Sender<Output>,
    kind: fn(Vec<u8>) -> Output,
    flow: Arc<Flow>,
) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = pipe.read(&mut buffer).await {
        flow.turn();
        if output.send(kind(buffer[..length].to_vec())).await.is_err() {
            return;
        }
        flow.turn();
    }
}
