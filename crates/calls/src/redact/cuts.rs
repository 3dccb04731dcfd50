//! Places in a text whose bytes are hidden, found by any number of readers and replaced at once.

use std::ops::Range;

use super::REDACTED;
use super::coding::Undone;

/// Names of GraphQL's variables that are remembered of one body.
const VARIABLES_LIMIT: usize = 64;

#[derive(Debug)]
struct Cut {
    range: Range<usize>,
    /// What stands before and behind the mark that replaces it.
    quote: String,
}

/// What is hidden in a text.
#[derive(Debug, Default)]
pub(super) struct Cuts {
    found: Vec<Cut>,
    /// Variables of GraphQL that stand where a secret is expected.
    pub(super) variables: Vec<String>,
}

impl Cuts {
    /// Hides a range; `quote` stands before and behind what replaces it.
    pub(super) fn hide(&mut self, range: Range<usize>, quote: &str) {
        if range.start < range.end {
            self.found.push(Cut { range, quote: quote.to_owned() });
        }
    }

    /// Hides what was found in a text that was made of a part of this one.
    pub(super) fn within(&mut self, inner: Self, undone: &Undone<'_>) {
        for cut in inner.found {
            let quote = undone.coded(&cut.quote);
            self.found.push(Cut { range: undone.place(cut.range.start)..undone.place(cut.range.end), quote });
        }
        inner.variables.into_iter().for_each(|name| self.variable(name));
    }

    /// Whether no more variables are remembered.
    pub(super) fn is_full(&self) -> bool {
        self.variables.len() >= VARIABLES_LIMIT
    }

    pub(super) fn variable(&mut self, name: String) {
        if !self.is_full() && !self.variables.contains(&name) {
            self.variables.push(name);
        }
    }

    /// The text without what is hidden; `None` when that is nothing. What is hidden already stays as it is.
    pub(super) fn apply(mut self, text: &[u8]) -> Option<Vec<u8>> {
        self.found.sort_by_key(|cut| (cut.range.start, std::cmp::Reverse(cut.range.end)));
        let mut joined: Vec<Cut> = Vec::with_capacity(self.found.len());
        for cut in self.found {
            match joined.last_mut() {
                Some(last) if cut.range.start < last.range.end => {
                    last.range.end = last.range.end.max(cut.range.end);
                    if last.quote.is_empty() && cut.range.start == last.range.start {
                        last.quote = cut.quote;
                    }
                }
                _ => joined.push(cut),
            }
        }
        joined.retain(|cut| !is_hidden(text.get(cut.range.clone()).unwrap_or_default()));
        if joined.is_empty() {
            return None;
        }
        let mut out = Vec::with_capacity(text.len());
        let mut copied = 0;
        for Cut { range, quote } in joined {
            out.extend_from_slice(text.get(copied..range.start).unwrap_or_default());
            for piece in [&quote, REDACTED, &quote] {
                out.extend_from_slice(piece.as_bytes());
            }
            copied = range.end;
        }
        out.extend_from_slice(text.get(copied..).unwrap_or_default());
        Some(out)
    }
}

/// Whether this is the mark itself, in quotes or not.
fn is_hidden(text: &[u8]) -> bool {
    let is_quote = |byte: &u8| matches!(byte, b'"' | b'\'' | b'`' | b'\\' | b' ');
    let start = text.iter().position(|byte| !is_quote(byte)).unwrap_or(0);
    let end = text.iter().rposition(|byte| !is_quote(byte)).map_or(start, |last| last + 1);
    text.get(start..end) == Some(REDACTED.as_bytes())
}
