//! Log lines.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{From, Whole};

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
    /// Look at so many lines, roughly, and then answer with what was found so far; 0: at all.
    pub budget: u32,
    /// Texts are cut at so many bytes; 0: whole.
    pub longest: u32,
    /// With the lines as they came, escapes included, where that is not their text.
    pub raw: bool,
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
    /// Whether there may be more in the direction of reading at this moment.
    pub more: bool,
    /// How many lines were looked at.
    pub scanned: Whole,
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
    /// The line as it came, where it was asked for and is not the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub raw: Option<String>,
    /// How many bytes the whole text has, where it was cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub whole: Option<u32>,
}

/// How the lines that match lie in the log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(default, deny_unknown_fields)]
pub struct LogsOutlineRequest {
    /// Which lines.
    pub query: LogsQuery,
    /// How many stretches of about equally many lines the log is cut into, up to 2,000.
    pub parts: u32,
}

/// Hits along the log, in stretches that each hold about equally many stored lines: busy minutes get more of them
/// than quiet nights, as on a scroll bar.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct LogsOutline {
    /// Lines that match.
    pub hits: Whole,
    /// When each stretch begins, in milliseconds since 1970; in order.
    pub from_ms: Vec<f64>,
    /// The last line of each stretch.
    pub to_ms: Vec<f64>,
    /// Hits in each stretch.
    pub lines: Vec<u32>,
    /// Those of level warn.
    pub warnings: Vec<u32>,
    /// Those of level error and fatal.
    pub errors: Vec<u32>,
    /// Hits by service.
    pub services: Vec<LogsTally>,
}

/// Hits of one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct LogsTally {
    /// The service.
    pub service: String,
    /// All.
    pub lines: Whole,
    /// Those of level warn.
    pub warnings: Whole,
    /// Those of level error and fatal.
    pub errors: Whole,
}
