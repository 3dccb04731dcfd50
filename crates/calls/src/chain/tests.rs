//! Who called whom because of what.

use model::exchange::{Exchange, Protocol, Topic, TopicRole};
use proptest::prelude::*;

use crate::tests::fixture::{DB, GATEWAY, ORDERS, WEB, addr, at, calls, exchange, header, message};
use crate::{Calls, Limits, Link};

/// A call from one address to another that lasts from one millisecond to another.
fn hop(conn: u64, ends: (&str, &str), (start, end): (i64, i64), target: &str) -> Exchange {
    Exchange {
        client: addr(ends.0, 40_000 + conn as u16),
        server: addr(ends.1, 8000),
        request: message(at(start), at(start), 0),
        response: Some(message(at(end), at(end), 0)),
        ..exchange(conn, 0, "GET", target)
    }
}

fn traced(mut hop: Exchange, trace: char, span: char, parent: Option<char>) -> Exchange {
    let id = |letter: char, len| String::from(letter).repeat(len);
    let parent = parent.map(|parent| format!("-1-{}", id(parent, 16))).unwrap_or_default();
    header(&mut hop.request, "b3", &format!("{}-{}{parent}", id(trace, 32), id(span, 16)));
    hop
}

/// `/target < /parent how`, in the order of time.
fn chain(calls: &Calls, target: &str) -> Vec<String> {
    let all = calls.list(&crate::Query::default(), crate::Position::Oldest, usize::MAX).calls;
    let path = |id: &str| calls.get(id).unwrap().target.clone();
    let asked = all.iter().find(|call| call.target == target).unwrap();
    let shown = calls.chain(&asked.id).into_iter().map(|linked| match linked.parent {
        Some((parent, link)) => format!("{} < {} {}", linked.call.target, path(parent), link.name()),
        None => linked.call.target.clone(),
    });
    shown.collect()
}

fn observed(hops: Vec<Exchange>) -> Calls {
    let mut calls = calls(Limits::default());
    for hop in hops {
        calls.observe(hop);
    }
    calls
}

const IN: (&str, &str) = (GATEWAY, WEB);
const UP: (&str, &str) = (WEB, ORDERS);
const DOWN: (&str, &str) = (ORDERS, DB);

#[test]
fn without_headers_the_one_call_that_is_served_is_the_reason() {
    let calls = observed(
        vec![
            hop(1, IN, (0, 100), "/in"),
            hop(2, UP, (10, 90), "/a"),
            hop(3, DOWN, (20, 30), "/a1"),
            hop(3, DOWN, (40, 50), "/a2"),
            hop(2, UP, (95, 99), "/b"),
            hop(4, UP, (150, 160), "/later"),
            hop(3, DOWN, (170, 180), "/idle"),
        ]
        .into_iter()
        .enumerate()
        .map(|(serial, hop)| Exchange { serial: serial as u32, ..hop })
        .collect(),
    );
    let whole = ["/in", "/a < /in inferred", "/a1 < /a inferred", "/a2 < /a inferred", "/b < /in inferred"];
    assert_eq!(chain(&calls, "/in"), whole);
    assert_eq!(chain(&calls, "/a"), whole[..4], "its siblings are not its consequences");
    assert_eq!(chain(&calls, "/a2"), ["/in", "/a < /in inferred", "/a2 < /a inferred"]);
    assert_eq!(chain(&calls, "/later"), ["/later"]);
    assert_eq!(chain(&calls, "/idle"), ["/idle"], "nothing was being served");
    assert!(calls.chain("e1-zzz").is_empty());
}

#[test]
fn several_reasons_are_marked() {
    let calls = observed(vec![
        hop(1, UP, (0, 100), "/one"),
        hop(2, UP, (10, 120), "/two"),
        hop(3, DOWN, (20, 30), "/x"),
        hop(4, DOWN, (110, 115), "/y"),
    ]);
    assert_eq!(chain(&calls, "/x"), ["/two", "/x < /two ambiguous"]);
    assert_eq!(chain(&calls, "/y"), ["/two", "/y < /two inferred"]);
    assert_eq!(chain(&calls, "/one"), ["/one"]);
}

#[test]
fn a_worker_keeps_its_connections() {
    let serial = |serial, hop| Exchange { serial, ..hop };
    let calls = observed(vec![
        hop(1, UP, (0, 100), "/one"),
        hop(9, DOWN, (5, 6), "/mine"),
        hop(2, UP, (10, 120), "/two"),
        serial(1, hop(9, DOWN, (20, 30), "/x")),
        serial(1, hop(1, UP, (200, 300), "/three")),
        serial(1, hop(2, UP, (210, 300), "/four")),
        serial(2, hop(9, DOWN, (220, 230), "/z")),
    ]);
    assert_eq!(chain(&calls, "/x").last().unwrap(), "/x < /one ambiguous");
    // The call before it was ambiguous itself, so the latest is taken.
    assert_eq!(chain(&calls, "/z").last().unwrap(), "/z < /four ambiguous");
}

#[test]
fn traces_say_it_exactly_where_spans_do_and_by_time_else() {
    let calls = observed(vec![
        traced(hop(1, UP, (0, 100), "/one"), 'a', '1', None),
        traced(hop(2, UP, (10, 120), "/two"), 'a', '2', None),
        traced(hop(3, UP, (15, 130), "/other"), 'b', '3', None),
        traced(hop(4, DOWN, (20, 30), "/exact"), 'a', '4', Some('1')),
        traced(hop(5, DOWN, (21, 30), "/passed-on"), 'a', '1', None),
        traced(hop(6, DOWN, (22, 30), "/by-time"), 'a', '6', None),
        traced(hop(7, DOWN, (5000, 5001), "/after"), 'a', '7', Some('1')),
        traced(hop(8, DOWN, (23, 30), "/elsewhere"), 'c', '8', None),
        hop(9, DOWN, (125, 126), "/silent"),
    ]);
    assert_eq!(
        chain(&calls, "/one"),
        ["/one", "/exact < /one trace", "/passed-on < /one trace", "/after < /one trace"]
    );
    assert_eq!(chain(&calls, "/by-time"), ["/two", "/by-time < /two trace"]);
    assert_eq!(chain(&calls, "/elsewhere"), ["/elsewhere"], "its trace is none of those that are served");
    assert_eq!(chain(&calls, "/silent"), ["/other", "/silent < /other inferred"]);
}

#[test]
fn what_is_held_open_is_the_last_reason_and_instances_are_told_apart() {
    let mut stream = hop(1, UP, (0, 10_000), "/events");
    stream.waits = true;
    let mut calls = observed(vec![stream, hop(2, UP, (10, 100), "/one"), hop(3, DOWN, (20, 30), "/x")]);
    assert_eq!(chain(&calls, "/x"), ["/one", "/x < /one inferred"]);
    calls.observe(hop(9, DOWN, (500, 510), "/within-stream"));
    assert_eq!(chain(&calls, "/within-stream").last().unwrap(), "/within-stream < /events ambiguous");
    let second = "172.20.0.33";
    calls.names_mut().learn(second.parse().unwrap(), "orders", at(0));
    calls.observe(hop(4, (WEB, second), (1000, 1100), "/second"));
    calls.observe(hop(5, UP, (1010, 1100), "/first"));
    calls.observe(hop(6, (second, DB), (1020, 1030), "/of-second"));
    assert_eq!(chain(&calls, "/of-second"), ["/second", "/of-second < /second inferred"]);
}

#[test]
fn a_call_that_goes_on_collects_its_consequences() {
    let mut open = crate::tests::fixture::pending(&hop(1, UP, (0, 0), "/open"));
    open.request.complete = true;
    let calls = observed(vec![open, hop(2, DOWN, (50, 60), "/x")]);
    assert_eq!(chain(&calls, "/open"), ["/open", "/x < /open inferred"]);
}

#[test]
fn a_message_goes_on_behind_its_broker() {
    use TopicRole::{Receives, Sends};
    let about = |role: TopicRole, key: Option<&str>, mut hop: Exchange| {
        // The path only names the call here.
        (hop.method, hop.waits) =
            (if role == Sends { "PUBLISH" } else { "DELIVER" }.to_owned(), role == Receives);
        hop.topic = Some(Topic { role, name: "orders".to_owned(), key: key.map(str::to_owned) });
        hop
    };
    let (web, orders) = ((WEB, DB), (ORDERS, DB));
    let calls = observed(vec![
        hop(1, IN, (0, 50), "/in"),
        about(Sends, Some("a"), hop(2, web, (10, 11), "/sent-a")),
        about(Sends, Some("b"), hop(3, web, (60, 61), "/sent-b")),
        about(Receives, Some("a"), hop(4, orders, (70, 200), "/got-a")),
        hop(5, (ORDERS, WEB), (100, 110), "/work"),
        about(Receives, Some("c"), hop(6, orders, (300, 310), "/got-c")),
        about(Receives, None, hop(7, orders, (400, 410), "/got-any")),
    ]);
    assert_eq!(
        chain(&calls, "/in"),
        ["/in", "/sent-a < /in inferred", "/got-a < /sent-a inferred", "/work < /got-a inferred"]
    );
    assert_eq!(chain(&calls, "/work").len(), 4);
    assert_eq!(chain(&calls, "/got-c"), ["/got-c"], "nobody was seen to send it");
    assert_eq!(chain(&calls, "/got-any"), ["/sent-b", "/got-any < /sent-b ambiguous"]);
}

/// What `orders` fetches from Kafka or Redis, which is `db`, from one millisecond until it came at another.
fn fetch(conn: u64, protocol: Protocol, (start, end): (i64, i64), target: &str) -> Exchange {
    let mut fetch = about(TopicRole::Receives, hop(conn, (ORDERS, DB), (start, end), target));
    (fetch.protocol, fetch.method, fetch.waits) = (protocol, "FETCH".to_owned(), true);
    fetch.status = Some("OK".to_owned());
    fetch.response.as_mut().unwrap().messages = 1;
    fetch
}

fn about(role: TopicRole, mut hop: Exchange) -> Exchange {
    hop.topic = Some(Topic { role, name: "jobs".to_owned(), key: None });
    hop
}

#[test]
fn what_was_fetched_from_a_broker_is_the_reason_of_what_follows() {
    for protocol in [Protocol::Kafka, Protocol::Redis] {
        let sent = about(TopicRole::Sends, hop(2, (WEB, DB), (200_010, 200_011), "/sent"));
        let mut empty = fetch(7, protocol, (230_000, 230_500), "/empty");
        empty.response.as_mut().unwrap().messages = 0;
        empty.status = Some("nil".to_owned());
        let work = |conn, ms: i64, target| hop(conn, (ORDERS, WEB), (200_000 + ms, 200_005 + ms), target);
        let calls = observed(vec![
            // It was waited for long before anybody left something there.
            fetch(4, protocol, (-50_000, 200_012), "/fetched"),
            traced(hop(1, IN, (200_000, 200_050), "/in"), 'a', '1', None),
            Exchange { protocol, ..sent },
            work(5, 100, "/work"),
            traced(work(6, 200, "/traced"), 'a', '2', None),
            traced(work(8, 220, "/other"), 'b', '2', None),
            empty,
            work(9, 30_600, "/idle"),
        ]);
        let path = ["/in", "/sent < /in inferred", "/fetched < /sent inferred"];
        let then = ["/work < /fetched inferred", "/traced < /fetched trace"];
        assert_eq!(chain(&calls, "/in"), [&path[..], &then[..]].concat());
        assert_eq!(chain(&calls, "/fetched"), chain(&calls, "/in"));
        assert_eq!(chain(&calls, "/work"), [&path[..], &then[..1]].concat());
        assert_eq!(chain(&calls, "/other"), ["/other"], "it says that it is of another trace");
        assert_eq!((chain(&calls, "/idle").len(), chain(&calls, "/empty").len()), (1, 1));
    }
}

#[test]
fn several_messages_that_were_fetched_are_no_certainty() {
    let calls = observed(vec![
        Exchange { protocol: Protocol::Kafka, ..about(TopicRole::Sends, hop(1, (WEB, DB), (0, 1), "/one")) },
        fetch(2, Protocol::Kafka, (0, 10), "/got-one"),
        Exchange {
            protocol: Protocol::Kafka,
            ..about(TopicRole::Sends, hop(3, (WEB, DB), (20, 21), "/two"))
        },
        fetch(4, Protocol::Kafka, (10, 30), "/got-two"),
        hop(5, (ORDERS, WEB), (100, 110), "/work"),
    ]);
    let expected = ["/two", "/got-two < /two ambiguous", "/work < /got-two ambiguous"];
    assert_eq!(chain(&calls, "/work"), expected);
}

#[test]
fn a_trace_goes_on_behind_what_nobody_sees() {
    let calls = observed(vec![
        traced(hop(1, UP, (0, 50), "/in"), 'a', '1', None),
        traced(hop(2, DOWN, (10, 20), "/read"), 'a', '2', None),
        traced(hop(3, (WEB, DB), (60, 70), "/sibling"), 'a', '3', None),
        traced(hop(4, (DB, GATEWAY), (9_000, 9_001), "/far"), 'a', '4', None),
    ]);
    assert_eq!(chain(&calls, "/far").last().unwrap(), "/far < /sibling trace");
    assert_eq!(chain(&calls, "/in").len(), 4, "{:?}", chain(&calls, "/in"));
}

#[test]
fn any_header_that_both_carry_says_that_they_belong_together() {
    let with = |mut hop: Exchange, headers: &[(&str, &str)]| {
        for (name, value) in headers {
            header(&mut hop.request, name, value);
        }
        hop
    };
    let w3c = "00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-1111111111111111-01";
    let calls = observed(vec![
        with(hop(1, UP, (0, 100), "/one"), &[("traceparent", w3c), ("x-request-id", "r-1")]),
        with(hop(2, UP, (10, 120), "/two"), &[("x-request-id", "r-2")]),
        with(hop(3, DOWN, (20, 30), "/by-id"), &[("x-request-id", "r-1")]),
        with(hop(4, DOWN, (21, 30), "/by-trace"), &[("traceparent", w3c), ("x-request-id", "new")]),
    ]);
    assert_eq!(chain(&calls, "/one"), ["/one", "/by-id < /one trace", "/by-trace < /one trace"]);
}

#[test]
fn long_chains_end() {
    let mut hops = vec![hop(1, UP, (0, 50_000), "/root")];
    hops.extend((0..1500).map(|i| hop(10 + i as u64 % 9, DOWN, (10 + i, 11 + i), "/x")));
    let hops = hops.into_iter().enumerate().map(|(serial, hop)| Exchange { serial: serial as u32, ..hop });
    let calls = observed(hops.collect());
    assert_eq!(chain(&calls, "/root").len(), 500);
}

proptest! {
    #[test]
    fn a_chain_is_a_tree_in_the_order_of_time(
        hops in prop::collection::vec((0..4usize, 0..4usize, 0..300i64, 0..200i64, 0..4u64, 0..5u32), 1..60),
        chosen in any::<prop::sample::Index>(),
    ) {
        let places = [GATEWAY, WEB, ORDERS, DB];
        let calls = observed(hops.iter().enumerate().map(|(serial, (from, to, start, len, conn, trace))| {
            let hop = hop(*conn, (places[*from], places[*to]), (*start, start + len), "/x");
            let hop = Exchange { serial: serial as u32, ..hop };
            let letter = |number: u32| char::from_digit(number, 16).unwrap();
            if *trace < 3 { traced(hop, letter(*trace + 1), letter((start % 5) as u32 + 1), None) } else { hop }
        }).collect());
        let all = calls.list(&crate::Query::default(), crate::Position::Oldest, usize::MAX).calls;
        let asked = &all[chosen.index(all.len())].id;
        let chain = calls.chain(asked);
        prop_assert!(chain.iter().any(|linked| linked.call.id == *asked));
        prop_assert_eq!(chain[0].parent, None, "it begins with the first reason");
        for (place, linked) in chain.iter().enumerate() {
            prop_assert_eq!(place == 0, linked.parent.is_none());
            if let Some((parent, link)) = linked.parent {
                let parent = chain[..place].iter().find(|other| other.call.id == parent);
                let parent = parent.expect("a parent comes before its child").call;
                if link != Link::Trace {
                    prop_assert_eq!(&parent.to.service, &linked.call.from.service);
                    prop_assert!(parent.response.as_ref().unwrap().last >= linked.call.ts);
                }
            }
        }
        // Asked from below, the reasons are the same.
        for linked in &chain {
            let again = calls.chain(&linked.call.id);
            let same = again.iter().find(|other| other.call.id == linked.call.id).unwrap();
            prop_assert_eq!(same.parent.map(|(id, _)| id), linked.parent.map(|(id, _)| id));
        }
    }
}
