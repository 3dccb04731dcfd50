//! `${A}`, `${A:-x}` and the rest, as Compose replaces them in values.
//!
//! Source: the Compose specification, "Interpolation"; `${svc.NAME.port}` is Shoal's own.

use std::cell::Cell;
use std::ops::Range;

/// Where the values come from.
pub(crate) trait Scope {
    /// How many bytes may still be put in for variables, of [`MAX_EXPANSION`] for one file.
    fn left(&self) -> &Cell<usize>;
    /// The variable's value and where it came from.
    fn variable(&self, name: &str) -> Option<(&str, &str)>;
    /// What `svc.…` stands for, or why it stands for nothing.
    fn reference(&self, path: &str) -> Result<String, Unresolved>;
}

/// Why a `${svc.…}` stands for nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unresolved {
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

/// A value after replacement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expanded {
    pub(crate) text: String,
    /// Where the variable came from, if the whole value is one variable.
    pub(crate) origin: Option<String>,
}

/// Something wrong in a piece of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Bytes of the text before replacement.
    pub(crate) range: Range<usize>,
    pub(crate) kind: FaultKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FaultKind {
    /// `${` without its `}`.
    Unclosed,
    /// A `$` that begins nothing.
    Stray,
    /// What stands in the braces is no name, or no known operator follows it.
    Malformed,
    /// A variable that nobody set; it counts as empty.
    Unset(String),
    /// A variable that must be set, with the manifest's own words.
    Required(String, String),
    /// A reference that stands for nothing.
    Reference(Unresolved),
    /// Braces nested too deep, or a result too long.
    TooMuch,
}

/// How deep `${A:-${B:-…}}` may go.
const MAX_DEPTH: usize = 32;
/// How many bytes one value may have; no process takes a longer variable. Source: `MAX_ARG_STRLEN` of Linux.
const MAX_LENGTH: usize = 128 << 10;
/// How many bytes the variables of one file may come to; a few doubling lines would otherwise fill the memory.
pub(crate) const MAX_EXPANSION: usize = 16 << 20;

/// Replaces all variables of `text`, noting what is wrong in `faults`. A faulty piece stays as it is.
pub(crate) fn expand(text: &str, scope: &dyn Scope, faults: &mut Vec<Fault>) -> Expanded {
    if !text.contains('$') {
        return Expanded { text: text.to_owned(), origin: None };
    }
    let mut expander = Expander { text, at: 0, depth: 0, produced: 0, scope, faults, lone: None };
    let replaced = expander.run(false, true);
    let origin = expander.lone.take();
    Expanded { text: replaced, origin }
}

struct Expander<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    produced: usize,
    scope: &'a dyn Scope,
    faults: &'a mut Vec<Fault>,
    /// The origin of the variable that is the whole text.
    lone: Option<String>,
}

impl<'a> Expander<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn fault(&mut self, start: usize, kind: FaultKind) {
        self.faults.push(Fault { range: start..self.at, kind });
    }

    fn push(&mut self, out: &mut String, piece: &str) {
        let left = self.scope.left();
        match left.get().checked_sub(piece.len()) {
            Some(rest) => left.set(rest),
            None => self.produced = self.produced.max(MAX_LENGTH),
        }
        self.produced += piece.len();
        if self.produced > MAX_LENGTH {
            if self.produced - piece.len() <= MAX_LENGTH {
                self.fault(0, FaultKind::TooMuch);
            }
            return;
        }
        out.push_str(piece);
    }

    /// Up to the end, or, when nested, up to the `}` that closes, which stays. `live`: whether the result is used.
    fn run(&mut self, nested: bool, live: bool) -> String {
        let mut out = String::new();
        loop {
            let rest = self.rest();
            let stop = rest.find(|char| char == '$' || (nested && char == '}')).unwrap_or(rest.len());
            let literal = rest.get(..stop).unwrap_or_default();
            self.push(&mut out, literal);
            self.at += stop;
            if !self.rest().starts_with('$') {
                return out;
            }
            self.dollar(&mut out, live);
        }
    }

    fn dollar(&mut self, out: &mut String, live: bool) {
        let start = self.at;
        self.at += 1;
        match self.rest().bytes().next() {
            Some(b'$') => {
                self.at += 1;
                self.push(out, "$");
            }
            Some(b'{') => {
                self.at += 1;
                self.depth += 1;
                self.braces(start, out, live);
                self.depth -= 1;
            }
            Some(byte) if byte == b'_' || byte.is_ascii_alphabetic() => {
                let name = self.take_name(false);
                self.value(start, name, out, live);
            }
            _ => {
                self.fault(start, FaultKind::Stray);
                self.push(out, "$");
            }
        }
    }

    fn take_name(&mut self, dotted: bool) -> &'a str {
        let rest = self.rest();
        let is_part = |byte: u8| {
            byte == b'_' || byte.is_ascii_alphanumeric() || (dotted && matches!(byte, b'.' | b'-'))
        };
        let length = rest.bytes().take_while(|byte| is_part(*byte)).count();
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    /// The variable's value; unset is empty, with a warning.
    fn value(&mut self, start: usize, name: &str, out: &mut String, live: bool) {
        match self.scope.variable(name) {
            Some((value, origin)) => {
                if start == 0 && self.at == self.text.len() {
                    self.lone = Some(origin.to_owned());
                }
                self.push(out, value);
            }
            None if live => self.fault(start, FaultKind::Unset(name.to_owned())),
            None => {}
        }
    }

    /// Behind `${`.
    fn braces(&mut self, start: usize, out: &mut String, live: bool) {
        if self.depth > MAX_DEPTH {
            self.at = self.text.len();
            self.fault(start, FaultKind::TooMuch);
            return;
        }
        if self.rest().starts_with("svc.") {
            return self.service(start, out, live);
        }
        let name = self.take_name(false);
        if name.is_empty() || name.starts_with(|char: char| char.is_ascii_digit()) {
            return self.malformed(start, out);
        }
        let operator = [":-", ":?", ":+", "-", "?", "+"].into_iter().find(|op| self.rest().starts_with(op));
        let Some(operator) = operator else {
            if self.rest().starts_with('}') {
                self.at += 1;
                return self.value(start, name, out, live);
            }
            return self.malformed(start, out);
        };
        self.at += operator.len();
        let found = self.scope.variable(name);
        let set = found.filter(|(value, _)| !(operator.starts_with(':') && value.is_empty()));
        let word_counts = if operator.ends_with('+') { set.is_some() } else { set.is_none() };
        let word = self.run(true, live && word_counts);
        if !self.rest().starts_with('}') {
            return self.fault(start, FaultKind::Unclosed);
        }
        self.at += 1;
        match (operator.ends_with('+'), set) {
            (true, Some(_)) => self.push(out, &word),
            (false, Some((value, origin))) => {
                if start == 0 && self.at == self.text.len() {
                    self.lone = Some(origin.to_owned());
                }
                self.push(out, value);
            }
            (false, None) if operator.ends_with('-') => self.push(out, &word),
            (false, None) if live => self.fault(start, FaultKind::Required(name.to_owned(), word)),
            (_, None) => {}
        }
    }

    fn service(&mut self, start: usize, out: &mut String, live: bool) {
        let path = self.take_name(true);
        if !self.rest().starts_with('}') {
            return self.malformed(start, out);
        }
        self.at += 1;
        match self.scope.reference(path) {
            Ok(value) => self.push(out, &value),
            Err(unresolved) if live => self.fault(start, FaultKind::Reference(unresolved)),
            Err(_) => {}
        }
    }

    /// Goes on behind the next `}`, keeping the text.
    fn malformed(&mut self, start: usize, out: &mut String) {
        let rest = self.rest();
        let kind = if let Some(close) = rest.find('}') {
            self.at += close + 1;
            FaultKind::Malformed
        } else {
            self.at = self.text.len();
            FaultKind::Unclosed
        };
        self.fault(start, kind);
        let kept = self.text.get(start..self.at).unwrap_or_default();
        self.push(out, kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Sample(Cell<usize>);

    fn sample() -> Sample {
        Sample(Cell::new(MAX_EXPANSION))
    }

    impl Scope for Sample {
        fn left(&self) -> &Cell<usize> {
            &self.0
        }

        fn variable(&self, name: &str) -> Option<(&str, &str)> {
            match name {
                "A" => Some(("one", ".env:1")),
                "EMPTY" => Some(("", "environment")),
                "D" => Some(("$A", ".env:3")),
                _ => None,
            }
        }

        fn reference(&self, path: &str) -> Result<String, Unresolved> {
            match path {
                "svc.web-1.port" => Ok("80".to_owned()),
                _ => Err(Unresolved { code: "unknown-service", message: path.to_owned(), hint: None }),
            }
        }
    }

    fn check(text: &str) -> (String, Vec<(String, FaultKind)>) {
        let mut faults = Vec::new();
        let expanded = expand(text, &sample(), &mut faults);
        (expanded.text, faults.into_iter().map(|fault| (text[fault.range].to_owned(), fault.kind)).collect())
    }

    #[test]
    fn replaces_as_compose_does() {
        for (text, expected) in [
            ("", ""),
            ("plain }", "plain }"),
            ("$A-$A", "one-one"),
            ("${A}/x", "one/x"),
            ("$$A $${A}", "$A ${A}"),
            ("${A:-x}", "one"),
            ("${EMPTY:-x}${EMPTY-y}", "x"),
            ("${NO:-x}${NO-y}", "xy"),
            ("${NO:-a b/c:{d}", "a b/c:{d"),
            ("${NO:-${NO:-${A}!}}", "one!"),
            ("${NO:-}", ""),
            ("${A:+x}${A+y}", "xy"),
            ("${EMPTY:+x}${EMPTY+y}", "y"),
            ("${NO:+x}${NO+y}", ""),
            ("${NO:+${NO}}", ""),
            ("${A:-${NO}}", "one"),
            ("${A:?needed}${EMPTY?needed}", "one"),
            ("${D}", "$A"),
            ("http://${svc.web-1.port}", "http://80"),
            ("ü${A}ü", "üoneü"),
        ] {
            assert_eq!(check(text), (expected.to_owned(), Vec::new()), "{text}");
        }
    }

    #[test]
    fn faults_name_their_piece() {
        let unset = |name: &str| FaultKind::Unset(name.to_owned());
        let required = |name: &str, words: &str| FaultKind::Required(name.to_owned(), words.to_owned());
        for (text, expected, piece, kind) in [
            ("a $NO b", "a  b", "$NO", unset("NO")),
            ("a ${NO} b", "a  b", "${NO}", unset("NO")),
            ("${NO:-${NIX}}", "", "${NIX}", unset("NIX")),
            ("${NO:?set it to ${A}}", "", "${NO:?set it to ${A}}", required("NO", "set it to one")),
            ("${EMPTY:?}", "", "${EMPTY:?}", required("EMPTY", "")),
            ("^x$", "^x$", "$", FaultKind::Stray),
            ("$1", "$1", "$", FaultKind::Stray),
            ("a${A", "a${A", "${A", FaultKind::Unclosed),
            ("a${NO:-x", "a", "${NO:-x", FaultKind::Unclosed),
            ("${A/b/c}", "${A/b/c}", "${A/b/c}", FaultKind::Malformed),
            ("${}", "${}", "${}", FaultKind::Malformed),
            ("${1A}", "${1A}", "${1A}", FaultKind::Malformed),
        ] {
            assert_eq!(check(text), (expected.to_owned(), vec![(piece.to_owned(), kind)]), "{text}");
        }
    }

    #[test]
    fn a_lone_variable_tells_where_it_came_from() {
        for (text, expected) in [
            ("$A", Some(".env:1")),
            ("${A:-x}", Some(".env:1")),
            ("${EMPTY}", Some("environment")),
            ("${NO:-x}", None),
            ("${NO:-$A}", None),
            ("$A$A", None),
            ("x$A", None),
        ] {
            let origin = expand(text, &sample(), &mut Vec::new()).origin;
            assert_eq!(origin.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn depth_and_length_are_bounded() {
        let deep = "${NO:-".repeat(10_000);
        let mut faults = Vec::new();
        expand(&deep, &sample(), &mut faults);
        assert!(faults.iter().any(|fault| fault.kind == FaultKind::TooMuch));
        let long = "$A".repeat(MAX_LENGTH);
        let mut faults = Vec::new();
        let expanded = expand(&long, &sample(), &mut faults);
        assert!(expanded.text.len() <= MAX_LENGTH);
        assert_eq!(faults.len(), 1);

        let spent = Sample(Cell::new(5));
        let mut faults = Vec::new();
        assert_eq!(expand("$A", &spent, &mut faults).text, "one");
        assert_eq!((expand("$A", &spent, &mut faults).text.as_str(), faults.len()), ("", 1));
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "[$ {}:?+a-zA-Zü-]{0,40}") {
            let mut faults = Vec::new();
            expand(&text, &sample(), &mut faults);
            for fault in faults {
                assert!(text.get(fault.range).is_some());
            }
        }
    }
}
