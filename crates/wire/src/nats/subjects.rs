//! Which subjects a connection listens to.

use std::collections::BTreeMap;

/// How many subscriptions of one connection are remembered: those of a service are few, and a client's are one or two.
const SUBSCRIPTIONS_LIMIT: usize = 256;
/// How clients name the subjects on which they wait for answers, unless they are told otherwise.
const INBOX: &[u8] = b"_INBOX.";

#[derive(Debug, Default)]
pub(super) struct Subjects {
    /// By the number that the client gave the subscription.
    known: BTreeMap<Vec<u8>, Vec<u8>>,
    held: usize,
}

impl Subjects {
    pub(super) fn add(&mut self, sid: &[u8], subject: &[u8]) {
        if self.known.len() < SUBSCRIPTIONS_LIMIT {
            self.remove(sid);
            self.held += sid.len() + subject.len() + 96;
            self.known.insert(sid.to_vec(), subject.to_vec());
        }
    }

    pub(super) fn remove(&mut self, sid: &[u8]) {
        if let Some(subject) = self.known.remove(sid) {
            self.held -= sid.len() + subject.len() + 96;
        }
    }

    /// Whether an answer to this subject comes to the connection itself. Where its subscriptions were not seen, the
    /// usual name tells.
    pub(super) fn hears(&self, subject: &[u8]) -> bool {
        is_inbox(subject) || self.known.values().any(|pattern| matches(pattern, subject))
    }

    /// Whether what comes for a subscription may have been sent to this subject.
    pub(super) fn is_for(&self, sid: &[u8], subject: &[u8]) -> bool {
        self.known.get(sid).is_some_and(|pattern| matches(pattern, subject))
    }

    pub(super) fn held(&self) -> usize {
        self.held
    }
}

/// Whether a subject is one on which a client waits for answers.
pub(super) fn is_inbox(subject: &[u8]) -> bool {
    subject.starts_with(INBOX)
}

/// `*` stands for one word, `>` at the end for all that follow.
fn matches(pattern: &[u8], subject: &[u8]) -> bool {
    let mut words = subject.split(|byte| *byte == b'.');
    for part in pattern.split(|byte| *byte == b'.') {
        match (part, words.next()) {
            (b">", Some(_)) => return true,
            (b"*", Some(_)) => {}
            (part, Some(word)) if part == word => {}
            _ => return false,
        }
    }
    words.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_words() {
        for (pattern, subject, expected) in [
            ("a.b", "a.b", true),
            ("a.b", "a.b.c", false),
            ("a.*", "a.b", true),
            ("a.*", "a", false),
            ("a.*.c", "a.b.c", true),
            ("a.>", "a.b.c", true),
            ("a.>", "a", false),
            (">", "a", true),
            ("a", "ab", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), subject.as_bytes()), expected, "{pattern} {subject}");
        }
    }

    #[test]
    fn what_is_remembered_is_bounded_and_counted() {
        let mut subjects = Subjects::default();
        for n in 0..1000 {
            subjects.add(n.to_string().as_bytes(), b"replies.mine.*");
        }
        assert!(subjects.hears(b"replies.mine.1") && subjects.hears(b"_INBOX.x"));
        assert!(subjects.is_for(b"7", b"replies.mine.1") && !subjects.is_for(b"7", b"replies.1"));
        assert!(!subjects.hears(b"replies.other.1") && subjects.known.len() == SUBSCRIPTIONS_LIMIT);
        for n in 0..1000 {
            subjects.remove(n.to_string().as_bytes());
        }
        assert_eq!(subjects.held(), 0);
    }
}
