//! What is stored is what came, and what is found is what a naive reader finds.

use crate::common::{all, any_line, batches, content, filled, plain};
use logs::{Query, Text, Where};
use model::Timestamp;
use model::line::{Level, Stream};
use proptest::prelude::*;

fn query() -> impl Strategy<Value = (Query, Option<&'static str>)> {
    let text = proptest::option::of(prop_oneof![
        Just("timeout"),
        Just("Timeout"),
        Just("=7"),
        Just("/took=1[0-9]ms/"),
        Just("/^ERROR/"),
        Just("/x$/"),
        Just("/a?/"),
        Just("/\\bINFO\\b/"),
        Just("/x\\sx/"),
        Just("/[^a]timeout/"),
        Just("/(?i)error|TIMEOUT/"),
        Just("ä"),
        Just(""),
        Just("/^$/"),
        Just("/\\Ax/"),
    ]);
    let filter = proptest::option::weighted(
        0.3,
        prop_oneof![
            Just("fields.user == 7"),
            Just("level >= 'warn' && text.contains('x')"),
            Just("service == 'db' || stream == 'stderr'"),
            Just("text.matches('^x')"),
            Just("ts >= '1970-01-01T00:00:10Z'"),
        ],
    );
    let level = proptest::option::of((0..6_usize).prop_map(|at| Level::ALL[at]));
    let moment = || proptest::option::of((0_i64..40).prop_map(|s| Timestamp(s * 1_000_000_000)));
    let services = proptest::sample::subsequence(vec!["orders", "db", "none"], 0..3);
    let streams = proptest::sample::subsequence(vec![Stream::Stdout, Stream::Stderr], 0..3);
    let instance = proptest::option::weighted(0.2, Just("shop-db-1".to_owned()));
    (text, filter, level, moment(), moment(), services, streams, instance).prop_map(
        |(text, filter, min_level, since, until, services, streams, instance)| {
            let compiled = text.map(|text| match text.strip_prefix('/').and_then(|t| t.strip_suffix('/')) {
                Some(pattern) => Text::regex(pattern).unwrap(),
                None => Text::literal(text),
            });
            let query = Query {
                services: services.into_iter().map(str::to_owned).collect(),
                streams,
                min_level,
                instance,
                since,
                until,
                text: compiled,
                filter: filter.map(|source| Where::parse(source).unwrap()),
                whole: false,
                budget: None,
            };
            (query, text)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn everything_comes_back_whole_and_in_order(batches in batches()) {
        let dir = tempfile::tempdir().unwrap();
        let store = filled(dir.path(), &batches);
        let lines = all(&store, &Query::default());
        let mut expected: Vec<_> = batches.iter().flatten().map(|l| (l.instance.clone(), l.stream, l.bytes.clone())).collect();
        let mut got: Vec<_> = lines.iter().map(content).collect();
        expected.sort();
        got.sort();
        prop_assert_eq!(got, expected);
        prop_assert!(lines.is_sorted_by(|a, b| a.cursor < b.cursor && a.ts <= b.ts));
        prop_assert_eq!(store.head().lines as usize, lines.len());
        let levels = lines.iter().fold([0; 6], |mut sum: [u64; 6], line| {
            if let Some(level) = line.level { sum[Level::ALL.iter().position(|l| *l == level).unwrap()] += 1; }
            sum
        });
        prop_assert_eq!(store.head().levels, levels);
        // Within a stream of an instance lines keep their order, but for those that a backfill brings later.
        for instance in ["shop-db-1", "shop-orders-2"] {
            let forward = |l: &&model::line::Line| l.instance == instance && l.stream == Stream::Stdout && l.ts.0 < 1_000;
            let came: Vec<_> = batches.iter().flatten().filter(forward).map(|l| l.bytes.clone()).collect();
            let only_small = batches.iter().flatten().filter(|l| l.instance == instance && l.stream == Stream::Stdout).all(|l| l.ts.0 < 1_000);
            if only_small {
                let stored: Vec<_> = lines.iter().filter(|l| &*l.instance == instance && l.stream == Stream::Stdout).map(|l| l.bytes().to_vec()).collect();
                prop_assert_eq!(stored, came);
            }
        }
    }

    #[test]
    fn a_search_finds_what_a_naive_reader_finds(batches in batches(), (query, source) in query()) {
        let dir = tempfile::tempdir().unwrap();
        let store = filled(dir.path(), &batches);
        let naive: Vec<_> = all(&store, &Query::default()).into_iter().filter(|line| {
            let text = plain(line.bytes());
            (query.services.is_empty() || query.services.iter().any(|s| **s == *line.service))
                && (query.streams.is_empty() || query.streams.contains(&line.stream))
                && query.min_level.is_none_or(|level| line.level >= Some(level))
                && query.instance.as_ref().is_none_or(|i| **i == *line.instance)
                && query.since.is_none_or(|since| line.ts >= since)
                && query.until.is_none_or(|until| line.ts <= until)
                && source.is_none_or(|source| grep(source, &text))
                && query.filter.as_ref().is_none_or(|filter| holds(&filter.to_string(), line))
        }).collect();
        let found = all(&store, &query);
        prop_assert_eq!(&found, &naive);
        prop_assert_eq!(store.count(&query).unwrap() as usize, naive.len());
        if let Some(histogram) = store.histogram(&query, 7).unwrap() {
            prop_assert_eq!(histogram.counts.iter().sum::<u64>() as usize, naive.len());
        } else {
            prop_assert!(naive.is_empty());
        }
    }

    #[test]
    fn an_outline_counts_every_hit_once_and_where_it_is(batches in batches(), (query, _) in query(), parts in 1_usize..40) {
        let dir = tempfile::tempdir().unwrap();
        let store = filled(dir.path(), &batches);
        let found = all(&store, &query);
        let outline = store.outline(&query, parts).unwrap();
        prop_assert!(outline.parts.len() <= parts);
        prop_assert!(outline.parts.is_sorted_by(|a, b| a.from < b.from && a.to < b.from));
        for (at, part) in outline.parts.iter().enumerate() {
            let next = outline.parts.get(at + 1).map(|next| next.from);
            // What comes before the first sample is in the first part.
            let within: Vec<_> = found.iter().filter(|line| (at == 0 || line.ts >= part.from) && next.is_none_or(|next| line.ts < next)).collect();
            prop_assert_eq!(part.hits.lines as usize, within.len());
            prop_assert_eq!(part.hits.warnings as usize, within.iter().filter(|line| line.level == Some(Level::Warn)).count());
            prop_assert_eq!(part.hits.errors as usize, within.iter().filter(|line| line.level >= Some(Level::Error)).count());
            prop_assert_eq!(part.to, within.last().map_or(part.from, |line| line.ts.max(part.from)));
        }
        for (service, hits) in &outline.services {
            prop_assert_eq!(hits.lines as usize, found.iter().filter(|line| line.service == *service).count());
        }
        prop_assert_eq!(outline.services.iter().map(|(_, hits)| hits.lines).sum::<u64>() as usize, found.len());
    }

    #[test]
    fn storing_in_other_pieces_changes_nothing(lines in proptest::collection::vec(any_line(), 1..120), cuts in proptest::collection::vec(1_usize..30, 1..10)) {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let whole = filled(one.path(), std::slice::from_ref(&lines));
        let mut pieces = Vec::new();
        let (mut rest, mut cuts) = (&lines[..], cuts.iter().cycle());
        while !rest.is_empty() {
            let (piece, next) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
            pieces.push(piece.to_vec());
            rest = next;
        }
        let cut = filled(other.path(), &pieces);
        // Services are numbered in the order in which they appear, which no cutting changes.
        prop_assert_eq!(all(&whole, &Query::default()), all(&cut, &Query::default()));
    }
}

/// The reference: one line at a time, with the plain library.
fn grep(source: &str, line: &[u8]) -> bool {
    use regex::bytes::RegexBuilder;
    let (pattern, insensitive) = match source.strip_prefix('/').and_then(|t| t.strip_suffix('/')) {
        Some(pattern) => (pattern.to_owned(), false),
        None => (regex::escape(source), !source.chars().any(char::is_uppercase)),
    };
    RegexBuilder::new(&pattern).case_insensitive(insensitive).build().unwrap().is_match(line)
}

/// The reference for the expressions above, written out.
fn holds(source: &str, line: &logs::Stored) -> bool {
    match source {
        "fields.user == 7" => line.fields().is_some_and(|f| f.get("user") == Some(&7.into())),
        "level >= 'warn' && text.contains('x')" => line.level >= Some(Level::Warn) && line.text.contains('x'),
        "service == 'db' || stream == 'stderr'" => &*line.service == "db" || line.stream == Stream::Stderr,
        "text.matches('^x')" => line.text.starts_with('x'),
        "ts >= '1970-01-01T00:00:10Z'" => line.ts >= Timestamp(10_000_000_000),
        other => panic!("no reference for {other}"),
    }
}
