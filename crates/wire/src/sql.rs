//! A light look at SQL: where a statement ends, what it does to which relation, where it holds a password, and
//! which values belong to which column ([`values()`]).
//!
//! No parser: words, quotes, comments and parentheses, read once from left to right, and no grammar. `tokens` cuts,
//! `names` finds places in the tokens, `summary` names a statement, `query` its main table, `values` finds what
//! columns are compared with.

mod names;
mod query;
mod secrets;
mod statements;
mod summary;
mod tokens;
mod values;

pub(crate) use secrets::redact;
pub(crate) use statements::statement;
pub(crate) use summary::{Summary, summary};
pub use values::{Values, values};

/// Whose SQL it is: quotes, comments and the case of names differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// PostgreSQL's.
    Postgres,
    /// MySQL's, and MariaDB's as well.
    Mysql,
}
