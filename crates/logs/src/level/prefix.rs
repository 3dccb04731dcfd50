//! Formats with a letter, a number or a sign of their own for the level.

use std::sync::LazyLock;

use model::line::Level;
use regex::Regex;

use super::alias;
use crate::text::stamp;

/// The level of a line in one of these formats.
pub(super) fn level(text: &str) -> Option<Level> {
    let bytes = text.as_bytes();
    match bytes.first()? {
        b'<' => syslog(text),
        b'0'..=b'9' => redis(text).or_else(|| mongo(text)).or_else(|| capnslog(text)),
        b'[' => nest(text).or_else(|| tornado(bytes)),
        b'A'..=b'Z' => glog(bytes).or_else(|| ruby(bytes)).or_else(|| apt(bytes)).or_else(|| java_util(text)),
        _ => None,
    }
}

/// `<14>text`, RFC 5424 section 6.2.1: the number is facility times 8 plus severity, at most 191.
fn syslog(text: &str) -> Option<Level> {
    let (number, _) = text[1..].split_once('>')?;
    let number: u64 = number.parse().ok().filter(|n| *n <= 191)?;
    alias::syslog(number % 8)
}

/// `I1123 02:13:20.123456`, and `CockroachDB`'s with the year before the month.
fn glog(bytes: &[u8]) -> Option<Level> {
    let digits = bytes[1..].iter().take_while(|b| b.is_ascii_digit()).count();
    let rest = bytes.get(1 + digits..)?;
    let clock = matches!(rest, [b' ', b'0'..=b'9', b'0'..=b'9', b':', _, _, b':', _, _, b'.', ..]);
    if (4..=8).contains(&digits) && clock { alias::letter(bytes[0]) } else { None }
}

/// `I, [2026-11-23T02:13:20.123456 #1]  INFO -- : text`
fn ruby(bytes: &[u8]) -> Option<Level> {
    if bytes.get(1..4) == Some(b", [") { alias::letter(bytes[0]) } else { None }
}

/// `E: Unable to locate package x`: apt and what is made like it.
fn apt(bytes: &[u8]) -> Option<Level> {
    if bytes.get(1..3) == Some(b": ") { alias::letter(bytes[0]) } else { None }
}

/// `[E 261124 10:30:31 web:2108] text`: Tornado, Jupyter.
fn tornado(bytes: &[u8]) -> Option<Level> {
    match bytes {
        [b'[', letter, b' ', b'0'..=b'9', b'0'..=b'9', ..] => alias::letter(*letter),
        _ => None,
    }
}

/// `2026-11-24 10:28:12.441899 I | etcdmain: text`: etcd up to 3.4 and others that log as it does.
fn capnslog(text: &str) -> Option<Level> {
    match text.as_bytes().get(stamp::leading(text)..)? {
        [b' ', letter, b' ', b'|', b' ', ..] => alias::letter(*letter),
        _ => None,
    }
}

/// `1:M 23 Nov 2026 02:13:20.123 * text`
fn redis(text: &str) -> Option<Level> {
    let mut words = text.split(' ');
    let (_, role) = words.next()?.split_once(':')?;
    if !matches!(role, "X" | "C" | "S" | "M") {
        return None;
    }
    match words.nth(4)? {
        "." | "-" => Some(Level::Debug),
        "*" => Some(Level::Info),
        "#" => Some(Level::Warn),
        _ => None,
    }
}

/// `2026-11-23T02:13:20.123+0000 I NETWORK  [listener] text`, up to MongoDB 4.2.
fn mongo(text: &str) -> Option<Level> {
    let mut words = text.split_whitespace();
    let (stamp, letter, component) = (words.next()?, words.next()?, words.next()?);
    let upper = component.bytes().all(|b| b.is_ascii_uppercase() || b == b'_' || b == b'-');
    if stamp.len() < 20 || !stamp.contains('T') || letter.len() > 2 || !upper {
        return None;
    }
    alias::letter(letter.bytes().next()?)
}

/// `[Nest] 1  - 11/23/2026, 2:13:20 AM     LOG [Context] text`
fn nest(text: &str) -> Option<Level> {
    let words = text.strip_prefix("[Nest]")?.split_whitespace();
    let mut upper = words.take(8).filter(|word| word.bytes().all(|b| b.is_ascii_uppercase()));
    upper.find_map(|word| alias::alias(word).map(|(level, _)| level))
}

/// The first of the two lines of `java.util.logging`: time, class, method. The second has the level.
fn java_util(text: &str) -> Option<Level> {
    static HEADER: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"^[A-Z][a-z]{2} [0-9]{1,2}, [0-9]{4} [0-9]{1,2}:[0-9]{2}:[0-9]{2} [AP]M [A-Za-z0-9_.$]+ [^ ]+$",
        )
        .expect("the pattern is constant")
    });
    (text.as_bytes().get(3) == Some(&b' ') && HEADER.is_match(text)).then_some(Level::Info)
}
