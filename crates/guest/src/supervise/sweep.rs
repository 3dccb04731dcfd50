//! Ending what a service's process leaves behind, as the kernel does when PID 1 of a container ends: a worker that
//! kept the port would make the next start fail.

use std::collections::HashMap;
use std::fs;
use std::process;
use std::time::{Duration, Instant};

use crate::process as sys;

/// A process in uninterruptible sleep cannot be killed; after this long it is left to itself.
const PATIENCE: Duration = Duration::from_secs(2);

/// Kills and reaps all descendants. Processes that were brought into the container from outside, such as terminals
/// and agents, are nobody's descendants here and go on.
pub(super) fn end_descendants() {
    let began = Instant::now();
    loop {
        while sys::reap().is_some() {}
        let left = descendants(process::id() as i32, &parents());
        if left.is_empty() || began.elapsed() > PATIENCE {
            return;
        }
        for pid in left {
            // It may have ended meanwhile.
            drop(sys::kill(pid, libc::SIGKILL));
        }
        drop(sys::wait_readable(&[], Some(Duration::from_millis(1))));
    }
}

/// Each process's parent.
fn parents() -> HashMap<i32, i32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            Some((pid, parent(&stat)?))
        })
        .collect()
}

/// The parent in `/proc/PID/stat`; the name before it stands in parentheses and may contain any character.
fn parent(stat: &str) -> Option<i32> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

fn descendants(of: i32, parents: &HashMap<i32, i32>) -> Vec<i32> {
    let comes_from = |mut pid: i32| {
        // As many steps as there are processes at most, whatever the table says.
        for _ in 0..parents.len() {
            match parents.get(&pid) {
                Some(&parent) if parent == of => return true,
                Some(&parent) => pid = parent,
                None => return false,
            }
        }
        false
    };
    parents.keys().copied().filter(|&pid| pid != of && comes_from(pid)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_follows_the_last_parenthesis() {
        assert_eq!(parent("12 (a) S 3) S 7 12 12 0"), Some(7));
        assert_eq!(parent("12 (sh) R 1 12"), Some(1));
        assert_eq!(parent("12"), None);
    }

    #[test]
    fn only_what_comes_from_the_service_is_swept() {
        // 1 supervises 2, which has 3; 20 was brought in from outside and has 21; 30 is a broken row.
        let parents = HashMap::from([(1, 0), (2, 1), (3, 2), (20, 0), (21, 20), (30, 31), (31, 30)]);
        let mut found = descendants(1, &parents);
        found.sort_unstable();
        assert_eq!(found, [2, 3]);
    }
}
