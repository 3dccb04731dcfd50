//! However a capture mixes, repeats, cuts or loses packets: the same calls, or fewer, and never another.

use std::collections::BTreeSet;

use model::exchange::{Exchange, Protocol, Quality};
use proptest::prelude::*;
use wire::Limits;

use crate::packets::{By, Client, Packet, Server, Talk, exchanges, last, line, reports_within};

/// How a body's end is told.
#[derive(Debug, Clone, Copy)]
enum Framed {
    Length,
    Chunked,
}

#[derive(Debug, Clone)]
struct Planned {
    asked: (Framed, usize),
    answered: (Framed, usize),
    interim: bool,
}

fn planned() -> impl Strategy<Value = Planned> {
    let framed = prop_oneof![Just(Framed::Length), Just(Framed::Chunked)];
    let body = (framed.clone(), prop_oneof![Just(0_usize), 1..200_usize, 200..5000_usize]);
    let answer = (framed, prop_oneof![0..200_usize, 200..9000_usize]);
    (body, answer, any::<bool>()).prop_map(|(asked, answered, interim)| Planned { asked, answered, interim })
}

fn body(n: usize, (framed, size): (Framed, usize)) -> Vec<u8> {
    let bytes: Vec<u8> = (0..size).map(|i| b'a' + ((i * 7 + n) % 26) as u8).collect();
    match framed {
        Framed::Length => [format!("Content-Length: {size}\r\n\r\n").as_bytes(), &bytes].concat(),
        Framed::Chunked => {
            let mut out = b"Transfer-Encoding: chunked\r\n\r\n".to_vec();
            for chunk in bytes.chunks(777) {
                out.extend(format!("{:x}\r\n", chunk.len()).as_bytes());
                out.extend(chunk);
                out.extend(b"\r\n");
            }
            out.extend(b"0\r\n\r\n");
            out
        }
    }
}

fn request(n: usize, plan: &Planned) -> Vec<u8> {
    [format!("POST /call/{n} HTTP/1.1\r\nHost: x\r\n").as_bytes(), &body(n, plan.asked)].concat()
}

fn response(n: usize, plan: &Planned) -> Vec<u8> {
    let interim: &[u8] = if plan.interim { b"HTTP/1.1 102 Processing\r\n\r\n" } else { b"" };
    [interim, format!("HTTP/1.1 {} Word\r\nN: {n}\r\n", 250 + n).as_bytes(), &body(n, plan.answered)].concat()
}

/// One connection, and for each packet the calls whose bytes it carries.
fn connection(plans: &[Planned], size: usize, seqs: (u32, u32)) -> (Vec<Packet>, Vec<Option<usize>>) {
    let mut talk = Talk::starting_at(4000, seqs.0, seqs.1);
    talk.handshake();
    let mut carries = vec![None; talk.packets.len()];
    for (n, plan) in plans.iter().enumerate() {
        for (by, bytes) in [(Client, request(n, plan)), (Server, response(n, plan))] {
            talk.send_cut(by, &bytes, size);
            carries.resize(talk.packets.len() - 1, Some(n));
            carries.push(None);
        }
    }
    talk.close();
    carries.resize(talk.packets.len(), None);
    (talk.packets, carries)
}

/// All that an exchange says but its times.
pub(crate) fn timeless(exchange: &Exchange) -> String {
    let message = |m: &model::exchange::Message| {
        format!("{:?} {:?} {} {} {}", m.headers, m.body, m.bytes, m.cut, m.complete)
    };
    let response = exchange.response.as_ref().map(message);
    format!("{} | {} | {response:?}", line(exchange), message(&exchange.request))
}

pub(crate) fn all_timeless(packets: &[Packet]) -> Vec<String> {
    exchanges(packets).iter().map(timeless).collect()
}

/// Packets leave their place by at most `reach`, and some come twice.
pub(crate) fn mixed(packets: &[Packet], reach: usize, dice: &[u8]) -> Vec<Packet> {
    let die = |i: usize| usize::from(dice[i % dice.len()]);
    let mut order: Vec<(usize, usize)> = Vec::new();
    for i in 0..packets.len() {
        order.push((i + die(i) % (reach + 1), i));
        if die(i + 7).is_multiple_of(5) {
            order.push((i + die(i + 3) % (reach + 1), i));
        }
    }
    order.sort_by_key(|(place, _)| *place);
    // The kernel stamps packets in the order in which they come.
    let mut times: Vec<_> = order.iter().map(|(_, i)| packets[*i].at).collect();
    times.sort();
    order.iter().zip(times).map(|((_, i), at)| Packet { at, ..packets[*i].clone() }).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn the_same_calls_however_they_are_cut(
        plans in prop::collection::vec(planned(), 1..6), size in 1..3000_usize, seqs in any::<(u32, u32)>(),
    ) {
        let (whole, _) = connection(&plans, 65_000, (1, 1));
        let (cut, _) = connection(&plans, size, seqs);
        prop_assert_eq!(all_timeless(&whole), all_timeless(&cut));
        prop_assert_eq!(all_timeless(&whole).len(), plans.len());
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
        plans in prop::collection::vec(planned(), 1..8), size in 40..3000_usize,
        lost in prop::collection::vec(any::<prop::sample::Index>(), 1..4),
    ) {
        let (packets, carries) = connection(&plans, size, (5, u32::MAX - 5000));
        let lost: BTreeSet<usize> = lost.iter().map(|index| index.index(packets.len())).collect();
        let hit: BTreeSet<usize> = lost.iter().filter_map(|i| carries[*i]).collect();
        let kept: Vec<_> =
            packets.iter().enumerate().filter(|(i, _)| !lost.contains(i)).map(|(_, p)| p.clone()).collect();
        let unhurt = exchanges(&packets);
        let seen = exchanges(&kept);
        for (n, call) in unhurt.iter().enumerate().filter(|(n, _)| !hit.contains(n)) {
            let same = seen.iter().any(|s| Exchange { serial: call.serial, ..s.clone() } == *call);
            prop_assert!(same, "call {n} is missing without {lost:?} {carries:?} in {:#?}", seen.iter().map(line).collect::<Vec<_>>());
        }
        for call in seen.iter().filter(|call| call.protocol == Protocol::Http1) {
            // Nothing is paired that does not belong together, and nothing hurt is called whole.
            let n = call.target.strip_prefix("/call/").map(|n| n.parse::<usize>().unwrap());
            let status = call.status.as_ref().map(|s| s.parse::<usize>().unwrap() - 250);
            prop_assert!(n.is_none() || status.is_none() || n == status, "{} in {:#?} without {lost:?}", line(call), seen.iter().map(line).collect::<Vec<_>>());
            if call.quality == Quality::Complete {
                prop_assert!(unhurt.iter().any(|u| u.target == call.target && u.request.bytes == call.request.bytes));
            }
        }
    }

    #[test]
    fn a_cut_capture_keeps_first_lines_and_sizes(
        plans in prop::collection::vec(planned(), 1..6), keep in 100..400_usize,
    ) {
        let (packets, _) = connection(&plans, 1400, (5, 5));
        let cut: Vec<_> = packets
            .iter()
            .map(|p| Packet { bytes: p.bytes[..p.bytes.len().min(keep)].to_vec(), ..p.clone() })
            .collect();
        let lengths = plans.iter().all(|p| {
            matches!((p.asked.0, p.answered.0), (Framed::Length, Framed::Length)) && !p.interim
        });
        let seen = last(reports_within(&cut, Limits::new(1_000_000)));
        for call in &seen {
            prop_assert!(call.quality != Quality::Gap, "{}", line(call));
        }
        if lengths {
            let named = |calls: &[Exchange]| -> Vec<_> {
                calls.iter().map(|c| (c.target.clone(), c.status.clone())).collect()
            };
            prop_assert_eq!(named(&seen), named(&exchanges(&packets)));
        }
    }

    #[test]
    fn no_bytes_panic_and_all_are_counted(
        segments in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..300)), 1..40),
        shape in prop::collection::vec((any::<bool>(), 0..12_usize), 0..40),
    ) {
        let pieces: [&[u8]; 12] = [
            b"GET / HTTP/1.1\r\n", b"\r\n", b"Content-Length: 18446744073709551615\r\n", b"HTTP/1.1 200 OK\r\n",
            b"Transfer-Encoding: chunked\r\n", b"ffffffffffffffff\r\n", b"0\r\n", b"Content-Length: 3\r\n",
            b"HTTP/1.1 101 X\r\n\r\n", b"abc", b"HTTP/1.1 100 X\r\n\r\n", b": \r\n",
        ];
        let mut talk = Talk::open(4000);
        let by = |client: bool| -> By { if client { Client } else { Server } };
        for (client, piece) in shape {
            talk.send(by(client), pieces[piece]);
        }
        for (client, bytes) in segments {
            talk.send(by(client), &bytes);
        }
        talk.close();
        for call in exchanges(&talk.packets) {
            prop_assert!(call.done);
            prop_assert!(call.status.as_deref().is_none_or(|s| s.len() == 3));
        }
    }
}
