//! What happens to containers behind Shoal's back, what is meant to stay, and two stacks side by side.

use serde_json::Value;

use crate::world::{World, docker, docker_lines, script, until, web};

fn wait_for(world: &World, service: &str, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    until(what, || Some(world.service(service)).filter(&is))
}

#[test]
fn what_others_do_to_containers_is_seen_and_mended_by_up() {
    let world = World::with_engine("meddle");
    let again = script(
        "again",
        "sleep 0.3; test -e /tmp/second && exec sleep 3600; touch /tmp/second; exit 5",
        "restart = \"always\"\ninit = true",
    );
    world.manifest(&[web("back", ""), web("front", "depends_on = [\"back\"]"), again].concat());
    world.shoal(&["up", "-d", "back", "front"]).ok();
    let instance = world.instance("back");

    docker(&["kill", &instance]);
    let killed = wait_for(&world, "back", "the kill to be seen", |s| s["state"] == "failed");
    assert_eq!((&killed["exit_code"], &killed["ready"]), (&137.into(), &false.into()));
    assert_eq!(world.service("front")["state"], "running", "a failure is the service's own");
    world.shoal(&["up", "-d", "back"]).ok();
    assert_eq!(world.service("back")["ready"], true);

    docker(&["rm", "-f", &instance]);
    wait_for(&world, "back", "the removal to be seen", |s| s.get("instance").is_none());
    world.shoal(&["up", "-d", "back"]).ok();
    assert_eq!(world.service("back")["ready"], true);

    // Stopped and started by another tool: it is the same service still.
    docker(&["stop", "-t", "2", &instance]);
    wait_for(&world, "back", "the stop to be seen", |s| s["ready"] == false);
    docker(&["start", &instance]);
    wait_for(&world, "back", "the start to be seen", |s| s["ready"] == true);

    world.shoal(&["up", "-d"]).ok();
    let restarted =
        wait_for(&world, "again", "the engine's restart", |s| s["restarts"] == 1 && s["ready"] == true);
    assert_eq!(restarted["state"], "running");
    world.shoal(&["down"]).ok();
}

#[test]
fn down_keeps_what_is_persistent_and_other_stacks() {
    let world = World::with_engine("stays");
    let manifest = [web("db", "lifetime = \"persistent\""), web("app", "depends_on = [\"db\"]\nreload = [{ watch = \"web.pl\", to = \"/srv/web.pl\", then = \"restart\" }]")].concat();
    world.manifest(&manifest);
    world.shoal(&["up", "-d"]).ok();
    let db = world.container("db");

    // The same services under another name, in the same folder.
    let other = format!("{}-b", world.name());
    let second = |args: &[&str]| world.run(world.command().args(["-p", &other]).args(args));
    second(&["up", "-d"]).ok();
    let of_second = docker_lines(&["ps", "-q", "--filter", &format!("label=dev.shoal.stack={other}")]);
    assert_eq!(of_second.len(), 3, "db, app, capture");
    world.shoal(&["exec", "-T", "app", "--", "perl", "/call.pl", "db:8000", "GET", "/mine"]).ok();
    until("the call", || world.shoal(&["calls"]).ok().stdout.contains("GET /mine").then_some(()));
    assert!(!second(&["calls"]).ok().stdout.contains("GET /mine"), "each sees its own network only");
    assert!(!second(&["logs"]).ok().stdout.contains("GET /mine"));

    let ran = world.shoal(&["down"]).ok();
    ran.tells(&["persistent services run on", "`shoal down --all`"]);
    assert_eq!(world.container("db"), db);
    assert_eq!(world.service("app")["state"], "stopped");
    let still = docker_lines(&["ps", "-q", "--filter", &format!("label=dev.shoal.stack={other}")]);
    assert_eq!(still, of_second, "the other stack is untouched");
    assert!(second(&["ps", "--json"]).ok().rows().iter().all(|s| s["ready"] == true));

    world.shoal(&["up", "-d"]).ok();
    assert_eq!(world.container("db"), db, "what stayed is used again");
    world.shoal(&["down", "--all"]).ok();
    second(&["down", "--all"]).ok();
    let folder = format!("label=dev.shoal.folder={}", world.folder().display());
    assert_eq!(docker(&["ps", "-aq", "--filter", &folder]), "");
    assert_eq!(docker(&["network", "ls", "-q", "--filter", &folder]), "");
}
