//! MQTT: connects, publishes, deliveries and subscriptions become calls.

use std::collections::BTreeSet;

use model::exchange::{Exchange, Protocol, Quality, TopicRole};
use proptest::prelude::*;
use wire::Limits;

use crate::packets::{Client, Packet, Server, Talk, exchanges, last, line, lines, reports_within};
use crate::properties::mixed;

fn field(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u16).to_be_bytes(), bytes].concat()
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    let mut length = body.len();
    loop {
        let more = length > 0x7f;
        out.push((length & 0x7f) as u8 | if more { 0x80 } else { 0 });
        length >>= 7;
        if !more {
            break;
        }
    }
    [&out, body].concat()
}

fn connect(version: u8, flags: u8, rest: &[u8]) -> Vec<u8> {
    let properties: &[u8] = if version == 5 { &[0] } else { &[] };
    packet(0x10, &[&field(b"MQTT")[..], &[version, flags, 0, 60], properties, rest].concat())
}

/// A connection of the client `shop`.
fn connected(version: u8) -> Talk {
    let mut talk = Talk::open(4000);
    talk.send(Client, &connect(version, 2, &field(b"shop")));
    talk.send(Server, &packet(0x20, if version == 5 { &[0, 0, 0] } else { &[0, 0] }));
    talk
}

fn publish(flags: u8, topic: &str, id: u16, rest: &[u8]) -> Vec<u8> {
    let id: &[u8] = if flags & 6 == 0 { &[] } else { &id.to_be_bytes() };
    packet(0x30 | flags, &[&field(topic.as_bytes())[..], id, rest].concat())
}

fn answer(first: u8, id: u16, rest: &[u8]) -> Vec<u8> {
    packet(first, &[&id.to_be_bytes()[..], rest].concat())
}

fn without_connect(calls: Vec<Exchange>) -> Vec<Exchange> {
    assert_eq!(calls[0].method, "CONNECT");
    calls.into_iter().skip(1).collect()
}

fn fact<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

#[test]
fn a_connect_tells_who_comes_and_no_secret() {
    for (version, code, status, fails) in [
        (4, 0, "Connection Accepted", false),
        (4, 5, "Not authorized", true),
        (5, 0, "Success", false),
        (5, 0x86, "Bad User Name or Password", true),
    ] {
        let properties: &[u8] = if version == 5 { &[0] } else { &[] };
        let will = [properties, &field(b"gone")[..], &field(b"{\"bye\":1}")].concat();
        let rest = [field(b"shop"), will, field(b"ann"), field(b"s3cret")].concat();
        let mut talk = Talk::open(4000);
        talk.send(Client, &connect(version, 0xce, &rest));
        talk.send(Server, &packet(0x20, &[&[0, code], properties].concat()));
        let calls = exchanges(&talk.packets);
        let call = &calls[0];
        assert_eq!((calls.len(), call.protocol), (1, Protocol::Mqtt));
        assert_eq!((call.method.as_str(), call.target.as_str()), ("CONNECT", "shop"));
        assert_eq!((call.status.as_deref(), call.failure.is_some()), (Some(status), fails));
        assert_eq!(call.request.body, b"{\"bye\":1}");
        let headers = &call.request.headers;
        assert_eq!((fact(headers, "user"), fact(headers, "password")), (Some("ann"), Some("[redacted]")));
        assert_eq!((fact(headers, "will-topic"), fact(headers, "will-qos")), (Some("gone"), Some("1")));
        assert!(!format!("{calls:?}").contains("s3cret"));
    }
}

#[test]
fn a_message_that_the_capture_cut_short_has_its_answer() {
    let mut talk = connected(4);
    for id in 1..=2 {
        talk.send_short(Client, &publish(2, "a/b", id, &[b'x'; 400]), 60);
        talk.send(Server, &answer(0x40, id, b""));
    }
    talk.close();
    let calls = without_connect(exchanges(&talk.packets));
    let lines: Vec<_> = calls.iter().map(line).collect();
    assert_eq!(lines, ["PUBLISH a/b - truncated 410/4 Open"; 2]);
}

#[test]
fn a_client_without_a_name_has_the_one_it_is_given() {
    let mut talk = Talk::open(4000);
    talk.send(Client, &connect(5, 2, &field(b"")));
    talk.send(Server, &packet(0x20, &[&[1, 0, 7, 0x12][..], &field(b"auto")].concat()));
    let calls = exchanges(&talk.packets);
    assert_eq!(lines(&talk.packets), ["CONNECT auto Success complete 15/12 Open"]);
    assert_eq!(fact(&calls[0].response.as_ref().unwrap().headers, "session-present"), Some("true"));
}

#[test]
fn a_publish_is_answered_as_its_quality_of_service_asks() {
    let mut talk = connected(4);
    talk.send(Client, &publish(0, "a/b", 0, b"zero"));
    talk.send(Client, &publish(2, "a/b", 1, b"one"));
    talk.send(Client, &publish(4, "a/b", 2, b"two"));
    talk.send(Server, &answer(0x50, 2, &[]));
    talk.send(Server, &answer(0x40, 1, &[]));
    talk.send(Client, &answer(0x62, 2, &[]));
    talk.send(Server, &answer(0x70, 2, &[]));
    talk.send(Client, &publish(2, "a/b", 3, b"lost"));
    talk.close();
    let calls = without_connect(exchanges(&talk.packets));
    assert_eq!(
        calls.iter().map(line).collect::<Vec<_>>(),
        [
            "PUBLISH a/b - complete 11/- Open",
            "PUBLISH a/b - complete 12/4 Open",
            "PUBLISH a/b - complete 12/8 Open",
            "PUBLISH a/b - no-response 13/- Closed",
        ]
    );
    let half = calls[2].response.as_ref().unwrap();
    assert!(half.complete && half.last > half.first);
    for (call, body) in calls.iter().zip([&b"zero"[..], b"one", b"two", b"lost"]) {
        assert_eq!(call.request.body, body);
        assert_eq!(call.topic.as_ref().map(|t| (t.role, t.name.as_str())), Some((TopicRole::Sends, "a/b")));
        assert_eq!(call.request.media.as_deref(), Some("text/plain"));
    }
}

#[test]
fn what_is_sent_again_is_one_publish() {
    let mut talk = connected(4);
    for again in [0, 8, 8] {
        talk.send(Client, &publish(2 | again, "a", 9, b"x"));
    }
    talk.send(Server, &answer(0x40, 9, &[]));
    talk.send(Client, &publish(2, "a", 9, b"y"));
    let calls = without_connect(exchanges(&talk.packets));
    assert_eq!(calls.len(), 2);
    assert_eq!(fact(&calls[0].request.headers, "retries"), Some("2"));
    assert_eq!((calls[0].quality, calls[1].quality), (Quality::Complete, Quality::NoResponse));
}

#[test]
fn a_broker_of_version_5_says_why_not() {
    let mut talk = connected(5);
    talk.send(Client, &publish(2, "a", 1, b"\0x"));
    talk.send(Server, &answer(0x40, 1, &[&[0x87, 9, 0x1f][..], &field(b"no way")].concat()));
    talk.send(Client, &publish(4, "a", 2, b"\0x"));
    talk.send(Server, &answer(0x50, 2, &[0x97]));
    talk.send(Client, &publish(2, "a", 3, b"\0x"));
    talk.send(Server, &answer(0x40, 3, &[0x10]));
    talk.send(Client, &answer(0x82, 4, &[&[0][..], &field(b"x/#"), &[1], &field(b"$SYS/#"), &[0]].concat()));
    talk.send(Server, &answer(0x90, 4, &[0, 1, 0x87]));
    talk.send(Server, &packet(0xe0, &[0x8e]));
    talk.close();
    let calls = without_connect(exchanges(&talk.packets));
    let told: Vec<_> = calls.iter().map(|c| format!("{} {:?} {:?}", line(c), c.failure, c.waits)).collect();
    assert_eq!(
        told,
        [
            "PUBLISH a Not authorized complete 9/15 Open Some(\"no way\") false",
            "PUBLISH a Quota exceeded complete 9/5 Open Some(\"Quota exceeded\") false",
            "PUBLISH a No matching subscribers complete 9/5 Open None false",
            "SUBSCRIBE x/#, $SYS/# Not authorized complete 20/7 Open Some(\"Not authorized\") false",
            "DISCONNECT shop Session taken over complete 0/3 Open Some(\"Session taken over\") true",
        ]
    );
    let granted: Vec<_> =
        calls[3].response.as_ref().unwrap().headers.iter().map(|(_, v)| v.as_str()).collect();
    assert_eq!(granted, ["x/#: Granted QoS 1", "$SYS/#: Not authorized"]);
}

#[test]
fn a_delivery_is_received_and_the_client_says_when_it_took_it() {
    let mut talk = connected(4);
    talk.send(Client, &answer(0x82, 1, &[&field(b"a/+")[..], &[2]].concat()));
    talk.send(Server, &answer(0x90, 1, &[2]));
    talk.send(Server, &publish(1, "a/b", 0, b"{\"n\":1}"));
    // The broker's ids are its own: 1 is one of them.
    talk.send(Server, &publish(2, "a/b", 1, b"one"));
    talk.send(Client, &publish(2, "c", 1, b"mine"));
    talk.wait(5);
    talk.send(Client, &answer(0x40, 1, &[]));
    talk.send(Server, &answer(0x40, 1, &[]));
    talk.send(Client, &answer(0xa2, 2, &field(b"a/+")));
    talk.send(Server, &answer(0xb0, 2, &[]));
    talk.send(Client, &[0xc0, 0, 0xe0, 0]);
    talk.close();
    let calls = without_connect(exchanges(&talk.packets));
    assert_eq!(
        calls.iter().map(line).collect::<Vec<_>>(),
        [
            "SUBSCRIBE a/+ Granted QoS 2 complete 10/5 Open",
            "DELIVER a/b - complete 0/14 Open",
            "DELIVER a/b - complete 4/12 Open",
            "PUBLISH c - complete 11/4 Open",
            "UNSUBSCRIBE a/+ - complete 9/4 Open",
            "DISCONNECT shop - complete 2/- Open",
        ]
    );
    let half = calls[1].response.as_ref().unwrap();
    assert_eq!(
        (half.media.as_deref(), fact(&half.headers, "retain")),
        (Some("application/json"), Some("true"))
    );
    assert_eq!(fact(&calls[2].request.headers, "handling-ms"), Some("7.000"));
    assert!(calls[1].waits && calls[2].waits && !calls[3].waits);
    assert_eq!(calls[2].topic.as_ref().unwrap().role, TopicRole::Receives);
}

#[test]
fn a_number_stands_for_its_topic_and_correlation_joins_messages() {
    let alias = |number: u8, rest: &[u8]| [&[rest.len() as u8 + 3, 0x23, 0, number][..], rest].concat();
    let mut talk = connected(5);
    let correlation = [&[9][..], &field(b"id-7")].concat();
    talk.send(Client, &publish(0, "rpc", 0, &[&alias(1, &correlation)[..], b"a"].concat()));
    talk.send(Client, &publish(0, "", 0, &[&alias(1, &[])[..], b"b"].concat()));
    talk.send(Client, &publish(0, "", 0, &[&alias(2, &[])[..], b"c"].concat()));
    // Numbers of the broker are others.
    talk.send(Server, &publish(0, "", 0, &[&alias(1, &[])[..], b"d"].concat()));
    let calls = without_connect(exchanges(&talk.packets));
    let topics: Vec<_> = calls.iter().map(|c| c.topic.clone().unwrap()).map(|t| (t.name, t.key)).collect();
    let named = |name: &str, key: Option<&str>| (name.to_owned(), key.map(str::to_owned));
    assert_eq!(topics, [named("rpc", Some("id-7")), named("rpc", None), named("", None), named("", None)]);
}

#[test]
fn who_proves_anew_who_it_is_makes_a_call_of_all_steps() {
    let method = [&[0x15][..], &field(b"SCRAM"), &[0x16], &field(b"s3cret")].concat();
    let properties = [&[method.len() as u8][..], &method].concat();
    let mut talk = connected(5);
    for (by, code) in [(Client, 0x19), (Server, 0x18), (Client, 0x18), (Server, 0)] {
        talk.send(by, &packet(0xf0, &[&[code][..], &properties].concat()));
    }
    let calls = without_connect(exchanges(&talk.packets));
    assert_eq!(calls.iter().map(line).collect::<Vec<_>>(), ["AUTH SCRAM Success complete 42/42 Open"]);
    assert!(!format!("{calls:?}").contains("s3cret"));
}

#[test]
fn a_connection_that_is_older_than_the_capture_is_read_in_either_version() {
    for (properties, status) in [(&b""[..], "-"), (b"\0", "Success")] {
        let mut talk = Talk::new(4000);
        talk.send(Server, &answer(0x40, 7, &[]));
        talk.send(Client, &publish(2, "orders/new", 8, &[properties, b"{\"id\":8}"].concat()));
        talk.send(Server, &answer(0x40, 8, &[]));
        talk.send(Server, &publish(0, "replies", 0, &[properties, b"ok"].concat()));
        let calls = exchanges(&talk.packets);
        let calls: Vec<_> = calls.iter().filter(|call| call.protocol == Protocol::Mqtt).collect();
        let sizes = 24 + properties.len();
        let told: Vec<_> = calls.iter().map(|call| line(call)).collect();
        assert!(told.contains(&format!("PUBLISH orders/new {status} complete {sizes}/4 Open")), "{told:?}");
        assert!(told.iter().any(|told| told.starts_with("DELIVER replies - complete")), "{told:?}");
        let bodies: Vec<_> = calls.iter().map(|call| call.request.body.as_slice()).collect();
        assert!(bodies.contains(&&b"{\"id\":8}"[..]), "{bodies:?}");
    }
}

#[test]
fn bodies_are_cut_at_the_limit_and_counted_to_the_end() {
    let mut talk = connected(4);
    talk.send_cut(Client, &publish(2, "big", 1, &vec![b'x'; 100_000]), 1400);
    talk.send(Server, &answer(0x40, 1, &[]));
    let calls = without_connect(last(reports_within(&talk.packets, Limits::new(10))));
    assert_eq!(calls.iter().map(line).collect::<Vec<_>>(), ["PUBLISH big - complete 100011/4 Open"]);
    assert_eq!((calls[0].request.body.as_slice(), calls[0].request.cut), (&b"xxxxxxxxxx"[..], true));
    assert!(calls[0].request.complete && calls[0].request.last > calls[0].request.first);
}

#[derive(Debug, Clone)]
struct Planned {
    qos: u8,
    size: usize,
    deliver: bool,
}

fn planned() -> impl Strategy<Value = Planned> {
    (0..3_u8, prop_oneof![0..40_usize, 40..6000_usize], any::<bool>())
        .prop_map(|(qos, size, deliver)| Planned { qos, size, deliver })
}

/// One connection, and for each packet the call whose bytes it carries.
fn connection(plans: &[Planned], version: u8, size: usize) -> (Vec<Packet>, Vec<Option<usize>>) {
    let mut talk = connected(version);
    let mut carries = vec![None; talk.packets.len()];
    for (n, plan) in plans.iter().enumerate() {
        let properties: &[u8] = if version == 5 { &[0] } else { &[] };
        let id = n as u16 + 1;
        let payload = [properties, &vec![b'a' + (n % 26) as u8; plan.size]].concat();
        let (by, other) = if plan.deliver { (Server, Client) } else { (Client, Server) };
        let mut steps = vec![(by, publish(plan.qos << 1, &format!("topic/{n}"), id, &payload))];
        match plan.qos {
            0 => {}
            1 => steps.push((other, answer(0x40, id, &[]))),
            _ => steps.extend([
                (other, answer(0x50, id, &[])),
                (by, answer(0x62, id, &[])),
                (other, answer(0x70, id, &[])),
            ]),
        }
        for (by, bytes) in steps {
            talk.send_cut(by, &bytes, size);
            carries.resize(talk.packets.len() - 1, Some(n));
            carries.push(None);
        }
    }
    talk.close();
    carries.resize(talk.packets.len(), None);
    (talk.packets, carries)
}

fn timeless(packets: &[Packet]) -> Vec<String> {
    let half = |half: &model::exchange::Message| {
        let headers: Vec<_> = half.headers.iter().filter(|(name, _)| name != "handling-ms").collect();
        format!("{headers:?} {} {:?}", half.bytes, half.body)
    };
    let call = |call: &Exchange| {
        format!("{} {} {:?}", line(call), half(&call.request), call.response.as_ref().map(half))
    };
    exchanges(packets).iter().map(call).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn the_same_calls_however_they_are_cut(
        plans in prop::collection::vec(planned(), 1..6), modern in any::<bool>(), size in 1..3000_usize,
    ) {
        let version = if modern { 5 } else { 4 };
        let (whole, _) = connection(&plans, version, 60_000);
        let (cut, _) = connection(&plans, version, size);
        prop_assert_eq!(timeless(&whole), timeless(&cut));
        prop_assert_eq!(timeless(&whole).len(), plans.len() + 1);
    }

    #[test]
    fn the_same_calls_however_they_are_mixed_and_repeated(
        plans in prop::collection::vec(planned(), 1..6), size in 40..3000_usize, reach in 0..4_usize,
        dice in prop::collection::vec(any::<u8>(), 1..40),
    ) {
        let (packets, _) = connection(&plans, 5, size);
        prop_assert_eq!(timeless(&mixed(&packets, reach, &dice)), timeless(&packets));
    }

    #[test]
    fn a_loss_touches_only_the_calls_it_hits(
        plans in prop::collection::vec(planned(), 1..8), modern in any::<bool>(), size in 200..3000_usize,
        lost in prop::collection::vec(any::<prop::sample::Index>(), 1..4),
    ) {
        let (packets, carries) = connection(&plans, if modern { 5 } else { 4 }, size);
        let lost: BTreeSet<usize> = lost.iter().map(|index| index.index(packets.len())).collect();
        let hit: BTreeSet<usize> = lost.iter().filter_map(|i| carries[*i]).collect();
        let kept: Vec<_> =
            packets.iter().enumerate().filter(|(i, _)| !lost.contains(i)).map(|(_, p)| p.clone()).collect();
        let (unhurt, seen) = (exchanges(&packets), exchanges(&kept));
        // The connect comes before the planned ones, and all else depends on its being seen.
        if lost.iter().any(|i| *i < 5) {
            return Ok(());
        }
        for (n, plan) in plans.iter().enumerate().filter(|(n, _)| !hit.contains(n)) {
            let call = unhurt.iter().find(|u| u.target == format!("topic/{n}")).unwrap();
            let same = seen.iter().any(|s| Exchange { serial: call.serial, ..s.clone() } == *call);
            prop_assert!(same, "call {n} {plan:?} is missing without {lost:?} in {:#?}", seen.iter().map(line).collect::<Vec<_>>());
        }
        for call in seen.iter().filter(|call| call.quality == Quality::Complete && call.protocol == Protocol::Mqtt) {
            let same = unhurt.iter().any(|u| (&u.method, &u.target, u.request.bytes) == (&call.method, &call.target, call.request.bytes));
            // A delivery whose acknowledgement was lost has less of a request, and that is all that it lacks.
            prop_assert!(same || call.method == "DELIVER", "{}", line(call));
        }
    }

    #[test]
    fn no_bytes_panic(
        pieces in prop::collection::vec((any::<bool>(), 0..9_usize, prop::collection::vec(any::<u8>(), 0..60)), 0..30),
        begun in any::<bool>(),
    ) {
        let mut talk = if begun { connected(5) } else { Talk::open(4000) };
        for (client, first, body) in pieces {
            let first = [0x10, 0x20, 0x30, 0x32, 0x34, 0x82, 0x90, 0xf0, 0x00][first];
            talk.send(if client { Client } else { Server }, &packet(first, &body));
        }
        talk.close();
        for call in exchanges(&talk.packets) {
            prop_assert!(call.done);
        }
    }
}
