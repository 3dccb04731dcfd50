//! NATS over whole connections: what is published, delivered, asked and answered.

use model::exchange::{Exchange, Protocol, Quality, TopicRole};
use wire::{Limits, Link, Wire};

use crate::packets::{By, Client, Packet, Server, Talk, exchanges, last, line, read_pcap, reports_within};

const INFO: &str =
    "INFO {\"server_id\":\"NAX\",\"server_name\":\"hub\",\"version\":\"2.9.10\",\"headers\":true}\r\n";

/// A connection whose client has introduced itself; its first call is that.
fn connected(verbose: bool) -> Talk {
    let mut talk = Talk::open(4000);
    talk.send(Server, INFO.as_bytes());
    let connect = format!(
        "CONNECT {{\"verbose\":{verbose},\"name\":\"orders\",\"user\":\"app\",\"pass\":\"s3cret\"}}\r\nPING\r\n"
    );
    talk.send(Client, connect.as_bytes());
    talk.send(Server, if verbose { b"+OK\r\nPONG\r\n" } else { b"PONG\r\n" });
    talk
}

fn talk(verbose: bool, parts: &[(By, &str)]) -> Talk {
    let mut talk = connected(verbose);
    for (by, bytes) in parts {
        talk.send(*by, bytes.as_bytes());
    }
    talk.close();
    talk
}

fn publish(subject: &str, reply: &str, body: &str) -> String {
    let reply = if reply.is_empty() { String::new() } else { format!("{reply} ") };
    format!("PUB {subject} {reply}{}\r\n{body}\r\n", body.len())
}

fn deliver(subject: &str, sid: u32, reply: &str, body: &str) -> String {
    let reply = if reply.is_empty() { String::new() } else { format!("{reply} ") };
    format!("MSG {subject} {sid} {reply}{}\r\n{body}\r\n", body.len())
}

/// `method target: status quality: request -> response`, and what else there is to say.
fn told(exchange: &Exchange) -> String {
    assert_eq!(exchange.protocol, Protocol::Nats, "{exchange:?}");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let status = exchange.status.as_deref().unwrap_or("-");
    let answer = exchange.response.as_ref().map_or("-".to_owned(), |response| text(&response.body));
    let failed = exchange.failure.as_ref().map_or(String::new(), |words| format!(" failed: {words}"));
    let quality = match exchange.quality {
        Quality::Complete => String::new(),
        other => format!(" {}", other.name()),
    };
    let request = text(&exchange.request.body);
    format!("{} {}: {status}{failed}{quality}: {request} -> {answer}", exchange.method, exchange.target)
}

/// All but the introduction.
fn all_told(packets: &[Packet]) -> Vec<String> {
    exchanges(packets).iter().filter(|call| call.method != "CONNECT").map(told).collect()
}

#[test]
fn an_introduction_is_answered_and_its_password_is_not_told() {
    let calls = exchanges(
        &talk(false, &[(Server, "PING\r\n"), (Client, "PONG\r\nPING\r\n"), (Server, "PONG\r\n")]).packets,
    );
    assert_eq!(calls.len(), 1, "signs of life are no calls");
    assert_eq!(
        told(&calls[0]),
        "CONNECT orders: PONG: {\"verbose\":false,\"name\":\"orders\",\"user\":\"app\",\"pass\":\"[redacted]\"} -> PONG"
    );
    let facts = &calls[0].response.as_ref().unwrap().headers;
    assert_eq!(facts, &[("server_name".into(), "hub".into()), ("version".into(), "2.9.10".into())]);
    assert!(!format!("{calls:?}").contains("s3cret"));
    let mut refused = Talk::open(4000);
    refused.send(Server, INFO.as_bytes());
    refused.send(Client, b"CONNECT {\"verbose\":false,\"auth_token\":\"s3cret\"}\r\nPING\r\n");
    refused.send(Server, b"-ERR 'Authorization Violation'\r\n");
    refused.close();
    let call = &exchanges(&refused.packets)[0];
    assert_eq!(
        (call.status.as_deref(), call.failure.as_deref()),
        (Some("-ERR"), Some("Authorization Violation"))
    );
}

#[test]
fn what_is_published_needs_no_answer() {
    let headers = "NATS/1.0\r\nTrace: abc\r\n\r\n";
    let with_headers = format!("HPUB events.b {} {}\r\n{headers}hello\r\n", headers.len(), headers.len() + 5);
    let calls = exchanges(
        &talk(false, &[(Client, &publish("events.a", "", "{\"n\":1}")), (Client, &with_headers)]).packets,
    );
    assert_eq!(told(&calls[1]), "PUB events.a: -: {\"n\":1} -> -");
    assert_eq!(told(&calls[2]), "PUB events.b: -: hello -> -");
    assert_eq!(calls[1].request.media.as_deref(), Some("application/json"));
    assert_eq!(calls[2].request.headers, [("Trace".to_owned(), "abc".to_owned())]);
    assert_eq!(calls[2].request.bytes, with_headers.len() as u64);
    for call in &calls[1..] {
        let topic = call.topic.as_ref().unwrap();
        assert_eq!((topic.role, &topic.name, &topic.key), (TopicRole::Sends, &call.target, &None));
        assert!(call.done && call.request.complete && !call.waits);
    }
}

#[test]
fn a_client_that_asks_for_it_has_everything_confirmed() {
    let commands =
        ["SUB events.> 1\r\n", &publish("a", "", "x"), "UNSUB 1\r\n", &publish("b", "", "y")].concat();
    let told = all_told(
        &talk(true, &[(Client, &commands), (Server, "+OK\r\n+OK\r\n+OK\r\n-ERR 'Invalid Subject'\r\n")])
            .packets,
    );
    assert_eq!(
        told,
        [
            "SUB events.>: OK: SUB events.> 1 -> +OK",
            "PUB a: OK: x -> +OK",
            "PUB b: -ERR failed: Invalid Subject: y -> -ERR 'Invalid Subject'",
        ]
    );
}

#[test]
fn a_request_gets_its_answer_whichever_comes_first() {
    let parts = [
        (
            Client,
            [
                "SUB _INBOX.me.* 1\r\n",
                &publish("slow", "_INBOX.me.1", "one"),
                &publish("fast", "_INBOX.me.2", "two"),
            ]
            .concat(),
        ),
        (Server, deliver("_INBOX.me.2", 1, "", "2!")),
        (Server, deliver("_INBOX.me.1", 1, "", "1!")),
        (Client, publish("nobody", "_INBOX.me.3", "three")),
        (Server, "HMSG _INBOX.me.3 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n".to_owned()),
        (Client, publish("never", "_INBOX.me.4", "four")),
        (Client, publish("elsewhere", "replies.other", "five")),
    ];
    let mut talk = connected(false);
    for (by, bytes) in &parts {
        talk.send(*by, bytes.as_bytes());
    }
    talk.close();
    let calls = exchanges(&talk.packets);
    assert_eq!(
        calls[1..].iter().map(told).collect::<Vec<_>>(),
        [
            "REQ slow: -: one -> 1!",
            "REQ fast: -: two -> 2!",
            "REQ nobody: 503 failed: no responders: three -> ",
            "REQ never: - no-response: four -> -",
            "PUB elsewhere: -: five -> -",
        ]
    );
    let topic = calls[1].topic.as_ref().unwrap();
    assert_eq!((topic.role, topic.key.as_deref()), (TopicRole::Sends, Some("_INBOX.me.1")));
    let took = |call: &Exchange| call.response.as_ref().unwrap().last.since(call.request.first).as_millis();
    assert_eq!((took(&calls[1]), took(&calls[2])), (2, 1));
    assert_eq!(calls[5].topic.as_ref().unwrap().key.as_deref(), Some("replies.other"));
}

#[test]
fn a_delivered_message_is_a_call_that_its_receiver_may_answer() {
    let calls = exchanges(
        &talk(
            false,
            &[
                (Client, "SUB orders.* workers 7\r\n"),
                (Server, &deliver("orders.new", 7, "", "event")),
                (Server, &deliver("orders.get", 7, "_INBOX.you.1", "ask")),
                (Server, &deliver("orders.get", 7, "_INBOX.you.2", "ask again")),
                (Client, &publish("_INBOX.you.2", "", "answer 2")),
                (Client, &publish("_INBOX.you.1", "", "answer 1")),
            ],
        )
        .packets,
    );
    assert_eq!(
        calls[1..].iter().map(told).collect::<Vec<_>>(),
        [
            "SUB orders.*: -: SUB orders.* workers 7 -> -",
            "MSG orders.new: -: event -> -",
            "MSG orders.get: -: ask -> answer 1",
            "MSG orders.get: -: ask again -> answer 2",
        ]
    );
    assert_eq!(calls[1].request.headers, [("queue".to_owned(), "workers".to_owned())]);
    let topic = calls[3].topic.as_ref().unwrap();
    assert_eq!((topic.role, topic.key.as_deref()), (TopicRole::Receives, Some("_INBOX.you.1")));
    assert!(calls[2..].iter().all(|call| call.waits));
}

#[test]
fn messages_of_a_stream_are_pulled_and_acknowledged() {
    let pull = "$JS.API.CONSUMER.MSG.NEXT.S.dur";
    let ack = |n: u32| format!("$JS.ACK.S.dur.1.{n}.{n}.1.0");
    let calls = exchanges(
        &talk(
            false,
            &[
                (Client, &["SUB _INBOX.pull 1\r\n", &publish(pull, "_INBOX.pull", "2")].concat()),
                (Server, "HMSG _INBOX.pull 1 28 28\r\nNATS/1.0 100 Idle Heartbeat\r\n\r\n".get(..26).unwrap()),
                (Server, "NATS/1.0 100 Heartbeat  \r\n\r\n\r\n"),
                (Server, &[deliver("st.a", 1, &ack(1), "one"), deliver("st.a", 1, &ack(2), "two")].concat()),
                (Client, &[publish(&ack(1), "", "+WPI"), publish(&ack(1), "", "+ACK"), publish(&ack(2), "", "-NAK")].concat()),
                (Client, &publish(pull, "_INBOX.pull", "1")),
                (Server, "HMSG _INBOX.pull 1 28 28\r\nNATS/1.0 404 No Messages\r\n\r\n\r\n"),
                (Client, &publish("st.a", "_INBOX.pub", "three")),
                (Server, &deliver("_INBOX.pub", 2, "", "{\"error\":{\"code\":503,\"err_code\":10077,\"description\":\"maximum messages exceeded\"}}")),
            ],
        )
        .packets,
    );
    assert_eq!(
        calls[1..].iter().map(told).collect::<Vec<_>>(),
        [
            "REQ $JS.API.CONSUMER.MSG.NEXT.S.dur: -: 2 -> -",
            "MSG st.a: +ACK: one -> +ACK",
            "MSG st.a: -NAK failed: -NAK: two -> -NAK",
            "REQ $JS.API.CONSUMER.MSG.NEXT.S.dur: 404: 1 -> ",
            "REQ st.a: 503 failed: maximum messages exceeded: three -> {\"error\":{\"code\":503,\"err_code\":10077,\"description\":\"maximum messages exceeded\"}}",
        ]
    );
    assert!(calls[1].waits && calls[1].topic.is_none());
    assert_eq!(calls[2].topic.as_ref().unwrap().key, None);
}

#[test]
fn what_a_server_complains_of_is_told() {
    let told = all_told(
        &talk(
            false,
            &[
                (Client, &publish("secret.x", "", "no")),
                (Server, "-ERR 'Permissions Violation for Publish to \"secret.x\"'\r\n"),
                (Client, &publish("secret.y", "_INBOX.1", "no")),
                (Server, "-ERR 'Permissions Violation for Publish to \"secret.y\"'\r\n"),
                (Server, "-ERR 'Slow Consumer'\r\n"),
            ],
        )
        .packets,
    );
    assert_eq!(
        told,
        [
            "PUB secret.x: -: no -> -",
            "-ERR secret.x: -ERR failed: Permissions Violation for Publish to \"secret.x\":  -> -ERR 'Permissions Violation for Publish to \"secret.x\"'",
            "REQ secret.y: -ERR failed: Permissions Violation for Publish to \"secret.y\": no -> -ERR 'Permissions Violation for Publish to \"secret.y\"'",
            "-ERR : -ERR failed: Slow Consumer:  -> -ERR 'Slow Consumer'",
        ]
    );
}

#[test]
fn a_large_message_has_its_true_size_and_a_short_body() {
    let mut talk = connected(false);
    let body = "z".repeat(1_000_000);
    talk.send_cut(Client, publish("big", "", &body).as_bytes(), 1400);
    talk.close();
    let call = &exchanges(&talk.packets)[1];
    assert_eq!(call.request.bytes, 19 + 1_000_000);
    assert!(call.request.cut && call.request.complete && call.request.body.len() == 64 * 1024);
}

#[test]
fn a_connection_that_is_older_than_the_capture_is_read_from_its_next_line() {
    let mut talk = Talk::new(50000);
    talk.ports.1 = 4222;
    talk.send(Client, publish("a.b", "_INBOX.1", "ask").as_bytes());
    talk.send(Server, deliver("_INBOX.1", 1, "", "answer").as_bytes());
    talk.close();
    assert_eq!(all_told(&talk.packets), ["REQ a.b: -: ask -> answer"]);
}

#[test]
fn a_loss_hurts_only_the_messages_it_hits() {
    let mut talk = connected(false);
    let first = talk.packets.len();
    for n in 0..3 {
        talk.send(Client, publish("ask", &format!("_INBOX.{n}"), &n.to_string()).as_bytes());
        talk.send(Server, deliver(&format!("_INBOX.{n}"), 1, "", &n.to_string()).as_bytes());
        talk.ack(Client);
    }
    talk.close();
    let told = |lost: usize| {
        let kept: Vec<_> = talk
            .packets
            .iter()
            .enumerate()
            .filter(|(i, _)| *i != first + lost)
            .map(|(_, p)| p.clone())
            .collect();
        all_told(&kept)
    };
    let whole = |n: u32| format!("REQ ask: -: {n} -> {n}");
    assert_eq!(told(99), [whole(0), whole(1), whole(2)]);
    // The answer to the second is lost; then its question, whose answer is then a message like any other.
    assert_eq!(told(4), [whole(0), "REQ ask: - gap: 1 -> -".to_owned(), whole(2)]);
    assert_eq!(told(3), [whole(0), "MSG _INBOX.1: -: 1 -> -".to_owned(), whole(2)]);
}

/// A session of nats-py 2.16 with nats-server 2.9.10: see `tests/data/README.md`.
#[test]
fn a_real_session() {
    let (_, packets) = read_pcap(include_bytes!("../data/nats-live.pcap"));
    let mut wire = Wire::new(Limits::new(1000));
    let mut out = Vec::new();
    for packet in &packets {
        wire.packet(packet.at, Link::Ethernet, &packet.bytes, packet.wire_len, &mut out);
    }
    wire.finish(&mut out);
    let calls = last(out);
    assert!(!format!("{calls:?}").contains("s3cret"));
    let lines: Vec<_> = calls.iter().map(line).collect();
    let of = |conn: u64| {
        calls.iter().zip(&lines).filter(move |(call, _)| call.conn == conn).map(|(_, line)| line.as_str())
    };
    assert_eq!(
        of(0).collect::<Vec<_>>(),
        [
            "CONNECT gateway PONG complete 208/6 Open",
            "REQ orders.place - complete 88/81 Open",
            "REQ orders.place - complete 126/115 Open",
            "PUB events.created - complete 36/- Open",
            "PUB events.bin - complete 24/- Open",
            "PUB events.h - complete 44/- Open",
            "PUB nobody.listens - complete 25/- Open",
            "REQ no.such 503 complete 75/89 Open",
            "REQ orders.place - complete 80/81 Open",
            "PUB secret.x - complete 23/- Open",
            "-ERR secret.x -ERR complete 0/56 Open",
            "REQ $JS.API.STREAM.CREATE.S - complete 369/707 Open",
            "REQ st.a - complete 74/93 Open",
            "REQ st.a - complete 74/93 Open",
            "REQ $JS.API.STREAM.NAMES - complete 107/177 Open",
            "REQ $JS.API.CONSUMER.INFO.S.dur 404 complete 94/201 Open",
            "REQ $JS.API.CONSUMER.CREATE.S.dur.st.* - complete 339/608 Open",
            "REQ $JS.API.CONSUMER.MSG.NEXT.S.dur - complete 123/- Open",
            "MSG st.a - complete 61/52 Open",
            "MSG st.a -NAK complete 61/56 Open",
            "REQ $JS.API.CONSUMER.MSG.NEXT.S.dur - complete 123/- Open",
            "MSG st.a - complete 61/- Closed",
            "REQ $JS.API.STREAM.INFO.nosuch 404 complete 93/228 Open",
        ]
    );
    assert_eq!(
        of(1).collect::<Vec<_>>(),
        [
            "CONNECT orders PONG complete 207/6 Open",
            "SUB orders.place - complete 28/- Open",
            "SUB events.> - complete 17/- Open",
            "MSG orders.place - complete 90/80 Open",
            "MSG orders.place - complete 128/114 Open",
            "MSG events.created - complete 37/- Open",
            "MSG events.bin - complete 25/- Open",
            "MSG events.h - complete 45/- Open",
            "MSG orders.place - complete 82/80 Open",
        ]
    );
    assert_eq!(of(2).collect::<Vec<_>>(), ["CONNECT  -ERR complete 188/32 Open"]);
    assert_eq!(
        of(3).collect::<Vec<_>>(),
        [
            "CONNECT chatty OK complete 206/5 Open",
            "PUB events.v OK complete 20/5 Open",
            "SUB x.y OK complete 12/5 Open"
        ]
    );
    // Who asks and who answers are joined by the subject and where the answer goes.
    let key = |conn: u64, method: &str| {
        let call = calls.iter().find(|call| call.conn == conn && call.method == method);
        call.and_then(|call| call.topic.as_ref()?.key.clone())
    };
    assert!(key(0, "REQ").is_some() && key(0, "REQ") == key(1, "MSG"));
}

#[test]
fn answers_to_what_was_let_go_are_no_calls_of_their_own() {
    let mut client = connected(false);
    let mut service = connected(false);
    for n in 0..200 {
        let reply = format!("_INBOX.a.{n}");
        client.send(Client, publish("orders.place", &reply, "ask").as_bytes());
        service.send(Server, deliver("orders.place", 1, &reply, "ask").as_bytes());
    }
    for n in 0..200 {
        let reply = format!("_INBOX.a.{n}");
        client.send(Server, deliver(&reply, 1, "", "told").as_bytes());
        service.send(Client, publish(&reply, "", "told").as_bytes());
    }
    for mut talk in [client, service] {
        talk.close();
        let limits = Limits { pending_per_flow: 8, ..Limits::new(100) };
        let calls = last(reports_within(&talk.packets, limits));
        assert_eq!(calls.len(), 201);
        let (let_go, answered) = calls[1..].split_at(192);
        assert!(let_go.iter().all(|call| call.quality == Quality::Truncated && call.failure.is_none()));
        assert!(answered.iter().all(|call| call.response.is_some() && call.quality == Quality::Complete));
    }
}

#[test]
fn confirmations_stay_in_order_however_many_wait() {
    let mut talk = connected(true);
    (0..30).for_each(|n| talk.send(Client, publish(&format!("s.{n}"), "", "x").as_bytes()));
    talk.send(Server, "+OK\r\n".repeat(10).as_bytes());
    talk.send(Client, publish("denied", "", "x").as_bytes());
    talk.send(Server, ("+OK\r\n".repeat(20) + "-ERR 'no'\r\n").as_bytes());
    talk.close();
    let calls = last(reports_within(&talk.packets, Limits { pending_per_flow: 4, ..Limits::new(100) }));
    let failed: Vec<_> = calls.iter().filter(|c| c.failure.is_some()).map(|c| c.target.as_str()).collect();
    assert_eq!(failed, ["denied"]);
}
