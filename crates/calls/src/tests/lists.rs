//! Pages, cursors, and what a query leaves out.

use model::exchange::Protocol;

use super::fixture::{at, calls, exchange, header, later, tcp};
use crate::{Calls, Cursor, Limits, Page, Position, Query, RouteQuery, Where};

/// Ten calls, one a second; every third fails, the last is a connection to db.
fn ten() -> Calls {
    ten_within(Limits::default())
}

fn ten_within(limits: Limits) -> Calls {
    let mut calls = calls(limits);
    for n in 0..9 {
        let mut x = exchange(1, n, if n % 2 == 0 { "GET" } else { "POST" }, &format!("/orders/{n}"));
        if n % 3 == 0 {
            x.status = Some("404".to_owned());
        }
        header(&mut x.request, "X-Trace", &format!("t{n}"));
        x.response.as_mut().unwrap().last = at(i64::from(n) + 2);
        x.response.as_mut().unwrap().body = format!("Body{n}").into_bytes();
        calls.observe(later(x, i64::from(n) * 1000));
    }
    calls.observe(later(tcp(2, 5432, model::exchange::Ending::Closed, 1, 1), 9000));
    calls
}

fn ids(page: &Page<'_>) -> String {
    page.calls.iter().map(|call| call.id.rsplit('-').next().unwrap()).collect()
}

fn matching(calls: &Calls, query: &Query) -> String {
    ids(&calls.list(query, Position::Oldest, 100))
}

#[test]
fn pages_go_both_ways_and_meet() {
    let calls = ten();
    let all = Query::default();
    let first = calls.list(&all, Position::Newest, 4);
    assert_eq!(ids(&first), "9876");
    let second = calls.list(&all, Position::Before(first.before.unwrap()), 4);
    assert_eq!(ids(&second), "5432");
    let third = calls.list(&all, Position::Before(second.before.unwrap()), 4);
    assert_eq!((ids(&third).as_str(), third.before), ("10", None));
    let back = calls.list(&all, Position::After(third.after.unwrap()), 3);
    assert_eq!(ids(&back), "234");
    let oldest = calls.list(&all, Position::Oldest, 2);
    assert_eq!(ids(&oldest), "01");
    assert_eq!(ids(&calls.list(&all, Position::After(oldest.after.unwrap()), 2)), "23");
}

#[test]
fn a_follower_sees_each_new_call_once() {
    let mut calls = ten();
    let all = Query::default();
    let page = calls.list(&all, Position::Newest, 3);
    let at_the_end = page.after.unwrap();
    let nothing = calls.list(&all, Position::After(at_the_end), 9);
    assert_eq!((ids(&nothing).as_str(), nothing.after), ("", Some(at_the_end)));
    assert_eq!(ids(&calls.list(&all, Position::Before(nothing.before.unwrap()), 2)), "98");
    calls.observe(later(exchange(3, 0, "GET", "/new"), 20_000));
    assert_eq!(ids(&calls.list(&all, Position::After(at_the_end), 9)), "a");
}

#[test]
fn pages_of_an_empty_store_are_empty() {
    let calls = calls(Limits::default());
    for position in [Position::Newest, Position::Oldest] {
        let page = calls.list(&Query::default(), position, 5);
        assert!(page.calls.is_empty() && page.before.is_none() && page.after.is_none());
    }
}

#[test]
fn cursors_survive_their_text_and_eviction() {
    let mut calls = ten_within(Limits { calls: 50, ..Limits::default() });
    let cursor = calls.list(&Query::default(), Position::Newest, 4).before.unwrap();
    assert_eq!(cursor.to_string().parse(), Ok(cursor));
    for text in ["", "1", "1.x", ".1", "a.b"] {
        assert!(text.parse::<Cursor>().is_err(), "{text}");
    }
    for n in 0..60u32 {
        calls.observe(later(exchange(9, n, "GET", "/"), 30_000 + i64::from(n)));
    }
    let older = calls.list(&Query::default(), Position::Before(cursor), 5);
    assert!(older.calls.is_empty() && older.before.is_none());
    assert_eq!(calls.list(&Query::default(), Position::After(cursor), 5).calls.len(), 5);
}

#[test]
fn every_condition_filters() {
    let calls = ten();
    let query = Query::default;
    let some = |text: &str| Some(text.to_owned());
    for (asked, expected) in [
        (query(), "0123456789"),
        (Query { from: some("web"), ..query() }, "012345678"),
        (Query { to: some("db"), ..query() }, "9"),
        (Query { services: vec!["orders".to_owned()], ..query() }, "0123456789"),
        (Query { services: vec!["db".to_owned()], ..query() }, "9"),
        (Query { services: vec!["nobody".to_owned()], ..query() }, ""),
        (Query { protocol: Some(Protocol::Tcp), ..query() }, "9"),
        (Query { failed: true, ..query() }, "036"),
        (Query { slower: Some(8.0), ..query() }, "789"),
        (Query { since: Some(at(2000)), until: Some(at(5000)), ..query() }, "234"),
        (Query { since: Some(at(5000)), until: Some(at(2000)), ..query() }, ""),
        (Query { text: some("post"), ..query() }, "1357"),
        (Query { text: some("POST BODY5"), ..query() }, "5"),
        (Query { text: some("x-TRACE"), ..query() }, "012345678"),
        (Query { text: some("t7"), ..query() }, "7"),
        (Query { text: some("/orders/(.*"), ..query() }, ""),
        (Query { text: some("  "), ..query() }, "0123456789"),
        (Query { filter: Where::parse("status == 404 && path != '/orders/3'").ok(), ..query() }, "06"),
        (Query { failed: true, text: some("get"), ..query() }, "06"),
    ] {
        assert_eq!(matching(&calls, &asked), expected, "{asked:?}");
    }
}

#[test]
fn late_reports_are_listed_at_their_time() {
    let mut calls = calls(Limits::default());
    for (conn, ms) in [(1, 500), (2, 100), (3, 300)] {
        calls.observe(later(exchange(conn, 0, "GET", "/"), ms));
    }
    assert_eq!(matching(&calls, &Query::default()), "120");
}

#[test]
fn changes_come_once_in_the_order_of_the_newest() {
    let mut calls = calls(Limits::default());
    let whole: Vec<_> = (0..4).map(|n| exchange(n, 0, "GET", "/")).collect();
    for x in &whole {
        calls.observe(super::fixture::pending(x));
    }
    calls.observe(whole[1].clone());
    let seen = |changes: &crate::Changes<'_>| -> String {
        changes.calls.iter().map(|call| call.id.rsplit('-').next().unwrap()).collect()
    };
    let first = calls.changes(0, 3);
    assert_eq!(seen(&first), "023");
    let rest = calls.changes(first.revision, 3);
    assert_eq!((seen(&rest).as_str(), rest.revision), ("1", calls.head().revision));
    assert!(calls.changes(rest.revision, 3).calls.is_empty());
    // The journal stays in proportion, and forgets nothing for it.
    for round in 0..5000u64 {
        let mut x = whole[2].clone();
        x.request.bytes = round + 1;
        x.done = false;
        x.response = None;
        x.conn = 77;
        calls.observe(x);
    }
    assert_eq!(seen(&calls.changes(0, 10)), "02314");
}

#[test]
fn routes_count_what_differs_only_in_ids() {
    let mut calls = calls(Limits { calls: 5, ..Limits::default() });
    for i in 0..20 {
        let mut x = later(exchange(i, 0, "GET", &format!("/orders/{i}?x=1")), 10_000 * i as i64);
        x.status = Some(if i == 3 { "500" } else { "200" }.to_owned());
        calls.observe(x);
    }
    calls.observe(later(exchange(50, 0, "GET", "/orders"), 200_000));
    let all = calls.routes(&RouteQuery::default(), at(200_000)).counted;
    let shown: Vec<_> = all.iter().map(|r| (r.route.as_str(), r.calls, r.errors, r.last)).collect();
    assert_eq!(shown, [("GET /orders", 1, 0, at(200_000)), ("GET /orders/{id}", 20, 1, at(190_000))]);
    assert_eq!((all[1].from.as_str(), all[1].to.as_str()), ("web", "orders"));
    // Three milliseconds, as far as two digits tell it; the minute before had six, of which four are still kept.
    assert!((all[1].p99_ms.unwrap() - 3.0).abs() < 0.05, "{all:?}");
    assert!((all[1].per_second - 6.0 / 60.0).abs() < 1e-9, "{all:?}");
    let of = |query: RouteQuery| calls.routes(&query, at(200_000)).counted.len();
    let named = |name: &str| Some(name.to_owned());
    assert_eq!(of(RouteQuery { from: named("web"), ..RouteQuery::default() }), 2);
    assert_eq!(of(RouteQuery { to: named("web"), ..RouteQuery::default() }), 0);
    assert_eq!(of(RouteQuery { services: vec!["orders".to_owned()], ..RouteQuery::default() }), 2);
    let by_route = Where::parse(r#"route == "GET /orders/{id}""#).unwrap();
    let query = Query { filter: Some(by_route), ..Query::default() };
    assert_eq!(calls.list(&query, Position::Newest, 10).calls.len(), 4);
    let query = Query { text: Some("{ID}".to_owned()), ..Query::default() };
    assert_eq!(calls.list(&query, Position::Newest, 10).calls.len(), 4);
}

#[test]
fn calls_follow_what_is_learnt_of_their_routes() {
    let mut calls = calls(Limits::default());
    for i in 0..13u8 {
        let name = char::from(b'a' + i);
        calls.observe(exchange(u64::from(i), 0, "GET", &format!("/shops/{name}-shop/open")));
    }
    let routes = calls.routes(&RouteQuery::default(), at(1000)).counted;
    assert_eq!(
        routes.iter().map(|r| (r.route.as_str(), r.calls)).collect::<Vec<_>>(),
        [("GET /shops/{}/open", 13)]
    );
    let listed = calls.list(&Query::default(), Position::Newest, 100).calls;
    assert!(listed.iter().all(|call| call.route == "GET /shops/{}/open"), "{listed:?}");
}
