//! TLS whose secrets are known: what real programs say within it, with losses and with secrets that come late.

use std::collections::BTreeSet;

use model::Timestamp;
use model::exchange::{Exchange, Protocol, Quality};
use proptest::prelude::*;
use wire::{Limits, Link, Wire};

use crate::packets::{Packet, last, line, read_pcap};

/// Six connections of curl to Python, each with a suite of its own: AES-128-GCM, AES-256-GCM and `ChaCha20` in TLS 1.3, then
/// in TLS 1.2. One of OpenSSL's `s_client` that changes keys between two calls. One of curl to nghttpd.
const CAPTURE: &[u8] = include_bytes!("../data/tls/decrypted.pcap");
const KEYS: &[u8] = include_bytes!("../data/tls/decrypted.keys");

fn packets() -> Vec<Packet> {
    read_pcap(CAPTURE).1
}

/// Feeds packets, with the secrets before the one numbered `keys_at`.
fn read(packets: &[Packet], keys: &[u8], keys_at: usize) -> Vec<Exchange> {
    let (mut wire, mut out) = (Wire::new(Limits::new(64 * 1024)), Vec::new());
    wire.add_keys(b"");
    for (n, packet) in packets.iter().enumerate() {
        if n == keys_at {
            wire.add_keys(keys);
        }
        wire.packet(packet.at, Link::Ethernet, &packet.bytes, packet.wire_len, &mut out);
        assert!(wire.held() < 8 << 20);
    }
    let end = packets.last().map_or(Timestamp(0), |packet| packet.at);
    wire.tick(Timestamp(end.0 + 1_000_000_000), &mut out);
    wire.finish(&mut out);
    last(out)
}

/// The calls within, without those that tell of a connection.
fn within(calls: &[Exchange]) -> Vec<String> {
    let inner = calls.iter().filter(|call| call.protocol != Protocol::Tls);
    inner.map(|call| format!("{} {}", call.protocol.name(), line(call))).collect()
}

fn expected() -> Vec<String> {
    let of_curl = [
        "http/1 GET /orders/7 200 complete 0/20 Open",
        "http/1 POST /echo 200 complete 18000/17000 Open",
        "http/1 GET /last 200 complete 0/16 Open",
    ];
    let others = [
        "http/1 GET /before 200 complete 0/18 Open",
        "http/1 GET /after 200 complete 0/17 Open",
        "http/2 GET /orders.json 200 complete 0/12 Open",
    ];
    let all = std::iter::repeat_n(of_curl, 6).flatten().chain(others);
    all.map(str::to_owned).collect()
}

#[test]
fn what_is_said_within_is_read_in_every_suite() {
    let calls = read(&packets(), KEYS, 0);
    assert_eq!(within(&calls), expected());
    let tls: Vec<&Exchange> = calls.iter().filter(|call| call.protocol == Protocol::Tls).collect();
    assert_eq!(tls.len(), 8);
    assert!(calls.iter().all(|call| call.decrypted), "{calls:#?}");
    let echo = calls.iter().find(|call| call.target == "/echo").unwrap();
    assert_eq!(echo.request.body, vec![b'x'; 18_000]);
    assert_eq!(echo.response.as_ref().unwrap().body, vec![b'x'; 17_000]);
    // The connection tells the bytes that went over the wire.
    assert!(tls[0].request.bytes > 18_000);
}

#[test]
fn secrets_of_others_open_nothing() {
    let wrong: Vec<u8> = KEYS.iter().map(|byte| if *byte == b'a' { b'b' } else { *byte }).collect();
    for keys in [&b""[..], &wrong] {
        let calls = read(&packets(), keys, 0);
        assert_eq!(within(&calls), [] as [&str; 0]);
        assert_eq!(calls.len(), 8);
        assert!(calls.iter().all(|call| !call.decrypted && call.quality == Quality::Complete));
    }
}

#[test]
fn secrets_may_come_after_the_packets() {
    let packets = packets();
    // One connection's packets: by their place, as each is closed before the next is opened.
    let opens = |packet: &&Packet| packet.bytes[14 + 20 + 13] & 0x12 == 2;
    let second = packets.iter().position(|packet| opens(&packet) && packet.at > packets[0].at).unwrap();
    // At the last packet the connection is closed already.
    for late in [4, 8, 12, second - 1] {
        assert_eq!(within(&read(&packets[..second], KEYS, late)), expected()[..3], "at {late} of {second}");
    }
}

#[test]
fn packets_that_were_cut_short_spoil_no_call_behind_them() {
    let mut packets = packets();
    for packet in &mut packets {
        packet.bytes.truncate(4000);
    }
    let calls = read(&packets, KEYS, 0);
    let found = within(&calls);
    for (found, expected) in found.iter().zip(expected()) {
        // A record that is not whole does not open: of the long request and its answer, what was in whole ones is left.
        if expected.contains("/echo") {
            assert!(!found.contains(" complete "), "{found}");
        } else {
            assert_eq!(*found, expected);
        }
    }
    assert_eq!(found.len(), expected().len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn losses_make_nothing_up(lost in prop::collection::vec(any::<prop::sample::Index>(), 0..12)) {
        let mut packets = packets();
        for lost in lost {
            let place = lost.index(packets.len());
            packets.remove(place);
        }
        // Without its client's hello a connection is none of TLS, or one that cannot be opened.
        let outside = [Protocol::Tls, Protocol::Tcp];
        for call in read(&packets, KEYS, 0).iter().filter(|call| !outside.contains(&call.protocol)) {
            prop_assert!(call.decrypted);
            let known = ["", "/orders/7", "/echo", "/last", "/before", "/after", "/orders.json"];
            prop_assert!(known.contains(&call.target.as_str()), "{call:?}");
            prop_assert!(call.status.as_deref().is_none_or(|status| status == "200"), "{call:?}");
            if call.quality == Quality::Complete && call.target == "/echo" {
                prop_assert_eq!(call.request.bytes, 18_000);
            }
        }
    }

    #[test]
    fn any_cutting_of_packets_keeps_memory_and_ends(kept in 0..3000_usize, shuffled in any::<bool>()) {
        let mut packets = packets();
        for (n, packet) in packets.iter_mut().enumerate() {
            if n % 3 == 0 || !shuffled {
                packet.bytes.truncate(kept.max(66));
            }
        }
        let calls = read(&packets, KEYS, 0);
        let connections: BTreeSet<u64> = calls.iter().map(|call| call.conn).collect();
        prop_assert_eq!(connections.len(), 8);
    }
}
