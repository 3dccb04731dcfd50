//! Log lines.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::From;

/// Which lines. Everything that is left out does not narrow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export, optional_fields)]
#[serde(default, deny_unknown_fields)]
pub struct LogsQuery {
    /// Of these services; empty: all.
    pub services: Vec<String>,
    /// At least this urgent: `trace debug info warn error fatal`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// Not before this time, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Not after this time, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Contains this text; a capital letter in it makes case count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Matches this regular expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grep: Option<String>,
    /// A CEL expression over `service instance level text stream ts fields trace`.
    #[serde(skip_serializing_if = "Option::is_none", rename = "where")]
    pub where_: Option<String>,
    /// With every line the record that it is part of: a hit in one line of a stack trace brings all of its lines.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[ts(as = "Option<bool>", optional)]
    pub records: bool,
}

/// A page of lines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(default, deny_unknown_fields)]
pub struct LogsRead {
    /// Which lines.
    pub query: LogsQuery,
    /// From where.
    pub from: From,
    /// At most so many, up to 10,000; 0: 200.
    pub limit: u32,
    /// With `after`: how long to wait for a first line, in milliseconds, up to 30,000.
    pub wait_ms: u32,
}

/// Lines, oldest first whichever way was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct LogsPage {
    /// In order of time.
    pub lines: Vec<LogLine>,
    /// What to give to `before` for older lines; left out at the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub before: Option<String>,
    /// What to give to `after` for newer lines.
    pub after: String,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct LogLine {
    /// Its place.
    pub cursor: String,
    /// The engine's time.
    pub ts: String,
    /// The service.
    pub service: String,
    /// The container.
    pub instance: String,
    /// `stdout stderr build reload`.
    pub stream: String,
    /// What it says of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub level: Option<String>,
    /// Its text without escapes.
    pub text: String,
    /// The fields of a JSON or logfmt line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "Record<string, unknown>")]
    pub fields: Option<serde_json::Map<String, serde_json::Value>>,
    /// The trace or request that it says it belongs to, as calls have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub trace: Option<String>,
    /// Whether it belongs to the line before it, as in a stack trace.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[ts(as = "Option<bool>", optional)]
    pub cont: bool,
}
