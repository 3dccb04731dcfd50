//! What other tools are given.

use model::call::{Call, Edge};
use model::exchange::{Ending, Exchange, Message, Part, Protocol, Quality};
use model::plan::CallsConfig;

use super::fixture::{at, call, exchange, header, tcp};
use crate::Redaction;
use crate::export::{Archive, curl, grpcurl, har};
use crate::map::{dot, mermaid};
use crate::protobuf::{ProtoFile, Rules, Schemas};

fn order() -> Call {
    let mut x = exchange(1, 0, "POST", "/orders?full=1&tag=a'b");
    for (name, value) in [
        ("Host", "orders:8000"),
        ("Content-Type", "application/json"),
        ("Content-Length", "13"),
        ("Accept-Encoding", "gzip"),
        ("Authorization", "[redacted]"),
        ("X-Note", "it's"),
        ("X-Empty", ""),
        ("@/etc/passwd", "x"),
    ] {
        header(&mut x.request, name, value);
    }
    x.request.body = br#"{"sku":"a'1"}"#.to_vec();
    x.request.bytes = 13;
    x.status = Some("201".to_owned());
    let response = x.response.as_mut().unwrap();
    header(response, "content-type", "image/png");
    header(response, "location", "/orders/7");
    response.body = vec![0x89, 0x50, 0x4e, 0x47];
    response.bytes = 9;
    response.cut = true;
    call(x, "web", "orders")
}

#[test]
fn curl_sends_it_again() {
    insta::assert_snapshot!(curl(&order()).unwrap());
}

#[test]
fn curl_of_plain_empty_and_binary_requests() {
    let plain = call(exchange(1, 0, "GET", "/a/../b?x=[1]"), "web", "orders");
    assert_eq!(curl(&plain).unwrap(), "curl --globoff --path-as-is 'http://172.20.0.3:8000/a/../b?x=[1]'");
    let empty = call(exchange(1, 0, "PUT", "/x"), "web", "orders");
    assert_eq!(
        curl(&empty).unwrap(),
        "curl -X 'PUT' 'http://172.20.0.3:8000/x' \\\n  -H 'content-length: 0'"
    );
    let head = call(exchange(1, 0, "HEAD", "/x"), "web", "orders");
    assert_eq!(curl(&head).unwrap(), "curl --head 'http://172.20.0.3:8000/x'");
    let mut x = exchange(1, 0, "POST", "/x");
    header(&mut x.request, "host", "public.example");
    header(&mut x.request, "content-type", "application/octet-stream");
    (x.request.body, x.request.bytes, x.request.cut) = (vec![0, 255, b'\''], 5, true);
    assert_eq!(
        curl(&call(x, "web", "orders")).unwrap(),
        "printf '\\000\\377\\047' | curl -X 'POST' 'http://public.example:8000/x' --resolve 'public.example:8000:172.20.0.3' \\\n  \
         -H 'host: public.example' \\\n  -H 'content-type: application/octet-stream' \\\n  --data-binary @-\n\
         # 3 of 5 bytes of the body were kept"
    );
}

#[test]
fn a_body_that_was_not_kept_leaves_the_method_and_is_told() {
    let mut x = exchange(1, 0, "POST", "/x?token=[redacted]");
    header(&mut x.request, "content-encoding", "br");
    (x.request.bytes, x.request.cut) = (13, true);
    let post = call(x, "web", "orders");
    assert_eq!(
        curl(&post).unwrap(),
        "curl -X 'POST' --globoff 'http://172.20.0.3:8000/x?token=[redacted]' \\\n  -H 'content-length: 0'\n\
         # without its body: nothing of its 13 bytes was kept\n\
         # hidden, so put it in yourself where it says `[redacted]`: the query"
    );
}

#[test]
fn what_went_through_tls_goes_through_it_again() {
    let mut x = http2("GET", "/a");
    (x.decrypted, x.request.headers[0].1) = (true, "https".to_owned());
    let command = curl(&call(x, "web", "orders")).unwrap();
    assert!(command.starts_with("curl --http2 --insecure 'https://orders:8000/a'"), "{command}");
    let (schemas, redaction) = rules();
    let rules = Rules { schemas: &schemas, redaction: &redaction };
    let x = Exchange { decrypted: true, ..login() };
    let command = grpcurl(&call(x, "web", "orders"), rules).unwrap();
    assert!(command.starts_with("grpcurl -insecure -import-path"), "{command}");
}

#[test]
fn bytes_that_were_sent_are_no_text_in_an_archive() {
    let mut x = exchange(1, 0, "POST", "/x");
    header(&mut x.request, "content-type", "application/octet-stream");
    header(&mut x.request, "cookie", "[redacted]");
    (x.request.body, x.request.bytes, x.request.cut) = (vec![0, 255], 3, true);
    let request = &archive(&[call(x, "web", "orders")]).json["log"]["entries"][0]["request"];
    assert_eq!(
        request["postData"],
        serde_json::json!({
            "mimeType": "application/octet-stream",
            "text": "",
            "_base64": "AP8=",
            "comment": "no text: `_base64` has its bytes; 2 of 3 bytes were kept",
        })
    );
    assert_eq!(request["comment"], "its cookies are hidden, names and values");
}

#[test]
fn curl_cannot_be_led_astray() {
    let mut x = exchange(1, 0, "GET$(id)", "/x' ; rm -rf / '\n# y");
    header(&mut x.request, "Host", "-oProxyCommand");
    header(&mut x.request, "X-A", "a\nb' $(id)");
    let command = curl(&call(x, "web", "orders")).unwrap();
    assert_eq!(
        command,
        "curl -X 'GET$(id)' 'http://172.20.0.3:8000/x'\\'' ; rm -rf / '\\'' # y' \\\n  -H 'Host: -oProxyCommand' \\\n  \
         -H 'X-A: a b'\\'' $(id)'"
    );
}

#[test]
fn curl_speaks_http_only() {
    assert_eq!(curl(&call(tcp(1, 5432, Ending::Closed, 1, 1), "orders", "db")), None);
    assert_eq!(curl(&call(exchange(1, 0, "CONNECT", "a:443"), "web", "orders")), None);
}

#[test]
fn har_holds_what_was_seen() {
    let mut silent = exchange(2, 0, "GET", "/slow");
    (silent.status, silent.response, silent.done) = (None, None, false);
    let calls =
        [order(), call(silent, "outside", "web"), call(tcp(1, 5432, Ending::Closed, 1, 1), "orders", "db")];
    let Archive { json: mut archive, left_out } = archive(&calls);
    assert_eq!(left_out, 1);
    archive["log"]["creator"]["version"] = "[version]".into();
    insta::assert_json_snapshot!(archive);
}

fn archive(calls: &[Call]) -> Archive {
    let (schemas, redaction) = rules();
    har(calls.iter(), Rules { schemas: &schemas, redaction: &redaction })
}

fn rules() -> (Schemas, Redaction) {
    let source = "syntax = \"proto3\"; package shop; service Users { rpc Login (Who) returns (Who); }
        message Who { string name = 1; string password = 2; }";
    let file = ProtoFile { path: "users.proto".to_owned(), source: source.to_owned() };
    (Schemas::read(vec![file]).0, Redaction::new(&CallsConfig::default()))
}

fn put(message: &mut Message, kind: &str, at_ms: i64, bytes: &[u8]) {
    let (size, kept) = (bytes.len() as u64, bytes.len() as u32);
    message.body.extend_from_slice(bytes);
    message.bytes += size;
    message.parts.push(Part { at: at(at_ms), kind: kind.to_owned(), bytes: size, kept });
}

fn http2(method: &str, target: &str) -> Exchange {
    let mut x = exchange(1, 0, method, target);
    x.protocol = Protocol::Http2;
    for (name, value) in [(":scheme", "http"), (":authority", "orders:8000"), ("accept", "*/*")] {
        header(&mut x.request, name, value);
    }
    x
}

fn login() -> Exchange {
    let mut x = Exchange { protocol: Protocol::Grpc, ..http2("POST", "/shop.Users/Login") };
    for (name, value) in [
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("authorization", "[redacted]"),
        ("x-note", "it's"),
    ] {
        header(&mut x.request, name, value);
    }
    x.request.media = Some("application/protobuf".to_owned());
    put(&mut x.request, "message", 1, b"\n\x03ann\x12\x06hunter");
    let response = x.response.as_mut().unwrap();
    header(response, "grpc-status", "0");
    put(response, "message", 3, b"\n\x03o'b");
    x.status = Some("OK".to_owned());
    x
}

#[test]
fn http2_has_its_authority_for_a_host_and_no_pseudo_headers() {
    let x = http2("GET", "/a");
    let web = call(x.clone(), "web", "orders");
    assert_eq!(
        curl(&web).unwrap(),
        "curl --http2-prior-knowledge 'http://orders:8000/a' --resolve 'orders:8000:172.20.0.3' \\\n  -H 'accept: */*'"
    );
    let entry = &archive(&[web]).json["log"]["entries"][0];
    assert_eq!(entry["request"]["url"], "http://orders:8000/a");
    assert_eq!(entry["request"]["httpVersion"], "HTTP/2");
    assert_eq!(entry["request"]["headers"], serde_json::json!([{ "name": "accept", "value": "*/*" }]));
    // A proxy took the encryption off.
    let mut behind = x;
    behind.request.headers[0].1 = "https".to_owned();
    let behind = call(behind, "web", "orders");
    assert!(curl(&behind).unwrap().contains("'http://orders:8000/a'"));
    let entry = &archive(&[behind]).json["log"]["entries"][0];
    assert_eq!(entry["request"]["url"], "https://orders:8000/a");
}

#[test]
fn grpc_goes_out_as_json_with_its_secrets_hidden() {
    let (schemas, redaction) = rules();
    let rules = Rules { schemas: &schemas, redaction: &redaction };
    let command = grpcurl(&call(login(), "web", "orders"), rules).unwrap();
    assert_eq!(
        command,
        "grpcurl -plaintext -import-path '.' -proto 'users.proto' -authority 'orders:8000' \\\n  -H 'accept: */*' \\\n  \
         -H 'authorization: [redacted]' \\\n  -H 'x-note: it'\\''s' \\\n  \
         -d '{\"name\":\"ann\",\"password\":\"[redacted]\"}' \\\n  '172.20.0.3:8000' 'shop.Users/Login'\n\
         # to be run in the folder of the manifest, from which its .proto files are named\n\
         # hidden, so put it in yourself where it says `[redacted]`: `authorization`, the messages"
    );
    let whole = archive(&[call(login(), "web", "orders")]).json;
    let entry = &whole["log"]["entries"][0];
    assert_eq!(
        (&entry["response"]["status"], &entry["response"]["_grpcStatus"]),
        (&200.into(), &"OK".into())
    );
    assert_eq!(entry["response"]["content"]["text"], r#"{"name":"o'b","password":"[redacted]"}"#);
    assert!(!whole.to_string().contains("hunter"), "{whole}");
}

#[test]
fn grpc_without_a_schema_says_so() {
    let (schemas, redaction) = rules();
    let rules = Rules { schemas: &schemas, redaction: &redaction };
    let mut x = login();
    x.target = "/shop.Other/Do".to_owned();
    let other = call(x, "web", "orders");
    let command = grpcurl(&other, rules).unwrap();
    assert!(command.ends_with(
        "'172.20.0.3:8000' 'shop.Other/Do'\n# without its messages: no .proto file of the repository describes them\n\
         # hidden, so put it in yourself where it says `[redacted]`: `authorization`"
    ));
    let whole = archive(&[other]).json.to_string();
    assert!(!whole.contains("hunter"), "{whole}");
    let mut cut = login();
    cut.request.parts[0].bytes += 1;
    assert!(
        grpcurl(&call(cut, "web", "orders"), rules)
            .unwrap()
            .contains("\n# without its messages: not all of them was kept\n")
    );
    assert_eq!(grpcurl(&order(), rules), None);
}

#[test]
fn messages_of_a_websocket_are_with_its_upgrade() {
    let mut upgrade = exchange(1, 0, "GET", "/chat");
    upgrade.status = Some("101".to_owned());
    let mut talk = exchange(1, 1, "WebSocket", "/chat");
    (talk.protocol, talk.status) = (Protocol::WebSocket, None);
    put(&mut talk.request, "text", 10, b"hi");
    put(&mut talk.request, "binary", 30, &[0, 255]);
    put(talk.response.as_mut().unwrap(), "text", 20, "grü".as_bytes());
    put(talk.response.as_mut().unwrap(), "close 1000", 40, b"bye");
    let (upgrade, talk) = (call(upgrade, "web", "orders"), call(talk, "web", "orders"));
    let both = archive(&[upgrade, talk.clone()]);
    assert_eq!((both.left_out, both.json["log"]["entries"].as_array().unwrap().len()), (0, 1));
    let messages = &both.json["log"]["entries"][0]["_webSocketMessages"];
    let told: Vec<_> =
        messages.as_array().unwrap().iter().map(|m| (&m["type"], &m["opcode"], &m["data"])).collect();
    let expected = [("send", 1, "hi"), ("receive", 1, "grü"), ("send", 2, "AP8="), ("receive", 8, "bye")];
    let expected = expected.map(|(a, b, c)| (a.into(), b.into(), c.into()));
    assert_eq!(told, expected.each_ref().map(|(a, b, c)| (a, b, c)));
    assert_eq!(messages[0]["time"], 1_795_413_600.010);

    let alone = archive(std::slice::from_ref(&talk)).json;
    let entry = &alone["log"]["entries"][0];
    assert_eq!(entry["request"]["url"], "ws://172.20.0.3:8000/chat");
    assert_eq!((&entry["response"]["status"], &entry["_resourceType"]), (&101.into(), &"websocket".into()));
    let late = Call { quality: Quality::MidStream, ..talk };
    assert_eq!(archive(&[late]).json["log"]["entries"][0]["response"]["status"], 0);
}

fn edges() -> Vec<Edge> {
    let edge = |from: &str, to: &str, protocol, calls, errors, p50_ms| Edge {
        from: from.to_owned(),
        to: to.to_owned(),
        protocol,
        calls,
        errors,
        background: 0,
        bytes: 0,
        p50_ms,
        p90_ms: p50_ms,
        p99_ms: p50_ms,
        last: at(0),
        undeclared: false,
        forbidden: false,
        via: None,
        topic: None,
        recent: None,
    };
    vec![
        edge("outside", "gateway", Protocol::Http1, 12, 0, Some(3.256)),
        edge("gateway", "orders", Protocol::Http1, 1, 1, Some(0.5)),
        edge("orders", "db", Protocol::Tcp, 2, 0, None),
        edge("orders", "bad\"]; x\\\n<b>&end", Protocol::Tcp, 1, 0, None),
    ]
}

#[test]
fn dot_quotes_every_name() {
    insta::assert_snapshot!(dot(&edges()));
}

#[test]
fn mermaid_escapes_every_name() {
    insta::assert_snapshot!(mermaid(&edges()));
}
