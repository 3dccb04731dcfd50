//! SQL cut into words, quoted names, literals and marks; comments and blanks left out.

/// A relation's name is shown so far, in bytes.
const NAME_LIMIT: usize = 128;

#[derive(Debug, Clone, Copy)]
pub(super) enum Token<'a> {
    /// A keyword, an unquoted name or a number.
    Word(&'a str),
    /// What stands in `"`, backticks or `[]`, doubled quotes as they were sent.
    Quoted(&'a str),
    /// A string literal.
    Text,
    Mark(u8),
}

#[derive(Debug, Clone)]
pub(super) struct Reader<'a> {
    sql: &'a str,
    pub(super) at: usize,
    /// Where the last token began.
    pub(super) began: usize,
    /// Nothing but blanks and comments stood on this line so far.
    line_start: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(sql: &'a str) -> Self {
        Self { sql, at: 0, began: 0, line_start: true }
    }

    pub(super) fn next(&mut self) -> Option<Token<'a>> {
        self.skip_blanks();
        let bytes = self.sql.as_bytes();
        let first = *bytes.get(self.at)?;
        self.began = self.at;
        self.line_start = false;
        let token = match first {
            b'\'' => {
                self.quoted(b'\'', true);
                Token::Text
            }
            b'"' => Token::Quoted(self.quoted(b'"', true)),
            b'`' => Token::Quoted(self.quoted(b'`', false)),
            b'[' => Token::Quoted(self.quoted(b']', false)),
            byte if is_word_byte(byte) => {
                let length = bytes[self.at..].iter().take_while(|b| is_word_byte(**b)).count();
                self.at += length;
                Token::Word(self.sql.get(self.began..self.at).unwrap_or_default())
            }
            byte => {
                self.at += 1;
                Token::Mark(byte)
            }
        };
        Some(token)
    }

    /// The name that begins with a token that has been read: `shop.orders`, its quotes removed.
    pub(super) fn name(&mut self, first: &Token<'a>) -> Option<String> {
        let mut name = String::new();
        let mut part = *first;
        loop {
            match part {
                Token::Word(word) => name.push_str(word),
                Token::Quoted(quoted) => {
                    let unquoted = quoted.replace("``", "`").replace("\"\"", "\"");
                    name.push_str(&unquoted);
                }
                Token::Text | Token::Mark(_) => break,
            }
            let mut ahead = self.clone();
            if !matches!(ahead.next(), Some(Token::Mark(b'.'))) {
                break;
            }
            let Some(next @ (Token::Word(_) | Token::Quoted(_))) = ahead.next() else { break };
            *self = ahead;
            name.push('.');
            part = next;
            if name.len() > NAME_LIMIT {
                break;
            }
        }
        let mut end = name.len().min(NAME_LIMIT);
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        name.truncate(end);
        (!name.is_empty()).then_some(name)
    }

    /// Reads past `= value` or `= user@host`.
    pub(super) fn skip_setting(&mut self) {
        loop {
            let mut ahead = self.clone();
            match ahead.next() {
                Some(Token::Mark(b'=' | b'@')) => {
                    ahead.next();
                    *self = ahead;
                }
                _ => return,
            }
        }
    }

    /// Blanks and comments. What stands in `/*! */` is SQL to MySQL.
    fn skip_blanks(&mut self) {
        let bytes = self.sql.as_bytes();
        loop {
            let rest = &bytes[self.at..];
            match rest {
                [b'\n', ..] => {
                    self.line_start = true;
                    self.at += 1;
                }
                [b'\0'..=b' ', ..] => self.at += 1,
                [b'-', b'-', ..] => self.skip_line(),
                [b'#', ..] if self.line_start => self.skip_line(),
                [b'/', b'*', b'!' | b'M', ..] if is_hint(rest) => {
                    let mark = 3 + usize::from(rest[2] == b'M');
                    self.at += mark + rest[mark..].iter().take_while(|b| b.is_ascii_digit()).count();
                }
                [b'/', b'*', ..] => {
                    let end = rest[2..].windows(2).position(|pair| pair == b"*/");
                    self.at += end.map_or(rest.len(), |end| end + 4);
                }
                [b'*', b'/', ..] => self.at += 2,
                _ => return,
            }
        }
    }

    fn skip_line(&mut self) {
        let rest = &self.sql.as_bytes()[self.at..];
        self.at += rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
    }

    /// What stands between the quote here and the next `close` that is not doubled.
    fn quoted(&mut self, close: u8, escapes: bool) -> &'a str {
        let bytes = self.sql.as_bytes();
        let start = self.at + 1;
        let mut at = start;
        while let Some(byte) = bytes.get(at) {
            if *byte == b'\\' && escapes {
                at += 1;
            } else if *byte == close {
                if bytes.get(at + 1) != Some(&close) || close == b']' {
                    break;
                }
                at += 1;
            }
            at += 1;
        }
        let end = at.min(bytes.len());
        self.at = (end + 1).min(bytes.len());
        self.sql.get(start..end).unwrap_or_default()
    }
}

/// `/*!40101 ` or MariaDB's `/*M!100100 `.
fn is_hint(comment: &[u8]) -> bool {
    comment.get(2) == Some(&b'!') || comment.get(2..4) == Some(b"M!")
}

fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | 0x80..)
}
