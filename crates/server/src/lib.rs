//! A session behind the contract: HTTP and WebSocket over the stack's socket, and over loopback TCP with the
//! window's page where somebody asked for it.
//!
//! The socket is the user's alone (mode 0600) and needs no token. Loopback TCP can be reached by every program and
//! every web page of this machine, so it takes a random token, once in the address and then as a cookie, and
//! refuses requests of other hosts and origins. Deliberately absent: any decision about the stack. Tested against
//! the router without a socket, and from outside in `tests/`.

mod door;
mod handler;
mod page;
mod routes;
mod terminal;
mod watch;

use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use api::shape::{CallDetail, CallsExport, CallsQuery, Text};
use api::{ApiError, Code};
use session::Session;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch as signal;

pub use session::{Captures, Config as SessionConfig, Drawing, LogFile, draw, open_logs};

/// How long a background session that nobody looks at stays when nothing runs.
const IDLE: Duration = Duration::from_secs(3);
/// How long it stays at least, so that whoever started it can ask its first question.
const SETTLE: Duration = Duration::from_secs(10);

/// What to serve.
#[derive(Debug, Clone)]
pub struct Config {
    /// The session; one in the background ends when nothing runs and nobody looks.
    pub session: SessionConfig,
    /// A loopback address for browsers.
    pub listen: Option<String>,
}

/// A session that answers.
#[derive(Debug)]
pub struct Server {
    session: Arc<Session>,
    socket: PathBuf,
    url: Option<String>,
    stopping: signal::Sender<bool>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Server {
    /// Starts the session, binds everything, and only then answers.
    pub async fn start(config: Config) -> Result<Self, ApiError> {
        let tcp = match &config.listen {
            Some(address) => Some(bind(address).await?),
            None => None,
        };
        let background = config.session.running.background;
        let socket = config.session.place.socket();
        let session = Arc::new(Session::start(config.session).await?);
        let unix = bind_socket(&socket)?;
        let (stopping, _) = signal::channel(false);
        let presence = routes::Presence::default();
        let mut tasks =
            vec![serve(unix, routes::router(session.clone(), presence.clone()), stopping.subscribe())];
        let mut url = None;
        if let Some((listener, address)) = tcp {
            let door = door::Door::new(address);
            url = Some(door.url());
            let router =
                door::guard(page::with_page(routes::router(session.clone(), presence.clone())), door);
            tasks.push(serve(listener, router, stopping.subscribe()));
        }
        if background {
            tasks.push(tokio::spawn(end_when_idle(session.clone(), presence)));
        }
        Ok(Self { session, socket, url, stopping, tasks })
    }

    /// The page's address with its token, when there is a page.
    pub fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }

    /// The session that answers.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Waits until the session was asked to end.
    pub async fn ended(&self) {
        self.session.ended().await;
    }

    /// Ends the session; containers run on. Nothing of the session's is left but what it stored.
    pub async fn stop(self) {
        // The socket goes first: whoever comes now starts a new session, and waits for this one's lease.
        drop(std::fs::remove_file(&self.socket));
        self.session.end().await;
        self.stopping.send_replace(true);
        for task in self.tasks {
            // A stream that its reader does not close is cut.
            if tokio::time::timeout(Duration::from_millis(200), task).await.is_err() {
                tracing::debug!("an open connection was cut");
            }
        }
    }
}

/// Decodes capture files and hands over their calls in order, and what one should know of each file; needs no session.
pub fn decode_captures<E>(
    captures: Captures<'_>,
    query: &CallsQuery,
    whole: bool,
    sink: &mut dyn FnMut(&CallDetail) -> Result<(), E>,
    note: &mut dyn FnMut(&str),
) -> Result<(), E>
where
    E: From<ApiError>,
{
    session::decode_captures(captures, query, whole, sink, note)
}

/// Decodes capture files, and tells their calls in another tool's form; needs no session.
pub fn export_captures(
    captures: Captures<'_>,
    export: &CallsExport,
    note: &mut dyn FnMut(&str),
) -> Result<Text, ApiError> {
    session::export_captures(captures, export, note)
}

fn serve<L>(
    listener: L,
    router: axum::Router,
    mut stopping: signal::Receiver<bool>,
) -> tokio::task::JoinHandle<()>
where
    L: axum::serve::Listener,
    L::Addr: std::fmt::Debug,
{
    tokio::spawn(async move {
        let stopped = async move {
            // An error means that the server is gone, which is as good.
            drop(stopping.wait_for(|stop| *stop).await);
        };
        if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stopped).await {
            tracing::error!("the server ended: {error}");
        }
    })
}

fn bind_socket(path: &Path) -> Result<UnixListener, ApiError> {
    // The lease is ours, so a socket that is still there is a dead session's.
    drop(std::fs::remove_file(path));
    let failed = |e: &std::io::Error| {
        let error = ApiError::new(
            Code::Failed,
            format!("the session's socket {} cannot be opened: {e}", path.display()),
        );
        if path.as_os_str().len() > 107 {
            error.hint("its path is over 107 bytes long; set `SHOAL_STATE_DIR` to a shorter folder")
        } else {
            error
        }
    };
    let listener = UnixListener::bind(path).map_err(|e| failed(&e))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(|e| failed(&e))?;
    Ok(listener)
}

async fn bind(address: &str) -> Result<(TcpListener, SocketAddr), ApiError> {
    let parsed: SocketAddr = address.parse().map_err(|_| {
        ApiError::new(Code::BadRequest, format!("`{address}` is no address with a port"))
            .hint("write `127.0.0.1:7400`")
    })?;
    let loopback = match parsed.ip() {
        IpAddr::V4(ip) => ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_loopback(),
    };
    if !loopback {
        return Err(ApiError::new(
            Code::BadRequest,
            format!("`{address}` can be reached from other machines"),
        )
        .hint("listen on `127.0.0.1`; from elsewhere use `ssh -L`"));
    }
    let failed =
        |e: std::io::Error| ApiError::new(Code::PortTaken, format!("`{address}` cannot be listened on: {e}"));
    let listener = TcpListener::bind(parsed).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// Asks the session to end once nothing of its stack is there and nobody looks for a while.
async fn end_when_idle(session: Arc<Session>, presence: routes::Presence) {
    let begun = tokio::time::Instant::now();
    let at_rest = session.at_rest();
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let nobody = !presence.anybody();
        // After `down` there is nothing left to stay for.
        let finished = presence.finished() && *at_rest.borrow() && nobody;
        let idle = *at_rest.borrow() && nobody && presence.quiet_for(IDLE) && begun.elapsed() > SETTLE;
        if finished || idle {
            session.shutdown();
            return;
        }
    }
}
