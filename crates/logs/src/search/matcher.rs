//! Text in lines, found in many lines at once.

use std::fmt;
use std::sync::{Arc, OnceLock};

use grep_matcher::{LineMatchKind, Matcher as _};
use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use memchr::memmem::Finder;
use memchr::{memchr, memchr_iter, memrchr};
use regex_syntax::hir::{Hir, HirKind, Look};

use crate::error::FilterError;

/// Bytes that a compiled pattern may take.
const SIZE_LIMIT: usize = 4 << 20;
/// Bytes of lines in which the parts of a pattern are counted.
const SAMPLE: usize = 64 * 1024;
/// A part is rare in lines when at most one in so many has it.
const RARE: usize = 4;

/// A text or a pattern to look for in lines. Cheap to clone.
#[derive(Clone)]
pub struct Text(Arc<Kind>);

enum Kind {
    /// These bytes, case and all.
    Exact(Box<Finder<'static>>),
    /// A pattern, as somebody wrote it and as it is looked for.
    Pattern {
        written: String,
        matcher: RegexMatcher,
        sieve: Sieve,
        /// It means the ends of the whole text, and is looked for line by line.
        single: bool,
    },
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Kind::Exact(finder) => write!(f, "Text({:?})", String::from_utf8_lossy(finder.needle())),
            Kind::Pattern { written, .. } => write!(f, "Text(/{written}/)"),
        }
    }
}

impl Text {
    /// This text. Case counts when there is a capital letter in it.
    pub fn literal(text: &str) -> Self {
        if text.chars().any(char::is_uppercase) || text.chars().all(|c| !c.is_alphabetic()) {
            return Self::exact(text);
        }
        let written = regex_syntax::escape(text);
        match in_lines().case_insensitive(true).build(&written) {
            Ok(matcher) => {
                Self(Arc::new(Kind::Pattern { written, matcher, sieve: Sieve::default(), single: false }))
            }
            // Too long for a pattern, or no text of a line.
            Err(_) => Self::exact(text),
        }
    }

    /// This text, case and all.
    pub fn exact(text: &str) -> Self {
        Self(Arc::new(Kind::Exact(Box::new(Finder::new(text.as_bytes()).into_owned()))))
    }

    /// This pattern, in the syntax of the crate `regex`. A line has no line feed, whatever the pattern says of one.
    pub fn regex(pattern: &str) -> Result<Self, FilterError> {
        let mut parser = regex_syntax::ParserBuilder::new().multi_line(true).utf8(false).build();
        let parsed = parser.parse(pattern).map_err(|error| refused(&error))?;
        let matcher = in_lines().build(pattern).map_err(|error| match error.kind() {
            grep_regex::ErrorKind::NotAllowed(_) => FilterError::new(0, "the pattern has a line feed")
                .with_hint("lines are looked at one by one: look for what is in one line"),
            _ => FilterError::new(0, "the pattern is too large").with_hint("make its repetitions smaller"),
        })?;
        let looks = parsed.properties().look_set();
        let single = looks.contains(Look::Start) || looks.contains(Look::End);
        let sieve = Sieve::of(&parsed);
        Ok(Self(Arc::new(Kind::Pattern { written: pattern.to_owned(), matcher, sieve, single })))
    }

    /// Whether the line has it.
    pub fn is_in(&self, line: &[u8]) -> bool {
        match &*self.0 {
            Kind::Exact(finder) => finder.find(line).is_some(),
            Kind::Pattern { matcher, .. } => matcher.is_match(line).unwrap_or_default(),
        }
    }

    /// Whether [`Text::find`] works for it.
    pub(crate) fn is_bulk(&self) -> bool {
        match &*self.0 {
            Kind::Exact(finder) => !finder.needle().contains(&b'\n'),
            Kind::Pattern { single, .. } => !single,
        }
    }

    /// A place in the first line of `lines`, at or behind the one that begins at `from`, that has it. For a pattern it is
    /// where a match ends at the earliest: where it begins would have to be looked for backwards.
    pub(crate) fn find(&self, lines: &[u8], mut from: usize) -> Option<usize> {
        let (matcher, part) = match &*self.0 {
            Kind::Exact(finder) => return finder.find(lines.get(from..)?).map(|at| from + at),
            Kind::Pattern { matcher, sieve, .. } => (matcher, sieve.part(lines)),
        };
        loop {
            let rest = lines.get(from..)?;
            let at = match part {
                Some(part) => part.find(rest)?,
                None => match matcher.find_candidate_line(rest).ok()?? {
                    LineMatchKind::Confirmed(at) => return Some(from + at),
                    LineMatchKind::Candidate(at) => at.min(rest.len()),
                },
            };
            let begin = memrchr(b'\n', &rest[..at]).map_or(0, |feed| feed + 1);
            let end = memchr(b'\n', &rest[at..]).map_or(rest.len(), |feed| at + feed);
            if self.is_in(&rest[begin..end]) {
                return Some(from + at);
            }
            from += end + 1;
        }
    }
}

/// Texts that every match of a pattern has in it. To look for a rare one and to try the pattern on its lines only is
/// faster than a pattern that begins with no text; which of them is rare is seen in the lines.
#[derive(Default)]
struct Sieve {
    parts: Vec<Finder<'static>>,
    /// Which of them is looked for, once lines were seen.
    rarest: OnceLock<Option<usize>>,
}

impl Sieve {
    fn of(pattern: &Hir) -> Self {
        let mut sieve = Self::default();
        sieve.collect(pattern);
        sieve
    }

    fn collect(&mut self, pattern: &Hir) {
        match pattern.kind() {
            HirKind::Literal(literal) => self.parts.push(Finder::new(&literal.0).into_owned()),
            HirKind::Capture(capture) => self.collect(&capture.sub),
            HirKind::Concat(parts) => parts.iter().for_each(|part| self.collect(part)),
            _ => {}
        }
    }

    /// What to look for in lines like these, if that pays.
    fn part(&self, lines: &[u8]) -> Option<&Finder<'static>> {
        let rarest = self.rarest.get_or_init(|| {
            let sample = &lines[..lines.len().min(SAMPLE)];
            let most = memchr_iter(b'\n', sample).count() / RARE;
            let times = |part: &Finder<'_>| part.find_iter(sample).take(most + 1).count();
            let counted = self.parts.iter().map(times).enumerate();
            counted.min_by_key(|(_, times)| *times).filter(|(_, times)| *times <= most).map(|(part, _)| part)
        });
        self.parts.get((*rarest)?)
    }
}

/// Patterns of which no match crosses lines, so that they can be looked for in many at once.
fn in_lines() -> RegexMatcherBuilder {
    let mut builder = RegexMatcherBuilder::new();
    builder.multi_line(true).line_terminator(Some(b'\n')).size_limit(SIZE_LIMIT);
    builder
}

fn refused(error: &regex_syntax::Error) -> FilterError {
    let (at, reason) = match error {
        regex_syntax::Error::Parse(error) => (error.span().start, error.kind().to_string()),
        regex_syntax::Error::Translate(error) => (error.span().start, error.kind().to_string()),
        _ => return FilterError::new(0, "the pattern cannot be read"),
    };
    FilterError::new(at.offset, format!("the pattern cannot be read: {reason}"))
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
    fn a_pattern_is_found_in_many_lines_as_in_each() {
        let lines = [
            "",
            "a b",
            "xb",
            "9 took=19ms",
            "0123456789abcdef took=49ms",
            "fail failed",
            "\u{fffd}é",
            "ab took=9ms b",
        ];
        let many = lines.join("\n").into_bytes();
        for pattern in [
            "a\\sb",
            "[^x]",
            "[^x]b",
            "(?s)b.x",
            "\\W",
            "\\x0ba|a",
            "\\p{Z}",
            "[[:space:]]b",
            "(?-m)^a",
            "\\Aa",
            "b\\z",
            "[\\t-z]",
            "(?im)X",
            "^$",
            "[0-9a-f]{16} took=.*9ms",
            "\\w+ took=.*9ms",
            "took=1[0-9]{3}ms",
            "\\b(error|fail(ed)?)\\b$",
            "^a.*b$",
            "é",
        ] {
            let text = Text::regex(pattern).unwrap();
            let each: Vec<usize> = (0..lines.len()).filter(|&n| text.is_in(lines[n].as_bytes())).collect();
            if !text.is_bulk() {
                assert!(pattern.contains('\\') || pattern.contains("-m"), "{pattern}");
                continue;
            }
            // What is rare is seen in the first lines: here in all of them, or in many others before.
            for before in [0, 40] {
                let text = Text::regex(pattern).unwrap();
                text.find("nothing of it\n".repeat(before).as_bytes(), 0);
                let (mut found, mut from) = (Vec::new(), 0);
                while let Some(at) = text.find(&many, from) {
                    found.push(many[..at].split(|byte| *byte == b'\n').count() - 1);
                    from = memchr(b'\n', &many[at..]).map_or(many.len() + 1, |feed| at + feed + 1);
                }
                assert_eq!(found, each, "{pattern}");
            }
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
        assert_eq!(Text::regex("a\nb").unwrap_err().to_string(), "the pattern has a line feed");
    }
}
