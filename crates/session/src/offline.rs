//! What needs no running stack: capture files, and drawings of edges.

use std::cell::OnceCell;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use api::shape::{CallDetail, CallsExport, CallsQuery, EdgeRow, Text};
use api::{ApiError, Code};
use calls::protobuf::Schemas;
use calls::{Passing, Redaction};
use model::call::{Call, Edge};
use model::exchange::Protocol;
use model::plan::CallsConfig;

use crate::translate::Rules;
use crate::{protos, requests, translate};

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

/// What is decoded, and by what.
#[derive(Debug, Clone, Copy)]
pub struct Captures<'a> {
    /// Capture files.
    pub files: &'a [PathBuf],
    /// Key logs, by which TLS is decrypted.
    pub keys: &'a [PathBuf],
    /// Where `.proto` files are looked for when a message needs them.
    pub folder: Option<&'a Path>,
}

/// Decodes capture files and hands over the calls in them, oldest first, file by file; with headers and bodies when they
/// are wanted `whole`. Nothing in a file has a name, so both ends of a call are addresses. What one should know of a
/// file goes to `note`; of one that is damaged the calls before the damage come first, and then the error.
pub fn decode_captures<E: From<ApiError>>(
    captures: Captures<'_>,
    query: &CallsQuery,
    whole: bool,
    sink: &mut dyn FnMut(&CallDetail) -> Result<(), E>,
    note: &mut dyn FnMut(&str),
) -> Result<(), E> {
    let mut hand_on = |call: &Call, rules: Rules<'_>| {
        let mut shown = translate::call(call, whole, rules);
        shown.row.from.service = None;
        shown.row.to.service = None;
        sink(&shown)
    };
    each_call(captures, query, whole, &mut hand_on, note)
}

/// Decodes capture files, and tells the calls in them in another tool's form. Who has no name is called by address.
pub fn export_captures(
    captures: Captures<'_>,
    export: &CallsExport,
    note: &mut dyn FnMut(&str),
) -> Result<Text, ApiError> {
    let query = if export.ids.is_empty() { &export.query } else { &CallsQuery::default() };
    let limit = export.limit.map(|limit| limit as usize);
    let (mut chosen, mut bytes) = (VecDeque::new(), 0);
    let mut take = |call: &Call, _: Rules<'_>| {
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
    };
    each_call(captures, query, true, &mut take, note)?;
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
    captures: Captures<'_>,
    query: &CallsQuery,
    whole: bool,
    hand_on: &mut dyn FnMut(&Call, Rules<'_>) -> Result<(), E>,
    note: &mut dyn FnMut(&str),
) -> Result<(), E> {
    let query = requests::calls_query(query)?;
    let config = CallsConfig::default();
    let schemas = OfFolder { folder: captures.folder.filter(|_| whole), known: OnceCell::new() };
    let keys = captures.keys.iter().map(|path| {
        std::fs::read(path).map_err(|e| {
            let what = format!("`{}` cannot be read: {e}", path.display());
            ApiError::new(Code::BadRequest, what).caused_by(&e)
        })
    });
    // The last line of a file may lack its end.
    let keys = keys.collect::<Result<Vec<_>, ApiError>>()?.join(&b'\n');
    for (number, file) in captures.files.iter().enumerate() {
        // Ids are asked for, so no two files have one in common.
        let epoch = if number == 0 { "pcap".to_owned() } else { format!("pcap{}", number + 1) };
        let mut passing = Passing::new(&config, &query, whole, &epoch);
        let redaction = passing.redaction();
        let mut hand_on =
            |call: &Call| hand_on(call, Rules { schemas: schemas.of(call), redaction: &redaction });
        // A reader that cannot stop goes on without a listener; the first failure is told.
        let mut outcome = Ok(());
        let limits = capture::pcap::limits(config.body_limit);
        let read = capture::pcap::read_file(file, limits, &keys, &mut |exchange| {
            passing.take(exchange);
            while outcome.is_ok()
                && let Some(call) = passing.due()
            {
                outcome = hand_on(&call);
            }
        });
        outcome?;
        while let Some(call) = passing.pop() {
            hand_on(&call)?;
        }
        let summary = read.map_err(|e| ApiError::new(Code::BadRequest, e.to_string()).caused_by(&e))?;
        for said in summary.notes() {
            note(&format!("`{}`: {said}", file.display()));
        }
    }
    Ok(())
}

/// The schemas of a folder, read when the first call comes that they may describe.
struct OfFolder<'a> {
    folder: Option<&'a Path>,
    known: OnceCell<Schemas>,
}

impl OfFolder<'_> {
    fn of(&self, call: &Call) -> &Schemas {
        static NONE: LazyLock<Schemas> = LazyLock::new(Schemas::default);
        match self.folder.filter(|_| calls::protobuf::is_in(call)) {
            Some(folder) => self.known.get_or_init(|| Schemas::read(protos::find(folder)).0),
            None => &NONE,
        }
    }
}
