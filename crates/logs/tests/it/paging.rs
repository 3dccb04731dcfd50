//! Pages are one read in pieces, and a follower misses nothing, whatever comes late.

use crate::common::{SMALL, all, any_line, batches, filled, line, texts};
use logs::{Cursor, From, Query, Store, Stored, Text};
use model::Timestamp;
use proptest::prelude::*;

fn queries() -> impl Strategy<Value = Query> {
    let text = proptest::option::of(Just("timeout"));
    let budget = proptest::option::of(0_u64..60);
    (text, budget).prop_map(|(text, budget)| Query {
        text: text.map(Text::literal),
        budget,
        ..Query::default()
    })
}

/// Reads on in one direction until there is no more. Pages may be empty while a budget lasts, but not forever.
fn read_on(store: &Store, query: &Query, backward: bool, limit: usize) -> Vec<Stored> {
    let mut lines: Vec<Stored> = Vec::new();
    let mut from = if backward { From::Newest } else { From::Oldest };
    for _ in 0..10_000 {
        let page = store.read(query, from, limit).unwrap();
        assert!(page.lines.len() <= limit);
        if backward {
            lines.splice(0..0, page.lines);
            let Some(before) = page.before else { return lines };
            from = From::Before(before);
        } else {
            lines.extend(page.lines);
            if !page.more {
                return lines;
            }
            from = From::After(page.after);
        }
    }
    panic!("paging does not end");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn pages_are_one_read_in_pieces(batches in batches(), query in queries(), limit in 1_usize..50) {
        let dir = tempfile::tempdir().unwrap();
        let store = filled(dir.path(), &batches);
        let whole = all(&store, &Query { budget: None, ..query.clone() });
        prop_assert_eq!(read_on(&store, &query, false, limit), whole.clone());
        prop_assert_eq!(read_on(&store, &query, true, limit), whole);
    }

    #[test]
    fn lines_around_a_line_are_its_neighbours(batches in batches(), at: prop::sample::Index, limit in 1_usize..20) {
        let dir = tempfile::tempdir().unwrap();
        let store = filled(dir.path(), &batches);
        let whole = all(&store, &Query::default());
        let at = at.index(whole.len());
        let cursor: Cursor = whole[at].cursor.to_string().parse().unwrap();
        let before = store.read(&Query::default(), From::Before(cursor), limit).unwrap().lines;
        let after = store.read(&Query::default(), From::After(cursor), limit).unwrap().lines;
        prop_assert_eq!(&before[..], &whole[at.saturating_sub(limit)..at]);
        prop_assert_eq!(&after[..], &whole[at + 1..(at + 1 + limit).min(whole.len())]);
    }

    /// Between its pages any lines arrive, older and newer; it starts with the newest page or at the beginning.
    #[test]
    fn a_follower_sees_every_line_once(
        first in batches(),
        later in proptest::collection::vec(proptest::collection::vec(any_line(), 0..30), 1..8),
        limit in 1_usize..40,
        newest: bool,
        query in queries(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let store = filled(dir.path(), &first);
        let mut page = store.read(&query, if newest { From::Newest } else { From::Oldest }, limit).unwrap();
        let mut seen = page.lines.clone();
        if newest {
            while let Some(before) = page.before {
                let older = store.read(&query, From::Before(before), limit).unwrap();
                seen.extend(older.lines);
                page.before = older.before;
            }
        }
        let mut after = page.after;
        for batch in &later {
            store.append(batch).unwrap();
            let page = store.read(&query, From::After(after), limit).unwrap();
            seen.extend(page.lines);
            after = page.after.to_string().parse().unwrap();
        }
        for _ in 0..10_000 {
            let page = store.read(&query, From::After(after), limit).unwrap();
            after = page.after;
            seen.extend(page.lines);
            if !page.more { break }
        }
        let whole = all(&store, &Query { budget: None, ..query.clone() });
        seen.sort_by_key(|line| line.cursor);
        prop_assert_eq!(seen, whole);
        prop_assert_eq!(store.read(&query, From::After(after), limit).unwrap().lines, vec![]);
    }
}

#[test]
fn an_empty_store_has_empty_pages() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), SMALL).unwrap();
    for from in [From::Newest, From::Oldest, From::Before(Cursor::START), From::After(Cursor::START)] {
        let page = store.read(&Query::default(), from, 10).unwrap();
        assert!(page.lines.is_empty() && page.before.is_none() && !page.more, "{from:?}");
    }
    let after = store.read(&Query::default(), From::Newest, 10).unwrap().after;
    store.append(&[line(5, "orders", "first")]).unwrap();
    assert_eq!(texts(&store.read(&Query::default(), From::After(after), 10).unwrap()), ["first"]);
}

#[test]
fn a_follower_of_a_rare_word_does_not_read_everything_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path(), &[(0..2000).map(|at| line(at, "orders", "common")).collect()]);
    let query = Query { text: Some(Text::literal("rare")), ..Query::default() };
    let page = store.read(&query, From::Newest, 10).unwrap();
    assert!(page.lines.is_empty() && page.scanned >= 2000);
    store.append(&[line(3000, "orders", "rare")]).unwrap();
    let page = store.read(&query, From::After(page.after), 10).unwrap();
    assert_eq!(texts(&page), ["rare"]);
    assert!(page.scanned < 500, "{} lines were looked at for one", page.scanned);
}

#[test]
fn a_follower_sees_every_line_of_many_writers_once() {
    const LINES: i64 = 3000;
    let dir = tempfile::tempdir().unwrap();
    let limits = logs::Limits { bytes: 100 << 20, ..SMALL };
    let store = std::sync::Arc::new(Store::open(dir.path(), limits).unwrap());
    let mut after = store.read(&Query::default(), From::Newest, 0).unwrap().after;
    let writers = ["a", "b", "c"].map(|service| {
        let store = store.clone();
        std::thread::spawn(move || {
            for at in (0..LINES).step_by(5) {
                // Each few lines are out of order, by more than a clock's small step.
                let moment = |n: i64| (n ^ 3) * 2_000_000_000;
                let batch: Vec<_> =
                    (at..at + 5).map(|n| line(moment(n), service, &format!("{service}{n}"))).collect();
                store.append(&batch).unwrap();
            }
        })
    });
    let mut seen = Vec::new();
    loop {
        let finished = writers.iter().all(std::thread::JoinHandle::is_finished);
        let page = store.read(&Query::default(), From::After(after), 100).unwrap();
        after = page.after;
        let done = finished && page.lines.is_empty() && !page.more;
        seen.extend(page.lines.into_iter().map(|l| l.text));
        if done {
            break;
        }
    }
    let mut expected: Vec<_> =
        (0..LINES).flat_map(|n| ["a", "b", "c"].map(|service| format!("{service}{n}"))).collect();
    expected.sort();
    seen.sort();
    assert_eq!(seen, expected);
    for writer in writers {
        writer.join().unwrap();
    }
}

#[test]
fn a_page_may_begin_at_a_moment() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(
        dir.path(),
        &[vec![line(1, "a", "1"), line(2, "b", "2"), line(2, "a", "2"), line(3, "b", "3")]],
    );
    let at = Cursor::at(Timestamp(2));
    assert_eq!(texts(&store.read(&Query::default(), From::After(at), 9).unwrap()), ["2", "2", "3"]);
    assert_eq!(texts(&store.read(&Query::default(), From::Before(at), 9).unwrap()), ["1"]);
}
