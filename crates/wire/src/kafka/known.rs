//! What earlier messages tell of later ones: the names of topics that go by their ids, and what a fetch session holds.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::fields::{Fields, TopicId};
use crate::servers::Servers;

/// How many partitions of a fetch session are remembered.
const SESSION_LIMIT: usize = 4096;
/// Bytes that a partition holds beside its topic's name.
const PARTITION_HELD: usize = 48;

/// Names of topics, and what is fetched on this connection.
#[derive(Debug)]
pub(super) struct Known<'a> {
    pub(super) servers: &'a mut Servers,
    pub(super) session: &'a mut Session,
}

impl Known<'_> {
    /// Reads a topic's name, or its id from the version on that has ids.
    pub(super) fn topic(&self, fields: &mut Fields<'_>, by_id: bool) -> Option<String> {
        if !by_id {
            return fields.string();
        }
        let id = fields.id()?;
        Some(self.servers.name(&id).map_or_else(|| shown(&id), str::to_owned))
    }

    pub(super) fn learn(&mut self, id: TopicId, name: &str) {
        if id != TopicId::default() && !name.is_empty() {
            self.servers.learn_name(id, name);
        }
    }
}

/// What a client fetches again and again, told once and then by its changes (KIP-227).
#[derive(Debug, Default)]
pub(super) struct Session {
    partitions: BTreeSet<(String, i32)>,
    held: usize,
}

impl Session {
    pub(super) fn clear(&mut self) {
        self.partitions.clear();
        self.held = 0;
    }

    pub(super) fn add(&mut self, topic: &str, partition: i32) {
        if self.partitions.len() < SESSION_LIMIT && self.partitions.insert((topic.to_owned(), partition)) {
            self.held += topic.len() + PARTITION_HELD;
        }
    }

    pub(super) fn remove(&mut self, topic: &str, partition: i32) {
        if self.partitions.remove(&(topic.to_owned(), partition)) {
            self.held -= topic.len() + PARTITION_HELD;
        }
    }

    pub(super) fn topics(&self) -> Vec<String> {
        let mut topics: Vec<String> = self.partitions.iter().map(|(topic, _)| topic.clone()).collect();
        topics.dedup();
        topics
    }

    pub(super) fn held(&self) -> usize {
        self.held
    }
}

/// An id whose topic is not known.
fn shown(id: &TopicId) -> String {
    let mut text = String::new();
    for (place, byte) in id.iter().enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // A string takes all that is written.
        let _written = write!(text, "{byte:02x}");
    }
    text
}
