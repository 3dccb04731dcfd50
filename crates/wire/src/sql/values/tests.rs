use super::*;

/// The statement with wanted literals starred, and the wanted parameters.
fn shown(sql: &str, dialect: Dialect) -> String {
    let found = values(sql.as_bytes(), dialect, &|name| name.to_lowercase().ends_with("token"));
    let mut text = sql.to_owned();
    for range in found.literals.iter().rev() {
        text.replace_range(range.clone(), "*");
    }
    let parameters: Vec<String> = found.parameters.iter().map(|number| format!(" #{number}")).collect();
    format!("{text}{}", parameters.concat())
}

#[test]
fn values_are_told_by_their_columns() {
    for (sql, expected) in [
        ("UPDATE t SET token = 'x', n = 'y' WHERE id = 7", "UPDATE t SET token = *, n = 'y' WHERE id = 7"),
        ("SELECT 1 FROM s WHERE s.token=$2 AND a = $1", "SELECT 1 FROM s WHERE s.token=$2 AND a = $1 #2"),
        ("SELECT 1 WHERE $3 = u.token OR 'a' = \"Token\"", "SELECT 1 WHERE $3 = u.token OR * = \"Token\" #3"),
        (
            "SELECT 1 WHERE token IN ('a', 'b') AND x IN ('c')",
            "SELECT 1 WHERE token IN (*, *) AND x IN ('c')",
        ),
        ("SELECT 1 WHERE token NOT LIKE 'a%'", "SELECT 1 WHERE token NOT LIKE *"),
        (
            "SELECT 1 WHERE lower(token) <> lower('a') LIMIT 3",
            "SELECT 1 WHERE lower(token) <> lower(*) LIMIT 3",
        ),
        ("SELECT 1 WHERE token::text = $1::text", "SELECT 1 WHERE token::text = $1::text #1"),
        ("SELECT 1 WHERE data->>'token' = 'a'", "SELECT 1 WHERE data->>'token' = *"),
        ("SELECT 'a' AS token, $1::text AS b_token", "SELECT * AS token, $1::text AS b_token #1"),
        ("INSERT INTO t(a, token) VALUES ($1,$2)", "INSERT INTO t(a, token) VALUES ($1,$2) #2"),
        (
            "INSERT INTO s.t (token, \"b\") VALUES ('x', 'y'), (f('z', 8), 'w') ON CONFLICT DO NOTHING",
            "INSERT INTO s.t (token, \"b\") VALUES (*, 'y'), (f(*, *), 'w') ON CONFLICT DO NOTHING",
        ),
        ("INSERT INTO t (a, token) SELECT 'a', 'b' FROM u", "INSERT INTO t (a, token) SELECT 'a', * FROM u"),
        ("INSERT INTO t VALUES ('a')", "INSERT INTO t VALUES ('a')"),
        (
            "INSERT INTO t (a) OVERRIDING SYSTEM VALUE VALUES (1)",
            "INSERT INTO t (a) OVERRIDING SYSTEM VALUE VALUES (1)",
        ),
        (
            "WHEN NOT MATCHED THEN INSERT (a, token) VALUES (1, 2)",
            "WHEN NOT MATCHED THEN INSERT (a, token) VALUES (1, *)",
        ),
        ("INSERT INTO t (token) VALUES ('cut", "INSERT INTO t (token) VALUES (*"),
        ("SET app.token TO 'x'", "SET app.token TO *"),
        ("SELECT token FROM t WHERE a = 'b'", "SELECT token FROM t WHERE a = 'b'"),
        (
            "CREATE TABLE t (token text, a text DEFAULT 'x')",
            "CREATE TABLE t (token text, a text DEFAULT 'x')",
        ),
    ] {
        assert_eq!(shown(sql, Dialect::Postgres), expected);
    }
    for (sql, expected) in [
        (
            "UPDATE `t` SET `token` = \"x\", b = ? WHERE api_token = ?",
            "UPDATE `t` SET `token` = *, b = ? WHERE api_token = ? #2",
        ),
        ("INSERT INTO t SET a = 1, token = ?", "INSERT INTO t SET a = 1, token = ? #1"),
        (
            "REPLACE INTO t (a, token) VALUES (?, ?), (?, ?)",
            "REPLACE INTO t (a, token) VALUES (?, ?), (?, ?) #2 #4",
        ),
    ] {
        assert_eq!(shown(sql, Dialect::Mysql), expected);
    }
}

#[test]
fn rows_that_are_copied_belong_to_the_columns_named() {
    for (sql, expected) in [
        ("COPY public.t (a, token) FROM stdin", true),
        ("copy (select u.token from u) to stdout", true),
        ("COPY t (a, b) FROM stdin WITH (token)", false),
        ("COPY t FROM stdin", false),
        ("SELECT f(token)", false),
        ("COPY t (a, ", false),
    ] {
        let found = values(sql.as_bytes(), Dialect::Postgres, &|name| name == "token");
        assert_eq!(found.copies, expected, "{sql}");
    }
}

#[test]
fn any_statement_is_read_in_linear_time() {
    for part in [
        "token = ",
        "token IN (",
        "INSERT INTO t (token",
        "(",
        "token)",
        "$1 = token ",
        "VALUES (",
        "'",
        "a,",
    ] {
        let text = part.repeat(100_000);
        for dialect in [Dialect::Postgres, Dialect::Mysql] {
            let found = values(text.as_bytes(), dialect, &|name| name == "token");
            assert!(found.literals.len() + found.others.len() <= text.len());
        }
    }
}
