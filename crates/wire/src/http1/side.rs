//! Where one direction of a connection stands.

use super::body::Body;
use super::collect::Head;
use super::hunt::Hunt;

#[derive(Debug, Default)]
pub(super) enum State {
    /// Between messages, or in a head.
    #[default]
    Head,
    Body(Body),
    /// Bytes were lost: the next head is looked for.
    Hunt,
}

#[derive(Debug, Default)]
pub(super) struct Side {
    pub(super) state: State,
    pub(super) head: Head,
    pub(super) hunt: Hunt,
    /// Bytes of the message so far, lost ones with them.
    size: u64,
    /// The message ends with the bytes that are being read.
    pub(super) ended: bool,
    /// Bytes of the last whole message.
    pub(super) last_size: u64,
    /// Bytes that were lost, or came, since the last message whose end is known.
    pub(super) missing: u64,
    /// The message that is being read goes on, but where in its chunks is not known.
    pub(super) adrift: bool,
}

impl Side {
    /// Counts bytes that were read, or lost.
    pub(super) fn grew(&mut self, bytes: u64) {
        self.size += bytes;
        if std::mem::take(&mut self.ended) {
            self.last_size = std::mem::take(&mut self.size);
        }
    }

    pub(super) fn held(&self) -> usize {
        self.head.held() + self.hunt.held()
    }
}
