//! When an exchange that goes on is reported. A short call is reported once, when it is done; one that lasts shows up
//! soon and then now and again, so that the way to the host carries each body a few times at most.

use std::time::Duration;

use model::Timestamp;

/// How long an exchange may go on before it is reported as pending.
const FIRST_AFTER: Duration = Duration::from_millis(30);
/// The time between two reports of one exchange that goes on.
const THEN_EVERY: Duration = Duration::from_millis(500);

/// The reports of one exchange.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    due: Option<Timestamp>,
    last: Option<Timestamp>,
}

impl Pace {
    /// Something changed: a report is due, and when.
    pub(crate) fn changed(&mut self, at: Timestamp) -> Timestamp {
        *self.due.get_or_insert_with(|| match self.last {
            None => at.plus(FIRST_AFTER),
            Some(last) => at.max(last.plus(THEN_EVERY)),
        })
    }

    pub(crate) fn due(&self) -> Option<Timestamp> {
        self.due
    }

    /// Whether to report now.
    pub(crate) fn take(&mut self, now: Timestamp) -> bool {
        let due = self.due.take_if(|due| *due <= now).is_some();
        if due {
            self.last = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp(millis * 1_000_000)
    }

    #[test]
    fn the_first_report_comes_soon_and_the_next_ones_slowly() {
        let mut pace = Pace::default();
        assert!(!pace.take(at(0)));
        pace.changed(at(0));
        pace.changed(at(20));
        let reports: Vec<_> = (0..2000)
            .step_by(10)
            .filter(|&now| {
                pace.changed(at(now));
                pace.take(at(now))
            })
            .collect();
        assert_eq!(reports, [30, 530, 1030, 1530]);
    }
}
