//! A stack's life: up, what follows from a change, and down to nothing.

use serde_json::{Value, json};

use crate::world::{World, docker, docker_lines, get, lives, web};

/// Ends with 0, and has a volume.
fn job() -> String {
    let command = "command = [\"sh\", \"-c\", \"sleep 0.5; echo migrated\"]";
    format!("[services.job]\nimage = \"shoal/base:bookworm\"\nvolumes = [\"data:/data\"]\n{command}\n")
}

fn manifest(greeting: &str) -> String {
    [
        job(),
        web("back", &format!("depends_on = {{ job = \"completed\" }}\nenv = {{ GREETING = \"{greeting}\" }}")),
        web("front", "depends_on = [\"back\"]\nports = [\"8000\"]\nreload = [{ watch = \"web.pl\", then = \"restart\" }]"),
        web("spare", "profiles = [\"more\"]"),
    ]
    .concat()
}

fn containers(world: &World) -> Vec<String> {
    ["job", "back", "front"].iter().map(|s| world.container(s)).collect()
}

/// What the stack made in the engine, by what it is called.
fn made(world: &World) -> Vec<String> {
    let label = format!("label=dev.shoal.stack={}", world.name());
    let mut all = docker_lines(&["ps", "-a", "--filter", &label, "--format", "{{.Names}}"]);
    all.extend(docker_lines(&["network", "ls", "--filter", &label, "--format", "network {{.Name}}"]));
    all.extend(docker_lines(&["volume", "ls", "--filter", &label, "--format", "volume {{.Name}}"]));
    all.sort();
    all
}

/// The place of an event in the list.
#[track_caller]
fn place(events: &[Value], kind: &str, service: &str) -> usize {
    let found = events.iter().position(|e| e["kind"] == kind && e["service"] == service);
    found.unwrap_or_else(|| panic!("`{service}` was never {kind}: {events:#?}"))
}

#[test]
fn a_stack_starts_in_order_follows_its_manifest_and_leaves_nothing() {
    let world = World::with_engine("life").with_own_guest();
    world.manifest(&manifest("hello"));
    let up = world.shoal(&["up", "-d"]).ok();
    assert_eq!(up.stdout, "", "what `up` says is no data");
    up.tells(&["back", "ready"]);
    shape_of_ps(&world);
    order(&world);
    names_and_labels(&world);
    let address = world.published("front");
    assert_eq!(get(&address, "/hello").expect("an answer").body, "{\"path\":\"/hello\"}");

    let before = containers(&world);
    world.shoal(&["up", "-d"]).ok();
    assert_eq!(containers(&world), before, "a second `up` changes nothing");
    changed_manifest(&world, &before);
    single_services(&world);
    gone(&world);
}

fn shape_of_ps(world: &World) {
    let rows = world.ps();
    let shown: Vec<Value> =
        rows.iter().map(|r| json!([r["service"], r["state"], r["ready"], r["restarts"]])).collect();
    let wanted =
        json!([["back", "running", true, 0], ["front", "running", true, 0], ["job", "completed", false, 0]]);
    assert_eq!(Value::from(shown), wanted);
    for row in &rows {
        let fields = row.as_object().expect("an object");
        assert!(fields.values().all(|v| !v.is_null()), "unknown fields are left out: {row}");
        assert_eq!(row["image"], "shoal/base:bookworm");
        assert_eq!(row["instance"], json!(world.instance(row["service"].as_str().expect("a name"))));
        assert_eq!(fields.contains_key("started"), row["state"] == "running", "{row}");
        assert_eq!(fields.get("exit_code"), (row["state"] == "completed").then_some(&json!(0)), "{row}");
    }
    let port = &world.service("front")["ports"][0];
    assert_eq!(
        [&port["address"], &port["container"], &port["protocol"]],
        [&json!("127.0.0.1"), &json!(8000), &json!("tcp")]
    );
    let use_ = crate::world::until("use of processor and memory", || {
        let back = world.service("back");
        (back["memory"].is_u64() && back["cpu"].is_number()).then_some(back)
    });
    assert!(use_["memory"].as_u64() > Some(100_000), "{use_}");
    let table = world.shoal(&["ps"]).ok().stdout;
    assert!(table.lines().next().is_some_and(|l| l.starts_with("SERVICE") && l.contains("STATE")), "{table}");
}

fn order(world: &World) {
    let events = world.shoal(&["events", "--json"]).ok().rows();
    let last = world.shoal(&["events", "-n", "2", "--json"]).ok().rows();
    assert_eq!(last, events[events.len() - 2..]);
    assert!(
        place(&events, "exited", "job") < place(&events, "started", "back"),
        "`back` waits until `job` completed"
    );
    assert!(
        place(&events, "ready", "back") < place(&events, "started", "front"),
        "`front` waits until `back` is ready"
    );
    let seqs: Vec<i64> = events.iter().filter_map(|e| e["seq"].as_i64()).collect();
    assert!(seqs.len() == events.len() && seqs.is_sorted());
}

fn names_and_labels(world: &World) {
    let name = world.name();
    let wanted = [
        format!("network {name}"),
        format!("volume {name}_data"),
        world.instance("job"),
        format!("{name}-shoal-capture"),
    ];
    let made = made(world);
    assert!(wanted.iter().all(|w| made.contains(w)), "{made:?}");
    let labels: Value = serde_json::from_str(&docker(&[
        "inspect",
        "--format",
        "{{json .Config.Labels}}",
        &world.instance("front"),
    ]))
    .expect("labels");
    for (label, value) in [
        ("dev.shoal.stack", name),
        ("dev.shoal.service", "front"),
        ("dev.shoal.instance", &world.instance("front")),
        ("dev.shoal.folder", world.folder().to_str().expect("text")),
        ("com.docker.compose.project", name),
        ("com.docker.compose.service", "front"),
        ("com.docker.compose.container-number", "1"),
    ] {
        assert_eq!(labels[label], value, "{label} of {labels}");
    }
    assert!(labels["dev.shoal.hash"].is_string() && labels["dev.shoal.session"].is_string(), "{labels}");
}

fn changed_manifest(world: &World, before: &[String]) {
    world.manifest(&manifest("changed"));
    world.shoal(&["up", "-d"]).ok();
    let after = containers(world);
    assert_eq!((&after[0], &after[2]), (&before[0], &before[2]), "what did not change runs on");
    assert_ne!(after[1], before[1], "what changed is replaced");
    let said = world.shoal(&["exec", "-T", "back", "--", "sh", "-c", "echo $GREETING"]).ok().stdout;
    assert_eq!(said, "changed\n");
}

fn single_services(world: &World) {
    let before = containers(world);
    world.shoal(&["stop", "front"]).ok();
    assert_eq!(world.service("front")["state"], "stopped");
    assert_eq!(world.service("back")["state"], "running");
    world.shoal(&["start", "front"]).ok();
    world.shoal(&["up", "-d"]).ok();
    let started = world.service("back")["started"].clone();
    world.shoal(&["restart", "back"]).ok();
    crate::world::until("`back` to be restarted", || {
        let back = world.service("back");
        (back["started"] != started && back["ready"] == true).then_some(())
    });
    assert_eq!(containers(world), before, "stopping and starting keep the container");
}

fn gone(world: &World) {
    let session = world.session();
    world.shoal(&["down"]).ok();
    let volume = format!("volume {}_data", world.name());
    assert_eq!(made(world), [volume], "data outlives `down`");
    assert!(!lives(session), "the session went with the stack");
    let left: Vec<_> =
        std::fs::read_dir(world.place()).expect("the place").flatten().map(|e| e.file_name()).collect();
    assert!(!left.iter().any(|n| n == "session.sock" || n == "session.lease"), "{left:?}");

    // At once again, as in a script; the logs of what is gone are still there.
    world.shoal(&["up", "-d", "back"]).ok();
    let logs = world.shoal(&["logs", "front", "--grep", "listening"]).ok().stdout;
    assert!(logs.contains("listening on 8000"), "{logs}");
    let guest =
        docker(&["inspect", "--format", "{{.Config.Image}}", &format!("{}-shoal-capture", world.name())]);
    world.shoal(&["down", "--volumes"]).ok();
    assert_eq!(made(world), [""; 0], "data goes when asked");
    assert_eq!(docker(&["images", "-q", &guest]), "", "the guest goes with the last stack that uses it");
    let (_, hash) = guest.rsplit_once(':').expect("a tag");
    assert_eq!(docker(&["volume", "ls", "-q", "--filter", &format!("name=shoal-guest-{hash}")]), "");
    assert_eq!(docker(&["ps", "-aq", "--filter", &format!("ancestor={guest}")]), "");
}

#[test]
fn up_of_one_service_brings_what_it_needs_and_no_more() {
    let world = World::with_engine("part");
    let rare = web("rare", "profiles = [\"rare\"]");
    world.manifest(
        &[web("back", ""), web("front", "depends_on = [\"back\"]"), web("other", ""), rare].concat(),
    );
    world.shoal(&["up", "-d", "front"]).ok();
    let state = |name| world.service(name)["state"].clone();
    assert_eq!([state("back"), state("front"), state("other")], ["running", "running", "stopped"]);
    assert_eq!(docker(&["ps", "-aq", "--filter", &format!("name={}", world.instance("other"))]), "");

    assert_eq!(world.ps().len(), 3, "what no profile asks for is not there");
    world.shoal(&["up", "-d", "rare"]).ok();
    assert_eq!(state("rare"), "running", "but by name it is");
    asked_by_another_shell(&world);

    // Without `-d` it follows the logs, and Ctrl-C stops the stack.
    let following = world.start(&["up"]);
    following.tells("all services are ready");
    following.says("listening on 8000");
    assert_eq!(state("other"), "running");
    following.signal("INT");
    let ended = following.wait();
    assert_eq!(ended.code, 130, "{}", ended.stderr);
    let states: Vec<Value> = world.ps().iter().map(|s| s["state"].clone()).collect();
    assert_eq!(states, ["stopped"; 4]);
    world.shoal(&["down"]).ok();
}

/// The session was started by a shell that knew neither this variable nor this profile.
fn asked_by_another_shell(world: &World) {
    let word = web("other", "env = { WORD = \"${WORD:-none}\" }");
    let seldom = web("seldom", "profiles = [\"seldom\"]");
    world.manifest(&[web("back", ""), web("front", ""), word, seldom].concat());
    let args = ["-p", world.name(), "--profile", "seldom", "up", "-d"];
    world.run(world.command().args(args).env("WORD", "typed")).ok();
    let said = world.shoal(&["exec", "-T", "other", "--", "printenv", "WORD"]).ok().stdout;
    assert_eq!(said, "typed\n");
    assert_eq!(world.service("seldom")["ready"], true);
    assert!(!world.ps().iter().any(|s| s["service"] == "rare"), "what left the manifest left the stack");
}
