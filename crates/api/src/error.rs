//! The one form in which an error leaves a session.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// What a reader may branch on. A variant is added only when somebody does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// The request makes no sense; exit code 2.
    BadRequest,
    /// The manifest has errors; exit code 2.
    Manifest,
    /// The manifest was never approved on this machine.
    Untrusted,
    /// The engine does not answer; exit code 3.
    EngineUnreachable,
    /// The engine answers but not to us; exit code 3.
    EngineDenied,
    /// A port on this machine is taken.
    PortTaken,
    /// An image is not there and cannot be pulled.
    ImageMissing,
    /// A build failed.
    BuildFailed,
    /// No space left.
    DiskFull,
    /// No such service, call, terminal, file.
    NotFound,
    /// Not possible in this state.
    Conflict,
    /// It took too long; exit code 4.
    TimedOut,
    /// The session does not answer.
    SessionGone,
    /// Anything else.
    Failed,
}

/// An error as people and programs see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, thiserror::Error)]
#[ts(export)]
#[error("{message}")]
pub struct ApiError {
    /// For programs.
    pub code: Code,
    /// One sentence: the thing first, the cause next, no period.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub hint: Option<String>,
    /// What led to it, nearest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(as = "Option<Vec<String>>", optional)]
    pub causes: Vec<String>,
    /// The service it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub service: Option<String>,
    /// Where in the expression or pattern that was sent, in characters from its beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub at: Option<u32>,
}

impl ApiError {
    /// An error without hint and causes.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None, causes: Vec::new(), service: None, at: None }
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with everything that led to `error`, itself not included.
    #[must_use]
    pub fn caused_by(mut self, error: &dyn std::error::Error) -> Self {
        let mut next = error.source();
        while let Some(cause) = next {
            self.causes.push(cause.to_string());
            next = cause.source();
        }
        self
    }

    /// The same, about this service.
    #[must_use]
    pub fn about(mut self, service: impl Into<String>) -> Self {
        self.service = Some(service.into());
        self
    }
}
