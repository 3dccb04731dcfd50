//! SQL cut into words, quoted names, strings and marks; comments and blanks left out.

use std::ops::Range;

use super::Dialect;

/// What a piece of SQL text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A keyword or a name without quotes.
    Word,
    /// A name in quotes.
    Name,
    /// A string, whatever its quotes.
    Text,
    /// A number or a parameter (`$1`).
    Number,
    /// Any other character.
    Mark(u8),
}

#[derive(Debug, Clone)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) bytes: &'a [u8],
    pub(super) range: Range<usize>,
}

impl Token<'_> {
    pub(super) fn is(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.bytes.eq_ignore_ascii_case(word.as_bytes())
    }

    pub(super) fn is_any(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(word))
    }

    pub(super) fn is_mark(&self, mark: u8) -> bool {
        self.kind == Kind::Mark(mark)
    }
}

/// The tokens of a text from some place on; comments and blanks are passed over.
#[derive(Debug)]
pub(super) struct Tokens<'a> {
    text: &'a [u8],
    at: usize,
    dialect: Dialect,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a [u8], at: usize, dialect: Dialect) -> Self {
        Self { text, at, dialect }
    }

    fn peek(&self, ahead: usize) -> u8 {
        self.text.get(self.at + ahead).copied().unwrap_or(0)
    }

    /// Passes over bytes as long as they are wanted.
    fn run(&mut self, wanted: impl Fn(u8) -> bool) {
        let rest = self.text.get(self.at..).unwrap_or_default();
        self.at += rest.iter().take_while(|b| wanted(**b)).count();
    }

    fn blank(&mut self) {
        let is_mysql = self.dialect == Dialect::Mysql;
        loop {
            self.run(|b| b.is_ascii_whitespace() || b == 0x0b);
            match (self.peek(0), self.peek(1)) {
                (b'-', b'-') => self.run(|b| b != b'\n'),
                (b'#', _) if is_mysql => self.run(|b| b != b'\n'),
                (b'/', b'*') if is_mysql && self.is_hint() => {
                    self.at += 3 + usize::from(self.peek(2) == b'M');
                    self.run(|b| b.is_ascii_digit());
                }
                (b'*', b'/') if is_mysql => self.at += 2,
                (b'/', b'*') => self.block_comment(),
                _ => return,
            }
        }
    }

    /// `/*!40101 ` or MariaDB's `/*M!100100 `: what stands in them is SQL to the server.
    fn is_hint(&self) -> bool {
        self.peek(2) == b'!' || (self.peek(2), self.peek(3)) == (b'M', b'!')
    }

    /// Comments of this kind nest in PostgreSQL.
    fn block_comment(&mut self) {
        let mut depth = 0_usize;
        while self.at < self.text.len() {
            match (self.peek(0), self.peek(1)) {
                (b'/', b'*') if depth == 0 || self.dialect == Dialect::Postgres => depth += 1,
                (b'*', b'/') => depth -= 1,
                _ => {
                    self.at += 1;
                    continue;
                }
            }
            self.at += 2;
            if depth == 0 {
                return;
            }
        }
    }

    /// Up to the closing quote, which stands for itself where it is doubled, or behind a backslash if those count.
    fn quoted(&mut self, quote: u8, backslash: bool) {
        self.at += 1;
        while self.at < self.text.len() {
            let byte = self.peek(0);
            self.at += 1;
            if byte == quote {
                if self.peek(0) != quote {
                    return;
                }
                self.at += 1;
            } else if backslash && byte == b'\\' {
                self.at += 1;
            }
        }
        self.at = self.at.min(self.text.len());
    }

    /// `$$ ... $$` or `$tag$ ... $tag$`; false if it is none.
    fn dollar_quoted(&mut self) -> bool {
        let rest = &self.text[self.at..];
        let name = rest[1..].iter().take_while(|b| is_word(**b) && **b != b'$').count();
        if rest.get(1).is_some_and(u8::is_ascii_digit) || rest.get(name + 1) != Some(&b'$') {
            return false;
        }
        let (tag, mut body) = rest.split_at(name + 2);
        self.at += tag.len();
        while let Some(dollar) = body.iter().position(|b| *b == b'$') {
            body = &body[dollar..];
            self.at += dollar;
            if body.starts_with(tag) {
                self.at += tag.len();
                return true;
            }
            body = &body[1..];
            self.at += 1;
        }
        self.at = self.text.len();
        true
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        self.blank();
        let start = self.at;
        let first = *self.text.get(start)?;
        let is_mysql = self.dialect == Dialect::Mysql;
        let kind = match first {
            b'\'' => {
                self.quoted(b'\'', is_mysql);
                Kind::Text
            }
            b'e' | b'E' if !is_mysql && self.peek(1) == b'\'' => {
                self.at += 1;
                self.quoted(b'\'', true);
                Kind::Text
            }
            b'"' => {
                self.quoted(b'"', is_mysql);
                Kind::Name
            }
            b'`' if is_mysql => {
                self.quoted(b'`', false);
                Kind::Name
            }
            b'$' if !is_mysql && self.dollar_quoted() => Kind::Text,
            b'$' | b'0'..=b'9' => {
                self.at += 1;
                self.run(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.'));
                Kind::Number
            }
            _ if is_word(first) => {
                self.run(is_word);
                Kind::Word
            }
            mark => {
                self.at += 1;
                Kind::Mark(mark)
            }
        };
        Some(Token { kind, bytes: &self.text[start..self.at], range: start..self.at })
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_end() {
        for text in [
            "'",
            "\"",
            "$",
            "$a",
            "$a$",
            "e'\\",
            "/*",
            "--",
            "$$a$",
            "\u{e4}\u{e4}",
            "\0",
            "`",
            "/*!",
            "#",
            "*/",
        ] {
            for dialect in [Dialect::Postgres, Dialect::Mysql] {
                assert!(Tokens::new(text.as_bytes(), 0, dialect).count() <= text.len(), "{text}");
            }
        }
    }
}
