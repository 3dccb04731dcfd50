//! What is expected of a protocol's calls, and how what was seen differs from it.

use serde_json::Value;

/// The calls of one protocol from one service to another.
#[derive(Clone)]
pub(super) struct Table {
    pub(super) protocol: &'static str,
    pub(super) from: &'static str,
    pub(super) to: &'static str,
    pub(super) calls: Vec<Expected>,
}

/// One call that must have been seen. What is not said does not matter.
#[derive(Clone)]
pub(super) struct Expected {
    operation: &'static str,
    status: Option<&'static str>,
    ok: bool,
    asked: Option<&'static str>,
    answered: Option<&'static str>,
    note: Option<&'static str>,
    headers: Vec<(&'static str, &'static str)>,
    parts: Vec<&'static str>,
    waits_ms: Option<f64>,
}

pub(super) fn table(
    protocol: &'static str,
    from: &'static str,
    to: &'static str,
    calls: Vec<Expected>,
) -> Table {
    Table { protocol, from, to, calls }
}

/// A call that goes well.
pub(super) fn call(operation: &'static str, status: &'static str) -> Expected {
    Expected { status: Some(status), ..silent(operation) }
}

/// A call that goes well, of which the protocol has no status.
pub(super) fn silent(operation: &'static str) -> Expected {
    Expected {
        operation,
        status: None,
        ok: true,
        asked: None,
        answered: None,
        note: None,
        headers: Vec::new(),
        parts: Vec::new(),
        waits_ms: None,
    }
}

/// A call that fails without a status.
pub(super) fn given_up(operation: &'static str) -> Expected {
    Expected { ok: false, ..silent(operation) }
}

/// A call that fails.
pub(super) fn fails(operation: &'static str, status: &'static str) -> Expected {
    Expected { ok: false, ..call(operation, status) }
}

impl Expected {
    /// Part of the request's body.
    pub(super) fn asked(self, part: &'static str) -> Self {
        Self { asked: Some(part), ..self }
    }

    /// Part of the response's body.
    pub(super) fn answered(self, part: &'static str) -> Self {
        Self { answered: Some(part), ..self }
    }

    /// Part of the note.
    pub(super) fn note(self, part: &'static str) -> Self {
        Self { note: Some(part), ..self }
    }

    /// A header of the request or of the response, and part of its value.
    pub(super) fn header(mut self, name: &'static str, part: &'static str) -> Self {
        self.headers.push((name, part));
        self
    }

    /// The kinds of its parts, the request's before the response's.
    pub(super) fn parts(self, kinds: &[&'static str]) -> Self {
        Self { parts: kinds.to_vec(), ..self }
    }

    /// Takes at least as long, of which nothing is in the edge's percentiles.
    pub(super) fn waits(self, ms: f64) -> Self {
        Self { waits_ms: Some(ms), ..self }
    }

    /// The first thing that differs.
    fn differs(&self, seen: &Value) -> Option<String> {
        let differ = |what: &str, seen: &Value| Some(format!("{what} {seen}"));
        if seen.get("status").and_then(Value::as_str) != self.status {
            return differ("status", &seen["status"]);
        }
        if seen["ok"] != self.ok {
            return differ("ok", &seen["ok"]);
        }
        if seen["quality"] != "complete" && !was_given_up(seen) {
            return differ("quality", &seen["quality"]);
        }
        for (body, part) in [(&seen["request"], self.asked), (&seen["response"], self.answered)] {
            if part.is_some_and(|p| !body["body"].as_str().is_some_and(|b| b.contains(p))) {
                return differ("body", &body["body"]);
            }
        }
        if self.note.is_some_and(|n| !seen["note"].as_str().is_some_and(|s| s.contains(n))) {
            return differ("note", &seen["note"]);
        }
        for (name, part) in &self.headers {
            let both = [&seen["request"]["headers"], &seen["response"]["headers"]];
            if !both.iter().any(|h| h[name].as_str().is_some_and(|v| v.contains(part))) {
                return Some(format!("header `{name}`: {} {}", both[0], both[1]));
            }
        }
        let kinds = ["request", "response"].map(|side| seen[side]["parts"].as_array());
        let kinds: Vec<_> = kinds.iter().flatten().flat_map(|p| p.iter()).map(|p| &p["kind"]).collect();
        if !self.parts.is_empty() && kinds != self.parts {
            return Some(format!("parts {kinds:?}"));
        }
        if self.waits_ms.is_some_and(|least| !seen["ms"].as_f64().is_some_and(|ms| ms >= least)) {
            return differ("ms", &seen["ms"]);
        }
        if self.waits_ms.is_some() && seen["waits"] != true {
            return differ("waits", &seen["waits"]);
        }
        None
    }
}

/// All that was expected and not seen, and all that was seen and is never right.
pub(super) fn deviations(tables: &[Table], calls: &[Value], edges: &[Value]) -> Vec<String> {
    let mut found: Vec<_> = calls.iter().filter_map(wrong).collect();
    for table in tables {
        let of_table: Vec<_> = calls.iter().filter(|c| belongs(table, c)).collect();
        found.extend(table.calls.iter().filter_map(|e| missing(table, e, &of_table)));
        found.extend(edge(table, edges));
    }
    found
}

fn belongs(table: &Table, call: &Value) -> bool {
    call["protocol"] == table.protocol
        && call["from"]["service"] == table.from
        && call["to"]["service"] == table.to
}

/// What no call of this stack may be.
fn wrong(call: &Value) -> Option<String> {
    let service = |end: &str| call[end]["service"].as_str().filter(|s| *s != "outside");
    let why = if call["protocol"] == "tcp" {
        "its protocol was not recognised"
    } else if service("from").is_none() || service("to").is_none() {
        "an end has no name"
    } else if call["quality"] != "complete" && !was_given_up(call) {
        "it was not seen whole, though nothing was lost"
    } else if call["ms"].as_f64() < call["ttfb_ms"].as_f64() && call["ms"].is_number() {
        "its answer ends before it begins"
    } else {
        return None;
    };
    Some(format!("{}: {why}: {call}", line(call)))
}

/// Nothing is missing where a client did not wait for the answer, and that is told. Some of librdkafka's questions end so.
fn was_given_up(call: &Value) -> bool {
    let whys = ["reset by the client", "deadline exceeded", "the connection was reset"];
    let why = call["note"].as_str().unwrap_or_default();
    call["quality"] == "no-response" && call["ok"] == false && whys.iter().any(|w| why.contains(w))
}

fn missing(table: &Table, expected: &Expected, calls: &[&Value]) -> Option<String> {
    let same: Vec<_> = calls.iter().filter(|c| c["operation"] == expected.operation).collect();
    let differences: Vec<_> = same.iter().map(|c| expected.differs(c)).collect();
    if differences.iter().any(Option::is_none) {
        return None;
    }
    let Table { protocol, from, to, .. } = table;
    let wanted = format!("{from} -> {to} {protocol} `{}` {:?}", expected.operation, expected.status);
    let seen: Vec<_> = differences.into_iter().flatten().collect();
    Some(if seen.is_empty() {
        let operations: Vec<_> = calls.iter().filter_map(|c| c["operation"].as_str()).collect();
        format!("{wanted} was not seen, only {operations:?}")
    } else {
        format!("{wanted} was seen with\n    {}", seen.join("\n    "))
    })
}

/// The edge on the map: it is there, counts failures, and no time that is spent waiting is in it.
fn edge(table: &Table, edges: &[Value]) -> Option<String> {
    let Table { protocol, from, to, calls } = table;
    let mut direct = edges.iter().filter(|e| e.get("via").is_none() && e["protocol"] == *protocol);
    let edge = direct.find(|e| e["from"] == *from && e["to"] == *to);
    let Some(edge) = edge else { return Some(format!("no edge {from} -> {to} {protocol}")) };
    let failures = calls.iter().filter(|c| !c.ok).count() as u64;
    let waits = calls.iter().filter_map(|c| c.waits_ms).reduce(f64::min);
    if edge["calls"].as_u64() < Some(calls.len() as u64) || edge["errors"].as_u64() < Some(failures) {
        Some(format!("the edge counts less than was seen: {edge}"))
    } else if waits.is_some_and(|least| edge["p99_ms"].as_f64() >= Some(least)) {
        Some(format!("time that is spent waiting is in the percentiles: {edge}"))
    } else {
        None
    }
}

fn line(call: &Value) -> String {
    format!(
        "{} -> {} {} `{}`",
        call["from"]["service"], call["to"]["service"], call["protocol"], call["operation"]
    )
}
