//! Pages of what was observed: lines, calls.

use std::borrow::Cow;
use std::pin::Pin;
use std::time::Duration;

use api::shape::{
    CallDetail, CallShow, CallsPage, CallsRead, Chain, Count, From, HiddenState, LogsOutline,
    LogsOutlineRequest, LogsPage, LogsQuery, LogsRead, Timeline, TimelineRequest,
};
use api::{ApiError, Code};
use calls::{Redaction, Unrevealed};
use model::Timestamp;
use model::line::Line;
use tokio::sync::futures::Notified;
use tokio::time::Sleep;

use super::query::{calls_query, logs_query, place, position};
use crate::jobs::now;
use crate::translate::Rules;
use crate::{Session, translate};

/// Rows a page at most.
const MOST: u32 = 10_000;
/// Stretches of an outline at most.
const MOST_PARTS: u32 = 2000;
/// News come in bursts; so long after the first one the reader looks again.
const GATHER: Duration = Duration::from_millis(5);

impl Session {
    /// Stores lines that did not come from a container of the stack, and tells readers, as if they had.
    pub fn take_lines(&self, lines: &[Line]) {
        self.shared.sink.append(lines);
    }

    /// A page of log lines.
    pub async fn logs(&self, read: LogsRead) -> Result<LogsPage, ApiError> {
        let mut query = logs_query(&read.query)?;
        query.budget = (read.budget > 0).then(|| read.budget.into());
        let limit = limit(read.limit);
        let mut from = place(&read.from)?;
        let deadline = deadline(read.wait_ms);
        tokio::pin!(deadline);
        loop {
            let news = self.shared.sink.news.notified();
            tokio::pin!(news);
            news.as_mut().enable();
            let (store, query) = (self.shared.sink.store.clone(), query.clone());
            let page = tokio::task::spawn_blocking(move || store.read(&query, from, limit))
                .await
                .map_err(|e| ApiError::new(Code::Failed, format!("reading logs broke: {e}")))?
                .map_err(|e| ApiError::new(Code::Failed, e.to_string()).caused_by(&e))?;
            let waits = page.lines.is_empty() && !page.more && read.wait_ms > 0 && !deadline.is_elapsed();
            if !waits {
                return Ok(LogsPage {
                    lines: page
                        .lines
                        .iter()
                        .map(|line| translate::line(line, read.longest as usize, read.raw))
                        .collect(),
                    before: page.before.map(|c| c.to_string()),
                    after: page.after.to_string(),
                    more: page.more,
                    scanned: page.scanned.into(),
                });
            }
            // What was looked at and does not match need not be looked at again.
            from = logs::From::After(page.after);
            next_look(news, &mut deadline).await;
        }
    }

    /// How many stored lines match.
    pub async fn logs_count(&self, query: LogsQuery) -> Result<Count, ApiError> {
        // Hits are counted, not what is shown beside them.
        let query = logs_query(&LogsQuery { records: false, ..query })?;
        let store = self.shared.sink.store.clone();
        let count = tokio::task::spawn_blocking(move || store.count(&query))
            .await
            .map_err(|e| ApiError::new(Code::Failed, format!("counting lines broke: {e}")))?
            .map_err(|e| ApiError::new(Code::Failed, e.to_string()).caused_by(&e))?;
        Ok(Count { count: count.into() })
    }

    /// Where in the log the lines lie that match.
    pub async fn logs_outline(&self, request: LogsOutlineRequest) -> Result<LogsOutline, ApiError> {
        let (store, query) = (self.shared.sink.store.clone(), logs_query(&request.query)?);
        let outline = tokio::task::spawn_blocking(move || {
            store.outline(&query, request.parts.min(MOST_PARTS) as usize)
        })
        .await
        .map_err(|e| ApiError::new(Code::Failed, format!("reading logs broke: {e}")))?
        .map_err(|e| ApiError::new(Code::Failed, e.to_string()).caused_by(&e))?;
        Ok(translate::outline(&outline))
    }

    /// A page of calls.
    pub async fn calls(&self, read: CallsRead) -> Result<CallsPage, ApiError> {
        let query = calls_query(&read.query)?;
        let limit = limit(read.limit);
        let deadline = deadline(read.wait_ms);
        tokio::pin!(deadline);
        loop {
            let news = self.shared.calls_news.notified();
            tokio::pin!(news);
            news.as_mut().enable();
            let page = self.calls_page(&read, &query, limit)?;
            if !page.calls.is_empty() || read.wait_ms == 0 || deadline.is_elapsed() {
                return Ok(page);
            }
            next_look(news, &mut deadline).await;
        }
    }

    fn calls_page(
        &self,
        read: &CallsRead,
        query: &calls::Query,
        limit: usize,
    ) -> Result<CallsPage, ApiError> {
        let position = position(&read.from)?;
        let schemas = self.shared.protos.known();
        let calls = self.shared.calls();
        let page = calls.list(query, position, limit);
        let mut found = page.calls;
        let mut after = page.after.map(|c| c.to_string());
        if matches!(position, calls::Position::Newest | calls::Position::Before(_)) {
            found.reverse();
        }
        if read.done {
            // Calls are told once and in order, so a page ends before the first that may still change, unless it has
            // been open for so long that waiting for it would hide all others.
            let patience = now().minus(Duration::from_secs(2));
            if let Some(open) = found.iter().position(|c| !c.done && c.ts > patience) {
                found.truncate(open);
                after = match found.last() {
                    Some(last) => calls.cursor(&last.id).map(|c| c.to_string()),
                    None => None,
                };
            }
        }
        let rules = Rules { schemas: &schemas, redaction: calls.redaction() };
        Ok(CallsPage {
            calls: found
                .into_iter()
                .map(|c| if read.whole { calls.whole(c) } else { Cow::Borrowed(c) })
                .map(|c| translate::call(&c, read.whole, rules))
                .collect(),
            before: page.before.map(|c| c.to_string()),
            after: after.or_else(|| same_place(&read.from)).unwrap_or_else(|| START.to_owned()),
            background_hidden: page.background as u32,
        })
    }

    /// One call whole; with what is hidden everywhere else when that is asked for.
    pub async fn call(&self, asked: &CallShow) -> Result<CallDetail, ApiError> {
        let schemas = self.shared.protos.read().await;
        let calls = self.shared.calls();
        if asked.reveal {
            let call = calls.reveal(&asked.id).map_err(|why| unrevealed(&asked.id, why))?;
            let rules = Rules { schemas: &schemas, redaction: &Redaction::nothing() };
            return Ok(CallDetail {
                hidden: Some(HiddenState::Shown),
                ..translate::call(&call, true, rules)
            });
        }
        let call = calls.get(&asked.id).ok_or_else(|| no_call(&asked.id))?;
        let rules = Rules { schemas: &schemas, redaction: calls.redaction() };
        let kept = if calls.can_reveal(call) { HiddenState::Kept } else { HiddenState::Gone };
        let hidden = call.redacted.then_some(kept);
        Ok(CallDetail { hidden, ..translate::call(&calls.whole(call), true, rules) })
    }

    /// What led to a call, and what it caused.
    pub fn chain(&self, id: &str) -> Result<Chain, ApiError> {
        let mut calls = self.shared.calls();
        calls.settle();
        let chain = calls.chain(id);
        if chain.is_empty() {
            return Err(no_call(id));
        }
        Ok(Chain { calls: chain.iter().map(translate::linked).collect() })
    }

    /// Calls over time.
    pub fn timeline(&self, request: &TimelineRequest) -> Result<Timeline, ApiError> {
        let bins = request.bins as usize;
        let now = now();
        let at = |ms: f64| Timestamp((ms * 1e6) as i64);
        let until = if request.until_ms <= 0.0 { now } else { at(request.until_ms) };
        let since =
            if request.since_ms < 0.0 { at(now.millis() + request.since_ms) } else { at(request.since_ms) };
        if bins == 0 || bins > 2000 || since >= until {
            return Err(ApiError::new(
                Code::BadRequest,
                "a timeline needs 1 to 2,000 bins and a range that is not empty",
            ));
        }
        let series = self.shared.calls().series(since, until, bins);
        Ok(Timeline {
            since_ms: since.millis(),
            until_ms: until.millis(),
            calls: series.iter().map(|b| b.calls).collect(),
            errors: series.iter().map(|b| b.errors).collect(),
        })
    }
}

fn unrevealed(id: &str, why: Unrevealed) -> ApiError {
    match why {
        Unrevealed::Unknown => no_call(id),
        Unrevealed::Nothing => ApiError::new(Code::Conflict, format!("nothing is hidden in `{id}`")),
        Unrevealed::Gone => ApiError::new(Code::Conflict, format!("what was hidden in `{id}` is gone")).hint(
            "it was only ever in the memory of the session that saw the call, and only that of the newest calls",
        ),
    }
}

pub(super) fn no_call(id: &str) -> ApiError {
    ApiError::new(Code::NotFound, format!("there is no call `{id}`"))
        .hint("the oldest calls are dropped when there are too many")
}

/// Where a list of calls begins, for readers that have read nothing yet.
const START: &str = "0.0";

fn same_place(from: &From) -> Option<String> {
    match from {
        From::After(cursor) => Some(cursor.clone()),
        From::Newest | From::Oldest | From::Before(_) => None,
    }
}

fn limit(asked: u32) -> usize {
    (if asked == 0 { 200 } else { asked.min(MOST) }) as usize
}

fn deadline(wait_ms: u32) -> Sleep {
    tokio::time::sleep(Duration::from_millis(u64::from(wait_ms.min(30_000))))
}

/// Waits until there is something new to look at, or the reader's patience ends.
async fn next_look(news: Pin<&mut Notified<'_>>, deadline: &mut Pin<&mut Sleep>) {
    tokio::select! {
        () = news => tokio::time::sleep(GATHER).await,
        () = deadline => {}
    }
}
