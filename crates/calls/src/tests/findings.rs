//! What does not fit, and what only looks so.

use model::exchange::{Ending, Exchange, Protocol};
use model::plan::AllowRule;

use super::fixture::{DB, GATEWAY, ORDERS, WEB, addr, at, calls, exchange, plan, tcp};
use crate::{Calls, Finding, Limits, Position, Query, Where};

/// A store that knows this plan and these rules.
fn store(services: &[(&str, &[&str])], allow: &[(&str, &[&str])]) -> Calls {
    let mut plan = plan(services);
    plan.allow = allow
        .iter()
        .map(|(from, to)| AllowRule {
            from: (*from).to_owned(),
            to: to.iter().map(|to| (*to).to_owned()).collect(),
        })
        .collect();
    let mut calls = calls(Limits::default());
    calls.configure(&plan);
    calls
}

fn hop(conn: u64, from: &str, to: &str, target: &str) -> Exchange {
    Exchange { client: addr(from, 40_000), server: addr(to, 8000), ..exchange(conn, 0, "GET", target) }
}

fn kinds(calls: &Calls) -> Vec<String> {
    calls.findings().iter().map(|finding| format!("{}: {}", finding.kind(), finding.text())).collect()
}

#[test]
fn rules_bind_the_callers_that_they_name() {
    let declared: &[(&str, &[&str])] = &[("web", &["orders", "db"]), ("orders", &["db", "web"]), ("db", &[])];
    for (allow, from, to, broken) in [
        (&[][..], WEB, DB, false),
        (&[("web", &["orders"][..])], WEB, DB, true),
        (&[("web", &["orders"])], WEB, ORDERS, false),
        (&[("web", &["orders"])], ORDERS, DB, false),
        (&[("web", &["orders"]), ("web", &["db"])], WEB, DB, false),
        (&[("web", &[])], WEB, ORDERS, true),
        (&[("outside", &["web"])], GATEWAY, DB, true),
        (&[("outside", &["web"])], GATEWAY, WEB, false),
        (&[("web", &["orders"])], WEB, "93.184.216.34", false),
        (&[("web", &["orders"])], WEB, WEB, false),
    ] {
        let mut calls = store(declared, allow);
        calls.observe(hop(1, from, to, "/x"));
        let call = calls.list(&Query::default(), Position::Newest, 1).calls[0].clone();
        assert_eq!(call.forbidden, broken, "{allow:?} {} -> {}", call.from.service, call.to.service);
        assert_eq!(calls.edges()[0].forbidden, broken);
        let filter = Where::parse("forbidden").unwrap();
        assert_eq!(filter.matches(&call), broken);
        assert_eq!(calls.findings().iter().any(|f| matches!(f, Finding::Forbidden { .. })), broken);
    }
}

#[test]
fn calls_that_the_manifest_does_not_know() {
    let mut calls = store(&[("web", &["orders"]), ("orders", &[]), ("db", &[])], &[("web", &["orders"])]);
    calls.observe(hop(1, WEB, ORDERS, "/orders/1"));
    calls.observe(hop(2, ORDERS, DB, "/x"));
    calls.observe(hop(3, ORDERS, DB, "/y"));
    calls.observe(hop(4, WEB, DB, "/x"));
    calls.observe(hop(5, GATEWAY, WEB, "/x"));
    calls.observe(hop(6, WEB, "93.184.216.34", "/x"));
    // Whoever scrapes everybody depends on nobody.
    calls.observe(hop(7, DB, ORDERS, "/metrics"));
    assert_eq!(
        kinds(&calls),
        [
            "forbidden: `web` calls `db`, which no `[[allow]]` permits: 1 call",
            "undeclared: `orders` calls `db` and does not depend on it: 2 calls",
            "undeclared: `web` calls `db` and does not depend on it: 1 call",
        ]
    );
    let undeclared: Vec<_> = calls.edges().into_iter().filter(|edge| edge.undeclared).collect();
    let undeclared: Vec<_> = undeclared.iter().map(|edge| (edge.from.as_str(), edge.to.as_str())).collect();
    assert_eq!(undeclared, [("orders", "db"), ("web", "db")]);
    let mut silent = store(&[("web", &[]), ("orders", &[])], &[]);
    silent.observe(hop(1, WEB, ORDERS, "/x"));
    assert_eq!(kinds(&silent), [""; 0], "a manifest without any dependency says nothing about them");
}

#[test]
fn one_route_answered_by_two() {
    let mut calls = store(&[("web", &[]), ("orders", &[]), ("db", &[])], &[]);
    for (conn, (from, to, target)) in [
        (GATEWAY, WEB, "/orders/1"),
        (WEB, ORDERS, "/orders/2"),
        (WEB, DB, "/orders/33"),
        (GATEWAY, ORDERS, "/"),
        (GATEWAY, DB, "/"),
        (GATEWAY, ORDERS, "/healthz"),
        (GATEWAY, DB, "/healthz"),
        (GATEWAY, ORDERS, "/carts/1"),
    ]
    .into_iter()
    .enumerate()
    {
        calls.observe(hop(conn as u64, from, to, target));
    }
    let mut failed = hop(50, GATEWAY, DB, "/carts/2");
    failed.status = Some("404".to_owned());
    calls.observe(failed);
    let mut silent = hop(51, GATEWAY, DB, "/carts/2");
    silent.protocol = Protocol::Tcp;
    calls.observe(silent);
    assert_eq!(kinds(&calls), ["twice: `GET /orders/{id}` is answered by `db` and `orders`"]);
}

#[test]
fn whatever_answered_a_probe_is_there_to_be_called() {
    let mut plan = plan(&[("web", &[]), ("orders", &[]), ("db", &[])]);
    plan.services.values_mut().for_each(|service| service.ready = None);
    let mut calls = calls(Limits::default());
    calls.configure(&plan);
    (0..60).for_each(|conn| drop(calls.observe(hop(conn, GATEWAY, WEB, "/orders"))));
    assert_eq!(kinds(&calls), [""; 0], "nothing says that anybody listens");
    let probe = |conn, to, ending| Exchange {
        client: addr(GATEWAY, 60_000),
        server: addr(to, 5432),
        ..tcp(conn, 5432, ending, 0, 0)
    };
    calls.observe(probe(100, DB, Ending::Closed));
    assert_eq!(kinds(&calls), ["uncalled: Nobody has called `db`"]);
    calls.observe(hop(102, DB, ORDERS, "/healthz"));
    assert_eq!(kinds(&calls).len(), 2, "nor does who is only asked for its health: {:?}", kinds(&calls));
}

#[test]
fn a_service_that_nobody_calls() {
    let mut calls = store(&[("web", &[]), ("orders", &[]), ("db", &[]), ("docs", &[])], &[]);
    for conn in 0..49 {
        calls.observe(hop(conn, GATEWAY, WEB, "/orders"));
        calls.observe(hop(100 + conn, GATEWAY, ORDERS, "/healthz"));
    }
    assert_eq!(kinds(&calls), [""; 0], "it may come yet");
    calls.observe(hop(50, WEB, DB, "/x"));
    // `docs` has never run.
    assert_eq!(kinds(&calls), ["uncalled: Nobody has called `orders`"]);
    calls.observe(hop(51, WEB, ORDERS, "/y"));
    assert_eq!(kinds(&calls), [""; 0]);
    assert!(calls.findings().iter().all(|finding| !finding.hint().is_empty()));
    assert_eq!(calls.edges()[0].last, at(0));
}
