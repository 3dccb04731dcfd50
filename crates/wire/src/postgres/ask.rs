//! The client's messages: what they ask for waits as a step, and an executed statement is an exchange.

use std::sync::Arc;

use model::Timestamp;
use model::exchange::{Exchange, Protocol, Quality, Topic, TopicRole};

use super::message::{Reader, fact, text};
use super::names::{Portal, Statement};
use super::steps::{Described, Script, Sent, Step};
use super::streams::Copying;
use super::{Postgres, keep};
use crate::decode::Env;
use crate::framing::Frame;
use crate::ledger;
use crate::sql::{Dialect, Summary, redact, summary};

/// What the exchange of a statement says that the server passed over.
pub(super) const SKIPPED: &str = "not executed, since another statement failed";

/// How many statements are remembered that the server passed over, until it does no more.
const PASSED_OVER_LIMIT: usize = 256;

/// Messages since the last executed statement, which belong to the next one: `Parse`, `Bind`, `Describe`.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) first: Option<Timestamp>,
    pub(super) bytes: u64,
    /// Some of it is missing.
    pub(super) loss: Option<Quality>,
}

/// The text of a statement.
#[derive(Debug)]
pub(super) struct Text<'a> {
    pub(super) sql: &'a [u8],
    pub(super) cut: bool,
    pub(super) summary: Summary,
}

impl Postgres {
    pub(super) fn ask(&mut self, frame: &Frame<'_>, env: &mut Env<'_, '_>) {
        let Some(kind) = frame.head.first().copied() else { return };
        match kind {
            b'd' | b'c' | b'f' => return self.copies(kind, frame, env),
            // Passwords and what stands for them.
            b'p' => return self.authenticates(frame, env),
            b'H' | b'X' => return,
            b'S' => {
                self.bound_steps(env);
                return self.syncs();
            }
            _ => {}
        }
        self.batch_goes_on(env);
        self.bound_steps(env);
        self.asked.first.get_or_insert(frame.first);
        self.asked.bytes += frame.on_wire();
        if let Some(loss) = frame.loss {
            self.asked.loss = Some(loss.quality());
        }
        let mut reader = Reader(frame.payload);
        match kind {
            b'Q' => self.query(frame, env),
            b'P' => self.parse(frame, env),
            b'B' => {
                let portal = Arc::new(self.names.read_bind(frame.payload));
                let replaced = self.names.bind(Arc::clone(&portal));
                if !self.skipping {
                    self.steps.push(Step::Bind { portal, replaced }, sent(frame));
                }
            }
            b'D' | b'C' => {
                let of_portal = reader.u8() == Some(b'P');
                let name = text(reader.text_or_rest());
                if !self.skipping {
                    let step = match (kind, of_portal) {
                        (b'D', true) => Step::Describe(Described::Portal(self.names.portal(&name))),
                        (b'D', false) => {
                            let statement = self.names.statement(&name);
                            Step::Describe(Described::Statement { name, statement })
                        }
                        (_, true) => Step::Close(self.names.close_portal(&name)),
                        (_, false) => Step::Close(self.names.close_statement(&name)),
                    };
                    self.steps.push(step, sent(frame));
                }
            }
            b'E' => self.execute(frame, env),
            b'F' => {
                let function = reader.u32().map(|oid| oid.to_string()).unwrap_or_default();
                let summary = Summary { verb: "FUNCTION".to_owned(), object: function };
                let text = Text { sql: b"", cut: false, summary };
                let serial = self.open(text, env.at, env);
                self.push_or_skip(serial, Step::Function(serial), frame, env);
            }
            _ => {}
        }
    }

    /// Gives up what waits where a client asks and asks and is not answered.
    fn bound_steps(&mut self, env: &mut Env<'_, '_>) {
        if self.steps.are_too_many(env.cx.limits) {
            self.order.trouble.get_or_insert(Quality::Truncated);
            env.for_room(|env| self.give_up(env));
            self.requests_lost(true, Quality::Truncated, env);
        }
    }

    fn query(&mut self, frame: &Frame<'_>, env: &mut Env<'_, '_>) {
        let mut reader = Reader(frame.payload);
        let text = reader.text_or_rest().to_vec();
        let asked = std::mem::take(&mut self.asked);
        let loss = asked.loss;
        let mut script = Box::new(Script {
            text,
            cut: !frame.whole(),
            first: asked.first.unwrap_or(frame.first),
            last: env.at,
            current: None,
            next: 0,
            uncounted: asked.bytes,
            failed: false,
        });
        // Drivers send an empty query to see whether the server is there.
        let (sql, asked, is_cut, _) = next_statement(&mut script).unwrap_or_else(|| {
            let asked = Asked { first: Some(script.first), bytes: script.uncounted, loss: None };
            (Vec::new(), asked, script.cut, env.at)
        });
        self.asked = Asked { loss, ..asked };
        let text = Text { sql: &sql, cut: is_cut, summary: summary(&sql, is_cut, Dialect::Postgres) };
        let serial = self.open(text, env.at, env);
        script.current = Some(serial);
        self.push_or_skip(serial, Step::Query(script), frame, env);
    }

    /// The exchange of the next statement of the query that is being answered, if there is one.
    pub(super) fn open_next(&mut self, env: &mut Env<'_, '_>) -> Option<u32> {
        let script = self.steps.script()?;
        let (sql, asked, is_cut, last) = next_statement(script)?;
        let before = std::mem::replace(&mut self.asked, asked);
        let text = Text { sql: &sql, cut: is_cut, summary: summary(&sql, is_cut, Dialect::Postgres) };
        let serial = self.open(text, env.at, env);
        self.asked = before;
        env.ledger.change(serial, env.at, |exchange| exchange.request.last = last);
        if let Some(script) = self.steps.script() {
            script.current = Some(serial);
        }
        Some(serial)
    }

    fn parse(&mut self, frame: &Frame<'_>, env: &Env<'_, '_>) {
        let mut reader = Reader(frame.payload);
        let name = text(reader.text_or_rest());
        let sql = redact(reader.text_or_rest(), Dialect::Postgres).into_owned();
        let count = reader.u16().unwrap_or(0);
        let types: Vec<u32> = std::iter::from_fn(|| reader.u32()).take(usize::from(count)).collect();
        let kept = sql.len().min(keep(env.cx.limits));
        let is_cut = !frame.whole() && types_are_missing(&types, count);
        let statement = Arc::new(Statement {
            number: self.names.number(),
            name,
            cut: is_cut,
            summary: summary(&sql, is_cut, Dialect::Postgres),
            sql: sql[..kept].to_vec(),
            types,
        });
        let replaced = self.names.prepare(Arc::clone(&statement));
        if self.skipping {
            self.passed_over.push((statement.name.clone(), statement.number));
            self.passed_over.truncate(PASSED_OVER_LIMIT);
        } else {
            self.steps.push(Step::Parse { statement, replaced }, sent(frame));
        }
    }

    fn execute(&mut self, frame: &Frame<'_>, env: &mut Env<'_, '_>) {
        let mut reader = Reader(frame.payload);
        let name = text(reader.text_or_rest());
        let limit = reader.u32().unwrap_or(0);
        let portal = self.names.portal(&name);
        let serial = self.open_portal(portal.as_deref(), env);
        env.ledger.change(serial, env.at, |exchange| {
            if !name.is_empty() {
                fact(&mut exchange.request, "portal", &name);
            }
            if limit > 0 {
                fact(&mut exchange.request, "limit", &limit.to_string());
            }
        });
        self.push_or_skip(serial, Step::Execute { serial, portal }, frame, env);
    }

    /// The exchange of what a portal executes.
    pub(super) fn open_portal(&mut self, portal: Option<&Portal>, env: &mut Env<'_, '_>) -> u32 {
        let name = portal.map_or("", |portal| portal.statement_name.as_str());
        let statement = portal.and_then(|portal| portal.statement.clone());
        let serial = self.open_statement(statement.as_deref(), name, env);
        if let Some(portal) = portal {
            env.ledger.change(serial, env.at, |exchange| {
                exchange.request.headers.extend(portal.parameters.iter().cloned());
            });
        }
        serial
    }

    /// The exchange of a prepared statement. Whose `Parse` was not seen is `EXECUTE` and the statement's name.
    pub(super) fn open_statement(
        &mut self,
        statement: Option<&Statement>,
        name: &str,
        env: &mut Env<'_, '_>,
    ) -> u32 {
        let text = if let Some(statement) = statement {
            Text { sql: &statement.sql, cut: statement.cut, summary: statement.summary.clone() }
        } else {
            let summary = Summary { verb: "EXECUTE".to_owned(), object: name.to_owned() };
            Text { sql: b"", cut: true, summary }
        };
        let serial = self.open(text, env.at, env);
        if !name.is_empty() {
            env.ledger.change(serial, env.at, |exchange| fact(&mut exchange.request, "statement", name));
        }
        serial
    }

    /// Opens an exchange with what was asked since the last one.
    pub(super) fn open(&mut self, text: Text<'_>, at: Timestamp, env: &mut Env<'_, '_>) -> u32 {
        let asked = std::mem::take(&mut self.asked);
        let mut exchange = env.connection.exchange(Protocol::Postgres, asked.first.unwrap_or(at));
        exchange.method = if text.summary.verb.is_empty() { "QUERY".to_owned() } else { text.summary.verb };
        exchange.target = text.summary.object;
        exchange.topic = topic(&exchange);
        let request = &mut exchange.request;
        ledger::keep(request, text.sql, env.cx.limits);
        request.cut |= text.cut;
        request.media = (!text.sql.is_empty()).then(|| "application/sql".to_owned());
        (request.bytes, request.last, request.complete) = (asked.bytes, at, true);
        exchange.quality = asked.loss.unwrap_or(Quality::Complete);
        env.ledger.open(exchange, at, env.cx)
    }

    fn push_or_skip(&mut self, serial: u32, step: Step, frame: &Frame<'_>, env: &mut Env<'_, '_>) {
        if self.skipping {
            skip(serial, env);
        } else {
            self.steps.push(step, sent(frame));
        }
    }

    fn syncs(&mut self) {
        // The server passes over it while it reads what is copied.
        if self.copying.as_ref().is_some_and(Copying::ignores_sync) {
            return;
        }
        self.skipping = false;
        for (name, number) in std::mem::take(&mut self.passed_over) {
            self.names.refused(&name, number);
        }
        self.asked = Asked::default();
        self.steps.push(Step::Sync, Sent::default());
    }

    fn authenticates(&mut self, frame: &Frame<'_>, env: &mut Env<'_, '_>) {
        if let Some(serial) = self.opening.connect {
            env.ledger.change(serial, env.at, |exchange| {
                exchange.request.bytes += frame.on_wire();
                exchange.request.last = env.at;
            });
        }
    }
}

/// The server passes over this one.
pub(super) fn skip(serial: u32, env: &mut Env<'_, '_>) {
    let at = env.ledger.get(serial).map(|exchange| exchange.request.last).unwrap_or_default();
    env.ledger.change(serial, at, |exchange| exchange.failure = Some(SKIPPED.to_owned()));
    env.close(serial);
}

fn sent(frame: &Frame<'_>) -> Sent {
    Sent { first: frame.first, bytes: frame.on_wire() }
}

/// The next statement of a query: its text, what the exchange takes of the message, whether the text is cut, and when
/// the message ended.
fn next_statement(script: &mut Script) -> Option<(Vec<u8>, Asked, bool, Timestamp)> {
    let (range, bytes) = script.advance()?;
    let sql = redact(&script.text[range], Dialect::Postgres).into_owned();
    let is_cut = script.cut && script.next == script.text.len();
    Some((sql, Asked { first: Some(script.first), bytes, loss: None }, is_cut, script.last))
}

/// Whether a message that is not whole was cut before its types, so that the text before them is not whole either.
fn types_are_missing(types: &[u32], count: u16) -> bool {
    count == 0 || types.len() < usize::from(count)
}

/// A channel of notifications is a place where messages are left and fetched.
fn topic(exchange: &Exchange) -> Option<Topic> {
    let role = match exchange.method.as_str() {
        "LISTEN" => TopicRole::Receives,
        "NOTIFY" => TopicRole::Sends,
        _ => return None,
    };
    Some(Topic { role, name: exchange.target.clone(), key: None })
}
