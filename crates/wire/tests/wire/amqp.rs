//! AMQP 0-9-1 over whole connections.

use std::collections::BTreeSet;

use model::exchange::{Exchange, Protocol, Quality, TopicRole};
use proptest::prelude::*;
use wire::Limits;

use crate::packets::{By, Client, Packet, Server, Talk, exchanges, last, line, lines, reports_within};
use crate::properties::{mixed, timeless};

fn frame(kind: u8, channel: u16, payload: &[u8]) -> Vec<u8> {
    let size = payload.len() as u32;
    [&[kind], &channel.to_be_bytes()[..], &size.to_be_bytes(), payload, b"\xce"].concat()
}

fn method(channel: u16, class: u16, id: u16, args: &[&[u8]]) -> Vec<u8> {
    frame(1, channel, &[&class.to_be_bytes()[..], &id.to_be_bytes(), &args.concat()].concat())
}

fn name(text: &str) -> Vec<u8> {
    [&[text.len() as u8], text.as_bytes()].concat()
}

fn long(text: &[u8]) -> Vec<u8> {
    [&(text.len() as u32).to_be_bytes()[..], text].concat()
}

/// A content of type `text/plain` in body frames of at most `size` bytes.
fn content(channel: u16, body: &[u8], size: usize) -> Vec<u8> {
    let length = (body.len() as u64).to_be_bytes();
    let header = [b"\0\x3c\0\0", &length[..], b"\x80\0", &name("text/plain")].concat();
    let mut frames = frame(2, channel, &header);
    body.chunks(size).for_each(|part| frames.extend(frame(3, channel, part)));
    frames
}

fn publish(channel: u16, exchange: &str, key: &str, flags: u8, body: &[u8]) -> Vec<u8> {
    let method = method(channel, 60, 40, &[b"\0\0", &name(exchange), &name(key), &[flags]]);
    [method, content(channel, body, 1000)].concat()
}

fn deliver(channel: u16, tag: u64, key: &str, body: &[u8]) -> Vec<u8> {
    let args: [&[u8]; 5] = [&name("c"), &tag.to_be_bytes(), b"\0", &name("x"), &name(key)];
    [method(channel, 60, 60, &args), content(channel, body, 1000)].concat()
}

fn ack(channel: u16, tag: u64, multiple: bool) -> Vec<u8> {
    method(channel, 60, 80, &[&tag.to_be_bytes(), &[u8::from(multiple)]])
}

fn consume(channel: u16, queue: &str, flags: u8) -> Vec<u8> {
    method(channel, 60, 20, &[b"\0\0", &name(queue), &name("c"), &[flags], b"\0\0\0\0"])
}

fn consume_ok(channel: u16) -> Vec<u8> {
    method(channel, 60, 21, &[&name("c")])
}

fn declare(channel: u16, queue: &str) -> Vec<u8> {
    method(channel, 50, 10, &[b"\0\0", &name(queue), b"\x02\0\0\0\0"])
}

fn declare_ok(channel: u16, queue: &str) -> Vec<u8> {
    method(channel, 50, 11, &[&name(queue), b"\0\0\0\x05\0\0\0\x01"])
}

fn close(channel: u16, code: u16, words: &str, about: (u16, u16)) -> Vec<u8> {
    let class = if channel == 0 { 10 } else { 20 };
    let id = if channel == 0 { 50 } else { 40 };
    let args: [&[u8]; 4] =
        [&code.to_be_bytes(), &name(words), &about.0.to_be_bytes(), &about.1.to_be_bytes()];
    method(channel, class, id, &args)
}

fn open(channel: u16) -> Vec<u8> {
    method(channel, 20, 10, &[b"\0"])
}

fn open_ok(channel: u16) -> Vec<u8> {
    method(channel, 20, 11, &[b"\0\0\0\0"])
}

fn confirm_select(channel: u16) -> Vec<u8> {
    method(channel, 85, 10, &[b"\0"])
}

fn handshake(talk: &mut Talk) {
    talk.send(Client, b"AMQP\0\0\x09\x01");
    let about = [&b"\x07productS"[..], &long(b"test")].concat();
    talk.send(Server, &method(0, 10, 10, &[b"\0\x09", &long(&about), &long(b"PLAIN"), &long(b"en_US")]));
    let proof = long(b"\0joe\0topsecret");
    talk.send(Client, &method(0, 10, 11, &[&long(&about), &name("PLAIN"), &proof, &name("en_US")]));
    talk.send(Server, &method(0, 10, 30, &[b"\x07\xff\0\x02\0\0\0\x3c"]));
    let tuned = method(0, 10, 31, &[b"\x07\xff\0\x02\0\0\0\x3c"]);
    talk.send(Client, &[tuned, method(0, 10, 40, &[&name("shop"), b"\0\0"])].concat());
}

fn talk(parts: &[(By, Vec<u8>)]) -> Talk {
    let mut talk = Talk::open(4000);
    handshake(&mut talk);
    talk.send(Server, &method(0, 10, 41, &[b"\0"]));
    for (by, bytes) in parts {
        talk.send(*by, bytes);
    }
    talk.close();
    talk
}

/// All lines but the handshake's.
fn told(parts: &[(By, Vec<u8>)]) -> Vec<String> {
    let mut lines = lines(&talk(parts).packets);
    assert_eq!(lines.remove(0), "CONNECT shop OK complete 110/86 Open");
    lines
}

#[test]
fn a_handshake_is_one_call_without_secrets() {
    let calls = exchanges(&talk(&[]).packets);
    let text = format!("{calls:?}");
    assert!(!text.contains("topsecret") && text.contains("joe"), "{text}");
    assert_eq!(calls[0].request.headers.last().unwrap(), &("user".to_owned(), "joe".to_owned()));
    let mut refused = Talk::open(4000);
    handshake(&mut refused);
    refused.send(Server, &close(0, 530, "NOT_ALLOWED - vhost", (10, 40)));
    refused.close();
    let calls = exchanges(&refused.packets);
    assert_eq!(calls.iter().map(line).collect::<Vec<_>>(), ["CONNECT shop 530 complete 110/111 Open"]);
    assert_eq!(calls[0].failure.as_deref(), Some("NOT_ALLOWED - vhost"));
    let mut dropped = Talk::open(4000);
    handshake(&mut dropped);
    dropped.close();
    let calls = exchanges(&dropped.packets);
    assert_eq!(calls.iter().map(line).collect::<Vec<_>>(), ["CONNECT shop - complete 110/73 Closed"]);
    assert!(calls[0].failure.is_some());
    let mut older = Talk::open(4000);
    older.send(Client, b"AMQP\0\0\x09\x01");
    older.send(Server, b"AMQP\x01\x01\x08\0");
    older.close();
    assert_eq!(lines(&older.packets), ["CONNECT  - complete 8/8 Open"]);
}

#[test]
fn methods_are_answered_in_order_on_their_channel() {
    let calls = told(&[
        (Client, [open(1), open(2)].concat()),
        (Server, [open_ok(2), open_ok(1)].concat()),
        (Client, [declare(1, "a"), declare(2, "")].concat()),
        (Server, [declare_ok(2, "amq.gen-1"), declare_ok(1, "a")].concat()),
        (Client, method(2, 50, 20, &[b"\0\0", &name(""), &name("x"), &name("k"), b"\x01\0\0\0\0"])),
        (Client, frame(8, 0, b"")),
        (Server, frame(8, 0, b"")),
        (Client, method(1, 50, 40, &[b"\0\0", &name("a"), b"\0"])),
        (Server, close(1, 406, "PRECONDITION_FAILED - in use", (50, 40))),
        (Client, method(1, 20, 41, &[])),
    ]);
    assert_eq!(
        calls,
        [
            "Channel.Open  OK complete 13/16 Open",
            "Channel.Open  OK complete 13/16 Open",
            "Queue.Declare a OK complete 21/22 Open",
            "Queue.Declare amq.gen-1 OK complete 20/30 Open",
            // No answer was wanted.
            "Queue.Bind amq.gen-1 - complete 24/- Open",
            "Queue.Delete a 406 complete 17/47 Open",
        ]
    );
}

#[test]
fn messages_are_published_confirmed_returned_and_refused() {
    let select = method(1, 85, 11, &[]);
    let returned = method(1, 60, 50, &[b"\x01\x38", &name("NO_ROUTE"), &name("x"), &name("none")]);
    let calls = told(&[
        (Client, publish(1, "x", "before", 0, b"12345")),
        (Client, confirm_select(1)),
        (Server, select),
        (Client, publish(1, "x", "one", 0, b"1")),
        (Client, publish(1, "x", "none", 1, &[b'2'; 2500])),
        (Client, publish(1, "", "three", 0, b"")),
        (Server, ack(1, 1, false)),
        (Server, [returned, content(1, &[b'2'; 2500], 1000), ack(1, 3, true)].concat()),
        (Client, publish(1, "fan", "", 0, b"4")),
        (Server, method(1, 60, 120, &[&4_u64.to_be_bytes(), b"\0"])),
        (Client, publish(1, "x", "five", 0, b"5")),
    ]);
    assert_eq!(
        calls,
        [
            "Publish x/before - complete 5/- Open",
            "Confirm.Select  OK complete 13/12 Open",
            "Publish x/one ACK complete 1/21 Open",
            "Publish x/none 312 complete 2500/51 Open",
            "Publish three ACK complete 0/21 Open",
            "Publish fan NACK complete 1/21 Open",
            "Publish x/five - no-response 1/- Closed",
        ]
    );
}

#[test]
fn an_unconfirmed_message_waits_a_little_for_its_return() {
    let returned = method(1, 60, 50, &[b"\x01\x38", &name("NO_ROUTE"), &name(""), &name("none")]);
    let mut talk = talk(&[
        (Client, publish(1, "", "q", 1, b"1")),
        (Client, publish(1, "", "none", 1, b"2")),
        (Client, publish(1, "", "none", 1, b"3")),
        (Server, [returned.clone(), content(1, b"2", 1000)].concat()),
    ]);
    let known = exchanges(&talk.packets);
    assert_eq!(
        known[1..].iter().map(line).collect::<Vec<_>>(),
        [
            "Publish q - complete 1/- Open",
            "Publish none 312 complete 1/29 Open",
            "Publish none - complete 1/- Closed"
        ]
    );
    assert_eq!(known[2].failure.as_deref(), Some("NO_ROUTE"));
    // One that comes when its message is over.
    talk = Talk::open(4000);
    handshake(&mut talk);
    talk.send(Client, &publish(1, "", "none", 1, b"1"));
    talk.wait(1500);
    talk.ack(Server);
    talk.send(Server, &[returned, content(1, b"1", 1000)].concat());
    assert_eq!(
        lines(&talk.packets)[1..],
        ["Publish none - complete 1/- Open", "Publish none 312 no-request 0/29 Open"]
    );
}

#[test]
fn a_delivery_lasts_until_it_is_settled() {
    let nack = method(1, 60, 120, &[&3_u64.to_be_bytes(), b"\0"]);
    let reject = method(1, 60, 90, &[&4_u64.to_be_bytes(), b"\x01"]);
    let mut talk = talk(&[
        (Client, consume(1, "jobs", 0)),
        (Server, consume_ok(1)),
        (Server, deliver(1, 1, "k", b"one")),
        (Server, deliver(1, 2, "k", b"two")),
        (Client, ack(1, 2, true)),
        (
            Server,
            [deliver(1, 3, "k", b"three"), deliver(1, 4, "k", b"four"), deliver(1, 5, "k", b"")].concat(),
        ),
        (Client, [nack, reject].concat()),
        (Client, consume(2, "log", 2)),
        (Server, consume_ok(2)),
        (Server, deliver(2, 1, "l", b"line")),
    ]);
    let known = exchanges(&talk.packets);
    let expected = [
        "Basic.Consume jobs OK complete 26/14 Open",
        "Deliver x/k ACK complete 21/3 Open",
        "Deliver x/k ACK complete 21/3 Open",
        "Deliver x/k NACK complete 21/5 Open",
        "Deliver x/k REJECT complete 21/4 Open",
        "Deliver x/k - complete 0/0 Closed",
        "Basic.Consume log OK complete 25/14 Open",
        "Deliver x/l - complete 0/4 Open",
    ];
    assert_eq!(known[1..].iter().map(line).collect::<Vec<_>>(), expected);
    assert!(known[2].waits && known[2].topic.as_ref().unwrap().role == TopicRole::Receives);
    assert_eq!(known[2].request.headers, [("handling-ms".to_owned(), "2.000".to_owned())]);
    assert_eq!(known[2].response.as_ref().unwrap().headers[0], ("queue".to_owned(), "jobs".to_owned()));
    let failures: Vec<_> = known.iter().map(|call| call.failure.is_some()).collect();
    assert_eq!(failures, [false, false, false, false, true, false, false, false, false]);
    // A consumer that is older than the capture is one that settles as soon as one on its channel does.
    talk = Talk::new(4000);
    talk.send(Server, &deliver(1, 7, "k", b"one"));
    talk.send(Client, &ack(1, 7, false));
    talk.send(Server, &deliver(1, 8, "k", b"two"));
    talk.send(Client, &ack(1, 8, false));
    assert_eq!(
        lines(&talk.packets),
        ["Deliver x/k - complete 0/3 Open", "Deliver x/k ACK complete 21/3 Open"]
    );
}

#[test]
fn the_broker_may_end_what_was_begun() {
    let words = "NOT_FOUND - no exchange 'nope' in vhost '/'";
    let known = exchanges(
        &talk(&[
            (
                Client,
                [confirm_select(1), publish(1, "x", "k", 0, b"1"), publish(1, "nope", "k", 0, b"2")].concat(),
            ),
            (Server, close(1, 404, words, (60, 40))),
            (Client, consume(2, "jobs", 2)),
            (Server, consume_ok(2)),
            (Server, method(2, 60, 30, &[&name("c"), b"\x01"])),
            (Server, method(0, 10, 60, &[&name("low on memory")])),
            (Server, method(0, 10, 61, &[])),
            (Client, declare(3, "q")),
            (Server, close(0, 320, "CONNECTION_FORCED - bye", (0, 0))),
            (Client, method(0, 10, 51, &[])),
        ])
        .packets,
    );
    assert_eq!(
        known[1..].iter().map(line).collect::<Vec<_>>(),
        [
            "Confirm.Select  - no-response 13/- Open",
            "Publish x/k - no-response 1/- Open",
            "Publish nope/k 404 complete 1/62 Open",
            "Basic.Consume jobs OK complete 26/14 Open",
            "Basic.Cancel jobs - complete 0/15 Open",
            "Connection.Blocked  - complete 0/26 Open",
            "Queue.Declare q - no-response 21/- Open",
            "Connection.Close  320 complete 0/42 Open",
        ]
    );
    assert_eq!(known[3].failure.as_deref(), Some(words));
}

#[test]
fn a_large_message_is_cut_at_the_limit_and_counted_to_its_end() {
    let body: Vec<u8> = (0..300_000_u32).map(|n| b'a' + (n % 26) as u8).collect();
    let sent = [
        method(1, 60, 40, &[b"\0\0", &name(""), &name("q"), b"\0"]),
        content(1, &body, 131_072 - 8),
        publish(1, "", "q", 0, b"next"),
    ];
    let mut talk = Talk::open(4000);
    handshake(&mut talk);
    talk.send_cut(Client, &sent.concat(), 1400);
    talk.close();
    for limit in [0, 1000, 200_000] {
        let calls = last(reports_within(&talk.packets, Limits::new(limit)));
        let [_, call, next] = &calls[..] else { panic!("{calls:?}") };
        assert_eq!(call.request.body, body[..limit]);
        assert_eq!((call.request.bytes, call.request.cut, call.request.complete), (300_000, true, true));
        assert_eq!((call.quality, next.request.bytes), (Quality::Complete, 4));
    }
}

#[test]
fn a_connection_that_is_older_than_the_capture_is_followed() {
    let mut talk = Talk::new(4000);
    talk.send(Client, &ack(1, 90, false));
    talk.send(Client, &publish(1, "", "q", 0, b"1"));
    talk.send(Server, &declare_ok(2, "late"));
    talk.send(Client, &declare(2, "a"));
    talk.send(Server, &declare_ok(2, "a"));
    talk.close();
    assert_eq!(
        lines(&talk.packets),
        [
            "Publish q - complete 1/- Open",
            "Queue.Declare late OK no-request 0/25 Open",
            "Queue.Declare a OK complete 21/22 Open"
        ]
    );
}

#[test]
fn after_a_loss_confirms_are_not_put_to_the_wrong_message() {
    let mut parts = vec![(Client, confirm_select(1)), (Server, method(1, 85, 11, &[]))];
    for n in 1..=4 {
        parts.push((Client, publish(1, "", &format!("q{n}"), 0, b"x")));
        parts.push((Server, ack(1, n, false)));
    }
    let mut talk = talk(&parts);
    let lost = talk.packets.iter().position(|packet| packet.bytes.windows(2).any(|w| w == b"q2")).unwrap();
    talk.packets.remove(lost);
    assert_eq!(
        lines(&talk.packets)[2..],
        ["Publish q1 ACK complete 1/21 Open", "Publish q3 - gap 1/- Open", "Publish q4 - gap 1/- Open"]
    );
}

#[test]
fn confirms_are_counted_anew_after_a_rest() {
    // The channel is older than the capture.
    let mut talk = Talk::open(4000);
    talk.send(Client, &publish(1, "", "q7", 0, b"x"));
    talk.send(Server, &ack(1, 7, false));
    talk.send(Client, &publish(1, "", "q8", 0, b"x"));
    talk.send(Server, &ack(1, 8, false));
    talk.wait(2500);
    talk.send(Client, &publish(1, "", "q9", 0, b"x"));
    talk.send(Server, &ack(1, 9, false));
    talk.send(Client, &publish(1, "", "q10", 0, b"x"));
    // Something is wrong: a message that was not seen is confirmed.
    talk.send(Server, &ack(1, 12, false));
    talk.send(Client, &publish(1, "", "q13", 0, b"x"));
    talk.close();
    assert_eq!(
        lines(&talk.packets),
        [
            "Publish q7 - complete 1/- Open",
            "Publish q8 - mid-stream 1/- Open",
            "Publish q9 ACK complete 1/21 Open",
            "Publish q10 - gap 1/- Open",
            "Publish q13 - gap 1/- Open"
        ]
    );
}

#[test]
fn a_cut_capture_keeps_names_and_sizes() {
    let mut talk = talk(&[(Client, consume(1, "jobs", 0)), (Server, consume_ok(1))]);
    talk.packets.truncate(talk.packets.len() - 3);
    talk.send(Client, &publish(1, "x", "k", 0, &[b'x'; 800]));
    talk.send(Server, &deliver(1, 1, "k", &[b'y'; 800]));
    talk.send(Client, &ack(1, 1, false));
    for packet in &mut talk.packets {
        packet.bytes.truncate(130);
    }
    assert_eq!(
        lines(&talk.packets)[2..],
        ["Publish x/k - truncated 800/- Open", "Deliver x/k ACK truncated 21/800 Open"]
    );
}

/// One call and who says what of it.
#[derive(Debug, Clone)]
enum Planned {
    Declare,
    Publish(usize),
    Deliver(usize),
    Get(usize),
}

fn planned() -> impl Strategy<Value = (u16, Planned)> {
    let size = prop_oneof![Just(0_usize), 1..200_usize, 200..5000_usize];
    let call = prop_oneof![
        Just(Planned::Declare),
        size.clone().prop_map(Planned::Publish),
        size.clone().prop_map(Planned::Deliver),
        size.prop_map(Planned::Get),
    ];
    (1..4_u16, call)
}

fn said(n: usize, channel: u16, call: &Planned) -> Vec<(By, Vec<u8>)> {
    let key = format!("k{n}");
    let body = |size: usize| -> Vec<u8> { (0..size).map(|i| b'a' + ((i * 7 + n) % 26) as u8).collect() };
    match call {
        Planned::Declare => vec![(Client, declare(channel, &key)), (Server, declare_ok(channel, &key))],
        Planned::Publish(size) => vec![(Client, publish(channel, "x", &key, 0, &body(*size)))],
        Planned::Deliver(size) => vec![
            (Server, deliver(channel, n as u64 + 1, &key, &body(*size))),
            (Client, ack(channel, n as u64 + 1, false)),
        ],
        Planned::Get(size) => {
            let tag = (n as u64 + 1).to_be_bytes();
            let args: [&[u8]; 5] = [&tag, b"\0", &name("x"), &name(&key), b"\0\0\0\0"];
            let got = [method(channel, 60, 71, &args), content(channel, &body(*size), 700)].concat();
            vec![(Client, method(channel, 60, 70, &[b"\0\0", &name(&key), b"\x01"])), (Server, got)]
        }
    }
}

/// One connection, and for each packet the calls whose bytes it carries.
fn connection(plans: &[(u16, Planned)], size: usize, seqs: (u32, u32)) -> (Vec<Packet>, Vec<Option<usize>>) {
    let mut talk = Talk::starting_at(4000, seqs.0, seqs.1);
    talk.handshake();
    handshake(&mut talk);
    talk.send(Server, &method(0, 10, 41, &[b"\0"]));
    for channel in 1..4 {
        talk.send(Client, &consume(channel, "q", 0));
        talk.send(Server, &consume_ok(channel));
    }
    let mut carries = vec![None; talk.packets.len()];
    for (n, (channel, call)) in plans.iter().enumerate() {
        for (by, bytes) in said(n, *channel, call) {
            talk.send_cut(by, &bytes, size);
            carries.resize(talk.packets.len() - 1, Some(n));
            carries.push(None);
        }
    }
    talk.close();
    carries.resize(talk.packets.len(), None);
    (talk.packets, carries)
}

/// All that the exchanges say but their times.
fn all_timeless(packets: &[Packet]) -> Vec<String> {
    let without_time = |mut call: Exchange| {
        call.request.headers.retain(|(name, _)| name != "handling-ms");
        timeless(&call)
    };
    exchanges(packets).into_iter().map(without_time).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn the_same_calls_however_they_are_cut_mixed_and_repeated(
        plans in prop::collection::vec(planned(), 1..8), size in 1..3000_usize, seqs in any::<(u32, u32)>(),
        reach in 0..4_usize, dice in prop::collection::vec(any::<u8>(), 1..40),
    ) {
        let (whole, _) = connection(&plans, 65_000, (1, 1));
        let (cut, _) = connection(&plans, size, seqs);
        prop_assert_eq!(all_timeless(&whole), all_timeless(&cut));
        prop_assert_eq!(all_timeless(&whole).len(), plans.len() + 4);
        let (cut, _) = connection(&plans, size.max(40), seqs);
        prop_assert_eq!(all_timeless(&mixed(&cut, reach, &dice)), all_timeless(&cut));
    }

    #[test]
    fn a_loss_touches_only_the_calls_it_hits(
        plans in prop::collection::vec(planned(), 1..10), size in 40..3000_usize,
        lost in prop::collection::vec(any::<prop::sample::Index>(), 1..4),
    ) {
        let (packets, carries) = connection(&plans, size, (5, u32::MAX - 5000));
        let first = carries.iter().position(Option::is_some).unwrap_or_default();
        let lost: BTreeSet<usize> =
            lost.iter().map(|index| first + index.index(packets.len() - first)).collect();
        let hit: BTreeSet<usize> = lost.iter().filter_map(|i| carries[*i]).collect();
        let kept: Vec<_> =
            packets.iter().enumerate().filter(|(i, _)| !lost.contains(i)).map(|(_, p)| p.clone()).collect();
        let unhurt = exchanges(&packets);
        let seen = exchanges(&kept);
        let shown = || seen.iter().map(line).collect::<Vec<_>>();
        for (n, call) in unhurt[4..].iter().enumerate().filter(|(n, _)| !hit.contains(n)) {
            let same = seen.iter().any(|s| Exchange { serial: call.serial, ..s.clone() } == *call);
            prop_assert!(same, "call {} {} is missing without {:?} {:?} in {:#?}", n, line(call), lost, carries, shown());
        }
        for call in seen.iter().filter(|call| call.protocol == Protocol::Amqp) {
            // Nothing hurt is called whole, and nothing is paired that does not belong together.
            if call.quality == Quality::Complete && call.request.complete {
                let whole = |u: &Exchange| {
                    (&u.method, &u.target, u.request.bytes, &u.response) == (&call.method, &call.target, call.request.bytes, &call.response)
                };
                prop_assert!(unhurt.iter().any(whole), "{} in {:#?}", line(call), shown());
            }
        }
    }

    #[test]
    fn no_bytes_panic_and_every_call_ends(
        segments in prop::collection::vec((any::<bool>(), 0..14_usize, 0..40_usize), 0..60), opening in any::<bool>(),
        noise in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let pieces: [Vec<u8>; 14] = [
            b"AMQP\0\0\x09\x01".to_vec(), declare(1, "q"), declare_ok(1, "q"), publish(1, "x", "k", 1, b"body"),
            deliver(1, 1, "k", b"body"), ack(1, 0, true), close(1, 404, "'x'", (60, 40)), close(0, 1, "", (1, 1)),
            content(1, b"zz", 1), frame(1, 0, b"\0\x0a\0\x0a\0\x09\xff\xff\xff\xff"), noise.clone(),
            frame(3, 1, &noise), confirm_select(1), b"\x02\0\x01\xff\xff\xff\xff\0\x3c\0\0".to_vec(),
        ];
        let mut talk = Talk::new(4000);
        if opening {
            talk.handshake();
            talk.send(Client, &pieces[0]);
        }
        for (client, piece, cut) in segments {
            let bytes = &pieces[piece];
            talk.send(if client { Client } else { Server }, &bytes[..bytes.len() - cut.min(bytes.len())]);
        }
        talk.close();
        for call in exchanges(&talk.packets) {
            prop_assert!(call.done);
        }
    }
}
