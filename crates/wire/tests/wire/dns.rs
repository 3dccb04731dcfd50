//! DNS over UDP and TCP: queries and responses become calls.

use std::collections::BTreeSet;

use etherparse::PacketBuilder;
use model::exchange::{Exchange, Protocol, Quality};
use proptest::prelude::*;
use wire::Limits;

use crate::packets::{Client, Packet, Server, Talk, datagram, exchanges, last, line, lines, reports_within};
use crate::properties::mixed;

const PORTS: (u16, u16) = (40000, 53);

fn name(text: &str) -> Vec<u8> {
    let labels = text.split('.').filter(|label| !label.is_empty());
    let mut bytes: Vec<u8> =
        labels.flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat()).collect();
    bytes.push(0);
    bytes
}

fn words(words: &[u16]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn query(id: u16, of: &str, kind: u16) -> Vec<u8> {
    [words(&[id, 0x0100, 1, 0, 0, 0]), name(of), words(&[kind, 1])].concat()
}

/// A record whose name is the question's.
fn record(kind: u16, data: &[u8]) -> Vec<u8> {
    [words(&[0xc00c, kind, 1, 0, 60, data.len() as u16]), data.to_vec()].concat()
}

fn response(id: u16, of: &str, kind: u16, rcode: u16, records: &[Vec<u8>]) -> Vec<u8> {
    let head = words(&[id, 0x8180 | rcode, 1, records.len() as u16, 0, 0]);
    [head, name(of), words(&[kind, 1]), records.concat()].concat()
}

fn framed(message: &[u8]) -> Vec<u8> {
    [&words(&[message.len() as u16]), message].concat()
}

fn body(exchange: &Exchange) -> &str {
    str::from_utf8(&exchange.response.as_ref().unwrap().body).unwrap()
}

#[test]
fn a_lookup_is_a_call_whatever_the_port() {
    for port in [53, 5399] {
        let address = record(1, &[172, 18, 0, 3]);
        let answer = response(7, "orders.shop", 1, 0, &[record(5, &name("web.shop")), address]);
        let packets = [
            datagram(0, Client, (40000, port), &query(7, "orders.shop", 1)),
            datagram(3, Server, (40000, port), &answer),
        ];
        let calls = exchanges(&packets);
        assert_eq!(calls.iter().map(line).collect::<Vec<_>>(), ["A orders.shop NOERROR complete 29/67 Open"]);
        let call = &calls[0];
        assert_eq!((call.protocol, call.client.port(), call.server.port()), (Protocol::Dns, 40000, port));
        let half = call.response.as_ref().unwrap();
        assert_eq!(half.media.as_deref(), Some("application/json"));
        assert!(call.failure.is_none() && call.request.complete && half.complete && !half.cut);
        assert_eq!(
            body(call),
            r#"[{"name":"orders.shop","type":"CNAME","ttl":60,"data":"web.shop"},{"name":"orders.shop","type":"A","ttl":60,"data":"172.18.0.3"}]"#
        );
    }
}

#[test]
fn codes_say_what_failed_and_a_missing_name_is_an_answer() {
    for (rcode, status, failure) in [
        (0, "NOERROR", None),
        (2, "SERVFAIL", Some("server failure")),
        (3, "NXDOMAIN", None),
        (5, "REFUSED", Some("query refused")),
    ] {
        let packets = [
            datagram(0, Client, PORTS, &query(1, "a.b", 28)),
            datagram(1, Server, PORTS, &response(1, "a.b", 28, rcode, &[])),
        ];
        let calls = exchanges(&packets);
        assert_eq!((calls.len(), calls[0].method.as_str(), body(&calls[0])), (1, "AAAA", "[]"));
        assert_eq!((calls[0].status.as_deref(), calls[0].failure.as_deref()), (Some(status), failure));
    }
}

#[test]
fn an_error_may_leave_out_the_question_and_say_more_than_its_code() {
    let packets = [
        datagram(0, Client, PORTS, &query(1, "a.b", 1)),
        datagram(1, Client, PORTS, &query(2, "c.d", 1)),
        datagram(2, Server, PORTS, &words(&[2, 0x8181, 0, 0, 0, 0])),
        datagram(3, Server, PORTS, &{
            let mut answer = response(1, "a.b", 1, 2, &[]);
            answer[11] = 1;
            // OPT, with `DNSSEC Bogus` and words.
            let option = [words(&[15, 7, 6]), b"stale".to_vec()].concat();
            [answer, vec![0], words(&[41, 1232, 0, 0, option.len() as u16]), option].concat()
        }),
    ];
    let calls = exchanges(&packets);
    let failures: Vec<_> = calls.iter().map(|call| call.failure.as_deref().unwrap()).collect();
    assert_eq!(failures, ["server failure: DNSSEC Bogus: stale", "format error"]);
}

#[test]
fn a_query_that_is_sent_again_is_one_call() {
    let ask = query(9, "slow.shop", 1);
    let answer = response(9, "slow.shop", 1, 0, &[]);
    let packets = [
        datagram(0, Client, PORTS, &ask),
        // Heard twice by the capture.
        datagram(1, Client, PORTS, &ask),
        datagram(2500, Client, PORTS, &ask),
        datagram(4900, Client, PORTS, &ask),
        datagram(9000, Server, PORTS, &answer),
        datagram(9001, Server, PORTS, &answer),
        datagram(9400, Server, PORTS, &answer),
    ];
    let calls = exchanges(&packets);
    assert_eq!(calls.iter().map(line).collect::<Vec<_>>(), ["A slow.shop NOERROR complete 27/27 Open"]);
    let retries = calls[0].request.headers.iter().find(|(name, _)| name == "retries");
    assert_eq!(retries.map(|(_, value)| value.as_str()), Some("2"));
}

#[test]
fn what_is_not_answered_is_given_up_and_what_comes_later_is_told() {
    let (ask, answer) = (query(9, "late.shop", 1), response(9, "late.shop", 1, 0, &[]));
    let other = datagram(6000, Client, (41000, 53), &query(3, "x", 1));
    let mut packets = vec![datagram(0, Client, PORTS, &ask), other];
    let silent = "A late.shop - no-response 27/- Open";
    let seen = reports_within(&packets, Limits::new(100));
    // Already when the other comes, not only at the end.
    let done: Vec<_> = seen.iter().filter(|e| e.done).map(line).collect();
    assert_eq!(done, [silent, "A x - no-response 19/- Open"]);
    packets.push(datagram(7000, Server, PORTS, &answer));
    let told = lines(&packets);
    assert_eq!(told.len(), 3);
    assert!(told.contains(&"A late.shop NOERROR no-request 0/27 Open".to_owned()), "{told:?}");
}

#[test]
fn ids_and_questions_pair_and_letters_in_any_case_are_the_same() {
    let packets = [
        datagram(0, Client, PORTS, &query(5, "a.shop", 1)),
        datagram(0, Client, PORTS, &query(5, "a.shop", 28)),
        datagram(0, Client, PORTS, &query(6, "B.sHop", 1)),
        datagram(1, Server, PORTS, &response(6, "b.shop", 1, 3, &[])),
        datagram(2, Server, PORTS, &response(5, "a.shop", 28, 0, &[record(28, &[0; 16])])),
        datagram(3, Server, PORTS, &response(5, "a.shop", 1, 0, &[record(1, &[1; 4])])),
        datagram(4, Server, PORTS, &response(5, "other.shop", 1, 0, &[])),
    ];
    assert_eq!(
        lines(&packets),
        [
            "A a.shop NOERROR complete 24/40 Open",
            "AAAA a.shop NOERROR complete 24/52 Open",
            "A B.sHop NXDOMAIN complete 24/24 Open",
            "A other.shop NOERROR no-request 0/28 Open",
        ]
    );
}

#[test]
fn whoever_asks_a_whole_network_is_answered_by_a_member_or_by_nobody() {
    let to_all = |millis, id, of: &str| {
        let mut packet = Vec::new();
        let head = PacketBuilder::ipv4([10, 0, 0, 1], [224, 0, 0, 252], 64).udp(PORTS.0, 5355);
        head.write(&mut packet, &query(id, of, 1)).unwrap();
        let at = datagram(millis, Client, PORTS, b"").at;
        Packet { at, wire_len: packet.len(), bytes: packet }
    };
    let packets = [
        to_all(0, 1, "printer"),
        to_all(0, 2, "nobody"),
        datagram(2, Server, (PORTS.0, 5355), &response(1, "printer", 1, 0, &[record(1, &[10, 0, 0, 2])])),
    ];
    let calls = exchanges(&packets);
    assert_eq!(
        calls.iter().map(line).collect::<Vec<_>>(),
        ["A printer NOERROR complete 25/41 Open", "A nobody - complete 24/- Open"]
    );
    assert_eq!(calls[0].server.to_string(), "10.0.0.2:5355");
    assert!(calls.iter().all(|call| call.waits));
}

#[test]
fn other_datagrams_are_no_calls() {
    let quic = [&[0xc3, 0, 0, 0, 1, 8][..], &[0x55; 1200]].concat();
    let ntp = [&[0x23, 0, 6, 0xec][..], &[0; 44]].concat();
    let mut trailing = query(1, "a.b", 1);
    trailing.push(0);
    let mut long = query(1, "a.b", 1);
    long[5] = 2;
    for bytes in [&b""[..], b"hello there, you over there", &[0; 40], &quic, &ntp, &trailing, &long] {
        assert!(exchanges(&[datagram(0, Client, PORTS, bytes)]).is_empty(), "{}", bytes.escape_ascii());
    }
}

#[test]
fn a_datagram_that_the_capture_cut_short_says_what_it_can() {
    let answer =
        response(7, "orders.shop", 1, 0, &[record(1, &[172, 18, 0, 3]), record(1, &[172, 18, 0, 4])]);
    let mut packets =
        [datagram(0, Client, PORTS, &query(7, "orders.shop", 1)), datagram(1, Server, PORTS, &answer)];
    let bytes = &mut packets[1].bytes;
    bytes.truncate(bytes.len() - 10);
    let calls = exchanges(&packets);
    assert_eq!(line(&calls[0]), "A orders.shop NOERROR truncated 29/61 Open");
    assert_eq!(body(&calls[0]), r#"[{"name":"orders.shop","type":"A","ttl":60,"data":"172.18.0.3"}]"#);
    assert!(calls[0].response.as_ref().unwrap().cut);
}

#[test]
fn answers_stay_well_formed_within_the_body_limit_or_four_kilobytes() {
    let records = vec![record(1, &[10, 0, 0, 9]); 120];
    let packets = [
        datagram(0, Client, PORTS, &query(7, "orders.shop", 1)),
        datagram(1, Server, PORTS, &response(7, "orders.shop", 1, 0, &records)),
    ];
    for limit in [0, 60, 5000, 5100] {
        let calls = last(reports_within(&packets, Limits::new(limit)));
        let half = calls[0].response.as_ref().unwrap();
        let (least, most) = (limit.max(4096) - 100, limit.max(4096));
        assert!((least..=most).contains(&half.body.len()) && half.cut, "{limit}: {}", body(&calls[0]));
        let one = r#"{"name":"orders.shop","type":"A","ttl":60,"data":"10.0.0.9"}"#;
        let whole = (half.body.len() + 1) / (one.len() + 1);
        let expected = format!("[{}]", vec![one; whole].join(","));
        assert_eq!(body(&calls[0]), expected, "{limit}");
    }
}

#[test]
fn over_tcp_answers_come_in_any_order_and_a_zone_in_many_messages() {
    let soa = record(6, &[name("ns"), name("me"), words(&[0, 77, 0, 1, 0, 1, 0, 1, 0, 1])].concat());
    let mut talk = Talk::open(4000);
    talk.send(Client, &[framed(&query(1, "a.b", 1)), framed(&query(2, "c.d", 1))].concat());
    talk.send(Server, &framed(&response(2, "c.d", 1, 0, &[])));
    talk.send(Server, &framed(&response(1, "a.b", 1, 2, &[])));
    talk.send(Client, &framed(&query(3, "shop", 252)));
    talk.send(Server, &framed(&response(3, "shop", 252, 0, std::slice::from_ref(&soa))));
    talk.send(Server, &framed(&response(3, "shop", 252, 0, &[record(1, &[1; 4])])));
    talk.send(Server, &framed(&response(3, "shop", 252, 0, &[record(1, &[2; 4]), soa])));
    talk.send(Client, &framed(&query(4, "e.f", 1)));
    talk.close();
    let calls = exchanges(&talk.packets);
    assert_eq!(
        calls.iter().map(line).collect::<Vec<_>>(),
        [
            "A a.b SERVFAIL complete 23/23 Open",
            "A c.d NOERROR complete 23/23 Open",
            "AXFR shop NOERROR complete 24/184 Open",
            "A e.f - no-response 23/- Closed",
        ]
    );
    assert_eq!(body(&calls[2]).matches("\"type\":\"SOA\"").count(), 2);
    assert_eq!(body(&calls[2]).matches("\"type\":\"A\"").count(), 2);
}

#[test]
fn over_tcp_a_query_that_the_capture_cut_short_has_its_answer() {
    let mut talk = Talk::open(4000);
    talk.send(Client, &framed(&query(6, "orders.shop", 1)));
    talk.send(Server, &framed(&response(6, "orders.shop", 1, 0, &[])));
    for id in 7..=8 {
        talk.send_short(Client, &framed(&query(id, "orders.shop", 1)), 20);
        talk.send(Server, &framed(&response(id, "orders.shop", 1, 3, &[])));
    }
    let calls = exchanges(&talk.packets);
    let told: Vec<_> = calls.iter().map(|call| (call.status.as_deref(), call.quality)).collect();
    let cut = (Some("NXDOMAIN"), Quality::Truncated);
    assert_eq!(told, [(Some("NOERROR"), Quality::Complete), cut, cut]);
}

#[test]
fn a_connection_that_is_older_than_the_capture_is_read_from_its_next_message_on() {
    let mut talk = Talk::new(4000);
    talk.send(Server, &framed(&response(2, "c.d", 1, 0, &[])));
    talk.send(Client, &framed(&query(1, "a.b", 1)));
    talk.send(Server, &framed(&response(1, "a.b", 1, 0, &[])));
    let seen = lines(&talk.packets);
    assert_eq!(seen, ["A c.d NOERROR no-request 0/23 Open", "A a.b NOERROR complete 23/23 Open"]);
}

/// Queries and responses over TCP, one segment for so many bytes, and for each packet the calls whose bytes it has.
fn connection(count: u16, size: usize) -> (Vec<Packet>, Vec<Option<u16>>) {
    let mut talk = Talk::open(4000);
    let mut carries = vec![None; talk.packets.len()];
    for n in 0..count {
        let of = format!("host-{n}.shop");
        let records = vec![record(1, &[10, 0, 0, n as u8]); usize::from(n) * 3];
        for (by, bytes) in [(Client, query(n, &of, 1)), (Server, response(n, &of, 1, n % 4, &records))] {
            talk.send_cut(by, &framed(&bytes), size);
            carries.resize(talk.packets.len() - 1, Some(n));
            carries.push(None);
        }
    }
    talk.close();
    carries.resize(talk.packets.len(), None);
    (talk.packets, carries)
}

fn timeless(packets: &[Packet]) -> Vec<String> {
    exchanges(packets).iter().map(|e| format!("{} {:?}", line(e), e.response.as_ref().map(body_of))).collect()
}

fn body_of(half: &model::exchange::Message) -> String {
    String::from_utf8_lossy(&half.body).into_owned()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn the_same_calls_however_they_are_cut(count in 1..8_u16, size in 1..400_usize) {
        let (whole, _) = connection(count, 60_000);
        let (cut, _) = connection(count, size);
        prop_assert_eq!(timeless(&whole), timeless(&cut));
        prop_assert_eq!(timeless(&whole).len(), usize::from(count));
    }

    #[test]
    fn a_loss_touches_only_the_calls_it_hits(
        count in 2..9_u16, size in 20..400_usize, lost in prop::collection::vec(any::<prop::sample::Index>(), 1..3),
    ) {
        let (packets, carries) = connection(count, size);
        let lost: BTreeSet<usize> = lost.iter().map(|index| index.index(packets.len())).collect();
        let hit: BTreeSet<u16> = lost.iter().filter_map(|i| carries[*i]).collect();
        let kept: Vec<_> =
            packets.iter().enumerate().filter(|(i, _)| !lost.contains(i)).map(|(_, p)| p.clone()).collect();
        let (unhurt, seen) = (exchanges(&packets), exchanges(&kept));
        for (n, call) in unhurt.iter().enumerate().filter(|(n, _)| !hit.contains(&(*n as u16))) {
            // A call behind a hurt one that never got to a boundary may be out of sight, but is never told wrongly.
            let same = seen.iter().find(|s| s.target == call.target);
            if let Some(same) = same && same.quality == Quality::Complete {
                prop_assert_eq!((&same.status, &same.request.bytes), (&call.status, &call.request.bytes), "{}", n);
            }
            if size > 350 && !hit.contains(&0) {
                prop_assert!(same.is_some_and(|s| s.quality == Quality::Complete), "{} without {:?}", line(call), lost);
            }
        }
        for call in seen.iter().filter(|call| call.protocol == Protocol::Dns && call.quality == Quality::Complete) {
            prop_assert!(unhurt.iter().any(|u| line(u) == line(call)), "{}", line(call));
        }
    }

    #[test]
    fn datagrams_give_the_same_calls_however_they_are_mixed_and_repeated(
        count in 1..20_u16, dice in prop::collection::vec(any::<u8>(), 1..40),
    ) {
        let mut packets = Vec::new();
        for n in 0..count {
            let of = format!("host-{n}.shop");
            packets.push(datagram(i64::from(n), Client, PORTS, &query(n, &of, 1)));
            packets.push(datagram(i64::from(n), Server, PORTS, &response(n, &of, 1, n % 4, &[])));
        }
        let mixed = mixed(&packets, 3, &dice);
        let sorted = |packets: &[Packet]| { let mut lines = lines(packets); lines.sort(); lines };
        prop_assert_eq!(sorted(&mixed), sorted(&packets));
    }

    #[test]
    fn no_datagram_panics(
        bytes in prop::collection::vec(any::<u8>(), 0..200), at in any::<prop::sample::Index>(), value in any::<u8>(),
    ) {
        let mut hurt = response(7, "orders.shop", 1, 0, &[record(15, &[0, 1, 0xc0, 0x0c]), record(6, b"abc")]);
        let at = at.index(hurt.len());
        hurt[at] = value;
        let mut talk = Talk::open(4000);
        talk.send(Client, &framed(&query(7, "orders.shop", 1)));
        talk.send(Server, &framed(&hurt));
        talk.send(Server, &bytes);
        talk.send(Client, &bytes);
        talk.close();
        let mut packets = talk.packets;
        packets.push(datagram(100, Client, PORTS, &query(7, "orders.shop", 1)));
        packets.push(datagram(101, Server, PORTS, &hurt));
        packets.push(datagram(102, Server, PORTS, &bytes));
        for call in exchanges(&packets) {
            prop_assert!(call.done);
        }
    }
}
