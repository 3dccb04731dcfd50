//! What other tools are given.

use model::call::{Call, Edge};
use model::exchange::{Ending, Protocol};

use super::fixture::{at, call, exchange, header, tcp};
use crate::export::{curl, har};
use crate::map::{dot, mermaid};

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
        "printf '\\000\\377\\047' | curl 'http://public.example:8000/x' --resolve 'public.example:8000:172.20.0.3' \\\n  \
         -H 'host: public.example' \\\n  -H 'content-type: application/octet-stream' \\\n  --data-binary @-\n\
         # 3 of 5 bytes of the body were kept"
    );
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
    let mut archive = har(calls.iter());
    archive["log"]["creator"]["version"] = "[version]".into();
    insta::assert_json_snapshot!(archive);
}

fn edges() -> Vec<Edge> {
    let edge = |from: &str, to: &str, protocol, calls, errors, p50_ms| Edge {
        from: from.to_owned(),
        to: to.to_owned(),
        protocol,
        calls,
        errors,
        bytes: 0,
        p50_ms,
        p90_ms: p50_ms,
        p99_ms: p50_ms,
        last: at(0),
        undeclared: false,
        forbidden: false,
        via: None,
        topic: None,
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
