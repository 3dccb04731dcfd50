//! A light scan of SQL text: where a statement ends and what its words are. It knows strings, quoted names and comments,
//! and no grammar.

use std::ops::Range;

/// What a piece of SQL text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A keyword or a name without quotes.
    Word,
    /// A name in double quotes.
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
}

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a [u8], at: usize) -> Self {
        Self { text, at }
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
        loop {
            self.run(|b| b.is_ascii_whitespace() || b == 0x0b);
            match (self.peek(0), self.peek(1)) {
                (b'-', b'-') => self.run(|b| b != b'\n'),
                (b'/', b'*') => self.block_comment(),
                _ => return,
            }
        }
    }

    /// Comments of this kind nest.
    fn block_comment(&mut self) {
        let mut depth = 0_usize;
        while self.at < self.text.len() {
            match (self.peek(0), self.peek(1)) {
                (b'/', b'*') => depth += 1,
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
        let kind = match first {
            b'\'' => {
                self.quoted(b'\'', false);
                Kind::Text
            }
            b'e' | b'E' if self.peek(1) == b'\'' => {
                self.at += 1;
                self.quoted(b'\'', true);
                Kind::Text
            }
            b'"' => {
                self.quoted(b'"', false);
                Kind::Name
            }
            b'$' if self.dollar_quoted() => Kind::Text,
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

/// The first statement from `from` on that says anything: its text without the semicolon, and where the next may begin.
pub(super) fn statement(text: &[u8], from: usize) -> Option<(Range<usize>, usize)> {
    let mut body: Option<Range<usize>> = None;
    let mut parentheses = 0_usize;
    // `BEGIN ATOMIC ... END` is the body of a function, which has statements inside.
    let mut atomic = 0_usize;
    let mut last_begins = false;
    for token in Tokens::new(text, from) {
        match token.kind {
            Kind::Mark(b';') if parentheses == 0 && atomic == 0 => match body {
                Some(range) => return Some((range, token.range.end)),
                None => continue,
            },
            Kind::Mark(b'(') => parentheses += 1,
            Kind::Mark(b')') => parentheses = parentheses.saturating_sub(1),
            Kind::Word if last_begins && token.is("ATOMIC") => atomic = 1,
            Kind::Word if atomic > 0 && token.is("CASE") => atomic += 1,
            Kind::Word if atomic > 0 && token.is("END") => atomic -= 1,
            _ => {}
        }
        last_begins = token.is("BEGIN");
        let start = body.map_or(token.range.start, |range| range.start);
        body = Some(start..token.range.end);
    }
    body.map(|range| (range, text.len()))
}

/// The text without the passwords that `CREATE ROLE`, `ALTER USER` and their like set.
pub(super) fn without_passwords(text: &[u8]) -> Vec<u8> {
    let mut tokens = Tokens::new(text, 0);
    let mut out = Vec::new();
    let mut copied = 0;
    if tokens.next().is_some_and(|first| first.is_any(&["CREATE", "ALTER"])) {
        let mut after_password = false;
        for token in tokens {
            if after_password && token.kind == Kind::Text {
                out.extend_from_slice(&text[copied..token.range.start]);
                out.extend_from_slice(b"'[redacted]'");
                copied = token.range.end;
            }
            after_password = token.is("PASSWORD");
        }
    }
    out.extend_from_slice(&text[copied..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statements(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        let mut at = 0;
        while let Some((range, next)) = statement(text.as_bytes(), at) {
            found.push(text[range].to_owned());
            assert!(next > at);
            at = next;
        }
        found
    }

    #[test]
    fn statements_end_at_their_semicolon() {
        let cases: [(&str, &[&str]); 15] = [
            ("", &[]),
            (" ; -- nothing\n ;;", &[]),
            ("select 1", &["select 1"]),
            ("select 1; select 2;", &["select 1", "select 2"]),
            ("select ';'; select \"a;b\" -- ;\n, 2", &["select ';'", "select \"a;b\" -- ;\n, 2"]),
            ("select 'it''s;'; select 2", &["select 'it''s;'", "select 2"]),
            (r"select e'\';'; select 2", &[r"select e'\';'", "select 2"]),
            (r"select '\'; select 2", &[r"select '\'", "select 2"]),
            ("select $$a;b$$; select $x$ $$;$y$ $x$, $1", &["select $$a;b$$", "select $x$ $$;$y$ $x$, $1"]),
            ("select /* a; /* b; */ c; */ 1; select 2", &["select /* a; /* b; */ c; */ 1", "select 2"]),
            (
                "create rule r as on update to t do (select 1; select 2); select 3",
                &["create rule r as on update to t do (select 1; select 2)", "select 3"],
            ),
            (
                "create function f() begin atomic select case when true then 1 end; select 2; end; select 3",
                &[
                    "create function f() begin atomic select case when true then 1 end; select 2; end",
                    "select 3",
                ],
            ),
            ("begin; insert into a values (1); commit", &["begin", "insert into a values (1)", "commit"]),
            ("select 'open; and on", &["select 'open; and on"]),
            ("select /* open; and on", &["select"]),
        ];
        for (text, expected) in cases {
            assert_eq!(statements(text), expected, "{text}");
        }
    }

    #[test]
    fn passwords_are_left_out() {
        let cases = [
            ("alter role joe password 'secret' login", "alter role joe password '[redacted]' login"),
            ("CREATE USER a ENCRYPTED PASSWORD 'x'", "CREATE USER a ENCRYPTED PASSWORD '[redacted]'"),
            ("create role a password $$x$$, b", "create role a password '[redacted]', b"),
            ("alter role joe password null", "alter role joe password null"),
            ("select password 'x'", "select password 'x'"),
        ];
        for (text, expected) in cases {
            assert_eq!(String::from_utf8(without_passwords(text.as_bytes())).unwrap(), expected);
        }
    }

    #[test]
    fn any_bytes_end() {
        for text in ["'", "\"", "$", "$a", "$a$", "e'\\", "/*", "--", "$$a$", "\u{e4}\u{e4}", "\0"] {
            assert!(Tokens::new(text.as_bytes(), 0).count() <= text.len(), "{text}");
        }
    }
}
