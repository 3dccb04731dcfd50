//! Lines on their way from containers to the disk.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use logs::{From, Limits, LogError, Query, Store};

use crate::anchor::{drain, engine};
use crate::measure::{cpu, median};
use crate::stack::{Stack, docker};

const ROUNDS: usize = 3;

/// One run: lines a second until the last one was there, and processor time of the engine and of Shoal for a line.
struct Run {
    rate: f64,
    engine: f64,
    shoal: f64,
}

/// One container and ten, writing as fast as they can.
pub(crate) fn flood() {
    for (writers, count) in [(1, 600_000), (10, 60_000)] {
        let (mut bare, mut ours) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            bare.push(drained(writers, count));
            ours.push(kept(writers, count));
        }
        let of = |runs: &[Run], what: fn(&Run) -> f64| median(&runs.iter().map(what).collect::<Vec<_>>());
        let (rate, bare_rate) = (of(&ours, |r| r.rate), of(&bare, |r| r.rate));
        let (shoal, engine) = (of(&ours, |r| r.shoal), of(&ours, |r| r.engine));
        println!("{writers} containers, {} lines of 100 bytes: each stored once", writers as u64 * count);
        println!(
            "  rate     {rate:>8.0} lines/s, a reader into nothing {bare_rate:>8.0}: {:.2}x (wanted: at least 0.95)",
            rate / bare_rate
        );
        println!(
            "  CPU/line {shoal:>8.2} us, the engine's {engine:>15.2} us: {:.2}x (wanted: at most 0.33)",
            shoal / engine
        );
    }
}

fn drained(writers: usize, count: u64) -> Run {
    let stack = Stack::new("drain");
    let names = stack.bare(writers, count, 0);
    let readers: Vec<_> = names.into_iter().map(|name| thread::spawn(move || drain(&name))).collect();
    thread::sleep(Duration::from_millis(500));
    let (begun, before) = (Instant::now(), cpu(engine()));
    stack.go();
    let last = readers.into_iter().map(|reader| reader.join().expect("a reader")).max().expect("readers");
    run(writers as u64 * count, last - begun, cpu(engine()).saturating_sub(before), Duration::ZERO)
}

fn kept(writers: usize, count: u64) -> Run {
    let stack = Stack::new("keep");
    stack.manifest(writers, count, 0);
    stack.shoal(&["up", "-d", "--no-capture", "--no-reload"]);
    thread::sleep(Duration::from_millis(500));
    let (session, lines) = (stack.session(), writers as u64 * count);
    let (begun, before, ours) = (Instant::now(), cpu(engine()), cpu(session));
    stack.go();
    stack.await_lines(lines);
    let run =
        run(lines, begun.elapsed(), cpu(engine()).saturating_sub(before), cpu(session).saturating_sub(ours));
    for writer in 0..writers {
        let kept = docker(&["logs", &stack.instance(writer)]).lines().count() as u64;
        assert_eq!(kept, count, "lines that the engine kept");
    }
    let logs = stack.place().join("logs");
    stack.shoal(&["down", "--all"]);
    numbers_once(&opened(&logs), writers, count);
    run
}

fn run(lines: u64, took: Duration, engine: Duration, shoal: Duration) -> Run {
    let per_line = |cpu: Duration| cpu.as_secs_f64() * 1e6 / lines as f64;
    Run { rate: lines as f64 / took.as_secs_f64(), engine: per_line(engine), shoal: per_line(shoal) }
}

/// The store, once the session has let go of it.
fn opened(logs: &Path) -> Store {
    loop {
        match Store::open(logs, Limits::default()) {
            Err(LogError::InUse { .. }) => thread::sleep(Duration::from_millis(50)),
            opened => return opened.expect("the store"),
        }
    }
}

/// Every number of every writer is there once.
fn numbers_once(store: &Store, writers: usize, count: u64) {
    for writer in 0..writers {
        let query = Query { services: vec![format!("w{writer}")], ..Query::default() };
        let mut seen = vec![0_u8; count as usize + 1];
        let mut from = From::Oldest;
        loop {
            let page = store.read(&query, from, 10_000).expect("a page");
            for line in &page.lines {
                let number: usize = line.text[..10].parse().expect("a number");
                seen[number] += 1;
            }
            if !page.more {
                break;
            }
            from = From::After(page.after);
        }
        let wrong = seen.iter().skip(1).filter(|times| **times != 1).count();
        assert_eq!(wrong, 0, "lines of w{writer} that are not stored exactly once");
    }
}

/// Ten containers that say a thousand lines a second each.
pub(crate) fn steady() {
    const SECONDS: u64 = 20;
    let stack = Stack::new("steady");
    stack.manifest(10, (SECONDS + 10) * 1000, 1000);
    stack.shoal(&["up", "-d", "--no-capture", "--no-reload"]);
    let session = stack.session();
    stack.go();
    thread::sleep(Duration::from_secs(3));
    let (lines, ours, theirs, begun) = (stack.stored(), cpu(session), cpu(engine()), Instant::now());
    thread::sleep(Duration::from_secs(SECONDS));
    let took = begun.elapsed().as_secs_f64();
    let share = |cpu: Duration| cpu.as_secs_f64() / took * 100.0;
    println!(
        "10 containers, {:.0} lines/s in all: Shoal {:.1} % of a core (wanted: at most 4), the engine {:.1} %",
        (stack.stored() - lines) as f64 / took,
        share(cpu(session).saturating_sub(ours)),
        share(cpu(engine()).saturating_sub(theirs))
    );
}
