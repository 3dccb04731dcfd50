//! What an answer's packets add up to: the headers of its response.

use model::exchange::{Exchange, Message};

use super::command::Answer;
use super::outcome::{Done, Failed};
use super::rows::Format;

/// Counts over all results of one command.
#[derive(Debug, Default)]
pub(super) struct Totals {
    /// Results that have columns.
    pub(super) results: u64,
    pub(super) rows: u64,
    affected: u64,
    last_insert_id: u64,
    warnings: u64,
}

impl Totals {
    pub(super) fn add(&mut self, done: &Done) {
        self.affected += done.affected;
        if done.last_insert_id > 0 {
            self.last_insert_id = done.last_insert_id;
        }
        self.warn(done.warnings);
    }

    pub(super) fn warn(&mut self, warnings: u16) {
        self.warnings += u64::from(warnings);
    }

    /// The answer ended well.
    pub(super) fn tell(&mut self, answer: Answer, done: &Done, exchange: &mut Exchange) {
        exchange.status = Some("OK".to_owned());
        let Some(response) = &mut exchange.response else { return };
        let cursor = done.cursor_exists() && matches!(answer, Answer::Result(_));
        if cursor {
            // The rows wait for a FETCH.
            self.results = 0;
            (response.body, response.media) = (Vec::new(), None);
            field(response, "cursor", "open");
        }
        let changes = matches!(answer, Answer::Result(Format::Text | Format::Binary));
        self.count(answer, changes && self.results == 0 && !cursor, response);
        if !done.info.is_empty() {
            field(response, "info", &done.info);
        }
        for (name, value) in &done.changes {
            field(response, &format!("session-{name}"), value);
        }
    }

    /// The answer ended with an error.
    pub(super) fn tell_failure(&self, answer: Answer, failed: Failed, exchange: &mut Exchange) {
        exchange.status = Some(failed.code.to_string());
        exchange.failure = Some(without_secret(&exchange.request.body, failed.message));
        let Some(response) = &mut exchange.response else { return };
        self.count(answer, false, response);
        if let Some(state) = failed.sqlstate {
            field(response, "sqlstate", &state);
        }
    }

    /// `changed`: that nothing was affected is worth telling.
    fn count(&self, answer: Answer, changed: bool, response: &mut Message) {
        let Self { results, rows, affected, last_insert_id, warnings } = *self;
        let counts = [
            ("columns", rows, answer == Answer::Fields),
            ("rows", rows, results > 0 || answer == Answer::Rows),
            ("affected", affected, affected > 0 || changed),
            ("last-insert-id", last_insert_id, last_insert_id > 0),
            ("warnings", warnings, warnings > 0),
        ];
        for (name, count, _) in counts.into_iter().filter(|(_, _, told)| *told) {
            field(response, name, &count.to_string());
        }
        response.complete = true;
    }
}

/// A server quotes the statement that it does not understand: not where a secret was taken out of it.
fn without_secret(sql: &[u8], message: String) -> String {
    const REPLACED: &[u8] = b"[redacted]";
    match message.split_once(" near '") {
        Some((before, _)) if sql.windows(REPLACED.len()).any(|part| part == REPLACED) => before.to_owned(),
        _ => message,
    }
}

fn field(message: &mut Message, name: &str, value: &str) {
    message.headers.push((name.to_owned(), value.to_owned()));
}
