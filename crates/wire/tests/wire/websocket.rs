//! WebSocket over whole connections, and in captures of real programs.

use flate2::{Compress, Compression, FlushCompress};
use model::exchange::{Ending, Exchange, Protocol, Quality};
use proptest::prelude::*;
use wire::Limits;

use crate::packets::{
    By, Client, Packet, Server, Talk, captured, exchanges, last, line, parts, reports_within,
};
use crate::properties::mixed;

const DEFLATE: &str = "Sec-WebSocket-Extensions: permessage-deflate\r\n";

/// A connection that has switched, by a response with these lines.
fn switched(lines: &str) -> Talk {
    let mut talk = Talk::open(4000);
    talk.send(
        Client,
        b"GET /chat?token=secret HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    );
    let response = format!("HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\n{lines}\r\n");
    talk.send(Server, response.as_bytes());
    talk
}

/// A frame whose first byte is given.
fn frame(by: By, first: u8, payload: &[u8]) -> Vec<u8> {
    let mask: u8 = if by == Client { 128 } else { 0 };
    let mut bytes = vec![first];
    match payload.len() {
        short @ ..126 => bytes.push(mask + short as u8),
        middle @ ..65536 => {
            bytes.push(mask + 126);
            bytes.extend((middle as u16).to_be_bytes());
        }
        long => {
            bytes.push(mask + 127);
            bytes.extend((long as u64).to_be_bytes());
        }
    }
    if by == Client {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        bytes.extend(key);
        bytes.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    } else {
        bytes.extend(payload);
    }
    bytes
}

fn pack(context: &mut Compress, message: &[u8]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(message.len() + 1024);
    context.compress_vec(message, &mut packed, FlushCompress::Sync).unwrap();
    packed.truncate(packed.len() - 4);
    packed
}

/// The exchange behind the one that asked for the switch.
fn socket(packets: &[Packet]) -> Exchange {
    let calls = exchanges(packets);
    let [asked, socket] = &calls[..] else { panic!("{:?}", calls.iter().map(line).collect::<Vec<_>>()) };
    assert_eq!(line(asked), "GET /chat?token=secret 101 complete 0/0 Open");
    assert_eq!((socket.protocol, socket.waits), (Protocol::WebSocket, true));
    socket.clone()
}

#[test]
fn a_conversation_is_one_exchange_with_its_messages() {
    let mut talk = switched("Sec-WebSocket-Protocol: chat.v1\r\n");
    talk.send(Client, &frame(Client, 0x81, b"hello"));
    talk.send(Server, &[frame(Server, 0x89, b"?"), frame(Server, 0x82, &[0xff; 200])].concat());
    talk.send(Client, &frame(Client, 0x8a, b"?"));
    talk.send(Client, &frame(Client, 0x88, b"\x03\xe8"));
    talk.send(Server, &frame(Server, 0x88, b"\x03\xe8"));
    talk.close();
    let socket = socket(&talk.packets);
    assert_eq!(line(&socket), "WebSocket /chat 1000 complete 8/203 Closed");
    let expected =
        ["> text 5 hello", "< ping 1 ?", "< binary 200", "> pong 1 ?", "> close 1000 0", "< close 1000 0"];
    assert_eq!(parts(&socket), expected);
    assert_eq!(socket.request.headers, [("sec-websocket-protocol".to_owned(), "chat.v1".to_owned())]);
    assert_eq!((socket.request.body.as_slice(), socket.request.cut), (&b"hello?"[..], false));
    let response = socket.response.unwrap();
    assert_eq!((response.complete, response.first), (true, talk.packets[6].at));
    assert_eq!((socket.request.first, socket.failure), (talk.packets[4].at, None));
}

#[test]
fn fragments_are_joined_and_control_frames_may_come_between() {
    let mut talk = switched("");
    talk.send(Server, &frame(Server, 0x01, b"he"));
    talk.send(Server, &frame(Server, 0x00, b""));
    talk.send(Server, &frame(Server, 0x89, b"mid"));
    talk.send(Server, &frame(Server, 0x80, b"llo"));
    // One that another message cuts short, and the end of one that never began.
    talk.send(Server, &frame(Server, 0x02, b"short"));
    talk.send(Server, &frame(Server, 0x81, b"whole"));
    talk.send(Server, &frame(Server, 0x80, b"tail"));
    let socket = socket(&talk.packets);
    let expected =
        ["< ping 3 mid", "< text 5 hello", "< binary 5 short", "< text 5 whole", "< continuation 4"];
    assert_eq!(parts(&socket), expected);
}

#[test]
fn frames_in_the_packet_of_the_response_are_seen() {
    let mut talk = Talk::open(4000);
    talk.send(Client, b"GET /chat?token=secret HTTP/1.1\r\nUpgrade: websocket\r\n\r\n");
    let response = [&b"HTTP/1.1 101 Ok\r\n\r\n"[..], &frame(Server, 0x81, b"early")].concat();
    talk.send(Server, &response);
    assert_eq!(parts(&socket(&talk.packets)), ["< text 5 early"]);
}

#[test]
fn compressed_messages_are_read_with_and_without_context() {
    for words in ["", "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12"] {
        let mut talk = switched(&format!("Sec-WebSocket-Extensions: permessage-deflate{words}\r\n"));
        for by in [Client, Server] {
            let mut sender = Compress::new(Compression::best(), false);
            for n in 0..3 {
                let message = format!("{{\"message\":{n},\"message\":{n}}}");
                let packed = pack(&mut sender, message.as_bytes());
                if !words.is_empty() {
                    sender.reset();
                }
                if n == 1 {
                    let (begin, end) = packed.split_at(5);
                    talk.send(by, &frame(by, 0x41, begin));
                    talk.send(by, &frame(by, 0x89, b""));
                    talk.send(by, &frame(by, 0x80, end));
                } else {
                    talk.send(by, &frame(by, 0xc1, &packed));
                }
                // A sender may leave a message as it is, and that is no part of the context.
                talk.send(by, &frame(by, 0x81, b"plain"));
            }
        }
        let socket = socket(&talk.packets);
        let expected: Vec<String> = [">", "<"]
            .iter()
            .flat_map(|arrow| {
                (0..3).flat_map(move |n| {
                    let ping = (n == 1).then(|| format!("{arrow} ping 0"));
                    let text = format!("{arrow} text 25 {{\"message\":{n},\"message\":{n}}}");
                    ping.into_iter().chain([text, format!("{arrow} text 5 plain")])
                })
            })
            .collect();
        assert_eq!(parts(&socket), expected, "{words}");
        assert!(socket.request.bytes < 75 && !socket.request.cut);
    }
}

#[test]
fn a_code_that_is_no_orderly_end_is_a_failure() {
    type Case = (Option<&'static [u8]>, Option<&'static str>, Option<&'static str>);
    let cases: [Case; 7] = [
        (Some(b"\x03\xe8bye"), Some("1000"), None),
        (Some(b"\x03\xe9"), Some("1001"), None),
        (Some(b""), None, None),
        (Some(b"\x03\xf3"), Some("1011"), Some("internal error")),
        (Some(b"\x03\xf0no such room"), Some("1008"), Some("no such room")),
        (Some(b"\x0f\xa1who"), Some("4001"), None),
        (None, None, Some("closed without a close frame")),
    ];
    for (payload, status, failure) in cases {
        let mut talk = switched("");
        if let Some(payload) = payload {
            talk.send(Server, &frame(Server, 0x88, payload));
            // What the other end says later is only an echo.
            talk.send(Client, &frame(Client, 0x88, b"\x03\xea"));
        }
        talk.close();
        let socket = socket(&talk.packets);
        assert_eq!((socket.status.as_deref(), socket.failure.as_deref()), (status, failure), "{payload:?}");
        assert_eq!((socket.ending, socket.quality), (Ending::Closed, Quality::Complete));
    }
}

#[test]
fn what_is_no_frame_is_counted() {
    let mut talk = switched("");
    talk.send(Client, b"\xff\xff garbage");
    talk.send(Client, &frame(Client, 0x81, b"readable again"));
    talk.send(Server, &frame(Server, 0xc1, b"compressed, but nobody agreed to that"));
    let socket = socket(&talk.packets);
    assert_eq!(parts(&socket), ["> text 14 readable again"]);
    assert_eq!((socket.request.bytes, socket.response.unwrap().bytes), (24, 39));
}

#[test]
fn a_connection_without_a_message_is_an_exchange_as_well() {
    let mut talk = switched("");
    talk.rst(Server);
    let socket = socket(&talk.packets);
    assert_eq!(line(&socket), "WebSocket /chat - complete 0/- Reset");
}

#[test]
fn a_connection_that_is_older_than_the_capture_is_known_by_its_text() {
    let mut talk = Talk::new(4000);
    talk.send(Server, &frame(Server, 0x82, b"binary shows nothing"));
    talk.send(Client, &frame(Client, 0x81, b"{\"type\":\"ping\"}"));
    talk.send(Server, &frame(Server, 0x81, b"{\"type\":\"pong\"}"));
    talk.send(Server, &frame(Server, 0xc1, b"packed: unreadable"));
    let calls = exchanges(&talk.packets);
    let told: Vec<_> = calls.iter().map(line).collect();
    assert_eq!(told, ["WebSocket  - mid-stream 15/53 Open"]);
    let expected = [
        "< binary 20 binary shows nothing",
        "> text 15 {\"type\":\"ping\"}",
        "< text 15 {\"type\":\"pong\"}",
        "< text 18",
    ];
    assert_eq!(parts(&calls[0]), expected);
    assert_eq!(calls[0].failure, None);
}

#[test]
fn bodies_are_cut_and_small_messages_behind_large_ones_are_still_there() {
    let mut talk = switched("");
    talk.send_cut(Client, &frame(Client, 0x82, &vec![b'x'; 100_000]), 1400);
    talk.send_cut(Client, &frame(Client, 0x81, b"later"), 1400);
    let calls = last(reports_within(&talk.packets, Limits::new(1000)));
    let request = &calls[1].request;
    let sizes: Vec<_> = request.parts.iter().map(|part| (part.bytes, part.kept)).collect();
    assert_eq!((sizes, request.bytes, request.cut), (vec![(100_000, 500), (5, 5)], 100_005, true));
}

#[test]
fn tunnels_are_followed_into_what_they_carry() {
    let mut talk = Talk::open(4000);
    talk.send(Client, b"CONNECT orders:80 HTTP/1.1\r\n\r\n");
    talk.send(Server, b"HTTP/1.1 200 Connected\r\n\r\n");
    talk.send(Client, b"GET /chat?token=secret HTTP/1.1\r\nUpgrade: websocket\r\n\r\n");
    talk.send(Server, b"HTTP/1.1 101 Ok\r\nUpgrade: websocket\r\n\r\n");
    talk.send(Server, &frame(Server, 0x81, b"inside"));
    let calls = exchanges(&talk.packets);
    let told: Vec<_> = calls.iter().map(line).collect();
    let expected = [
        "CONNECT orders:80 200 complete 0/0 Open",
        "GET /chat?token=secret 101 complete 0/0 Open",
        "WebSocket /chat - complete 0/6 Open",
    ];
    assert_eq!(told, expected);
}

/// What is sent: who, and the message's size; whether it is in fragments.
fn said() -> impl Strategy<Value = (bool, usize, bool)> {
    (any::<bool>(), prop_oneof![0..300_usize, 6_000..7_000_usize, 65_500..65_600_usize], any::<bool>())
}

/// A connection whose messages begin with their number, and for each packet the message that it carries.
fn conversation(
    plans: &[(bool, usize, bool)],
    packs: bool,
    size: usize,
) -> (Vec<Packet>, Vec<Option<usize>>) {
    let mut talk = switched(if packs { DEFLATE } else { "" });
    let mut carries = vec![None; talk.packets.len()];
    let mut senders = [Compress::new(Compression::fast(), false), Compress::new(Compression::fast(), false)];
    for (n, (client, length, fragments)) in plans.iter().enumerate() {
        let by = if *client { Client } else { Server };
        let mut payload = format!("message {n} ").into_bytes();
        payload.extend((0..*length).map(|i| b'a' + ((i * i / 7) % 26) as u8));
        let packed = packs && n % 3 != 0;
        if packed {
            payload = pack(&mut senders[by as usize], &payload);
        }
        let first = if packed { 0x41 } else { 0x01 };
        let bytes = if *fragments {
            let (begin, end) = payload.split_at(payload.len() / 2);
            [frame(by, first, begin), frame(by, 0x89, b"ping"), frame(by, 0x80, end)].concat()
        } else {
            frame(by, first | 0x80, &payload)
        };
        talk.send_cut(by, &bytes, size);
        carries.resize(talk.packets.len() - 1, Some(n));
        carries.push(None);
    }
    for by in [Client, Server] {
        talk.send_cut(by, &frame(by, 0x88, b"\x03\xe8"), size);
    }
    talk.close();
    carries.resize(talk.packets.len(), None);
    (talk.packets, carries)
}

/// All that the messages say but their times, each direction by itself.
fn timeless(packets: &[Packet]) -> [Vec<String>; 2] {
    let socket = exchanges(packets).remove(1);
    let (sent, got) = parts(&socket).into_iter().partition(|part| part.starts_with('>'));
    [sent, got]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn the_same_messages_however_they_are_cut(
        plans in prop::collection::vec(said(), 0..8), packs in any::<bool>(), size in 1..3000_usize,
    ) {
        let whole = timeless(&conversation(&plans, packs, 60_000).0);
        prop_assert_eq!(&timeless(&conversation(&plans, packs, size.max(plans.len() * 20)).0), &whole);
        let messages = whole.iter().flatten().filter(|part| part.contains(" text ")).count();
        prop_assert_eq!(messages, plans.len());
    }

    #[test]
    fn the_same_messages_however_they_are_mixed_and_repeated(
        plans in prop::collection::vec(said(), 0..5), packs in any::<bool>(), size in 400..3000_usize,
        reach in 0..4_usize, dice in prop::collection::vec(any::<u8>(), 1..40),
    ) {
        let (packets, _) = conversation(&plans, packs, size);
        prop_assert_eq!(timeless(&mixed(&packets, reach, &dice)), timeless(&packets));
    }

    #[test]
    fn a_loss_touches_only_the_messages_it_hits(
        plans in prop::collection::vec((any::<bool>(), 0..7_000_usize, any::<bool>()), 1..8), size in 400..3000_usize, lost in any::<prop::sample::Index>(),
    ) {
        let (packets, carries) = conversation(&plans, false, size);
        let lost = lost.index(packets.len());
        let kept: Vec<_> =
            packets.iter().enumerate().filter(|(i, _)| *i != lost).map(|(_, p)| p.clone()).collect();
        let (unhurt, seen) = (timeless(&packets), exchanges(&kept).into_iter().next_back());
        let seen = seen.filter(|call| call.protocol == Protocol::WebSocket);
        // Without the switch nobody knows what it is, unless a text shows it.
        let told = seen.as_ref().map(parts).unwrap_or_default();
        for part in unhurt.iter().flatten().filter(|part| part.contains(" text ")) {
            let number: usize = part.split(' ').nth(4).unwrap().parse().unwrap();
            if seen.as_ref().is_some_and(|seen| !seen.target.is_empty()) && carries[lost] != Some(number) {
                prop_assert!(told.contains(part), "{number} is missing without {lost}");
            }
        }
        if let Some(seen) = seen && carries[lost].is_some() {
            prop_assert!(seen.quality != Quality::Complete);
        }
    }

    #[test]
    fn no_bytes_panic(
        frames in prop::collection::vec((any::<bool>(), any::<u8>(), prop::collection::vec(any::<u8>(), 0..300)), 0..20),
        tail in prop::collection::vec(any::<u8>(), 0..50),
    ) {
        let mut talk = switched(DEFLATE);
        for (client, first, payload) in frames {
            let by = if client { Client } else { Server };
            talk.send(by, &frame(by, first, &payload));
        }
        talk.send(Client, &tail);
        talk.close();
        prop_assert_eq!(exchanges(&talk.packets).len(), 2);
    }
}

macro_rules! capture {
    ($name:literal) => {
        captured(include_bytes!(concat!("../data/", $name)), Limits::new(64 * 1024))
    };
}

/// The only connection's exchanges as lines, and the messages.
fn told(calls: &[Exchange]) -> (Vec<String>, Vec<String>) {
    (calls.iter().map(line).collect(), calls.last().map(parts).unwrap_or_default())
}

#[test]
fn a_ping_is_the_same_in_the_response_s_packet_and_behind_it() {
    let [coalesced, separate] =
        [capture!("websocket/reply-ping-coalesced.pcap"), capture!("websocket/reply-ping-separate.pcap")];
    let expected = [
        "< ping 4 Zeek",
        "> pong 4 Zeek",
        "> text 11 Hello Zeek!",
        "< text 12 Hello there!",
        "> close 1000 0",
        "< close 1000 0",
    ];
    for calls in [coalesced, separate] {
        let (lines, messages) = told(&calls);
        assert_eq!(lines, ["GET / 101 complete 0/0 Open", "WebSocket / 1000 complete 17/18 Closed"]);
        assert_eq!(messages, expected);
    }
}

#[test]
fn every_capture_gives_the_reference_s_connections_and_messages() {
    // Paths are those of `websocket.log`; codes, kinds and sizes those of the reference's events, where its suite has
    // any. It tells of frames, we of messages, and of a code of 0 where there was none.
    let cases: [(Vec<Exchange>, &str, &[&str]); 9] = [
        (
            capture!("websocket/broker-websocket.pcap"),
            "WebSocket /v1/messages/json 1000 complete 1109/1690 Closed",
            &["> text 24", "< text 91", "< text 533", "> text 361", "> close 1000 0"],
        ),
        (
            capture!("websocket/fragmented-http-reply.pcap"),
            "WebSocket / 1000 complete 41/62 Closed",
            &["< ping 4", "> pong 4", "> binary 35", "< binary 56", "> close 1000 0", "< close 1000 0"],
        ),
        (
            capture!("websocket/jupyter-websocket.pcap"),
            "WebSocket /user/christian/api/kernels/f8645ecd-0a76-4bb1-9e6e-cb464276bc69/channels - complete 262/6983 Closed",
            &[
                "> binary 262",
                "< binary 539",
                "< binary 527",
                "< binary 1647",
                "< binary 515",
                "> close 0",
                "< close 0",
            ],
        ),
        (
            capture!("http/websocket.pcap"),
            "WebSocket /echo - complete 157/618 Closed",
            &["< binary 4", "> text 140", "> text 17", "< text 17", "> close 0", "< close 0"],
        ),
        (
            capture!("websocket/oversized-close-frame.pcap"),
            "WebSocket /chat 1000 complete 0/258 Closed",
            &["< close 1000 256"],
        ),
        (
            capture!("websocket/two-binary-fragments.pcap"),
            "WebSocket / 1000 complete 17/18 Closed",
            &["< ping 4", "> pong 4", "> binary 11", "< binary 12", "> close 1000 0", "< close 1000 0"],
        ),
        (
            capture!("websocket/wstunnel-http.pcap"),
            "WebSocket /v1/events 1000 complete 74/411 Reset",
            &["> binary 72", "< binary 409", "> close 1000 0", "< close 1000 0"],
        ),
        (
            capture!("websocket/wstunnel-https.pcap"),
            "WebSocket /v1/events 1000 complete 841/86110 Reset",
            &["> binary 517", "< binary 1420", "> close 1000 0", "< close 1000 0"],
        ),
        (
            capture!("websocket/wstunnel-ssh.pcap"),
            "WebSocket /v1/events 1000 complete 8847/7051 Reset",
            &["> binary 41", "< binary 41", "> close 1000 0", "< close 1000 0"],
        ),
    ];
    for (calls, expected, messages) in cases {
        let socket = calls.last().unwrap();
        assert_eq!((line(socket).as_str(), &socket.failure), (expected, &None));
        let parts = parts(socket);
        // Those that are named came in this order, among others.
        let mut rest = parts.iter();
        for message in messages {
            assert!(rest.any(|part| part.starts_with(message)), "{expected}: {message} in {parts:?}");
        }
        assert_eq!(calls.len(), if parts[0].starts_with("> binary 41") { 4 } else { 2 }, "{expected}");
    }
}

#[test]
fn connections_that_break_off_are_failures() {
    let (lines, messages) = told(&capture!("websocket/message-too-big-status.pcap"));
    assert_eq!(lines[1], "WebSocket / 1009 complete 31/6 Closed");
    assert_eq!(messages[1], "> close 1009 29 over size limit (4 > 2 bytes)");
    assert_eq!(
        capture!("websocket/message-too-big-status.pcap")[1].failure.as_deref(),
        Some("over size limit (4 > 2 bytes)")
    );
    // The server's answer to the client's key is wrong, and the client leaves without a word.
    let calls = capture!("websocket/wrong-accept-header.pcap");
    assert_eq!(line(&calls[1]), "WebSocket / - complete 0/4 Closed");
    assert_eq!(calls[1].failure.as_deref(), Some("closed without a close frame"));
}

#[test]
fn an_upgrade_to_raw_bytes_is_a_call_and_then_a_connection() {
    let calls = capture!("http/docker-http-upgrade.pcap");
    let attach = calls.iter().position(|call| call.status.as_deref() == Some("101")).unwrap();
    assert!(calls[attach].target.contains("/attach?"));
    assert_eq!(line(&calls[attach + 1]), "tcp - complete 41/468 Closed");
    assert_eq!((calls.len(), calls[attach].conn), (7, calls[attach + 1].conn));
}

#[test]
fn programs_compress_by_default() {
    let calls = capture!("websocket/python-websockets.pcap");
    let sockets: Vec<_> = calls.iter().filter(|call| call.protocol == Protocol::WebSocket).collect();
    let told: Vec<_> = sockets.iter().map(|call| (line(call), call.failure.as_deref())).collect();
    let expected = [
        ("WebSocket /chat 4000 complete 464/181 Closed", None),
        ("WebSocket /plain 1000 complete 16/60 Closed", None),
        ("WebSocket /gone - complete 10/34 Closed", Some("closed without a close frame")),
    ];
    assert_eq!(told, expected.map(|(line, failure)| (line.to_owned(), failure)));
    let messages = parts(sockets[0]);
    for (at, expected) in [
        (0, "> text 56 {\"type\": \"message\", \"text\": \"hello hello hello\", \"n\": 0}"),
        (4, "> text 56 {\"type\": \"message\", \"text\": \"hello hello hello\", \"n\": 2}"),
        (6, "> binary 5120"),
        (7, "< text 38 {\"echo\": 5120, \"echo again\": \"binary\"}"),
        (8, "> ping 13 are you there"),
        (13, "< close 4000 8 asked to"),
    ] {
        assert_eq!(messages[at], expected);
    }
    let fragments =
        "part 0 of a fragmented message, part 1 of a fragmented message, part 2 of a fragmented message, ";
    assert_eq!(messages[10], format!("> text 96 {fragments}"));
}
