//! What the loop and everything beside it share.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use api::ApiError;
use api::shape::Change;
use calls::Calls;
use engine::{Address, ContainerFacts, ContainerState, Engine};
use model::Timestamp;
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Config;
use crate::board::Board;
use crate::captures::Hearing;
use crate::follow::Sink;
use crate::jobs::now;
use crate::link::Whose;
use crate::manifests::{self, Asked};
use crate::protos::Protos;
use crate::run::Event;

/// Shared by all tasks of a session.
pub(crate) struct Shared {
    pub config: Config,
    /// The session's own id: a label on what it makes, and the beginning of call ids.
    pub session: String,
    pub guest: PathBuf,
    pub whose: Whose,
    pub board: Board,
    pub sink: Sink,
    pub protos: Protos,
    pub calls_news: Notify,
    /// The engine while it answers.
    pub engine: watch::Sender<Option<Engine>>,
    /// Whether nothing of the stack is there.
    pub at_rest: watch::Sender<bool>,
    /// Cancelled when the session ends.
    pub ending: CancellationToken,
    tracker: TaskTracker,
    calls: Mutex<Calls>,
    /// What containers had, to forget it with them.
    known: Mutex<HashMap<String, Known>>,
    followed: Mutex<HashMap<String, watch::Receiver<bool>>>,
    files: Mutex<Vec<PathBuf>>,
    clear_error: Mutex<Option<ApiError>>,
    asked: Mutex<Asked>,
    /// What captures are told, and the ways to them. Whoever holds it may ask for the calls, and not the other way round.
    pub hearing: Mutex<Hearing>,
    /// Files in which programs write the secrets of their TLS connections.
    pub key_logs: watch::Sender<Vec<PathBuf>>,
    events: mpsc::Sender<Event>,
}

/// What a session opens before its first task starts.
pub(crate) struct Opened {
    pub protos: Protos,
    pub session: String,
    pub whose: Whose,
    pub board: Board,
    pub sink: Sink,
    pub calls: Calls,
    pub files: Vec<PathBuf>,
}

/// What a running container had.
struct Known {
    addresses: Vec<IpAddr>,
    ports: Vec<u16>,
}

pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(crate) fn new(config: Config, opened: Opened, events: mpsc::Sender<Event>) -> Self {
        let Opened { protos, session, whose, board, sink, calls, files } = opened;
        Self {
            guest: config.guest.clone(),
            config,
            session,
            whose,
            board,
            sink,
            protos,
            calls_news: Notify::new(),
            engine: watch::Sender::new(None),
            at_rest: watch::Sender::new(true),
            ending: CancellationToken::new(),
            tracker: TaskTracker::new(),
            calls: Mutex::new(calls),
            known: Mutex::new(HashMap::new()),
            followed: Mutex::new(HashMap::new()),
            files: Mutex::new(files),
            clear_error: Mutex::new(None),
            asked: Mutex::new(Asked::default()),
            hearing: Mutex::default(),
            key_logs: watch::Sender::new(Vec::new()),
            events,
        }
    }

    /// Runs `work` until it ends or the session does.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let ending = self.ending.clone();
        self.tracker.spawn(async move {
            tokio::select! {
                () = work => {}
                () = ending.cancelled() => {}
            }
        });
    }

    /// Reads the repository's `.proto` files again when they may have changed.
    pub(crate) fn refresh_protos(self: &Arc<Self>) {
        if self.protos.is_stale() {
            let shared = Arc::clone(self);
            self.spawn(async move { drop(shared.protos.read().await) });
        }
    }

    /// Runs `work`, which ends by itself when the session does.
    pub(crate) fn spawn_to_end(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.tracker.spawn(work);
    }

    /// Waits until every task has ended.
    pub(crate) async fn join(&self) {
        self.tracker.close();
        if tokio::time::timeout(Duration::from_secs(5), self.tracker.wait()).await.is_err() {
            tracing::warn!("{} tasks did not end in time", self.tracker.len());
        }
    }

    /// Tells the loop something; nothing when the session has ended.
    pub(crate) async fn send(&self, event: Event) {
        drop(self.events.send(event).await);
    }

    pub(crate) fn calls(&self) -> MutexGuard<'_, Calls> {
        locked(&self.calls)
    }

    pub(crate) fn clear_error(&self) -> MutexGuard<'_, Option<ApiError>> {
        locked(&self.clear_error)
    }

    pub(crate) fn engine_address(&self) -> String {
        Address::find(&self.config.env).map_or_else(|e| e.to_string(), |address| address.to_string())
    }

    /// The manifest's files as they were last read.
    pub(crate) fn manifests(&self) -> Vec<PathBuf> {
        locked(&self.files).clone()
    }

    /// Reads the manifest as it is now.
    pub(crate) fn read_manifest(&self) -> manifest::Loaded {
        manifests::load(&self.config, &locked(&self.asked))
    }

    /// The same with more asked for; it counts from then on, unless the manifest then has errors.
    pub(crate) fn read_manifest_for(&self, more: &Asked) -> manifest::Loaded {
        let mut asked = locked(&self.asked);
        let all = asked.and(more);
        let loaded = manifests::load(&self.config, &all);
        if loaded.plan.is_none() {
            return manifests::load(&self.config, &asked);
        }
        *asked = all;
        loaded
    }

    /// Shows what a new reading of the manifest said.
    pub(crate) fn show_manifest(&self, loaded: &manifest::Loaded) {
        locked(&self.files).clone_from(&loaded.files);
        let trusted = self.board.snapshot().stack.trusted;
        self.board.post(Change::Stack(manifests::view(&self.config, loaded, trusted)));
    }

    /// The container runs: its addresses and ports bear the service's name from now on. Whoever is told of a network must
    /// look for its bridge, so that it is heard.
    pub(crate) fn learn(&self, service: &str, facts: &ContainerFacts) -> Vec<String> {
        if facts.state != ContainerState::Running {
            return Vec::new();
        }
        let addresses: Vec<IpAddr> = facts.addresses.iter().map(|(_, ip)| *ip).collect();
        let ports: Vec<u16> = facts.ports.iter().map(|p| p.host).collect();
        let since = facts.started.unwrap_or_default();
        let before = locked(&self.known)
            .insert(facts.id.clone(), Known { addresses: addresses.clone(), ports })
            .map_or_else(Vec::new, |known| known.addresses);
        let mut calls = self.calls();
        // It may have been taken off a network while it ran.
        for address in before.iter().filter(|address| !addresses.contains(address)) {
            calls.names_mut().forget(*address, now());
        }
        for address in &addresses {
            calls.names_mut().learn(*address, service, since);
        }
        for gateway in &facts.gateways {
            calls.names_mut().gateway(*gateway);
        }
        for port in &facts.ports {
            calls.names_mut().published(port.host, service, port.container);
        }
        drop(calls);
        self.is_on(&facts.id, facts.addresses.iter().map(|(network, _)| network.clone()).collect())
    }

    /// The container is about to run: its addresses bear the service's name.
    pub(crate) fn learn_addresses(
        &self,
        service: &str,
        container: &str,
        addresses: Vec<IpAddr>,
        at: Timestamp,
    ) {
        let mut calls = self.calls();
        for address in &addresses {
            calls.names_mut().learn(*address, service, at);
        }
        drop(calls);
        self.tell_captures();
        let mut known = locked(&self.known);
        known.entry(container.to_owned()).or_insert(Known { addresses, ports: Vec::new() });
    }

    /// The container ended: its addresses may be somebody else's from now on.
    pub(crate) fn forget(&self, container: &str, at: Timestamp) {
        let Some(known) = locked(&self.known).remove(container) else { return };
        let mut calls = self.calls();
        for address in known.addresses {
            calls.names_mut().forget(address, at);
        }
        for port in known.ports {
            calls.names_mut().unpublished(port);
        }
        drop(calls);
        self.is_on(container, Vec::new());
    }

    pub(crate) fn learn_gateways(&self, gateways: &[IpAddr]) {
        let mut calls = self.calls();
        for gateway in gateways {
            calls.names_mut().gateway(*gateway);
        }
        drop(calls);
        self.tell_captures();
    }

    /// Says that a container's log is being read; dropping the sender says that it was read to its end.
    pub(crate) fn reading(&self, container: &str) -> watch::Sender<bool> {
        let (sender, receiver) = watch::channel(false);
        locked(&self.followed).insert(container.to_owned(), receiver);
        sender
    }

    /// The container is gone, and its log with it.
    pub(crate) fn no_log(&self, container: &str) {
        locked(&self.followed).remove(container);
    }

    /// Waits until a container's log was read to its end, but not for ever: it is about to be removed.
    pub(crate) async fn log_read(&self, container: &str) {
        let Some(mut reading) = locked(&self.followed).remove(container) else { return };
        let read = async { while reading.changed().await.is_ok() {} };
        if tokio::time::timeout(Duration::from_secs(5), read).await.is_err() {
            tracing::warn!("the log of {container} was not read to its end before it was removed");
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("session", &self.session).finish_non_exhaustive()
    }
}

/// Shoal asks a service whether it answers: what it does for that is no call. Ends when dropped, however that comes.
pub(crate) struct Probing {
    shared: Arc<Shared>,
    service: String,
}

impl Probing {
    pub(crate) fn begin(shared: Arc<Shared>, service: &str) -> Self {
        shared.calls().names_mut().probing(service, now());
        Self { shared, service: service.to_owned() }
    }
}

impl Drop for Probing {
    fn drop(&mut self) {
        self.shared.calls().names_mut().probed(&self.service, now());
    }
}
