//! `shoal map`, `shoal routes` and `shoal openapi`.

use api::commands::command;
use api::shape::{
    CountedSpan, EdgeList, EdgeRow, EdgesRequest, Empty, FindingRow, OpenApiRequest, RouteList, RouteRow,
    RoutesRequest, Whole,
};

use super::time::moment;
use crate::args::{MapArguments, RoutesArguments, StackArguments, When};
use crate::failure::Failure;
use crate::print::{self, Paint};

impl When {
    fn is_given(&self) -> bool {
        self.since.is_some() || self.until.is_some()
    }

    /// Both as RFC 3339.
    fn moments(&self) -> Result<(Option<String>, Option<String>), Failure> {
        let read = |text: &Option<String>| text.as_deref().map(moment).transpose();
        Ok((read(&self.since)?, read(&self.until)?))
    }
}

/// `shoal map`.
pub(super) async fn map(arguments: &StackArguments, map: &MapArguments) -> Result<(), Failure> {
    let MapArguments { when, json, dot, mermaid } = map;
    let (since, until) = when.moments()?;
    let client = super::session(arguments).await?;
    let EdgeList { edges, counted } = client.call(command::edges, &EdgesRequest { since, until }).await?;
    if *json {
        return edges.iter().try_for_each(print::json);
    }
    if *dot || *mermaid {
        return print::line(&server::draw(
            &edges,
            if *dot { server::Drawing::Dot } else { server::Drawing::Mermaid },
        ));
    }
    let paint = Paint::stdout();
    let head =
        ["FROM", "TO", "PROTOCOL", "CALLS", "ERRORS", "P50", "P90", "P99"].map(|h| paint.dim(h)).to_vec();
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(edges.iter().map(|e| edge(e, paint))).collect();
    print::table(&rows)?;
    say_span(counted.as_ref(), when);
    if when.is_given() {
        // What does not fit is said of all that was seen.
        return Ok(());
    }
    let findings = client.call(command::findings, &Empty {}).await?.findings;
    findings.iter().enumerate().try_for_each(|(at, found)| finding(at, found, paint))
}

fn finding(at: usize, finding: &FindingRow, paint: Paint) -> Result<(), Failure> {
    let space = if at == 0 { "\n" } else { "" };
    let grave = finding.kind == "forbidden";
    let mark = if grave { paint.red("forbidden") } else { paint.amber(&finding.kind) };
    print::line(&format!("{space}{mark}: {}\n  {}", finding.text, paint.dim(&finding.hint)))
}

fn edge(edge: &EdgeRow, paint: Paint) -> Vec<String> {
    let protocol = match (&edge.via, &edge.topic) {
        (Some(via), Some(topic)) => format!("{} {}", edge.protocol, paint.dim(&format!("{topic} via {via}"))),
        _ => edge.protocol.clone(),
    };
    vec![
        paint.named(&edge.from),
        paint.named(&edge.to),
        protocol,
        calls(edge, paint),
        errors(edge.errors, paint),
        ms(edge.p50_ms),
        ms(edge.p90_ms),
        ms(edge.p99_ms),
    ]
}

/// Of which span the numbers are: it may be another one than was asked for.
fn say_span(counted: Option<&CountedSpan>, when: &When) {
    match counted {
        Some(span) => print::note(&format!("counted from {} to {}", span.since, span.until)),
        None if when.is_given() => print::note("no calls began then; counts are kept for a day"),
        None => {}
    }
}

/// `shoal routes`.
pub(super) async fn routes(arguments: &StackArguments, asked: &RoutesArguments) -> Result<(), Failure> {
    let RoutesArguments { from, to, when, json } = asked;
    let (since, until) = when.moments()?;
    let (from, to) = (from.clone(), to.clone());
    let request = RoutesRequest { from, to, services: Vec::new(), since, until };
    let RouteList { routes, counted } =
        super::session(arguments).await?.call(command::routes, &request).await?;
    if *json {
        return routes.iter().try_for_each(print::json);
    }
    let paint = Paint::stdout();
    let head = ["FROM", "TO", "PROTOCOL", "CALLS", "ERRORS", "PER S", "P50", "P90", "P99", "ROUTE"];
    let head = head.map(|h| paint.dim(h)).to_vec();
    let rows: Vec<Vec<String>> =
        std::iter::once(head).chain(routes.iter().map(|r| route(r, paint))).collect();
    print::table(&rows)?;
    say_span(counted.as_ref(), when);
    Ok(())
}

/// `shoal openapi`: the document of one service, or of several by their names.
pub(super) async fn openapi(
    arguments: &StackArguments,
    services: Vec<String>,
    json: bool,
) -> Result<(), Failure> {
    let request = OpenApiRequest { services };
    let found = super::session(arguments).await?.call(command::openapi, &request).await?.services;
    if json {
        return found.iter().try_for_each(print::json);
    }
    let shown = match found.as_slice() {
        [one] if request.services.len() == 1 => one.document.clone(),
        _ => found.into_iter().map(|one| (one.service, one.document)).collect(),
    };
    print::line(&serde_json::to_string_pretty(&shown).map_err(anyhow::Error::from)?)
}

fn route(route: &RouteRow, paint: Paint) -> Vec<String> {
    vec![
        paint.named(&route.from),
        paint.named(&route.to),
        route.protocol.clone(),
        route.calls.to_string(),
        errors(route.errors, paint),
        format!("{:.2}", route.per_second),
        ms(route.p50_ms),
        ms(route.p90_ms),
        ms(route.p99_ms),
        route.route.clone(),
    ]
}

/// How many, and how many of them are health checks and scrapes.
fn calls(edge: &EdgeRow, paint: Paint) -> String {
    match edge.background.get() {
        0 => edge.calls.to_string(),
        some => format!("{} {}", edge.calls, paint.dim(&format!("({some} background)"))),
    }
}

fn errors(errors: Whole, paint: Paint) -> String {
    if errors.get() > 0 { paint.red(&errors.to_string()) } else { String::new() }
}

fn ms(value: Option<f64>) -> String {
    value.map(print::span).unwrap_or_default()
}
