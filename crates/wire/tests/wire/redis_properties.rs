//! However a capture mixes, repeats, cuts or loses packets of Redis: the same calls, or fewer, and never another.

use std::collections::BTreeSet;

use model::exchange::{Exchange, Protocol, Quality};
use proptest::prelude::*;

use crate::packets::{By, Client, Packet, Server, Talk, exchanges, line};
use crate::properties::{all_timeless, mixed};

/// What a command is answered.
#[derive(Debug, Clone, Copy)]
enum Answered {
    Bulk(usize),
    Many(usize),
    Nested(usize),
    Chunks(usize),
    Error,
    Nil,
}

#[derive(Debug, Clone)]
struct Planned {
    /// Bytes of the value that is sent; inline where it is none.
    value: Option<usize>,
    answered: Answered,
}

fn planned() -> impl Strategy<Value = Planned> {
    let value = prop_oneof![Just(None), (0..200_usize).prop_map(Some), (200..5000_usize).prop_map(Some)];
    let answered = prop_oneof![
        (0..6000_usize).prop_map(Answered::Bulk),
        (0..200_usize).prop_map(Answered::Many),
        (0..50_usize).prop_map(Answered::Nested),
        (0..600_usize).prop_map(Answered::Chunks),
        Just(Answered::Error),
        Just(Answered::Nil),
    ];
    (value, answered).prop_map(|(value, answered)| Planned { value, answered })
}

fn filler(n: usize, size: usize) -> String {
    // Line ends and type bytes, as values may have them.
    (0..size).map(|i| char::from(b"\r\n*$+abc1"[(i * 7 + n) % 9])).collect()
}

fn request(n: usize, plan: &Planned) -> Vec<u8> {
    match plan.value {
        None => format!("GET key:{n}\r\n").into_bytes(),
        Some(size) => {
            let (key, value) = (format!("key:{n}"), filler(n, size));
            format!("*3\r\n$3\r\nSET\r\n${}\r\n{key}\r\n${size}\r\n{value}\r\n", key.len()).into_bytes()
        }
    }
}

/// A reply that says which command it answers.
fn reply(n: usize, plan: &Planned) -> Vec<u8> {
    let bulk = |text: &str| format!("${}\r\n{text}\r\n", text.len());
    let text = match plan.answered {
        Answered::Bulk(size) => bulk(&format!("<{n}>{}", filler(n, size))),
        Answered::Many(count) => {
            format!("*{}\r\n{}{}", count + 1, bulk(&format!("<{n}>")), ":7\r\n".repeat(count))
        }
        Answered::Nested(count) => {
            let pair = "*2\r\n$1\r\na\r\n%1\r\n+b\r\n_\r\n".repeat(count);
            format!("*{}\r\n+<{n}>\r\n{pair}", count + 1)
        }
        Answered::Chunks(size) => {
            format!("$?\r\n;{}\r\n<{n}>{}\r\n;0\r\n", size + 3 + n / 10, filler(n, size))
        }
        Answered::Error => format!("-ERR <{n}>\r\n"),
        Answered::Nil => "$-1\r\n".to_owned(),
    };
    text.into_bytes()
}

/// One connection, whose client waits for its answers after every `batch` commands; and for each packet the calls whose
/// bytes it may carry.
fn connection(
    plans: &[Planned],
    batch: usize,
    size: usize,
    seqs: (u32, u32),
) -> (Vec<Packet>, Vec<Option<(usize, By)>>) {
    let mut talk = Talk::starting_at(4000, seqs.0, seqs.1);
    talk.handshake();
    let mut carries = vec![None; talk.packets.len()];
    let numbered: Vec<_> = plans.iter().enumerate().collect();
    for (turn, plans) in numbered.chunks(batch).enumerate() {
        for by in [Client, Server] {
            let message = |(n, plan): &(usize, &Planned)| {
                if by == Client { request(*n, plan) } else { reply(*n, plan) }
            };
            talk.send_cut(by, &plans.iter().map(message).collect::<Vec<_>>().concat(), size);
            carries.resize(talk.packets.len() - 1, Some((turn, by)));
            carries.push(None);
        }
    }
    talk.close();
    carries.resize(talk.packets.len(), None);
    (talk.packets, carries)
}

/// The number of the command, as its key tells.
fn asked(call: &Exchange) -> Option<usize> {
    call.target.strip_prefix("key:").and_then(|n| n.parse().ok())
}

/// The number of the command that is answered, as far as the reply tells.
fn answered(call: &Exchange) -> Option<usize> {
    let body = &call.response.as_ref()?.body;
    let text = String::from_utf8_lossy(body);
    text.split_once('<')?.1.split_once('>')?.0.parse().ok()
}

fn without(packets: &[Packet], lost: &BTreeSet<usize>) -> Vec<Packet> {
    packets.iter().enumerate().filter(|(i, _)| !lost.contains(i)).map(|(_, p)| p.clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn the_same_calls_however_they_are_cut(
        plans in prop::collection::vec(planned(), 1..7), batch in 1..4_usize, size in 1..3000_usize,
        seqs in any::<(u32, u32)>(),
    ) {
        let (whole, _) = connection(&plans, batch, 65_000, (1, 1));
        let (cut, _) = connection(&plans, batch, size, seqs);
        prop_assert_eq!(all_timeless(&whole), all_timeless(&cut));
        let calls = exchanges(&whole);
        prop_assert_eq!(calls.len(), plans.len());
        for (n, call) in calls.iter().enumerate() {
            prop_assert_eq!(asked(call), Some(n));
            prop_assert!(matches!(plans[n].answered, Answered::Nil) || answered(call) == Some(n));
            prop_assert_eq!(call.request.bytes, request(n, &plans[n]).len() as u64);
            prop_assert_eq!(call.response.as_ref().unwrap().bytes, reply(n, &plans[n]).len() as u64);
        }
    }

    #[test]
    fn the_same_calls_however_they_are_mixed_and_repeated(
        plans in prop::collection::vec(planned(), 1..6), batch in 1..4_usize, size in 40..3000_usize,
        seqs in any::<(u32, u32)>(), reach in 0..4_usize, dice in prop::collection::vec(any::<u8>(), 1..40),
    ) {
        let (packets, _) = connection(&plans, batch, size, seqs);
        prop_assert_eq!(all_timeless(&mixed(&packets, reach, &dice)), all_timeless(&packets));
    }

    #[test]
    fn a_loss_touches_only_the_turns_it_hits_and_pairs_nothing_wrongly(
        plans in prop::collection::vec(planned(), 1..9), batch in 1..4_usize, size in 40..3000_usize,
        lost in prop::collection::vec(any::<prop::sample::Index>(), 1..4),
    ) {
        let (packets, carries) = connection(&plans, batch, size, (5, u32::MAX - 5000));
        let lost: BTreeSet<usize> = lost.iter().map(|index| index.index(packets.len())).collect();
        let hit: BTreeSet<usize> = lost.iter().filter_map(|i| carries[*i]).map(|(turn, _)| turn).collect();
        // Where both sides lack bytes nobody tells whose came first: then what is asked next may be marked as well.
        let both_before = |turn: usize| {
            let hits = lost.iter().filter_map(|i| carries[*i]);
            let before: Vec<By> = hits.filter(|(hit, _)| *hit < turn && *hit + 2 >= turn).map(|(_, by)| by).collect();
            before.contains(&Client) && before.contains(&Server)
        };
        // Where a connection begins with a loss, nobody can know how many commands went before the first that is seen.
        prop_assume!(!lost.iter().any(|i| carries[*i] == Some((0, Client))));
        let unhurt = exchanges(&packets);
        let seen = exchanges(&without(&packets, &lost));
        let shown = || format!("{:#?} without {lost:?} {carries:?}", seen.iter().map(line).collect::<Vec<_>>());
        // What goes before the first messages that are seen whole does not tell whose connection it is.
        let known = seen.iter().filter_map(asked).min().unwrap_or(plans.len());
        for (n, call) in unhurt.iter().enumerate().filter(|(n, _)| !hit.contains(&(n / batch))) {
            let same = seen.iter().any(|s| Exchange { serial: call.serial, ..s.clone() } == *call);
            let marked = |s: &Exchange| asked(s) == Some(n) && s.quality == Quality::Gap && s.status.is_none();
            let doubted = both_before(n / batch) && seen.iter().any(marked);
            prop_assert!(same || doubted || n < known, "call {n} is missing in {}", shown());
        }
        for call in seen.iter().filter(|call| call.protocol == Protocol::Redis) {
            if let (Some(asked), Some(answered)) = (asked(call), answered(call)) {
                prop_assert_eq!(asked, answered, "{}", shown());
            }
            if let (Some(n), Quality::Complete, Some(response)) = (asked(call), call.quality, &call.response) {
                let sizes = (request(n, &plans[n]).len() as u64, reply(n, &plans[n]).len() as u64);
                prop_assert_eq!((call.request.bytes, response.bytes), sizes, "{}", shown());
            }
        }
    }

    #[test]
    fn a_client_that_does_not_wait_is_never_paired_wrongly(
        plans in prop::collection::vec(planned(), 2..9), size in 40..3000_usize, ahead in 1..4_usize,
        lost in prop::collection::vec(any::<prop::sample::Index>(), 1..4),
    ) {
        let mut talk = Talk::open(4000);
        // Until it asks before it is answered, it looks like one that waits.
        let mut shown = 0;
        for n in 0..plans.len() + ahead {
            if let Some(plan) = plans.get(n) {
                talk.send_cut(Client, &request(n, plan), size);
            }
            if n <= ahead + 1 {
                shown = talk.packets.len();
            }
            if let Some(n) = n.checked_sub(ahead) {
                talk.send_cut(Server, &reply(n, &plans[n]), size);
            }
        }
        talk.close();
        prop_assert_eq!(exchanges(&talk.packets).iter().filter(|c| c.quality == Quality::Complete).count(), plans.len());
        let lost: BTreeSet<usize> =
            lost.iter().map(|index| index.index(talk.packets.len())).filter(|lost| *lost > shown).collect();
        let seen = exchanges(&without(&talk.packets, &lost));
        for call in &seen {
            if let (Some(asked), Some(answered)) = (asked(call), answered(call)) {
                prop_assert_eq!(asked, answered, "{:#?} without {:?}", seen.iter().map(line).collect::<Vec<_>>(), lost);
            }
        }
    }

    #[test]
    fn no_bytes_panic(
        shape in prop::collection::vec((any::<bool>(), 0..26_usize), 0..60),
        segments in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..300)), 0..10),
        lost in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let pieces: [&[u8]; 26] = [
            b"*1\r\n$4\r\nPING\r\n", b"*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\nc\r\n", b"*1\r\n$11\r\nUNSUBSCRIBE\r\n",
            b"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n", b">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n",
            b"*3\r\n$11\r\nunsubscribe\r\n$1\r\nc\r\n:0\r\n", b"$5\r\nhel", b"lo\r\n", b"+OK\r\n", b"-ERR\r\n", b"*1\r\n",
            b"%18446744073709551615\r\n", b"*1099511627776\r\n", b"$1099511627776\r\n", b"$?\r\n", b";3\r\nabc\r\n", b";0\r\n",
            b"|1\r\n+a\r\n+b\r\n", b".\r\n", b"*?\r\n", b"MONITOR\r\n", b"+1339518083.107412 [0 x] \"y\"\r\n",
            b"CLIENT REPLY SKIP\r\n", b"EXEC\r\n", b"QUIT\r\n", b"\n",
        ];
        let mut talk = Talk::open(4000);
        let by = |client: bool| -> By { if client { Client } else { Server } };
        talk.send(Client, b"*1\r\n$4\r\nPING\r\n");
        for (client, piece) in shape {
            talk.send(by(client), pieces[piece]);
        }
        for (client, bytes) in segments {
            talk.send(by(client), &bytes);
        }
        talk.close();
        let lost: BTreeSet<usize> = lost.iter().map(|index| index.index(talk.packets.len())).collect();
        for call in exchanges(&without(&talk.packets, &lost)) {
            prop_assert!(call.done);
            prop_assert!(call.response.is_some() || call.status.is_none());
        }
    }
}
