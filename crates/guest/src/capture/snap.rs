//! How much of each packet is copied to the ring. All of it, but for a while under pressure: then a bulk transfer must
//! not push small calls out of the ring, and of its segments the beginning is enough to count the rest.

use std::time::{Duration, Instant};

/// Whole packets: segments that the kernel has not split yet are up to 64 KB long.
pub(super) const WHOLE: u32 = 256 * 1024;
/// Under pressure. Most calls of a stack fit into such packets.
const BEGINNING: u32 = 8 * 1024;
/// More than this is a bulk transfer, in bytes a second.
const BULK: u64 = 150 * 1024 * 1024;
const CALM: Duration = Duration::from_secs(3);

/// Decides from what was seen and dropped so far.
#[derive(Debug)]
pub(super) struct Snap {
    bytes: u64,
    at: Instant,
    pressed_until: Option<Instant>,
}

impl Snap {
    pub(super) fn new(now: Instant) -> Self {
        Self { bytes: 0, at: now, pressed_until: None }
    }

    /// Takes the bytes seen since the start and the packets dropped since the last time; says how much to copy.
    pub(super) fn decide(&mut self, now: Instant, bytes: u64, drops: u64) -> u32 {
        let seconds = now.saturating_duration_since(self.at).as_secs_f64();
        let rate = (bytes - self.bytes) as f64 / seconds.max(0.001);
        (self.bytes, self.at) = (bytes, now);
        if drops > 0 || rate > BULK as f64 {
            self.pressed_until = Some(now + CALM);
        }
        if self.pressed_until.is_some_and(|until| now < until) { BEGINNING } else { WHOLE }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_copied_whole_but_under_pressure() {
        let start = Instant::now();
        let mut snap = Snap::new(start);
        let mut bytes = 0;
        // Milliseconds, megabytes since the last time, drops, what to copy.
        for (at, more, drops, copied) in [
            (250, 1, 0, WHOLE),
            (500, 10, 0, WHOLE),
            (750, 100, 0, BEGINNING),
            (1000, 1, 0, BEGINNING),
            (3800, 1, 0, WHOLE),
            (4000, 1, 5, BEGINNING),
            (6900, 1, 0, BEGINNING),
            (7000, 1, 0, WHOLE),
        ] {
            bytes += more * 1024 * 1024;
            let now = start + Duration::from_millis(at);
            assert_eq!(snap.decide(now, bytes, drops), copied, "at {at} ms");
        }
    }
}
