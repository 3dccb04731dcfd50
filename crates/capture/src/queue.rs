//! Reports on their way to the receiver: bounded, the oldest go first, and the count of what went is in the next
//! [`FromCapture::Counts`].

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::frame::FromCapture;
use model::waiting::Waiting;
use tokio::sync::{Notify, mpsc};

/// What may wait, in bytes.
const BOUND: usize = 32 * 1024 * 1024;

/// The queue. Putting never waits.
#[derive(Debug)]
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    news: Notify,
}

impl Default for Queue {
    fn default() -> Self {
        Self { waiting: Mutex::new(Waiting::new(BOUND)), news: Notify::new() }
    }
}

impl Queue {
    pub(crate) fn put(&self, mut frame: FromCapture) {
        let mut waiting = self.lock();
        if let FromCapture::Counts(counts) = &mut frame {
            counts.lost_transport += waiting.lost();
        }
        waiting.put(frame);
        drop(waiting);
        self.news.notify_one();
    }

    /// Passes on what was put, as fast as it is taken, until nobody takes it any more.
    pub(crate) async fn pass_on(self: Arc<Self>, to: mpsc::Sender<FromCapture>) {
        while let Ok(place) = to.reserve().await {
            place.send(self.next().await);
        }
    }

    async fn next(&self) -> FromCapture {
        loop {
            let front = self.lock().take();
            if let Some((_, frame)) = front {
                return frame;
            }
            self.news.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing panics while it holds the lock.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Timestamp;
    use model::exchange::{CaptureCounts, Exchange, Message, Protocol};

    fn exchange(serial: u32, body: usize) -> FromCapture {
        let end = ([10, 0, 0, 1], 80).into();
        FromCapture::Exchange(Box::new(Exchange {
            request: Message { body: vec![0; body], ..Message::default() },
            done: true,
            ..Exchange::new((1, serial), end, end, Protocol::Tcp, Timestamp(0))
        }))
    }

    #[tokio::test]
    async fn a_receiver_that_is_behind_gets_the_newest_and_the_number_of_the_others() {
        let queue = Arc::<Queue>::default();
        for serial in 0..100 {
            queue.put(exchange(serial, 1024 * 1024));
        }
        queue.put(FromCapture::Counts(CaptureCounts { lost_transport: 5, ..CaptureCounts::default() }));
        let (to, mut taken) = mpsc::channel(1);
        let passing = tokio::spawn(Arc::clone(&queue).pass_on(to));
        let mut serials = Vec::new();
        let lost = loop {
            match taken.recv().await {
                Some(FromCapture::Exchange(exchange)) => serials.push(exchange.serial),
                Some(FromCapture::Counts(counts)) => break counts.lost_transport,
                other => panic!("{other:?}"),
            }
        };
        assert!(serials.len() > 20 && serials.is_sorted() && serials.last() == Some(&99), "{serials:?}");
        assert_eq!(serials.len() as u64 + lost, 105);
        drop(taken);
        queue.put(FromCapture::Ready { epoch: 1 });
        passing.await.unwrap();
    }
}
