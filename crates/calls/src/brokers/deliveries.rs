//! The messages that a receiving call brought.

use model::Timestamp;
use model::call::Call;
use model::exchange::{Message, Protocol};

use crate::judge::header;

/// No more messages of one call are counted.
const MOST: usize = 10_000;
/// What a message is called among a subscription's parts.
const MESSAGES: [&str; 2] = ["message", "notification"];
/// How renderings of an answer say that there was nothing.
const NOTHING: [&[u8]; 6] = [b"(nil)", b"nil", b"null", b"[]", b"(empty array)", b"_"];

pub(super) struct Delivery<'a> {
    pub(super) at: Timestamp,
    pub(super) bytes: u64,
    pub(super) place: &'a str,
}

pub(super) fn deliveries(call: &Call) -> impl Iterator<Item = Delivery<'_>> {
    let name = call.topic.as_ref().map(|topic| topic.name.as_str()).unwrap_or_default();
    // What the receiver does not answer is told as a request of the broker's.
    let response = call.response.as_ref().or_else(|| is_pushed(call).then_some(&call.request));
    let parts = response.map(|response| response.parts.as_slice()).unwrap_or_default();
    // `message CHANNEL` tells which of many places it came from; PostgreSQL has its own word.
    let parts = parts.iter().filter_map(move |part| {
        let rest = MESSAGES.iter().find_map(|word| part.kind.strip_prefix(word))?;
        let place = rest.strip_prefix(' ').map_or(name, str::trim);
        Some(Delivery { at: part.at, bytes: part.bytes, place })
    });
    let whole = response.filter(|response| response.parts.is_empty());
    let whole = whole.map_or(0, |response| count(call, response)).min(MOST);
    let at = response.map_or(call.ts, |response| response.first);
    let bytes = response.map_or(0, |response| response.bytes) / whole.max(1) as u64;
    parts.chain((0..whole).map(move |_| Delivery { at, bytes, place: name })).take(MOST)
}

/// How many messages an answer without parts holds.
fn count(call: &Call, response: &Message) -> usize {
    // A message that the receiver rejects has come all the same.
    if !call.ok && !is_pushed(call) {
        return 0;
    }
    if call.protocol == Protocol::Kafka {
        let records = header(response, "records").unwrap_or_default().trim_end_matches('+');
        return records.parse().unwrap_or(0);
    }
    let nothing = NOTHING.contains(&response.body.trim_ascii()) || call.status.as_deref() == Some("nil");
    // A message may have no body, but only what is about nothing else is one then.
    usize::from(!nothing && (!response.body.is_empty() || (is_pushed(call) && call.done)))
}

/// Whether it is a message that the broker hands over unasked.
pub(crate) fn is_pushed(call: &Call) -> bool {
    ["deliver", "msg", "hmsg"].iter().any(|method| call.method.eq_ignore_ascii_case(method))
}
