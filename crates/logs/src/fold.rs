//! Which lines belong to the line before them: stack traces and what else programs print over several lines.

use model::line::Level;

use crate::level::{is_exception, level};
use crate::text::skim::is_object;
use crate::text::stamp;

/// No record is longer than this, whatever it looks like.
const MAX_LINES: u32 = 500;
const MAX_BYTES: usize = 256 * 1024;
/// Nanoseconds between two lines of one record.
const MAX_GAP: i64 = 1_000_000_000;

/// What the open record is, as far as its lines tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// A line like any other.
    Plain,
    /// Frames follow, indented or by their words.
    Trace,
    /// Python: indented frames, then one line that is not.
    Python,
    /// Python: that line was there; a chained traceback may follow.
    PythonEnd,
    /// Go: blank lines, goroutines, calls with a tab line each.
    Go,
    /// Rust: the line behind `panicked at` is the message.
    Rust,
    /// Node: place, code, caret and blank come before the error.
    Node,
}

/// The record that is open in one stream of one instance.
#[derive(Debug, Clone)]
pub(crate) struct Fold {
    shape: Shape,
    level: Option<Level>,
    lines: u32,
    bytes: usize,
    last: i64,
}

impl Fold {
    /// Before the first line.
    pub(crate) fn new() -> Self {
        Self { shape: Shape::Plain, level: None, lines: 0, bytes: 0, last: i64::MIN }
    }

    /// Whether the line continues the record, and its level: its own, or for a continuation the record's.
    pub(crate) fn admit(&mut self, ts: i64, text: &str) -> (bool, Option<Level>) {
        let own = level(text);
        if let Some(shape) = self.joins(ts, text, own) {
            self.shape = shape;
            self.lines += 1;
            self.bytes += text.len();
            self.last = ts;
            return (true, self.level);
        }
        *self = Self { shape: Shape::of(text), level: own, lines: 1, bytes: text.len(), last: ts };
        (false, own)
    }

    /// The record's shape with this line in it; `None` when the line is not of this record.
    fn joins(&self, ts: i64, text: &str, own: Option<Level>) -> Option<Shape> {
        let over = self.lines >= MAX_LINES || self.bytes + text.len() > MAX_BYTES;
        if self.lines == 0 || over || ts.saturating_sub(self.last) > MAX_GAP || is_object(text) {
            return None;
        }
        let body = text.trim_start();
        if body.is_empty() {
            let blank = matches!(self.shape, Shape::PythonEnd | Shape::Go | Shape::Node);
            return blank.then_some(self.shape);
        }
        if stamp::leading(body) > 0 {
            return None;
        }
        if body.len() < text.len() {
            let head = self.shape == Shape::Plain && own.is_some() && !is_frame(body);
            return (!head).then_some(self.shape);
        }
        if is_frame(text) || is_closer(text) {
            return Some(if self.shape == Shape::Plain { Shape::Trace } else { self.shape });
        }
        self.follows(text)
    }

    /// Lines that only what came before makes part of the record.
    fn follows(&self, text: &str) -> Option<Shape> {
        let traceback = text.starts_with("Traceback (most recent");
        match self.shape {
            Shape::PythonEnd if traceback => Some(Shape::Python),
            Shape::Python if !traceback => Some(Shape::PythonEnd),
            Shape::Go if text.ends_with(')') || text.starts_with("goroutine ") => Some(Shape::Go),
            Shape::Rust => Some(Shape::Trace),
            Shape::Node if is_exception(text) => Some(Shape::Trace),
            Shape::Node if self.lines < 4 => Some(Shape::Node),
            _ if self.lines == 1 && self.level >= Some(Level::Warn) && is_exception(text) => {
                Some(Shape::of(text))
            }
            _ => None,
        }
    }
}

impl Shape {
    fn of(head: &str) -> Self {
        if head.starts_with("Traceback (most recent") {
            Self::Python
        } else if head.starts_with("panic: ")
            || head.starts_with("fatal error: ")
            || head.starts_with("goroutine ")
        {
            Self::Go
        } else if head.starts_with("thread '") && head.contains(" panicked at") {
            Self::Rust
        } else if is_place(head) {
            Self::Node
        } else if is_exception(head) {
            Self::Trace
        } else {
            Self::Plain
        }
    }
}

/// Words that only stand in the middle of a trace.
fn is_frame(text: &str) -> bool {
    const STARTS: [&str; 16] = [
        "at ",
        "Caused by: ",
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
        "from ",
        "Node.js v",
        "#",
    ];
    let known = STARTS.iter().find(|start| text.starts_with(**start));
    match known {
        Some(&"#") => text.as_bytes().get(1).is_some_and(u8::is_ascii_digit),
        Some(&"from ") => text.contains(':'),
        Some(_) => true,
        None => text.starts_with("... ") && text.ends_with(" more"),
    }
}

/// Nothing but the end of what was opened before.
fn is_closer(text: &str) -> bool {
    matches!(text.as_bytes()[0], b'}' | b']' | b')') && text.bytes().all(|b| b"}]),; ".contains(&b))
}

/// Node's first line: the file and line of an uncaught error.
fn is_place(text: &str) -> bool {
    let path = text.starts_with('/') || text.starts_with("node:") || text.starts_with("file:///");
    let line = text.rsplit_once(':').map_or("", |(_, line)| line);
    path && !line.is_empty() && !text.contains(' ') && line.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `record` between two ordinary lines; all its lines but the first must be continuations of its level.
    fn check(expected: Option<Level>, record: &str) {
        let mut fold = Fold::new();
        assert_eq!(fold.admit(0, "2026-11-23 02:13:20 INFO before"), (false, Some(Level::Info)));
        for (at, line) in record.lines().enumerate() {
            assert_eq!(fold.admit(at as i64, line), (at > 0, expected), "{line}");
        }
        assert_eq!(fold.admit(999, "2026-11-23 02:13:20 INFO after"), (false, Some(Level::Info)));
        assert_eq!(fold.admit(999, "an ordinary line"), (false, None));
    }

    #[test]
    fn keeps_the_traces_of_the_usual_languages_together() {
        let error = Some(Level::Error);
        check(
            error,
            "2026-11-23 02:13:20 ERROR boom\njava.lang.IllegalStateException: x\n\tat a.B.c(B.java:3)\nCaused by: java.io.IOException: y\n\tat a.B.d(B.java:9)\n\t... 12 more",
        );
        check(
            error,
            "Traceback (most recent call last):\n  File \"/a.py\", line 3, in f\n    g()\nValueError: x\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"/a.py\", line 5, in <module>\nKeyError: 'y'",
        );
        check(
            error,
            "ERROR:root:failed\nTraceback (most recent call last):\n  File \"/a.py\", line 3, in f\nValueError: x",
        );
        check(
            error,
            "panic: runtime error: index out of range [3] with length 3\n\ngoroutine 1 [running]:\nmain.f(...)\n\t/app/main.go:9\nmain.main()\n\t/app/main.go:5 +0x1d\nexit status 2",
        );
        check(
            error,
            "thread 'main' panicked at src/main.rs:3:5:\nindex out of bounds\nnote: run with `RUST_BACKTRACE=1` environment variable to display a backtrace",
        );
        check(error, "TypeError: Cannot read properties of undefined (reading 'id')\n    at f (/app/i.js:3:5)\n    at node:internal/main:12:3\n\nNode.js v20.1.0".replace("\n\n", "\n").as_str());
        check(
            None,
            "/app/index.js:3\n  throw new Error('x')\n  ^\n\nError: x\n    at f (/app/index.js:3:9)\nNode.js v20.1.0",
        );
        check(
            error,
            "fail: Microsoft.EntityFrameworkCore.Database.Command[20102]\n      Failed executing DbCommand\n   at System.X.Y()\n--- End of stack trace from previous location ---",
        );
        check(error, "app.rb:3:in 'f': bad (NoMethodError)\n\tfrom app.rb:9:in '<main>'");
        check(
            error,
            "PHP Fatal error:  Uncaught Error: x in /a.php:3\nStack trace:\n#0 {main}\n  thrown in /a.php on line 3",
        );
        check(None, "config = {\n  \"a\": 1\n}");
    }

    #[test]
    fn leaves_neighbours_alone() {
        let mut fold = Fold::new();
        for line in
            ["started", " INFO | ready", "GET /", "{\"level\":\"info\"}", "note taken", "ValueError: alone"]
        {
            assert!(!fold.admit(0, line).0, "{line}");
        }
    }

    #[test]
    fn ends_a_record_that_pauses_or_grows_without_end() {
        let mut fold = Fold::new();
        fold.admit(0, "ERROR boom");
        assert!(fold.admit(MAX_GAP, "  at x").0);
        assert!(!fold.admit(2 * MAX_GAP + 1, "  at y").0);
        let joined = (0..2 * MAX_LINES).filter(|_| fold.admit(2 * MAX_GAP + 1, "  at z").0).count();
        assert!(joined < 2 * MAX_LINES as usize, "the record must end at {MAX_LINES} lines");
    }
}
