//! What must hold for every HTTP/2 connection, however it is cut, mixed, repeated or lost.

use std::collections::BTreeSet;

use model::exchange::{Exchange, Protocol, Quality};
use proptest::prelude::*;

use crate::frames::{
    END_STREAM, Encoder, PREFACE, block, call, data, frame, get, headers, message, settings,
};
use crate::packets::{By, Client, Packet, Server, Talk, exchanges, line};
use crate::properties::{all_timeless, mixed};

/// A call that is to be made.
#[derive(Debug, Clone)]
struct Planned {
    grpc: bool,
    asked: usize,
    answered: usize,
    /// How much of a body each frame carries.
    piece: usize,
    interim: bool,
    trailers: bool,
}

fn planned() -> impl Strategy<Value = Planned> {
    let size = || prop_oneof![0..200_usize, 200..5000_usize];
    (any::<bool>(), size(), size(), 100..3000_usize, any::<bool>(), any::<bool>()).prop_map(
        |(grpc, asked, answered, piece, interim, trailers)| Planned {
            grpc,
            asked,
            answered,
            piece,
            interim,
            trailers,
        },
    )
}

/// Writes header blocks, with or without a table.
type Headers<'a> = &'a mut dyn FnMut(u32, u8, &[(&str, &str)]) -> Vec<u8>;

fn body(n: usize, plan: &Planned, size: usize) -> Vec<u8> {
    let bytes: Vec<u8> = (0..size).map(|i| b'a' + ((i * 7 + n) % 26) as u8).collect();
    if plan.grpc { message(&bytes) } else { bytes }
}

fn frames(stream: u32, plan: &Planned, body: &[u8], ends: bool) -> Vec<Vec<u8>> {
    let pieces: Vec<&[u8]> = if body.is_empty() { vec![b""] } else { body.chunks(plan.piece).collect() };
    let last = pieces.len() - 1;
    let flags = |i| if ends && i == last { END_STREAM } else { 0 };
    pieces.iter().enumerate().map(|(i, piece)| data(stream, flags(i), piece)).collect()
}

fn request(n: usize, plan: &Planned, headers: Headers<'_>) -> Vec<Vec<u8>> {
    let stream = 2 * n as u32 + 1;
    let path = format!("/call/{n}");
    let fields = if plan.grpc { call(&path) } else { [get(&path), vec![("user-agent", "test")]].concat() };
    let body = body(n, plan, plan.asked);
    [vec![headers(stream, 0, &fields)], frames(stream, plan, &body, true)].concat()
}

fn response(n: usize, plan: &Planned, headers: Headers<'_>) -> Vec<Vec<u8>> {
    let stream = 2 * n as u32 + 1;
    let (status, number) = ((250 + n).to_string(), n.to_string());
    let body = body(n, plan, plan.answered);
    let length = body.len().to_string();
    let mut out = Vec::new();
    if plan.interim {
        out.push(headers(stream, 0, &[(":status", "103"), ("link", "x")]));
    }
    if plan.grpc {
        out.push(headers(
            stream,
            0,
            &[(":status", "200"), ("content-type", "application/grpc"), ("n", &number)],
        ));
        out.extend(frames(stream, plan, &body, false));
        out.push(headers(stream, END_STREAM, &[("grpc-status", "0")]));
    } else {
        out.push(headers(stream, 0, &[(":status", &status), ("content-length", &length), ("server", "s")]));
        out.extend(frames(stream, plan, &body, !plan.trailers));
        if plan.trailers {
            out.push(headers(stream, END_STREAM, &[("t", &number)]));
        }
    }
    out
}

fn begin(seqs: (u32, u32)) -> Talk {
    let mut talk = Talk::starting_at(4000, seqs.0, seqs.1);
    talk.handshake();
    talk.send(Client, &[PREFACE, &settings()].concat());
    talk.send(Server, &settings());
    talk
}

/// All calls at once, their frames shuffled by `dice`, in segments of `size`.
fn multiplexed(plans: &[Planned], size: usize, seqs: (u32, u32), dice: &[u8]) -> Vec<Packet> {
    let mut talk = begin(seqs);
    for by in [Client, Server] {
        let mut encoder = Encoder::default();
        let mut encode = |stream, flags, fields: &[(&str, &str)]| encoder.headers(stream, flags, fields);
        // Header blocks must be written in the order in which they are sent, so calls are shuffled by their frames
        // behind the headers only.
        let mut queues: Vec<_> = plans
            .iter()
            .enumerate()
            .map(|(n, plan)| match by {
                Client => request(n, plan, &mut encode),
                Server => response(n, &Planned { grpc: false, trailers: false, ..plan.clone() }, &mut encode),
            })
            .collect();
        let heads: Vec<u8> = queues
            .iter_mut()
            .flat_map(|frames| {
                let heads = frames.iter().take_while(|frame| frame[3] == 1).count();
                frames.drain(..heads).collect::<Vec<_>>()
            })
            .flatten()
            .collect();
        let mut bytes = heads;
        let mut turn = 0;
        while queues.iter().any(|queue| !queue.is_empty()) {
            let place = usize::from(dice[turn % dice.len()]) % queues.len();
            turn += 1;
            let at = (place..queues.len()).chain(0..place).find(|at| !queues[*at].is_empty());
            if let Some(at) = at {
                bytes.extend(queues[at].remove(0));
            }
        }
        talk.send_cut(by, &bytes, size);
    }
    talk.close();
    talk.packets
}

/// One call after the other, and for each packet the call whose bytes it carries.
fn in_turn(plans: &[Planned], size: usize, seqs: (u32, u32)) -> (Vec<Packet>, Vec<Option<usize>>) {
    let mut talk = begin(seqs);
    let mut carries = vec![None; talk.packets.len()];
    let mut plain = |stream, flags, fields: &[(&str, &str)]| headers(stream, flags, fields);
    for (n, plan) in plans.iter().enumerate() {
        for (by, bytes) in [
            (Client, request(n, plan, &mut plain).concat()),
            (Server, response(n, plan, &mut plain).concat()),
        ] {
            talk.send_cut(by, &bytes, size);
            carries.resize(talk.packets.len() - 1, Some(n));
            carries.push(None);
        }
    }
    talk.close();
    carries.resize(talk.packets.len(), None);
    (talk.packets, carries)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn the_same_calls_however_they_are_cut(
        plans in prop::collection::vec(planned(), 1..6), size in 1..3000_usize, seqs in any::<(u32, u32)>(),
        dice in prop::collection::vec(any::<u8>(), 1..40),
    ) {
        let whole = all_timeless(&multiplexed(&plans, 60_000, (1, 1), &dice));
        prop_assert_eq!(&whole, &all_timeless(&multiplexed(&plans, size, seqs, &dice)));
        prop_assert_eq!(whole.len(), plans.len());
        let (whole, cut) = (in_turn(&plans, 60_000, (1, 1)).0, in_turn(&plans, size, seqs).0);
        prop_assert_eq!(all_timeless(&whole), all_timeless(&cut));
    }

    #[test]
    fn the_same_calls_however_they_are_mixed_and_repeated(
        plans in prop::collection::vec(planned(), 1..6), size in 40..3000_usize, seqs in any::<(u32, u32)>(),
        reach in 0..4_usize, dice in prop::collection::vec(any::<u8>(), 1..40),
    ) {
        let packets = multiplexed(&plans, size, seqs, &dice);
        prop_assert_eq!(all_timeless(&mixed(&packets, reach, &dice)), all_timeless(&packets));
        let packets = in_turn(&plans, size, seqs).0;
        prop_assert_eq!(all_timeless(&mixed(&packets, reach, &dice)), all_timeless(&packets));
    }

    #[test]
    fn a_loss_touches_only_the_calls_it_hits(
        plans in prop::collection::vec(planned(), 1..8), size in 40..3000_usize,
        lost in prop::collection::vec(any::<prop::sample::Index>(), 1..4),
    ) {
        let (packets, carries) = in_turn(&plans, size, (5, u32::MAX - 5000));
        // Without the preface nobody knows what is spoken until a turn begins with a whole header block.
        let preface = 3;
        let lost: BTreeSet<usize> =
            lost.iter().map(|index| index.index(packets.len())).filter(|i| *i != preface).collect();
        let hit: BTreeSet<usize> = lost.iter().filter_map(|i| carries[*i]).collect();
        let kept: Vec<_> =
            packets.iter().enumerate().filter(|(i, _)| !lost.contains(i)).map(|(_, p)| p.clone()).collect();
        let unhurt = exchanges(&packets);
        let seen = exchanges(&kept);
        let names: Vec<_> = seen.iter().map(line).collect();
        for (n, call) in unhurt.iter().enumerate().filter(|(n, _)| !hit.contains(n)) {
            let same = seen.iter().any(|s| Exchange { serial: call.serial, ..s.clone() } == *call);
            prop_assert!(same, "call {n} is missing without {lost:?} {carries:?} in {names:#?}");
        }
        for call in seen.iter().filter(|call| call.protocol != Protocol::Tcp) {
            // Nothing is paired that does not belong together, and nothing hurt is called whole.
            let n = call.target.strip_prefix("/call/").map(|n| n.parse::<usize>().unwrap());
            let status = call.status.as_ref().and_then(|s| s.parse::<usize>().ok()).map(|s| s - 250);
            prop_assert!(n.is_none() || status.is_none() || n == status, "{} in {names:#?}", line(call));
            if call.quality == Quality::Complete {
                let whole = unhurt.iter().find(|u| u.target == call.target);
                prop_assert!(
                    whole.is_some_and(|u| u.request.bytes == call.request.bytes
                        && u.response.as_ref().map(|r| r.bytes) == call.response.as_ref().map(|r| r.bytes)),
                    "{} without {lost:?} in {names:#?}", line(call)
                );
            }
        }
    }

    #[test]
    fn a_late_listener_makes_nothing_up(
        plans in prop::collection::vec(planned(), 1..6), size in 40..3000_usize, missed in any::<prop::sample::Index>(),
        dice in prop::collection::vec(any::<u8>(), 1..40),
    ) {
        let packets = multiplexed(&plans, size, (1, 1), &dice);
        let whole = exchanges(&packets);
        for call in exchanges(&packets[missed.index(packets.len())..]) {
            let n = call.target.strip_prefix("/call/").map(|n| n.parse::<usize>().unwrap());
            let status = call.status.as_ref().and_then(|s| s.parse::<usize>().ok()).map(|s| s - 250);
            prop_assert!(n.is_none() || status.is_none() || n == status, "{}", line(&call));
            prop_assert!(n.is_none_or(|n| call.request.bytes <= whole[n].request.bytes), "{}", line(&call));
        }
    }

    #[test]
    fn no_bytes_panic_and_memory_stays_bounded(
        opened in any::<bool>(),
        shape in prop::collection::vec((any::<bool>(), 0..24_usize, any::<bool>()), 0..60),
        segments in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..300)), 0..20),
    ) {
        let long = message(&[b'm'; 300]);
        let pieces = [
            PREFACE.to_vec(),
            settings(),
            frame(1, 0x2d, 1, b"\xff\0\0\0\0\0\x82"),
            frame(1, 4, 1, &block(&call("/a.B/C"))),
            frame(1, 0, 3, &block(&get("/a"))[..7]),
            frame(9, 4, 3, &block(&get("/a"))[7..]),
            frame(5, 4, 1, b"\0\0\0\x02\x82\x84"),
            frame(5, 0xc, 1, b"\x09"),
            frame(0, 8, 1, b"\xff"),
            frame(0, 9, 1, b""),
            frame(0, 0, 1, &long[..99]),
            frame(0, 1, 1, &long[99..]),
            frame(0, 0, 1, b"\x01\xff\xff\xff\xff"),
            frame(3, 0, 1, b"\0\0\0\x08"),
            frame(7, 0, 0, b"\0\0\0\x01\0\0\0\x01more"),
            frame(4, 0, 0, b"\0\x01\xff\xff\xff\xff"),
            frame(1, 5, 1, b"\x3f\xff\xff\xff\xff\x0f\x88"),
            frame(1, 5, 1, &[0xbe; 50]),
            frame(1, 4, 5, b"\x83\x86\xc0\xbf"),
            b"\xff\xff\xff\x00\x00\x00\x00\x00\x01".to_vec(),
            b"\xff\xff\xff\x01\x00\x00\x00\x00\x01".to_vec(),
            b"\0\0\x08\x06".to_vec(),
            frame(1, 5, 1, &block(&[(":status", "200"), ("grpc-status", "0")])),
            frame(1, 4, 1, &block(&[(":status", "200"), ("content-type", "application/grpc-web-text")])),
        ];
        let by = |client: bool| -> By { if client { Client } else { Server } };
        let mut talk = if opened { Talk::open(4000) } else { Talk::new(4000) };
        if opened {
            talk.send(Client, PREFACE);
        }
        for (client, piece, lost) in shape {
            talk.send(by(client), &pieces[piece]);
            if lost {
                talk.packets.pop();
                talk.ack(by(!client));
            }
        }
        for (client, bytes) in segments {
            talk.send(by(client), &bytes);
        }
        talk.close();
        let mut wire = wire::Wire::new(wire::Limits::new(1000));
        let mut out = Vec::new();
        for packet in &talk.packets {
            wire.packet(packet.at, wire::Link::RawIp, &packet.bytes, packet.wire_len, &mut out);
            prop_assert!(wire.held() < 1_000_000, "{}", wire.held());
        }
        wire.finish(&mut out);
        prop_assert_eq!(wire.held(), 0);
        for call in crate::packets::last(out) {
            prop_assert!(call.request.body.len() <= 1000);
        }
    }
}
