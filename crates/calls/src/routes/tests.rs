//! Templates of every protocol, and what is learnt.

use super::learnt::{BEGINNINGS, FIRST_VALUES, MISSING, VALUES};
use super::*;
use crate::judge::Heard;

const ONCE: Heard = Heard::Answered(1);

#[test]
fn operations_of_every_protocol() {
    use Protocol::{Amqp, Dns, Grpc, Http1, Http2, Kafka, Mqtt, Nats, Postgres, Redis, Tcp, WebSocket};
    for (protocol, operation, expected) in [
        (Http1, "GET /", "GET /"),
        (Http1, "GET /orders/7", "GET /orders/{id}"),
        (Http1, "GET /orders/7/items/", "GET /orders/{id}/items/"),
        (Http2, "PUT /users/ann@example.com/avatar.png", "PUT /users/{email}/avatar.png"),
        (Http1, "CONNECT example.com:443", "CONNECT example.com:443"),
        (Http1, "request not seen", "request not seen"),
        (WebSocket, "GET /live/2026-11-24", "GET /live/{date}"),
        (Grpc, "shop.Orders/Place", "shop.Orders/Place"),
        (Redis, "GET user:7", "GET user:{id}"),
        (Redis, "MGET user:7 user:8:cart", "MGET user:{id} user:{id}:cart"),
        (Redis, "PING", "PING"),
        (Postgres, "SELECT orders_2024", "SELECT orders_2024"),
        (Kafka, "Produce orders", "Produce orders"),
        (Nats, "PUB orders.7.created", "PUB orders.{id}.created"),
        (Nats, "PUB _INBOX.DuNDmAc2bGFzBRUwsK6Fl9", "PUB _INBOX.{id}"),
        (Mqtt, "PUBLISH rooms/12/temperature", "PUBLISH rooms/{id}/temperature"),
        (Amqp, "Deliver amq.gen-JzTY2xcKz9Rb1hVqW3LQ", "Deliver amq.gen-{id}"),
        (Dns, "A db7.example.com", "A db7.example.com"),
        (Tcp, "tcp :5432", "tcp :5432"),
    ] {
        assert_eq!(template(protocol, operation), expected, "{operation}");
        // A route is its own route.
        assert_eq!(template(protocol, expected), expected);
    }
    let deep = format!("GET {}", "/a".repeat(1000));
    assert!(template(Http1, &deep).len() < 100);
}

#[test]
fn many_values_of_a_segment_become_one() {
    let mut learnt = Learnt::default();
    let mut learn = |operation: &str| learnt.learn(1, Protocol::Http1, operation, ONCE);
    let name = |i: usize| format!("{}-shop", char::from(b'a' + i as u8));
    for i in 0..VALUES {
        let operation = format!("GET /shops/{}/open", name(i));
        let learning = learn(&operation);
        assert_eq!((learning.route, learning.news), (operation, false));
    }
    assert!(!learn("GET /shops/a-shop/open").news, "a known value is no new one");
    let learning = learn("PUT /shops/z-shop/open");
    assert_eq!((learning.route.as_str(), learning.news), ("PUT /shops/{}/open", true));
    let learning = learn("GET /shops/a-shop/open");
    assert_eq!((learning.route.as_str(), learning.news), ("GET /shops/{}/open", false));
    assert_eq!(learn("GET /shops").route, "GET /shops");
    assert_eq!(learn("GET /carts/x-cart").route, "GET /carts/x-cart");
    assert_eq!(learnt.again(1, Protocol::Http1, "GET /shops/b-shop/{id}"), "GET /shops/{}/{id}");
    assert_eq!(
        learnt.again(2, Protocol::Http1, "GET /shops/b-shop"),
        "GET /shops/b-shop",
        "another callee's"
    );
}

#[test]
fn an_interface_may_have_many_parts() {
    let mut learnt = Learnt::default();
    for i in 0..FIRST_VALUES {
        let part: String = ['x', 'y'].into_iter().map(|c| char::from(c as u8 - (i % 20) as u8)).collect();
        let operation = format!("GET /{part}{}", if i < 20 { "s" } else { "" });
        assert_eq!(learnt.learn(1, Protocol::Http1, &operation, ONCE).route, operation);
    }
    assert_eq!(learnt.learn(1, Protocol::Http1, "GET /one-more", ONCE).route, "GET /{}");
}

#[test]
fn what_is_learnt_is_bounded() {
    let mut learnt = Learnt::default();
    for i in 0..3 * BEGINNINGS {
        let word: String = format!("{i:x}").bytes().map(|b| char::from(b'g' + b % 16)).collect();
        learnt.learn(i as u32, Protocol::Http1, &format!("GET /{word}/x/y"), ONCE);
    }
    assert!(learnt.beginnings.len() <= BEGINNINGS);
}

fn word(i: usize) -> String {
    [i / 20, i % 20].map(|part| char::from(b'g' + part as u8)).iter().collect()
}

#[test]
fn what_a_callee_does_not_have_is_none_of_its_words() {
    let mut learnt = Learnt::default();
    let mut learn = |operation: &str, heard| learnt.learn(1, Protocol::Http1, operation, heard);
    learn("GET /orders/7", ONCE);
    let scans = (0..10 * MISSING).map(|i| format!("GET /{}/admin.php", word(i)));
    let routes: std::collections::BTreeSet<String> =
        scans.map(|scan| learn(&scan, Heard::Missing).route).collect();
    assert_eq!(routes.len(), MISSING + 1, "and they are no more routes than that");
    assert!(routes.contains("GET /…"));
    assert_eq!(learn("GET /orders/8", Heard::Missing).route, "GET /orders/{id}");
    assert_eq!(learn("GET /users/8", Heard::Nothing).route, "GET /…", "until it is answered");
    assert_eq!(learn("GET /users/8", ONCE).route, "GET /users/{id}");
    assert_eq!(learn("GET /orders/x/y", Heard::Missing).route, "GET /orders/…");
    assert_eq!(learnt.again(1, Protocol::Http1, "GET /…"), "GET /…");
}

#[test]
fn words_that_are_used_stay_words() {
    for (beginning, most) in [("GET /", FIRST_VALUES), ("GET /api/", VALUES)] {
        let mut learnt = Learnt::default();
        let mut learn = |rest: &str| learnt.learn(1, Protocol::Http1, &format!("{beginning}{rest}"), ONCE);
        learn("orders/7");
        learn("cart");
        learn("cart");
        for i in 2..most {
            learn(&word(i));
        }
        let learning = learn("one-more");
        assert_eq!((learning.route, learning.news), (format!("{beginning}{{}}"), true));
        for (rest, expected) in
            [("orders/8", "orders/{id}"), ("cart", "cart"), (word(2).as_str(), "{}"), ("more", "{}")]
        {
            assert_eq!(learn(rest).route, format!("{beginning}{expected}"));
        }
        let again = |rest: &str| learnt.again(1, Protocol::Http1, &format!("{beginning}{rest}"));
        assert_eq!(again("orders/{id}"), format!("{beginning}orders/{{id}}"));
        assert_eq!(again(&word(2)), format!("{beginning}{{}}"));
    }
}

#[test]
fn words_that_are_all_used_stay_so_and_nothing_is_renamed() {
    let mut learnt = Learnt::default();
    let mut learn = |i: usize, calls| {
        let operation = format!("GET /{}", word(i));
        learnt.learn(1, Protocol::Http1, &operation, Heard::Answered(calls))
    };
    (0..FIRST_VALUES).for_each(|i| drop(learn(i, 5)));
    let learning = learn(FIRST_VALUES, 5);
    assert_eq!((learning.route.as_str(), learning.news), ("GET /{}", false));
    assert!((0..FIRST_VALUES).all(|i| learn(i, 1).route == format!("GET /{}", word(i))));
}
