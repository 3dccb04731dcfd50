//! Where reports come from: each guest numbers connections by itself, and what it left unfinished ends with it.

use std::collections::HashSet;

use super::{Calls, Slot, add_note};
use crate::hairpin::Hairpins;
use crate::names::ServiceId;
use crate::store::Key;

/// One life of one guest. The default is what needs no guest, such as a capture file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Source(pub(super) u32);

impl Calls {
    /// A guest begins, and with it numbers of connections. One that listens on the loopback of a service hears nobody
    /// but that service.
    pub fn begin(&mut self, loopback_of: Option<&str>) -> Source {
        let home = loopback_of.map_or(0, |service| self.names.intern(service));
        self.homes.push(home);
        Source((self.homes.len() - 1) as u32)
    }

    /// A guest has ended. What it left unfinished stays so.
    pub fn end(&mut self, source: Source) {
        self.finish(|key| key.0 == source.0, "the capture ended before this call did");
        self.slots.retain(|key, slot| key.0 != source.0 || matches!(slot, Slot::Kept(_)));
        self.ghosts.retain(|key| key.0 != source.0);
        if self.home(source.0) == 0 {
            self.hairpins = Hairpins::default();
        }
    }

    /// Of the calls that a guest told, these go on, by connection and place on it. The end of any other was lost on the
    /// way.
    pub fn still_open(&mut self, source: Source, open: &[(u64, u32)]) {
        if self.head.pending == 0 {
            return;
        }
        let open: HashSet<&(u64, u32)> = open.iter().collect();
        let ended = |key: &Key| key.0 == source.0 && !open.contains(&(key.1, key.2));
        self.finish(ended, "its end was lost on the way from the capture");
    }

    /// The service on whose loopback a call was heard, if it was there.
    pub fn loopback_of(&self, id: &str) -> Option<&str> {
        let home = self.home(self.store.get(self.ordinal(id)?)?.key.0);
        (home != 0).then(|| self.names.name(home))
    }

    /// The service whose loopback a source hears; 0 for the one that hears the stack's networks.
    pub(super) fn home(&self, source: u32) -> ServiceId {
        self.homes.get(source as usize).copied().unwrap_or_default()
    }

    /// Ends those of the unfinished calls.
    fn finish(&mut self, which: impl Fn(&Key) -> bool, note: &str) {
        let (mut kept, mut evicted) = (Vec::new(), Vec::new());
        for (key, slot) in self.slots.iter().filter(|(key, _)| which(key)) {
            match slot {
                Slot::Kept(ordinal) => kept.push(*ordinal),
                Slot::Evicted(..) => evicted.push(*key),
                Slot::Merged => {}
            }
        }
        kept.retain(|ordinal| self.store.get(*ordinal).is_some_and(|entry| !entry.call.done));
        // The order of what is shown as changed does not depend on a table's.
        kept.sort_unstable();
        for ordinal in &kept {
            self.store.change(*ordinal, |entry| {
                entry.call.done = true;
                add_note(&mut entry.call.note, note);
            });
        }
        for key in &evicted {
            self.slots.remove(key);
        }
        self.head.pending = self.head.pending.saturating_sub((kept.len() + evicted.len()) as u64);
    }
}
