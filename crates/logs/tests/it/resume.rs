//! A reader that attaches to the engine's log again loses no line and doubles none.

use crate::common::{SMALL, all, line};
use logs::{Joiner, Query, Resume, Store};
use model::Timestamp;
use model::line::{Line, Stream};
use proptest::prelude::*;

const SECOND: i64 = 1_000_000_000;

/// What the engine has kept, in the order of its file.
fn engines_log() -> impl Strategy<Value = Vec<(i64, Stream, u8)>> {
    let line = (0_i64..400_000_000, -150_000_000_i64..1, any::<bool>(), 0_u8..3);
    proptest::collection::vec(line, 1..80).prop_map(|steps| {
        let mut now = 1_700_000_000 * SECOND;
        // Standard error lags behind standard output by up to 150 ms; equal lines at equal times are frequent.
        let stamped = steps.into_iter().map(|(step, lag, stderr, text)| {
            now += if step % 3 == 0 { 0 } else { step };
            if stderr { (now + lag, Stream::Stderr, text) } else { (now, Stream::Stdout, text) }
        });
        let mut log: Vec<_> = stamped.collect();
        let mut last = i64::MIN;
        for (ts, stream, _) in &mut log {
            // Within a stream the engine's times do not run backwards.
            if *stream == Stream::Stderr {
                *ts = (*ts).max(last);
                last = *ts;
            }
        }
        log
    })
}

fn as_line((ts, stream, text): (i64, Stream, u8)) -> Line {
    Line { stream, bytes: vec![b'x'; text.into()], ..line(ts, "orders", "") }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_cuts_store_every_line_once(log in engines_log(), cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6), reopen: bool) {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(dir.path(), SMALL).unwrap();
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(log.len() + 1)).collect();
        ends.sort_unstable();
        ends.push(log.len());
        for end in ends {
            if reopen {
                drop(store);
                store = Store::open(dir.path(), SMALL).unwrap();
            }
            // The engine gives what is not older than it is asked for.
            let (since, mut seen) = match store.resume("shop-orders-1", None).unwrap() {
                Some(Resume { since, seen, .. }) => (since.0, seen),
                None => (i64::MIN, logs::Seen::default()),
            };
            let fresh: Vec<Line> = log[..end].iter().filter(|(ts, ..)| *ts >= since).map(|l| as_line(*l))
                .filter(|l| seen.admit(l.ts, l.stream, &l.bytes)).collect();
            store.append(&fresh).unwrap();
        }
        let key = |l: &Line| (l.ts, l.stream, l.bytes.len());
        let mut expected: Vec<_> = log.iter().map(|l| key(&as_line(*l))).collect();
        let mut got: Vec<_> = all(&store, &Query::default()).iter().map(|l| (l.ts, l.stream, l.text.len())).collect();
        expected.sort();
        got.sort();
        prop_assert_eq!(got, expected);
    }
}

#[test]
fn nothing_is_known_of_an_instance_that_never_spoke() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), SMALL).unwrap();
    store.append(&[Line { stream: Stream::Build, ..line(5, "orders", "step 1") }]).unwrap();
    assert!(
        store.resume("shop-orders-1", None).unwrap().is_none(),
        "the build's output is no line of the engine's log"
    );
    assert!(store.resume("shop-other-1", None).unwrap().is_none());
}

#[test]
fn lines_with_escapes_and_cut_lines_are_recognised() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), SMALL).unwrap();
    let (mut joiner, mut lines) = (Joiner::new("orders", "shop-orders-1"), Vec::new());
    let long = vec![b'y'; 100_000];
    for bytes in [&b"\x1b[31mred\x1b[0m\r"[..], &long, b"\xff\xfe", b""] {
        joiner.push(Timestamp(SECOND), Stream::Stdout, bytes, true, &mut lines);
    }
    store.append(&lines).unwrap();
    let mut seen = store.resume("shop-orders-1", None).unwrap().unwrap().seen;
    for line in &lines {
        assert!(seen.knows(line.ts, line.stream, &line.bytes));
        assert!(!seen.admit(line.ts, line.stream, &line.bytes), "{} bytes came again", line.bytes.len());
        assert!(seen.admit(line.ts, line.stream, &line.bytes), "a second one is new");
    }
}

#[test]
fn a_clock_that_stepped_back_a_little_reorders_nothing_and_doubles_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), SMALL).unwrap();
    let lines = [(10 * SECOND, "a"), (10 * SECOND - 5_000_000, "b"), (10 * SECOND - 4_000_000, "c")];
    let lines = lines.map(|(ts, text)| line(ts, "orders", text));
    store.append(&lines).unwrap();
    let texts: Vec<_> = all(&store, &Query::default()).into_iter().map(|l| l.text).collect();
    assert_eq!(texts, ["a", "b", "c"]);
    let Resume { last, mut seen, .. } = store.resume("shop-orders-1", None).unwrap().unwrap();
    assert_eq!(last, lines[2].ts, "the engine's time, not the one it is ordered by");
    assert!(lines.iter().all(|l| !seen.admit(l.ts, l.stream, &l.bytes)));
}
