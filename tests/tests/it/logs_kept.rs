//! No hole and no double line, whatever happens to session and container while lines pour in.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, Instant};

use crate::world::{World, docker, script, until};

const COUNT: usize = 40_000;

/// A pause of `from` to `to` milliseconds: the moment of the kill is what must not matter.
fn pause(from: u64, to: u64) {
    let random = RandomState::new().build_hasher().finish();
    std::thread::sleep(Duration::from_millis(from + random % (to - from)));
}

/// What the store has of the writer, in order.
fn stored(world: &World) -> Vec<String> {
    let rows = world.shoal(&["logs", "writer", "--json"]).ok().rows();
    rows.iter().filter_map(|l| l["text"].as_str().map(str::to_owned)).collect()
}

/// The same once a run's lines are there: standard error may come a moment after the `done` of standard output. What
/// is lost never comes, and is then told by whoever looks.
fn whole(world: &World, number: usize) -> Vec<String> {
    let begun = Instant::now();
    loop {
        let all = stored(world);
        if run(&all, number).len() >= COUNT || begun.elapsed() > Duration::from_secs(20) {
            return all;
        }
    }
}

fn said(world: &World, line: &str) {
    until(line, || {
        (world.shoal(&["logs", "writer", "--count", "--grep", &format!("^{line}$")]).ok().stdout == "1\n")
            .then_some(())
    });
}

/// The first difference, as a message that can be read.
#[track_caller]
fn same(found: &[String], wanted: &[String], what: &str) {
    let at = found.iter().zip(wanted).position(|(a, b)| a != b).unwrap_or(found.len().min(wanted.len()));
    let around = |all: &[String]| all[at.saturating_sub(2)..(at + 3).min(all.len())].to_vec();
    assert!(
        found == wanted,
        "{what}: {} lines stored, {} written; they part at {at}: stored {:?}, written {:?}",
        found.len(),
        wanted.len(),
        around(found),
        around(wanted)
    );
}

/// Lines of both streams may overtake each other in the engine, so their order is by number.
fn run(all: &[String], run: usize) -> Vec<usize> {
    let prefix = format!("run {run} line ");
    let mut numbers: Vec<usize> = all.iter().filter_map(|l| l.strip_prefix(&prefix)?.parse().ok()).collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn a_killed_session_and_a_restarted_container_neither_lose_nor_double_a_line() {
    let world = World::with_engine("kept");
    world.manifest(&script("writer", &format!("exec perl /lines.pl {COUNT} 5000"), ""));
    world.shoal(&["up", "-d"]).ok();
    for _ in 0..6 {
        pause(50, 1200);
        world.kill_session();
        pause(0, 300);
        // Whoever asks next starts a session, which goes on where the store ends.
        world.shoal(&["logs", "writer", "-n", "1"]).ok();
    }
    said(&world, "run 1 done");
    let everything: Vec<usize> = (1..=COUNT).collect();
    assert_same_numbers(&run(&whole(&world, 1), 1), &everything, "kills");

    let container = world.container("writer");
    world.shoal(&["restart", "writer"]).ok();
    said(&world, "run 2 line 4001");
    pause(0, 500);
    world.shoal(&["restart", "writer"]).ok();
    said(&world, "run 3 line 4001");
    world.kill_session();
    world.shoal(&["ps"]).ok();
    said(&world, "run 3 done");
    assert_eq!(world.container("writer"), container);
    let all = whole(&world, 3);
    assert_same_numbers(&run(&all, 1), &everything, "the first run");
    let second = run(&all, 2);
    assert_same_numbers(&second, &(1..=second.len()).collect::<Vec<_>>(), "the run that was cut off");
    assert_same_numbers(&run(&all, 3), &everything, "the last run");

    // The engine's own record of the same container, line by line.
    let mut kept = docker_log(&container);
    let mut found = all;
    kept.sort_unstable();
    found.sort_unstable();
    same(&found, &kept, "against the engine");
    world.shoal(&["down"]).ok();
}

fn docker_log(container: &str) -> Vec<String> {
    let both = docker(&["logs", container]);
    let errors = std::process::Command::new("docker")
        .args(["logs", container])
        .output()
        .expect("`docker` runs")
        .stderr;
    let errors = String::from_utf8_lossy(&errors).into_owned();
    both.lines().chain(errors.lines()).map(str::to_owned).collect()
}

#[track_caller]
fn assert_same_numbers(found: &[usize], wanted: &[usize], what: &str) {
    let text = |all: &[usize]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
    same(&text(found), &text(wanted), what);
}
