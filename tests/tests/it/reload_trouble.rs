//! When a save is broken, its command fails, or the session dies: the container goes on, and the next save heals.
//! When a service itself writes what is watched for it, that does not go round forever.

use crate::reload::{reload, reloads, says, service};
use crate::world::{World, until};

/// The program itself is what changes.
fn code(world: &World) -> String {
    world.write(
        "app/Dockerfile",
        "FROM shoal/base:bookworm\nCOPY files /srv\nCMD [\"perl\", \"/srv/app.pl\"]\n",
    );
    world.write("app/files/app.pl", program("first"));
    "[services.app]\nbuild = \"app\"\nports = [\"8000\"]\nstop_grace = \"2s\"\n\
     ready = { http = \":8000/\", within = \"3s\" }\n\
     reload = [{ watch = \"app/files\", to = \"/srv\", then = \"restart\" }]\n"
        .to_owned()
}

fn program(version: &str) -> String {
    include_str!("programs/state.pl").replace("start=$start", &format!("program={version} start=$start"))
}

fn answer(version: &str) -> String {
    format!("program={version} start=none hangup= now=none")
}

#[test]
fn a_broken_save_keeps_the_container_and_the_next_one_heals() {
    let world = World::with_engine("broken");
    let runs = service(
        &world,
        "runs",
        "to = \"/srv\", then = \"run\", run = [\"sh\", \"-c\", \"test ! -e /srv/bad || { echo no such column; exit 9; }\"]",
    );
    let asks = service(&world, "asks", "to = \"/srv\", then = \"restart\", mode = \"manual\"");
    world.manifest(&[code(&world), runs, asks].concat());
    world.shoal(&["up", "-d"]).ok();
    let address = world.published("app");
    let container = world.container("app");
    says(&address, &answer("first"));

    world.write("app/files/app.pl", "use strict; this is no program\n");
    let event = reload(&world, "app", 1);
    assert_eq!(event["ok"], false, "{event}");
    assert!(event["error"].is_string(), "{event}");
    let app = world.service("app");
    assert_eq!((app["ready"].clone(), app["reload"]["failed"].clone()), (false.into(), true.into()), "{app}");
    assert_eq!(world.container("app"), container);
    let said = || world.shoal(&["logs", "app"]).ok().stdout;
    until("what perl says of it", || said().contains("syntax error").then_some(()));

    world.write("app/files/app.pl", program("mended"));
    says(&address, &answer("mended"));
    until("a good reload", || reloads(&world, "app").last().is_some_and(|e| e["ok"] == true).then_some(()));
    let app = world.service("app");
    assert_eq!((app["ready"].clone(), app["reload"]["failed"].clone()), (true.into(), false.into()), "{app}");
    assert_eq!(world.container("app"), container, "it was never replaced");

    world.write("runs/files/bad", "x");
    let event = reload(&world, "runs", 1);
    assert_eq!((&event["ok"], &event["action"]), (&false.into(), &"run".into()), "{event}");
    assert!(event["error"].as_str().is_some_and(|e| e.contains('9')), "{event}");
    assert_eq!(world.service("runs")["ready"], true, "a failed command stops nothing");
    assert!(world.shoal(&["logs", "runs"]).ok().stdout.contains("no such column"));
    std::fs::remove_file(world.folder().join("runs/files/bad")).expect("removed");
    assert_eq!(reload(&world, "runs", 2)["ok"], true);
    assert_eq!(world.service("runs")["reload"]["failed"], false);

    manual(&world);

    // A new session watches on, and finds the agent in the container it adopts.
    world.kill_session();
    world.shoal(&["ps"]).ok();
    until("adoption", || (world.service("app")["ready"] == true).then_some(()));
    world.write("app/files/app.pl", program("after"));
    says(&address, &answer("after"));
    assert_eq!(world.container("app"), container);
    world.shoal(&["down"]).ok();
}

/// In manual mode saves wait until somebody asks.
fn manual(world: &World) {
    let address = world.published("asks");
    world.write("asks/files/version", "later\n");
    world.write("asks/files/more", "x");
    let pending = until("saves that wait", || {
        let shown = world.service("asks")["reload"].clone();
        (shown["pending"].as_u64() >= Some(2)).then_some(shown)
    });
    assert_eq!(pending["manual"], true);
    says(&address, "start=one hangup= now=one");
    assert!(reloads(world, "asks").is_empty());
    world.shoal(&["reload", "asks"]).ok();
    says(&address, "start=later hangup= now=later");
    until("nothing to wait", || (world.service("asks")["reload"]["pending"] == 0).then_some(()));
}

#[test]
fn a_service_that_writes_what_is_watched_for_it_is_found_out_and_named() {
    let world = World::with_engine("loop");
    let app = service(&world, "app", "to = \"/srv\", then = \"restart\"");
    let command = "test -e /srv/quiet || date +%N >/shared/state; exec perl /state.pl";
    world.manifest(&format!(
        "{app}volumes = [\"./app/files:/shared\"]\ncommand = [\"sh\", \"-c\", \"{command}\"]\n"
    ));
    world.shoal(&["up", "-d"]).ok();
    let told = |count: usize| {
        let mut all = world.shoal(&["events", "--json"]).ok().rows();
        all.retain(|e| e["kind"] == "watch" && e["service"] == "app");
        all.into_iter().nth(count - 1)
    };
    world.write("app/files/version", "second\n");
    let found = until("the loop to be found", || told(1));
    assert_eq!(found["ok"], false, "{found}");
    assert!(found["text"].as_str().is_some_and(|text| text.contains("`app/files/state`")), "{found}");
    assert!(found["error"].as_str().is_some_and(|hint| hint.contains("`ignore`")), "{found}");
    let shown = until("the service's row", || {
        let shown = world.service("app")["reload"].clone();
        shown["notice"].is_string().then_some(shown)
    });
    assert!(shown["notice"].as_str().is_some_and(|notice| notice.contains("`app/files/state`")), "{shown}");
    assert_eq!(shown["pending"], 1, "{shown}");

    // What is written by somebody else is reloaded, and that it now writes nothing is found.
    world.write("app/files/quiet", "");
    let mended = until("the loop's end", || told(2));
    assert_eq!(mended["ok"], true, "{mended}");
    // The first start's writing, the save, and how often it may be a coincidence.
    assert!(reloads(&world, "app").len() <= 2 + 5 + 1, "{:?}", reloads(&world, "app"));
    until("the row to be as before", || world.service("app")["reload"].get("notice").is_none().then_some(()));
    world.write("app/files/version", "third\n");
    says(&world.published("app"), "start=third hangup= now=third");
    world.shoal(&["down"]).ok();
}
