//! What a session takes that holds ten million lines, while two searches run.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use logs::Limits;
use model::Timestamp;

use crate::corpus::Corpus;
use crate::measure::anonymous;
use crate::search::{LINES, fill};
use crate::stack::Stack;

pub(crate) fn run() {
    let stack = Stack::new("memory");
    stack.manifest(1, 1, 0);
    // The session that is started first makes the folder; the lines are put into it while none runs.
    stack.shoal(&["up", "-d", "--no-capture", "--no-reload"]);
    let logs = stack.place().join("logs");
    stack.shoal(&["down", "--all"]);
    drop(fs::remove_dir_all(&logs));
    // Lines half as long as real ones, so that so many fit into the gigabyte that a session keeps.
    let mut corpus = Corpus::new(LINES, Timestamp::from_system(SystemTime::now()), false);
    drop(fill(&logs, &mut corpus, None, Limits::default()));
    stack.shoal(&["up", "-d", "--no-capture", "--no-reload"]);
    let held: u64 = stack.shoal(&["logs", "--count"]).parse().expect("a number");
    assert!(held >= LINES, "{held} lines are held of {LINES}");
    let session = stack.session();
    let idle = anonymous(session);
    let done = AtomicBool::new(false);
    let most = thread::scope(|scope| {
        let search = |pattern: &'static str| {
            while !done.load(Ordering::Relaxed) {
                stack.shoal(&["logs", "--count", "--grep", pattern]);
                stack.shoal(&["logs", "-n", "1000", "--grep", pattern]);
            }
        };
        scope.spawn(move || search("took=1[0-9]{3}ms"));
        scope.spawn(move || search("(?i)refused"));
        let samples = (0..500).map(|_| {
            thread::sleep(Duration::from_millis(20));
            anonymous(session)
        });
        let most = samples.max().unwrap_or_default();
        done.store(true, Ordering::Relaxed);
        most
    });
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    println!(
        "{held} lines held: {:.1} MB of anonymous memory, {:.1} MB with two searches (wanted: below 60)",
        megabytes(idle),
        megabytes(most)
    );
}
