//! The trace or request that a line belongs to, where it says so.

use memchr::memmem;
use serde_json::{Map, Value};

/// What the keys of ids look like without their signs and case, the most telling first: as in calls, a trace counts more
/// than a request.
const KEYS: [&str; 13] = [
    "traceparent",
    "traceid",
    "trace",
    "ddtraceid",
    "xb3traceid",
    "b3traceid",
    "xamzntraceid",
    "amazontraceid",
    "xrequestid",
    "requestid",
    "reqid",
    "xcorrelationid",
    "correlationid",
];
/// Fields within fields are looked at so deep: `otel.trace_id`, `span.context.trace_id`.
const DEPTH: usize = 3;

/// The id as calls carry it: that of a trace where the line names one, else that of a request.
pub fn trace(text: &str) -> Option<String> {
    // Looking for parts of the names costs a tenth of reading fields.
    const HINTS: [&str; 7] = ["rac", "RAC", "equest", "EQUEST", "req", "Req", "orrelation"];
    let named = HINTS.iter().any(|word| memmem::find(text.as_bytes(), word.as_bytes()).is_some());
    let fields = if named { crate::fields(text) } else { None };
    fields.as_ref().and_then(trace_in).or_else(|| bare(text).map(str::to_ascii_lowercase))
}

/// The most telling id of a line's fields.
fn trace_in(fields: &Map<String, Value>) -> Option<String> {
    let mut best = None;
    search(fields, DEPTH, &mut best);
    best.map(|(_, id)| id)
}

fn search(fields: &Map<String, Value>, depth: usize, best: &mut Option<(usize, String)>) {
    for (key, value) in fields {
        if let Value::Object(inner) = value {
            if depth > 0 {
                search(inner, depth - 1, best);
            }
            continue;
        }
        let Some(rank) = rank(key).filter(|rank| best.as_ref().is_none_or(|(known, _)| rank < known)) else {
            continue;
        };
        let id = match value {
            Value::String(text) => id(KEYS[rank], text),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        if let Some(id) = id {
            *best = Some((rank, id));
        }
    }
}

/// How telling a key is: its place among the known ones, whatever signs and case it is written with.
fn rank(key: &str) -> Option<usize> {
    let plain = || key.bytes().filter(u8::is_ascii_alphanumeric).map(|b| b.to_ascii_lowercase());
    KEYS.iter().position(|known| plain().eq(known.bytes()))
}

/// The id in the value of a key; `None` when it is none.
fn id(key: &str, value: &str) -> Option<String> {
    let value = value.trim();
    let found = match key {
        "traceparent" => parent(value)?,
        "xamzntraceid" | "amazontraceid" => {
            let root = value.split(';').find_map(|part| part.trim().strip_prefix("Root="));
            root.unwrap_or(value)
        }
        // A key of so few letters may mean anything: only what is made like an id is one.
        "trace" => parent(value).or(is_hex(value, 32).then_some(value))?,
        _ => parent(value).unwrap_or(value),
    };
    let usable = (1..=128).contains(&found.len()) && !found.bytes().all(|b| b == b'0' || b == b'-');
    let hex = found.len() >= 16 && found.bytes().all(|b| b.is_ascii_hexdigit());
    usable.then(|| if hex { found.to_ascii_lowercase() } else { found.to_owned() })
}

/// The trace in a `traceparent` (W3C Trace Context, section 3.2).
fn parent(value: &str) -> Option<&str> {
    let mut parts = value.split('-');
    let version = parts.next().filter(|part| is_hex(part, 2));
    let trace = parts.next().filter(|part| is_hex(part, 32))?;
    parts.next().filter(|part| is_hex(part, 16)).and(version).map(|_| trace)
}

/// A trace with its span behind it, as Spring and others print them without a name: `[4bf9…4736-00f0…02b7]`.
fn bare(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let mut from = 0;
    while let Some(at) = bytes.get(from..)?.iter().position(u8::is_ascii_hexdigit) {
        let start = from + at;
        let length = bytes[start..].iter().take_while(|b| b.is_ascii_hexdigit()).count();
        from = start + length;
        let apart = start == 0 || !bytes[start - 1].is_ascii_alphanumeric();
        if length != 32 || !apart || !matches!(bytes.get(from), Some(b'-' | b',')) {
            continue;
        }
        let span = bytes[from + 1..].iter().take_while(|b| b.is_ascii_hexdigit()).count();
        if span == 16 {
            return text.get(start..from);
        }
    }
    None
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[test]
    fn finds_ids_by_their_names_and_by_their_look() {
        for text in [
            r#"{"level":"info","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","msg":"x"}"#,
            r#"{"traceId":"4BF92F3577B34DA6A3CE929D0E0E4736"}"#,
            r#"{"otel":{"context":{"trace.id":"4bf92f3577b34da6a3ce929d0e0e4736"}}}"#,
            r#"{"req":{"headers":{"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}}}"#,
            r#"{"requestId":"r-7","dd.trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"}"#,
            "level=info trace=4bf92f3577b34da6a3ce929d0e0e4736 msg=x",
            "served TraceID=4bf92f3577b34da6a3ce929d0e0e4736, 200",
            "2026-11-24T10:00:00Z INFO 1 --- [orders] [nio-1] [4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7] c.e.Orders : x",
            "INFO [orders,4bf92f3577b34da6a3ce929d0e0e4736,00f067aa0ba902b7] c.e.Orders : served",
            "got 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(trace(text).as_deref(), Some(ID), "{text}");
        }
        for (text, expected) in [
            (r#"{"x-request-id":"r-7"}"#, "r-7"),
            (r#"{"correlation_id":"b1-c2","a":1}"#, "b1-c2"),
            (r#"{"reqId":"req-1"}"#, "req-1"),
            ("request_id=0f3c done", "0f3c"),
            (r#"{"dd":{"trace_id":"1234567890123"}}"#, "1234567890123"),
            (
                r#"{"X-Amzn-Trace-Id":"Self=1-2;Root=1-67891233-abcdef012345678912345678"}"#,
                "1-67891233-abcdef012345678912345678",
            ),
        ] {
            assert_eq!(trace(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn finds_none_where_there_is_none() {
        for text in [
            "",
            "Traceback (most recent call last):",
            "trace=on",
            r#"{"trace":"at x.js:3"}"#,
            r#"{"trace_id":"00000000000000000000000000000000"}"#,
            r#"{"trace_id":""}"#,
            r#"{"traceparent":"00-zz"}"#,
            "etag 4bf92f3577b34da6a3ce929d0e0e4736 request",
            "request 64bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        ] {
            assert_eq!(trace(text), None, "{text}");
        }
    }
}
