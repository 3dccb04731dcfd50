//! Spans of small stacks.

use model::exchange::{Exchange, Protocol, Topic, TopicRole};
use serde_json::Value;

use crate::tests::fixture::{DB, GATEWAY, ORDERS, WEB, addr, at, calls, exchange, header, message};
use crate::{Calls, Limits, Position, Query};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn hop(conn: u64, ends: (&str, &str), (start, end): (i64, i64), target: &str) -> Exchange {
    Exchange {
        client: addr(ends.0, 40_000 + conn as u16),
        server: addr(ends.1, 8000),
        request: message(at(start), at(start), 0),
        response: Some(message(at(end), at(end), 0)),
        ..exchange(conn, 0, "GET", target)
    }
}

fn observed(hops: Vec<Exchange>) -> Calls {
    let mut calls = calls(Limits::default());
    for hop in hops {
        calls.observe(hop);
    }
    calls
}

fn otlp(calls: &Calls) -> super::Spans {
    let all = calls.list(&Query::default(), Position::Oldest, usize::MAX).calls;
    calls.otlp(&all.iter().map(|call| call.id.as_str()).collect::<Vec<_>>())
}

/// All spans, each with the service that it is of.
fn spans(calls: &Calls) -> Vec<(String, Value)> {
    let json = otlp(calls).json;
    let mut spans = Vec::new();
    for resource in json["resourceSpans"].as_array().unwrap() {
        let service = resource["resource"]["attributes"][0]["value"]["stringValue"].as_str().unwrap();
        let own = resource["scopeSpans"][0]["spans"].as_array().unwrap();
        spans.extend(own.iter().map(|span| (service.to_owned(), span.clone())));
    }
    spans
}

fn attribute<'a>(span: &'a Value, key: &str) -> Option<&'a str> {
    let value = span["attributes"].as_array().unwrap().iter().find(|one| one["key"] == key)?;
    value["value"].as_object().unwrap().values().next()?.as_str()
}

/// `service kind name` from the outermost span to this one.
fn way(spans: &[(String, Value)], span: &(String, Value)) -> Vec<String> {
    let parent = spans.iter().find(|other| other.1["spanId"] == span.1["parentSpanId"]);
    let mut way = parent.map(|parent| way(spans, parent)).unwrap_or_default();
    way.push(format!("{} {} {}", span.0, span.1["kind"], span.1["name"].as_str().unwrap()));
    way
}

#[test]
fn what_a_call_caused_is_below_its_callees_span() {
    let mut inner = hop(2, (WEB, ORDERS), (10, 90), "/orders/7");
    header(&mut inner.request, "traceparent", &format!("00-{TRACE}-00f067aa0ba902b7-01"));
    let calls = observed(vec![hop(1, (GATEWAY, WEB), (0, 100), "/in"), inner]);
    let spans = spans(&calls);
    assert_eq!(spans.len(), 4);
    let last = spans.iter().find(|(name, span)| name == "orders" && span["kind"] == 2).unwrap();
    assert_eq!(
        way(&spans, last),
        ["outside 3 GET /in", "web 2 GET /in", "web 3 GET /orders/{id}", "orders 2 GET /orders/{id}"]
    );
    assert!(spans.iter().all(|(_, span)| span["traceId"] == TRACE), "one chain is one trace");
    assert_eq!(last.1["startTimeUnixNano"], at(10).0.to_string());
    assert_eq!(last.1["endTimeUnixNano"], at(90).0.to_string());
    assert_eq!(attribute(&last.1, "http.response.status_code"), Some("200"));
    assert_eq!(attribute(&last.1, "url.path"), Some("/orders/7"));
    assert_eq!(attribute(&last.1, "http.route"), Some("/orders/{id}"));
    assert_eq!(attribute(&last.1, "server.address"), Some("orders"));
    // Nothing but time says that the inner call was made for the outer one.
    let links = spans.iter().map(|(_, span)| attribute(span, "shoal.link"));
    assert_eq!(links.flatten().collect::<Vec<_>>(), ["inferred"]);
}

#[test]
fn every_id_is_whole_and_no_chain_has_anothers_trace() {
    let calls = observed(vec![
        hop(1, (GATEWAY, WEB), (0, 10), "/a"),
        hop(2, (GATEWAY, WEB), (20, 30), "/b"),
        hop(3, (WEB, "10.9.9.9"), (22, 24), "/world"),
    ]);
    let spans = spans(&calls);
    let mut traces: Vec<&str> = Vec::new();
    let mut ids: Vec<&str> = Vec::new();
    for (_, span) in &spans {
        let (trace, id) = (span["traceId"].as_str().unwrap(), span["spanId"].as_str().unwrap());
        assert!(trace.len() == 32 && id.len() == 16, "{trace} {id}");
        assert!(trace.bytes().chain(id.bytes()).all(|b| b.is_ascii_hexdigit()));
        traces.push(trace);
        ids.push(id);
    }
    traces.sort_unstable();
    traces.dedup();
    ids.sort_unstable();
    ids.dedup();
    // The world has no span of its own.
    assert_eq!((traces.len(), ids.len(), spans.len()), (2, 5, 5));
}

#[test]
fn traces_of_headers_become_sixteen_bytes() {
    for (name, value, expected) in [
        ("b3", "463ac35c9f6413ad-a2fb4a1d1a96d312-1", Some("0000000000000000463ac35c9f6413ad")),
        ("x-datadog-trace-id", "255", Some("000000000000000000000000000000ff")),
        (
            "x-amzn-trace-id",
            "Root=1-67891233-abcdef012345678912345678",
            Some("67891233abcdef012345678912345678"),
        ),
        ("x-request-id", "r-1", None),
    ] {
        let mut x = hop(1, (GATEWAY, WEB), (0, 10), "/a");
        header(&mut x.request, name, value);
        let calls = observed(vec![x]);
        let call = calls.list(&Query::default(), Position::Oldest, 1).calls[0];
        assert_eq!(super::trace_of(call).as_deref(), expected, "{name}");
    }
}

#[test]
fn failures_are_errors_of_whom_they_belong_to() {
    let of = |status: &str| {
        let mut x = hop(1, (WEB, ORDERS), (0, 10), "/a");
        x.status = Some(status.to_owned());
        let spans = spans(&observed(vec![x]));
        let code =
            |kind: u8| spans.iter().find(|(_, s)| s["kind"] == kind).unwrap().1["status"]["code"].clone();
        (code(3), code(2))
    };
    assert_eq!(of("200"), (Value::Null, Value::Null));
    assert_eq!(of("404"), (2.into(), Value::Null));
    assert_eq!(of("503"), (2.into(), 2.into()));
}

#[test]
fn each_protocol_has_its_attributes() {
    let spoken = |protocol, method: &str, target: &str| Exchange {
        protocol,
        method: method.to_owned(),
        ..hop(1, (ORDERS, DB), (0, 10), target)
    };
    let mut statement = spoken(Protocol::Postgres, "SELECT", "orders");
    statement.request.body = b"select * from orders where id = $1".to_vec();
    statement.request.media = Some("application/sql".to_owned());
    let mut failed = spoken(Protocol::Grpc, "POST", "/shop.Stock/Reserve");
    (failed.status, failed.failure) = (Some("NOT_FOUND".to_owned()), Some("no hat".to_owned()));
    header(failed.response.as_mut().unwrap(), "grpc-status", "5");
    let mut sent = spoken(Protocol::Kafka, "Produce", "paid");
    let key = Some("7".to_owned());
    sent.topic = Some(Topic { role: TopicRole::Sends, name: "paid".to_owned(), key });
    for (exchange, expected) in [
        (
            statement,
            &[
                ("db.system.name", "postgresql"),
                ("db.operation.name", "SELECT"),
                ("db.query.text", "select * from orders where id = $1"),
                ("db.collection.name", "orders"),
            ][..],
        ),
        (
            spoken(Protocol::Redis, "GET", "cart:7"),
            &[("db.system.name", "redis"), ("db.operation.name", "GET")],
        ),
        (
            failed,
            &[
                ("rpc.system", "grpc"),
                ("rpc.service", "shop.Stock"),
                ("rpc.method", "Reserve"),
                ("rpc.grpc.status_code", "5"),
                ("error.type", "NOT_FOUND"),
            ],
        ),
        (
            sent,
            &[
                ("messaging.system", "kafka"),
                ("messaging.destination.name", "paid"),
                ("messaging.operation.type", "send"),
                ("messaging.kafka.message.key", "7"),
            ],
        ),
    ] {
        let spans = spans(&observed(vec![exchange]));
        for (key, value) in expected {
            assert_eq!(attribute(&spans[0].1, key), Some(*value), "{key}");
        }
    }
}

#[test]
fn what_was_decrypted_has_the_scheme_of_tls() {
    let both = |conn| Exchange { decrypted: true, ..hop(conn, (WEB, ORDERS), (0, 2), "/a") };
    let socket = Exchange { protocol: Protocol::WebSocket, ..both(2) };
    let spans = spans(&observed(vec![both(1), socket]));
    let told = |key| spans.iter().filter_map(|span| attribute(&span.1, key)).collect::<Vec<_>>();
    assert_eq!(told("url.scheme"), ["https", "wss", "https", "wss"]);
    assert_eq!(told("url.full"), ["https://172.20.0.3:8000/a", "wss://172.20.0.3:8000/a"]);
}

#[test]
fn what_goes_on_has_no_span_yet() {
    let open = crate::tests::fixture::pending(&hop(1, (GATEWAY, WEB), (0, 10), "/a"));
    let spans = otlp(&observed(vec![open]));
    assert_eq!((spans.open, spans.json["resourceSpans"].as_array().unwrap().len()), (1, 0));
    let all = observed(vec![hop(1, (GATEWAY, WEB), (0, 10), "/a")]);
    assert_eq!(all.otlp(&[]).json["resourceSpans"].as_array().unwrap().len(), 0, "nothing was asked for");
}
