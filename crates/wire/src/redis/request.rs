//! Reads commands: the bytes that a client sends.

use model::Timestamp;

use super::lexer::{Broken, Grammar, Lexer, Measure, Token};
use super::{quote, secrets};
use crate::decode::Loss;

/// How much of an argument is kept beside the text, in bytes: keys and channels are shorter.
pub(super) const WORD_LIMIT: usize = 1024;
/// How many arguments are kept, and of commands whose every argument matters.
const WORDS_LIMIT: usize = 16;
const MANY_WORDS_LIMIT: usize = 256;
/// Commands whose every argument matters.
const LISTS: [&str; 9] = [
    "CONFIG",
    "MIGRATE",
    "PSUBSCRIBE",
    "PUNSUBSCRIBE",
    "SENTINEL",
    "SSUBSCRIBE",
    "SUBSCRIBE",
    "SUNSUBSCRIBE",
    "UNSUBSCRIBE",
];

/// A command.
#[derive(Debug)]
pub(super) struct Command {
    /// The name and the first arguments; one that is not whole, or longer than [`WORD_LIMIT`], ends with `…`.
    pub(super) words: Vec<Vec<u8>>,
    /// As `redis-cli` would take it.
    pub(super) text: Vec<u8>,
    /// Whether there is more of it than `text` has.
    pub(super) cut: bool,
    pub(super) measure: Measure,
    /// Whether it was seen to its end.
    pub(super) complete: bool,
}

/// Collects one command after another.
#[derive(Debug)]
pub(super) struct Commands {
    lexer: Lexer,
    words: Vec<Vec<u8>>,
    count: Option<u64>,
    place: u64,
    text: Vec<u8>,
    cut: bool,
}

impl Commands {
    pub(super) fn new() -> Self {
        let lexer = Lexer::new(Grammar::Commands);
        Self { lexer, words: Vec::new(), count: None, place: 0, text: Vec::new(), cut: false }
    }

    /// The next command; `None` when more bytes are needed. At most `limit` bytes of its text are kept.
    pub(super) fn next(
        &mut self,
        rest: &mut &[u8],
        at: Timestamp,
        limit: usize,
    ) -> Result<Option<Command>, Broken> {
        loop {
            let keep = limit.saturating_sub(self.text.len()).max(WORD_LIMIT);
            let Some(token) = self.lexer.next(rest, at, keep)? else { return Ok(None) };
            match token {
                Token::Open { kind: b'*', count: Some(count) } if self.count.is_none() => {
                    self.count = Some(count);
                }
                // Without its whole name nobody knows what is asked.
                Token::Blob { bytes, size, .. } if self.place == 0 && (bytes.len() as u64) < size => {
                    return Err(Broken);
                }
                Token::Blob { kind: b'$', bytes, size } => {
                    let argument = Argument { bytes, size, place: self.place, count: self.count };
                    argument.add(&mut self.words, &mut self.text, &mut self.cut, limit);
                    self.place += 1;
                }
                Token::Inline(line) => {
                    let arguments = quote::split(line);
                    if arguments.first().is_some_and(|name| !is_name(name)) {
                        return Err(Broken);
                    }
                    for (place, bytes) in (0..).zip(&arguments) {
                        let count = Some(arguments.len() as u64);
                        let argument = Argument { bytes, size: bytes.len() as u64, place, count };
                        argument.add(&mut self.words, &mut self.text, &mut self.cut, limit);
                    }
                }
                // An array of no length is no command.
                Token::Close => {}
                Token::Null if self.count.is_none() => {}
                Token::Open { .. } | Token::Line { .. } | Token::Blob { .. } | Token::Null => {
                    return Err(Broken);
                }
            }
            if let Some(measure) = self.lexer.whole() {
                let command = self.take(measure, true);
                // Nothing was asked by an empty line, and nothing is answered.
                if command.words.first().is_some_and(|name| !name.is_empty()) {
                    return Ok(Some(command));
                }
            }
        }
    }

    /// Bytes are missing. What was begun is handed out where it cannot be read on, but its name is known.
    pub(super) fn lose(&mut self, bytes: u64, loss: Loss, limit: usize) -> Option<Command> {
        if self.lexer.lose(bytes, loss, limit.saturating_sub(self.text.len())) {
            return None;
        }
        let command = self.unfinished(limit)?;
        Some(Command { measure: Measure { loss: Some(loss), ..command.measure }, ..command })
    }

    /// What was begun and will not be seen any further.
    pub(super) fn unfinished(&mut self, limit: usize) -> Option<Command> {
        let (token, measure) = self.lexer.unfinished()?;
        if let Some(Token::Blob { bytes, size, .. }) = token
            && self.place > 0
        {
            let argument = Argument { bytes, size, place: self.place, count: self.count };
            argument.add(&mut self.words, &mut self.text, &mut self.cut, limit);
        }
        self.cut = true;
        let command = self.take(measure, false);
        command.words.first().is_some_and(|name| !name.is_empty()).then_some(command)
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lexer.is_lost()
    }

    /// The place in the stream is not known any more.
    pub(super) fn lost(&mut self) {
        self.lexer.lost();
    }

    /// A command begins with the next byte.
    pub(super) fn found(&mut self) {
        *self = Self::new();
    }

    pub(super) fn held(&self) -> usize {
        let words: usize = self.words.iter().map(|word| word.capacity() + 24).sum();
        self.lexer.held() + self.text.capacity() + words
    }

    fn take(&mut self, measure: Measure, complete: bool) -> Command {
        self.count = None;
        self.place = 0;
        Command {
            words: std::mem::take(&mut self.words),
            text: std::mem::take(&mut self.text),
            cut: std::mem::take(&mut self.cut) || measure.loss.is_some(),
            measure,
            complete,
        }
    }
}

/// Whether a word is a command's name, of modules' too. Any other line is no command.
fn is_name(word: &[u8]) -> bool {
    word.first().is_some_and(u8::is_ascii_alphabetic)
        && word.iter().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(byte))
}

/// One argument of a command; the name is the first.
struct Argument<'a> {
    bytes: &'a [u8],
    size: u64,
    place: u64,
    count: Option<u64>,
}

impl Argument<'_> {
    fn add(&self, words: &mut Vec<Vec<u8>>, text: &mut Vec<u8>, cut: &mut bool, limit: usize) {
        let secret = secrets::is_secret(words, self.place, self.count, self.bytes);
        let shown = if secret { secrets::REDACTED } else { self.bytes };
        if !*cut {
            if self.place > 0 {
                text.push(b' ');
            }
            if secret {
                text.extend_from_slice(shown);
            } else {
                quote::argument(shown, text);
            }
            *cut = text.len() > limit || (!secret && (shown.len() as u64) < self.size);
            text.truncate(limit);
        }
        let is_list = || {
            words
                .first()
                .is_some_and(|name| LISTS.iter().any(|list| name.eq_ignore_ascii_case(list.as_bytes())))
        };
        if words.len() < WORDS_LIMIT || (words.len() < MANY_WORDS_LIMIT && is_list()) {
            let mut word = shown[..shown.len().min(WORD_LIMIT)].to_vec();
            if !secret && (word.len() as u64) < self.size {
                word.extend_from_slice("…".as_bytes());
            }
            words.push(word);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], size: usize, limit: usize) -> Result<Vec<String>, Broken> {
        let mut commands = Commands::new();
        let mut found = Vec::new();
        for chunk in bytes.chunks(size) {
            let mut rest = chunk;
            while let Some(command) = commands.next(&mut rest, Timestamp(0), limit)? {
                let cut = if command.cut { "..." } else { "" };
                let text = String::from_utf8_lossy(&command.text).into_owned();
                found.push(format!("{text}{cut} {}", command.measure.size));
            }
        }
        Ok(found)
    }

    #[test]
    fn commands_are_the_same_however_they_are_cut() {
        let bytes = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\na\r\nbc\r\n\r\n*0\r\n*-1\r\n ping  'a b'\r\n*1\r\n$0\r\n\r\n\
            *2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\nGET k\n*1\r\n$4\r\nQUIT\r\n";
        for size in 1..=bytes.len() {
            let expected =
                ["SET k \"a\\r\\nbc\" 31", "ping \"a b\" 14", "AUTH [redacted] 26", "GET k 6", "QUIT 14"];
            assert_eq!(read(bytes, size, 100).unwrap(), expected, "by {size}");
        }
        let bytes = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$8\r\n12345678\r\n";
        for size in 1..=bytes.len() {
            assert_eq!(read(bytes, size, 9).unwrap(), ["SET k 123... 34"], "by {size}");
        }
    }

    #[test]
    fn what_is_no_command_is_told() {
        for bytes in [
            &b"*1\r\n+PING\r\n"[..],
            b"*1\r\n$4\r\nPINGxx",
            b"*1\n",
            b"*x\r\n",
            b"*-2\r\n",
            b"*1\r\n$-1\r\n$99999999999999\r\n",
            b"*1\r\n*1\r\n",
            b"*00000000000000000000000000000000001\r\n",
        ] {
            for size in [1, bytes.len()] {
                assert_eq!(read(bytes, size, 100), Err(Broken), "{:?}", String::from_utf8_lossy(bytes));
            }
        }
        assert_eq!(read(&vec![b'x'; 100_000], 1000, 100), Err(Broken));
    }

    #[test]
    fn a_loss_inside_a_value_keeps_the_place_and_another_does_not() {
        let mut commands = Commands::new();
        let mut rest: &[u8] = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$8\r\n1234";
        assert!(commands.next(&mut rest, Timestamp(0), 99).unwrap().is_none());
        assert!(commands.lose(3, Loss::Lost, 99).is_none() && !commands.is_lost());
        let mut rest: &[u8] = b"8\r\n*2\r\n$3\r\nGET\r\n$1\r\nk";
        let command = commands.next(&mut rest, Timestamp(0), 99).unwrap().unwrap();
        assert_eq!((&command.text[..], command.cut, command.measure.size), (&b"SET k 1234"[..], true, 34));
        assert_eq!(command.measure.loss, Some(Loss::Lost));
        assert!(commands.next(&mut rest, Timestamp(0), 99).unwrap().is_none());
        let command = commands.lose(3, Loss::Cut, 99).unwrap();
        assert_eq!((&command.text[..], command.complete), (&b"GET k"[..], false));
        assert!(commands.is_lost());
    }
}
