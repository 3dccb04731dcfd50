//! The task that always drains the guest, reaches it again when the way to it breaks, and starts it again when it
//! ends.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use engine::{ContainerSpec, Engine, EngineError, Exec};
use futures_util::StreamExt as _;
use model::frame::{Frames, FromCapture, ToCapture, encode};
use model::line::Stream;
use model::packets::{Packets, PacketsAsk};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::{mpsc, oneshot, watch};

use crate::account::Account;
use crate::container;
use crate::orders::{Asked, Orders};
use crate::queue::Queue;

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A line that the guest prints on its standard error is cut here, in bytes.
const COMPLAINT_LIMIT: usize = 4096;

/// What the guest has said of itself last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Heard {
    Nothing,
    /// It listens; so many times it has said so.
    Ready(u64),
    /// It said why it cannot listen.
    Failed(String),
    /// It ended without a word, and how.
    Ended(String),
}

/// Why an attachment ended.
enum Broke {
    Ended,
    Nobody,
}

#[derive(Debug)]
pub(crate) struct Follow {
    pub(crate) engine: Engine,
    pub(crate) spec: ContainerSpec,
    pub(crate) container: watch::Sender<String>,
    pub(crate) wanted: watch::Receiver<Orders>,
    pub(crate) asked: mpsc::Receiver<Asked>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) heard: watch::Sender<Heard>,
    pub(crate) account: Account,
}

impl Follow {
    pub(crate) async fn run(mut self, mut attached: Exec) {
        loop {
            match self.drain(&mut attached).await {
                Broke::Nobody => return,
                Broke::Ended => attached = self.reach().await,
            }
        }
    }

    /// One attachment's life. It begins with what the guest should know, since it may have been started with less.
    async fn drain(&mut self, attached: &mut Exec) -> Broke {
        let mut frames = Frames::<FromCapture>::default();
        let mut complaint = Vec::new();
        let mut known = None;
        let mut waiting = Waiting::default();
        if let Err(error) = self.tell(attached, &mut known).await {
            tracing::warn!("the capture could not be told what to do: {error}");
        }
        loop {
            tokio::select! {
                part = attached.output.next() => match part {
                    Some(Ok((Stream::Stderr, bytes))) => complain(&mut complaint, &bytes),
                    Some(Ok((_, bytes))) => {
                        frames.push(&bytes);
                        while let Some(frame) = frames.next_frame() {
                            match frame {
                                FromCapture::Packets(page) => waiting.answer(page),
                                frame => self.take(frame),
                            }
                        }
                    }
                    Some(Err(error)) => {
                        tracing::warn!("the capture's output broke: {error}");
                        return Broke::Ended;
                    }
                    None => return Broke::Ended,
                },
                Some(asked) = self.asked.recv() => {
                    if let Err(error) = send(attached, &ToCapture::Packets(waiting.ask(asked))).await {
                        tracing::warn!("the capture could not be asked: {error}");
                        return Broke::Ended;
                    }
                }
                changed = self.wanted.changed() => {
                    if changed.is_err() {
                        return Broke::Nobody;
                    }
                    if let Err(error) = self.tell(attached, &mut known).await {
                        tracing::warn!("the capture could not be told what to do: {error}");
                        return Broke::Ended;
                    }
                }
            }
        }
    }

    fn take(&mut self, mut frame: FromCapture) {
        self.account.take(&mut frame);
        match &frame {
            FromCapture::Ready { .. } => self.heard.send_modify(|heard| {
                let before = if let Heard::Ready(times) = heard { *times } else { 0 };
                *heard = Heard::Ready(before + 1);
            }),
            FromCapture::Failed(why) => drop(self.heard.send_replace(Heard::Failed(why.clone()))),
            FromCapture::Exchange(_)
            | FromCapture::Tally(_)
            | FromCapture::Open(_)
            | FromCapture::Counts(_)
            | FromCapture::Packets(_) => {}
        }
        self.queue.put(frame);
    }

    /// Tells the guest what it does not know yet.
    async fn tell(&mut self, attached: &mut Exec, known: &mut Option<Orders>) -> io::Result<()> {
        let wanted = self.wanted.borrow_and_update().clone();
        for command in wanted.commands(known.as_ref()) {
            send(attached, &command).await?;
        }
        *known = Some(wanted);
        Ok(())
    }

    /// Reaches the guest again, however long it takes; starts it when it has ended.
    async fn reach(&mut self) -> Exec {
        let mut pause = FIRST_PAUSE;
        loop {
            tokio::time::sleep(pause).await;
            match self.try_reach().await {
                Ok(attached) => return attached,
                Err(error) => tracing::debug!("the capture cannot be reached: {error}"),
            }
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    async fn try_reach(&mut self) -> Result<Exec, EngineError> {
        let id = self.container.borrow().clone();
        match self.engine.inspect(&id).await {
            Ok(facts) if facts.is_running() => self.engine.attach(&id).await,
            Ok(facts) => {
                let code = facts.exit_code.map_or("unknown".to_owned(), |code| code.to_string());
                self.ended(&format!("its container ended with code {code}"));
                container::begin(&self.engine, &id).await
            }
            Err(EngineError::NotFound { .. }) => {
                self.ended("its container was removed");
                let (id, attached) = container::open(&self.engine, &self.spec).await?;
                self.container.send_replace(id);
                Ok(attached)
            }
            Err(error) => Err(error),
        }
    }

    /// Tells that nothing is heard. What the guest has said itself is the better reason.
    fn ended(&self, why: &str) {
        let failed = matches!(*self.heard.borrow(), Heard::Failed(_));
        if !failed {
            self.heard.send_replace(Heard::Ended(why.to_owned()));
            self.queue.put(FromCapture::Failed(why.to_owned()));
        }
    }
}

/// Who waits for which answer. An attachment's end is told to all of them by this being dropped.
#[derive(Debug, Default)]
struct Waiting {
    last: u32,
    answers: HashMap<u32, oneshot::Sender<Packets>>,
}

impl Waiting {
    fn ask(&mut self, (ask, answer): Asked) -> PacketsAsk {
        self.answers.retain(|_, answer| !answer.is_closed());
        self.last = self.last.wrapping_add(1);
        self.answers.insert(self.last, answer);
        PacketsAsk { ask: self.last, ..ask }
    }

    fn answer(&mut self, page: Packets) {
        if let Some(answer) = self.answers.remove(&page.ask) {
            // Whoever asked may have gone away.
            drop(answer.send(page));
        }
    }
}

async fn send(attached: &mut Exec, order: &ToCapture) -> io::Result<()> {
    let frame = encode(order).map_err(io::Error::other)?;
    attached.input.write_all(&frame).await?;
    attached.input.flush().await
}

fn complain(complaint: &mut Vec<u8>, bytes: &[u8]) {
    complaint.extend_from_slice(bytes);
    while let Some(end) = complaint.iter().position(|b| *b == b'\n') {
        let line: Vec<u8> = complaint.drain(..=end).collect();
        tracing::warn!("capture: {}", String::from_utf8_lossy(&line).trim_end());
    }
    complaint.truncate(COMPLAINT_LIMIT);
}
