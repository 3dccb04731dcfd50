//! From the engine's log stream of one container to the store: no line lost, none twice.
//!
//! Reading goes on where the store ends: from a second before its last line, with what it holds of that second
//! counted off. The engine's `attach` is never used: a slow reader there would slow the service.

use std::sync::Arc;
use std::time::Duration;

use engine::{ContainerState, Engine, EngineError, LogPart, LogRequest};
use futures_util::StreamExt;
use logs::{Joiner, LogError, Resume, Store};
use model::Timestamp;
use model::line::{Line, Stream};
use tokio::sync::Notify;

use crate::jobs::now;
use crate::pace::{Lag, Pace};

/// Lines asked for again after a break; ten times as many where they do not reach back far enough.
const AGAIN: u32 = 2000;
/// As many lines as are ever asked for again before all are.
const MOST: u32 = 20_000_000;
/// Between attempts.
const PAUSE: Duration = Duration::from_millis(100);
/// Until the disk may have room again.
const NO_ROOM: Duration = Duration::from_secs(1);
/// Attempts that fail one after another before the engine is taken for gone.
const ATTEMPTS: u32 = 5;

/// One container to follow.
#[derive(Debug, Clone)]
pub(crate) struct Followed {
    pub container: String,
    pub service: String,
    pub instance: String,
    pub tty: bool,
    /// Whether the engine throws the beginning of its log away when that grows.
    pub rotates: bool,
    /// When it was made; everything stored before that is of another container of this name.
    pub created: Timestamp,
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
        if let Err(error) = self.try_append(lines) {
            tracing::error!("{} log lines could not be stored: {error}", lines.len());
        }
    }

    fn try_append(&self, lines: &[Line]) -> Result<(), LogError> {
        if !lines.is_empty() {
            self.store.append(lines)?;
            self.news.notify_waiters();
        }
        Ok(())
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

/// How one read ended.
enum Read {
    /// With the engine's stream.
    Through,
    /// It did not join on to what is stored: more is to be asked for.
    Missed,
    /// It had been behind since then, and the engine may have left lines out.
    Doubtful(Timestamp),
    /// The store took no more. What it did not take is read again.
    NotStored(LogError),
}

/// Reads until the container's log ends: it stopped, or is gone.
pub(crate) async fn follow(engine: &Engine, followed: &Followed, sink: &Sink) -> Ended {
    let mut reader = Reader { engine, followed, sink, from: None, came: false };
    let (mut tail, mut failures, mut full) = (AGAIN, 0, false);
    loop {
        let read = reader.read(true, tail).await;
        if std::mem::take(&mut reader.came) {
            (tail, failures, full) = (AGAIN, 0, false);
        }
        match read {
            Ok(Read::Missed) => {
                tail = tail.saturating_mul(10);
                continue;
            }
            Ok(Read::Doubtful(since)) => {
                reader.from = Some(since);
                continue;
            }
            Ok(Read::NotStored(error)) => {
                if !std::mem::replace(&mut full, true) {
                    tracing::error!(
                        "lines of {} wait in the engine until they can be stored: {error}",
                        followed.instance
                    );
                }
                tokio::time::sleep(NO_ROOM).await;
                continue;
            }
            Ok(Read::Through) => {
                // It tells a stream that was cut from one that ended.
                match engine.inspect(&followed.container).await {
                    Ok(facts) if facts.state == ContainerState::Running => {}
                    Ok(_) | Err(_) => {
                        reader.catch_up().await;
                        return Ended::Here;
                    }
                }
            }
            Err(EngineError::NotFound { .. }) => return Ended::Here,
            Err(error) if error.is_transient() && failures < ATTEMPTS => failures += 1,
            Err(error) => {
                tracing::warn!("the log of {} cannot be followed: {error}", followed.instance);
                return if error.is_transient() { Ended::Here } else { Ended::Unreadable };
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

struct Reader<'f> {
    engine: &'f Engine,
    followed: &'f Followed,
    sink: &'f Sink,
    /// From when on the next read looks at everything again.
    from: Option<Timestamp>,
    /// Whether new lines came and were stored.
    came: bool,
}

impl Reader<'_> {
    /// An engine may end the stream before it handed over the last lines, so one read without following is due.
    async fn catch_up(&mut self) {
        let mut tail = AGAIN;
        while let Ok(Read::Missed) = self.read(false, tail).await {
            tail = tail.saturating_mul(10);
        }
    }

    async fn read(&mut self, follow: bool, tail: u32) -> Result<Read, EngineError> {
        let followed = self.followed;
        let from = self.from.take();
        let resume = self.sink.store.resume(&followed.instance, from).unwrap_or_else(|error| {
            tracing::error!("what is stored of {} cannot be read: {error}", followed.instance);
            None
        });
        // What a container of the same name printed before is none of this one's.
        let mut known = resume.filter(|resume| resume.last >= followed.created);
        let since = known.as_ref().map(|known| known.since);
        let joins = |known: &&Resume| tail < MOST && from.is_none() && followed.started <= known.last;
        let tail = known.as_ref().filter(joins).map(|_| tail);
        let request = LogRequest { since, tail, follow, tty: followed.tty };
        let mut batches = self.engine.logs(&followed.container, request);
        let mut joiner = Joiner::new(&followed.service, &followed.instance);
        let (mut lines, mut joined) = (Vec::new(), known.is_none());
        let (mut lag, mut pace) = (Lag::default(), Pace::new());
        while let Some(parts) = batches.next().await {
            let parts = parts?;
            join(&mut joiner, &parts, &mut lines);
            if let (false, Some(first), Some(resume)) = (joined, lines.first(), &known) {
                joined = true;
                if !resume.seen.knows(first.ts, first.stream, &first.bytes) {
                    if tail.is_some() {
                        return Ok(Read::Missed);
                    }
                    lines.insert(0, missing(first, from.unwrap_or(resume.last)));
                }
            }
            count_off(&mut known, &mut lines);
            if let Err(error) = self.sink.try_append(&lines) {
                return Ok(Read::NotStored(error));
            }
            self.came |= !lines.is_empty();
            lines.clear();
            if let (true, [first, .., last]) = (follow && followed.rotates, parts.as_slice())
                && let Some(since) = lag.read(now(), first.ts, last.ts)
            {
                return Ok(Read::Doubtful(since));
            }
            if let Some(pause) = pace.pause_after(parts.len()).filter(|_| follow) {
                tokio::time::sleep(pause).await;
            }
        }
        if !follow {
            // Where the stream was followed it may have been cut within a line: the next read brings it whole.
            joiner.finish(&mut lines);
            count_off(&mut known, &mut lines);
            if let Err(error) = self.sink.try_append(&lines) {
                return Ok(Read::NotStored(error));
            }
        }
        Ok(Read::Through)
    }
}

fn join(joiner: &mut Joiner, parts: &[LogPart], lines: &mut Vec<Line>) {
    for part in parts {
        joiner.push(part.ts, part.stream, &part.bytes, part.ends_line, lines);
    }
}

/// Takes out what is stored already.
fn count_off(known: &mut Option<Resume>, lines: &mut Vec<Line>) {
    let Some(Resume { seen, .. }) = known else { return };
    let over = lines.iter().all(|line| seen.is_behind(line.ts)) && !lines.is_empty();
    lines.retain(|line| of_shoal(line) || seen.admit(line.ts, line.stream, &line.bytes));
    if over {
        *known = None;
    }
}

/// The line that stands where the engine's log has none any more.
fn missing(first: &Line, last: Timestamp) -> Line {
    let text = format!(
        "warning: lines from {last} to {} are missing: the engine had rotated them away before they could be read",
        first.ts
    );
    Line { ts: Timestamp(last.0 + 1), stream: Stream::Reload, bytes: text.into_bytes(), ..first.clone() }
}

fn of_shoal(line: &Line) -> bool {
    line.stream == Stream::Reload
}
