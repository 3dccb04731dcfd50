//! The statements that a connection has prepared: what makes an EXECUTE readable.

use std::collections::BTreeMap;

use super::columns::Column;
use crate::limits::Limits;

/// MariaDB's id for the statement that was prepared last, perhaps not yet answered.
const LATEST: u32 = u32::MAX;

/// A parameter's type: its number, and whether it is unsigned.
pub(super) type ParameterType = (u8, bool);

#[derive(Debug, Clone, Default)]
pub(super) struct Statement {
    pub(super) sql: Vec<u8>,
    /// `sql` is not all of it.
    pub(super) cut: bool,
    pub(super) verb: String,
    pub(super) relation: String,
    /// How many parameters it takes; not known before its PREPARE is answered.
    pub(super) parameters: Option<u16>,
    /// Their types, as the last EXECUTE told them: the next one need not.
    pub(super) types: Vec<ParameterType>,
    /// Its result's columns, as they were told last.
    pub(super) columns: Vec<Column>,
    /// Parameters that were sent in pieces before the EXECUTE, by their place, and how many bytes.
    pub(super) long: BTreeMap<u16, u64>,
}

impl Statement {
    pub(super) fn held(&self) -> usize {
        size_of::<Self>()
            + self.sql.len()
            + self.types.len() * size_of::<ParameterType>()
            + self.columns.iter().map(Column::held).sum::<usize>()
            + self.long.len() * 32
    }
}

/// Those of one connection. Where they need too much memory, the oldest ones are forgotten.
#[derive(Debug, Default)]
pub(super) struct Statements {
    known: BTreeMap<u32, Statement>,
    /// The one that was prepared last, while the server has not told its id.
    latest: Option<Statement>,
    latest_id: u32,
    held: usize,
}

impl Statements {
    /// A PREPARE was sent.
    pub(super) fn prepare(&mut self, statement: Statement) {
        self.latest = Some(statement);
    }

    /// A PREPARE was answered.
    pub(super) fn prepared(&mut self, id: u32, statement: Statement, limits: &Limits) {
        self.latest = None;
        self.latest_id = id;
        self.forget(id);
        self.held += statement.held();
        self.known.insert(id, statement);
        self.make_room(limits);
    }

    pub(super) fn get(&self, id: u32) -> Option<&Statement> {
        match (id, &self.latest) {
            (LATEST, Some(statement)) => Some(statement),
            (LATEST, None) => self.known.get(&self.latest_id),
            (id, _) => self.known.get(&id),
        }
    }

    pub(super) fn change(&mut self, id: u32, limits: &Limits, change: impl FnOnce(&mut Statement)) {
        let id = if id == LATEST { self.latest_id } else { id };
        if let Some(statement) = self.known.get_mut(&id) {
            self.held -= statement.held();
            change(statement);
            self.held += statement.held();
            self.make_room(limits);
        }
    }

    pub(super) fn forget(&mut self, id: u32) {
        if let Some(statement) = self.known.remove(&id) {
            self.held -= statement.held();
        }
    }

    pub(super) fn forget_all(&mut self) {
        *self = Self::default();
    }

    fn make_room(&mut self, limits: &Limits) {
        while self.held > limits.flow_buffer / 4
            && let Some((_, statement)) = self.known.pop_first()
        {
            self.held -= statement.held();
        }
    }

    pub(super) fn held(&self) -> usize {
        self.held + self.latest.as_ref().map_or(0, Statement::held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(sql: &[u8]) -> Statement {
        Statement { sql: sql.to_vec(), ..Statement::default() }
    }

    #[test]
    fn the_latest_is_known_before_its_id_is() {
        let (mut statements, limits) = (Statements::default(), Limits::new(1000));
        statements.prepare(statement(b"a"));
        assert_eq!(statements.get(LATEST).unwrap().sql, b"a");
        assert!(statements.get(7).is_none());
        statements.prepared(7, statement(b"a"), &limits);
        assert!(statements.get(7).is_some() && statements.get(LATEST).is_some());
        statements.forget(7);
        assert!(statements.get(LATEST).is_none());
        assert_eq!(statements.held(), 0);
    }

    #[test]
    fn too_many_are_forgotten_oldest_first() {
        let (mut statements, limits) = (Statements::default(), Limits::new(1000));
        for id in 1..10_000 {
            statements.prepared(id, statement(&[b'x'; 1000]), &limits);
            statements.change(id, &limits, |statement| statement.types.resize(9, (3, true)));
            assert!(statements.held() <= limits.flow_buffer / 4);
        }
        assert!(statements.get(1).is_none() && statements.get(9_999).is_some());
        statements.forget_all();
        assert_eq!(statements.held(), 0);
    }
}
