//! A call made again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{CallDetail, CallMessage};

/// Which call to make again, and what to change about it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export, optional_fields)]
#[serde(default, deny_unknown_fields)]
pub struct ReplayRequest {
    /// Its id.
    pub id: String,
    /// Another method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Another path; the query stays, unless this has one of its own: a `?` at its end is one that is empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Parameters of the query, instead of or beside those that were sent.
    pub query: BTreeMap<String, String>,
    /// Headers, instead of or beside those that were sent. Those whose values are hidden go out only so.
    pub headers: BTreeMap<String, String>,
    /// Headers that are not sent, by their names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[ts(as = "Option<Vec<String>>", optional)]
    pub without: Vec<String>,
    /// Another body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Whether `body` is hexadecimal digits.
    pub binary: bool,
}

/// What was answered then and now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ReplayResult {
    /// The call.
    pub was: CallDetail,
    /// The answer to it now.
    pub now: ReplayAnswer,
    /// Where it was sent.
    pub addr: String,
    /// Headers that were not sent, since their values are hidden.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(as = "Option<Vec<String>>", optional)]
    pub left_out: Vec<String>,
    /// What else is worth saying, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub note: Option<String>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ReplayAnswer {
    /// HTTP's.
    pub status: String,
    /// From the request's first byte to the answer's last, in milliseconds, as seen from here.
    pub ms: f64,
    /// Headers and body, what must not be shown hidden.
    #[serde(flatten)]
    pub message: CallMessage,
}
