//! What is seen of a running stack: exchanges from the capture, use of containers, and the numbers of it all.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use api::shape::{Change, Counters, Whole};
use api::{ApiError, Code};
use calls::{Calls, Source, protobuf};
use engine::Engine;
use futures_util::StreamExt;
use model::frame::FromCapture;
use tokio::sync::mpsc;

use crate::captures::{Heard, Post};
use crate::jobs::now;
use crate::run::Event;
use crate::shared::Shared;
use crate::translate;

/// How often numbers and edges are brought up to date.
const NUMBERS: Duration = Duration::from_millis(250);

/// Takes up the calls that other sessions of the stack saw, and keeps those of this one beside them. Without a disk calls
/// are in memory alone, and that is told.
pub(crate) async fn keep(mut calls: Calls, folder: PathBuf, limit: u64) -> Result<Calls, ApiError> {
    let kept = tokio::task::spawn_blocking(move || {
        match calls.keep_in(&folder, limit) {
            Ok(None) => {}
            Ok(Some(unread)) => tracing::warn!("{}", whole(&unread)),
            Err(error) => tracing::warn!("calls are in memory alone: {}", whole(&error)),
        }
        calls
    });
    kept.await.map_err(|e| ApiError::new(Code::Failed, format!("reading the calls broke off: {e}")))
}

/// Writes what is new of the calls to disk, once it is known what the repository's `.proto` files hide.
pub(crate) fn save(shared: &Shared) {
    if !shared.protos.were_read() {
        return;
    }
    let schemas = shared.protos.known();
    let saved = shared.calls().save(now(), &schemas);
    if let Err(error) = saved {
        tracing::warn!("calls are in memory alone for now: {}", whole(&error));
    }
}

/// Writes what was counted beside the calls when it is due; `last`: the session ends.
pub(crate) fn save_counts(shared: &Shared, last: bool) {
    let saved = shared.calls().save_counts(now(), last);
    if let Err(error) = saved {
        tracing::warn!("edges and the time axis are in memory alone for now: {}", whole(&error));
    }
}

/// An error with its reasons in one line.
fn whole(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// From a capture's frames to calls, as fast as they come. A guest that was started again is another source.
pub(crate) async fn exchanges(
    shared: &Arc<Shared>,
    post: &Post,
    mut frames: mpsc::Receiver<FromCapture>,
    source: &mut Source,
) {
    let mut batch = Vec::with_capacity(256);
    let mut known = None;
    while frames.recv_many(&mut batch, 256).await > 0 {
        let (mut heard, mut has_protobuf) = (None, false);
        {
            let mut calls = shared.calls();
            for frame in batch.drain(..) {
                match frame {
                    FromCapture::Exchange(exchange) => {
                        has_protobuf |= protobuf::is_within(&exchange);
                        calls.observe_of(*source, *exchange);
                    }
                    FromCapture::Tally(tally) => calls.count(*source, &tally),
                    FromCapture::Open(open) => calls.still_open(*source, &open),
                    // Whoever asked for them got them already.
                    FromCapture::Packets(_) => {}
                    FromCapture::Ready { epoch } => {
                        if known.replace(epoch).is_some_and(|known| known != epoch) {
                            calls.end(*source);
                            *source = calls.begin(post.service());
                        }
                        heard = Some(Heard::Ready);
                    }
                    FromCapture::Counts(counts) => heard = Some(Heard::Counts(counts)),
                    FromCapture::Failed(message) => heard = Some(Heard::Failed(message)),
                }
            }
        }
        if has_protobuf {
            shared.refresh_protos();
        }
        save(shared);
        shared.calls_news.notify_waiters();
        if let Some(heard) = heard {
            shared.send(Event::Heard(post.clone(), heard)).await;
        }
    }
}

/// A container's use, once a second, until it ends.
pub(crate) async fn stats(shared: Arc<Shared>, engine: Engine, container: String, service: String) {
    let mut stats = engine.stats(&container);
    while let Some(Ok(use_)) = stats.next().await {
        let (container, service) = (container.clone(), service.clone());
        shared.send(Event::Stats { container, service, stats: Some(use_) }).await;
    }
    shared.send(Event::Stats { container, service, stats: None }).await;
}

/// Keeps the numbers and the edges on the board up to date.
pub(crate) async fn numbers(shared: Arc<Shared>) {
    let mut tick = tokio::time::interval(NUMBERS);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut past: std::collections::VecDeque<(u64, u64)> = std::collections::VecDeque::new();
    let mut shown_revision = None;
    loop {
        tick.tick().await;
        let lines = shared.sink.store.head().lines;
        // What goes on for long, and what was found out later, comes in no frame.
        save(&shared);
        save_counts(&shared, false);
        let (head, edges) = {
            let mut calls = shared.calls();
            calls.settle();
            let head = calls.head();
            let edges = (shown_revision != Some(head.revision)).then(|| calls.edges());
            (head, edges)
        };
        shown_revision = Some(head.revision);
        if let Some(edges) = edges {
            shared.board.post(Change::Edges(edges.iter().map(translate::edge).collect()));
        }
        let total = head.total;
        past.push_back((lines, total));
        if past.len() > 5 {
            past.pop_front();
        }
        let second_ago = past.front().copied().unwrap_or((lines, total));
        let seconds = ((past.len() - 1) as f64 * NUMBERS.as_secs_f64()).max(NUMBERS.as_secs_f64());
        shared.board.post(Change::Counters(Counters {
            lines: lines.into(),
            lines_per_second: rate(second_ago.0, lines, seconds),
            calls: total.into(),
            calls_per_second: rate(second_ago.1, total, seconds),
            failed_calls: head.failed.into(),
            calls_revision: head.revision.into(),
            session_memory: resident_memory().into(),
        }));
    }
}

fn rate(before: u64, after: u64, seconds: f64) -> Whole {
    ((after.saturating_sub(before) as f64 / seconds).round() as u64).into()
}

/// Bytes of memory in use by this process, in whole megabytes so that it does not flicker; 0 where that is not known.
fn resident_memory() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm.split(' ').nth(1).and_then(|p| p.parse().ok()).unwrap_or_default();
    pages * 4096 / 1_000_000 * 1_000_000
}
