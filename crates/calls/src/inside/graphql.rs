//! GraphQL over HTTP (<https://graphql.github.io/graphql-over-http/draft/>), in POST, GET and batches, and queries that
//! are persisted at the server and sent as a hash (Apollo's `extensions.persistedQuery`, the specification's `documentId`).

use std::borrow::Cow;

use super::document::{self, Operation};
use super::json::Value;
use super::{is_word, with_more};
use crate::redact::decoded;

/// Letters of a hash that stands for a query without a name.
const HASH_LETTERS: usize = 12;

/// The name of what a POST's JSON object asks: `query Cart`. `None` for an object that is no GraphQL request.
pub(super) fn posted(request: Value<'_>) -> Option<String> {
    let text = |name| request.member(name).and_then(Value::text);
    let hash = || {
        let persisted = request.member("extensions").and_then(|all| all.member("persistedQuery"));
        persisted.and_then(|persisted| persisted.member("sha256Hash")).and_then(Value::text)
    };
    name(text("query"), text("operationName"), || hash().or_else(|| text("documentId")))
}

/// The name of what the query of a GET's target asks.
pub(super) fn in_target(target: &str) -> Option<String> {
    let (_, query) = target.split_once('?')?;
    let text = |wanted: &str| {
        let mut fields = query.split('&').filter_map(|field| field.split_once('='));
        fields.find(|(name, _)| *name == wanted).map(|(_, value)| decoded(value.as_bytes()))
    };
    let hash = || {
        let extensions = text("extensions")?;
        let persisted = Value::of(extensions.as_bytes()).member("persistedQuery")?;
        Some(Cow::Owned(persisted.member("sha256Hash")?.text()?.into_owned()))
    };
    name(text("query"), text("operationName"), || hash().or_else(|| text("documentId")))
}

/// The name of the one operation of a document that is sent as it is (`application/graphql`).
pub(super) fn in_document(document: &str) -> Option<String> {
    name(Some(document.into()), None, || None)
}

fn name<'a>(
    document: Option<Cow<'a, str>>,
    wanted: Option<Cow<'a, str>>,
    hash: impl FnOnce() -> Option<Cow<'a, str>>,
) -> Option<String> {
    let wanted = wanted.filter(|wanted| is_word(wanted));
    let Some(document) = document.filter(|document| !document.is_empty()) else {
        // Its kind is known to the server alone.
        let hash = hash().filter(|hash| is_word(hash))?;
        let known = wanted.unwrap_or_else(|| hash.chars().take(HASH_LETTERS).collect());
        return Some(format!("operation {known}"));
    };
    let all = document::operations(&document)?;
    let meant = match &wanted {
        Some(wanted) => all.iter().find(|one| one.name == Some(&**wanted)),
        None => all.first(),
    };
    Some(match (meant, wanted) {
        (Some(one), _) => shown(one),
        (None, Some(wanted)) => format!("operation {wanted}"),
        (None, None) => return None,
    })
}

fn shown(operation: &Operation<'_>) -> String {
    match operation.name.or(operation.field).filter(|name| is_word(name)) {
        Some(name) => format!("{} {name}", operation.kind),
        None => operation.kind.to_owned(),
    }
}

/// What went wrong, by one answer's `errors`.
pub(super) fn failure(answer: Value<'_>) -> Option<String> {
    let errors = answer.member("errors").filter(|errors| errors.is_list())?;
    let mut all = errors.items();
    let first = all.next()?;
    let message = first.member("message").and_then(Value::text).unwrap_or_default();
    let code = first.member("extensions").and_then(|more| more.member("code")).and_then(Value::text);
    let asks_for_document = message == "PersistedQueryNotFound"
        || code.as_deref().is_some_and(|code| code == "PERSISTED_QUERY_NOT_FOUND");
    // The server does not know the hash yet: the client sends the whole query then, as agreed.
    if asks_for_document {
        return None;
    }
    let words = match code {
        Some(code) if message.is_empty() => code.into_owned(),
        Some(code) if !message.contains(&*code) => format!("{code}: {message}"),
        Some(_) | None if message.is_empty() => "errors without a message".to_owned(),
        Some(_) | None => message.into_owned(),
    };
    Some(with_more(words, all.count()))
}
