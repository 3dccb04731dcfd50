//! Prepared statements, portals, and what the server said of their parameters and columns: remembered by name and by
//! number, within a bound. Names are the client's view; what is described comes in the server's order, so both go by
//! numbers that are never used twice.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::message::{Reader, fact, text};
use super::value::{Format, Value};
use crate::sql::Summary;

/// How many statements of one connection are remembered, and as many portals.
const COUNT_LIMIT: usize = 512;
/// How much text all statements have together, in bytes.
const TEXT_LIMIT: usize = 1024 * 1024;
/// How many parameters become headers.
const PARAMETERS_LIMIT: usize = 100;

/// What `Parse` made.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) number: u64,
    pub(super) name: String,
    pub(super) sql: Vec<u8>,
    pub(super) cut: bool,
    pub(super) summary: Summary,
    /// Types of parameters as the client gave them; 0 leaves it to the server.
    pub(super) types: Vec<u32>,
}

/// What `Bind` made.
#[derive(Debug)]
pub(super) struct Portal {
    pub(super) number: u64,
    pub(super) name: String,
    pub(super) statement_name: String,
    /// `None` when its `Parse` was not seen.
    pub(super) statement: Option<Arc<Statement>>,
    /// `$1` and so on, as headers.
    pub(super) parameters: Vec<(String, String)>,
    pub(super) formats: Vec<u16>,
}

impl Portal {
    /// The same one to whoever only needs to know which it is.
    pub(super) fn without_parameters(&self) -> Self {
        let (name, statement_name) = (self.name.clone(), self.statement_name.clone());
        let (statement, formats) = (self.statement.clone(), self.formats.clone());
        Self { number: self.number, name, statement_name, statement, parameters: Vec::new(), formats }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: u32,
    pub(super) format: Format,
}

/// What the server said of a statement or a portal.
#[derive(Debug, Default)]
struct Described {
    types: Option<Arc<[u32]>>,
    columns: Option<Arc<[Column]>>,
}

#[derive(Debug, Default)]
pub(super) struct Names {
    statements: BTreeMap<String, Arc<Statement>>,
    portals: BTreeMap<String, Arc<Portal>>,
    described: BTreeMap<u64, Described>,
    last: u64,
    held: usize,
}

impl Names {
    pub(super) fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    pub(super) fn statement(&self, name: &str) -> Option<Arc<Statement>> {
        self.statements.get(name).cloned()
    }

    pub(super) fn portal(&self, name: &str) -> Option<Arc<Portal>> {
        self.portals.get(name).cloned()
    }

    /// Puts down a statement and returns the number of the one that had its name.
    pub(super) fn prepare(&mut self, statement: Arc<Statement>) -> Option<u64> {
        let replaced = self.close_statement(&statement.name.clone());
        self.held += statement_size(&statement);
        self.statements.insert(statement.name.clone(), statement);
        while self.statements.len() > COUNT_LIMIT || (self.held > TEXT_LIMIT && self.statements.len() > 1) {
            let oldest = self.statements.values().min_by_key(|s| s.number).map(|s| s.name.clone());
            let Some(number) = oldest.and_then(|name| self.close_statement(&name)) else { break };
            self.forget(number);
        }
        replaced
    }

    /// Puts down a portal and returns the number of the one that had its name.
    pub(super) fn bind(&mut self, portal: Arc<Portal>) -> Option<u64> {
        let replaced = self.close_portal(&portal.name.clone());
        self.held += portal_size(&portal);
        self.portals.insert(portal.name.clone(), portal);
        if self.portals.len() > COUNT_LIMIT {
            let oldest = self.portals.values().min_by_key(|p| p.number).map(|p| p.name.clone());
            if let Some(number) = oldest.and_then(|name| self.close_portal(&name)) {
                self.forget(number);
            }
        }
        replaced
    }

    pub(super) fn close_statement(&mut self, name: &str) -> Option<u64> {
        let statement = self.statements.remove(name)?;
        self.held -= statement_size(&statement);
        Some(statement.number)
    }

    pub(super) fn close_portal(&mut self, name: &str) -> Option<u64> {
        let portal = self.portals.remove(name)?;
        self.held -= portal_size(&portal);
        Some(portal.number)
    }

    /// What has no name is replaced all the time, perhaps by a message that was lost.
    pub(super) fn forget_unnamed(&mut self) {
        for number in [self.close_statement(""), self.close_portal("")].into_iter().flatten() {
            self.forget(number);
        }
    }

    /// The server does not know this statement: it could not be prepared.
    pub(super) fn refused(&mut self, name: &str, number: u64) {
        if self.statements.get(name).is_some_and(|known| known.number == number) {
            self.close_statement(name);
        }
    }

    pub(super) fn describe_types(&mut self, number: u64, types: Vec<u32>) {
        self.described(number, |described| described.types = Some(types.into()));
    }

    pub(super) fn describe_columns(&mut self, number: u64, columns: Arc<[Column]>) {
        self.described(number, |described| described.columns = Some(columns));
    }

    pub(super) fn forget(&mut self, number: u64) {
        if let Some(described) = self.described.remove(&number) {
            self.held -= described_size(&described);
        }
    }

    fn described(&mut self, number: u64, change: impl FnOnce(&mut Described)) {
        let mut described = self.described.remove(&number).unwrap_or_else(|| {
            self.held += described_size(&Described::default());
            Described::default()
        });
        self.held -= described_size(&described);
        change(&mut described);
        self.held += described_size(&described);
        self.described.insert(number, described);
        if (self.described.len() > 2 * COUNT_LIMIT || self.held > 2 * TEXT_LIMIT)
            && let Some((_, oldest)) = self.described.pop_first()
        {
            self.held -= described_size(&oldest);
        }
    }

    /// The columns of what a portal gives, as far as the server has described them.
    pub(super) fn columns(&self, portal: &Portal) -> Option<Arc<[Column]>> {
        let columns_of = |number: u64| self.described.get(&number)?.columns.clone();
        if let Some(columns) = columns_of(portal.number) {
            return Some(columns);
        }
        // A statement is described without formats: the portal has them.
        let columns = columns_of(portal.statement.as_ref()?.number)?;
        let with_format = columns
            .iter()
            .enumerate()
            .map(|(place, column)| Column { format: Format::at(&portal.formats, place), ..column.clone() });
        Some(with_format.collect())
    }

    /// The portal that a `Bind` makes. Of a payload that is not whole its beginning is read.
    pub(super) fn read_bind(&mut self, payload: &[u8]) -> Portal {
        let mut reader = Reader(payload);
        let name = text(reader.text_or_rest());
        let statement_name = text(reader.text_or_rest());
        let statement = self.statement(&statement_name);
        let mut portal = Portal {
            number: self.number(),
            name,
            statement_name,
            statement,
            parameters: Vec::new(),
            formats: Vec::new(),
        };
        // Whatever cannot be read is left out.
        let _ = self.read_parameters(&mut reader, &mut portal);
        portal
    }

    fn read_parameters(&self, reader: &mut Reader<'_>, portal: &mut Portal) -> Option<()> {
        let formats = read_formats(reader)?;
        let described = portal.statement.as_ref().and_then(|s| self.described.get(&s.number)?.types.clone());
        let mut facts = model::exchange::Message::default();
        for place in 0..usize::from(reader.u16()?) {
            let Ok(value) = reader.value() else {
                portal.parameters = facts.headers;
                return None;
            };
            if place < PARAMETERS_LIMIT {
                let given =
                    portal.statement.as_ref().and_then(|s| s.types.get(place)).filter(|kind| **kind != 0);
                let kind = given.or(described.as_ref().and_then(|types| types.get(place)));
                let value = Value::read(kind.copied().unwrap_or(0), Format::at(&formats, place), value);
                fact(&mut facts, &format!("${}", place + 1), &value.text());
            }
        }
        portal.parameters = facts.headers;
        portal.formats = read_formats(reader)?;
        Some(())
    }

    pub(super) fn held(&self) -> usize {
        self.held
    }
}

fn read_formats(reader: &mut Reader<'_>) -> Option<Vec<u16>> {
    let count = usize::from(reader.u16()?);
    let bytes = reader.take(2 * count)?;
    Some(bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect())
}

/// The columns of a `RowDescription`, as far as they are there.
pub(super) fn read_columns(payload: &[u8]) -> Arc<[Column]> {
    let mut reader = Reader(payload);
    let count = reader.u16().unwrap_or(0);
    let mut columns = Vec::new();
    let mut column = || {
        let name = text(reader.text()?);
        reader.take(6)?;
        let kind = reader.u32()?;
        reader.take(6)?;
        Some(Column { name, kind, format: Format::of(reader.u16()?) })
    };
    for _ in 0..count {
        let Some(column) = column() else { break };
        columns.push(column);
    }
    name_apart(&mut columns);
    columns.into()
}

/// Columns of one name would be one field of an object.
fn name_apart(columns: &mut [Column]) {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for column in columns {
        let count = seen.entry(column.name.clone()).or_default();
        *count += 1;
        if *count > 1 {
            column.name = format!("{} ({count})", column.name);
        }
    }
}

fn statement_size(statement: &Statement) -> usize {
    statement.sql.len() + 2 * statement.name.len() + 4 * statement.types.len() + size_of::<Statement>()
}

pub(super) fn portal_size(portal: &Portal) -> usize {
    let parameters: usize = portal.parameters.iter().map(|(name, value)| name.len() + value.len() + 48).sum();
    parameters + 2 * portal.name.len() + portal.statement_name.len() + size_of::<Portal>()
}

fn described_size(described: &Described) -> usize {
    let columns = described
        .columns
        .as_ref()
        .map_or(0, |columns| columns.iter().map(|column| column.name.len() + size_of::<Column>()).sum());
    columns + described.types.as_ref().map_or(0, |types| 4 * types.len()) + size_of::<Described>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(names: &mut Names, name: &str, size: usize) -> Option<u64> {
        let statement = Statement {
            number: names.number(),
            name: name.to_owned(),
            sql: vec![b'x'; size],
            cut: false,
            summary: Summary::default(),
            types: vec![23, 0],
        };
        names.prepare(Arc::new(statement))
    }

    #[test]
    fn parameters_are_read_by_the_types_that_are_known() {
        let mut names = Names::default();
        statement(&mut names, "s", 1);
        names.describe_types(1, vec![0, 16]);
        let payload =
            b"p\0s\0\0\x01\0\x01\0\x03\0\0\0\x04\0\0\0\x07\0\0\0\x01\x01\xff\xff\xff\xff\0\x01\0\x01";
        let portal = names.read_bind(payload);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(portal.parameters, [pair("$1", "7"), pair("$2", "true"), pair("$3", "NULL")]);
        assert_eq!((portal.name.as_str(), portal.formats.as_slice()), ("p", &[1][..]));
        for end in 0..payload.len() {
            assert!(names.read_bind(&payload[..end]).parameters.len() <= 3, "{end}");
        }
        let unknown = names.read_bind(b"\0other\0\0\x01\0\x01\0\x01\0\0\0\x02\x01\x02\0\0");
        assert!(unknown.statement.is_none());
        assert_eq!(unknown.parameters, [pair("$1", "\\x0102")]);
    }

    #[test]
    fn statements_stay_within_their_bounds() {
        let mut names = Names::default();
        for n in 0..3 * COUNT_LIMIT {
            statement(&mut names, &format!("s{n}"), 10);
            names.describe_types(names.last, vec![1]);
        }
        assert_eq!((names.statements.len(), names.described.len()), (COUNT_LIMIT, COUNT_LIMIT));
        assert!(names.statement("s0").is_none() && names.statement("s1500").is_some());
        for n in 0..10 {
            statement(&mut names, &format!("t{n}"), TEXT_LIMIT / 3);
        }
        assert!(names.held() <= TEXT_LIMIT, "{}", names.held());
        assert_eq!(statement(&mut names, "t9", 1), Some(names.last - 1));
    }

    #[test]
    fn columns_of_one_name_are_told_apart() {
        let column = |name: &[u8]| [name, b"\0\0\0\0\0\0\0\0\0\0\x17\0\x04\xff\xff\xff\xff\0\0"].concat();
        let payload = [&b"\0\x03"[..], &column(b"a"), &column(b"b"), &column(b"a")].concat();
        let columns = read_columns(&payload);
        let names: Vec<_> = columns.iter().map(|c| (c.name.as_str(), c.kind)).collect();
        assert_eq!(names, [("a", 23), ("b", 23), ("a (2)", 23)]);
        assert_eq!(read_columns(&payload[..payload.len() - 1]).len(), 2);
    }
}
