//! Calls in other tools' forms.

use std::borrow::Borrow;

use api::shape::{CallsExport, ExportFormat, Text};
use api::{ApiError, Code};
use calls::openapi::Interfaces;
use calls::{Position, Spans};
use model::call::Call;
use serde_json::Value;

use super::pages::no_call;
use super::query::calls_query;
use crate::translate::Rules;
use crate::{Session, translate};

/// What is exported is made in memory, so what goes into it has a limit.
pub(crate) const MOST_BYTES: u64 = 256_000_000;

impl Session {
    /// Calls in another tool's form.
    pub async fn export(&self, export: &CallsExport) -> Result<Text, ApiError> {
        let query = calls_query(&export.query)?;
        let schemas = self.shared.protos.read().await;
        let mut calls = self.shared.calls();
        calls.settle();
        let chosen = match export.limit {
            _ if !export.ids.is_empty() => export
                .ids
                .iter()
                .map(|id| calls.get(id).ok_or_else(|| no_call(id)))
                .collect::<Result<_, _>>()?,
            None => calls.list(&query, Position::Oldest, usize::MAX).calls,
            Some(0) => Vec::new(),
            Some(limit) => calls.list(&query, Position::Newest, limit as usize).calls,
        };
        if export.format == ExportFormat::Otlp {
            let chosen: Vec<&str> = chosen.iter().map(|call| call.id.as_str()).collect();
            return Ok(spans(&calls.otlp(&chosen)));
        }
        let bytes: u64 = chosen.iter().map(|call| calls.bytes_on_disk(call)).sum();
        if bytes > MOST_BYTES {
            return Err(too_large(bytes));
        }
        let rules = Rules { schemas: &schemas, redaction: calls.redaction() };
        text(chosen.iter().map(|call| calls.whole(call)), export.format, rules)
    }
}

/// Calls that nothing is known of but themselves.
pub(crate) fn text<C: Borrow<Call>>(
    chosen: impl Iterator<Item = C>,
    format: ExportFormat,
    rules: Rules<'_>,
) -> Result<Text, ApiError> {
    Ok(match format {
        ExportFormat::Har => {
            let archive = calls::export::har(chosen, rules);
            Text { text: archive.json.to_string(), note: left_out(archive.left_out) }
        }
        ExportFormat::Curl => commands(chosen.map(|call| calls::export::curl(call.borrow()))),
        ExportFormat::Grpcurl => commands(chosen.map(|call| calls::export::grpcurl(call.borrow(), rules))),
        ExportFormat::Otlp => {
            let chosen: Vec<C> = chosen.collect();
            spans(&calls::unlinked_spans(chosen.iter().map(Borrow::borrow)))
        }
        ExportFormat::Ndjson => {
            let lines =
                chosen.map(|call| serde_json::to_string(&translate::call(call.borrow(), true, rules)));
            let lines = lines.collect::<Result<Vec<_>, _>>().map_err(|error| {
                ApiError::new(Code::Failed, "a call cannot be written as JSON").caused_by(&error)
            })?;
            Text { text: lines.join("\n"), note: None }
        }
        ExportFormat::Openapi => {
            let mut interfaces = Interfaces::default();
            chosen.for_each(|call| interfaces.add(call.borrow()));
            documents(&interfaces)
        }
    })
}

/// The document of one service, or of several by their names.
fn documents(interfaces: &Interfaces) -> Text {
    let mut all: serde_json::Map<String, Value> =
        interfaces.documents().map(|(name, document)| (name.to_owned(), document)).collect();
    let note = all.is_empty().then(|| {
        "none of these calls asks a service by HTTP; health checks, scrapes and polls do not count".to_owned()
    });
    let only = all.keys().next().filter(|_| all.len() == 1).cloned();
    let shown = only.and_then(|name| all.remove(&name)).unwrap_or(Value::Object(all));
    Text { text: format!("{shown:#}"), note }
}

fn spans(spans: &Spans) -> Text {
    let open = spans.open;
    let note = (open > 0).then(|| format!("{open} calls that still go on were left out"));
    Text { text: spans.json.to_string(), note }
}

/// One below the other.
fn commands(all: impl Iterator<Item = Option<String>>) -> Text {
    let (mut text, mut without) = (Vec::new(), 0);
    for command in all {
        match command {
            Some(command) => text.push(command),
            None => without += 1,
        }
    }
    Text { text: text.join("\n"), note: left_out(without) }
}

fn left_out(calls: usize) -> Option<String> {
    match calls {
        0 => None,
        1 => Some("1 call was left out: its protocol has no such form".to_owned()),
        _ => Some(format!("{calls} calls were left out: their protocols have no such form")),
    }
}

pub(crate) fn too_large(bytes: u64) -> ApiError {
    let text = format!("these calls have {} MB of bodies, too much for one file", bytes / 1_000_000);
    ApiError::new(Code::BadRequest, text)
        .hint("ask for fewer of them: `--since 10m`, `--where`, `--failed`, `-n 1000`")
}
