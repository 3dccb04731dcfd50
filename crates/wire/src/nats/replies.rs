//! Where exchanges of one connection are answered: by the subject that each answer comes to.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::hash::BuildHasher;

use foldhash::fast::RandomState;

use crate::ledger::Ledger;

/// How many exchanges that were let go are remembered, so that an answer to one is no message by itself.
const LET_GO_LIMIT: usize = 64 * 1024;
/// Bytes of a known subject beside its own, and of one that is only remembered: its hash, twice.
const KNOWN_HELD: usize = 64;
const LET_GO_HELD: usize = 32;

/// What is known of the exchange that an answer belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// It waits.
    Open(u32),
    /// There was one, of which no more is told.
    LetGo,
}

#[derive(Debug, Default)]
pub(super) struct Replies {
    known: BTreeMap<Vec<u8>, u32>,
    /// Bytes of all known subjects.
    subjects: usize,
    let_go: HashSet<u64, RandomState>,
    order: VecDeque<u64>,
}

impl Replies {
    /// Remembers where an exchange is answered; where there are `most`, those that the ledger has given up go by their
    /// hash from then on.
    pub(super) fn add(&mut self, subject: &[u8], serial: u32, most: usize, ledger: &Ledger) {
        if self.known.len() >= most {
            let gone: Vec<_> = self.known.extract_if(.., |_, serial| ledger.get(*serial).is_none()).collect();
            for (subject, _) in gone {
                self.subjects -= subject.len();
                self.forget(&subject);
            }
        }
        if self.known.insert(subject.to_vec(), serial).is_none() {
            self.subjects += subject.len();
        }
    }

    /// The exchange that is answered at this subject.
    pub(super) fn get(&self, subject: &[u8], ledger: &Ledger) -> Option<Asked> {
        match self.known.get(subject) {
            Some(serial) if ledger.get(*serial).is_some() => Some(Asked::Open(*serial)),
            Some(_) => Some(Asked::LetGo),
            None => self.let_go.contains(&self.hash(subject)).then_some(Asked::LetGo),
        }
    }

    /// It is answered.
    pub(super) fn remove(&mut self, subject: &[u8]) {
        if self.known.remove(subject).is_some() {
            self.subjects -= subject.len();
        } else {
            self.let_go.remove(&self.hash(subject));
        }
    }

    /// What waits, by subject.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], u32)> {
        self.known.iter().map(|(subject, serial)| (&subject[..], *serial))
    }

    pub(super) fn held(&self) -> usize {
        self.subjects + KNOWN_HELD * self.known.len() + LET_GO_HELD * self.order.len()
    }

    fn forget(&mut self, subject: &[u8]) {
        if self.order.len() >= LET_GO_LIMIT
            && let Some(oldest) = self.order.pop_front()
        {
            self.let_go.remove(&oldest);
        }
        let hash = self.hash(subject);
        self.let_go.insert(hash);
        self.order.push_back(hash);
    }

    fn hash(&self, subject: &[u8]) -> u64 {
        self.let_go.hasher().hash_one(subject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_let_go_is_remembered_once_and_within_a_bound() {
        let (ledger, mut replies) = (Ledger::default(), Replies::default());
        let subject = |n: u32| format!("_INBOX.a.{n}").into_bytes();
        let count = LET_GO_LIMIT as u32 + 500;
        for n in 0..count {
            replies.add(&subject(n), n, 100, &ledger);
        }
        assert!(replies.held() < 3 * 1024 * 1024, "{}", replies.held());
        assert_eq!(replies.get(&subject(count - 1), &ledger), Some(Asked::LetGo));
        assert_eq!(replies.get(&subject(count - 1000), &ledger), Some(Asked::LetGo));
        replies.remove(&subject(count - 1000));
        assert_eq!(replies.get(&subject(count - 1000), &ledger), None);
        assert_eq!((replies.get(&subject(1), &ledger), replies.iter().count()), (None, 36));
        (0..count).for_each(|n| replies.remove(&subject(n)));
        assert_eq!((replies.subjects, replies.known.len(), replies.let_go.len()), (0, 0, 0));
    }
}
