//! However a capture mixes, repeats, cuts or loses packets of NATS: the same calls, or fewer, and never another.

use std::collections::BTreeSet;

use model::exchange::{Exchange, Quality};
use proptest::prelude::*;

use crate::packets::{By, Client, Packet, Server, Talk, exchanges, line};
use crate::properties::{all_timeless, mixed};

/// What is done with the message of a number.
#[derive(Debug, Clone, Copy)]
enum Planned {
    Published(usize),
    Asked(usize, usize),
    Delivered(usize),
    Answered(usize, usize),
}

fn planned() -> impl Strategy<Value = Planned> {
    let size = || prop_oneof![0..100_usize, 100..4000_usize];
    prop_oneof![
        size().prop_map(Planned::Published),
        (size(), size()).prop_map(|(asked, answered)| Planned::Asked(asked, answered)),
        size().prop_map(Planned::Delivered),
        (size(), size()).prop_map(|(got, answered)| Planned::Answered(got, answered)),
    ]
}

fn body(n: usize, size: usize) -> String {
    // Line ends and what looks like lines, as payloads may have them.
    let filler: String = (0..size).map(|i| char::from(b"\r\nMSG +OK1"[(i * 7 + n) % 10])).collect();
    format!("<{n}>{filler}")
}

fn publish(subject: &str, reply: &str, body: &str) -> Vec<u8> {
    format!("PUB {subject} {reply} {}\r\n{body}\r\n", body.len()).into_bytes()
}

fn deliver(subject: &str, reply: &str, body: &str) -> Vec<u8> {
    let headers = "NATS/1.0\r\nA: b\r\n\r\n";
    let size = headers.len() + body.len();
    format!("HMSG {subject} 1 {reply} {} {size}\r\n{headers}{body}\r\n", headers.len()).into_bytes()
}

fn messages(n: usize, plan: Planned) -> Vec<(By, Vec<u8>)> {
    let (subject, mine, other) =
        (format!("subject.{n}"), format!("_INBOX.me.{n}"), format!("_INBOX.you.{n}"));
    match plan {
        Planned::Published(size) => vec![(Client, publish(&subject, "", &body(n, size)))],
        Planned::Delivered(size) => vec![(Server, deliver(&subject, "", &body(n, size)))],
        Planned::Asked(asked, answered) => vec![
            (Client, publish(&subject, &mine, &body(n, asked))),
            (Server, deliver(&mine, "", &body(n, answered))),
        ],
        Planned::Answered(got, answered) => vec![
            (Server, deliver(&subject, &other, &body(n, got))),
            (Client, publish(&other, "", &body(n, answered))),
        ],
    }
}

/// One connection, and for each packet the message whose bytes it carries.
fn connection(plans: &[Planned], size: usize, seqs: (u32, u32)) -> (Vec<Packet>, Vec<Option<usize>>) {
    let mut talk = Talk::starting_at(4000, seqs.0, seqs.1);
    talk.handshake();
    talk.send(Server, b"INFO {\"server_id\":\"NAX\"}\r\n");
    talk.send(Client, b"CONNECT {\"verbose\":false}\r\nPING\r\n");
    talk.send(Server, b"PONG\r\n");
    let mut carries = vec![None; talk.packets.len()];
    for (n, plan) in plans.iter().enumerate() {
        for (by, bytes) in messages(n, *plan) {
            talk.send_cut(by, &bytes, size);
            carries.resize(talk.packets.len() - 1, Some(n));
            carries.push(None);
        }
    }
    talk.close();
    carries.resize(talk.packets.len(), None);
    (talk.packets, carries)
}

/// The number of a body's message, as far as it tells.
fn number(body: &[u8]) -> Option<usize> {
    String::from_utf8_lossy(body).strip_prefix('<')?.split_once('>')?.0.parse().ok()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn the_same_calls_however_they_are_cut(
        plans in prop::collection::vec(planned(), 1..7), size in 1..3000_usize, seqs in any::<(u32, u32)>(),
    ) {
        let (whole, _) = connection(&plans, 65_000, (1, 1));
        let (cut, _) = connection(&plans, size, seqs);
        prop_assert_eq!(all_timeless(&whole), all_timeless(&cut));
        let calls = exchanges(&whole);
        prop_assert_eq!(calls.len(), plans.len() + 1);
        for (n, (call, plan)) in calls[1..].iter().zip(&plans).enumerate() {
            let bytes: Vec<_> = messages(n, *plan).iter().map(|(_, bytes)| bytes.len() as u64).collect();
            let seen: Vec<_> = [Some(call.request.bytes), call.response.as_ref().map(|r| r.bytes)].into_iter().flatten().collect();
            prop_assert_eq!((&call.target, seen), (&format!("subject.{n}"), bytes));
        }
    }

    #[test]
    fn the_same_calls_however_they_are_mixed_and_repeated(
        plans in prop::collection::vec(planned(), 1..6), size in 40..3000_usize, seqs in any::<(u32, u32)>(),
        reach in 0..4_usize, dice in prop::collection::vec(any::<u8>(), 1..40),
    ) {
        let (packets, _) = connection(&plans, size, seqs);
        prop_assert_eq!(all_timeless(&mixed(&packets, reach, &dice)), all_timeless(&packets));
    }

    #[test]
    fn a_loss_touches_only_the_calls_it_hits(
        plans in prop::collection::vec(planned(), 1..8), size in 100..3000_usize,
        lost in prop::collection::vec(any::<prop::sample::Index>(), 1..4),
    ) {
        let (packets, carries) = connection(&plans, size, (5, u32::MAX - 5000));
        let lost: BTreeSet<usize> = lost.iter().map(|index| index.index(packets.len())).collect();
        let hit: BTreeSet<usize> = lost.iter().filter_map(|i| carries[*i]).collect();
        let kept: Vec<_> =
            packets.iter().enumerate().filter(|(i, _)| !lost.contains(i)).map(|(_, p)| p.clone()).collect();
        let unhurt = exchanges(&packets);
        let seen = exchanges(&kept);
        let shown = || format!("{:#?} without {lost:?} {carries:?}", seen.iter().map(line).collect::<Vec<_>>());
        // The packets of the introduction carry none, and without them the connection is known a little later.
        let known = lost.iter().all(|i| *i < 3 || *i > 5);
        for (n, call) in unhurt[1..].iter().enumerate().filter(|(n, _)| known && !hit.contains(n)) {
            let same = seen.iter().any(|s| Exchange { serial: call.serial, ..s.clone() } == *call);
            prop_assert!(same, "call {n} is missing in {}", shown());
        }
        for call in seen.iter().filter(|call| call.method != "CONNECT") {
            let asked = number(&call.request.body);
            let answered = call.response.as_ref().and_then(|response| number(&response.body));
            prop_assert!(asked.is_none() || answered.is_none() || asked == answered, "{}", shown());
            if let (Quality::Complete, Some(n)) = (call.quality, call.target.strip_prefix("subject.")) {
                let message = &messages(n.parse().unwrap(), plans[n.parse::<usize>().unwrap()])[0];
                prop_assert_eq!(call.request.bytes, message.1.len() as u64, "{}", shown());
            }
        }
    }

    #[test]
    fn no_bytes_panic(
        shape in prop::collection::vec((any::<bool>(), 0..22_usize), 0..60),
        segments in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..300)), 0..10),
        lost in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let pieces: [&[u8]; 22] = [
            b"PUB a 3\r\n", b"abc\r\n", b"PUB a _INBOX.1 0\r\n\r\n", b"HPUB a 12 12\r\n", b"NATS/1.0\r\n\r\n\r\n", b"MSG a 1 3\r\n",
            b"MSG _INBOX.1 1 0\r\n\r\n", b"MSG a 1 _INBOX.2 0\r\n\r\n", b"PUB _INBOX.2 0\r\n\r\n", b"SUB a 1\r\n", b"UNSUB 1\r\n",
            b"PING\r\n", b"PONG\r\n", b"+OK\r\n", b"-ERR 'x \"a\"'\r\n", b"CONNECT {}\r\n", b"CONNECT {\"verbose\":true,\"pass\"}\r\n",
            b"PUB a 2147483648\r\n", b"HMSG a 1 9999999999 9999999999\r\n", b"\r\n", b"INFO {\"server_id\":1}\r\n", b"PUB a -1\r\n",
        ];
        let mut talk = Talk::open(4000);
        let by = |client: bool| -> By { if client { Client } else { Server } };
        talk.send(Server, b"INFO {\"server_id\":\"NAX\"}\r\n");
        for (client, piece) in shape {
            talk.send(by(client), pieces[piece]);
        }
        for (client, bytes) in segments {
            talk.send(by(client), &bytes);
        }
        talk.close();
        let lost: BTreeSet<usize> = lost.iter().map(|index| index.index(talk.packets.len())).collect();
        let kept: Vec<_> =
            talk.packets.iter().enumerate().filter(|(i, _)| !lost.contains(i)).map(|(_, p)| p.clone()).collect();
        for call in exchanges(&kept) {
            prop_assert!(call.done);
        }
    }
}
