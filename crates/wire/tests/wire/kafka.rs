//! Kafka's protocol over whole connections.

use std::collections::BTreeSet;

use model::exchange::{Exchange, Protocol, Quality, TopicRole};
use proptest::prelude::*;
use wire::Limits;

use crate::packets::{By, Client, Packet, Server, Talk, exchanges, last, line, lines, reports_within};
use crate::properties::{mixed, timeless};

fn hex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).expect("a hexadecimal digit") as u8;
    text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

fn framed(parts: &[&[u8]]) -> Vec<u8> {
    let bytes = parts.concat();
    [&(bytes.len() as u32).to_be_bytes()[..], &bytes].concat()
}

fn string(text: &str) -> Vec<u8> {
    [&(text.len() as u16).to_be_bytes()[..], text.as_bytes()].concat()
}

fn request(key: i16, version: i16, number: i32, body: &[u8]) -> Vec<u8> {
    framed(&[&key.to_be_bytes(), &version.to_be_bytes(), &number.to_be_bytes(), &string("shop"), body])
}

fn response(number: i32, body: &[u8]) -> Vec<u8> {
    framed(&[&number.to_be_bytes(), body])
}

/// One request and one response of each API and version, as kafka-python writes them.
fn fixtures() -> Vec<(String, Vec<u8>, Vec<u8>)> {
    let pair = |line: &str| {
        let [name, version, asked, answered] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        (format!("{name} v{version}"), hex(asked), hex(answered))
    };
    include_str!("../data/kafka-versions.txt").lines().map(pair).collect()
}

/// What all versions of an API say: target, status, failure.
const SAID: [(&str, &str, &str, &str); 22] = [
    ("ApiVersions", "", "OK", "-"),
    ("Metadata", "orders, payments", "TOPIC_AUTHORIZATION_FAILED", ": payments"),
    ("Produce", "orders", "NOT_LEADER_OR_FOLLOWER", ": orders/1"),
    ("Fetch", "orders, payments", "OFFSET_OUT_OF_RANGE", ": payments/3"),
    ("ListOffsets", "orders, payments", "LEADER_NOT_AVAILABLE", ": payments/1"),
    ("OffsetCommit", "billing", "OFFSET_METADATA_TOO_LARGE", ": orders/1"),
    ("OffsetFetch", "billing", "NOT_COORDINATOR", ""),
    ("FindCoordinator", "billing", "GROUP_AUTHORIZATION_FAILED", ""),
    ("JoinGroup", "billing", "MEMBER_ID_REQUIRED", "-"),
    ("Heartbeat", "billing", "REBALANCE_IN_PROGRESS", "-"),
    ("LeaveGroup", "billing", "UNKNOWN_MEMBER_ID", ""),
    ("SyncGroup", "billing", "ILLEGAL_GENERATION", ""),
    ("CreateTopics", "a, b", "TOPIC_ALREADY_EXISTS", ": b"),
    ("DeleteTopics", "a, b", "UNKNOWN_TOPIC_OR_PARTITION", ": b"),
    ("InitProducerId", "tx", "TRANSACTIONAL_ID_AUTHORIZATION_FAILED", ""),
    ("EndTxn", "tx", "INVALID_PRODUCER_EPOCH", ""),
    ("TxnOffsetCommit", "tx", "TOPIC_AUTHORIZATION_FAILED", ": orders/0"),
    ("SaslHandshake", "PLAIN", "UNSUPPORTED_SASL_MECHANISM", ""),
    ("SaslAuthenticate", "", "SASL_AUTHENTICATION_FAILED", ": bad"),
    ("DescribeGroups", "billing", "GROUP_AUTHORIZATION_FAILED", ""),
    ("DeleteGroups", "billing", "NON_EMPTY_GROUP", ": billing"),
    ("OffsetFetch of several groups", "billing, other", "NOT_COORDINATOR", ""),
];

#[test]
fn every_version_says_the_same() {
    let mut talk = Talk::open(4000);
    for (_, asked, answered) in fixtures() {
        talk.send(Client, &asked);
        talk.send(Server, &answered);
    }
    talk.close();
    let calls = exchanges(&talk.packets);
    assert_eq!(calls.len(), fixtures().len());
    for (call, (name, ..)) in calls.iter().zip(fixtures()) {
        let (method, target, status, failure) = SAID
            .iter()
            .find(|(method, target, ..)| call.method == *method && call.target == *target)
            .or_else(|| {
                SAID.last().filter(|(_, target, ..)| call.method == "OffsetFetch" && call.target == *target)
            })
            .unwrap_or_else(|| panic!("{name}: {}", line(call)));
        assert_eq!(call.status.as_deref(), Some(*status), "{name}");
        let words = call.failure.as_deref();
        match *failure {
            "-" => assert_eq!(words, None, "{name}"),
            "" => assert!(words.is_some_and(|words| words.starts_with(status)), "{name} {method} {words:?}"),
            failure => assert_eq!(words, Some(format!("{status}{failure}").as_str()), "{name}"),
        }
        assert!(!target.is_empty() || matches!(*method, "ApiVersions" | "SaslAuthenticate"));
        assert!(!format!("{call:?}").contains("topsecret"), "{name}");
        assert_eq!(call.quality, Quality::Complete, "{name}");
    }
}

#[test]
fn records_are_shown_whatever_their_format() {
    let mut talk = Talk::open(4000);
    let wanted = |name: &str| {
        name.starts_with("Produce ") || name.starts_with("Fetch ") || name.starts_with("Metadata ")
    };
    for (_, asked, answered) in fixtures().into_iter().filter(|(name, ..)| wanted(name)) {
        talk.send(Client, &asked);
        talk.send(Server, &answered);
    }
    talk.close();
    let shown = |partition: i32, offset: Option<i64>, headers: bool| {
        let place = format!(r#""topic":"orders","partition":{partition}"#);
        let at = |n: i64| offset.map_or(String::new(), |offset| format!(r#","offset":{}"#, offset + n));
        let headers = if headers { r#","headers":{"h":"v"}"# } else { "" };
        let (first, second) = (at(0), at(1));
        format!(
            "{{{place}{first},\"key\":\"k1\",\"value\":{{\"n\":1}}{headers}}},\n{{{place}{second},\"key\":null,\"value\":\"two\"}}"
        )
    };
    let mut seen = [0, 0];
    for call in exchanges(&talk.packets) {
        let version: i16 = call.request.headers[1].1.parse().unwrap();
        let (message, stored, topic) = match call.method.as_str() {
            "Produce" => (&call.request, None, TopicRole::Sends),
            "Fetch" => (call.response.as_ref().unwrap(), Some(0), TopicRole::Receives),
            _ => continue,
        };
        seen[usize::from(stored.is_some())] += 1;
        let batches = version >= 3;
        let expected = format!("[{},\n{}]", shown(0, stored, batches), shown(1, stored, batches));
        assert_eq!(String::from_utf8_lossy(&message.body), expected, "{} v{version}", call.method);
        assert!(message.headers.contains(&("records".to_owned(), "4".to_owned())));
        assert_eq!((message.media.as_deref(), message.cut), (Some("application/json"), false));
        let told = call.topic.unwrap();
        assert_eq!((told.role, told.name.as_str(), told.key.as_deref()), (topic, "orders", Some("k1")));
        assert_eq!(call.waits, call.method == "Fetch");
    }
    assert_eq!(seen, [14, 19]);
}

/// A request for a group's heartbeat, and its response.
fn heartbeat(number: i32, group: &str, code: i16) -> (Vec<u8>, Vec<u8>) {
    let asked = request(12, 0, number, &[string(group), b"\0\0\0\x01".to_vec(), string("m")].concat());
    (asked, response(number, &code.to_be_bytes()))
}

fn batch(count: i32, attributes: i16, records: &[u8]) -> Vec<u8> {
    let head =
        [&b"\0\0\0\0\x02\0\0\0\0"[..], &attributes.to_be_bytes(), &[0; 34], &count.to_be_bytes()].concat();
    [&[0; 8][..], &((head.len() + records.len()) as u32).to_be_bytes(), &head, records].concat()
}

/// A record without key and headers, of a value that is shorter than 64 KB.
fn record(delta: u8, value: &[u8]) -> Vec<u8> {
    let varint = |value: usize| {
        let coded = (value << 1) as u32;
        [(coded | 0x80) as u8, ((coded >> 7) | 0x80) as u8, (coded >> 14) as u8]
    };
    let rest = [&[0, 0, delta << 1, 1][..], &varint(value.len()), value, &[0]].concat();
    [&varint(rest.len())[..], &rest].concat()
}

fn produce(number: i32, acks: i16, topic: &str, records: &[u8]) -> Vec<u8> {
    let body = [
        &b"\xff\xff"[..],
        &acks.to_be_bytes(),
        b"\0\0\0\x01\0\0\0\x01",
        &string(topic),
        b"\0\0\0\x01\0\0\0\0",
        &(records.len() as u32).to_be_bytes(),
        records,
    ];
    request(0, 3, number, &body.concat())
}

fn produced(number: i32, topic: &str, code: i16) -> Vec<u8> {
    let body =
        [&b"\0\0\0\x01"[..], &string(topic), b"\0\0\0\x01\0\0\0\0", &code.to_be_bytes(), &[0; 20]].concat();
    response(number, &body)
}

fn fetch(number: i32, topics: &[&str]) -> Vec<u8> {
    let mut body = b"\xff\xff\xff\xff\0\0\x01\xf4\0\0\0\x01\0\0\x10\0\0".to_vec();
    body.extend((topics.len() as u32).to_be_bytes());
    for topic in topics {
        body.extend(string(topic));
        body.extend(b"\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10\0");
    }
    request(1, 4, number, &body)
}

fn fetched(number: i32, topic: &str, records: &[u8]) -> Vec<u8> {
    let size = (records.len() as u32).to_be_bytes();
    let partition = [&b"\0\0\0\x01\0\0\0\0\0\0"[..], &[0; 16], b"\xff\xff\xff\xff", &size, records].concat();
    response(number, &[&b"\0\0\0\0\0\0\0\x01"[..], &string(topic), &partition].concat())
}

fn versions(talk: &mut Talk) {
    talk.send(Client, &request(18, 0, 0, b""));
    talk.send(Server, &response(0, b"\0\0\0\0\0\0"));
}

#[test]
fn responses_find_their_requests_by_number() {
    let mut talk = Talk::open(4000);
    versions(&mut talk);
    let (a, answer_a) = heartbeat(1, "a", 0);
    let (b, answer_b) = heartbeat(2, "b", 25);
    talk.send(Client, &[a, b].concat());
    talk.send(Client, &produce(3, 0, "logs", &batch(1, 0, &record(0, b"x"))));
    talk.send(Server, &[answer_b, answer_a].concat());
    talk.send(Server, &response(77, b"\0\0"));
    talk.send(Client, &fetch(4, &["a", "b", "c", "d", "e"]));
    talk.close();
    assert_eq!(
        lines(&talk.packets),
        [
            "ApiVersions  OK complete 18/14 Open",
            "Heartbeat a OK complete 28/10 Open",
            "Heartbeat b UNKNOWN_MEMBER_ID complete 28/10 Open",
            "Produce logs - complete 121/- Open",
            "kafka - no-request 0/10 Open",
            "Fetch a, b, c +2 - complete 154/- Closed",
        ]
    );
}

#[test]
fn compressed_and_cut_records_are_counted() {
    let large: Vec<u8> = (0..100_u8).flat_map(|n| record(n, &[b'a' + n % 26; 5000])).collect();
    let mut talk = Talk::open(4000);
    versions(&mut talk);
    talk.send_cut(Client, &produce(1, 1, "t", &batch(100, 0, &large)), 1400);
    talk.send(Server, &produced(1, "t", 0));
    let two = [batch(7, 2, b"?????"), batch(1, 32, b"end of a transaction"), batch(3, 4, b"!")].concat();
    talk.send(Client, &fetch(2, &["t"]));
    talk.send(Server, &fetched(2, "t", &two));
    let partly = [batch(1, 0, &record(0, b"whole")), batch(9, 0, &large)[..300].to_vec()].concat();
    talk.send(Client, &fetch(3, &["t"]));
    talk.send(Server, &fetched(3, "t", &partly));
    talk.close();
    for limit in [0, 100, 20_000] {
        let calls = last(reports_within(&talk.packets, Limits::new(limit)));
        let [_, produced, fetched, partly] = &calls[..] else { panic!("{calls:?}") };
        let facts = |headers: &[(String, String)], name: &str| {
            headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
        };
        assert_eq!(facts(&produced.request.headers, "records").as_deref(), Some("100"), "{limit}");
        assert_eq!((produced.request.body.len(), produced.request.cut), (limit, true));
        assert!(produced.request.bytes > 500_000 && produced.request.complete);
        let response = fetched.response.as_ref().unwrap();
        assert_eq!(facts(&response.headers, "records").as_deref(), Some("10"));
        assert_eq!(facts(&response.headers, "codec").as_deref(), Some("zstd"));
        assert_eq!((response.body.len(), response.cut), (0, true));
        let response = partly.response.as_ref().unwrap();
        assert_eq!(facts(&response.headers, "records").as_deref(), Some("1"));
        assert_eq!((response.body.is_empty(), response.cut), (limit == 0, limit == 0));
    }
}

/// A response to a fetch: topics with one partition each, of a code and records.
fn fetched_all(number: i32, topics: &[(&str, i16, &[u8])]) -> Vec<u8> {
    let mut body = [&b"\0\0\0\0"[..], &(topics.len() as u32).to_be_bytes()].concat();
    for (topic, code, records) in topics {
        body.extend([&string(topic)[..], b"\0\0\0\x01\0\0\0\0", &code.to_be_bytes(), &[0; 16]].concat());
        body.extend([&b"\xff\xff\xff\xff"[..], &(records.len() as u32).to_be_bytes(), records].concat());
    }
    response(number, &body)
}

#[test]
fn nothing_is_made_up_of_messages_that_are_too_large_to_be_kept() {
    let some = |records: i32| batch(records, 0, &record(0, &vec![b'x'; 20_000]));
    let many = (0..50).flat_map(|n| some(n + 1)).collect::<Vec<_>>();
    let asked = fetch(2, &["orders", "payments", "refunds"]);
    let cases: [(&[u8], i16, &str, &str); 3] = [
        (&many, 0, "OK", "orders=1275, payments=3, refunds=2"),
        (&many, 6, "NOT_LEADER_OR_FOLLOWER", "orders=1275, payments=3, refunds=2"),
        (&many[..many.len() - 1], 0, "OK", "orders=1225, payments=3, refunds=2"),
    ];
    for (orders, code, status, counts) in cases {
        let mut talk = Talk::open(4000);
        versions(&mut talk);
        talk.send_cut(Client, &produce(1, 1, "orders", orders), 1400);
        talk.send(Server, &produced(1, "orders", 0));
        talk.send(Client, &asked);
        let topics = [("orders", 0, orders), ("payments", code, &some(3)), ("refunds", 0, &some(2))];
        talk.send_cut(Server, &fetched_all(2, &topics), 1400);
        let whole = talk.packets.clone();
        talk.close();
        let calls = exchanges(&talk.packets);
        let [_, produced, fetched] = &calls[..] else { panic!("{calls:?}") };
        let fact = |headers: &[(String, String)], name: &str| {
            headers
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.clone())
                .unwrap_or_default()
        };
        let all: u32 = counts.split(['=', ',']).filter_map(|word| word.parse::<u32>().ok()).sum();
        let response = fetched.response.as_ref().unwrap();
        assert_eq!(fetched.status.as_deref(), Some(status));
        assert_eq!(fetched.failure.is_some(), code != 0);
        assert_eq!(fact(&response.headers, "topics"), counts);
        assert_eq!(fact(&response.headers, "records"), all.to_string());
        assert_eq!(fact(&produced.request.headers, "records"), (all - 5).to_string());
        assert_eq!((fetched.quality, response.complete, response.cut), (Quality::Complete, true, true));
        // A packet is missing in the middle of the records: what was behind it was not read.
        let mut lossy = whole;
        lossy.remove(lossy.len() - 300);
        let calls = exchanges(&lossy);
        assert_eq!((calls[2].status.as_deref(), calls[2].quality), (None, Quality::Gap));
        assert_eq!(calls[2].failure, None);
    }
}

#[test]
fn an_incremental_fetch_is_about_what_its_session_holds() {
    let fetch = |number: i32, epoch: i32, topics: &[u8], forgotten: &[u8]| {
        let session = [&b"\0\0\0\x07"[..], &epoch.to_be_bytes()].concat();
        let fixed = b"\xff\xff\xff\xff\0\0\x01\xf4\0\0\0\x01\0\0\x10\0\0";
        request(1, 7, number, &[&fixed[..], &session, topics, forgotten].concat())
    };
    let one = |name: &str| [&b"\0\0\0\x01"[..], &string(name), b"\0\0\0\x01\0\0\0\0", &[0; 20]].concat();
    let gone = |name: &str| [&b"\0\0\0\x01"[..], &string(name), b"\0\0\0\x01\0\0\0\0"].concat();
    let none = b"\0\0\0\0";
    let mut talk = Talk::open(4000);
    versions(&mut talk);
    let asked = [
        fetch(1, 0, &one("orders"), none),
        fetch(2, 1, none, none),
        fetch(3, 2, &one("payments"), none),
        fetch(4, 3, none, &gone("orders")),
        fetch(5, 0, &one("logs"), none),
    ];
    for (number, asked) in (1..).zip(asked) {
        talk.send(Client, &asked);
        talk.send(Server, &response(number, &[0; 14]));
    }
    talk.close();
    let targets: Vec<_> = exchanges(&talk.packets)[1..].iter().map(|call| call.target.clone()).collect();
    assert_eq!(targets, ["orders", "orders", "orders, payments", "payments", "logs"]);
}

#[test]
fn proofs_without_a_header_are_passed_over() {
    let mut talk = Talk::open(4000);
    versions(&mut talk);
    talk.send(Client, &request(17, 0, 1, &string("PLAIN")));
    talk.send(Server, &response(1, b"\0\0\0\0\0\x01\0\x05PLAIN"));
    talk.send(Client, &framed(&[b"\0joe\0topsecret"]));
    talk.send(Server, &framed(&[b""]));
    let (asked, answered) = heartbeat(2, "g", 0);
    talk.send(Client, &asked);
    talk.send(Server, &answered);
    talk.close();
    let calls = exchanges(&talk.packets);
    let told: Vec<_> = calls.iter().map(line).collect();
    assert_eq!(
        told,
        [
            "ApiVersions  OK complete 18/14 Open",
            "SaslHandshake PLAIN OK complete 25/21 Open",
            "Heartbeat g OK complete 28/10 Open"
        ]
    );
    assert!(!format!("{calls:?}").contains("topsecret"));
}

#[test]
fn a_connection_that_is_older_than_the_capture_is_followed() {
    let (asked, answered) = heartbeat(8, "g", 0);
    let mut talk = Talk::new(4000);
    talk.send(Server, &heartbeat(7, "g", 0).1);
    talk.send(Client, &asked);
    talk.send(Server, &answered);
    talk.close();
    assert_eq!(lines(&talk.packets), ["kafka - no-request 0/10 Open", "Heartbeat g OK complete 28/10 Open"]);
}

#[test]
fn a_cut_capture_keeps_names_and_sizes() {
    let mut talk = Talk::open(4000);
    versions(&mut talk);
    let large = batch(1, 0, &record(0, &[b'x'; 3000]));
    talk.send_cut(Client, &produce(1, 1, "orders", &large), 1400);
    talk.send(Server, &produced(1, "orders", 3));
    talk.send(Client, &fetch(2, &["orders"]));
    talk.send_cut(Server, &fetched(2, "orders", &large), 1400);
    talk.close();
    for packet in &mut talk.packets {
        packet.bytes.truncate(200);
    }
    let calls = exchanges(&talk.packets);
    assert_eq!(
        calls[1..].iter().map(line).collect::<Vec<_>>(),
        [
            "Produce orders UNKNOWN_TOPIC_OR_PARTITION truncated 3122/50 Open",
            "Fetch orders OK truncated 67/3130 Open"
        ]
    );
    assert_eq!(calls[1].request.headers.last().unwrap(), &("records".to_owned(), "1".to_owned()));
}

#[test]
fn many_open_requests_stay_within_the_bound() {
    let mut talk = Talk::open(4000);
    versions(&mut talk);
    for number in 0..20 {
        talk.send(Client, &heartbeat(number, "g", 0).0);
    }
    for number in 0..20 {
        talk.send(Server, &heartbeat(number, "g", 0).1);
    }
    talk.close();
    let calls = last(reports_within(&talk.packets, Limits { pending_per_flow: 6, ..Limits::new(100) }));
    let answered = calls[1..].iter().map(|call| call.status.is_some()).collect::<Vec<_>>();
    assert_eq!(answered, [vec![false; 14], vec![true; 6]].concat());
}

/// One call: a heartbeat, or records of that size sent or fetched.
#[derive(Debug, Clone)]
enum Planned {
    Heartbeat,
    Produce(usize),
    Fetch(usize),
}

fn planned() -> impl Strategy<Value = Planned> {
    let size = prop_oneof![1..200_usize, 200..5000_usize];
    prop_oneof![
        Just(Planned::Heartbeat),
        size.clone().prop_map(Planned::Produce),
        size.prop_map(Planned::Fetch)
    ]
}

fn said(n: usize, call: &Planned) -> [(By, Vec<u8>); 2] {
    let (number, name) = (n as i32 + 10, format!("t{n}"));
    let records = |size: usize| {
        let value: Vec<u8> = (0..size).map(|i| b'a' + ((i * 7 + n) % 26) as u8).collect();
        batch(1, 0, &record(0, &value))
    };
    let (asked, answered) = match call {
        Planned::Heartbeat => heartbeat(number, &name, 0),
        Planned::Produce(size) => (produce(number, 1, &name, &records(*size)), produced(number, &name, 0)),
        Planned::Fetch(size) => (fetch(number, &[&name]), fetched(number, &name, &records(*size))),
    };
    [(Client, asked), (Server, answered)]
}

/// One connection, and for each packet the calls whose bytes it carries.
fn connection(plans: &[Planned], size: usize, seqs: (u32, u32)) -> (Vec<Packet>, Vec<Option<usize>>) {
    let mut talk = Talk::starting_at(4000, seqs.0, seqs.1);
    talk.handshake();
    versions(&mut talk);
    let mut carries = vec![None; talk.packets.len()];
    for (n, call) in plans.iter().enumerate() {
        for (by, bytes) in said(n, call) {
            talk.send_cut(by, &bytes, size);
            carries.resize(talk.packets.len() - 1, Some(n));
            carries.push(None);
        }
    }
    talk.close();
    carries.resize(talk.packets.len(), None);
    (talk.packets, carries)
}

fn all_timeless(packets: &[Packet]) -> Vec<String> {
    exchanges(packets).iter().map(timeless).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn the_same_calls_however_they_are_cut_mixed_and_repeated(
        plans in prop::collection::vec(planned(), 1..8), size in 1..3000_usize, seqs in any::<(u32, u32)>(),
        reach in 0..4_usize, dice in prop::collection::vec(any::<u8>(), 1..40),
    ) {
        let (whole, _) = connection(&plans, 65_000, (1, 1));
        let (cut, _) = connection(&plans, size, seqs);
        prop_assert_eq!(all_timeless(&whole), all_timeless(&cut));
        prop_assert_eq!(all_timeless(&whole).len(), plans.len() + 1);
        let (cut, _) = connection(&plans, size.max(40), seqs);
        prop_assert_eq!(all_timeless(&mixed(&cut, reach, &dice)), all_timeless(&cut));
    }

    #[test]
    fn a_loss_touches_only_the_calls_it_hits(
        plans in prop::collection::vec(planned(), 1..10), size in 60..3000_usize,
        lost in prop::collection::vec(any::<prop::sample::Index>(), 1..4),
    ) {
        let (packets, carries) = connection(&plans, size, (5, u32::MAX - 5000));
        let first = carries.iter().position(Option::is_some).unwrap_or_default();
        let lost: BTreeSet<usize> =
            lost.iter().map(|index| first + index.index(packets.len() - first)).collect();
        let hit: BTreeSet<usize> = lost.iter().filter_map(|i| carries[*i]).collect();
        let kept: Vec<_> =
            packets.iter().enumerate().filter(|(i, _)| !lost.contains(i)).map(|(_, p)| p.clone()).collect();
        let unhurt = exchanges(&packets);
        let seen = exchanges(&kept);
        let shown = || seen.iter().map(line).collect::<Vec<_>>();
        for (n, call) in unhurt[1..].iter().enumerate().filter(|(n, _)| !hit.contains(n)) {
            let same = seen.iter().any(|s| Exchange { serial: call.serial, ..s.clone() } == *call);
            prop_assert!(same, "call {} {} is missing without {:?} {:?} in {:#?}", n, line(call), lost, carries, shown());
        }
        for call in seen.iter().filter(|call| call.protocol == Protocol::Kafka && call.quality == Quality::Complete) {
            // Nothing hurt is called whole, and nothing is paired that does not belong together.
            let whole = |u: &Exchange| {
                (&u.method, &u.target, &u.request, &u.response) == (&call.method, &call.target, &call.request, &call.response)
            };
            let waits = call.waits && call.response.is_none();
            prop_assert!(waits || unhurt.iter().any(whole), "{} in {:#?}", line(call), shown());
        }
    }

    #[test]
    fn no_bytes_panic_and_every_call_ends(
        segments in prop::collection::vec((any::<bool>(), 0..400_usize, 0..40_usize), 0..40), opening in any::<bool>(),
        noise in prop::collection::vec(any::<u8>(), 0..300), flips in prop::collection::vec((0..200_usize, any::<u8>()), 0..20),
    ) {
        let mut talk = Talk::new(4000);
        if opening {
            talk.handshake();
            versions(&mut talk);
        }
        let fixtures = fixtures();
        for (client, piece, cut) in segments {
            let mut bytes = match fixtures.get(piece / 2) {
                Some((_, asked, answered)) => if piece % 2 == 0 { asked.clone() } else { answered.clone() },
                None => noise.clone(),
            };
            for (at, flip) in &flips {
                if let Some(byte) = bytes.get_mut(*at) {
                    *byte ^= flip;
                }
            }
            bytes.truncate(bytes.len() - cut.min(bytes.len()));
            talk.send(if client { Client } else { Server }, &bytes);
        }
        talk.close();
        for call in exchanges(&talk.packets) {
            prop_assert!(call.done);
        }
    }
}
