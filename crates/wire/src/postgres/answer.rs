//! The server's messages: each goes to the step that it answers.

use std::sync::Arc;

use model::Timestamp;
use model::exchange::{Message, Protocol, Quality};

use super::ask::{Asked, Text};
use super::message::{Reader, fact, rows_of, text};
use super::names::{Column, read_columns};
use super::startup::{opened, opening_answer};
use super::steps::Step;
use super::streams::{Copying, LISTENS_LIMIT};
use super::{Postgres, rows};
use crate::decode::{Env, Loss};
use crate::framing::Frame;
use crate::sql::Summary;

/// What has come of the answer that is being read.
#[derive(Debug, Default)]
pub(super) struct Answered {
    /// Answers to `Parse`, `Bind`, `Describe`, which belong to the statement executed next: the first one's time, all
    /// bytes.
    before: Option<(Timestamp, u64)>,
    columns: Option<Arc<[Column]>>,
    rows: u64,
}

impl Answered {
    pub(super) fn held(&self) -> usize {
        self.columns
            .as_ref()
            .map_or(0, |columns| columns.iter().map(|c| c.name.len() + size_of::<Column>()).sum())
    }
}

/// An answer whose first byte is seen now.
pub(super) fn message(at: Timestamp) -> Message {
    Message { first: at, last: at, ..Message::default() }
}

impl Postgres {
    pub(super) fn answer(&mut self, frame: &Frame<'_>, env: &mut Env<'_, '_>) {
        let Some(kind) = frame.head.first().copied() else { return };
        if let Some(serial) = self.opening.connect {
            match kind {
                b'R' | b'S' | b'K' | b'v' => return opening_answer(serial, kind, frame, env),
                b'Z' => opening_answer(serial, kind, frame, env),
                _ => {}
            }
        }
        match kind {
            b'Z' => return self.ready(env),
            b'A' => return self.notified(frame, env),
            b'N' | b'S' => return self.remarked(kind, frame, env),
            b'R' | b'K' | b'v' => return,
            _ => self.order.ready = false,
        }
        if self.order.adrift {
            return;
        }
        match kind {
            b'E' => self.errs(frame, env),
            b'1' | b'2' | b'3' | b'n' | b't' => self.prepares(kind, frame),
            b'T' if matches!(self.steps.first(), Some(Step::Describe(_))) => self.prepares(kind, frame),
            _ => {
                if let Some(serial) = self.target(frame.first, env) {
                    self.gives(kind, serial, frame, env);
                }
            }
        }
    }

    /// The exchange that the next answer belongs to, as far as there is one already.
    pub(super) fn answering(&self) -> Option<u32> {
        let waits = if self.order.adrift { None } else { self.steps.first().and_then(Step::serial) };
        self.opening.connect.or(waits).or(self.stray)
    }

    /// The exchange that an answer belongs to which only a statement gets.
    pub(super) fn target(&mut self, first: Timestamp, env: &mut Env<'_, '_>) -> Option<u32> {
        let is_last = self.steps.len() <= 1;
        match self.steps.first() {
            Some(Step::Query(script)) if script.failed => None,
            Some(step) if step.serial().is_some() => step.serial(),
            Some(Step::Query(script)) => {
                // More statements than were found in the text, or than were kept of it.
                let asked = Asked { first: Some(script.first), ..Asked::default() };
                let before = std::mem::replace(&mut self.asked, asked);
                let text = Text { sql: b"", cut: true, summary: Summary::default() };
                let serial = self.open(text, first, env);
                self.asked = before;
                if let Some(script) = self.steps.script() {
                    script.current = Some(serial);
                }
                Some(serial)
            }
            Some(Step::Lost) | None if is_last => Some(self.stray.unwrap_or_else(|| {
                let mut exchange = env.connection.exchange(Protocol::Postgres, first);
                exchange.quality = Quality::NoRequest;
                let serial = env.ledger.open(exchange, first, env.cx);
                self.stray = Some(serial);
                serial
            })),
            _ => None,
        }
    }

    /// Answers to what only prepares a statement.
    fn prepares(&mut self, kind: u8, frame: &Frame<'_>) {
        let fits = match (kind, self.steps.first()) {
            (b'1', Some(Step::Parse { replaced: number, .. }))
            | (b'2', Some(Step::Bind { replaced: number, .. }))
            | (b'3', Some(Step::Close(number))) => {
                if let Some(number) = *number {
                    self.names.forget(number);
                }
                true
            }
            (b'n', Some(Step::Describe(_))) => true,
            (b't', Some(Step::Describe(described))) => {
                if let Some(number) = described.number() {
                    let mut reader = Reader(frame.payload);
                    reader.u16();
                    self.names.describe_types(number, std::iter::from_fn(|| reader.u32()).collect());
                }
                self.before(frame);
                return;
            }
            (b'T', Some(Step::Describe(described))) => {
                if let Some(number) = described.number().filter(|_| frame.loss.is_none()) {
                    self.names.describe_columns(number, read_columns(frame.payload));
                }
                true
            }
            _ => false,
        };
        if fits {
            self.before(frame);
            self.steps.pop();
        }
    }

    fn before(&mut self, frame: &Frame<'_>) {
        self.answered.before.get_or_insert((frame.first, 0)).1 += frame.on_wire();
    }

    /// What a statement gives.
    fn gives(&mut self, kind: u8, serial: u32, frame: &Frame<'_>, env: &mut Env<'_, '_>) {
        if kind != b'd' {
            self.respond(serial, frame, env);
        }
        let mut reader = Reader(frame.payload);
        match kind {
            b'T' if frame.loss.is_none() => self.answered.columns = Some(read_columns(frame.payload)),
            b'D' => self.row(serial, frame, env),
            b'C' => {
                let tag = text(reader.text_or_rest());
                self.finish(serial, Some(&tag), env);
            }
            b'I' | b'V' => self.finish(serial, None, env),
            b's' => {
                let rows = self.answered.rows;
                env.ledger.change(serial, env.at, |exchange| {
                    let response = exchange.response.get_or_insert_with(|| message(env.at));
                    fact(response, "rows", &rows.to_string());
                    fact(response, "suspended", "true");
                });
                self.finish(serial, None, env);
            }
            b'G' | b'H' | b'W' => {
                let is_text = reader.u8() == Some(0);
                let into = kind == b'G';
                if into {
                    self.steps.drop_syncs();
                }
                if kind == b'W' {
                    env.ledger.change(serial, env.at, |exchange| exchange.waits = true);
                }
                self.copying = Some(Copying { serial, is_text, into, client_ended: false });
            }
            b'd' => self.copied(serial, frame, env),
            _ => {}
        }
    }

    /// Counts an answer on the exchange that it belongs to.
    pub(super) fn respond(&mut self, serial: u32, frame: &Frame<'_>, env: &mut Env<'_, '_>) {
        let (first, before) = self.answered.before.take().unwrap_or((frame.first, 0));
        env.ledger.change(serial, env.at, |exchange| {
            let response = exchange.response.get_or_insert_with(|| message(first));
            response.bytes += before + frame.on_wire();
            response.last = env.at;
        });
        let misses = match frame.loss {
            // What would not have been kept is not missed.
            Some(Loss::Cut) => {
                let response = env.ledger.get(serial).and_then(|exchange| exchange.response.as_ref());
                response.is_none_or(|response| !response.cut)
            }
            Some(Loss::Lost) => true,
            None => false,
        };
        if let Some(loss) = frame.loss.filter(|_| misses) {
            env.ledger.mark(serial, loss.quality());
        }
    }

    fn row(&mut self, serial: u32, frame: &Frame<'_>, env: &mut Env<'_, '_>) {
        self.answered.rows += 1;
        if self.answered.columns.is_none()
            && let Some(Step::Execute { portal: Some(portal), .. }) = self.steps.first()
        {
            self.answered.columns = self.names.columns(portal);
        }
        let columns = self.answered.columns.as_deref();
        let is_whole = frame.whole() && frame.loss.is_none();
        env.ledger.change(serial, env.at, |exchange| {
            let response = exchange.response.get_or_insert_with(|| message(env.at));
            rows::add(response, env.at, columns, frame.payload, is_whole, env.cx.limits);
        });
    }

    /// A statement is executed, or as far as was asked for.
    fn finish(&mut self, serial: u32, tag: Option<&str>, env: &mut Env<'_, '_>) {
        let has_rows = self.answered.columns.is_some()
            || matches!(self.steps.first(), Some(Step::Execute { portal: Some(portal), .. })
                if self.names.columns(portal).is_some_and(|columns| !columns.is_empty()));
        let change = |exchange: &mut model::exchange::Exchange| {
            exchange.status = Some("OK".to_owned());
            let is_named = !matches!(exchange.method.as_str(), "" | "QUERY")
                && (exchange.method != "EXECUTE" || !exchange.target.is_empty());
            if let Some(tag) = tag.filter(|_| !is_named) {
                exchange.method = verb_of(tag);
            }
            let response = exchange.response.get_or_insert_with(|| message(env.at));
            response.complete = true;
            if let Some(tag) = tag {
                if let Some(rows) = rows_of(tag) {
                    fact(response, "rows", &rows.to_string());
                }
                fact(response, "command", tag);
            }
            rows::end(response, has_rows, env.cx.limits);
            (exchange.method.clone(), exchange.target.clone())
        };
        let Some((method, target)) = env.ledger.change(serial, env.at, change) else {
            return self.next(serial, false, env);
        };
        if matches!(method.as_str(), "UNLISTEN" | "DISCARD") {
            self.unlisten(if method == "DISCARD" { "*" } else { &target }, env);
        }
        let listens = method == "LISTEN" && self.listens.len() < LISTENS_LIMIT;
        if listens {
            self.unlisten(&target, env);
            env.ledger.change(serial, env.at, |exchange| exchange.waits = true);
            self.listens.push((target, serial));
        }
        self.next(serial, listens, env);
    }

    /// Goes on to what is answered next; the exchange before stays open where it `stays`.
    fn next(&mut self, serial: u32, stays: bool, env: &mut Env<'_, '_>) {
        self.copying = None;
        self.answered = Answered::default();
        let mut settles = false;
        match self.steps.first() {
            Some(Step::Query(_)) => {
                if let Some(script) = self.steps.script() {
                    script.current = None;
                }
                self.open_next(env);
            }
            Some(Step::Execute { .. }) => {
                self.steps.pop();
                settles = matches!(self.steps.first(), Some(Step::Sync));
            }
            _ => self.stray = None,
        }
        if stays {
            return;
        }
        if settles {
            self.settling = Some(serial);
        } else {
            env.close(serial);
        }
    }

    /// The server is ready for the next batch: all of the last one is answered.
    fn ready(&mut self, env: &mut Env<'_, '_>) {
        self.order.ready = true;
        if let Some(serial) = self.settling.take() {
            env.close(serial);
        }
        if let Some(serial) = self.opening.connect.take() {
            return opened(serial, env);
        }
        if self.order.adrift || matches!(self.steps.first(), Some(Step::Lost)) {
            if !self.order.pipelines || self.steps.batches() <= 1 {
                self.give_up(env);
            }
            return;
        }
        if let Some(serial) = self.stray.take() {
            env.close(serial);
        }
        while let Some(step) = self.steps.pop() {
            if let Some(serial) = step.serial() {
                env.close(serial);
            }
            if step.ends_batch() {
                break;
            }
        }
        if self.steps.is_empty() {
            self.order.trouble = None;
        }
        self.copying = None;
        self.answered = Answered::default();
    }
}

/// The words of a tag without its numbers: `SELECT`, `CREATE TABLE`.
fn verb_of(tag: &str) -> String {
    let words: Vec<&str> =
        tag.split(' ').take_while(|word| !word.starts_with(|c: char| c.is_ascii_digit())).collect();
    words.join(" ")
}
