//! What somebody says of a server: it beats what the bytes look like, and may change in the middle of a connection.

use std::net::SocketAddr;

use model::exchange::{Exchange, Protocol};
use wire::{Limits, Link, Wire};

use crate::packets::{Client, Server, Talk, last};

const ASK: &[u8] = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// The server of a [`Talk`].
fn server() -> SocketAddr {
    let mut out = Vec::new();
    let mut wire = Wire::new(Limits::new(64));
    feed(&mut wire, &Talk::open(4000), 0, &mut out);
    wire.finish(&mut out);
    out[0].server
}

/// Feeds a talk's packets from the one numbered `from` on; returns how many there are.
fn feed(wire: &mut Wire, talk: &Talk, from: usize, out: &mut Vec<Exchange>) -> usize {
    for packet in &talk.packets[from..] {
        wire.packet(packet.at, Link::RawIp, &packet.bytes, packet.wire_len, out);
    }
    talk.packets.len()
}

fn shown(out: Vec<Exchange>) -> Vec<String> {
    let line = |call: &Exchange| {
        let status = call.status.as_deref().unwrap_or("-");
        let bytes = call.response.as_ref().map_or(0, |response| response.bytes);
        format!("{} {} {status} {}/{bytes}", call.protocol.name(), call.target, call.request.bytes)
    };
    last(out).iter().map(line).collect()
}

#[test]
fn a_server_is_read_as_it_is_told() {
    let talk = {
        let mut talk = Talk::open(4000);
        talk.send(Client, ASK);
        talk.send(Server, ANSWER);
        talk.close();
        talk
    };
    let other = ([10, 9, 9, 9], 80).into();
    for (told, expected) in [
        (vec![], "http/1 /a 200 0/0"),
        (vec![(other, Protocol::Tcp)], "http/1 /a 200 0/0"),
        (vec![(server(), Protocol::Http1)], "http/1 /a 200 0/0"),
        (vec![(server(), Protocol::Tcp)], "tcp  - 28/38"),
        // It is no Postgres, and nobody else may have it.
        (vec![(server(), Protocol::Postgres)], "tcp  - 28/38"),
    ] {
        let (mut wire, mut out) = (Wire::new(Limits::new(64)), Vec::new());
        wire.set_protocols(told.clone(), &mut out);
        feed(&mut wire, &talk, 0, &mut out);
        wire.finish(&mut out);
        assert_eq!(shown(out), [expected], "{told:?}");
    }
}

#[test]
fn an_open_connection_is_read_by_the_newest_word() {
    let (mut wire, mut out) = (Wire::new(Limits::new(64)), Vec::new());
    let mut talk = Talk::open(4000);
    let mut fed = 0;
    for told in [vec![], vec![(server(), Protocol::Tcp)], vec![(server(), Protocol::Http1)]] {
        wire.set_protocols(told, &mut out);
        talk.send(Client, ASK);
        talk.send(Server, ANSWER);
        fed = feed(&mut wire, &talk, fed, &mut out);
    }
    wire.finish(&mut out);
    assert_eq!(shown(out), ["http/1 /a 200 0/0", "tcp  - 28/38", "http/1 /a 200 0/0"]);
}
