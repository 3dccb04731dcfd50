//! Calls that are read and handed on: out of a file, however large it is, in the order in which they began.

use std::collections::BTreeMap;

use model::Timestamp;
use model::call::Call;
use model::exchange::{Exchange, Message, Protocol};
use model::plan::CallsConfig;

use crate::calls::{Calls, Limits};
use crate::inside;
use crate::query::{Matcher, Query};
use crate::redact::Redaction;
use crate::store::size;

/// How many calls wait for one that began before them and ends after them, and how many bytes of memory they have. A call
/// that lasts longer than so many others comes when it is done.
const WAITING: usize = 4096;
const WAITING_BYTES: usize = 64 << 20;

/// Takes exchanges and hands on the calls that a query asks for.
#[derive(Debug)]
pub struct Passing<'q> {
    calls: Calls,
    query: &'q Query,
    matcher: Matcher<'q>,
    whole: bool,
    // Boxed, since a call is large and moves a few times until its turn comes.
    waiting: BTreeMap<(Timestamp, u64), Box<Call>>,
    /// Bytes of those that wait.
    bytes: usize,
    next: u64,
}

impl<'q> Passing<'q> {
    /// Nothing was read yet. Unless they are wanted `whole`, calls come without headers and bodies.
    pub fn new(config: &CallsConfig, query: &'q Query, whole: bool, epoch: &str) -> Self {
        Self {
            calls: Calls::new(config, Limits::default(), epoch),
            query,
            matcher: Matcher::new(query),
            whole,
            waiting: BTreeMap::new(),
            bytes: 0,
            next: 0,
        }
    }

    /// What is hidden in all calls.
    pub fn redaction(&self) -> Redaction {
        self.calls.redaction().clone()
    }

    /// Takes an exchange.
    pub fn take(&mut self, mut exchange: Exchange) {
        if !exchange.done {
            return;
        }
        // Unpacking a body and hiding secrets in it is most of the work; names are learnt from those of DNS, and
        // some of HTTP name what they ask.
        let tells = exchange.protocol == Protocol::Dns || inside::may_name(&exchange);
        if !self.whole && !self.matcher.reads_messages() && !tells {
            for message in std::iter::once(&mut exchange.request).chain(&mut exchange.response) {
                message.body = Vec::new();
            }
        }
        let Some(mut call) = self.calls.pass(exchange) else { return };
        let late = self.query.since.is_some_and(|since| call.ts < since);
        let early = self.query.until.is_some_and(|until| call.ts >= until);
        if late || early || !self.matcher.matches(&call) {
            return;
        }
        if !self.whole {
            for message in std::iter::once(&mut call.request).chain(&mut call.response) {
                *message = Message { bytes: message.bytes, cut: message.cut, ..Message::default() };
            }
        }
        self.bytes += size(&call);
        self.waiting.insert((call.ts, self.next), Box::new(call));
        self.next += 1;
    }

    /// A call whose turn has come, since more wait than should. Asked for until there is none, after each that is taken.
    pub fn due(&mut self) -> Option<Box<Call>> {
        let many = self.waiting.len() > WAITING || self.bytes > WAITING_BYTES;
        if many { self.pop() } else { None }
    }

    /// The next of the calls that still wait, when nothing more comes.
    pub fn pop(&mut self) -> Option<Box<Call>> {
        let (_, call) = self.waiting.pop_first()?;
        self.bytes -= size(&call);
        Some(call)
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
        let mut passing = Passing::new(&config, &query, true, "p");
        let mut out = Vec::new();
        for n in 0..10_000_u32 {
            // Each second one began before its neighbour and ends after it.
            let began = if n % 2 == 0 { n + 1 } else { n - 1 };
            let whole = later(exchange(u64::from(n), 0, "GET", &format!("/{began}")), i64::from(began));
            passing.take(pending(&whole));
            passing.take(whole);
            out.extend(std::iter::from_fn(|| passing.due()));
        }
        out.extend(std::iter::from_fn(|| passing.pop()));
        assert_eq!(out.len(), 10_000);
        assert!(out.is_sorted_by_key(|call| call.ts));
        assert!(passing.waiting.is_empty() && passing.bytes == 0);
    }

    #[test]
    fn long_bodies_do_not_wait_in_memory() {
        let query = Query::default();
        let config = CallsConfig { redact: Vec::new(), ..CallsConfig::default() };
        let mut passing = Passing::new(&config, &query, true, "p");
        let mut out = 0;
        for n in 0..3000_u32 {
            let mut whole = later(exchange(u64::from(n), 0, "GET", "/a"), i64::from(n));
            whole.response.as_mut().unwrap().body = vec![b'x'; 60_000];
            passing.take(whole);
            out += std::iter::from_fn(|| passing.due()).count();
            assert!(passing.bytes <= WAITING_BYTES, "{n}");
        }
        out += std::iter::from_fn(|| passing.pop()).count();
        assert_eq!((out, passing.bytes), (3000, 0));
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
            let mut passing = Passing::new(&config, &query, true, "p");
            passing.take(whole.clone());
            assert_eq!(passing.pop().is_some(), comes, "{query:?}");
        }
    }

    #[test]
    fn calls_without_their_messages_are_found_by_them_all_the_same() {
        let mut asked = exchange(1, 0, "GET", "/a");
        asked.request.headers.push(("x-shop".to_owned(), "kiel".to_owned()));
        asked.request.body = b"a lighthouse".to_vec();
        let config = CallsConfig { body_limit: 100, redact: Vec::new(), ..CallsConfig::default() };
        for (text, comes) in [("", true), ("kiel", true), ("lighthouse", true), ("elsewhere", false)] {
            let query = Query { text: Some(text.to_owned()), ..Query::default() };
            let mut passing = Passing::new(&config, &query, false, "p");
            passing.take(asked.clone());
            let call = passing.pop();
            assert_eq!(call.is_some(), comes, "{text}");
            assert!(call.is_none_or(|call| call.request.headers.is_empty() && call.request.body.is_empty()));
        }
    }
}
