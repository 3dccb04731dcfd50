//! Ten million lines: counted, looked at from the newest, looked at anywhere.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use logs::{Cursor, From, Limits, Query, Store, Text};
use model::Timestamp;

use crate::anchor::{ripgrep, timed};
use crate::corpus::{Corpus, RARE};
use crate::measure::{at, cost, median};

pub(crate) const LINES: u64 = 10_000_000;
const ROUNDS: usize = 5;
const LIMITS: Limits = Limits { bytes: 8_000_000_000, age: Duration::from_hours(24 * 365) };

/// What is looked for, how ripgrep is asked for it, and how much of ripgrep's time it may take.
fn cases() -> [(&'static str, Text, String, f64); 8] {
    let regex = |pattern: &str| Text::regex(pattern).expect("a pattern");
    let plain = |pattern: &str| format!("-e '{pattern}'");
    [
        ("rare word", Text::exact(RARE), plain(RARE), 0.33),
        ("frequent word", Text::exact("timeout"), plain("timeout"), 1.0),
        ("every fourth", Text::exact("GET"), plain("GET"), 1.0),
        ("took=1[0-9]{3}ms", regex("took=1[0-9]{3}ms"), plain("took=1[0-9]{3}ms"), 1.0),
        ("[0-9a-f]{16} took=.*9ms", regex("[0-9a-f]{16} took=.*9ms"), plain("[0-9a-f]{16} took=.*9ms"), 1.0),
        ("refused|accepted", regex("refused|accepted"), plain("refused|accepted"), 1.0),
        ("any case", Text::literal("timeout"), format!("-i {}", plain("timeout")), 1.0),
        ("any case, rare", Text::literal(&RARE.to_lowercase()), format!("-i {}", plain(RARE)), 1.0),
    ]
}

/// Fills a store and, where asked for, a file with the same text.
pub(crate) fn fill(dir: &Path, corpus: &mut Corpus, text: Option<&Path>, limits: Limits) -> Store {
    let store = Store::open(dir, limits).expect("a store");
    let mut text = text.map(|path| BufWriter::new(File::create(path).expect("a file")));
    let mut batch = Vec::new();
    for number in 0..LINES {
        batch.push(corpus.line(number));
        if let Some(text) = &mut text {
            text.write_all(&batch[batch.len() - 1].bytes).and_then(|()| text.write_all(b"\n")).expect("room");
        }
        if batch.len() == 4000 {
            store.append(&batch).expect("lines are stored");
            batch.clear();
        }
    }
    store.append(&batch).expect("lines are stored");
    store
}

pub(crate) fn run() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench");
    let rg = ripgrep(&root.join("tools"));
    let dir = root.join("logs-search");
    drop(fs::remove_dir_all(&dir));
    fs::create_dir_all(&dir).expect("a folder");
    let text = dir.join("text");
    let mut corpus = Corpus::new(LINES, Timestamp::from_system(SystemTime::now()), true);
    let (store, filled, _) = cost(|| fill(&dir.join("store"), &mut corpus, Some(&text), LIMITS));
    let bytes = fs::metadata(&text).expect("the text").len();
    println!("{LINES} lines, {:.2} GB; made and stored in {:.1} s", bytes as f64 / 1e9, filled.as_secs_f64());
    counts(&store, &rg, &text);
    pages(&store, &corpus);
    first(&store, &rg, &text);
    beside_ingest(&store, &mut corpus);
    drop(store);
    fs::remove_dir_all(&dir).expect("the folder goes");
}

fn counts(store: &Store, rg: &Path, text: &Path) {
    println!(
        "\n{:<26} {:>9} {:>9} {:>9} {:>7}   wanted",
        "counted, CPU seconds", "hits", "shoal", "ripgrep", "ratio"
    );
    for (name, wanted, asked, most) in cases() {
        let query = Query { text: Some(wanted), ..Query::default() };
        let command = format!("{} --no-config -c {asked} {}", rg.display(), text.display());
        let (mut ours, mut theirs, mut hits) = (Vec::new(), Vec::new(), 0);
        for _ in 0..ROUNDS {
            let (count, cpu, _) = cost(|| store.count(&query).expect("a count"));
            let (counted, peer) = timed(&command);
            assert_eq!(counted.parse(), Ok(count), "both find the same lines");
            ours.push(cpu.as_secs_f64());
            theirs.push(peer.as_secs_f64());
            hits = count;
        }
        let (ours, theirs) = (median(&ours), median(&theirs));
        println!("{name:<26} {hits:>9} {ours:>9.3} {theirs:>9.3} {:>6.2}x   at most {most}", ours / theirs);
    }
}

fn milliseconds(times: &[Duration], part: f64) -> f64 {
    at(times, part).as_secs_f64() * 1e3
}

fn first(store: &Store, rg: &Path, text: &Path) {
    let query = Query { text: Some(Text::exact("timeout")), ..Query::default() };
    let times: Vec<Duration> = (0..100)
        .map(|_| {
            let (page, _, took) = cost(|| store.read(&query, From::Newest, 200).expect("a page"));
            assert_eq!(page.lines.len(), 200);
            took
        })
        .collect();
    let (_, _, peer) = cost(|| timed(&format!("tac {} | {} -m 200 timeout", text.display(), rg.display())));
    println!(
        "newest 200 hits: p50 {:.2} ms, p99 {:.2} ms (wanted: below 5); `tac | rg -m 200`: {:.1} ms",
        milliseconds(&times, 0.5),
        milliseconds(&times, 0.99),
        peer.as_secs_f64() * 1e3
    );
}

fn pages(store: &Store, corpus: &Corpus) {
    let times: Vec<Duration> = (0..1000)
        .map(|n| {
            let number = 1000 + n * 7_919_113 % (LINES - 1000);
            let from = From::Before(Cursor::at(corpus.moment(number)));
            let (page, _, took) = cost(|| store.read(&Query::default(), from, 200).expect("a page"));
            assert_eq!(page.lines.len(), 200);
            took
        })
        .collect();
    println!(
        "\n200 rows of all services at a random place: p50 {:.2} ms, p99 {:.2} ms (wanted: below 2)",
        milliseconds(&times, 0.5),
        milliseconds(&times, 0.99)
    );
}

/// The same search while a hundred thousand lines a second come in.
fn beside_ingest(store: &Store, corpus: &mut Corpus) {
    let query = Query { text: Some(Text::exact(RARE)), ..Query::default() };
    let search = || cost(|| store.count(&query).expect("a count"));
    let alone: Vec<Duration> = (0..9).map(|_| search().2).collect();
    let done = AtomicBool::new(false);
    let beside: Vec<Duration> = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut number = LINES;
            while !done.load(Ordering::Relaxed) {
                let batch: Vec<_> = (number..number + 1000).map(|number| corpus.line(number)).collect();
                number += 1000;
                store.append(&batch).expect("lines are stored");
                std::thread::sleep(Duration::from_millis(8));
            }
        });
        let times = (0..9).map(|_| search().2).collect();
        done.store(true, Ordering::Relaxed);
        times
    });
    let (alone, beside) = (milliseconds(&alone, 0.5), milliseconds(&beside, 0.5));
    println!(
        "rare word by the clock: alone {alone:.1} ms, while lines come in {beside:.1} ms: {:.2}x (wanted: at most 1.5)",
        beside / alone
    );
}
