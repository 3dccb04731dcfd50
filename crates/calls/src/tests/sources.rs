//! Several guests at once: the one of the networks, and those of loopbacks.

use std::time::Duration;

use model::call::{Background, Call, OUTSIDE};
use model::exchange::{Exchange, Protocol};
use model::plan::{AllowRule, Check, Probe, Speaks};

use super::fixture::{ORDERS, addr, at, calls, exchange, later, pending, plan};
use crate::{Change, Limits, Source};

#[test]
fn a_new_capture_begins_its_connections_anew() {
    let mut calls = calls(Limits::default());
    let whole = exchange(1, 0, "GET", "/");
    let (first, loopback) = (calls.begin(None), calls.begin(Some("orders")));
    calls.observe_of(first, pending(&whole));
    calls.observe_of(loopback, pending(&whole));
    calls.end(first);
    let old = calls.get("e1-0").unwrap();
    assert_eq!((old.done, old.ok, old.ms), (true, true, None));
    assert!(old.note.as_deref().unwrap().contains("capture ended"));
    assert!(!calls.get("e1-1").unwrap().done, "what another one hears goes on");
    assert_eq!(calls.head().pending, 1);
    let second = calls.begin(None);
    assert_eq!(calls.observe_of(second, whole.clone()), Change::New("e1-2".to_owned()));
    assert_eq!(calls.get("e1-2").unwrap().conn, "e1.3.1");
    assert_eq!(calls.observe_of(loopback, whole), Change::Updated("e1-1".to_owned()));
    assert_eq!(calls.head().pending, 0);
}

#[test]
fn a_call_whose_end_was_lost_on_the_way_does_not_go_on_for_ever() {
    let mut calls = calls(Limits { calls: 2, bytes: usize::MAX });
    let source = calls.begin(None);
    let all: Vec<_> = (0..3).map(|serial| exchange(1, serial, "GET", "/")).collect();
    for whole in &all {
        calls.observe_of(source, pending(whole));
    }
    // The first was evicted, and goes on as the last does.
    assert_eq!((calls.len(), calls.head().pending), (2, 3));
    calls.still_open(source, &[(1, 0), (1, 2)]);
    assert_eq!(calls.head().pending, 2);
    let lost = calls.get("e1-1").unwrap();
    assert!(lost.done && lost.note.as_deref().unwrap().contains("lost on the way"), "{lost:?}");
    assert!(!calls.get("e1-2").unwrap().done);
    calls.still_open(Source::default(), &[]);
    assert_eq!(calls.head().pending, 2, "another guest says nothing of these");
    calls.still_open(source, &[]);
    assert_eq!(calls.head().pending, 0);
    // Its end comes after all: it counts once.
    assert_eq!(calls.observe_of(source, all[1].clone()), Change::Updated("e1-1".to_owned()));
    assert_eq!((calls.head().pending, calls.head().total), (0, 3));
}

#[test]
fn what_others_say_to_each_other_on_a_network_that_they_share_with_the_stack_is_no_call() {
    let mut calls = calls(Limits::default());
    calls.names_mut().shared_subnets(["10.9.0.0/16"].into_iter());
    let between = |conn: u64, client: &str, server: &str| Exchange {
        client: addr(client, 4000),
        server: addr(server, 80),
        ..exchange(conn, 0, "GET", "/")
    };
    assert_eq!(calls.observe(between(1, "10.9.0.2", "10.9.0.3")), Change::Ignored);
    assert!(matches!(calls.observe(between(2, ORDERS, "10.9.0.3")), Change::New(_)));
    assert!(matches!(calls.observe(between(3, "10.9.0.2", ORDERS)), Change::New(_)));
    assert!(matches!(calls.observe(between(4, "10.8.0.2", "10.8.0.3")), Change::New(_)));
    assert_eq!(calls.head().total, 3);
}

#[test]
fn what_is_heard_on_a_services_loopback_is_its_own_whatever_addresses_it_bears() {
    let mut calls = calls(Limits::default());
    let exec = Probe {
        check: Check::Exec(vec!["pg_isready".to_owned()]),
        every: Duration::from_millis(25),
        timeout: Duration::from_secs(1),
        within: Duration::from_mins(1),
    };
    let mut plan = plan(&[("orders", &[]), ("web", &[])]);
    plan.services.get_mut("orders").unwrap().ready = Some(exec);
    plan.allow = vec![AllowRule { from: "orders".to_owned(), to: vec!["web".to_owned()] }];
    let speaks =
        |service: &str| Speaks { service: service.to_owned(), port: 5433, protocol: Protocol::Postgres };
    plan.calls.protocols = vec![speaks("orders"), speaks("web")];
    calls.configure(&plan);
    let source = calls.begin(Some("orders"));
    let local = |x: Exchange, ends: [&str; 2]| {
        let [client, server] = ends.map(|end| end.parse().unwrap());
        Exchange { client, server, ..x }
    };
    let ends = |call: &Call| (call.from.service.clone(), call.to.service.clone());
    for (serial, own) in
        [["127.0.0.1:4000", "127.0.0.1:8080"], ["[::1]:4000", "[::1]:8080"]].into_iter().enumerate()
    {
        calls.observe_of(source, local(exchange(1, serial as u32, "GET", "/own"), own));
    }
    let by_name = Exchange { client: addr(ORDERS, 4000), ..exchange(2, 0, "GET", "/name") };
    calls.observe_of(source, by_name);
    calls.names_mut().probing("orders", at(5_000));
    calls.observe_of(source, later(exchange(3, 0, "GET", "/probe"), 6_000));
    // Somebody else's loopback has no name, and is not this one's.
    calls.observe(local(exchange(4, 0, "GET", "/"), ["127.0.0.1:1", "127.0.0.1:2"]));
    assert_eq!(ends(calls.get("e1-4").unwrap()), (OUTSIDE.to_owned(), OUTSIDE.to_owned()));
    for ordinal in 0..4 {
        let call = calls.get(&format!("e1-{ordinal}")).unwrap();
        assert_eq!(ends(call), ("orders".to_owned(), "orders".to_owned()), "{call:?}");
        assert!(!call.forbidden, "who speaks to itself needs no rule");
        let expected = (ordinal == 3).then_some(Background::Health);
        assert_eq!(call.background, expected, "{call:?}");
    }
    let edges = calls.edges();
    let own = edges.iter().find(|edge| edge.from == "orders" && edge.to == "orders").unwrap();
    assert_eq!(own.calls, 4);
    let spoken = calls.loopback_protocols("orders");
    let expected = ["127.0.0.1:5433", "[::1]:5433"].map(|end| (end.parse().unwrap(), Protocol::Postgres));
    assert_eq!(spoken, expected);
}
