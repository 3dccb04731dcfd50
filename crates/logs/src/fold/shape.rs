//! What a record looks like so far, and which lines only what came before makes part of it.

use std::sync::LazyLock;

use regex::Regex;

use crate::level::is_exception;

/// Lines of a message between the place of an error of Node's and its first frame.
const MESSAGE: u32 = 64;

/// What the open record is, as far as its lines tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// A line like any other.
    Plain,
    /// Frames follow, indented or by their words.
    Trace,
    /// Python: indented frames, then one line that is not.
    Python,
    /// Python: that line was there; a chained traceback may follow.
    PythonEnd,
    /// Python: the statement behind an error of `SQLAlchemy`, until its bracket closes.
    PythonSql,
    /// Go: blank lines, goroutines, calls with a tab line each.
    Go,
    /// Rust: the line behind `panicked at` is the message.
    Rust,
    /// Node: place, code and caret come before the error.
    Node,
    /// Node: the error, whose message may have many lines until its frames come.
    NodeError,
    /// Ruby: its causes follow, each with frames of its own.
    Ruby,
    /// SQL: its clauses follow, each on a line of its own.
    Sql,
}

impl Shape {
    /// What a record is that begins with this line.
    pub(super) fn of(head: &str) -> Self {
        let head = head.trim_start();
        if head.starts_with("Traceback (most recent") || head.starts_with("File \"") {
            Self::Python
        } else if head.starts_with("panic: ") || head.starts_with("fatal error: ") || is_goroutine(head) {
            Self::Go
        } else if head.starts_with("thread '") && head.contains(" panicked at") {
            Self::Rust
        } else if is_place(head) {
            Self::Node
        } else if is_ruby(head) {
            Self::Ruby
        } else if is_exception(head) || is_category(head) {
            Self::Trace
        } else if is_statement(head) {
            Self::Sql
        } else {
            Self::Plain
        }
    }

    /// The shape of a record of `lines` lines, the last of them `blank` or not, with this line in it; `None` when this
    /// shape has no claim to it.
    pub(super) fn takes(self, lines: u32, blank: bool, text: &str) -> Option<Self> {
        let traceback = text.starts_with("Traceback (most recent");
        let indented = text.starts_with([' ', '\t']);
        match self {
            Self::PythonEnd if traceback => Some(Self::Python),
            Self::PythonEnd if text.starts_with("[SQL: ") && !text.ends_with(']') => Some(Self::PythonSql),
            Self::PythonEnd => is_sqlalchemy(text).then_some(Self::PythonEnd),
            Self::PythonSql => Some(if text.ends_with(']') { Self::PythonEnd } else { Self::PythonSql }),
            Self::Python if !traceback && !indented && !is_frame(text) => Some(Self::PythonEnd),
            Self::Go => is_go_call(text).then_some(Self::Go),
            Self::Rust => Some(Self::Trace),
            Self::Node if lines == 1 => Some(Self::Node),
            Self::Node => is_caret(text).then_some(Self::NodeError),
            Self::NodeError if text.trim_start().starts_with("at ") => Some(Self::Trace),
            Self::NodeError => (lines < MESSAGE).then_some(Self::NodeError),
            // The line of code in question, behind a blank one.
            Self::Ruby if lines == 2 && blank => Some(Self::Ruby),
            Self::Ruby => is_ruby(text).then_some(Self::Ruby),
            Self::Trace if text.starts_with("Next ") && text.contains(": ") => Some(Self::Trace),
            Self::Sql => is_clause(text).then_some(Self::Sql),
            // `http: panic serving`: the server lives on, and says where it broke.
            Self::Plain if lines == 1 && is_goroutine(text) => Some(Self::Go),
            Self::Plain | Self::Trace | Self::Python => None,
        }
    }
}

/// Words that only stand in the middle of a trace.
pub(super) fn is_frame(text: &str) -> bool {
    const STARTS: [&str; 16] = [
        "at ",
        "Caused by:",
        "Suppressed: ",
        "--- End of ",
        "created by ",
        "[signal ",
        "exit status ",
        "Stack trace:",
        "thrown in ",
        "stack backtrace:",
        "note: ",
        "During handling of ",
        "The above exception ",
        "Emitted 'error' event ",
        "Node.js v",
        "#",
    ];
    let known = STARTS.iter().find(|start| text.starts_with(**start));
    match known {
        Some(&"#") => text.as_bytes().get(1).is_some_and(u8::is_ascii_digit),
        Some(_) => true,
        None => {
            text.starts_with("... ") && text.ends_with(" more")
                || text.starts_with("from ") && text.contains(':')
                || ruby_place(text).is_some_and(|rest| rest.ends_with('\'') && !rest.contains("': "))
        }
    }
}

/// Nothing but the end of what was opened before.
pub(super) fn is_closer(text: &str) -> bool {
    matches!(text.as_bytes()[0], b'}' | b']' | b')') && text.bytes().all(|b| b"}]),; ".contains(&b))
}

/// Node's first line: the file and line of an uncaught error.
fn is_place(text: &str) -> bool {
    let path = text.starts_with('/') || text.starts_with("node:") || text.starts_with("file:///");
    let line = text.rsplit_once(':').map_or("", |(_, line)| line);
    path && !line.is_empty() && !text.contains(' ') && line.bytes().all(|b| b.is_ascii_digit())
}

/// What points at a piece of the line above.
fn is_caret(text: &str) -> bool {
    let marks = text.trim();
    !marks.is_empty() && marks.bytes().all(|b| matches!(b, b'^' | b'~'))
}

/// `goroutine 1 [running]:`
fn is_goroutine(text: &str) -> bool {
    text.starts_with("goroutine ") && text.ends_with("]:")
}

/// `net/http.(*conn).serve(0xc0000000a0, {0x735740, 0xc000098db0})`
fn is_go_call(text: &str) -> bool {
    let opened = text.find(['(', ' ']).filter(|at| text.as_bytes()[*at] == b'(');
    is_goroutine(text) || text.ends_with(')') && opened.is_some_and(|at| at > 0)
}

/// What follows `file.rb:4:in ` in a line of Ruby's, quotation mark first.
fn ruby_place(text: &str) -> Option<&str> {
    let (place, rest) = text.split_once(":in ")?;
    let (_, line) = place.rsplit_once(':')?;
    let numbered = !line.is_empty() && line.bytes().all(|b| b.is_ascii_digit());
    (numbered && rest.starts_with(['`', '\''])).then_some(rest)
}

/// `file.rb:4:in 'charge': cannot charge (Shop::Error)`
fn is_ruby(text: &str) -> bool {
    ruby_place(text).is_some_and(|rest| rest.contains("': ") && rest.ends_with(')'))
}

/// `fail: Orders.Checkout[20102]`: .NET puts the message on the lines below, indented.
fn is_category(text: &str) -> bool {
    const LEVELS: [&str; 6] = ["trce: ", "dbug: ", "info: ", "warn: ", "fail: ", "crit: "];
    let event = text.strip_suffix(']').and_then(|text| text.rsplit_once('[')).map_or("", |(_, event)| event);
    LEVELS.iter().any(|level| text.starts_with(level))
        && !event.is_empty()
        && event.bytes().all(|b| b.is_ascii_digit())
}

/// What `SQLAlchemy` says of an error on lines of its own.
fn is_sqlalchemy(text: &str) -> bool {
    ["[SQL: ", "[parameters: ", "(Background on this error at: "].iter().any(|start| text.starts_with(start))
}

/// Whether a statement of SQL begins in the line: in upper case, as those who log it write it.
fn is_statement(text: &str) -> bool {
    static STATEMENT: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"(?:^|[ :"(])(?:SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH|CREATE TABLE) "#)
            .expect("the pattern is constant")
    });
    STATEMENT.is_match(text)
}

/// A clause of SQL at the line's beginning.
fn is_clause(text: &str) -> bool {
    const WORDS: [&str; 20] = [
        "FROM",
        "WHERE",
        "AND",
        "OR",
        "ON",
        "JOIN",
        "LEFT",
        "RIGHT",
        "INNER",
        "OUTER",
        "GROUP",
        "ORDER",
        "HAVING",
        "LIMIT",
        "OFFSET",
        "VALUES",
        "SET",
        "RETURNING",
        "UNION",
        "SELECT",
    ];
    let word = text.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    WORDS.contains(&word)
}
