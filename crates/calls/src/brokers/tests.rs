//! Who spoke to whom through a broker.

use model::Timestamp;
use model::call::Edge;
use model::exchange::{Exchange, Part, Protocol, Tally, Topic, TopicRole};

use super::place::covers;
use crate::tests::fixture::{DB, ORDERS, WEB, addr, at, calls, exchange, header, message};
use crate::{Calls, Limits, Position, Query, Source, map};

const MAIL: &str = "172.20.0.9";

/// A call to the broker, which is `db`.
fn ask(
    conn: u64,
    from: &str,
    protocol: Protocol,
    role: TopicRole,
    name: &str,
    key: Option<&str>,
    ms: i64,
) -> Exchange {
    let method = if role == Sends { "Publish" } else { "Deliver" };
    let mut x = exchange(conn, 0, method, name);
    (x.client, x.server, x.protocol) = (addr(from, 40_000), addr(DB, 5672), protocol);
    x.request = message(at(ms), at(ms), 5);
    let mut response = message(at(ms + 1), at(ms + 1), 7);
    if role == Receives {
        response.body = b"a letter".to_vec();
    }
    x.response = Some(response);
    x.status = None;
    x.topic = Some(Topic { role, name: name.to_owned(), key: key.map(str::to_owned) });
    x
}

fn store() -> Calls {
    let mut calls = calls(Limits::default());
    calls.names_mut().learn(MAIL.parse().unwrap(), "mail", at(-60_000));
    calls
}

/// `web -> mail via db: orders 2`
fn joined(calls: &Calls) -> Vec<String> {
    let via = calls.edges().into_iter().filter(|edge| edge.via.is_some());
    let shown = via.map(|edge| {
        let ms = edge.p50_ms.map(|ms| format!(" {ms:.0} ms")).unwrap_or_default();
        let (via, topic) = (edge.via.unwrap(), edge.topic.unwrap());
        format!("{} -> {} via {via}: {topic} {}{ms}", edge.from, edge.to, edge.calls)
    });
    shown.collect()
}

use Protocol::{Amqp, Kafka, Mqtt, Nats, Redis};
use TopicRole::{Receives, Sends};

#[test]
fn a_key_tells_who_sent_it_and_how_long_it_took() {
    let mut calls = store();
    calls.observe(ask(1, WEB, Amqp, Sends, "orders", Some("a"), 0));
    calls.observe(ask(2, ORDERS, Amqp, Sends, "orders", Some("b"), 10));
    calls.observe(ask(3, MAIL, Amqp, Receives, "orders", Some("a"), 99));
    calls.observe(ask(4, MAIL, Amqp, Receives, "orders", Some("b"), 199));
    assert_eq!(
        joined(&calls),
        ["orders -> mail via db: orders 1 190 ms", "web -> mail via db: orders 1 100 ms"]
    );
    // The two edges to the broker are still there.
    assert_eq!(calls.edges().len(), 5);
    let sum: u64 = calls.edges().iter().filter(|edge| edge.via.is_none()).map(|edge| edge.calls).sum();
    assert_eq!(sum, 4);
}

#[test]
fn without_a_key_the_newest_sender_is_meant() {
    let mut calls = store();
    calls.observe(ask(1, WEB, Amqp, Sends, "orders", None, 0));
    calls.observe(ask(2, MAIL, Amqp, Receives, "orders", None, 10));
    calls.observe(ask(3, ORDERS, Amqp, Sends, "orders", None, 20));
    calls.observe(ask(4, MAIL, Amqp, Receives, "orders", None, 30));
    calls.observe(ask(5, MAIL, Amqp, Receives, "letters", None, 40));
    assert_eq!(joined(&calls), ["orders -> mail via db: orders 1", "web -> mail via db: orders 1"]);
}

#[test]
fn a_key_of_several_messages_tells_no_time() {
    let mut calls = store();
    calls.observe(ask(1, WEB, Kafka, Sends, "orders", Some("customer"), 0));
    calls.observe(ask(2, WEB, Kafka, Sends, "orders", Some("customer"), 50));
    let mut fetch = ask(3, MAIL, Kafka, Receives, "orders", Some("customer"), 99);
    header(fetch.response.as_mut().unwrap(), "records", "3");
    calls.observe(fetch);
    let mut nothing = ask(4, MAIL, Kafka, Receives, "orders", None, 199);
    header(nothing.response.as_mut().unwrap(), "records", "0");
    calls.observe(nothing);
    assert_eq!(joined(&calls), ["web -> mail via db: orders 3"]);
    // Received, it may come again.
    calls.observe(ask(5, WEB, Kafka, Sends, "orders", Some("customer"), 300));
    let mut fetch = ask(6, MAIL, Kafka, Receives, "orders", Some("customer"), 309);
    header(fetch.response.as_mut().unwrap(), "records", "1");
    calls.observe(fetch);
    assert_eq!(joined(&calls), ["web -> mail via db: orders 4 10 ms"]);
}

#[test]
fn a_subscription_is_counted_as_it_goes_on() {
    let mut calls = store();
    calls.observe(ask(1, WEB, Redis, Sends, "orders:7:placed", None, 0));
    let mut listening = ask(2, MAIL, Redis, Receives, "orders:*", None, 0);
    (listening.done, listening.waits) = (false, true);
    let response = listening.response.as_mut().unwrap();
    (response.complete, response.body) = (false, Vec::new());
    calls.observe(listening.clone());
    assert_eq!(joined(&calls), [""; 0]);
    for (i, kind) in
        ["subscribe", "message orders:7:placed", "message", "message orders:8:placed"].iter().enumerate()
    {
        let response = listening.response.as_mut().unwrap();
        response.parts.push(Part { at: at(10 * i as i64), kind: (*kind).to_owned(), bytes: 4, kept: 0 });
        response.bytes += 4;
        response.last = Timestamp(response.last.0 + 1);
        calls.observe(listening.clone());
        calls.observe(listening.clone());
    }
    // Nobody was seen to send the last one.
    assert_eq!(joined(&calls), ["web -> mail via db: orders:{id}:placed 2"]);
}

/// A subscription of `mail` that got so many messages, of which `wire` lists the first and the newest.
fn subscription(messages: u64) -> Exchange {
    let mut listening = ask(2, MAIL, Redis, Receives, "news", None, 0);
    (listening.done, listening.waits) = (false, true);
    let response = listening.response.as_mut().unwrap();
    (response.complete, response.body, response.messages) = (false, Vec::new(), messages);
    let newest = messages.saturating_sub(80).max(20);
    let listed = (0..messages.min(20)).chain(newest..messages.max(newest));
    let part = |i| Part { at: at(10 + i as i64), kind: "message".to_owned(), bytes: 4, kept: 0 };
    response.parts = listed.map(part).collect();
    (response.bytes, response.last) = (4 * messages, at(10 + messages as i64));
    listening
}

#[test]
fn a_long_subscription_is_counted_to_its_last_message_and_after_it_was_evicted() {
    let mut calls = calls(Limits { calls: 3, ..Limits::default() });
    calls.names_mut().learn(MAIL.parse().unwrap(), "mail", at(-60_000));
    calls.observe(ask(1, WEB, Redis, Sends, "news", None, 0));
    for messages in [0, 7, 30, 100, 1_500, 1_501, 20_000] {
        calls.observe(subscription(messages));
        let expected = Vec::from_iter((messages > 0).then(|| format!("web -> mail via db: news {messages}")));
        assert_eq!(joined(&calls), expected);
    }
    for i in 0..5 {
        calls.observe(ask(10 + i, WEB, Redis, Sends, "news", None, 5));
    }
    assert!(calls.list(&Query::default(), Position::Oldest, 9).calls.iter().all(|call| !call.waits));
    for messages in [20_100, 31_000] {
        calls.observe(subscription(messages));
        assert_eq!(joined(&calls), [format!("web -> mail via db: news {messages}")]);
    }
    let edge = calls.edges().into_iter().find(|edge| edge.via.is_some()).unwrap();
    assert_eq!(edge.bytes, 4 * 31_000);
}

#[test]
fn what_was_only_counted_is_joined_as_well() {
    let mut calls = store();
    let count = |calls: &mut Calls, like: Exchange, messages| {
        let tally = Tally { like, calls: 50, bytes: 0, messages, micros: Vec::new() };
        calls.count(Source::default(), &tally);
    };
    count(&mut calls, ask(1, WEB, Kafka, Sends, "orders", None, 0), 0);
    count(&mut calls, ask(2, MAIL, Kafka, Receives, "orders", None, 9), 400);
    count(&mut calls, ask(3, ORDERS, Kafka, Receives, "orders", None, 9), 0);
    count(&mut calls, ask(4, WEB, Nats, Sends, "letters", None, 0), 0);
    let mut pushed = ask(5, MAIL, Nats, Receives, "letters", None, 9);
    pushed.method = "MSG".to_owned();
    count(&mut calls, pushed, 0);
    assert_eq!(joined(&calls), ["web -> mail via db: orders 400", "web -> mail via db: letters 50"]);
}

#[test]
fn each_topic_of_a_batch_is_its_own() {
    let mut calls = store();
    let mut sent = ask(1, WEB, Kafka, Sends, "orders", None, 0);
    header(&mut sent.request, "topics", "orders=3, payments=2");
    calls.observe(sent);
    let mut fetch = ask(2, MAIL, Kafka, Receives, "orders", None, 10);
    header(fetch.response.as_mut().unwrap(), "topics", "orders=3, payments=2");
    header(fetch.response.as_mut().unwrap(), "records", "5");
    calls.observe(fetch);
    assert_eq!(joined(&calls), ["web -> mail via db: orders 3", "web -> mail via db: payments 2"]);
}

#[test]
fn what_was_not_delivered_does_not_count() {
    let mut calls = store();
    calls.observe(ask(1, WEB, Redis, Sends, "jobs", None, 0));
    let mut empty = ask(2, MAIL, Redis, Receives, "jobs", None, 10);
    empty.response.as_mut().unwrap().body = b"(nil)".to_vec();
    calls.observe(empty);
    let mut failed = ask(3, MAIL, Redis, Receives, "jobs", None, 20);
    failed.method = "BLPOP".to_owned();
    failed.failure = Some("WRONGTYPE".to_owned());
    calls.observe(failed);
    let mut refused = ask(4, ORDERS, Redis, Sends, "jobs", None, 30);
    refused.failure = Some("NOPERM".to_owned());
    calls.observe(refused);
    calls.observe(ask(5, MAIL, Redis, Receives, "jobs", None, 40));
    assert_eq!(joined(&calls), ["web -> mail via db: jobs 1"]);
}

#[test]
fn a_message_that_is_not_answered_or_is_rejected_has_come() {
    let mut calls = store();
    calls.observe(ask(1, WEB, Nats, Sends, "jobs", None, 0));
    let mut unanswered = ask(2, MAIL, Nats, Receives, "jobs", None, 10);
    unanswered.method = "MSG".to_owned();
    unanswered.request.body = b"a job".to_vec();
    unanswered.response = None;
    calls.observe(unanswered);
    let mut rejected = ask(3, MAIL, Nats, Receives, "jobs", None, 20);
    rejected.failure = Some("rejected by the consumer".to_owned());
    calls.observe(rejected);
    assert_eq!(joined(&calls), ["web -> mail via db: jobs 2"]);
}

#[test]
fn a_key_that_is_told_later_still_counts_once() {
    let mut calls = store();
    let mut sent = ask(1, WEB, Amqp, Sends, "orders", None, 0);
    sent.done = false;
    calls.observe(sent.clone());
    (sent.done, sent.topic.as_mut().unwrap().key) = (true, Some("a".to_owned()));
    calls.observe(sent);
    // A reply goes to a place of its own, known by the key.
    let mut got = ask(2, MAIL, Amqp, Receives, "queue", Some("a"), 9);
    got.done = false;
    calls.observe(got.clone());
    got.done = true;
    calls.observe(got);
    assert_eq!(joined(&calls), ["web -> mail via db: orders 1 10 ms"]);
}

#[test]
fn a_delivery_that_is_told_before_what_was_sent_is_joined_all_the_same() {
    let mut calls = store();
    // The broker gives the waiting one its message first, and answers the sender then.
    calls.observe(ask(1, MAIL, Redis, Receives, "mail", None, 10));
    calls.observe(ask(2, MAIL, Amqp, Receives, "letters", Some("a"), 10));
    calls.observe(ask(3, MAIL, Nats, Receives, "orders.>", None, 10));
    // Left by somebody unseen, long ago.
    calls.observe(ask(4, MAIL, Redis, Receives, "attic", None, 10));
    assert_eq!(joined(&calls), [""; 0]);
    calls.observe(ask(5, WEB, Redis, Sends, "mail", None, 9));
    calls.observe(ask(6, WEB, Amqp, Sends, "post/letters", Some("a"), 5));
    calls.observe(ask(7, WEB, Nats, Sends, "orders.7", None, 9));
    calls.observe(ask(8, WEB, Redis, Sends, "attic", None, 60));
    assert_eq!(
        joined(&calls),
        [
            "web -> mail via db: mail 1",
            "web -> mail via db: post/letters 1 6 ms",
            "web -> mail via db: orders.{id} 1"
        ]
    );
}

#[test]
fn a_notification_of_postgresql_is_a_message() {
    let mut calls = store();
    let mut listening = ask(1, MAIL, Protocol::Postgres, Receives, "sales", None, 0);
    let response = listening.response.as_mut().unwrap();
    response.parts.push(Part { at: at(10), kind: "notification".to_owned(), bytes: 6, kept: 0 });
    calls.observe(ask(2, WEB, Protocol::Postgres, Sends, "sales", None, 5));
    calls.observe(listening);
    assert_eq!(joined(&calls), ["web -> mail via db: sales 1"]);
}

#[test]
fn patterns_of_each_protocol() {
    for (protocol, pattern, name, expected) in [
        (Nats, "orders.*", "orders.7", true),
        (Nats, "orders.*", "orders.7.x", false),
        (Nats, "orders.>", "orders.7.x", true),
        (Nats, "orders", "orders", true),
        (Mqtt, "rooms/+/light", "rooms/7/light", true),
        (Mqtt, "rooms/+/light", "rooms/7/door", false),
        (Mqtt, "rooms/#", "rooms/7/door", true),
        (Redis, "o*:?laced", "orders:7:placed", true),
        (Redis, "o*:?laced", "orders:7:paid", false),
        (Redis, "orders", "orders", false),
        (Kafka, "*", "orders", false),
    ] {
        assert_eq!(covers(protocol, pattern, name), expected, "{pattern} {name}");
    }
    assert!(!covers(Redis, &"*a".repeat(2000), &"a".repeat(1999)), "no pattern takes long");
}

#[test]
fn memory_is_bounded() {
    let mut calls = store();
    for i in 0..3000i64 {
        calls.observe(ask(2 * i as u64, WEB, Nats, Sends, &format!("w{i}x.y"), Some(&i.to_string()), i));
        calls.observe(ask(2 * i as u64 + 1, MAIL, Nats, Receives, &format!("w{i}x.y"), None, i));
    }
    let via: Vec<Edge> = calls.edges().into_iter().filter(|edge| edge.via.is_some()).collect();
    assert_eq!(via.len(), super::EDGES + 1);
    assert_eq!(via.iter().map(|edge| edge.calls).sum::<u64>(), 3000);
    assert_eq!(calls.brokers.places.len(), super::PLACES);
}

#[test]
fn drawn_as_dashes() {
    let mut calls = store();
    calls.observe(ask(1, WEB, Amqp, Sends, "orders", None, 0));
    calls.observe(ask(2, MAIL, Amqp, Receives, "orders", None, 10));
    let via: Vec<Edge> = calls.edges().into_iter().filter(|edge| edge.via.is_some()).collect();
    let dot = map::dot(&via);
    assert!(
        dot.contains("\"web\" -> \"mail\" [label=\"amqp, 1 message, orders via db\", style=dashed];"),
        "{dot}"
    );
    let mermaid = map::mermaid(&via);
    assert!(mermaid.contains("n1 -.->|\"amqp, 1 message, orders via db\"| n0"), "{mermaid}");
}
