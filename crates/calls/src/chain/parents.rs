//! The one call that another was made for.

use std::collections::HashMap;

use model::call::OUTSIDE;

use super::Link;
use super::around::{AFTER, Around, Seen, is_delivery};

/// No more calls to a service are looked at to find the one that it was serving.
const CANDIDATES: usize = 512;

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
        let before = self.around.worked_on_before(&seen.call.from.service, place).take(CANDIDATES);
        let candidates: Vec<(usize, &Seen<'a>)> =
            before.filter_map(|served| Some((served, self.around.get(served)?))).collect();
        if let Some(parent) = by_trace(seen, &candidates) {
            return Some((parent, Link::Trace));
        }
        let open = candidates.into_iter().filter(|(_, outer)| is_open(outer, seen) && may_hold(outer, seen));
        let (streams, open): (Vec<_>, Vec<_>) = open.partition(|(_, outer)| outer.is_stream);
        let open = of_instance(open, seen);
        match open.as_slice() {
            [] => of_instance(streams, seen).first().map(|(latest, _)| (*latest, Link::Ambiguous)),
            [(only, _)] => Some((*only, Link::Inferred)),
            [(latest, _), ..] => Some((self.of_worker(place, &open).unwrap_or(*latest), Link::Ambiguous)),
        }
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
    let context = seen.context?;
    let same = candidates
        .iter()
        .filter(|(_, outer)| outer.context.is_some_and(|outer| context.same_trace(&outer) == Some(true)));
    let recent = |outer: &Seen<'_>| outer.end.is_none_or(|end| seen.call.ts.since(end) <= AFTER);
    let same: Vec<_> = same.filter(|(_, outer)| recent(outer)).collect();
    let exact = |outer: &Seen<'_>| outer.context.is_some_and(|outer| context.is_within(&outer));
    let first = |suits: &dyn Fn(&Seen<'_>) -> bool| {
        same.iter().find(|(_, outer)| suits(outer)).map(|(place, _)| *place)
    };
    first(&|outer| exact(outer) && is_open(outer, seen))
        .or_else(|| first(&exact))
        .or_else(|| first(&|outer| is_open(outer, seen)))
        .or_else(|| first(&|_| true))
}

fn is_open(outer: &Seen<'_>, seen: &Seen<'_>) -> bool {
    outer.end.is_none_or(|end| end >= seen.call.ts)
}

/// Whether the traces do not speak against it.
fn may_hold(outer: &Seen<'_>, seen: &Seen<'_>) -> bool {
    let same = outer.context.zip(seen.context).and_then(|(outer, inner)| inner.same_trace(&outer));
    same != Some(false)
}

/// Those that are worked on by the instance that made the call; all when that cannot be told, since a container on two networks
/// has two addresses.
fn of_instance<'s, 'a>(open: Vec<(usize, &'s Seen<'a>)>, seen: &Seen<'_>) -> Vec<(usize, &'s Seen<'a>)> {
    let own = seen.call.from.addr.ip();
    let same: Vec<_> =
        open.iter().copied().filter(|(_, outer)| outer.worker.is_some_and(|(_, ip)| ip == own)).collect();
    if same.is_empty() { open } else { same }
}
