//! Quota and age: the chatty service evicts itself, and what is gone is counted.

use std::time::Duration;

use crate::common::{all, line, texts};
use logs::{From, Limits, Query, Store};
use model::Timestamp;
use model::line::Line;

const LIMITS: Limits = Limits { bytes: 256 * 1024, age: Duration::from_secs(100) };
const SECOND: i64 = 1_000_000_000;

fn bytes(store: &Store) -> u64 {
    store.tallies().iter().map(|tally| tally.bytes).sum()
}

#[test]
fn a_chatty_service_evicts_only_itself() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), LIMITS).unwrap();
    let quiet: Vec<Line> = (0..50).map(|at| line(at, "quiet", "keeps")).collect();
    store.append(&quiet).unwrap();
    for at in 0..200_i64 {
        let batch: Vec<Line> =
            (0..100).map(|n| line(at * 100 + n, "chatty", "the same over and over again")).collect();
        store.append(&batch).unwrap();
        assert!(bytes(&store) <= LIMITS.bytes + 8192, "the quota must hold without anybody asking");
    }
    let tallies = store.tallies();
    let of = |name: &str| tallies.iter().find(|tally| tally.service == name).unwrap().head;
    assert_eq!((of("quiet").lines, of("quiet").dropped), (50, 0));
    assert_eq!(of("chatty").lines + of("chatty").dropped, 20_000);
    assert!(of("chatty").dropped > 10_000);
    let head = store.head();
    assert_eq!((head.lines, head.dropped), (of("chatty").lines + 50, of("chatty").dropped));
    // The newest are the ones that stay, and the numbers survive a restart.
    let newest = store.read(&Query::default(), From::Newest, 1).unwrap().lines;
    assert_eq!(newest[0].ts, Timestamp(19_999));
    drop(store);
    let store = Store::open(dir.path(), LIMITS).unwrap();
    assert_eq!(store.head(), head);
    assert_eq!(all(&store, &Query::default()).len() as u64, head.lines);
}

#[test]
fn old_lines_go_and_new_ones_stay() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), LIMITS).unwrap();
    let old: Vec<Line> = (0..1000).map(|at| line(at * SECOND / 100, "orders", "old")).collect();
    let new: Vec<Line> = (0..1000).map(|at| line(500 * SECOND + at, "orders", "new")).collect();
    store.append(&old).unwrap();
    store.append(&[line(SECOND, "gone", "an instance that was removed")]).unwrap();
    assert_eq!(store.retain(Timestamp(50 * SECOND)).unwrap(), 0);
    assert_eq!(texts(&store.read(&Query::default(), From::Oldest, 1).unwrap()), ["old"]);
    store.append(&new).unwrap();
    let went = store.retain(Timestamp(550 * SECOND)).unwrap();
    assert!(went > 750, "{went}");
    let left = all(&store, &Query { services: vec!["orders".to_owned()], ..Query::default() });
    assert!(left.len() >= 1000 && left[left.len() - 1000..].iter().all(|l| l.text == "new"));
    assert!(left.len() < 1200, "only the segment that holds new lines too may keep old ones");
    assert!(all(&store, &Query { services: vec!["gone".to_owned()], ..Query::default() }).is_empty());
    assert_eq!(store.head().dropped, went);
    assert_eq!(store.retain(Timestamp(551 * SECOND)).unwrap(), 0);
    store.append(&[line(600 * SECOND, "gone", "back")]).unwrap();
    assert_eq!(texts(&store.read(&Query::default(), From::Newest, 1).unwrap()), ["back"]);
}

#[test]
fn who_reads_while_lines_are_evicted_reads_on() {
    let dir = tempfile::tempdir().unwrap();
    let store = std::sync::Arc::new(Store::open(dir.path(), LIMITS).unwrap());
    let writer = {
        let store = store.clone();
        std::thread::spawn(move || {
            for at in 0..300_i64 {
                let batch: Vec<Line> =
                    (0..100).map(|n| line(at * 100 + n, "orders", &format!("{}", at * 100 + n))).collect();
                store.append(&batch).unwrap();
            }
        })
    };
    let mut last = -1;
    let mut after = store.read(&Query::default(), From::Oldest, 0).unwrap().after;
    while last < 29_999 {
        let page = store.read(&Query::default(), From::After(after), 500).unwrap();
        for line in &page.lines {
            let number: i64 = line.text.parse().unwrap();
            assert!(number > last, "{number} after {last}");
            assert_eq!(line.ts, Timestamp(number));
            last = number;
        }
        after = page.after;
    }
    writer.join().unwrap();
}
