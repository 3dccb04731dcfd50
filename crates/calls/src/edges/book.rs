//! What was counted, as it is kept for the next session: calls are counted longer than they are kept, and those that came
//! too thick to be told were never more than a count.
//!
//! A book holds what began within a span of time, whole. The next session counts from it what began then, and from the
//! calls that are kept what began before or after: nothing is lost by that, and nothing counts twice.

use std::borrow::Borrow;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

use model::call::Call;
use model::exchange::Protocol;
use serde::{Deserialize, Serialize};

use super::{Edges, Share};
use crate::axis::{Axis, Bin};
use crate::counts::Sums;
use crate::names::Names;
use crate::past::{Cell, Slot};

/// `S` is a slot, or stands for one.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Book<S = Slot> {
    /// What began in this span is counted, in nanoseconds since 1970.
    span: Range<i64>,
    /// But for these calls, which were still going on.
    open: HashSet<String>,
    routes: Vec<Route>,
    slots: Vec<S>,
    axis: Vec<(i64, Bin)>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Route {
    /// By which the slots know it.
    number: usize,
    from: String,
    to: String,
    protocol: Protocol,
    text: String,
}

/// What of a book is to be counted on edges and routes beside the calls that are kept.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    cells: HashMap<usize, Cell>,
    /// The calls of the book that are kept.
    kept: Vec<Share>,
}

impl<S> Book<S> {
    /// Whether a call is counted in it.
    pub(crate) fn counts(&self, call: &Call) -> bool {
        self.span.contains(&call.ts.0) && !self.open.contains(&call.id)
    }
}

impl Edges {
    /// When the newest call began, in nanoseconds since 1970.
    pub(crate) fn newest(&self) -> i64 {
        self.past.newest()
    }

    /// Hands over the book of what began before `then`, without the calls that still go on. `None` for an empty one.
    pub(crate) fn with_book<R>(
        &mut self,
        then: i64,
        open: Vec<(String, Share)>,
        (axis, names): (&mut Axis, &Names),
        take: impl FnOnce(&Book<&Slot>) -> R,
    ) -> Option<R> {
        let (_, span) = self.past.over(then)?;
        let open: Vec<_> = open.into_iter().filter(|(_, share)| span.contains(&share.at().0)).collect();
        for (_, share) in &open {
            self.past.remove(share.route, &share.one);
            axis.remove(share.at(), share.failed());
        }
        let taken = self.past.over(then).map(|(slots, span)| {
            take(&Book {
                open: open.iter().map(|(id, _)| id.clone()).collect(),
                routes: self.written(&slots, names),
                axis: axis.within(&span),
                slots,
                span,
            })
        });
        for (_, share) in &open {
            self.past.add(share.route, &share.one);
            axis.add(share.at(), share.failed());
        }
        taken
    }

    /// The routes that are used in slots.
    fn written(&self, slots: &[impl Borrow<Slot>], names: &Names) -> Vec<Route> {
        let used: HashSet<usize> =
            slots.iter().flat_map(|slot| slot.borrow().cells.keys().copied()).collect();
        let route = |number: usize| {
            let resolved = self.routes.resolve(number);
            let tally = self.tallies.get(self.routes.edge(resolved)?)?;
            let [from, to] = [tally.from, tally.to].map(|service| names.name(service).to_owned());
            let text = self.routes.text(resolved)?.to_owned();
            Some(Route { number, from, to, protocol: tally.protocol, text })
        };
        used.into_iter().filter_map(route).collect()
    }

    /// Takes up what another session counted. `None` for what is no book: then nothing changes.
    pub(crate) fn take_up(&mut self, book: &mut Book, axis: &mut Axis, names: &mut Names) -> Option<Rest> {
        let reaches = book.slots.first().map_or(0, Slot::start)..book.slots.last().map_or(0, Slot::end);
        if reaches != book.span {
            return None;
        }
        let mut numbers = HashMap::new();
        for route in &book.routes {
            let [from, to] = [&route.from, &route.to].map(|name| names.intern(name));
            let edge = self.edge(from, to, route.protocol);
            numbers.insert(route.number, self.routes.find(edge, &route.text));
        }
        let mut rest = Rest::default();
        let mut slots = std::mem::take(&mut book.slots);
        for slot in &mut slots {
            for (number, cell) in std::mem::take(&mut slot.cells) {
                let number = *numbers.get(&number)?;
                slot.cells.entry(number).or_default().absorb(&cell);
                rest.cells.entry(number).or_default().absorb(&cell);
            }
        }
        self.past.put(slots).then(|| axis.put(&book.axis)).map(|()| rest)
    }

    /// Adds a kept call that a book counts.
    pub(crate) fn add_known(&mut self, share: &Share, rest: &mut Rest) {
        self.add_to_sums(share);
        rest.kept.push(*share);
    }

    /// Adds what a book counts beside the calls that are kept, and says how much that is.
    pub(crate) fn add_rest(&mut self, rest: Rest) -> Sums {
        let mut cells: HashMap<usize, Cell> = HashMap::new();
        for (number, cell) in rest.cells {
            cells.entry(self.routes.resolve(number)).or_default().absorb(&cell);
        }
        for share in &rest.kept {
            if let Some(cell) = cells.get_mut(&self.routes.resolve(share.route)) {
                cell.remove(&share.one);
            }
        }
        let mut sums = Sums::default();
        for (number, cell) in cells.iter().filter(|(_, cell)| cell.sums.calls > 0) {
            sums.add(&cell.sums);
            self.routes.absorb(*number, cell);
            let edge = self.routes.edge(*number);
            if let Some(tally) = edge.and_then(|edge| self.tallies.get_mut(edge)) {
                tally.counts.absorb(cell);
            }
        }
        sums
    }
}
