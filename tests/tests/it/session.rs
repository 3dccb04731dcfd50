//! The session may die; the stack does not. And what is asked of containers through it.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::world::{World, docker, get, lives, until, web};

fn two() -> String {
    [web("back", "ports = [\"8000\"]"), web("front", "depends_on = [\"back\"]")].concat()
}

#[test]
fn a_killed_session_is_followed_by_one_that_finds_everything() {
    let world = World::with_engine("adopt");
    world.manifest(&two());
    world.shoal(&["up", "-d"]).ok();
    let address = world.published("back");
    let before = (world.container("back"), world.container("front"), world.session());
    world.kill_session();
    assert_eq!(get(&address, "/alone").map(|a| a.status), Some(200), "services need no session");
    let found = world.ps();
    let states: Vec<&Value> = found.iter().map(|s| &s["state"]).collect();
    assert_eq!(states, ["running"; 2], "already the first answer shows what runs");
    until("readiness of what was adopted", || world.ps().iter().all(|s| s["ready"] == true).then_some(()));
    assert_ne!(world.session(), before.2);
    assert_eq!(world.published("back"), address);
    let kept = || world.shoal(&["logs", "--grep", "GET /alone"]).ok().stdout.contains("GET /alone");
    until("the line that nobody was there for", || kept().then_some(()));
    world.shoal(&["up", "-d"]).ok();
    assert_eq!(
        (world.container("back"), world.container("front")),
        (before.0, before.1),
        "nothing was replaced"
    );

    // Calls are seen again, too.
    let seen = || {
        get(&address, "/again");
        world.shoal(&["calls", "--where", "path == '/again'"]).ok().stdout.contains("outside -> back")
    };
    until("calls after adoption", || seen().then_some(()));
    let captures = docker(&["ps", "-q", "--filter", &format!("name={}-shoal-capture", world.name())]);
    assert_eq!(captures.lines().count(), 1, "the dead session's capture is gone");
    commands(&world);
    broken_manifest(&world);

    // `down` by a session that did not start the stack.
    world.kill_session();
    world.shoal(&["down"]).ok();
    let label = format!("label=dev.shoal.stack={}", world.name());
    assert_eq!(docker(&["ps", "-aq", "--filter", &label]), "");
    assert_eq!(docker(&["network", "ls", "-q", "--filter", &label]), "");
}

fn commands(world: &World) {
    let ran =
        world.shoal(&["exec", "-T", "back", "--", "sh", "-c", "echo out; echo err >&2; exit 7"]).ends_with(7);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("out\n", "err\n"));
    let ran = world.shoal(&["exec", "-T", "back", "--", "printf", "%s|", "a b", "$HOME", "'"]).ok();
    assert_eq!(ran.stdout, "a b|$HOME|'|", "no shell touches the arguments");
    let many = world.shoal(&["exec", "-T", "back", "--", "perl", "-e", "print 'x' x 3_000_000"]).ok();
    assert_eq!(many.stdout.len(), 3_000_000);
    world.shoal(&["exec", "-T", "back", "--", "no-such-program"]).tells(&["no-such-program"]);
    world
        .shoal(&["exec", "-T", "nobody", "--", "true"])
        .ends_with(1)
        .tells(&["there is no service `nobody`"]);

    // What is typed reaches the command, and its end too.
    let command = world.command();
    let shoal = command.get_program().to_string_lossy().into_owned();
    let line = format!("printf 'one\\ntwo\\n' | {shoal} -p {} exec -T back -- wc -l", world.name());
    let mut piped = Command::new("sh");
    piped.args(["-c", &line]).current_dir(world.folder()).env_clear();
    piped.envs(command.get_envs().filter_map(|(k, v)| Some((k, v?))));
    assert_eq!(world.run(&mut piped).ok().stdout.trim(), "2");
    // At a terminal the command has one too, as wide as this one; old engines tell it the width after its start.
    let line = format!(
        "stty cols 97; {shoal} -p {} exec back -- sh -c 'until stty size | grep 97; do :; done'",
        world.name()
    );
    let ran = world.run(&mut typed(&command, &line)).ok();
    assert!(ran.stdout.contains(" 97"), "{ran:?}");
    let doctor = world.shoal(&["doctor", "--json"]).rows();
    assert!(
        doctor.iter().any(|c| c["state"] == "ok") && doctor.iter().all(|c| c["text"].is_string()),
        "{doctor:?}"
    );
}

/// The same surroundings, but a shell line at a terminal.
fn typed(of: &Command, line: &str) -> Command {
    let mut command = Command::new("script");
    command
        .args(["-qec", line, "/dev/null"])
        .current_dir(of.get_current_dir().expect("a folder"))
        .env_clear();
    command.envs(of.get_envs().filter_map(|(k, v)| Some((k, v?)))).stdin(Stdio::null());
    command
}

fn broken_manifest(world: &World) {
    let before = (world.container("back"), world.container("front"));
    let session = world.session();
    world.write("services.toml", two().replace("depends_on = [\"back\"]", "depends_on = [\"bak\"]"));
    let shown = |kind: &str| {
        let events =
            world.run(world.command().args(["-f", "services.toml", "-p", world.name(), "events", "--json"]));
        events.rows().iter().filter(|e| e["kind"] == kind).cloned().collect::<Vec<Value>>()
    };
    until("the mistake to be shown", || {
        shown("manifest")
            .iter()
            .any(|e| e["text"].as_str().is_some_and(|t| t.contains("errors")))
            .then_some(())
    });
    let snapshot = snapshot(world);
    let diagnostics = snapshot["stack"]["diagnostics"].as_array().expect("a list");
    assert_eq!(diagnostics.len(), 1, "{diagnostics:?}");
    assert_eq!(
        (&diagnostics[0]["code"], &diagnostics[0]["severity"]),
        (&"unknown-service".into(), &"error".into())
    );
    assert!(diagnostics[0]["line"].as_u64() > Some(1) && diagnostics[0]["hint"] == "did you mean `back`?");
    assert_eq!((world.container("back"), world.container("front")), before, "the running stack is untouched");
    assert!(world.ps().iter().all(|s| s["ready"] == true));
    world.shoal(&["up", "-d"]).ends_with(2).tells(&["did you mean `back`?"]);

    world.write("services.toml", [two(), web("third", "")].concat());
    until("the mended manifest to be applied", || {
        world.ps().iter().any(|s| s["service"] == "third" && s["ready"] == true).then_some(())
    });
    assert_eq!((world.container("back"), world.container("front")), before);
    assert!(lives(session), "the session read it without being started anew");
}

/// What every view begins with, over the session's socket.
fn snapshot(world: &World) -> Value {
    use std::io::{Read, Write};
    let mut socket =
        std::os::unix::net::UnixStream::connect(world.place().join("session.sock")).expect("the socket");
    let request =
        "POST /v1/rpc/snapshot HTTP/1.1\r\nHost: shoal\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    socket.write_all(request.as_bytes()).expect("a request");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("head and body");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    serde_json::from_str(body).unwrap_or_else(|e| panic!("{e}: {body}"))
}
