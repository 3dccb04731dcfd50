//! Calls that cross no network of the stack's, captures that come and go, and networks of others.

use serde_json::Value;

use crate::world::{World, docker, script, until, web};

/// Calls for which an expression holds, once there is one and all of them are answered.
#[track_caller]
fn calls(world: &World, expression: &str) -> Vec<Value> {
    until(expression, || {
        let all = world.shoal(&["calls", "--json", "--where", expression]).ok().rows();
        (!all.is_empty() && all.iter().all(|c| c.get("pending").is_none())).then_some(all)
    })
}

fn ask(world: &World, from: &str, to: &str, path: &str) {
    world.shoal(&["exec", "-T", from, "--", "perl", "/call.pl", to, "GET", path]).ok();
}

fn ends(call: &Value) -> [&Value; 2] {
    [&call["from"]["service"], &call["to"]["service"]]
}

/// The containers of the stack's captures.
fn captures(world: &World) -> Vec<String> {
    let filter = format!("name={}-shoal-", world.name());
    let mut all: Vec<String> = docker(&["ps", "-a", "--filter", &filter, "--format", "{{.Names}}"])
        .lines()
        .map(|name| name.replace(&format!("{}-shoal-", world.name()), ""))
        .collect();
    all.sort();
    all
}

#[test]
fn a_service_that_opts_in_shows_its_calls_to_itself() {
    let world = World::with_engine("loopback");
    let stack = |opted: &str| {
        let probe = "{ exec = [\"perl\", \"/call.pl\", \"127.0.0.1:8000\", \"GET\", \"/probed\"] }";
        let back = web("back", opted).replace("{ http = \":8000/healthz\" }", probe);
        ["[calls]\npackets = \"1m\"\n".to_owned(), back, web("front", "depends_on = [\"back\"]")].concat()
    };
    world.manifest(&stack(""));
    world.shoal(&["up", "-d"]).ok();
    assert_eq!(captures(&world), ["capture"]);
    let (before, session) = (world.container("back"), world.session());

    // Obeyed while the stack runs, and no reason to make its container anew.
    world.manifest(&stack("loopback = true"));
    until("the loopback's capture", || (captures(&world) == ["capture", "loopback-back"]).then_some(()));
    heard(&world, "/first");
    assert_eq!(world.container("back"), before);
    for (to, path) in [("127.0.0.1:8000", "/local"), ("back:8000", "/by-name")] {
        ask(&world, "back", to, path);
        let found = calls(&world, &format!("path == '{path}'"));
        assert_eq!(found.len(), 1, "seen once: {found:#?}");
        assert_eq!(ends(&found[0]), ["back", "back"]);
        assert_eq!((&found[0]["status"], &found[0]["quality"]), (&"200".into(), &"complete".into()));
    }
    ask(&world, "front", "back:8000", "/over-the-network");
    let found = calls(&world, "path == '/over-the-network'");
    assert_eq!(found.len(), 1, "heard on the network alone: {found:#?}");
    assert_eq!(ends(&found[0]), ["front", "back"]);
    let edges = world.shoal(&["map", "--json"]).ok().rows();
    assert!(edges.iter().any(|edge| edge["from"] == "back" && edge["to"] == "back"), "{edges:#?}");

    // The packets of such a call are with whoever heard it.
    let id = calls(&world, "path == '/local'")[0]["id"].as_str().expect("an id").to_owned();
    let file = world.folder().join("local.pcap").display().to_string();
    world.shoal(&["calls", "pcap", &id, "--to", &file]).ok();
    let read = world.shoal(&["calls", "--json", "--pcap", &file]).ok().rows();
    assert_eq!((read.len(), &read[0]["operation"]), (1, &"GET /local".into()));

    // Each start gives a container another loopback. What Shoal asks there itself is background.
    world.shoal(&["restart", "back"]).ok();
    heard(&world, "/restarted");
    let probed = world.shoal(&["calls", "--json", "--where", "path == '/probed'"]).ok().rows();
    assert!(probed.iter().all(|call| call["background"] == "health"), "{probed:#?}");

    // The next session takes the captures over.
    let ids = || docker(&["ps", "-q", "--no-trunc", "--filter", &format!("name={}-shoal-", world.name())]);
    let kept = ids();
    world.kill_session();
    heard(&world, "/adopted");
    assert_ne!(world.session(), session);
    assert_eq!(ids(), kept);

    world.shoal(&["stop", "back"]).ok();
    until("the loopback's capture to go", || (captures(&world) == ["capture"]).then_some(()));
    world.shoal(&["up", "-d"]).ok();
    heard(&world, "/again");
    world.shoal(&["down"]).ok();
    assert_eq!(captures(&world), [""; 0]);
}

/// Calls that `back` makes over loopback are seen, once its capture listens.
#[track_caller]
fn heard(world: &World, path: &str) {
    until(path, || {
        ask(world, "back", "127.0.0.1:8000", path);
        let found = world.shoal(&["calls", "--json", "--where", &format!("path == '{path}'")]).ok().rows();
        found.iter().any(|call| call["to"]["service"] == "back").then_some(())
    });
}

#[test]
fn captures_come_and_go_as_up_says_and_come_back_when_they_fail() {
    let world = World::with_engine("listens");
    world.manifest(&[web("back", ""), web("front", "depends_on = [\"back\"]")].concat());
    world.shoal(&["up", "-d", "--no-capture"]).ok();
    assert_eq!(captures(&world), [""; 0]);
    world.shoal(&["up", "-d"]).ok();
    until("calls to be observed", || {
        ask(&world, "front", "back:8000", "/seen");
        let found = world.shoal(&["calls", "--json", "--where", "path == '/seen'"]).ok().rows();
        (!found.is_empty()).then_some(())
    });

    // A call goes on while the capture is killed: it does not go on for ever, and what comes then is seen.
    let slow =
        world.start(&["exec", "-T", "front", "--", "perl", "/call.pl", "back:8000", "GET", "/slow/3000"]);
    let pending = || world.shoal(&["calls", "--json", "--where", "path == '/slow/3000'"]).ok().rows();
    until("the slow call", || pending().first().map(drop));
    docker(&["kill", &format!("{}-shoal-capture", world.name())]);
    let ended = until("the end of what the capture left", || {
        pending().into_iter().find(|call| call.get("pending").is_none() && call["note"].is_string())
    });
    assert!(ended["note"].as_str().is_some_and(|note| note.contains("the capture ended")), "{ended}");
    ask(&world, "front", "back:8000", "/after");
    calls(&world, "path == '/after'");
    slow.wait();

    world.shoal(&["up", "-d", "--no-capture"]).ok();
    until("the capture to go", || captures(&world).is_empty().then_some(()));
    world.shoal(&["down"]).ok();
}

#[test]
fn a_capture_that_could_not_be_started_is_tried_again_by_itself() {
    let world = World::with_engine("tried").with_own_guest();
    world.manifest(&web("back", ""));
    world.shoal(&["up", "-d", "--no-capture"]).ok();
    // What it is made from is missing for a while.
    let uses = "{{index .Labels \"dev.shoal.guest.volume\"}}";
    let volume = docker(&["network", "inspect", "--format", uses, world.name()]);
    let image = volume.replace("shoal-guest-", "shoal/guest:");
    let aside = format!("{image}-aside");
    docker(&["tag", &image, &aside]);
    docker(&["rmi", &image]);
    world.shoal(&["up", "-d"]).ok();
    until("the failure to be told", || {
        let events = world.shoal(&["events", "--json"]).ok().rows();
        let told = |event: &Value| {
            event["text"].as_str().is_some_and(|t| t.starts_with("calls cannot be observed: "))
        };
        events.iter().any(told).then_some(())
    });
    assert_eq!(captures(&world), [""; 0]);
    docker(&["tag", &aside, &image]);
    docker(&["rmi", &aside]);
    until("the capture", || (captures(&world) == ["capture"]).then_some(()));
    world.shoal(&["down"]).ok();
}

#[test]
fn what_is_lost_while_the_way_to_the_capture_is_cut_is_counted_and_pends_no_longer() {
    let (world, cuts) = World::with_engine("way").that_can_be_cut();
    let steady = "while true; do perl /call.pl back:8000 GET /steady; done";
    world.manifest(&[web("back", ""), script("front", steady, "depends_on = [\"back\"]")].concat());
    let serving = world.start(&["serve", "--listen", "127.0.0.1:0"]);
    let url = until("the page's address", || serving.stdout().lines().next().map(str::to_owned));
    let (at, token) =
        url.strip_prefix("http://").and_then(|url| url.split_once("/?token=")).expect("address and token");
    let count = |name: &str| {
        let request = format!(
            "POST /v1/rpc/snapshot HTTP/1.1\nHost: {at}\nAuthorization: Bearer {token}\nContent-Length: 0"
        );
        let snapshot: Value = serde_json::from_str(&request_body(at, &request)).expect("a snapshot");
        snapshot["capture"][name].as_u64().expect("a count")
    };
    world.shoal(&["up", "-d"]).ok();
    let seen = || world.shoal(&["calls", "--json", "--where", "path == '/steady'"]).ok().rows();
    until("calls", || (seen().len() > 5).then_some(()));
    until("counts", || (count("packets") > 0).then_some(()));
    assert_eq!(count("lost_transport"), 0);
    until("a loss", || {
        cuts.cut_captures();
        (count("lost_transport") > 0).then_some(())
    });
    let told = seen().len();
    until("more calls", || (seen().len() > told).then_some(()));
    world.shoal(&["stop", "front"]).ok();
    until("all calls to end", || seen().iter().all(|call| call.get("pending").is_none()).then_some(()));
    world.shoal(&["down"]).ok();
}

fn request_body(at: &str, request: &str) -> String {
    crate::world::ask(at, request).map(|answer| answer.body).unwrap_or_default()
}

#[test]
fn a_network_that_a_container_is_connected_to_is_heard_and_what_strangers_say_there_is_not() {
    let world = World::with_engine("second");
    world.manifest(&[web("back", ""), script("idle", "sleep 600", "")].concat());
    world.shoal(&["up", "-d"]).ok();
    let network = format!("{}-second", world.name());
    let strangers = ["one", "two"].map(|name| format!("{}-stranger-{name}", world.name()));
    // Removed with what the test made, and none of the stack's all the same.
    let label = format!("dev.shoal.folder={}", world.folder().display());
    docker(&["network", "create", "--label", &label, &network]);
    let mounts =
        ["web.pl", "call.pl"].map(|file| format!("{}:/{file}:ro", world.folder().join(file).display()));
    for name in &strangers {
        let run = ["run", "-d", "--name", name, "--label", &label, "--network", &network];
        let files = ["-v", &mounts[0], "-v", &mounts[1], "shoal/base:bookworm", "perl", "/web.pl"];
        docker(&[&run[..], &files].concat());
    }
    docker(&["network", "connect", &network, &world.instance("back")]);
    let call = |to: &str, path: &str| {
        docker(&["exec", &strangers[0], "perl", "/call.pl", &format!("{to}:8000"), "GET", path])
    };
    let found = until("a call over the second network", || {
        call(&world.instance("back"), "/second");
        world.shoal(&["calls", "--json", "--where", "path == '/second'"]).ok().rows().pop()
    });
    assert_eq!(ends(&found), ["outside", "back"]);
    call(&strangers[1], "/strange");
    call(&world.instance("back"), "/last");
    calls(&world, "path == '/last'");
    assert!(world.shoal(&["calls", "--json", "--where", "path == '/strange'"]).ok().rows().is_empty());

    docker(&["network", "disconnect", &network, &world.instance("back")]);
    docker(&["rm", "-f", &strangers[0], &strangers[1]]);
    docker(&["network", "rm", &network]);
    world.shoal(&["down"]).ok();
}
