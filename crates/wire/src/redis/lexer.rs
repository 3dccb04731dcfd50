//! Cuts one direction's bytes into the tokens of RESP, versions 2 and 3, without ever holding a whole message.
//!
//! A value is a line (`+OK`), a blob whose length goes before it (`$5`), or an aggregate of values (`*3`, `%2`, `>3`).
//! An aggregate is told by a token where it opens and one where it closes, so that who reads them has to remember no
//! more than the levels that are open.

use model::Timestamp;

use crate::decode::Loss;

/// Values that are nested deeper are garbage: those of modules go some ten levels deep.
const DEPTH_LIMIT: usize = 32;
/// An inline command may be so long, in bytes (`PROTO_INLINE_MAX_SIZE` of Redis).
const INLINE_LIMIT: u64 = 64 * 1024;
/// A line that holds a length is shorter, in bytes.
const LENGTH_LIMIT: usize = 32;
/// No server takes so many bytes, or elements.
const COUNT_LIMIT: u64 = 1 << 40;
/// The next chunk's size is not known yet.
const WAITS: u64 = u64::MAX;

/// A piece of a message. A kind is the protocol's type byte; sizes are those on the wire, also where fewer bytes are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// An aggregate of so many values, two for each pair of a map; `None` when its end alone tells.
    Open {
        kind: u8,
        count: Option<u64>,
    },
    Close,
    /// A simple string, an error, a number or a boolean.
    Line {
        kind: u8,
        text: &'a [u8],
        size: u64,
    },
    /// A bulk string, a bulk error or a verbatim string.
    Blob {
        kind: u8,
        bytes: &'a [u8],
        size: u64,
    },
    Null,
    /// A command as a person types it.
    Inline(&'a [u8]),
}

/// The bytes are not of this protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Broken;

/// Of a whole message, or of what was seen of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measure {
    /// Its bytes on the wire.
    pub(super) size: u64,
    /// When its first byte was seen.
    pub(super) first: Timestamp,
    /// Why a part of it is missing.
    pub(super) loss: Option<Loss>,
}

/// What a direction's messages look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Grammar {
    /// Arrays of bulk strings, and inline commands.
    Commands,
    #[default]
    Replies,
}

#[derive(Debug, Clone, Copy)]
struct Level {
    kind: u8,
    left: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Blob {
    kind: u8,
    size: u64,
    /// What is still to come, with the two bytes that end its line; or [`WAITS`].
    left: u64,
    /// It comes in chunks, of which an empty one is the last.
    streamed: bool,
}

/// What the bytes at hand complete.
enum Step {
    More,
    Again,
    Open { kind: u8, count: Option<u64> },
    Close,
    Line { kind: u8, size: u64 },
    Blob { kind: u8, size: u64 },
    Null,
    Inline,
}

/// One direction.
#[derive(Debug, Default)]
pub(super) struct Lexer {
    grammar: Grammar,
    line: Vec<u8>,
    /// Bytes of the line, kept or not.
    line_size: u64,
    /// The last byte was a carriage return.
    returned: bool,
    blob: Option<Blob>,
    /// The beginning of the blob.
    content: Vec<u8>,
    /// A part of the blob is missing, behind what is in `content`.
    torn: bool,
    /// What is in `line` and `content` was handed out.
    spent: bool,
    levels: Vec<Level>,
    /// The last token ended a message.
    whole: bool,
    size: u64,
    first: Option<Timestamp>,
    loss: Option<Loss>,
    lost: bool,
}

impl Lexer {
    pub(super) fn new(grammar: Grammar) -> Self {
        Self { grammar, ..Self::default() }
    }

    /// The next token in `rest`, which moves on behind it; `None` when more bytes are needed. Of each blob and line at
    /// most `keep` bytes are kept. To be called until it gives `None`, even with no bytes left.
    pub(super) fn next(
        &mut self,
        rest: &mut &[u8],
        at: Timestamp,
        keep: usize,
    ) -> Result<Option<Token<'_>>, Broken> {
        self.whole = false;
        if std::mem::take(&mut self.spent) {
            clear(&mut self.line);
            clear(&mut self.content);
            self.torn = false;
        }
        let step = loop {
            match self.step(rest, at, keep)? {
                Step::Again => {}
                step => break step,
            }
        };
        self.spent = !matches!(step, Step::More);
        let text = || self.line.get(1..).unwrap_or_default();
        Ok(Some(match step {
            Step::More | Step::Again => return Ok(None),
            Step::Open { kind, count } => Token::Open { kind, count },
            Step::Close => Token::Close,
            Step::Line { kind, size } => Token::Line { kind, text: text(), size },
            Step::Blob { kind, size } => Token::Blob { kind, bytes: &self.content, size },
            Step::Null => Token::Null,
            Step::Inline => Token::Inline(&self.line),
        }))
    }

    /// The measure of the message that the last token ended, if it did.
    pub(super) fn whole(&mut self) -> Option<Measure> {
        std::mem::take(&mut self.whole).then(|| self.measure()).flatten()
    }

    /// So many bytes are missing here, where `needed` bytes of a blob are shown. Inside a blob it only becomes shorter,
    /// and [`Self::next`] goes on; elsewhere nobody knows any more where a message begins, and this says false.
    pub(super) fn lose(&mut self, bytes: u64, loss: Loss, needed: usize) -> bool {
        match &mut self.blob {
            Some(blob) if blob.left < WAITS && bytes <= blob.left && !self.lost => {
                blob.left -= bytes;
                self.size += bytes;
                self.torn = true;
                // What would not have been kept is not missed.
                if loss == Loss::Lost || self.content.len() < needed {
                    self.loss = Some(loss);
                }
                true
            }
            Some(_) | None => {
                self.lost = true;
                false
            }
        }
    }

    /// The place in the stream is not known any more.
    pub(super) fn lost(&mut self) {
        self.lost = true;
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lost
    }

    /// What was seen of the blob or line that is not whole yet, and the measure of its message.
    pub(super) fn unfinished(&mut self) -> Option<(Option<Token<'_>>, Measure)> {
        let measure = self.measure()?;
        let token = match (&self.blob, self.line.first()) {
            _ if self.spent => None,
            (Some(blob), _) => Some(Token::Blob { kind: blob.kind, bytes: &self.content, size: blob.size }),
            (None, Some(kind @ (b'+' | b'-'))) if self.grammar == Grammar::Replies => {
                Some(Token::Line { kind: *kind, text: &self.line[1..], size: self.line_size })
            }
            (None, _) => None,
        };
        Some((token, measure))
    }

    pub(super) fn held(&self) -> usize {
        self.line.capacity() + self.content.capacity()
    }

    fn measure(&mut self) -> Option<Measure> {
        let first = self.first.take()?;
        Some(Measure { size: std::mem::take(&mut self.size), first, loss: self.loss.take() })
    }

    fn step(&mut self, rest: &mut &[u8], at: Timestamp, keep: usize) -> Result<Step, Broken> {
        if let Some(Level { kind, left: Some(0) }) = self.levels.last().copied() {
            self.levels.pop();
            self.value_ends(kind);
            return Ok(Step::Close);
        }
        if let Some(blob) = self.blob.filter(|blob| blob.left == 0) {
            if blob.streamed {
                self.blob = Some(Blob { left: WAITS, ..blob });
            } else {
                self.blob = None;
                self.value_ends(blob.kind);
                return Ok(Step::Blob { kind: blob.kind, size: blob.size });
            }
        }
        if rest.is_empty() {
            return Ok(Step::More);
        }
        // A server that needs long to answer sends empty lines so that a replica keeps waiting.
        if self.first.is_none() && self.grammar == Grammar::Replies && rest[0] == b'\n' {
            *rest = &rest[1..];
            return Ok(Step::Again);
        }
        self.first.get_or_insert(at);
        match self.blob {
            Some(blob) if blob.left < WAITS => self.read_blob(rest, blob, keep),
            Some(_) | None => self.read_line(rest, keep),
        }
    }

    fn read_blob(&mut self, rest: &mut &[u8], mut blob: Blob, keep: usize) -> Result<Step, Broken> {
        let content = blob.left.saturating_sub(2).min(rest.len() as u64) as usize;
        if !self.torn {
            let room = keep.saturating_sub(self.content.len()).min(content);
            self.content.extend_from_slice(&rest[..room]);
        }
        let mut taken = content;
        blob.left -= content as u64;
        while let (1 | 2, Some(byte)) = (blob.left, rest.get(taken)) {
            if *byte != if blob.left == 2 { b'\r' } else { b'\n' } {
                return Err(Broken);
            }
            blob.left -= 1;
            taken += 1;
        }
        self.size += taken as u64;
        *rest = &rest[taken..];
        self.blob = Some(blob);
        Ok(if blob.left == 0 { Step::Again } else { Step::More })
    }

    fn read_line(&mut self, rest: &mut &[u8], keep: usize) -> Result<Step, Broken> {
        let end = rest.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(rest.len(), |end| end + 1);
        let kind = self.line.first().or(rest.first()).copied().unwrap_or_default();
        let inline = self.grammar == Grammar::Commands && self.levels.is_empty() && kind != b'*';
        let limit = match kind {
            _ if inline => INLINE_LIMIT as usize,
            b'+' | b'-' | b'(' => keep.max(LENGTH_LIMIT),
            b'*' | b'$' | b':' | b'#' | b',' | b'_' | b'~' | b'%' | b'|' | b'>' | b'!' | b'=' | b';'
            | b'.' => LENGTH_LIMIT,
            _ => return Err(Broken),
        };
        let room = limit.saturating_sub(self.line.len()).min(taken);
        self.line.extend_from_slice(&rest[..room]);
        self.line_size += taken as u64;
        self.size += taken as u64;
        let returned = match end {
            Some(0) => self.returned,
            Some(end) => rest[end - 1] == b'\r',
            None => rest.last() == Some(&b'\r'),
        };
        self.returned = returned && end.is_none();
        *rest = &rest[taken..];
        if inline && self.line_size > INLINE_LIMIT {
            return Err(Broken);
        }
        let is_text = inline || matches!(kind, b'+' | b'-' | b'(');
        // A double has at most some 25 digits.
        if !is_text && self.line_size > LENGTH_LIMIT as u64 {
            return Err(Broken);
        }
        if end.is_none() {
            return Ok(Step::More);
        }
        let mark = if returned { 2 } else { 1 };
        if mark == 1 && !inline {
            return Err(Broken);
        }
        let size = std::mem::take(&mut self.line_size) - mark;
        self.line.truncate(usize::try_from(size).unwrap_or(usize::MAX));
        if inline {
            self.value_ends(b'$');
            return Ok(Step::Inline);
        }
        self.line_ends(kind, size.saturating_sub(1))
    }

    fn line_ends(&mut self, kind: u8, size: u64) -> Result<Step, Broken> {
        let text = &self.line[1..];
        if let Some(blob) = self.blob {
            let chunk = number(text).filter(|_| kind == b';').ok_or(Broken)?;
            let size = blob.size.saturating_add(chunk);
            let ends = chunk == 0;
            let left = if ends { 0 } else { chunk + 2 };
            self.blob = Some(Blob { size, left, streamed: !ends, ..blob });
            clear(&mut self.line);
            return Ok(Step::Again);
        }
        let opened = match (kind, text) {
            (b'+' | b'-' | b':' | b',' | b'#' | b'(', _) => {
                self.value_ends(kind);
                return Ok(Step::Line { kind, size });
            }
            (b'_', b"") | (b'$' | b'*', b"-1") => {
                self.value_ends(kind);
                return Ok(Step::Null);
            }
            (b'.', b"") if matches!(self.levels.last(), Some(Level { left: None, .. })) => {
                if let Some(level) = self.levels.pop() {
                    self.value_ends(level.kind);
                }
                return Ok(Step::Close);
            }
            (b'$' | b'!' | b'=', b"?") => {
                self.blob = Some(Blob { kind, size: 0, left: WAITS, streamed: true });
                clear(&mut self.line);
                return Ok(Step::Again);
            }
            (b'$' | b'!' | b'=', _) => {
                let size = number(text).ok_or(Broken)?;
                self.blob = Some(Blob { kind, size, left: size + 2, streamed: false });
                clear(&mut self.line);
                return Ok(Step::Again);
            }
            (b'*' | b'~' | b'%' | b'|' | b'>', b"?") => None,
            (b'*' | b'~' | b'>', _) => Some(number(text).ok_or(Broken)?),
            (b'%' | b'|', _) => Some(number(text).ok_or(Broken)? * 2),
            _ => return Err(Broken),
        };
        if self.levels.len() >= DEPTH_LIMIT {
            return Err(Broken);
        }
        self.levels.push(Level { kind, left: opened });
        Ok(Step::Open { kind, count: opened })
    }

    /// A value is whole; an attribute is none, but goes before one.
    fn value_ends(&mut self, kind: u8) {
        if kind == b'|' {
            return;
        }
        match self.levels.last_mut() {
            Some(level) => level.left = level.left.map(|left| left.saturating_sub(1)),
            None => self.whole = true,
        }
    }
}

/// Empties a buffer; the room of a large one is given back.
fn clear(buffer: &mut Vec<u8>) {
    buffer.clear();
    buffer.shrink_to(4096);
}

/// A count of bytes or elements.
fn number(text: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(text).ok()?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|number| plain && *number <= COUNT_LIMIT)
}
