//! What connections of many protocols begin with, for the tests of recognisers.

use crate::detect::{Proof, Starts};

/// A protocol, and the first bytes of its client and of its server; a server that speaks first has a client that has
/// said nothing.
const PREFIXES: &[(&str, &[u8], &[u8])] = &[
    ("http/1", b"GET /orders/7 HTTP/1.1\r\nHost: orders\r\n\r\n", b"HTTP/1.1 200 OK\r\n"),
    ("http/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x12\x04\0\0\0\0\0", b"\0\0\x06\x04\0\0\0\0\0\0\x05\0\0\x40\0"),
    ("redis", b"*2\r\n$3\r\nGET\r\n$6\r\nuser:7\r\n", b"$3\r\nabc\r\n"),
    ("redis", b"PING\r\n", b"+PONG\r\n"),
    ("postgres", b"\0\0\0\x08\x04\xd2\x16\x2f", b"N"),
    ("postgres", b"\0\0\0\x20\0\x03\0\0user\0shop\0database\0shop\0\0", b"R\0\0\0\x08\0\0\0\0"),
    ("mysql", b"", b"\x4a\0\0\0\x0a8.0.36\0\x0b\0\0\0abcdefgh\0\xff\xff\xff\x02\0\xff\xdf"),
    (
        "mongodb",
        b"\x3a\0\0\0\x01\0\0\0\0\0\0\0\xd4\x07\0\0\0\0\0\0admin.$cmd\0\0\0\0\0\xff\xff\xff\xff\x13\0\0\0\x10isMaster\0\x01\0\0\0\0",
        b"",
    ),
    (
        "mongodb",
        b"\x33\0\0\0\x02\0\0\0\0\0\0\0\xdd\x07\0\0\0\0\0\0\0\x1e\0\0\0\x10ping\0\x01\0\0\0\x02$db\0\x06\0\0\0admin\0\0",
        b"\x26\0\0\0\x05\0\0\0\x02\0\0\0\xdd\x07\0\0\0\0\0\0\0\x11\0\0\0\x01ok\0\0\0\0\0\0\0\xf0\x3f\0",
    ),
    ("kafka", b"\0\0\0\x1f\0\x12\0\x03\0\0\0\x01\0\x06client\0\x07python\x062.0.2\0", b"\0\0\0\x0a\0\0\0\x01\0\0"),
    ("amqp", b"AMQP\0\0\x09\x01", b"\x01\0\0\0\0\x01\xfc\0\x0a\0\x0a\0\x09"),
    ("nats", b"", b"INFO {\"server_id\":\"N\",\"version\":\"2.10.0\"}\r\n"),
    ("nats", b"CONNECT {\"verbose\":false}\r\nPING\r\n", b"INFO {\"server_id\":\"N\",\"version\":\"2.10.0\"}\r\n"),
    ("mqtt", b"\x10\x10\0\x04MQTT\x04\x02\0\x3c\0\x04shop", b"\x20\x02\0\0"),
    ("mqtt", b"\x10\x13\0\x04MQTT\x05\x02\0\x3c\0\0\x06client", b"\x20\x03\0\0\0"),
    ("mqtt", b"\x10\x10\0\x06MQIsdp\x03\x02\0\x3c\0\x02me", b"\x20\x02\0\0"),
    ("tls", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\xaa\xbb", b"\x16\x03\x03\0\x7a\x02\0\0\x76\x03\x03"),
    ("tls", b"\x16\x03\x01\0\xf8\x01\0\0\xf4\x03\x03\xaa\xbb", b"\x15\x03\x01\0\x02\x02\x28"),
    ("ssh", b"SSH-2.0-OpenSSH_9.2\r\n", b"SSH-2.0-OpenSSH_9.2\r\n"),
    ("smtp", b"", b"220 mail.shop ESMTP\r\n"),
    ("smtp", b"EHLO client\r\n", b"220 mail.shop ESMTP\r\n"),
    ("dns", b"\0\x1d\0\x07\x01\0\0\x01\0\0\0\0\0\0\x06orders\x04shop\0\0\x01\0\x01", b""),
    (
        "dns",
        b"\0\x1d\0\x07\x01\0\0\x01\0\0\0\0\0\0\x06orders\x04shop\0\0\x01\0\x01",
        b"\0\x1d\0\x07\x81\x83\0\x01\0\0\0\0\0\0\x06orders\x04shop\0\0\x01\0\x01",
    ),
    ("zeros", &[0; 200], &[0; 200]),
    ("ones", &[0xff; 200], &[0xff; 200]),
    ("text", b"hello there, this is no protocol at all\n", b"welcome to the machine, type help\n"),
];

/// Asserts that a recogniser knows its own protocol and no other, and that no prefix of either says otherwise.
pub(crate) fn check(own: &str, recognise: fn(&Starts<'_>) -> Proof) {
    let mut known = 0;
    for &(name, client, server) in PREFIXES {
        let expected = if name == own { Proof::Yes } else { Proof::No };
        known += usize::from(name == own);
        let whole = recognise(&Starts::new(true, client, server));
        assert_eq!(whole, expected, "{own}: {name} {} {}", client.escape_ascii(), server.escape_ascii());
        for opening in [true, false] {
            for (client_end, server_end) in (0..=client.len())
                .map(|end| (end, 0))
                .chain((0..=server.len()).map(|end| (client.len(), end)))
            {
                let proof = recognise(&Starts::new(opening, &client[..client_end], &server[..server_end]));
                assert!(
                    proof == expected || proof == Proof::Maybe || (!opening && proof == Proof::No),
                    "{own}: {proof:?} for {name} {} {}",
                    client[..client_end].escape_ascii(),
                    server[..server_end].escape_ascii()
                );
            }
        }
    }
    assert!(known > 0, "no prefix of {own}");
}
