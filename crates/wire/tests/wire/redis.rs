//! Redis over whole connections: what is asked and answered, pushed, hidden, and lost.

use model::exchange::{Exchange, Protocol, Quality, TopicRole};
use wire::Limits;

use crate::packets::{By, Client, Packet, Server, Talk, exchanges, last, line, reports, reports_within};

fn talk(parts: &[(By, &str)]) -> Talk {
    let mut talk = Talk::open(4000);
    for (by, bytes) in parts {
        talk.send(*by, bytes.as_bytes());
    }
    talk.close();
    talk
}

/// A command as clients send it.
fn command(line: &str) -> String {
    strings('*', &line.split(' ').collect::<Vec<_>>())
}

/// An array of bulk strings, or a push.
fn strings(kind: char, words: &[&str]) -> String {
    let items: Vec<_> = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
    format!("{kind}{}\r\n{}", words.len(), items.concat())
}

#[test]
fn a_long_subscription_shows_how_it_began_and_its_newest_messages() {
    let mut talk = Talk::open(4000);
    talk.send(Client, command("SUBSCRIBE news").as_bytes());
    talk.send(Server, strings('*', &["subscribe", "news"]).replace("*2", "*3").as_bytes());
    talk.send(Server, b":1\r\n");
    for number in 0..1500 {
        talk.send(Server, strings('*', &["message", "news", &format!("m{number}")]).as_bytes());
    }
    let calls = exchanges(&talk.packets);
    let response = calls[0].response.as_ref().unwrap();
    assert_eq!((response.messages, response.left_out()), (1500, 1500 - response.parts.len() as u64));
    let body = text(&response.body);
    assert!(body.starts_with("m0m1m2m3") && body.ends_with("m1498m1499"), "{body}");
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// `method target status quality: request -> response`, and what else there is to say.
fn told(exchange: &Exchange) -> String {
    assert_eq!(exchange.protocol, Protocol::Redis, "{exchange:?}");
    let status = exchange.status.as_deref().unwrap_or("-");
    let answer = exchange.response.as_ref().map_or("-".to_owned(), |response| text(&response.body));
    let failed = if exchange.failure.is_some() { " failed" } else { "" };
    let quality = match exchange.quality.name() {
        "complete" => String::new(),
        other => format!(" {other}"),
    };
    let request = text(&exchange.request.body);
    format!("{} {}: {status}{failed}{quality}: {request} -> {answer}", exchange.method, exchange.target)
}

fn all_told(talk: &Talk) -> Vec<String> {
    exchanges(&talk.packets).iter().map(told).collect()
}

#[test]
fn commands_get_their_replies() {
    let (set, get, missing) =
        (command("SET user:7 {\"id\":7}"), command("GET user:7"), command("get nobody"));
    let (push, wrong) = (command("LPUSH queue a b"), command("INCR queue"));
    let talk = talk(&[
        (Client, &set),
        (Server, "+OK\r\n"),
        (Client, &get),
        (Server, "$8\r\n{\"id\":7}\r\n"),
        (Client, &missing),
        (Server, "$-1\r\n"),
        (Client, &push),
        (Server, ":2\r\n"),
        (Client, &wrong),
        (Server, "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
    ]);
    let calls = exchanges(&talk.packets);
    assert_eq!(
        calls.iter().map(told).collect::<Vec<_>>(),
        [
            "SET user:7: OK: SET user:7 '{\"id\":7}' -> OK",
            "GET user:7: string: GET user:7 -> {\"id\":7}",
            "GET nobody: nil: get nobody -> (nil)",
            "LPUSH queue: integer: LPUSH queue a b -> 2",
            "INCR queue: WRONGTYPE failed: INCR queue -> WRONGTYPE Operation against a key holding the wrong kind of value",
        ]
    );
    let get = &calls[1];
    let response = get.response.as_ref().unwrap();
    assert_eq!((get.request.bytes, response.bytes), (25, 14));
    assert_eq!(response.media.as_deref(), Some("application/json"));
    assert!(get.request.complete && response.complete && !response.cut);
    let topic = calls[3].topic.as_ref().unwrap();
    assert_eq!((topic.role, topic.name.as_str()), (TopicRole::Sends, "queue"));
}

#[test]
fn pipelined_and_inline_commands_are_answered_in_their_order() {
    let talk = talk(&[
        (Client, "PING\r\nset k \"a b\"\r\nGET k\r\n"),
        (Server, "+PONG\r\n+OK\r\n$3\r\na b\r\n"),
        (Client, &[command("EXISTS k"), command("NOSUCH x")].concat()),
        (Server, ":1\r\n-ERR unknown command\r\n"),
    ]);
    assert_eq!(
        all_told(&talk),
        [
            "PING : PONG: PING -> PONG",
            "SET k: OK: set k \"a b\" -> OK",
            "GET k: string: GET k -> a b",
            "EXISTS k: integer: EXISTS k -> 1",
            "NOSUCH x: ERR failed: NOSUCH x -> ERR unknown command",
        ]
    );
}

#[test]
fn of_a_pipeline_beyond_the_bound_no_command_is_said_to_have_failed() {
    let mut talk = Talk::open(4000);
    for _ in 0..100 {
        talk.send(Client, command("SET k 1").repeat(100).as_bytes());
    }
    for _ in 0..100 {
        talk.send(Server, "+OK\r\n".repeat(100).as_bytes());
    }
    let calls = exchanges(&talk.packets);
    let of = |quality| calls.iter().filter(|call| call.quality == quality).count();
    assert_eq!((of(Quality::Complete) + of(Quality::Truncated), calls.len()), (10_000, 10_000));
    assert_eq!(of(Quality::Complete), Limits::new(0).pending_per_flow);
}

#[test]
fn what_a_transaction_queues_is_answered_so_and_its_end_tells_what_failed() {
    let talk = talk(&[
        (Client, &[command("MULTI"), command("SET k 1"), command("LPUSH k a"), command("EXEC")].concat()),
        (Server, "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n-WRONGTYPE no list\r\n"),
        (Client, &command("EXEC")),
        (Server, "*-1\r\n"),
    ]);
    assert_eq!(
        all_told(&talk),
        [
            "MULTI : OK: MULTI -> OK",
            "SET k: QUEUED: SET k 1 -> QUEUED",
            "LPUSH k: QUEUED: LPUSH k a -> QUEUED",
            "EXEC : WRONGTYPE failed: EXEC -> 1) OK\n2) (error) WRONGTYPE no list",
            "EXEC : nil: EXEC -> (nil)",
        ]
    );
}

#[test]
fn passwords_are_not_told() {
    let hello = command("HELLO 3 AUTH app s3cret SETNAME web");
    let talk = talk(&[
        (Client, &command("AUTH s3cret")),
        (Server, "-WRONGPASS invalid\r\n"),
        (Client, &hello),
        (Server, "%1\r\n+server\r\n+redis\r\n"),
        (Client, &[command("CONFIG SET requirepass s3cret"), command("CONFIG GET requirepass")].concat()),
        (Server, "+OK\r\n*2\r\n$11\r\nrequirepass\r\n$6\r\ns3cret\r\n"),
        (Client, &[command("ACL SETUSER bob on >s3cret"), command("ACL GETUSER bob")].concat()),
        (Server, "+OK\r\n*2\r\n$9\r\npasswords\r\n*1\r\n$6\r\ns3cret\r\n"),
        (Client, "AUTH s3cret\r\n"),
        (Server, "+OK\r\n"),
    ]);
    let calls = exchanges(&talk.packets);
    assert_eq!(
        told(&calls[1]),
        "HELLO 3: map: HELLO 3 AUTH app [redacted] SETNAME web -> 1# server => redis"
    );
    assert_eq!(calls.len(), 7);
    for call in &calls {
        assert!(!format!("{call:?}").contains("s3cret") && !told(call).contains("s3cret"), "{}", told(call));
    }
}

#[test]
fn commands_that_are_not_answered_by_design_are_whole() {
    let talk = talk(&[
        (Client, "PING\r\nCLIENT REPLY OFF\r\nSET a 1\r\nCLIENT REPLY SKIP\r\nCLIENT REPLY ON\r\n"),
        (Server, "+PONG\r\n+OK\r\n"),
        (Client, "CLIENT REPLY SKIP\r\nSET a 2\r\nGET a\r\n"),
        (Server, "$1\r\n2\r\n"),
    ]);
    assert_eq!(
        all_told(&talk),
        [
            "PING : PONG: PING -> PONG",
            "CLIENT REPLY OFF: -: CLIENT REPLY OFF -> -",
            "SET a: -: SET a 1 -> -",
            "CLIENT REPLY SKIP: -: CLIENT REPLY SKIP -> -",
            "CLIENT REPLY ON: OK: CLIENT REPLY ON -> OK",
            "CLIENT REPLY SKIP: -: CLIENT REPLY SKIP -> -",
            "SET a: -: SET a 2 -> -",
            "GET a: string: GET a -> 2",
        ]
    );
}

#[test]
fn blocking_commands_wait_and_tell_from_where_they_got_something() {
    let talk = talk(&[
        (Client, &command("BLPOP first second 0")),
        (Server, &strings('*', &["second", "job"])),
        (Client, &command("XREAD BLOCK 0 STREAMS s $")),
        (Server, "%1\r\n$1\r\ns\r\n*0\r\n"),
        (Client, &command("BRPOP none 1")),
        (Server, "*-1\r\n"),
        (Client, &command("XREAD STREAMS s 0")),
        (Server, "*-1\r\n"),
    ]);
    let calls = exchanges(&talk.packets);
    let seen: Vec<_> = calls
        .iter()
        .map(|call| {
            let topic = call.topic.as_ref().unwrap();
            (call.target.as_str(), call.waits, topic.name.as_str(), topic.role)
        })
        .collect();
    let gets = TopicRole::Receives;
    assert_eq!(
        seen,
        [
            ("first", true, "second", gets),
            ("s", true, "s", gets),
            ("none", true, "none", gets),
            ("s", false, "s", gets)
        ]
    );
}

/// Subscriptions as either version pushes them; only the type byte differs.
fn subscriber(kind: char) -> Talk {
    let mut talk = Talk::open(4000);
    let push = |words: &[&str]| strings(kind, words);
    let confirm = |what: &str, place: &str, n: u8| {
        format!("{kind}3\r\n${}\r\n{what}\r\n${}\r\n{place}\r\n:{n}\r\n", what.len(), place.len())
    };
    let parts = [
        (Client, command("SUBSCRIBE news sport")),
        (Server, [confirm("subscribe", "news", 1), confirm("subscribe", "sport", 2)].concat()),
        (Client, command("PSUBSCRIBE n*")),
        (Server, confirm("psubscribe", "n*", 3)),
        (
            Server,
            [push(&["message", "news", "{\"n\":1}"]), push(&["pmessage", "n*", "news", "{\"n\":1}"])]
                .concat(),
        ),
        (Server, push(&["message", "sport", "goal"])),
        (Server, push(&["message", "news", "two"])),
        (Client, command("UNSUBSCRIBE news")),
        (Server, confirm("unsubscribe", "news", 2)),
        (Client, [command("UNSUBSCRIBE"), command("PING")].concat()),
        (Server, confirm("unsubscribe", "sport", 1)),
        (Server, if kind == '>' { "+PONG\r\n".to_owned() } else { strings('*', &["pong", ""]) }),
    ];
    for (by, bytes) in parts {
        talk.send(by, bytes.as_bytes());
    }
    talk.close();
    talk
}

#[test]
fn each_subscription_is_a_call_that_gets_its_messages() {
    for (kind, pong) in
        [('*', "PING : array: PING -> 1) \"pong\"\n2) \"\""), ('>', "PING : PONG: PING -> PONG")]
    {
        let calls = exchanges(&subscriber(kind).packets);
        assert_eq!(
            calls.iter().map(told).collect::<Vec<_>>(),
            [
                "SUBSCRIBE news: subscribe: SUBSCRIBE news sport -> {\"n\":1}two",
                "SUBSCRIBE sport: subscribe: SUBSCRIBE news sport -> goal",
                "PSUBSCRIBE n*: psubscribe: PSUBSCRIBE n* -> {\"n\":1}",
                "UNSUBSCRIBE news: unsubscribe: UNSUBSCRIBE news -> 1) \"unsubscribe\"\n2) \"news\"\n3) (integer) 2",
                "UNSUBSCRIBE : unsubscribe: UNSUBSCRIBE -> 1) \"unsubscribe\"\n2) \"sport\"\n3) (integer) 1",
                pong,
            ]
        );
        let parts = |call: &Exchange| -> Vec<_> {
            let response = call.response.as_ref().unwrap();
            response.parts.iter().map(|part| (part.kind.clone(), part.kept)).collect()
        };
        assert_eq!(parts(&calls[0]), [("message".to_owned(), 7), ("message".to_owned(), 3)]);
        assert_eq!(parts(&calls[2]), [("message news".to_owned(), 7)]);
        let complete = |call: &Exchange| call.response.as_ref().unwrap().complete;
        assert!(complete(&calls[0]) && complete(&calls[1]) && !complete(&calls[2]));
        for call in &calls[..3] {
            let topic = call.topic.as_ref().unwrap();
            assert!(call.waits && topic.role == TopicRole::Receives && topic.name == call.target);
        }
    }
}

#[test]
fn a_refused_subscription_is_answered_for_all_its_channels() {
    let talk = talk(&[
        (Client, &[command("SUBSCRIBE a b"), command("GET k")].concat()),
        (Server, "-NOPERM no permissions\r\n$1\r\nv\r\n"),
    ]);
    assert_eq!(
        all_told(&talk),
        [
            "SUBSCRIBE a: NOPERM failed: SUBSCRIBE a b -> NOPERM no permissions",
            "SUBSCRIBE b: NOPERM failed: SUBSCRIBE a b -> NOPERM no permissions",
            "GET k: string: GET k -> v",
        ]
    );
}

#[test]
fn a_list_that_looks_like_a_message_is_a_reply_where_nobody_listens() {
    let list = strings('*', &["message", "news", "x"]);
    let talk = talk(&[(Client, &command("LRANGE l 0 -1")), (Server, &list)]);
    let told = all_told(&talk);
    assert_eq!(told, ["LRANGE l: array: LRANGE l 0 -1 -> 1) \"message\"\n2) \"news\"\n3) \"x\""]);
}

#[test]
fn what_is_pushed_unasked_is_one_call_beside_the_others() {
    let invalidate = |key: &str| format!(">2\r\n$10\r\ninvalidate\r\n*1\r\n${}\r\n{key}\r\n", key.len());
    let talk = talk(&[
        (Client, &command("CLIENT TRACKING ON")),
        (Server, "+OK\r\n"),
        (Client, &command("GET k")),
        (Server, &[invalidate("a"), "$1\r\nv\r\n".to_owned(), invalidate("b")].concat()),
    ]);
    assert_eq!(
        all_told(&talk),
        [
            "CLIENT TRACKING ON: OK: CLIENT TRACKING ON -> OK",
            "GET k: string: GET k -> v",
            "PUSH invalidate: -:  -> 1) \"invalidate\"\n2) 1) \"a\"1) \"invalidate\"\n2) 1) \"b\"",
        ]
    );
}

#[test]
fn a_monitor_collects_what_the_server_does_until_it_is_reset() {
    let seen = "1339518083.107412 [0 127.0.0.1:60866] \"keys\" \"*\"";
    let talk = talk(&[
        (Client, &command("MONITOR")),
        (Server, &format!("+OK\r\n+{seen}\r\n")),
        (Server, &format!("+{seen}\r\n")),
        (Client, &command("RESET")),
        (Server, "+RESET\r\n"),
    ]);
    let calls = exchanges(&talk.packets);
    let [monitor, reset] = &calls[..] else { panic!("{calls:?}") };
    assert_eq!(told(monitor), format!("MONITOR : OK: MONITOR -> {seen}{seen}"));
    let response = monitor.response.as_ref().unwrap();
    assert_eq!((response.bytes, response.parts.len(), response.complete), (5 + 2 * 51, 2, true));
    assert!(monitor.waits && !reset.waits);
}

#[test]
fn a_replica_s_connection_is_counted_to_its_end() {
    let talk = talk(&[
        (Client, &command("PING")),
        (Server, "+PONG\r\n"),
        (Client, &command("PSYNC ? -1")),
        (
            Server,
            "\n\n+FULLRESYNC 8de1787ba490483314a4d30f1c628bc5025eb761 0\r\n$5\r\nREDIS*1\r\n$4\r\nPING\r\n",
        ),
        (Client, &command("REPLCONF ACK 0")),
    ]);
    let calls = exchanges(&talk.packets);
    assert_eq!(line(&calls[1]), "PSYNC  FULLRESYNC complete 64/79 Closed");
    assert!(calls[1].waits && calls.len() == 2);
}

#[test]
fn a_value_of_three_megabytes_has_its_true_size_and_a_short_body() {
    let value = "x".repeat(3_000_000);
    let mut talk = Talk::open(4000);
    talk.send_cut(Client, command(&format!("SET big {value}")).as_bytes(), 1400);
    talk.send(Server, b"+OK\r\n");
    talk.send_cut(Client, command("GET big").as_bytes(), 1400);
    talk.send_cut(Server, format!("$3000000\r\n{value}\r\n").as_bytes(), 1400);
    talk.close();
    let calls = exchanges(&talk.packets);
    assert_eq!(
        calls.iter().map(line).collect::<Vec<_>>(),
        ["SET big OK complete 3000034/5 Open", "GET big string complete 22/3000012 Open"]
    );
    let response = calls[1].response.as_ref().unwrap();
    assert!(calls[0].request.cut && calls[0].request.body.len() == 64 * 1024);
    assert!(response.cut && response.complete && response.body.len() == 64 * 1024);
}

#[test]
fn a_server_that_refuses_before_it_is_asked_is_heard() {
    let talk =
        talk(&[(Server, "-DENIED Redis is running in protected mode because protected mode is enabled\r\n")]);
    let calls = exchanges(&talk.packets);
    assert_eq!(line(&calls[0]), "redis DENIED no-request 0/78 Open");
    assert!(calls[0].failure.is_some());
}

#[test]
fn a_command_that_takes_long_is_reported_while_it_waits() {
    let mut talk = Talk::open(4000);
    talk.send(Client, command("BLPOP queue 0").as_bytes());
    talk.wait(1000);
    talk.send(Server, strings('*', &["queue", "job"]).as_bytes());
    talk.close();
    let all = reports(&talk.packets);
    assert_eq!((all.len(), all[0].done, all[0].response.is_none()), (2, false, true));
    let calls = last(all);
    let waited = calls[0].response.as_ref().unwrap().last.since(calls[0].request.first);
    assert!(waited.as_millis() >= 1000);
}

/// Everything but the packets whose number is in `lost`.
fn without(talk: &Talk, lost: &[usize]) -> Vec<Packet> {
    let kept = talk.packets.iter().enumerate().filter(|(number, _)| !lost.contains(number));
    kept.map(|(_, packet)| packet.clone()).collect()
}

#[test]
fn a_lost_reply_is_not_made_up_and_the_next_one_finds_its_command() {
    let mut talk = Talk::open(4000);
    for key in ["a", "b", "c"] {
        talk.send(Client, command(&format!("GET {key}")).as_bytes());
        talk.send(Server, format!("$1\r\n{key}\r\n").as_bytes());
        talk.ack(Client);
    }
    talk.close();
    // Three packets of handshake, then three for each command.
    let told = |lost: &[usize]| -> Vec<_> { exchanges(&without(&talk, lost)).iter().map(told).collect() };
    let [a, b, c] = ["a", "b", "c"].map(|key| format!("GET {key}: string: GET {key} -> {key}"));
    assert_eq!(told(&[]), [a.clone(), b, c.clone()]);
    assert_eq!(told(&[7]), [a.clone(), "GET b: - gap: GET b -> -".to_owned(), c.clone()]);
    assert_eq!(told(&[6]), [a.clone(), " : string no-request:  -> b".to_owned(), c.clone()]);
    assert_eq!(told(&[6, 7]), [a, c]);
}

#[test]
fn a_loss_among_pipelined_commands_pairs_nothing_wrongly_and_the_next_turn_is_clear() {
    let mut talk = Talk::open(4000);
    talk.send(Client, ["x", "a", "b", "c"].map(|key| command(&format!("GET {key}"))).concat().as_bytes());
    for key in ["x", "a", "b", "c"] {
        talk.send(Server, format!("$1\r\n{key}\r\n").as_bytes());
    }
    talk.ack(Client);
    talk.send(Client, command("GET d").as_bytes());
    talk.send(Server, b"$1\r\nd\r\n");
    talk.close();
    let calls: Vec<_> = exchanges(&without(&talk, &[5])).iter().map(told).collect();
    assert_eq!(
        calls,
        [
            "GET x: string: GET x -> x",
            "GET a: - gap: GET a -> -",
            "GET b: - gap: GET b -> -",
            "GET c: - gap: GET c -> -",
            "GET d: string: GET d -> d",
        ]
    );
}

#[test]
fn a_lost_push_marks_its_subscription_and_the_next_ones_are_read() {
    let mut talk = Talk::open(4000);
    talk.send(Client, command("SUBSCRIBE news").as_bytes());
    talk.send(Server, b"*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
    for text in ["one", "two", "three"] {
        talk.send(Server, strings('*', &["message", "news", text]).as_bytes());
        talk.ack(Client);
    }
    talk.close();
    let calls: Vec<_> = exchanges(&without(&talk, &[7])).iter().map(told).collect();
    assert_eq!(calls, ["SUBSCRIBE news: subscribe gap: SUBSCRIBE news -> onethree"]);
}

#[test]
fn a_connection_that_is_older_than_the_capture_is_read_from_its_next_message() {
    let mut talk = Talk::new(50000);
    talk.ports.1 = 6379;
    talk.send(Client, command("GET k").as_bytes());
    talk.send(Server, b"$1\r\nv\r\n");
    talk.close();
    assert_eq!(all_told(&talk), ["GET k: string: GET k -> v"]);
    let mut listens = Talk::new(50000);
    listens.ports.1 = 6379;
    listens.send(Server, strings('*', &["message", "news", "hi"]).as_bytes());
    listens.close();
    assert_eq!(all_told(&listens), ["SUBSCRIBE news: - mid-stream:  -> hi"]);
}

#[test]
fn a_cut_capture_keeps_names_statuses_and_sizes() {
    let value = "v".repeat(1000);
    let mut talk = Talk::open(4000);
    talk.send(Client, command(&format!("SET k {value}")).as_bytes());
    talk.send(Server, b"+OK\r\n");
    talk.send(Client, command("GET k").as_bytes());
    talk.send(Server, format!("$1000\r\n{value}\r\n").as_bytes());
    talk.close();
    let cut: Vec<_> = talk
        .packets
        .iter()
        .map(|packet| Packet {
            bytes: packet.bytes[..packet.bytes.len().min(200)].to_vec(),
            ..packet.clone()
        })
        .collect();
    let calls: Vec<_> = exchanges(&cut).iter().map(line).collect();
    assert_eq!(calls, ["SET k OK truncated 1029/5 Open", "GET k string truncated 20/1009 Open"]);
    // What would not have been kept is not missed.
    let calls: Vec<_> = last(reports_within(&cut, Limits::new(50))).iter().map(line).collect();
    assert_eq!(calls, ["SET k OK complete 1029/5 Open", "GET k string complete 20/1009 Open"]);
}
