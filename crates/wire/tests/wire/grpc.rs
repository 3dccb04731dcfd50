//! gRPC over HTTP/2 and gRPC-Web over HTTP/1: messages and how calls end.

use model::exchange::{Exchange, Message, Protocol, Quality};

use crate::frames::{END_STREAM, Encoder, call, data, headers, message, reset};
use crate::http2::open;
use crate::packets::{self, By, Client, Server, Talk, exchanges, line, reports};

const ANSWER: &[(&str, &str)] = &[(":status", "200"), ("content-type", "application/grpc")];
const FINE: &[(&str, &str)] = &[("grpc-status", "0")];

fn asked(stream: u32) -> Vec<u8> {
    headers(stream, 0, &call("/shop.Orders/Place"))
}

/// The calls of a connection with these parts.
fn talk(parts: &[(By, Vec<u8>)]) -> Vec<Exchange> {
    let mut talk = open();
    for (by, bytes) in parts {
        talk.send(*by, bytes);
    }
    talk.close();
    exchanges(&talk.packets)
}

/// The body, and each message's size.
fn shown(message: &Message) -> (String, Vec<u64>) {
    assert!(message.parts.iter().all(|part| part.kind == "message"));
    let text = String::from_utf8_lossy(&message.body).into_owned();
    (text, message.parts.iter().map(|part| part.bytes).collect())
}

#[test]
fn a_call_ends_with_its_status_and_no_other() {
    let unary = data(1, END_STREAM, &message(b"ask"));
    let answer = [headers(1, 0, ANSWER), data(1, 0, &message(b"answer"))].concat();
    let only = |status, words| {
        let fields = [ANSWER, &[("grpc-status", status), ("grpc-message", words)]].concat();
        headers(1, END_STREAM, &fields)
    };
    type Case = (&'static str, Vec<(By, Vec<u8>)>, &'static str, Option<&'static str>);
    let cases: [Case; 8] = [
        (
            "unary",
            vec![(Client, unary.clone()), (Server, [answer.clone(), headers(1, END_STREAM, FINE)].concat())],
            "OK complete 8/11",
            None,
        ),
        (
            "trailers only",
            vec![(Client, unary.clone()), (Server, only("5", "no%20such order"))],
            "NOT_FOUND complete 8/0",
            Some("no such order"),
        ),
        (
            "an error after a message",
            vec![
                (Client, unary.clone()),
                (Server, [answer.clone(), headers(1, END_STREAM, &[("grpc-status", "14")])].concat()),
            ],
            "UNAVAILABLE complete 8/11",
            Some(""),
        ),
        (
            "answered before it was asked to the end",
            vec![(Client, data(1, 0, &message(b"ask"))), (Server, only("8", "")), (Client, reset(1, 0))],
            "RESOURCE_EXHAUSTED complete 8/0",
            Some(""),
        ),
        (
            "no gRPC in the answer",
            vec![
                (Client, unary.clone()),
                (
                    Server,
                    [
                        headers(1, 0, &[(":status", "503"), ("content-type", "text/html")]),
                        data(1, END_STREAM, b"<p>"),
                    ]
                    .concat(),
                ),
            ],
            "- complete 8/3",
            Some("HTTP status 503"),
        ),
        (
            "no status",
            vec![
                (Client, unary.clone()),
                (Server, [headers(1, 0, ANSWER), data(1, END_STREAM, &message(b"x"))].concat()),
            ],
            "- complete 8/6",
            Some("the response ended without a status"),
        ),
        (
            "a deadline",
            vec![(Client, unary.clone()), (Client, reset(1, 8))],
            "- no-response 8/-",
            Some("reset by the client: CANCEL"),
        ),
        ("not answered", vec![(Client, unary)], "- no-response 8/-", None),
    ];
    for (name, parts, expected, failure) in cases {
        let calls = talk(&[&[(Client, asked(1))], &parts[..]].concat());
        assert_eq!(calls.len(), 1, "{name}");
        assert_eq!(calls[0].protocol, Protocol::Grpc, "{name}");
        let found = line(&calls[0]);
        assert!(found.starts_with(&format!("POST /shop.Orders/Place {expected} ")), "{name}: {found}");
        assert_eq!((calls[0].failure.as_deref(), calls[0].waits), (failure, false), "{name}");
    }
}

#[test]
fn messages_have_their_times_and_no_prefixes() {
    let mut talk = open();
    talk.send(Client, &[asked(1), data(1, END_STREAM, &message(b"watch"))].concat());
    talk.send(Server, &headers(1, 0, ANSWER));
    let mut sent = Vec::new();
    // One message in two frames, two in one.
    let stream = [message(b"one"), message(b"two"), message(b"three"), message(b"")].concat();
    for piece in [&stream[..2], &stream[2..8], &stream[8..16], &stream[16..]] {
        talk.wait(10);
        talk.send(Server, &data(1, 0, piece));
        sent.push(talk.packets[talk.packets.len() - 1].at);
    }
    talk.send(Client, &reset(1, 8));
    let [call] = &exchanges(&talk.packets)[..] else { panic!("one call") };
    let response = call.response.as_ref().unwrap();
    assert_eq!(shown(&call.request), ("watch".to_owned(), vec![5]));
    assert_eq!(shown(response), ("onetwothree".to_owned(), vec![3, 3, 5, 0]));
    assert_eq!(response.media.as_deref(), Some("application/protobuf"));
    let times: Vec<_> = response.parts.iter().map(|part| part.at).collect();
    assert_eq!(times, [sent[1], sent[2], sent[3], sent[3]]);
    // Whoever watches has had enough: that is no failure.
    assert_eq!((call.waits, call.failure.as_deref(), response.complete), (true, None, false));
}

#[test]
fn a_lost_segment_and_a_large_message_leave_the_rest_of_a_stream_readable() {
    let mut talk = open();
    talk.send(Client, &[asked(1), data(1, END_STREAM, &message(b"watch"))].concat());
    talk.send(Server, &headers(1, 0, ANSWER));
    talk.ack(Client);
    let large = vec![b'x'; 3000];
    for (n, text) in [&b"one"[..], b"two", b"three", &large, b"five", b"six"].into_iter().enumerate() {
        talk.send(Server, &data(1, 0, &message(text)));
        if n == 1 {
            talk.packets.pop();
        }
        talk.ack(Client);
    }
    talk.send(Server, &headers(1, END_STREAM, &[("grpc-status", "0")]));
    talk.close();
    let calls = packets::last(packets::reports_within(&talk.packets, wire::Limits::new(1000)));
    let response = calls[0].response.as_ref().unwrap();
    let kept: Vec<_> = response.parts.iter().map(|part| (part.bytes, part.kept)).collect();
    assert_eq!(kept, [(3, 3), (5, 5), (3000, 867), (4, 4), (3, 3)]);
    assert!(response.body.starts_with(b"onethreexx") && response.body.ends_with(b"xxfivesix"));
    assert_eq!(
        (calls[0].status.as_deref(), calls[0].quality.name(), response.cut),
        (Some("OK"), "gap", true)
    );
}

#[test]
fn a_call_that_stays_open_after_its_first_message_is_a_stream() {
    let mut talk = open();
    talk.send(Client, &[asked(1), data(1, END_STREAM, &message(b"watch"))].concat());
    talk.send(Server, &[headers(1, 0, ANSWER), data(1, 0, &message(b"one"))].concat());
    talk.wait(100);
    talk.ack(Client);
    talk.wait(1500);
    talk.ack(Client);
    talk.send(Server, &headers(1, END_STREAM, FINE));
    let waits: Vec<_> = reports(&talk.packets).iter().map(|call| (call.waits, call.done)).collect();
    assert_eq!(waits, [(false, false), (true, false), (true, true)]);
    // One that only takes long is none.
    let mut talk = open();
    talk.send(Client, &[asked(1), data(1, END_STREAM, &message(b"slow"))].concat());
    talk.send(Server, &headers(1, 0, ANSWER));
    talk.wait(1500);
    talk.send(Server, &[data(1, 0, &message(b"one")), headers(1, END_STREAM, FINE)].concat());
    assert!(reports(&talk.packets).iter().all(|call| !call.waits));
}

#[test]
fn a_client_that_gives_up_at_its_deadline_failed_and_one_that_had_enough_did_not() {
    let timeout = [&call("/shop.Orders/Watch")[..], &[("grpc-timeout", "400m")]].concat();
    for (wait, failure) in [(100, None), (399, Some("deadline exceeded after 400ms"))] {
        let mut talk = open();
        talk.send(Client, &[headers(1, 0, &timeout), data(1, END_STREAM, &message(b"watch"))].concat());
        talk.send(
            Server,
            &[headers(1, 0, ANSWER), data(1, 0, &message(b"one")), data(1, 0, &message(b"two"))].concat(),
        );
        talk.wait(wait);
        talk.send(Client, &reset(1, 8));
        let calls = exchanges(&talk.packets);
        assert_eq!(calls[0].failure.as_deref(), failure, "after {wait} ms");
        assert_eq!(calls[0].status, None, "no status was sent");
    }
}

#[test]
fn calls_of_a_connection_that_is_older_than_the_capture_are_known_by_their_bodies() {
    let (mut asks, mut answers) = (Encoder::default(), Encoder::default());
    asks.headers(1, 0, &call("/shop.Orders/Place"));
    answers.headers(1, 0, ANSWER);
    answers.headers(1, END_STREAM, FINE);
    let mut talk = Talk::new(4000);
    for (stream, status) in [(7, "0"), (9, "13")] {
        talk.send(Client, &asks.headers(stream, 0, &call("/shop.Orders/Place")));
        talk.send(Client, &data(stream, END_STREAM, &message(b"ask")));
        talk.send(Server, &[answers.headers(stream, 0, ANSWER), data(stream, 0, &message(b"ok"))].concat());
        talk.send(Server, &answers.headers(stream, END_STREAM, &[("grpc-status", status)]));
    }
    talk.close();
    let calls = exchanges(&talk.packets);
    let status: Vec<_> = calls.iter().map(|call| call.status.as_deref()).collect();
    // That the first one went well was told by a field from before.
    assert_eq!(status, [None, Some("INTERNAL")]);
    for call in &calls {
        assert_eq!((call.protocol, call.quality), (Protocol::Grpc, Quality::MidStream));
        assert_eq!(shown(&call.request), ("ask".to_owned(), vec![3]));
        assert_eq!(shown(call.response.as_ref().unwrap()), ("ok".to_owned(), vec![2]));
    }
    assert_eq!(calls[0].target, calls[1].target);
}

/// A frame of the trailers of gRPC-Web.
fn trailers(text: &str) -> Vec<u8> {
    [&[0x80][..], &(text.len() as u32).to_be_bytes(), text.as_bytes()].concat()
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let quad = |chunk: &[u8]| {
        let bits =
            chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        let digit = |n: usize| char::from(DIGITS[(bits >> (18 - 6 * n)) as usize & 63]);
        (0..4).map(|n| if n <= chunk.len() { digit(n) } else { '=' }).collect::<String>()
    };
    bytes.chunks(3).map(quad).collect()
}

#[test]
fn the_web_is_read_over_http1_and_over_http2() {
    let body = message(b"ask");
    let answer = [message(b"answer"), trailers("grpc-status:9\r\ngrpc-message:not%20now\r\n")];
    let text = answer.iter().map(|part| base64(part)).collect::<String>();
    let over1 = |content_type: &str, body: &[u8], answer: &[u8]| {
        let head = format!(
            "POST /shop.Orders/Place HTTP/1.1\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let answer_head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n",
            answer.len()
        );
        let mut talk = Talk::open(4000);
        talk.send(Client, &[head.as_bytes(), body].concat());
        talk.send_cut(Server, &[answer_head.as_bytes(), answer, b"\r\n0\r\n\r\n"].concat(), 7);
        talk.close();
        exchanges(&talk.packets)
    };
    let over2 = |content_type: &'static str, body: &[u8], answer: &[u8]| {
        let kind = ("content-type", content_type);
        talk(&[
            (
                Client,
                headers(
                    1,
                    0,
                    &[(":method", "POST"), (":scheme", "http"), (":path", "/shop.Orders/Place"), kind],
                ),
            ),
            (Client, data(1, END_STREAM, body)),
            (Server, [headers(1, 0, &[(":status", "200"), kind]), data(1, END_STREAM, answer)].concat()),
        ])
    };
    let binary = "application/grpc-web+proto";
    let textual = "application/grpc-web-text";
    let cases = [
        over1(binary, &body, &answer.concat()),
        over1(textual, base64(&body).as_bytes(), text.as_bytes()),
        over2(binary, &body, &answer.concat()),
        over2(textual, base64(&body).as_bytes(), text.as_bytes()),
    ];
    for calls in cases {
        let [call] = &calls[..] else { panic!("one call") };
        let said = (call.protocol, call.status.as_deref(), call.failure.as_deref());
        assert_eq!(said, (Protocol::Grpc, Some("FAILED_PRECONDITION"), Some("not now")));
        let response = call.response.as_ref().unwrap();
        assert_eq!(shown(&call.request), ("ask".to_owned(), vec![3]));
        assert_eq!(shown(response), ("answer".to_owned(), vec![6]));
        assert!(response.headers.contains(&("grpc-status".to_owned(), "9".to_owned())));
        assert!(!response.cut && response.complete && !call.waits);
    }
    // What the web's proxy says by itself is no answer of the service.
    let plain = "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nbad";
    let mut talk = Talk::open(4000);
    talk.send(
        Client,
        b"POST /a.B/C HTTP/1.1\r\nContent-Type: application/grpc-web\r\nContent-Length: 0\r\n\r\n",
    );
    talk.send(Server, plain.as_bytes());
    let [call] = &exchanges(&talk.packets)[..] else { panic!("one call") };
    assert_eq!((call.status.as_deref(), call.failure.as_deref()), (None, Some("HTTP status 502")));
    assert_eq!(call.response.as_ref().unwrap().body, b"bad");
}
