//! How things look on a terminal. Colours only on one, and never against `NO_COLOR`.

use std::fmt::Write as _;
use std::io::{BufWriter, IsTerminal, StdoutLock, Write};

use api::ApiError;
use manifest::Diagnostic;
use serde::Serialize;

use crate::failure::Failure;

/// The escapes that are used; all empty where colour is not wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paint {
    on: bool,
}

impl Paint {
    /// For standard output.
    pub(crate) fn stdout() -> Self {
        Self { on: wants_colour(&std::io::stdout()) }
    }

    /// For standard error.
    pub(crate) fn stderr() -> Self {
        Self { on: wants_colour(&std::io::stderr()) }
    }

    /// No colour at all.
    #[cfg(test)]
    pub(crate) fn none() -> Self {
        Self { on: false }
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    pub(crate) fn red(self, text: &str) -> String {
        self.paint("31", text)
    }

    pub(crate) fn green(self, text: &str) -> String {
        self.paint("32", text)
    }

    pub(crate) fn amber(self, text: &str) -> String {
        self.paint("33", text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// A name in a colour of its own, the same everywhere.
    pub(crate) fn named(self, name: &str) -> String {
        const COLOURS: [&str; 6] = ["36", "35", "34", "32", "33", "96"];
        let sum: usize = name.bytes().fold(7, |h: usize, b| h.wrapping_mul(31).wrapping_add(usize::from(b)));
        self.paint(COLOURS[sum % COLOURS.len()], name)
    }
}

fn wants_colour(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

/// How many columns standard output has; `None` when it is no terminal.
pub(crate) fn columns() -> Option<usize> {
    let size = std::io::stdout().is_terminal().then(crossterm::terminal::size)?;
    size.ok().map(|(columns, _)| usize::from(columns))
}

/// Writes a line of data.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    Ok(writeln!(std::io::stdout().lock(), "{text}")?)
}

/// Many lines of data, written some at a time: a call of the system's for each would be the most of their cost.
pub(crate) struct Lines {
    out: BufWriter<StdoutLock<'static>>,
}

impl Lines {
    pub(crate) fn new() -> Self {
        Self { out: BufWriter::with_capacity(64 * 1024, std::io::stdout().lock()) }
    }

    pub(crate) fn line(&mut self, text: &str) -> Result<(), Failure> {
        Ok(writeln!(self.out, "{text}")?)
    }

    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        serde_json::to_writer(&mut self.out, value).map_err(std::io::Error::from)?;
        self.line("")
    }

    /// Writes what is left.
    pub(crate) fn end(mut self) -> Result<(), Failure> {
        Ok(self.out.flush()?)
    }
}

/// Writes something for people.
pub(crate) fn note(text: &str) {
    // Nobody can be told that telling failed.
    drop(writeln!(std::io::stderr().lock(), "{text}"));
}

/// Writes one JSON object as a line.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    line(&serde_json::to_string(value).map_err(anyhow::Error::from)?)
}

/// Tells an error: message, causes, hint.
pub(crate) fn error(error: &ApiError) {
    let paint = Paint::stderr();
    let named = error.service.as_ref().map(|service| format!("`{service}`"));
    let about = named
        .filter(|name| !error.message.contains(name))
        .map(|name| format!("{name}: "))
        .unwrap_or_default();
    let place = error.at.map(|at| format!(" (character {})", at + 1)).unwrap_or_default();
    let mut text = format!("{}: {about}{}{place}", paint.red("error"), error.message);
    for cause in &error.causes {
        // Writing to a `String` cannot fail.
        _ = write!(text, "\n  {cause}");
    }
    if let Some(hint) = &error.hint {
        _ = write!(text, "\n{}: {hint}", paint.bold("hint"));
    }
    note(&text);
}

/// Tells what is wrong with a manifest.
pub(crate) fn diagnostics(all: &[Diagnostic]) -> Result<(), Failure> {
    let colour = wants_colour(&std::io::stderr());
    let mut out = std::io::stderr().lock();
    for diagnostic in all {
        writeln!(out, "{}", diagnostic.render(colour))?;
    }
    Ok(())
}

/// Columns of text, as wide as they need to be; the last one is not padded. Widths ignore escapes.
pub(crate) fn table(rows: &[Vec<String>]) -> Result<(), Failure> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|c| rows.iter().filter_map(|r| r.get(c)).map(|t| width(t)).max().unwrap_or(0))
        .collect();
    for row in rows {
        let mut text = String::new();
        for (at, cell) in row.iter().enumerate() {
            text.push_str(cell);
            if at + 1 < row.len() {
                text.push_str(&" ".repeat(widths[at] - width(cell) + 2));
            }
        }
        line(text.trim_end())?;
    }
    Ok(())
}

fn width(text: &str) -> usize {
    let mut escaped = false;
    text.chars()
        .filter(|c| {
            let counts = !escaped && *c != '\x1b';
            escaped = *c == '\x1b' || (escaped && *c != 'm');
            counts
        })
        .count()
}

/// Bytes with a unit.
pub(crate) fn size(bytes: f64) -> String {
    const UNITS: [&str; 4] = ["B", "kB", "MB", "GB"];
    let step = (0..3).find(|s| bytes < 1000_f64.powi(s + 1)).unwrap_or(3);
    let value = bytes / 1000_f64.powi(step);
    let digits = usize::from(step > 0 && value < 10.0);
    format!("{value:.digits$} {}", UNITS[step as usize])
}

/// Milliseconds with a unit.
pub(crate) fn span(ms: f64) -> String {
    match ms {
        ms if ms < 10.0 => format!("{ms:.1} ms"),
        ms if ms < 1000.0 => format!("{ms:.0} ms"),
        ms => format!("{:.1} s", ms / 1000.0),
    }
}

/// The time of day of an RFC 3339 time in UTC, to the millisecond.
pub(crate) fn clock(ts: &str) -> &str {
    ts.get(11..23).unwrap_or(ts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_units() {
        assert_eq!([0.0, 999.0, 1500.0, 25_000_000.0].map(size), ["0 B", "999 B", "1.5 kB", "25 MB"]);
        assert_eq!([0.42, 42.4, 2300.0].map(span), ["0.4 ms", "42 ms", "2.3 s"]);
    }

    #[test]
    fn escapes_take_no_room() {
        assert_eq!(width("\x1b[31mred\x1b[0m"), 3);
        assert_eq!(clock("2026-11-23T06:00:01.500000000Z"), "06:00:01.500");
    }
}
