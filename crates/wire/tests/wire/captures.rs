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
