//! The calls around one call in time, found by who made and who served them.

use std::collections::HashMap;
use std::time::Duration;

use model::Timestamp;
use model::call::{Call, OUTSIDE};
use model::exchange::Protocol;

use crate::store::Store;
use crate::trace::{self, Context};

/// So far before a call its reasons are looked for, and so far after its end its consequences.
const REACH: Duration = Duration::from_mins(2);
/// So many calls on each side at most.
const MOST: usize = 10_000;
/// So long after a call has ended work that it caused may still make calls that carry its trace.
pub(super) const AFTER: Duration = Duration::from_secs(30);

/// Calls by their places in the order of time.
pub(super) struct Around<'a> {
    seen: Vec<Seen<'a>>,
    made_by: HashMap<&'a str, Vec<usize>>,
    served_by: HashMap<&'a str, Vec<usize>>,
    on: HashMap<&'a str, Vec<usize>>,
}

pub(super) struct Seen<'a> {
    pub(super) call: &'a Call,
    pub(super) context: Option<Context<'a>>,
    /// `None` while it goes on.
    pub(super) end: Option<Timestamp>,
}

impl<'a> Around<'a> {
    /// The calls around number `ordinal`, and its place among them.
    pub(super) fn of(store: &'a Store, ordinal: u64) -> Option<(Self, usize)> {
        let middle = &store.get(ordinal)?.call;
        let order = store.order();
        let at = order.binary_search(&(middle.ts, ordinal)).ok()?;
        let (first, last) = (middle.ts.minus(REACH), end(middle).unwrap_or(Timestamp(i64::MAX)));
        let mut start = at;
        while start > 0 && at - start < MOST && order.get(start - 1).is_some_and(|(at, _)| *at >= first) {
            start -= 1;
        }
        let mut around =
            Self { seen: Vec::new(), made_by: HashMap::new(), served_by: HashMap::new(), on: HashMap::new() };
        let in_reach = |at: &Timestamp| *at <= last || at.since(last) <= REACH;
        let stop = order.len().min(at.saturating_add(MOST));
        for (_, ordinal) in order.range(start..stop).take_while(|(at, _)| in_reach(at)) {
            let Some(entry) = store.get(*ordinal) else { continue };
            around.push(&entry.call);
        }
        Some((around, at - start))
    }

    fn push(&mut self, call: &'a Call) {
        let place = self.seen.len();
        if call.from.service != OUTSIDE {
            self.made_by.entry(&call.from.service).or_default().push(place);
        }
        if call.to.service != OUTSIDE && serves(call) {
            self.served_by.entry(&call.to.service).or_default().push(place);
        }
        self.on.entry(&call.conn).or_default().push(place);
        self.seen.push(Seen { call, context: trace::context(&call.request), end: end(call) });
    }

    pub(super) fn get(&self, place: usize) -> Option<&Seen<'a>> {
        self.seen.get(place)
    }

    pub(super) fn call(&self, place: usize) -> Option<&'a Call> {
        self.seen.get(place).map(|seen| seen.call)
    }

    /// Calls that whoever served this one made while serving it, or shortly after.
    pub(super) fn made_during(&self, place: usize) -> impl Iterator<Item = usize> {
        let seen = self.seen.get(place);
        let made = seen.and_then(|seen| self.made_by.get(seen.call.to.service.as_str()));
        let made = made.map(Vec::as_slice).unwrap_or_default();
        let made = made.get(made.partition_point(|made| *made <= place)..).unwrap_or_default();
        let end = seen.and_then(|seen| seen.end);
        let soon = move |made: &&usize| {
            let at = self.seen.get(**made).map_or(Timestamp(i64::MAX), |seen| seen.call.ts);
            end.is_none_or(|end| at <= end || at.since(end) <= AFTER)
        };
        made.iter().take_while(soon).copied()
    }

    /// Calls to a service that began before the call at `place`, the latest first.
    pub(super) fn served_before(&self, service: &str, place: usize) -> impl Iterator<Item = usize> {
        let served = self.served_by.get(service).map(Vec::as_slice).unwrap_or_default();
        let before = served.get(..served.partition_point(|served| *served < place)).unwrap_or_default();
        before.iter().rev().copied()
    }

    /// The call before the one at `place` on its connection.
    pub(super) fn before_on_connection(&self, place: usize) -> Option<usize> {
        let on = self.on.get(self.seen.get(place)?.call.conn.as_str())?;
        on.get(on.partition_point(|other| *other < place).checked_sub(1)?).copied()
    }
}

/// Whether a service that is asked this does something for it. A stream or a connection that is held open may be the
/// reason for nothing or for everything that its service does.
fn serves(call: &Call) -> bool {
    !call.waits
        && !matches!(call.protocol, Protocol::Tcp | Protocol::Tls | Protocol::Dns | Protocol::WebSocket)
}

fn end(call: &Call) -> Option<Timestamp> {
    let response = call.response.as_ref().map_or(call.request.last, |response| response.last);
    call.done.then(|| response.max(call.request.last).max(call.ts))
}
