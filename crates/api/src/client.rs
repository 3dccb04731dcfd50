//! The client side of the contract, over the session's socket.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tokio_tungstenite::tungstenite::Message;

use crate::commands::Command;
use crate::place::Place;
use crate::running::Running;
use crate::{ApiError, Code};

/// How long a session may take to open its socket.
/// What the environment of a session says to its allocator; nobody whom the session starts needs it.
pub const HUGE_PAGES: &str = "MIMALLOC_ALLOW_THP";
const START: Duration = Duration::from_secs(15);
/// How long a session may take to close its socket.
const END: Duration = Duration::from_secs(10);

/// Talks to one session. Cheap to clone; every call is a connection of its own.
#[derive(Debug, Clone)]
pub struct Client {
    socket: PathBuf,
}

/// A message from a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// JSON.
    Text(String),
    /// Bytes.
    Binary(Vec<u8>),
}

/// A message to a stream.
pub type Outgoing = Incoming;

/// How to start a session: which program with which arguments, and where what it prints goes.
#[derive(Debug, Clone)]
pub struct Start {
    /// The `shoal` program.
    pub shoal: PathBuf,
    /// `-f FILE -p NAME …`, without the command.
    pub arguments: Vec<String>,
    /// The folder to start it in.
    pub folder: PathBuf,
}

impl Client {
    /// A client of the session at `place`, which need not run.
    pub fn new(place: &Place) -> Self {
        Self { socket: place.socket() }
    }

    /// Whether a session answers.
    pub async fn is_alive(&self) -> bool {
        UnixStream::connect(&self.socket).await.is_ok()
    }

    /// Asks the session to end, and waits until it answers nobody any more. Containers run on.
    pub async fn end_session(&self) -> Result<(), ApiError> {
        self.call_raw("shutdown", b"{}".to_vec()).await?;
        let gone = async {
            while self.is_alive().await {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let ended = tokio::time::timeout(END, gone).await;
        ended.map_err(|_| ApiError::new(Code::TimedOut, "the session that runs does not end"))
    }

    /// One command, typed.
    pub async fn call<C: Command>(&self, _command: C, request: &C::Request) -> Result<C::Response, ApiError> {
        let body = serde_json::to_vec(request).map_err(|e| {
            ApiError::new(Code::BadRequest, format!("the request of `{}` cannot be written: {e}", C::NAME))
        })?;
        let answer = self.call_raw(C::NAME, body).await?;
        serde_json::from_slice(&answer).map_err(|e| {
            ApiError::new(Code::Failed, format!("the answer of `{}` cannot be read: {e}", C::NAME))
                .hint("the session may be of another version: `shoal down` and start again")
        })
    }

    /// One command, JSON in and out, for whoever only forwards.
    pub async fn call_raw(&self, name: &str, body: Vec<u8>) -> Result<Vec<u8>, ApiError> {
        let stream = UnixStream::connect(&self.socket).await.map_err(|e| self.gone(&e))?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|e| self.gone(&e))?;
        let driver = tokio::spawn(connection);
        let request = hyper::Request::post(format!("/v1/rpc/{name}"))
            .header("host", "shoal")
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|e| ApiError::new(Code::BadRequest, format!("`{name}` is no command: {e}")))?;
        let response = sender.send_request(request).await.map_err(|e| self.gone(&e))?;
        let status = response.status();
        let body = response.into_body().collect().await.map_err(|e| self.gone(&e))?.to_bytes();
        driver.abort();
        if status.is_success() {
            return Ok(body.to_vec());
        }
        Err(serde_json::from_slice(&body).unwrap_or_else(|_| {
            ApiError::new(Code::Failed, format!("the session answered `{name}` with status {status}"))
        }))
    }

    /// Opens a WebSocket such as `/v1/watch`.
    pub async fn stream(
        &self,
        path: &str,
    ) -> Result<
        (
            impl futures_util::Sink<Outgoing, Error = ApiError> + use<>,
            impl futures_util::Stream<Item = Incoming> + use<>,
        ),
        ApiError,
    > {
        let stream = UnixStream::connect(&self.socket).await.map_err(|e| self.gone(&e))?;
        let (socket, _) =
            tokio_tungstenite::client_async(format!("ws://shoal{path}"), stream).await.map_err(|e| {
                ApiError::new(Code::Failed, format!("the session refused the stream `{path}`: {e}"))
            })?;
        let (sink, source) = socket.split();
        let sink = sink
            .sink_map_err(|e| {
                ApiError::new(Code::SessionGone, format!("the stream to the session broke: {e}"))
            })
            .with(async |message: Outgoing| {
                Ok(match message {
                    Incoming::Text(text) => Message::text(text),
                    Incoming::Binary(bytes) => Message::binary(bytes),
                })
            });
        let source =
            source.take_while(|m| std::future::ready(m.is_ok())).filter_map(async |message| match message {
                Ok(Message::Text(text)) => Some(Incoming::Text(text.to_string())),
                Ok(Message::Binary(bytes)) => Some(Incoming::Binary(bytes.to_vec())),
                _ => None,
            });
        Ok((Box::pin(sink), Box::pin(source)))
    }

    fn gone(&self, error: &dyn std::error::Error) -> ApiError {
        let mut gone = ApiError::new(Code::SessionGone, "the session does not answer").caused_by(error);
        gone.causes.insert(0, format!("{error} at {}", self.socket.display()));
        gone
    }
}

/// The session at `place`; a new one is started when none answers, or one of another build of `shoal` that is nobody's
/// terminal's. Such a one could be asked in words that it does not know, and what it runs runs on.
pub async fn connect_or_start(place: &Place, start: &Start) -> Result<Client, ApiError> {
    let client = Client::new(place);
    let mut arguments = start.arguments.clone();
    if client.is_alive().await {
        let Some(other) = Running::read(place).filter(|running| running.is_replaced_by(&start.shoal)) else {
            return Ok(client);
        };
        client.end_session().await?;
        arguments = other.arguments;
    }
    let failed = |what: &str, e: &dyn std::error::Error| {
        ApiError::new(Code::SessionGone, format!("the session cannot be started: {what}: {e}"))
    };
    place.create().map_err(|e| failed(&place.folder.display().to_string(), &e))?;
    let log_path = place.session_log();
    let log = std::fs::File::create(&log_path).map_err(|e| failed(&log_path.display().to_string(), &e))?;
    let errors = log.try_clone().map_err(|e| failed(&log_path.display().to_string(), &e))?;
    // The session belongs to nobody's terminal: a process group of its own keeps Ctrl-C away from it.
    let mut child = tokio::process::Command::new(&start.shoal)
        .args(arguments)
        .args(["serve", "--background"])
        // Its allocator's huge pages would double the memory of a process that lives for days.
        .env(HUGE_PAGES, "0")
        .current_dir(&start.folder)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .process_group(0)
        .spawn()
        .map_err(|e| failed(&start.shoal.display().to_string(), &e))?;
    let begun = Instant::now();
    loop {
        if client.is_alive().await {
            return Ok(client);
        }
        if let Ok(Some(status)) = child.try_wait() {
            // Another client may have been faster: then its session holds the lease and answers.
            if client.is_alive().await {
                return Ok(client);
            }
            return Err(ended(&log_path, &status.to_string()));
        }
        if begun.elapsed() > START {
            return Err(ApiError::new(
                Code::TimedOut,
                format!("the session did not open its socket within {} s", START.as_secs()),
            )
            .hint(format!("see {}", log_path.display())));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn ended(log: &Path, status: &str) -> ApiError {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let mut error = ApiError::new(Code::SessionGone, format!("the session ended at once ({status})"))
        .hint(format!("see {}", log.display()));
    error.causes =
        text.lines().rev().take(5).map(str::to_owned).collect::<Vec<_>>().into_iter().rev().collect();
    error
}
