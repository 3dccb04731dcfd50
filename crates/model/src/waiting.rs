//! Reports of the capture that wait to be passed on: within a bound, and what goes for it is counted.

use std::collections::VecDeque;

use crate::frame::FromCapture;

/// Reports in the order in which they came. Putting always succeeds: over the bound go first the beginnings of calls,
/// whose ends tell all of it again, then the oldest of the rest. What is told once alone never goes.
#[derive(Debug)]
pub struct Waiting {
    frames: VecDeque<(usize, FromCapture)>,
    /// In bytes, as all of these.
    bound: usize,
    held: usize,
    /// How much of it are beginnings.
    begun: usize,
    lost: u64,
}

impl Waiting {
    /// Nothing yet, and how many bytes may wait.
    pub fn new(bound: usize) -> Self {
        Self { frames: VecDeque::new(), bound, held: 0, begun: 0, lost: 0 }
    }

    /// Takes a report.
    pub fn put(&mut self, frame: FromCapture) {
        let weight = frame.weight();
        self.held += weight;
        self.begun += if frame.is_beginning() { weight } else { 0 };
        self.frames.push_back((weight, frame));
        if self.held > self.bound && self.begun > 0 {
            self.drop_beginnings();
        }
        while self.held > self.bound && self.drop_oldest() {}
    }

    /// The oldest, with about how many bytes it holds.
    pub fn take(&mut self) -> Option<(usize, FromCapture)> {
        let (weight, frame) = self.frames.pop_front()?;
        self.left(weight, &frame);
        Some((weight, frame))
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// How many bytes wait.
    pub fn held(&self) -> usize {
        self.held
    }

    /// How many calls were dropped since the beginning.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    fn left(&mut self, weight: usize, frame: &FromCapture) {
        self.held -= weight;
        self.begun -= if frame.is_beginning() { weight } else { 0 };
    }

    /// Drops the oldest beginnings, and more than must be, since it looks at all that waits.
    fn drop_beginnings(&mut self) {
        let mut room = self.held - self.bound + self.bound / 8;
        for (weight, frame) in std::mem::take(&mut self.frames) {
            if room > 0 && frame.is_beginning() {
                room = room.saturating_sub(weight);
                self.left(weight, &frame);
            } else {
                self.frames.push_back((weight, frame));
            }
        }
    }

    fn drop_oldest(&mut self) -> bool {
        let Some(at) = self.frames.iter().position(|(_, frame)| !frame.is_told_once()) else { return false };
        if let Some((weight, frame)) = self.frames.remove(at) {
            self.left(weight, &frame);
            self.lost += frame.calls();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use crate::exchange::{CaptureCounts, Exchange, Message, Protocol};

    const BOUND: usize = 100 * 1024;

    fn report(serial: u32, done: bool, body: usize) -> FromCapture {
        let end = ([10, 0, 0, 1], 80).into();
        FromCapture::Exchange(Box::new(Exchange {
            request: Message { body: vec![0; body], ..Message::default() },
            done,
            ..Exchange::new((1, serial), end, end, Protocol::Tcp, Timestamp(0))
        }))
    }

    /// What is left, and how many were lost.
    fn left(frames: impl IntoIterator<Item = FromCapture>) -> (Vec<FromCapture>, u64) {
        let mut waiting = Waiting::new(BOUND);
        for frame in frames {
            waiting.put(frame);
            assert!(waiting.held() <= BOUND);
        }
        let all: Vec<_> = std::iter::from_fn(|| waiting.take()).map(|(_, frame)| frame).collect();
        assert!(waiting.is_empty() && (waiting.held, waiting.begun) == (0, 0));
        (all, waiting.lost())
    }

    fn serials(frames: &[FromCapture]) -> Vec<u32> {
        let serial = |frame: &FromCapture| match frame {
            FromCapture::Exchange(exchange) => Some(exchange.serial),
            _ => None,
        };
        frames.iter().filter_map(serial).collect()
    }

    #[test]
    fn beginnings_go_before_ends_and_cost_no_call() {
        let pairs = (0..40).flat_map(|n| [report(n, false, 2000), report(n, true, 1000)]);
        let (all, lost) = left(pairs);
        let ends: Vec<_> = all.iter().filter(|frame| frame.calls() == 1).cloned().collect();
        assert_eq!((serials(&ends), lost), ((0..40).collect(), 0));
        assert!(all.len() > ends.len(), "no more goes than must");
    }

    #[test]
    fn of_ends_the_newest_are_left_and_the_others_counted() {
        let (all, lost) = left((0..400).map(|n| report(n, true, 1000)));
        let kept = serials(&all);
        assert_eq!(kept.len() as u64 + lost, 400);
        assert!(kept.len() > 50 && kept.is_sorted() && kept.last() == Some(&399), "{kept:?}");
    }

    #[test]
    fn what_is_told_once_stays_and_numbers_that_come_again_go() {
        let ready = FromCapture::Ready { epoch: 7 };
        let counts = FromCapture::Counts(CaptureCounts::default());
        let first = [ready.clone(), counts.clone(), FromCapture::Open(vec![(1, 2)])];
        let (all, _) = left(first.into_iter().chain((0..400).map(|n| report(n, true, 1000))));
        assert_eq!(all[0], ready);
        assert!(!all.contains(&counts) && serials(&all).len() == all.len() - 1);
    }
}
