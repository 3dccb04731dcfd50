//! What an exchange shows of a request and its response.

use model::exchange::{Exchange, Message, Topic, TopicRole};

use super::apis::{self, Api};
use super::errors;
use super::records::Seen;
use super::request::Asked;
use super::response::{Answered, is_normal};

/// How many names an operation shows.
const NAMES_SHOWN: usize = 3;

pub(super) fn tell_request(exchange: &mut Exchange, api: &Api, asked: Asked, limit: usize) {
    let more = asked.about.len().saturating_sub(NAMES_SHOWN);
    exchange.target = asked.about[..asked.about.len() - more].join(", ");
    if more > 0 {
        exchange.target = format!("{} +{more}", exchange.target);
        exchange.request.headers.push(("names".to_owned(), asked.about.join(", ")));
    }
    let facts = asked.facts.into_iter().map(|(name, value)| (name.to_owned(), value));
    exchange.request.headers.extend(facts);
    let role = match api.key {
        apis::PRODUCE => Some(TopicRole::Sends),
        apis::FETCH => Some(TopicRole::Receives),
        _ => None,
    };
    if let (Some(role), Some(name)) = (role, asked.about.into_iter().next()) {
        let key = asked.records.as_ref().and_then(|seen| seen.key.clone());
        exchange.topic = Some(Topic { role, name, key });
    }
    if asked.counts.len() > 1 {
        tell_topics(&mut exchange.request, &asked.counts);
    }
    if let Some(seen) = asked.records {
        show(&mut exchange.request, seen, limit);
    }
}

/// How many records there are of which topic.
fn tell_topics(message: &mut Message, counts: &[(String, u64)]) {
    let counts: Vec<_> = counts.iter().map(|(topic, count)| format!("{topic}={count}")).collect();
    message.headers.push(("topics".to_owned(), counts.join(", ")));
}

pub(super) fn tell_response(
    exchange: &mut Exchange,
    mut message: Message,
    key: Option<i16>,
    answered: Answered,
    limit: usize,
) {
    if let (Some(code), Some(key)) = (answered.code, key) {
        let name = errors::name(code);
        if !is_normal(key, code) {
            let what = if answered.what.is_empty() { String::new() } else { format!(": {}", answered.what) };
            exchange.failure = Some(format!("{name}{what}"));
        }
        exchange.status = Some(name);
    }
    if let Some((first, _)) = answered.counts.first() {
        let key = answered.records.as_ref().and_then(|seen| seen.key.clone());
        exchange.topic = Some(Topic { role: TopicRole::Receives, name: first.clone(), key });
        tell_topics(&mut message, &answered.counts);
    }
    if let Some(seen) = answered.records {
        show(&mut message, seen, limit);
    }
    exchange.response = Some(message);
}

/// Puts what was seen of records into a message.
fn show(message: &mut Message, seen: Seen, limit: usize) {
    let more = if seen.more { "+" } else { "" };
    message.headers.push(("records".to_owned(), format!("{}{more}", seen.count)));
    message.messages = seen.count;
    if let Some(codec) = seen.codec {
        message.headers.push(("codec".to_owned(), codec.to_owned()));
    }
    if seen.shown > 0 {
        message.media = Some("application/json".to_owned());
        message.body = (seen.json + "]").into_bytes();
    }
    message.cut = seen.more || seen.shown < seen.count || message.body.len() > limit;
    message.body.truncate(limit);
}
