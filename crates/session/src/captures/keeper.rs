//! The life of one capture: started, listened to, and removed when it is not wanted any more.

use std::sync::Arc;
use std::time::Duration;

use capture::{Capture, CaptureError, Start, Vantage};
use engine::Engine;
use model::exchange::CaptureCounts;
use model::frame::FromCapture;
use tokio::sync::{mpsc, oneshot, watch};

use super::{Home, Post, is_over};
use crate::observe;
use crate::run::Event;
use crate::shared::Shared;
use crate::spec;

/// How long it waits before it is tried again to start one.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What a capture says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It is being started.
    Starting,
    /// It listens.
    Ready,
    /// What it has seen and missed since it was started.
    Counts(CaptureCounts),
    /// It does not listen, and why.
    Failed(String),
    /// It is not there any more.
    Gone,
}

/// A capture to be kept.
pub(super) struct Keep {
    pub(super) shared: Arc<Shared>,
    pub(super) engine: Engine,
    /// The guest's.
    pub(super) image: String,
    pub(super) post: Post,
    pub(super) home: Option<Home>,
    /// Told when what failed is to be tried again at once.
    pub(super) again: watch::Receiver<()>,
    /// The end of the one before it at this post.
    pub(super) before: Option<watch::Receiver<()>>,
    /// Dropped after the first try, for whoever waits for that.
    pub(super) first: Option<oneshot::Sender<()>>,
}

impl Keep {
    /// Runs until the other end of `ending` is dropped; the capture is gone then.
    pub(super) async fn run(mut self, mut ending: oneshot::Receiver<()>) {
        if let Some(before) = self.before.take() {
            is_over(before).await;
        }
        self.tell(Heard::Starting).await;
        let mut pause = FIRST_PAUSE;
        // A start is not broken off: it would leave half a container.
        while matches!(ending.try_recv(), Err(oneshot::error::TryRecvError::Empty)) {
            self.again.mark_unchanged();
            let started = self.start().await;
            drop(self.first.take());
            let error = match started {
                Ok((capture, frames)) => {
                    self.listen(capture, frames, &mut ending).await;
                    break;
                }
                Err(error) => error,
            };
            self.tell(Heard::Failed(error.to_string())).await;
            let passing = error.is_passing();
            tokio::select! {
                _ = &mut ending => break,
                Ok(()) = self.again.changed() => pause = FIRST_PAUSE,
                () = tokio::time::sleep(pause), if passing => pause = LONGEST_PAUSE.min(pause * 2),
                else => break,
            }
        }
        self.tell(Heard::Gone).await;
    }

    async fn start(&self) -> Result<(Capture, mpsc::Receiver<FromCapture>), CaptureError> {
        let vantage = match (&self.post, &self.home) {
            (Post::Loopback(service), Some(home)) => {
                Vantage::Loopback { service, container: &home.container, started: home.started }
            }
            (Post::Loopback(_) | Post::Networks, _) => Vantage::Bridges,
        };
        let whose = &self.shared.whose;
        capture::start(Start {
            engine: &self.engine,
            stack: &whose.stack,
            image: &self.image,
            vantage,
            labels: spec::labels_of(&whose.stack, &whose.folder, &self.shared.session),
            orders: self.shared.orders_of(&self.post),
        })
        .await
    }

    async fn listen(
        &self,
        capture: Capture,
        frames: mpsc::Receiver<FromCapture>,
        ending: &mut oneshot::Receiver<()>,
    ) {
        self.shared.set_remote(&self.post, Some(capture.remote()));
        let mut source = self.shared.calls().begin(self.post.service());
        tokio::select! {
            () = observe::exchanges(&self.shared, &self.post, frames, &mut source) => {}
            _ = ending => {}
        }
        self.shared.set_remote(&self.post, None);
        capture.stop().await;
        self.shared.calls().end(source);
        self.shared.calls_news.notify_waiters();
    }

    async fn tell(&self, heard: Heard) {
        self.shared.send(Event::Heard(self.post.clone(), heard)).await;
    }
}
