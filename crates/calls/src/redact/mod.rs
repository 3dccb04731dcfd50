//! What must not be kept is hidden before anything is stored.

mod form;
mod hidden;
mod json;
mod multipart;

use model::exchange::{Exchange, Message};
use model::plan::CallsConfig;

use crate::body::content_type;
use crate::coding::is_coded;
pub(crate) use form::decoded;
pub use hidden::Hidden;
pub(crate) use hidden::each_part;
use hidden::{Body, Covered};
pub(crate) use multipart::{find, parameter};

/// What stands in the place of a hidden value.
pub const REDACTED: &str = "[redacted]";

/// Which values are hidden: those of the named headers, and those of the named keys in JSON bodies, forms and queries.
///
/// `$.password` hides the key at any depth, `$.card.number` the key `number` directly within `card`; lists between
/// them do not count. Names are compared without case. A body that cannot be read for a content coding is not kept,
/// for nobody can say what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redaction {
    headers: Vec<String>,
    paths: Vec<Vec<String>>,
}

impl Redaction {
    /// The rules of the `[calls]` table.
    pub fn new(config: &CallsConfig) -> Self {
        let mut rules = Self { headers: Vec::new(), paths: Vec::new() };
        for rule in &config.redact {
            if let Some(path) = rule.trim().strip_prefix('$') {
                let keys = path.split('.').map(|key| key.split('[').next().unwrap_or_default().trim());
                let keys: Vec<String> = keys.filter(|key| !key.is_empty()).map(str::to_owned).collect();
                if !keys.is_empty() {
                    rules.paths.push(keys);
                }
            } else if !rule.trim().is_empty() {
                rules.headers.push(rule.trim().to_owned());
            }
        }
        rules
    }

    /// Hides nothing: for who asked to see what is hidden.
    pub fn nothing() -> Self {
        Self { headers: Vec::new(), paths: Vec::new() }
    }

    /// Hides what the rules name, in the target, the headers and the bodies of both directions, and hands it back.
    pub fn exchange(&self, exchange: &mut Exchange) -> Hidden {
        Hidden {
            target: self.url(&mut exchange.target),
            request: self.message(&mut exchange.request),
            response: exchange.response.as_mut().map(|response| self.message(response)).unwrap_or_default(),
        }
    }

    /// The text with hidden values replaced, where it is JSON that was made of something else later; `None` when nothing
    /// in it is hidden.
    pub fn json(&self, text: &str) -> Option<String> {
        let hidden = json::hide(text.as_bytes(), self)?;
        Some(String::from_utf8_lossy(&hidden).into_owned())
    }

    fn message(&self, message: &mut Message) -> Covered {
        let mut covered = Covered::default();
        for (at, (name, value)) in message.headers.iter_mut().enumerate() {
            let was = if self.headers.iter().any(|hidden| hidden.eq_ignore_ascii_case(name)) {
                Some(std::mem::replace(value, REDACTED.to_owned()))
            } else if carries_url(name) {
                self.url(value)
            } else {
                None
            };
            covered.headers.extend(was.map(|was| (at, was)));
        }
        if self.paths.is_empty() || message.body.is_empty() {
            return covered;
        }
        if is_coded(message) {
            covered.body = Some(Body::replace(message, Vec::new()));
            message.cut = true;
        } else if !message.parts.is_empty() {
            // Each part is a document of its own.
            covered.body = each_part(message, |message, own| self.body(message, own));
        } else if let Some(body) = self.body(message, &message.body) {
            covered.body = Some(Body::replace(message, body));
        }
        covered
    }

    /// What is kept of `body`, the message's or a part of it, when something in it is hidden.
    fn body(&self, message: &Message, body: &[u8]) -> Option<Vec<u8>> {
        let kind = content_type(message);
        match kind.as_deref() {
            Some("application/x-www-form-urlencoded") => form::hide(body, self),
            Some(kind) if kind.starts_with("multipart/") => {
                let value = message.media.as_deref();
                let value = value.or_else(|| crate::judge::header(message, "content-type"))?;
                multipart::hide(body, value, self)
            }
            Some(kind) if kind.contains("json") => json::hide(body, self),
            Some(kind) if !is_loose(kind) => {
                // Other types are scanned only where JSON may hide under a wrong name.
                starts_like_json(body).then(|| json::hide(body, self)).flatten()
            }
            Some(_) | None => {
                if body.contains(&b'{') {
                    json::hide(body, self)
                } else if body.contains(&b'=') && std::str::from_utf8(body).is_ok() {
                    form::hide(body, self)
                } else {
                    None
                }
            }
        }
    }

    /// Hides parameters of a URL's or request target's query and fragment; hands back what it was when one was hidden.
    fn url(&self, url: &mut String) -> Option<String> {
        let at = url.find(['?', '#'])?;
        let (before, query) = url.split_at(at + 1);
        let hidden = form::hide(query.as_bytes(), self)?;
        let hidden = format!("{before}{}", String::from_utf8_lossy(&hidden));
        Some(std::mem::replace(url, hidden))
    }

    /// Whether the value at this path of keys, the innermost last, is hidden.
    fn hides<'k>(&self, innermost_first: &(impl Iterator<Item = &'k str> + Clone)) -> bool {
        self.paths.iter().any(|path| {
            let mut keys = innermost_first.clone();
            path.iter().rev().all(|wanted| keys.next().is_some_and(|key| key.eq_ignore_ascii_case(wanted)))
        })
    }

    /// Whether a value with this key is hidden somewhere.
    pub(crate) fn may_hide(&self, key: &str) -> bool {
        self.paths.iter().any(|path| path.last().is_some_and(|last| last.eq_ignore_ascii_case(key)))
    }

    /// Whether the field of a form or query with this name is hidden. `user[pin]` and `user.pin` are paths.
    fn hides_field(&self, name: &str) -> bool {
        let keys = name.split(['[', ']', '.']).filter(|key| !key.is_empty());
        let keys: Vec<&str> = keys.collect();
        self.hides(&keys.iter().rev().copied())
            || self.headers.iter().any(|hidden| hidden.eq_ignore_ascii_case(name))
    }
}

/// Headers whose value is a URL, with a query that may carry secrets.
fn carries_url(name: &str) -> bool {
    ["location", "referer", "content-location", "refresh"]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known))
}

/// Types that say little of what is inside.
fn is_loose(kind: &str) -> bool {
    kind.starts_with("text/") || matches!(kind, "application/octet-stream" | "application/sql")
}

fn starts_like_json(body: &[u8]) -> bool {
    matches!(body.iter().find(|byte| !byte.is_ascii_whitespace()), Some(b'{' | b'['))
}

#[cfg(test)]
mod tests;
