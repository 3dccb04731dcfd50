//! Calls as spans of OpenTelemetry, in the JSON form of its protocol (OTLP 1.x, "JSON Protobuf Encoding").
//!
//! A call is a span of its caller and, where the callee is a service, a span of that below it. What is made because of a
//! call is below the callee's span. All calls of a chain are one trace, under the id that the headers of one of them
//! give it, else under one that is made of the first call's. Ids of spans are made of calls' ids: those in headers belong
//! to spans that the services may report themselves.

mod attributes;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use model::Timestamp;
use model::call::{Call, OUTSIDE};
use model::exchange::Protocol;
use model::hash::fnv1a;
use serde_json::{Value, json};

use crate::trace::{self, Kind};
use crate::{Calls, Link, Linked};

/// `SPAN_KIND_SERVER` and `SPAN_KIND_CLIENT`.
const SERVER: u8 = 2;
const CLIENT: u8 = 3;
/// `STATUS_CODE_ERROR`.
const ERROR: u8 = 2;

/// Spans, and what has none.
#[derive(Debug)]
pub struct Spans {
    /// The message `TracesData`.
    pub json: Value,
    /// How many calls were left out since they still go on: a span has an end.
    pub open: usize,
}

impl Calls {
    /// The calls with these ids as spans.
    pub fn otlp(&self, ids: &[&str]) -> Spans {
        let wanted: HashSet<&str> = ids.iter().copied().collect();
        spans(&self.all_linked(), &|call| wanted.contains(call.id.as_str()), &|call| self.whole(call))
    }
}

/// The spans of calls of which nobody knows why they were made.
pub fn unlinked_spans<'c>(calls: impl Iterator<Item = &'c Call>) -> Spans {
    let linked: Vec<Linked<'_>> = calls.map(|call| Linked { call, parent: None }).collect();
    spans(&linked, &|_| true, &Cow::Borrowed)
}

/// The spans of those of the calls that are wanted. A call is behind the one that it was made for.
fn spans<'c>(
    linked: &'c [Linked<'_>],
    wanted: &dyn Fn(&Call) -> bool,
    whole: &dyn Fn(&'c Call) -> Cow<'c, Call>,
) -> Spans {
    let mut chains = Chains::default();
    for linked in linked {
        chains.add(linked);
    }
    let mut by_service: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    let mut open = 0;
    for linked in linked.iter().filter(|linked| wanted(linked.call)) {
        if !linked.call.done {
            open += 1;
            continue;
        }
        let call = &*whole(linked.call);
        let trace = chains.trace(&call.id);
        let parent = linked.parent.map(|(parent, _)| chains.innermost(parent));
        let mut caller = span(call, CLIENT, &trace, &span_id(&call.id, CLIENT), parent.as_deref());
        // A parent that no header names is told from those that one does.
        if let Some((_, link @ (Link::Inferred | Link::Ambiguous))) = linked.parent
            && let Some(attributes) = caller["attributes"].as_array_mut()
        {
            attributes.push(attributes::text("shoal.link", link.name()));
        }
        by_service.entry(&linked.call.from.service).or_default().push(caller);
        if call.to.service != OUTSIDE {
            let above = span_id(&call.id, CLIENT);
            let callee = span(call, SERVER, &trace, &span_id(&call.id, SERVER), Some(&above));
            by_service.entry(&linked.call.to.service).or_default().push(callee);
        }
    }
    let resources: Vec<Value> = by_service.into_iter().map(|(name, spans)| resource(name, &spans)).collect();
    Spans { json: json!({ "resourceSpans": resources }), open }
}

fn resource(name: &str, spans: &[Value]) -> Value {
    json!({
        "resource": { "attributes": [attributes::text("service.name", name)] },
        "scopeSpans": [{ "scope": { "name": "shoal", "version": env!("CARGO_PKG_VERSION") }, "spans": spans }],
    })
}

fn span(call: &Call, kind: u8, trace: &str, id: &str, parent: Option<&str>) -> Value {
    let name = if call.route.is_empty() { &call.operation } else { &call.route };
    let mut span = json!({
        "traceId": trace,
        "spanId": id,
        "name": name,
        "kind": kind,
        "startTimeUnixNano": call.ts.0.to_string(),
        "endTimeUnixNano": end(call).0.to_string(),
        "attributes": attributes::of(call, kind == CLIENT),
        "status": {},
    });
    if let Some(parent) = parent {
        span["parentSpanId"] = parent.into();
    }
    if !call.ok && (kind == CLIENT || !is_callers_fault(call)) {
        span["status"] = json!({ "code": ERROR });
        if let Some(note) = &call.note {
            span["status"]["message"] = note.as_str().into();
        }
    }
    span
}

/// What the caller did wrong is no error of the callee's (semantic conventions for HTTP spans, "Status").
fn is_callers_fault(call: &Call) -> bool {
    let http = matches!(call.protocol, Protocol::Http1 | Protocol::Http2);
    http && call.status.as_ref().is_some_and(|status| status.starts_with('4'))
}

fn end(call: &Call) -> Timestamp {
    let last = call.response.as_ref().map_or(call.request.last, |response| response.last);
    last.max(call.request.last).max(call.ts)
}

/// Eight bytes.
fn span_id(call: &str, kind: u8) -> String {
    let hash = fnv1a(format!("{call} {kind}").as_bytes());
    // Zero stands for none.
    format!("{:016x}", hash.max(1))
}

/// Which calls belong together.
#[derive(Default)]
struct Chains<'a> {
    /// The first of the chain that a call is in, and whether its callee has a span.
    of: HashMap<&'a str, (&'a str, bool)>,
    /// By the first of a chain, the trace that the headers name.
    named: HashMap<&'a str, String>,
}

impl<'a> Chains<'a> {
    fn add(&mut self, linked: &Linked<'a>) {
        let id = linked.call.id.as_str();
        let above = linked.parent.and_then(|(parent, _)| self.of.get(parent));
        let first = above.map_or(id, |(first, _)| *first);
        self.of.insert(id, (first, linked.call.to.service != OUTSIDE));
        if !self.named.contains_key(first)
            && let Some(trace) = trace_of(linked.call)
        {
            self.named.insert(first, trace);
        }
    }

    fn trace(&self, call: &str) -> String {
        let first = self.of.get(call).map_or(call, |(first, _)| *first);
        let made = || {
            let (high, low) = (fnv1a(first.as_bytes()), fnv1a(format!("{first} trace").as_bytes()));
            format!("{high:016x}{:016x}", low.max(1))
        };
        self.named.get(first).cloned().unwrap_or_else(made)
    }

    /// The span below which is what a call caused.
    fn innermost(&self, call: &str) -> String {
        let served = self.of.get(call).is_some_and(|(_, served)| *served);
        span_id(call, if served { SERVER } else { CLIENT })
    }
}

/// Sixteen bytes as OpenTelemetry's propagators read them; a request id is no trace.
fn trace_of(call: &Call) -> Option<String> {
    let context = trace::context(&call.request)?;
    let trace = match context.kind {
        Kind::W3c | Kind::B3 => format!("{:0>32}", context.trace.to_ascii_lowercase()),
        Kind::Datadog => format!("{:032x}", context.trace.parse::<u64>().ok()?),
        Kind::Amazon => {
            let trace = context.trace.strip_prefix("1-")?.replace('-', "").to_ascii_lowercase();
            let whole = trace.len() == 32 && trace.bytes().all(|b| b.is_ascii_hexdigit());
            whole.then_some(trace)?
        }
        Kind::RequestId => return None,
    };
    trace.bytes().any(|b| b != b'0').then_some(trace)
}
