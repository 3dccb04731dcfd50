//! What was hidden in the newest calls, in memory and nowhere else.

use std::collections::{BTreeMap, btree_map};

use model::call::Call;

use crate::Calls;
use crate::redact::Hidden;

/// So many bytes of it are kept; the oldest go first.
const MOST: usize = 16 << 20;

/// Why a call cannot be shown as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unrevealed {
    /// There is no such call.
    Unknown,
    /// Nothing in it is hidden.
    Nothing,
    /// What was hidden is no longer in memory.
    Gone,
}

/// By the numbers of calls.
#[derive(Debug, Default)]
pub(crate) struct Secrets {
    hidden: BTreeMap<u64, Hidden>,
    bytes: usize,
}

impl Secrets {
    /// Keeps what was hidden in a call, in the place of what was known of it before.
    pub(crate) fn keep(&mut self, ordinal: u64, hidden: Hidden) {
        self.remove(ordinal);
        if hidden.is_empty() {
            return;
        }
        self.bytes += hidden.size();
        self.hidden.insert(ordinal, hidden);
        self.shrink();
    }

    /// Changes what is kept of a call.
    pub(crate) fn add(&mut self, ordinal: u64, add: impl FnOnce(&mut Hidden)) {
        let mut hidden = self.hidden.get(&ordinal).cloned().unwrap_or_default();
        add(&mut hidden);
        self.keep(ordinal, hidden);
    }

    pub(crate) fn remove(&mut self, ordinal: u64) {
        if let btree_map::Entry::Occupied(known) = self.hidden.entry(ordinal) {
            self.bytes -= known.remove().size();
        }
    }

    fn shrink(&mut self) {
        while self.bytes > MOST {
            let Some((_, oldest)) = self.hidden.pop_first() else { return };
            self.bytes -= oldest.size();
        }
    }
}

impl Calls {
    /// Whether what is hidden in a call can be shown.
    pub fn can_reveal(&self, call: &Call) -> bool {
        self.ordinal(&call.id).is_some_and(|ordinal| self.secrets.hidden.contains_key(&ordinal))
    }

    /// A call as it was, with what is hidden everywhere else.
    ///
    /// # Errors
    /// When nothing is hidden in it, or what was is no longer in memory.
    pub fn reveal(&self, id: &str) -> Result<Call, Unrevealed> {
        let ordinal = self.ordinal(id).ok_or(Unrevealed::Unknown)?;
        let call = self.get(id).ok_or(Unrevealed::Unknown)?;
        match self.secrets.hidden.get(&ordinal) {
            Some(hidden) => {
                let mut call = self.whole(call).into_owned();
                hidden.reveal(&mut call);
                Ok(call)
            }
            None if self.whole(call).redacted => Err(Unrevealed::Gone),
            None => Err(Unrevealed::Nothing),
        }
    }
}
