//! How many calls are told one by one. Up to a budget all are; beyond it most are counted and timed only, since nobody
//! reads thousands a second, and telling them would cost the stack the processor that it needs itself.
//!
//! Calls that went wrong have a budget of their own, so that a busy stack's failures are told like any other's.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher as _, Hash};
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;
use model::exchange::{Exchange, Message, Protocol, Quality, Tally};

/// Calls a second that are told, and how many more at once after a quiet time.
const PLAIN: Rate = Rate { each_second: 3_000.0, at_once: 20_000.0 };
const FAILED: Rate = Rate { each_second: 1_000.0, at_once: 5_000.0 };
/// Who asks for a name asks once and calls for long: the name of each address is wanted however busy the stack is.
const NAMES: Rate = Rate { each_second: 500.0, at_once: 5_000.0 };
/// How often counts are told.
const TELL_EVERY: Duration = Duration::from_millis(250);
/// Targets that are told apart within that time; the others share one without a name.
const TARGETS: usize = 256;

#[derive(Debug, Clone, Copy)]
struct Rate {
    each_second: f64,
    at_once: f64,
}

#[derive(Debug)]
struct Bucket {
    rate: Rate,
    left: f64,
    filled: Instant,
}

impl Bucket {
    fn new(rate: Rate, now: Instant) -> Self {
        Self { rate, left: rate.at_once, filled: now }
    }

    fn take(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.left = (self.left + passed * self.rate.each_second).min(self.rate.at_once);
        self.filled = now;
        let enough = self.left >= 1.0;
        if enough {
            self.left -= 1.0;
        }
        enough
    }
}

/// Decides, call by call.
#[derive(Debug)]
pub(super) struct Budget {
    plain: Bucket,
    failed: Bucket,
    names: Bucket,
    /// Calls that were told before they were done: whoever heard of their beginning hears of their end.
    told: HashSet<(u64, u32), RandomState>,
    /// By [`Budget::kind`]; those whose kinds have the same number share a place.
    counted: HashMap<u64, Vec<Counted>, RandomState>,
    counted_as: RandomState,
    targets: HashSet<String, RandomState>,
    tell_at: Instant,
    /// Calls that were counted, since the beginning.
    total: u64,
}

#[derive(Debug)]
struct Counted {
    tally: Tally,
    micros: BTreeMap<u32, u32>,
}

impl Budget {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            plain: Bucket::new(PLAIN, now),
            failed: Bucket::new(FAILED, now),
            names: Bucket::new(NAMES, now),
            told: HashSet::default(),
            counted: HashMap::default(),
            counted_as: RandomState::default(),
            targets: HashSet::default(),
            tell_at: now + TELL_EVERY,
            total: 0,
        }
    }

    /// The report, when it is to be told.
    pub(super) fn spend(&mut self, exchange: Exchange, now: Instant) -> Option<Exchange> {
        let name = (exchange.conn, exchange.serial);
        if self.told.contains(&name) {
            if exchange.done {
                self.told.remove(&name);
            }
            return Some(exchange);
        }
        let bucket = match exchange.protocol {
            Protocol::Dns => &mut self.names,
            _ if went_wrong(&exchange) => &mut self.failed,
            _ => &mut self.plain,
        };
        if bucket.take(now) {
            if !exchange.done {
                self.told.insert(name);
            }
            return Some(exchange);
        }
        // One that goes on comes again.
        if exchange.done {
            self.count(exchange);
        }
        None
    }

    /// What was counted since the last time, when it is time to tell it.
    pub(super) fn tell(&mut self, now: Instant, all: bool) -> Vec<Tally> {
        if self.counted.is_empty() || (now < self.tell_at && !all) {
            return Vec::new();
        }
        self.tell_at = now + TELL_EVERY;
        self.targets.clear();
        let counted = self.counted.drain().flat_map(|(_, counted)| counted);
        counted
            .map(|counted| Tally { micros: counted.micros.into_iter().collect(), ..counted.tally })
            .collect()
    }

    /// Those that were told and go on.
    pub(super) fn open(&self) -> Vec<(u64, u32)> {
        self.told.iter().copied().collect()
    }

    /// How many calls were counted and not told.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    fn count(&mut self, mut exchange: Exchange) {
        self.total += 1;
        if !self.targets.contains(&exchange.target) {
            if self.targets.len() >= TARGETS {
                exchange.target = String::new();
            } else {
                self.targets.insert(exchange.target.clone());
            }
        }
        let micros = exchange.latency().map(|took| rounded(took.as_micros()));
        let bytes = exchange.request.bytes + exchange.response.as_ref().map_or(0, |response| response.bytes);
        let messages = exchange.response.as_ref().map_or(0, |response| response.messages);
        let same = self.counted.entry(self.counted_as.hash_one(kind(&exchange))).or_default();
        let at = same.iter().position(|counted| kind(&counted.tally.like) == kind(&exchange));
        let at = at.unwrap_or_else(|| {
            let tally = Tally { like: bare(exchange), calls: 0, bytes: 0, messages: 0, micros: Vec::new() };
            same.push(Counted { tally, micros: BTreeMap::new() });
            same.len() - 1
        });
        let Some(counted) = same.get_mut(at) else { return };
        counted.tally.calls += 1;
        counted.tally.bytes += bytes;
        counted.tally.messages += messages;
        if let Some(micros) = micros {
            *counted.micros.entry(micros).or_default() += 1;
        }
    }
}

/// What calls that are counted together have in common.
fn kind(exchange: &Exchange) -> impl Hash + PartialEq + '_ {
    (
        (exchange.client.ip(), exchange.server, exchange.protocol),
        (&exchange.method, &exchange.target, &exchange.status, &exchange.failure),
        (exchange.quality, exchange.ending, exchange.waits, exchange.response.is_some()),
    )
}

/// Without what makes it large.
fn bare(exchange: Exchange) -> Exchange {
    let bare = |message: Message| Message {
        headers: Vec::new(),
        body: Vec::new(),
        parts: Vec::new(),
        media: None,
        cut: message.bytes > 0,
        ..message
    };
    Exchange { request: bare(exchange.request), response: exchange.response.map(bare), ..exchange }
}

fn went_wrong(exchange: &Exchange) -> bool {
    let refused = matches!(exchange.protocol, Protocol::Http1 | Protocol::Http2)
        && exchange.status.as_ref().is_some_and(|status| status.starts_with(['4', '5']));
    refused || exchange.failure.is_some() || (exchange.done && exchange.quality != Quality::Complete)
}

/// The time with five significant bits: at most three percent off.
fn rounded(micros: u128) -> u32 {
    let micros = u32::try_from(micros).unwrap_or(u32::MAX);
    let insignificant = (27_u32).saturating_sub(micros.leading_zeros());
    (micros >> insignificant) << insignificant
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Timestamp;

    fn call(serial: u32, status: &str, micros: i64) -> Exchange {
        let end = ([10, 0, 0, 1], 80).into();
        let mut exchange = Exchange::new((1, serial), end, end, Protocol::Http1, Timestamp(1_000_000));
        exchange.method = "GET".into();
        exchange.target = "/a".into();
        exchange.status = Some(status.into());
        exchange.done = true;
        exchange.request.bytes = 1;
        let last = Timestamp(1_000_000 + micros * 1000);
        exchange.response =
            Some(Message { body: b"x".to_vec(), bytes: 10, last, complete: true, ..Message::default() });
        exchange
    }

    #[test]
    fn what_is_not_told_is_counted_once_and_timed() {
        let now = Instant::now();
        let mut budget = Budget::new(now);
        let told = (0..30_000).filter(|&n| budget.spend(call(n, "200", 1000), now).is_some()).count();
        assert_eq!((told, budget.total()), (20_000, 10_000));
        assert!(budget.tell(now, false).is_empty());
        let [tally] = &budget.tell(now + TELL_EVERY, false)[..] else { panic!("one kind") };
        assert_eq!((tally.calls, tally.bytes, &tally.micros[..]), (10_000, 110_000, &[(992, 10_000)][..]));
        assert_eq!((tally.like.target.as_str(), tally.like.response.as_ref().unwrap().body.len()), ("/a", 0));
        assert!(budget.tell(now + TELL_EVERY * 2, false).is_empty());
    }

    #[test]
    fn failures_have_a_budget_of_their_own_and_time_fills_it_again() {
        let now = Instant::now();
        let mut budget = Budget::new(now);
        (0..25_000).for_each(|n| drop(budget.spend(call(n, "200", 9), now)));
        assert!(budget.spend(call(25_000, "200", 9), now).is_none());
        assert!(budget.spend(call(25_001, "503", 9), now).is_some());
        let later = now + Duration::from_secs(1);
        let told = (0..5000).filter(|&n| budget.spend(call(30_000 + n, "200", 9), later).is_some()).count();
        assert_eq!(told, 3000);
    }

    #[test]
    fn names_are_told_however_busy_the_stack_is() {
        let now = Instant::now();
        let mut budget = Budget::new(now);
        (0..25_000).for_each(|n| drop(budget.spend(call(n, "200", 9), now)));
        let name = |n| Exchange { protocol: Protocol::Dns, ..call(n, "NOERROR", 9) };
        assert!(budget.spend(name(25_000), now).is_some());
    }

    #[test]
    fn who_was_told_of_a_beginning_is_told_of_the_end() {
        let now = Instant::now();
        let mut budget = Budget::new(now);
        let begun = Exchange { done: false, response: None, status: None, ..call(1, "200", 9) };
        assert!(budget.spend(begun.clone(), now).is_some());
        (10..40_000).for_each(|n| drop(budget.spend(call(n, "200", 9), now)));
        let late = Exchange { serial: 2, ..begun };
        assert!(budget.spend(late, now).is_none(), "it comes again");
        assert!(budget.spend(call(1, "200", 9), now).is_some());
        let before = budget.total();
        assert!(budget.spend(call(2, "200", 9), now).is_none());
        assert_eq!(budget.total(), before + 1);
    }

    #[test]
    fn targets_beyond_the_bound_share_one_tally() {
        let now = Instant::now();
        let mut budget = Budget::new(now);
        (0..20_000).for_each(|n| drop(budget.spend(call(n, "200", 9), now)));
        for n in 0..1000 {
            let target = format!("/a/{n}");
            assert!(budget.spend(Exchange { target, ..call(n, "200", 9) }, now).is_none());
        }
        let tallies = budget.tell(now, true);
        assert_eq!(tallies.len(), TARGETS + 1);
        assert_eq!(tallies.iter().map(|tally| tally.calls).sum::<u64>(), 1000);
    }

    #[test]
    fn times_are_a_few_percent_off_at_most() {
        for micros in [0, 1, 31, 32, 33, 63, 65, 999, 123_456, u128::from(u32::MAX), 1 << 40] {
            let near = rounded(micros);
            let exact = micros.min(u128::from(u32::MAX)) as f64;
            assert!(f64::from(near) <= exact && f64::from(near) >= exact * 0.968, "{micros}: {near}");
        }
    }
}
