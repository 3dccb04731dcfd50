//! What needs no running stack: capture files, and drawings of edges.

use std::path::PathBuf;

use api::shape::{CallDetail, CallsQuery, EdgeRow};
use api::{ApiError, Code};
use calls::Passing;
use calls::protobuf::Schemas;
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
    for file in files {
        let mut passing = Passing::new(&config, &query, whole, "pcap");
        let redaction = passing.redaction();
        let rules = Rules { schemas: &schemas, redaction: &redaction };
        let mut hand_on = |call: &Call| {
            let mut shown = translate::call(call, whole, rules);
            shown.row.from.service = None;
            shown.row.to.service = None;
            sink(&shown)
        };
        // A reader that cannot stop goes on without a listener; the first failure is told.
        let mut outcome = Ok(());
        let limits = capture::pcap::limits(config.body_limit);
        capture::pcap::read_file(file, limits, &keys, &mut |exchange| {
            if outcome.is_ok()
                && let Some(call) = passing.take(exchange)
            {
                outcome = hand_on(&call);
            }
        })
        .map_err(|e| ApiError::new(Code::BadRequest, e.to_string()).caused_by(&e))?;
        outcome?;
        while let Some(call) = passing.pop() {
            hand_on(&call)?;
        }
    }
    Ok(())
}
