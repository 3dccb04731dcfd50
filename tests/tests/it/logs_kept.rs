//! No hole and no double line, whatever happens to the way to the engine, to the session and to the container while
//! lines pour in. What the containers wrote they tell themselves.
//!
//! `SHOAL_CUTS=300 SHOAL_KILLS=50` do it more often than a run of all tests has time for; `./dev bench cuts` does.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use logs::{From, Limits, LogError, Query, Store};

use crate::world::{World, docker, until, writer};

/// A pause of `from` to `to` milliseconds: the moment of what happens is what must not matter.
fn pause(from: u64, to: u64) {
    let random = RandomState::new().build_hasher().finish();
    std::thread::sleep(Duration::from_millis(from + random % (to - from)));
}

/// How often; the environment may ask for more.
fn times(variable: &str, few: usize) -> usize {
    std::env::var(variable).ok().map_or(few, |more| more.parse().expect("a number"))
}

/// What the writer says that it wrote in a run.
fn written(world: &World, run: usize) -> usize {
    let path = world.folder().join("said").join(run.to_string());
    until("the writer's own count", || std::fs::read_to_string(&path).ok()?.parse().ok())
}

fn said(world: &World, line: &str) {
    until(line, || {
        (world.shoal(&["logs", "writer", "--count", "--grep", &format!("^{line}$")]).ok().stdout == "1\n")
            .then_some(())
    });
}

fn told(world: World) -> World {
    std::fs::create_dir(world.folder().join("said")).expect("a folder");
    world
}

/// Tells the writer to end its lines.
fn stop_writing(world: &World) {
    let stopped = world.docker(&["kill", "--signal", "USR1", &world.instance("writer")]).status();
    assert!(stopped.expect("`docker` runs").success());
}

/// Ends the writer and the stack, and counts what is in the store: every line of `runs` once, and nothing else.
#[track_caller]
fn holds_every_line_once(world: &World, runs: usize) {
    stop_writing(world);
    let last = written(world, runs);
    said(world, &format!("run {runs} done"));
    // Standard error may come a moment after the `done` of standard output.
    until("standard error to follow", || {
        let count =
            world.shoal(&["logs", "writer", "--count", "--grep", &format!("^run {runs} line")]).ok().stdout;
        (count.trim().parse::<usize>().expect("a number") >= last).then_some(())
    });
    world.shoal(&["down"]).ok();
    let counts: Vec<usize> = (1..=runs).map(|run| written(world, run)).collect();
    let store = until("the session to let go of the logs", || {
        match Store::open(&world.place().join("logs"), Limits::default()) {
            Err(LogError::InUse { .. }) => None,
            opened => Some(opened.expect("the store")),
        }
    });
    let mut seen: Vec<Vec<u32>> = counts.iter().map(|count| vec![0; *count]).collect();
    let (mut from, mut others) = (From::Oldest, Vec::new());
    loop {
        let page = store.read(&Query::default(), from, 10_000).expect("a page");
        for line in &page.lines {
            match place(&line.text).and_then(|(run, n)| seen.get_mut(run - 1)?.get_mut(n - 1)) {
                Some(times) => *times += 1,
                None => others.push(line.text.clone()),
            }
        }
        if !page.more {
            break;
        }
        from = From::After(page.after);
    }
    for (run, seen) in seen.iter().enumerate() {
        let of = |wrong: fn(u32) -> bool| -> Vec<usize> {
            seen.iter().zip(1..).filter(|(times, _)| wrong(**times)).map(|(_, n)| n).collect()
        };
        let (lost, twice) = (of(|times| times == 0), of(|times| times > 1));
        assert!(
            lost.is_empty() && twice.is_empty(),
            "run {}, {} lines: lost {lost:?}, twice {twice:?}",
            run + 1,
            seen.len()
        );
    }
    assert_eq!(others, [format!("run {runs} done")]);
    assert!(counts.iter().all(|count| *count > 0));
}

/// `run 1 line 20`
fn place(text: &str) -> Option<(usize, usize)> {
    let (run, n) = text.strip_prefix("run ")?.split_once(" line ")?;
    Some((run.parse().ok()?, n.parse().ok()?))
}

#[test]
fn a_stream_that_is_cut_loses_and_doubles_no_line() {
    let (world, cuts) = told(World::with_engine("cuts")).that_can_be_cut();
    world.manifest(&writer(30_000, ""));
    world.shoal(&["up", "-d"]).ok();
    let (mut cut, wanted) = (0, times("SHOAL_CUTS", 15));
    until("lines", || (world.shoal(&["logs", "--count"]).ok().stdout != "0\n").then_some(()));
    while cut < wanted {
        pause(20, 300);
        cut += cuts.cut();
    }
    holds_every_line_once(&world, 1);
}

#[test]
fn a_killed_session_loses_and_doubles_no_line() {
    let world = told(World::with_engine("kills"));
    world.manifest(&writer(5_000, ""));
    world.shoal(&["up", "-d"]).ok();
    for _ in 0..times("SHOAL_KILLS", 6) {
        pause(50, 1200);
        world.kill_session();
        pause(0, 300);
        // Whoever asks next starts a session, which goes on where the store ends.
        world.shoal(&["logs", "writer", "-n", "1"]).ok();
    }
    holds_every_line_once(&world, 1);
}

#[test]
fn a_container_that_is_restarted_or_made_anew_loses_and_doubles_no_line() {
    let world = told(World::with_engine("again"));
    world.manifest(&writer(5_000, "first"));
    world.shoal(&["up", "-d"]).ok();
    said(&world, "run 1 line 2001");
    let container = world.container("writer");
    world.shoal(&["restart", "writer"]).ok();
    said(&world, "run 2 line 1001");
    pause(0, 500);
    // Behind Shoal's back, and with nobody there to see it.
    world.kill_session();
    docker(&["restart", &container]);
    world.shoal(&["ps"]).ok();
    said(&world, "run 3 line 1001");
    assert_eq!(world.container("writer"), container);
    world.manifest(&writer(5_000, "second"));
    said(&world, "run 4 line 1001");
    assert_ne!(world.container("writer"), container);
    holds_every_line_once(&world, 4);
}

#[test]
fn an_engine_that_is_restarted_loses_and_doubles_no_line() {
    let mut world = told(World::with_own_engine("engine", &[]));
    world.manifest(&(writer(5_000, "") + "restart = \"always\"\n"));
    world.shoal(&["up", "-d", "--no-capture"]).ok();
    said(&world, "run 1 line 2001");
    for run in 2..4 {
        pause(0, 300);
        world.own_engine().restart();
        said(&world, &format!("run {run} line 1001"));
    }
    holds_every_line_once(&world, 3);
}

#[test]
fn where_the_engine_threw_lines_away_a_line_says_so() {
    let options = ["--log-opt", "max-size=64k", "--log-opt", "max-file=2"];
    let world = told(World::with_own_engine("rotated", &options));
    world.manifest(&writer(1_000, ""));
    world.shoal(&["up", "-d", "--no-capture"]).ok();
    said(&world, "run 1 line 501");
    world.kill_session();
    // A thousand lines a second of a hundred bytes each are more than the engine keeps.
    std::thread::sleep(Duration::from_secs(4));
    let holes = until("the line that tells of the hole", || {
        let told = ["logs", "writer", "--json", "--grep", "^warning: lines from .* are missing"];
        Some(world.shoal(&told).ok().rows()).filter(|told| !told.is_empty())
    });
    assert_eq!((holes.len(), &holes[0]["level"], &holes[0]["stream"]), (1, &"warn".into(), &"reload".into()));
    world.shoal(&["down"]).ok();
}
