//! What viewers ask of a session, one method a command of the contract.

use std::time::Duration;

use api::shape::{
    CallDetail, CallsExport, CallsPage, CallsQuery, CallsRead, Count, DoctorReport, Done, Down, EdgeList,
    EventsPage, EventsRead, ExportFormat, From, LogsPage, LogsQuery, LogsRead, Snapshot, State, Text,
    Timeline, TimelineRequest, Up,
};
use api::{ApiError, Code};
use model::Timestamp;
use model::exchange::Protocol;
use tokio::sync::oneshot;

use crate::jobs::now;
use crate::run::Event;
use crate::state::{Clearing, Input};
use crate::{Session, doctor, translate};

/// How long a command waits for the engine to answer for the first time.
const ENGINE: Duration = Duration::from_secs(3);
/// How long a session counts as having just begun.
const FRESH: Duration = Duration::from_secs(2);
/// Rows a page at most.
const MOST: u32 = 10_000;

impl Session {
    /// Everything a view shows at first. A session that has just begun knows nothing of its containers yet; it says
    /// nothing before the engine told what is there and each service was asked once whether it answers.
    pub async fn snapshot(&self) -> Result<Snapshot, ApiError> {
        if self.begun.elapsed() < FRESH {
            drop(tokio::time::timeout(FRESH, self.all_told()).await);
        }
        Ok(self.shared.board.snapshot())
    }

    async fn all_told(&self) {
        let (mut now, mut deltas) = self.shared.board.subscribe();
        loop {
            let unasked =
                now.services.iter().any(|s| s.state == State::Running && !s.ready && s.error.is_none());
            let told = if now.engine.ok { !unasked } else { now.engine.error.is_some() };
            if told || deltas.recv().await.is_err() {
                return;
            }
            now = self.shared.board.snapshot();
        }
    }

    /// Starts services.
    pub async fn up(&self, up: Up) -> Result<Done, ApiError> {
        let stack = self.shared.board.snapshot().stack;
        self.read_manifest(&up.services).await?;
        if up.trust {
            self.trust()?;
        } else if !stack.trusted {
            let mut error =
                ApiError::new(Code::Untrusted, format!("{} was never run on this machine", stack.manifest))
                    .hint("look at what it does, then approve of it");
            error.causes = stack.asks;
            return Err(error);
        }
        self.require_engine().await?;
        self.shared.send(Event::Observe { reload: !up.no_reload, capture: !up.no_capture }).await;
        self.ask(Input::Up { services: up.services, build: up.build }).await?;
        Ok(Done::default())
    }

    /// Takes the stack down, and returns when nothing of it is left.
    pub async fn down(&self, down: Down) -> Result<Done, ApiError> {
        self.require_engine().await?;
        self.shared.clear_error().take();
        self.ask(Input::Down(Clearing { volumes: down.volumes, all: down.all })).await?;
        let (reply, settled) = oneshot::channel();
        self.shared.send(Event::WhenDown(reply)).await;
        settled.await.map_err(|_| gone())??;
        match self.shared.clear_error().take() {
            Some(error) => Err(error),
            None if *self.shared.at_rest.borrow() => Ok(Done::default()),
            None => Ok(Done {
                note: Some("persistent services run on; `shoal down --all` removes them too".into()),
            }),
        }
    }

    /// Starts services that are stopped.
    pub async fn start_services(&self, services: Vec<String>) -> Result<Done, ApiError> {
        self.up(Up { services, ..Up::default() }).await
    }

    /// Stops services, and returns when they stand still.
    pub async fn stop_services(&self, services: Vec<String>) -> Result<Done, ApiError> {
        self.require_engine().await?;
        self.ask(Input::Stop(services.clone())).await?;
        let (reply, settled) = oneshot::channel();
        self.shared.send(Event::WhenSettled(services, reply)).await;
        settled.await.map_err(|_| gone())??;
        Ok(Done::default())
    }

    /// Stops and starts services.
    pub async fn restart_services(&self, services: Vec<String>) -> Result<Done, ApiError> {
        self.require_trust()?;
        self.require_engine().await?;
        self.ask(Input::Restart(services)).await?;
        Ok(Done::default())
    }

    /// Builds services' images again.
    pub async fn rebuild(&self, services: Vec<String>) -> Result<Done, ApiError> {
        self.require_trust()?;
        self.require_engine().await?;
        self.ask(Input::Rebuild(services)).await?;
        Ok(Done::default())
    }

    /// Applies what waits in manual reload mode.
    pub async fn reload(&self, services: Vec<String>) -> Result<Done, ApiError> {
        self.shared.send(Event::ApplyPending(services)).await;
        Ok(Done::default())
    }

    /// The user approves of the manifest on this machine.
    pub fn trust(&self) -> Result<Done, ApiError> {
        let mut stack = self.shared.board.snapshot().stack;
        let manifest = self.shared.config.files.first().cloned().unwrap_or_default();
        api::host::remember(&self.shared.config.state, &stack.name, &manifest, true).map_err(|e| {
            ApiError::new(Code::Failed, format!("that you approve could not be remembered: {e}"))
        })?;
        stack.trusted = true;
        self.shared.board.post(api::shape::Change::Stack(stack));
        Ok(Done::default())
    }

    /// Asks the session to end; containers run on.
    pub fn shutdown(&self) -> Done {
        self.shared.ending.cancel();
        Done::default()
    }

    /// A page of events.
    pub async fn events(&self, read: EventsRead) -> Result<EventsPage, ApiError> {
        Ok(self.shared.board.events(&read).await)
    }

    /// A page of log lines.
    pub async fn logs(&self, read: LogsRead) -> Result<LogsPage, ApiError> {
        let query = logs_query(&read.query)?;
        let limit = limit(read.limit);
        let deadline = tokio::time::sleep(Duration::from_millis(u64::from(read.wait_ms.min(30_000))));
        tokio::pin!(deadline);
        loop {
            let news = self.shared.sink.news.notified();
            tokio::pin!(news);
            news.as_mut().enable();
            let (store, query, from) = (self.shared.sink.store.clone(), query.clone(), place(&read.from)?);
            let page = tokio::task::spawn_blocking(move || store.read(&query, from, limit))
                .await
                .map_err(|e| ApiError::new(Code::Failed, format!("reading logs broke: {e}")))?
                .map_err(|e| ApiError::new(Code::Failed, e.to_string()).caused_by(&e))?;
            let waits = page.lines.is_empty() && read.wait_ms > 0 && !deadline.is_elapsed();
            if !waits {
                return Ok(LogsPage {
                    lines: page.lines.iter().map(translate::line).collect(),
                    before: page.before.map(|c| c.to_string()),
                    after: page.after.to_string(),
                });
            }
            tokio::select! {
                () = &mut news => {}
                () = &mut deadline => {}
            }
        }
    }

    /// How many stored lines match.
    pub async fn logs_count(&self, query: LogsQuery) -> Result<Count, ApiError> {
        let (store, query) = (self.shared.sink.store.clone(), logs_query(&query)?);
        let count = tokio::task::spawn_blocking(move || store.count(&query))
            .await
            .map_err(|e| ApiError::new(Code::Failed, format!("counting lines broke: {e}")))?
            .map_err(|e| ApiError::new(Code::Failed, e.to_string()).caused_by(&e))?;
        Ok(Count { count: count.into() })
    }

    /// A page of calls.
    pub async fn calls(&self, read: CallsRead) -> Result<CallsPage, ApiError> {
        let query = calls_query(&read.query)?;
        let limit = limit(read.limit);
        let deadline = tokio::time::sleep(Duration::from_millis(u64::from(read.wait_ms.min(30_000))));
        tokio::pin!(deadline);
        loop {
            let news = self.shared.calls_news.notified();
            tokio::pin!(news);
            news.as_mut().enable();
            let page = self.calls_page(&read, &query, limit)?;
            if !page.calls.is_empty() || read.wait_ms == 0 || deadline.is_elapsed() {
                return Ok(page);
            }
            tokio::select! {
                () = &mut news => {}
                () = &mut deadline => {}
            }
        }
    }

    fn calls_page(
        &self,
        read: &CallsRead,
        query: &calls::Query,
        limit: usize,
    ) -> Result<CallsPage, ApiError> {
        let position = position(&read.from)?;
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
        Ok(CallsPage {
            calls: found.into_iter().map(|c| translate::call(c, read.whole)).collect(),
            before: page.before.map(|c| c.to_string()),
            after: after.or_else(|| same_place(&read.from)).unwrap_or_else(|| START.to_owned()),
        })
    }

    /// One call whole.
    pub fn call(&self, id: &str) -> Result<CallDetail, ApiError> {
        let calls = self.shared.calls();
        let call = calls.get(id).ok_or_else(|| {
            ApiError::new(Code::NotFound, format!("there is no call `{id}`"))
                .hint("the oldest calls are dropped when memory is full")
        })?;
        Ok(translate::call(call, true))
    }

    /// Calls in another tool's form.
    pub fn export(&self, export: &CallsExport) -> Result<Text, ApiError> {
        let query = calls_query(&export.query)?;
        let calls = self.shared.calls();
        let chosen = if export.ids.is_empty() {
            calls.list(&query, calls::Position::Oldest, usize::MAX).calls
        } else {
            let missing = |id: &String| ApiError::new(Code::NotFound, format!("there is no call `{id}`"));
            export.ids.iter().map(|id| calls.get(id).ok_or_else(|| missing(id))).collect::<Result<_, _>>()?
        };
        let text = match export.format {
            ExportFormat::Har => calls::export::har(chosen.into_iter()).to_string(),
            ExportFormat::Curl => {
                chosen.into_iter().filter_map(calls::export::curl).collect::<Vec<_>>().join("\n")
            }
        };
        Ok(Text { text })
    }

    /// Who called whom.
    pub fn edges(&self) -> EdgeList {
        let mut calls = self.shared.calls();
        calls.settle();
        EdgeList { edges: calls.edges().iter().map(translate::edge).collect() }
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

    /// What is wrong with this machine.
    pub async fn doctor(&self) -> Result<DoctorReport, ApiError> {
        Ok(doctor::examine(&self.shared).await)
    }

    async fn ask(&self, input: Input) -> Result<(), ApiError> {
        let (reply, answer) = oneshot::channel();
        self.shared.send(Event::Ask(input, reply)).await;
        answer.await.map_err(|_| gone())?
    }

    /// Reads the manifest as it is at this moment: it may have been saved faster than a watcher could tell.
    async fn read_manifest(&self, asked: &[String]) -> Result<(), ApiError> {
        let (shared, asked) = (self.shared.clone(), asked.to_vec());
        let read = tokio::task::spawn_blocking(move || shared.read_manifest_for(&asked)).await;
        let loaded =
            read.map_err(|e| ApiError::new(Code::Failed, format!("reading the manifest broke off: {e}")))?;
        let errors = loaded.diagnostics.iter().filter(|d| d.severity == manifest::Severity::Error).count();
        let broken = loaded.plan.is_none();
        self.shared.send(Event::Manifest(Box::new(loaded))).await;
        if !broken {
            return Ok(());
        }
        let manifest = self.shared.board.snapshot().stack.manifest;
        Err(ApiError::new(Code::Manifest, format!("{manifest} has {errors} errors"))
            .hint("`shoal check` shows them"))
    }

    fn require_trust(&self) -> Result<(), ApiError> {
        let stack = self.shared.board.snapshot().stack;
        if stack.trusted {
            return Ok(());
        }
        Err(ApiError::new(Code::Untrusted, format!("{} was never run on this machine", stack.manifest)))
    }

    pub(crate) async fn require_engine(&self) -> Result<engine::Engine, ApiError> {
        let mut engine = self.shared.engine.subscribe();
        let there = tokio::time::timeout(ENGINE, engine.wait_for(Option::is_some)).await;
        if let Ok(Ok(engine)) = there
            && let Some(engine) = engine.clone()
        {
            return Ok(engine);
        }
        let shown = self.shared.board.snapshot().engine.error;
        Err(shown.unwrap_or_else(|| ApiError::new(Code::EngineUnreachable, "the engine does not answer")))
    }
}

/// Where a list of calls begins, for readers that have read nothing yet.
const START: &str = "0.0";

fn same_place(from: &From) -> Option<String> {
    match from {
        From::After(cursor) => Some(cursor.clone()),
        From::Newest | From::Oldest | From::Before(_) => None,
    }
}

fn gone() -> ApiError {
    ApiError::new(Code::SessionGone, "the session ended")
}

fn limit(asked: u32) -> usize {
    (if asked == 0 { 200 } else { asked.min(MOST) }) as usize
}

fn bad(error: impl std::fmt::Display) -> ApiError {
    ApiError::new(Code::BadRequest, error.to_string())
}

fn moment(text: Option<&String>) -> Result<Option<Timestamp>, ApiError> {
    text.map(|t| t.parse()).transpose().map_err(bad)
}

fn logs_query(query: &LogsQuery) -> Result<logs::Query, ApiError> {
    let text = match (&query.text, &query.grep) {
        (Some(_), Some(_)) => return Err(bad("ask for a text or for a regular expression, not for both")),
        (Some(text), None) => Some(logs::Text::literal(text)),
        (None, Some(grep)) => Some(logs::Text::regex(grep).map_err(bad)?),
        (None, None) => None,
    };
    Ok(logs::Query {
        services: query.services.clone(),
        min_level: query.level.as_ref().map(|l| l.parse()).transpose().map_err(bad)?,
        since: moment(query.since.as_ref())?,
        until: moment(query.until.as_ref())?,
        text,
        filter: query.where_.as_ref().map(|w| logs::Where::parse(w)).transpose().map_err(bad)?,
        ..logs::Query::default()
    })
}

fn place(from: &From) -> Result<logs::From, ApiError> {
    Ok(match from {
        From::Newest => logs::From::Newest,
        From::Oldest => logs::From::Oldest,
        From::Before(cursor) => logs::From::Before(cursor.parse().map_err(bad)?),
        From::After(cursor) => logs::From::After(cursor.parse().map_err(bad)?),
    })
}

/// The protocols there are.
pub(crate) const PROTOCOLS: [Protocol; 2] = [Protocol::Http1, Protocol::Tcp];

pub(crate) fn calls_query(query: &CallsQuery) -> Result<calls::Query, ApiError> {
    let protocol = match query.protocol.as_deref() {
        None => None,
        Some(name) => {
            let found = PROTOCOLS.into_iter().find(|p| p.name() == name);
            let known = PROTOCOLS.map(|p| format!("`{}`", p.name())).join(", ");
            Some(found.ok_or_else(|| bad(format!("`{name}` is no protocol; protocols are {known}")))?)
        }
    };
    Ok(calls::Query {
        from: query.from_service.clone(),
        to: query.to_service.clone(),
        services: query.services.clone(),
        protocol,
        failed: query.failed,
        slower: query.slower,
        since: moment(query.since.as_ref())?,
        until: moment(query.until.as_ref())?,
        text: query.text.clone(),
        filter: query.where_.as_ref().map(|w| calls::Where::parse(w)).transpose().map_err(bad)?,
    })
}

fn position(from: &From) -> Result<calls::Position, ApiError> {
    Ok(match from {
        From::Newest => calls::Position::Newest,
        From::Oldest => calls::Position::Oldest,
        From::Before(cursor) => calls::Position::Before(cursor.parse().map_err(bad)?),
        From::After(cursor) => calls::Position::After(cursor.parse().map_err(bad)?),
    })
}
