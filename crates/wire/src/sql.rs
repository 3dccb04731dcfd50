//! A light look at SQL: where a statement ends, what it does to which relation, and where it holds a password.
//!
//! No parser: words, quotes, comments and parentheses, read once from left to right, and no grammar. `tokens` cuts,
//! `names` finds places in the tokens, `summary` names a statement, `query` its main table.

mod names;
mod query;
mod secrets;
mod statements;
mod summary;
mod tokens;

pub(crate) use secrets::redact;
pub(crate) use statements::statement;
pub(crate) use summary::{Summary, summary};

/// Whose SQL it is: quotes, comments and the case of names differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Postgres,
    /// MariaDB's as well.
    Mysql,
}
