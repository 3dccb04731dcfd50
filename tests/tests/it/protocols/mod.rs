//! Every protocol on real software: the stack of `examples/polyglot`, and what must be seen of it.
//!
//! Starting it is dear, so one test looks at all tables, and tells all deviations at once.

mod brokers;
mod databases;
mod expected;
mod web;

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::world::World;
use expected::{Table, deviations};

/// Building the images takes two minutes where nothing is cached, more on a loaded machine.
const LONGEST: Duration = Duration::from_mins(10);
/// What was said is seen within moments; a test that passes never waits this long.
const SETTLED: Duration = Duration::from_secs(30);

fn tables() -> Vec<Table> {
    [web::tables(), databases::tables(), brokers::tables()].concat()
}

#[test]
fn every_protocol_is_seen_as_real_clients_and_servers_speak_it() {
    let world = World::with_engine("protocols");
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/polyglot"), &world.folder());
    // One round, and then silence.
    world.write(".env", "PAUSE=3600\n");
    world.start(&["up", "-d"]).wait_at_most(LONGEST).ok();

    let tables = tables();
    let begun = Instant::now();
    loop {
        let calls = calls(&world);
        let edges = world.shoal(&["map", "--json"]).ok().rows();
        let mut found = deviations(&tables, &calls, &edges);
        found.extend(brokers::unjoined(&edges));
        if found.is_empty() {
            break;
        }
        assert!(
            begun.elapsed() < SETTLED,
            "{} deviations in {} calls:\n{}",
            found.len(),
            calls.len(),
            found.join("\n")
        );
        std::thread::sleep(Duration::from_millis(500));
    }
    by_protocol(&world, &tables);
    messages_by_their_proto_file(&world);
    nothing_secret(&world);
    world.shoal(&["down", "--volumes", "--all"]).ok();
}

fn calls(world: &World) -> Vec<Value> {
    world.shoal(&["calls", "--json", "-n", "10000"]).ok().rows()
}

/// `--protocol` finds the calls of every table, and no others.
fn by_protocol(world: &World, tables: &[Table]) {
    let all = calls(world);
    for table in tables {
        let found =
            world.shoal(&["calls", "--json", "-n", "10000", "--protocol", table.protocol]).ok().rows();
        let those = all.iter().filter(|c| c["protocol"] == table.protocol).count();
        assert_eq!(found.len(), those, "`--protocol {}`", table.protocol);
    }
}

/// gRPC's messages are shown with the names of the `.proto` file that lies in the repository.
fn messages_by_their_proto_file(world: &World) {
    let filter = "operation == 'market.Stock/Level' && ok && from == 'caller' && to == 'stock'";
    let level = world.shoal(&["calls", "--json", "--where", filter]).ok().rows();
    let id = level[0]["id"].as_str().expect("an id");
    let shown: Value =
        serde_json::from_str(&world.shoal(&["calls", "show", id, "--json"]).ok().stdout).expect("JSON");
    assert_eq!(shown["response"]["parts"][0]["decoded"], r#"{"sku":"net-40","pieces":12}"#, "{shown}");
}

fn nothing_secret(world: &World) {
    let said = world.shoal(&["calls", "--json", "-n", "10000"]).ok().stdout;
    for secret in ["0pensesame", "t0psecret", "open sesame"] {
        assert!(!said.contains(secret), "`{secret}` was not redacted");
    }
}

/// Copies a folder with all that is in it, rights included.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder").flatten() {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).expect("a copy");
        }
    }
}
