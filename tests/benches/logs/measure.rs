//! Processor time and memory, as the kernel counts them.

use std::fs;
use std::time::{Duration, Instant};

/// Processor time of a process so far.
pub(crate) fn cpu(process: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("a process");
    let (_, fields) = stat.rsplit_once(") ").expect("its name");
    let fields: Vec<&str> = fields.split(' ').collect();
    let ticks = |at: usize| fields[at].parse::<u64>().expect("ticks");
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

/// Processor time of this thread so far.
fn own_cpu() -> Duration {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").expect("the scheduler's numbers");
    Duration::from_nanos(stat.split(' ').next().and_then(|n| n.parse().ok()).expect("nanoseconds"))
}

/// What work cost: processor time of this thread, and time by the clock.
pub(crate) fn cost<T>(work: impl FnOnce() -> T) -> (T, Duration, Duration) {
    let (cpu, clock) = (own_cpu(), Instant::now());
    let result = work();
    let took = clock.elapsed();
    (result, own_cpu().saturating_sub(cpu), took)
}

/// Memory of a process that no file backs, in bytes.
pub(crate) fn anonymous(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|l| l.trim().split(' ').next()?.parse::<u64>().ok()).unwrap_or_default() * 1024
}

/// The value in the middle.
pub(crate) fn median<T: Copy + PartialOrd>(values: &[T]) -> T {
    at(values, 0.5)
}

/// The value at a part of the way.
pub(crate) fn at<T: Copy + PartialOrd>(values: &[T], part: f64) -> T {
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| a.partial_cmp(b).expect("numbers"));
    sorted[((sorted.len() - 1) as f64 * part).round() as usize]
}
