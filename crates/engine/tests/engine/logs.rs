use std::time::Duration;

use engine::{ContainerSpec, Engine, EngineError, LogPart, LogRequest};
use futures_util::{StreamExt as _, TryStreamExt as _};
use model::line::Stream;
use testkit::EngineGuard;

/// Every whole line of a container that has ended.
pub(crate) async fn all(engine: &Engine, id: &str, tty: bool) -> Vec<String> {
    let parts = parts(engine, id, LogRequest { tty, ..LogRequest::default() }).await;
    let mut lines = Vec::new();
    let mut open = Vec::new();
    for part in parts {
        open.extend_from_slice(&part.bytes);
        if part.ends_line {
            lines.push(String::from_utf8(std::mem::take(&mut open)).unwrap());
        }
    }
    if !open.is_empty() {
        lines.push(String::from_utf8(open).unwrap());
    }
    lines
}

async fn parts(engine: &Engine, id: &str, request: LogRequest) -> Vec<LogPart> {
    engine.logs(id, request).try_concat().await.unwrap()
}

#[tokio::test]
async fn both_streams_come_with_their_times() {
    let guard = EngineGuard::connect("logs").await;
    let id =
        guard.run(&guard.shell("a", "echo out; sleep 0.3; echo err >&2; sleep 0.3; printf 'no end'")).await;
    guard.ended(&id).await;
    let parts = parts(&guard, &id, LogRequest::default()).await;
    let seen: Vec<_> = parts.iter().map(|p| (p.stream, &p.bytes[..])).collect();
    assert_eq!(seen, [(Stream::Stdout, &b"out"[..]), (Stream::Stderr, b"err"), (Stream::Stdout, b"no end")]);
    let gap = parts[1].ts.since(parts[0].ts);
    assert!(gap > Duration::from_millis(200) && gap < Duration::from_secs(5), "{gap:?}");
    let facts = guard.inspect(&id).await.unwrap();
    // The engine notes the start after the process began to print, so a line may be a little older than it.
    let slack = Duration::from_secs(2);
    assert!(parts[0].ts >= facts.started.unwrap().minus(slack));
    assert!(parts[2].ts <= facts.finished.unwrap().plus(slack));
}

#[tokio::test]
async fn a_long_line_comes_in_parts_that_join() {
    let guard = EngineGuard::connect("long").await;
    for tty in [false, true] {
        let script = "head -c 40000 /dev/zero | tr '\\0' x; echo; echo short";
        let spec = ContainerSpec { tty, ..guard.shell(&format!("tty-{tty}"), script) };
        let id = guard.run(&spec).await;
        guard.ended(&id).await;
        let parts = parts(&guard, &id, LogRequest { tty, ..LogRequest::default() }).await;
        assert!(parts.len() >= 4, "tty {tty}: {} parts", parts.len());
        assert_eq!(parts.iter().filter(|part| part.ends_line).count(), 2, "tty {tty}");
        let lines = all(&guard, &id, tty).await;
        assert_eq!(lines.iter().map(String::len).collect::<Vec<_>>(), [40_000, 5], "tty {tty}");
        assert!(lines[0].bytes().all(|byte| byte == b'x'), "tty {tty}");
    }
}

#[tokio::test]
async fn following_goes_on_until_the_end() {
    let guard = EngineGuard::connect("follow").await;
    let id = guard.run(&guard.shell("a", "for n in 1 2 3 4 5; do echo $n; sleep 0.1; done")).await;
    let request = LogRequest { follow: true, ..LogRequest::default() };
    let lines = tokio::time::timeout(Duration::from_secs(20), parts(&guard, &id, request)).await.unwrap();
    let text: Vec<u8> = lines.into_iter().flat_map(|part| part.bytes).collect();
    assert_eq!(text, b"12345");
}

#[tokio::test]
async fn a_part_of_the_past_can_be_asked_for() {
    let guard = EngineGuard::connect("past").await;
    let id = guard.run(&guard.shell("a", "echo old; sleep 2.2; echo new; echo newest")).await;
    guard.ended(&id).await;
    let last = parts(&guard, &id, LogRequest { tail: Some(1), ..LogRequest::default() }).await;
    assert_eq!(last.iter().map(|p| &p.bytes[..]).collect::<Vec<_>>(), [&b"newest"[..]]);
    let since = Some(last[0].ts.minus(Duration::from_millis(500)));
    let recent = parts(&guard, &id, LogRequest { since, ..LogRequest::default() }).await;
    assert_eq!(recent.iter().map(|p| &p.bytes[..]).collect::<Vec<_>>(), [&b"new"[..], b"newest"]);
}

#[tokio::test]
async fn many_lines_lose_none() {
    let guard = EngineGuard::connect("many").await;
    let id = guard.run(&guard.shell("a", "seq 1 50000")).await;
    let request = LogRequest { follow: true, ..LogRequest::default() };
    let lines = parts(&guard, &id, request).await;
    assert_eq!(lines.len(), 50_000);
    assert!(lines.iter().zip(1..).all(|(part, n): (_, u32)| part.bytes == n.to_string().as_bytes()));
}

#[tokio::test]
async fn a_log_that_cannot_be_read_says_so() {
    let guard = EngineGuard::connect("unread").await;
    let spec = ContainerSpec { log_driver: Some("none".to_owned()), ..guard.shell("a", "echo x") };
    let id = guard.run(&spec).await;
    guard.ended(&id).await;
    let first = guard.logs(&id, LogRequest::default()).next().await;
    assert!(matches!(first, Some(Err(EngineError::Unsupported { .. }))), "{first:?}");
    let gone = guard.logs("nosuch", LogRequest::default()).next().await;
    assert!(matches!(gone, Some(Err(EngineError::NotFound { .. }))), "{gone:?}");
}
