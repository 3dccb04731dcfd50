//! The main table of a query: the first one named at the outermost level, else what stands closest to one.

use super::names::{behind_options, dotted};
use super::summary::Reader;
use super::tokens::Token;

impl Reader<'_> {
    /// The main table of a query, else the function that it calls.
    pub(super) fn selected(&self, rest: &[Token<'_>]) -> Option<String> {
        let table = self.main_relation(rest);
        if !table.is_empty() {
            return Some(table);
        }
        let rest = behind_options(rest);
        let (function, behind) = dotted(rest, self.dialect)?;
        behind.first().is_some_and(|t| t.is_mark(b'(')).then_some(function)
    }

    /// The first table behind `FROM` or `JOIN` that is no query of the `WITH`: of the outermost level if there is one, else
    /// of the next; else a function that gives rows.
    pub(super) fn main_relation(&self, tokens: &[Token<'_>]) -> String {
        let mut best: Option<(bool, usize, String)> = None;
        // Whether `FROM` is a word of the function whose arguments these parentheses hold.
        let mut open: Vec<bool> = Vec::new();
        for (i, token) in tokens.iter().enumerate() {
            let before = |back: usize| i.checked_sub(back).and_then(|at| tokens.get(at));
            if token.is_mark(b'(') {
                open.push(before(1).is_some_and(|t| t.is_any(&["EXTRACT", "SUBSTRING", "TRIM", "OVERLAY"])));
            } else if token.is_mark(b')') {
                open.pop();
            }
            let distinct = || {
                before(1).is_some_and(|t| t.is("DISTINCT"))
                    && before(2).is_some_and(|t| t.is_any(&["IS", "NOT"]))
            };
            let named = token.is("JOIN")
                || (token.is("FROM") && !open.last().copied().unwrap_or(false) && !distinct());
            if !named {
                continue;
            }
            let mut rest = &tokens[i + 1..];
            while let Some((_, behind)) = rest
                .split_first()
                .filter(|(first, _)| first.is_mark(b'(') || first.is_any(&["ONLY", "LATERAL"]))
            {
                rest = behind;
            }
            if rest.first().is_none_or(|t| t.is_any(&["SELECT", "VALUES", "WITH", "ROWS"])) {
                continue;
            }
            if let Some((found, behind)) =
                dotted(rest, self.dialect).filter(|(found, _)| !self.is_none(found))
            {
                let rank = (behind.first().is_some_and(|t| t.is_mark(b'(')), open.len());
                if best.as_ref().is_none_or(|(function, depth, _)| rank < (*function, *depth)) {
                    best = Some((rank.0, rank.1, found));
                }
            }
        }
        best.map(|(_, _, found)| found).unwrap_or_default()
    }

    /// Whether a name is no relation's: of a query of the `WITH`, or the one that stands for none.
    fn is_none(&self, name: &str) -> bool {
        name.eq_ignore_ascii_case("dual") || self.queries.iter().any(|query| query == name)
    }
}
