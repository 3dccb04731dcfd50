//! The calls that are kept: by arrival for ids and eviction, by time for reading, by change for followers.

use std::borrow::Cow;
use std::collections::{BTreeSet, VecDeque};

use model::Timestamp;
use model::call::Call;
use model::exchange::{Message, Part};

use crate::disk::{Disk, Places};
use crate::edges::Share;

/// One report's identity: the source's number, the connection, the place on it.
pub(crate) type Key = (u32, u64, u32);

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) call: Call,
    pub(crate) key: Key,
    pub(crate) share: Share,
    pub(crate) revision: u64,
    /// Where its long bodies are, when they are on disk and not in `call`.
    pub(crate) bodies: Places,
    /// It was written to disk, as it is or as it was.
    pub(crate) saved: bool,
    size: usize,
}

impl Entry {
    pub(crate) fn new(call: Call, key: Key, share: Share) -> Self {
        let size = size(&call);
        Self { call, key, share, revision: 0, bodies: [None; 2], saved: false, size }
    }

    /// The call with its bodies.
    pub(crate) fn whole(&self, disk: Option<&Disk>) -> Cow<'_, Call> {
        match disk {
            Some(disk) if self.has_bodies_on_disk() => Cow::Owned(disk.whole(&self.call, self.bodies)),
            _ => Cow::Borrowed(&self.call),
        }
    }

    pub(crate) fn has_bodies_on_disk(&self) -> bool {
        self.bodies.iter().any(Option::is_some)
    }
}

/// Calls numbered in the order of their arrival. A number is never used again.
#[derive(Debug, Default)]
pub(crate) struct Store {
    /// The number of `entries[0]`.
    first: u64,
    /// A hole is a call that was taken out.
    entries: VecDeque<Option<Entry>>,
    /// All kept calls by the moment they began, then by number.
    order: VecDeque<(Timestamp, u64)>,
    /// `(revision, number)`, oldest first; stale where the entry has a newer revision.
    journal: VecDeque<(u64, u64)>,
    revision: u64,
    bytes: usize,
    /// The numbers of calls that are not on disk as they are now.
    unsaved: BTreeSet<u64>,
}

impl Store {
    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// The number that the next call gets.
    pub(crate) fn next(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    pub(crate) fn get(&self, ordinal: u64) -> Option<&Entry> {
        self.entries.get(usize::try_from(ordinal.checked_sub(self.first)?).ok()?)?.as_ref()
    }

    fn get_mut(&mut self, ordinal: u64) -> Option<&mut Entry> {
        self.entries.get_mut(usize::try_from(ordinal.checked_sub(self.first)?).ok()?)?.as_mut()
    }

    pub(crate) fn push(&mut self, entry: Entry) {
        let ordinal = self.next();
        self.bytes += entry.size;
        self.place(entry.call.ts, ordinal);
        self.entries.push_back(Some(entry));
        self.unsaved.insert(ordinal);
        self.touch(ordinal);
    }

    /// Changes a call in place and says what the change returned.
    pub(crate) fn change<R>(&mut self, ordinal: u64, change: impl FnOnce(&mut Entry) -> R) -> Option<R> {
        self.unsaved.insert(ordinal);
        self.relabel(ordinal, change)
    }

    /// The same for what is found out again whenever the call is read back from disk.
    pub(crate) fn relabel<R>(&mut self, ordinal: u64, change: impl FnOnce(&mut Entry) -> R) -> Option<R> {
        let entry = self.get_mut(ordinal)?;
        let (was, size_was) = (entry.call.ts, entry.size);
        let result = change(entry);
        entry.size = size(&entry.call);
        let (is, size_is) = (entry.call.ts, entry.size);
        self.bytes = self.bytes - size_was + size_is;
        if was != is {
            self.unplace(was, ordinal);
            self.place(is, ordinal);
        }
        self.touch(ordinal);
        Some(result)
    }

    /// The calls that are to be written to disk, in the order of their arrival.
    pub(crate) fn unsaved(&self) -> Vec<u64> {
        self.unsaved.iter().copied().collect()
    }

    /// The call is on disk, or need not be.
    pub(crate) fn is_saved(&mut self, ordinal: u64) {
        self.unsaved.remove(&ordinal);
    }

    /// Changes where parts of a call are, and nothing about it.
    pub(crate) fn move_bodies(&mut self, ordinal: u64, change: impl FnOnce(&mut Entry)) {
        let Some(entry) = self.get_mut(ordinal) else { return };
        let was = entry.size;
        change(entry);
        entry.size = size(&entry.call);
        let is = entry.size;
        self.bytes = self.bytes - was + is;
    }

    pub(crate) fn remove(&mut self, ordinal: u64) -> Option<Entry> {
        let index = usize::try_from(ordinal.checked_sub(self.first)?).ok()?;
        let entry = self.entries.get_mut(index)?.take()?;
        self.bytes -= entry.size;
        self.unsaved.remove(&ordinal);
        self.unplace(entry.call.ts, ordinal);
        self.revision += 1;
        while let Some(None) = self.entries.front() {
            self.entries.pop_front();
            self.first += 1;
        }
        Some(entry)
    }

    /// Takes out the call that arrived first.
    pub(crate) fn pop(&mut self) -> Option<(u64, Entry)> {
        // The front is never a hole: `remove` has seen to it.
        let ordinal = self.first;
        Some((ordinal, self.remove(ordinal)?))
    }

    /// `(moment, number)` of all kept calls, oldest first.
    pub(crate) fn order(&self) -> &VecDeque<(Timestamp, u64)> {
        &self.order
    }

    /// Calls that changed after `revision`, each once, in the order of their newest change; and that change's revision.
    pub(crate) fn changed(&self, revision: u64) -> impl Iterator<Item = (u64, &Entry)> {
        let start = self.journal.partition_point(|(at, _)| *at <= revision);
        self.journal.range(start..).filter_map(|(at, ordinal)| {
            self.get(*ordinal).filter(|entry| entry.revision == *at).map(|entry| (*at, entry))
        })
    }

    fn touch(&mut self, ordinal: u64) {
        self.revision += 1;
        let revision = self.revision;
        if let Some(entry) = self.get_mut(ordinal) {
            entry.revision = revision;
        }
        self.journal.push_back((revision, ordinal));
        if self.journal.len() > 2 * self.order.len() + 1024 {
            let mut journal = std::mem::take(&mut self.journal);
            journal.retain(|(at, ordinal)| self.get(*ordinal).is_some_and(|entry| entry.revision == *at));
            self.journal = journal;
        }
    }

    fn place(&mut self, at: Timestamp, ordinal: u64) {
        // Calls arrive nearly in order, so the place is nearly always at the end.
        let mut index = self.order.len();
        while index > 0 && self.order.get(index - 1).is_some_and(|before| *before > (at, ordinal)) {
            index -= 1;
        }
        self.order.insert(index, (at, ordinal));
    }

    fn unplace(&mut self, at: Timestamp, ordinal: u64) {
        if let Ok(index) = self.order.binary_search(&(at, ordinal)) {
            self.order.remove(index);
        }
    }
}

/// What an allocation costs beside what is in it, near enough.
const ALLOCATION: usize = 16;

/// What a call costs in memory, near enough: its own record, its texts, headers, bodies and lists of messages.
pub(crate) fn size(call: &Call) -> usize {
    let texts = [&call.id, &call.from.service, &call.to.service, &call.operation, &call.method, &call.path];
    let more = [&call.target, &call.conn, &call.route];
    let maybe = [&call.status, &call.trace, &call.note, &call.from.host, &call.to.host];
    size_of::<Entry>()
        + texts.iter().chain(&more).map(|text| text.len()).sum::<usize>()
        + maybe.iter().map(|text| text.as_ref().map_or(0, String::len)).sum::<usize>()
        + call.topic.as_ref().map_or(0, |topic| topic.name.len() + topic.key.as_ref().map_or(0, String::len))
        + message_size(&call.request)
        + call.response.as_ref().map_or(0, message_size)
}

fn message_size(message: &Message) -> usize {
    let headers = message.headers.iter().map(|(name, value)| name.len() + value.len());
    let parts = message.parts.iter().map(|part| size_of::<Part>() + ALLOCATION + part.kind.len());
    headers.sum::<usize>()
        + message.headers.len() * size_of::<(String, String)>()
        + message.body.len()
        + parts.sum::<usize>()
        + message.media.as_ref().map_or(0, String::len)
}

#[cfg(test)]
mod tests {
    use model::exchange::{Topic, TopicRole};

    use super::*;
    use crate::tests::fixture::{call, exchange};

    #[test]
    fn lists_of_messages_and_places_cost_memory_too() {
        let mut one = call(exchange(1, 0, "SUBSCRIBE", "news"), "web", "orders");
        let bare = size(&one);
        let name = "n".repeat(100);
        one.topic = Some(Topic { role: TopicRole::Receives, name: name.clone(), key: Some(name.clone()) });
        one.request.media = Some(name);
        assert_eq!(size(&one), bare + 300);
        let part = Part { at: Timestamp(0), kind: "message".to_owned(), bytes: 0, kept: 0 };
        one.request.parts = vec![part; 1000];
        assert!(size(&one) > bare + 1000 * (size_of::<Part>() + "message".len()));
    }
}
