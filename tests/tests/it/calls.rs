//! Who called whom, told by the network alone.

use serde_json::{Value, json};

use crate::world::{World, get, script, until, web};

const ORDER: &str = r#"{"item":7,"pin":"QZXJ","password":"open sesame"}"#;

/// `early` calls `back` the moment it starts: the capture must stand before any service does. `host` can be called by
/// way of this machine, at the port that is told.
fn started() -> (World, u16) {
    let world = World::with_engine("calls");
    let free = std::net::TcpListener::bind("0.0.0.0:0").expect("a free port");
    let port = free.local_addr().expect("its address").port();
    drop(free);
    world.manifest(
        &[
            "[calls]\nredact = [\"x-secret\", \"$.pin\"]\n".to_owned(),
            web("back", ""),
            web("host", &format!("ports = [\"0.0.0.0:{port}:8000\"]")),
            web(
                "front",
                "depends_on = [\"back\", \"host\"]\nports = [\"8000\"]\nextra_hosts = [\"machine:host-gateway\"]",
            ),
            script("early", "perl /call.pl back:8000 GET /first", "depends_on = [\"back\"]"),
        ]
        .concat(),
    );
    world.shoal(&["up", "-d"]).ok();
    (world, port)
}

/// Makes a call from a service's container.
#[track_caller]
fn call(world: &World, from: &str, args: &[&str]) -> String {
    let command = [&["exec", "-T", from, "--", "perl", "/call.pl"], args].concat();
    world.shoal(&command).stdout
}

fn calls(world: &World, filter: &[&str]) -> Vec<Value> {
    world.shoal(&[&["calls", "--json"], filter].concat()).ok().rows()
}

/// The one call of an operation, once its answer was seen.
#[track_caller]
fn whole(world: &World, operation: &str) -> Value {
    let found = until(operation, || {
        let all = calls(world, &["--where", &format!("operation == '{operation}'")]);
        (!all.is_empty() && all.iter().all(|c| c.get("pending").is_none())).then_some(all)
    });
    assert_eq!(found.len(), 1, "{found:#?}");
    found[0].clone()
}

fn operations(all: &[Value]) -> Vec<&str> {
    all.iter().filter_map(|c| c["operation"].as_str()).collect()
}

#[test]
fn calls_between_services_are_seen_whole_and_can_be_asked_for() {
    let (world, port) = started();
    let first = whole(&world, "GET /first");
    assert_eq!(
        [&first["from"]["service"], &first["to"]["service"], &first["quality"]],
        ["early", "back", "complete"]
    );

    let headers = ["Authorization: Bearer t0psecret", "X-Secret: quiet", "X-Plain: loud"];
    call(&world, "front", &[&["back:8000", "POST", "/orders/7", ORDER][..], &headers].concat());
    call(&world, "front", &["back:8000", "GET", "/status/503"]);
    call(&world, "back", &["front:8000", "GET", "/slow/400"]);
    call(&world, "front", &["back:81", "GET", "/closed"]);
    call(&world, "front", &[&format!("machine:{port}"), "GET", "/by-the-machine"]);
    assert_eq!(get(&world.published("front"), "/from-outside").expect("an answer").status, 200);

    one_call(&world);
    by_the_machine(&world);
    nothing_secret(&world);
    filters(&world);
    refused(&world);
    map(&world);
    meaning(&world);
    exports(&world);
    following(&world);
    revealed(&world);
    then(&world);
    after_death(&world);
    world.shoal(&["down"]).ok();
}

fn one_call(world: &World) {
    let order = whole(world, "POST /orders/7");
    assert_eq!(order["from"]["service"], "front");
    assert_eq!(order["to"]["service"], "back");
    assert!(order["to"]["addr"].as_str().is_some_and(|a| a.ends_with(":8000")), "{order}");
    assert_eq!([&order["protocol"], &order["status"], &order["quality"]], ["http/1", "200", "complete"]);
    assert_eq!(order["ok"], true);
    assert!(
        order["ms"].as_f64().is_some_and(|ms| ms > 0.0) && order["ttfb_ms"].as_f64() <= order["ms"].as_f64(),
        "{order}"
    );
    assert!(order["conn"].is_string() && order["id"].is_string());
    assert_eq!(order["request"]["headers"]["x-plain"], "loud");
    assert_eq!(order["request"]["bytes"], ORDER.len());
    assert_eq!(order["response"]["headers"]["content-type"], "application/json");
    let sent: Value = serde_json::from_str(order["request"]["body"].as_str().expect("a body")).expect("JSON");
    assert_eq!(sent["item"], 7);
    let slow = whole(world, "GET /slow/400");
    assert!(slow["ms"].as_f64() >= Some(400.0), "a time is the call's own: {slow}");
    let outside = whole(world, "GET /from-outside");
    assert_eq!([&outside["from"]["service"], &outside["to"]["service"]], ["outside", "front"]);
    let nulls = |v: &Value| v.as_object().is_some_and(|o| o.values().any(Value::is_null));
    assert!(!calls(world, &[]).iter().any(|c| nulls(c) || nulls(&c["request"]) || nulls(&c["response"])));
}

/// It crosses the network twice, to this machine and from it, and is one call.
fn by_the_machine(world: &World) {
    let call = whole(world, "GET /by-the-machine");
    assert_eq!([&call["from"]["service"], &call["to"]["service"]], ["front", "host"]);
    assert!(call["note"].as_str().is_some_and(|note| note.contains("published port")), "{call}");
}

fn nothing_secret(world: &World) {
    let order = whole(world, "POST /orders/7");
    assert_eq!(order["request"]["headers"]["authorization"], "[redacted]");
    assert_eq!(order["request"]["headers"]["x-secret"], "[redacted]");
    assert_eq!(order["response"]["headers"]["set-cookie"], "[redacted]");
    let id = order["id"].as_str().expect("an id");
    let said = [
        &["calls", "--json"][..],
        &["calls", "--har"],
        &["calls", "--curl", id],
        &["calls", "show", id],
        &["calls"],
    ]
    .map(|args| world.shoal(args).ok().stdout)
    .concat();
    for secret in ["t0psecret", "quiet", "QZXJ", "open sesame", "hidden-cookie"] {
        assert!(!said.contains(secret), "`{secret}` was not redacted");
    }
}

/// Who asks for one call sees what is hidden in it, and nobody else does.
fn revealed(world: &World) {
    let order = whole(world, "POST /orders/7");
    let id = order["id"].as_str().expect("an id");
    assert_eq!(order["hidden"], Value::Null, "a list does not say it");
    let shown = world.shoal(&["calls", "show", id]).ok().stdout;
    assert!(shown.contains(&format!("shoal calls show {id} --reveal")), "{shown}");
    let shown = world.shoal(&["calls", "show", id, "--reveal"]).ok().stdout;
    for secret in ["t0psecret", "quiet", "QZXJ", "open sesame"] {
        assert!(shown.contains(secret), "{secret}: {shown}");
    }
    nothing_secret(world);
}

/// The map and the routes of a range of time.
fn then(world: &World) {
    let slow = whole(world, "GET /slow/400");
    let at: model::Timestamp = slow["ts"].as_str().expect("a time").parse().expect("a time");
    let second = std::time::Duration::from_secs(1);
    let (since, until) = (at.minus(second).to_string(), at.plus(second).to_string());
    let of = |command: &str, when: &[&str]| world.shoal(&[&[command, "--json"], when].concat()).ok().rows();
    let map = of("map", &["--since", &since, "--until", &until]);
    assert!(map.iter().any(|e| e["from"] == "back" && e["to"] == "front" && e["calls"] == 1), "{map:?}");
    let routes = of("routes", &["--since", &since, "--until", &until, "--from", "back"]);
    assert!(routes.iter().any(|r| r["route"] == "GET /slow/{id}" && r["calls"] == 1), "{routes:?}");
    let all: u64 = of("map", &[]).iter().filter_map(|e| e["calls"].as_u64()).sum();
    let hour: u64 = of("map", &["--since", "1h"]).iter().filter_map(|e| e["calls"].as_u64()).sum();
    assert_eq!(hour, all);
    assert!(of("map", &["--until", "1h"]).is_empty());
    world.shoal(&["map", "--since", "1m", "--until", "1h"]).ends_with(2).tells(&["it ends before it begins"]);
}

/// The session is killed; the calls that it saw are there all the same, but for what was hidden in them.
fn after_death(world: &World) {
    let before = calls(world, &["--where", "from == 'front' || from == 'back'"]);
    let edges = world.shoal(&["map", "--json", "--since", "1h"]).ok().rows();
    let place = world.place().join("calls");
    world.kill_session();
    for file in std::fs::read_dir(&place).expect("the calls' folder") {
        let bytes = std::fs::read(file.expect("a file").path()).expect("a file");
        for secret in ["t0psecret", "quiet", "QZXJ", "open sesame", "hidden-cookie"] {
            let found = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!found, "`{secret}` is on disk");
        }
    }
    assert_eq!(calls(world, &["--where", "from == 'front' || from == 'back'"]), before);
    let again = world.shoal(&["map", "--json", "--since", "1h"]).ok().rows();
    let between = |all: &[Value]| -> Vec<Value> {
        all.iter()
            .filter(|e| e["from"] == "front" || e["from"] == "back")
            .map(|e| e["calls"].clone())
            .collect()
    };
    assert_eq!(between(&again), between(&edges));
    let order = whole(world, "POST /orders/7");
    let id = order["id"].as_str().expect("an id");
    world.shoal(&["calls", "show", id, "--reveal"]).ends_with(1).tells(&["what was hidden in", "is gone"]);
    // Both answers come from one list now: new calls are told beside the old ones.
    call(world, "front", &["back:8000", "GET", "/after-death"]);
    assert_eq!(whole(world, "GET /after-death")["from"]["service"], "front");
}

fn filters(world: &World) {
    let of = |filter: &[&str]| calls(world, filter);
    assert_eq!(operations(&of(&["--failed", "--where", "status == 503"])), ["GET /status/503"]);
    assert!(of(&["--failed"]).iter().all(|c| c["ok"] == false));
    assert_eq!(operations(&of(&["--slower", "399ms", "--protocol", "http/1"])), ["GET /slow/400"]);
    assert_eq!(operations(&of(&["--from", "back"])), ["GET /slow/400"]);
    assert_eq!(
        operations(&of(&["--from", "front", "--to", "back", "--where", "method == 'POST'"])),
        ["POST /orders/7"]
    );
    assert_eq!(operations(&of(&["--where", "path.startsWith('/orders') && bytes > 10"])).len(), 1);
    assert_eq!(of(&["--since", "1h"]).len(), of(&[]).len());
    assert_eq!(of(&["-n", "1"]).len(), 1);
    assert!(of(&["--to", "nobody"]).is_empty());
    let shown = world.shoal(&["calls", "--to", "back"]).ok().stdout;
    assert!(shown.contains("front -> back") && shown.contains("POST /orders/7"), "{shown}");
}

fn refused(world: &World) {
    let call = until("the refused connect", || calls(world, &["--to", "back", "--protocol", "tcp"]).pop());
    assert_eq!([&call["from"]["service"], &call["to"]["service"]], ["front", "back"]);
    assert_eq!(call["ok"], false);
    assert!(call["to"]["addr"].as_str().is_some_and(|a| a.ends_with(":81")), "{call}");
    assert!(
        call["status"] == "refused" || call["note"].as_str().is_some_and(|n| n.contains("refused")),
        "{call}"
    );
}

fn map(world: &World) {
    let edges = world.shoal(&["map", "--json"]).ok().rows();
    let edge = |from: &str, to: &str, protocol: &str| {
        let found = edges.iter().find(|e| e["from"] == from && e["to"] == to && e["protocol"] == protocol);
        found.unwrap_or_else(|| panic!("no edge {from} -> {to}: {edges:#?}")).clone()
    };
    let orders = edge("front", "back", "http/1");
    assert_eq!([&orders["calls"], &orders["errors"]], [&json!(2), &json!(1)]);
    assert_eq!(edge("early", "back", "http/1")["calls"], 1);
    assert_eq!(edge("outside", "front", "http/1")["calls"], 1, "health checks of Shoal's own are no calls");
    let slow = edge("back", "front", "http/1");
    assert!(
        slow["p50_ms"].as_f64() > Some(390.0) && slow["p99_ms"].is_number() && slow["bytes"].is_u64(),
        "{slow}"
    );
    assert!(slow["last"].is_string());
    let dot = world.shoal(&["map", "--dot"]).ok().stdout;
    assert!(dot.starts_with("digraph") && dot.contains("\"front\" -> \"back\""), "{dot}");
    let mermaid = world.shoal(&["map", "--mermaid"]).ok().stdout;
    assert!(mermaid.starts_with("flowchart") || mermaid.starts_with("graph"), "{mermaid}");
    assert!(world.shoal(&["map"]).ok().stdout.starts_with("FROM"));
}

fn meaning(world: &World) {
    let routes = world.shoal(&["routes", "--json", "--from", "front", "--to", "back"]).ok().rows();
    let named: Vec<_> = routes.iter().filter_map(|r| r["route"].as_str()).collect();
    assert!(named.contains(&"POST /orders/{id}") && named.contains(&"GET /status/{id}"), "{routes:#?}");
    assert!(world.shoal(&["routes"]).ok().stdout.starts_with("FROM"));
    let shown = world.shoal(&["map"]).ok().stdout;
    assert!(shown.contains("undeclared: `back` calls `front` and does not depend on it: 1 call"), "{shown}");
    let order = whole(world, "POST /orders/7");
    let id = order["id"].as_str().expect("an id");
    let chain = world.shoal(&["calls", "chain", id, "--json"]).ok().rows();
    assert_eq!(chain.len(), 1, "nothing led to it and it caused nothing: {chain:#?}");
    assert_eq!(chain[0]["call"]["id"], id);
    let shown = world.shoal(&["calls", "chain", id]).ok().stdout;
    assert!(shown.contains("front -> back  POST /orders/7") && shown.contains('━'), "{shown}");
    world.shoal(&["calls", "chain", "no-such-id"]).ends_with(1).tells(&["there is no call `no-such-id`"]);
    let all = calls(world, &[]).len();
    call(world, "front", &["back:8000", "GET", "/healthz"]);
    assert_eq!(whole(world, "GET /healthz")["background"], "health");
    assert_eq!(calls(world, &["--no-background"]).len(), all);
}

fn exports(world: &World) {
    let order = whole(world, "POST /orders/7");
    let id = order["id"].as_str().expect("an id");
    let shown = world.shoal(&["calls", "show", id]).ok().stdout;
    assert!(
        shown.contains("POST /orders/7") && shown.contains("x-plain: loud") && shown.contains("\"item\":7"),
        "{shown}"
    );
    let same: Value =
        serde_json::from_str(&world.shoal(&["calls", "show", id, "--json"]).ok().stdout).expect("JSON");
    assert_eq!(same["id"], id);
    let curl = world.shoal(&["calls", "--curl", id]).ok().stdout;
    assert!(curl.starts_with("curl ") && curl.contains("/orders/7") && curl.contains("--data-raw"), "{curl}");
    let har: Value = serde_json::from_str(&world.shoal(&["calls", "--har"]).ok().stdout).expect("a HAR");
    assert_eq!(har["log"]["version"], "1.2");
    let entries = har["log"]["entries"].as_array().expect("entries");
    let entry = entries.iter().find(|e| e["request"]["method"] == "POST").expect("the order");
    assert_eq!(entry["response"]["status"], 200);
    assert!(entry["request"]["url"].as_str().is_some_and(|u| u.ends_with("/orders/7")), "{entry}");
    world.shoal(&["calls", "show", "no-such-id"]).ends_with(1).tells(&["there is no call `no-such-id`"]);
}

fn following(world: &World) {
    let follow = world.start(&["calls", "-f", "-n", "0", "--json", "--to", "back"]);
    // What was there before is not printed again, so the first line is of a call made from now on.
    let mut made = 0;
    let line = until("a call to be followed", || {
        call(world, "front", &["back:8000", "GET", &format!("/live/{made}")]);
        made += 1;
        follow.stdout().lines().next().map(str::to_owned)
    });
    let seen: Value = serde_json::from_str(&line).expect("one JSON object a line");
    assert!(seen["operation"].as_str().is_some_and(|o| o.starts_with("GET /live/")), "{seen}");
    follow.signal("INT");
    assert_eq!(follow.wait().code, 130);
}
