//! Writes down a reply while its tokens come: a lone value as it is, an aggregate as `redis-cli` prints it.

use super::commands::Veil;
use super::lexer::Token;
use super::request::WORD_LIMIT;
use super::{quote, secrets};

/// How many of a reply's first simple values are kept beside the text: what tells a pushed message from another.
const WORDS_LIMIT: usize = 3;
/// How much of the attributes is shown, in bytes.
const ATTRIBUTES_LIMIT: usize = 2048;

/// What was written of a reply.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// The type byte of the value; `_` for what is nil.
    pub(super) kind: u8,
    pub(super) text: Vec<u8>,
    pub(super) cut: bool,
    /// The first simple values within an aggregate; one that is not whole, or longer than [`WORD_LIMIT`], ends with `…`.
    pub(super) words: Vec<Vec<u8>>,
    /// The last simple value of what may be a pushed message, and its size on the wire.
    pub(super) last: Option<(Vec<u8>, u64)>,
    /// The first error within an aggregate.
    pub(super) inner_error: Option<String>,
    /// RESP3's attributes, which go before values.
    pub(super) attributes: Vec<u8>,
}

#[derive(Debug)]
struct Level {
    kind: u8,
    /// How many values came.
    index: u64,
    /// Digits of the largest number.
    width: usize,
    indent: usize,
    /// It is the second one of a pair.
    paired: bool,
}

/// An attribute that is open.
#[derive(Debug)]
struct Attribute {
    /// How many levels are open around it.
    depth: usize,
    /// What `fresh` was before it.
    fresh: bool,
}

#[derive(Debug, Default)]
pub(super) struct Page {
    written: Written,
    levels: Vec<Level>,
    /// The next value of an aggregate goes on the line where the aggregate opened.
    fresh: bool,
    attribute: Option<Attribute>,
    /// The simple value that came last within an aggregate, which may be the name of the next.
    name: Vec<u8>,
    limit: usize,
    veil: Option<Veil>,
}

impl Page {
    pub(super) fn add(&mut self, token: Token<'_>, limit: usize, veil: Veil) {
        self.limit = limit;
        self.veil = Some(veil);
        match token {
            Token::Open { kind, count } => self.open(kind, count),
            Token::Close => self.close(),
            Token::Line { kind, text, size } => self.value(kind, text, size),
            // Three letters and a colon say what a verbatim string is.
            Token::Blob { kind: b'=', bytes, size } => {
                self.value(b'=', bytes.get(4..).unwrap_or_default(), size.saturating_sub(4));
            }
            Token::Blob { kind, bytes, size } => self.value(kind, bytes, size),
            Token::Null => self.value(b'_', b"", 0),
            // Only a client sends these.
            Token::Inline(_) => {}
        }
    }

    pub(super) fn take(&mut self) -> Written {
        self.levels.clear();
        self.attribute = None;
        self.fresh = false;
        self.name.clear();
        std::mem::take(&mut self.written)
    }

    /// How much may still be written.
    pub(super) fn room(&self, limit: usize) -> usize {
        limit.saturating_sub(self.written.text.len())
    }

    pub(super) fn held(&self) -> usize {
        let written = &self.written;
        let last = written.last.as_ref().map_or(0, |(bytes, _)| bytes.capacity());
        let words: usize = written.words.iter().map(|word| word.capacity() + 24).sum();
        written.text.capacity() + written.attributes.capacity() + last + words + self.name.capacity()
    }

    fn open(&mut self, kind: u8, count: Option<u64>) {
        let paired = if kind == b'|' {
            if self.attribute.is_none() {
                self.attribute = Some(Attribute { depth: self.levels.len(), fresh: self.fresh });
                self.fresh = self.written.attributes.is_empty();
            }
            false
        } else {
            if self.levels.is_empty() {
                self.written.kind = kind;
                if self.veil == Some(Veil::Everything) {
                    self.write(secrets::REDACTED);
                }
            }
            self.lead()
        };
        let width = count.map_or(1, |count| digits(number(kind, count)));
        self.levels.push(Level { kind, index: 0, width, indent: self.indent(), paired });
        if kind != b'|' {
            // Whatever is the value of a pair gets lines of its own.
            self.fresh = !paired;
        }
    }

    fn close(&mut self) {
        let Some(level) = self.levels.pop() else { return };
        if level.index == 0 {
            let name = match level.kind {
                b'%' | b'|' => "hash",
                b'~' => "set",
                _ => "array",
            };
            self.write(format!("{}(empty {name})", if level.paired { " " } else { "" }).as_bytes());
        }
        let attribute = self.attribute.take_if(|attribute| attribute.depth == self.levels.len());
        self.fresh = attribute.is_some_and(|attribute| attribute.fresh);
    }

    fn value(&mut self, kind: u8, bytes: &[u8], size: u64) {
        if self.levels.is_empty() {
            self.written.kind = kind;
            return self.lone(kind, bytes, size);
        }
        let paired = self.lead();
        if paired {
            self.write(b" ");
        }
        let secret = self.veil.is_some_and(|veil| secrets::is_secret_value(veil, &self.name));
        if secret {
            self.write(&[b"\"", secrets::REDACTED, b"\""].concat());
        } else {
            self.inner(kind, bytes);
        }
        if self.attribute.is_none() {
            let (bytes, size) = if secret { (&b""[..], 0) } else { (bytes, size) };
            self.remember(kind, bytes, size);
        }
    }

    fn remember(&mut self, kind: u8, bytes: &[u8], size: u64) {
        let word = &bytes[..bytes.len().min(WORD_LIMIT)];
        self.name.clear();
        self.name.extend_from_slice(word);
        if size <= WORD_LIMIT as u64 && (word.len() as u64) < size {
            self.name.extend_from_slice("…".as_bytes());
        }
        let written = &mut self.written;
        if matches!(kind, b'-' | b'!') {
            written.inner_error.get_or_insert_with(|| quote::text(word));
        }
        if written.words.len() < WORDS_LIMIT {
            let mut word = word.to_vec();
            if (word.len() as u64) < size {
                word.extend_from_slice("…".as_bytes());
            }
            written.words.push(word);
        }
        let may_be_message = written.words.first().is_some_and(|word| word.ends_with(b"message"));
        if may_be_message && self.levels.len() == 1 {
            written.last = Some((bytes[..bytes.len().min(self.limit)].to_vec(), size));
        }
    }

    /// A value that is the whole reply.
    fn lone(&mut self, kind: u8, bytes: &[u8], size: u64) {
        if self.veil == Some(Veil::Everything) && !matches!(kind, b'-' | b'!') {
            return self.write(secrets::REDACTED);
        }
        match kind {
            b'_' => self.write(b"(nil)"),
            b'#' => self.write(boolean(bytes)),
            _ => {
                self.write(bytes);
                self.written.cut |= (bytes.len() as u64) < size;
            }
        }
    }

    /// A simple value within an aggregate.
    fn inner(&mut self, kind: u8, bytes: &[u8]) {
        if self.is_full() {
            self.written.cut = true;
            return;
        }
        match kind {
            b'_' => return self.write(b"(nil)"),
            b'#' => return self.write(boolean(bytes)),
            b'$' | b'=' => {
                let mut quoted = Vec::new();
                quote::quoted(bytes, &mut quoted);
                return self.write(&quoted);
            }
            b'-' | b'!' => self.write(b"(error) "),
            b':' => self.write(b"(integer) "),
            b',' => self.write(b"(double) "),
            _ => {}
        }
        self.write(quote::text(bytes).as_bytes());
    }

    /// Writes what goes before a value within an aggregate, and says whether it is the second one of a pair.
    fn lead(&mut self) -> bool {
        let fresh = std::mem::replace(&mut self.fresh, false);
        let Some(level) = self.levels.last_mut() else { return false };
        let (kind, index, indent) = (level.kind, level.index, level.indent);
        let number = number(kind, index) + 1;
        let width = level.width.max(digits(number));
        (level.index, level.width) = (index + 1, width);
        if self.is_full() {
            self.written.cut = true;
            return false;
        }
        if matches!(kind, b'%' | b'|') && index % 2 == 1 {
            self.write(b" =>");
            return true;
        }
        let mark = match kind {
            b'%' => '#',
            b'~' => '~',
            b'|' => '|',
            _ => ')',
        };
        if !fresh {
            self.write(b"\n");
            self.write(" ".repeat(indent).as_bytes());
        }
        self.write(format!("{number:>width$}{mark} ").as_bytes());
        false
    }

    /// How far the values of an aggregate that opens here stand to the right.
    fn indent(&self) -> usize {
        let outermost = self.attribute.as_ref().map_or(0, |attribute| attribute.depth);
        match self.levels.last() {
            Some(level) if self.levels.len() > outermost => level.indent + level.width + 2,
            Some(_) | None => 0,
        }
    }

    /// Whether nothing more of the text is kept.
    fn is_full(&self) -> bool {
        self.attribute.is_none() && self.room(self.limit) == 0
    }

    fn write(&mut self, bytes: &[u8]) {
        let hidden = self.veil == Some(Veil::Everything) && !self.levels.is_empty();
        let (text, limit) = match &self.attribute {
            _ if hidden => return,
            Some(_) => (&mut self.written.attributes, ATTRIBUTES_LIMIT),
            None => (&mut self.written.text, self.limit),
        };
        let kept = bytes.len().min(limit.saturating_sub(text.len()));
        text.extend_from_slice(&bytes[..kept]);
        self.written.cut |= kept < bytes.len() && self.attribute.is_none();
    }
}

fn boolean(bytes: &[u8]) -> &'static [u8] {
    if bytes == b"t" { b"(true)" } else { b"(false)" }
}

/// How many numbers so many values take.
fn number(kind: u8, values: u64) -> u64 {
    if matches!(kind, b'%' | b'|') { values / 2 } else { values }
}

fn digits(number: u64) -> usize {
    number.checked_ilog10().unwrap_or_default() as usize + 1
}
