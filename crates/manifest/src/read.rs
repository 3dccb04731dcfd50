//! From parsed TOML to the manifest's own types: types are checked, variables replaced, and everything wrong is
//! reported while reading goes on.

use std::collections::BTreeMap;

use toml_edit::{Array, ArrayOfTables, Item, TableLike, Value};

use crate::format::{Format, Problem, Scalar};
use crate::interpolate::{self, Fault, FaultKind};
use crate::source::{Findings, Spot};
use crate::variables::Known;

/// A piece of the parsed text.
pub(crate) struct Node<'a> {
    /// Where it is; for a table with a header of its own, its name in the header.
    pub(crate) spot: Spot,
    pub(crate) kind: Kind<'a>,
}

pub(crate) enum Kind<'a> {
    Table(&'a dyn TableLike),
    Values(&'a Array),
    Tables(&'a ArrayOfTables),
    Scalar(&'a Value),
    /// Never written by the parser.
    Nothing,
}

impl<'a> Node<'a> {
    /// `key`: where its name is.
    pub(crate) fn of(item: &'a Item, key: Spot) -> Self {
        match item {
            Item::None => Self { spot: key, kind: Kind::Nothing },
            Item::Value(value) => Self::of_value(value, key),
            Item::Table(table) => Self { spot: key, kind: Kind::Table(table) },
            Item::ArrayOfTables(tables) => Self { spot: key, kind: Kind::Tables(tables) },
        }
    }

    fn of_value(value: &'a Value, around: Spot) -> Self {
        let spot = value.span().map_or(around, |span| Spot::new(around.file, span.start, span.end));
        let kind = match value {
            Value::Array(array) => Kind::Values(array),
            Value::InlineTable(table) => Kind::Table(table),
            Value::String(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Datetime(_) => Kind::Scalar(value),
        };
        Self { spot, kind }
    }

    /// The elements, if it is a list.
    pub(crate) fn elements(&self) -> Option<Vec<Node<'a>>> {
        match self.kind {
            Kind::Values(array) => Some(array.iter().map(|value| Node::of_value(value, self.spot)).collect()),
            Kind::Tables(tables) => {
                let spot = |span: Option<std::ops::Range<usize>>| {
                    span.map_or(self.spot, |span| Spot::new(self.spot.file, span.start, span.end))
                };
                Some(
                    tables
                        .iter()
                        .map(|table| Node { spot: spot(table.span()), kind: Kind::Table(table) })
                        .collect(),
                )
            }
            Kind::Table(_) | Kind::Scalar(_) | Kind::Nothing => None,
        }
    }

    /// The entries, if it is a table: name, where the name is, value.
    pub(crate) fn entries(&self) -> Option<Vec<(&'a str, Spot, Node<'a>)>> {
        let Kind::Table(table) = self.kind else { return None };
        let entry = |(name, item): (&'a str, &'a Item)| {
            let span = table.get_key_value(name).and_then(|(key, _)| key.span());
            let key = span.map_or(self.spot, |span| Spot::new(self.spot.file, span.start, span.end));
            (name, key, Node::of(item, key))
        };
        Some(table.iter().map(entry).collect())
    }

    /// What it is, for people.
    pub(crate) fn found(&self) -> &'static str {
        match &self.kind {
            Kind::Table(_) => "a table",
            Kind::Values(_) | Kind::Tables(_) => "a list",
            Kind::Scalar(Value::String(_)) => "a string",
            Kind::Scalar(Value::Integer(_)) => "an integer",
            Kind::Scalar(Value::Float(_)) => "a number with a fraction",
            Kind::Scalar(Value::Boolean(_)) => "true or false",
            Kind::Scalar(Value::Datetime(_)) => "a date",
            Kind::Scalar(Value::Array(_) | Value::InlineTable(_)) | Kind::Nothing => "nothing",
        }
    }
}

/// Reads pieces of one file and reports what is wrong with them.
pub(crate) struct Reader<'a> {
    pub(crate) known: Known<'a>,
    pub(crate) findings: &'a mut Findings,
}

/// What can be read. `None` says that something wrong was reported.
pub(crate) trait Read: Sized {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self>;
}

impl Reader<'_> {
    pub(crate) fn mistyped(&mut self, node: &Node, expected: &str) {
        let message = format!("expected {expected}, found {}", node.found());
        self.findings.error(node.spot, "wrong-type", message);
    }

    /// A single value with its variables replaced.
    fn scalar(&mut self, value: &Value, spot: Spot, plain_dollar: bool) -> Option<Scalar> {
        Some(match value {
            Value::String(text) => return self.text(text.value(), spot, plain_dollar),
            Value::Integer(number) => Scalar::Integer(*number.value()),
            Value::Float(number) => Scalar::Float(*number.value()),
            Value::Boolean(flag) => Scalar::Flag(*flag.value()),
            Value::Datetime(_) | Value::Array(_) | Value::InlineTable(_) => Scalar::Other,
        })
    }

    /// `plain_dollar`: a `$` that begins no variable is meant as it stands.
    fn text(&mut self, text: &str, spot: Spot, plain_dollar: bool) -> Option<Scalar> {
        let mut faults = Vec::new();
        let expanded = interpolate::expand(text, &self.known, &mut faults);
        // Without escapes the value stands in the file as it is, so that its pieces have places of their own.
        let inner = self.findings.slice(spot).find(text).map(|at| spot.start + at);
        let mut usable = true;
        for Fault { range, kind } in faults {
            if plain_dollar && kind == FaultKind::Stray {
                continue;
            }
            let piece = text.get(range.clone()).unwrap_or_default().to_owned();
            let place = inner.map_or(spot, |at| Spot::new(spot.file, at + range.start, at + range.end));
            usable &= self.fault(place, &piece, kind);
        }
        usable.then_some(Scalar::Text { text: expanded.text, origin: expanded.origin })
    }

    /// Reports it; whether the value can be used all the same.
    fn fault(&mut self, spot: Spot, piece: &str, kind: FaultKind) -> bool {
        const CODE: &str = "invalid-interpolation";
        let findings = &mut *self.findings;
        match kind {
            FaultKind::Unset(name) => {
                findings
                    .warning(spot, "unset-variable", format!("`{name}` is not set and counts as empty"))
                    .hint(format!("set it in `.env`, or give a default: `${{{name}:-value}}`"));
                return true;
            }
            FaultKind::Required(name, words) => {
                let message = if words.is_empty() {
                    format!("`{name}` is not set")
                } else {
                    format!("`{name}` is not set: {words}")
                };
                findings
                    .error(spot, "required-variable", message)
                    .hint(format!("set `{name}` in `.env` or in the shell"));
            }
            FaultKind::Reference(unresolved) => {
                let finding = findings.error(spot, unresolved.code, unresolved.message);
                if let Some(hint) = unresolved.hint {
                    finding.hint(hint);
                }
            }
            FaultKind::Stray => {
                findings
                    .error(spot, CODE, "`$` is not followed by a name")
                    .hint("a plain `$` is written `$$`");
            }
            FaultKind::Malformed => {
                findings
                    .error(spot, CODE, format!("`{piece}` is no variable"))
                    .hint("the forms are `${A}`, `${A:-default}`, `${A-default}`, `${A:?message}`, `${A:+other}`; a plain `$` is `$$`");
            }
            FaultKind::Unclosed => {
                findings
                    .error(spot, CODE, "`${` is not closed")
                    .hint("add the `}`; a plain `$` is written `$$`");
            }
            FaultKind::TooMuch => {
                findings.error(spot, CODE, "the value is too long or nested too deep");
            }
        }
        false
    }
}

/// What has a place in a file.
pub(crate) trait Placed {
    fn spot(&self) -> Spot;
}

/// A value, where it is, and where the variable came from that it consists of.
#[derive(Debug, Clone)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) spot: Spot,
    pub(crate) origin: Option<String>,
}

impl<T: Format> Read for At<T> {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let Kind::Scalar(value) = node.kind else {
            reader.mistyped(node, T::EXPECTED);
            return None;
        };
        let scalar = reader.scalar(value, node.spot, T::PLAIN_DOLLAR)?;
        match T::parse(&scalar) {
            Ok(value) => Some(Self { value, spot: node.spot, origin: scalar.origin() }),
            Err(Problem::Mistyped) => {
                reader.mistyped(node, T::EXPECTED);
                None
            }
            Err(Problem::Invalid { code, message, hint }) => {
                let finding = reader.findings.error(node.spot, code, message);
                if let Some(hint) = hint {
                    finding.hint(hint);
                }
                None
            }
        }
    }
}

/// The value of a key that may be missing.
#[derive(Debug, Clone, Default)]
pub(crate) enum Field<T> {
    /// The key is not there.
    #[default]
    Absent,
    /// The key is there and what is wrong with it is reported.
    Bad,
    Good {
        key: Spot,
        value: T,
    },
}

impl<T> Field<T> {
    pub(crate) const fn get(&self) -> Option<&T> {
        match self {
            Self::Good { value, .. } => Some(value),
            Self::Absent | Self::Bad => None,
        }
    }

    pub(crate) const fn key(&self) -> Option<Spot> {
        match self {
            Self::Good { key, .. } => Some(*key),
            Self::Absent | Self::Bad => None,
        }
    }

    pub(crate) const fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

impl<T: Clone> Field<At<T>> {
    /// The bare value.
    pub(crate) fn value(&self) -> Option<T> {
        self.get().map(|at| at.value.clone())
    }
}

/// A list; elements with something wrong are left out.
#[derive(Debug, Clone)]
pub(crate) struct List<T>(pub(crate) Vec<T>);

impl<T: Read> Read for List<T> {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let Some(elements) = node.elements() else {
            reader.mistyped(node, "a list");
            return None;
        };
        Some(Self(elements.iter().filter_map(|element| T::read(element, reader)).collect()))
    }
}

/// One of a kind, or a list of them.
#[derive(Debug, Clone)]
pub(crate) struct Several<T>(pub(crate) Vec<T>);

impl<T: Read> Read for Several<T> {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        match node.elements() {
            Some(elements) => {
                Some(Self(elements.iter().filter_map(|element| T::read(element, reader)).collect()))
            }
            None => T::read(node, reader).map(|one| Self(vec![one])),
        }
    }
}

/// A table with names of the user's.
#[derive(Debug, Clone)]
pub(crate) struct Map<T>(pub(crate) BTreeMap<String, Entry<T>>);

/// One of them; without a value when something is wrong with it.
#[derive(Debug, Clone)]
pub(crate) struct Entry<T> {
    pub(crate) key: Spot,
    pub(crate) value: Option<T>,
}

impl<T> Map<T> {
    /// The sound entries.
    pub(crate) fn sound(&self) -> impl Iterator<Item = (&str, Spot, &T)> {
        self.0.iter().filter_map(|(name, entry)| Some((name.as_str(), entry.key, entry.value.as_ref()?)))
    }
}

impl<T: Read> Read for Map<T> {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let Some(entries) = node.entries() else {
            reader.mistyped(node, "a table");
            return None;
        };
        let read = entries
            .into_iter()
            .map(|(name, key, node)| (name.to_owned(), Entry { key, value: T::read(&node, reader) }));
        Some(Self(read.collect()))
    }
}

/// What a later manifest on the command line does to an earlier one: tables join, lists append, the rest is replaced.
pub(crate) trait Merge {
    fn merge(&mut self, over: Self);
}

impl<T> Merge for At<T> {
    fn merge(&mut self, over: Self) {
        *self = over;
    }
}

impl<T> Merge for List<T> {
    fn merge(&mut self, over: Self) {
        self.0.extend(over.0);
    }
}

impl<T> Merge for Several<T> {
    fn merge(&mut self, over: Self) {
        self.0.extend(over.0);
    }
}

impl<T: Merge> Merge for Map<T> {
    fn merge(&mut self, over: Self) {
        for (name, entry) in over.0 {
            match self.0.get_mut(&name) {
                Some(Entry { value: Some(mine), .. }) => {
                    if let Some(value) = entry.value {
                        mine.merge(value);
                    }
                }
                _ => {
                    self.0.insert(name, entry);
                }
            }
        }
    }
}

impl<T: Merge> Merge for Field<T> {
    fn merge(&mut self, over: Self) {
        match (self, over) {
            (_, Self::Absent) => {}
            (Self::Good { value, .. }, Self::Good { value: over, .. }) => value.merge(over),
            (mine, over) => *mine = over,
        }
    }
}
