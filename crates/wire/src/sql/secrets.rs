//! Passwords in statements.

use std::borrow::Cow;

use super::is;
use super::tokens::{Reader, Token};

/// The statements with every password in them replaced: of those that manage accounts and replication.
pub(crate) fn redact(sql: &str) -> Cow<'_, str> {
    const MANAGE: &[&str] = &["CREATE", "ALTER", "SET", "GRANT", "CHANGE", "START", "CLONE"];
    let mut reader = Reader::new(sql);
    let (mut out, mut copied) = (String::new(), 0);
    let mut verb = None;
    let (mut due, mut identified, mut set_password) = (false, false, false);
    while let Some(token) = reader.next() {
        match token {
            Token::Mark(b';') => {
                verb = None;
                (due, identified, set_password) = (false, false, false);
            }
            Token::Word(word) if verb.is_none() => verb = Some(word),
            _ if !verb.is_some_and(|verb| is(verb, MANAGE)) => {}
            Token::Text | Token::Quoted(_) if due => {
                out.push_str(sql.get(copied..reader.began).unwrap_or_default());
                out.push_str("'[redacted]'");
                copied = reader.at;
                due = false;
            }
            Token::Word(word) => {
                identified |= is(word, &["IDENTIFIED"]);
                let password = word.to_ascii_uppercase().ends_with("PASSWORD");
                set_password |= password && verb.is_some_and(|verb| is(verb, &["SET"]));
                due = password || (identified && is(word, &["BY", "AS", "USING", "REPLACE"]));
            }
            Token::Mark(b'=') => due |= set_password,
            Token::Mark(b'(' | b':') => {}
            Token::Text | Token::Quoted(_) | Token::Mark(_) => due = false,
        }
    }
    if copied == 0 {
        return sql.into();
    }
    out.push_str(sql.get(copied..).unwrap_or_default());
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_of_accounts_are_replaced_and_nothing_else() {
        let cases = [
            ("CREATE USER 'a'@'%' IDENTIFIED BY 'x\\'y'", "CREATE USER 'a'@'%' IDENTIFIED BY '[redacted]'"),
            (
                "ALTER USER a IDENTIFIED WITH p AS 'h' REPLACE \"old\"",
                "ALTER USER a IDENTIFIED WITH p AS '[redacted]' REPLACE '[redacted]'",
            ),
            ("SET PASSWORD FOR 'a'@'b' = PASSWORD('x')", "SET PASSWORD FOR 'a'@'b' = PASSWORD('[redacted]')"),
            ("set password = 'x'", "set password = '[redacted]'"),
            (
                "CHANGE MASTER TO MASTER_USER='a', MASTER_PASSWORD='x'",
                "CHANGE MASTER TO MASTER_USER='a', MASTER_PASSWORD='[redacted]'",
            ),
            (
                "ALTER ROLE r WITH ENCRYPTED PASSWORD 'x' VALID UNTIL 'y'",
                "ALTER ROLE r WITH ENCRYPTED PASSWORD '[redacted]' VALID UNTIL 'y'",
            ),
            (
                "GRANT ALL ON *.* TO a IDENTIFIED BY PASSWORD '*1'",
                "GRANT ALL ON *.* TO a IDENTIFIED BY PASSWORD '[redacted]'",
            ),
            (
                "CREATE TABLE t (password VARCHAR(9) DEFAULT 'x')",
                "CREATE TABLE t (password VARCHAR(9) DEFAULT 'x')",
            ),
            ("SET NAMES 'utf8'", "SET NAMES 'utf8'"),
            ("SELECT password('x')", "SELECT password('x')"),
            ("SELECT 1; SET PASSWORD = 'x'", "SELECT 1; SET PASSWORD = '[redacted]'"),
            ("UPDATE t SET password = 'x'", "UPDATE t SET password = 'x'"),
        ];
        for (sql, expected) in cases {
            assert_eq!(redact(sql), expected);
        }
    }
}
