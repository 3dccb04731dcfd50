//! The callers: HTTP/1.1 over kept-alive connections, each request timed, told by windows of time.
//!
//! Runs as a process of its own, so that it can be started in a container's network.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The beginning of each window that is not counted: the switch between two states falls into it.
const SETTLE: Duration = Duration::from_millis(80);

/// What to ask for, and how hard.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    pub(crate) server: SocketAddr,
    pub(crate) path: String,
    pub(crate) connections: usize,
    /// Requests a second over all connections; 0: each connection asks again as soon as it was answered.
    pub(crate) rate: u64,
    pub(crate) window: Duration,
    pub(crate) windows: usize,
    /// When the first window begins, in nanoseconds since 1970.
    pub(crate) start: u128,
}

/// What one window saw.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Window {
    pub(crate) calls: usize,
    /// Percentiles in microseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

impl Load {
    pub(crate) fn to_args(&self) -> Vec<String> {
        let Self { server, path, connections, rate, window, windows, start } = self;
        vec![
            "load".to_owned(),
            server.to_string(),
            path.clone(),
            connections.to_string(),
            rate.to_string(),
            window.as_millis().to_string(),
            windows.to_string(),
            start.to_string(),
        ]
    }

    pub(crate) fn from_args(args: &[String]) -> Option<Self> {
        let [server, path, connections, rate, window, windows, start] = args else { return None };
        Some(Self {
            server: server.parse().ok()?,
            path: path.clone(),
            connections: connections.parse().ok()?,
            rate: rate.parse().ok()?,
            window: Duration::from_millis(window.parse().ok()?),
            windows: windows.parse().ok()?,
            start: start.parse().ok()?,
        })
    }

    /// Asks for as long as there are windows, then prints one line a window.
    pub(crate) fn run(&self) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_nanos();
        let wait = u64::try_from(self.start.saturating_sub(now)).expect("a start that is near");
        let start = Instant::now() + Duration::from_nanos(wait);
        let callers: Vec<_> = (0..self.connections)
            .map(|place| {
                let load = self.clone();
                std::thread::spawn(move || load.call(place, start))
            })
            .collect();
        let mut windows = vec![Vec::new(); self.windows];
        for caller in callers {
            for (window, micros) in caller.join().expect("a caller that did not panic") {
                windows[window].push(micros);
            }
        }
        for mut window in windows {
            window.sort_unstable_by(f32::total_cmp);
            let at = |share: f64| window.get((window.len() as f64 * share) as usize).copied().unwrap_or(0.0);
            println!("{} {} {}", window.len(), at(0.5), at(0.99));
        }
    }

    /// One connection's requests: the window that each fell into, and its microseconds.
    fn call(&self, place: usize, start: Instant) -> Vec<(usize, f32)> {
        let mut connection = TcpStream::connect(self.server).expect("a server that listens");
        connection.set_nodelay(true).expect("a TCP socket");
        let request = format!("GET {} HTTP/1.1\r\nHost: bench\r\nUser-Agent: bench\r\n\r\n", self.path);
        let mut buffer = vec![0; 256 * 1024];
        let mut seen = Vec::new();
        let pace = Duration::from_nanos(
            (1_000_000_000 * self.connections as u64).checked_div(self.rate).unwrap_or(0),
        );
        let mut next = start + pace.mul_f64(place as f64 / self.connections as f64);
        loop {
            let now = Instant::now();
            if next > now {
                std::thread::sleep(next - now);
            }
            next = if self.rate == 0 { next } else { next + pace };
            let asked = Instant::now();
            connection.write_all(request.as_bytes()).expect("a request that leaves");
            read_response(&mut connection, &mut buffer);
            let micros = asked.elapsed().as_nanos() as f32 / 1000.0;
            let since = asked.saturating_duration_since(start);
            let window = (since.as_nanos() / self.window.as_nanos()) as usize;
            if window >= self.windows {
                return seen;
            }
            if asked >= start && since.saturating_sub(self.window * window as u32) >= SETTLE {
                seen.push((window, micros));
            }
        }
    }
}

fn read_response(connection: &mut TcpStream, buffer: &mut [u8]) {
    let mut filled = 0;
    let (mut left, body) = loop {
        filled += connection.read(&mut buffer[filled..]).expect("a response");
        if let Some(end) = buffer[..filled].windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.expect("a length").trim().parse().expect("a number");
            break (length, filled - end - 4);
        }
    };
    left -= body;
    while left > 0 {
        left -= connection.read(buffer).expect("the rest of a response");
    }
}

/// What [`Load::run`] printed.
pub(crate) fn read_windows(printed: &str) -> Vec<Window> {
    let number = |text: &str| text.parse::<f64>().expect("a number");
    printed
        .lines()
        .map(|line| {
            let words: Vec<f64> = line.split(' ').map(number).collect();
            Window { calls: words[0] as usize, p50: words[1], p99: words[2] }
        })
        .collect()
}
