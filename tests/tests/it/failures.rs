//! What fails says what and why, leaves the rest alone, and is mended by the next `up`.

use std::net::TcpListener;

use serde_json::Value;

use crate::world::{World, docker, script, web};

#[test]
fn a_service_that_ends_says_how_and_what_waits_says_why() {
    let world = World::with_engine("ends");
    let bad = |shell: &str| {
        [script("bad", shell, ""), web("later", "depends_on = { bad = \"completed\" }"), web("fine", "")]
            .concat()
    };
    world.manifest(&bad("echo no database; exit 3"));
    world.shoal(&["up", "-d"]).ends_with(1).tells(&["error: `bad` exited with 3", "hint: `shoal logs bad`"]);
    let shown = world.service("bad");
    assert_eq!(
        (&shown["state"], &shown["exit_code"], &shown["ready"]),
        (&"failed".into(), &3.into(), &false.into())
    );
    let later = world.service("later");
    assert_eq!(later["state"], "waiting");
    assert_eq!(later["waiting_for"], "bad to complete (it exited with 3)");
    assert_eq!(world.service("fine")["ready"], true, "what does not depend on it runs");
    assert!(world.shoal(&["ps"]).ok().stdout.contains("failed (exit 3)"));
    assert_eq!(world.shoal(&["logs", "bad"]).ok().stdout.matches("no database").count(), 1);

    let fine = world.container("fine");
    world.manifest(&bad("echo mended"));
    world.shoal(&["up", "-d"]).ok();
    assert_eq!(world.service("bad")["state"], "completed");
    assert_eq!(world.service("later")["ready"], true);
    assert_eq!(world.container("fine"), fine);
    world.shoal(&["down"]).ok();
}

#[test]
fn a_failed_build_shows_its_step_and_a_service_that_never_answers_times_out() {
    let world = World::with_engine("build");
    let dockerfile = |run: &str| {
        format!("FROM shoal/base:bookworm\nRUN echo first-step\nRUN {run}\nCMD [\"sleep\", \"1000\"]\n")
    };
    world.manifest("[services.app]\nbuild = \"app\"\nstop_grace = \"1s\"\ninit = true\n");
    world.write("app/Dockerfile", dockerfile("echo the compiler says no >&2; exit 7"));
    let ran = world.shoal(&["up", "-d"]).ends_with(1).tells(&["`app`", "the compiler says no", "exit 7"]);
    assert!(ran.stderr.contains("error: "), "{}", ran.stderr);
    let app = world.service("app");
    assert_eq!((&app["state"], &app["error"]["code"]), (&"failed".into(), &"build-failed".into()));
    let lines = world.shoal(&["logs", "app", "--json", "--grep", "the compiler says no"]).ok().rows();
    assert!(lines.iter().any(|l| l["stream"] == "build"), "{lines:?}");

    world.write("app/Dockerfile", dockerfile("true"));
    world.shoal(&["up", "-d"]).ok();
    assert_eq!(world.service("app")["ready"], true);

    // A worker from a server's image listens on nothing, whatever the image exposes.
    world.write("app/Dockerfile", dockerfile("true\nEXPOSE 9"));
    let worker = "init = true\ncommand = [\"sleep\", \"999\"]\n";
    world.manifest(&format!("[services.app]\nbuild = \"app\"\nstop_grace = \"1s\"\n{worker}"));
    world.shoal(&["up", "-d"]).ok();
    assert_eq!(world.service("app")["ready"], true);

    world
        .manifest("[services.app]\nbuild = \"app\"\nstop_grace = \"1s\"\ninit = true\nready = { tcp = 9 }\n");
    world.shoal(&["stop", "app"]).ok();
    let late = world.shoal(&["up", "-d", "--timeout", "2"]).ends_with(4);
    late.tells(&["not ready after 2 s: app", "hint: `shoal ps` and `shoal logs`"]);
    world.shoal(&["down"]).ok();
    docker(&["image", "inspect", &format!("{}-app:latest", world.name())]);
}

#[test]
fn a_taken_port_is_told_with_its_holder() {
    let world = World::with_engine("port");
    let held = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = held.local_addr().expect("an address").port();
    let manifest = [web("gate", &format!("ports = [\"{port}:8000\"]")), web("fine", "")].concat();
    world.manifest(&manifest);
    let ran = world.shoal(&["up", "-d"]).ends_with(1).tells(&[&format!("ort `{port}` is taken"), "gate"]);
    let holder = format!("process {}", std::process::id());
    assert!(
        ran.stderr.contains(&std::process::id().to_string()),
        "it is {holder} that holds it: {}",
        ran.stderr
    );
    assert_eq!(world.service("gate")["error"]["code"], "port-taken");
    assert_eq!(world.service("fine")["ready"], true);

    drop(held);
    let folder = format!("dev.shoal.folder={}", world.folder().display());
    let other = format!("{}-other", world.name());
    let publish = format!("127.0.0.1:{port}:80");
    docker(&[
        "run",
        "-d",
        "--init",
        "--name",
        &other,
        "--label",
        &folder,
        "-p",
        &publish,
        "shoal/base:bookworm",
        "sleep",
        "1000",
    ]);
    world.shoal(&["up", "-d"]).ends_with(1).tells(&[&format!("ort `{port}` is taken"), &other]);

    docker(&["rm", "-f", &other]);
    world.shoal(&["up", "-d"]).ok();
    assert_eq!(world.published("gate"), format!("127.0.0.1:{port}"));
    world.shoal(&["down"]).ok();
}

#[test]
fn an_image_that_is_nowhere_and_a_name_that_is_somebody_elses() {
    let world = World::with_engine("image");
    world.manifest("[services.app]\nimage = \"it-nowhere/none:1\"\npull = \"never\"\n");
    world.shoal(&["up", "-d"]).ends_with(1).tells(&["it-nowhere/none:1", "hint: "]);
    let app: Value = world.service("app");
    assert_eq!((&app["state"], &app["error"]["code"]), (&"failed".into(), &"image-missing".into()));

    world.manifest(&web("app", ""));
    let folder = format!("dev.shoal.folder={}", world.folder().display());
    let theirs = docker(&[
        "create",
        "--name",
        &world.instance("app"),
        "--label",
        &folder,
        "shoal/base:bookworm",
        "true",
    ]);
    world
        .shoal(&["up", "-d"])
        .ends_with(1)
        .tells(&[&format!("another container has the name `{}`", world.instance("app"))]);
    assert_eq!(world.container("app"), theirs, "what is not the stack's is left alone");
    docker(&["rm", &theirs]);
    world.shoal(&["up", "-d"]).ok();
    world.shoal(&["down"]).ok();
}
