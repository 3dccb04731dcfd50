//! Questions about stored calls, answered in pages.

use std::cell::Cell;
use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use model::Timestamp;
use model::call::{Call, Party};
use model::exchange::{Message, Protocol};
use regex::bytes::{Regex, RegexBuilder};

use crate::disk::Disk;
use crate::filter::{Where, Whole};
use crate::store::{Entry, Store};

/// Which calls. Every condition must hold; the default asks for all.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Its caller.
    pub from: Option<String>,
    /// Its callee.
    pub to: Option<String>,
    /// Either of its ends is one of these; empty: any.
    pub services: Vec<String>,
    /// What was spoken.
    pub protocol: Option<Protocol>,
    /// Only those that failed.
    pub failed: bool,
    /// Not health checks, scrapes and polls.
    pub foreground: bool,
    /// Only those that took longer, in milliseconds.
    pub slower: Option<f64>,
    /// Not those that began before.
    pub since: Option<Timestamp>,
    /// Not those that began then or later.
    pub until: Option<Timestamp>,
    /// Words, each of which is in the operation, the route, a host, a header or a body, in upper or lower case.
    pub text: Option<String>,
    /// What the expression says.
    pub filter: Option<Where>,
}

/// Which routes. Every condition must hold; the default asks for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RouteQuery {
    /// Of this caller.
    pub from: Option<String>,
    /// Of this callee.
    pub to: Option<String>,
    /// Either of its ends is one of these; empty: any.
    pub services: Vec<String>,
    /// Not what was counted before, nor what was counted then or later.
    pub within: Within,
}

/// A span of time, open where it has no end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Within {
    /// Where it begins.
    pub since: Option<Timestamp>,
    /// Where it ends.
    pub until: Option<Timestamp>,
}

impl Within {
    /// Whether it is all of time.
    pub(crate) fn is_everything(self) -> bool {
        self == Self::default()
    }

    pub(crate) fn ends(self) -> (Timestamp, Timestamp) {
        (self.since.unwrap_or(Timestamp(i64::MIN)), self.until.unwrap_or(Timestamp(i64::MAX)))
    }
}

/// What was counted, and of which span: times that are long past were counted together.
#[derive(Debug, Clone, PartialEq)]
pub struct Counted<T> {
    /// What.
    pub counted: Vec<T>,
    /// From when to when; `None` for all that was ever counted, and where nothing was.
    pub span: Option<(Timestamp, Timestamp)>,
}

impl RouteQuery {
    pub(crate) fn matches(&self, from: &str, to: &str) -> bool {
        let either = |name: &String| name == from || name == to;
        self.from.as_ref().is_none_or(|name| name == from)
            && self.to.as_ref().is_none_or(|name| name == to)
            && (self.services.is_empty() || self.services.iter().any(either))
    }
}

/// A place between calls in the order of time. It stays valid when the calls around it are evicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor(Timestamp, u64);

/// Why a text is no cursor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no place in the list of calls")]
pub struct BadCursor(pub String);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0.0, self.1)
    }
}

impl FromStr for Cursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Self, BadCursor> {
        let parts =
            text.split_once('.').and_then(|(at, ordinal)| Some((at.parse().ok()?, ordinal.parse().ok()?)));
        let (at, ordinal) = parts.ok_or_else(|| BadCursor(text.to_owned()))?;
        Ok(Self(Timestamp(at), ordinal))
    }
}

/// Where a page begins, and which way it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// At the newest call, newest first.
    Newest,
    /// At the oldest call, oldest first.
    Oldest,
    /// At the call before this place, newest first.
    Before(Cursor),
    /// At the call after this place, oldest first.
    After(Cursor),
}

/// A part of the answer.
#[derive(Debug)]
pub struct Page<'a> {
    /// The calls, in the order that the position asked for.
    pub calls: Vec<&'a Call>,
    /// Where older calls may be; `None` when nothing older is kept.
    pub before: Option<Cursor>,
    /// Where newer calls are or will be; `None` only when the store is empty and nothing was asked for.
    pub after: Option<Cursor>,
    /// How many calls of the page's span were left out for being background and nothing else.
    pub background: usize,
}

impl Cursor {
    pub(crate) fn new(at: Timestamp, ordinal: u64) -> Self {
        Self(at, ordinal)
    }
}

pub(crate) fn page<'a>(
    store: &'a Store,
    disk: Option<&Disk>,
    query: &Query,
    from: Position,
    limit: usize,
) -> Page<'a> {
    let order = store.order();
    // Whether it is background is asked last, to say how many are left out.
    let all = Query { foreground: false, ..query.clone() };
    let matcher = Matcher::new(&all);
    let background = Cell::new(0);
    let start = query.since.map_or(0, |since| order.partition_point(|(at, _)| *at < since));
    let end =
        query.until.map_or(order.len(), |until| order.partition_point(|(at, _)| *at < until)).max(start);
    let matching = |(_, ordinal): &(Timestamp, u64)| {
        let entry = store.get(*ordinal).filter(|entry| matcher.matches_entry(entry, disk))?;
        let hidden = query.foreground && entry.call.background.is_some();
        background.set(background.get() + usize::from(hidden));
        Some(&entry.call).filter(|_| !hidden)
    };
    let mut page = Page { calls: Vec::new(), before: None, after: None, background: 0 };
    let cursor = |index: usize| order.get(index).map(|(at, ordinal)| Cursor(*at, *ordinal));
    match from {
        Position::Newest | Position::Before(_) => {
            let end = match from {
                Position::Before(Cursor(at, ordinal)) => {
                    order.partition_point(|place| *place < (at, ordinal)).clamp(start, end)
                }
                _ => end,
            };
            let mut index = end;
            while index > start && page.calls.len() < limit {
                index -= 1;
                page.calls.extend(order.get(index).and_then(matching));
            }
            page.before = if index > start { cursor(index) } else { None };
            page.after = end.checked_sub(1).and_then(cursor);
        }
        Position::Oldest | Position::After(_) => {
            let first = match from {
                Position::After(Cursor(at, ordinal)) => {
                    order.partition_point(|place| *place <= (at, ordinal)).clamp(start, end)
                }
                _ => start,
            };
            let mut index = first;
            while index < end && page.calls.len() < limit {
                page.calls.extend(order.get(index).and_then(matching));
                index += 1;
            }
            let here = match from {
                Position::After(Cursor(at, ordinal)) => Some(Cursor(at, ordinal.saturating_add(1))),
                _ => None,
            };
            page.before = if first > start { cursor(first).or(here) } else { None };
            page.after = match from {
                Position::After(same) if index == first => Some(same),
                _ => index.checked_sub(1).and_then(cursor),
            };
        }
    }
    page.background = background.get();
    page
}

/// A query with its words made ready for searching.
#[derive(Debug)]
pub(crate) struct Matcher<'q> {
    query: &'q Query,
    words: Vec<Regex>,
}

impl<'q> Matcher<'q> {
    pub(crate) fn new(query: &'q Query) -> Self {
        let words = query.text.as_deref().unwrap_or_default().split_whitespace();
        let word = |word| RegexBuilder::new(&regex::escape(word)).case_insensitive(true).build().ok();
        Self { query, words: words.filter_map(word).collect() }
    }

    /// Whether headers or bodies are looked into.
    pub(crate) fn reads_messages(&self) -> bool {
        !self.words.is_empty() || self.query.filter.is_some()
    }

    /// Whether a call is asked for, its time aside.
    pub(crate) fn matches(&self, call: &Call) -> bool {
        self.matches_with(call, &|| call)
    }

    /// The same for a call whose bodies may be on disk: they are read only when nothing else has decided.
    fn matches_entry(&self, entry: &Entry, disk: Option<&Disk>) -> bool {
        let read = OnceLock::new();
        self.matches_with(&entry.call, &|| read.get_or_init(|| entry.whole(disk)).as_ref())
    }

    fn matches_with<'c>(&'c self, call: &'c Call, whole: &'c Whole<'c>) -> bool {
        self.matches_outside(call)
            && self.words.iter().all(|word| contains(call, word) || contains_in_bodies(whole(), word))
            && self.query.filter.as_ref().is_none_or(|filter| filter.matches_with(call, whole))
    }

    /// What is cheap to ask.
    fn matches_outside(&self, call: &Call) -> bool {
        let query = self.query;
        let (from, to) = (&call.from.service, &call.to.service);
        query.from.as_ref().is_none_or(|name| name == from)
            && query.to.as_ref().is_none_or(|name| name == to)
            && (query.services.is_empty() || query.services.iter().any(|name| name == from || name == to))
            && query.protocol.is_none_or(|protocol| protocol == call.protocol)
            && !(query.failed && call.ok)
            && !(query.foreground && call.background.is_some())
            && query.slower.is_none_or(|limit| call.ms.is_some_and(|ms| ms > limit))
    }
}

/// Whether a word is anywhere but in the bodies.
fn contains(call: &Call, word: &Regex) -> bool {
    let in_header =
        |(name, value): &(String, String)| word.is_match(name.as_bytes()) || word.is_match(value.as_bytes());
    let in_host = |party: &Party| party.host.as_ref().is_some_and(|host| word.is_match(host.as_bytes()));
    word.is_match(call.operation.as_bytes())
        || word.is_match(call.route.as_bytes())
        || word.is_match(call.target.as_bytes())
        || [&call.from, &call.to].iter().any(|party| in_host(party))
        || messages(call).any(|message| message.headers.iter().any(in_header))
}

fn contains_in_bodies(call: &Call, word: &Regex) -> bool {
    messages(call).any(|message| word.is_match(&message.body))
}

fn messages(call: &Call) -> impl Iterator<Item = &Message> {
    std::iter::once(&call.request).chain(&call.response)
}
