//! Connections as such: how they begin and end, and what is told of bytes that no decoder knows.

use crate::packets::{Client, Packet, Server, Talk, exchanges, last, lines, reports};
use model::Timestamp;
use model::exchange::{Ending, Quality};
use wire::{Limits, Link, Wire};

#[test]
fn every_way_to_end_is_told_apart() {
    let refused = {
        let mut talk = Talk::new(4000);
        talk.syn();
        talk.rst(Server);
        talk
    };
    let no_answer = {
        let mut talk = Talk::new(4000);
        talk.syn();
        talk.wait(1000);
        talk.syn_again();
        talk.wait(2500);
        talk.syn_again();
        talk
    };
    let no_answer_so_far = {
        let mut talk = Talk::new(4000);
        talk.syn();
        talk.wait(1000);
        talk.syn_again();
        talk
    };
    let just_asked = {
        let mut talk = Talk::new(4000);
        talk.syn();
        talk
    };
    let reset = {
        let mut talk = Talk::open(4000);
        talk.send(Client, b"\0\0hello");
        talk.rst(Server);
        talk
    };
    let quiet = {
        let mut talk = Talk::open(4000);
        talk.close();
        talk
    };
    let open = {
        let mut talk = Talk::open(4000);
        talk.send(Server, b"\0banner");
        talk
    };
    let cases = [
        (refused, "tcp - complete 0/- Refused"),
        (no_answer, "tcp - no-response 0/- NoAnswer"),
        (no_answer_so_far, "tcp - no-response 0/- NoAnswer"),
        (just_asked, "tcp - truncated 0/- Open"),
        (reset, "tcp - complete 7/- Reset"),
        (quiet, "tcp - complete 0/- Closed"),
        (open, "tcp - complete 0/7 Open"),
    ];
    for (talk, expected) in cases {
        assert_eq!(lines(&talk.packets), [expected]);
    }
}

/// A router's word that a packet did not arrive, a millisecond later.
fn unreachable(packet: &Packet, code: u8) -> Packet {
    let mut bytes = Vec::new();
    let kind = etherparse::Icmpv4Type::Unknown { type_u8: 3, code_u8: code, bytes5to8: [0; 4] };
    let ip = etherparse::PacketBuilder::ipv4([10, 0, 0, 254], [10, 0, 0, 1], 64);
    ip.icmpv4(kind).write(&mut bytes, &packet.bytes[..28]).expect("a vector takes all");
    Packet { at: packet.at.plus(std::time::Duration::from_millis(1)), wire_len: bytes.len(), bytes }
}

#[test]
fn a_connect_that_does_not_arrive_has_failed_with_the_reason() {
    for (code, words) in [
        (1, Some("the connection was refused: host unreachable (ICMP)")),
        (3, Some("the connection was refused: port unreachable (ICMP)")),
        (13, Some("the connection was refused: prohibited by a filter (ICMP)")),
        // The packet is too large: its sender mends that.
        (4, None),
    ] {
        let mut talk = Talk::new(4000);
        talk.syn();
        let mut packets = talk.packets.clone();
        packets.push(unreachable(&packets[0], code));
        let [call] = &exchanges(&packets)[..] else { panic!("one call") };
        let ending = if words.is_some() { Ending::Refused } else { Ending::Open };
        assert_eq!((call.failure.as_deref(), call.ending), (words, ending), "{code}");
    }
    // What is said of a segment of an open connection, or of another connect, changes nothing.
    let mut talk = Talk::open(4000);
    talk.send(Client, b"\0hello");
    let mut packets = talk.packets.clone();
    packets.push(unreachable(&packets[3], 1));
    packets.push(unreachable(&packets[0], 1));
    assert_eq!(lines(&packets), ["tcp - complete 6/- Open"]);
}

#[test]
fn a_late_answer_to_a_connect_is_followed() {
    let mut talk = Talk::new(4000);
    talk.syn();
    talk.wait(4000);
    talk.syn_ack();
    talk.ack(Client);
    talk.send(Client, b"\0hello");
    talk.close();
    assert_eq!(lines(&talk.packets), ["tcp - no-response 0/- NoAnswer", "tcp - complete 6/- Closed"]);
}

#[test]
fn the_same_ends_may_meet_again() {
    let mut talk = Talk::open(4000);
    talk.send(Client, b"\0one");
    talk.close();
    let mut again = Talk::starting_at(4000, 77_000, 99_000);
    again.wait(1000);
    again.handshake();
    again.send(Client, b"\0three");
    again.close();
    talk.packets.extend(again.packets);
    assert_eq!(lines(&talk.packets), ["tcp - complete 4/- Closed", "tcp - complete 6/- Closed"]);
}

#[test]
fn a_connection_that_was_replaced_without_a_close_is_ended() {
    let mut talk = Talk::open(4000);
    talk.send(Client, b"\0one");
    let mut again = Talk::starting_at(4000, 77_000_000, 99_000);
    again.wait(1000);
    again.handshake();
    again.send(Client, b"\0three");
    talk.packets.extend(again.packets);
    assert_eq!(lines(&talk.packets), ["tcp - complete 4/- Idle", "tcp - complete 6/- Open"]);
}

#[test]
fn stragglers_of_an_ended_connection_are_no_new_one() {
    let mut talk = Talk::open(4000);
    talk.send(Client, b"\0one");
    talk.close();
    let copies = talk.packets.clone();
    talk.packets.extend(copies);
    assert_eq!(lines(&talk.packets), ["tcp - complete 4/- Closed"]);
}

#[test]
fn a_long_connection_is_reported_as_it_goes_on() {
    let mut talk = Talk::open(4000);
    for _ in 0..5 {
        talk.send(Client, b"\0ask");
        talk.send(Server, b"\0answer");
        talk.wait(600);
        talk.ack(Client);
    }
    talk.close();
    let reports = reports(&talk.packets);
    let bytes: Vec<_> = reports.iter().map(|e| e.request.bytes).collect();
    assert!(bytes.is_sorted() && bytes.len() >= 5, "{bytes:?}");
    let whole = last(reports).remove(0);
    assert_eq!((whole.request.bytes, whole.response.unwrap().bytes), (20, 35));
}

#[test]
fn an_idle_flow_is_forgotten_and_says_so() {
    let mut talk = Talk::open(4000);
    talk.send(Client, b"\0ask");
    let mut wire = Wire::new(Limits::new(100));
    let mut out = Vec::new();
    for packet in &talk.packets {
        wire.packet(packet.at, Link::RawIp, &packet.bytes, packet.wire_len, &mut out);
    }
    let later = |seconds: i64| Timestamp(talk.packets[0].at.0 + seconds * 1_000_000_000);
    wire.tick(later(3000), &mut out);
    assert_eq!((wire.counts().flows, out.iter().any(|e| e.done)), (1, false));
    wire.tick(later(4000), &mut out);
    assert_eq!(
        (wire.counts().flows, out.last().map(|e| (e.done, e.ending))),
        (0, Some((true, Ending::Idle)))
    );
}

#[test]
fn flows_and_memory_stay_within_their_bounds() {
    let limits = Limits { max_flows: 50, total_buffer: 100_000, ..Limits::new(10_000) };
    let mut wire = Wire::new(limits);
    let mut out = Vec::new();
    for port in 0..500 {
        let mut talk = Talk::open(10_000 + port);
        talk.send(Client, b"POST / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n");
        talk.send(Client, &vec![b'x'; 20_000]);
        for packet in talk.packets {
            wire.packet(packet.at, Link::RawIp, &packet.bytes, packet.wire_len, &mut out);
        }
        assert!(wire.held() <= 100_000 && wire.counts().flows <= 50, "{} {:?}", wire.held(), wire.counts());
    }
    wire.finish(&mut out);
    let calls = last(out);
    assert_eq!((calls.len(), wire.held()), (500, 0));
    assert!(calls.iter().all(|c| c.request.body.len() == 10_000));
    // Those that had to go are not said to have got no answer.
    let let_go = calls.iter().filter(|c| c.quality == Quality::Truncated).count();
    assert_eq!((let_go as u64, let_go > 480), (wire.counts().given_up, true), "{let_go}");
    assert_eq!(calls.iter().filter(|c| c.quality == Quality::NoResponse).count(), 500 - let_go);
}

#[test]
fn connections_that_ended_make_room_for_those_that_go_on() {
    let mut wire = Wire::new(Limits { max_flows: 50, ..Limits::new(100) });
    let mut out = Vec::new();
    let mut play = |talk: &mut Talk| {
        for packet in talk.packets.drain(..) {
            wire.packet(packet.at, Link::RawIp, &packet.bytes, packet.wire_len, &mut out);
        }
    };
    let mut pooled = Talk::open(4000);
    pooled.send(Client, b"GET /slow HTTP/1.1\r\n\r\n");
    play(&mut pooled);
    for port in 0..500 {
        let mut talk = Talk::open(10_000 + port);
        talk.send(Client, b"GET / HTTP/1.1\r\n\r\n");
        talk.send(Server, b"HTTP/1.1 204 No Content\r\n\r\n");
        talk.close();
        play(&mut talk);
    }
    pooled.send(Server, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    play(&mut pooled);
    assert_eq!(wire.counts().given_up, 0);
    let calls = last(out);
    assert_eq!((calls.len(), calls.iter().all(|call| call.quality == Quality::Complete)), (501, true));
}

#[test]
fn who_holds_most_is_let_go_first() {
    let mut wire = Wire::new(Limits { total_buffer: 80_000, ..Limits::new(100_000) });
    let mut out = Vec::new();
    let mut talks: Vec<Talk> = (0..10).map(|n| Talk::open(4000 + n)).collect();
    for (n, talk) in talks.iter_mut().enumerate() {
        let size = if n == 7 { 50_000 } else { 4_000 };
        talk.send(Client, b"POST / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n");
        talk.send(Client, &vec![b'x'; size]);
        for packet in talk.packets.drain(..) {
            wire.packet(packet.at, Link::RawIp, &packet.bytes, packet.wire_len, &mut out);
        }
    }
    let let_go: Vec<_> = out.iter().filter(|call| call.done).map(|call| call.client.port()).collect();
    assert_eq!((let_go, wire.counts().given_up), (vec![4007], 1));
}

#[test]
fn a_flood_of_segments_that_never_fit_is_bounded() {
    let mut talk = Talk::open(4000);
    for n in 0..3000_usize {
        talk.send(Client, &[b'x'; 1400]);
        // Every other one is missing, and nobody confirms any.
        if n % 2 == 0 {
            talk.packets.pop();
        }
    }
    let limits = Limits { flow_buffer: 50_000, ..Limits::new(100) };
    let mut wire = Wire::new(limits);
    let mut out = Vec::new();
    for packet in &talk.packets {
        wire.packet(packet.at, Link::RawIp, &packet.bytes, packet.wire_len, &mut out);
        assert!(wire.held() < 200_000, "{}", wire.held());
    }
    wire.finish(&mut out);
    assert_eq!(wire.counts().lost_gaps, 1500 * 1400);
    assert_eq!(exchanges(&talk.packets)[0].request.bytes, 3000 * 1400);
}

/// Packets of five calls, each on a connection of its own.
fn five_calls() -> Vec<Packet> {
    let mut packets = Vec::new();
    for port in 0..5 {
        let mut talk = Talk::open(4000 + port);
        talk.send(Client, b"GET / HTTP/1.1\r\n\r\n");
        talk.send(Server, b"HTTP/1.1 204 No Content\r\n\r\n");
        talk.close();
        let later = i64::from(port) * 20_000_000;
        packets.extend(
            talk.packets.into_iter().map(|packet| Packet { at: Timestamp(packet.at.0 + later), ..packet }),
        );
    }
    packets
}

#[test]
fn a_clock_that_is_set_anew_makes_no_failures() {
    const SECOND: i64 = 1_000_000_000;
    let expected = lines(&five_calls());
    for by in [-SECOND / 2, -5 * SECOND, -3600 * SECOND] {
        for place in 1..40 {
            let mut packets = five_calls();
            for packet in &mut packets[place..] {
                packet.at.0 += 86_400 * SECOND + by;
            }
            for packet in &mut packets[..place] {
                packet.at.0 += 86_400 * SECOND;
            }
            assert_eq!(lines(&packets), expected, "{by} at {place}");
        }
    }
    for place in 0..40 {
        let mut packets = five_calls();
        packets[place].at.0 += 86_400 * SECOND;
        assert_eq!(lines(&packets), expected, "one packet, {place}");
    }
}
