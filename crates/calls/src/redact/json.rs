//! Hides values in JSON without parsing it whole: bodies are cut at a limit, come as several documents one after the
//! other, or within `data:` lines, and must not show a secret for that.

use std::borrow::Cow;
use std::ops::Range;

use super::Look;
use super::coding::{Coding, Undone};
use super::cuts::Cuts;

/// Where GraphQL's variables stand in a request.
const VARIABLES: &str = "variables";

/// Finds the values that are hidden, and what is hidden within strings that hold something of their own.
pub(super) fn find(body: &[u8], look: Look<'_>, cuts: &mut Cuts) {
    let mut found = Cuts::default();
    Scan::new(body, look).run(&mut found);
    if !found.variables.is_empty() {
        let variables = found.variables.clone();
        Scan { variables: Some(&variables), ..Scan::new(body, look) }.run(&mut found);
    }
    cuts.within(found, &Undone::same(body, 0));
}

struct Scan<'a> {
    body: &'a [u8],
    look: Look<'a>,
    at: usize,
    /// Open brackets: `true` for an object.
    open: Vec<bool>,
    /// The key of each open object whose value is being read, the innermost last.
    keys: Vec<Cow<'a, str>>,
    /// What is looked for instead of what the rules say: these of GraphQL's variables.
    variables: Option<&'a [String]>,
}

impl<'a> Scan<'a> {
    fn new(body: &'a [u8], look: Look<'a>) -> Self {
        Self { body, look, at: 0, open: Vec::new(), keys: Vec::new(), variables: None }
    }

    fn run(&mut self, cuts: &mut Cuts) {
        // A string with a colon after it is a key, wherever it stands: what was lost before it may have opened the
        // object. Only keys of objects that were seen to open are remembered, at most one for each.
        let mut objects = 0;
        while let Some(byte) = self.body.get(self.at) {
            match byte {
                b'{' => {
                    self.open.push(true);
                    objects += 1;
                    self.at += 1;
                }
                b'[' => {
                    self.open.push(false);
                    self.at += 1;
                }
                b'}' | b']' => {
                    if self.open.pop() == Some(true) {
                        self.keys.truncate(objects - 1);
                        objects -= 1;
                    }
                    self.at += 1;
                }
                b'"' => {
                    let end = string_end(self.body, self.at, true);
                    let colon = skip_space(self.body, end);
                    if self.body.get(colon) != Some(&b':') {
                        self.string(self.at..end, cuts);
                        self.at = end;
                        continue;
                    }
                    let key = text(self.body, self.at..end);
                    let in_object = self.open.last() == Some(&true);
                    if in_object {
                        self.keys.truncate(objects - 1);
                    }
                    let hidden = self.hides(&key);
                    self.at = skip_space(self.body, colon + 1);
                    if hidden {
                        let end = value_end(self.body, self.at);
                        cuts.hide(self.at..end, "\"");
                        self.at = end;
                    }
                    if in_object {
                        self.keys.push(key);
                    }
                }
                _ => self.at += 1,
            }
        }
    }

    fn hides(&self, key: &str) -> bool {
        let mut outer = self.keys.iter().rev().map(AsRef::as_ref);
        match self.variables {
            Some(variables) => {
                outer.next() == Some(VARIABLES) && variables.iter().any(|variable| variable == key)
            }
            None => self.look.rules.hides(&std::iter::once(key).chain(outer)),
        }
    }

    /// Looks into a string that is no key.
    fn string(&self, quoted: Range<usize>, cuts: &mut Cuts) {
        if self.variables.is_some() {
            return;
        }
        let inside = self.body.get(quoted.start + 1..quoted.end).unwrap_or_default();
        let inside = inside.strip_suffix(b"\"").unwrap_or(inside);
        self.look.value(inside, quoted.start + 1, Coding::Backslash, cuts);
    }
}

fn skip_space(body: &[u8], mut at: usize) -> usize {
    while body.get(at).is_some_and(u8::is_ascii_whitespace) {
        at += 1;
    }
    at
}

/// Past the closing quote of the string that begins at `at`, or the body's end; with `in_line` at a raw line break too:
/// there is none in JSON, so the quote before it was no string's. A value that is hidden is hidden over lines.
fn string_end(body: &[u8], at: usize, in_line: bool) -> usize {
    let mut at = at + 1;
    while let Some(byte) = body.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\n' if in_line => return at,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    body.len()
}

/// Past the value that begins at `at`, or the body's end.
fn value_end(body: &[u8], mut at: usize) -> usize {
    let mut depth = 0usize;
    while let Some(byte) = body.get(at) {
        match byte {
            b'"' => {
                at = string_end(body, at, false);
                if depth == 0 {
                    return at;
                }
            }
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' => {
                if depth == 0 {
                    return at;
                }
                depth -= 1;
                at += 1;
                if depth == 0 {
                    return at;
                }
            }
            b',' | b'\n' if depth == 0 => return at,
            _ => at += 1,
        }
    }
    body.len()
}

/// A key as text, its escapes undone.
fn text(body: &[u8], quoted: Range<usize>) -> Cow<'_, str> {
    let token = body.get(quoted).unwrap_or_default();
    if token.contains(&b'\\')
        && let Ok(key) = serde_json::from_slice::<String>(token)
    {
        return key.into();
    }
    let inner = token.strip_prefix(b"\"").unwrap_or(token);
    String::from_utf8_lossy(inner.strip_suffix(b"\"").unwrap_or(inner))
}
