//! Files of `KEY=VALUE` lines: `.env` and those that `env_file` names.
//!
//! `'…'` is literal; `"…"` and bare values are interpolated; `\n \r \t \\ \" \$` mean something in `"…"` only; a
//! comment behind a bare value needs a blank before its `#`; a key alone takes the value of Shoal's own environment.
//! Source: the Compose specification, "`env_file` format".

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::Range;

use model::plan::EnvValue;

use crate::interpolate::{self, FaultKind, Scope, Unresolved};

/// Whether values are taken as they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Quotes and variables mean something.
    Compose,
    /// All behind the `=` is the value.
    Raw,
}

/// `key = value`, with the byte at which the key begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Assignment {
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) at: usize,
}

/// Something wrong in these bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Complaint {
    pub(crate) range: Range<usize>,
    pub(crate) message: String,
    /// Whether the file cannot be used.
    pub(crate) fatal: bool,
}

/// Reads all lines. `shell` beats what the file itself assigned before, and that beats `known`.
pub(crate) fn parse(
    text: &str,
    style: Style,
    shell: &BTreeMap<String, String>,
    known: &BTreeMap<String, EnvValue>,
) -> (Vec<Assignment>, Vec<Complaint>) {
    let mut file = File {
        text,
        at: 0,
        earlier: BTreeMap::new(),
        shell,
        known,
        done: Vec::new(),
        wrong: Vec::new(),
        left: Cell::new(interpolate::MAX_EXPANSION),
    };
    while file.at < text.len() {
        file.line(style);
    }
    (file.done, file.wrong)
}

struct File<'a> {
    text: &'a str,
    at: usize,
    earlier: BTreeMap<String, String>,
    shell: &'a BTreeMap<String, String>,
    known: &'a BTreeMap<String, EnvValue>,
    done: Vec<Assignment>,
    wrong: Vec<Complaint>,
    left: Cell<usize>,
}

impl Scope for File<'_> {
    fn left(&self) -> &Cell<usize> {
        &self.left
    }

    fn variable(&self, name: &str) -> Option<(&str, &str)> {
        let inherited = self.shell.get(name).map(String::as_str);
        let found = inherited.or_else(|| self.earlier.get(name).map(String::as_str));
        found.or_else(|| self.known.get(name).map(|known| known.value.as_str())).map(|value| (value, ""))
    }

    fn reference(&self, path: &str) -> Result<String, Unresolved> {
        Err(Unresolved { code: "invalid-reference", message: path.to_owned(), hint: None })
    }
}

impl<'a> File<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn complain(&mut self, range: Range<usize>, message: String) {
        self.wrong.push(Complaint { range, message, fatal: true });
    }

    /// One assignment, comment or empty line, to the end of its (last) line.
    fn line(&mut self, style: Style) {
        let line = self.rest().split('\n').next().unwrap_or_default();
        let content = line.trim();
        let indent = line.len() - line.trim_start().len();
        let start = self.at + indent;
        let next = self.at + line.len() + 1;
        if content.is_empty() || content.starts_with('#') {
            self.at = next;
            return;
        }
        let exported = if style == Style::Compose { content.strip_prefix("export ") } else { None };
        let assignment = exported.map_or(content, str::trim_start);
        let start = start + (content.len() - assignment.len());
        let (key, has_value) = match assignment.split_once('=') {
            Some((key, _)) => (key.trim_end(), true),
            None => (assignment, false),
        };
        if key.is_empty() || !key.chars().all(|char| char.is_ascii_alphanumeric() || "_.-".contains(char)) {
            let message = if has_value {
                format!("`{key}` is no variable name")
            } else {
                "expected `KEY=VALUE`, found something else".to_owned()
            };
            self.complain(start..self.at + line.trim_end().len(), message);
            self.at = next;
            return;
        }
        if !has_value {
            self.at = next;
            if let Some(value) = self.shell.get(key) {
                self.assign(key, value.clone(), start);
            }
            return;
        }
        let equals = assignment.find('=').unwrap_or_default();
        self.at = start + equals + 1;
        let value = match style {
            Style::Raw => {
                let raw = self.rest().split('\n').next().unwrap_or_default();
                self.at = next;
                Some(raw.strip_suffix('\r').unwrap_or(raw).to_owned())
            }
            Style::Compose => self.value(),
        };
        if let Some(value) = value {
            self.assign(key, value, start);
        }
    }

    fn assign(&mut self, key: &str, value: String, at: usize) {
        self.earlier.insert(key.to_owned(), value.clone());
        self.done.push(Assignment { key: key.to_owned(), value, at });
    }

    /// Behind the `=`; leaves `at` on the next line.
    fn value(&mut self) -> Option<String> {
        let blanks = self.rest().len() - self.rest().trim_start_matches([' ', '\t']).len();
        self.at += blanks;
        if let Some(quote @ ('\'' | '"')) = self.rest().chars().next() {
            return self.quoted(quote);
        }
        let line = self.rest().split('\n').next().unwrap_or_default();
        let comment = if blanks > 0 && line.starts_with('#') {
            Some(0)
        } else {
            line.find(" #").into_iter().chain(line.find("\t#")).min()
        };
        let bare = line.get(..comment.unwrap_or(line.len())).unwrap_or_default().trim_end();
        let start = self.at;
        self.at += line.len() + 1;
        Some(self.interpolated(bare, start))
    }

    fn quoted(&mut self, quote: char) -> Option<String> {
        let open = self.at;
        let body = self.rest().get(1..).unwrap_or_default();
        let mut escaped = false;
        let close = body.char_indices().find(|(_, char)| {
            let closes = *char == quote && !escaped;
            escaped = quote == '"' && *char == '\\' && !escaped;
            closes
        });
        let Some((length, _)) = close else {
            let line = self.rest().split('\n').next().unwrap_or_default().trim_end();
            self.complain(open..open + line.len(), format!("the quote {quote} is not closed"));
            self.at = self.text.len();
            return None;
        };
        let inner = body.get(..length).unwrap_or_default();
        self.at = open + 1 + length + 1;
        let tail = self.rest().split('\n').next().unwrap_or_default();
        let extra = tail.trim();
        if !extra.is_empty() && !extra.starts_with('#') {
            self.complain(
                self.at..self.at + tail.trim_end().len(),
                "text follows the closing quote".to_owned(),
            );
        }
        self.at += tail.len() + 1;
        if quote == '\'' {
            return Some(inner.to_owned());
        }
        Some(self.interpolated(&unescape(inner), open + 1))
    }

    /// Replaces variables; what is no variable stays as it is, as a password may well contain a `$`.
    fn interpolated(&mut self, text: &str, start: usize) -> String {
        let mut faults = Vec::new();
        let value = interpolate::expand(text, self, &mut faults).text;
        for fault in faults {
            let message = match fault.kind {
                FaultKind::Unset(name) => (format!("`{name}` is not set and counts as empty"), false),
                FaultKind::Required(name, words) if words.is_empty() => {
                    (format!("`{name}` is not set"), true)
                }
                FaultKind::Required(name, words) => (format!("`{name}` is not set: {words}"), true),
                FaultKind::TooMuch => ("the value is too long or nested too deep".to_owned(), true),
                FaultKind::Reference(_) => {
                    ("`${svc.…}` stands for something in a manifest only".to_owned(), true)
                }
                FaultKind::Stray | FaultKind::Malformed | FaultKind::Unclosed => continue,
            };
            let line = self.text.get(start..).unwrap_or_default().split('\n').next().unwrap_or_default();
            let range = start..start + line.trim_end().len();
            self.wrong.push(Complaint { range, message: message.0, fatal: message.1 });
        }
        value
    }
}

/// Replaces the escapes of `"…"`; `\$` becomes `$$`, which interpolation turns into `$`.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        if char != '\\' {
            out.push(char);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('$') => out.push_str("$$"),
            Some(same @ ('\\' | '"')) => out.push(same),
            Some(other) => out.extend(['\\', other]),
            None => out.push('\\'),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, style: Style) -> (Vec<(String, String)>, Vec<String>) {
        let shell =
            BTreeMap::from([("HOME".to_owned(), "/root".to_owned()), ("S".to_owned(), "shell".to_owned())]);
        let known = BTreeMap::from([(
            "K".to_owned(),
            EnvValue { value: "known".to_owned(), origin: ".env:1".to_owned() },
        )]);
        let (done, wrong) = parse(text, style, &shell, &known);
        (
            done.into_iter().map(|one| (one.key, one.value)).collect(),
            wrong.into_iter().map(|one| format!("{:?}: {}", &text[one.range], one.message)).collect(),
        )
    }

    #[test]
    fn values() {
        for (line, expected) in [
            ("A=b", "b"),
            ("  A = b  ", "b"),
            ("export A=b", "b"),
            ("A=", ""),
            ("A=b # c", "b"),
            ("A=b#c", "b#c"),
            ("A= # c", ""),
            ("A=#c", "#c"),
            ("A='x $HOME \\n' # c", "x $HOME \\n"),
            (r#"A="x\ty\\ \"q\" \$HOME $HOME""#, "x\ty\\ \"q\" $HOME /root"),
            ("A=\"two\nlines\"", "two\nlines"),
            ("A='two\nlines'", "two\nlines"),
            ("A=${HOME}/x ${NO:-d}", "/root/x d"),
            ("A=$K", "known"),
            ("A=pa$$ss^1$", "pa$ss^1$"),
            ("A=a b", "a b"),
            ("A=b\r", "b"),
            ("A=${X", "${X"),
            ("A=it's", "it's"),
        ] {
            assert_eq!(
                check(line, Style::Compose),
                (vec![("A".to_owned(), expected.to_owned())], vec![]),
                "{line}"
            );
        }
    }

    #[test]
    fn earlier_lines_count_and_the_shell_beats_them() {
        let (done, wrong) = check("X=1\nS=file\n\n# c\nY=$X-$S\nHOME\nNOBODY\nX=2", Style::Compose);
        let expected = [("X", "1"), ("S", "file"), ("Y", "1-shell"), ("HOME", "/root"), ("X", "2")];
        assert_eq!(done, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
        assert_eq!(wrong, Vec::<String>::new());
    }

    #[test]
    fn raw_values_stand_as_they_are() {
        let (done, _) = check("A= \"$X\" # no\r\nB=1", Style::Raw);
        assert_eq!(done, [("A", " \"$X\" # no"), ("B", "1")].map(|(k, v)| (k.to_owned(), v.to_owned())));
    }

    #[test]
    fn complaints_name_their_piece_and_the_rest_is_read() {
        let (done, wrong) = check("A B=1\nC=\"x\" y\nnot a line\nD=$NO\nE='open\nF=1", Style::Compose);
        assert_eq!(done, [("C", "x"), ("D", "")].map(|(k, v)| (k.to_owned(), v.to_owned())));
        insta::assert_snapshot!(wrong.join("\n"), @r#"
        "A B=1": `A B` is no variable name
        " y": text follows the closing quote
        "not a line": expected `KEY=VALUE`, found something else
        "$NO": `NO` is not set and counts as empty
        "'open": the quote ' is not closed
        "#);
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "[A-C=$'\"# {}:ü\\\\\n\r\t-]{0,60}") {
            check(&text, Style::Compose);
            check(&text, Style::Raw);
        }
    }
}
