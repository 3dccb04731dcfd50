//! Programs run in a container, and the streams of its own first process.

use std::pin::Pin;
use std::time::Duration;

use bollard::models::ExecConfig;
use bollard::query_parameters::ResizeExecOptionsBuilder;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use model::line;
use tokio::io::AsyncWrite;
use tokio_util::codec::FramedRead;

use crate::container::short;
use crate::upgrade::{Duplex, Frames};
use crate::{Engine, EngineError};

/// A program to run in a container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExecSpec {
    /// The program and its arguments.
    pub cmd: Vec<String>,
    /// Whether it gets a terminal.
    pub tty: bool,
    /// Whether it gets a standard input; without, that ends at once.
    pub stdin: bool,
    /// `user[:group]`; `None`: the container's.
    pub user: Option<String>,
    /// Variables over the container's.
    pub env: Vec<(String, String)>,
    /// The working folder; `None`: the container's.
    pub working_dir: Option<String>,
    /// Columns and rows of the terminal.
    pub size: Option<(u16, u16)>,
}

/// Where a program's standard input goes; shutting it down ends the input.
pub type ExecInput = Pin<Box<dyn AsyncWrite + Send>>;

/// What a program prints, in the order of arrival; ends with the program.
pub type ExecOutput = Pin<Box<dyn Stream<Item = Result<(line::Stream, Bytes), EngineError>> + Send>>;

/// A program that runs in a container.
pub struct Exec {
    /// The engine's id of it; that of the container after [`Engine::attach`].
    pub id: String,
    /// Its standard input.
    pub input: ExecInput,
    /// What it prints.
    pub output: ExecOutput,
}

impl std::fmt::Debug for Exec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exec").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Engine {
    /// Runs a program in a running container. One that is not there is told by some engines here
    /// ([`EngineError::NoProgram`]), by others as its output followed by exit code 126 or 127.
    pub async fn exec(&self, container: &str, spec: &ExecSpec) -> Result<Exec, EngineError> {
        let program = spec.cmd.first().map(String::as_str).unwrap_or_default();
        let what = format!("running `{program}` in container `{}`", short(container));
        let config = ExecConfig {
            attach_stdin: Some(spec.stdin),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            tty: Some(spec.tty),
            cmd: Some(spec.cmd.clone()),
            env: Some(spec.env.iter().map(|(name, value)| format!("{name}={value}")).collect()),
            user: spec.user.clone(),
            working_dir: spec.working_dir.clone(),
            ..ExecConfig::default()
        };
        let made = self.docker().create_exec(container, config).await;
        let id = made.map_err(|error| self.failed(&what, &error))?.id;
        let body = serde_json::json!({ "Detach": false, "Tty": spec.tty }).to_string();
        let connection = self.upgrade(&what, &format!("/exec/{id}/start"), body).await?;
        if let (true, Some((columns, rows))) = (spec.tty, spec.size) {
            self.first_size(&id, columns, rows).await;
        }
        Ok(self.streams(id, what, spec.tty, connection))
    }

    /// The streams of a container's own first process. Only for containers whose output is always read: a slow reader
    /// slows the container down.
    pub async fn attach(&self, container: &str) -> Result<Exec, EngineError> {
        let what = format!("attaching to container `{}`", short(container));
        let tty = self.inspect(container).await?.tty;
        let path = format!("/containers/{container}/attach?stream=1&stdin=1&stdout=1&stderr=1");
        let connection = self.upgrade(&what, &path, String::new()).await?;
        Ok(self.streams(container.to_owned(), what, tty, connection))
    }

    /// How a program ended; `None` while it runs.
    pub async fn exec_exit(&self, id: &str) -> Result<Option<i32>, EngineError> {
        let answer = self.docker().inspect_exec(id).await;
        let answer = answer.map_err(|error| self.failed("looking at a program in a container", &error))?;
        if answer.running == Some(true) {
            return Ok(None);
        }
        Ok(answer.exit_code.map(|code| code as i32))
    }

    /// Changes the size of a program's terminal.
    pub async fn exec_resize(&self, id: &str, columns: u16, rows: u16) -> Result<(), EngineError> {
        let options = ResizeExecOptionsBuilder::new().w(i32::from(columns)).h(i32::from(rows)).build();
        let answer = self.docker().resize_exec(id, options).await;
        answer.map_err(|error| self.failed("resizing a terminal", &error))
    }

    /// The program may not run yet when its connection is there, so a few tries; a wrong size is no failure.
    async fn first_size(&self, id: &str, columns: u16, rows: u16) {
        for _ in 0..10 {
            if self.exec_resize(id, columns, rows).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn streams(&self, id: String, what: String, tty: bool, connection: Box<dyn Duplex>) -> Exec {
        let (reader, writer) = tokio::io::split(connection);
        let engine = self.clone();
        let output = FramedRead::new(reader, Frames::new(tty))
            .map(move |item| item.map_err(|error| engine.attempt(&what).io(&error)));
        Exec { id, input: Box::pin(writer), output: Box::pin(output) }
    }
}
