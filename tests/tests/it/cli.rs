//! The command line on its own: no engine answers here.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::world::{World, web};

const SIX_MISTAKES: &str = r#"name = "six"
colour = "red"

[services.gateway]
image = "nginx"
ports = ["99999:80"]
depends_on = ["ordrs"]

[services.orders]
build = "nowhere"
restart = "sometimes"

[services.lonely]
comand = ["sh"]
"#;

fn good() -> World {
    let world = World::without_engine("cli");
    let text = format!(
        "{}{}",
        web("back", "env = { GREETING = \"${WORD:-hello}\" }"),
        web("front", "depends_on = [\"back\"]")
    );
    world.manifest(&text);
    world
}

#[test]
fn a_good_manifest_is_called_good() {
    let world = good();
    let ran = world.shoal(&["check"]).ok().tells(&["services.toml is good: 2 services"]);
    assert_eq!(ran.stdout, "");
    assert_eq!(world.shoal(&["check", "--json"]).ok().stdout, "");
}

#[test]
fn six_mistakes_are_six_diagnostics_at_once_and_nothing_starts() {
    let world = World::without_engine("six");
    world.manifest(SIX_MISTAKES);
    let ran = world.shoal(&["check", "--json"]).ends_with(2);
    let shown: Vec<Value> =
        ran.rows().iter().map(|d| json!([d["line"], d["column"], d["code"], d["hint"]])).collect();
    let wanted = json!([
        [2, 1, "unknown-key", "the keys are `name`, `include`, `env_file`, `services`, `calls`, `allow`"],
        [6, 10, "invalid-port", "ports are numbers from 1 to 65535"],
        [7, 15, "unknown-service", "did you mean `orders`?"],
        [10, 9, "missing-path", format!("looked for `{}`", world.folder().join("nowhere").display())],
        [11, 11, "invalid-value", "write one of `no`, `on-failure`, `always`"],
        [14, 1, "unknown-key", "did you mean `command`?"],
    ]);
    assert_eq!(Value::from(shown), wanted);
    for command in [&["check"][..], &["up", "-d"], &["plan"]] {
        let ran = world.shoal(command).ends_with(2);
        assert_eq!(ran.stderr.matches("error[").count(), 6, "{}", ran.stderr);
        assert_eq!(ran.stdout, "");
    }
    assert!(!world.state().exists(), "a session was started for a manifest that cannot run");
}

#[test]
fn a_diagnostic_shows_place_line_marker_and_hint() {
    let world = World::without_engine("marker");
    world.manifest(
        "[services.orders]\nimage = \"a\"\n\n[services.web]\nimage = \"b\"\ndepends_on = [\"ordrs\"]\n",
    );
    let ran = world.shoal(&["check"]).ends_with(2);
    let told = ran.stderr.replace(&world.folder().display().to_string(), "W");
    insta::assert_snapshot!(told, @r#"
    error[unknown-service]: there is no service `ordrs`
     --> W/services.toml:6:15
      |
    6 | depends_on = ["ordrs"]
      |               ^^^^^^^
      = hint: did you mean `orders`?

    1 error in W/services.toml
    "#);
}

#[test]
fn a_folder_without_a_manifest_says_where_it_looked() {
    let world = World::without_engine("none");
    for command in ["check", "up", "ps", "logs", "down"] {
        let ran = world.shoal(&[command]).ends_with(2);
        let told = ran.stderr.replace(&world.folder().display().to_string(), "W");
        assert_eq!(
            told,
            "error: there is no `services.toml` in `W` or any folder above it\n\
             hint: go to your stack's folder, or name its manifest with `-f FILE`\n",
        );
    }
}

#[test]
fn a_manifest_is_found_from_a_folder_below_and_by_its_path() {
    let world = good();
    world.write("deep/er/note", "");
    let below = world.folder().join("deep/er");
    let plan = |command: &mut std::process::Command| -> Value {
        serde_json::from_str(&world.run(command).ok().stdout).expect("a plan")
    };
    let here = plan(world.command().arg("plan"));
    assert_eq!(plan(world.command().arg("plan").current_dir(&below)), here);
    assert_eq!(plan(world.command().args(["-f", "../../services.toml", "plan"]).current_dir(&below)), here);
    assert_eq!(here["folder"], json!(world.folder()));
}

#[test]
fn a_later_file_is_laid_over_an_earlier_one() {
    let world = good();
    world.write("more.toml", "[services.back]\nenv = { GREETING = \"bye\" }\n");
    let greeting = |args: &[&str]| -> Value {
        let ran = world.run(world.command().args(args)).ok();
        let plan: Value = serde_json::from_str(&ran.stdout).expect("a plan");
        plan["services"]["back"]["env"]["GREETING"]["value"].clone()
    };
    assert_eq!(greeting(&["plan"]), "hello");
    assert_eq!(greeting(&["-f", "services.toml", "-f", "more.toml", "plan"]), "bye");
    world.write(".env", "WORD=dotted\n");
    assert_eq!(greeting(&["plan", "--json"]), "dotted");
    let ran = world.run(world.command().arg("plan").env("WORD", "shell")).ok();
    assert!(ran.stdout.contains("\"shell\""), "the shell's variables beat those of `.env`");
}

#[test]
fn an_unreachable_engine_ends_with_3_and_says_what_to_do() {
    let world = good();
    let begun = Instant::now();
    let ran = world.shoal(&["up", "-d"]).ends_with(3);
    // A hang would last until the timeout of `up`, ten minutes.
    assert!(begun.elapsed() < Duration::from_mins(1));
    assert_eq!(ran.stdout, "");
    ran.tells(&[
        "engine answers at `unix:///nonexistent/engine.sock`: the socket is not there",
        "hint: start the Docker engine, or set `DOCKER_HOST` to where it listens",
    ]);
    for command in [&["down"][..], &["stop"], &["restart"], &["ps"], &["exec", "-T", "back", "--", "true"]] {
        world.shoal(command).ends_with(3).tells(&["engine"]);
    }
    world.shoal(&["doctor"]).ends_with(1);
    let checks = world.shoal(&["doctor", "--json"]).ends_with(1).rows();
    let failed: Vec<&Value> = checks.iter().filter(|c| c["state"] == "failed").collect();
    assert!(
        failed.iter().any(|c| c["hint"].as_str().is_some_and(|h| h.contains("DOCKER_HOST"))),
        "{checks:?}"
    );
}

#[test]
fn what_was_stored_can_be_read_without_an_engine() {
    let world = good();
    assert_eq!(world.shoal(&["logs"]).ok().stdout, "");
    assert_eq!(world.shoal(&["logs", "--count"]).ok().stdout, "0\n");
    assert_eq!(world.shoal(&["calls", "--json"]).ok().stdout, "");
    assert_eq!(world.shoal(&["map", "--json"]).ok().stdout, "");
}

#[test]
fn an_unknown_service_is_told_with_those_there_are() {
    let world = good();
    let ran = world.shoal(&["up", "-d", "frnt"]).ends_with(2);
    assert!(ran.stderr.contains("there is no service `frnt`"), "{}", ran.stderr);
    ran.tells(&["did you mean `front`?"]);
    world.shoal(&["up", "-d", "nosuch"]).ends_with(2).tells(&["the services are `back`, `front`"]);
}

#[test]
fn a_command_that_is_none_is_a_usage_error() {
    let world = good();
    world.shoal(&["frobnicate"]).ends_with(2).tells(&["unrecognized subcommand 'frobnicate'", "--help"]);
    world.shoal(&["logs", "--grep", "("]).ends_with(2).tells(&["the pattern cannot be read: unclosed group"]);
    world.shoal(&["logs", "--since", "yesterday"]).ends_with(2).tells(&["`yesterday` is no time", "`10m`"]);
    world.shoal(&["logs", "--level", "loud"]).ends_with(2).tells(&["loud"]);
    world.shoal(&["calls", "--slower", "5"]).ends_with(2).tells(&["`5` is no span", "`250ms`"]);
    world.shoal(&["calls", "--protocol", "smtp"]).ends_with(2).tells(&["`smtp` is no protocol", "`http/1`"]);
    world.shoal(&["calls", "--where", "status >="]).ends_with(2).tells(&["filter cannot be read"]);
}

#[test]
fn schema_completions_and_version_are_data() {
    let world = World::without_engine("data");
    let schema: Value = serde_json::from_str(&world.shoal(&["schema"]).ok().stdout).expect("a JSON Schema");
    let committed = include_str!("../../../services.schema.json");
    assert_eq!(schema, serde_json::from_str::<Value>(committed).expect("the committed schema"));
    let version = world.shoal(&["version"]).ok();
    assert_eq!(version.stdout, format!("shoal {}\n", env!("CARGO_PKG_VERSION")));
    for shell in ["bash", "zsh", "fish"] {
        let completions = world.shoal(&["completions", shell]).ok();
        assert!(completions.stdout.contains("shoal") && completions.stdout.contains("doctor"), "{shell}");
        assert_eq!(completions.stderr, "");
    }
}

#[test]
fn colours_are_for_terminals() {
    let world = good();
    world.manifest(SIX_MISTAKES);
    let plain = world.shoal(&["check"]).ends_with(2);
    assert!(!plain.stderr.contains('\x1b'));
    let in_terminal = |set: &str| {
        let line = format!("{set} {:?} check", world.command().get_program());
        let mut command = world.command();
        let program = std::mem::replace(&mut command, std::process::Command::new("script"));
        command
            .args(["-qec", &line, "/dev/null"])
            .current_dir(world.folder())
            .stdin(std::process::Stdio::null());
        drop(program);
        world.run(&mut command).ends_with(2).stdout
    };
    assert!(in_terminal("env -u NO_COLOR").contains("\x1b["));
    assert!(!in_terminal("NO_COLOR=1").contains("\x1b["));
}

#[test]
fn the_first_page_of_help() {
    let world = World::without_engine("help");
    let ran = world.run(world.command().arg("--help")).ok();
    insta::assert_snapshot!(ran.stdout, @"
    Runs the services of a manifest as containers, keeps them on the newest code, and shows what they
    say to each other

    Usage: shoal [OPTIONS] <COMMAND>

    Commands:
      check        Read the manifest and say what is wrong with it; needs no engine
      plan         Print the resolved plan as JSON; needs no engine
      up           Start services and what they depend on; follow their logs until Ctrl-C stops the
                   stack
      down         Stop and remove the stack
      start        Start services that are stopped
      stop         Stop services
      restart      Stop and start services
      build        Build images again and replace the containers
      reload       Apply the changes that wait in manual reload mode
      ps           List services
      logs         Print stored logs of all services, merged by time
      calls        Print the calls between services
      map          Print who called whom, and what of it does not fit the manifest
      routes       Print what was asked over each edge: calls, errors and times of `GET /orders/{id}`
                   and the like
      openapi      Print what services offer as OpenAPI 3.1, inferred from the calls that were seen
      events       Print what happened: starts, readiness, crashes, reloads
      exec         Run a command in a service's container
      shell        Open a shell in a service's container
      open         Open the window on this stack
      serve        Run the session in the foreground, with the page for a browser when asked
      doctor       Say what is wrong with this machine, and the command that mends it
      schema       Print the manifest's JSON Schema
      completions  Print shell completions
      version      Print the version

    Options:
      -f, --file <FILE>          The manifest [default: `services.toml` here or in the nearest parent
                                 folder]
      -p, --project-name <NAME>  The stack's name [default: the manifest's `name`, else its folder's
                                 name]
          --profile <PROFILE>    Also run services of this profile
      -h, --help                 Print help
      -V, --version              Print version
    ");
}

#[test]
fn capture_files_are_read_without_engine_and_without_manifest() {
    let world = World::without_engine("pcap");
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/wire/tests/data/http");
    let file = format!("{data}/websocket.pcap");
    let calls = world.shoal(&["calls", "--json", "--pcap", &file]).ok().rows();
    let call = &calls[0];
    assert_eq!(
        [&call["protocol"], &call["operation"], &call["status"], &call["from"]["addr"], &call["to"]["addr"]],
        ["http/1", "GET /echo", "101", "192.168.0.5:50798", "54.148.114.85:80"]
    );
    assert_eq!(call["request"]["headers"]["host"], "sandbox.kaazing.net");
    assert!(call.get("trace").is_none(), "what is unknown is left out");
    let two = world.shoal(&["calls", "--pcap", &file, &format!("{data}/smuggle-http-request.pcap")]).ok();
    assert!(two.stdout.lines().count() > calls.len() && two.stdout.contains("GET /echo"));
    let none =
        world.shoal(&["calls", "--failed", "--json", "--where", "status == 599", "--pcap", &file]).ok();
    assert_eq!(none.stdout, "");
    assert!(!world.state().exists());
}

#[test]
fn calls_of_capture_files_leave_in_every_form() {
    let world = World::without_engine("pcapout");
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/wire/tests/data/http");
    let file = format!("{data}/websocket.pcap");
    let of_file = |more: &[&str]| world.shoal(&[&["calls"], more, &["--pcap", &file]].concat());
    let json = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
    let har = json(&of_file(&["--har"]).ok().stdout);
    let entry = &har["log"]["entries"][0];
    assert_eq!(
        [&entry["request"]["url"], &entry["_from"], &entry["_resourceType"]],
        ["http://sandbox.kaazing.net/echo?.kl=Y", "192.168.0.5", "websocket"]
    );
    let spans = json(&of_file(&["--otlp", "-n", "1"]).ok().stdout);
    assert_eq!(spans["resourceSpans"][0]["resource"]["attributes"][0]["value"]["stringValue"], "192.168.0.5");
    let offered = json(&of_file(&["--openapi"]).ok().stdout);
    assert_eq!(offered["info"]["title"], "54.148.114.85");

    let all = of_file(&["--json"]).ok().rows();
    let last = of_file(&["--json", "-n", "1"]).ok().rows();
    assert_eq!(last, all[all.len() - 1..]);
    assert_eq!(of_file(&["-n", "0"]).ok().stdout, "");
    let id = all[0]["id"].as_str().expect("an id");
    of_file(&["--curl", id]).ok();
    assert_eq!(of_file(&["show", id, "--json"]).ok().rows(), all[..1]);

    // Two files have no id in common.
    let other = format!("{data}/smuggle-http-request.pcap");
    let second = world.shoal(&["calls", "--json", "--pcap", &other, &file]).ok().rows();
    let second = second.last().and_then(|call| call["id"].as_str()).expect("an id");
    let curl = world.shoal(&["calls", "--curl", second, "--pcap", &other, &file]).ok();
    assert!(curl.stdout.starts_with("curl ") || curl.stderr.contains("no such form"), "{curl:?}");
    of_file(&["--curl", "no-such"]).ends_with(1).tells(&["there is no call `no-such` in these files"]);
    of_file(&["show", "no-such"]).ends_with(1).tells(&["there is no call `no-such` in these files"]);
    of_file(&["-f"]).ends_with(2).tells(&["'--follow' cannot be used with '--pcap"]);
    assert!(!world.state().exists());
}

#[test]
fn a_file_that_is_no_capture_is_told_by_name() {
    let world = World::without_engine("badpcap");
    world.write("notes.txt", "hello");
    world
        .shoal(&["calls", "--pcap", "notes.txt"])
        .ends_with(2)
        .tells(&["`notes.txt` is no pcap or pcapng file"]);
    world.shoal(&["calls", "--pcap", "gone.pcap"]).ends_with(2).tells(&["`gone.pcap` cannot be read"]);
}

/// Lines of two services, as `shoal logs --json` printed them on another machine.
const SAVED: &str = r#"{"ts":"2026-11-24T10:00:00Z","service":"orders","instance":"shop-orders-1","stream":"stderr","text":"ERROR checkout failed trace_id=4bf92f3577b34da6a3ce929d0e0e4736"}
{"ts":"2026-11-24T10:00:00.1Z","service":"orders","instance":"shop-orders-1","stream":"stderr","text":"\tat Orders.place(Orders.java:31)"}
{"ts":"2026-11-24T10:00:01Z","service":"web","instance":"shop-web-1","stream":"stdout","text":"10.0.0.7 - - [24/Nov/2026:10:00:01 +0000] \"POST /buy HTTP/1.1\" 502 153 \"-\" \"curl\""}
"#;

#[test]
fn saved_lines_are_asked_everything_without_engine_and_without_manifest() {
    let world = World::without_engine("opened");
    world.write("saved.ndjson", SAVED);
    world.shoal(&["logs", "--open", "saved.ndjson", "--save", "bug.gz"]).ok();
    let asked =
        |args: &[&str]| world.shoal(&[&["logs", "--open", "bug.gz", "--json"], args].concat()).ok().rows();
    assert_eq!(asked(&[]).len(), 3);
    assert_eq!(asked(&["web"]).len(), 1);
    assert_eq!(asked(&["--where", "fields.status >= 500"])[0]["fields"]["path"], "/buy");
    assert_eq!(asked(&["--until", "2026-11-24 10:00:00"]).len(), 1);
    let trace = asked(&["--trace", "4BF92F3577B34DA6A3CE929D0E0E4736"]);
    assert_eq!(trace.len(), 2, "the line that names it, and the frame below");
    assert_eq!(trace[0]["trace"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!((&trace[1]["level"], &trace[1]["cont"]), (&"error".into(), &true.into()));
    assert_eq!(asked(&["--grep", "checkout", "--no-group"]).len(), 1);
    let told = world.shoal(&["logs", "--open", "bug.gz", "--otlp", "orders"]).ok().rows();
    let record = &told[0]["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0];
    assert_eq!(record["timeUnixNano"], "1795514400000000000");
    assert_eq!(record["body"]["stringValue"].as_str().map(|body| body.lines().count()), Some(2));
    world
        .shoal(&["logs", "--open", "bug.gz", "--where", "level >= 'warn' && servce == 'x'"])
        .ends_with(2)
        .tells(&["`servce` is nothing that a line has", "character 20", "did you mean `service`?"]);
    world.write("notes.txt", "hello");
    world
        .shoal(&["logs", "--open", "notes.txt"])
        .ends_with(2)
        .tells(&["line 1 of `notes.txt` is no log line"]);
    assert!(!world.state().exists());
}
