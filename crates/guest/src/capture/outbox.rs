//! Frames on their way to the host: a bounded queue, and the thread that writes them.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use model::frame::{FromCapture, encode};
use model::waiting::Waiting;

/// One write takes about so much, in bytes.
const BATCH: usize = 128 * 1024;
/// After a failed write.
const RETRY: Duration = Duration::from_millis(100);
/// How long the last frames may take to be written when all ends.
const LAST: Duration = Duration::from_secs(2);

#[derive(Debug)]
struct Queue {
    waiting: Waiting,
    /// Calls that could not be written.
    lost: u64,
    writing: bool,
    ended: bool,
}

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // No code panics while it holds the lock, and the queue is whole at every step.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The way to the host. Putting never waits.
#[derive(Debug)]
pub(super) struct Outbox {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

impl Outbox {
    /// Starts the thread that writes; without one, frames are dropped and counted. So many bytes may wait: a host that
    /// reads again after a pause gets the newest of it.
    pub(super) fn start(to: impl Write + Send + 'static, bound: usize) -> Self {
        let queue = Queue { waiting: Waiting::new(bound), lost: 0, writing: false, ended: false };
        let shared = Arc::new(Shared { queue: Mutex::new(queue), changed: Condvar::new() });
        let with = Arc::clone(&shared);
        let writer = thread::Builder::new().name("writer".into()).spawn(move || write_all(&with, to));
        Self { shared, writer: writer.ok() }
    }

    pub(super) fn put(&self, frame: FromCapture) {
        self.put_all(std::iter::once(frame));
    }

    /// Puts several at once: the writer is woken once.
    pub(super) fn put_all(&self, frames: impl Iterator<Item = FromCapture>) {
        let mut frames = frames.peekable();
        if frames.peek().is_none() {
            return;
        }
        let mut queue = self.shared.lock();
        frames.for_each(|frame| queue.waiting.put(frame));
        drop(queue);
        self.shared.changed.notify_all();
    }

    /// Calls that were dropped.
    pub(super) fn lost(&self) -> u64 {
        let queue = self.shared.lock();
        queue.lost + queue.waiting.lost()
    }

    /// Waits a moment for the last frames to be written.
    pub(super) fn finish(self) {
        let mut queue = self.shared.lock();
        queue.ended = true;
        self.shared.changed.notify_all();
        if self.writer.is_some() {
            let left = |queue: &mut Queue| queue.writing || !queue.waiting.is_empty();
            drop(self.shared.changed.wait_timeout_while(queue, LAST, left));
        }
    }
}

fn write_all(shared: &Shared, mut to: impl Write) {
    let mut written = 0;
    loop {
        let idle = |queue: &mut Queue| queue.waiting.is_empty() && !queue.ended;
        let queue = shared.lock();
        let mut queue = shared.changed.wait_while(queue, idle).unwrap_or_else(PoisonError::into_inner);
        if queue.waiting.is_empty() {
            return;
        }
        let mut frames = Vec::new();
        let mut size = 0;
        while size < BATCH
            && let Some((weight, frame)) = queue.waiting.take()
        {
            size += weight;
            frames.push(frame);
        }
        queue.writing = true;
        drop(queue);
        let lost = write(frames, &mut written, &mut to);
        let mut queue = shared.lock();
        queue.writing = false;
        queue.lost += lost;
        drop(queue);
        shared.changed.notify_all();
    }
}

/// Writes frames, and in those that count how many calls were `written` before; how many could not be.
fn write(frames: Vec<FromCapture>, written: &mut u64, to: &mut impl Write) -> u64 {
    let mut bytes = Vec::with_capacity(BATCH);
    let (mut lost, mut calls) = (0, 0);
    for mut frame in frames {
        if let FromCapture::Counts(counts) = &mut frame {
            counts.written = *written + calls;
        }
        match encode(&frame) {
            Ok(encoded) => {
                bytes.extend(encoded);
                calls += frame.calls();
            }
            Err(_) => lost += frame.calls(),
        }
    }
    match to.write_all(&bytes).and_then(|()| to.flush()) {
        Ok(()) => {
            *written += calls;
            lost
        }
        Err(why) => {
            if why.kind() != io::ErrorKind::Interrupted {
                // Nobody holds the other end now. Whoever comes next starts at the next frame.
                thread::sleep(RETRY);
            }
            lost + calls
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Timestamp;
    use model::exchange::{CaptureCounts, Exchange, Message, Protocol};
    use model::frame::Frames;
    use std::sync::mpsc::{Receiver, Sender, channel};

    const BOUND: usize = 24 * 1024 * 1024;

    /// A reader that takes bytes only when it is let.
    struct Slow {
        leave: Receiver<()>,
        to: Sender<Vec<u8>>,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.leave.recv().map_err(io::Error::other)?;
            self.to.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn exchange(serial: u32, body: usize) -> FromCapture {
        let end = ([10, 0, 0, 1], 80).into();
        FromCapture::Exchange(Box::new(Exchange {
            method: "GET".into(),
            target: "/".into(),
            request: Message { body: vec![0; body], ..Message::default() },
            done: true,
            ..Exchange::new((1, serial), end, end, Protocol::Http1, Timestamp(0))
        }))
    }

    #[test]
    fn what_a_stalled_reader_cannot_take_is_dropped_oldest_first_and_counted() {
        let (let_it, leave) = channel();
        let (to, taken) = channel();
        let outbox = Outbox::start(Slow { leave, to }, BOUND);
        const COUNT: u32 = 400;
        for serial in 0..COUNT {
            outbox.put(exchange(serial, 256 * 1024));
            assert!(outbox.shared.lock().waiting.held() <= BOUND);
        }
        let lost = outbox.lost();
        assert!(lost > 0, "putting never waits, so some must go");
        drop((0..1000).map(|_| let_it.send(())).collect::<Result<Vec<_>, _>>());
        outbox.finish();
        let mut frames = Frames::<FromCapture>::default();
        let mut serials = Vec::new();
        for bytes in taken.try_iter() {
            frames.push(&bytes);
            while let Some(FromCapture::Exchange(exchange)) = frames.next_frame() {
                serials.push(exchange.serial);
            }
        }
        assert_eq!(serials.len() as u64 + lost, u64::from(COUNT));
        assert!(serials.is_sorted() && serials.last() == Some(&(COUNT - 1)), "the newest are kept");
    }

    #[test]
    fn a_reader_that_went_away_costs_frames_and_nothing_else() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let outbox = Outbox::start(Gone, BOUND);
        outbox.put(exchange(1, 10));
        let shared = Arc::clone(&outbox.shared);
        outbox.finish();
        assert_eq!(shared.lock().lost, 1);
    }

    #[test]
    fn counts_say_how_many_calls_were_written_before_them() {
        let (mut written, mut bytes) = (0, Vec::new());
        let counts = || FromCapture::Counts(CaptureCounts::default());
        let begun = |serial| match exchange(serial, 1) {
            FromCapture::Exchange(call) => FromCapture::Exchange(Box::new(Exchange { done: false, ..*call })),
            other => other,
        };
        let first = vec![counts(), begun(1), exchange(1, 1), counts()];
        assert_eq!(write(first, &mut written, &mut bytes), 0);
        assert_eq!(write(vec![exchange(2, 1), exchange(3, 1), counts()], &mut written, &mut bytes), 0);
        let mut frames = Frames::<FromCapture>::default();
        frames.push(&bytes);
        let told = std::iter::from_fn(|| frames.next_frame()).filter_map(|frame| match frame {
            FromCapture::Counts(counts) => Some(counts.written),
            _ => None,
        });
        assert_eq!(told.collect::<Vec<_>>(), [0, 1, 3]);
    }
}
