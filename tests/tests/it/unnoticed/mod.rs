//! Nobody notices Shoal's supervisor: images of every kind run with it as they run without.
//!
//! Every service is there twice, once with a rule of reload and so under the supervisor. The same is done to both, and
//! what can be seen of them is compared: processes, signals, output and exit codes. What differs, and why, is in
//! `docs/RELOAD.md`.

mod cases;

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::world::{World, docker, docker_output, until};
use cases::{CASES, Case, End};

/// Building the images takes minutes where nothing is cached.
const LONGEST: Duration = Duration::from_mins(15);
/// How long both may take to come to rest.
const SETTLED: Duration = Duration::from_secs(20);

#[test]
fn images_of_every_kind_run_under_the_supervisor_as_without_it() {
    let world = World::with_engine("unnoticed");
    for (name, text) in [
        ("Dockerfile", include_str!("Dockerfile")),
        ("signals.pl", include_str!("signals.pl")),
        ("run.sh", include_str!("run.sh")),
        ("Up.java", include_str!("Up.java")),
        ("look.pl", include_str!("look.pl")),
    ] {
        world.write(format!("img/{name}"), text);
    }
    world.write("watched/file", "");
    world.manifest(&CASES.iter().map(pair).collect::<String>());
    // Some are meant to end, or are never well.
    world.start(&["up", "-d", "--no-capture"]).wait_at_most(LONGEST);
    let eye = Eye::open(&world);
    let deviations: Vec<String> = CASES.iter().filter_map(|case| compare(&world, &eye, case)).collect();
    assert!(
        deviations.is_empty(),
        "{} of {} differ\n{}",
        deviations.len(),
        CASES.len(),
        deviations.join("\n")
    );
    drop(eye);
    world.shoal(&["down"]).ok();
}

/// A service without the supervisor and one with it.
fn pair(case: &Case) -> String {
    let service = |name: &str, more: &str| {
        format!(
            "[services.{name}]\nbuild = {{ context = \"img\", target = \"{}\" }}\nstop_grace = \"1s\"\n{}\n{more}\n",
            case.stage(),
            case.keys
        )
    };
    let supervised = "reload = [{ watch = \"watched\", then = \"restart\" }]";
    service(case.name, "") + &service(&format!("{}-sup", case.name), supervised)
}

/// A container that sees the processes of all others.
struct Eye(String);

impl Eye {
    fn open(world: &World) -> Self {
        let label = format!("dev.shoal.folder={}", world.folder().display());
        let args =
            ["run", "-d", "--pid", "host", "--cap-add", "SYS_PTRACE", "--network", "none", "--label", &label];
        Self(docker(&[&args[..], &["shoal/base:bookworm", "sleep", "100000"]].concat()))
    }

    /// What `look.pl` says of a container's service.
    fn look(&self, container: &str) -> Vec<String> {
        let pid = docker(&["inspect", "--format", "{{.State.Pid}}", container]);
        if pid == "0" {
            return vec!["it does not run".to_owned()];
        }
        let said = docker(&["exec", &self.0, "perl", "-e", include_str!("look.pl"), &pid]);
        said.lines().map(str::to_owned).collect()
    }
}

impl Drop for Eye {
    fn drop(&mut self) {
        docker_output(&["rm", "-f", &self.0]);
    }
}

/// Does the same to both; what differs, in words.
fn compare(world: &World, eye: &Eye, case: &Case) -> Option<String> {
    let both = [world.instance(case.name), world.instance(&format!("{}-sup", case.name))];
    let mut told = Vec::new();
    if case.end != End::Itself {
        told.extend(both.iter().filter_map(|container| silence(container, case.up)));
        let begun = Instant::now();
        let seen = loop {
            let seen = both.each_ref().map(|container| eye.look(container));
            if seen[0] == seen[1] || begun.elapsed() > SETTLED {
                break seen;
            }
            std::thread::sleep(Duration::from_millis(200));
        };
        told.extend(difference(&seen[0], &seen[1]));
    }
    for container in &both {
        for (signal, said) in case.signals {
            docker_output(&["kill", "-s", signal, container]);
            told.extend(silence(container, said));
        }
        match case.end {
            // What has ended already is told below.
            End::Stop => drop(docker_output(&["stop", container])),
            End::Kill(signal) => drop(docker_output(&["kill", "-s", signal, container])),
            End::Itself => {}
        }
    }
    let ends = both.each_ref().map(|container| {
        let state = until(&format!("`{container}` to end"), || {
            let state = docker(&["inspect", "--format", "{{json .State}}", container]);
            let state: Value = serde_json::from_str(&state).expect("JSON");
            (state["Running"] == false).then_some(state)
        });
        let (out, err) = docker_output(&["logs", container]);
        let mut lines =
            vec![format!("exit code {}, out of memory {}", state["ExitCode"], state["OOMKilled"])];
        let mut said: Vec<String> = out.lines().map(|l| format!("out: {l}")).collect();
        said.extend(err.lines().map(|l| format!("err: {l}")));
        if case.loose {
            said = said.iter().map(|line| without_numbers(line)).collect();
            said.sort();
            // How often a server logs that a child has ended depends on how many end at once.
            said.dedup();
        }
        lines.extend(said);
        lines
    });
    told.extend(difference(&ends[0], &ends[1]));
    (!told.is_empty()).then(|| format!("{}:\n  {}", case.name, told.join("\n  ")))
}

/// Waits until the container has logged this; what there is to tell when it never does.
fn silence(container: &str, text: &str) -> Option<String> {
    let begun = Instant::now();
    while begun.elapsed() < SETTLED {
        let (out, err) = docker_output(&["logs", container]);
        if out.contains(text) || err.contains(text) {
            return None;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Some(format!("`{container}` does not say `{text}`"))
}

/// What is only in one of two lists.
fn difference(without: &[String], with: &[String]) -> Vec<String> {
    let lacks = |list: &[String], line: &String| !list.contains(line);
    let gone = without.iter().filter(|line| lacks(with, line)).map(|line| format!("- {line}"));
    let come = with.iter().filter(|line| lacks(without, line)).map(|line| format!("+ {line}"));
    let mut told: Vec<String> = gone.chain(come).collect();
    if told.is_empty() && without != with {
        told.push(format!("order or count: {without:?} became {with:?}"));
    }
    told
}

/// A signal comes from nobody when it comes from outside of the container, and from number 1 when it was passed on.
fn without_numbers(line: &str) -> String {
    let line: String = line.chars().filter(|letter| !letter.is_ascii_digit()).collect();
    line.replace("received from ,", "received,")
}
