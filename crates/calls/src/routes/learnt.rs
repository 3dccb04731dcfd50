//! What segments of paths, keys and topics are: words of an interface, or values of which there are many.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use model::exchange::Protocol;

use super::{REST, Segment, each_segment};
use crate::judge::Heard;
use crate::names::ServiceId;

/// So many values of a segment are words of an interface; with one more they are values.
pub(super) const VALUES: usize = 12;
/// The first segment tells the parts of an interface apart, of which there may be more.
pub(super) const FIRST_VALUES: usize = 40;
/// So many beginnings are remembered, and then no more are learnt.
pub(super) const BEGINNINGS: usize = 4096;
/// A word that was asked for so often is one, however many others there are.
const SEVERAL: u32 = 2;
/// So many paths of each callee that it does not have are told apart.
pub(super) const MISSING: usize = 40;
/// What stands for a segment that took many values.
const ANY: &str = "{}";
/// What separates segments, whatever the protocol.
const SEPARATORS: [char; 5] = ['/', ':', '|', ' ', '.'];

/// What was learnt about the segments of each callee's paths, keys and topics.
#[derive(Debug, Default)]
pub(crate) struct Learnt {
    pub(super) beginnings: HashMap<(ServiceId, String), Values>,
    /// What was asked for and is not there.
    missing: HashMap<ServiceId, HashSet<Box<str>>>,
}

#[derive(Debug)]
pub(super) enum Values {
    Words(HashMap<Box<str>, Word>),
    /// All but these are values.
    Many(HashSet<Box<str>>),
}

#[derive(Debug, Default)]
pub(super) struct Word {
    calls: u32,
    /// Something stands behind it.
    deeper: bool,
}

/// A call's route, and whether earlier routes to the same callee are no longer what they were.
#[derive(Debug)]
pub(crate) struct Learning {
    pub(crate) route: String,
    pub(crate) news: bool,
}

impl Learnt {
    /// The route of a call to `to`. What its segments say is remembered when it was answered: what the callee does not
    /// have is no part of its interface, and whoever scans for it must not wear that out.
    pub(crate) fn learn(
        &mut self,
        to: ServiceId,
        protocol: Protocol,
        operation: &str,
        heard: Heard,
    ) -> Learning {
        let Heard::Answered(calls) = heard else {
            return Learning { route: self.guess(to, protocol, operation, heard), news: false };
        };
        let mut news = false;
        let route =
            each_segment(protocol, operation, |segment| Some(self.remember(to, &segment, calls, &mut news)));
        Learning { route, news }
    }

    /// The route as it is called now.
    pub(crate) fn again(&self, to: ServiceId, protocol: Protocol, route: &str) -> String {
        each_segment(protocol, route, |segment| {
            Some(self.known(to, &segment).unwrap_or_else(|| segment.text.into()))
        })
    }

    /// The route of a call from which nothing is learnt.
    fn guess(&mut self, to: ServiceId, protocol: Protocol, operation: &str, heard: Heard) -> String {
        let mut unknown = false;
        let route = each_segment(protocol, operation, |segment| {
            let known = self.known(to, &segment);
            unknown |= known.is_none();
            Some(known.unwrap_or_else(|| segment.text.into()))
        });
        if !unknown {
            return route;
        }
        let object = route.split_once(' ').map_or(route.as_str(), |(_, object)| object);
        let missing = self.missing.entry(to).or_default();
        if missing.contains(object) {
            return route;
        }
        if missing.len() < MISSING {
            if heard == Heard::Missing {
                missing.insert(object.into());
            }
            return route;
        }
        each_segment(protocol, operation, |segment| self.known(to, &segment))
    }

    /// A segment as routes have it, unless nothing is known of it.
    fn known<'s>(&self, to: ServiceId, segment: &Segment<'_, 's>) -> Option<Cow<'s, str>> {
        let text = segment.text;
        match self.beginnings.get(&(to, segment.beginning.to_owned()))? {
            Values::Many(kept) if !kept.contains(text) => Some(ANY.into()),
            Values::Words(words) if !words.contains_key(text) => None,
            Values::Many(_) | Values::Words(_) => Some(text.into()),
        }
    }

    fn remember<'s>(
        &mut self,
        to: ServiceId,
        segment: &Segment<'_, 's>,
        calls: u32,
        news: &mut bool,
    ) -> Cow<'s, str> {
        let Segment { beginning, first, text, deeper } = *segment;
        let key = (to, beginning.to_owned());
        if !self.beginnings.contains_key(&key) {
            if self.beginnings.len() >= BEGINNINGS {
                return text.into();
            }
            self.beginnings.insert(key.clone(), Values::Words(HashMap::new()));
        }
        let words = match self.beginnings.get_mut(&key) {
            Some(Values::Words(words)) => words,
            Some(Values::Many(kept)) if !kept.contains(text) => return ANY.into(),
            Some(Values::Many(_)) | None => return text.into(),
        };
        let room = words.len() < if first { FIRST_VALUES } else { VALUES };
        if room || words.contains_key(text) {
            let word = words.entry(text.into()).or_default();
            word.calls = word.calls.saturating_add(calls);
            word.deeper |= deeper;
            return text.into();
        }
        *news |= self.sort_out(&key);
        ANY.into()
    }

    /// One word more than an interface has: those that were hardly asked for are values. So are all, where nearly all
    /// of them have the same behind them, as the shops in `/shops/{}/open`. Says whether any word became one.
    fn sort_out(&mut self, key: &(ServiceId, String)) -> bool {
        let Some(Values::Words(words)) = self.beginnings.remove(key) else { return false };
        let alike = self.are_alike(key, &words);
        let stays = |word: &Word| !alike && (word.calls >= SEVERAL || word.deeper);
        let (kept, gone): (Vec<_>, Vec<_>) = words.into_iter().partition(|(_, word)| stays(word));
        let gone: HashSet<Box<str>> = gone.into_iter().map(|(text, _)| text).collect();
        // What was learnt behind each of the values is learnt anew behind all of them.
        self.beginnings.retain(|(service, known), _| {
            let behind = known.strip_prefix(key.1.as_str()).filter(|_| *service == key.0);
            let word = behind.and_then(|rest| rest.split(SEPARATORS).next());
            !word.is_some_and(|word| gone.contains(word))
        });
        let kept = kept.into_iter().map(|(text, _)| text).collect();
        self.beginnings.insert(key.clone(), Values::Many(kept));
        !gone.is_empty()
    }

    /// Whether three quarters of the words have one and the same word behind them.
    fn are_alike(&self, key: &(ServiceId, String), words: &HashMap<Box<str>, Word>) -> bool {
        let mut shared: HashMap<&str, usize> = HashMap::new();
        for ((service, known), values) in &self.beginnings {
            let behind = known.strip_prefix(key.1.as_str()).filter(|_| *service == key.0);
            let word = behind.and_then(|rest| rest.strip_suffix(SEPARATORS));
            if !word.is_some_and(|word| words.contains_key(word)) {
                continue;
            }
            let children: Vec<&str> = match values {
                Values::Words(words) => words.keys().map(AsRef::as_ref).collect(),
                Values::Many(kept) => kept.iter().map(AsRef::as_ref).collect(),
            };
            for child in children {
                *shared.entry(child).or_default() += 1;
            }
        }
        shared.values().any(|count| count * 4 >= words.len() * 3)
    }
}

/// What stands where nothing more is told apart.
pub(super) fn is_placeholder(segment: &str) -> bool {
    segment.starts_with('{') || segment == REST
}
