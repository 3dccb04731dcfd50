//! What must not be kept is hidden before anything is stored.
//!
//! `rules` says which names are those of secrets; a reader for each grammar finds values by them (`json`, `form`, `urls`,
//! `xml`, `multipart`, `sql`, `redis`, and `pairs` for what has none); `look` hands a text to the readers that it may
//! need, and a text within a text to them again; `cuts` replaces what they found. None of them parses: bodies are cut at
//! a limit, or are not what they say. Time is linear in a body's size for each of at most five levels of texts within
//! texts; what would need another level is hidden whole.

mod coding;
mod cuts;
mod form;
mod hidden;
mod json;
mod look;
mod multipart;
mod pairs;
mod redis;
mod rules;
mod sql;
mod urls;
mod xml;

use std::cell::Cell;

use model::exchange::{Exchange, Message, Protocol};
use wire::sql::Dialect;

use crate::coding::is_coded;
use cuts::Cuts;
pub(crate) use form::decoded;
pub use hidden::Hidden;
pub(crate) use hidden::each_part;
use hidden::{Body, Covered};
use look::Look;
pub(crate) use multipart::{find, parameter};
pub use rules::Redaction;

/// What stands in the place of a hidden value.
pub const REDACTED: &str = "[redacted]";

impl Redaction {
    /// Hides what the rules name, in the target, the headers and the bodies of both directions, and hands it back. What is
    /// hidden already is left alone.
    pub fn exchange(&self, exchange: &mut Exchange) -> Hidden {
        let Exchange { protocol, target, request, response, .. } = exchange;
        self.hide(*protocol, target, request, response.as_mut())
    }

    /// The same for the parts of one.
    pub(crate) fn hide(
        &self,
        protocol: Protocol,
        target: &mut String,
        request: &mut Message,
        response: Option<&mut Message>,
    ) -> Hidden {
        if self.is_nothing() {
            return Hidden::default();
        }
        let look = Look::new(self);
        // Neither an answer of Redis nor rows that are copied say what they are of.
        let asked = (protocol == Protocol::Redis).then(|| redis::Asked::read(&request.body, self));
        let copies = protocol == Protocol::Postgres && sql::copies(request, self);
        let request = message(look, protocol, request, &|part, body, cuts| {
            match &asked {
                Some(asked) => asked.request(body, look, cuts),
                None if copies && part > 0 => cuts.hide(0..body.len(), ""),
                None => return false,
            }
            true
        });
        let response = response.map(|response| {
            message(look, protocol, response, &|_, body, cuts| {
                match &asked {
                    Some(asked) => asked.response(body, look, cuts),
                    None if copies => cuts.hide(0..body.len(), ""),
                    None => return false,
                }
                true
            })
        });
        let target = replace(target, |text, cuts| urls::find(text, look, cuts));
        Hidden { target, request, response: response.unwrap_or_default() }
    }

    /// The text with hidden values replaced, where it is JSON that was made of something else later; `None` when nothing
    /// in it is hidden.
    pub fn json(&self, text: &str) -> Option<String> {
        if self.is_nothing() {
            return None;
        }
        let mut cuts = Cuts::default();
        json::find(text.as_bytes(), Look::new(self), &mut cuts);
        let hidden = cuts.apply(text.as_bytes())?;
        Some(String::from_utf8_lossy(&hidden).into_owned())
    }
}

/// Hides values of a message; `own` reads a body, or a part of it by its number, where the protocol says more of it than
/// its type.
fn message(
    look: Look<'_>,
    protocol: Protocol,
    message: &mut Message,
    own: &dyn Fn(usize, &[u8], &mut Cuts) -> bool,
) -> Covered {
    let mut covered = Covered::default();
    for (at, (name, value)) in message.headers.iter_mut().enumerate() {
        let was = if !look.rules.hides_header(name) {
            header(look, name, value)
        } else if value == REDACTED {
            None
        } else {
            Some(std::mem::replace(value, REDACTED.to_owned()))
        };
        covered.headers.extend(was.map(|was| (at, was)));
    }
    if sql::is_statement(protocol, message) {
        return statement(look, protocol, message, covered);
    }
    if message.body.is_empty() {
        return covered;
    }
    if is_coded(message) {
        covered.body = Some(Body::replace(message, Vec::new()));
        message.cut = true;
    } else if !message.parts.is_empty() {
        // Each part is a document of its own.
        let number = Cell::new(0);
        covered.body = each_part(message, |message, body| {
            hidden(look, message, number.replace(number.get() + 1), body, own)
        });
    } else {
        let hidden = hidden(look, message, 0, &message.body, own);
        covered.body = hidden.map(|body| Body::replace(message, body));
    }
    covered
}

fn hidden(
    look: Look<'_>,
    message: &Message,
    number: usize,
    body: &[u8],
    own: &dyn Fn(usize, &[u8], &mut Cuts) -> bool,
) -> Option<Vec<u8>> {
    let mut cuts = Cuts::default();
    if !own(number, body, &mut cuts) {
        look.body(message, body, &mut cuts);
    }
    cuts.apply(body)
}

/// A statement, and the headers that are its parameters.
fn statement(look: Look<'_>, protocol: Protocol, message: &mut Message, mut covered: Covered) -> Covered {
    let dialect = if protocol == Protocol::Mysql { Dialect::Mysql } else { Dialect::Postgres };
    let mut cuts = Cuts::default();
    let parameters = sql::find(&message.body, message.cut, dialect, look, &mut cuts);
    covered.body = cuts.apply(&message.body).map(|body| Body::replace(message, body));
    for (at, (name, value)) in message.headers.iter_mut().enumerate() {
        if let Some(was) = parameters.hide(name, value) {
            // Something within it may have been hidden before.
            if covered.headers.iter().all(|(known, _)| *known != at) {
                covered.headers.push((at, was));
            }
        }
    }
    covered
}

/// Hides what a header's value holds, whose name says nothing; hands back what it was.
fn header(look: Look<'_>, name: &str, value: &mut String) -> Option<String> {
    let is_url = ["location", "referer", "content-location", "refresh"]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known));
    if is_url {
        return replace(value, |text, cuts| urls::find(text, look, cuts));
    }
    if !value.bytes().any(|byte| matches!(byte, b'=' | b':')) {
        return None;
    }
    replace(value, |text, cuts| look.text(text, cuts))
}

fn replace(value: &mut String, find: impl FnOnce(&[u8], &mut Cuts)) -> Option<String> {
    let mut cuts = Cuts::default();
    find(value.as_bytes(), &mut cuts);
    let hidden = cuts.apply(value.as_bytes())?;
    Some(std::mem::replace(value, String::from_utf8_lossy(&hidden).into_owned()))
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
