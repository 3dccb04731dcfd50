//! `shoal calls --pcap`: the calls of capture files, without any session.

use std::collections::VecDeque;
use std::path::PathBuf;

use api::shape::{CallDetail, CallsExport, CallsQuery};
use api::{ApiError, Code};

use super::calls::{exported, form, shown};
use crate::args::CallsArguments;
use crate::failure::Failure;
use crate::print::{self, Paint};

/// The calls that are asked for, in the form that is.
pub(super) fn list(calls: &CallsArguments, query: CallsQuery) -> Result<(), Failure> {
    if let Some((ids, format)) = form(calls) {
        let export = CallsExport { ids, query, format, limit: calls.lines };
        return exported(&server::export_captures(&calls.pcap, &calls.tls_keys, &export)?);
    }
    let paint = Paint::stdout();
    let mut lines = print::Lines::new();
    let mut put = |call: &CallDetail| {
        if calls.json { lines.json(call) } else { lines.line(&shown(call, paint)) }
    };
    let outcome = match calls.lines {
        None => server::decode_captures(&calls.pcap, &calls.tls_keys, &query, calls.json, &mut put),
        Some(wanted) => {
            let mut newest = VecDeque::new();
            let mut keep = |call: &CallDetail| -> Result<(), Failure> {
                newest.push_back(call.clone());
                if newest.len() > wanted as usize {
                    newest.pop_front();
                }
                Ok(())
            };
            server::decode_captures(&calls.pcap, &calls.tls_keys, &query, calls.json, &mut keep)
                .and_then(|()| newest.iter().try_for_each(put))
        }
    };
    lines.end().and(outcome)
}

/// One call whole.
pub(super) fn one(id: &str, files: &[PathBuf], keys: &[PathBuf]) -> Result<CallDetail, Failure> {
    let mut found = None;
    let mut look = |call: &CallDetail| -> Result<(), Failure> {
        if call.row.id == id {
            found = Some(call.clone());
        }
        Ok(())
    };
    server::decode_captures(files, keys, &CallsQuery::default(), true, &mut look)?;
    found.ok_or_else(|| {
        let error = ApiError::new(Code::NotFound, format!("there is no call `{id}` in these files"));
        error.hint("`shoal calls --pcap FILE` ends each line with the call's id").into()
    })
}
