//! A hit in one line of a record brings all of its lines.

use std::collections::HashMap;

use crate::common::{all, any_line, line, texts};
use logs::{From, Limits, Query, Store, Stored, Text};
use model::Timestamp;
use model::line::{Level, Line};
use proptest::prelude::*;

/// A service that logs, and breaks in the middle: enough lines that the trace lies in two zones of the index.
fn broken(dir: &std::path::Path) -> Store {
    let store = Store::open(dir, Limits::default()).unwrap();
    let mut lines: Vec<Line> = (0..1900).map(|at| line(at, "orders", "served")).collect();
    lines.push(line(1900, "orders", "ERROR boom"));
    lines.extend((1901..2200).map(|at| line(at, "orders", &format!("  at frame {at}"))));
    lines.push(line(2200, "orders", "served again"));
    lines.extend((0..2300).map(|at| line(at, "db", "ready")));
    store.append(&lines).unwrap();
    store
}

fn whole(text: &str) -> Query {
    Query { text: Some(Text::exact(text)), whole: true, ..Query::default() }
}

#[test]
fn a_trace_comes_whole_wherever_the_hit_is() {
    let dir = tempfile::tempdir().unwrap();
    let store = broken(dir.path());
    for hit in ["boom", "frame 1901", "frame 2047", "frame 2048", "frame 2199"] {
        let lines = all(&store, &whole(hit));
        assert_eq!(lines.len(), 300, "{hit}");
        assert_eq!(
            (lines[0].text.as_str(), lines[299].text.as_str()),
            ("ERROR boom", "  at frame 2199"),
            "{hit}"
        );
    }
    assert_eq!(all(&store, &whole("served again")).len(), 1);
    assert_eq!(all(&store, &whole("nowhere")).len(), 0);
    let single = Query { whole: false, ..whole("frame 2048") };
    assert_eq!(all(&store, &single).len(), 1, "only when it is asked for");
}

#[test]
fn pages_of_a_trace_lose_and_double_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = broken(dir.path());
    let query = whole("frame 1999");
    let expected: Vec<String> = all(&store, &query).into_iter().map(|line| line.text).collect();
    let (mut forward, mut from) = (Vec::new(), From::Oldest);
    loop {
        let page = store.read(&query, from, 70).unwrap();
        forward.extend(texts(&page).iter().map(|&text| text.to_owned()));
        if !page.more {
            break;
        }
        from = From::After(page.after);
    }
    assert_eq!(forward, expected);
    let (mut backward, mut from) = (Vec::new(), From::Newest);
    loop {
        let page = store.read(&query, from, 70).unwrap();
        backward.splice(0..0, texts(&page).iter().map(|&text| text.to_owned()));
        let Some(before) = page.before else { break };
        from = From::Before(before);
    }
    assert_eq!(backward, expected);
}

#[test]
fn limits_of_time_and_service_hold_for_what_comes_along() {
    let dir = tempfile::tempdir().unwrap();
    let store = broken(dir.path());
    let query = Query { since: Some(Timestamp(2000)), until: Some(Timestamp(2009)), ..whole("frame 2005") };
    assert_eq!(all(&store, &query).len(), 10);
    assert_eq!(all(&store, &Query { services: vec!["db".to_owned()], ..whole("boom") }).len(), 0);
    let errors = Query { min_level: Some(Level::Error), whole: true, ..Query::default() };
    assert_eq!(all(&store, &errors).len(), 300);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_comes_is_every_record_with_a_hit(lines in proptest::collection::vec(any_line(), 1..120)) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), Limits::default()).unwrap();
        let lines: Vec<Line> =
            lines.into_iter().zip(0..).map(|(line, at)| Line { ts: Timestamp(at), ..line }).collect();
        store.append(&lines).unwrap();
        let stored = all(&store, &Query::default());
        // The reference: records by their heads, then those of which a line has the word.
        let mut heads = HashMap::new();
        let mut record_of = Vec::new();
        for (at, line) in stored.iter().enumerate() {
            let head = heads.entry((line.instance.clone(), line.stream)).or_insert(at);
            if !line.cont {
                *head = at;
            }
            record_of.push(*head);
        }
        let has = |line: &Stored| line.text.contains("user=7");
        let expected: Vec<_> = stored
            .iter()
            .zip(&record_of)
            .filter(|(_, record)| stored.iter().zip(&record_of).any(|(other, of)| of == *record && has(other)))
            .map(|(line, _)| line.clone())
            .collect();
        prop_assert_eq!(all(&store, &whole("user=7")), expected);
    }
}
