//! Whether a reader still has something to do once its program has ended.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long a reader may be without news after its program's end: something that the program left in the background
/// may hold the output open for ever.
pub(crate) const REST: Duration = Duration::from_millis(300);

/// Counts a reader's turns: odd while it hands a piece on, which may take as long as the window likes; even while it
/// waits for more.
#[derive(Default)]
pub(crate) struct Flow(AtomicU64);

impl Flow {
    /// The reader begins or ends handing a piece on.
    pub(crate) fn turn(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }

    /// Where the reader is, to compare with later.
    pub(crate) fn mark(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Whether nothing came since the mark.
    pub(crate) fn is_dry_since(&self, mark: u64) -> bool {
        mark.is_multiple_of(2) && self.mark() == mark
    }
}
