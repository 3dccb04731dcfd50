//! How much of the packets is copied to the ring. All of it, but for a while under pressure: then a bulk transfer must
//! not push small calls out of the ring nor cost the stack what it needs itself, and of its segments the beginning is
//! enough to count the rest.

use std::time::{Duration, Instant};

/// More than this is a bulk transfer, in bytes a second.
const BULK: u64 = 150 * 1024 * 1024;
/// Where packets were dropped, so much was it already.
const BULK_THAT_DROPS: u64 = 15 * 1024 * 1024;
/// More than so many packets a second are a busy stack.
const BUSY: u64 = 10_000;
const CALM: Duration = Duration::from_secs(3);

/// What is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Copied {
    /// Only the beginning of large segments.
    pub(super) beginnings: bool,
    /// Segments that only confirm. They tell a loss a little sooner; what carries bytes confirms as well.
    pub(super) confirmations: bool,
}

/// Everything.
pub(super) const WHOLE: Copied = Copied { beginnings: false, confirmations: true };

/// Decides from what was seen and dropped so far.
#[derive(Debug)]
pub(super) struct Snap {
    packets: u64,
    bytes: u64,
    at: Instant,
    pressed_until: Option<Instant>,
    busy_until: Option<Instant>,
}

impl Snap {
    pub(super) fn new(now: Instant) -> Self {
        Self { packets: 0, bytes: 0, at: now, pressed_until: None, busy_until: None }
    }

    /// Takes the packets and bytes seen since the start and the packets dropped since the last time; says what to copy.
    pub(super) fn decide(&mut self, now: Instant, packets: u64, bytes: u64, drops: u64) -> Copied {
        let seconds = now.saturating_duration_since(self.at).as_secs_f64().max(0.001);
        let exceeds = |seen: u64, each_second: u64| seen as f64 / seconds > each_second as f64;
        if exceeds(bytes - self.bytes, if drops > 0 { BULK_THAT_DROPS } else { BULK }) {
            self.pressed_until = Some(now + CALM);
        }
        if drops > 0 || exceeds(packets - self.packets, BUSY) {
            self.busy_until = Some(now + CALM);
        }
        (self.packets, self.bytes, self.at) = (packets, bytes, now);
        let lasts = |until: Option<Instant>| until.is_some_and(|until| now < until);
        Copied { beginnings: lasts(self.pressed_until), confirmations: !lasts(self.busy_until) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_copied_but_under_pressure() {
        let start = Instant::now();
        let mut snap = Snap::new(start);
        let (mut packets, mut bytes) = (0, 0);
        // Milliseconds, packets and megabytes since the last time, drops; beginnings only, confirmations too.
        for (at, more, megabytes, drops, beginnings, confirmations) in [
            (250, 100, 1, 0, false, true),
            (500, 2000, 10, 0, false, true),
            (750, 2000, 100, 0, true, true),
            (1000, 3000, 1, 0, true, false),
            (3800, 100, 1, 0, false, false),
            (4100, 100, 1, 0, false, true),
            (4200, 100, 2, 5, true, false),
            (7100, 100, 1, 0, true, false),
            (7200, 100, 1, 0, false, true),
            (7300, 900, 1, 5, false, false),
        ] {
            packets += more;
            bytes += megabytes * 1024 * 1024;
            let now = start + Duration::from_millis(at);
            let copied = snap.decide(now, packets, bytes, drops);
            assert_eq!(copied, Copied { beginnings, confirmations }, "at {at} ms");
        }
    }
}
