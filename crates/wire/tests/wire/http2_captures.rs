//! Recordings of real programs that speak HTTP/2 and gRPC.

use std::collections::BTreeSet;

use model::exchange::{Exchange, Message, Quality};
use wire::{Limits, Link, Wire};

use crate::packets::{Packet, last, line, read_pcap};

const GRPC: &[u8] = include_bytes!("../data/grpc-python.pcap");
const GRPC_GZIP: &[u8] = include_bytes!("../data/grpc-python-gzip.pcap");
const GRPC_WEB: &[u8] = include_bytes!("../data/grpc-web.pcap");
const NGHTTP2: &[u8] = include_bytes!("../data/nghttp2.pcap");
const UPGRADE: &[u8] = include_bytes!("../data/h2c-upgrade.pcap");

fn packets(file: &[u8]) -> Vec<Packet> {
    let (link, packets) = read_pcap(file);
    assert_eq!(link, 1, "Ethernet");
    packets
}

fn calls(packets: &[Packet]) -> Vec<Exchange> {
    let mut wire = Wire::new(Limits::new(10_000));
    let mut out = Vec::new();
    for packet in packets {
        wire.packet(packet.at, Link::Ethernet, &packet.bytes, packet.wire_len, &mut out);
    }
    wire.finish(&mut out);
    last(out)
}

fn lines(file: &[u8]) -> Vec<String> {
    calls(&packets(file)).iter().map(line).collect()
}

/// The texts of each message, without what protobuf puts before them.
fn texts(message: &Message) -> Vec<String> {
    let mut rest = message.body.as_slice();
    let text = |kept: u32| {
        let (part, behind) = rest.split_at(kept as usize);
        rest = behind;
        String::from_utf8_lossy(part.get(2..).unwrap_or_default()).into_owned()
    };
    message.parts.iter().map(|part| part.kept).map(text).collect()
}

#[test]
fn every_kind_of_grpc_call() {
    let calls = calls(&packets(GRPC));
    let found: Vec<_> = calls.iter().map(line).collect();
    let expected = [
        "POST /grpc.health.v1.Health/Check OK complete 5/7 Open",
        "POST /shop.Orders/Place OK complete 10/16 Open",
        "POST /shop.Orders/Place OK complete 69/1815 Open",
        "POST /shop.Orders/Place NOT_FOUND complete 10/0 Open",
        "POST /shop.Orders/Watch OK complete 8/30 Open",
        "POST /shop.Orders/Upload OK complete 21/12 Open",
        "POST /shop.Orders/Chat OK complete 24/24 Open",
        "POST /shop.Orders/Place - no-response 11/- Open",
        "POST /shop.Orders/Nothing UNIMPLEMENTED complete 5/0 Open",
        "POST /shop.Orders/Watch - complete 8/20 Open",
    ];
    assert_eq!(found, expected);
    let failures: Vec<_> = calls.iter().filter_map(|call| call.failure.as_deref()).collect();
    assert_eq!(failures, ["no such order: é %", "deadline exceeded after 201ms", "Method not found!"]);
    let waits: Vec<_> = calls.iter().map(|call| call.waits).collect();
    assert_eq!(waits, [false, false, false, false, true, false, true, false, false, true]);
    let got = |n: usize| texts(calls[n].response.as_ref().unwrap());
    assert_eq!(got(1), ["placed 77"]);
    assert_eq!(got(4), ["w 0", "w 1", "w 2"]);
    assert_eq!(texts(&calls[5].request).len(), 3);
    assert_eq!(
        (texts(&calls[6].request), got(6)),
        (vec!["hello".into(), "world".into()], vec!["HELLO".into(), "WORLD".into()])
    );
}

#[test]
fn compressed_messages_read_as_the_same_calls() {
    let (plain, zipped) = (calls(&packets(GRPC)), calls(&packets(GRPC_GZIP)));
    let said = |calls: &[Exchange]| -> Vec<_> {
        let message =
            |m: &Message| (m.body.clone(), m.cut, m.parts.iter().map(|p| p.bytes).collect::<Vec<_>>());
        calls
            .iter()
            .map(|c| {
                (c.target.clone(), c.status.clone(), message(&c.request), c.response.as_ref().map(message))
            })
            .collect()
    };
    assert_eq!(said(&plain), said(&zipped));
    let size = |calls: &[Exchange]| calls[2].response.as_ref().unwrap().bytes;
    assert_eq!((size(&plain), size(&zipped)), (1815, 50));
}

#[test]
fn grpc_for_the_web() {
    let calls = calls(&packets(GRPC_WEB));
    let found: Vec<_> = calls.iter().map(|call| (call.protocol.name(), call.status.as_deref())).collect();
    assert_eq!(found, [("grpc", Some("OK")), ("grpc", Some("NOT_FOUND")), ("grpc", Some("OK"))]);
    assert_eq!(calls[1].failure.as_deref(), Some("no such order"));
    assert_eq!(texts(calls[2].response.as_ref().unwrap()), ["w 0", "w 1", "w 2"]);
}

#[test]
fn push_trailers_padding_and_interim_responses() {
    let expected = [
        "GET /index.html 200 complete 0/12 Open",
        "GET /big.txt 200 complete 0/4000 Open",
        "GET /none 404 complete 0/148 Open",
        "GET /style.css 200 complete 0/6 Open",
        "POST /style.css 200 complete 6/6 Open",
        "GET /style.css 200 complete 0/6 Open",
        "HEAD /index.html 200 complete 0/0 Open",
        "PUT /index.html 200 complete 3/12 Open",
    ];
    assert_eq!(lines(NGHTTP2), expected);
}

#[test]
fn connections_that_were_upgraded() {
    let expected = [
        "GET /index.html 200 complete 0/12 Open",
        "GET /style.css 200 complete 0/6 Open",
        "OPTIONS * 404 complete 0/148 Open",
        "POST /index.html 200 complete 6/12 Open",
        "POST /style.css 200 complete 6/6 Open",
        "GET /style.css 200 complete 0/6 Open",
        "GET /index.html 200 complete 0/12 Open",
        "GET /style.css 200 complete 0/6 Open",
        "POST /index.html 200 complete 3/12 Open",
    ];
    assert_eq!(lines(UPGRADE), expected);
}

/// What is told of a call, if all of it was seen; else its target and its status.
fn told(call: &Exchange) -> String {
    match call.quality {
        Quality::Complete => format!("{} {:?}", line(call), call.failure),
        _ => format!("{} {:?}", call.target, call.status),
    }
}

#[test]
fn wherever_a_capture_begins_and_whatever_it_lacks_nothing_is_made_up() {
    for file in [GRPC, GRPC_GZIP, GRPC_WEB, NGHTTP2, UPGRADE] {
        let packets = packets(file);
        let whole = calls(&packets);
        let mut true_ones: BTreeSet<String> = whole.iter().map(told).collect();
        true_ones.extend(whole.iter().map(|call| format!("{} {:?}", call.target, call.status)));
        let late = (1..packets.len()).map(|n| packets[n..].to_vec());
        let lossy = (0..packets.len()).map(|n| [&packets[..n], &packets[n + 1..]].concat());
        for some in late.chain(lossy) {
            for call in calls(&some) {
                let unknown = call.status.is_none() || call.target.is_empty() || call.target.contains('‹');
                let seen = call.quality == Quality::Complete && call.protocol.name() != "tcp";
                let told = told(&call);
                // The server says so itself, where the client's giving up is not seen.
                let deadline = call.status.as_deref() == Some("DEADLINE_EXCEEDED");
                let is_true = deadline || true_ones.contains(&told);
                assert!((unknown && !seen) || is_true, "{told} {}", line(&call));
            }
        }
    }
}
