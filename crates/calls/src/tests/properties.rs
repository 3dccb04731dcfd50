//! What holds for any traffic.

use std::collections::BTreeMap;

use model::call::{Call, Edge, Route};
use model::exchange::{Ending, Exchange, Part, Protocol, Quality};
use model::plan::CallsConfig;
use proptest::prelude::*;

use super::fixture::{DB, GATEWAY, ORDERS, WEB, addr, archive, at, calls, header, message};
use crate::{Calls, Limits, Position, Query, RouteQuery, export};

const ADDRESSES: [&str; 5] = [WEB, ORDERS, DB, GATEWAY, "10.9.9.9"];

/// All reports of one exchange, from the first to the last.
fn reports() -> impl Strategy<Value = Vec<Exchange>> {
    let ends = (0..5usize, 0..5usize);
    let times = (0..5000i64, 0..50i64, 0..50i64, 0..50i64);
    let status = prop_oneof![Just("200"), Just("304"), Just("404"), Just("500"), Just("101")];
    (ends, times, status, 0..3u8, any::<bool>(), 0..200usize).prop_map(
        |((from, to), (start, send, wait, receive), status, fate, is_tcp, size)| {
            let request = message(at(start), at(start + send), size as u64);
            let first = start + send + wait;
            let client = addr(ADDRESSES[from], 40_000);
            let server = addr(ADDRESSES[to], if is_tcp { 5432 } else { 8000 });
            let protocol = if is_tcp { Protocol::Tcp } else { Protocol::Http1 };
            let mut exchange = Exchange {
                method: if is_tcp { String::new() } else { "GET".to_owned() },
                target: if is_tcp { String::new() } else { format!("/x/{start}?y=1") },
                request,
                ..Exchange::new((0, 0), client, server, protocol, at(start))
            };
            exchange.request.body = vec![b'a'; size];
            let mut reports = vec![exchange.clone()];
            if fate > 0 {
                let mut response = message(at(first), at(first), 1);
                response.complete = false;
                exchange.response = Some(response);
                exchange.status = (!is_tcp).then(|| status.to_owned());
                reports.push(exchange.clone());
            }
            if fate > 1 {
                exchange.response = Some(message(at(first), at(first + receive), 1 + receive as u64));
                exchange.done = true;
                exchange.ending = if is_tcp { Ending::Closed } else { Ending::Open };
                reports.push(exchange.clone());
            } else if fate == 0 {
                (exchange.quality, exchange.ending, exchange.done) =
                    (Quality::NoResponse, Ending::Reset, true);
                reports.push(exchange);
            }
            reports
        },
    )
}

/// Many exchanges, their reports numbered and in wire order.
fn traffic() -> impl Strategy<Value = Vec<Exchange>> {
    prop::collection::vec(reports(), 1..25).prop_map(|all| {
        let numbered = all.into_iter().enumerate().flat_map(|(conn, reports)| {
            reports.into_iter().map(move |report| Exchange { conn: conn as u64, ..report })
        });
        numbered.collect()
    })
}

/// The calls without what depends on the order of arrival.
fn plain(calls: &Calls) -> BTreeMap<String, Call> {
    let page = calls.list(&Query::default(), Position::Oldest, usize::MAX);
    page.calls
        .into_iter()
        .map(|call| (call.conn.clone(), Call { id: String::new(), ..call.clone() }))
        .collect()
}

fn observe_all(limits: Limits, reports: &[Exchange]) -> Calls {
    let mut calls = calls(limits);
    for report in reports {
        calls.observe(report.clone());
    }
    calls
}

fn coded(gzip: bool, plain: &[u8]) -> Vec<u8> {
    if !gzip {
        return ruzstd::encoding::compress_to_vec(plain, ruzstd::encoding::CompressionLevel::Fastest);
    }
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, plain).unwrap();
    encoder.finish().unwrap()
}

fn routes(calls: &Calls) -> Vec<Route> {
    calls.routes(&RouteQuery::default(), at(6000)).counted
}

/// What an edge counts is what its routes count.
fn sums_are_those_of_edges(calls: &Calls) {
    let mut sums: BTreeMap<_, (u64, u64)> = BTreeMap::new();
    for route in routes(calls) {
        let sum = sums.entry((route.from, route.to, route.protocol)).or_default();
        *sum = (sum.0 + route.calls, sum.1 + route.errors);
    }
    let edges = calls
        .edges()
        .into_iter()
        .filter(|e| e.via.is_none())
        .map(|e| ((e.from, e.to, e.protocol), (e.calls, e.errors)));
    assert_eq!(sums, edges.collect());
}

proptest! {
    #[test]
    fn routes_sum_up_to_edges_whatever_is_learnt(
        paths in prop::collection::vec(("[a-z]{1,2}", "[a-z]{1,3}", 0..3u8, any::<bool>()), 1..150),
        late in 0..150usize,
    ) {
        let mut calls = Calls::new(&CallsConfig::default(), Limits { calls: 40, ..Limits::default() }, "e1");
        for (i, (shop, item, kind, fails)) in paths.into_iter().enumerate() {
            if i == late {
                calls.names_mut().learn(ORDERS.parse().unwrap(), "orders", at(0));
            }
            let target = match kind {
                0 => format!("/shops/{shop}"),
                1 => format!("/shops/{shop}/items/{item}"),
                _ => format!("/{item}/{i}"),
            };
            let mut x = super::fixture::exchange(i as u64, 0, "GET", &target);
            let failure = if i % 2 == 0 { "500" } else { "404" };
            x.status = Some(if fails { failure } else { "200" }.to_owned());
            calls.observe(super::fixture::pending(&x));
            calls.observe(x);
            if i % 20 == 0 {
                sums_are_those_of_edges(&calls);
            }
        }
        sums_are_those_of_edges(&calls);
        let known: std::collections::BTreeSet<String> = routes(&calls).into_iter().map(|r| r.route).collect();
        for call in calls.list(&Query::default(), Position::Newest, usize::MAX).calls {
            prop_assert!(known.contains(&call.route), "{} is in none of {known:?}", call.route);
        }
    }

    #[test]
    fn any_order_of_reports_gives_the_same_calls(
        (in_order, shuffled) in traffic().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle()))
    ) {
        let (a, b) = (observe_all(Limits::default(), &in_order), observe_all(Limits::default(), &shuffled));
        prop_assert_eq!(plain(&a), plain(&b));
        prop_assert_eq!(a.edges(), b.edges());
        prop_assert_eq!(routes(&a), routes(&b));
        sums_are_those_of_edges(&a);
        let (mut a_head, mut b_head) = (a.head(), b.head());
        (a_head.revision, b_head.revision, a_head.probes, b_head.probes) = (0, 0, 0, 0);
        prop_assert_eq!(a_head, b_head);
        prop_assert_eq!(a.series(at(-1000), at(9000), 7), b.series(at(-1000), at(9000), 7));
    }

    #[test]
    fn limits_hold_and_counts_do_not_care(reports in traffic(), limit in 0..10usize, bytes in 0..20_000usize) {
        let limits = Limits { calls: limit, bytes };
        let mut few = calls(limits);
        for report in &reports {
            few.observe(report.clone());
            prop_assert!(few.len() <= limit && few.bytes() <= bytes);
            prop_assert!(limit > 0 || few.bytes() == 0);
        }
        sums_are_those_of_edges(&few);
        // Whatever was evicted, edges and totals are those of a store that keeps all. Ghosts are as many as calls,
        // so the comparison needs room for them.
        if limit >= reports.len() {
            let all = observe_all(Limits::default(), &reports);
            let edges = |calls: &Calls| -> Vec<Edge> { calls.edges() };
            prop_assert_eq!(edges(&few), edges(&all));
            prop_assert_eq!(few.head().total, all.head().total);
            prop_assert_eq!(few.head().failed, all.head().failed);
            prop_assert_eq!(few.head().pending, all.head().pending);
        }
        prop_assert_eq!(few.head().evicted + few.len() as u64, few.head().total);
        let listed = few.list(&Query::default(), Position::Newest, usize::MAX).calls;
        prop_assert_eq!(listed.len(), few.len());
        prop_assert!(listed.windows(2).all(|pair| pair[0].ts >= pair[1].ts));
        for call in listed {
            prop_assert_eq!(few.get(&call.id), Some(call));
        }
    }

    #[test]
    fn a_secret_is_in_nothing_that_leaves(
        place in 0..15usize,
        cut in any::<prop::sample::Index>(),
        noise in "[a-z{}\\[\\]\",:=& \n]{0,20}",
        done in any::<bool>(),
    ) {
        const SECRET: &str = "hunter2zq";
        let mut x = super::fixture::exchange(1, 0, "POST", "/login");
        let mut body = |kind: &str, text: String| {
            let (kind, coding) = kind.split_once("\r\ncontent-encoding: ").unwrap_or((kind, "identity"));
            header(&mut x.request, "content-type", kind);
            header(&mut x.request, "content-encoding", coding);
            x.request.body = text.into_bytes();
        };
        match place {
            0 => body("application/json", format!("{{\"a\":\"{}\",\"password\":\"{SECRET}\"}}", noise.replace(['"', '\n'], ""))),
            1 => body("application/json", format!("[{{\"x\":{{\"Token\" :\n {{\"v\":[\"{SECRET}\"]}}}}}}]")),
            2 => body("application/x-ndjson", format!("{noise}\n{{\"secret\":\"{SECRET}\"}}\n")),
            3 => body("application/x-www-form-urlencoded", format!("{}&pass%77ord={SECRET}", noise.replace('&', ""))),
            4 => body(
                "multipart/form-data; boundary=xx",
                format!("--xx\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\n{SECRET}\r\n--xx--\r\n"),
            ),
            5 => header(&mut x.request, "AUTHORIZATION", &format!("Bearer {SECRET}")),
            6 => header(x.response.as_mut().unwrap(), "Set-Cookie", &format!("sid={SECRET}")),
            7 => x.target = format!("/login?a={}&token={SECRET}", noise.replace(['&', '\n'], "")),
            8 => header(x.response.as_mut().unwrap(), "location", &format!("/cb#secret={SECRET}")),
            9 => body("text/plain", format!("user=a&secret={SECRET}")),
            10 => body("application/json\r\ncontent-encoding: gzip", SECRET.to_owned()),
            11 | 12 => {
                let plain = format!("{{\"a\":\"{}\",\"password\":\"{SECRET}\"}}", noise.replace(['"', '\n'], ""));
                header(&mut x.request, "content-type", "application/json");
                header(&mut x.request, "content-encoding", if place == 11 { "gzip" } else { "zstd" });
                x.request.body = coded(place == 11, plain.as_bytes());
            }
            13 => {
                x.request.media = Some("application/json".to_owned());
                x.request.body = format!("[{{\"token\":\"{SECRET}\"}}]").into_bytes();
            }
            _ => body("text/event-stream", format!("data: {{\"token\":\"{SECRET}\"}}\n\n")),
        }
        // The capture may have cut the body anywhere.
        let keep = cut.index(x.request.body.len() + 1);
        x.request.cut = keep < x.request.body.len();
        x.request.body.truncate(keep);
        let mut calls = calls(Limits::default());
        if !done {
            x = super::fixture::pending(&x);
        }
        calls.observe(x);
        let page = calls.list(&Query::default(), Position::Newest, 10);
        let call = page.calls[0];
        let mut out = format!("{call:?}{}{}", archive(&calls, &page.calls), export::curl(call).unwrap());
        for message in std::iter::once(&call.request).chain(&call.response) {
            out.push_str(&String::from_utf8_lossy(&message.body));
        }
        prop_assert!(!out.contains(SECRET), "{}", out);
        // Not even most of it, where it was cut.
        prop_assert!(!out.contains(&SECRET[..6]), "{}", out);
    }

    #[test]
    fn parts_are_whole_or_cut_and_never_shifted(
        texts in prop::collection::vec("[a-z{}\":,]{0,12}|\\{\"token\":\"hunter2zq\"\\}", 0..12),
        limit in 0..120usize,
        more in 0..20u32,
    ) {
        let mut plan = super::fixture::plan(&[]);
        plan.calls.body_limit = limit;
        let mut calls = calls(Limits::default());
        calls.configure(&plan);
        let mut x = super::fixture::exchange(1, 0, "GET", "/live");
        x.request.body = texts.concat().into_bytes();
        x.request.parts = texts
            .iter()
            .map(|text| {
                let (bytes, kept) = (text.len() as u64, text.len() as u32 + more);
                Part { at: at(0), kind: "text".to_owned(), bytes, kept: if more > 9 { kept } else { kept - more } }
            })
            .collect();
        let count = texts.len();
        calls.observe(x);
        let request = &calls.get("e1-0").unwrap().request;
        prop_assert_eq!(request.parts.len(), count);
        let kept: usize = request.parts.iter().map(|part| part.kept as usize).sum();
        prop_assert!(kept <= request.body.len() && request.body.len() <= limit);
        if more <= 9 {
            prop_assert!(!String::from_utf8_lossy(&request.body).contains("hunter2"));
            // Each part begins where the one before ends, with what it began with.
            let mut rest = request.body.as_slice();
            for (part, text) in request.parts.iter().zip(&texts) {
                let (own, behind) = rest.split_at(part.kept as usize);
                let same = own.iter().zip(text.bytes()).take(1).all(|(a, b)| *a == b);
                prop_assert!(same, "{:?} is no part of {text:?}", String::from_utf8_lossy(own));
                rest = behind;
            }
        }
    }

    #[test]
    fn redaction_takes_any_bytes(body in prop::collection::vec(any::<u8>(), 0..300), kind in 0..5usize) {
        let kinds = ["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=a", "text/plain", ""];
        let mut x = super::fixture::exchange(1, 0, "POST", &String::from_utf8_lossy(&body));
        header(&mut x.request, "content-type", kinds[kind]);
        x.request.body = body;
        let mut calls = calls(Limits::default());
        calls.observe(x.clone());
        let once = calls.get("e1-0").unwrap().request.body.clone();
        // What was hidden once stays as it is.
        (x.conn, x.request.body) = (2, once.clone());
        calls.observe(x);
        prop_assert_eq!(&calls.get("e1-1").unwrap().request.body, &once);
    }
}
