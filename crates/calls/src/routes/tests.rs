//! Templates of every protocol, and what is learnt.

use super::*;

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
    let mut learn = |operation: &str| learnt.learn(1, Protocol::Http1, operation);
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
        assert_eq!(learnt.learn(1, Protocol::Http1, &operation).route, operation);
    }
    assert_eq!(learnt.learn(1, Protocol::Http1, "GET /one-more").route, "GET /{}");
}

#[test]
fn what_is_learnt_is_bounded() {
    let mut learnt = Learnt::default();
    for i in 0..3 * BEGINNINGS {
        let word: String = format!("{i:x}").bytes().map(|b| char::from(b'g' + b % 16)).collect();
        learnt.learn(i as u32, Protocol::Http1, &format!("GET /{word}/x/y"));
    }
    assert!(learnt.beginnings.len() <= BEGINNINGS);
}
