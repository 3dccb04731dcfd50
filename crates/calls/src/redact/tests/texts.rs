//! Grammars, and texts within texts.

use model::exchange::{Message, Protocol};

use super::super::REDACTED;
use super::{body, hide, rules};

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
fn what_is_not_what_it_says() {
    let form = "application/x-www-form-urlencoded";
    for (kind, given, expected) in [
        (form, r#"{"password":"LE=AK","a":1}"#, r#"{"password":"[redacted]","a":1}"#),
        (form, "<a><password>LEAK</password></a>", "<a><password>[redacted]</password></a>"),
        ("application/json", "{password: 'LEAK', a: 1}", "{password: '[redacted]', a: 1}"),
        ("application/json", "user=a&password=LEAK", "user=a&password=[redacted]"),
        ("text/plain", "$password = 'LEAK';", "$password = '[redacted]';"),
        ("text/plain", "password: $2b$12$LEAK\nnext: $1", "password: [redacted]\nnext: $1"),
        ("text/plain", "List<Token> a; b<c", "List<Token>[redacted]<c"),
    ] {
        assert_eq!(body(kind, given), expected);
    }
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
