use model::exchange::{Message, Protocol};
use model::plan::CallsConfig;

mod databases;
mod texts;

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
    let mixed = |secret: &str| {
        format!("--B\ncontent-disposition: form-data; name=password\n\n{secret}\n{}", parts("[redacted]"))
    };
    assert_eq!(body(kind, &mixed("s3cret")), mixed("[redacted]"), "lines that end as those of Unix");
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
