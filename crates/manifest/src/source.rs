//! The texts that were read and what was found in them.

use std::path::{Path, PathBuf};

use crate::{Diagnostic, Severity};

/// Nobody reads more; each carries its line, and a hostile file may have many findings in one long line.
const MAX_SHOWN: usize = 500;
/// How many characters of a line are carried.
const MAX_LINE: usize = 2000;

/// A piece of one of the texts: bytes `start..end` of file number `file`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Spot {
    pub(crate) file: usize,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Spot {
    pub(crate) const fn new(file: usize, start: usize, end: usize) -> Self {
        Self { file, start, end }
    }
}

/// One text.
#[derive(Debug)]
struct Source {
    /// As the user would name it.
    shown: PathBuf,
    /// Absolute; `None` for the command line.
    path: Option<PathBuf>,
    text: String,
    /// Where each line begins.
    lines: Vec<usize>,
}

impl Source {
    fn new(shown: PathBuf, path: Option<PathBuf>, text: String) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(breaks).collect();
        Self { shown, path, text, lines }
    }

    /// The number of the line, from 0, in which this byte is.
    fn line(&self, at: usize) -> usize {
        self.lines.partition_point(|start| *start <= at).saturating_sub(1)
    }

    /// Line number (from 0), its text, and the character range that is meant in it.
    fn locate(&self, spot: Spot) -> (usize, &str, usize, usize) {
        let start = self.text.floor_char_boundary(spot.start);
        let end = self.text.ceil_char_boundary(spot.end).max(start);
        let line = self.line(start);
        let begin = self.lines.get(line).copied().unwrap_or_default();
        let whole = self.text.get(begin..).unwrap_or_default();
        let text = whole.split('\n').next().unwrap_or_default();
        let text = text.strip_suffix('\r').unwrap_or(text);
        let stop = end.min(begin + text.len());
        let before = self.text.get(begin..start.min(begin + text.len())).unwrap_or_default();
        let marked = self.text.get(start..stop).unwrap_or_default();
        (line, text, before.chars().count(), marked.chars().count().max(1))
    }
}

/// One finding, not yet drawn up.
#[derive(Debug)]
pub(crate) struct Finding {
    spot: Spot,
    severity: Severity,
    code: &'static str,
    message: String,
    hint: Option<String>,
}

impl Finding {
    fn rank(&self) -> (Spot, &str, &str) {
        (self.spot, self.code, &self.message)
    }

    pub(crate) fn hint(&mut self, hint: impl Into<String>) {
        self.hint = Some(hint.into());
    }
}

/// All texts, and all findings in them.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    sources: Vec<Source>,
    list: Vec<Finding>,
}

impl Findings {
    /// Takes a text in and gives its number.
    pub(crate) fn add(&mut self, shown: PathBuf, path: Option<PathBuf>, text: String) -> usize {
        self.sources.push(Source::new(shown, path, text));
        self.sources.len() - 1
    }

    /// Takes in a piece of the command line and gives the spot of its part from `start` on.
    pub(crate) fn add_argument(&mut self, text: String, start: usize) -> Spot {
        let end = text.len();
        Spot::new(self.add(PathBuf::from("command line"), None, text), start, end)
    }

    /// The number of a file that was read before.
    pub(crate) fn number_of(&self, path: &Path) -> Option<usize> {
        self.sources.iter().position(|source| source.path.as_deref() == Some(path))
    }

    /// Does something whose findings do not count, as it will be done again.
    pub(crate) fn silently<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.list.len();
        let out = work(self);
        self.list.truncate(before);
        out
    }

    pub(crate) fn text(&self, file: usize) -> &str {
        self.sources.get(file).map_or("", |source| source.text.as_str())
    }

    pub(crate) fn slice(&self, spot: Spot) -> &str {
        self.text(spot.file).get(spot.start..spot.end).unwrap_or_default()
    }

    /// The files that were read, in the order of reading, each once.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        let mut paths = Vec::new();
        for path in self.sources.iter().filter_map(|source| source.path.as_ref()) {
            if !paths.contains(path) {
                paths.push(path.clone());
            }
        }
        paths
    }

    /// `services.toml:14`, the file as seen from the folder `base`.
    pub(crate) fn origin(&self, spot: Spot, base: &Path) -> String {
        let Some(source) = self.sources.get(spot.file) else { return String::new() };
        let path =
            source.path.as_deref().and_then(|path| path.strip_prefix(base).ok()).unwrap_or(&source.shown);
        format!("{}:{}", path.display(), source.line(spot.start) + 1)
    }

    pub(crate) fn error(
        &mut self,
        spot: Spot,
        code: &'static str,
        message: impl Into<String>,
    ) -> &mut Finding {
        self.report(spot, Severity::Error, code, message.into())
    }

    pub(crate) fn warning(
        &mut self,
        spot: Spot,
        code: &'static str,
        message: impl Into<String>,
    ) -> &mut Finding {
        self.report(spot, Severity::Warning, code, message.into())
    }

    fn report(
        &mut self,
        spot: Spot,
        severity: Severity,
        code: &'static str,
        message: String,
    ) -> &mut Finding {
        let at = self.list.len();
        self.list.push(Finding { spot, severity, code, message, hint: None });
        &mut self.list[at]
    }

    pub(crate) fn any_error(&self) -> bool {
        self.list.iter().any(|finding| finding.severity == Severity::Error)
    }

    /// Everything found, each once, by file (the main one first) and place; beyond [`MAX_SHOWN`] only their number.
    pub(crate) fn diagnostics(&self) -> Vec<Diagnostic> {
        let mut order: Vec<&Finding> = self.list.iter().collect();
        order.sort_by(|a, b| a.rank().cmp(&b.rank()));
        order.dedup_by(|a, b| a.rank() == b.rank());
        let left = order.len().saturating_sub(MAX_SHOWN);
        if left > 0 {
            // What keeps the manifest from being used is shown first.
            order.sort_by_key(|finding| finding.severity);
            order.truncate(MAX_SHOWN);
            order.sort_by(|a, b| a.rank().cmp(&b.rank()));
        }
        let more = order.last().filter(|_| left > 0).map(|last| Finding {
            spot: last.spot,
            severity: Severity::Warning,
            code: "too-many",
            message: format!("{left} more findings are not shown"),
            hint: None,
        });
        order.into_iter().chain(&more).filter_map(|finding| self.diagnostic(finding)).collect()
    }

    fn diagnostic(&self, finding: &Finding) -> Option<Diagnostic> {
        let source = self.sources.get(finding.spot.file)?;
        let (line, text, before, length) = source.locate(finding.spot);
        Some(Diagnostic {
            severity: finding.severity,
            code: finding.code,
            file: source.shown.clone(),
            line: line as u32 + 1,
            column: before as u32 + 1,
            source: text.chars().take(MAX_LINE).collect(),
            length: length as u32,
            message: finding.message.clone(),
            hint: finding.hint.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_shown_before_warnings_when_there_are_too_many() {
        let mut findings = Findings::default();
        let file = findings.add("f.toml".into(), None, "x".repeat(2 * MAX_SHOWN));
        for at in 0..MAX_SHOWN + 10 {
            findings.warning(Spot::new(file, at, at + 1), "w", "m");
            findings.warning(Spot::new(file, at, at + 1), "w", "m");
        }
        findings.error(Spot::new(file, 2 * MAX_SHOWN, 2 * MAX_SHOWN), "e", "m");
        let shown = findings.diagnostics();
        assert_eq!(shown.len(), MAX_SHOWN + 1);
        let last: Vec<&str> = shown.iter().skip(MAX_SHOWN - 1).map(|one| one.message.as_str()).collect();
        assert_eq!(last, ["m", "11 more findings are not shown"]);
        assert!(shown.iter().any(|one| one.code == "e"));
    }

    #[test]
    fn places_are_counted_in_characters_from_one() {
        let text = "a = 1\r\nñ = \"ü\"\r\n";
        let mut findings = Findings::default();
        let file = findings.add("f.toml".into(), None, text.to_owned());
        let at = text.find('"').unwrap_or_default();
        findings.error(Spot::new(file, at, at + 4), "x", "m");
        findings.error(Spot::new(file, 0, text.len()), "y", "spans lines");
        findings.error(Spot::new(file, text.len(), text.len()), "z", "at the end");
        let found: Vec<_> = findings
            .diagnostics()
            .into_iter()
            .map(|d| (d.code, d.line, d.column, d.length, d.source))
            .collect();
        assert_eq!(
            found,
            [
                ("y", 1, 1, 5, "a = 1".to_owned()),
                ("x", 2, 5, 3, "ñ = \"ü\"".to_owned()),
                ("z", 3, 1, 1, String::new()),
            ]
        );
    }
}
