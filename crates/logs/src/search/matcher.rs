//! Text in lines, found in many lines at once.

use std::fmt;
use std::sync::Arc;

use memchr::memmem::Finder;
use regex::bytes::{Regex, RegexBuilder};

use crate::error::FilterError;

/// Bytes that a compiled pattern may take.
const SIZE_LIMIT: usize = 4 << 20;

/// A text or a pattern to look for in lines. Cheap to clone.
#[derive(Clone)]
pub struct Text(Arc<Kind>);

enum Kind {
    /// These bytes, case and all.
    Exact(Box<Finder<'static>>),
    /// A pattern that cannot match a line feed: searched in many lines at once.
    Bulk(Regex),
    /// A pattern that could cross lines: searched line by line.
    Single(Regex),
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Kind::Exact(finder) => write!(f, "Text({:?})", String::from_utf8_lossy(finder.needle())),
            Kind::Bulk(regex) | Kind::Single(regex) => write!(f, "Text(/{regex}/)"),
        }
    }
}

impl Text {
    /// This text. Case counts when there is a capital letter in it.
    pub fn literal(text: &str) -> Self {
        if text.chars().any(char::is_uppercase) || text.chars().all(|c| !c.is_alphabetic()) {
            return Self::exact(text);
        }
        match RegexBuilder::new(&regex::escape(text)).case_insensitive(true).size_limit(SIZE_LIMIT).build() {
            Ok(regex) if !text.contains('\n') => Self(Arc::new(Kind::Bulk(regex))),
            // Too long for a pattern, or no text of a line.
            _ => Self::exact(text),
        }
    }

    /// This text, case and all.
    pub fn exact(text: &str) -> Self {
        Self(Arc::new(Kind::Exact(Box::new(Finder::new(text.as_bytes()).into_owned()))))
    }

    /// This pattern, in the syntax of the crate `regex`.
    pub fn regex(pattern: &str) -> Result<Self, FilterError> {
        let build = |multi_line| {
            RegexBuilder::new(pattern)
                .multi_line(multi_line)
                .size_limit(SIZE_LIMIT)
                .build()
                .map_err(|e| refused(&e))
        };
        Ok(Self(Arc::new(if may_cross_lines(pattern) {
            Kind::Single(build(false)?)
        } else {
            Kind::Bulk(build(true)?)
        })))
    }

    /// Whether the line has it.
    pub fn is_in(&self, line: &[u8]) -> bool {
        match &*self.0 {
            Kind::Exact(finder) => finder.find(line).is_some(),
            Kind::Bulk(regex) | Kind::Single(regex) => regex.is_match(line),
        }
    }

    /// Whether [`Text::find`] works for it.
    pub(crate) fn is_bulk(&self) -> bool {
        match &*self.0 {
            Kind::Exact(finder) => !finder.needle().contains(&b'\n'),
            Kind::Bulk(_) => true,
            Kind::Single(_) => false,
        }
    }

    /// A place in the first line of `lines`, at or behind the one that begins at `from`, that has it. For a pattern it is
    /// where a match ends at the earliest: where it begins would have to be looked for backwards.
    pub(crate) fn find(&self, lines: &[u8], from: usize) -> Option<usize> {
        match &*self.0 {
            Kind::Exact(finder) => finder.find(lines.get(from..)?).map(|at| from + at),
            Kind::Bulk(regex) | Kind::Single(regex) => regex.shortest_match_at(lines, from),
        }
    }
}

/// Whether a pattern may match a line feed, or means the ends of the whole text: told from its words, in doubt yes.
fn may_cross_lines(pattern: &str) -> bool {
    let mut chars = pattern.chars().peekable();
    let mut flags = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                // Negated classes, blanks, codes of characters, and the ends of the text.
                Some('s' | 'W' | 'D' | 'P' | 'p' | 'n' | 'v' | 'x' | 'u' | 'U' | 'A' | 'z' | '0'..='7')
                | None => {
                    return true;
                }
                Some(_) => {}
            },
            '[' if matches!(chars.peek(), Some('^' | '[' | ':')) => return true,
            '(' if chars.peek() == Some(&'?') => flags = true,
            ':' | ')' | '>' => flags = false,
            's' | 'm' | 'R' | 'x' | '-' if flags => return true,
            '\n' => return true,
            // A range such as `[\t-z]`, or one of classes: rare.
            '&' | '~' if chars.peek() == Some(&c) => return true,
            _ => {}
        }
    }
    has_low_range(pattern)
}

/// A range in a class that begins below the blank could hold a line feed.
fn has_low_range(pattern: &str) -> bool {
    pattern.contains("\\t-")
        || pattern.chars().any(|c| c < '\n' && c != '\t')
        || pattern.contains("\t-")
        || pattern.contains("\\a-")
}

fn refused(error: &regex::Error) -> FilterError {
    let text = error.to_string();
    if let regex::Error::CompiledTooBig(_) = error {
        return FilterError::new(0, "the pattern is too large").with_hint("make its repetitions smaller");
    }
    let lines: Vec<&str> = text.lines().collect();
    // The library points with a caret below the pattern, both indented by four.
    let at = lines.iter().find_map(|line| line.trim().starts_with('^').then(|| line.find('^'))).flatten();
    let reason =
        lines.iter().rev().find_map(|line| line.strip_prefix("error: ")).unwrap_or("it is no pattern");
    FilterError::new(at.map_or(0, |at| at.saturating_sub(4)), format!("the pattern cannot be read: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capital_letter_makes_case_count() {
        assert!(Text::literal("timeout").is_in(b"a TimeOut"));
        assert!(!Text::literal("Timeout").is_in(b"a TimeOut"));
        assert!(Text::literal("a.b").is_in(b"A.B") && !Text::literal("a.b").is_in(b"axb"));
        assert!(Text::literal("größe").is_in("GRÖSSE GRÖßE".as_bytes()));
        assert!(Text::literal("").is_in(b"") && Text::literal("17").is_in(b"x17"));
        assert!(!Text::literal("a\nb").is_in(b"a"));
    }

    #[test]
    fn patterns_that_could_cross_lines_are_told() {
        for pattern in [
            "a\\sb",
            "[^x]",
            "(?s).",
            "\\W",
            "a\nb",
            "\\x0a",
            "^\\A",
            "\\p{Z}",
            "[[:space:]]",
            "(?-m)^",
            "[\\t-z]",
            "(?im)x",
        ] {
            assert!(may_cross_lines(pattern), "{pattern}");
        }
        for pattern in [
            "took=1[0-9]{3}ms",
            "(?i)timeout",
            "\\b(error|fail(ed)?)\\b",
            "^a.*b$",
            "(?:x)s",
            "\\d+\\.\\S",
            "a|b",
            "[a-z]s",
        ] {
            assert!(!may_cross_lines(pattern), "{pattern}");
        }
    }

    #[test]
    fn a_pattern_that_cannot_be_read_is_pointed_at() {
        let error = Text::regex("ab(c").unwrap_err();
        assert_eq!((error.at, error.to_string().as_str()), (2, "the pattern cannot be read: unclosed group"));
        assert_eq!(
            Text::regex("(?:\\w{500}){500}").unwrap_err().hint.as_deref(),
            Some("make its repetitions smaller")
        );
    }
}
