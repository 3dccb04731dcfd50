//! Losses of which nobody knows whose frames they hit.

use model::exchange::Quality;

use crate::decode::{Dir, Loss};

/// By [`Dir`]: how many there were, and what the last one makes of those it may have hit.
#[derive(Debug, Default)]
pub(super) struct Losses([(u64, Option<Quality>); 2]);

impl Losses {
    pub(super) fn add(&mut self, dir: Dir, loss: Loss) {
        let (count, quality) = &mut self.0[dir as usize];
        *count += 1;
        *quality = Some(loss.quality());
    }

    pub(super) fn count(&self, dir: Dir) -> u64 {
        self.0[dir as usize].0
    }

    /// What makes a message doubtful that has not ended since there were `count` of them.
    pub(super) fn since(&self, dir: Dir, count: u64) -> Option<Quality> {
        let (now, quality) = self.0[dir as usize];
        quality.filter(|_| now > count)
    }
}
