//! The routes of the contract.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use api::commands::dispatch;
use api::{ApiError, Code};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use session::Session;

use crate::handler::Answers;
use crate::{terminal, watch};

/// Who looks at the session, and since when nobody does.
#[derive(Debug, Clone, Default)]
pub(crate) struct Presence {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    here: AtomicUsize,
    finished: AtomicBool,
    last: Mutex<Option<Instant>>,
}

/// Somebody who looks, until this is dropped.
#[derive(Debug)]
pub(crate) struct Here(Presence);

impl Presence {
    /// Somebody looks from now on.
    pub(crate) fn enter(&self) -> Here {
        self.inner.here.fetch_add(1, Ordering::Relaxed);
        Here(self.clone())
    }

    /// Whether somebody looks.
    pub(crate) fn anybody(&self) -> bool {
        self.inner.here.load(Ordering::Relaxed) > 0
    }

    /// Whether nobody has looked for so long.
    pub(crate) fn quiet_for(&self, span: Duration) -> bool {
        let last = *self.inner.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.is_none_or(|last| last.elapsed() > span)
    }

    /// The stack was taken down.
    pub(crate) fn finish(&self) {
        self.inner.finished.store(true, Ordering::Relaxed);
    }

    /// Whether the stack was taken down, and nothing was asked since.
    pub(crate) fn finished(&self) -> bool {
        self.inner.finished.load(Ordering::Relaxed)
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        *self.0.inner.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        self.0.inner.here.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What every route works with.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub session: Arc<Session>,
    pub presence: Presence,
}

/// All routes; without a page, without a guard.
pub(crate) fn router(session: Arc<Session>, presence: Presence) -> Router {
    Router::new()
        .route("/v1/rpc/{name}", post(rpc))
        .route("/v1/watch", get(watch::open))
        .route("/v1/terminal", get(terminal::open))
        .with_state(Shared { session, presence })
}

async fn rpc(State(shared): State<Shared>, Path(name): Path<String>, body: Bytes) -> Response {
    let _here = shared.presence.enter();
    if matches!(name.as_str(), "up" | "start" | "restart" | "rebuild") {
        shared.presence.inner.finished.store(false, Ordering::Relaxed);
    }
    let answer = dispatch(&Answers { session: &shared.session }, &name, &body).await;
    if name == "down" && answer.is_ok() {
        shared.presence.finish();
    }
    match answer {
        Ok(json) => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
        Err(error) => failure(&error),
    }
}

/// An error with the status that fits it.
pub(crate) fn failure(error: &ApiError) -> Response {
    let status = match error.code {
        Code::BadRequest | Code::Manifest => StatusCode::BAD_REQUEST,
        Code::Untrusted => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::Conflict | Code::PortTaken => StatusCode::CONFLICT,
        Code::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        Code::EngineUnreachable | Code::EngineDenied | Code::SessionGone => StatusCode::SERVICE_UNAVAILABLE,
        Code::ImageMissing | Code::BuildFailed | Code::DiskFull | Code::Failed => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
    };
    (status, axum::Json(error)).into_response()
}
