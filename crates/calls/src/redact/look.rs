//! Which readers a text needs.

use model::exchange::Message;

use super::coding::{Coding, Undone};
use super::cuts::Cuts;
use super::{Redaction, form, json, multipart, pairs, urls, xml};
use crate::body::content_type;

/// Texts within texts that are looked into.
const DEPTH: u32 = 4;

/// The rules, and how much deeper texts within texts are looked into.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look<'r> {
    pub(super) rules: &'r Redaction,
    depth: u32,
}

impl<'r> Look<'r> {
    pub(super) fn new(rules: &'r Redaction) -> Self {
        Self { rules, depth: DEPTH }
    }

    /// Finds what is hidden in `body`, the message's or a part of it.
    pub(super) fn body(self, message: &Message, body: &[u8], cuts: &mut Cuts) {
        let kind = content_type(message);
        match kind.as_deref() {
            Some("application/x-www-form-urlencoded") => {
                form::find(body, self, cuts);
                // Tools send anything under the name of a form: `curl -d '{"password":"x"}'`.
                if starts_like(body, b"{[<") {
                    self.text(body, cuts);
                }
            }
            Some(kind) if kind.starts_with("multipart/") => {
                let value = message.media.as_deref();
                let value = value.or_else(|| crate::judge::header(message, "content-type"));
                multipart::find_hidden(body, value.unwrap_or_default(), self, cuts);
            }
            Some(kind) if kind.contains("json") => {
                json::find(body, self, cuts);
                urls::passwords(body, cuts);
                if !is_strict(body) {
                    self.text(body, cuts);
                }
            }
            Some(kind) if kind.contains("xml") => {
                xml::find(body, true, self, cuts);
                self.text(body, cuts);
            }
            Some(kind) if !is_loose(kind) => {
                // Other types are scanned only where JSON may hide under a wrong name.
                if starts_like(body, b"{[") {
                    json::find(body, self, cuts);
                }
            }
            Some(_) | None => self.text(body, cuts),
        }
    }

    /// Finds what is hidden in a text of which nobody knows the grammar.
    pub(super) fn text(self, text: &[u8], cuts: &mut Cuts) {
        if text.contains(&b'{') || text.contains(&b'"') {
            json::find(text, self, cuts);
        }
        if text.iter().any(|byte| matches!(byte, b':' | b'=')) {
            pairs::find(text, self, cuts);
            urls::passwords(text, cuts);
        }
        if text.contains(&b'<') {
            xml::find(text, false, self, cuts);
        }
    }

    /// Finds what is hidden in a value that may be a text of its own: `part` of a text, from `start` on.
    pub(super) fn value(self, part: &[u8], start: usize, coding: Coding, cuts: &mut Cuts) {
        if !part.iter().any(|byte| matches!(byte, b':' | b'=' | b'<' | b'%')) {
            return;
        }
        let undone = Undone::new(part, start, coding);
        let Some(depth) = self.depth.checked_sub(1) else {
            if starts_like(&undone.bytes, b"{[") {
                cuts.hide(start..start + part.len(), "");
            }
            return;
        };
        let mut found = Cuts::default();
        Self { depth, ..self }.text(&undone.bytes, &mut found);
        cuts.within(found, &undone);
    }
}

/// Types that say little of what is inside, or whose grammar is of names and values.
fn is_loose(kind: &str) -> bool {
    kind.starts_with("text/")
        || ["yaml", "toml", "graphql", "properties", "x-sh", "javascript"]
            .iter()
            .any(|word| kind.contains(word))
        || matches!(kind, "application/octet-stream" | "application/sql")
}

/// Whether a text begins with one of these marks, blanks before it.
fn starts_like(text: &[u8], marks: &[u8]) -> bool {
    text.iter().find(|byte| !byte.is_ascii_whitespace()).is_some_and(|first| marks.contains(first))
}

/// Whether what calls itself JSON begins as such, its keys in quotes.
fn is_strict(text: &[u8]) -> bool {
    let mut marks = text.iter().filter(|byte| !byte.is_ascii_whitespace());
    match marks.next() {
        Some(b'{') => marks.next().is_none_or(|second| matches!(second, b'"' | b'}')),
        first => first.is_none_or(|first| matches!(first, b'[' | b'"')),
    }
}
