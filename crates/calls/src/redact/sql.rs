//! Hides what statements put into columns, or hold against them, whose names say that they are secrets.

use std::collections::BTreeSet;

use model::exchange::{Message, Protocol};
use wire::sql::Dialect;

use super::coding::Coding;
use super::cuts::Cuts;
use super::{Look, REDACTED, Redaction};

/// What is known of a statement's parameters.
#[derive(Debug)]
pub(super) struct Parameters {
    hidden: BTreeSet<u16>,
    seen: BTreeSet<u16>,
    /// All of the statement was seen.
    whole: bool,
}

/// Finds what is hidden in a statement.
pub(super) fn find(sql: &[u8], cut: bool, dialect: Dialect, look: Look<'_>, cuts: &mut Cuts) -> Parameters {
    let values = wire::sql::values(sql, dialect, &|column| look.rules.hides_field(column));
    for range in values.literals {
        cuts.hide(range, "'");
    }
    for range in values.others {
        let part = sql.get(range.start + 1..range.end).unwrap_or_default();
        let coding = if part.contains(&b'\\') { Coding::Backslash } else { Coding::Nothing };
        look.value(part, range.start + 1, coding, cuts);
    }
    Parameters { hidden: values.parameters, seen: values.seen, whole: !cut && !sql.is_empty() }
}

impl Parameters {
    /// Hides a parameter that is a header of its message. One whose place was not seen may be anything, so it is hidden.
    pub(super) fn hide(&self, name: &str, value: &mut String) -> Option<String> {
        let number = name.strip_prefix('$')?.parse().ok()?;
        let hides = self.hidden.contains(&number) || (!self.whole && !self.seen.contains(&number));
        let shown = value == REDACTED || value == "NULL" || value.is_empty();
        (hides && !shown).then(|| std::mem::replace(value, REDACTED.to_owned()))
    }
}

/// Whether rows that a statement copies have a column that is hidden. They are hidden whole: what parts their columns is
/// the statement's choice, and the capture's packets part the rows.
pub(super) fn copies(message: &Message, rules: &Redaction) -> bool {
    let first = message.parts.first().map_or(message.body.len(), |part| part.kept as usize);
    let sql = message.body.get(..first).unwrap_or(&message.body);
    sql.get(..4).is_some_and(|verb| verb.eq_ignore_ascii_case(b"copy"))
        && wire::sql::values(sql, Dialect::Postgres, &|column| rules.hides_field(column)).copies
}

/// Whether a message is a statement that is here, or one that was prepared before anybody listened.
pub(super) fn is_statement(protocol: Protocol, message: &Message) -> bool {
    match message.media.as_deref() {
        // One whose text is on disk has been looked at.
        Some("application/sql") => !message.body.is_empty() && message.parts.is_empty(),
        None => protocol == Protocol::Postgres && message.body.is_empty(),
        Some(_) => false,
    }
}
