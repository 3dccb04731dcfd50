//! A call that asks for the same thing again and again, at the same pace and with the same outcome, is a poll.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::time::Duration;

use model::Timestamp;
use model::call::Call;

/// So many calls in a row make a poll.
const ROW: usize = 8;
/// A faster pace is work, not waiting for something to change.
const FASTEST: Duration = Duration::from_millis(250);
/// A slower pace is not waited for.
const SLOWEST: Duration = Duration::from_mins(10);
/// How much an interval may differ from those before it, as a part of them.
const TOLERANCE: f64 = 0.2;
/// How much the newest interval counts in what is expected of the next.
const WEIGHT: f64 = 0.3;
/// So many rows are followed.
const KEPT: usize = 2048;

/// The rows of calls that may be polls, by route and by who calls from where.
#[derive(Debug, Default)]
pub(crate) struct Rhythms {
    rows: HashMap<(usize, IpAddr), Row>,
}

#[derive(Debug)]
struct Row {
    last: Timestamp,
    /// The expected interval in seconds; `None` after one call.
    period: Option<f64>,
    ok: bool,
    status: Option<String>,
    asked: u64,
    /// The row so far, until it is a poll.
    calls: Vec<u64>,
    is_poll: bool,
}

impl Rhythms {
    /// Takes the call that has just ended, number `ordinal`; returns the calls that are now known to be polls.
    pub(crate) fn beat(&mut self, route: usize, call: &Call, ordinal: u64) -> Vec<u64> {
        let key = (route, call.from.addr.ip());
        if self.rows.len() >= KEPT && !self.rows.contains_key(&key) {
            let recent = |row: &Row| call.ts.since(row.last) < Duration::from_mins(1);
            self.rows.retain(|_, row| recent(row));
            if self.rows.len() >= KEPT {
                self.rows.clear();
            }
        }
        let Some(row) = self.rows.get_mut(&key) else {
            self.rows.insert(key, Row::new(call, ordinal));
            return Vec::new();
        };
        let same = row.ok == call.ok && row.status == call.status && row.asked == asked(call);
        let goes_on = call.ts > row.last && same;
        let interval = call.ts.since(row.last).as_secs_f64();
        let fits = match row.period {
            None => (FASTEST.as_secs_f64()..SLOWEST.as_secs_f64()).contains(&interval),
            Some(period) => (interval - period).abs() <= period * TOLERANCE,
        };
        if !goes_on {
            *row = Row::new(call, ordinal);
            return Vec::new();
        }
        if !fits {
            // The pace may begin anew with the last two.
            let before = row.calls.last().copied();
            *row = Row::new(call, ordinal);
            if let Some(before) = before
                && (FASTEST.as_secs_f64()..SLOWEST.as_secs_f64()).contains(&interval)
            {
                row.period = Some(interval);
                row.calls.insert(0, before);
            }
            return Vec::new();
        }
        row.last = call.ts;
        row.period = Some(row.period.map_or(interval, |period| period + WEIGHT * (interval - period)));
        if row.is_poll {
            row.calls = vec![ordinal];
            return row.calls.clone();
        }
        row.calls.push(ordinal);
        if row.calls.len() < ROW {
            return Vec::new();
        }
        row.is_poll = true;
        std::mem::replace(&mut row.calls, vec![ordinal])
    }
}

impl Row {
    fn new(call: &Call, ordinal: u64) -> Self {
        Self {
            last: call.ts,
            period: None,
            ok: call.ok,
            status: call.status.clone(),
            asked: asked(call),
            calls: vec![ordinal],
            is_poll: false,
        }
    }
}

/// What is asked for, as a number: a route is that of many orders, and of many statements about one table.
fn asked(call: &Call) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&call.method, &call.target, &call.request.body).hash(&mut hasher);
    hasher.finish()
}
