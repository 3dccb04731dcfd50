//! What was seen and missed, over all lives of a guest: one that is started again counts from nothing, and what it wrote
//! while nobody was attached never arrived.

use model::exchange::CaptureCounts;
use model::frame::FromCapture;

/// The account of one capture.
#[derive(Debug, Default)]
pub(crate) struct Account {
    epoch: Option<u64>,
    /// Calls of this epoch that arrived.
    received: u64,
    /// Calls of this epoch that an earlier session was told; `None` before the first counts.
    before: Option<u64>,
    /// What the guest has counted of this epoch, and what of it was lost on the way.
    now: CaptureCounts,
    /// The epochs before.
    past: CaptureCounts,
}

impl Account {
    /// Takes note of a frame; those that count are made to tell of the whole.
    pub(crate) fn take(&mut self, frame: &mut FromCapture) {
        self.received += frame.calls();
        match frame {
            FromCapture::Ready { epoch } => self.begin(*epoch),
            FromCapture::Counts(counts) => {
                let written = counts.written;
                let before = *self.before.get_or_insert(written.saturating_sub(self.received));
                counts.lost_transport += written.saturating_sub(before + self.received);
                self.now = *counts;
                *counts = self.past.plus(counts);
            }
            FromCapture::Exchange(_)
            | FromCapture::Tally(_)
            | FromCapture::Open(_)
            | FromCapture::Packets(_)
            | FromCapture::Failed(_) => {}
        }
    }

    fn begin(&mut self, epoch: u64) {
        if self.epoch.is_some_and(|known| known != epoch) {
            let ended = std::mem::take(self);
            self.past = CaptureCounts { flows: 0, ..ended.past.plus(&ended.now) };
            self.before = Some(0);
        }
        self.epoch = Some(epoch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::exchange::Tally;
    use model::exchange::{Exchange, Protocol};

    fn calls(calls: u64) -> FromCapture {
        let end = ([10, 0, 0, 1], 80).into();
        let like = Exchange::new((1, 1), end, end, Protocol::Tcp, model::Timestamp(0));
        FromCapture::Tally(Box::new(Tally { like, calls, bytes: 0, messages: 0, micros: Vec::new() }))
    }

    /// Packets and losses as told once the guest has said that so many calls were written.
    fn told(account: &mut Account, packets: u64, written: u64, lost_transport: u64) -> (u64, u64) {
        let counts = CaptureCounts { packets, written, lost_transport, ..CaptureCounts::default() };
        let mut frame = FromCapture::Counts(counts);
        account.take(&mut frame);
        match frame {
            FromCapture::Counts(counts) => (counts.packets, counts.lost_transport),
            _ => (0, 0),
        }
    }

    #[test]
    fn what_was_written_and_never_came_is_lost_and_stays_so_when_the_guest_begins_again() {
        let mut account = Account::default();
        account.take(&mut FromCapture::Ready { epoch: 1 });
        account.take(&mut calls(5));
        assert_eq!(told(&mut account, 50, 5, 0), (50, 0));
        // The way broke: two of four arrived, and one was dropped by the guest itself.
        account.take(&mut calls(2));
        assert_eq!(told(&mut account, 90, 9, 1), (90, 3));
        // The same guest is told of networks and says so.
        account.take(&mut FromCapture::Ready { epoch: 1 });
        assert_eq!(told(&mut account, 90, 9, 1), (90, 3));
        account.take(&mut FromCapture::Ready { epoch: 2 });
        account.take(&mut calls(3));
        assert_eq!(told(&mut account, 10, 4, 0), (100, 4));
        account.take(&mut FromCapture::Ready { epoch: 3 });
        assert_eq!(told(&mut account, 1, 0, 0), (101, 4));
    }

    #[test]
    fn what_an_earlier_session_was_told_is_not_missed() {
        let mut account = Account::default();
        account.take(&mut calls(2));
        account.take(&mut FromCapture::Ready { epoch: 1 });
        assert_eq!(told(&mut account, 7, 1002, 4), (7, 4));
        assert_eq!(told(&mut account, 8, 1003, 4), (8, 5));
    }
}
