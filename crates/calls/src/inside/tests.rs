//! Requests and answers as they are sent, and what is made of them.

use model::exchange::Exchange;

use crate::judge;
use crate::routes::template;
use crate::tests::fixture::{calls, exchange, header, later};

fn posted(body: &str, answer: &str) -> Exchange {
    let mut x = exchange(1, 0, "POST", "/api");
    header(&mut x.request, "Content-Type", "application/json; charset=utf-8");
    x.request.body = body.as_bytes().to_vec();
    x.response.as_mut().unwrap().body = answer.as_bytes().to_vec();
    x
}

fn operation(body: &str) -> String {
    judge::operation(&posted(body, "{}"))
}

#[test]
fn graphql_and_json_rpc_name_what_they_ask() {
    for (body, expected) in [
        (r#"{"query":"query Cart { cart { id } }","operationName":"Cart"}"#, "query Cart"),
        (r#"{"query":"query A{a} mutation B{b}","operationName":"B"}"#, "mutation B"),
        (r#"{"operationName":null,"variables":{"query":"x"},"query":"{ cart { id } }"}"#, "query cart"),
        (r#"{"query":"mutation { add(id:1) { id } }"}"#, "mutation add"),
        (r#"{"query":"query { ...F }"}"#, "query"),
        (
            r#"[{"query":"query A{a}","operationName":"A"},{"query":"{b}"},{"query":"{c}"}]"#,
            "query A + 2 more",
        ),
        (
            r#"{"operationName":"Cart","extensions":{"persistedQuery":{"version":1,"sha256Hash":"x"}}}"#,
            "operation Cart",
        ),
        (r#"{"extensions":{"persistedQuery":{"sha256Hash":"0123456789abcdef"}}}"#, "operation 0123456789ab"),
        (r#"{"documentId":"sha256:ab","variables":{}}"#, "operation sha256:ab"),
        (r#"{"jsonrpc":"2.0","method":"eth_call","params":[{"query":"{a}"}],"id":1}"#, "eth_call"),
        (r#"[{"jsonrpc":"2.0","method":"a","id":1},{"jsonrpc":"2.0","method":"b"}]"#, "a + 1 more"),
        // None of them.
        (r#"{"query":"shoes"}"#, "POST /api"),
        (r#"{"query":{"match":{"a":1}}}"#, "POST /api"),
        (r#"{"operationName":"Cart"}"#, "POST /api"),
        (r#"{"jsonrpc":"1.0","method":"a"}"#, "POST /api"),
        (r#"{"jsonrpc":"2.0","method":"a\nb"}"#, "POST /api"),
        (r#"{"jsonrpc":"2.0","result":1,"id":1}"#, "POST /api"),
        ("[]", "POST /api"),
        ("[1]", "POST /api"),
        ("", "POST /api"),
    ] {
        assert_eq!(operation(body), expected, "{body}");
    }
}

#[test]
fn queries_in_the_target_and_bare_documents_are_named_too() {
    for (target, expected) in [
        ("/graphql?query=query+Cart%7Bcart%7Bid%7D%7D", "query Cart"),
        ("/graphql?operationName=B&query={a}%20query%20B{b}", "query B"),
        (
            "/graphql?extensions=%7B%22persistedQuery%22%3A%7B%22sha256Hash%22%3A%22ab%22%7D%7D",
            "operation ab",
        ),
        ("/search?query=shoes", "GET /search"),
    ] {
        assert_eq!(judge::operation(&exchange(1, 0, "GET", target)), expected, "{target}");
    }
    let mut x = exchange(1, 0, "POST", "/api");
    header(&mut x.request, "Content-Type", "application/graphql");
    x.request.body = b"query Cart { a }".to_vec();
    assert_eq!(judge::operation(&x), "query Cart");
    header(&mut x.request, "Content-Encoding", "snappy");
    assert_eq!(judge::operation(&x), "POST /api", "what cannot be read names nothing");
}

#[test]
fn answers_that_tell_of_errors_are_failures_in_their_words() {
    let graphql = r#"{"query":"query Cart{cart{id}}"}"#;
    let batch = r#"[{"query":"{a}"},{"query":"{b}"},{"query":"{c}"}]"#;
    let rpc = r#"{"jsonrpc":"2.0","method":"a","id":1}"#;
    for (body, answer, expected) in [
        (graphql, r#"{"data":{"errors":[1]}}"#, None),
        (graphql, r#"{"data":null,"errors":[]}"#, None),
        (graphql, r#"{"errors":[{"message":"boom"}]}"#, Some("boom")),
        (
            graphql,
            r#"{"data":{"a":1},"errors":[{"message":"no entry","extensions":{"code":"UNAUTHENTICATED"}},{},{}]}"#,
            Some("UNAUTHENTICATED: no entry (and 2 more)"),
        ),
        (graphql, r#"{"errors":[{"message":"PersistedQueryNotFound"}]}"#, None),
        (graphql, r#"{"errors":[{"message":"bo"#, Some("bo")),
        (graphql, r#"{"error":{"code":1,"message":"not of this protocol"}}"#, None),
        (batch, r#"[{"data":1},{"errors":[{"message":"boom"}]},{"data":1}]"#, Some("1 of 3 failed: boom")),
        (rpc, r#"{"jsonrpc":"2.0","error":{"code":-32601,"message":"no"},"id":1}"#, Some("-32601: no")),
        (rpc, r#"{"jsonrpc":"2.0","error":{"code":-32601}}"#, Some("error -32601")),
        (rpc, r#"{"jsonrpc":"2.0","error":null,"result":1}"#, None),
        // An interface of its own, whose body may say what it likes.
        (r#"{"name":"x"}"#, r#"{"errors":[{"message":"boom"}]}"#, None),
    ] {
        let mut all = calls(crate::Limits::default());
        all.observe(posted(body, answer));
        let call = all.get("e1-0").unwrap();
        assert_eq!((call.ok, call.note.as_deref()), (expected.is_none(), expected), "{body} {answer}");
        assert_eq!(call.status.as_deref(), Some("200"), "the status stays what it was");
    }
}

#[test]
fn events_of_a_stream_are_answers() {
    let mut x = posted(r#"{"jsonrpc":"2.0","method":"tools/call","id":1}"#, "");
    let response = x.response.as_mut().unwrap();
    header(response, "Content-Type", "text/event-stream");
    response.body =
        b"event: message\ndata: {\"jsonrpc\":\"2.0\",\"error\":{\"code\":-1,\"message\":\"no\"}}\n\n"
            .to_vec();
    assert_eq!(super::failure(&x).as_deref(), Some("-1: no"));
}

#[test]
fn every_operation_has_a_route_and_no_rule_of_paths_touches_it() {
    let mut all = calls(crate::Limits::default());
    for n in 0..100_u32 {
        let body = format!(r#"{{"query":"query Q{n} {{ a }}"}}"#);
        all.observe(later(Exchange { serial: n, ..posted(&body, "{}") }, i64::from(n)));
    }
    let call = all.get("e1-2r").unwrap();
    assert_eq!((&*call.operation, &*call.route, &*call.path), ("query Q99", "query Q99", "/api"));
    for name in ["query q1234567890", "a/17 + 2 more", "tools/call"] {
        assert_eq!(template(model::exchange::Protocol::Http2, name), name);
    }
}

#[test]
fn a_secret_is_hidden_in_what_went_wrong_too() {
    let mut all = calls(crate::Limits::default());
    let config = model::plan::CallsConfig { redact: vec!["$.message".to_owned()], ..Default::default() };
    let mut plan = crate::tests::fixture::plan(&[]);
    plan.calls = config;
    all.configure(&plan);
    all.observe(posted(r#"{"query":"{a}"}"#, r#"{"errors":[{"message":"hunter2"}]}"#));
    assert_eq!(all.get("e1-0").unwrap().note.as_deref(), Some("[redacted]"));
}
