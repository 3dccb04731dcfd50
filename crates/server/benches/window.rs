//! How the log view feels: ten million lines in the store of a true session, its page in a headless Chromium that draws
//! in software, and somebody who scrolls by wheel, drags the bar, jumps, and presses keys while a hundred thousand new
//! lines a second arrive. `./dev bench window [LINES] [LINES A SECOND]`; what is measured is in `ui/bench/window.mjs`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and cannot go on when something fails"
)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use api::place::Place;
use api::running::Running;
use model::Timestamp;
use model::line::{Line, Stream};
use server::{Config, Server, SessionConfig};

/// Lines that are stored at once, as the reader of a container stores them.
const BATCH: u64 = 1000;
const SERVICES: [&str; 8] = ["auth", "cart", "db", "gateway", "mailer", "orders", "stock", "web"];

fn main() {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse::<u64>().ok());
    let (lines, rate) = (numbers.next().unwrap_or(10_000_000), numbers.next().unwrap_or(100_000));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let server = Arc::new(runtime.block_on(Server::start(config(folder.path()))).unwrap());

    let begun = Instant::now();
    // An hour of log that ends now.
    let step = 3_600_000_000_000 / lines.max(1);
    let first = now() - (lines * step) as i64;
    for batch in 0..lines / BATCH {
        server.session().take_lines(&some(batch, |n| Timestamp(first + (n * step) as i64)));
    }
    println!("{lines} lines stored in {:.1} s", begun.elapsed().as_secs_f64());

    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../ui/bench/window.mjs");
    let mut browser =
        Command::new("node").args([script, server.url().unwrap()]).stdout(Stdio::piped()).spawn().unwrap();
    let feeding = Arc::new(AtomicBool::new(false));
    let fed = Arc::new(AtomicU64::new(0));
    let feeder = feed(server.clone(), rate, lines / BATCH, feeding.clone(), fed.clone());
    for said in BufReader::new(browser.stdout.take().unwrap()).lines() {
        match said.unwrap().as_str() {
            "feed" => feeding.store(true, Ordering::Relaxed),
            "rest" => {
                feeding.store(false, Ordering::Relaxed);
                println!("{} lines came meanwhile", fed.swap(0, Ordering::Relaxed));
            }
            other => println!("{other}"),
        }
    }
    let status = browser.wait().unwrap();
    drop(feeder);
    runtime.block_on(server.session().end());
    assert!(status.success(), "the browser's part failed");
}

fn config(folder: &Path) -> Config {
    std::fs::write(folder.join("services.toml"), "name = \"bench\"\n[services.web]\nimage = \"none\"\n")
        .unwrap();
    let place = Place::of(folder, "bench", folder);
    place.create().unwrap();
    let session = SessionConfig {
        place,
        state: folder.to_owned(),
        files: vec![folder.join("services.toml")],
        name: None,
        profiles: Vec::new(),
        // No engine is wanted: lines come from here.
        env: [("DOCKER_HOST".to_owned(), "unix:///nonexistent/engine.sock".to_owned())].into(),
        guest: folder.join("shoal-guest"),
        running: Running { build: String::new(), background: false, arguments: Vec::new() },
    };
    Config { session, listen: Some("127.0.0.1:0".to_owned()) }
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as i64
}

/// Lines as services write them, of one service a batch.
fn some(batch: u64, ts: impl Fn(u64) -> Timestamp) -> Vec<Line> {
    let service = SERVICES[batch as usize % SERVICES.len()];
    let line = |at| {
        let n = batch * BATCH + at;
        let text = match n % 100 {
            0 => format!("ERROR payment refused for order {n}"),
            1..=5 => format!("level=warn msg=\"slow query\" ms={}", n % 900),
            6..=30 => format!("{{\"level\":\"info\",\"msg\":\"placed\",\"order\":{n},\"ms\":{}}}", n % 90),
            _ => format!("INFO GET /orders/{n} 200 {}ms", n % 50),
        };
        Line {
            ts: ts(n),
            service: service.to_owned(),
            instance: format!("{service}-1"),
            stream: Stream::Stdout,
            bytes: text.into_bytes(),
        }
    };
    (0..BATCH).map(line).collect()
}

/// Stores `rate` lines a second while it is asked to, in batches that are spread evenly.
fn feed(
    server: Arc<Server>,
    rate: u64,
    first: u64,
    on: Arc<AtomicBool>,
    fed: Arc<AtomicU64>,
) -> std::thread::JoinHandle<()> {
    let pause = Duration::from_secs_f64(BATCH as f64 / rate.max(1) as f64);
    std::thread::spawn(move || {
        let (mut batch, mut due) = (first, Instant::now());
        loop {
            if !on.load(Ordering::Relaxed) {
                std::thread::park_timeout(Duration::from_millis(10));
                due = Instant::now();
                continue;
            }
            let ts = now();
            server.session().take_lines(&some(batch, |n| Timestamp(ts + (n % BATCH) as i64)));
            fed.fetch_add(BATCH, Ordering::Relaxed);
            batch += 1;
            due += pause;
            std::thread::park_timeout(due.saturating_duration_since(Instant::now()));
        }
    })
}
