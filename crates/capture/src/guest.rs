//! The guest's capture container, from its start to its end.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::{ContainerSpec, Engine, EngineError, Exec, Network};
use futures_util::StreamExt;
use model::frame::{CapturedNetwork, FrameError, Frames, FromCapture, ToCapture, encode};
use model::line::Stream;
use model::plan::Resources;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

/// Reports that may wait for the receiver.
const QUEUE: usize = 8192;
/// The first pause before attaching again.
const PAUSE: Duration = Duration::from_millis(50);
/// Tries to attach again before the capture is given up.
const TRIES: u32 = 8;

/// What to capture, and as whom.
#[derive(Debug)]
pub struct Start<'a> {
    /// Through this engine.
    pub engine: &'a Engine,
    /// The stack, for the container's name.
    pub stack: &'a str,
    /// The guest's image, which must be there.
    pub image: &'a str,
    /// The stack's labels.
    pub labels: BTreeMap<String, String>,
    /// Bytes of each body to keep.
    pub body_limit: u32,
    /// The bridges to watch, by interface name in the engine's network.
    pub bridges: Vec<String>,
}

/// Why nothing can be captured.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The engine said no.
    #[error("the capture could not be started")]
    Engine(#[from] EngineError),
    /// A message for the guest could not be written.
    #[error("the capture could not be told what to watch")]
    Frame(#[from] FrameError),
}

/// A running capture. Dropping it leaves its container to whoever comes next; [`Capture::stop`] removes it.
#[derive(Debug)]
pub struct Capture {
    engine: Engine,
    container: String,
    orders: mpsc::Sender<ToCapture>,
    reader: tokio::task::JoinHandle<()>,
}

/// Starts the guest's capture. An older capture container of the stack is replaced: it was a session's that is gone.
pub async fn start(start: Start<'_>) -> Result<(Capture, mpsc::Receiver<FromCapture>), CaptureError> {
    let engine = start.engine;
    let spec = spec(&start);
    let container = match engine.create(&spec).await {
        Err(EngineError::NameTaken { .. }) => {
            engine.remove(&spec.name, true).await?;
            engine.create(&spec).await?
        }
        created => created?,
    };
    // Attached first, so that not even the first report is missed.
    let begun = async {
        let attached = engine.attach(&container).await?;
        engine.start(&container).await?;
        Ok::<_, EngineError>(attached)
    };
    let attached = match begun.await {
        Ok(attached) => attached,
        Err(error) => {
            // What did not start is not left behind; the first error is the one to tell.
            drop(engine.remove(&container, true).await);
            return Err(error.into());
        }
    };
    let (orders, inbox) = mpsc::channel(8);
    let (reports, receiver) = mpsc::channel(QUEUE);
    let reader = tokio::spawn(drain(engine.clone(), container.clone(), attached, inbox, reports));
    Ok((Capture { engine: engine.clone(), container, orders, reader }, receiver))
}

fn spec(start: &Start<'_>) -> ContainerSpec {
    let mut cmd = vec!["capture".to_owned(), "--body-limit".to_owned(), start.body_limit.to_string()];
    for bridge in &start.bridges {
        cmd.extend(["--bridge".to_owned(), bridge.clone()]);
    }
    let mut labels = start.labels.clone();
    labels.insert("dev.shoal.guest".to_owned(), "capture".to_owned());
    ContainerSpec {
        name: format!("{}-shoal-capture", start.stack),
        image: start.image.to_owned(),
        entrypoint: Some(vec!["/shoal-guest".to_owned()]),
        cmd: Some(cmd),
        labels,
        network: Network::Host,
        user: Some("0".to_owned()),
        cap_drop: vec!["ALL".to_owned()],
        cap_add: vec!["NET_RAW".to_owned()],
        security_opt: vec!["no-new-privileges".to_owned()],
        read_only: true,
        pids_limit: Some(16),
        resources: Resources { memory: Some(128 * 1024 * 1024), cpus: None },
        open_stdin: true,
        log_driver: Some("none".to_owned()),
        ..ContainerSpec::default()
    }
}

impl Capture {
    /// Watches these bridges from now on.
    pub async fn set_networks(&self, bridges: Vec<String>) {
        let networks = bridges.into_iter().map(|bridge| CapturedNetwork { bridge }).collect();
        // A capture that has ended needs no orders; its receiver has been told.
        drop(self.orders.send(ToCapture::Networks(networks)).await);
    }

    /// The engine's id of the container.
    pub fn container_id(&self) -> &str {
        &self.container
    }

    /// Leaves the container running; the next session replaces it.
    pub fn leave(self) {
        self.reader.abort();
    }

    /// Ends the capture and removes its container.
    pub async fn stop(self) {
        self.reader.abort();
        match self.engine.remove(&self.container, true).await {
            Ok(()) | Err(EngineError::NotFound { .. }) => {}
            Err(error) => tracing::warn!("the capture's container could not be removed: {error}"),
        }
    }
}

/// Reads all that the guest reports, for as long as its container runs.
async fn drain(
    engine: Engine,
    container: String,
    mut attached: Exec,
    mut orders: mpsc::Receiver<ToCapture>,
    reports: mpsc::Sender<FromCapture>,
) {
    let mut dropped = 0;
    let mut tries = 0;
    loop {
        let began = tokio::time::Instant::now();
        pump(&mut attached, &mut orders, &reports, &mut dropped).await;
        if reports.is_closed() {
            return;
        }
        if began.elapsed() > Duration::from_secs(10) {
            tries = 0;
        }
        attached = loop {
            let runs = engine.inspect(&container).await.is_ok_and(|facts| facts.is_running());
            if !runs || tries == TRIES {
                let why = if runs { "its output cannot be reached any more" } else { "its container ended" };
                // Nobody may be listening any more.
                drop(reports.send(FromCapture::Failed(format!("the capture stopped: {why}"))).await);
                return;
            }
            tokio::time::sleep(PAUSE * 2_u32.pow(tries)).await;
            tries += 1;
            if let Ok(again) = engine.attach(&container).await {
                break again;
            }
        };
    }
}

/// One attachment's life.
async fn pump(
    attached: &mut Exec,
    orders: &mut mpsc::Receiver<ToCapture>,
    reports: &mpsc::Sender<FromCapture>,
    dropped: &mut u64,
) {
    let mut frames = Frames::<FromCapture>::default();
    let mut told = Vec::new();
    loop {
        tokio::select! {
            part = attached.output.next() => match part {
                Some(Ok((Stream::Stderr, bytes))) => {
                    told.extend_from_slice(&bytes);
                    tell_lines(&mut told);
                }
                Some(Ok((_, bytes))) => {
                    frames.push(&bytes);
                    while let Some(frame) = frames.next_frame() {
                        hand_over(frame, reports, dropped);
                    }
                }
                Some(Err(error)) => {
                    tracing::warn!("the capture's output broke: {error}");
                    return;
                }
                None => return,
            },
            Some(order) = orders.recv() => {
                let written = match encode(&order) {
                    Ok(frame) => attached.input.write_all(&frame).await.and(attached.input.flush().await),
                    Err(error) => Err(std::io::Error::other(error)),
                };
                if let Err(error) = written {
                    tracing::warn!("the capture could not be told what to watch: {error}");
                    return;
                }
            }
        }
    }
}

/// Never waits: a receiver that is behind loses reports, and the next count says how many.
fn hand_over(mut frame: FromCapture, reports: &mpsc::Sender<FromCapture>, dropped: &mut u64) {
    if let FromCapture::Counts(counts) = &mut frame {
        counts.lost_transport += *dropped;
    }
    if reports.try_send(frame).is_err() {
        *dropped += 1;
    }
}

fn tell_lines(told: &mut Vec<u8>) {
    while let Some(end) = told.iter().position(|b| *b == b'\n') {
        let line: Vec<u8> = told.drain(..=end).collect();
        tracing::warn!("capture: {}", String::from_utf8_lossy(&line).trim_end());
    }
    told.truncate(4096);
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::exchange::CaptureCounts;

    #[tokio::test]
    async fn a_receiver_that_is_behind_is_told_how_much_it_missed() {
        let (reports, mut receiver) = mpsc::channel(1);
        let mut dropped = 0;
        hand_over(FromCapture::Ready, &reports, &mut dropped);
        hand_over(FromCapture::Ready, &reports, &mut dropped);
        assert_eq!(receiver.recv().await, Some(FromCapture::Ready));
        hand_over(FromCapture::Counts(CaptureCounts::default()), &reports, &mut dropped);
        let counts = CaptureCounts { lost_transport: 1, ..CaptureCounts::default() };
        assert_eq!(receiver.recv().await, Some(FromCapture::Counts(counts)));
    }
}
