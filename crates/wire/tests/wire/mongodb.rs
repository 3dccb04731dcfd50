//! MongoDB: commands and replies become calls.

use std::collections::BTreeSet;

use model::exchange::{Ending, Exchange, Protocol, Quality};
use proptest::prelude::*;
use wire::Limits;

use crate::packets::{By, Client, Packet, Server, Talk, exchanges, last, line, lines, reports_within};
use crate::properties::mixed;

enum V<'a> {
    Int(i32),
    Long(i64),
    Double(f64),
    Text(&'a str),
    Bool(bool),
    Doc(Vec<u8>),
    Array(Vec<V<'a>>),
}
use V::{Array, Bool, Doc, Double, Int, Long, Text};

fn doc(members: Vec<(&str, V<'_>)>) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in members {
        let (kind, bytes) = match value {
            Int(n) => (0x10, n.to_le_bytes().to_vec()),
            Long(n) => (0x12, n.to_le_bytes().to_vec()),
            Double(n) => (0x01, n.to_le_bytes().to_vec()),
            Bool(b) => (0x08, vec![u8::from(b)]),
            Text(text) => {
                (0x02, [&(text.len() as i32 + 1).to_le_bytes()[..], text.as_bytes(), &[0]].concat())
            }
            Doc(bytes) => (0x03, bytes),
            Array(values) => {
                let names: Vec<String> = (0..values.len()).map(|n| n.to_string()).collect();
                (0x04, doc(names.iter().map(String::as_str).zip(values).collect()))
            }
        };
        body.push(kind);
        body.extend(name.as_bytes());
        body.push(0);
        body.extend(bytes);
    }
    [&(body.len() as i32 + 5).to_le_bytes()[..], &body, &[0]].concat()
}

fn message(id: i32, answers: i32, opcode: i32, body: &[u8]) -> Vec<u8> {
    let head = [body.len() as i32 + 16, id, answers, opcode].map(i32::to_le_bytes).concat();
    [&head, body].concat()
}

fn msg(id: i32, answers: i32, flags: u32, sections: &[u8]) -> Vec<u8> {
    message(id, answers, 2013, &[&flags.to_le_bytes()[..], sections].concat())
}

fn section(document: &[u8]) -> Vec<u8> {
    [&[0][..], document].concat()
}

fn sequence(name: &str, documents: &[Vec<u8>]) -> Vec<u8> {
    let body = [name.as_bytes(), &[0], &documents.concat()].concat();
    [&[1][..], &(body.len() as i32 + 4).to_le_bytes(), &body].concat()
}

fn command(id: i32, members: Vec<(&str, V<'_>)>) -> Vec<u8> {
    let members = members.into_iter().chain([("$db", Text("shop"))]).collect();
    msg(id, 0, 0, &section(&doc(members)))
}

fn reply(id: i32, answers: i32, members: Vec<(&str, V<'_>)>) -> Vec<u8> {
    msg(id, answers, 0, &section(&doc(members)))
}

fn fine(id: i32, answers: i32) -> Vec<u8> {
    reply(id, answers, vec![("ok", Double(1.0))])
}

fn talk(steps: &[(By, Vec<u8>)]) -> Vec<Packet> {
    let mut talk = Talk::open(4000);
    for (by, bytes) in steps {
        talk.send(*by, bytes);
    }
    talk.packets
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

fn fact<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

#[test]
fn a_command_and_its_reply_are_a_call() {
    let cursor = doc(vec![
        ("firstBatch", Array(vec![Doc(doc(vec![("qty", Int(2))])), Doc(doc(vec![("qty", Int(3))]))])),
        ("id", Long(77)),
        ("ns", Text("shop.orders")),
    ]);
    let filter = doc(vec![("qty", Doc(doc(vec![("$gt", Int(1))])))]);
    let lsid = doc(vec![("id", Text("session"))]);
    let packets = talk(&[
        (Client, command(5, vec![("find", Text("orders")), ("filter", Doc(filter)), ("lsid", Doc(lsid))])),
        (Server, reply(9, 5, vec![("cursor", Doc(cursor)), ("ok", Double(1.0))])),
    ]);
    let calls = exchanges(&packets);
    assert_eq!(calls.len(), 1);
    let call = &calls[0];
    assert_eq!((call.protocol, call.waits, call.failure.is_some()), (Protocol::Mongodb, false, false));
    assert_eq!((call.method.as_str(), call.target.as_str()), ("find", "orders"));
    assert_eq!((call.status.as_deref(), call.quality), (Some("OK"), Quality::Complete));
    assert_eq!(fact(&call.request.headers, "db"), Some("shop"));
    assert_eq!(text(&call.request.body), r#"{"find":"orders","filter":{"qty":{"$gt":1}}}"#);
    let half = call.response.as_ref().unwrap();
    assert_eq!((fact(&half.headers, "returned"), fact(&half.headers, "cursor")), (Some("2"), Some("77")));
    assert_eq!(
        text(&half.body),
        r#"{"cursor":{"firstBatch":[{"qty":2},{"qty":3}],"id":77,"ns":"shop.orders"},"ok":1.0}"#
    );
    assert_eq!(half.media.as_deref(), Some("application/json"));
    assert!(half.complete && !half.cut);
}

#[test]
fn documents_beside_a_command_belong_to_it_and_a_checksum_does_not() {
    let documents = sequence("documents", &[doc(vec![("a", Int(1))]), doc(vec![("a", Int(2))])]);
    let own = section(&doc(vec![("insert", Text("orders")), ("$db", Text("shop"))]));
    for sections in [[own.clone(), documents.clone()].concat(), [documents.clone(), own.clone()].concat()] {
        for flags in [0, 1] {
            let checksum: &[u8] = if flags == 1 { &[1, 2, 3, 4] } else { &[] };
            let packets = talk(&[
                (Client, msg(1, 0, flags, &[&sections[..], checksum].concat())),
                (Server, reply(2, 1, vec![("n", Int(2)), ("ok", Double(1.0))])),
            ]);
            let calls = exchanges(&packets);
            assert_eq!((calls[0].method.as_str(), calls[0].target.as_str()), ("insert", "orders"));
            assert_eq!(text(&calls[0].request.body), r#"{"insert":"orders","documents":[{"a":1},{"a":2}]}"#);
            assert!(!calls[0].request.cut);
            assert_eq!(fact(&calls[0].response.as_ref().unwrap().headers, "n"), Some("2"));
        }
    }
}

#[test]
fn failures_are_told_in_the_servers_words() {
    let error = |members: Vec<(&'static str, V<'static>)>| Doc(doc(members));
    type Case<'a> = (Vec<(&'a str, V<'a>)>, &'a str, Option<&'a str>);
    let cases: Vec<Case<'_>> = vec![
        (vec![("ok", Double(1.0))], "OK", None),
        (vec![("ok", Int(1))], "OK", None),
        (
            vec![
                ("ok", Double(0.0)),
                ("errmsg", Text("no such command")),
                ("code", Int(59)),
                ("codeName", Text("CommandNotFound")),
            ],
            "CommandNotFound",
            Some("no such command"),
        ),
        (vec![("ok", Double(0.0)), ("errmsg", Text("bad")), ("code", Int(9))], "9", Some("bad")),
        (vec![("ok", Double(0.0))], "failed", Some("")),
        (
            vec![
                ("n", Int(0)),
                (
                    "writeErrors",
                    Array(vec![error(vec![("code", Int(11000)), ("errmsg", Text("E11000 dup"))])]),
                ),
                ("ok", Double(1.0)),
            ],
            "DuplicateKey",
            Some("E11000 dup"),
        ),
        (
            vec![
                (
                    "writeConcernError",
                    error(vec![
                        ("code", Int(64)),
                        ("codeName", Text("WriteConcernFailed")),
                        ("errmsg", Text("timed out")),
                    ]),
                ),
                ("ok", Double(1.0)),
            ],
            "WriteConcernFailed",
            Some("timed out"),
        ),
    ];
    for (members, status, failure) in cases {
        let packets =
            talk(&[(Client, command(1, vec![("insert", Text("a"))])), (Server, reply(2, 1, members))]);
        let calls = exchanges(&packets);
        assert_eq!((calls[0].status.as_deref(), calls[0].failure.as_deref()), (Some(status), failure));
    }
}

#[test]
fn replies_find_their_commands_in_any_order_and_some_need_none() {
    let quiet = section(&doc(vec![("insert", Text("log")), ("$db", Text("shop"))]));
    let packets = talk(&[
        (Client, command(1, vec![("ping", Int(1))])),
        (Client, command(2, vec![("count", Text("orders"))])),
        (Client, msg(3, 0, 2, &quiet)),
        (Server, fine(10, 2)),
        (Server, fine(11, 1)),
        (Server, fine(12, 99)),
        (Client, command(4, vec![("explain", Doc(doc(vec![("find", Text("orders"))])))])),
    ]);
    assert_eq!(
        lines(&packets),
        [
            "ping  OK complete 50/38 Open",
            "count orders OK complete 58/38 Open",
            "insert log - complete 56/- Open",
            "mongodb OK no-request 0/38 Open",
            "explain orders - no-response 71/- Open",
        ]
    );
}

#[test]
fn waiting_by_design_is_told() {
    let waits = |members, answer: Vec<(&str, V<'_>)>| {
        let packets = talk(&[(Client, command(1, members)), (Server, reply(2, 1, answer))]);
        exchanges(&packets)[0].waits
    };
    let ok = || vec![("ok", Double(1.0))];
    let batch = |documents: Vec<V<'static>>, id, token: bool| {
        let mut cursor = vec![("nextBatch", Array(documents)), ("id", Long(id))];
        if token {
            cursor.push(("postBatchResumeToken", Doc(doc(vec![]))));
        }
        vec![("cursor", Doc(doc(cursor))), ("ok", Double(1.0))]
    };
    let more = || vec![("getMore", Long(7)), ("collection", Text("log"))];
    let hello = |extra: Vec<(&'static str, V<'static>)>| {
        [vec![("hello", Int(1))], extra].into_iter().flatten().collect()
    };
    let version = || ("topologyVersion", Doc(doc(vec![("counter", Long(1))])));
    assert!(!waits(hello(vec![]), ok()));
    assert!(!waits(hello(vec![version()]), ok()));
    assert!(waits(hello(vec![version(), ("maxAwaitTimeMS", Int(10000))]), ok()));
    assert!(!waits(vec![("ping", Int(1))], ok()));
    assert!(waits(more().into_iter().chain([("maxTimeMS", Int(1000))]).collect(), ok()));
    assert!(!waits(more(), batch(vec![Int(1)], 7, false)));
    assert!(waits(more(), batch(vec![], 7, false)));
    assert!(!waits(more(), batch(vec![], 0, false)));
    assert!(waits(more(), batch(vec![Int(1)], 7, true)));
    // A cursor that was opened to wait.
    for open in [
        vec![("find", Text("log")), ("tailable", Bool(true)), ("awaitData", Bool(true))],
        vec![
            ("aggregate", Text("log")),
            ("pipeline", Array(vec![Doc(doc(vec![("$changeStream", Doc(doc(vec![])))]))])),
        ],
    ] {
        let cursor = doc(vec![("firstBatch", Array(vec![])), ("id", Long(7))]);
        let packets = talk(&[
            (Client, command(1, open)),
            (Server, reply(2, 1, vec![("cursor", Doc(cursor)), ("ok", Double(1.0))])),
            (Client, command(3, more())),
        ]);
        assert_eq!(exchanges(&packets).iter().map(|call| call.waits).collect::<Vec<_>>(), [false, true]);
    }
}

#[test]
fn a_server_that_answers_again_and_again_makes_a_stream() {
    let hello = doc(vec![
        ("hello", Int(1)),
        ("topologyVersion", Doc(doc(vec![]))),
        ("maxAwaitTimeMS", Int(10)),
        ("$db", Text("admin")),
    ]);
    let ok = section(&doc(vec![("ok", Double(1.0))]));
    let mut talk = Talk::open(4000);
    talk.send(Client, &msg(1, 0, 1 << 16, &section(&hello)));
    talk.send(Server, &msg(10, 1, 2, &ok));
    talk.send(Server, &msg(11, 10, 2, &ok));
    talk.send(Server, &msg(12, 11, 2, &ok));
    talk.rst(Client);
    let calls = exchanges(&talk.packets);
    assert_eq!(calls.iter().map(line).collect::<Vec<_>>(), ["hello  OK complete 94/114 Reset"]);
    let half = calls[0].response.as_ref().unwrap();
    assert_eq!(text(&half.body), r#"{"ok":1.0}{"ok":1.0}{"ok":1.0}"#);
    assert_eq!(half.parts.iter().map(|part| (part.bytes, part.kept)).collect::<Vec<_>>(), [(38, 10); 3]);
    // It is a stream that ends with its client, which is no failure.
    assert!(calls[0].waits && half.complete);
}

#[test]
fn secrets_are_not_told() {
    let payload = || ("payload", Text("n,,n=ann,r=s3cret"));
    let speculative = doc(vec![("saslStart", Int(1)), payload()]);
    let packets = talk(&[
        (Client, command(1, vec![("hello", Int(1)), ("speculativeAuthenticate", Doc(speculative))])),
        (
            Server,
            reply(2, 1, vec![("speculativeAuthenticate", Doc(doc(vec![payload()]))), ("ok", Double(1.0))]),
        ),
        (Client, command(3, vec![("saslContinue", Int(1)), payload()])),
        (Server, reply(4, 3, vec![("conversationId", Int(1)), payload(), ("ok", Double(1.0))])),
        (Client, command(5, vec![("createUser", Text("bob")), ("pwd", Text("s3cret"))])),
        (Server, reply(6, 5, vec![("ok", Double(1.0))])),
        // To a command that was not seen.
        (Server, reply(8, 7, vec![("conversationId", Int(1)), payload(), ("ok", Double(1.0))])),
        // What is a user's own document is his.
        (Client, command(9, vec![("insert", Text("orders")), ("payload", Text("mine"))])),
    ]);
    let told = format!(
        "{:?}",
        exchanges(&packets)
            .iter()
            .map(|call| {
                let response = call.response.as_ref().map(|half| text(&half.body).to_owned());
                (text(&call.request.body).to_owned(), response)
            })
            .collect::<Vec<_>>()
    );
    assert!(!told.contains("s3cret"), "{told}");
    assert_eq!((told.matches("[redacted]").count(), told.contains("mine")), (6, true), "{told}");
}

#[test]
fn old_clients_are_understood() {
    let query = |id, place: &str, document: &[u8]| {
        let head = [&[0; 4][..], place.as_bytes(), &[0], &[0; 8]].concat();
        message(id, 0, 2004, &[&head[..], document].concat())
    };
    let replied = |id, answers, flags: i32, documents: &[Vec<u8>]| {
        let head = [flags, 0, 0, 0, documents.len() as i32].map(i32::to_le_bytes).concat();
        message(id, answers, 1, &[&head[..], &documents.concat()].concat())
    };
    let insert = [&[0; 4][..], b"shop.orders\0", &doc(vec![("a", Int(1))])].concat();
    let wrapped = doc(vec![("$query", Doc(doc(vec![("count", Text("orders"))])))]);
    let packets = talk(&[
        (Client, query(1, "admin.$cmd", &doc(vec![("isMaster", Int(1))]))),
        (Server, replied(2, 1, 8, &[doc(vec![("ok", Double(1.0))])])),
        (Client, query(3, "shop.$cmd", &wrapped)),
        (
            Server,
            replied(4, 3, 8, &[doc(vec![("ok", Double(0.0)), ("errmsg", Text("no")), ("code", Int(13))])]),
        ),
        (Client, query(5, "shop.orders", &doc(vec![("a", Int(1))]))),
        (Server, replied(6, 5, 0, &[doc(vec![("a", Int(1))]), doc(vec![("a", Int(2))])])),
        (Client, query(7, "shop.orders", &doc(vec![("$bad", Int(1))]))),
        (Server, replied(8, 7, 2, &[doc(vec![("$err", Text("bad query")), ("code", Int(2))])])),
        (Client, message(9, 0, 2002, &insert)),
    ]);
    let calls = exchanges(&packets);
    let told: Vec<_> =
        calls.iter().map(|c| format!("{} {} {:?} {:?}", c.method, c.target, c.status, c.failure)).collect();
    assert_eq!(
        told,
        [
            r#"isMaster  Some("OK") None"#,
            r#"count orders Some("13") Some("no")"#,
            r#"query orders Some("OK") None"#,
            r#"query orders Some("2") Some("bad query")"#,
            r"insert orders None None",
        ]
    );
    assert!(calls.iter().all(|call| call.quality == Quality::Complete));
    assert_eq!(text(&calls[2].response.as_ref().unwrap().body), r#"{"documents":[{"a":1},{"a":2}]}"#);
    assert_eq!(text(&calls[4].request.body), r#"{"documents":[{"a":1}]}"#);
}

#[test]
fn a_compressor_that_is_not_read_is_named_and_its_calls_are_paired() {
    let packed = |id, answers| {
        message(
            id,
            answers,
            2012,
            &[&2013_i32.to_le_bytes()[..], &400_i32.to_le_bytes(), &[3], b"zstd"].concat(),
        )
    };
    let calls = exchanges(&talk(&[(Client, packed(1, 0)), (Server, packed(2, 1))]));
    assert_eq!(calls.iter().map(line).collect::<Vec<_>>(), ["compressed zstd - complete 29/29 Open"]);
    assert!(calls[0].request.cut && calls[0].failure.is_none());
}

#[test]
fn a_command_that_the_capture_cut_short_has_its_reply() {
    let mut talk = Talk::open(4000);
    let note = "x".repeat(400);
    for id in 1..=2 {
        talk.send_short(Client, &command(id, vec![("insert", Text("orders")), ("note", Text(&note))]), 60);
        talk.send(Server, &fine(id + 10, id));
    }
    assert_eq!(lines(&talk.packets), ["insert orders OK truncated 470/38 Open"; 2]);
}

#[test]
fn a_large_reply_is_cut_and_what_follows_its_list_is_still_read() {
    let documents: Vec<_> = (0..1000).map(|n| Doc(doc(vec![("n", Int(n))]))).collect();
    let cursor = doc(vec![("firstBatch", Array(documents)), ("id", Long(0)), ("ns", Text("shop.orders"))]);
    let mut talk = Talk::open(4000);
    talk.send(Client, &command(1, vec![("find", Text("orders"))]));
    talk.send_cut(Server, &reply(2, 1, vec![("cursor", Doc(cursor)), ("ok", Double(1.0))]), 1400);
    let calls = last(reports_within(&talk.packets, Limits::new(60)));
    let half = calls[0].response.as_ref().unwrap();
    assert_eq!(text(&half.body), r#"{"cursor":{"firstBatch":[{"n":0},{"n":1},{"n":2},{"n":3}]}}"#);
    assert_eq!((half.cut, half.complete, calls[0].status.as_deref()), (true, true, Some("OK")));
    assert_eq!(fact(&half.headers, "returned"), Some("1000"));
}

/// One connection, and for each packet the call whose bytes it carries.
fn connection(sizes: &[(usize, bool)], size: usize) -> (Vec<Packet>, Vec<Option<usize>>) {
    let mut talk = Talk::open(4000);
    let mut carries = vec![None; talk.packets.len()];
    for (n, (length, split)) in sizes.iter().enumerate() {
        let filler = "x".repeat(*length);
        let (id, coll) = (n as i32 * 2 + 1, format!("coll{n}"));
        let own = doc(vec![("insert", Text(&coll)), ("$db", Text("shop"))]);
        let one = doc(vec![("filler", Text(&filler))]);
        let ask = if *split {
            msg(id, 0, 0, &[section(&own), sequence("documents", &[one])].concat())
        } else {
            command(id, vec![("find", Text(&coll)), ("filter", Doc(one))])
        };
        let answer =
            reply(id + 1, id, vec![("n", Int(n as i32)), ("filler", Text(&filler)), ("ok", Double(1.0))]);
        for (by, bytes) in [(Client, ask), (Server, answer)] {
            talk.send_cut(by, &bytes, size);
            carries.resize(talk.packets.len() - 1, Some(n));
            carries.push(None);
        }
    }
    talk.close();
    carries.resize(talk.packets.len(), None);
    (talk.packets, carries)
}

fn timeless(packets: &[Packet]) -> Vec<String> {
    let half = |half: &model::exchange::Message| {
        format!("{:?} {} {}", half.headers, half.bytes, String::from_utf8_lossy(&half.body))
    };
    let call = |call: &Exchange| {
        format!("{} {} {:?}", line(call), half(&call.request), call.response.as_ref().map(half))
    };
    exchanges(packets).iter().map(call).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn the_same_calls_however_they_are_cut(
        sizes in prop::collection::vec((0..4000_usize, any::<bool>()), 1..6), size in 1..3000_usize,
    ) {
        let (whole, _) = connection(&sizes, 60_000);
        let (cut, _) = connection(&sizes, size);
        prop_assert_eq!(timeless(&whole), timeless(&cut));
        prop_assert_eq!(timeless(&whole).len(), sizes.len());
    }

    #[test]
    fn the_same_calls_however_they_are_mixed_and_repeated(
        sizes in prop::collection::vec((0..4000_usize, any::<bool>()), 1..6), size in 40..3000_usize,
        reach in 0..4_usize, dice in prop::collection::vec(any::<u8>(), 1..40),
    ) {
        let (packets, _) = connection(&sizes, size);
        prop_assert_eq!(timeless(&mixed(&packets, reach, &dice)), timeless(&packets));
    }

    #[test]
    fn a_loss_touches_only_the_calls_it_hits(
        sizes in prop::collection::vec((0..4000_usize, any::<bool>()), 2..8), size in 200..3000_usize,
        lost in prop::collection::vec(any::<prop::sample::Index>(), 1..4),
    ) {
        let (packets, carries) = connection(&sizes, size);
        let lost: BTreeSet<usize> = lost.iter().map(|index| index.index(packets.len())).collect();
        let hit: BTreeSet<usize> = lost.iter().filter_map(|i| carries[*i]).collect();
        let kept: Vec<_> =
            packets.iter().enumerate().filter(|(i, _)| !lost.contains(i)).map(|(_, p)| p.clone()).collect();
        let (unhurt, seen) = (exchanges(&packets), exchanges(&kept));
        for (n, call) in unhurt.iter().enumerate().filter(|(n, _)| !hit.contains(n)) {
            let same = seen.iter().any(|s| Exchange { serial: call.serial, ..s.clone() } == *call);
            prop_assert!(same, "call {n} is missing without {lost:?} in {:#?}", seen.iter().map(line).collect::<Vec<_>>());
        }
        for call in seen.iter().filter(|call| call.protocol == Protocol::Mongodb && call.quality == Quality::Complete) {
            prop_assert!(unhurt.iter().any(|u| line(u) == line(call)), "{}", line(call));
        }
    }

    #[test]
    fn no_bytes_panic(
        at in any::<prop::sample::Index>(), value in any::<u8>(), rest in prop::collection::vec(any::<u8>(), 0..200),
        opcode in prop::sample::select(vec![1, 2001, 2002, 2004, 2005, 2006, 2007, 2012, 2013]), begun in any::<bool>(),
    ) {
        let mut steps = vec![];
        if begun {
            steps.extend([(Client, command(1, vec![("ping", Int(1))])), (Server, fine(2, 1))]);
        }
        let mut hurt = command(3, vec![("find", Text("orders")), ("filter", Doc(doc(vec![("a", Array(vec![Int(1)]))])))]);
        let at = at.index(hurt.len());
        hurt[at] = value;
        steps.extend([
            (Client, hurt),
            (Client, message(5, 0, opcode, &rest)),
            (Server, message(6, 5, opcode, &rest)),
            (Server, rest.clone()),
        ]);
        for call in exchanges(&talk(&steps)) {
            prop_assert!(call.done && call.ending == Ending::Open);
        }
    }
}
