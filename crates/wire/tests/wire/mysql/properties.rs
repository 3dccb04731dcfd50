//! However a capture mixes, repeats, cuts or loses packets: the same calls, or fewer, and never another.

use std::collections::BTreeSet;

use model::exchange::{Exchange, Protocol, Quality};
use proptest::prelude::*;
use wire::Limits;

use super::talk::{self, COMPRESS, DEPRECATE_EOF, column, compressed, error, length, ok, packet, packets};
use crate::packets::{By, Client, Packet, Server, Talk, exchanges, last, line, reports_within};
use crate::properties::{all_timeless, mixed};

#[derive(Debug, Clone, Copy)]
enum Answer {
    Ok,
    Fails,
    Rows { rows: usize, width: usize, twice: bool },
}

/// A query that is so long, and its answer.
#[derive(Debug, Clone)]
struct Planned {
    size: usize,
    answer: Answer,
}

fn planned() -> impl Strategy<Value = Planned> {
    let rows = (0..30_usize, prop_oneof![0..100_usize, 100..3000_usize], any::<bool>())
        .prop_map(|(rows, width, twice)| Answer::Rows { rows, width, twice });
    let answer = prop_oneof![Just(Answer::Ok), Just(Answer::Fails), rows];
    let size = prop_oneof![3 => 0..200_usize, 1 => 200..4000_usize];
    (size, answer).prop_map(|(size, answer)| Planned { size, answer })
}

/// Every call's number is in all that is asked and answered.
fn request(n: usize, plan: &Planned) -> Vec<u8> {
    packet(0, format!("\x03SELECT {n} FROM t{n} WHERE a = '{}'", noise(n, plan.size)).as_bytes())
}

/// What compresses badly enough to be cut into several segments.
fn noise(n: usize, size: usize) -> String {
    (0..size).map(|i| char::from(b'a' + ((i * i * 31 + i * 7 + n) % 26) as u8)).collect()
}

fn response(n: usize, plan: &Planned, no_eof: bool) -> Vec<u8> {
    match plan.answer {
        Answer::Ok => packet(1, &ok(1000 + n, 2)),
        Answer::Fails => packet(1, &error(2000 + n as u16, &format!("failed {n}"))),
        Answer::Rows { rows, width, twice } => {
            let columns = [column(&format!("c{n}"), 253), column("n", 3)];
            let number = talk::string(n.to_string().as_bytes());
            let row = [&length(width)[..], noise(n, width).as_bytes(), &number].concat();
            let rows = vec![row; rows];
            let mut all = talk::result(&columns, &rows, no_eof, if twice { 2 | 8 } else { 2 });
            if twice {
                all.extend(talk::result(&columns, &rows, no_eof, 2));
            }
            packets(1, &all)
        }
    }
}

/// How a connection is spoken and captured.
#[derive(Debug, Clone, Copy)]
struct Manner {
    size: usize,
    compress: bool,
    no_eof: bool,
    seqs: (u32, u32),
}

/// Packets that belong to the login.
const LOGIN: usize = usize::MAX;

/// One connection, and for each packet the call whose bytes it carries.
fn connection(plans: &[Planned], manner: Manner) -> (Vec<Packet>, Vec<Option<usize>>) {
    let Manner { size, compress, no_eof, seqs } = manner;
    let mut talk = Talk::starting_at(4000, seqs.0, seqs.1);
    talk.handshake();
    let mut carries = vec![None; talk.packets.len()];
    let flags = if compress { COMPRESS } else { 0 } | if no_eof { DEPRECATE_EOF } else { 0 };
    for (by, bytes) in
        [(Server, talk::greeting()), (Client, talk::hello(flags)), (Server, packet(2, &ok(0, 2)))]
    {
        talk.send(by, &bytes);
        carries.push(Some(LOGIN));
    }
    for (n, plan) in plans.iter().enumerate() {
        for (by, bytes) in [(Client, request(n, plan)), (Server, response(n, plan, no_eof))] {
            let bytes = match (compress, by) {
                (false, _) => bytes,
                (true, Client) => compressed(0, &bytes),
                (true, Server) => compressed(1, &bytes),
            };
            talk.send_cut(by, &bytes, size);
            carries.resize(talk.packets.len() - 1, Some(n));
            carries.push(None);
        }
    }
    talk.close();
    carries.resize(talk.packets.len(), None);
    (talk.packets, carries)
}

/// The numbers that a call's answer tells.
fn told(call: &Exchange) -> BTreeSet<usize> {
    let mut told = BTreeSet::new();
    if let Some(code) = call.status.as_deref().and_then(|status| status.parse::<usize>().ok()) {
        told.insert(code.wrapping_sub(2000));
    }
    if let Some(response) = &call.response {
        let affected = response.headers.iter().find(|(name, _)| name == "affected");
        told.extend(affected.map(|(_, count)| count.parse::<usize>().unwrap().wrapping_sub(1000)));
        let body = String::from_utf8(response.body.clone()).unwrap();
        told.extend(
            body.split("\"n\":")
                .skip(1)
                .map(|rest| rest.split('}').next().unwrap().parse::<usize>().unwrap()),
        );
    }
    told
}

fn manner(size: std::ops::Range<usize>) -> impl Strategy<Value = Manner> {
    (size, any::<bool>(), any::<bool>(), any::<(u32, u32)>())
        .prop_map(|(size, compress, no_eof, seqs)| Manner { size, compress, no_eof, seqs })
}

fn without(packets: &[Packet], lost: &BTreeSet<usize>) -> Vec<Packet> {
    packets.iter().enumerate().filter(|(i, _)| !lost.contains(i)).map(|(_, p)| p.clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn the_same_calls_however_they_are_cut(
        plans in prop::collection::vec(planned(), 1..6), manner in manner(1..3000),
    ) {
        let (whole, _) = connection(&plans, Manner { size: 65_000, seqs: (1, 1), ..manner });
        let (cut, _) = connection(&plans, manner);
        prop_assert_eq!(all_timeless(&whole), all_timeless(&cut));
        prop_assert_eq!(all_timeless(&whole).len(), plans.len() + 1);
        let (plain, _) = connection(&plans, Manner { compress: false, no_eof: manner.no_eof, ..manner });
        let bodies = |packets: &[Packet]| -> Vec<_> {
            exchanges(packets).into_iter().skip(1).map(|call| (call.request.body, call.response)).map(|(asked, got)| {
                let got = got.unwrap();
                (asked, got.body, got.headers, got.cut)
            }).collect()
        };
        prop_assert_eq!(bodies(&plain), bodies(&cut));
    }

    #[test]
    fn the_same_calls_however_they_are_mixed_and_repeated(
        plans in prop::collection::vec(planned(), 1..6), manner in manner(40..3000),
        reach in 0..4_usize, dice in prop::collection::vec(any::<u8>(), 1..40),
    ) {
        let (packets, _) = connection(&plans, manner);
        prop_assert_eq!(all_timeless(&mixed(&packets, reach, &dice)), all_timeless(&packets));
    }

    #[test]
    fn a_loss_touches_only_the_calls_it_hits(
        plans in prop::collection::vec(planned(), 1..8), manner in manner(40..3000),
        lost in prop::collection::vec(any::<prop::sample::Index>(), 1..4),
    ) {
        let (packets, carries) = connection(&plans, manner);
        let lost: BTreeSet<usize> = lost.iter().map(|index| index.index(packets.len())).collect();
        let hit: BTreeSet<usize> = lost.iter().filter_map(|i| carries[*i]).collect();
        let unhurt = exchanges(&packets);
        let seen = exchanges(&without(&packets, &lost));
        let lines = || seen.iter().map(line).collect::<Vec<_>>();
        // Without the login nothing tells how packets are wrapped; then only what is told counts.
        if !hit.contains(&LOGIN) {
            for (n, call) in unhurt.iter().skip(1).enumerate().filter(|(n, _)| !hit.contains(n)) {
                let same = seen.iter().any(|s| Exchange { serial: call.serial, ..s.clone() } == *call);
                prop_assert!(same, "call {n} is missing without {lost:?} {carries:?} in {:#?}", lines());
            }
        }
        for call in seen.iter().filter(|call| call.protocol == Protocol::Mysql) {
            // Nothing is paired that does not belong together, and nothing hurt is called whole.
            let asked = call.target.strip_prefix('t').map(|n| n.parse::<usize>().unwrap());
            let told = told(call);
            let fits = match asked {
                Some(n) => told.iter().all(|told| *told == n),
                None => told.len() < 2,
            };
            prop_assert!(fits, "{} tells {told:?} in {:#?} without {lost:?}", line(call), lines());
            if call.quality == Quality::Complete && asked.is_some() {
                prop_assert!(unhurt.iter().any(|u| line(u) == line(call)), "{} in {:#?}", line(call), lines());
            }
        }
    }

    #[test]
    fn a_cut_capture_keeps_names(
        plans in prop::collection::vec(planned(), 1..6), keep in 120..400_usize, manner in manner(1400..1401),
    ) {
        let (packets, _) = connection(&plans, Manner { compress: false, ..manner });
        let cut: Vec<_> = packets
            .iter()
            .map(|p| Packet { bytes: p.bytes[..p.bytes.len().min(keep)].to_vec(), ..p.clone() })
            .collect();
        let seen = last(reports_within(&cut, Limits::new(1_000_000)));
        for call in &seen {
            prop_assert!(call.quality != Quality::Gap, "{}", line(call));
        }
        let names = |calls: &[Exchange]| -> Vec<_> {
            calls.iter().filter(|c| c.protocol == Protocol::Mysql).map(|c| (c.method.clone(), c.target.clone())).collect()
        };
        // The greeting may be cut too short to be one: the login is not known then.
        let (seen, all) = (names(&seen), names(&exchanges(&packets)));
        prop_assert!(all.ends_with(&seen) && seen.len() + 1 >= all.len(), "{:?} of {:?}", seen, all);
    }

    #[test]
    fn no_bytes_panic_and_all_are_done(
        segments in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..200)), 0..30),
        shape in prop::collection::vec((any::<bool>(), 0..24_usize, 0..4_u8), 0..60),
        flags in any::<u32>(), login in any::<bool>(), gap in any::<prop::sample::Index>(),
    ) {
        let payloads: [&[u8]; 24] = [
            b"\x03SELECT * FROM t", b"\x16SELECT ?", b"\x17\x07\0\0\0\0\x01\0\0\0\0\x01\xfd\0\x03abc",
            b"\x17\xff\xff\xff\xff\x08\x01\0\0\0\xfe\xff\xff\xff\xff\xff\xff\xff\xff", b"\x1c\x07\0\0\0\x09\0\0\0",
            b"\x18\x07\0\0\0\0\0abc", b"\x0e", b"\x01", b"\x11ann\0\x03abcdb\0", b"\x12\x04\0\0\0\0\0\x09\0\0\0bin",
            b"\xfa\x07\0\0\0\x80\0\xfd\0\0\x03abc", b"\x03\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            b"\0\0\0\x02\0\0\0", b"\0\0\0\x0a\0\0\0", b"\xfe\0\0\x02\0", b"\xff\x26\x04#23000No", b"\xff\xff\xff\x01",
            b"\0\x07\0\0\0\x01\0\x01\0\0\0\0", b"\x01", b"\xfbfile", b"\xfc\xff\xff", b"\x03abc\x017", b"",
            b"\x03def\0\0\0\x01a\x01a\x0c\x3f\0\0\0\0\0\x03\0\0\0\0\0",
        ];
        let by = |client: bool| -> By { if client { Client } else { Server } };
        let mut talk = Talk::open(4000);
        if login {
            talk.send(Server, &talk::greeting());
            talk.send(Client, &talk::hello(flags));
            talk.send(Server, &packet(2, &ok(0, 2)));
        }
        for (client, payload, seq) in shape {
            talk.send(by(client), &packet(seq, payloads[payload]));
        }
        for (client, bytes) in segments {
            talk.send(by(client), &bytes);
        }
        talk.close();
        let lost = BTreeSet::from([gap.index(talk.packets.len())]);
        for packets in [talk.packets.clone(), without(&talk.packets, &lost)] {
            for call in exchanges(&packets) {
                prop_assert!(call.done);
            }
        }
    }
}
