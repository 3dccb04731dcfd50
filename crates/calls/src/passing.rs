//! Calls that are read and handed on: out of a file, however large it is, in the order in which they began.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use model::Timestamp;
use model::call::Call;
use model::exchange::Exchange;
use model::plan::CallsConfig;

use crate::calls::{Calls, Change, Limits};
use crate::query::{Matcher, Query};
use crate::redact::Redaction;

/// How many calls wait for one that began before them and ends after them. A call that lasts longer than so many others
/// comes when it is done.
const WAITING: usize = 4096;

/// Takes exchanges and hands on the calls that a query asks for.
#[derive(Debug)]
pub struct Passing<'q> {
    calls: Calls,
    query: &'q Query,
    matcher: Matcher<'q>,
    order: BinaryHeap<Reverse<(Timestamp, u64)>>,
    waiting: std::collections::HashMap<u64, Call>,
    next: u64,
}

impl<'q> Passing<'q> {
    /// Nothing was read yet.
    pub fn new(config: &CallsConfig, query: &'q Query, epoch: &str) -> Self {
        // One that is whole is handed on at once: nothing has to be kept.
        let limits = Limits { calls: 1, ..Limits::default() };
        Self {
            calls: Calls::new(config, limits, epoch),
            query,
            matcher: Matcher::new(query),
            order: BinaryHeap::new(),
            waiting: std::collections::HashMap::new(),
            next: 0,
        }
    }

    /// What is hidden in all calls.
    pub fn redaction(&self) -> Redaction {
        self.calls.redaction().clone()
    }

    /// Takes an exchange; gives a call whose turn has come.
    pub fn take(&mut self, exchange: Exchange) -> Option<Call> {
        if !exchange.done {
            return None;
        }
        let Change::New(id) = self.calls.observe(exchange) else { return None };
        let call = self.calls.get(&id)?;
        let late = self.query.since.is_some_and(|since| call.ts < since);
        let early = self.query.until.is_some_and(|until| call.ts >= until);
        if late || early || !self.matcher.matches(call) {
            return None;
        }
        self.order.push(Reverse((call.ts, self.next)));
        self.waiting.insert(self.next, self.calls.hand_over(&id)?);
        self.next += 1;
        if self.waiting.len() > WAITING { self.pop() } else { None }
    }

    /// The next of the calls that still wait, when nothing more comes.
    pub fn pop(&mut self) -> Option<Call> {
        let Reverse((_, number)) = self.order.pop()?;
        self.waiting.remove(&number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::fixture::{exchange, later, pending};

    #[test]
    fn calls_come_out_in_the_order_in_which_they_began_and_none_is_missing() {
        let query = Query { failed: false, ..Query::default() };
        let config = CallsConfig { body_limit: 100, redact: Vec::new(), ..CallsConfig::default() };
        let mut passing = Passing::new(&config, &query, "p");
        let mut out = Vec::new();
        for n in 0..10_000_u32 {
            // Each second one began before its neighbour and ends after it.
            let began = if n % 2 == 0 { n + 1 } else { n - 1 };
            let whole = later(exchange(u64::from(n), 0, "GET", &format!("/{began}")), i64::from(began));
            out.extend(passing.take(pending(&whole)));
            out.extend(passing.take(whole));
        }
        out.extend(std::iter::from_fn(|| passing.pop()));
        assert_eq!(out.len(), 10_000);
        assert!(out.is_sorted_by_key(|call| call.ts));
        assert!(passing.waiting.is_empty());
    }

    #[test]
    fn only_what_is_asked_for_is_handed_on() {
        let whole = exchange(1, 0, "GET", "/a");
        let at = whole.request.first;
        let config = CallsConfig { body_limit: 100, redact: Vec::new(), ..CallsConfig::default() };
        for (query, comes) in [
            (Query::default(), true),
            (Query { failed: true, ..Query::default() }, false),
            (Query { since: Some(at), ..Query::default() }, true),
            (Query { until: Some(at), ..Query::default() }, false),
        ] {
            let mut passing = Passing::new(&config, &query, "p");
            let taken = passing.take(whole.clone());
            assert_eq!(taken.or_else(|| passing.pop()).is_some(), comes, "{query:?}");
        }
    }
}
