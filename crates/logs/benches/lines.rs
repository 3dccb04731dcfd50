//! What it costs to understand a line, and to ask an expression of a million of them. `./dev bench lines`.
//!
//! Levels, records, fields and traces are told of the lines that programs print (`tests/data`). Expressions are asked of
//! a store of a million lines, each once as it is and once so that the interpreter has to do it all.

#![expect(clippy::print_stdout, reason = "a benchmark's result is what it prints")]

use std::hint::black_box;
use std::time::Instant;

use logs::{Limits, Query, Store, Where};
use model::Timestamp;
use model::line::{Line, Stream};

const LINES: usize = 1_000_000;
const ROUNDS: usize = 5;

fn main() {
    // What `cargo test` runs is no measurement.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    understand();
    ask();
}

/// The lines of the labelled sets.
fn printed() -> Vec<String> {
    let sets = [include_str!("../tests/data/levels.tsv"), include_str!("../tests/data/programs.tsv")];
    let rows = sets.iter().flat_map(|set| set.lines()).filter(|row| !row.starts_with('#'));
    rows.filter_map(|row| serde_json::from_str(row.rsplit_once('\t')?.1).ok()).collect()
}

fn understand() {
    let lines = printed();
    println!("{} lines that programs print, ns a line (fastest of 200 rounds)", lines.len());
    per_line("level", &lines, |line| usize::from(logs::level(line).is_some()));
    per_line("fields", &lines, |line| usize::from(logs::fields(line).is_some()));
    per_line("trace", &lines, |line| usize::from(logs::trace(line).is_some()));
}

fn per_line(name: &str, lines: &[String], told: impl Fn(&str) -> usize) {
    // So short that a round is undisturbed on a busy machine too; the fastest is what the work itself costs.
    let fastest = (0..200).map(|_| {
        let from = Instant::now();
        for line in lines.iter().cycle().take(lines.len() * 2) {
            black_box(told(black_box(line)));
        }
        from.elapsed()
    });
    let fastest = fastest.min().unwrap_or_default();
    println!("{name:<10} {:>6.0}", fastest.as_nanos() as f64 / (lines.len() * 2) as f64);
}

fn line(at: usize) -> Line {
    let text = match at % 10 {
        0 => format!(
            "2026-11-24 10:00:00,123 ERROR shop.orders: order {at} failed: timeout after {} ms",
            at % 977
        ),
        1..5 => format!(
            r#"{{"level":"info","ts":"2026-11-24T10:00:00Z","user":{},"path":"/orders/{at}","status":{},"msg":"served"}}"#,
            at % 1000,
            if at.is_multiple_of(49) { 502 } else { 200 },
        ),
        5..8 => format!(
            "time=2026-11-24T10:00:00Z level=warn msg=\"slow query\" took={} user={}",
            at % 977,
            at % 1000
        ),
        _ => format!(
            r#"10.0.0.7 - - [24/Nov/2026:10:00:00 +0000] "GET /x/{at} HTTP/1.1" 200 153 "-" "curl/7.88.1""#
        ),
    };
    Line {
        ts: Timestamp(at as i64 * 1_000_000),
        service: ["orders", "stock", "gateway"][at % 3].to_owned(),
        instance: "shop-1".to_owned(),
        stream: Stream::Stdout,
        bytes: text.into_bytes(),
    }
}

fn ask() {
    let folder = std::env::temp_dir().join(format!("shoal-bench-lines-{}", std::process::id()));
    let store = Store::open(&folder, Limits::default()).expect("a store in the temporary folder");
    let from = Instant::now();
    for first in (0..LINES).step_by(500) {
        let batch: Vec<Line> = (first..first + 500).map(line).collect();
        store.append(&batch).expect("lines are stored");
    }
    println!(
        "\nstoring {LINES} lines: {:.2} us a line, making them included",
        from.elapsed().as_secs_f64() * 1e6 / LINES as f64
    );
    println!("\ncounting what matches in {LINES} lines, ms (median of {ROUNDS} rounds)");
    println!("{:>9} {:>9} {:>12} {:>7}  expression", "hits", "planned", "interpreted", "ratio");
    for source in [
        r#"level >= "warn" && service == "orders" && text.contains("timeout")"#,
        r#"level == "warn" || stream == "stderr""#,
        r#"text.matches("took=1[0-9]{2} ")"#,
        r#"!text.contains("order")"#,
        "fields.user == 7",
        "fields.status >= 500",
        r#"service in ["orders", "stock"] && has(fields.took)"#,
    ] {
        compare(&store, source);
    }
    std::fs::remove_dir_all(&folder).expect("the temporary folder goes");
}

fn compare(store: &Store, source: &str) {
    let query = |source: &str| Query {
        filter: Some(Where::parse(source).expect("an expression")),
        ..Query::default()
    };
    let (planned, interpreted) = (query(source), query(&format!("true ? ({source}) : false")));
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let mut hits = 0;
    for _ in 0..ROUNDS {
        let from = Instant::now();
        hits = store.count(&planned).expect("a count");
        ours.push(from.elapsed());
        let from = Instant::now();
        let same = store.count(&interpreted).expect("a count");
        theirs.push(from.elapsed());
        assert_eq!(hits, same, "{source}");
    }
    ours.sort_unstable();
    theirs.sort_unstable();
    let (ours, theirs) = (ours[ROUNDS / 2].as_secs_f64() * 1e3, theirs[ROUNDS / 2].as_secs_f64() * 1e3);
    println!("{hits:>9} {ours:>9.1} {theirs:>12.1} {:>7.1}  {source}", theirs / ours);
}
