//! Which lines belong to the line before them: stack traces and what else programs print over several lines.

mod shape;

use model::line::Level;

use self::shape::{Shape, is_closer, is_frame};
use crate::level::{is_exception, level};
use crate::text::skim::is_object;
use crate::text::stamp;

/// No record is longer than this, whatever it looks like.
const MAX_LINES: u32 = 500;
const MAX_BYTES: usize = 256 * 1024;
/// Nanoseconds between two lines of one record.
const MAX_GAP: i64 = 1_000_000_000;
const BLANKS: [char; 2] = [' ', '\t'];

/// The record that is open in one stream of one instance.
#[derive(Debug, Clone)]
pub(crate) struct Fold {
    shape: Shape,
    level: Option<Level>,
    lines: u32,
    bytes: usize,
    last: i64,
    /// Whether the first line is indented.
    indented: bool,
    /// Whether the last line was blank.
    blank: bool,
}

impl Fold {
    /// Before the first line.
    pub(crate) fn new() -> Self {
        Self {
            shape: Shape::Plain,
            level: None,
            lines: 0,
            bytes: 0,
            last: i64::MIN,
            indented: false,
            blank: false,
        }
    }

    /// Whether the line continues the record, and its level: its own, or for a continuation the record's.
    pub(crate) fn admit(&mut self, ts: i64, text: &str) -> (bool, Option<Level>) {
        let own = level(text);
        let joined = self.joins(ts, text, own);
        if let Some(shape) = joined {
            self.shape = shape;
            self.lines += 1;
            self.bytes += text.len();
            // Node says where before it says what: the record is as urgent as what it turns out to be.
            if self.level.is_none() && is_exception(text.trim_start()) {
                self.level = Some(Level::Error);
            }
        } else {
            let (shape, indented) = (Shape::of(text), text.starts_with(BLANKS));
            *self = Self { shape, level: own, lines: 1, bytes: text.len(), indented, ..*self };
        }
        self.last = ts;
        self.blank = text.trim_start().is_empty();
        (joined.is_some(), self.level)
    }

    /// The record's shape with this line in it; `None` when the line is not of this record.
    fn joins(&self, ts: i64, text: &str, own: Option<Level>) -> Option<Shape> {
        let over = self.lines >= MAX_LINES || self.bytes + text.len() > MAX_BYTES;
        if self.lines == 0 || over || ts.saturating_sub(self.last) > MAX_GAP || is_object(text) {
            return None;
        }
        let body = text.trim_start();
        if body.is_empty() {
            // Between a trace and what follows it, or between an error and its trace.
            let blank = self.shape != Shape::Plain || self.level >= Some(Level::Warn);
            return blank.then_some(self.shape);
        }
        if stamp::leading(body) > 0 {
            return None;
        }
        if let Some(shape) = self.shape.takes(self.lines, self.blank, text) {
            return Some(shape);
        }
        if body.len() < text.len() {
            return (!self.is_head(text, body, own)).then_some(self.shape);
        }
        if is_frame(text) || is_closer(text) {
            return Some(if self.shape == Shape::Plain { Shape::Trace } else { self.shape });
        }
        // The exception that an error's line is about.
        let about = self.lines == 1 && self.level >= Some(Level::Warn) && is_exception(text);
        about.then(|| Shape::of(text))
    }

    /// Whether an indented line begins a record of its own, as those of some loggers do.
    fn is_head(&self, text: &str, body: &str, own: Option<Level>) -> bool {
        if self.bytes == 0 || body.starts_with("File \"") && self.shape == Shape::Plain {
            // Behind nothing but a blank line; Python about a file that it cannot read.
            return true;
        }
        // Loggers that pad their levels indent by less, and others indent all their lines.
        let deep = text.starts_with('\t') || text.len() - body.len() >= 4;
        let part = if is_exception(body) {
            self.level >= Some(Level::Warn)
        } else {
            is_frame(body) || deep && self.level.is_some() && !self.indented
        };
        matches!(self.shape, Shape::Plain | Shape::Sql) && own.is_some() && !part
    }
}

#[cfg(test)]
mod tests;
