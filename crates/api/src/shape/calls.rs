//! Calls and the edges they make.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{From, Whole};

/// Which calls. Everything that is left out does not narrow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export, optional_fields)]
#[serde(default, deny_unknown_fields)]
pub struct CallsQuery {
    /// Made by this service.
    #[serde(skip_serializing_if = "Option::is_none", rename = "from")]
    pub from_service: Option<String>,
    /// Made to this service.
    #[serde(skip_serializing_if = "Option::is_none", rename = "to")]
    pub to_service: Option<String>,
    /// Made by or to one of these services; empty: all.
    pub services: Vec<String>,
    /// `http/1`, `tcp` and so on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// Only failed ones.
    pub failed: bool,
    /// Health checks, scrapes and polls too; so it is when left out.
    #[ts(as = "Option<bool>", optional)]
    pub background: bool,
    /// Longer than this, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slower: Option<f64>,
    /// Not before this time, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Not after this time, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Contains this text in operation, headers or body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// A CEL expression over `protocol from to operation route method path status ok ms bytes headers body ts background
    /// forbidden waits` and some more.
    #[serde(skip_serializing_if = "Option::is_none", rename = "where")]
    pub where_: Option<String>,
}

impl Default for CallsQuery {
    fn default() -> Self {
        Self {
            from_service: None,
            to_service: None,
            services: Vec::new(),
            protocol: None,
            failed: false,
            background: true,
            slower: None,
            since: None,
            until: None,
            text: None,
            where_: None,
        }
    }
}

/// A page of calls.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(default, deny_unknown_fields)]
pub struct CallsRead {
    /// Which calls.
    pub query: CallsQuery,
    /// From where.
    pub from: From,
    /// At most so many, up to 10,000; 0: 200.
    pub limit: u32,
    /// With `after`: how long to wait for a first call, in milliseconds, up to 30,000.
    pub wait_ms: u32,
    /// With headers and bodies.
    pub whole: bool,
    /// Leave out calls that still wait for their answer.
    pub done: bool,
}

/// Calls, oldest first whichever way was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct CallsPage {
    /// In order of their requests' first bytes.
    pub calls: Vec<CallDetail>,
    /// What to give to `before` for older calls; left out at the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub before: Option<String>,
    /// What to give to `after` for newer calls.
    pub after: String,
    /// How many calls in between were left out for being background, where that was asked for.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[ts(as = "Option<u32>", optional)]
    pub background_hidden: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "it is what serde hands over")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// A call by id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct CallId {
    /// Its id.
    pub id: String,
}

/// Which call is to be shown whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct CallShow {
    /// Its id.
    pub id: String,
    /// With what is hidden everywhere else, as long as it is in the session's memory.
    #[serde(default)]
    #[ts(as = "Option<bool>", optional)]
    pub reveal: bool,
}

/// What became of the values that were hidden in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "lowercase")]
pub enum HiddenState {
    /// They are in the session's memory, and nowhere else: they can be shown.
    Kept,
    /// They are no longer known to anybody.
    Gone,
    /// They are shown here.
    Shown,
}

/// One end of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export, rename = "Party")]
pub struct PartyShape {
    /// The service; `outside` for this machine and the world.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub service: Option<String>,
    /// Address and port.
    pub addr: String,
    /// Of `outside`: the name that DNS last gave this address for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub host: Option<String>,
}

/// One call; in a page without `whole`, its messages have sizes only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export, rename = "Call")]
pub struct CallDetail {
    /// Everything but the messages.
    #[serde(flatten)]
    pub row: CallRow,
    /// What was asked.
    pub request: CallMessage,
    /// What was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub response: Option<CallMessage>,
    /// Of a call in which something was hidden.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub hidden: Option<HiddenState>,
}

/// A call without its messages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct CallRow {
    /// Its id.
    pub id: String,
    /// When the first byte of the request was seen.
    pub ts: String,
    /// Who called.
    pub from: PartyShape,
    /// Who was called.
    pub to: PartyShape,
    /// `http/1`, `tcp` and so on.
    pub protocol: String,
    /// For people.
    pub operation: String,
    /// What calls that differ only in ids have in common.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub route: Option<String>,
    /// `GET` and the like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub method: Option<String>,
    /// Without the query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub path: Option<String>,
    /// As it was sent, with the query, secrets hidden; left out where it is the path alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub target: Option<String>,
    /// The protocol's own; left out when it was not seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub status: Option<String>,
    /// Whether it went well, or may still.
    pub ok: bool,
    /// From the request's first byte to the response's last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub ms: Option<f64>,
    /// From the request's first byte to the response's first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub ttfb_ms: Option<f64>,
    /// The connection.
    pub conn: String,
    /// Whether it went through TLS and was decrypted; of a connection: whether what it says is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[ts(as = "Option<bool>", optional)]
    pub decrypted: bool,
    /// `complete`, or why not.
    pub quality: String,
    /// The trace it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub trace: Option<String>,
    /// Something worth knowing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub note: Option<String>,
    /// Whether its answer is still awaited.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[ts(as = "Option<bool>", optional)]
    pub pending: bool,
    /// `health` for a health check, `metrics` for a scrape, `poll` for one of many at a steady pace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub background: Option<String>,
    /// Whether the manifest's rules do not permit it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[ts(as = "Option<bool>", optional)]
    pub forbidden: bool,
    /// Its time is spent waiting for something to happen, so it says nothing about how fast the callee is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[ts(as = "Option<bool>", optional)]
    pub waits: bool,
}

/// One direction of a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct CallMessage {
    /// The body's whole size.
    pub bytes: Whole,
    /// By lower-case name, in wire order; values of one name are joined by `, `.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "Record<string, string>")]
    pub headers: Option<serde_json::Map<String, serde_json::Value>>,
    /// The body as text, or its hexadecimal digits where it is no UTF-8 (`binary`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub body: Option<String>,
    /// Whether `body` is hexadecimal digits.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[ts(as = "Option<bool>", optional)]
    pub binary: bool,
    /// Whether `body` is shorter than what was sent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[ts(as = "Option<bool>", optional)]
    pub truncated: bool,
    /// Whether `body` is shown without the content coding that the headers name; `bytes` counts it as sent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[ts(as = "Option<bool>", optional)]
    pub decoded: bool,
    /// What `body` is where no header says so, as a media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub media: Option<String>,
    /// What is in a `body` of protobuf: as JSON by the repository's `.proto` files, or as field numbers and values where
    /// these do not know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub fields: Option<String>,
    /// The parts of a `multipart` body.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(as = "Option<Vec<FormPart>>", optional)]
    pub form: Vec<FormPart>,
    /// The messages of a stream, of which `body` is made; of a long one the first and the newest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(as = "Option<Vec<PartShape>>", optional)]
    pub parts: Vec<PartShape>,
}

/// One part of a `multipart` body.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct FormPart {
    /// The field of a form that it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub name: Option<String>,
    /// The file that it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub filename: Option<String>,
    /// What it is, as a media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub media: Option<String>,
    /// Its size, as far as it was kept.
    pub bytes: Whole,
    /// The part as text, or its hexadecimal digits where it is no text (`binary`); left out when there is nothing in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub body: Option<String>,
    /// Whether `body` is hexadecimal digits.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[ts(as = "Option<bool>", optional)]
    pub binary: bool,
    /// Whether its end was not kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[ts(as = "Option<bool>", optional)]
    pub truncated: bool,
}

/// One message of a stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct PartShape {
    /// When its last byte was seen.
    pub ts: String,
    /// So many messages that came before it are counted and not listed: a long stream shows its first ones and the newest.
    #[serde(default, skip_serializing_if = "Whole::is_zero")]
    #[ts(as = "Option<Whole>", optional)]
    pub left_out: Whole,
    /// `text`, `ping`, `message` and the like.
    pub kind: String,
    /// Its whole size.
    pub bytes: Whole,
    /// Protobuf as JSON by the repository's `.proto` files, or as field numbers and values where these do not know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub decoded: Option<String>,
    /// What `decoded` is, as a media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub media: Option<String>,
    /// The part itself as text, or its hexadecimal digits where it is no text (`binary`); left out when nothing was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub body: Option<String>,
    /// Whether `body` is hexadecimal digits.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[ts(as = "Option<bool>", optional)]
    pub binary: bool,
}

/// Another tool's form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "lowercase")]
pub enum ExportFormat {
    /// HTTP Archive 1.2.
    Har,
    /// One `curl` command a call of HTTP.
    Curl,
    /// One `grpcurl` command a call of gRPC.
    Grpcurl,
    /// Spans of OpenTelemetry as OTLP/JSON, of calls that ended.
    Otlp,
    /// One JSON object a line, with headers and bodies.
    Ndjson,
    /// What the services that were called offer, as OpenAPI 3.1: one document, or several by their services' names.
    Openapi,
}

/// Which calls in which form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(deny_unknown_fields)]
pub struct CallsExport {
    /// These calls; empty: those of `query`.
    #[serde(default)]
    pub ids: Vec<String>,
    /// Which calls when there are no ids.
    #[serde(default)]
    pub query: CallsQuery,
    /// The form.
    pub format: ExportFormat,
    /// Only the newest so many of `query`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub limit: Option<u32>,
}

/// A time range cut into bins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(deny_unknown_fields)]
pub struct TimelineRequest {
    /// From, in milliseconds since 1970; negative: so long before now.
    pub since_ms: f64,
    /// To, in milliseconds since 1970; 0: now.
    pub until_ms: f64,
    /// How many bins, 1 to 2,000.
    pub bins: u32,
}

/// Calls over time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Timeline {
    /// Where the first bin begins, in milliseconds since 1970.
    pub since_ms: f64,
    /// Where the last bin ends.
    pub until_ms: f64,
    /// Calls in each bin.
    pub calls: Vec<u32>,
    /// Failed calls in each bin.
    pub errors: Vec<u32>,
}

#[cfg(test)]
mod tests {
    use super::CallsQuery;

    #[test]
    fn what_is_left_out_does_not_narrow() {
        let query: CallsQuery = serde_json::from_str("{}").unwrap();
        assert_eq!(query, CallsQuery::default());
        assert!(query.background);
        let query: CallsQuery = serde_json::from_str(r#"{"background":false}"#).unwrap();
        assert!(!query.background);
    }
}
