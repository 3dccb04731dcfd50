//! Who speaks when: whether a client waits for its answers before it asks again, which is what makes a connection
//! readable after a loss.

use std::time::Duration;

use model::Timestamp;

use crate::decode::Dir;

/// When nothing was answered for so long, all that was asked before has been: a server answers at once, but for commands
/// that wait by design, behind which it answers nothing else.
const PAUSE: Duration = Duration::from_millis(250);

#[derive(Debug, Default)]
pub(super) struct Turns {
    last: Option<Dir>,
    now: Timestamp,
    answered: Timestamp,
    /// The client asks before it has its answers.
    overlaps: bool,
}

impl Turns {
    /// Takes note of who speaks, while replies are waited for or not; says whether the client begins to speak at a
    /// moment when it must have got all its answers.
    pub(super) fn speaks(&mut self, dir: Dir, at: Timestamp, waiting: bool) -> bool {
        self.now = self.now.max(at);
        let turns = self.last.replace(dir) == Some(Dir::ToClient) && dir == Dir::ToServer;
        let paused = at.since(self.answered) >= PAUSE;
        if dir == Dir::ToClient {
            self.answered = at;
        }
        self.overlaps |= turns && waiting;
        turns && (!self.overlaps || paused)
    }

    /// When the last bytes came.
    pub(super) fn now(&self) -> Timestamp {
        self.now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_waits_is_told_from_one_that_does_not() {
        use Dir::{ToClient, ToServer};
        let mut turns = Turns::default();
        let mut now = 0;
        let mut speaks = |dir, after: i64, waiting| {
            now += after * 1_000_000;
            turns.speaks(dir, Timestamp(now), waiting)
        };
        assert!(!speaks(ToServer, 0, false));
        assert!(!speaks(ToServer, 1, true), "more of one turn");
        assert!(!speaks(ToClient, 1, true));
        assert!(speaks(ToServer, 1, false), "asks after the answer");
        speaks(ToClient, 1, true);
        assert!(!speaks(ToServer, 1, true), "asks before the last answer");
        speaks(ToClient, 1, true);
        assert!(!speaks(ToServer, 1, false), "may have done so again");
        speaks(ToClient, 1, true);
        assert!(speaks(ToServer, 300, false), "was silent long enough");
    }
}
