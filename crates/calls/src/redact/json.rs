//! Hides values in JSON without parsing it whole: bodies are cut at a limit, come as several documents one after the
//! other, or within `data:` lines, and must not show a secret for that.

use std::borrow::Cow;
use std::ops::Range;

use super::{REDACTED, Redaction};

/// The body with hidden values replaced; `None` when there is nothing to hide.
pub(super) fn hide(body: &[u8], rules: &Redaction) -> Option<Vec<u8>> {
    let mut scan =
        Scan { body, rules, at: 0, open: Vec::new(), keys: Vec::new(), out: Vec::new(), copied: 0 };
    scan.run();
    if scan.copied == 0 {
        return None;
    }
    scan.out.extend_from_slice(body.get(scan.copied..).unwrap_or_default());
    Some(scan.out)
}

struct Scan<'a> {
    body: &'a [u8],
    rules: &'a Redaction,
    at: usize,
    /// Open brackets: `true` for an object.
    open: Vec<bool>,
    /// The key of each open object whose value is being read, the innermost last.
    keys: Vec<Cow<'a, str>>,
    out: Vec<u8>,
    /// How much of `body` is in `out`, replaced or copied.
    copied: usize,
}

impl Scan<'_> {
    fn run(&mut self) {
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
                        self.at = end;
                        continue;
                    }
                    let key = text(self.body, self.at..end);
                    let in_object = self.open.last() == Some(&true);
                    if in_object {
                        self.keys.truncate(objects - 1);
                    }
                    let outer = self.keys.iter().rev().map(AsRef::as_ref);
                    let hidden = self.rules.hides(&std::iter::once(key.as_ref()).chain(outer));
                    self.at = skip_space(self.body, colon + 1);
                    if hidden {
                        self.replace_value();
                    }
                    if in_object {
                        self.keys.push(key);
                    }
                }
                _ => self.at += 1,
            }
        }
    }

    fn replace_value(&mut self) {
        let end = value_end(self.body, self.at);
        self.out.extend_from_slice(self.body.get(self.copied..self.at).unwrap_or_default());
        self.out.push(b'"');
        self.out.extend_from_slice(REDACTED.as_bytes());
        self.out.push(b'"');
        self.copied = end.max(1);
        self.at = end;
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
