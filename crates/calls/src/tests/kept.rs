//! Calls on disk: they come back as they were, whatever ended the session.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use model::call::Call;
use model::exchange::{Exchange, Part, Protocol};
use tempfile::TempDir;

use super::fixture::{WEB, at, calls, exchange, header, later, pending};
use crate::protobuf::{ProtoFile, Schemas};
use crate::{Calls, Limits, Position, Query, Unrevealed, Where};

fn session(folder: &Path, limit: u64) -> Calls {
    let mut calls = calls(Limits::default());
    calls.keep_in(folder, limit).unwrap();
    calls
}

/// The next session, which has ids of its own.
fn next_session(folder: &Path) -> Calls {
    let mut calls = Calls::new(&model::plan::CallsConfig::default(), Limits::default(), "e2");
    calls.keep_in(folder, 1 << 30).unwrap();
    calls
}

fn save(calls: &mut Calls) {
    calls.save(at(1_000), &Schemas::default()).unwrap();
}

fn with_body(conn: u64, body: &str) -> Exchange {
    let mut exchange = exchange(conn, 0, "POST", "/orders/7?token=hush");
    exchange.request.body = body.as_bytes().to_vec();
    exchange.request.bytes = body.len() as u64;
    header(&mut exchange.request, "content-type", "application/json");
    header(&mut exchange.request, "authorization", "Bearer hush");
    exchange
}

fn long(word: &str) -> String {
    format!(r#"{{"word":"{word}","filling":"{}"}}"#, "x".repeat(4000))
}

fn all(calls: &Calls) -> Vec<Call> {
    let page = calls.list(&Query::default(), Position::Oldest, usize::MAX);
    page.calls.into_iter().map(|call| calls.whole(call).into_owned()).collect()
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn a_call_is_the_same_before_and_after_the_disk_and_in_the_next_session() {
    let folder = TempDir::new().unwrap();
    let mut first = session(folder.path(), 1 << 30);
    for (conn, body) in [(1, long("fox")), (2, "{}".to_owned()), (3, String::new())] {
        first.observe(later(with_body(conn, &body), conn as i64));
    }
    let before = all(&first);
    let memory = first.bytes();
    save(&mut first);
    assert_eq!(all(&first), before);
    assert!(first.bytes() + 3000 < memory, "the long body is no longer in memory");
    let mut next = next_session(folder.path());
    assert_eq!(all(&next), before);
    assert_eq!(next.edges(), first.edges());
    assert_eq!(next.head().total, 3);
    let id = before[0].id.clone();
    assert_eq!(next.get(&id).map(|call| call.ts), Some(before[0].ts), "known by its id");
    next.observe(later(exchange(1, 0, "GET", "/new"), 100));
    save(&mut next);
    drop(next);
    let third = all(&next_session(folder.path()));
    let operations: Vec<&str> = third.iter().map(|call| call.operation.as_str()).collect();
    assert_eq!(operations, ["POST /orders/7", "POST /orders/7", "POST /orders/7", "GET /new"]);
}

#[test]
fn a_session_that_finds_one_end_of_a_call_again_forgets_nothing_of_the_other() {
    let folder = TempDir::new().unwrap();
    let mut first = session(folder.path(), 1 << 30);
    first.observe(exchange(1, 0, "GET", "/orders/7"));
    let (before, edges) = (all(&first), first.edges());
    save(&mut first);
    let mut next = next_session(folder.path());
    next.names_mut().learn(WEB.parse().unwrap(), "web", at(-1_000));
    next.settle();
    assert_eq!((all(&next), next.edges()), (before, edges));
}

#[test]
fn what_is_searched_for_is_found_in_bodies_on_disk() {
    let folder = TempDir::new().unwrap();
    let mut calls = session(folder.path(), 1 << 30);
    for (conn, word) in [(1, "fox"), (2, "hen")] {
        calls.observe(with_body(conn, &long(word)));
    }
    save(&mut calls);
    let filter = |text: &str| Query { filter: Some(Where::parse(text).unwrap()), ..Query::default() };
    let text = |text: &str| Query { text: Some(text.to_owned()), ..Query::default() };
    for (query, found) in [
        (text("HEN"), 1),
        (text("orders hen"), 1),
        (text("fox hen"), 0),
        (filter("body.contains('fox')"), 1),
        (filter("ok && !body.contains('fox')"), 1),
        (filter("bytes > 1000"), 2),
    ] {
        assert_eq!(calls.list(&query, Position::Newest, 10).calls.len(), found, "{query:?}");
    }
}

#[test]
fn a_file_that_was_cut_anywhere_gives_the_calls_before_and_no_wrong_one() {
    let folder = TempDir::new().unwrap();
    let mut first = session(folder.path(), 1 << 30);
    for conn in 1..=5 {
        first.observe(later(with_body(conn, &long(&format!("word{conn}"))), conn as i64));
    }
    let before = all(&first);
    save(&mut first);
    let [bodies, records] = files(folder.path()).try_into().unwrap();
    let whole = std::fs::read(&records).unwrap();
    let mut most = 0;
    for cut in (0..whole.len()).rev().step_by(97) {
        std::fs::write(&records, &whole[..cut]).unwrap();
        let found = all(&next_session(folder.path()));
        assert_eq!(found, before[..found.len()], "cut at {cut}");
        most = most.max(found.len());
    }
    assert_eq!(most, 4);
    std::fs::write(&records, &whole).unwrap();
    let bytes = std::fs::read(&bodies).unwrap();
    std::fs::write(&bodies, &bytes[..bytes.len() - 1]).unwrap();
    let found = all(&next_session(folder.path()));
    assert_eq!(found[..4], before[..4]);
    assert!(found[4].request.body.is_empty() && found[4].request.cut);
    assert!(found[4].note.as_ref().unwrap().contains("no longer kept"), "{:?}", found[4].note);
}

#[test]
fn the_quota_holds_and_the_oldest_go_first() {
    const LIMIT: u64 = 2 << 20;
    let folder = TempDir::new().unwrap();
    let mut calls = session(folder.path(), LIMIT);
    for n in 0..2_000 {
        calls.observe(later(with_body(n, &long(&format!("w{n}"))), n as i64));
        save(&mut calls);
    }
    let used: u64 = files(folder.path()).iter().map(|file| file.metadata().unwrap().len()).sum();
    assert!(used <= LIMIT && used > LIMIT / 2, "{used}");
    let kept = all(&calls);
    assert_eq!(kept.len(), 2_000, "what is in memory is still listed");
    let whole = |call: &&Call| !call.request.body.is_empty();
    assert!(!whole(&&kept[0]) && kept[0].request.cut && whole(&kept.last().unwrap()));
    let first_whole = kept.iter().position(|call| whole(&call)).unwrap();
    assert!(kept[first_whole..].iter().all(|call| whole(&call)));
    for file in files(folder.path()) {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{}", file.display());
    }
    let next = all(&next_session(folder.path()));
    assert_eq!(next, kept[2_000 - next.len()..]);
}

#[test]
fn calls_that_go_on_are_written_once_they_are_old_and_end_with_their_session() {
    let folder = TempDir::new().unwrap();
    let mut first = session(folder.path(), 1 << 30);
    first.observe(pending(&with_body(1, &long("fox"))));
    save(&mut first);
    assert!(all(&next_session(folder.path())).is_empty(), "a moment later it is whole");
    first.save(at(60_000), &Schemas::default()).unwrap();
    let found = all(&next_session(folder.path()));
    assert!(found[0].done && found[0].note.as_ref().unwrap().contains("ended before"), "{:?}", found[0].note);
    first.observe(with_body(1, &long("fox")));
    save(&mut first);
    assert_eq!(all(&next_session(folder.path())), all(&first), "what it became counts");
}

#[test]
fn no_secret_is_on_disk_and_only_this_session_can_show_it() {
    let source = "syntax = \"proto3\"; package shop; service Users { rpc Login(Request) returns (Request); }
        message Request { string name = 1; string password = 2; Deep deep = 3; } message Deep { int32 token = 1; }";
    let file = ProtoFile { path: "users.proto".to_owned(), source: source.to_owned() };
    let (schemas, problems) = Schemas::read(vec![file]);
    assert!(problems.is_empty(), "{problems:?}");
    let folder = TempDir::new().unwrap();
    let mut first = session(folder.path(), 1 << 30);
    first.observe(with_body(1, &format!(r#"{{"password":"hush","more":{}}}"#, long("fox"))));
    let mut grpc = exchange(2, 0, "POST", "/shop.Users/Login");
    grpc.protocol = Protocol::Grpc;
    for text in ["\n\u{3}ann\u{12}\u{4}hush", "\n\u{3}bob", "\n\u{5}token\u{1a}\u{2}\u{8}\u{7}"] {
        let (bytes, kept, kind) = (text.len() as u64, text.len() as u32, "message".to_owned());
        grpc.request.body.extend_from_slice(text.as_bytes());
        grpc.request.parts.push(Part { at: at(0), kind, bytes, kept });
    }
    first.observe(grpc.clone());
    first.observe(exchange(3, 0, "GET", "/plain"));
    first.save(at(1_000), &schemas).unwrap();
    for file in files(folder.path()) {
        let bytes = std::fs::read(&file).unwrap();
        assert!(!bytes.windows(4).any(|four| four == b"hush"), "{}", file.display());
    }
    let shown = all(&first);
    let kept: Vec<u32> = shown[1].request.parts.iter().map(|part| part.kept).collect();
    assert_eq!(kept[1..], [5, 0], "what is not hidden is kept, what cannot be hidden is not");
    assert!(String::from_utf8_lossy(&shown[1].request.body).contains("[redacted]"));
    let revealed = first.reveal(&shown[0].id).unwrap();
    assert_eq!(revealed.target, "/orders/7?token=hush");
    assert_eq!(revealed.request.headers[1].1, "Bearer hush");
    assert!(revealed.request.body.starts_with(br#"{"password":"hush""#));
    let revealed = first.reveal(&shown[1].id).unwrap();
    assert_eq!((&revealed.request.body, &revealed.request.parts), (&grpc.request.body, &grpc.request.parts));
    assert_eq!(first.reveal(&shown[2].id), Err(Unrevealed::Nothing));
    assert_eq!(first.reveal("e1-zz"), Err(Unrevealed::Unknown));
    assert!(first.can_reveal(&shown[0]));
    let next = next_session(folder.path());
    assert_eq!(next.reveal(&shown[0].id), Err(Unrevealed::Gone));
    assert_eq!(next.reveal(&shown[1].id), Err(Unrevealed::Gone));
}

#[test]
fn a_disk_that_refuses_leaves_calls_in_memory_and_is_asked_again() {
    let folder = TempDir::new().unwrap();
    let mut calls = session(&folder.path().join("calls"), 1 << 30);
    std::fs::remove_dir_all(folder.path().join("calls")).unwrap();
    calls.observe(with_body(1, &long("fox")));
    let before = all(&calls);
    assert!(calls.save(at(1_000), &Schemas::default()).is_err());
    assert_eq!(all(&calls), before);
    std::fs::create_dir(folder.path().join("calls")).unwrap();
    calls.save(at(2_000), &Schemas::default()).unwrap();
    assert!(files(&folder.path().join("calls")).is_empty(), "not yet");
    calls.save(at(40_000), &Schemas::default()).unwrap();
    assert_eq!(all(&next_session(&folder.path().join("calls"))), before);
}

#[test]
fn a_rule_that_comes_later_holds_for_what_is_kept() {
    let folder = TempDir::new().unwrap();
    let card = |conn| {
        let mut call = exchange(conn, 0, "POST", "/pay;pin=4711/x?pin=4711&n=1");
        call.request.body = format!(r#"{{"pin":4711,"filling":"{}"}}"#, "x".repeat(2000)).into_bytes();
        header(&mut call.request, "content-type", "application/json");
        header(&mut call.request, "x-pin", "4711");
        call
    };
    let mut first = session(folder.path(), 1 << 30);
    first.observe(card(1));
    save(&mut first);
    first.observe(card(2));
    let shows =
        |calls: &Calls| format!("{:?}", all(calls)).contains("4711") || exports(calls).contains("4711");
    let mut plan = super::fixture::plan(&[]);
    first.configure(&plan);
    assert!(shows(&first), "no rule names it");
    plan.calls.redact.extend(["$.pin", "x-pin"].map(str::to_owned));
    let before = first.head().revision;
    first.configure(&plan);
    assert!(!shows(&first), "{:?}", all(&first));
    assert!(first.head().revision > before, "whoever shows them is told");
    let ids: Vec<String> = all(&first).into_iter().map(|call| call.id).collect();
    assert_eq!(all(&first)[1].operation, "POST /pay;pin=[redacted]/x");
    let revealed = first.reveal(&ids[1]).unwrap();
    assert_eq!(revealed.target, "/pay;pin=4711/x?pin=4711&n=1");
    assert!(String::from_utf8_lossy(&revealed.request.body).contains("4711"), "in memory it still is");
    let revision = first.head().revision;
    first.configure(&plan);
    assert_eq!(first.head().revision, revision, "the same rules change nothing");
    save(&mut first);
    drop(first);
    let mut config = model::plan::CallsConfig::default();
    config.redact.clone_from(&plan.calls.redact);
    let mut next = Calls::new(&config, Limits::default(), "e2");
    next.keep_in(folder.path(), 1 << 30).unwrap();
    assert_eq!((next.len(), shows(&next)), (2, false));
    assert_eq!(next.reveal(&ids[0]), Err(Unrevealed::Gone));
}

/// Everything that leaves in files.
fn exports(calls: &Calls) -> String {
    let found = all(calls);
    let found: Vec<&Call> = found.iter().collect();
    let curl: Vec<_> = found.iter().map(|call| crate::export::curl(call)).collect();
    format!("{} {curl:?}", super::fixture::archive(calls, &found))
}
