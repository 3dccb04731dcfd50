//! The one call that another was made for.

use std::collections::HashMap;
use std::time::Duration;

use model::call::OUTSIDE;
use model::exchange::TopicRole;

use super::Link;
use super::around::{AFTER, Around, Seen, is_delivery};

/// No more calls to a service are looked at to find the one that it was serving.
const CANDIDATES: usize = 512;

/// So long after messages were fetched whoever got them may still work on them.
const WORKED_ON: Duration = Duration::from_secs(10);
/// So far above a message's sender its trace is looked for.
const ABOVE: usize = 8;
/// So many calls of a trace are looked at.
const TRACED: usize = 64;

/// Parents, each found once.
pub(super) struct Parents<'c, 'a> {
    around: &'c Around<'a>,
    found: HashMap<usize, Option<(usize, Link)>>,
}

impl<'c, 'a> Parents<'c, 'a> {
    pub(super) fn new(around: &'c Around<'a>) -> Self {
        Self { around, found: HashMap::new() }
    }

    /// The place of the call that the one at `place` was made for. It began earlier, so chains end.
    pub(super) fn of(&mut self, place: usize) -> Option<(usize, Link)> {
        if let Some(found) = self.found.get(&place) {
            return *found;
        }
        let found = self.find(place);
        self.found.insert(place, found);
        found
    }

    fn find(&self, place: usize) -> Option<(usize, Link)> {
        let seen = self.around.get(place)?;
        if is_delivery(seen.call) {
            return self.sender(place);
        }
        if seen.call.from.service == OUTSIDE {
            return None;
        }
        self.served(place).or_else(|| self.fetched(place, seen)).or_else(|| self.traced(place, seen))
    }

    /// The call that its caller was serving.
    fn served(&self, place: usize) -> Option<(usize, Link)> {
        let seen = self.around.get(place)?;
        let candidates = self.candidates(place, seen);
        if let Some(parent) = by_trace(seen, &candidates) {
            return Some((parent, Link::Trace));
        }
        let open = candidates.into_iter().filter(|(_, outer)| !outer.is_fetch);
        let open = open.filter(|(_, outer)| is_open(outer, seen) && may_hold(outer, seen));
        let (streams, open): (Vec<_>, Vec<_>) = open.partition(|(_, outer)| outer.is_stream);
        let open = of_instance(open, seen);
        match open.as_slice() {
            [] => of_instance(streams, seen).first().map(|(latest, _)| (*latest, Link::Ambiguous)),
            [(only, _)] => Some((*only, Link::Inferred)),
            [(latest, _), ..] => Some((self.of_worker(place, &open).unwrap_or(*latest), Link::Ambiguous)),
        }
    }

    /// What its caller may have been working on before.
    fn candidates(&self, place: usize, seen: &Seen<'a>) -> Vec<(usize, &'c Seen<'a>)> {
        let before = self.around.worked_on_before(&seen.call.from.service, place).take(CANDIDATES);
        before.filter_map(|served| Some((served, self.around.get(served)?))).collect()
    }

    /// The messages that its caller had fetched just before, unless their sender's trace speaks against it.
    fn fetched(&self, place: usize, seen: &Seen<'a>) -> Option<(usize, Link)> {
        let recent = |outer: &Seen<'_>| outer.end.is_some_and(|end| seen.at.since(end) <= WORKED_ON);
        let mut fetched = self.candidates(place, seen);
        fetched.retain(|(_, outer)| outer.is_fetch && recent(outer));
        let fetched = of_instance(fetched, seen);
        let of_trace = |(fetch, _): &(usize, &Seen<'a>)| self.is_of_trace(*fetch, seen);
        if let Some((same, _)) = fetched.iter().find(|fetch| of_trace(fetch) == Some(true)) {
            return Some((*same, Link::Trace));
        }
        let mut unknown = fetched.iter().filter(|fetch| of_trace(fetch).is_none());
        let (latest, _) = unknown.next()?;
        Some((*latest, if unknown.next().is_none() { Link::Inferred } else { Link::Ambiguous }))
    }

    /// Whether a message that was fetched was sent in the trace of a call; `None` when that is not known.
    fn is_of_trace(&self, fetch: usize, seen: &Seen<'a>) -> Option<bool> {
        let mut above = self.sender(fetch);
        for _ in 0..ABOVE {
            let (place, _) = above?;
            let same = seen.contexts.same_trace(&self.around.get(place)?.contexts);
            if same.is_some() {
                return same;
            }
            above = self.served(place);
        }
        None
    }

    /// Whatever its caller was given does not show: the latest call of its trace that somebody else made, better one
    /// because of which something was left at a broker.
    fn traced(&self, place: usize, seen: &Seen<'a>) -> Option<(usize, Link)> {
        let others = self.around.traced_before(place).take(TRACED).filter(|other| {
            let other = self.around.get(*other);
            other.is_some_and(|other| {
                other.call.from.service != seen.call.from.service
                    && seen.contexts.same_trace(&other.contexts) == Some(true)
            })
        });
        let others: Vec<usize> = others.collect();
        let sends = |outer: &usize| {
            let mut made = self.around.made_during(*outer).take(CANDIDATES);
            made.any(|made| {
                let topic = self.around.call(made).and_then(|call| call.topic.as_ref());
                topic.is_some_and(|topic| topic.role == TopicRole::Sends)
            })
        };
        let parent = others.iter().copied().find(sends).or(others.first().copied())?;
        Some((parent, Link::Trace))
    }

    /// The call that left at a broker what this one got: the one with its key, else the latest.
    fn sender(&self, place: usize) -> Option<(usize, Link)> {
        let key = |place: usize| self.around.call(place)?.topic.as_ref()?.key.as_deref();
        let own = key(place);
        let same = |sent: &usize| own.is_none() || key(*sent) == own;
        let mut sent = self.around.sent_before(place).take(CANDIDATES).filter(same);
        let latest = sent.next()?;
        Some((latest, if sent.next().is_none() { Link::Inferred } else { Link::Ambiguous }))
    }

    /// A worker keeps its connections: the call before on this one was made for the same call, or for an earlier one of
    /// the same caller's connection.
    fn of_worker(&self, place: usize, open: &[(usize, &Seen<'a>)]) -> Option<usize> {
        let before = self.around.before_on_connection(place)?;
        let seen = self.around.get(before)?;
        let served = self.around.worked_on_before(&seen.call.from.service, before).take(CANDIDATES);
        let served = served.filter_map(|served| Some((served, self.around.get(served)?)));
        let served: Vec<_> = served.filter(|(_, outer)| is_open(outer, seen) && !outer.is_stream).collect();
        let [(reason, outer)] = of_instance(served, seen)[..] else { return None };
        let same = open.iter().find(|(place, _)| *place == reason);
        let same = same.or_else(|| open.iter().find(|(_, other)| other.call.conn == outer.call.conn));
        same.map(|(place, _)| *place)
    }
}

/// The call of the same trace: whose span is named, else the latest that was being served, else the latest that had
/// been served not long ago.
fn by_trace(seen: &Seen<'_>, candidates: &[(usize, &Seen<'_>)]) -> Option<usize> {
    let same = candidates.iter().filter(|(_, outer)| seen.contexts.same_trace(&outer.contexts) == Some(true));
    let recent = |outer: &Seen<'_>| outer.end.is_none_or(|end| seen.at.since(end) <= AFTER);
    let same: Vec<_> = same.filter(|(_, outer)| recent(outer)).collect();
    let exact = |outer: &Seen<'_>| seen.contexts.is_within(&outer.contexts);
    let first = |suits: &dyn Fn(&Seen<'_>) -> bool| {
        same.iter().find(|(_, outer)| suits(outer)).map(|(place, _)| *place)
    };
    first(&|outer| exact(outer) && is_open(outer, seen))
        .or_else(|| first(&exact))
        .or_else(|| first(&|outer| is_open(outer, seen)))
        .or_else(|| first(&|_| true))
}

fn is_open(outer: &Seen<'_>, seen: &Seen<'_>) -> bool {
    outer.end.is_none_or(|end| end >= seen.at)
}

/// Whether the traces do not speak against it.
fn may_hold(outer: &Seen<'_>, seen: &Seen<'_>) -> bool {
    seen.contexts.same_trace(&outer.contexts) != Some(false)
}

/// Those that are worked on by the instance that made the call; all when that cannot be told, since a container on two networks
/// has two addresses.
fn of_instance<'s, 'a>(open: Vec<(usize, &'s Seen<'a>)>, seen: &Seen<'_>) -> Vec<(usize, &'s Seen<'a>)> {
    let own = seen.call.from.addr.ip();
    let same: Vec<_> =
        open.iter().copied().filter(|(_, outer)| outer.worker.is_some_and(|(_, ip)| ip == own)).collect();
    if same.is_empty() { open } else { same }
}
