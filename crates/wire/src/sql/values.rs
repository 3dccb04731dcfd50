//! Which values of a statement belong to which column.

use std::collections::BTreeSet;
use std::ops::Range;

use super::Dialect;
use super::tokens::{Kind, Token, Tokens};

/// Columns of an `INSERT` that are told apart.
const COLUMNS_LIMIT: usize = 1024;
/// Words and dots between an `INSERT` and its columns.
const TABLE_LIMIT: usize = 16;

/// The values of a statement, parted by what somebody asked of their columns.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Values {
    /// Literals of columns that were asked for, with their quotes.
    pub literals: Vec<Range<usize>>,
    /// Strings of other columns, and of none.
    pub others: Vec<Range<usize>>,
    /// Parameters (`$1`, or the first `?`) of columns that were asked for.
    pub parameters: BTreeSet<u16>,
    /// All parameters.
    pub seen: BTreeSet<u16>,
    /// It is a `COPY` that names a column that was asked for: its rows come apart from it.
    pub copies: bool,
}

/// Finds what a statement compares with, or puts into, the columns that are `wanted`. Time is linear.
///
/// `column = value` and other comparisons either way round, `IN (...)`, `SET column = value`, the column list of an
/// `INSERT` against its `VALUES` or `SELECT`, and `value AS column`. A function around a value or a column changes
/// nothing. What has no column's name beside it, such as an `INSERT` without a column list, belongs to none.
pub fn values(text: &[u8], dialect: Dialect, wanted: &dyn Fn(&str) -> bool) -> Values {
    let tokens: Vec<Token<'_>> = Tokens::new(text, 0, dialect).collect();
    let numbers = numbers(&tokens);
    let mut search =
        Search { tokens: &tokens, numbers, dialect, wanted, of_wanted: vec![false; tokens.len()] };
    search.run();
    let mut values = Values { copies: search.copies(), ..Values::default() };
    for (at, token) in tokens.iter().enumerate() {
        let number = search.numbers.get(at).copied().flatten();
        values.seen.extend(number);
        match number {
            Some(number) if search.of_wanted[at] => {
                values.parameters.insert(number);
            }
            None if search.of_wanted[at] => values.literals.push(token.range.clone()),
            None if token.kind == Kind::Text || is_string(token, dialect) => {
                values.others.push(token.range.clone());
            }
            Some(_) | None => {}
        }
    }
    values
}

/// The number of the parameter that each token is.
fn numbers(tokens: &[Token<'_>]) -> Vec<Option<u16>> {
    let mut marks = 0;
    let number = |token: &Token<'_>| match token.kind {
        Kind::Number => std::str::from_utf8(token.bytes.strip_prefix(b"$")?).ok()?.parse().ok(),
        Kind::Mark(b'?') => {
            marks += 1;
            Some(marks)
        }
        _ => None,
    };
    tokens.iter().map(number).collect()
}

/// What MySQL takes for a string and others for a name.
fn is_string(token: &Token<'_>, dialect: Dialect) -> bool {
    token.kind == Kind::Name && dialect == Dialect::Mysql && token.bytes.first() == Some(&b'"')
}

struct Search<'t, 'a> {
    tokens: &'t [Token<'a>],
    numbers: Vec<Option<u16>>,
    dialect: Dialect,
    wanted: &'t dyn Fn(&str) -> bool,
    /// Whether each token is a value of a column that was asked for.
    of_wanted: Vec<bool>,
}

impl Search<'_, '_> {
    fn run(&mut self) {
        let mut at = 0;
        while let Some(token) = self.tokens.get(at) {
            let inserts = token.is("INTO") || token.is("INSERT");
            at = match inserts.then(|| self.insert(at + 1)).flatten() {
                Some(end) => end,
                None => self.compared(at).unwrap_or(at + 1),
            };
        }
    }

    fn mark(&self, at: usize, mark: u8) -> bool {
        self.tokens.get(at).is_some_and(|token| token.is_mark(mark))
    }

    fn is_any(&self, at: usize, words: &[&str]) -> bool {
        self.tokens.get(at).is_some_and(|token| token.is_any(words))
    }

    /// Whether the column that is named here is wanted.
    fn wants(&self, at: usize) -> bool {
        let Some(token) = self.tokens.get(at) else { return false };
        // The key of a JSON document is a string: `data->>'token'`.
        let is_key = token.kind == Kind::Text && at > 0 && self.mark(at - 1, b'>');
        let is_name = matches!(token.kind, Kind::Word | Kind::Name) && !is_string(token, self.dialect);
        if !is_key && !is_name {
            return false;
        }
        let name = String::from_utf8_lossy(token.bytes);
        (self.wanted)(name.trim_matches(['"', '`', '\'']))
    }

    fn is_value(&self, at: usize) -> bool {
        self.tokens.get(at).is_some_and(|token| {
            matches!(token.kind, Kind::Text | Kind::Number)
                || is_string(token, self.dialect)
                || self.numbers.get(at).copied().flatten().is_some()
        })
    }

    fn take(&mut self, at: usize) {
        if self.is_value(at)
            && let Some(taken) = self.of_wanted.get_mut(at)
        {
            *taken = true;
        }
    }

    /// Whether what is in the first parentheses of a `COPY`, which are columns or a query, names a wanted column.
    fn copies(&self) -> bool {
        let is_open = |token: &Token<'_>| token.is_mark(b'(');
        let open =
            self.tokens.iter().take(TABLE_LIMIT).position(is_open).filter(|_| self.is_any(0, &["COPY"]));
        let Some(open) = open else { return false };
        let (mut depth, mut at) = (0_usize, open);
        while let Some(token) = self.tokens.get(at) {
            depth += usize::from(token.is_mark(b'('));
            depth -= usize::from(token.is_mark(b')'));
            if depth == 0 {
                return false;
            }
            if self.wants(at) {
                return true;
            }
            at += 1;
        }
        false
    }

    /// A column and what it is compared with, or a value and the column behind it; says where that ends.
    fn compared(&mut self, at: usize) -> Option<usize> {
        if self.is_value(at) {
            let sign = self.behind_cast(at + 1);
            // Behind the dot of `u.token`.
            let column = if self.mark(sign + 2, b'.') { sign + 3 } else { sign + 1 };
            if (self.mark(sign, b'=') || self.is_any(sign, &["AS"])) && self.wants(column) {
                self.take(at);
            }
        }
        if !self.wants(at) {
            return None;
        }
        let mut operator = at + 1;
        while self.mark(operator, b')') {
            operator += 1;
        }
        let operator = self.behind_cast(operator);
        let start = self.behind_operator(operator)?;
        Some(self.take_expression(start))
    }

    /// Behind `::text`.
    fn behind_cast(&self, at: usize) -> usize {
        if self.mark(at, b':') && self.mark(at + 1, b':') { at + 3 } else { at }
    }

    fn behind_operator(&self, at: usize) -> Option<usize> {
        const WORDS: [&str; 9] = ["LIKE", "ILIKE", "IN", "TO", "BETWEEN", "SIMILAR", "REGEXP", "RLIKE", "IS"];
        let after_not = if self.is_any(at, &["NOT"]) { at + 1 } else { at };
        if self.is_any(after_not, &WORDS) {
            return Some(after_not + 1);
        }
        let signs = (0..3).take_while(|by| b"=<>!:~".iter().any(|mark| self.mark(at + by, *mark))).count();
        (signs > 0).then_some(at + signs)
    }

    /// Takes all values of the expression that begins here, and says where it ends.
    fn take_expression(&mut self, start: usize) -> usize {
        const ENDS: [&str; 20] = [
            "AND",
            "OR",
            "WHERE",
            "RETURNING",
            "ORDER",
            "GROUP",
            "LIMIT",
            "ON",
            "FROM",
            "SET",
            "THEN",
            "ELSE",
            "END",
            "HAVING",
            "OFFSET",
            "FETCH",
            "FOR",
            "JOIN",
            "UNION",
            "WHEN",
        ];
        let mut depth = 0_usize;
        let mut at = start;
        while let Some(token) = self.tokens.get(at) {
            let ends = match token.kind {
                Kind::Mark(b'(' | b'[') => {
                    depth += 1;
                    false
                }
                Kind::Mark(b')' | b']') if depth == 0 => true,
                Kind::Mark(b')' | b']') => {
                    depth -= 1;
                    false
                }
                Kind::Mark(b';') => true,
                Kind::Mark(b',') => depth == 0,
                Kind::Word => depth == 0 && token.is_any(&ENDS),
                _ => false,
            };
            if ends {
                break;
            }
            self.take(at);
            at += 1;
        }
        at
    }

    /// An `INSERT` with a list of columns, from its table on; says where its values end.
    fn insert(&mut self, at: usize) -> Option<usize> {
        let is_table = |token: &&Token<'_>| {
            token.is_mark(b'.')
                || (matches!(token.kind, Kind::Word | Kind::Name) && !token.is_any(&["VALUES", "SELECT"]))
        };
        let at = at + self.tokens.iter().skip(at).take(TABLE_LIMIT).take_while(is_table).count();
        let (columns, mut at) = self.columns(at)?;
        let is_start = |at: usize| self.is_any(at, &["VALUES", "VALUE", "SELECT"]);
        // `AS x`, `OVERRIDING SYSTEM VALUE`.
        at =
            (at..at + 4).find(|at| is_start(*at) && !self.is_any(at.wrapping_sub(1), &["SYSTEM", "USER"]))?;
        if self.is_any(at, &["SELECT"]) {
            return Some(self.row(at + 1, &columns));
        }
        at += 1;
        while self.mark(at, b'(') || self.is_any(at, &["ROW"]) {
            let start = if self.mark(at, b'(') { at + 1 } else { at + 2 };
            at = self.row(start, &columns) + 1;
            if !self.mark(at, b',') {
                break;
            }
            at += 1;
        }
        Some(at)
    }

    /// Whether each column of a list in parentheses is wanted, and what follows.
    fn columns(&self, at: usize) -> Option<(Vec<bool>, usize)> {
        let mut columns = vec![false];
        let mut at = at.checked_add(1).filter(|_| self.mark(at, b'('))?;
        while !self.mark(at, b')') {
            // What is never closed is no list: the next statement may have one.
            self.tokens.get(at).filter(|token| !token.is_any(&["SELECT", "INSERT", "INTO", "VALUES"]))?;
            if self.mark(at, b',') && columns.len() < COLUMNS_LIMIT {
                columns.push(false);
            } else if let Some(last) = columns.last_mut() {
                *last |= self.wants(at);
            }
            at += 1;
        }
        Some((columns, at + 1))
    }

    /// Takes the values of a row that belong to wanted columns, and says where the row ends.
    fn row(&mut self, start: usize, columns: &[bool]) -> usize {
        let (mut depth, mut column, mut at) = (0_usize, 0, start);
        while let Some(token) = self.tokens.get(at) {
            match token.kind {
                Kind::Mark(b'(' | b'[') => depth += 1,
                Kind::Mark(b')' | b']') if depth == 0 => break,
                Kind::Mark(b')' | b']') => depth -= 1,
                Kind::Mark(b',') if depth == 0 => column += 1,
                Kind::Mark(b';') => break,
                Kind::Word if depth == 0 && token.is_any(&["FROM", "WHERE", "UNION", "RETURNING"]) => break,
                _ if columns.get(column).copied().unwrap_or(false) => self.take(at),
                _ => {}
            }
            at += 1;
        }
        at
    }
}

#[cfg(test)]
mod tests;
