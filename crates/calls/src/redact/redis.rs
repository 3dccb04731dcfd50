//! Hides values of Redis by the names beside them: fields of hashes, and keys one of whose parts names a secret.
//!
//! What a command and its answer say is text by now, as `redis-cli` takes and prints it.

use std::ops::Range;

use super::coding::Coding;
use super::cuts::Cuts;
use super::{Look, Redaction};

/// Words of a command that are looked at.
const WORDS_LIMIT: usize = 4096;

/// Which arguments of a command are names, and of what.
enum Shape {
    /// `COMMAND key value ...`: all values are the key's.
    Key,
    /// `COMMAND key field value field value ...`.
    Fields,
    /// `COMMAND key value key value ...`.
    Keys,
    /// `COMMAND key name name ...`, or names alone from the second word on: the answer has their values in this order.
    Asks {
        from: usize,
    },
    Other,
}

/// What a command asks for, as far as its answer is to be read by it.
#[derive(Debug)]
pub(super) struct Asked {
    /// Where the arguments are that are secrets.
    secrets: Vec<Range<usize>>,
    /// All of the answer is one.
    all: bool,
    /// By its place in the answer, whether a value is one.
    places: Vec<bool>,
    /// All arguments.
    words: Vec<Range<usize>>,
}

impl Asked {
    pub(super) fn read(text: &[u8], rules: &Redaction) -> Self {
        let words = words(text);
        let word =
            |at: usize| words.get(at).map(|range: &Range<usize>| plain(text, range)).unwrap_or_default();
        let mut asked = Self { secrets: Vec::new(), all: false, places: Vec::new(), words: Vec::new() };
        let (name, key) = (word(0).to_ascii_uppercase(), word(1));
        let is_secret_key = names_secret_key(&key, rules);
        let mut hide = |at: usize| asked.secrets.extend(words.get(at).cloned());
        match shape(&name) {
            Shape::Fields | Shape::Key if is_secret_key => (2..words.len()).for_each(&mut hide),
            Shape::Fields => {
                let first = if name == "XADD" { stream_fields(&word, words.len()) } else { 2 };
                (first..words.len())
                    .step_by(2)
                    .filter(|at| rules.hides_field(&word(*at)))
                    .for_each(|at| hide(at + 1));
            }
            Shape::Keys => {
                let is_secret = |at: &usize| names_secret_key(&word(*at), rules);
                (1..words.len()).step_by(2).filter(is_secret).for_each(|at| hide(at + 1));
            }
            Shape::Asks { from } => {
                asked.places = (from..words.len())
                    .map(|at| {
                        if from == 1 {
                            names_secret_key(&word(at), rules)
                        } else {
                            rules.hides_field(&word(at))
                        }
                    })
                    .collect();
                asked.all = asked.places == [true] && matches!(name.as_str(), "HGET");
                if from == 2 && is_secret_key {
                    asked.all = true;
                }
            }
            Shape::Key | Shape::Other => {}
        }
        asked.all |= is_secret_key && answers_key(&name);
        asked.words = words;
        asked
    }

    /// Finds what is hidden in the command.
    pub(super) fn request(&self, text: &[u8], look: Look<'_>, cuts: &mut Cuts) {
        for range in &self.words {
            let (start, coding) = inside(text, range);
            let part = text.get(start.clone()).unwrap_or_default();
            if !is_key(part) {
                look.value(part, start.start, coding, cuts);
            }
        }
        for range in &self.secrets {
            cuts.hide(range.clone(), "");
        }
    }

    /// Finds what is hidden in the answer.
    pub(super) fn response(&self, text: &[u8], look: Look<'_>, cuts: &mut Cuts) {
        let is_lone = !is_aggregate(text);
        if is_lone {
            if self.all && is_value(text) {
                cuts.hide(0..text.len(), "");
            } else {
                look.text(text, cuts);
            }
            return;
        }
        let mut before: Option<String> = None;
        let mut place = 0;
        let mut at = 0;
        // The indent of a value whose lines are all hidden.
        let mut hidden_below: Option<usize> = None;
        for line in text.split(|byte| *byte == b'\n') {
            let (indent, values) = values(line);
            let outermost = indent == 0;
            if hidden_below.is_some_and(|above| indent <= above) {
                hidden_below = None;
            }
            let by_place = outermost && self.places.get(place).copied().unwrap_or(false);
            let mut of_pair = None;
            for (number, range) in values.iter().enumerate() {
                let range = at + range.start..at + range.end;
                let name = if number == 1 { of_pair.take() } else { before.take() };
                let by_name = name.as_deref().is_some_and(|name| look.rules.hides_field(name));
                let value = plain(text, &range);
                if self.all || by_place || by_name || hidden_below.is_some() {
                    if is_value(text.get(range.clone()).unwrap_or_default()) {
                        let quote = if text.get(range.start) == Some(&b'"') { "\"" } else { "" };
                        cuts.hide(range, quote);
                    }
                } else {
                    let (range, coding) = inside(text, &range);
                    let part = text.get(range.clone()).unwrap_or_default();
                    if !is_key(part) {
                        look.value(part, range.start, coding, cuts);
                    }
                }
                if number == 0 && line.windows(3).any(|three| three == b" =>") {
                    of_pair = Some(value);
                } else {
                    before = Some(value);
                }
            }
            // The value of this name is an aggregate, which is on the lines below.
            if let Some(name) = of_pair.filter(|name| values.len() == 1 && look.rules.hides_field(name)) {
                drop(name);
                hidden_below = Some(indent);
            }
            place += usize::from(outermost);
            at += line.len() + 1;
        }
    }
}

fn shape(name: &str) -> Shape {
    match name {
        "SET" | "SETNX" | "GETSET" | "SETEX" | "PSETEX" | "APPEND" | "SETRANGE" | "LPUSH" | "RPUSH"
        | "LPUSHX" | "RPUSHX" | "LSET" | "LINSERT" | "LREM" | "SADD" | "SREM" | "SISMEMBER"
        | "SMISMEMBER" | "ZADD" | "ZREM" | "ZSCORE" | "PUBLISH" | "SPUBLISH" | "RESTORE" | "JSON.SET" => {
            Shape::Key
        }
        "HSET" | "HMSET" | "HSETNX" | "XADD" => Shape::Fields,
        "MSET" | "MSETNX" => Shape::Keys,
        "MGET" => Shape::Asks { from: 1 },
        "HGET" | "HMGET" => Shape::Asks { from: 2 },
        _ => Shape::Other,
    }
}

/// Commands whose answers are what a key holds.
fn answers_key(name: &str) -> bool {
    matches!(
        name,
        "GET"
            | "GETDEL"
            | "GETEX"
            | "GETSET"
            | "GETRANGE"
            | "SUBSTR"
            | "HGETALL"
            | "HVALS"
            | "LRANGE"
            | "LPOP"
            | "RPOP"
            | "LINDEX"
            | "BLPOP"
            | "BRPOP"
            | "SMEMBERS"
            | "SPOP"
            | "SRANDMEMBER"
            | "ZRANGE"
            | "ZREVRANGE"
            | "XRANGE"
            | "XREVRANGE"
            | "DUMP"
            | "JSON.GET"
    )
}

/// Where the fields of an `XADD` begin: behind its options and the entry's id.
fn stream_fields(word: &dyn Fn(usize) -> String, count: usize) -> usize {
    let is_id = |at: &usize| {
        let word = word(*at);
        word == "*" || word.split_once('-').is_some_and(|(ms, _)| ms.parse::<u64>().is_ok())
    };
    (2..count.min(10)).find(is_id).map_or(count, |at| at + 1)
}

/// Whether a part of a key names a secret: `token:7`, `user:7:api_key`.
fn names_secret_key(key: &str, rules: &Redaction) -> bool {
    key.split([':', '/', '|']).any(|part| rules.hides_field(part))
}

/// Whether a word is a key or the like, whose parts are between colons: `token:7` holds no token.
fn is_key(word: &[u8]) -> bool {
    let is_other = |byte: &u8| byte.is_ascii_whitespace() || b"{[=<\"'".contains(byte);
    !word.iter().any(is_other) && !word.windows(3).any(|three| three == b"://")
}

/// Whether the answer is a list of values.
fn is_aggregate(text: &[u8]) -> bool {
    !values(text.split(|byte| *byte == b'\n').next().unwrap_or_default()).1.is_empty()
}

/// Whether it is something that was kept, and not the server's word that there is nothing, or that it is done.
fn is_value(text: &[u8]) -> bool {
    !matches!(text, b"(nil)" | b"OK" | b"QUEUED" | b"")
        && !text.starts_with(b"ERR ")
        && !text.starts_with(b"WRONGTYPE ")
}

/// The indent of a line of an aggregate, and its value, or its name and value.
fn values(line: &[u8]) -> (usize, Vec<Range<usize>>) {
    let mut at = 0;
    let mut indent = 0;
    // `1) 2) "a"`: the value that begins here is the first of the second.
    loop {
        let blanks = line.iter().skip(at).take_while(|byte| **byte == b' ').count();
        let digits = line.iter().skip(at + blanks).take_while(|byte| byte.is_ascii_digit()).count();
        let mark = at + blanks + digits;
        let is_number = digits > 0
            && matches!(line.get(mark), Some(b')' | b'#' | b'~' | b'|'))
            && matches!(line.get(mark + 1), Some(b' ') | None);
        if !is_number {
            break;
        }
        indent = at + blanks;
        at = (mark + 2).min(line.len());
    }
    if at == 0 {
        return (0, Vec::new());
    }
    let first = at..at + value_len(line.get(at..).unwrap_or_default());
    let arrow = line.get(first.end..).unwrap_or_default();
    let mut found = vec![first.clone()];
    if arrow.starts_with(b" => ") {
        found.push(first.end + 4..line.len());
    }
    (indent, found)
}

/// Of a quoted value, or of one up to the arrow or the line's end.
fn value_len(text: &[u8]) -> usize {
    if text.first() == Some(&b'"') {
        return word_len(text);
    }
    text.windows(3).position(|three| three == b" =>").unwrap_or(text.len())
}

/// The words of a command.
fn words(text: &[u8]) -> Vec<Range<usize>> {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.first().is_some_and(u8::is_ascii_whitespace) {
            at += 1;
            continue;
        }
        // What is behind the last belongs to it, so that nothing is passed over.
        let len = if words.len() + 1 == WORDS_LIMIT { rest.len() } else { word_len(rest) };
        words.push(at..at + len);
        at += len;
    }
    words
}

/// Of the word, in quotes or not, that begins here.
fn word_len(text: &[u8]) -> usize {
    let Some(quote @ (b'"' | b'\'')) = text.first() else {
        return text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len());
    };
    let mut at = 1;
    while let Some(byte) = text.get(at) {
        match byte {
            byte if byte == quote => return at + 1,
            b'\\' if *quote == b'"' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

/// What is between a word's quotes, and how it is written there.
fn inside(text: &[u8], word: &Range<usize>) -> (Range<usize>, Coding) {
    let bytes = text.get(word.clone()).unwrap_or_default();
    let (Some(quote @ (b'"' | b'\'')), length) = (bytes.first(), bytes.len()) else {
        return (word.clone(), Coding::Nothing);
    };
    let end = if length > 1 && bytes.last() == Some(quote) { word.end - 1 } else { word.end };
    (word.start + 1..end, if *quote == b'"' { Coding::Backslash } else { Coding::Nothing })
}

/// A word as text.
fn plain(text: &[u8], word: &Range<usize>) -> String {
    let (range, coding) = inside(text, word);
    let undone = super::coding::Undone::new(text.get(range).unwrap_or_default(), 0, coding);
    String::from_utf8_lossy(&undone.bytes).into_owned()
}
