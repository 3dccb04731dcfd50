//! Lines that carry no level but say what they are: uncaught exceptions, compilers, access logs.

use std::sync::LazyLock;

use memchr::memmem;
use model::line::Level;
use regex::Regex;

use crate::text::access::Access;

/// Go's two ways to die: not the level `panic` of a logger.
pub(super) fn crash(text: &str) -> Option<Level> {
    (text.starts_with("panic: ") || text.starts_with("fatal error: ")).then_some(Level::Error)
}

/// Exceptions and compilers, then access logs by their status.
pub(super) fn level(text: &str) -> Option<Level> {
    if is_exception(text) {
        return Some(Level::Error);
    }
    diagnostic(text).or_else(|| access(text))
}

/// Whether the text begins as an uncaught exception does.
pub(crate) fn is_exception(text: &str) -> bool {
    const STARTS: [&str; 11] = [
        "Traceback (most recent",
        "+ Exception Group Traceback (most recent",
        "Exception in thread",
        "Unhandled ",
        "UnhandledPromiseRejection: ",
        "Uncaught ",
        "PHP Fatal error",
        "PHP Parse error",
        "npm ERR!",
        "npm error",
        "fatal error: ",
    ];
    // Next.js, Rollup and others put a sign before it.
    let text = text.trim_start_matches(|c: char| !c.is_ascii() || "[!] ".contains(c));
    STARTS.iter().any(|start| text.starts_with(start))
        || text.starts_with("thread '") && text.contains("' panicked at")
        || text.starts_with("thread '") && text.contains(") panicked at")
        || (has(text, b"Error") || has(text, b"Exception")) && is_class(text)
}

fn has(text: &str, word: &[u8]) -> bool {
    memmem::find(text.as_bytes(), word).is_some()
}

/// `pkg.Some$Error: text`, `SomeException`, and Ruby's `text (NoMethodError)`.
fn is_class(text: &str) -> bool {
    static CLASS: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^(?:[A-Za-z0-9_$]+(?:\.|::|\\))*[A-Za-z0-9_$]*(?:Error|Exception)(?: \[[A-Z0-9_]+\])?(?:: |:?$)|\((?:[A-Za-z0-9_]+::)*[A-Za-z0-9_]*(?:Error|Exception)\)$")
            .expect("the pattern is constant")
    });
    CLASS.is_match(text)
}

/// `file:3:5: error: text`, `file(3,5): error TS2304: text`, and what every parser made by Bison says.
fn diagnostic(text: &str) -> Option<Level> {
    static DIAGNOSTIC: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r": (?:fatal )?(error|warning)(?: [A-Z]+[0-9]+)?:").expect("the pattern is constant")
    });
    if has(text, b": syntax error, ") {
        return Some(Level::Error);
    }
    let word = DIAGNOSTIC.captures(text)?.get(1)?.as_str();
    Some(if word == "error" { Level::Error } else { Level::Warn })
}

/// `"GET /path HTTP/1.1" 502`: the server's fault, the client's, or nobody's.
fn access(text: &str) -> Option<Level> {
    Some(match Access::of(text)?.status().as_bytes().first()? {
        b'5' => Level::Error,
        b'4' => Level::Warn,
        _ => Level::Info,
    })
}
