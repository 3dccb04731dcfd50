use model::exchange::Ending;

use super::*;
use crate::tests::fixture::{call, exchange, header, tcp};

fn check(call: &Call, expression: &str, expected: bool) {
    let filter = Where::parse(expression).unwrap_or_else(|error| panic!("{expression}: {error:?}"));
    assert_eq!(filter.matches(call), expected, "{expression}");
}

fn sample() -> Call {
    let mut x = exchange(1, 0, "POST", "/orders/7?full=1");
    header(&mut x.request, "X-Tenant", "blue");
    header(&mut x.request, "content-type", "application/json");
    x.request.body = br#"{"sku":"a-1"}"#.to_vec();
    x.status = Some("503".to_owned());
    let response = x.response.as_mut().unwrap();
    header(response, "Server", "nginx");
    response.body = b"upstream Timeout".to_vec();
    call(x, "web", "orders")
}

#[test]
fn every_field_can_be_asked() {
    let call = sample();
    for (expression, expected) in [
        ("true", true),
        ("status >= 500", true),
        ("status == 503", true),
        ("status < 500", false),
        ("status >= 500 && to == \"orders\"", true),
        ("from == 'web' && to == 'stock'", false),
        ("'orders' in services && service == 'orders'", true),
        ("protocol == 'http/1' && http && !tcp", true),
        ("operation == 'POST /orders/7'", true),
        ("method in ['POST', 'PUT']", true),
        ("path.startsWith('/orders') && path.endsWith('7')", true),
        ("path.matches('^/orders/[0-9]+$')", true),
        ("matches(path, '^/stock')", false),
        ("query == 'full=1' && target.contains('?')", true),
        ("!ok && failed && !pending", true),
        ("ms > 2 && ms < 3.5 && ttfb_ms == 2", true),
        ("bytes == 0", true),
        ("headers['x-tenant'] == 'blue'", true),
        ("headers.server == 'nginx'", true),
        ("headers['nope'] == ''", true),
        ("'X-TENANT' in headers && !('nope' in headers)", true),
        ("has(headers.server) && !has(headers.nope)", true),
        ("body.contains('a-1') && body.contains('Timeout')", true),
        ("body.matches('(?i)timeout')", true),
        ("['a', 'or'].exists(x, path.contains(x))", true),
        ("['a', 'b'].all(x, path.contains(x))", false),
        ("size(headers) == 3", true),
        ("trace == '' && note == ''", true),
        ("quality == 'complete'", true),
        ("ts > '2026-11-23T05:59:59Z' && ts < '2026-11-23T08:00:01+02:00'", true),
        ("ts < '2026-11-23T05:59:59Z'", false),
        ("id == 'id' && conn == 'conn'", true),
        // What makes no sense is false, and does not spoil the other side of an `||`.
        ("status == 'OK'", false),
        ("method > 3", false),
        ("method > 3 || to == 'orders'", true),
        ("status", false),
        ("path.nope()", false),
    ] {
        check(&call, expression, expected);
    }
}

#[test]
fn what_is_missing_is_zero() {
    let call = call(tcp(1, 5432, Ending::Open, 0, 0), "orders", "db");
    for (expression, expected) in [
        ("status >= 500", false),
        ("!(status >= 500)", true),
        ("status == 0", true),
        ("ms > 0", false),
        ("ms == 0", true),
        ("body == '' && method == '' && path == ''", true),
        ("tcp && operation == 'tcp :5432'", true),
    ] {
        check(&call, expression, expected);
    }
}

#[test]
fn a_status_that_is_no_number_is_text() {
    let mut call = sample();
    call.status = Some("UNAVAILABLE".to_owned());
    check(&call, "status == 'UNAVAILABLE'", true);
    check(&call, "status >= 500", false);
}

#[test]
fn errors_say_what_and_where() {
    for (expression, position, message) in [
        ("", 0, "The filter is empty"),
        ("status >=", 9, "The filter cannot be read"),
        ("to == 'a' && statu >= 5", 13, "Calls have no `statu`, but they have `status`"),
        ("nothing == 1", 0, "Calls have no `nothing`"),
        ("path.matches('(')", 13, "`(` is no regular expression"),
        ("ts > 'yesterday'", 5, "`yesterday` is no RFC 3339 time"),
        ("[1].exists(x, y == x)", 14, "Calls have no `y`"),
        ("[1].exists(x, true) && x == 1", 23, "Calls have no `x`"),
    ] {
        let error = Where::parse(expression).unwrap_err();
        assert!(error.message.starts_with(message), "{expression}: {error:?}");
        assert_eq!(error.position, position, "{expression}: {error:?}");
        assert!(!error.message.ends_with('.') && !error.message.contains('\n'), "{error:?}");
    }
}

#[test]
fn no_expression_takes_the_stack() {
    for part in ["(", "[", "!", "-", "1+", "true||", "a.", "[1].map(x,", "{1:", "true?1:", "- ", "!("] {
        let expression = part.repeat(LONGEST / part.len());
        assert!(Where::parse(&expression).is_err(), "{part}");
    }
    // Long, but not deep.
    let chain = vec!["status == 1"; 130].join(" || ");
    assert!(!Where::parse(&chain).unwrap().matches(&sample()));
    assert!(Where::parse(&"x".repeat(LONGEST + 1)).is_err());
}
