//! What a stack does, and what must be seen of it.

use model::call::{Background, Edge};
use model::exchange::{Ending, Exchange, Protocol, Quality, Tally};

use super::fixture::{
    DB, GATEWAY, ORDERS, WEB, addr, at, calls, exchange, header, later, pending, plan, tcp,
};
use crate::{Calls, Change, Limits, Position, Query, RouteQuery, Source, Where, Within};

fn edge(calls: &Calls, from: &str, to: &str) -> Option<Edge> {
    calls.edges().into_iter().find(|edge| edge.from == from && edge.to == to)
}

fn id(change: Change) -> String {
    match change {
        Change::New(id) | Change::Updated(id) | Change::Replaced { id, .. } => id,
        Change::Ignored => panic!("ignored"),
    }
}

#[test]
fn a_call_is_seen_pending_and_then_done() {
    let mut calls = calls(Limits::default());
    let whole = exchange(7, 0, "GET", "/orders/7?full=1");
    let id = id(calls.observe(pending(&whole)));
    assert_eq!(id, "e1-0");
    let call = calls.get(&id).unwrap();
    assert_eq!((call.from.service.as_str(), call.to.service.as_str()), ("web", "orders"));
    assert_eq!((call.operation.as_str(), call.path.as_str()), ("GET /orders/7", "/orders/7"));
    assert_eq!((call.ok, call.done, call.ms, call.status.as_deref()), (true, false, None, None));
    assert_eq!(call.conn, "e1.7");
    assert_eq!((calls.head().total, calls.head().pending), (1, 1));

    let mut failed = whole;
    failed.status = Some("500".to_owned());
    assert_eq!(calls.observe(failed.clone()), Change::Updated(id.clone()));
    let call = calls.get(&id).unwrap();
    assert_eq!((call.ok, call.done, call.ms, call.ttfb_ms), (false, true, Some(3.0), Some(2.0)));
    let head = calls.head();
    assert_eq!((head.total, head.pending, head.failed), (1, 0, 1));
    // The same again, or an older report, changes nothing.
    assert_eq!(calls.observe(failed.clone()), Change::Ignored);
    assert_eq!(calls.observe(pending(&failed)), Change::Ignored);
    assert_eq!(calls.head(), head);
}

#[test]
fn an_edge_counts_calls_errors_bytes_and_percentiles() {
    let mut calls = calls(Limits::default());
    for n in 0..100 {
        let mut x = exchange(1, n, "GET", "/");
        x.request.bytes = 10;
        let response = x.response.as_mut().unwrap();
        response.last = at(i64::from(n) + 1).max(response.first);
        if n % 10 == 0 {
            x.status = Some("503".to_owned());
        }
        calls.observe(later(x, i64::from(n) * 1000));
    }
    let edge = edge(&calls, "web", "orders").unwrap();
    assert_eq!((edge.calls, edge.errors, edge.bytes), (100, 10, 1000));
    assert_eq!(edge.last, at(99_000));
    let near = |value: Option<f64>, expected: f64| (value.unwrap() - expected).abs() < expected * 0.002;
    assert!(near(edge.p50_ms, 50.0) && near(edge.p90_ms, 90.0) && near(edge.p99_ms, 99.0), "{edge:?}");
    let recent = edge.recent.unwrap();
    assert_eq!((recent.calls, recent.errors, recent.until), (10, 1, at(99_100)), "of the last ten seconds");
    assert!(near(recent.p50_ms, 95.0), "{recent:?}");
    let bins: Vec<_> =
        calls.series(at(0), at(100_000), 2).iter().map(|bin| (bin.calls, bin.errors)).collect();
    assert_eq!(bins, [(50, 5), (50, 5)]);
}

#[test]
fn waiting_by_design_is_in_the_count_but_not_in_percentiles() {
    let mut calls = calls(Limits::default());
    calls.observe(tcp(1, 6379, Ending::Closed, 100, 200));
    let mut events = exchange(2, 0, "GET", "/events");
    header(events.response.as_mut().unwrap(), "content-type", "text/event-stream");
    calls.observe(events);
    let db = edge(&calls, "orders", "db").unwrap();
    assert_eq!((db.calls, db.errors, db.bytes, db.p50_ms), (1, 0, 300, None));
    let call = calls.get("e1-0").unwrap();
    assert_eq!((call.operation.as_str(), call.ms), ("tcp :6379", Some(1000.0)));
    assert_eq!(edge(&calls, "web", "orders").unwrap().p50_ms, None);
}

#[test]
fn a_failed_connect_is_a_call() {
    let mut calls = calls(Limits::default());
    let mut refused = tcp(1, 5432, Ending::Refused, 0, 0);
    refused.response = None;
    refused.quality = Quality::NoResponse;
    let id = id(calls.observe(refused));
    assert!(!calls.get(&id).unwrap().ok);
    let edge = edge(&calls, "orders", "db").unwrap();
    assert_eq!((edge.errors, edge.p50_ms.is_some()), (1, true), "how long a refusal took is a latency");
    assert_eq!(calls.head().failed, 1);
}

#[test]
fn shoals_own_probes_are_no_calls() {
    let mut calls = calls(Limits::default());
    let from_here = |mut x: Exchange| {
        x.client = addr(GATEWAY, 60_000);
        x
    };
    let mut probe = from_here(exchange(1, 0, "GET", "/healthz"));
    header(&mut probe.request, "User-Agent", "shoal-probe/0.1");
    assert_eq!(calls.observe(pending(&probe)), Change::Ignored);
    assert_eq!(calls.observe(probe), Change::Ignored);
    assert_eq!(calls.observe(from_here(tcp(2, 5432, Ending::Open, 0, 0))), Change::Ignored);
    assert_eq!(calls.observe(from_here(tcp(2, 5432, Ending::Closed, 0, 0))), Change::Ignored);
    calls.names_mut().probing("db", at(-10));
    let mut refused = from_here(tcp(3, 5432, Ending::Refused, 0, 0));
    assert_eq!(calls.observe(refused.clone()), Change::Ignored);
    assert_eq!(calls.head().probes, 3);
    assert_eq!(calls.head().total, 0);
    calls.names_mut().probed("db", at(-5));
    // Somebody else's connect is a call, and so is one that carries something.
    refused.conn = 4;
    assert!(matches!(calls.observe(refused), Change::New(_)));
    assert!(matches!(calls.observe(from_here(tcp(5, 5432, Ending::Closed, 5, 0))), Change::New(_)));
    // A service that sends the probe's name is no probe.
    let mut impostor = exchange(6, 0, "GET", "/");
    header(&mut impostor.request, "user-agent", "shoal-probe");
    assert!(matches!(calls.observe(impostor), Change::New(_)));
}

#[test]
fn a_name_learnt_late_reaches_back() {
    let mut calls = calls(Limits::default());
    let stock = "172.20.0.9";
    let mut x = exchange(1, 0, "GET", "/stock");
    x.server = addr(stock, 9000);
    let id = id(calls.observe(x.clone()));
    assert_eq!(calls.get(&id).unwrap().to.service, "outside");
    let revision = calls.head().revision;
    calls.names_mut().learn(stock.parse().unwrap(), "stock", at(500));
    calls.settle();
    assert_eq!(calls.get(&id).unwrap().to.service, "stock");
    assert_eq!(edge(&calls, "web", "outside"), None);
    let renamed = edge(&calls, "web", "stock").unwrap();
    assert_eq!((renamed.calls, renamed.p50_ms.is_some()), (1, true));
    let changed = calls.changes(revision, 0);
    assert!(changed.calls.is_empty() && changed.revision == revision, "a limit of nothing");
    let changed = calls.changes(revision, 10);
    assert_eq!(changed.calls.iter().map(|call| call.id.as_str()).collect::<Vec<_>>(), [id.as_str()]);
    assert!(changed.revision > revision);
}

fn through_gateway(serial: u32, port: u16) -> (Exchange, Exchange) {
    let mut outer = exchange(10, serial, "GET", "/orders/7");
    outer.client = addr(DB, 40_000);
    outer.server = addr(GATEWAY, port);
    let mut inner = exchange(11, serial, "GET", "/orders/7");
    inner.client = addr(GATEWAY, 50_000);
    (inner.request.first, inner.request.last) = (at(1), at(1));
    (later(outer, i64::from(serial) * 100), later(inner, i64::from(serial) * 100))
}

#[test]
fn a_call_through_a_published_port_is_one_call() {
    for inner_first in [false, true] {
        let mut calls = calls(Limits::default());
        calls.names_mut().published(19_002, "orders", 8000);
        let (outer, inner) = through_gateway(0, 19_002);
        let reports = if inner_first { [inner.clone(), outer] } else { [outer, inner.clone()] };
        let changes = reports.map(|report| calls.observe(report));
        if inner_first {
            assert_eq!(changes[1], Change::Replaced { id: "e1-1".to_owned(), removed: "e1-0".to_owned() });
        } else {
            assert_eq!(changes, [Change::New("e1-0".to_owned()), Change::Ignored]);
        }
        assert_eq!(calls.observe(inner), Change::Ignored, "its later reports belong to nobody");
        assert_eq!((calls.len(), calls.head().total, calls.head().pending), (1, 1, 0));
        let edges = calls.edges();
        assert_eq!(edges.len(), 1, "{edges:?}");
        assert_eq!((edges[0].from.as_str(), edges[0].to.as_str(), edges[0].calls), ("db", "orders", 1));
        let page = calls.list(&Query::default(), Position::Newest, 10);
        assert_eq!(page.calls[0].note.as_deref(), Some("through the published port 19002"));
        assert_eq!(calls.series(at(-1000), at(1000), 1)[0].calls, 1);
    }
}

#[test]
fn calls_that_only_look_alike_are_not_merged() {
    let mut calls = calls(Limits::default());
    calls.names_mut().published(19_002, "orders", 8000);
    // Somebody on this machine calls the published port; nobody in the stack does.
    let (outer, inner) = through_gateway(0, 19_002);
    assert!(matches!(calls.observe(inner.clone()), Change::New(_)));
    // Another path, an earlier time, a port that leads elsewhere.
    let mut other = outer.clone();
    (other.conn, other.target) = (20, "/stock".to_owned());
    assert!(matches!(calls.observe(other), Change::New(_)));
    let mut after = later(outer.clone(), 50);
    after.conn = 21;
    assert!(matches!(calls.observe(after), Change::New(_)));
    let mut elsewhere = outer.clone();
    (elsewhere.conn, elsewhere.server) = (22, addr(GATEWAY, 1));
    assert!(matches!(calls.observe(elsewhere), Change::New(_)));
    assert_eq!(calls.len(), 4);
    // Each inner call belongs to one outer call.
    assert!(matches!(calls.observe(outer.clone()), Change::Replaced { .. }));
    let mut twin = outer;
    twin.conn = 23;
    assert!(matches!(calls.observe(twin), Change::New(_)));
}

#[test]
fn edges_keep_what_was_evicted_and_follow_what_goes_on() {
    let mut calls = calls(Limits { calls: 3, bytes: usize::MAX });
    let slow = exchange(1, 0, "GET", "/slow");
    calls.observe(pending(&slow));
    for n in 1..=5 {
        calls.observe(later(exchange(2, n, "GET", "/"), i64::from(n)));
    }
    assert_eq!((calls.len(), calls.head().evicted, calls.head().total, calls.head().pending), (3, 3, 6, 1));
    assert_eq!(calls.get("e1-0"), None);
    let mut slow = slow;
    slow.status = Some("504".to_owned());
    assert_eq!(calls.observe(slow), Change::Ignored);
    let edge = edge(&calls, "web", "orders").unwrap();
    assert_eq!((edge.calls, edge.errors), (6, 1));
    assert_eq!((calls.head().failed, calls.head().pending), (1, 0));
    assert_eq!(calls.series(at(-1000), at(1000), 1)[0].errors, 1);
}

#[test]
fn long_bodies_are_cut_after_they_were_redacted() {
    let mut calls = calls(Limits::default());
    let mut plan = plan(&[]);
    plan.calls.body_limit = 25;
    calls.configure(&plan);
    let mut x = exchange(1, 0, "POST", "/login");
    x.request.body = br#"{"password":"s3cret-and-long","x":1}"#.to_vec();
    x.request.bytes = 36;
    let id = id(calls.observe(x));
    let request = &calls.get(&id).unwrap().request;
    assert_eq!(request.body, br#"{"password":"[redacted]","#[..25].to_vec());
    assert_eq!((request.bytes, request.cut), (36, true));
}

#[test]
fn ids_of_others_are_unknown() {
    let mut calls = calls(Limits::default());
    calls.observe(exchange(1, 0, "GET", "/"));
    assert!(calls.get("e1-0").is_some());
    for id in ["e2-0", "e1-1", "e1-00", "e1", "", "e1-", "e10"] {
        assert!(calls.get(id).is_none(), "{id}");
    }
    assert_ne!(WEB, ORDERS);
}

#[test]
fn a_coded_body_is_plain_for_everybody() {
    use std::io::Write;
    let mut calls = calls(Limits::default());
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(br#"{"voucher":"GIFT100","password":"hunter2"}"#).unwrap();
    let coded = encoder.finish().unwrap();
    let mut x = exchange(1, 0, "POST", "/orders");
    for message in std::iter::once(&mut x.request).chain(&mut x.response) {
        header(message, "content-type", "application/json");
        header(message, "content-encoding", "gzip");
        (message.bytes, message.body) = (coded.len() as u64, coded.clone());
    }
    calls.observe(x);
    let filter =
        Where::parse(r#"body.contains("GIFT100") && headers["content-encoding"] == "gzip""#).unwrap();
    let query = Query { text: Some("gift100".to_owned()), filter: Some(filter), ..Query::default() };
    let found = calls.list(&query, Position::Newest, 10).calls;
    let plain = r#"{"voucher":"GIFT100","password":"[redacted]"}"#;
    let message = &found[0].request;
    assert_eq!((crate::body_text(message).as_deref(), message.bytes), (Some(plain), coded.len() as u64));
    let command = crate::export::curl(found[0]).unwrap();
    assert!(command.contains(plain) && !command.contains("content-encoding"), "{command}");
    let har = super::fixture::archive(&calls, &found);
    let content = &har["log"]["entries"][0]["response"]["content"];
    assert_eq!(content["text"], plain);
    assert_eq!(
        content["size"].as_i64().unwrap() - content["compression"].as_i64().unwrap(),
        coded.len() as i64
    );
}

#[test]
fn health_checks_and_polls_can_be_left_out() {
    let mut calls = calls(Limits::default());
    calls.configure(&plan(&[("web", &["orders"]), ("orders", &[])]));
    calls.observe(exchange(1, 0, "GET", "/ready-orders"));
    for i in 0..9 {
        let mut x = later(exchange(2, i, "GET", "/jobs/next"), i64::from(i) * 1000);
        x.status = Some("204".to_owned());
        calls.observe(pending(&x));
        calls.observe(x);
    }
    calls.observe(exchange(3, 0, "POST", "/orders"));
    let listed = |query: &Query| -> Vec<String> {
        let page = calls.list(query, Position::Oldest, 100);
        page.calls.iter().map(|call| call.operation.clone()).collect()
    };
    assert_eq!(listed(&Query::default()).len(), 11);
    assert_eq!(listed(&Query { foreground: true, ..Query::default() }), ["POST /orders"]);
    let of = |expression: &str| {
        listed(&Query { filter: Some(Where::parse(expression).unwrap()), ..Query::default() }).len()
    };
    assert_eq!(
        [of("background == \"health\""), of("background == \"poll\""), of("background == \"\"")],
        [1, 9, 1]
    );
    assert_eq!([of("waits"), of("!waits")], [0, 11]);
}

#[test]
fn a_health_check_says_nothing_of_how_fast_work_is_done() {
    let mut calls = calls(Limits::default());
    let mut work = exchange(1, 0, "GET", "/orders");
    work.response.as_mut().unwrap().last = at(200);
    calls.observe(work);
    for i in 1..10 {
        calls.observe(later(exchange(2, i, "GET", "/healthz"), i64::from(i) * 1000));
    }
    let mut like = later(exchange(3, 0, "GET", "/metrics"), 5000);
    like.status = Some("503".to_owned());
    calls.count(
        Source::default(),
        &Tally { like, calls: 90, bytes: 0, messages: 0, micros: vec![(1000, 90)] },
    );
    let whole = edge(&calls, "web", "orders").unwrap();
    let then = calls.edges_within(Within { since: Some(at(0)), until: None }).counted.remove(0);
    for edge in [whole, then] {
        assert_eq!((edge.calls, edge.background, edge.errors), (100, 99, 90));
        assert!(edge.p50_ms.is_some_and(|ms| (ms - 200.0).abs() < 2.0), "{edge:?}");
    }
    let routes = calls.routes(&RouteQuery::default(), at(0)).counted;
    assert!(routes.iter().all(|route| route.p50_ms.is_some()), "routes have their own: {routes:?}");
}

#[test]
fn a_health_check_is_known_once_its_callee_is() {
    let mut calls = Calls::new(&model::plan::CallsConfig::default(), Limits::default(), "e1");
    calls.configure(&plan(&[("orders", &[])]));
    let id = id(calls.observe(exchange(1, 0, "GET", "/ready-orders")));
    assert_eq!(calls.get(&id).unwrap().background, None);
    calls.names_mut().learn(ORDERS.parse().unwrap(), "orders", at(0));
    calls.settle();
    assert_eq!(calls.get(&id).unwrap().background, Some(Background::Health));
}

#[test]
fn the_world_has_the_names_that_it_was_asked_for() {
    let mut calls = calls(Limits::default());
    let mut x = exchange(1, 0, "A", "api.pay.example");
    (x.client, x.server, x.protocol) = (addr(ORDERS, 40_000), addr("192.0.2.53", 53), Protocol::Dns);
    x.response.as_mut().unwrap().body =
        br#"[{"name":"api.pay.example","type":"A","ttl":9,"data":"192.0.2.7"}]"#.to_vec();
    calls.observe(pending(&x));
    calls.observe(x);
    let mut x = later(exchange(2, 0, "POST", "/charge"), 10);
    (x.client, x.server) = (addr(ORDERS, 40_000), addr("192.0.2.7", 443));
    let first = id(calls.observe(pending(&x)));
    calls.observe(x);
    let call = calls.get(&first).unwrap();
    assert_eq!((call.to.service.as_str(), call.to.host.as_deref()), ("outside", Some("api.pay.example")));
    assert_eq!(call.from.host, None);
    let query = Query { text: Some("pay.example charge".to_owned()), ..Query::default() };
    assert_eq!(calls.list(&query, Position::Newest, 10).calls.len(), 1);
    // What turns out to be a service needs no other name.
    calls.names_mut().learn("192.0.2.7".parse().unwrap(), "payments", at(0));
    calls.settle();
    let call = calls.get(&first).unwrap();
    assert_eq!((call.to.service.as_str(), call.to.host.as_deref()), ("payments", None));
}

#[test]
fn calls_that_were_only_counted_are_in_every_count() {
    let mut calls = calls(Limits::default());
    calls.observe(exchange(1, 0, "GET", "/a"));
    let mut like = exchange(2, 0, "GET", "/b");
    like.status = Some("503".to_owned());
    calls.count(
        Source::default(),
        &Tally { like, calls: 99, bytes: 990, messages: 0, micros: vec![(1000, 90), (5000, 9)] },
    );
    let [edge] = &calls.edges()[..] else { panic!("one edge") };
    assert_eq!((edge.calls, edge.errors, edge.bytes), (100, 99, 990));
    let routes = calls.routes(&RouteQuery::default(), at(0)).counted;
    let routes: Vec<_> = routes.iter().map(|r| (r.route.as_str(), r.calls, r.errors)).collect();
    assert_eq!(routes, [("GET /a", 1, 0), ("GET /b", 99, 99)]);
    let rates = calls.routes(&RouteQuery::default(), at(30_000)).counted;
    let rates: Vec<_> = rates.iter().map(|r| (r.per_second * 60.0).round()).collect();
    assert_eq!(rates, [1.0, 99.0], "those that were only counted are in the rate as well");
    let rates = calls.routes(&RouteQuery::default(), at(90_000)).counted;
    assert!(rates.iter().all(|r| r.per_second == 0.0), "{rates:?}");
    assert!(
        (edge.p50_ms.unwrap() - 1.0).abs() < 0.01 && (edge.p99_ms.unwrap() - 5.0).abs() < 0.05,
        "{edge:?}"
    );
    let head = calls.head();
    assert_eq!((head.total, head.failed, head.tallied), (100, 99, 99));
    let bins = calls.series(at(-1000), at(1000), 1);
    assert_eq!((bins[0].calls, bins[0].errors), (100, 99));
}
