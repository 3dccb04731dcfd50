//! The calls that led to a call, and those that it caused.
//!
//! Trace headers say it where they are. Where they are not, a call that a service makes while it serves exactly one
//! other is made for that one; while it serves several, one of them is chosen and the choice is marked. What is left at a
//! broker leads to its delivery, and that to what the receiver does until it says that it is done, or shortly after it
//! fetched it. A trace that goes on where nothing shows how joins what is before.

mod around;
mod parents;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

use model::call::Call;

use crate::Calls;
use around::Around;
use parents::Parents;

/// No more calls are shown of one chain.
const LONGEST: usize = 500;
/// No more calls are looked at to find one call's consequences.
const LOOKED_AT: usize = 20_000;

/// How it is known that a call was made because of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Link {
    /// Both carry the same trace.
    Trace,
    /// Its caller was serving that one call and no other.
    Inferred,
    /// Its caller was serving several; this one is the most likely.
    Ambiguous,
}

impl Link {
    /// The name that the contract uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Inferred => "inferred",
            Self::Ambiguous => "ambiguous",
        }
    }
}

/// A call and why it was made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Linked<'a> {
    /// The call.
    pub call: &'a Call,
    /// The call that it was made for, and how that is known; `None` for the first of a chain.
    pub parent: Option<(&'a str, Link)>,
}

impl Calls {
    /// What led to the call with this id, the call itself, and what it caused, in the order of time; empty when the call
    /// is unknown or evicted. Only calls of the minutes around it are looked at.
    pub fn chain(&self, id: &str) -> Vec<Linked<'_>> {
        let Some((around, place)) = self.ordinal(id).and_then(|at| Around::of(&self.store, at)) else {
            return Vec::new();
        };
        let mut parents = Parents::new(&around);
        let mut chain = BTreeMap::new();
        let mut above = Some(place);
        while let Some(place) = above.filter(|_| chain.len() < LONGEST) {
            let parent = parents.of(place);
            chain.insert(place, parent);
            above = parent.map(|(parent, _)| parent);
        }
        let mut below = VecDeque::from([place]);
        let mut looked_at = 0;
        while let Some(place) = below.pop_front() {
            let made = around.made_during(place).chain(around.delivered_after(place));
            for made in made.chain(around.traced_after(place)) {
                looked_at += 1;
                if chain.len() >= LONGEST || looked_at > LOOKED_AT {
                    below.clear();
                    break;
                }
                let parent = parents.of(made);
                if parent.is_some_and(|(parent, _)| parent == place) {
                    chain.insert(made, parent);
                    below.push_back(made);
                }
            }
        }
        let linked = |(place, parent): (usize, Option<(usize, Link)>)| {
            let parent = parent.and_then(|(parent, link)| Some((around.call(parent)?.id.as_str(), link)));
            Some(Linked { call: around.call(place)?, parent })
        };
        chain.into_iter().filter_map(linked).collect()
    }

    /// Every call that is kept and the one that it was made for, in the order of time.
    pub(crate) fn all_linked(&self) -> Vec<Linked<'_>> {
        let around = Around::all(&self.store);
        let mut parents = Parents::new(&around);
        let mut linked = Vec::with_capacity(around.len());
        for place in 0..around.len() {
            let Some(call) = around.call(place) else { break };
            let parent = parents.of(place);
            let parent = parent.and_then(|(parent, link)| Some((around.call(parent)?.id.as_str(), link)));
            linked.push(Linked { call, parent });
        }
        linked
    }
}
