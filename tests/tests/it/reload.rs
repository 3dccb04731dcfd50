//! A saved file is live a moment later: each way, what is told of it, and what is left alone.

use serde_json::Value;

use crate::world::{World, docker, docker_lines, get, until};

const DOCKERFILE: &str =
    "FROM shoal/base:bookworm\nCOPY state.pl /state.pl\nCOPY files /srv\nCMD [\"perl\", \"/state.pl\"]\n";

/// A service built from a folder of its own, whose `files` are `/srv`.
pub(crate) fn service(world: &World, name: &str, rule: &str) -> String {
    world.write(format!("{name}/Dockerfile"), DOCKERFILE);
    world.write(format!("{name}/state.pl"), include_str!("programs/state.pl"));
    world.write(format!("{name}/files/version"), "one\n");
    format!(
        "[services.{name}]\nbuild = \"{name}\"\nports = [\"8000\"]\nstop_grace = \"2s\"\n\
         ready = {{ http = \":8000/\", within = \"20s\" }}\nreload = [{{ watch = \"{name}/files\", {rule} }}]\n"
    )
}

/// What a service says of the versions that it read.
pub(crate) fn said(address: &str) -> Option<String> {
    get(address, "/").filter(|a| a.status == 200).map(|a| a.body.trim().to_owned())
}

/// Waits until a service says this.
#[track_caller]
pub(crate) fn says(address: &str, wanted: &str) {
    let mut last = None;
    until(wanted, || {
        last = said(address);
        (last.as_deref() == Some(wanted)).then_some(())
    });
}

/// A service's reloads so far.
pub(crate) fn reloads(world: &World, service: &str) -> Vec<Value> {
    let mut all = world.shoal(&["events", "--json"]).ok().rows();
    all.retain(|e| e["kind"] == "reload" && e["service"] == service);
    all
}

/// Waits for a service's reload number `count`, and returns it.
#[track_caller]
pub(crate) fn reload(world: &World, service: &str, count: usize) -> Value {
    until(&format!("reload {count} of `{service}`"), || reloads(world, service).into_iter().nth(count - 1))
}

/// A container's identity, and since when its first process runs.
fn life(world: &World, service: &str) -> String {
    docker(&["inspect", "--format", "{{.Id}} {{.State.StartedAt}}", &world.instance(service)])
}

#[test]
fn every_way_of_reload_brings_a_save_to_the_container() {
    let world = World::with_engine("reload");
    let manifest = [
        service(&world, "still", "to = \"/srv\", then = \"nothing\""),
        service(&world, "again", "to = \"/srv\", then = \"restart\", ignore = [\"*.tmp\"]"),
        service(&world, "hup", "to = \"/srv\", then = \"signal:HUP\""),
        service(
            &world,
            "runs",
            "to = \"/srv\", then = \"run\", run = [\"sh\", \"-c\", \"cp /srv/version /ran && echo migrating\"]",
        ),
        service(&world, "built", "then = \"rebuild\""),
    ];
    world.manifest(&manifest.concat());
    world.shoal(&["up", "-d"]).ok();
    let names = ["still", "again", "hup", "runs", "built"];
    let before = names.map(|n| life(&world, n));
    let addresses = names.map(|n| world.published(n));
    for (name, address) in names.iter().zip(&addresses) {
        says(address, "start=one hangup= now=one");
        world.write(format!("{name}/files/version"), "second\n");
    }
    says(&addresses[0], "start=one hangup= now=second");
    says(&addresses[1], "start=second hangup= now=second");
    says(&addresses[2], "start=one hangup=second now=second");
    says(&addresses[3], "start=one hangup= now=second");
    until("the command's work", || {
        let ran = world.shoal(&["exec", "-T", "runs", "--", "cat", "/ran"]);
        (ran.stdout == "second\n").then_some(())
    });
    let built = world.instance("built");
    until("a new container", || {
        let ids = docker_lines(&["ps", "-q", "--no-trunc", "--filter", &format!("name={built}")]);
        ids.first().is_some_and(|id| !before[4].starts_with(id)).then_some(())
    });
    for (name, action) in names.iter().zip(["nothing", "restart", "signal", "run", "rebuild"]) {
        told(&world, name, action);
    }
    says(&world.published("built"), "start=second hangup= now=second");
    for (name, before) in names.iter().zip(&before).take(4) {
        assert_eq!(life(&world, name), *before, "the container of `{name}` runs on");
    }
    let output = world.shoal(&["logs", "runs", "--json", "--grep", "^migrating$"]).ok().rows();
    assert_eq!(output.iter().map(|l| l["stream"].clone()).collect::<Vec<_>>(), ["reload"]);
    assert_eq!(world.ps().iter().filter(|s| s["ready"] == true && s["restarts"] == 0).count(), names.len());
    mirrored(&world);
    world.shoal(&["down"]).ok();
}

/// The event of the first save.
#[track_caller]
fn told(world: &World, name: &str, action: &str) {
    let event = reload(world, name, 1);
    assert_eq!(event["action"], action, "{event}");
    assert_eq!(event["ok"], true, "{event}");
    assert_eq!(event["files"], serde_json::json!([format!("{name}/files/version")]), "{event}");
    assert_eq!(event["instance"], world.instance(name));
    assert!(event.get("error").is_none(), "{event}");
    let ms = &event["ms"];
    let phases = ["detect", "send", "apply", "run", "restart", "ready"];
    let spent: f64 = phases.iter().filter_map(|phase| ms[phase].as_f64()).sum();
    let total = ms["total"].as_f64().expect("a number");
    assert!(total > 0.0 && spent <= total + 1.0, "{event}");
    assert!(phases[..3].iter().all(|phase| ms[phase].is_f64()), "{event}");
    assert_eq!(ms.get("run").is_some(), action == "run", "{event}");
    assert_eq!(ms.get("restart").is_some(), action == "restart", "{event}");
    if action == "restart" {
        assert!(ms["ready"].as_f64().is_some_and(|ready| ready > 0.0 && ready <= total), "{event}");
    }
    if action != "rebuild" {
        assert_eq!(event["bytes"], "second\n".len(), "{event}");
    }
}

/// New, renamed and deleted files and folders, and those that do not count.
fn mirrored(world: &World) {
    let files = world.folder().join("again/files");
    world.write("again/files/deep/er/new", "new");
    world.write("again/files/deep/other", "other");
    world.write("again/files/swap.tmp", "no");
    let tree = || {
        let find = "cd /srv && find . -type f -o -type d -empty | sort && cat deep/moved 2>/dev/null";
        world.shoal(&["exec", "-T", "again", "--", "sh", "-c", find]).stdout
    };
    until("new files", || (tree() == "./deep/er/new\n./deep/other\n./version\n").then_some(()));
    std::fs::rename(files.join("deep/er/new"), files.join("deep/moved")).expect("renamed");
    std::fs::remove_file(files.join("deep/other")).expect("removed");
    std::fs::remove_dir(files.join("deep/er")).expect("removed");
    until("what moved and went", || (tree() == "./deep/moved\n./version\nnew").then_some(()));
    std::fs::remove_dir_all(files.join("deep")).expect("removed");
    until("the folder's end", || (tree() == "./version\n").then_some(()));
    // An editor's dance: a temporary file, renamed over the old one.
    world.write("again/files/.version.swp", "third\n");
    std::fs::rename(files.join(".version.swp"), files.join("version")).expect("renamed");
    says(&world.published("again"), "start=third hangup= now=third");
    until("the editor's file to be gone", || (tree() == "./version\n").then_some(()));
}
