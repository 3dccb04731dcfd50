//! Lines to store, and what a naive reader would find among them.

use std::time::Duration;

use logs::{From, Limits, Page, Query, Store, Stored};
use model::Timestamp;
use model::line::{Line, Stream};
use proptest::prelude::*;

/// So little that segments are 4 KiB; up to it nothing is evicted.
pub(crate) const SMALL: Limits = Limits { bytes: 64 * 4096, age: Duration::from_hours(1) };

pub(crate) const SERVICES: [&str; 3] = ["orders", "db", "web"];

pub(crate) fn line(ts: i64, service: &str, text: &str) -> Line {
    Line {
        ts: Timestamp(ts),
        service: service.to_owned(),
        instance: format!("shop-{service}-1"),
        stream: Stream::Stdout,
        bytes: text.as_bytes().to_vec(),
    }
}

/// The words that searches look for, and what surrounds them in real lines.
pub(crate) fn text() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        Just("timeout"),
        Just("Timeout"),
        Just("ERROR"),
        Just("INFO "),
        Just("level=warn"),
        Just("user=7"),
        Just("  at x"),
        Just("\u{1b}[31m"),
        Just("\u{1b}[0m"),
        Just("ä"),
        Just("\r"),
        Just("took=12ms"),
        Just("x"),
        Just(" "),
        Just("{\"level\":\"debug\",\"user\":7}"),
        Just("Traceback (most recent call last):"),
    ];
    prop_oneof![
        6 => proptest::collection::vec(word, 0..6).prop_map(|words| words.concat().into_bytes()),
        1 => proptest::collection::vec(any::<u8>().prop_filter("no line feed", |b| *b != b'\n'), 0..20),
    ]
}

pub(crate) fn any_line() -> impl Strategy<Value = Line> {
    let stream = prop_oneof![4 => Just(Stream::Stdout), 2 => Just(Stream::Stderr), 1 => Just(Stream::Build)];
    // Few moments, so that there are ties; steps that are a clock's and steps that are a backfill's.
    let ts = prop_oneof![0_i64..40, (0_i64..40).prop_map(|s| s * 1_000_000_000)];
    (ts, 0..3_usize, 1..3_u32, stream, text()).prop_map(|(ts, service, number, stream, bytes)| Line {
        ts: Timestamp(ts),
        service: SERVICES[service].to_owned(),
        instance: format!("shop-{}-{number}", SERVICES[service]),
        stream,
        bytes,
    })
}

/// Lines in the batches in which they are appended.
pub(crate) fn batches() -> impl Strategy<Value = Vec<Vec<Line>>> {
    proptest::collection::vec(proptest::collection::vec(any_line(), 1..40), 1..12)
}

pub(crate) fn filled(dir: &std::path::Path, batches: &[Vec<Line>]) -> Store {
    let store = Store::open(dir, SMALL).unwrap();
    for batch in batches {
        store.append(batch).unwrap();
    }
    store
}

pub(crate) fn all(store: &Store, query: &Query) -> Vec<Stored> {
    let page = store.read(query, From::Oldest, usize::MAX).unwrap();
    assert!(!page.more);
    page.lines
}

pub(crate) fn texts(page: &Page) -> Vec<&str> {
    page.lines.iter().map(|line| line.text.as_str()).collect()
}

/// What is left of a line's bytes as its text.
pub(crate) fn plain(bytes: &[u8]) -> Vec<u8> {
    logs::strip_ansi(bytes.strip_suffix(b"\r").unwrap_or(bytes)).into_owned()
}

/// What identifies a stored line to a test.
pub(crate) fn content(line: &Stored) -> (String, Stream, Vec<u8>) {
    (line.instance.to_string(), line.stream, line.bytes().to_vec())
}
