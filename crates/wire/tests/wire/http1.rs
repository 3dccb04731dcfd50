//! HTTP/1 over whole connections: what is asked and answered, and how much of it was seen.

use crate::packets::{self, By, Client, Server, Talk, exchanges, line, lines, reports};
use model::exchange::{Ending, Quality};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").into_bytes()
}

fn talk(parts: &[(By, &str)]) -> Talk {
    let mut talk = Talk::open(4000);
    for (by, bytes) in parts {
        talk.send(*by, bytes.as_bytes());
    }
    talk.close();
    talk
}

#[test]
fn calls_are_paired_and_counted() {
    type Case = (&'static str, Vec<(By, &'static str)>, Vec<&'static str>);
    let cases: [Case; 17] = [
        (
            "keep-alive",
            vec![
                (Client, "GET /a HTTP/1.1\r\n\r\n"),
                (Server, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
                (Client, "POST /b HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"),
                (Server, "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"),
            ],
            vec!["GET /a 200 complete 0/2 Open", "POST /b 404 complete 3/0 Open"],
        ),
        (
            "pipelined",
            vec![
                (Client, "GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\nHEAD /c HTTP/1.1\r\n\r\n"),
                (
                    Server,
                    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nbb",
                ),
                (Server, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"),
            ],
            vec![
                "GET /a 200 complete 0/1 Open",
                "GET /b 200 complete 0/2 Open",
                "HEAD /c 200 complete 0/0 Open",
            ],
        ),
        (
            "chunked both ways",
            vec![
                (Client, "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
                (Server, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n"),
                (Server, "1\r\n!\r\n0\r\nX-Sum: 7\r\n\r\n"),
            ],
            vec!["POST /a 200 complete 3/3 Open"],
        ),
        (
            "until close",
            vec![
                (Client, "GET /a HTTP/1.0\r\n\r\n"),
                (Server, "HTTP/1.0 200 OK\r\n\r\nall the "),
                (Server, "rest"),
            ],
            vec!["GET /a 200 complete 0/12 Open"],
        ),
        (
            "interim responses are no answers",
            vec![
                (Client, "PUT /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"),
                (Server, "HTTP/1.1 100 Continue\r\n\r\n"),
                (Client, "ab"),
                (
                    Server,
                    "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n",
                ),
            ],
            vec!["PUT /a 201 complete 2/0 Open"],
        ),
        (
            "no body by status",
            vec![
                (Client, "GET /a HTTP/1.1\r\n\r\n"),
                (Server, "HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n"),
                (Client, "DELETE /b HTTP/1.1\r\n\r\n"),
                (Server, "HTTP/1.1 204 No Content\r\n\r\n"),
            ],
            vec!["GET /a 304 complete 0/0 Open", "DELETE /b 204 complete 0/0 Open"],
        ),
        (
            "bytes behind a response that has none",
            vec![
                (Client, "GET /a HTTP/1.1\r\n\r\n"),
                (Server, "HTTP/1.1 204 No Content\r\nContent-Length: 1\r\n\r\nx"),
                (Client, "GET /b HTTP/1.1\r\n\r\n"),
                (Server, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
            ],
            vec!["GET /a 204 complete 0/0 Open", "GET /b 200 complete 0/0 Open"],
        ),
        (
            "upgraded",
            vec![
                (Client, "GET /ws HTTP/1.1\r\nUpgrade: mine\r\n\r\n"),
                (Server, "HTTP/1.1 101 Switching Protocols\r\n\r\nGET / HTTP/1.1\r\n"),
                (Client, "frame"),
            ],
            vec!["GET /ws 101 complete 0/0 Open", "tcp - complete 5/16 Closed"],
        ),
        (
            "connect",
            vec![
                (Client, "CONNECT db:5432 HTTP/1.1\r\n\r\n"),
                (Server, "HTTP/1.1 200 Connected\r\n\r\n"),
                (Client, "12345"),
                (Server, "123"),
            ],
            vec!["CONNECT db:5432 200 complete 0/0 Open", "tcp - complete 5/3 Closed"],
        ),
        (
            "upgrade that was refused",
            vec![
                (Client, "GET /a HTTP/1.1\r\nUpgrade: h2c\r\n\r\n"),
                (Server, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
                (Client, "GET /b HTTP/1.1\r\n\r\n"),
                (Server, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
            ],
            vec!["GET /a 200 complete 0/0 Open", "GET /b 200 complete 0/0 Open"],
        ),
        ("no answer", vec![(Client, "GET /a HTTP/1.1\r\n\r\n")], vec!["GET /a - no-response 0/- Closed"]),
        (
            "nobody asked",
            vec![(Server, "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")],
            vec!["http/1 408 no-request 0/0 Open"],
        ),
        (
            "answered before it was asked to the end",
            vec![
                (Client, "POST /a HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc"),
                (Server, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"),
            ],
            vec!["POST /a 413 complete 3/0 Closed"],
        ),
        (
            "half a head is no call",
            vec![(Client, "GET /a HTTP/1.1\r\nHos")],
            vec!["tcp - complete 20/- Closed"],
        ),
        ("not http", vec![(Client, "hello"), (Server, "you too")], vec!["tcp - complete 5/7 Closed"]),
        (
            "http/0.9 has no status",
            vec![(Client, "GET /\r\n"), (Server, "<p>")],
            vec!["tcp - complete 7/3 Closed"],
        ),
        (
            "http after something else",
            vec![
                (Server, "220 ready\r\n"),
                (Client, "GET /a HTTP/1.1\r\n\r\n"),
                (Server, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
            ],
            vec!["tcp - complete 0/11 Open", "GET /a 200 complete 0/0 Open"],
        ),
    ];
    for (name, parts, expected) in cases {
        assert_eq!(lines(&talk(&parts).packets), expected, "{name}");
    }
}

#[test]
fn heads_bodies_and_trailers_come_through() {
    let talk = talk(&[
        (Client, "POST /a?b=c HTTP/1.1\r\nHost: orders\r\nContent-Length: 5\r\n\r\nhello"),
        (Server, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nA: b\r\n\r\n2\r\nok\r\n0\r\nT: 1\r\n\r\n"),
    ]);
    let [call] = &exchanges(&talk.packets)[..] else { panic!("one call") };
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(call.request.headers, [field("Host", "orders"), field("Content-Length", "5")]);
    assert_eq!((call.request.body.as_slice(), call.request.complete), (&b"hello"[..], true));
    let response = call.response.as_ref().unwrap();
    assert_eq!(response.headers, [field("Transfer-Encoding", "chunked"), field("A", "b"), field("T", "1")]);
    assert_eq!((response.body.as_slice(), response.complete, response.cut), (&b"ok"[..], true, false));
    assert_eq!((call.client.port(), call.server.port()), (4000, 80));
    let times = [call.request.first, call.request.last, response.first, response.last];
    assert_eq!(times, [talk.packets[3].at, talk.packets[3].at, talk.packets[4].at, talk.packets[4].at]);
}

#[test]
fn of_a_chunked_body_that_the_capture_cuts_all_bytes_are_counted_and_its_end_is_found() {
    let mut talk = Talk::open(4000);
    let ask = |talk: &mut Talk| talk.send(Client, b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    ask(&mut talk);
    talk.send(Server, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    let chunk = [b"1f40\r\n", &vec![b'x'; 8000][..], b"\r\n"].concat();
    for _ in 0..10 {
        talk.send_short(Server, &chunk.repeat(7), 2048);
    }
    talk.send(Server, &[&chunk[4000..], b"0\r\n\r\n"].concat());
    ask(&mut talk);
    talk.send(Server, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let calls = exchanges(&talk.packets);
    let [big, small] = &calls[..] else { panic!("{calls:?}") };
    let response = big.response.as_ref().unwrap();
    assert!((560_000..570_000).contains(&response.bytes), "{}", response.bytes);
    assert_eq!((big.done, response.complete, big.quality), (true, true, Quality::Truncated));
    // It ended before the next call began.
    assert!(response.last < small.request.first);
    assert_eq!((small.quality, small.response.as_ref().unwrap().bytes), (Quality::Complete, 2));
}

#[test]
fn what_a_client_sends_before_its_tunnel_is_open_is_in_the_tunnel() {
    let mut talk = Talk::open(4000);
    talk.send(Client, b"CONNECT orders:80 HTTP/1.1\r\n\r\n");
    talk.send(Client, b"PING early");
    talk.send(Server, b"HTTP/1.1 200 Connected\r\n\r\nPONG");
    talk.send(Client, b"\0more");
    talk.close();
    let expected = ["CONNECT orders:80 200 complete 0/0 Open", "tcp - complete 15/4 Closed"];
    assert_eq!(lines(&talk.packets), expected);
}

#[test]
fn whole_requests_behind_a_request_for_a_tunnel_are_in_it_if_it_opens() {
    const CONNECT: &[u8] = b"CONNECT a:80 HTTP/1.1\r\n\r\n";
    const FINE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let large = vec![b'x'; 70_000];
    type Case<'a> = (&'a [&'a [u8]], &'a [&'a [u8]], &'a [&'a str]);
    let cases: [Case<'_>; 4] = [
        (
            &[&get("/in"), &get("/two")],
            &[b"HTTP/1.1 200 OK\r\n\r\n", FINE, FINE],
            &["CONNECT a:80 200 complete 0/0", "GET /in 200 complete 0/0", "GET /two 200 complete 0/0"],
        ),
        (
            &[&get("/out")],
            &[b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n", FINE],
            &["CONNECT a:80 407 complete 0/0", "GET /out 200 complete 0/0"],
        ),
        (&[&get("/in")], &[], &["CONNECT a:80 - no-response 0/-"]),
        (&[&large], &[b"HTTP/1.1 200 OK\r\n\r\n"], &["CONNECT a:80 200 complete 0/0"]),
    ];
    for (behind, answers, expected) in cases {
        for together in [true, false] {
            let mut talk = Talk::open(4000);
            if together {
                talk.send_cut(Client, &[CONNECT, &behind.concat()].concat(), 60_000);
            } else {
                talk.send(Client, CONNECT);
                for bytes in behind {
                    talk.send_cut(Client, bytes, 60_000);
                }
            }
            for bytes in answers {
                talk.send(Server, bytes);
            }
            talk.close();
            let told = lines(&talk.packets);
            let told: Vec<_> = told.iter().map(|line| line.rsplit_once(' ').unwrap().0).collect();
            assert_eq!(told, expected);
        }
    }
}

#[test]
fn an_answer_in_another_protocol_is_a_failure_that_says_so() {
    const SETTINGS: &[u8] = b"\0\0\0\x04\0\0\0\0\0\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\x01";
    for (answer, words) in [
        (&b"\x15\x03\x01\0\x02\x02\x46"[..], "answered in TLS: alert protocol_version"),
        (SETTINGS, "answered in HTTP/2"),
    ] {
        let mut talk = Talk::open(4000);
        talk.send(Client, &get("/a"));
        talk.send(Server, answer);
        talk.close();
        let [call] = &exchanges(&talk.packets)[..] else { panic!("one call") };
        let bytes = call.response.as_ref().map(|response| response.bytes);
        assert_eq!((call.failure.as_deref(), &call.status), (Some(words), &None));
        assert_eq!((call.quality, bytes), (Quality::Complete, Some(answer.len() as u64)));
    }
}

#[test]
fn tunnels_in_tunnels_are_followed_so_far_and_no_further() {
    let mut talk = Talk::open(4000);
    talk.send(Server, "HTTP/1.1 101 X\r\n\r\n".repeat(3000).as_bytes());
    talk.close();
    let lines = lines(&talk.packets);
    let (last, tunnels) = lines.split_last().unwrap();
    assert_eq!(tunnels, vec!["http/1 101 no-request 0/0 Open"; 9]);
    assert_eq!(*last, format!("tcp - complete 0/{} Closed", 18 * (3000 - 9)));
}

#[test]
fn a_stream_of_events_waits_and_lists_them() {
    let mut talk = Talk::open(4000);
    talk.send(Client, &get("/events"));
    talk.send(
        Server,
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    for chunk in ["data: one\n", "\nevent: tick\ndata: two\n\n:\n\n", "data: never ended"] {
        talk.send(Server, format!("{:x}\r\n{chunk}\r\n", chunk.len()).as_bytes());
    }
    talk.rst(Client);
    let [call] = &exchanges(&talk.packets)[..] else { panic!("one call") };
    assert_eq!((line(call).as_str(), call.waits), ("GET /events 200 complete 0/54 Reset", true));
    let expected =
        ["< message 11 data: one\n\n", "< tick 23 event: tick\ndata: two\n\n", "< comment 3 :\n\n"];
    assert_eq!(packets::parts(call), expected);
    let parts = &call.response.as_ref().unwrap().parts;
    assert_eq!((parts[0].at, parts[1].at), (talk.packets[6].at, talk.packets[6].at));
    // Beyond the limit on bodies the newest events have room.
    let calls = packets::last(packets::reports_within(&talk.packets, wire::Limits::new(15)));
    let parts = calls[0].response.iter().flat_map(|response| &response.parts);
    assert_eq!(parts.map(|part| (part.bytes, part.kept)).collect::<Vec<_>>(), [(11, 5), (23, 7), (3, 3)]);
}

#[test]
fn what_is_held_open_waits_and_what_is_slow_does_not() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n";
    let chunked = [(0, head), (0, "\r\n"), (20_000, "2\r\n{}\r\n"), (20_000, "0\r\n\r\n")];
    let slow = [(9_000, head), (0, "\r\n"), (9_000, "2\r\n{}\r\n"), (0, "0\r\n\r\n")];
    let lines = [(0, head), (0, "Content-Type: application/x-ndjson\r\n\r\n"), (0, "2\r\n{}\r\n0\r\n\r\n")];
    let whole = [(25_000, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")];
    type Answer<'a> = &'a [(i64, &'a str)];
    let cases: [(&str, Answer<'_>, bool); 6] = [
        ("/updates?index=7&wait=30s", &whole, true),
        ("/updates", &whole, false),
        ("/api/v1/pods?watch=true", &slow, true),
        ("/api/v1/pods", &slow, false),
        ("/feed", &chunked, true),
        ("/rows", &lines, true),
    ];
    for (path, answer, waits) in cases {
        let mut talk = Talk::open(4000);
        talk.send(Client, &get(path));
        for (pause, bytes) in answer {
            talk.wait(*pause);
            talk.send(Server, bytes.as_bytes());
        }
        talk.close();
        let [call] = &exchanges(&talk.packets)[..] else { panic!("one call") };
        assert_eq!((call.waits, call.quality), (waits, Quality::Complete), "{path}");
    }
}

#[test]
fn bodies_are_cut_at_the_limit_and_counted_to_the_end() {
    let mut talk = Talk::open(4000);
    let body = vec![b'x'; 100_000];
    let head = format!("POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n", body.len());
    talk.send(Client, head.as_bytes());
    talk.send_cut(Client, &body, 30_000);
    talk.send(Server, OK);
    talk.close();
    let calls = packets::last(packets::reports_within(&talk.packets, wire::Limits::new(1000)));
    let request = &calls[0].request;
    assert_eq!(
        (request.body.len(), request.bytes, request.cut, request.complete),
        (1000, 100_000, true, true)
    );
    assert_eq!(calls[0].quality, Quality::Complete);
}

#[test]
fn what_lasts_is_reported_as_pending_and_what_is_short_once() {
    let mut talk = Talk::open(4000);
    talk.send(Client, &get("/short"));
    talk.send(Server, OK);
    talk.send(Client, &get("/long"));
    talk.wait(100);
    talk.ack(Server);
    talk.send(Server, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab");
    talk.wait(600);
    talk.ack(Client);
    talk.wait(600);
    talk.send(Server, b"cd");
    let reports: Vec<_> = reports(&talk.packets)
        .iter()
        .map(|e| (e.target.clone(), e.status.is_some(), e.response.as_ref().map_or(0, |r| r.bytes), e.done))
        .collect();
    let expected = [
        ("/short".to_owned(), true, 2, true),
        ("/long".to_owned(), false, 0, false),
        ("/long".to_owned(), true, 2, false),
        ("/long".to_owned(), true, 4, true),
    ];
    assert_eq!(reports, expected);
}

#[test]
fn a_reset_ends_what_is_pending_and_tells_no_status() {
    let mut talk = Talk::open(4000);
    talk.send(Client, &get("/a"));
    talk.send(Server, b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    talk.send(Client, &get("/b"));
    talk.rst(Server);
    let calls = exchanges(&talk.packets);
    assert_eq!(
        calls.iter().map(line).collect::<Vec<_>>(),
        ["GET /a 200 complete 0/3 Reset", "GET /b - no-response 0/- Reset"]
    );
    assert!(!calls[0].response.as_ref().unwrap().complete);
}

#[test]
fn a_connection_that_is_older_than_the_capture_is_followed_from_its_next_call() {
    let mut talk = Talk::new(4000);
    talk.send(Server, b"end of a body that began before");
    talk.send(Client, &get("/a"));
    talk.send(Server, OK);
    talk.close();
    assert_eq!(lines(&talk.packets), ["tcp - mid-stream 0/31 Open", "GET /a 200 complete 0/2 Open"]);
    let mut talk = Talk::new(4000);
    talk.send(Server, OK);
    talk.send(Client, &get("/a"));
    talk.send(Server, OK);
    talk.close();
    assert_eq!(lines(&talk.packets), ["http/1 200 no-request 0/2 Open", "GET /a 200 complete 0/2 Open"]);
}

#[test]
fn many_pipelined_requests_stay_in_order_within_the_bound() {
    let mut talk = Talk::open(4000);
    for n in 0..20 {
        talk.send(Client, &get(&format!("/{n}")));
    }
    for n in 0..20 {
        talk.send(Server, format!("HTTP/1.1 {} X\r\nContent-Length: 0\r\n\r\n", 200 + n).as_bytes());
    }
    talk.close();
    let limits = wire::Limits { pending_per_flow: 5, ..wire::Limits::new(100) };
    let mut calls = packets::last(packets::reports_within(&talk.packets, limits));
    calls.retain(|call| call.status.is_some());
    let seen: Vec<_> = calls.iter().map(|c| (c.target.clone(), c.status.clone().unwrap())).collect();
    let expected: Vec<_> = (15..20).map(|n| (format!("/{n}"), (200 + n).to_string())).collect();
    assert_eq!(seen, expected);
    assert_eq!(lines(&talk.packets).len(), 20);
}

#[test]
fn an_open_connection_at_the_end_of_the_capture_is_not_called_closed() {
    let mut talk = Talk::open(4000);
    talk.send(Client, &get("/a"));
    let calls = exchanges(&talk.packets);
    assert_eq!((calls[0].ending, calls[0].quality), (Ending::Open, Quality::NoResponse));
}
