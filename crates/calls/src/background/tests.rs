//! What is background, and what only looks like it.

use model::call::Background::{self, Health, Metrics};

use super::*;
use crate::tests::fixture::{call, exchange, header as put, later};

fn asked(protocol: Protocol, method: &str, target: &str) -> Option<Background> {
    let mut x = exchange(1, 0, method, target);
    x.protocol = protocol;
    let found = Asked::by(&x).background(Some("/am-i-up?full=1"));
    assert_eq!(Asked::by_call(&call(x, "web", "orders")).background(Some("/am-i-up")), found);
    found
}

#[test]
fn requests_that_only_ask_whether_somebody_is_there() {
    use Protocol::{Grpc, Http1, Http2, Kafka, Mongodb, Mysql, Redis, Tcp};
    for (protocol, method, target, expected) in [
        (Http1, "GET", "/am-i-up", Some(Health)),
        (Http1, "GET", "/am-i-up/?x=1", Some(Health)),
        (Http1, "GET", "/healthz", Some(Health)),
        (Http2, "HEAD", "/api/v1/health", Some(Health)),
        (Http1, "GET", "/Health/", Some(Health)),
        (Http1, "GET", "/actuator/health/liveness", Some(Health)),
        (Http1, "GET", "/-/ready", Some(Health)),
        (Http1, "GET", "/metrics", Some(Metrics)),
        (Http1, "GET", "/actuator/prometheus", Some(Metrics)),
        (Http1, "GET", "/", None),
        (Http1, "POST", "/healthz", None),
        (Http1, "GET", "/patients/7/records/3/health", None),
        (Http1, "GET", "/healthy-food", None),
        (Http1, "GET", "/orders/ready", None),
        (Http1, "GET", "/metrics/7", None),
        (Grpc, "POST", "/grpc.health.v1.Health/Check", Some(Health)),
        (Grpc, "POST", "/shop.Orders/Place", None),
        (Redis, "PING", "", Some(Health)),
        (Redis, "GET", "ping", None),
        (Mongodb, "hello", "", Some(Health)),
        (Mongodb, "isMaster", "", Some(Health)),
        (Mongodb, "find", "hello", None),
        (Kafka, "Heartbeat", "group", Some(Health)),
        (Mysql, "PING", "", Some(Health)),
        (Tcp, "", "", None),
    ] {
        assert_eq!(asked(protocol, method, target), expected, "{method} {target}");
    }
}

#[test]
fn agents_tell_what_they_are() {
    for (agent, expected) in [
        ("kube-probe/1.31", Some(Health)),
        ("Consul Health Check", Some(Health)),
        ("Prometheus/3.1.0", Some(Metrics)),
        ("curl/8.5", None),
        ("not-kube-probe/1", None),
    ] {
        let mut x = exchange(1, 0, "GET", "/orders");
        put(&mut x.request, "User-Agent", agent);
        assert_eq!(Asked::by(&x).background(None), expected, "{agent}");
    }
}

#[test]
fn statements_that_ask_nothing() {
    for (statement, expected) in [
        ("SELECT 1", true),
        ("select 1;", true),
        ("/* ping */ SELECT 1", true),
        ("SELECT 'x' ; ", true),
        ("SELECT 1 FROM DUAL", true),
        ("select 1 as ok", true),
        ("-- ping", true),
        (";", true),
        ("SELECT 1 FROM orders", false),
        ("SELECT a", false),
        ("SELECT 1, 2", false),
        ("/* never closed", false),
        ("DELETE FROM orders", false),
    ] {
        let mut x = exchange(1, 0, "SELECT", "");
        x.protocol = Protocol::Postgres;
        x.request.media = Some("application/sql".to_owned());
        x.request.body = statement.into();
        assert_eq!(Asked::by(&x).background(None).is_some(), expected, "{statement}");
    }
    let mut unseen = exchange(1, 0, "SELECT", "");
    unseen.protocol = Protocol::Postgres;
    assert_eq!(
        Asked::by(&unseen).background(None),
        None,
        "a statement that was not seen asks who knows what"
    );
}

/// Which calls that begin at these milliseconds, with these statuses, are polls.
fn polls(calls: &[(i64, &str)]) -> Vec<u64> {
    let mut rhythms = Rhythms::default();
    let mut found = Vec::new();
    for (ordinal, (ms, status)) in calls.iter().enumerate() {
        let mut x = later(exchange(1, 0, "GET", "/orders"), *ms);
        x.status = Some((*status).to_owned());
        found.extend(rhythms.beat(0, &call(x, "web", "orders"), ordinal as u64));
    }
    found
}

fn every(step: i64, count: i64) -> Vec<(i64, &'static str)> {
    (0..count).map(|i| (i * step, "200")).collect()
}

#[test]
fn a_steady_rhythm_is_a_poll_from_its_first_call_on() {
    assert!(polls(&every(1000, 7)).is_empty());
    assert_eq!(polls(&every(1000, 10)), (0..10).collect::<Vec<_>>());
    let wavering: Vec<_> =
        every(2000, 12).iter().enumerate().map(|(i, c)| (c.0 + [0, 150, -100][i % 3], c.1)).collect();
    assert_eq!(polls(&wavering).len(), 12);
    // What came before the rhythm is none of it.
    let mut late = vec![(0, "200"), (100, "200")];
    late.extend(every(3000, 9).iter().map(|c| (c.0 + 60_000, c.1)));
    assert_eq!(polls(&late), (2..11).collect::<Vec<_>>());
}

#[test]
fn work_is_no_poll() {
    assert!(polls(&every(20, 100)).is_empty(), "too fast");
    let uneven: Vec<_> =
        (0..40i64).map(|i| (i * 1000 + [0, 400, -300, 100, 350][(i % 5) as usize], "200")).collect();
    assert!(polls(&uneven).is_empty());
    let mixed: Vec<_> = every(1000, 40)
        .iter()
        .enumerate()
        .map(|(i, c)| (c.0, ["200", "404"][usize::from(i % 5 == 4)]))
        .collect();
    assert!(polls(&mixed).is_empty());
    let mut broken = every(1000, 10);
    broken.push((10_000, "503"));
    assert_eq!(polls(&broken).len(), 10, "another outcome is worth seeing");
}

#[test]
fn a_walk_over_many_things_is_no_poll_at_any_pace() {
    let mut rhythms = Rhythms::default();
    let mut found = |i: i64, target: &str, body: &str| {
        let mut x = later(exchange(1, 0, "GET", target), i * 1000);
        x.request.body = body.into();
        rhythms.beat(0, &call(x, "web", "orders"), i as u64).len()
    };
    assert!((0..20).all(|i| found(i, &format!("/orders/{}", 1000 + i * 37), "") == 0));
    assert!((20..40).all(|i| found(i, "orders", &format!("SELECT * FROM orders WHERE id = {i}")) == 0));
    assert_eq!((40..60).map(|i| found(i, "/orders/7", "")).sum::<usize>(), 20);
}

#[test]
fn rows_are_bounded() {
    let mut rhythms = Rhythms::default();
    for i in 0..3 * 2048 {
        let x = call(later(exchange(1, 0, "GET", "/"), i), "web", "orders");
        assert!(rhythms.beat(i as usize, &x, i as u64).is_empty());
    }
    assert!(format!("{rhythms:?}").matches("Row {").count() <= 2048);
}
