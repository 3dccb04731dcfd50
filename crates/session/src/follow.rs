//! From the engine's log stream of one container to the store: no line lost, none twice.
//!
//! Reading goes on where the store ends: from a second before its last line, with what it holds of that second
//! counted off. The engine's `attach` is never used: a slow reader there would slow the service.

use std::sync::Arc;
use std::time::Duration;

use engine::{Engine, EngineError, LogRequest};
use futures_util::StreamExt;
use logs::{Joiner, Seen, Store};
use model::Timestamp;
use model::line::Line;
use tokio::sync::Notify;

/// Lines that are stored together at most.
const BATCH: usize = 4096;
/// Lines asked for again after a break; ten times as many where they do not reach back far enough.
const AGAIN: u32 = 2000;
/// As many lines as are ever asked for again before the rest is taken as it comes.
const MOST: u32 = 20_000_000;

/// One container to follow.
#[derive(Debug, Clone)]
pub(crate) struct Followed {
    pub container: String,
    pub service: String,
    pub instance: String,
    pub tty: bool,
    /// When it started; everything stored before that is of an earlier life.
    pub started: Timestamp,
}

/// Where lines go, and who is told.
#[derive(Debug, Clone)]
pub(crate) struct Sink {
    pub store: Arc<Store>,
    pub news: Arc<Notify>,
}

impl Sink {
    /// Stores lines and tells whoever waits for some.
    pub(crate) fn append(&self, lines: &[Line]) {
        if lines.is_empty() {
            return;
        }
        match self.store.append(lines) {
            Ok(()) => self.news.notify_waiters(),
            Err(error) => tracing::error!("{} log lines could not be stored: {error}", lines.len()),
        }
    }
}

/// How following ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// With the log, or with the way to the engine.
    Here,
    /// The engine has no log of this container that could be read.
    Unreadable,
}

/// Reads until the container's log ends: it stopped, or is gone.
pub(crate) async fn follow(engine: &Engine, followed: &Followed, sink: &Sink) -> Ended {
    let mut tail = AGAIN;
    let mut failures: u32 = 0;
    loop {
        let ended = match read(engine, followed, sink, true, tail).await {
            Ok(Read::Reached) => true,
            Ok(Read::Missed) => {
                tail = tail.saturating_mul(10);
                continue;
            }
            Err(EngineError::NotFound { .. }) => return Ended::Here,
            Err(error) if error.is_transient() && failures < 5 => {
                failures += 1;
                false
            }
            Err(error) => {
                tracing::warn!("the log of {} cannot be followed: {error}", followed.instance);
                return if error.is_transient() { Ended::Here } else { Ended::Unreadable };
            }
        };
        if ended {
            // An engine may end the stream before it handed over the last lines, so one read without following is
            // due; it also tells a stream that was cut from one that ended.
            match engine.inspect(&followed.container).await {
                Ok(facts) if facts.state == engine::ContainerState::Running => {}
                Ok(_) | Err(_) => {
                    drop(read(engine, followed, sink, false, AGAIN).await);
                    return Ended::Here;
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

enum Read {
    /// The lines joined on to those in the store.
    Reached,
    /// More lines were missed than were asked for; ask for more.
    Missed,
}

async fn read(
    engine: &Engine,
    followed: &Followed,
    sink: &Sink,
    follow: bool,
    tail: u32,
) -> Result<Read, EngineError> {
    let resume = sink.store.resume(&followed.instance).unwrap_or_else(|error| {
        tracing::error!("what is stored of {} cannot be read: {error}", followed.instance);
        None
    });
    let (since, tail) = match &resume {
        Some(resume) if followed.started > resume.last => {
            (Some(resume.last.minus(Duration::from_secs(1))), None)
        }
        Some(resume) => (Some(resume.last.minus(Duration::from_secs(1))), Some(tail)),
        None => (None, None),
    };
    let mut known = resume.map(|r| (r.last, r.seen));
    let request = LogRequest { since, tail, follow, tty: followed.tty };
    let mut parts = engine.logs(&followed.container, request).ready_chunks(BATCH);
    let mut joiner = Joiner::new(&followed.service, &followed.instance);
    let mut lines = Vec::new();
    let mut first = true;
    while let Some(chunk) = parts.next().await {
        let mut failed = None;
        for part in chunk {
            match part {
                Ok(part) => joiner.push(part.ts, part.stream, &part.bytes, part.ends_line, &mut lines),
                Err(error) => failed = Some(error),
            }
        }
        if std::mem::take(&mut first)
            && tail.is_some_and(|t| t < MOST)
            && begins_too_late(&lines, known.as_ref())
        {
            return Ok(Read::Missed);
        }
        if let Some((last, seen)) = &mut known {
            lines.retain(|line| line.ts > *last || seen.admit(line.ts, line.stream, &line.bytes));
        }
        sink.append(&lines);
        lines.clear();
        if let Some(error) = failed {
            return Err(error);
        }
    }
    if follow {
        // The stream ended, perhaps cut in the middle of a line: the next read brings it whole.
        return Ok(Read::Reached);
    }
    joiner.finish(&mut lines);
    if let Some((last, seen)) = &mut known {
        lines.retain(|line| line.ts > *last || seen.admit(line.ts, line.stream, &line.bytes));
    }
    sink.append(&lines);
    Ok(Read::Reached)
}

/// Whether the first line that came back is newer than everything stored. The last stored line was asked for too, so
/// lines between the two may be missing.
fn begins_too_late(lines: &[Line], known: Option<&(Timestamp, Seen)>) -> bool {
    matches!((lines.first(), known), (Some(first), Some((last, _))) if first.ts > *last)
}
