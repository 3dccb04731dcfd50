//! Whatever is done to the watched files, whenever: once it is quiet, the container has what this machine has.
//!
//! A script is a random row of deeds, made from a seed: edits, renames, deletions, editors' dances, branches switched
//! by git, restarts and rebuilds in between. All scripts share one running stack. `SHOAL_FIRE=500` runs so many
//! instead of a few, `SHOAL_FIRE=1@SEED` plays one again.

mod deeds;
mod trees;

use std::time::{Duration, Instant};

use self::deeds::{Dice, Yard};
use crate::world::{World, docker, get};

const DOCKERFILE: &str =
    "FROM shoal/base:bookworm\nCOPY state.pl needs /\nCOPY files /srv\nCMD [\"perl\", \"/state.pl\"]\n";
/// What counts neither for the rule nor for the image.
const IGNORED: &str = "files/build\n**/*.tmp\n**/*~\n**/.*.swp\n**/4913\n**/*___jb_*\n**/.git\n";
const MANIFEST: &str = r#"
[services.app]
build = "app"
ports = ["8000"]
stop_grace = "2s"
ready = { http = ":8000/", within = "60s" }
reload = [
  { watch = "app/files", to = "/srv", then = "restart" },
  { watch = "app/needs", then = "rebuild" },
]
"#;
/// How long it may take until all is as it should be: a rebuild on a loaded machine, and some.
const LONGEST: Duration = Duration::from_mins(3);

/// How many scripts, and the first one's seed.
fn wanted() -> (u64, u64) {
    let number =
        |text: &str| text.parse().unwrap_or_else(|e| panic!("SHOAL_FIRE=COUNT[@SEED]: `{text}`: {e}"));
    let fixed = std::env::var("PROPTEST_RNG_SEED").ok().map(|seed| number(&seed));
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("a clock").as_secs();
    let any = fixed.unwrap_or(now % 1_000_000 * 1000);
    match std::env::var("SHOAL_FIRE") {
        Err(_) => (8, any),
        Ok(text) => match text.split_once('@') {
            Some((count, seed)) => (number(count), number(seed)),
            None => (number(&text), any),
        },
    }
}

#[test]
fn after_any_deeds_the_container_has_what_this_machine_has() {
    let (count, first) = wanted();
    let world = World::with_engine("fire");
    world.write("app/Dockerfile", DOCKERFILE);
    world.write("app/.dockerignore", IGNORED);
    world.write("app/state.pl", include_str!("../programs/state.pl"));
    world.write("app/needs", "0");
    let yard = Yard::new(world.folder().join("app"));
    world.manifest(MANIFEST);
    world.shoal(&["up", "-d"]).ok();
    let mut failed = Vec::new();
    for seed in first..first + count {
        let done = yard.play(&mut Dice::new(seed), &|args| drop(world.shoal(args)));
        if let Err(differences) = settles(&world, &yard) {
            let shown = format!("SHOAL_FIRE=1@{seed}\n{differences}\nafter {}", done.join("\n      "));
            println!("{shown}\n");
            failed.push(shown);
            // The next script must not suffer from this one.
            world.shoal(&["build", "app"]).ok();
        }
        yard.tidy();
    }
    assert!(failed.is_empty(), "{} of {count} failed:\n{}", failed.len(), failed.join("\n\n"));
    world.shoal(&["down"]).ok();
}

/// Waits until both trees are equal and the service answers; else tells what is different.
fn settles(world: &World, yard: &Yard) -> Result<(), String> {
    let begun = Instant::now();
    let here = trees::of_this_machine(&yard.files());
    loop {
        let there = trees::of_container(&world.instance("app"));
        // A rebuild may still replace the container: asked at one moment, so that what is ready has its port.
        let answers = || {
            let app = world.service("app");
            let port = app["ports"][0]["host"].as_u64().filter(|_| app["ready"] == true);
            let answer = port.and_then(|port| get(&format!("127.0.0.1:{port}"), "/"));
            answer.is_some_and(|answer| answer.status == 200)
        };
        let differences = match there {
            Ok(there) => trees::differences(&here, &there),
            Err(error) => error,
        };
        if differences.is_empty() && answers() {
            return Ok(());
        }
        if begun.elapsed() > LONGEST {
            let events = world.shoal(&["events", "--json"]).stdout;
            let last: Vec<_> = events.lines().rev().take(6).collect();
            let state = docker(&["ps", "-a", "--filter", &format!("name={}", world.instance("app"))]);
            return Err(format!("{differences}\n{state}\n{}", last.join("\n")));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
