//! What a reply says of the exchange that it answers.

use model::Timestamp;
use model::exchange::{Exchange, Message};

use super::quote;
use super::reply::Reply;
use crate::media::media;

/// A status is a word or two; what is longer is a text.
const STATUS_LIMIT: usize = 40;

/// Puts the reply into the exchange. `executes` says that errors within it are its own.
pub(super) fn fill(exchange: &mut Exchange, reply: &Reply, executes: bool, at: Timestamp) {
    let written = &reply.written;
    exchange.status = Some(status(reply));
    exchange.failure = match written.kind {
        b'-' | b'!' => Some(quote::text(&written.text)),
        _ if executes => written.inner_error.clone(),
        _ => None,
    };
    if let (Some(error), true) = (&exchange.failure, executes) {
        exchange.status = Some(first_word(error).to_owned());
    }
    // Which of several lists or streams it was that had something.
    if exchange.waits
        && let (Some(topic), Some(place)) = (&mut exchange.topic, written.words.first())
    {
        topic.name = quote::text(place);
    }
    exchange.response = Some(message(reply, at));
    if let Some(loss) = reply.measure.loss {
        exchange.quality = loss.quality();
    }
}

/// The reply as a message with a body.
fn message(reply: &Reply, at: Timestamp) -> Message {
    let written = &reply.written;
    let stored = matches!(written.kind, b'$' | b'=');
    let media = if stored { media(&written.text) } else { "text/plain" };
    let mut headers = Vec::new();
    if !written.attributes.is_empty() {
        headers.push(("attributes".to_owned(), quote::text(&written.attributes)));
    }
    Message {
        headers,
        body: written.text.clone(),
        bytes: reply.measure.size,
        cut: reply.cut(),
        first: reply.measure.first,
        last: at,
        complete: reply.complete,
        media: Some(media.to_owned()),
        ..Message::default()
    }
}

/// A simple string or the first word of an error as the server sent it, for other values what they are.
fn status(reply: &Reply) -> String {
    let written = &reply.written;
    let text = || quote::text(&written.text[..written.text.len().min(STATUS_LIMIT + 1)]);
    match written.kind {
        b'-' | b'!' => first_word(&text()).to_owned(),
        b'+' if written.text.len() > STATUS_LIMIT => first_word(&text()).to_owned(),
        b'+' => text(),
        b'_' => "nil".to_owned(),
        b':' => "integer".to_owned(),
        b'$' | b'=' => "string".to_owned(),
        b'(' => "number".to_owned(),
        b',' => "double".to_owned(),
        b'#' => "boolean".to_owned(),
        b'~' => "set".to_owned(),
        b'%' => "map".to_owned(),
        b'>' => "push".to_owned(),
        _ => "array".to_owned(),
    }
}

fn first_word(text: &str) -> &str {
    text.split_whitespace().next().unwrap_or_default()
}
