//! Other crates' errors and facts in the contract's form: the one place where that happens.

use api::shape::{
    CallDetail, CallMessage, CallRow, ChainCall, CountedSpan, EdgeRow, FindingRow, LogLine, LogsOutline,
    LogsTally, PartShape, PartyShape, PortView, RouteRow, Whole,
};
use api::{ApiError, Code};
use calls::protobuf::Decoded;
pub use calls::protobuf::Rules;
use calls::{Finding, Linked};
use engine::{ContainerFacts, EngineError};
use model::Timestamp;
use model::call::{Call, Edge, Party, Route};
use model::exchange::{Message, Protocol};

/// An error of the engine.
#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
pub fn engine(error: EngineError) -> ApiError {
    let code = match &error {
        // Without a status the connection broke before there was an answer.
        EngineError::NotReachable { .. } | EngineError::Other { status: None, .. } => Code::EngineUnreachable,
        EngineError::NoRights { .. } => Code::EngineDenied,
        EngineError::PortTaken { .. } => Code::PortTaken,
        EngineError::ImageMissing { .. } => Code::ImageMissing,
        EngineError::BuildFailed { .. } => Code::BuildFailed,
        EngineError::DiskFull { .. } => Code::DiskFull,
        EngineError::NotFound { .. } => Code::NotFound,
        EngineError::NameTaken { .. } => Code::Conflict,
        _ => Code::Failed,
    };
    let mut shown = ApiError::new(code, error.to_string()).caused_by(&error);
    shown.hint = error.hint();
    if let EngineError::BuildFailed { output, .. } = &error {
        shown.causes.extend(output.iter().cloned());
    }
    shown
}

/// A container's ports on this machine; the same port on several addresses shows once.
pub(crate) fn ports(facts: &ContainerFacts) -> Vec<PortView> {
    let mut ports: Vec<PortView> = Vec::new();
    for port in &facts.ports {
        let known = ports.iter().any(|p| p.host == port.host && p.container == port.container);
        if !known {
            ports.push(PortView {
                address: port.address.clone(),
                host: port.host,
                container: port.container,
                protocol: port.protocol.name().to_owned(),
            });
        }
    }
    ports.sort_by_key(|p| (p.container, p.host));
    ports
}

/// A stored line; its text cut at `longest` bytes unless that is 0, with its escapes when `raw`.
pub fn line(line: &logs::Stored, longest: usize, raw: bool) -> LogLine {
    let text = match line.text.floor_char_boundary(longest) {
        0 => line.text.as_str(),
        end => line.text.get(..end).unwrap_or_default(),
    };
    let cut = text.len() < line.text.len();
    let raw =
        line.raw.as_deref().filter(|_| raw && !cut).map(|raw| String::from_utf8_lossy(raw).into_owned());
    LogLine {
        cursor: line.cursor.to_string(),
        ts: line.ts.to_string(),
        service: line.service.to_string(),
        instance: line.instance.to_string(),
        stream: line.stream.name().to_owned(),
        level: line.level.map(|l| l.name().to_owned()),
        text: text.to_owned(),
        // What is cut is no JSON any more.
        fields: if cut { None } else { line.fields() },
        trace: logs::trace(&line.text),
        cont: line.cont,
        raw: raw.filter(|raw| *raw != line.text),
        whole: cut.then_some(line.text.len() as u32),
    }
}

/// How hits lie along the log.
pub fn outline(outline: &logs::Outline) -> LogsOutline {
    let parts = || outline.parts.iter();
    let counts = |count: fn(&logs::Hits) -> u64| {
        parts().map(|part| u32::try_from(count(&part.hits)).unwrap_or(u32::MAX)).collect()
    };
    LogsOutline {
        hits: parts().map(|part| part.hits.lines).sum::<u64>().into(),
        from_ms: parts().map(|part| part.from.millis()).collect(),
        to_ms: parts().map(|part| part.to.millis()).collect(),
        lines: counts(|hits| hits.lines),
        warnings: counts(|hits| hits.warnings),
        errors: counts(|hits| hits.errors),
        services: outline
            .services
            .iter()
            .map(|(service, hits)| LogsTally {
                service: service.to_string(),
                lines: hits.lines.into(),
                warnings: hits.warnings.into(),
                errors: hits.errors.into(),
            })
            .collect(),
    }
}

/// A call; with headers and bodies only when `whole`, and then by `rules`.
pub fn call(call: &Call, whole: bool, rules: Rules<'_>) -> CallDetail {
    CallDetail {
        row: row(call),
        query: query(call).filter(|_| whole),
        request: message(call, &call.request, whole, rules),
        response: call.response.as_ref().map(|m| message(call, m, whole, rules)),
        hidden: None,
    }
}

fn query(call: &Call) -> Option<String> {
    // Of other protocols a `?` means nothing.
    let (_, query) = call.target.split_once('?').filter(|_| !call.path.is_empty())?;
    Some(query.to_owned())
}

/// A call of a chain.
pub fn linked(linked: &Linked<'_>) -> ChainCall {
    ChainCall {
        call: row(linked.call),
        parent: linked.parent.map(|(id, _)| id.to_owned()),
        link: linked.parent.map(|(_, link)| link.name().to_owned()),
    }
}

fn row(call: &Call) -> CallRow {
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    CallRow {
        id: call.id.clone(),
        ts: call.ts.to_string(),
        from: party(&call.from),
        to: party(&call.to),
        protocol: call.protocol.name().to_owned(),
        operation: call.operation.clone(),
        route: given(&call.route),
        method: given(&call.method),
        path: given(&call.path),
        status: call.status.clone(),
        ok: call.ok,
        ms: call.ms,
        ttfb_ms: call.ttfb_ms,
        conn: call.conn.clone(),
        decrypted: call.decrypted,
        quality: call.quality.name().to_owned(),
        trace: call.trace.clone(),
        note: call.note.clone(),
        pending: !call.done,
        background: call.background.map(|background| background.name().to_owned()),
        forbidden: call.forbidden,
        waits: call.waits,
    }
}

fn party(party: &Party) -> PartyShape {
    PartyShape {
        service: Some(party.service.clone()),
        addr: party.addr.to_string(),
        host: party.host.clone(),
    }
}

fn message(call: &Call, message: &Message, whole: bool, rules: Rules<'_>) -> CallMessage {
    let mut shown = CallMessage {
        bytes: message.bytes.into(),
        headers: None,
        body: None,
        binary: false,
        truncated: message.cut,
        decoded: message.decoded,
        media: message.media.clone(),
        parts: Vec::new(),
    };
    if whole {
        shown.parts = parts(call, message, rules);
        shown.headers = Some(headers(&message.headers));
        let parts = shown.parts.iter().zip(&message.parts);
        let secret = parts.into_iter().any(|(shown, part)| part.kept > 0 && shown.body.is_none());
        if !message.body.is_empty() && !secret {
            let text = calls::body_text(message);
            shown.binary = text.is_none();
            shown.body = Some(text.map_or_else(|| hex(&message.body), std::borrow::Cow::into_owned));
        }
    }
    shown
}

fn parts(call: &Call, message: &Message, rules: Rules<'_>) -> Vec<PartShape> {
    let mut rest = message.body.as_slice();
    let mut shown = Vec::with_capacity(message.parts.len());
    for part in &message.parts {
        let (bytes, behind) = rest.split_at(rest.len().min(part.kept as usize));
        rest = behind;
        // Bytes of protobuf may happen to be a text.
        let grpc = call.protocol == Protocol::Grpc;
        let text = std::str::from_utf8(bytes).ok().filter(|_| !grpc);
        let is_request = std::ptr::eq(message, &raw const call.request);
        let cut = (bytes.len() as u64) < part.bytes;
        let decoded = grpc.then(|| rules.schemas.decode(&call.target, is_request, bytes, cut)).flatten();
        let mut secret = false;
        let (decoded, media) = match decoded {
            Some(Decoded::Named(text)) => {
                let hidden = rules.redaction.json(&text);
                secret = hidden.is_some();
                (Some(hidden.unwrap_or(text)), Some("application/json".to_owned()))
            }
            Some(Decoded::Raw(text)) => (Some(text), Some("text/plain".to_owned())),
            None => (None, None),
        };
        shown.push(PartShape {
            decoded,
            media,
            ts: part.at.to_string(),
            kind: part.kind.clone(),
            bytes: part.bytes.into(),
            binary: text.is_none(),
            // Its bytes would still tell what is hidden.
            body: (!bytes.is_empty() && !secret).then(|| text.map_or_else(|| hex(bytes), str::to_owned)),
        });
    }
    shown
}

fn headers(all: &[(String, String)]) -> serde_json::Map<String, serde_json::Value> {
    let mut map = serde_json::Map::new();
    for (name, value) in all {
        let name = name.to_ascii_lowercase();
        let joined = match map.get(&name).and_then(|v| v.as_str()) {
            Some(before) => format!("{before}, {value}"),
            None => value.clone(),
        };
        map.insert(name, joined.into());
    }
    map
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|b| [DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 15)]])
        .map(char::from)
        .collect()
}

/// An edge.
pub fn edge(edge: &Edge) -> EdgeRow {
    EdgeRow {
        from: edge.from.clone(),
        to: edge.to.clone(),
        protocol: edge.protocol.name().to_owned(),
        calls: edge.calls.into(),
        errors: edge.errors.into(),
        bytes: edge.bytes.into(),
        p50_ms: edge.p50_ms,
        p90_ms: edge.p90_ms,
        p99_ms: edge.p99_ms,
        last: edge.last.to_string(),
        undeclared: edge.undeclared,
        forbidden: edge.forbidden,
        via: edge.via.clone(),
        topic: edge.topic.clone(),
    }
}

/// The span of what was counted.
pub(crate) fn counted((since, until): (Timestamp, Timestamp)) -> CountedSpan {
    CountedSpan { since: since.to_string(), until: until.to_string() }
}

/// Something that does not fit.
pub fn finding(finding: &Finding) -> FindingRow {
    let (services, route, calls) = match finding {
        Finding::Forbidden { from, to, calls } | Finding::Undeclared { from, to, calls } => {
            (vec![from.clone(), to.clone()], None, Some(*calls))
        }
        Finding::Twice { route, services } => (services.clone(), Some(route.clone()), None),
        Finding::Uncalled { service } => (vec![service.clone()], None, None),
    };
    FindingRow {
        kind: finding.kind().to_owned(),
        text: finding.text(),
        hint: finding.hint(),
        services,
        route,
        calls: calls.map(Whole::from),
    }
}

/// A route.
pub fn route(route: &Route) -> RouteRow {
    RouteRow {
        from: route.from.clone(),
        to: route.to.clone(),
        protocol: route.protocol.name().to_owned(),
        route: route.route.clone(),
        calls: route.calls.into(),
        errors: route.errors.into(),
        per_second: route.per_second,
        p50_ms: route.p50_ms,
        p90_ms: route.p90_ms,
        p99_ms: route.p99_ms,
        last: route.last.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use calls::Calls;
    use calls::protobuf::{ProtoFile, Schemas};
    use model::exchange::{Exchange, Part};
    use model::plan::CallsConfig;

    use super::*;

    #[test]
    fn secrets_of_grpc_are_hidden_once_their_names_are_known() {
        let source =
            "syntax = \"proto3\"; package shop; service Users { rpc Login(Request) returns (Request); }
            message Request { string name = 1; string password = 2; }";
        let file = ProtoFile { path: "users.proto".to_owned(), source: source.to_owned() };
        let (schemas, problems) = Schemas::read(vec![file]);
        assert!(problems.is_empty(), "{problems:?}");
        let addr = "127.0.0.1:1".parse().unwrap();
        let at = Timestamp(1);
        let mut exchange = Exchange::new((1, 0), addr, addr, Protocol::Grpc, at);
        exchange.target = "/shop.Users/Login".to_owned();
        for text in ["\n\u{3}ann\u{12}\u{6}hunter", "\n\u{3}bob"] {
            let (bytes, kept) = (text.len() as u64, text.len() as u32);
            exchange.request.body.extend_from_slice(text.as_bytes());
            exchange.request.parts.push(Part { at, kind: "message".to_owned(), bytes, kept });
        }
        let mut calls = Calls::new(&CallsConfig::default(), calls::Limits::default(), "e");
        calls.observe(exchange);
        let rules = Rules { schemas: &schemas, redaction: calls.redaction() };
        let shown = call(calls.get("e-0").unwrap(), true, rules).request;
        assert_eq!(shown.body, None, "the whole body would tell it");
        let decoded: Vec<_> = shown.parts.iter().map(|part| part.decoded.as_deref().unwrap()).collect();
        assert!(decoded[0].contains("ann") && decoded[0].contains("[redacted]"), "{decoded:?}");
        assert!(decoded[1].contains("bob"), "{decoded:?}");
        assert_eq!(shown.parts[0].body, None);
        assert!(!serde_json::to_string(&shown).unwrap().contains("hunter"));
    }

    #[test]
    fn headers_of_one_name_are_joined() {
        let all = [("Set-Cookie", "a=1"), ("Host", "x"), ("set-cookie", "b=2")];
        let all: Vec<_> = all.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let map = headers(&all);
        assert_eq!(map["set-cookie"], "a=1, b=2");
        assert_eq!(map.keys().collect::<Vec<_>>(), ["set-cookie", "host"]);
        assert_eq!(hex(&[0, 0xab]), "00ab");
    }
}
