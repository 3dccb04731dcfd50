//! Lines like those of services: JSON, key and value, plain, in turns; of ten services, and the same on every run.

use std::fmt::Write as _;

use model::Timestamp;
use model::line::{Line, Stream};

pub(crate) const SERVICES: usize = 10;
/// What a few lines in all have.
pub(crate) const RARE: &str = "ORD-7F3A9C";
const STEP: i64 = 500_000;

/// Makes lines; the times are half a millisecond apart, the last of `count` a moment before `end`.
pub(crate) struct Corpus {
    begin: i64,
    state: u64,
    /// Whether lines are some 120 bytes long, as real ones are, or half of that.
    long: bool,
    rare_every: u64,
}

impl Corpus {
    pub(crate) fn new(count: u64, end: Timestamp, long: bool) -> Self {
        let begin = end.0 - count as i64 * STEP;
        Self { begin, state: 0x9e37_79b9_7f4a_7c15, long, rare_every: (count / 11).max(1) }
    }

    pub(crate) fn moment(&self, number: u64) -> Timestamp {
        Timestamp(self.begin + number as i64 * STEP)
    }

    fn random(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }

    /// The line of this number.
    pub(crate) fn line(&mut self, number: u64) -> Line {
        let (service, random) = (number as usize % SERVICES, self.random());
        let level = ["INFO", "INFO", "DEBUG", "INFO", "WARN", "INFO", "DEBUG", "ERROR"][random as usize & 7];
        let took = random >> 8 & 0x7ff;
        let what = match random >> 24 & 127 {
            0 => "upstream timeout while waiting",
            1..=32 => "GET /orders/{id}",
            33..=48 => "payment accepted",
            49 => "Connection refused by peer",
            _ => "cart was looked at by a shopper",
        };
        let rare = if number % self.rare_every == self.rare_every / 2 { RARE } else { "" };
        let mut text = String::with_capacity(160);
        let id = random.wrapping_mul(0x2545_f491_4f6c_dd1d);
        let written = match (self.long, number % 3) {
            (false, _) => write!(text, "{level} id={id:016x} took={took}ms {what}{rare}"),
            (true, 0) => write!(
                text,
                "{{\"level\":\"{}\",\"msg\":\"{what}{rare}\",\"trace\":\"{id:016x}\",\"took\":\"{took}ms\",\"user\":{},\"host\":\"node-{}\"}}",
                level.to_ascii_lowercase(),
                random >> 40 & 0xffff,
                random >> 60
            ),
            (true, 1) => write!(
                text,
                "level={} msg=\"{what}{rare}\" trace={id:016x} took={took}ms user={} region=eu-central-{}",
                level.to_ascii_lowercase(),
                random >> 40 & 0xffff,
                random >> 60
            ),
            (true, _) => write!(
                text,
                "2026-11-24 10:00:00,{:03} {level} [worker-{}] shop.orders.Service - {what}{rare} {id:016x} took={took}ms",
                random >> 40 & 0x3ff,
                random >> 60
            ),
        };
        written.expect("text");
        Line {
            ts: self.moment(number),
            service: format!("service-{service}"),
            instance: format!("bench-service-{service}-1"),
            stream: Stream::Stdout,
            bytes: text.into_bytes(),
        }
    }
}
