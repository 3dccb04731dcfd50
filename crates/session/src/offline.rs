//! What needs no running stack: capture files, and drawings of edges.

use std::collections::VecDeque;
use std::path::PathBuf;

use api::shape::{CallDetail, CallsExport, CallsQuery, EdgeRow, Text};
use api::{ApiError, Code};
use calls::protobuf::Schemas;
use calls::{Passing, Redaction};
use model::call::{Call, Edge};
use model::exchange::Protocol;
use model::plan::CallsConfig;

use crate::translate::Rules;
use crate::{requests, translate};

/// Another tool's way to draw a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drawing {
    /// Graphviz.
    Dot,
    /// Mermaid.
    Mermaid,
}

/// Draws edges.
pub fn draw(edges: &[EdgeRow], drawing: Drawing) -> String {
    let edge = |row: &EdgeRow| {
        let protocol = Protocol::named(&row.protocol).unwrap_or(Protocol::Tcp);
        Edge {
            from: row.from.clone(),
            to: row.to.clone(),
            protocol,
            calls: row.calls.get(),
            errors: row.errors.get(),
            background: row.background.get(),
            bytes: row.bytes.get(),
            p50_ms: row.p50_ms,
            p90_ms: row.p90_ms,
            p99_ms: row.p99_ms,
            last: row.last.parse().unwrap_or_default(),
            undeclared: row.undeclared,
            forbidden: row.forbidden,
            via: row.via.clone(),
            topic: row.topic.clone(),
            recent: None,
        }
    };
    let edges: Vec<Edge> = edges.iter().map(edge).collect();
    match drawing {
        Drawing::Dot => calls::map::dot(&edges),
        Drawing::Mermaid => calls::map::mermaid(&edges),
    }
}

/// Decodes capture files and hands over the calls in them, oldest first, file by file; with headers and bodies when they
/// are wanted `whole`. TLS is decrypted by these key logs, if there are any. Nothing in a file has a name, so both ends
/// of a call are addresses.
pub fn decode_captures<E: From<ApiError>>(
    files: &[PathBuf],
    keys: &[PathBuf],
    query: &CallsQuery,
    whole: bool,
    sink: &mut dyn FnMut(&CallDetail) -> Result<(), E>,
) -> Result<(), E> {
    each_call(files, keys, query, whole, &mut |call, rules| {
        let mut shown = translate::call(call, whole, rules);
        shown.row.from.service = None;
        shown.row.to.service = None;
        sink(&shown)
    })
}

/// Decodes capture files, and tells the calls in them in another tool's form. Who has no name is called by address.
pub fn export_captures(files: &[PathBuf], keys: &[PathBuf], export: &CallsExport) -> Result<Text, ApiError> {
    let query = if export.ids.is_empty() { &export.query } else { &CallsQuery::default() };
    let limit = export.limit.map(|limit| limit as usize);
    let (mut chosen, mut bytes) = (VecDeque::new(), 0);
    each_call(files, keys, query, true, &mut |call, _| {
        if !export.ids.is_empty() && !export.ids.contains(&call.id) {
            return Ok(());
        }
        let mut call = call.clone();
        call.from.service = call.from.addr.ip().to_string();
        call.to.service = call.to.addr.ip().to_string();
        bytes += size(&call);
        chosen.push_back(call);
        while limit.is_some_and(|limit| chosen.len() > limit) {
            bytes -= chosen.pop_front().map_or(0, |oldest| size(&oldest));
        }
        if bytes > requests::MOST_BYTES { Err(requests::too_large(bytes)) } else { Ok(()) }
    })?;
    if let Some(unknown) = export.ids.iter().find(|id| !chosen.iter().any(|call| call.id == **id)) {
        return Err(ApiError::new(Code::NotFound, format!("there is no call `{unknown}` in these files"))
            .hint("`shoal calls --pcap FILE` ends each line with the call's id"));
    }
    let config = CallsConfig::default();
    let rules = Rules { schemas: &Schemas::default(), redaction: &Redaction::new(&config) };
    requests::text(chosen.iter(), export.format, rules)
}

/// What a call takes in memory, about.
fn size(call: &Call) -> u64 {
    /// Of its headers and everything else.
    const BESIDES: u64 = 1024;
    let messages = std::iter::once(&call.request).chain(&call.response);
    messages.map(|message| message.body.len() as u64).sum::<u64>() + BESIDES
}

fn each_call<E: From<ApiError>>(
    files: &[PathBuf],
    keys: &[PathBuf],
    query: &CallsQuery,
    whole: bool,
    hand_on: &mut dyn FnMut(&Call, Rules<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let query = requests::calls_query(query)?;
    let config = CallsConfig::default();
    let schemas = Schemas::default();
    let keys = keys.iter().map(|path| {
        std::fs::read(path).map_err(|e| {
            let what = format!("`{}` cannot be read: {e}", path.display());
            ApiError::new(Code::BadRequest, what).caused_by(&e)
        })
    });
    // The last line of a file may lack its end.
    let keys = keys.collect::<Result<Vec<_>, ApiError>>()?.join(&b'\n');
    for (number, file) in files.iter().enumerate() {
        // Ids are asked for, so no two files have one in common.
        let epoch = if number == 0 { "pcap".to_owned() } else { format!("pcap{}", number + 1) };
        let mut passing = Passing::new(&config, &query, whole, &epoch);
        let redaction = passing.redaction();
        let rules = Rules { schemas: &schemas, redaction: &redaction };
        // A reader that cannot stop goes on without a listener; the first failure is told.
        let mut outcome = Ok(());
        let limits = capture::pcap::limits(config.body_limit);
        capture::pcap::read_file(file, limits, &keys, &mut |exchange| {
            if outcome.is_ok()
                && let Some(call) = passing.take(exchange)
            {
                outcome = hand_on(&call, rules);
            }
        })
        .map_err(|e| ApiError::new(Code::BadRequest, e.to_string()).caused_by(&e))?;
        outcome?;
        while let Some(call) = passing.pop() {
            hand_on(&call, rules)?;
        }
    }
    Ok(())
}
