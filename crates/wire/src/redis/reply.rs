//! Reads replies: the bytes that a server sends.

use model::Timestamp;

use super::commands::Veil;
use super::lexer::{Broken, Grammar, Lexer, Measure};
use super::page::{Page, Written};
use super::request::WORD_LIMIT;
use crate::decode::Loss;

/// A reply, or something that the server sent unasked.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) written: Written,
    pub(super) measure: Measure,
    /// Whether it was seen to its end.
    pub(super) complete: bool,
}

impl Reply {
    /// Whether the body is less than what was sent.
    pub(super) fn cut(&self) -> bool {
        self.written.cut || !self.complete || self.measure.loss.is_some()
    }
}

/// Collects one reply after another.
#[derive(Debug)]
pub(super) struct Replies {
    lexer: Lexer,
    page: Page,
}

impl Replies {
    pub(super) fn new() -> Self {
        Self { lexer: Lexer::new(Grammar::Replies), page: Page::default() }
    }

    /// The next reply; `None` when more bytes are needed. At most `limit` bytes of its text are kept, and nothing that
    /// is behind the veil.
    pub(super) fn next(
        &mut self,
        rest: &mut &[u8],
        at: Timestamp,
        limit: usize,
        veil: Veil,
    ) -> Result<Option<Reply>, Broken> {
        loop {
            let keep = self.page.room(limit).max(WORD_LIMIT);
            let Some(token) = self.lexer.next(rest, at, keep)? else { return Ok(None) };
            self.page.add(token, limit, veil);
            if let Some(measure) = self.lexer.whole() {
                return Ok(Some(Reply { written: self.page.take(), measure, complete: true }));
            }
        }
    }

    /// Bytes are missing. What was begun is handed out where it cannot be read on.
    pub(super) fn lose(&mut self, bytes: u64, loss: Loss, limit: usize, veil: Veil) -> Option<Reply> {
        if self.lexer.lose(bytes, loss, self.page.room(limit)) {
            return None;
        }
        let mut reply = self.unfinished(limit, veil)?;
        reply.measure.loss = Some(loss);
        Some(reply)
    }

    /// What was begun and will not be seen any further.
    pub(super) fn unfinished(&mut self, limit: usize, veil: Veil) -> Option<Reply> {
        let (token, measure) = self.lexer.unfinished()?;
        if let Some(token) = token {
            self.page.add(token, limit, veil);
        }
        let written = self.page.take();
        (written.kind != 0).then_some(Reply { written, measure, complete: false })
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lexer.is_lost()
    }

    /// The place in the stream is not known any more.
    pub(super) fn lost(&mut self) {
        self.lexer.lost();
    }

    /// A reply begins with the next byte.
    pub(super) fn found(&mut self) {
        *self = Self::new();
    }

    pub(super) fn held(&self) -> usize {
        self.lexer.held() + self.page.held()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], size: usize, limit: usize, veil: Veil) -> Result<Vec<Reply>, Broken> {
        let mut replies = Replies::new();
        let mut found = Vec::new();
        for chunk in bytes.chunks(size) {
            let mut rest = chunk;
            while let Some(reply) = replies.next(&mut rest, Timestamp(0), limit, veil)? {
                found.push(reply);
            }
        }
        Ok(found)
    }

    fn check(text: &str, expected: &str) {
        for size in 1..=text.len() {
            let found = read(text.as_bytes(), size, 1000, Veil::Nothing).unwrap();
            assert_eq!(found.len(), 1, "{text:?} by {size}");
            assert_eq!(found[0].measure.size, text.len() as u64, "{text:?} by {size}");
            assert_eq!(String::from_utf8_lossy(&found[0].written.text), expected, "{text:?} by {size}");
            assert!(!found[0].cut());
        }
    }

    #[test]
    fn a_lone_value_is_shown_as_it_is() {
        for (text, expected) in [
            ("+OK\r\n", "OK"),
            ("-ERR no\r\n", "ERR no"),
            (":-7\r\n", "-7"),
            ("$5\r\na\r\nbc\r\n", "a\r\nbc"),
            ("$0\r\n\r\n", ""),
            ("$-1\r\n", "(nil)"),
            ("*-1\r\n", "(nil)"),
            ("_\r\n", "(nil)"),
            ("#t\r\n", "(true)"),
            (",3.25\r\n", "3.25"),
            (
                "(3492890328409238509324850943850943825024385\r\n",
                "3492890328409238509324850943850943825024385",
            ),
            ("!6\r\nERR no\r\n", "ERR no"),
            ("=8\r\ntxt:text\r\n", "text"),
            ("$?\r\n;4\r\nHell\r\n;2\r\no!\r\n;0\r\n", "Hello!"),
        ] {
            check(text, expected);
        }
    }

    #[test]
    fn aggregates_look_as_in_redis_cli() {
        for (text, expected) in [
            ("*0\r\n", "(empty array)"),
            ("%0\r\n", "(empty hash)"),
            ("*3\r\n$1\r\na\r\n:2\r\n$-1\r\n", "1) \"a\"\n2) (integer) 2\n3) (nil)"),
            ("*2\r\n*2\r\n+a\r\n*0\r\n-ERR x\r\n", "1) 1) a\n   2) (empty array)\n2) (error) ERR x"),
            ("*1\r\n*1\r\n*2\r\n:1\r\n:2\r\n", "1) 1) 1) (integer) 1\n      2) (integer) 2"),
            ("~2\r\n+a\r\n#f\r\n", "1~ a\n2~ (false)"),
            (
                "%2\r\n+a\r\n,1.5\r\n$1\r\nb\r\n*2\r\n:1\r\n:2\r\n",
                "1# a => (double) 1.5\n2# \"b\" =>\n   1) (integer) 1\n   2) (integer) 2",
            ),
            ("%1\r\n+a\r\n%0\r\n", "1# a => (empty hash)"),
            ("*?\r\n:1\r\n*?\r\n.\r\n.\r\n", "1) (integer) 1\n2) (empty array)"),
            ("%?\r\n+a\r\n:1\r\n.\r\n", "1# a => (integer) 1"),
            (
                "*10\r\n:1\r\n:2\r\n:3\r\n:4\r\n:5\r\n:6\r\n:7\r\n:8\r\n:9\r\n*2\r\n:1\r\n:2\r\n",
                " 1) (integer) 1\n 2) (integer) 2\n 3) (integer) 3\n 4) (integer) 4\n 5) (integer) 5\n 6) (integer) 6\n 7) (integer) 7\n 8) (integer) 8\n 9) (integer) 9\n10) 1) (integer) 1\n    2) (integer) 2",
            ),
        ] {
            check(text, expected);
        }
    }

    #[test]
    fn attributes_stand_apart() {
        let text = b"|1\r\n+popular\r\n%2\r\n$1\r\na\r\n,0.19\r\n$1\r\nb\r\n,0.01\r\n*2\r\n:1\r\n|1\r\n+ttl\r\n:9\r\n:2\r\n";
        for size in 1..=text.len() {
            let found = read(text, size, 1000, Veil::Nothing).unwrap();
            assert_eq!(found.len(), 1, "by {size}");
            let written = &found[0].written;
            assert_eq!(String::from_utf8_lossy(&written.text), "1) (integer) 1\n2) (integer) 2");
            assert_eq!(
                String::from_utf8_lossy(&written.attributes),
                "1| popular =>\n   1# \"a\" => (double) 0.19\n   2# \"b\" => (double) 0.01\n1| ttl => (integer) 9"
            );
            assert_eq!(written.words, [b"1", b"2"]);
        }
    }

    #[test]
    fn a_body_is_cut_at_the_limit_and_its_size_is_true() {
        let lone = format!("$3000000\r\n{}\r\n", "x".repeat(3_000_000));
        let many = format!("*100000\r\n{}", ":12345\r\n".repeat(100_000));
        for (text, expected) in [(lone, "xxxxxxxxxx"), (many, "     1) (i")] {
            let found = read(text.as_bytes(), 1448, 10, Veil::Nothing).unwrap();
            assert_eq!(found.len(), 1);
            assert_eq!(String::from_utf8_lossy(&found[0].written.text), expected);
            assert!(found[0].cut() && found[0].complete);
            assert_eq!(found[0].measure.size, text.len() as u64);
        }
    }

    #[test]
    fn passwords_in_answers_are_not_shown() {
        let settings = b"*4\r\n$11\r\nrequirepass\r\n$6\r\nsecret\r\n$9\r\nmaxmemory\r\n$1\r\n0\r\n";
        let shown = |bytes, veil| {
            let mut found = read(bytes, 1000, 1000, veil).unwrap();
            String::from_utf8(found.remove(0).written.text).unwrap()
        };
        assert_eq!(
            shown(settings, Veil::Secrets),
            "1) \"requirepass\"\n2) \"[redacted]\"\n3) \"maxmemory\"\n4) \"0\""
        );
        let map = b"%1\r\n+masterauth\r\n+secret\r\n";
        assert_eq!(shown(map, Veil::Secrets), "1# masterauth => \"[redacted]\"");
        assert_eq!(shown(b"*2\r\n+a\r\n*1\r\n+b\r\n", Veil::Everything), "[redacted]");
        assert_eq!(shown(b"$6\r\nsecret\r\n", Veil::Everything), "[redacted]");
        assert_eq!(shown(b"-NOPERM no\r\n", Veil::Everything), "NOPERM no");
    }

    #[test]
    fn what_is_no_reply_is_told() {
        let deep = "*1\r\n".repeat(100);
        for text in
            ["not RESP\r\n", "+OK\n", "$3\r\nabcd\r\n", "*-2\r\n", "%x\r\n", ".\r\n", ";3\r\nabc\r\n", &deep]
        {
            for size in [1, text.len()] {
                let found = read(text.as_bytes(), size, 100, Veil::Nothing);
                assert_eq!(found.err(), Some(Broken), "{text:?} by {size}");
            }
        }
    }

    #[test]
    fn what_was_seen_of_a_reply_is_kept_where_the_rest_is_lost() {
        for (bytes, lost, expected) in [
            (&b"$10\r\n0123"[..], 3, None),
            (b"$10\r\n0123", 9, Some("0123")),
            (b"*3\r\n:1\r\n$4\r\nab", 9, Some("1) (integer) 1\n2) \"ab\"")),
            (b"-ERR no", 4, Some("ERR no")),
            (b"", 4, None),
        ] {
            let mut replies = Replies::new();
            let mut rest = bytes;
            assert!(replies.next(&mut rest, Timestamp(0), 99, Veil::Nothing).unwrap().is_none());
            let reply = replies.lose(lost, Loss::Lost, 99, Veil::Nothing);
            assert_eq!(
                reply.as_ref().map(|r| String::from_utf8_lossy(&r.written.text)),
                expected.map(Into::into)
            );
            assert!(reply.is_none_or(|reply| reply.cut() && !reply.complete && reply.measure.loss.is_some()));
            assert_eq!(replies.is_lost(), lost > 3);
        }
    }
}
