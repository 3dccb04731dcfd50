//! The words at a line's head, and `level=` anywhere.

use memchr::memchr_iter;
use model::line::Level;

use super::alias::{self, Weight};
use crate::text::stamp;

/// How far behind the time a level is looked for, in bytes and in words.
const HEAD_BYTES: usize = 100;
const HEAD_WORDS: usize = 10;

/// `level=warn`, `lvl="warn"` and so on, after a blank or an opening bracket.
pub(super) fn logfmt(text: &str) -> Option<Level> {
    let bytes = text.as_bytes();
    memchr_iter(b'=', bytes).find_map(|equals| {
        let start = bytes[..equals].iter().rposition(|b| !b.is_ascii_alphabetic()).map_or(0, |at| at + 1);
        let key = text.get(start..equals)?;
        let known = ["level", "lvl", "severity", "loglevel"].iter().any(|k| key.eq_ignore_ascii_case(k));
        let before = start.checked_sub(1).map(|at| bytes[at]);
        if !known || !matches!(before, None | Some(b' ' | b'\t' | b'[' | b'(' | b'{' | b',')) {
            return None;
        }
        let value = text.get(equals + 1..)?.trim_start_matches('"');
        let end = value.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(value.len());
        alias::value(&value[..end])
    })
}

/// The first word behind the line's time that stands as levels stand.
pub(super) fn level(text: &str) -> Option<Level> {
    let bytes = text.as_bytes();
    let start = stamp::leading(text);
    let end = bytes.len().min(start + HEAD_BYTES);
    let (mut at, mut first, mut blanks) = (start, true, 0);
    while at < end && blanks <= HEAD_WORDS {
        if !is_word(bytes[at]) {
            blanks += usize::from(bytes[at] == b' ' && bytes.get(at + 1) != Some(&b' '));
            at += 1;
            continue;
        }
        let stop = at + bytes[at..].iter().take_while(|b| is_word(**b)).count();
        let place = Place {
            before: &bytes[..at],
            word: &bytes[at..stop],
            after: &bytes[stop..],
            first,
            stamped: start > 0,
        };
        if let Some(level) = place.level() {
            return Some(level);
        }
        first &= bytes[at].is_ascii_digit();
        at = stop;
    }
    None
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// A word and what stands around it.
struct Place<'t> {
    before: &'t [u8],
    word: &'t [u8],
    after: &'t [u8],
    /// Whether only numbers and signs stand before it.
    first: bool,
    /// Whether the line begins with a time.
    stamped: bool,
}

impl Place<'_> {
    fn level(&self) -> Option<Level> {
        if let [letter] = self.word {
            let alone =
                matches!(self.before, [b'['] | [.., b' ' | b']', b'[']) && self.after.first() == Some(&b']');
            return if alone { alias::letter(*letter) } else { None };
        }
        let word = std::str::from_utf8(self.word).ok()?;
        let Some((level, weight)) = alias::alias(word) else {
            // What test runners and tools put before all else: `FAIL cart.test.js`, `FAILED: no such path`.
            if self.first && matches!(self.word, b"FAILED") && matches!(self.after, [b' ' | b':', ..]) {
                return Some(Level::Error);
            }
            // Python's and Node's classes of warnings: `DeprecationWarning: text`.
            return (word.ends_with("Warning") && self.is_labelled(Level::Warn)).then_some(Level::Warn);
        };
        let upper = self.is_upper();
        let stands = self.is_bracketed()
            || !self.is_refused()
                && (self.is_labelled(level)
                    || upper && self.first && (self.is_column() || self.stamped && self.is_apart())
                    || self.word == b"FAIL" && self.before.is_empty() && self.is_apart()
                    || weight == Weight::Strong
                        && (upper && self.is_apart() || self.first && self.is_column()));
        stands.then_some(level)
    }

    /// The first sign behind the word that is no blank.
    fn closer(&self) -> Option<u8> {
        self.after.iter().copied().find(|b| *b != b' ')
    }

    /// `[WARN ]`, `<info>`, `thread/ERROR]`, `module:error]`.
    fn is_bracketed(&self) -> bool {
        match self.before.last() {
            Some(b'[') => self.closer() == Some(b']'),
            Some(b'<') => self.closer() == Some(b'>'),
            Some(b'/' | b':') => self.after.first() == Some(&b']'),
            _ => false,
        }
    }

    /// Part of a path, a quotation, a setting or a call, or the word that ends a name in lower case.
    fn is_refused(&self) -> bool {
        matches!(self.before.last(), Some(b'/' | b'"' | b'\'' | b'=' | b'-' | b'@'))
            || matches!(self.after.first(), Some(b'=' | b'"' | b'\'' | b'('))
            || self.before.ends_with(b".") && self.word[0].is_ascii_lowercase()
    }

    /// `error: text`, `WARN | text`; but not Rust's `error::Kind`, and no port.
    fn is_labelled(&self, level: Level) -> bool {
        let labelled = match self.after {
            [b':', b':' | b'0'..=b'9', ..] => false,
            [b':' | b'|', ..] => true,
            _ => self.closer() == Some(b'|'),
        };
        labelled && (self.first || !self.is_prose(level))
    }

    /// Whether the word is one of a sentence: behind a full stop, as a count (`with 1 error:`), or, where it is a word
    /// that names many things (`User information:`, `Stack trace:`), behind another word.
    fn is_prose(&self, level: Level) -> bool {
        match self.before {
            [.., b'.', b' '] | [.., b'a'..=b'z', b' ', b'0'..=b'9', b' '] => true,
            [.., b'P', b'H', b'P', b' '] => false,
            [.., b'a'..=b'z' | b'A'..=b'Z' | b',', b' '] => level < Level::Warn && !self.is_upper(),
            _ => false,
        }
    }

    fn is_upper(&self) -> bool {
        !self.word.iter().any(u8::is_ascii_lowercase)
    }

    /// Upper case with a blank or a bracket behind it.
    fn is_apart(&self) -> bool {
        matches!(
            self.after.first(),
            None | Some(b' ' | b'\t' | b']' | b'>' | b')' | b',' | b'/' | b'[' | b'-' | b'!')
        )
    }

    /// A column of its own: `info\tfile`, `info  - text`, `LOG [Context]`.
    fn is_column(&self) -> bool {
        matches!(self.after, [b'\t' | b'[', ..] | [b' ', b' ' | b'[', ..] | [b' ', b'-', b' ', ..])
    }
}
