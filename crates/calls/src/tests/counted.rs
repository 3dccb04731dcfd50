//! What was counted outlives the session, as the calls do: nothing is lost by it, and nothing counts twice.

use std::path::Path;

use model::Timestamp;
use model::call::Edge;
use model::exchange::{Exchange, Protocol, Tally};
use proptest::prelude::*;
use tempfile::TempDir;

use super::fixture::{at, calls, exchange, later, message, pending};
use crate::protobuf::Schemas;
use crate::{Calls, Limits, RouteQuery, Source, Within};

fn session(folder: &Path, kept: usize) -> Calls {
    let mut calls = calls(Limits { calls: kept, ..Limits::default() });
    assert!(calls.keep_in(folder, 1 << 30).unwrap().is_none());
    calls
}

/// The session after one that was killed, or has ended.
fn next(folder: &Path, kept: usize) -> Calls {
    let limits = Limits { calls: kept, ..Limits::default() };
    let mut calls = Calls::new(&model::plan::CallsConfig::default(), limits, "e2");
    assert!(calls.keep_in(folder, 1 << 30).unwrap().is_none());
    calls
}

fn tally(second: i64, calls: u64) -> Tally {
    let like = later(exchange(9_000, 0, "GET", "/many"), second * 1000);
    Tally { like, calls, bytes: calls * 10, messages: 0, micros: vec![(2000, calls as u32)] }
}

fn call(conn: u64, second: i64) -> Exchange {
    let mut one =
        later(exchange(conn, 0, "GET", if conn.is_multiple_of(2) { "/a" } else { "/b" }), second * 1000);
    one.status = Some(if conn.is_multiple_of(5) { "500" } else { "200" }.to_owned());
    one
}

/// Long after everything, so that all is written.
fn save(calls: &mut Calls, second: i64) {
    calls.save(at(second * 1000), &Schemas::default()).unwrap();
}

fn within(from: i64, to: i64) -> Within {
    Within { since: Some(at(from * 1000)), until: Some(at(to * 1000)) }
}

/// The numbers of an edge, its times with two digits.
fn numbers(edge: &Edge) -> (String, u64, u64, u64, Timestamp, Option<String>) {
    let p50 = edge.p50_ms.map(|ms| format!("{ms:.1}"));
    (format!("{} {}", edge.from, edge.to), edge.calls, edge.errors, edge.bytes, edge.last, p50)
}

/// All that is told of a span of time, and of all time.
fn told(calls: &Calls, spans: &[(i64, i64)]) -> Vec<String> {
    let whole = calls.edges().iter().map(|edge| format!("{:?}", numbers(edge))).collect::<Vec<_>>();
    let of_span = |(from, to): &(i64, i64)| {
        let edges = calls.edges_within(within(*from, *to));
        let edges: Vec<_> = edges.counted.iter().map(numbers).collect();
        let query = RouteQuery { within: within(*from, *to), ..RouteQuery::default() };
        let routes = calls.routes(&query, at(0)).counted;
        let mut routes: Vec<_> = routes.iter().map(|r| (r.route.clone(), r.calls, r.errors)).collect();
        routes.sort();
        format!("{edges:?} {routes:?} {:?}", calls.series(at(from * 1000), at(to * 1000), 7))
    };
    let head = calls.head();
    spans.iter().map(of_span).chain(whole).chain([format!("{} {}", head.total, head.failed)]).collect()
}

const SPANS: [(i64, i64); 3] = [(0, 200), (30, 61), (0, 5)];

#[test]
fn the_next_session_tells_the_same_of_what_was_evicted_or_never_told() {
    let folder = TempDir::new().unwrap();
    let mut first = session(folder.path(), 10);
    for second in 0..100 {
        first.observe(call(second as u64, second));
        if second % 10 == 0 {
            first.count(Source::default(), &tally(second, 5_000));
            save(&mut first, second);
            first.save_counts(at(second * 1000), false).unwrap();
        }
    }
    save(&mut first, 200);
    first.save_counts(at(200_000), true).unwrap();
    assert_eq!(first.len(), 10);
    let before = told(&first, &SPANS);
    drop(first);
    let mut second = next(folder.path(), 10);
    assert_eq!(told(&second, &SPANS), before);
    // And the one after it, though nothing happened meanwhile.
    second.save_counts(at(300_000), true).unwrap();
    assert_eq!(told(&next(folder.path(), 10), &SPANS), before);
}

#[test]
fn a_killed_session_loses_the_newest_seconds_of_what_was_only_counted_and_no_call() {
    let folder = TempDir::new().unwrap();
    let mut first = session(folder.path(), 1000);
    for second in 0..60 {
        first.count(Source::default(), &tally(second, 1_000));
        first.observe(call(second as u64, second));
        save(&mut first, second);
        first.save_counts(at(second * 1000), false).unwrap();
    }
    save(&mut first, 100);
    // What goes on once it was written, and what came after that.
    first.observe(call(70, 70));
    save(&mut first, 101);
    drop(first);
    let next = next(folder.path(), 1000);
    let edges = next.edges_within(within(0, 100)).counted;
    let [edge] = &edges[..] else { panic!("one edge: {edges:?}") };
    let lost = 60_061 - edge.calls;
    assert!(lost <= 8_000 && lost.is_multiple_of(1000), "{lost} were lost");
    assert_eq!(edge.errors, 13, "every call counts once");
    assert_eq!(next.head().total, edge.calls);
}

#[test]
fn a_call_that_went_on_when_counts_were_written_counts_as_what_became_of_it() {
    let folder = TempDir::new().unwrap();
    let mut first = session(folder.path(), 1000);
    let mut slow = call(5, 1);
    slow.response = Some(message(at(1_002), at(31_000), 0));
    first.observe(pending(&slow));
    first.observe(call(1, 20));
    first.save_counts(at(25_000), false).unwrap();
    assert_eq!(first.edges_within(within(0, 100)).counted[0].calls, 2, "it still counts here");
    first.observe(slow);
    save(&mut first, 60);
    let before = told(&first, &SPANS);
    drop(first);
    assert_eq!(told(&next(folder.path(), 1000), &SPANS), before);
}

#[test]
fn counts_that_are_damaged_are_told_and_left_alone() {
    let folder = TempDir::new().unwrap();
    let mut first = session(folder.path(), 1000);
    first.count(Source::default(), &tally(1, 1_000));
    first.observe(call(1, 1));
    save(&mut first, 10);
    first.save_counts(at(10_000), true).unwrap();
    drop(first);
    let file = folder.path().join("counts");
    let whole = std::fs::read(&file).unwrap();
    for at in 0..whole.len() {
        let mut broken = whole.clone();
        broken[at] ^= 0x5a;
        std::fs::write(&file, if at % 2 == 0 { &broken } else { &whole[..at] }).unwrap();
        let mut calls = calls(Limits::default());
        let unread = calls.keep_in(folder.path(), 1 << 30).unwrap().expect("told");
        assert!(unread.to_string().contains("counts"), "{unread}");
        assert_eq!(calls.head().total, 1, "the calls are there");
    }
    let mut third = calls(Limits::default());
    assert!(third.keep_in(folder.path(), 1 << 30).unwrap().is_some());
    third.observe(call(3, 100));
    third.save_counts(at(100_000), true).unwrap();
    assert_eq!(next(folder.path(), 1000).head().total, 1 + 1, "it is replaced by the next one");
}

#[test]
fn nothing_that_must_be_hidden_is_in_what_was_counted() {
    let folder = TempDir::new().unwrap();
    let mut first = session(folder.path(), 1000);
    for protocol in [Protocol::Http1, Protocol::WebSocket, Protocol::Http2] {
        let mut secret = tally(1, 10);
        secret.like.protocol = protocol;
        secret.like.target = "/chat?token=hush&room=7".to_owned();
        first.count(Source::default(), &secret);
    }
    first.save_counts(at(10_000), true).unwrap();
    let bytes = std::fs::read(folder.path().join("counts")).unwrap();
    assert!(bytes.windows(4).any(|four| four == b"chat"));
    assert!(!bytes.windows(4).any(|four| four == b"hush"));
}

#[test]
fn what_rests_is_not_written_again() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("counts");
    let mut first = session(folder.path(), 1000);
    first.save_counts(at(0), false).unwrap();
    assert!(!file.exists(), "nothing was counted");
    first.count(Source::default(), &tally(1, 10));
    first.save_counts(at(10_000), false).unwrap();
    first.save_counts(at(20_000), false).unwrap();
    assert!(file.exists(), "in time all of it is written");
    std::fs::remove_file(&file).unwrap();
    first.save_counts(at(30_000), false).unwrap();
    first.save_counts(at(40_000), true).unwrap();
    assert!(!file.exists());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whenever_counts_are_written_everything_counts_once(
        moments in prop::collection::vec((0_i64..3, any::<bool>(), any::<bool>(), any::<bool>()), 1..80),
        kept in 5_usize..60,
    ) {
        let folder = TempDir::new().unwrap();
        let mut first = session(folder.path(), kept);
        let mut second = 0;
        let mut open = Vec::new();
        for (conn, (pause, counts, ends, writes)) in moments.into_iter().enumerate() {
            second += pause;
            if counts {
                first.count(Source::default(), &tally(second, 7));
            }
            let one = call(conn as u64, second);
            first.observe(if ends { one.clone() } else { pending(&one) });
            open.extend((!ends).then_some(one));
            if writes {
                first.save_counts(at(second * 1000), false).unwrap();
                open.drain(..).for_each(|one| drop(first.observe(one)));
                save(&mut first, second);
            }
        }
        for one in open {
            first.observe(one);
        }
        save(&mut first, second + 60);
        first.save_counts(at((second + 60) * 1000), true).unwrap();
        let before = told(&first, &[(0, 500)]);
        drop(first);
        prop_assert_eq!(told(&next(folder.path(), kept), &[(0, 500)]), before);
    }
}
