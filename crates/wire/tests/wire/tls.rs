//! TLS over whole connections, and in captures of real programs.

use model::exchange::{Ending, Exchange, Protocol, Quality};
use proptest::prelude::*;
use wire::Limits;

use crate::packets::{By, Client, Packet, Server, Talk, captured, exchanges, line};

/// A record.
fn record(kind: u8, payload: &[u8]) -> Vec<u8> {
    [&[kind, 3, 3][..], &(payload.len() as u16).to_be_bytes(), payload].concat()
}

/// A message of a handshake.
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &(body.len() as u32).to_be_bytes()[1..], body].concat()
}

fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &(body.len() as u16).to_be_bytes(), body].concat()
}

fn hello() -> Vec<u8> {
    let extensions = [
        extension(0x0a0a, b""),
        extension(0, b"\x00\x0e\x00\x00\x0borders.test"),
        extension(16, b"\x00\x0c\x02h2\x08http/1.1"),
        extension(43, b"\x06\x0a\x0a\x03\x04\x03\x03"),
    ]
    .concat();
    let body = [
        &b"\x03\x03"[..],
        &[7; 32],
        b"\x00",
        b"\x00\x04\x13\x01\xc0\x2f",
        b"\x01\x00",
        &(extensions.len() as u16).to_be_bytes(),
        &extensions,
    ]
    .concat();
    message(1, &body)
}

/// The answer of a server that speaks TLS 1.3, or else 1.2.
fn answer(newest: bool) -> Vec<u8> {
    let extensions = if newest { extension(43, b"\x03\x04") } else { extension(16, b"\x00\x09\x08http/1.1") };
    let body = [
        &b"\x03\x03"[..],
        &[9; 32],
        b"\x00",
        if newest { b"\x13\x01" } else { b"\xc0\x2f" },
        b"\x00",
        &(extensions.len() as u16).to_be_bytes(),
        &extensions,
    ]
    .concat();
    message(2, &body)
}

/// A certificate with nothing but names.
fn certificate() -> Vec<u8> {
    let der = |tag: u8, value: &[u8]| [&[tag, value.len() as u8][..], value].concat();
    let name = |text: &[u8]| {
        let organisation =
            der(0x31, &der(0x30, &[&b"\x06\x03\x55\x04\x0a"[..], &der(0x0c, b"Shoal")].concat()));
        let common = der(0x31, &der(0x30, &[&b"\x06\x03\x55\x04\x03"[..], &der(0x13, text)].concat()));
        der(0x30, &[organisation, common].concat())
    };
    let signed = [
        der(0xa0, b"\x02\x01\x02"),
        der(0x02, b"\x01"),
        der(0x30, b""),
        name(b"Test CA"),
        der(0x30, b""),
        name(b"orders.test"),
    ]
    .concat();
    let whole = der(0x30, &der(0x30, &signed)[..]);
    let counted = |bytes: &[u8]| [&(bytes.len() as u32).to_be_bytes()[1..], bytes].concat();
    message(11, &counted(&counted(&whole)))
}

/// Both sides' flights of a handshake: who sends, and what.
fn handshake(newest: bool) -> Vec<(By, Vec<u8>)> {
    let server = if newest {
        [record(22, &answer(true)), record(20, b"\x01"), record(23, &[0; 900])].concat()
    } else {
        // Messages and records need not fit each other.
        let messages = [answer(false), certificate(), message(14, b"")].concat();
        let (begin, end) = messages.split_at(50);
        [record(22, begin), record(22, end)].concat()
    };
    let mut flights = vec![(Client, record(22, &hello())), (Server, server)];
    if newest {
        flights.push((Client, [record(20, b"\x01"), record(23, &[0; 53])].concat()));
    } else {
        let finished = [record(20, b"\x01"), record(22, &[0; 40])].concat();
        flights.push((Client, [record(22, &message(16, &[0; 33])), finished.clone()].concat()));
        flights.push((Server, finished));
    }
    flights
}

fn said(flights: &[(By, Vec<u8>)], size: usize) -> Talk {
    let mut talk = Talk::open(4000);
    for (by, bytes) in flights {
        talk.send_cut(*by, bytes, size);
    }
    talk
}

fn only(packets: &[Packet]) -> Exchange {
    let calls = exchanges(packets);
    let [call] = &calls[..] else { panic!("{:?}", calls.iter().map(line).collect::<Vec<_>>()) };
    assert_eq!((call.protocol, call.waits), (Protocol::Tls, true));
    call.clone()
}

fn fields(call: &Exchange) -> Vec<String> {
    let response = call.response.as_ref().map_or(&[][..], |response| &response.headers);
    call.request.headers.iter().chain(response).map(|(name, value)| format!("{name}: {value}")).collect()
}

#[test]
fn a_handshake_tells_who_is_asked_for_and_what_is_agreed() {
    for (newest, status, agreed) in [
        (true, "TLS 1.3", &["cipher: TLS_AES_128_GCM_SHA256"][..]),
        (
            false,
            "TLS 1.2",
            &[
                "cipher: TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
                "alpn: http/1.1",
                "subject: orders.test",
                "issuer: Test CA",
            ],
        ),
    ] {
        for size in [1, 7, 60, 60_000] {
            let mut talk = said(&handshake(newest), size);
            talk.send(Client, &record(23, b"asked"));
            talk.send(Server, &record(23, b"answered"));
            talk.close();
            let call = only(&talk.packets);
            let sent = |by| handshake(newest).iter().filter(|f| f.0 == by).map(|f| f.1.len()).sum::<usize>();
            let sizes = format!("{}/{}", sent(Client) + 10, sent(Server) + 13);
            assert_eq!(line(&call), format!("TLS orders.test {status} complete {sizes} Closed"));
            let expected = ["versions: TLS 1.3, TLS 1.2", "alpn: h2, http/1.1"];
            assert_eq!(fields(&call), [&expected, agreed].concat());
            assert_eq!((call.failure.as_deref(), call.request.first), (None, talk.packets[3].at));
            assert!(call.response.is_some_and(|response| response.complete && response.body.is_empty()));
        }
    }
}

#[test]
fn a_handshake_that_fails_says_why() {
    let alert = |level, description| record(21, &[level, description]);
    let [newest, older] = [true, false].map(handshake);
    type Case = (Vec<(By, Vec<u8>)>, Option<&'static str>);
    let cases: [Case; 9] = [
        (vec![newest[0].clone(), (Server, alert(2, 40))], Some("handshake_failure")),
        (vec![newest[0].clone(), newest[1].clone(), (Client, alert(2, 48))], Some("unknown_ca")),
        (vec![older[0].clone(), older[1].clone(), (Client, alert(2, 42))], Some("bad_certificate")),
        // A warning ends nothing, leaving is no failure of itself, but no handshake either.
        (vec![older[0].clone(), (Server, alert(1, 112))], Some("closed during the handshake")),
        (vec![older[0].clone(), (Server, alert(1, 0))], Some("closed during the handshake")),
        (vec![newest[0].clone()], Some("closed during the handshake")),
        (vec![newest[0].clone(), newest[1].clone(), (Client, record(23, &[0; 19]))], Some("encrypted alert")),
        (vec![newest[0].clone(), newest[1].clone(), newest[2].clone(), (Client, record(23, &[0; 19]))], None),
        ([&older[..], &[(Server, record(21, &[0; 26]))]].concat(), None),
    ];
    for (flights, failure) in cases {
        let mut talk = said(&flights, 1400);
        talk.close();
        assert_eq!(only(&talk.packets).failure.as_deref(), failure, "{} flights", flights.len());
    }
}

#[test]
fn what_is_cut_off_by_a_loss_is_marked_and_no_failure() {
    let flights = handshake(true);
    let mut talk = said(&flights[..2], 300);
    talk.close();
    let kept: Vec<_> =
        talk.packets.iter().enumerate().filter(|(i, _)| *i != 6).map(|(_, p)| p.clone()).collect();
    let call = only(&kept);
    assert_eq!((call.quality, call.failure, call.ending), (Quality::Gap, None, Ending::Open));
    assert_eq!(call.status.as_deref(), Some("TLS 1.3"));
}

#[test]
fn a_server_that_speaks_no_tls_is_a_failure() {
    let mut talk = Talk::open(4000);
    talk.send(Client, &record(22, &hello()));
    talk.send(Server, b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    talk.close();
    let call = only(&talk.packets);
    assert_eq!((call.failure.as_deref(), call.status), (Some("answered in HTTP/1: 400 Bad Request"), None));
}

#[test]
fn a_hello_that_is_no_hello_is_a_connection() {
    let mut talk = Talk::open(4000);
    talk.send(Client, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 and nothing more");
    talk.close();
    assert_eq!(exchanges(&talk.packets).iter().map(line).collect::<Vec<_>>(), ["tcp - complete 28/- Closed"]);
}

#[test]
fn a_connection_that_is_older_than_the_capture_is_known_when_both_sides_speak() {
    let mut talk = Talk::new(4000);
    for _ in 0..2 {
        talk.send(Client, &record(23, &[1; 100]));
        talk.send(Server, &record(23, &[2; 200]));
    }
    talk.wait(100);
    talk.ack(Client);
    let call = only(&talk.packets);
    assert_eq!(line(&call), "TLS  - mid-stream 210/410 Open");
}

#[test]
fn a_connection_that_goes_on_is_told_as_it_does() {
    let mut talk = said(&handshake(true), 1400);
    talk.wait(1000);
    talk.send(Client, &record(23, b"asked"));
    talk.wait(1000);
    talk.ack(Server);
    let reports = crate::packets::reports(&talk.packets);
    assert!(reports.len() >= 3 && reports.iter().filter(|report| report.done).count() == 1);
    assert_eq!(reports[0].target, "orders.test");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_panic(
        newest in any::<bool>(), flip in any::<prop::sample::Index>(), to in any::<u8>(), size in 1..500_usize,
        tail in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut flights = handshake(newest);
        let all: usize = flights.iter().map(|(_, bytes)| bytes.len()).sum();
        let mut at = flip.index(all);
        for (_, bytes) in &mut flights {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = to;
                break;
            }
            at -= bytes.len();
        }
        flights.push((Server, tail));
        let mut talk = said(&flights, size);
        talk.close();
        let sent: u64 = exchanges(&talk.packets).iter().map(|call| call.request.bytes).sum();
        let expected: usize = flights.iter().filter(|(by, _)| *by == Client).map(|(_, bytes)| bytes.len()).sum();
        prop_assert_eq!(sent, expected as u64);
    }
}

macro_rules! capture {
    ($name:literal) => {
        captured(include_bytes!(concat!("../data/", $name)), Limits::new(1000))
    };
}

#[test]
fn programs_that_agree_and_that_do_not() {
    // OpenSSL: well in TLS 1.3, an unknown authority; the same in TLS 1.2; no common cipher, no common version.
    let expected = [
        ("TLS orders.test TLS 1.3 complete 458/1007 Closed", None),
        ("TLS orders.test TLS 1.3 complete 324/816 Closed", Some("unknown_ca")),
        ("TLS orders.test TLS 1.2 complete 476/931 Closed", None),
        ("TLS orders.test TLS 1.2 complete 215/659 Closed", Some("unknown_ca")),
        ("TLS orders.test - complete 156/7 Closed", Some("handshake_failure")),
        ("TLS orders.test - complete 245/7 Closed", Some("protocol_version")),
    ];
    let calls = capture!("tls/openssl.pcap");
    let told: Vec<_> = calls.iter().map(|call| (line(call), call.failure.as_deref())).collect();
    assert_eq!(told, expected.map(|(line, failure)| (line.to_owned(), failure)));
}

#[test]
fn every_capture_gives_the_reference_s_names_versions_and_ciphers() {
    // `psql-aws-ssl-require` has a row in `ssl.log`; the others' are what Wireshark shows.
    let cases: [(Vec<Exchange>, &str, &[&str]); 4] = [
        (
            capture!("tls/tls-1.2-stream-keylog.pcap"),
            "TLS www.heise.de TLS 1.2 complete 10853/151695 Closed",
            &[
                "versions: TLS 1.3, TLS 1.2",
                "alpn: http/1.1",
                "cipher: TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
                "alpn: http/1.1",
                "subject: www.heise.de",
                "issuer: Sectigo RSA Domain Validation Secure Server CA",
            ],
        ),
        (
            capture!("tls/tls12-decryption.pcap"),
            "TLS heise.de TLS 1.2 complete 993/3761 Closed",
            &[
                "versions: TLS 1.3, TLS 1.2",
                "alpn: h2, http/1.1",
                "cipher: TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
                "alpn: http/1.1",
                "subject: heise.de",
                "issuer: R3",
            ],
        ),
        (
            capture!("tls/psql-aws-ssl-require.pcap"),
            "TLS database-1.cyx4x7yvdoay.us-east-1.rds.amazonaws.com TLS 1.2 complete 778/4541 Reset",
            &[
                "versions: TLS 1.3, TLS 1.2",
                "cipher: TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
                "subject: database-1.cyx4x7yvdoay.us-east-1.rds.amazonaws.com",
                "issuer: Amazon RDS us-east-1 2019 CA",
            ],
        ),
        (
            capture!("http/connect-with-header.pcap"),
            "TLS secure.newegg.com TLS 1.2 complete 3423/55425 Open",
            &["versions: TLS 1.2", "alpn: h2, spdy/3.1, http/1.1", "cipher: TLS_RSA_WITH_3DES_EDE_CBC_SHA"],
        ),
    ];
    for (calls, expected, agreed) in cases {
        let call = calls.last().unwrap();
        assert_eq!((line(call).as_str(), &call.failure), (expected, &None));
        assert_eq!(fields(call), agreed, "{expected}");
    }
}
