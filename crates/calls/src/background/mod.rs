//! Calls that say nothing about what the stack does: health checks, scrapes of metrics, polls.
//!
//! The first two are known by what they ask, polls by their rhythm ([`rhythm`]).

mod rhythm;
#[cfg(test)]
mod tests;

use model::call::{Background, Call};
use model::exchange::{Exchange, Message, Protocol};

use crate::body::body_text;
use crate::judge::{self, header};

pub(crate) use rhythm::Rhythms;

/// Agents that do nothing but look whether somebody is there, by the beginning of their names.
const PROBES: [&str; 7] = [
    "kube-probe/",
    "googlehc/",
    "elb-healthchecker/",
    "consul health check",
    "envoy/hc",
    "uptime-kuma/",
    "wget-health",
];
/// Agents that do nothing but fetch metrics.
const SCRAPERS: [&str; 4] = ["prometheus/", "vm_promscrape", "vmagent", "grafana-agent/"];
/// The last segment of paths that are asked for health, wherever they are mounted.
const HEALTH: [&str; 16] = [
    "health",
    "healthz",
    "healthcheck",
    "health-check",
    "health_check",
    "livez",
    "readyz",
    "liveness",
    "readiness",
    "healthy",
    "_health",
    "_healthz",
    "heartbeat",
    "__heartbeat__",
    "__lbheartbeat__",
    "__health__",
];
/// Whole paths that are asked for health: their words mean something else elsewhere.
const HEALTH_PATHS: [&str; 8] =
    ["/ping", "/live", "/ready", "/alive", "/up", "/-/ready", "/-/healthy", "/_ah/health"];
/// Beginnings behind which everything is about health.
const HEALTH_FOLDERS: [&str; 4] = ["/health/", "/healthz/", "/actuator/health/", "/q/health/"];
/// The last segment of paths that are asked for metrics.
const METRICS: [&str; 3] = ["metrics", "prometheus", "federate"];
/// A path with more segments is about something else that has a health.
const DEEPEST: usize = 4;

/// What a request asks for, whether it comes from an exchange or from a call.
pub(crate) struct Asked<'a> {
    protocol: Protocol,
    method: &'a str,
    path: std::borrow::Cow<'a, str>,
    request: &'a Message,
}

impl<'a> Asked<'a> {
    pub(crate) fn by(exchange: &'a Exchange) -> Self {
        let path = judge::path(exchange);
        Self { protocol: exchange.protocol, method: &exchange.method, path, request: &exchange.request }
    }

    pub(crate) fn by_call(call: &'a Call) -> Self {
        let path = call.path.as_str().into();
        Self { protocol: call.protocol, method: &call.method, path, request: &call.request }
    }

    /// Whether it is a health check or a scrape. `ready` is the path that the manifest asks of the callee.
    pub(crate) fn background(&self, ready: Option<&str>) -> Option<Background> {
        match self.protocol {
            Protocol::Http1 | Protocol::Http2 => self.http(ready),
            Protocol::Grpc => {
                let path = self.path.trim_start_matches('/');
                path.starts_with("grpc.health.v1.Health/").then_some(Background::Health)
            }
            Protocol::Redis | Protocol::Nats | Protocol::Mqtt => self.is_method(&["ping", "pingreq"]),
            Protocol::Mongodb => self.is_method(&["hello", "ismaster", "ping"]),
            Protocol::Kafka => self.is_method(&["heartbeat"]),
            Protocol::Postgres | Protocol::Mysql => self.is_method(&["ping"]).or_else(|| {
                let statement = body_text(self.request)?;
                asks_nothing(&statement).then_some(Background::Health)
            }),
            Protocol::WebSocket | Protocol::Amqp | Protocol::Dns | Protocol::Tls | Protocol::Tcp => None,
        }
    }

    fn is_method(&self, names: &[&str]) -> Option<Background> {
        names.iter().any(|name| self.method.eq_ignore_ascii_case(name)).then_some(Background::Health)
    }

    fn http(&self, ready: Option<&str>) -> Option<Background> {
        if !matches!(self.method, "GET" | "HEAD" | "OPTIONS") {
            return None;
        }
        let agent = header(self.request, "user-agent").unwrap_or_default().to_ascii_lowercase();
        if SCRAPERS.iter().any(|scraper| agent.starts_with(scraper)) {
            return Some(Background::Metrics);
        }
        if PROBES.iter().any(|probe| agent.starts_with(probe)) {
            return Some(Background::Health);
        }
        let path = self.path.trim_end_matches('/').to_ascii_lowercase();
        // A service that is asked for `/` to see whether it is ready is asked for `/` by people too.
        let is_ready = |ready: &str| {
            let ready = ready.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
            !ready.is_empty() && ready.eq_ignore_ascii_case(&path)
        };
        let last = path.rsplit('/').next().unwrap_or_default();
        let deep = path.matches('/').count() > DEEPEST;
        if ready.is_some_and(is_ready)
            || HEALTH_PATHS.contains(&path.as_str())
            || HEALTH_FOLDERS.iter().any(|folder| path.starts_with(folder))
            || (HEALTH.contains(&last) && !deep)
        {
            return Some(Background::Health);
        }
        (METRICS.contains(&last) && !deep).then_some(Background::Metrics)
    }
}

/// Whether a statement only sees whether somebody answers: `SELECT 1`, a comment, nothing at all.
fn asks_nothing(statement: &str) -> bool {
    const LONGEST: usize = 200;
    if statement.len() > LONGEST {
        return false;
    }
    let mut text = statement.to_ascii_lowercase();
    while let Some((before, rest)) = text.split_once("/*") {
        let Some((_, after)) = rest.split_once("*/") else { return false };
        text = format!("{before} {after}");
    }
    let lines = text.lines().map(|line| line.split("--").next().unwrap_or_default());
    let text = lines.collect::<Vec<_>>().join(" ");
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c == ';').filter(|word| !word.is_empty()).collect();
    let is_value = |word: &str| {
        let quoted = word.len() >= 2 && word.starts_with('\'') && word.ends_with('\'');
        quoted || word.bytes().all(|b| b.is_ascii_digit()) || matches!(word, "true" | "null")
    };
    match words.as_slice() {
        [] => true,
        ["select", value] | ["select", value, "as", _] | ["select", value, "from", "dual"] => is_value(value),
        _ => false,
    }
}
