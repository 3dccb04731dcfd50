//! Places in a statement's tokens: what stands behind a keyword, which name begins here.

use super::Dialect;
use super::tokens::{Kind, Token};

/// Names of a `WITH` that are remembered.
const QUERIES_LIMIT: usize = 64;

/// The tokens behind the first of these words.
pub(super) fn behind<'t, 'a>(tokens: &'t [Token<'a>], words: &[&str]) -> Option<&'t [Token<'a>]> {
    let place = tokens.iter().position(|token| token.is_any(words))?;
    Some(&tokens[place + 1..])
}

/// The tokens behind words and parentheses that say how, not what.
pub(super) fn behind_options<'t, 'a>(mut tokens: &'t [Token<'a>]) -> &'t [Token<'a>] {
    const OPTIONS: [&str; 34] = [
        "ONLY",
        "TABLE",
        "IF",
        "NOT",
        "EXISTS",
        "CONCURRENTLY",
        "SAVEPOINT",
        "PREPARE",
        "SESSION",
        "LOCAL",
        "FULL",
        "FREEZE",
        "VERBOSE",
        "ANALYZE",
        "ANALYSE",
        "MATERIALIZED",
        "VIEW",
        "INDEX",
        "DATABASE",
        "SYSTEM",
        "SLOT",
        "ALL",
        "DISTINCT",
        "TABLES",
        "IN",
        "SCHEMA",
        "SEQUENCE",
        "FUNCTION",
        "LOW_PRIORITY",
        "DELAYED",
        "HIGH_PRIORITY",
        "IGNORE",
        "OVERWRITE",
        "NO_WRITE_TO_BINLOG",
    ];
    while let Some((first, behind)) = tokens.split_first() {
        if first.is_mark(b'(') {
            tokens = behind_parentheses(tokens);
        } else if first.is_any(&OPTIONS) && !behind.is_empty() && !behind[0].is_mark(b'.') {
            tokens = behind;
        } else {
            break;
        }
    }
    tokens
}

/// The tokens behind the parentheses that open here.
pub(super) fn behind_parentheses<'t, 'a>(tokens: &'t [Token<'a>]) -> &'t [Token<'a>] {
    let mut depth = 0_usize;
    for (i, token) in tokens.iter().enumerate() {
        if token.is_mark(b'(') {
            depth += 1;
        } else if token.is_mark(b')') {
            depth = depth.saturating_sub(1);
        }
        if depth == 0 {
            return &tokens[i + 1..];
        }
    }
    &[]
}

/// The statement behind the queries of a `WITH`, whose names are put down.
pub(super) fn behind_queries<'t, 'a>(
    mut tokens: &'t [Token<'a>],
    dialect: Dialect,
    names: &mut Vec<String>,
) -> &'t [Token<'a>] {
    if tokens.first().is_some_and(|t| t.is("RECURSIVE")) {
        tokens = &tokens[1..];
    }
    while let Some((found, rest)) = dotted(tokens, dialect) {
        if names.len() < QUERIES_LIMIT {
            names.push(found);
        }
        tokens = rest;
        while let Some((first, behind)) = tokens.split_first() {
            let main = first
                .is_any(&["SELECT", "INSERT", "REPLACE", "UPDATE", "DELETE", "MERGE", "VALUES", "TABLE"]);
            if main || first.is_mark(b',') {
                break;
            }
            tokens = if first.is_mark(b'(') { behind_parentheses(tokens) } else { behind };
        }
        match tokens.split_first() {
            Some((first, behind)) if first.is_mark(b',') => tokens = behind,
            _ => break,
        }
    }
    tokens
}

/// The name of a relation.
pub(super) fn relation(tokens: &[Token<'_>], dialect: Dialect) -> Option<String> {
    match tokens.first() {
        Some(first) if first.is("ONLY") => dotted(&tokens[1..], dialect),
        Some(first) if first.is_mark(b'*') => return Some("*".to_owned()),
        _ => dotted(tokens, dialect),
    }
    .map(|(found, _)| found)
}

/// A name, with what it is qualified by, and the tokens behind it.
pub(super) fn dotted<'t, 'a>(tokens: &'t [Token<'a>], dialect: Dialect) -> Option<(String, &'t [Token<'a>])> {
    let is_name = |token: &&Token<'_>| matches!(token.kind, Kind::Word | Kind::Name);
    let mut found = name(tokens.first().filter(is_name)?, dialect);
    let mut rest = &tokens[1..];
    while let [dot, next, behind @ ..] = rest
        && dot.is_mark(b'.')
        && is_name(&next)
    {
        found.push('.');
        found.push_str(&name(next, dialect));
        rest = behind;
    }
    Some((found, rest))
}

/// A name as the server understands it: its quotes removed, and to PostgreSQL in lower case unless it is quoted.
pub(super) fn name(token: &Token<'_>, dialect: Dialect) -> String {
    let text = String::from_utf8_lossy(token.bytes);
    match (token.kind, dialect) {
        (Kind::Name, _) => {
            let quote = if text.starts_with('`') { '`' } else { '"' };
            text.trim_matches(quote).replace(&format!("{quote}{quote}"), &quote.to_string())
        }
        (_, Dialect::Postgres) => text.to_ascii_lowercase(),
        (_, Dialect::Mysql) => text.into_owned(),
    }
}
