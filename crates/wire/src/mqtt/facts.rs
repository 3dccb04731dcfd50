//! The small facts of packets, and what their payload is.

use model::exchange::Message;

use crate::limits::Limits;

use super::packet::{Connect, Publish};
use super::properties::{CONTENT_TYPE, Properties};
use super::reason::Reason;

/// So many filters are named one by one.
const FILTERS_LIMIT: usize = 32;

type Facts = Vec<(String, String)>;

fn fact(facts: &mut Facts, name: &str, value: impl Into<String>) {
    facts.push((name.to_owned(), value.into()));
}

pub(super) fn connect(connect: &Connect<'_>) -> Facts {
    let mut facts = Vec::new();
    let version = match connect.version {
        3 => "3.1",
        4 => "3.1.1",
        5 => "5",
        _ => "unknown",
    };
    fact(&mut facts, "version", version);
    fact(&mut facts, "keep-alive", connect.keep_alive.to_string());
    if connect.flags & 2 != 0 {
        fact(&mut facts, if connect.version >= 5 { "clean-start" } else { "clean-session" }, "true");
    }
    if let Some(user) = &connect.user {
        fact(&mut facts, "user", user);
    }
    if connect.flags & 0x40 != 0 {
        fact(&mut facts, "password", "[redacted]");
    }
    if let Some(will) = &connect.will {
        fact(&mut facts, "will-topic", &will.topic);
        fact(&mut facts, "will-qos", (connect.flags >> 3 & 3).to_string());
        if connect.flags & 0x20 != 0 {
            fact(&mut facts, "will-retain", "true");
        }
        facts.extend(will.properties.facts().map(|(name, value)| (format!("will-{name}"), value)));
    }
    facts.extend(connect.properties.facts());
    facts
}

pub(super) fn publish(publish: &Publish<'_>) -> Facts {
    let mut facts = Vec::new();
    fact(&mut facts, "qos", publish.qos.to_string());
    if publish.retain {
        fact(&mut facts, "retain", "true");
    }
    if publish.again {
        fact(&mut facts, "dup", "true");
    }
    facts.extend(publish.properties.facts());
    facts
}

/// What is asked for each filter of a subscribe.
pub(super) fn subscribe(filters: &[(String, u8)]) -> Facts {
    let mut facts = Vec::new();
    for (filter, options) in filters.iter().take(FILTERS_LIMIT) {
        let mut asked = format!("{filter} qos={}", options & 3);
        if options & 4 != 0 {
            asked.push_str(" no-local");
        }
        if options & 8 != 0 {
            asked.push_str(" retain-as-published");
        }
        if options >> 4 & 3 != 0 {
            asked.extend([format!(" retain-handling={}", options >> 4 & 3)]);
        }
        fact(&mut facts, "filter", asked);
    }
    facts
}

/// What is granted for each filter that the request names.
pub(super) fn granted(request: &Message, reasons: &[Reason]) -> Facts {
    let filters = request.headers.iter().filter(|(name, _)| name == "filter");
    let mut facts = Vec::new();
    for ((_, asked), reason) in filters.zip(reasons) {
        let filter = asked.rsplit_once(" qos=").map_or(asked.as_str(), |(filter, _)| filter);
        fact(&mut facts, "granted", format!("{filter}: {}", reason.name));
    }
    facts
}

/// The filters of a subscribe in one line.
pub(super) fn target(filters: &[(String, u8)]) -> String {
    const NAMED: usize = 3;
    let named: Vec<_> = filters.iter().take(NAMED).map(|(filter, _)| filter.as_str()).collect();
    let mut target = named.join(", ");
    if filters.len() > NAMED {
        target.extend([format!(" and {} more", filters.len() - NAMED)]);
    }
    target
}

/// Puts a payload into a message: `payload` of it is there, `size` is its whole size.
pub(super) fn body(
    message: &mut Message,
    properties: &Properties<'_>,
    payload: &[u8],
    size: u64,
    limits: &Limits,
) {
    let kept = &payload[..payload.len().min(limits.body)];
    message.body = kept.to_vec();
    message.cut = (kept.len() as u64) < size;
    message.media = properties.text(CONTENT_TYPE).or_else(|| media(kept).map(str::to_owned));
}

/// What a payload looks like, since few publishers say it.
fn media(payload: &[u8]) -> Option<&'static str> {
    let text = match str::from_utf8(payload) {
        Ok(text) => text,
        // The last character is cut.
        Err(error) if error.error_len().is_none() => str::from_utf8(&payload[..error.valid_up_to()]).ok()?,
        Err(_) => return None,
    };
    if text.is_empty() || text.chars().any(|c| c.is_control() && !c.is_whitespace()) {
        return None;
    }
    let json = matches!(text.trim_start().chars().next(), Some('{' | '['));
    Some(if json { "application/json" } else { "text/plain" })
}
