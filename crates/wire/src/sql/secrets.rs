//! Passwords in statements.

use std::borrow::Cow;

use super::Dialect;
use super::tokens::{Kind, Token, Tokens};

/// The statements with every password in them replaced: of those that manage accounts and replication.
pub(crate) fn redact(sql: &[u8], dialect: Dialect) -> Cow<'_, [u8]> {
    const MANAGE: [&str; 7] = ["CREATE", "ALTER", "SET", "GRANT", "CHANGE", "START", "CLONE"];
    let (mut out, mut copied) = (Vec::new(), 0);
    let mut verb: Option<Token<'_>> = None;
    let (mut due, mut identified, mut sets_password) = (false, false, false);
    for token in Tokens::new(sql, 0, dialect) {
        match token.kind {
            Kind::Mark(b';') => {
                verb = None;
                (due, identified, sets_password) = (false, false, false);
            }
            Kind::Word if verb.is_none() => verb = Some(token),
            _ if !verb.as_ref().is_some_and(|verb| verb.is_any(&MANAGE)) => {}
            Kind::Text | Kind::Name if due => {
                out.extend_from_slice(&sql[copied..token.range.start]);
                out.extend_from_slice(b"'[redacted]'");
                copied = token.range.end;
                due = false;
            }
            Kind::Word => {
                identified |= token.is("IDENTIFIED");
                let password = token.bytes.to_ascii_uppercase().ends_with(b"PASSWORD");
                sets_password |= password && verb.as_ref().is_some_and(|verb| verb.is("SET"));
                due = password || (identified && token.is_any(&["BY", "AS", "USING", "REPLACE"]));
            }
            Kind::Mark(b'=') => due |= sets_password,
            Kind::Mark(b'(' | b':') => {}
            Kind::Text | Kind::Name | Kind::Number | Kind::Mark(_) => due = false,
        }
    }
    if copied == 0 {
        return sql.into();
    }
    out.extend_from_slice(&sql[copied..]);
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_of_accounts_are_replaced_and_nothing_else() {
        let both = [Dialect::Postgres, Dialect::Mysql];
        let mysql = [Dialect::Mysql];
        let postgres = [Dialect::Postgres];
        let cases: [(&[Dialect], &str, &str); 17] = [
            (
                &mysql,
                "CREATE USER 'a'@'%' IDENTIFIED BY 'x\\'y'",
                "CREATE USER 'a'@'%' IDENTIFIED BY '[redacted]'",
            ),
            (
                &both,
                "ALTER USER a IDENTIFIED WITH p AS 'h' REPLACE \"old\"",
                "ALTER USER a IDENTIFIED WITH p AS '[redacted]' REPLACE '[redacted]'",
            ),
            (
                &both,
                "SET PASSWORD FOR 'a'@'b' = PASSWORD('x')",
                "SET PASSWORD FOR 'a'@'b' = PASSWORD('[redacted]')",
            ),
            (&both, "set password = 'x'", "set password = '[redacted]'"),
            (
                &both,
                "CHANGE MASTER TO MASTER_USER='a', MASTER_PASSWORD='x'",
                "CHANGE MASTER TO MASTER_USER='a', MASTER_PASSWORD='[redacted]'",
            ),
            (
                &both,
                "ALTER ROLE r WITH ENCRYPTED PASSWORD 'x' VALID UNTIL 'y'",
                "ALTER ROLE r WITH ENCRYPTED PASSWORD '[redacted]' VALID UNTIL 'y'",
            ),
            (
                &both,
                "GRANT ALL ON *.* TO a IDENTIFIED BY PASSWORD '*1'",
                "GRANT ALL ON *.* TO a IDENTIFIED BY PASSWORD '[redacted]'",
            ),
            (
                &both,
                "CREATE TABLE t (password VARCHAR(9) DEFAULT 'x')",
                "CREATE TABLE t (password VARCHAR(9) DEFAULT 'x')",
            ),
            (&both, "SET NAMES 'utf8'", "SET NAMES 'utf8'"),
            (&both, "SELECT password('x')", "SELECT password('x')"),
            (&both, "SELECT 1; SET PASSWORD = 'x'", "SELECT 1; SET PASSWORD = '[redacted]'"),
            (&both, "UPDATE t SET password = 'x'", "UPDATE t SET password = 'x'"),
            (&both, "alter role joe password 'secret' login", "alter role joe password '[redacted]' login"),
            (&both, "CREATE USER a ENCRYPTED PASSWORD 'x'", "CREATE USER a ENCRYPTED PASSWORD '[redacted]'"),
            (&postgres, "create role a password $$x$$, b", "create role a password '[redacted]', b"),
            (&both, "alter role joe password null", "alter role joe password null"),
            (&both, "select password 'x'", "select password 'x'"),
        ];
        for (dialects, sql, expected) in cases {
            for dialect in dialects {
                let redacted = redact(sql.as_bytes(), *dialect);
                assert_eq!(String::from_utf8_lossy(&redacted), expected, "{dialect:?}");
            }
        }
    }
}
