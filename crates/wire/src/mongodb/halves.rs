//! The two messages of an exchange: what documents and lists become in them.

use model::exchange::{Exchange, Message as Half};

use crate::ledger::part;
use crate::limits::Limits;

use super::bson::Document;
use super::command::{LEFT_OUT, Outcome};
use super::message::List;
use super::render::Render;

pub(super) fn name(exchange: &mut Exchange, method: &str, target: &str) {
    method.clone_into(&mut exchange.method);
    target.clone_into(&mut exchange.target);
}

/// Puts a document into a message, and the lists that belong to it.
pub(super) fn render(
    half: &mut Half,
    document: Document<'_>,
    lists: &[List<'_>],
    secrets: &[&str],
    limits: &Limits,
) {
    let mut text = Render::new(limits.body, secrets);
    text.open();
    text.members(document, LEFT_OUT);
    for list in lists {
        text.list(list.name, list.documents);
    }
    text.close();
    put(half, text);
}

pub(super) fn render_list(half: &mut Half, list: &List<'_>, limits: &Limits) {
    let mut text = Render::new(limits.body, &[]);
    text.open();
    text.list(list.name, list.documents);
    text.close();
    put(half, text);
}

fn put(half: &mut Half, text: Render<'_>) {
    let (text, cut) = text.finish();
    half.body = text.into_bytes();
    half.cut |= cut;
    half.media = Some("application/json".to_owned());
}

/// Adds a reply to those that came before it.
pub(super) fn more(stream: &mut Half, reply: &Half, limits: &Limits) {
    // Sizes are those on the wire, not of the text.
    let bytes = stream.bytes + reply.bytes;
    part(stream, reply.last, "reply", &reply.body, reply.body.len() as u64, limits);
    stream.bytes = bytes;
    if let Some(part) = stream.parts.last_mut() {
        part.bytes = reply.bytes;
    }
    stream.cut |= reply.cut;
    stream.complete = reply.complete;
}

/// How an old query went.
pub(super) fn old_outcome(flags: u32, documents: &[u8]) -> Outcome {
    let first = Document::read(documents).map(|(first, _)| first);
    let failed = |status: &str, words: &str| Outcome {
        status: Some(status.to_owned()),
        failure: Some(words.to_owned()),
    };
    if flags & 1 != 0 {
        return failed("CursorNotFound", "cursor not found");
    }
    match first {
        Some(first) if flags & 2 != 0 => {
            let code = first.number("code").map_or("failed".to_owned(), |code| code.to_string());
            failed(&code, first.text("$err").unwrap_or_default())
        }
        Some(first) if first.get("ok").is_some() => Outcome::read(first),
        _ => Outcome { status: Some("OK".to_owned()), failure: None },
    }
}
