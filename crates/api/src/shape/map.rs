//! Who called whom, and what for.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::Whole;

/// What passed from one service to another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export, rename = "Edge")]
pub struct EdgeRow {
    /// The caller.
    pub from: String,
    /// The callee.
    pub to: String,
    /// What they speak.
    pub protocol: String,
    /// Calls.
    pub calls: Whole,
    /// Failed ones.
    pub errors: Whole,
    /// Health checks and scrapes among them, which are in no percentile of the edge: their routes have their own.
    #[serde(default, skip_serializing_if = "Whole::is_zero")]
    #[ts(as = "Option<Whole>", optional)]
    pub background: Whole,
    /// Body bytes both ways.
    pub bytes: Whole,
    /// Median.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub p50_ms: Option<f64>,
    /// 90th percentile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub p90_ms: Option<f64>,
    /// 99th percentile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub p99_ms: Option<f64>,
    /// When the newest call began.
    pub last: String,
    /// Whether the caller does not say that it depends on the callee.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[ts(as = "Option<bool>", optional)]
    pub undeclared: bool,
    /// Whether the manifest's rules do not permit it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[ts(as = "Option<bool>", optional)]
    pub forbidden: bool,
    /// The broker between the two: `calls` are messages then, and their time is that from sending to receiving. The
    /// calls that each of them makes to the broker have edges of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub via: Option<String>,
    /// Where at the broker: a topic, a queue, a channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub topic: Option<String>,
    /// The newest of them, whatever went before; left out where none has ended, and for a range of time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub recent: Option<RecentRow>,
}

/// The calls of an edge that ended in the ten seconds up to the end of the newest one: how the edge is now, or was when it
/// was last used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export, rename = "Recent")]
pub struct RecentRow {
    /// Calls that ended.
    pub calls: Whole,
    /// Failed ones.
    pub errors: Whole,
    /// Median, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub p50_ms: Option<f64>,
    /// 90th percentile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub p90_ms: Option<f64>,
    /// 99th percentile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub p99_ms: Option<f64>,
    /// When the newest of them ended, RFC 3339.
    pub until: String,
}

/// Of which services.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(default, deny_unknown_fields)]
pub struct OpenApiRequest {
    /// These; empty: all that were asked anything.
    pub services: Vec<String>,
}

/// What services offer, by what they were asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct OpenApi {
    /// By name.
    pub services: Vec<ServiceApi>,
}

/// What one service offers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ServiceApi {
    /// The service.
    pub service: String,
    /// An OpenAPI 3.1 document.
    #[ts(type = "Record<string, unknown>")]
    pub document: serde_json::Value,
}

/// Edges of when. Both left out: all that was ever counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export, optional_fields)]
#[serde(default, deny_unknown_fields)]
pub struct EdgesRequest {
    /// Calls that began not before this time, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Calls that began before this time, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// All edges.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct EdgeList {
    /// By caller, callee, protocol, broker, topic.
    pub edges: Vec<EdgeRow>,
    /// Of a range of time: the span that was counted, which may be a little more or less than what was asked for, since
    /// what is long past was counted together: a second for ten minutes, ten seconds for two hours, a minute for a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub counted: Option<CountedSpan>,
}

/// From when to when something was counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct CountedSpan {
    /// Where it begins.
    pub since: String,
    /// Where it ends.
    pub until: String,
}

/// Which routes. Everything that is left out does not narrow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export, optional_fields)]
#[serde(default, deny_unknown_fields)]
pub struct RoutesRequest {
    /// Of calls made by this service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Of calls made to this service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Of calls made by or to one of these services; empty: all.
    pub services: Vec<String>,
    /// Of calls that began not before this time, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Of calls that began before this time, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// Calls over one edge that differ only in ids.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export, rename = "Route")]
pub struct RouteRow {
    /// The caller.
    pub from: String,
    /// The callee.
    pub to: String,
    /// What they speak.
    pub protocol: String,
    /// What is asked: `GET /orders/{id}`; `(other)` for all that are not told apart.
    pub route: String,
    /// Calls.
    pub calls: Whole,
    /// Failed ones.
    pub errors: Whole,
    /// Calls in each second of the last minute, or of the range that was asked for.
    pub per_second: f64,
    /// Median.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub p50_ms: Option<f64>,
    /// 90th percentile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub p90_ms: Option<f64>,
    /// 99th percentile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub p99_ms: Option<f64>,
    /// When the newest call began.
    pub last: String,
}

/// All routes that were asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct RouteList {
    /// By caller, callee, protocol, route.
    pub routes: Vec<RouteRow>,
    /// Of a range of time: the span that was counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub counted: Option<CountedSpan>,
}

/// Something that does not fit: the manifest against what was seen, or that against itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export, rename = "Finding")]
pub struct FindingRow {
    /// `forbidden` by the manifest's rules, `undeclared` in `depends_on`, `twice` for a route that several services
    /// answer, `uncalled` for a service that nobody calls.
    pub kind: String,
    /// What was found, in one sentence.
    pub text: String,
    /// What to do about it.
    pub hint: String,
    /// The services that it is about; caller and callee where it is about calls.
    pub services: Vec<String>,
    /// The route that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub route: Option<String>,
    /// How many calls it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub calls: Option<Whole>,
}

/// Everything that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct FindingList {
    /// The gravest first.
    pub findings: Vec<FindingRow>,
}
