//! What is under way on one channel.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use model::Timestamp;
use model::exchange::Quality;

use super::spec::Spec;
use crate::decode::Dir;

/// How many consumers of a channel are known by name.
const CONSUMERS_LIMIT: usize = 1024;

/// Channel 0 is the connection itself.
#[derive(Debug, Default)]
pub(super) struct Channel {
    /// Requests whose answer is awaited, oldest first.
    pub(super) waiting: VecDeque<Waiting>,
    /// Requests may have been lost since the last one was seen.
    pub(super) asks_lost: bool,
    /// What is being sent, by [`Dir`].
    pub(super) contents: [Option<Content>; 2],
    pub(super) confirms: Option<Confirms>,
    consumers: HashMap<String, Consumer>,
    /// Bytes that `consumers` hold.
    consumers_held: usize,
    /// Deliveries that are not settled, by tag.
    pub(super) deliveries: BTreeMap<u64, Delivery>,
    /// The client settles deliveries here.
    pub(super) settles: bool,
    /// The queue that was declared last: what an empty name means.
    pub(super) queue: String,
}

#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) serial: u32,
    pub(super) asked: &'static Spec,
    /// Its answer may have been lost.
    pub(super) doubted: bool,
}

/// A message behind its method: a content header and as many body frames as it takes.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) belongs: Belongs,
    /// Bytes of the body to come; `None` before the header.
    pub(super) left: Option<u64>,
}

/// What a content is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Belongs {
    Publish {
        serial: u32,
        answer: Answer,
    },
    Deliver {
        serial: u32,
        settled: bool,
    },
    Get {
        serial: u32,
    },
    /// What came back is known from when it was sent.
    Nothing,
}

/// What the broker says to a message that was published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// Nothing.
    Never,
    /// It may send it back.
    Return,
    /// It confirms.
    Confirm,
    /// It confirms, and nobody knows which number this message has, and why.
    Unknown(Quality),
}

/// The broker confirms messages by their number on the channel.
#[derive(Debug)]
pub(super) struct Confirms {
    /// The next message's number; `None` since some may have been lost.
    pub(super) next: Option<u64>,
    /// What awaits its confirm, and whether that may have been lost.
    pub(super) open: BTreeMap<u64, (u32, bool)>,
    /// The highest number that was confirmed.
    confirmed: u64,
    /// When messages were last sent, or lost.
    sent: Timestamp,
    /// Why messages are not counted, where they are not.
    pub(super) why: Quality,
}

/// When nothing was sent for so long, all that was sent is confirmed.
const CONFIRMED_WITHIN: Duration = Duration::from_secs(2);

impl Confirms {
    pub(super) fn new(next: Option<u64>, at: Timestamp) -> Self {
        Self { next, open: BTreeMap::new(), confirmed: 0, sent: at, why: Quality::MidStream }
    }

    /// The number of a message that is sent now. Lost count, it is found again after a rest.
    pub(super) fn count(&mut self, at: Timestamp) -> Option<u64> {
        if self.next.is_none() && self.confirmed > 0 && at.since(self.sent) >= CONFIRMED_WITHIN {
            self.next = Some(self.confirmed + 1);
        }
        self.sent = at;
        let number = self.next?;
        self.next = Some(number + 1);
        Some(number)
    }

    /// Takes note of a number that is confirmed. If no message has it yet, the count was wrong, and those that wait, which
    /// are given back, wait for the numbers of others.
    pub(super) fn check(&mut self, number: u64) -> Vec<u32> {
        self.confirmed = self.confirmed.max(number);
        if self.next.is_none_or(|next| number < next) {
            return Vec::new();
        }
        (self.next, self.why) = (None, Quality::Gap);
        std::mem::take(&mut self.open).into_values().map(|(serial, _)| serial).collect()
    }
}

#[derive(Debug)]
pub(super) struct Consumer {
    pub(super) queue: String,
    pub(super) no_ack: bool,
}

impl Consumer {
    fn held(&self, tag: &str) -> usize {
        tag.len() + self.queue.len() + 96
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Delivery {
    pub(super) serial: u32,
    pub(super) delivered: Timestamp,
    /// Its acknowledgement may have been lost.
    pub(super) doubt: Option<Quality>,
}

impl Channel {
    pub(super) fn consumer(&self, tag: &str) -> Option<&Consumer> {
        self.consumers.get(tag)
    }

    pub(super) fn subscribe(&mut self, tag: &str, consumer: Consumer) {
        if self.consumers.len() >= CONSUMERS_LIMIT {
            self.consumers.clear();
            self.consumers_held = 0;
        }
        self.unsubscribe(tag);
        self.consumers_held += consumer.held(tag);
        self.consumers.insert(tag.to_owned(), consumer);
    }

    pub(super) fn unsubscribe(&mut self, tag: &str) -> Option<Consumer> {
        let consumer = self.consumers.remove(tag)?;
        self.consumers_held -= consumer.held(tag);
        Some(consumer)
    }

    /// Messages of one direction may be missing.
    pub(super) fn lost(&mut self, dir: Dir, quality: Quality, at: Timestamp) {
        match dir {
            Dir::ToServer => {
                self.asks_lost = true;
                if let Some(confirms) = &mut self.confirms {
                    (confirms.next, confirms.sent, confirms.why) = (None, at, quality);
                }
                for delivery in self.deliveries.values_mut() {
                    delivery.doubt = Some(quality);
                }
            }
            Dir::ToClient => {
                self.waiting.iter_mut().for_each(|waiting| waiting.doubted = true);
                if let Some(confirms) = &mut self.confirms {
                    confirms.open.values_mut().for_each(|(_, doubted)| *doubted = true);
                }
            }
        }
    }

    pub(super) fn held(&self) -> usize {
        let confirms = self.confirms.as_ref().map_or(0, |confirms| confirms.open.len() * 32);
        size_of::<Self>()
            + self.consumers_held
            + confirms
            + self.deliveries.len() * 48
            + self.waiting.len() * 24
    }
}
