//! What needs more than the bytes of a moment: packets afterwards, what a port speaks, TLS whose secrets are logged.

use std::fmt::Write as _;

use serde_json::Value;

use crate::world::{World, script, until, web};

/// The calls of a stack for which an expression holds, once there are so many and all of them are answered.
#[track_caller]
fn calls(world: &World, expression: &str, count: usize) -> Vec<Value> {
    until(expression, || {
        let all = world.shoal(&["calls", "--json", "--where", expression]).ok().rows();
        (all.len() >= count && all.iter().all(|c| c.get("pending").is_none())).then_some(all)
    })
}

fn ask(world: &World, target: &str) {
    world.shoal(&["exec", "-T", "front", "--", "perl", "/call.pl", "back:8000", "GET", target]).ok();
}

fn operations(all: &[Value]) -> Vec<&str> {
    all.iter().filter_map(|call| call["operation"].as_str()).collect()
}

#[test]
fn packets_can_be_had_afterwards_and_ports_speak_what_the_manifest_says() {
    let world = World::with_engine("packets");
    let stack = |keys: &str, back: &str| {
        [keys.to_owned(), web("back", back), web("front", "depends_on = [\"back\"]")].concat()
    };
    world.manifest(&stack("[calls]\npackets = \"16m\"\n", ""));
    world.shoal(&["up", "-d"]).ok();
    ask(&world, "/first");
    ask(&world, "/second");
    let first = calls(&world, "path == '/first'", 1)[0].clone();
    calls(&world, "path == '/second'", 1);

    // One connection, and nothing of the other.
    let file = world.folder().join("one.pcap").display().to_string();
    let id = first["id"].as_str().expect("an id");
    world.shoal(&["calls", "pcap", id, "--to", &file]).ok().tells(&["raw", "written to"]);
    let read = world.shoal(&["calls", "--json", "--pcap", &file]).ok().rows();
    assert_eq!(operations(&read), ["GET /first"]);
    assert_eq!(read[0]["response"]["body"], first["response"]["body"]);
    assert_eq!((&read[0]["ts"], &read[0]["quality"]), (&first["ts"], &"complete".into()));

    // What is still kept, and what comes.
    let all = world.folder().join("all.pcap").display().to_string();
    world.shoal(&["calls", "record", "back", "--since", "10m", "--to", &all]).ok();
    let read = world.shoal(&["calls", "--json", "--pcap", &all]).ok().rows();
    let found = operations(&read);
    assert!(found.contains(&"GET /first") && found.contains(&"GET /second"), "{found:?}");
    // Nothing that came after a moment.
    let second = calls(&world, "path == '/second'", 1)[0]["ts"].as_str().expect("a time").to_owned();
    let past = ["calls", "record", "--since", "10m", "--until", &second, "--to", &all];
    world.shoal(&past).ok();
    let found = world.shoal(&["calls", "--json", "--pcap", &all]).ok().rows();
    assert!(operations(&found).contains(&"GET /first"), "{found:?}");
    assert!(found.iter().all(|call| call["ts"].as_str() <= Some(second.as_str())), "{found:?}");
    world
        .shoal(&["calls", "record", "--since", "1s", "--until", "10m", "--to", &file])
        .ends_with(2)
        .tells(&["the range is empty"]);
    let recording = world.start(&["calls", "record", "--to", &all]);
    recording.tells("until Ctrl-C");
    ask(&world, "/third");
    calls(&world, "path == '/third'", 1);
    recording.signal("INT");
    recording.wait().ok();
    let read = world.shoal(&["calls", "--json", "--pcap", &all]).ok().rows();
    let found = operations(&read);
    assert!(found.contains(&"GET /third") && !found.contains(&"GET /second"), "{found:?}");

    world
        .shoal(&["calls", "pcap", "no-such", "--to", &file])
        .ends_with(1)
        .tells(&["there is no call `no-such`"]);
    world
        .shoal(&["calls", "record", "bakc", "--seconds", "1", "--to", &file])
        .ends_with(1)
        .tells(&["`bakc`"]);

    // The manifest changes while the stack runs.
    world.manifest(&stack("", "protocols = { 8000 = \"tcp\" }"));
    until("the port not to be read", || {
        ask(&world, "/unread");
        let tcp = world.shoal(&["calls", "--json", "--protocol", "tcp", "--to", "back"]).ok().rows();
        (!tcp.is_empty()).then_some(())
    });
    world.shoal(&["calls", "pcap", id, "--to", &file]).ends_with(1).tells(&["no packets are kept"]);
    world.shoal(&["down"]).ok();
}

/// Plays one side of a recorded connection: `perl play.pl ROLE [HOST]`. Nothing in the base image speaks TLS.
const PLAYER: &str = r#"
use strict; use IO::Socket::INET;
my ($role, $host) = @ARGV; my $socket;
if ($role eq 'S') {
  my $listener = IO::Socket::INET->new(LocalPort => 8443, Listen => 5, ReuseAddr => 1) or die $!;
  $socket = $listener->accept;
} else {
  for (1..100) { last if $socket = IO::Socket::INET->new(PeerAddr => "$host:8443"); select undef, undef, undef, 0.1; }
}
open my $turns, '<', '/turns' or die $!;
while (<$turns>) {
  my ($who, $hex) = split; my $bytes = pack 'H*', $hex;
  if ($who eq $role) { syswrite $socket, $bytes; next; }
  my $left = length $bytes;
  while ($left) { my $got = sysread $socket, my $buffer, $left; die unless $got; $left -= $got; }
}
"#;

/// The turns of the first connection in a capture of curl with a server that listens on port 18443.
fn turns() -> String {
    let file = std::fs::read("../crates/wire/tests/data/tls/decrypted.pcap").expect("a capture");
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().expect("four bytes")) as usize;
    let (mut at, mut turns, mut client) = (24, String::new(), None);
    while at + 16 <= file.len() {
        let packet = &file[at + 16..at + 16 + word(at + 8)];
        at += 16 + packet.len();
        let tcp = 14 + usize::from(packet[14] & 15) * 4;
        let port = |at: usize| u16::from_be_bytes([packet[tcp + at], packet[tcp + at + 1]]);
        let from_server = port(0) == 18443;
        let other = if from_server { port(2) } else { port(0) };
        let payload = &packet[tcp + usize::from(packet[tcp + 12] >> 4) * 4..];
        if *client.get_or_insert(other) == other && !payload.is_empty() {
            turns.push_str(if from_server { "S " } else { "C " });
            for byte in payload {
                write!(turns, "{byte:02x}").expect("a string");
            }
            turns.push('\n');
        }
    }
    turns
}

#[test]
fn tls_is_decrypted_when_its_secrets_are_logged_even_late() {
    let world = World::with_engine("secrets");
    world.write("play.pl", PLAYER);
    world.write("turns", turns());
    let files = "volumes = [\"./play.pl:/play.pl:ro\", \"./turns:/turns:ro\"]\n";
    let service = |name: &str, command: &str| {
        script(name, command, "")
            .lines()
            .filter(|line| !line.starts_with("volumes"))
            .collect::<Vec<_>>()
            .join("\n")
            + "\n"
            + files
    };
    let manifest = [
        "[calls]\ntls_keys = [\"keys.log\"]\n".to_owned(),
        service("server", "perl /play.pl S"),
        service("client", "sleep 600"),
    ]
    .concat();
    world.manifest(&manifest);
    world.shoal(&["up", "-d"]).ok();
    world.shoal(&["exec", "-T", "client", "--", "perl", "/play.pl", "C", "server"]).ok();
    // The connection is over before anybody knows what was said.
    world.write("keys.log", std::fs::read("../crates/wire/tests/data/tls/decrypted.keys").expect("secrets"));
    let all = calls(&world, "decrypted && protocol == 'http/1'", 3);
    assert_eq!(operations(&all), ["GET /orders/7", "POST /echo", "GET /last"]);
    for call in &all {
        assert_eq!(
            (&call["status"], &call["quality"], &call["decrypted"]),
            (&"200".into(), &"complete".into(), &true.into())
        );
        assert_eq!((&call["from"]["service"], &call["to"]["service"]), (&"client".into(), &"server".into()));
    }
    let outside = world.shoal(&["calls", "--json", "--protocol", "tls"]).ok().rows();
    assert_eq!(
        (outside.len(), &outside[0]["operation"], &outside[0]["decrypted"]),
        (1, &"TLS orders.test".into(), &true.into())
    );
    let id = all[0]["id"].as_str().expect("an id");
    let curl = world.shoal(&["calls", "--curl", id]).ok().stdout;
    assert!(curl.contains("https://orders.test") && curl.contains("--insecure"), "{curl}");
    world.shoal(&["calls", "replay", id]).ends_with(2).tells(&["TLS"]);
    world.shoal(&["down"]).ok();
}
