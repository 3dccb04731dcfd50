//! However a capture mixes, repeats, cuts or loses packets: the same statements, or fewer, and never another.

use std::collections::BTreeSet;

use model::exchange::{Exchange, Protocol, Quality};
use proptest::prelude::*;

use super::messages::*;
use crate::packets::{By, Client, Packet, Server, Talk, exchanges, line};
use crate::properties::{all_timeless, mixed};

/// How a statement is asked for, and what comes of it.
#[derive(Debug, Clone)]
struct Planned {
    extended: bool,
    sql: usize,
    rows: usize,
    row: usize,
    fails: bool,
}

fn planned() -> impl Strategy<Value = Planned> {
    let sizes =
        (prop_oneof![0..100_usize, 100..4000_usize], 0..20_usize, prop_oneof![0..40_usize, 40..900_usize]);
    (any::<bool>(), sizes, any::<bool>()).prop_map(|(extended, (sql, rows, row), fails)| Planned {
        extended,
        sql,
        rows,
        row,
        fails,
    })
}

fn request(n: usize, plan: &Planned) -> Vec<u8> {
    let sql = format!("select '{}' from t{n}", "x".repeat(plan.sql));
    if plan.extended {
        let value = "v".repeat(plan.row);
        let asked =
            [parse("", &sql, &[25]), bind("", "", &[&value]), describe_portal(""), execute("", 0), sync()];
        asked.concat()
    } else {
        query(&sql)
    }
}

/// The number of rows in the tag, and the code of an error, tell whose answer it is.
fn response(n: usize, plan: &Planned) -> Vec<u8> {
    let mut out = if plan.extended { [done(b'1'), done(b'2')].concat() } else { Vec::new() };
    out.extend(columns(&[("a", 25), ("n", 23)]));
    for row_number in 0..plan.rows {
        out.extend(row(&[&"y".repeat(plan.row), &row_number.to_string()]));
    }
    out.extend(if plan.fails {
        error(&code(n), "failed")
    } else {
        complete(&format!("SELECT {}", 1000 + n))
    });
    out.extend(ready());
    out
}

fn code(n: usize) -> String {
    format!("{:05}", 20_000 + n)
}

/// One connection, and for each packet the statement whose bytes it carries, and who sends them.
fn connection(plans: &[Planned], size: usize, seqs: (u32, u32)) -> (Vec<Packet>, Vec<Option<(usize, By)>>) {
    let mut talk = Talk::starting_at(4000, seqs.0, seqs.1);
    talk.handshake();
    talk.send(Client, &startup(&[("user", "joe")]));
    talk.send(Server, &[authentication(0, b""), ready()].concat());
    let mut carries = vec![None; talk.packets.len()];
    for (n, plan) in plans.iter().enumerate() {
        for (by, bytes) in [(Client, request(n, plan)), (Server, response(n, plan))] {
            talk.send_cut(by, &bytes, size);
            carries.resize(talk.packets.len() - 1, Some((n, by)));
            carries.push(None);
        }
    }
    talk.close();
    carries.resize(talk.packets.len(), None);
    (talk.packets, carries)
}

/// Which statement an exchange's answer is that of.
fn answer_of(call: &Exchange) -> Option<usize> {
    let response = call.response.as_ref()?;
    match call.status.as_deref()? {
        "OK" => {
            let (_, tag) = response.headers.iter().find(|(name, _)| name == "command")?;
            tag.strip_prefix("SELECT ")?.parse::<usize>().ok()?.checked_sub(1000)
        }
        code => code.parse::<usize>().ok()?.checked_sub(20_000),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn the_same_statements_however_they_are_cut(
        plans in prop::collection::vec(planned(), 1..6), size in 1..3000_usize, seqs in any::<(u32, u32)>(),
    ) {
        let (whole, _) = connection(&plans, 65_000, (1, 1));
        let (cut, _) = connection(&plans, size, seqs);
        prop_assert_eq!(all_timeless(&whole), all_timeless(&cut));
        prop_assert_eq!(all_timeless(&whole).len(), plans.len() + 1);
        for (n, call) in exchanges(&whole)[1..].iter().enumerate() {
            prop_assert_eq!((call.target.clone(), answer_of(call)), (format!("t{n}"), Some(n)));
        }
    }

    #[test]
    fn the_same_statements_however_they_are_mixed_and_repeated(
        plans in prop::collection::vec(planned(), 1..6), size in 40..3000_usize, seqs in any::<(u32, u32)>(),
        reach in 0..4_usize, dice in prop::collection::vec(any::<u8>(), 1..40),
    ) {
        let (packets, _) = connection(&plans, size, seqs);
        prop_assert_eq!(all_timeless(&mixed(&packets, reach, &dice)), all_timeless(&packets));
    }

    #[test]
    fn a_loss_touches_only_the_statements_it_hits(
        plans in prop::collection::vec(planned(), 1..8), size in 40..3000_usize,
        lost in prop::collection::vec(any::<prop::sample::Index>(), 1..4),
    ) {
        let (packets, carries) = connection(&plans, size, (5, u32::MAX - 5000));
        let lost: BTreeSet<usize> = lost.iter().map(|index| index.index(packets.len())).filter(|i| carries[*i].is_some()).collect();
        let hits: Vec<(usize, By)> = lost.iter().filter_map(|i| carries[*i]).collect();
        let hit: BTreeSet<usize> = hits.iter().map(|(n, _)| *n).collect();
        // Where both sides lack bytes nobody tells whose came first: then what is asked next may be marked as well.
        let both_before = |n: usize| {
            let before = |by: By| hits.iter().any(|(hit, who)| *who == by && *hit < n && *hit + 2 >= n);
            before(Client) && before(Server)
        };
        let kept: Vec<_> =
            packets.iter().enumerate().filter(|(i, _)| !lost.contains(i)).map(|(_, p)| p.clone()).collect();
        let unhurt = exchanges(&packets);
        let seen = exchanges(&kept);
        let lines = || seen.iter().map(line).collect::<Vec<_>>();
        for (n, call) in unhurt[1..].iter().enumerate().filter(|(n, _)| !hit.contains(n)) {
            let same = seen.iter().any(|s| Exchange { serial: call.serial, ..s.clone() } == *call);
            let marked = |s: &Exchange| s.request == call.request && s.quality == Quality::Gap && s.status.is_none();
            let spared = same || (both_before(n) && seen.iter().any(marked));
            prop_assert!(spared, "statement {n} is missing without {lost:?} {carries:?} in {:#?}", lines());
        }
        for call in seen.iter().filter(|call| call.method == "SELECT" && call.quality != Quality::NoRequest) {
            // Nothing is paired that does not belong together, and nothing hurt is called whole.
            let n = call.target.strip_prefix('t').map(|n| n.parse::<usize>().unwrap());
            let answer = answer_of(call);
            prop_assert!(n.is_none() || answer.is_none() || n == answer, "{} in {:#?} without {lost:?}", line(call), lines());
            if call.quality == Quality::Complete {
                let whole = unhurt.iter().any(|u| u.target == call.target && u.request == call.request && u.status == call.status);
                prop_assert!(whole, "{} in {:#?} without {lost:?}", line(call), lines());
            }
        }
    }

    #[test]
    fn a_loss_in_a_pipeline_pairs_nothing_wrong(
        groups in prop::collection::vec(prop::collection::vec(planned(), 1..4), 1..5), size in 40..3000_usize,
        lost in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let mut talk = Talk::open(4000);
        talk.send(Client, &startup(&[("user", "joe")]));
        talk.send(Server, &[authentication(0, b""), ready()].concat());
        let mut n = 0;
        for group in &groups {
            let numbered: Vec<_> = group.iter().enumerate().map(|(i, plan)| (n + i, plan)).collect();
            n += group.len();
            talk.send_cut(Client, &numbered.iter().flat_map(|(n, plan)| request(*n, plan)).collect::<Vec<_>>(), size);
            talk.send_cut(Server, &numbered.iter().flat_map(|(n, plan)| response(*n, plan)).collect::<Vec<_>>(), size);
        }
        talk.close();
        let first = 5;
        let lost: BTreeSet<usize> = lost.iter().map(|index| first + index.index(talk.packets.len() - first)).collect();
        let kept: Vec<_> =
            talk.packets.iter().enumerate().filter(|(i, _)| !lost.contains(i)).map(|(_, p)| p.clone()).collect();
        let calls = exchanges(&kept);
        for call in calls.iter().filter(|call| call.method == "SELECT" && call.quality != Quality::NoRequest) {
            let number = call.target.strip_prefix('t').map(|number| number.parse::<usize>().unwrap());
            let answer = answer_of(call);
            let fits = number.is_none() || answer.is_none() || number == answer;
            prop_assert!(fits, "{} in {:#?} without {lost:?}", line(call), calls.iter().map(line).collect::<Vec<_>>());
        }
        if lost.is_empty() {
            let answers: Vec<_> = calls[1..].iter().map(answer_of).collect();
            prop_assert_eq!(answers, (0..n).map(Some).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_cut_capture_keeps_verbs_and_sizes(
        plans in prop::collection::vec(planned(), 1..6), keep in 100..400_usize,
    ) {
        let (packets, _) = connection(&plans, 1400, (5, 5));
        let cut: Vec<_> = packets
            .iter()
            .map(|p| Packet { bytes: p.bytes[..p.bytes.len().min(keep)].to_vec(), ..p.clone() })
            .collect();
        for call in exchanges(&cut) {
            prop_assert!(call.quality != Quality::Gap, "{}", line(&call));
            prop_assert!(call.method != "SELECT" || answer_of(&call).is_none_or(|n| call.target.is_empty() || call.target == format!("t{n}")), "{}", line(&call));
        }
    }

    #[test]
    fn no_bytes_panic_and_all_are_told_once(
        segments in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..300)), 0..20),
        shape in prop::collection::vec((any::<bool>(), 0..24_usize, any::<bool>()), 0..60),
        opened in any::<bool>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let pieces: [Vec<u8>; 24] = [
            query("select 1 from t; select 2"), parse("a", "insert into t values ($1)", &[23]), bind("a", "a", &["1"]),
            bind("", "", &[]), describe_portal("a"), describe_statement("a"), execute("a", 1), execute("", 0), sync(),
            copy_data(b"x\ty\n"), copy_done(), function_call(1), close_statement("a"),
            [done(b'1'), done(b'2')].concat(), columns(&[("a", 23)]), row(&["1"]), complete("SELECT 1"), ready(),
            error_at("23505", "no", Some(20)), notification("n", "x"), copy_begins(b'G', 0), copy_begins(b'W', 1),
            done(b's'), query("listen n"),
        ];
        let mut talk = Talk::open(4000);
        let by = |client: bool| -> By { if client { Client } else { Server } };
        if opened {
            talk.send(Client, &startup(&[("user", "joe")]));
            talk.send(Server, &[authentication(0, b""), ready()].concat());
        }
        for (client, piece, whole) in shape {
            let bytes = &pieces[piece];
            talk.send(by(client), if whole { bytes } else { &bytes[..cut.index(bytes.len())] });
        }
        for (client, bytes) in segments {
            talk.send(by(client), &bytes);
        }
        talk.close();
        for call in exchanges(&talk.packets) {
            prop_assert!(call.done);
            prop_assert!(call.protocol != Protocol::Postgres || call.status.as_deref().is_none_or(|s| s == "OK" || s.len() == 5));
        }
    }
}
