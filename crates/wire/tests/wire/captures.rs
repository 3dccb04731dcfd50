//! Captures of real traffic: the calls that Zeek logs in its `http.log`.

use wire::{Limits, Link, Wire};

use crate::packets::{last, line, read_pcap};

/// The exchanges of a file in `tests/data`, and the bytes that it lacks.
fn calls(file: &[u8]) -> (Vec<String>, u64) {
    let (link, packets) = read_pcap(file);
    assert_eq!(link, 1, "Ethernet");
    let mut wire = Wire::new(Limits::new(1000));
    let mut out = Vec::new();
    for packet in &packets {
        wire.packet(packet.at, Link::Ethernet, &packet.bytes, packet.wire_len, &mut out);
    }
    wire.finish(&mut out);
    (last(out).iter().map(line).collect(), wire.counts().lost_gaps)
}

#[test]
fn more_responses_than_requests() {
    let (calls, lost) = calls(include_bytes!("../data/http/http-desync-request-response-5.pcap"));
    let mut expected = vec!["GET / 200 complete 0/19 Open"; 7];
    expected[1] = "http/1 200 no-request 0/19 Open";
    expected[2] = "http/1 200 no-request 0/19 Open";
    // Zeek's `http.log` has no row for the connect over IPv6 that was refused before; its `conn.log` has.
    expected.insert(0, "tcp - complete 0/- Refused");
    assert_eq!((calls, lost), (expected.iter().map(|&e| e.to_owned()).collect(), 0));
}

#[test]
fn a_request_behind_the_body_of_another() {
    let (calls, _) = calls(include_bytes!("../data/http/smuggle-http-request.pcap"));
    assert_eq!(calls, ["POST /first 200 complete 80/35 Open", "POST /smuggle-this 200 complete 0/35 Open"]);
}

#[test]
fn a_hole_in_a_body_is_marked_and_counted_and_its_size_is_known() {
    let (calls, lost) = calls(include_bytes!("../data/http/entity_gap.pcap"));
    assert_eq!(calls, ["GET /download/CHANGES.bro-aux.txt 200 gap 0/4705 Open"]);
    assert_eq!(lost, 1448);
}

#[test]
fn a_handshake_in_the_wrong_order() {
    let (calls, lost) = calls(include_bytes!("../data/http/handshake-reorder.pcap"));
    assert_eq!((calls.len(), lost), (1, 0));
    assert_eq!(calls[0], "GET /download/CHANGES.bro-aux.txt 200 complete 0/4705 Open");
}

#[test]
fn lost_requests_give_responses_without_one_and_no_wrong_pair() {
    let (calls, lost) = calls(include_bytes!("../data/http/zero-length-bodies-with-drops.pcap"));
    assert_eq!(calls.len(), 8);
    assert_eq!(calls.iter().filter(|c| c.starts_with("http/1 200 no-request")).count(), 1);
    assert!(lost > 0);
}

#[test]
fn lookups_of_dig_at_dnsmasq() {
    let (calls, lost) = calls(include_bytes!("../data/dns-dnsmasq.pcap"));
    assert_eq!(lost, 0);
    assert_eq!(
        calls,
        [
            "A orders.shop NOERROR complete 52/56 Open",
            "AAAA orders.shop NOERROR complete 52/68 Open",
            "A www.shop NOERROR complete 49/75 Open",
            "TXT _info.shop NOERROR complete 51/73 Open",
            "SRV _http._tcp.shop NOERROR complete 56/88 Open",
            "MX shop NOERROR complete 45/73 Open",
            "CAA shop NOERROR complete 45/62 Open",
            "PTR 3.0.18.172.in-addr.arpa NOERROR complete 64/77 Open",
            "A nope.shop NXDOMAIN complete 50/38 Open",
            "A outside.example REFUSED complete 56/50 Open",
            "A orders.shop NOERROR complete 54/58 Open",
            "A orders.shop NOERROR complete 54/58 Open",
            "A www.shop NOERROR complete 51/77 Open",
            "A orders.shop NOERROR complete 29/45 Open",
            // Nobody answers for this zone.
            "A dead.test - no-response 50/- Open",
        ]
    );
}

#[test]
fn a_publisher_and_a_subscriber_of_mqtt_3_1() {
    let (calls, _) = calls(include_bytes!("../data/mqtt.pcap"));
    assert_eq!(
        calls,
        [
            "CONNECT paho/34AAE54A75D839566E Connection Accepted complete 39/4 Open",
            "SUBSCRIBE SampleTopic Granted QoS 0 complete 18/5 Open",
            "DELIVER SampleTopic - complete 0/50 Open",
            "DELIVER SampleTopic - complete 0/25 Open",
            "CONNECT paho/DDE4DDAF4108D3E363 Connection Accepted complete 39/4 Open",
            "PUBLISH SampleTopic - complete 25/- Open",
            // Zeek logs no disconnects.
            "DISCONNECT paho/DDE4DDAF4108D3E363 - complete 2/- Open",
        ]
    );
}

#[test]
fn clients_of_mosquitto_in_two_versions() {
    let (calls, lost) = calls(include_bytes!("../data/mqtt-mosquitto.pcap"));
    assert_eq!(lost, 0);
    assert!(calls.iter().all(|call| call.contains(" complete ")), "{calls:#?}");
    let count = |start: &str| calls.iter().filter(|call| call.starts_with(start)).count();
    // As many as tshark counts, which are packets: those of type 3 are publishes and deliveries.
    let counts = ["CONNECT ", "PUBLISH ", "DELIVER ", "SUBSCRIBE ", "UNSUBSCRIBE ", "DISCONNECT "].map(count);
    assert_eq!((counts, counts[1] + counts[2]), ([7, 12, 12, 3, 2, 4], 24));
    for call in [
        "SUBSCRIBE orders/#, stock/+/level Granted QoS 2 complete 32/7 Open",
        "PUBLISH orders/rpc Success complete 17/4 Open",
        "PUBLISH nobody/listens No matching subscribers complete 22/5 Open",
        "DELIVER jobs Success complete 4/15 Open",
        "CONNECT ann Not authorized complete 30/5 Open",
    ] {
        assert!(calls.iter().any(|known| known == call), "{call} in {calls:#?}");
    }
}

#[test]
fn a_driver_of_mongodb_in_the_open_and_compressed() {
    let (calls, lost) = calls(include_bytes!("../data/mongodb-pymongo.pcap"));
    assert_eq!(lost, 0);
    let count = |start: &str| calls.iter().filter(|call| call.starts_with(start)).count();
    // What the driver was told to do three times, and the change stream once.
    let named = [
        ("ping  OK", 3),
        ("insert orders OK", 3),
        ("insert orders DuplicateKey", 3),
        ("insert orders - complete", 3),
        ("find orders OK", 3),
        ("getMore orders OK", 4),
        ("aggregate orders OK", 4),
        ("update orders OK", 3),
        ("delete orders OK", 3),
        ("createIndexes orders IndexOptionsConflict", 3),
        ("nonsense  CommandNotFound", 3),
        ("createUser bob OK", 3),
        ("killCursors orders OK", 1),
        ("endSessions  OK", 3),
    ];
    assert_eq!(named.map(|(start, _)| (start, count(start))), named);
    let rest = calls.len() - named.iter().map(|(_, n)| n).sum::<usize>();
    assert_eq!(count("ismaster  OK") + count("hello  OK"), rest, "{calls:#?}");
    assert!(calls.iter().all(|call| call.contains(" complete ")), "{calls:#?}");
}

#[test]
fn a_rabbitmq_and_its_clients() {
    let (calls, lost) = calls(include_bytes!("../data/rabbitmq.pcap"));
    let expected = include_str!("../data/rabbitmq.txt");
    assert_eq!(calls.join("\n"), expected.trim_end());
    assert_eq!(lost, 0);
}

#[test]
fn clients_of_kafka() {
    for (file, expected) in [
        (&include_bytes!("../data/librdkafka.pcap")[..], include_str!("../data/librdkafka.txt")),
        (include_bytes!("../data/aiokafka.pcap"), include_str!("../data/aiokafka.txt")),
    ] {
        let (calls, lost) = calls(file);
        assert_eq!(calls.join("\n"), expected.trim_end());
        assert_eq!(lost, 0);
    }
}
