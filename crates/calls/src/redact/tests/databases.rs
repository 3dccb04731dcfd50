//! Statements with their parameters and rows, and commands of Redis with their answers.

use model::exchange::{Message, Protocol};

use super::rules;

/// The statement and its parameters as they are shown.
fn statement(protocol: Protocol, sql: &str, parameters: &[&str], cut: bool) -> String {
    let headers =
        parameters.iter().zip(1..).map(|(value, number)| (format!("${number}"), (*value).to_owned()));
    let mut message = Message { headers: headers.collect(), body: sql.into(), cut, ..Message::default() };
    message.media = (!sql.is_empty()).then(|| "application/sql".to_owned());
    rules(&["$.pin"]).hide(protocol, &mut String::new(), &mut message, None);
    let values: Vec<&str> = message.headers.iter().map(|(_, value)| value.as_str()).collect();
    format!("{} <- {}", String::from_utf8(message.body).unwrap(), values.join(", "))
}

#[test]
fn statements_and_their_parameters() {
    let postgres = |sql: &str, parameters: &[&str]| statement(Protocol::Postgres, sql, parameters, false);
    assert_eq!(
        postgres("INSERT INTO users(name,password) VALUES ($1,$2)", &["ann", "LEAK"]),
        "INSERT INTO users(name,password) VALUES ($1,$2) <- ann, [redacted]"
    );
    assert_eq!(
        postgres("UPDATE users SET password = 'LEAK', pin=7 WHERE id=8", &[]),
        "UPDATE users SET password = '[redacted]', pin='[redacted]' WHERE id=8 <- "
    );
    assert_eq!(
        postgres("SELECT 1 FROM s WHERE token = $1 AND a = $2", &["LEAK", "NULL"]),
        "SELECT 1 FROM s WHERE token = $1 AND a = $2 <- [redacted], NULL"
    );
    assert_eq!(
        postgres("INSERT INTO t(a, b) VALUES ($1, '{\"secret\":1}')", &[r#"{"password":"LEAK"}"#]),
        "INSERT INTO t(a, b) VALUES ($1, '{\"secret\":\"[redacted]\"}') <- {\"password\":\"[redacted]\"}"
    );
    let mysql = |sql: &str, parameters: &[&str]| statement(Protocol::Mysql, sql, parameters, false);
    assert_eq!(
        mysql("UPDATE t SET password = \"LEAK\", a = ? WHERE api_key = ?", &["1", "LEAK"]),
        "UPDATE t SET password = '[redacted]', a = ? WHERE api_key = ? <- 1, [redacted]"
    );
    assert_eq!(
        mysql(r#"INSERT INTO t (a) VALUES ('{\"password\":\"LEAK\"}')"#, &[]),
        r#"INSERT INTO t (a) VALUES ('{\"password\":\"[redacted]\"}') <- "#
    );
    // Nobody knows what these are.
    assert_eq!(
        statement(Protocol::Postgres, "SELECT $1, ", &["a", "b"], true),
        "SELECT $1,  <- a, [redacted]"
    );
    assert_eq!(statement(Protocol::Postgres, "", &["a", "NULL"], true), " <- [redacted], NULL");
}

#[test]
fn rows_that_are_copied() {
    let part = |text: &str| model::exchange::Part {
        at: model::Timestamp(1),
        kind: "data".to_owned(),
        bytes: text.len() as u64,
        kept: text.len() as u32,
    };
    for (sql, expected) in [
        ("COPY users (name, password) FROM stdin\n", ["[redacted]", "[redacted]"]),
        ("COPY users (name, age) FROM stdin\n", ["ann\tLEAK\n", "bob\tLEAK\n"]),
    ] {
        let texts = [sql, "ann\tLEAK\n", "bob\tLEAK\n"];
        let mut request =
            Message { body: texts.concat().into(), parts: texts.map(part).to_vec(), ..Message::default() };
        request.media = Some("application/sql".to_owned());
        let mut response =
            Message { body: texts[1].into(), parts: vec![part(texts[1])], ..Message::default() };
        rules(&[]).hide(Protocol::Postgres, &mut String::new(), &mut request, Some(&mut response));
        assert_eq!(String::from_utf8(request.body).unwrap(), format!("{sql}{}{}", expected[0], expected[1]));
        let kept: Vec<_> = request.parts.iter().map(|part| part.kept as usize).collect();
        assert_eq!(kept, [sql.len(), expected[0].len(), expected[1].len()]);
        assert_eq!(String::from_utf8(response.body).unwrap(), expected[0]);
    }
}

/// A command and its answer as they are shown.
fn redis(command: &str, answer: &str) -> (String, String) {
    let message = |text: &str| Message {
        body: text.into(),
        media: Some("text/plain".to_owned()),
        ..Message::default()
    };
    let (mut request, mut response) = (message(command), message(answer));
    rules(&[]).hide(Protocol::Redis, &mut String::new(), &mut request, Some(&mut response));
    (String::from_utf8(request.body).unwrap(), String::from_utf8(response.body).unwrap())
}

#[test]
fn redis_by_fields_and_keys() {
    for (command, answer, shown_command, shown_answer) in [
        ("HSET user:7 name ann password LEAK", "1", "HSET user:7 name ann password [redacted]", "1"),
        (
            "HGETALL user:7",
            "1) \"name\"\n2) \"ann\"\n3) \"password\"\n4) \"LE\\\"AK\"\n5) \"a\"\n6) \"b\"",
            "HGETALL user:7",
            "1) \"name\"\n2) \"ann\"\n3) \"password\"\n4) \"[redacted]\"\n5) \"a\"\n6) \"b\"",
        ),
        (
            "HGETALL user:7",
            "1# \"password\" => \"LEAK\"\n2# \"a\" => \"b\"",
            "HGETALL user:7",
            "1# \"password\" => \"[redacted]\"\n2# \"a\" => \"b\"",
        ),
        ("SET token:7 LEAK EX 60", "OK", "SET token:7 [redacted] [redacted] [redacted]", "OK"),
        ("get token:7", "LEAK", "get token:7", "[redacted]"),
        ("GET token:7", "(nil)", "GET token:7", "(nil)"),
        ("GET user:7", "ann", "GET user:7", "ann"),
        ("MSET a 1 api_key 'LE AK'", "OK", "MSET a 1 api_key [redacted]", "OK"),
        ("MGET a api_key", "1) \"1\"\n2) \"LEAK\"", "MGET a api_key", "1) \"1\"\n2) \"[redacted]\""),
        ("HGET user:7 password", "LEAK", "HGET user:7 password", "[redacted]"),
        (
            "HMGET user:7 name password",
            "1) \"ann\"\n2) \"LEAK\"",
            "HMGET user:7 name password",
            "1) \"ann\"\n2) \"[redacted]\"",
        ),
        ("XADD s MAXLEN ~ 9 * a 1 token LEAK", "1-1", "XADD s MAXLEN ~ 9 * a 1 token [redacted]", "1-1"),
        (
            "XRANGE s - +",
            "1) 1) \"1-1\"\n   2) 1) \"token\"\n      2) \"LEAK\"\n2) 1) \"1-2\"",
            "XRANGE s - +",
            "1) 1) \"1-1\"\n   2) 1) \"token\"\n      2) \"[redacted]\"\n2) 1) \"1-2\"",
        ),
        (
            "SET user:8 '{\"password\":\"LEAK\",\"a\":\"x y\"}'",
            "OK",
            "SET user:8 '{\"password\":\"[redacted]\",\"a\":\"x y\"}'",
            "OK",
        ),
        (
            "SET user:9 \"{\\\"password\\\":\\\"LEAK\\\",\\\"a\\\":\\\"it's\\\"}\"",
            "OK",
            "SET user:9 \"{\\\"password\\\":\\\"[redacted]\\\",\\\"a\\\":\\\"it's\\\"}\"",
            "OK",
        ),
        ("GET user:8", "{\"password\":\"LEAK\"}", "GET user:8", "{\"password\":\"[redacted]\"}"),
        ("HSET token:7 a LE", "1", "HSET token:7 [redacted] [redacted]", "1"),
        ("SET token:7 \"LEAK", "OK", "SET token:7 [redacted]", "OK"),
    ] {
        let shown = redis(command, answer);
        assert_eq!((shown.0.as_str(), shown.1.as_str()), (shown_command, shown_answer));
        assert_eq!(redis(&shown.0, &shown.1), shown, "hiding again changes nothing");
    }
}
