//! Hides what XML and HTML hold: contents of elements, and attributes. No parser: a document may be cut, or half of one.

use std::ops::Range;

use super::Look;
use super::coding::Coding;
use super::cuts::Cuts;

/// Attributes that give an element its name, and those that hold its value then.
const NAMES: [&str; 3] = ["name", "key", "id"];
const VALUES: [&str; 2] = ["value", "content"];
/// Attributes of one element that are looked at.
const ATTRIBUTES_LIMIT: usize = 64;
/// Elements that are never closed, up to the next tag, in what may be no XML at all, such as `List<Token>` of a program.
/// Behind so many all is hidden, since each is looked for to the text's end.
const UNCLOSED_LIMIT: usize = 64;

/// Finds what elements and attributes hide by their names. `is_xml`: what an element's `name` says goes for its content
/// too; in HTML that is a label's text.
pub(super) fn find(text: &[u8], is_xml: bool, look: Look<'_>, cuts: &mut Cuts) {
    let (mut at, mut unclosed) = (0, 0);
    while let Some(open) = text.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'<')) {
        let start = at + open + 1;
        let name = name_at(text, start);
        at = start + name.len();
        if name.is_empty() {
            continue;
        }
        let tag = tag(text, at);
        let mut is_secret = look.rules.hides_field(local(name));
        let names = |of: &&Attribute<'_>| NAMES.iter().any(|known| of.name.eq_ignore_ascii_case(known));
        let values = |of: &Attribute<'_>| VALUES.iter().any(|known| of.name.eq_ignore_ascii_case(known));
        let value =
            |range: &Range<usize>| String::from_utf8_lossy(text.get(range.clone()).unwrap_or_default());
        let is_named =
            tag.attributes.iter().filter(names).any(|of| look.rules.hides_field(&value(&of.value)));
        is_secret |= is_named && is_xml;
        for attribute in tag.attributes {
            if look.rules.hides_field(local(attribute.name)) || (is_named && values(&attribute)) {
                cuts.hide(attribute.value, "");
            } else {
                let part = text.get(attribute.value.clone()).unwrap_or_default();
                look.value(part, attribute.value.start, Coding::Nothing, cuts);
            }
        }
        at = tag.end;
        if is_secret && !tag.is_empty {
            let end = closing(text, at, name).unwrap_or_else(|| {
                unclosed += 1;
                if is_xml || unclosed > UNCLOSED_LIMIT { text.len() } else { next_tag(text, at) }
            });
            cuts.hide(at..end, "");
            at = end;
        }
    }
}

struct Attribute<'a> {
    name: &'a str,
    value: Range<usize>,
}

struct Tag<'a> {
    attributes: Vec<Attribute<'a>>,
    /// Behind its `>`.
    end: usize,
    /// It ends with `/>`.
    is_empty: bool,
}

/// What stands behind an element's name up to its `>`.
fn tag(text: &[u8], mut at: usize) -> Tag<'_> {
    let mut tag = Tag { attributes: Vec::new(), end: text.len(), is_empty: false };
    while let Some(byte) = text.get(at) {
        let name = name_at(text, at);
        match byte {
            b'>' => {
                (tag.end, tag.is_empty) = (at + 1, at > 0 && text.get(at - 1) == Some(&b'/'));
                return tag;
            }
            // It was none: the next element begins.
            b'<' => {
                (tag.end, tag.is_empty) = (at, true);
                return tag;
            }
            _ if name.is_empty() => at += 1,
            _ => {
                at = space(text, at + name.len());
                if text.get(at) != Some(&b'=') {
                    continue;
                }
                let value = value_at(text, space(text, at + 1));
                at = value.end + usize::from(matches!(text.get(value.end), Some(b'"' | b'\'')));
                if tag.attributes.len() < ATTRIBUTES_LIMIT {
                    tag.attributes.push(Attribute { name, value });
                }
            }
        }
    }
    tag
}

fn space(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count()
}

/// An attribute's value without its quotes.
fn value_at(text: &[u8], at: usize) -> Range<usize> {
    let rest = text.get(at..).unwrap_or_default();
    if let Some(quote @ (b'"' | b'\'')) = rest.first() {
        let inside = rest.get(1..).unwrap_or_default();
        let len = inside.iter().position(|byte| byte == quote).unwrap_or(inside.len());
        return at + 1..at + 1 + len;
    }
    let is_end = |byte: &u8| byte.is_ascii_whitespace() || *byte == b'>';
    at..at + rest.iter().position(is_end).unwrap_or(rest.len())
}

/// The name that begins here; empty where none does.
fn name_at(text: &[u8], at: usize) -> &str {
    let rest = text.get(at..).unwrap_or_default();
    let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':');
    let len = rest.iter().take_while(is_name).count();
    rest.get(..len).and_then(|name| std::str::from_utf8(name).ok()).unwrap_or_default()
}

/// A name without its prefix.
fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// Where the next tag begins, or the text's end.
fn next_tag(text: &[u8], start: usize) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    start + rest.iter().position(|byte| *byte == b'<').unwrap_or(rest.len())
}

/// Where the element is closed whose content begins here.
fn closing(text: &[u8], start: usize, name: &str) -> Option<usize> {
    let mut at = start;
    while let Some(found) = text.get(at..).and_then(|rest| rest.windows(2).position(|two| two == b"</")) {
        at += found;
        if name_at(text, at + 2) == name {
            return Some(at);
        }
        at += 2;
    }
    None
}
