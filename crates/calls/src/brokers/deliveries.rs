//! The messages that a call left at a broker or brought from it.

use model::Timestamp;
use model::call::Call;
use model::exchange::{FIRST_PARTS, Message, Part, Protocol, Tally, TopicRole};

use crate::judge::{self, header};

/// No more messages of one report are counted.
pub(super) const MOST: usize = 100_000;
/// What a message is called among a subscription's parts.
const MESSAGES: [&str; 2] = ["message", "notification"];
/// How renderings of an answer say that there was nothing.
const NOTHING: [&[u8]; 6] = [b"(nil)", b"nil", b"null", b"[]", b"(empty array)", b"_"];

/// What is known already of a call that goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Known {
    pub(super) sent: bool,
    pub(super) received: u64,
}

impl Known {
    pub(crate) fn of(call: &Call) -> Self {
        let role = call.topic.as_ref().map(|topic| topic.role);
        Self {
            sent: role == Some(TopicRole::Sends),
            received: if role == Some(TopicRole::Receives) { count(call) } else { 0 },
        }
    }

    /// The same, unless what it is about has become another.
    pub(crate) fn before(before: &Call, call: &Call) -> Self {
        let known = Self::of(before);
        Self { sent: known.sent && before.topic == call.topic, ..known }
    }
}

pub(super) struct Delivery<'a> {
    pub(super) at: Timestamp,
    pub(super) bytes: u64,
    pub(super) place: &'a str,
}

/// Where a call leaves messages, or gets them.
pub(crate) fn places(call: &Call) -> Vec<&str> {
    let Some(topic) = &call.topic else { return Vec::new() };
    let message = match topic.role {
        TopicRole::Sends => Some(&call.request),
        TopicRole::Receives => call.response.as_ref(),
    };
    let several: Vec<&str> = message.into_iter().flat_map(topics).map(|(topic, _)| topic).collect();
    if several.is_empty() { vec![&topic.name] } else { several }
}

/// Whether its answer is messages that somebody had left there, as far as is told without its body.
pub(crate) fn is_fetched(call: &Call) -> bool {
    let receives = call.topic.as_ref().is_some_and(|topic| topic.role == TopicRole::Receives);
    let Some(answer) = call.response.as_ref().filter(|answer| answer.parts.is_empty()) else { return false };
    receives
        && call.done
        && call.ok
        && match call.protocol {
            Protocol::Kafka => answer.messages > 0,
            Protocol::Redis => call.status.as_deref().is_some_and(|status| status != "nil"),
            _ => false,
        }
}

/// What brought messages: what the receiver does not answer is told as a request of the broker's.
fn brought(call: &Call) -> Option<&Message> {
    call.response.as_ref().or_else(|| is_pushed(call).then_some(&call.request))
}

fn name(call: &Call) -> &str {
    call.topic.as_ref().map(|topic| topic.name.as_str()).unwrap_or_default()
}

/// The messages that it brought behind the first `known` ones, in order, those of a stream that are not listed as well.
pub(super) fn deliveries(call: &Call, known: u64) -> impl Iterator<Item = Delivery<'_>> {
    let (name, message) = (name(call), brought(call));
    let parts = message.map(|message| message.parts.as_slice()).unwrap_or_default();
    let (first, newest) = parts.split_at(parts.len().min(FIRST_PARTS));
    let told = move |part| listed(part, name);
    let begin = first.iter().filter_map(told).count() as u64;
    let bytes = message.map_or(0, |message| message.bytes);
    let left_out = message.map_or(0, Message::left_out);
    let between = {
        let at = newest.first().map_or(Timestamp::default(), |part| part.at);
        let listed: u64 = parts.iter().map(|part| part.bytes).sum();
        let bytes = bytes.saturating_sub(listed) / left_out.max(1);
        let known = known.saturating_sub(begin).min(left_out);
        (known..left_out).map(move |_| Delivery { at, bytes, place: name })
    };
    let skip = |more: u64| usize::try_from(more).unwrap_or(usize::MAX);
    let first = first.iter().filter_map(told).skip(skip(known));
    let newest = newest.iter().filter_map(told).skip(skip(known.saturating_sub(begin + left_out)));
    let counted = {
        let at = message.map_or(call.ts, |message| message.first);
        let counts = counts(call);
        let bytes = bytes / sum(&counts).max(1);
        let each = move |(place, count)| (0..count).map(move |_| Delivery { at, bytes, place });
        counts.into_iter().flat_map(each).skip(skip(known))
    };
    first.chain(between).chain(newest).chain(counted)
}

/// How many messages it brought.
fn count(call: &Call) -> u64 {
    let Some(message) = brought(call) else { return 0 };
    let parts = message.parts.iter().filter_map(|part| listed(part, ""));
    parts.count() as u64 + message.left_out() + sum(&counts(call))
}

fn sum(counts: &[(&str, u64)]) -> u64 {
    counts.iter().map(|(_, count)| count).sum()
}

/// A part that is a message: `message CHANNEL` tells which of many places it came from, `PostgreSQL` has its own word.
fn listed<'a>(part: &'a Part, name: &'a str) -> Option<Delivery<'a>> {
    let rest = MESSAGES.iter().find_map(|word| part.kind.strip_prefix(word))?;
    let place = rest.strip_prefix(' ').map_or(name, str::trim);
    Some(Delivery { at: part.at, bytes: part.bytes, place })
}

/// How many messages an answer without parts holds, by place.
fn counts(call: &Call) -> Vec<(&str, u64)> {
    let Some(response) = brought(call).filter(|message| message.parts.is_empty()) else { return Vec::new() };
    // A message that the receiver rejects has come all the same.
    if !call.ok && !is_pushed(call) {
        return Vec::new();
    }
    if call.protocol == Protocol::Kafka {
        let several: Vec<_> = topics(response).collect();
        let records = header(response, "records").unwrap_or_default().trim_end_matches('+');
        let records = records.parse().unwrap_or(response.messages);
        return if several.is_empty() { vec![(name(call), records)] } else { several };
    }
    let nothing = NOTHING.contains(&response.body.trim_ascii()) || call.status.as_deref() == Some("nil");
    // A message may have no body, but only what is about nothing else is one then.
    let any = !nothing && (!response.body.is_empty() || (is_pushed(call) && call.done));
    vec![(name(call), any.into())]
}

/// Kafka's topics that records go to or come from, and how many: `orders=3, payments=2`.
fn topics(message: &Message) -> impl Iterator<Item = (&str, u64)> {
    let all = header(message, "topics").unwrap_or_default();
    all.split(", ").filter_map(|topic| topic.split_once('=')).filter_map(|(topic, count)| {
        let count = count.parse().ok()?;
        Some((topic, count))
    })
}

/// How many messages came with calls that were counted and not told.
pub(super) fn tallied(tally: &Tally) -> u64 {
    let like = &tally.like;
    let nothing = like.status.as_deref() == Some("nil") || !judge::ok(like);
    match like.protocol {
        _ if tally.messages > 0 => tally.messages,
        Protocol::Kafka => 0,
        _ if nothing && !pushes(&like.method) => 0,
        _ => tally.calls,
    }
}

/// Whether it is a message that the broker hands over unasked.
pub(crate) fn is_pushed(call: &Call) -> bool {
    pushes(&call.method)
}

fn pushes(method: &str) -> bool {
    ["deliver", "msg", "hmsg"].iter().any(|known| method.eq_ignore_ascii_case(known))
}
