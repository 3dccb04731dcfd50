//! Where a statement ends.

use std::ops::Range;

use super::Dialect;
use super::tokens::{Kind, Tokens};

/// The first statement from `from` on that says anything: its text without the semicolon, and where the next may begin.
pub(crate) fn statement(text: &[u8], from: usize, dialect: Dialect) -> Option<(Range<usize>, usize)> {
    let mut body: Option<Range<usize>> = None;
    let mut parentheses = 0_usize;
    // `BEGIN ATOMIC ... END` is the body of a function, which has statements inside.
    let mut atomic = 0_usize;
    let mut last_begins = false;
    for token in Tokens::new(text, from, dialect) {
        match token.kind {
            Kind::Mark(b';') if parentheses == 0 && atomic == 0 => match body {
                Some(range) => return Some((range, token.range.end)),
                None => continue,
            },
            Kind::Mark(b'(') => parentheses += 1,
            Kind::Mark(b')') => parentheses = parentheses.saturating_sub(1),
            Kind::Word if last_begins && token.is("ATOMIC") => atomic = 1,
            Kind::Word if atomic > 0 && token.is("CASE") => atomic += 1,
            Kind::Word if atomic > 0 && token.is("END") => atomic -= 1,
            _ => {}
        }
        last_begins = token.is("BEGIN");
        let start = body.map_or(token.range.start, |range| range.start);
        body = Some(start..token.range.end);
    }
    body.map(|range| (range, text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statements(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        let mut at = 0;
        while let Some((range, next)) = statement(text.as_bytes(), at, Dialect::Postgres) {
            found.push(text[range].to_owned());
            assert!(next > at);
            at = next;
        }
        found
    }

    #[test]
    fn statements_end_at_their_semicolon() {
        let cases: [(&str, &[&str]); 15] = [
            ("", &[]),
            (" ; -- nothing\n ;;", &[]),
            ("select 1", &["select 1"]),
            ("select 1; select 2;", &["select 1", "select 2"]),
            ("select ';'; select \"a;b\" -- ;\n, 2", &["select ';'", "select \"a;b\" -- ;\n, 2"]),
            ("select 'it''s;'; select 2", &["select 'it''s;'", "select 2"]),
            (r"select e'\';'; select 2", &[r"select e'\';'", "select 2"]),
            (r"select '\'; select 2", &[r"select '\'", "select 2"]),
            ("select $$a;b$$; select $x$ $$;$y$ $x$, $1", &["select $$a;b$$", "select $x$ $$;$y$ $x$, $1"]),
            ("select /* a; /* b; */ c; */ 1; select 2", &["select /* a; /* b; */ c; */ 1", "select 2"]),
            (
                "create rule r as on update to t do (select 1; select 2); select 3",
                &["create rule r as on update to t do (select 1; select 2)", "select 3"],
            ),
            (
                "create function f() begin atomic select case when true then 1 end; select 2; end; select 3",
                &[
                    "create function f() begin atomic select case when true then 1 end; select 2; end",
                    "select 3",
                ],
            ),
            ("begin; insert into a values (1); commit", &["begin", "insert into a values (1)", "commit"]),
            ("select 'open; and on", &["select 'open; and on"]),
            ("select /* open; and on", &["select"]),
        ];
        for (text, expected) in cases {
            assert_eq!(statements(text), expected, "{text}");
        }
    }
}
