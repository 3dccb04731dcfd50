//! Counts of every route of every edge.

use std::collections::HashMap;

use crate::counts::{Addend, Counted, Counts};
use crate::past::Cell;

/// So many routes are told apart; what comes later counts as [`OTHER`] of its edge.
const KEPT: usize = 1024;
/// All routes of an edge that are not told apart.
pub(crate) const OTHER: &str = "(other)";

#[derive(Debug, Default)]
pub(crate) struct Tallies {
    list: Vec<Tally>,
    index: HashMap<(usize, String), usize>,
}

#[derive(Debug)]
struct Tally {
    edge: usize,
    text: String,
    counts: Counts,
    /// The number of the route that this one turned out to be.
    became: Option<usize>,
}

impl Tallies {
    /// The number of the route with this text on an edge.
    pub(crate) fn find(&mut self, edge: usize, text: &str) -> usize {
        let text = if self.index.len() < KEPT || text == OTHER { text } else { self.known(edge, text) };
        let key = (edge, text.to_owned());
        if let Some(number) = self.index.get(&key) {
            return *number;
        }
        let number = self.list.len();
        self.list.push(Tally { edge, text: key.1.clone(), counts: Counts::new(2), became: None });
        self.index.insert(key, number);
        number
    }

    fn known<'t>(&self, edge: usize, text: &'t str) -> &'t str {
        if self.index.contains_key(&(edge, text.to_owned())) { text } else { OTHER }
    }

    pub(crate) fn resolve(&self, mut number: usize) -> usize {
        while let Some(became) = self.list.get(number).and_then(|tally| tally.became) {
            number = became;
        }
        number
    }

    /// The edge of a route.
    pub(crate) fn edge(&self, number: usize) -> Option<usize> {
        self.list.get(number).map(|tally| tally.edge)
    }

    pub(crate) fn text(&self, number: usize) -> Option<&str> {
        self.list.get(number).map(|tally| tally.text.as_str())
    }

    pub(crate) fn add(&mut self, number: usize, one: &Addend) {
        let number = self.resolve(number);
        if let Some(tally) = self.list.get_mut(number) {
            tally.counts.add(one);
        }
    }

    pub(crate) fn count(&mut self, number: usize, counted: &Counted<'_>) {
        let number = self.resolve(number);
        if let Some(tally) = self.list.get_mut(number) {
            tally.counts.count(counted);
        }
    }

    pub(crate) fn absorb(&mut self, number: usize, cell: &Cell) {
        let number = self.resolve(number);
        if let Some(tally) = self.list.get_mut(number) {
            tally.counts.absorb(cell);
        }
    }

    pub(crate) fn remove(&mut self, number: usize, one: &Addend) {
        let number = self.resolve(number);
        if let Some(tally) = self.list.get_mut(number) {
            tally.counts.remove(one);
        }
    }

    /// Routes of an edge that `rename` gives another text become that one.
    pub(crate) fn rename(&mut self, rename: impl Fn(usize, &str) -> Option<String>) {
        for number in 0..self.list.len() {
            let Some(tally) = self.list.get(number) else { return };
            if tally.became.is_some() {
                continue;
            }
            let Some(text) = rename(tally.edge, &tally.text).filter(|text| *text != tally.text) else {
                continue;
            };
            let edge = tally.edge;
            self.index.remove(&(edge, tally.text.clone()));
            let became = self.find(edge, &text);
            let Some(tally) = self.list.get_mut(number) else { return };
            tally.became = Some(became);
            tally.text = String::new();
            let counts = std::mem::replace(&mut tally.counts, Counts::new(2));
            if let Some(into) = self.list.get_mut(became) {
                into.counts.sum(&counts);
            }
        }
    }

    /// Number, edge, text and counts of every route over which a call went.
    pub(crate) fn used(&self) -> impl Iterator<Item = (usize, usize, &str, &Counts)> {
        let used = self.list.iter().enumerate().filter(|(_, tally)| tally.counts.sums.calls > 0);
        used.map(|(number, tally)| (number, tally.edge, tally.text.as_str(), &tally.counts))
    }
}

#[cfg(test)]
mod tests {
    use model::Timestamp;

    use super::*;

    fn one(ms: f64) -> Addend {
        Addend {
            failed: false,
            background: false,
            bytes: 1,
            latency: Some(crate::counts::units(ms)),
            at: Timestamp(7),
            ended: Some(Timestamp(8)),
        }
    }

    fn counted(tallies: &Tallies) -> Vec<(usize, &str, u64)> {
        tallies.used().map(|(_, edge, text, counts)| (edge, text, counts.sums.calls)).collect()
    }

    #[test]
    fn routes_become_one_and_old_numbers_still_count() {
        let mut tallies = Tallies::default();
        let (a, b, c) = (tallies.find(0, "GET /a"), tallies.find(0, "GET /b"), tallies.find(1, "GET /a"));
        for number in [a, a, b, c] {
            tallies.add(number, &one(1.0));
        }
        tallies.rename(|edge, _| (edge == 0).then(|| "GET /{}".to_owned()));
        assert_eq!(counted(&tallies), [(1, "GET /a", 1), (0, "GET /{}", 3)]);
        tallies.add(a, &one(3.0));
        tallies.remove(b, &one(1.0));
        assert_eq!(counted(&tallies), [(1, "GET /a", 1), (0, "GET /{}", 3)]);
        let percentiles = tallies.used().last().unwrap().3.percentiles().map(|p| p.unwrap().round() as u64);
        assert_eq!(percentiles, [1, 3, 3]);
        assert_eq!(tallies.resolve(a), tallies.resolve(b));
    }

    #[test]
    fn memory_is_bounded_and_nothing_is_lost() {
        let mut tallies = Tallies::default();
        for i in 0..3 * KEPT {
            let number = tallies.find(i % 2, &format!("GET /{i}"));
            tallies.add(number, &one(1.0));
        }
        assert_eq!(tallies.list.len(), KEPT + 2);
        assert_eq!(tallies.used().map(|(.., counts)| counts.sums.calls).sum::<u64>(), 3 * KEPT as u64);
        assert_eq!(tallies.find(0, "GET /0"), 0, "a known route stays known");
    }
}
