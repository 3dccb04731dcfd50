//! Captures of real Redis traffic: the commands that Zeek logs in its `redis.log`, with their replies.

use model::exchange::{Exchange, Protocol};
use wire::{Limits, Link, Wire};

use crate::packets::{last, line, read_pcap};

/// The exchanges of a file in `tests/data`.
fn calls(file: &[u8]) -> Vec<Exchange> {
    let (link, packets) = read_pcap(file);
    let link = match link {
        0 => Link::BsdLoopback,
        1 => Link::Ethernet,
        other => panic!("link type {other}"),
    };
    let mut wire = Wire::new(Limits::new(64 * 1024));
    let mut out = Vec::new();
    for packet in &packets {
        wire.packet(packet.at, link, &packet.bytes, packet.wire_len, &mut out);
    }
    wire.finish(&mut out);
    assert_eq!(wire.counts().lost_gaps, 0);
    last(out)
}

/// A row of Zeek's log: the command's first word, key and value of `GET` and `SET`, success, and the reply.
type Row = [String; 5];

fn rows(log: &str) -> Vec<Row> {
    let mut rows: Vec<_> = log
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let fields: Vec<_> = line.split('\t').collect();
            let [.., name, key, value, success, reply] = &fields[..] else { panic!("{line}") };
            // An aggregate is printed in another way; that it is one is compared.
            let reply = if reply.starts_with('[') { "[]" } else { reply };
            // Inline values are logged as they were typed.
            let value = value.trim_matches(['"', '\'']).replace("\\\\", "");
            [(*name).to_owned(), (*key).to_owned(), value, (*success).to_owned(), reply.to_owned()]
        })
        .collect();
    rows.sort();
    rows
}

/// What an exchange would be in Zeek's log.
fn row(exchange: &Exchange) -> Row {
    let unset = || "-".to_owned();
    let name = exchange.method.split(' ').next().unwrap_or_default().to_owned();
    let body = String::from_utf8(exchange.request.body.clone()).unwrap();
    let mut words = body.splitn(3, ' ').skip(1);
    let (mut key, mut value) = (unset(), unset());
    if name == "GET" || name == "SET" {
        key = words.next().map_or_else(unset, str::to_owned);
        value = words.next().map_or_else(unset, |value| {
            let value = value.split_once(" PX ").map_or(value, |(value, _)| value);
            value.trim_matches(['"', '\'']).replace('\\', "")
        });
    }
    // Zeek logs subscriptions without what they were answered.
    let Some(response) = exchange.response.as_ref().filter(|_| !name.ends_with("SUBSCRIBE")) else {
        return [name, key, value, unset(), unset()];
    };
    let success = if exchange.failure.is_some() { "F" } else { "T" };
    let reply = match exchange.status.as_deref() {
        Some("nil") => "(empty)".to_owned(),
        Some("array" | "map") => "[]".to_owned(),
        _ => String::from_utf8(response.body.clone()).unwrap(),
    };
    [name, key, value, success.to_owned(), reply]
}

fn logged(file: &[u8]) -> Vec<Row> {
    let mut rows: Vec<_> =
        calls(file).iter().filter(|call| call.protocol == Protocol::Redis).map(row).collect();
    rows.sort();
    rows
}

macro_rules! agrees {
    ($($test:ident $name:literal $rows:literal)*) => {$(
        #[test]
        fn $test() {
            let expected = rows(include_str!(concat!("../data/redis-", $name, ".tsv")));
            assert_eq!(expected.len(), $rows);
            assert_eq!(logged(include_bytes!(concat!("../data/redis-", $name, ".pcap"))), expected);
        }
    )*};
}

agrees! {
    replies_that_end_in_something_else "almost-resp" 2
    replies_that_were_skipped_while_off "client-skip-while-off" 7
    a_cache_in_the_cloud_on_another_port "django-cloud" 158
    quoted_arguments_and_unbalanced_ones "pipeline-quotes" 8
    inline_commands "pipeline-with-commands" 4
    pings "pipelining-example" 3
    subscribers_and_publishers "pubsub" 7
    replies_turned_off_and_on "reply-off-on" 8
    replies_turned_off_for_good "reply-off-on-2conn" 6
    a_stream_of_arrays "stream" 4
}

#[test]
fn fifty_pings_of_a_client_that_introduces_itself() {
    let calls: Vec<_> = calls(include_bytes!("../data/redis-50-pings.pcap")).iter().map(line).collect();
    assert_eq!(calls.len(), 54);
    assert_eq!(calls[0], "AUTH  OK complete 24/5 Open");
    assert_eq!(calls[1], "CLIENT SETINFO LIB-NAME OK complete 57/5 Open");
    assert!(calls[3..53].iter().all(|call| call == "PING  PONG complete 14/7 Open"));
    assert_eq!(calls[53], "QUIT  OK complete 14/5 Open");
}

#[test]
fn many_commands_at_once() {
    // Zeek is told to remember five in its test, and logs the replies to the others without their command.
    let calls: Vec<_> =
        calls(include_bytes!("../data/redis-excessive-pipelining.pcap")).iter().map(line).collect();
    assert_eq!(calls, ["PING  PONG complete 6/7 Open"; 12]);
}

#[test]
fn a_thousand_commands_and_an_echo() {
    let calls = calls(include_bytes!("../data/redis-bulk-loading.pcap"));
    assert_eq!(calls.len(), 1001);
    for (n, call) in calls[..1000].iter().enumerate() {
        let body = String::from_utf8_lossy(&call.request.body);
        assert_eq!((body.as_ref(), call.status.as_deref()), (&*format!("SET Key{n} Value{n}"), Some("OK")));
    }
    assert_eq!(line(&calls[1000]), "ECHO  string complete 41/27 Open");
}

#[test]
fn values_as_large_as_they_come() {
    let calls = calls(include_bytes!("../data/redis-large-requests-responses.pcap"));
    assert_eq!(
        calls.iter().map(line).collect::<Vec<_>>(),
        [
            "COMMAND DOCS  array complete 27/237526 Open",
            "SET FIVE_HUNDRED_X OK complete 542/5 Open",
            "SET THOUSAND_X OK complete 1039/5 Open",
            "GET FIVE_HUNDRED_X string complete 34/508 Open",
            "GET THOUSAND_X string complete 30/1009 Open",
        ]
    );
    let bodies = [3, 4].map(|n: usize| calls[n].response.as_ref().unwrap().body.clone());
    assert_eq!(bodies, [vec![b'X'; 500], vec![b'X'; 1000]]);
}

#[test]
fn an_array_of_a_thousand_nulls() {
    let calls = calls(include_bytes!("../data/redis-array-element-object-exhaustion.pcap"));
    assert_eq!(calls.iter().map(line).collect::<Vec<_>>(), ["PING  array complete 6/3007 Open"]);
    let body = String::from_utf8_lossy(&calls[0].response.as_ref().unwrap().body).into_owned();
    assert_eq!(body.lines().count(), 1000);
    assert!(body.starts_with("   1) (nil)\n") && body.ends_with("\n1000) (nil)"));
}

#[test]
fn keys_and_values_that_are_set() {
    let calls = calls(include_bytes!("../data/redis-set.pcap"));
    let bodies: Vec<_> = calls.iter().map(|call| String::from_utf8_lossy(&call.request.body)).collect();
    assert_eq!(bodies, ["SET test hi", "SET one:1 2", "SET two:2 three"]);
}

#[test]
fn passwords_are_hidden_and_refusals_told() {
    let calls = calls(include_bytes!("../data/redis-auth.pcap"));
    let seen: Vec<_> = calls
        .iter()
        .map(|call| {
            (String::from_utf8_lossy(&call.request.body), call.status.as_deref(), call.failure.is_some())
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("AUTH notauser [redacted]".into(), Some("WRONGPASS"), true),
            ("AUTH default [redacted]".into(), Some("OK"), false),
            ("AUTH noone [redacted]".into(), Some("WRONGPASS"), true),
        ]
    );
}

#[test]
fn commands_that_nobody_has_heard_of_are_told_by_their_port_alone() {
    // Zeek, which goes by the port, logs two commands `FAKE COMMAND` and `FAKE2 COMMAND2` of this synthetic capture.
    let calls: Vec<_> = calls(include_bytes!("../data/redis-attr.pcap")).iter().map(line).collect();
    assert_eq!(calls[1], "tcp - complete 14/34 Closed");
}

#[test]
fn a_connection_that_began_before_the_capture_with_a_reply() {
    // Zeek takes whoever speaks first for the client, and decodes nothing.
    let calls: Vec<_> =
        calls(include_bytes!("../data/redis-start-with-server.pcap")).iter().map(line).collect();
    assert_eq!(calls, ["redis OK no-request 0/5 Open", "SET hello OK complete 35/5 Open"]);
}

/// A session of redis-py 8.1 and of a bare socket with redis-server 7.0.15: see `tests/data/README.md`.
#[test]
fn a_real_session() {
    let calls = calls(include_bytes!("../data/redis-live.pcap"));
    let shown = format!("{calls:?}")
        + &calls.iter().map(|c| String::from_utf8_lossy(&c.request.body)).collect::<String>();
    assert!(!shown.contains("hunter2"));
    let lines: Vec<_> = calls.iter().map(line).collect();
    assert_eq!(
        lines,
        [
            "SET user:7 OK complete 56/5 Open",
            "GET user:7 string complete 25/31 Open",
            "GET nobody nil complete 25/5 Open",
            "RPUSH l integer complete 36/4 Open",
            "LRANGE l array complete 38/18 Open",
            "INCRBY l WRONGTYPE complete 30/68 Open",
            "MULTI  OK complete 15/5 Open",
            "SET x QUEUED complete 27/9 Open",
            "LPUSH x QUEUED complete 30/9 Open",
            "EXEC  WRONGTYPE complete 14/77 Open",
            "CONFIG SET requirepass OK complete 56/5 Open",
            "RPUSH jobs integer complete 35/4 Open",
            "SET x OK complete 27/5 Open",
            "PUBLISH news integer complete 41/4 Open",
            "PUBLISH sport integer complete 38/4 Open",
            "AUTH  OK complete 40/5 Open",
            "CONFIG GET requirepass array complete 43/35 Open",
            "CONFIG SET requirepass OK complete 49/5 Open",
            "BLPOP other array complete 43/24 Open",
            "HELLO 3 map complete 22/145 Open",
            "CLIENT MAINT_NOTIFICATIONS ON ERR complete 95/65 Open",
            "CLIENT TRACKING ON OK complete 38/5 Open",
            "GET x string complete 20/7 Open",
            "PUSH invalidate - complete 0/32 Closed",
            "PING  PONG complete 14/7 Open",
            "SUBSCRIBE news subscribe complete 40/110 Open",
            "SUBSCRIBE sport subscribe complete 40/109 Open",
            "PSUBSCRIBE n* psubscribe complete 29/118 Open",
            "UNSUBSCRIBE  unsubscribe complete 22/73 Open",
            "PUNSUBSCRIBE  punsubscribe complete 23/35 Open",
            "PING  PONG complete 6/7 Open",
            "SET k OK complete 13/5 Open",
            "GET k string complete 7/9 Open",
            "CLIENT REPLY OFF - complete 18/- Open",
            "GET k - complete 7/- Open",
            "CLIENT REPLY ON OK complete 17/5 Open",
            "QUIT  OK complete 6/5 Open",
        ]
    );
    let blocked = calls.iter().find(|call| call.method == "BLPOP").unwrap();
    assert!(blocked.waits && blocked.topic.as_ref().unwrap().name == "jobs");
}
