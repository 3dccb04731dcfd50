//! A running capture, from its start to its end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use engine::Engine;
use model::Timestamp;
use model::frame::FromCapture;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::CaptureError;
use crate::account::Account;
use crate::container::{self, gone_is_fine};
use crate::follow::{Follow, Heard};
use crate::orders::{Orders, Remote};
use crate::queue::Queue;

/// Reports that the receiver may take at once; more wait in the queue, within its bound.
const CHANNEL: usize = 256;
/// Questions that may wait for the guest to be reached.
const ASKS: usize = 16;
/// How long the guest may take to open its socket.
const READY_WITHIN: Duration = Duration::from_secs(10);
/// How long new networks are waited for.
const OBEYED_WITHIN: Duration = Duration::from_secs(1);

/// Where a capture listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vantage<'a> {
    /// On the bridges that its orders name, in the engine's own network.
    Bridges,
    /// On the loopback interface of one container: what its processes say to each other, and to its own name. It hears
    /// nothing else, since all else crosses a bridge.
    Loopback {
        /// Whose container, for the name of the guest's.
        service: &'a str,
        /// The container, by id.
        container: &'a str,
        /// When it was started.
        started: Timestamp,
    },
}

/// What to capture, and as whom.
#[derive(Debug)]
pub struct Start<'a> {
    /// Through this engine.
    pub engine: &'a Engine,
    /// The stack, for the container's name.
    pub stack: &'a str,
    /// The guest's image, which must be there.
    pub image: &'a str,
    /// Where to listen.
    pub vantage: Vantage<'a>,
    /// The stack's labels.
    pub labels: BTreeMap<String, String>,
    /// What it is to do at first.
    pub orders: Orders,
}

/// A running capture. Dropping it leaves its container to whoever comes next; [`Capture::stop`] removes it.
#[derive(Debug)]
pub struct Capture {
    engine: Engine,
    name: String,
    remote: Remote,
    container: watch::Receiver<String>,
    heard: watch::Receiver<Heard>,
    tasks: [JoinHandle<()>; 2],
}

/// Starts the guest's capture, or takes over the one that a session before has left. When this returns, every packet
/// that it is to hear is heard; a bridge that does not exist yet is heard from when it does.
pub async fn start(start: Start<'_>) -> Result<(Capture, mpsc::Receiver<FromCapture>), CaptureError> {
    let engine = start.engine.clone();
    let spec = container::spec(&start);
    let name = spec.name.clone();
    let (id, attached) = container::open(&engine, &spec).await?;
    let queue = Arc::<Queue>::default();
    let (reports, receiver) = mpsc::channel(CHANNEL);
    let (orders, wanted) = watch::channel(start.orders);
    let (asks, asked) = mpsc::channel(ASKS);
    let (id, container) = watch::channel(id);
    let (hears, heard) = watch::channel(Heard::Nothing);
    let follow = Follow {
        engine: engine.clone(),
        spec,
        container: id,
        wanted,
        asked,
        queue: Arc::clone(&queue),
        heard: hears,
        account: Account::default(),
    };
    let tasks = [tokio::spawn(follow.run(attached)), tokio::spawn(queue.pass_on(reports))];
    let capture = Capture { engine, name, remote: Remote { orders, asks }, container, heard, tasks };
    match capture.until_ready().await {
        Ok(()) => Ok((capture, receiver)),
        Err(error) => {
            capture.stop().await;
            Err(error)
        }
    }
}

impl Capture {
    /// Watches these bridges and no others; returns when they are heard, or after a second.
    pub async fn set_networks(&self, bridges: Vec<String>) {
        let mut heard = self.heard.clone();
        let before = heard.borrow_and_update().clone();
        self.remote.orders.send_modify(|orders| orders.bridges = bridges);
        // A guest that is being started again hears them when it is back.
        let again = |now: &Heard| matches!(now, Heard::Ready(_)) && *now != before;
        drop(timeout(OBEYED_WITHIN, heard.wait_for(again)).await);
    }

    /// A way to it for others.
    pub fn remote(&self) -> Remote {
        self.remote.clone()
    }

    /// The engine's id of the container.
    pub fn container_id(&self) -> String {
        self.container.borrow().clone()
    }

    /// Leaves the container running; the next session takes it over.
    pub fn leave(self) {
        self.end_tasks();
    }

    /// Ends the capture and removes its container.
    pub async fn stop(self) {
        self.end_tasks();
        if let Err(error) = gone_is_fine(self.engine.remove(&self.name, true).await) {
            tracing::warn!("the capture's container could not be removed: {error}");
        }
    }

    fn end_tasks(&self) {
        for task in &self.tasks {
            task.abort();
        }
    }

    async fn until_ready(&self) -> Result<(), CaptureError> {
        let mut heard = self.heard.clone();
        let told = timeout(READY_WITHIN, heard.wait_for(|heard| !matches!(heard, Heard::Nothing))).await;
        match told.map(|told| told.map(|heard| heard.clone())) {
            Ok(Ok(Heard::Failed(why))) => Err(CaptureError::Refused { why }),
            Ok(Ok(Heard::Ended(why))) => Err(CaptureError::Ended { why }),
            Ok(Ok(Heard::Ready(_))) => Ok(()),
            Ok(Ok(Heard::Nothing) | Err(_)) | Err(_) => Err(CaptureError::Silent),
        }
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.end_tasks();
    }
}
