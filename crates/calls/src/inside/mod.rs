//! What is asked within HTTP: GraphQL and JSON-RPC put all requests to one path, name what they ask in the body, and tell
//! there whether it failed. What is read here is what is kept: decompressed, redacted, and cut at the limit of bodies.

mod document;
mod graphql;
mod json;
mod rpc;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use model::exchange::{Exchange, Message, Protocol};

use crate::body::content_type;
use crate::coding::is_coded;
use json::Value;

/// Letters of a name; a longer one names nothing.
const NAME_LETTERS: usize = 120;
/// Letters of what went wrong.
const FAILURE_LETTERS: usize = 300;
/// Words that an operation of GraphQL begins with.
const KINDS: [&str; 4] = ["query", "mutation", "subscription", "operation"];

/// Whether the body of an exchange, or its answer's, may say what it asks or whether it failed.
pub(crate) fn may_name(exchange: &Exchange) -> bool {
    if !matches!(exchange.protocol, Protocol::Http1 | Protocol::Http2) {
        return false;
    }
    match exchange.method.as_str() {
        "POST" => content_type(&exchange.request).is_none_or(|kind| is_readable(&kind)),
        "GET" => ["query=", "extensions=", "documentId="].iter().any(|field| exchange.target.contains(field)),
        _ => false,
    }
}

fn is_readable(kind: &str) -> bool {
    kind.contains("json") || kind.contains("graphql") || kind == "text/plain"
}

/// The name of what is asked, a batch by its first: `query Cart`, `eth_call + 2 more`.
pub(crate) fn operation(exchange: &Exchange) -> Option<String> {
    may_name(exchange).then(|| asked(exchange)).flatten().map(|asked| asked.name)
}

/// Whether an operation of HTTP was named by its body, and has no path.
pub(crate) fn is_name(operation: &str) -> bool {
    match operation.split_once(' ') {
        Some((first, rest)) => rest.starts_with("+ ") || KINDS.contains(&first),
        None => true,
    }
}

struct Asked {
    name: String,
    is_rpc: bool,
}

fn asked(exchange: &Exchange) -> Option<Asked> {
    let graphql = |name| Some(Asked { name, is_rpc: false });
    if exchange.method == "GET" {
        return graphql(graphql::in_target(&exchange.target)?);
    }
    let request = &exchange.request;
    if is_coded(request) {
        return None;
    }
    let is_document = content_type(request).is_some_and(|kind| kind == "application/graphql");
    if is_document {
        return graphql(graphql::in_document(&String::from_utf8_lossy(&request.body))?);
    }
    let body = Value::of(&request.body);
    if body.is_object() {
        return one(body);
    }
    // The last of a batch may be cut off.
    let mut items = body.items();
    let first = one(items.next()?)?;
    let more = items.count();
    Some(Asked {
        name: if more == 0 { first.name } else { format!("{} + {more} more", first.name) },
        ..first
    })
}

fn one(object: Value<'_>) -> Option<Asked> {
    let rpc = rpc::method(object).map(|name| Asked { name, is_rpc: true });
    rpc.or_else(|| graphql::posted(object).map(|name| Asked { name, is_rpc: false }))
}

/// What went wrong, in the words of the answer's body.
pub(crate) fn failure(exchange: &Exchange) -> Option<String> {
    let response = exchange.response.as_ref().filter(|response| may_name(exchange) && !is_coded(response))?;
    let documents = documents(response);
    // Most answers tell of no error, and need no look at what was asked.
    let tells = |answer: Value<'_>| answer.member("errors").or_else(|| answer.member("error")).is_some();
    let answers: Vec<Value<'_>> = documents.iter().flat_map(|document| each(Value::of(document))).collect();
    if !answers.iter().any(|answer| tells(*answer)) {
        return None;
    }
    let read = if asked(exchange)?.is_rpc { rpc::failure } else { graphql::failure };
    let mut failed = answers.iter().filter_map(|answer| read(*answer));
    let first = failed.next()?;
    let more = failed.count();
    let words =
        if answers.len() > 1 { format!("{} of {} failed: {first}", more + 1, answers.len()) } else { first };
    Some(words.chars().take(FAILURE_LETTERS).collect())
}

/// The answers that a document holds: one, or those of a batch.
fn each(document: Value<'_>) -> Vec<Value<'_>> {
    if document.is_list() { document.items().collect() } else { vec![document] }
}

/// The JSON of an answer; of a stream of events each event's.
fn documents(response: &Message) -> Vec<Cow<'_, [u8]>> {
    if content_type(response).is_none_or(|kind| kind != "text/event-stream") {
        return vec![response.body.as_slice().into()];
    }
    let lines = response.body.split(|byte| *byte == b'\n').filter_map(|line| line.strip_prefix(b"data:"));
    lines.map(Cow::Borrowed).collect()
}

/// Whether a text is one word that a line of a list has room for.
fn is_word(text: &str) -> bool {
    let fits = |letter: char| !letter.is_whitespace() && !letter.is_control();
    !text.is_empty() && text.len() <= NAME_LETTERS && text.chars().all(fits)
}

fn with_more(words: String, more: usize) -> String {
    if more == 0 { words } else { format!("{words} (and {more} more)") }
}
