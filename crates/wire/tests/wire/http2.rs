//! HTTP/2 over whole connections: what is asked and answered on each stream, and how much of it was seen.

use model::exchange::{Ending, Quality};
use wire::Limits;

use crate::frames::{
    END_HEADERS, END_STREAM, Encoder, PREFACE, block, data, frame, get, go_away, headers, reset, settings,
};
use crate::packets::{self, By, Client, Server, Talk, exchanges, line, lines};

const OK: &[(&str, &str)] = &[(":status", "200")];
const PADDED: u8 = 8;
const PRIORITY: u8 = 0x20;

/// A connection from its preface on.
pub(crate) fn open() -> Talk {
    let mut talk = Talk::open(4000);
    talk.send(Client, &[PREFACE, &settings()].concat());
    talk.send(Server, &[settings(), frame(4, 1, 0, b"")].concat());
    talk
}

fn talk(parts: &[(By, Vec<u8>)]) -> Talk {
    let mut talk = open();
    for (by, bytes) in parts {
        talk.send(*by, bytes);
    }
    talk.close();
    talk
}

fn post(path: &str) -> Vec<(&str, &str)> {
    [vec![(":method", "POST")], get(path).split_off(1)].concat()
}

#[test]
fn streams_are_paired_and_counted() {
    type Case = (&'static str, Vec<(By, Vec<u8>)>, Vec<&'static str>);
    let push = [&4_u32.to_be_bytes()[..], &block(&get("/pushed"))].concat();
    let long = block(&get(&"/long".repeat(100)).iter().copied().chain([("a", "b")]).collect::<Vec<_>>());
    let tunnel = &[(":method", "CONNECT"), (":authority", "db:5432")];
    let socket = [get("/chat"), vec![(":protocol", "websocket")]].concat();
    let socket: Vec<_> =
        socket.into_iter().map(|f| if f.0 == ":method" { (":method", "CONNECT") } else { f }).collect();
    let cases: [Case; 14] = [
        (
            "one after the other",
            vec![
                (Client, headers(1, END_STREAM, &get("/a"))),
                (Server, [headers(1, 0, OK), data(1, END_STREAM, b"ok")].concat()),
                (Client, [headers(3, 0, &post("/b")), data(3, 0, b"ab"), data(3, END_STREAM, b"c")].concat()),
                (Server, headers(3, END_STREAM, &[(":status", "404")])),
            ],
            vec!["GET /a 200 complete 0/2 Open", "POST /b 404 complete 3/0 Open"],
        ),
        (
            "at the same time",
            vec![
                (Client, [headers(1, END_STREAM, &get("/a")), headers(3, END_STREAM, &get("/b"))].concat()),
                (
                    Server,
                    [headers(3, 0, OK), headers(1, 0, &[(":status", "201")]), data(3, 0, b"b")].concat(),
                ),
                (Server, [data(1, END_STREAM, b"aaa"), data(3, END_STREAM, b"b")].concat()),
            ],
            vec!["GET /a 201 complete 0/3 Open", "GET /b 200 complete 0/2 Open"],
        ),
        (
            "padding, priority and other frames are passed over",
            vec![
                (
                    Client,
                    [
                        frame(1, PADDED | PRIORITY | END_STREAM | END_HEADERS, 1, &{
                            [&b"\x03\0\0\0\0\x10"[..], &block(&get("/a")), b"\0\0\0"].concat()
                        }),
                        frame(2, 0, 3, b"\0\0\0\0\x07"),
                        frame(6, 0, 0, b"12345678"),
                        frame(8, 0, 0, b"\0\0\x10\0"),
                        frame(0xbe, 0xff, 77, b"who knows"),
                    ]
                    .concat(),
                ),
                (
                    Server,
                    [
                        headers(1, 0, OK),
                        data(1, PADDED, b"\x02ok\0\0"),
                        data(1, PADDED | END_STREAM, b"\x01\0"),
                    ]
                    .concat(),
                ),
            ],
            vec!["GET /a 200 complete 0/2 Open"],
        ),
        (
            "a header block in pieces",
            vec![
                (
                    Client,
                    [
                        frame(1, END_STREAM, 1, &long[..10]),
                        frame(9, 0, 1, &long[10..11]),
                        frame(9, END_HEADERS, 1, &long[11..]),
                    ]
                    .concat(),
                ),
                (Server, headers(1, END_STREAM, &[(":status", "204")])),
            ],
            vec!["/long 204 complete 0/0 Open"],
        ),
        (
            "interim responses are no answers",
            vec![
                (Client, headers(1, 0, &post("/a"))),
                (Server, headers(1, 0, &[(":status", "100")])),
                (Client, data(1, END_STREAM, b"ab")),
                (Server, [headers(1, 0, &[(":status", "103")]), headers(1, END_STREAM, OK)].concat()),
            ],
            vec!["POST /a 200 complete 2/0 Open"],
        ),
        (
            "what is pushed is a call",
            vec![
                (Client, headers(1, END_STREAM, &get("/a"))),
                (Server, [frame(5, END_HEADERS, 1, &push), headers(1, END_STREAM, OK)].concat()),
                (Server, [headers(4, 0, OK), data(4, END_STREAM, b"pushed")].concat()),
            ],
            vec!["GET /a 200 complete 0/0 Open", "GET /pushed 200 complete 0/6 Open"],
        ),
        (
            "given up",
            vec![
                (Client, headers(1, END_STREAM, &get("/a"))),
                (Client, reset(1, 8)),
                (Server, [headers(1, 0, OK), data(1, END_STREAM, b"too late")].concat()),
                (Client, headers(3, 0, &post("/b"))),
                (Server, reset(3, 7)),
                (Client, data(3, END_STREAM, b"too late")),
            ],
            vec!["GET /a - no-response 0/- Open", "POST /b - no-response 0/- Open"],
        ),
        (
            "answered before it was asked to the end",
            vec![
                (Client, [headers(1, 0, &post("/a")), data(1, 0, b"abc")].concat()),
                (Server, [headers(1, END_STREAM, &[(":status", "413")]), reset(1, 0)].concat()),
                (Client, data(1, END_STREAM, b"too late")),
            ],
            vec!["POST /a 413 complete 3/0 Open"],
        ),
        (
            "refused by a server that goes away",
            vec![
                (Client, [headers(1, END_STREAM, &get("/a")), headers(3, END_STREAM, &get("/b"))].concat()),
                (Server, [go_away(1, 0), headers(1, END_STREAM, OK)].concat()),
            ],
            vec!["GET /a 200 complete 0/0 Open", "GET /b - no-response 0/- Open"],
        ),
        (
            "tunnels",
            vec![
                (Client, [headers(1, 0, tunnel), headers(3, 0, &socket)].concat()),
                (Server, [headers(1, 0, OK), headers(3, 0, OK), data(3, 0, b"12")].concat()),
                (Client, [data(1, 0, b"12345"), data(3, 0, b"1")].concat()),
            ],
            vec!["CONNECT db:5432 200 complete 5/0 Closed", "CONNECT /chat 200 complete 1/2 Closed"],
        ),
        (
            "no answer",
            vec![(Client, headers(1, END_STREAM, &get("/a")))],
            vec!["GET /a - no-response 0/- Closed"],
        ),
        (
            "nobody asked",
            vec![(Server, [headers(1, 0, OK), data(1, END_STREAM, b"ok")].concat())],
            vec!["http/2 200 no-request 0/2 Open"],
        ),
        ("no call at all", vec![], vec!["tcp - complete 45/30 Closed"]),
        (
            "what follows is no frame",
            vec![
                (Client, headers(1, END_STREAM, &get("/a"))),
                (Server, b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".to_vec()),
                (Server, headers(1, END_STREAM, OK)),
            ],
            vec!["GET /a 200 complete 0/0 Open"],
        ),
    ];
    for (name, parts, expected) in cases {
        let short = |line: String| match line.find("/long ") {
            Some(at) => line[at..].to_owned(),
            None => line,
        };
        let found: Vec<_> = lines(&talk(&parts).packets).into_iter().map(short).collect();
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn a_stream_of_events_waits_and_is_listed_event_by_event() {
    let mut talk = open();
    talk.send(Client, &headers(1, END_STREAM, &post("/events")));
    talk.send(Server, &headers(1, 0, &[(":status", "200"), ("content-type", "text/event-stream")]));
    talk.send(Server, &data(1, 0, b"event: sold\ndata: 1\n\nda"));
    talk.send(Server, &data(1, 0, b"ta: 2\n\n"));
    // Whoever listens to them ends it like this.
    talk.send(Client, &reset(1, 8));
    let [call] = &exchanges(&talk.packets)[..] else { panic!("one call") };
    assert_eq!((call.waits, call.failure.as_deref(), call.quality), (true, None, Quality::Complete));
    let response = call.response.as_ref().unwrap();
    let parts: Vec<_> = response.parts.iter().map(|p| (p.kind.as_str(), p.bytes, p.kept)).collect();
    assert_eq!(parts, [("sold", 21, 21), ("message", 9, 9)]);
    assert_eq!(response.bytes, 30);
}

#[test]
fn what_is_held_open_waits() {
    let ask = |path, answer: &[(i64, Vec<u8>)]| {
        let mut talk = open();
        talk.send(Client, &headers(1, END_STREAM, &post(path)));
        for (pause, frame) in answer {
            talk.wait(*pause);
            talk.send(Server, frame);
        }
        exchanges(&talk.packets)[0].waits
    };
    let head = headers(1, 0, &[(":status", "200")]);
    let long = headers(1, 0, &[(":status", "200"), ("content-length", "4")]);
    let (piece, end) = (data(1, 0, b"ab"), data(1, END_STREAM, b""));
    let ended = data(1, END_STREAM, b"cd");
    assert!(ask("/feed", &[(0, head.clone()), (2_000, piece.clone()), (2_000, end.clone())]));
    assert!(!ask("/slow", &[(2_000, head.clone()), (2_000, piece.clone()), (0, end.clone())]));
    assert!(!ask("/file", &[(0, long), (2_000, piece), (2_000, ended)]));
    assert!(ask("/v1/kv/a?index=7&wait=5m", &[(2_000, head), (0, end)]));
}

#[test]
fn headers_bodies_and_trailers_come_through() {
    let asked = [post("/a?b=c"), vec![("x-id", "7")]].concat();
    let mut talk = open();
    talk.send(Client, &[headers(1, 0, &asked), data(1, 0, b"hel")].concat());
    talk.send(Client, &[data(1, 0, b"lo"), headers(1, END_STREAM, &[("x-sum", "5")])].concat());
    talk.send(Server, &headers(1, 0, &[(":status", "200"), ("content-type", "text/plain")]));
    talk.send(Server, &[data(1, 0, b"ok"), headers(1, END_STREAM, &[("t", "1")])].concat());
    let [call] = &exchanges(&talk.packets)[..] else { panic!("one call") };
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let expected =
        [field(":scheme", "http"), field(":authority", "x"), field("x-id", "7"), field("x-sum", "5")];
    assert_eq!(call.request.headers, expected);
    assert_eq!((call.request.body.as_slice(), call.request.complete), (&b"hello"[..], true));
    let response = call.response.as_ref().unwrap();
    assert_eq!(response.headers, [field("content-type", "text/plain"), field("t", "1")]);
    assert_eq!((response.body.as_slice(), response.complete, response.cut), (&b"ok"[..], true, false));
    let times = [call.request.first, call.request.last, response.first, response.last];
    let sent: Vec<_> = talk.packets.iter().rev().take(4).rev().map(|packet| packet.at).collect();
    assert_eq!(times[..], sent);
}

#[test]
fn a_call_that_was_given_up_says_by_whom_and_why() {
    let failure = |parts: &[(By, Vec<u8>)]| exchanges(&talk(parts).packets)[0].failure.clone();
    let asked = (Client, headers(1, END_STREAM, &get("/a")));
    let answered = (Server, [headers(1, 0, OK), data(1, END_STREAM, b"ok")].concat());
    let begun = (Server, [headers(1, 0, OK), data(1, 0, b"ok")].concat());
    type Case<'a> = (&'a [(By, Vec<u8>)], Option<&'a str>);
    let cases: [Case<'_>; 7] = [
        (&[asked.clone(), answered.clone(), (Client, reset(1, 8))], None),
        (&[asked.clone(), begun.clone(), (Client, reset(1, 8))], Some("reset by the client: CANCEL")),
        (&[asked.clone(), (Server, reset(1, 7))], Some("reset by the server: REFUSED_STREAM")),
        (&[asked.clone(), (Server, reset(1, 99))], Some("reset by the server: error 99")),
        (
            &[asked.clone(), (Server, go_away(0, 11))],
            Some("not processed, the server goes away: ENHANCE_YOUR_CALM"),
        ),
        (&[asked.clone(), (Server, go_away(1, 1))], Some("the server closed the connection: PROTOCOL_ERROR")),
        (&[asked.clone(), (Server, go_away(1, 0)), answered.clone()], None),
    ];
    for (parts, expected) in cases {
        assert_eq!(failure(parts).as_deref(), expected, "{parts:?}");
    }
}

#[test]
fn an_upgraded_connection_answers_on_its_first_stream() {
    let mut talk = Talk::open(4000);
    talk.send(
        Client,
        b"POST /a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nContent-Length: 3\r\n\r\nabc",
    );
    let switch = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
    talk.send(Server, &[&switch[..], &settings(), &headers(1, 0, OK)].concat());
    talk.send(Client, &[PREFACE, &settings(), &headers(3, END_STREAM, &get("/b"))].concat());
    talk.send(Server, &[data(1, END_STREAM, b"first"), headers(3, END_STREAM, OK)].concat());
    talk.close();
    let calls = exchanges(&talk.packets);
    assert_eq!(
        calls.iter().map(line).collect::<Vec<_>>(),
        ["POST /a 200 complete 3/5 Open", "GET /b 200 complete 0/0 Open"]
    );
    assert!(calls.iter().all(|call| call.protocol.name() == "http/2"));
    assert_eq!((calls[0].serial, calls[0].request.body.as_slice()), (0, &b"abc"[..]));
}

#[test]
fn bodies_are_cut_at_the_limit_and_counted_to_the_end() {
    let mut talk = open();
    talk.send(Client, &headers(1, 0, &post("/a")));
    // One frame larger than a segment, and many small ones.
    talk.send_cut(Client, &data(1, 0, &vec![b'x'; 100_000]), 30_000);
    for _ in 0..100 {
        talk.send(Client, &data(1, 0, &[b'y'; 1000]));
    }
    talk.send(Client, &data(1, END_STREAM, b""));
    talk.send(Server, &headers(1, END_STREAM, OK));
    talk.close();
    let calls = packets::last(packets::reports_within(&talk.packets, Limits::new(1000)));
    let request = &calls[0].request;
    assert_eq!(
        (request.body.len(), request.bytes, request.cut, request.complete),
        (1000, 200_000, true, true)
    );
    assert_eq!(calls[0].quality, Quality::Complete);
}

#[test]
fn what_lasts_is_reported_as_pending() {
    let mut talk = open();
    talk.send(Client, &headers(1, END_STREAM, &get("/long")));
    talk.wait(100);
    talk.ack(Server);
    talk.send(Server, &[headers(1, 0, OK), data(1, 0, b"ab")].concat());
    talk.wait(600);
    talk.ack(Client);
    talk.send(Server, &data(1, END_STREAM, b"cd"));
    let reports: Vec<_> = packets::reports(&talk.packets)
        .iter()
        .map(|e| (e.status.is_some(), e.response.as_ref().map_or(0, |r| r.bytes), e.done))
        .collect();
    assert_eq!(reports, [(false, 0, false), (true, 2, false), (true, 4, true)]);
}

#[test]
fn a_connection_that_is_older_than_the_capture_is_read_as_far_as_it_can_be() {
    let (mut asks, mut answers) = (Encoder::default(), Encoder::default());
    let delete = |path| [vec![(":method", "DELETE")], get(path).split_off(1)].concat();
    let status = |status| [(":status", status), ("server", "s")];
    // What was sent before: the table holds `/known`, `x`, `/other` and `DELETE`, in this order.
    asks.headers(1, END_STREAM, &get("/known"));
    asks.headers(3, END_STREAM, &get("/other"));
    asks.headers(5, END_STREAM, &delete("/known"));
    answers.headers(1, END_STREAM, &status("200"));
    let mut talk = Talk::new(4000);
    let calls = [
        (get("/new"), "500", "GET /new 500 mid-stream"),
        (get("/known"), "200", "GET #65 #64 200 mid-stream"),
        (delete("/new"), "500", "#62 /new 500 mid-stream"),
        (delete("/known"), "404", "#62 #65 #64 404 mid-stream"),
        (get("/new"), "404", "GET /new 404 mid-stream"),
    ];
    for (stream, (asked, answered, _)) in (7..).step_by(2).zip(&calls) {
        talk.send(Client, &asks.headers(stream, END_STREAM, asked));
        talk.send(Server, &answers.headers(stream, END_STREAM, &status(answered)));
    }
    talk.send(Client, &headers(101, END_STREAM, &get("/plain")));
    talk.send(Server, &headers(101, END_STREAM, OK));
    talk.close();
    let found: Vec<_> = lines(&talk.packets)
        .iter()
        .map(|line| line.replace("‹indexed before capture ", "").replace('›', "").replace(" 0/0 Open", ""))
        .collect();
    let expected: Vec<_> =
        calls.iter().map(|(_, _, line)| *line).chain(["GET /plain 200 complete"]).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_stream_that_is_older_than_the_capture_counts_to_its_end() {
    let mut talk = Talk::new(4000);
    talk.send(Client, &headers(9, END_STREAM, &get("/new")));
    talk.send(Server, &[data(7, 0, b"middle of a long"), headers(9, END_STREAM, OK)].concat());
    talk.send(Server, &data(7, END_STREAM, b" body"));
    talk.close();
    assert_eq!(lines(&talk.packets), ["GET /new 200 complete 0/0 Open", "http/2 - no-request 0/21 Open"]);
}

#[test]
fn streams_stay_within_their_bound() {
    let mut talk = open();
    for n in 0..600 {
        talk.send(Client, &headers(2 * n + 1, END_STREAM, &get(&format!("/{n}"))));
    }
    // What still comes of those that were let go is no call by itself.
    for n in 0..600 {
        let status = (200 + n % 100).to_string();
        talk.send(Server, &headers(2 * n + 1, 0, &[(":status", &status)]));
        talk.send(Server, &data(2 * n + 1, END_STREAM, b"body"));
    }
    talk.close();
    let limits = Limits { pending_per_flow: 5, ..Limits::new(100) };
    let calls = packets::last(packets::reports_within(&talk.packets, limits));
    let seen: Vec<_> = calls.iter().filter_map(|c| Some((c.target.clone(), c.status.clone()?))).collect();
    let expected: Vec<_> = (595..600).map(|n| (format!("/{n}"), (n - 300).to_string())).collect();
    assert_eq!((seen, calls.len()), (expected, 600));
    assert!(calls[..595].iter().all(|call| call.quality == Quality::Truncated && call.failure.is_none()));
}

#[test]
fn memory_stays_bounded_whatever_is_sent() {
    let limits = Limits { flow_buffer: 100_000, total_buffer: 10_000_000, ..Limits::new(10_000) };
    let most = |talk: &Talk| {
        let mut wire = wire::Wire::new(limits);
        let mut out = Vec::new();
        let most = talk.packets.iter().map(|packet| {
            wire.packet(packet.at, wire::Link::RawIp, &packet.bytes, packet.wire_len, &mut out);
            wire.held()
        });
        most.max().unwrap()
    };
    let mut bodies = open();
    for n in 0..200 {
        let sent = [headers(2 * n + 1, 0, &post("/a")), data(2 * n + 1, 0, &[b'x'; 9000])].concat();
        bodies.send(Client, &sent);
    }
    assert!(most(&bodies) < 400_000, "{}", most(&bodies));
    let mut trailers = open();
    trailers.send(Client, &headers(1, 0, &post("/a")));
    for _ in 0..2000 {
        trailers.send(Client, &headers(1, 0, &[("x", &"y".repeat(2000))]));
    }
    assert!(most(&trailers) < 1_000_000, "{}", most(&trailers));
    let mut unfinished = open();
    for _ in 0..2000 {
        unfinished.send(Client, &frame(9, 0, 1, &[b'z'; 2000]));
        unfinished.send(Client, &frame(1, 0, 1, &[b'z'; 2000]));
    }
    assert!(most(&unfinished) < 300_000, "{}", most(&unfinished));
}

#[test]
fn a_reset_connection_ends_what_is_pending() {
    let mut talk = open();
    talk.send(Client, &headers(1, END_STREAM, &get("/a")));
    talk.rst(Server);
    let calls = exchanges(&talk.packets);
    assert_eq!((calls[0].ending, calls[0].quality), (Ending::Reset, Quality::NoResponse));
}

/// Between ports that tell nothing, whoever is seen first may be either end.
#[test]
fn who_calls_in_a_connection_older_than_the_capture_comes_out_by_what_is_said() {
    let ping = frame(6, 0, 0, b"01234567");
    let allow = frame(8, 0, 0, &1000_u32.to_be_bytes());
    for first in [&ping, &allow] {
        let mut talk = Talk::new(43_210);
        talk.ports.1 = 50_051;
        talk.send(Server, first);
        for stream in [5, 7, 9] {
            talk.send(Client, &headers(stream, END_STREAM, &get("/late")));
            talk.send(Server, &[headers(stream, 0, OK), data(stream, END_STREAM, b"ok")].concat());
        }
        let calls = exchanges(&talk.packets);
        let callers: Vec<_> = calls.iter().map(|call| (call.client.port(), call.server.port())).collect();
        assert_eq!(callers, [(43_210, 50_051); 3], "{calls:#?}");
        let answers: Vec<_> = calls.iter().map(|call| call.response.as_ref().unwrap().bytes).collect();
        assert_eq!(answers, [2, 2, 2]);
    }
}

#[test]
fn an_answer_in_http1_or_tls_is_a_failure_that_says_so() {
    let ask = headers(1, END_STREAM, &get("/a"));
    let begins = [PREFACE, &settings()].concat();
    let answers: [(&[u8], &str); 2] = [
        (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno", "answered in HTTP/1: 400 Bad Request"),
        (b"\x15\x03\x01\0\x02\x02\x46", "answered in TLS: alert protocol_version"),
    ];
    for (answer, words) in answers {
        for (asked, operation) in [(&b""[..], "PRI *"), (&ask, "GET /a")] {
            let mut talk = Talk::open(4000);
            talk.send(Client, &[&begins, asked].concat());
            talk.send(Server, answer);
            talk.close();
            let [call] = &exchanges(&talk.packets)[..] else { panic!("one call") };
            let bytes = call.response.as_ref().map(|response| response.bytes);
            assert_eq!(format!("{} {}", call.method, call.target), operation);
            assert_eq!((call.failure.as_deref(), &call.status), (Some(words), &None));
            assert_eq!((call.quality, bytes), (Quality::Complete, Some(answer.len() as u64)));
        }
    }
}
