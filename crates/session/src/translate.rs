//! Other crates' errors and facts in the contract's form: the one place where that happens.

use api::shape::{
    CallDetail, CallRow, ChainCall, CountedSpan, EdgeRow, FindingRow, LogLine, LogsOutline, LogsTally,
    PartyShape, PortView, RecentRow, RouteRow, Whole,
};
use api::{ApiError, Code};
pub use calls::protobuf::Rules;
use calls::{Finding, Linked};
use engine::{ContainerFacts, EngineError};
use model::Timestamp;
use model::call::{Call, Edge, Party, Recent, Route};

use crate::bodies::message;

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
        request: message(call, &call.request, whole, rules),
        response: call.response.as_ref().map(|m| message(call, m, whole, rules)),
        hidden: None,
    }
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
        target: (!call.path.is_empty() && call.target != call.path).then(|| call.target.clone()),
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

fn recent(recent: &Recent) -> RecentRow {
    RecentRow {
        calls: recent.calls.into(),
        errors: recent.errors.into(),
        p50_ms: recent.p50_ms,
        p90_ms: recent.p90_ms,
        p99_ms: recent.p99_ms,
        until: recent.until.to_string(),
    }
}

/// An edge.
pub fn edge(edge: &Edge) -> EdgeRow {
    EdgeRow {
        from: edge.from.clone(),
        to: edge.to.clone(),
        protocol: edge.protocol.name().to_owned(),
        calls: edge.calls.into(),
        errors: edge.errors.into(),
        background: edge.background.into(),
        bytes: edge.bytes.into(),
        p50_ms: edge.p50_ms,
        p90_ms: edge.p90_ms,
        p99_ms: edge.p99_ms,
        last: edge.last.to_string(),
        undeclared: edge.undeclared,
        forbidden: edge.forbidden,
        via: edge.via.clone(),
        topic: edge.topic.clone(),
        recent: edge.recent.as_ref().map(recent),
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
    use model::exchange::{Exchange, Protocol};
    use model::plan::CallsConfig;

    use super::*;

    #[test]
    fn the_query_is_shown_without_its_secrets() {
        let addr = "127.0.0.1:1".parse().unwrap();
        let mut calls = Calls::new(&CallsConfig::default(), calls::Limits::default(), "e");
        let asked = [
            (Protocol::Http1, "/orders?page=2&token=hush", Some("/orders?page=2&token=[redacted]")),
            (Protocol::Http1, "http://u:hush@web/a", Some("http://u:[redacted]@web/a")),
            (Protocol::Http1, "/orders", None),
            (Protocol::Redis, "a?b", None),
        ];
        for (conn, (protocol, target, expected)) in (0..).zip(asked) {
            let mut exchange = Exchange::new((conn, 0), addr, addr, protocol, Timestamp(1));
            (exchange.method, exchange.target) = ("GET".to_owned(), target.to_owned());
            calls.observe(exchange);
            let shown = row(calls.get(&format!("e-{conn}")).unwrap());
            assert_eq!(shown.target.as_deref(), expected);
            assert!(!serde_json::to_string(&shown).unwrap().contains("hush"));
        }
    }
}
