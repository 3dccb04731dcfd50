//! Messages that were received before it was known that somebody sent them: a broker may deliver first and answer the
//! sender then, and a call is told of when it is over.

use std::collections::VecDeque;

use model::Timestamp;
use model::exchange::Protocol;

use super::place::covers;
use crate::names::ServiceId;

/// So many are remembered. Who sent them is told within moments, or never.
const MOST: usize = 256;

#[derive(Debug)]
pub(super) struct Early {
    pub(super) broker: (ServiceId, Protocol),
    pub(super) by: ServiceId,
    pub(super) place: String,
    pub(super) key: Option<String>,
    pub(super) at: Timestamp,
    pub(super) bytes: u64,
}

/// The newest ones.
#[derive(Debug, Default)]
pub(super) struct Earlies(VecDeque<Early>);

impl Earlies {
    pub(super) fn add(&mut self, early: Early) {
        if self.0.len() >= MOST {
            self.0.pop_front();
        }
        self.0.push_back(early);
    }

    /// Takes those out that may be what was sent to `name` since `at`.
    pub(super) fn of(
        &mut self,
        broker: (ServiceId, Protocol),
        name: &str,
        key: Option<&str>,
        at: Timestamp,
    ) -> Vec<Early> {
        let is_of = |early: &Early| {
            let there = early.place == name || covers(broker.1, &early.place, name);
            let same = key.is_some() && early.key.as_deref() == key;
            early.broker == broker && early.at >= at && (there || same)
        };
        let (found, rest) = std::mem::take(&mut self.0).into_iter().partition(is_of);
        self.0 = rest;
        let found: VecDeque<Early> = found;
        found.into()
    }
}
