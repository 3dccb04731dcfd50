use model::exchange::{Message, Protocol};
use model::plan::CallsConfig;

use super::*;

fn rules(more: &[&str]) -> Redaction {
    let mut config = CallsConfig::default();
    config.redact.extend(more.iter().map(|rule| (*rule).to_owned()));
    Redaction::new(&config)
}

fn hide(rules: &Redaction, message: &mut Message) -> Hidden {
    rules.hide(Protocol::Http1, &mut String::new(), message, None)
}

fn body(kind: &str, body: &str) -> String {
    let mut message = Message { body: body.as_bytes().to_vec(), ..Message::default() };
    if !kind.is_empty() {
        message.headers.push(("Content-Type".to_owned(), kind.to_owned()));
    }
    hide(&rules(&["$.card.number", "$.items[*].pin", "X-Card"]), &mut message);
    String::from_utf8(message.body).unwrap()
}

#[test]
fn json_keys_at_any_depth() {
    for (given, expected) in [
        (r#"{"password":"s3cret","user":"a"}"#, r#"{"password":"[redacted]","user":"a"}"#),
        (
            r#"{"a":{"b":[{"Password" : 12345 , "c":1}]}}"#,
            r#"{"a":{"b":[{"Password" : "[redacted]", "c":1}]}}"#,
        ),
        (r#"{"token":{"deep":["x","}"]},"after":true}"#, r#"{"token":"[redacted]","after":true}"#),
        (r#"{"token":[1,[2,3]],"password":null}"#, r#"{"token":"[redacted]","password":"[redacted]"}"#),
        (r#"{"pass\u0077ord":"s3cret"}"#, r#"{"pass\u0077ord":"[redacted]"}"#),
        (r#"{"token":"a\"b\\","x":"token"}"#, r#"{"token":"[redacted]","x":"token"}"#),
        (r#"["password","s"]"#, r#"["password","s"]"#),
        (r#"{"x":"password","y":":"}"#, r#"{"x":"password","y":":"}"#),
        // A path ends with its keys; lists between them do not count.
        (r#"{"card":{"number":"4111"},"number":7}"#, r#"{"card":{"number":"[redacted]"},"number":7}"#),
        (r#"{"card":[{"number":4111}]}"#, r#"{"card":[{"number":"[redacted]"}]}"#),
        (r#"{"card":{"x":{"number":4111}}}"#, r#"{"card":{"x":{"number":4111}}}"#),
        (
            r#"{"items":[{"pin":1},{"pin":2}],"pin":3}"#,
            r#"{"items":[{"pin":"[redacted]"},{"pin":"[redacted]"}],"pin":3}"#,
        ),
    ] {
        assert_eq!(body("application/json", given), expected);
        assert_eq!(body("", given), expected, "sniffed");
    }
}

#[test]
fn json_that_is_cut_or_comes_in_lines() {
    for (given, expected) in [
        (r#"{"a":1,"password":"s3cr"#, r#"{"a":1,"password":"[redacted]""#),
        (r#"{"a":1,"password":{"x":"s3cr"#, r#"{"a":1,"password":"[redacted]""#),
        (r#"{"a":1,"password":12"#, r#"{"a":1,"password":"[redacted]""#),
        (r#"{"a":1,"password""#, r#"{"a":1,"password""#),
        ("{\"token\":1}\n{\"token\":2}\n", "{\"token\":\"[redacted]\"}\n{\"token\":\"[redacted]\"}\n"),
        ("{\"token\":1\n{\"token\":2}\n", "{\"token\":\"[redacted]\"\n{\"token\":\"[redacted]\"}\n"),
        ("\"password\": \"s3cret\", \"x\": 1}", "\"password\": \"[redacted]\", \"x\": 1}"),
        ("{\"a\":1 \"password\":\"s3c\nret\"}", "{\"a\":1 \"password\":\"[redacted]\"}"),
        ("]]}},{\"token\":1}", "]]}},{\"token\":\"[redacted]\"}"),
    ] {
        assert_eq!(body("application/x-ndjson", given), expected);
    }
    let events = "event: \"x\ndata: {\"token\": \"s\"}\n\n";
    assert_eq!(body("text/event-stream", events), "event: \"x\ndata: {\"token\": \"[redacted]\"}\n\n");
}

#[test]
fn forms_and_multipart() {
    let form = "application/x-www-form-urlencoded";
    for (given, expected) in [
        ("user=a&password=s3cret&x=1", "user=a&password=[redacted]&x=1"),
        ("pass%77ord=s3cret", "pass%77ord=[redacted]"),
        ("user[password]=s", "user[password]=[redacted]"),
        ("card.number=4111&number=2", "card.number=[redacted]&number=2"),
        ("x-card=1", "x-card=[redacted]"),
        ("password=&a=%zz", "password=&a=%zz"),
        ("passwords=1", "passwords=1"),
    ] {
        assert_eq!(body(form, given), expected);
    }
    assert_eq!(body("text/plain", "user=a&password=s"), "user=a&password=[redacted]");
    let parts = |secret: &str| {
        format!(
            "--B\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\nann\r\n\
             --B\r\ncontent-disposition: form-data; name=\"password\"\r\n\r\n{secret}\r\n--B--\r\n"
        )
    };
    let kind = "multipart/form-data; boundary=\"B\"";
    assert_eq!(body(kind, &parts("s3\r\ncret")), parts("[redacted]"));
    let cut = "--B\r\nContent-Disposition: form-data; name=password\r\n\r\ns3cr";
    assert_eq!(body(kind, cut), "--B\r\nContent-Disposition: form-data; name=password\r\n\r\n[redacted]");
}

#[test]
fn headers_and_urls() {
    let headers = [
        ("Authorization", "Bearer s3cret", "[redacted]"),
        ("SET-COOKIE", "sid=1", "[redacted]"),
        ("x-card", "1", "[redacted]"),
        ("Accept", "*/*", "*/*"),
        ("Location", "/cb?code=1&token=s#token=t", "/cb?code=1&token=[redacted]#token=[redacted]"),
        ("Referer", "http://web/?password=p", "http://web/?password=[redacted]"),
    ];
    let given = headers.iter().map(|(n, v, _)| ((*n).to_owned(), (*v).to_owned())).collect();
    let mut message = Message { headers: given, ..Message::default() };
    hide(&rules(&["X-Card"]), &mut message);
    for ((name, value), (_, _, expected)) in message.headers.iter().zip(&headers) {
        assert_eq!(value, expected, "{name}");
    }
}

#[test]
fn what_cannot_be_read_is_not_kept() {
    let mut message = Message {
        headers: vec![("content-encoding".to_owned(), "gzip".to_owned())],
        body: b"\x1f\x8b....".to_vec(),
        bytes: 6,
        ..Message::default()
    };
    hide(&rules(&[]), &mut message);
    assert_eq!((message.body.len(), message.bytes, message.cut), (0, 6, true));
}

#[test]
fn odd_rules_do_nothing() {
    let config = CallsConfig {
        body_limit: 1,
        redact: ["$", "$.", "", " ", "$..password"].map(str::to_owned).to_vec(),
        ..CallsConfig::default()
    };
    let rules = Redaction::new(&config);
    assert!(rules.headers.is_empty());
    assert_eq!(rules.paths, [["password"]]);
}

#[test]
fn what_decoders_made_is_looked_into() {
    for (media, given, expected) in [
        ("application/json", r#"[{"id":1,"Password":"x"}]"#, r#"[{"id":1,"Password":"[redacted]"}]"#),
        ("text/plain", "SET session {\"token\":\"x\"}", "SET session {\"token\":\"[redacted]\"}"),
        ("application/sql", "INSERT '{\"secret\":1}'", "INSERT '{\"secret\":\"[redacted]\"}'"),
        ("application/x-www-form-urlencoded", "a=1&token=x", "a=1&token=[redacted]"),
    ] {
        let mut message = Message { body: given.into(), media: Some(media.to_owned()), ..Message::default() };
        message.headers.push(("content-type".to_owned(), "application/grpc".to_owned()));
        hide(&rules(&[]), &mut message);
        assert_eq!(String::from_utf8(message.body).unwrap(), expected, "{media}");
    }
}

#[test]
fn parts_keep_their_borders() {
    let texts = [r#"{"token":"a"}"#, "plain", r#"{"password":"a long secret","x":1}"#, ""];
    let part = |text: &&str| model::exchange::Part {
        at: model::Timestamp(1),
        kind: "text".to_owned(),
        bytes: text.len() as u64,
        kept: text.len() as u32,
    };
    let mut message = Message { parts: texts.iter().map(part).collect(), ..Message::default() };
    message.body = format!("{}{{\"secret\":2}}", texts.concat()).into_bytes();
    hide(&rules(&[]), &mut message);
    let mut rest = message.body.as_slice();
    let mut shown = Vec::new();
    for part in &message.parts {
        let (own, behind) = rest.split_at(part.kept as usize);
        shown.push(String::from_utf8_lossy(own));
        rest = behind;
    }
    let expected = [r#"{"token":"[redacted]"}"#, "plain", r#"{"password":"[redacted]","x":1}"#, ""];
    assert_eq!(shown, expected);
    assert_eq!(rest, br#"{"secret":"[redacted]"}"#, "what belongs to no part is hidden too");
}

#[test]
fn names_that_say_secret_are_enough() {
    for (kind, given, expected) in [
        (
            "application/json",
            r#"{"access_token":"a","token_type":"bearer","expires_in":3600,"apiKey":"k","max_tokens":9}"#,
            r#"{"access_token":"[redacted]","token_type":"bearer","expires_in":3600,"apiKey":"[redacted]","max_tokens":9}"#,
        ),
        (
            "application/x-www-form-urlencoded",
            "grant_type=password&client_secret=a&refresh_token=b",
            "grant_type=password&client_secret=[redacted]&refresh_token=[redacted]",
        ),
        (
            "application/json",
            r#"{"new_password":"a","passwordConfirmation":"b","passwd":"c"}"#,
            r#"{"new_password":"[redacted]","passwordConfirmation":"[redacted]","passwd":"[redacted]"}"#,
        ),
    ] {
        assert_eq!(body(kind, given), expected);
    }
}

#[test]
fn values_do_not_end_before_their_end() {
    let form = "application/x-www-form-urlencoded";
    for (kind, given, expected) in [
        (form, "password=abc;LEAK&x=1", "password=[redacted]&x=1"),
        (form, "password=abc#LEAK?LEAK&x=1", "password=[redacted]&x=1"),
        (form, "a=1;password=LEAK&x=1", "a=1;password=[redacted]&x=1"),
        (
            form,
            "data=1&url=https%3A%2F%2Fx%3Ftoken%3DLEAK",
            "data=1&url=https%3A%2F%2Fx%3Ftoken%3D[redacted]",
        ),
        (form, "data=%7B%22password%22%3A7%7D", "data=%7B%22password%22%3A%22[redacted]%22%7D"),
        ("text/plain", "password=LEAK;LEAK&data={1}", "password=[redacted]&data={1}"),
        ("text/plain", "data={1} token = 'LE AK'", "data={1} token = '[redacted]'"),
        (
            "application/yaml",
            "db:\n  password: LE}AK, LE\"AK\n  user: a\n",
            "db:\n  password: [redacted], LE\"AK\n  user: a\n",
        ),
    ] {
        if kind != "application/yaml" {
            assert_eq!(body(kind, given), expected);
        }
    }
    assert_eq!(body("application/yaml", "password: LE}AK x\nuser: a\n"), "password: [redacted]\nuser: a\n");
}

#[test]
fn xml_and_html() {
    for (given, expected) in [
        (
            "<e xmlns=\"a\"><password>LEAK</password></e>",
            "<e xmlns=\"a\"><password>[redacted]</password></e>",
        ),
        ("<s:Token a='1'><b>LEAK</b></s:Token><c/>", "<s:Token a='1'>[redacted]</s:Token><c/>"),
        ("<user token=\"LEAK\" name='x'/>", "<user token=\"[redacted]\" name='x'/>"),
        ("<add key=\"apiKey\" value=\"LEAK\"/>", "<add key=\"apiKey\" value=\"[redacted]\"/>"),
        ("<entry name=\"password\">LEAK</entry>", "<entry name=\"password\">[redacted]</entry>"),
        ("<password/><a>b</a>", "<password/><a>b</a>"),
        ("<password>LEAK", "<password>[redacted]"),
        ("<password><![CDATA[LE<AK]]></password>", "<password>[redacted]</password>"),
    ] {
        assert_eq!(body("application/soap+xml", given), expected);
        assert_eq!(body("text/xml; charset=utf-8", given), expected);
    }
    let input = "<label name=password>Your password</label><input name=csrf_token type=hidden value='LEAK'>";
    let expected = input.replace("LEAK", "[redacted]");
    assert_eq!(body("text/html", input), expected);
}

#[test]
fn texts_within_texts() {
    for (given, expected) in [
        (
            r#"{"query":"mutation { login(user: \"a\", password: \"LE AK\") { ok } }"}"#,
            r#"{"query":"mutation { login(user: \"a\", password: \"[redacted]\") { ok } }"}"#,
        ),
        (
            r#"{"variables":{"p":"LEAK","q":1},"query":"mutation L($p:String!,$password:X){login(password:$p){ok}}"}"#,
            r#"{"variables":{"p":"[redacted]","q":1},"query":"mutation L($p:String!,$password:X){login(password:$p){ok}}"}"#,
        ),
        (r#"{"Message":"{\"password\":\"LEAK\"}"}"#, r#"{"Message":"{\"password\":\"[redacted]\"}"}"#),
        (r#"{"Message":"{\"password\":7}"}"#, r#"{"Message":"{\"password\":\"[redacted]\"}"}"#),
        (
            r#"{"a":"{\"b\":\"{\\\"pass\\u0077ord\\\":[1,2]}\"}"}"#,
            r#"{"a":"{\"b\":\"{\\\"pass\\u0077ord\\\":\\\"[redacted]\\\"}\"}"}"#,
        ),
        (r#"{"dsn":"postgres://u:LEAK@db/x"}"#, r#"{"dsn":"postgres://u:[redacted]@db/x"}"#),
        (
            r#"{"url":"https://a/b?x=1&access_token=LEAK&y=2"}"#,
            r#"{"url":"https://a/b?x=1&access_token=[redacted]&y=2"}"#,
        ),
    ] {
        assert_eq!(body("application/json", given), expected);
        assert_eq!(body("application/json", expected), expected, "hiding again changes nothing");
    }
    // What is nested deeper than is looked is hidden whole.
    let mut deep = r#"{"password":"LEAK"}"#.to_owned();
    for _ in 0..8 {
        deep = serde_json::json!({ "a": deep }).to_string();
        assert!(!body("application/json", &deep).contains("LEAK"), "{deep}");
    }
}

#[test]
fn targets() {
    for (given, expected) in [
        ("/a?access_token=LEAK&api_key=LEAK&x=1", "/a?access_token=[redacted]&api_key=[redacted]&x=1"),
        ("/q?password=abc?LEAK", "/q?password=[redacted]"),
        ("/p;token=LEAK/x;v=1?y=2", "/p;token=[redacted]/x;v=1?y=2"),
        ("http://user:LEAK@orders:8080/x", "http://user:[redacted]@orders:8080/x"),
        ("http://user@orders/x@y:z@", "http://user@orders/x@y:z@"),
        ("/a?u=http%3A%2F%2Fu%3ALEAK%40h%2F", "/a?u=http%3A%2F%2Fu%3A[redacted]%40h%2F"),
        ("/cb#access_token=LEAK&state=1", "/cb#access_token=[redacted]&state=1"),
    ] {
        let mut target = given.to_owned();
        let hidden = rules(&[]).hide(Protocol::Http1, &mut target, &mut Message::default(), None);
        assert_eq!(target, expected);
        assert_eq!(hidden.target.is_some(), given != expected);
    }
}

#[test]
fn headers_by_their_words() {
    let names =
        ["X-Auth-Token", "x-csrf-token", "X-Amz-Security-Token", "Location", "X-Data", "ETag", "Host"];
    let values = [
        "LEAK",
        "LEAK",
        "LEAK",
        "http://u:LEAK@h/;token=LEAK",
        r#"{"password":"LEAK"}"#,
        "a:b=c",
        "Key (token)=(LEAK) already exists.",
    ];
    let headers = names.iter().zip(values).map(|(name, value)| ((*name).to_owned(), value.to_owned()));
    let mut message = Message { headers: headers.collect(), ..Message::default() };
    let hidden = hide(&rules(&[]), &mut message);
    let shown: Vec<&str> = message.headers.iter().map(|(_, value)| value.as_str()).collect();
    let json = r#"{"password":"[redacted]"}"#;
    let r = REDACTED;
    assert_eq!(
        shown,
        [
            r,
            r,
            r,
            "http://u:[redacted]@h/;token=[redacted]",
            json,
            "a:b=c",
            "Key (token)=[redacted] already exists."
        ]
    );
    assert_eq!(hidden.request.headers.len(), 6);
    assert!(hide(&rules(&[]), &mut message).is_empty(), "hiding again finds nothing");
}

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
