//! `shoal calls --pcap`: the calls of capture files, without any session.

use std::collections::VecDeque;
use std::env::current_dir;
use std::path::PathBuf;

use api::shape::{CallDetail, CallsExport, CallsQuery};
use api::{ApiError, Code};

use server::Captures;

use super::calls::{exported, form, shown};
use crate::args::{CallsArguments, StackArguments};
use crate::failure::Failure;
use crate::locate::Stack;
use crate::print::{self, Paint};

/// Reads capture files, by the `.proto` files of the manifest's folder, or of this one. What is noteworthy of the files is
/// told behind what `read` printed.
fn read<T>(
    arguments: &StackArguments,
    files: &[PathBuf],
    keys: &[PathBuf],
    read: impl FnOnce(Captures<'_>, &mut dyn FnMut(&str)) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let folder = Stack::find(arguments, &[]).map(|stack| stack.loaded.folder).or_else(|_| current_dir());
    let mut notes = Vec::new();
    let captures = Captures { files, keys, folder: folder.as_deref().ok() };
    let outcome = read(captures, &mut |note| notes.push(note.to_owned()));
    for note in &notes {
        print::note(note);
    }
    outcome
}

/// The calls that are asked for, in the form that is.
pub(super) fn list(
    arguments: &StackArguments,
    calls: &CallsArguments,
    query: CallsQuery,
) -> Result<(), Failure> {
    read(arguments, &calls.pcap, &calls.tls_keys, |captures, note| listed(calls, query, captures, note))
}

fn listed(
    calls: &CallsArguments,
    query: CallsQuery,
    captures: Captures<'_>,
    note: &mut dyn FnMut(&str),
) -> Result<(), Failure> {
    if let Some((ids, format)) = form(calls) {
        let export = CallsExport { ids, query, format, limit: calls.lines };
        return exported(&server::export_captures(captures, &export, note)?);
    }
    let paint = Paint::stdout();
    let mut lines = print::Lines::new();
    let mut put = |call: &CallDetail| {
        if calls.json { lines.json(call) } else { lines.line(&shown(call, paint)) }
    };
    let outcome = match calls.lines {
        None => server::decode_captures(captures, &query, calls.json, &mut put, note),
        Some(wanted) => {
            let mut newest = VecDeque::new();
            let mut keep = |call: &CallDetail| -> Result<(), Failure> {
                newest.push_back(call.clone());
                if newest.len() > wanted as usize {
                    newest.pop_front();
                }
                Ok(())
            };
            server::decode_captures(captures, &query, calls.json, &mut keep, note)
                .and_then(|()| newest.iter().try_for_each(put))
        }
    };
    lines.end().and(outcome)
}

/// One call whole.
pub(super) fn one(
    arguments: &StackArguments,
    id: &str,
    files: &[PathBuf],
    keys: &[PathBuf],
) -> Result<CallDetail, Failure> {
    let mut found = None;
    let mut look = |call: &CallDetail| -> Result<(), Failure> {
        if call.row.id == id {
            found = Some(call.clone());
        }
        Ok(())
    };
    read(arguments, files, keys, |captures, note| {
        server::decode_captures(captures, &CallsQuery::default(), true, &mut look, note)
    })?;
    found.ok_or_else(|| {
        let error = ApiError::new(Code::NotFound, format!("there is no call `{id}` in these files"));
        error.hint("`shoal calls --pcap FILE` ends each line with the call's id").into()
    })
}
