//! Errors: whose they are, and what they make the server pass over.

use std::sync::Arc;

use model::exchange::{Protocol, Quality};

use super::answer::message;
use super::ask::{Asked, skip};
use super::message::{Report, fact};
use super::names::{Portal, Statement};
use super::steps::{Described, Script, Step};
use super::{Postgres, rows};
use crate::decode::Env;
use crate::framing::Frame;

/// How many statements of one query are told to be skipped.
const SKIPPED_LIMIT: usize = 100;

impl Postgres {
    pub(super) fn errs(&mut self, frame: &Frame<'_>, env: &mut Env<'_, '_>) {
        let report = Report::read(frame.payload);
        if let Some(serial) = self.opening.connect.take() {
            self.fail(serial, &report, frame, env);
            return env.close(serial);
        }
        match self.steps.first() {
            Some(Step::Query(_)) => self.query_failed(&report, frame, env),
            Some(Step::Execute { serial, .. }) => {
                let serial = *serial;
                self.steps.pop();
                self.fail(serial, &report, frame, env);
                env.close(serial);
                self.pass_over(env);
            }
            Some(Step::Function(serial)) => {
                let serial = *serial;
                self.fail(serial, &report, frame, env);
            }
            Some(Step::Parse { .. } | Step::Bind { .. } | Step::Describe(_) | Step::Close(_)) => {
                self.preparing_failed(&report, frame, env);
                self.pass_over(env);
            }
            // The transaction that `Sync` ends has failed, and what was executed with it.
            Some(Step::Sync) if self.settling.is_some() => {
                if let Some(serial) = self.settling {
                    self.fail(serial, &report, frame, env);
                }
            }
            Some(Step::Lost) if self.steps.len() > 1 => {}
            Some(Step::Sync | Step::Lost) | None => {
                let stray = self.stray.take();
                let serial = stray.unwrap_or_else(|| {
                    // The server says it on its own account, or to a request that was not seen.
                    let mut exchange = env.connection.exchange(Protocol::Postgres, frame.first);
                    exchange.quality = Quality::NoRequest;
                    env.open(exchange)
                });
                self.fail(serial, &report, frame, env);
                env.close(serial);
            }
        }
        self.copying = None;
    }

    /// The answer to this exchange is an error.
    fn fail(&mut self, serial: u32, report: &Report, frame: &Frame<'_>, env: &mut Env<'_, '_>) {
        self.respond(serial, frame, env);
        env.ledger.change(serial, env.at, |exchange| {
            exchange.status = report.sqlstate().map(str::to_owned);
            exchange.failure = Some(report.message().to_owned());
            let response = exchange.response.get_or_insert_with(|| message(env.at));
            report.facts(response);
            rows::end(response, false, env.cx.limits);
            response.complete = true;
        });
    }

    /// Of a query with several statements the error is the current one's, or that of the one it points at: a text that
    /// is no SQL fails before any of it is executed.
    fn query_failed(&mut self, report: &Report, frame: &Frame<'_>, env: &mut Env<'_, '_>) {
        let place = |script: &Script| byte_place(&script.text, report.position()?);
        for _ in 0..SKIPPED_LIMIT {
            let Some(script) = self.steps.script() else { return };
            let is_later = place(script).is_some_and(|place| place >= script.next) && script.has_next();
            let Some(serial) = script.current.filter(|_| is_later) else { break };
            skip(serial, env);
            self.open_next(env);
        }
        let Some(serial) = self.target(frame.first, env) else { return };
        self.fail(serial, report, frame, env);
        env.close(serial);
        for _ in 0..SKIPPED_LIMIT {
            let Some(serial) = self.open_next(env) else { break };
            skip(serial, env);
        }
        if let Some(script) = self.steps.script() {
            (script.current, script.failed) = (None, true);
        }
        self.answered = super::Answered::default();
    }

    /// What fails before anything is executed is the error of what would have been executed, else an exchange by itself.
    fn preparing_failed(&mut self, report: &Report, frame: &Frame<'_>, env: &mut Env<'_, '_>) {
        let sent = self.steps.sent();
        let Some(step) = self.steps.pop() else { return };
        let of_portal = |wanted: &Arc<Portal>| {
            let number = wanted.number;
            self.execute_of(move |portal| portal.number == number)
        };
        let of_statement = |wanted: &Option<Arc<Statement>>| {
            let number = wanted.as_ref()?.number;
            self.execute_of(move |portal| portal.statement.as_ref().is_some_and(|s| s.number == number))
        };
        let (waiting, phase) = match &step {
            Step::Parse { statement, .. } => (of_statement(&Some(Arc::clone(statement))), "parse"),
            Step::Bind { portal, .. } => (of_portal(portal), "bind"),
            Step::Describe(Described::Portal(Some(portal))) => (of_portal(portal), "describe"),
            Step::Describe(Described::Statement { statement, .. }) => (of_statement(statement), "describe"),
            _ => (None, "close"),
        };
        if let Step::Parse { statement, .. } = &step {
            self.names.refused(&statement.name, statement.number);
        }
        let serial = waiting.unwrap_or_else(|| {
            let loss = self.asked.loss.take();
            self.asked = Asked { first: Some(sent.first), bytes: sent.bytes, loss };
            match &step {
                Step::Parse { statement, .. } => self.open_statement(Some(statement), &statement.name, env),
                Step::Describe(Described::Statement { name, statement }) => {
                    self.open_statement(statement.as_deref(), name, env)
                }
                Step::Bind { portal, .. } | Step::Describe(Described::Portal(Some(portal))) => {
                    self.open_portal(Some(portal), env)
                }
                _ => self.open_portal(None, env),
            }
        });
        env.ledger.change(serial, env.at, |exchange| fact(&mut exchange.request, "failed-in", phase));
        self.fail(serial, report, frame, env);
        env.close(serial);
    }

    /// The first execution in this batch of a portal.
    fn execute_of(&self, is_it: impl Fn(&Portal) -> bool) -> Option<u32> {
        let batch = self.steps.iter().take_while(|step| !matches!(step, Step::Sync | Step::Lost));
        batch.into_iter().find_map(|step| match step {
            Step::Execute { serial, portal: Some(portal) } if is_it(portal) => Some(*serial),
            _ => None,
        })
    }

    /// The server passes over all up to `Sync`.
    fn pass_over(&mut self, env: &mut Env<'_, '_>) {
        self.answered = super::Answered::default();
        loop {
            match self.steps.first() {
                Some(Step::Sync | Step::Lost) => return,
                Some(Step::Parse { statement, .. }) => {
                    self.names.refused(&statement.name, statement.number);
                }
                Some(step) => {
                    if let Some(serial) = step.serial() {
                        skip(serial, env);
                    }
                }
                None => {
                    self.skipping = true;
                    return;
                }
            }
            self.steps.pop();
        }
    }
}

/// The byte at which the character with this number is, counted from 1.
fn byte_place(text: &[u8], character: usize) -> Option<usize> {
    let starts = text.iter().enumerate().filter(|(_, b)| **b & 0xc0 != 0x80);
    starts.map(|(place, _)| place).nth(character.checked_sub(1)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters() {
        let text = "aäb";
        let places: Vec<_> = (0..5).map(|n| byte_place(text.as_bytes(), n)).collect();
        assert_eq!(places, [None, Some(0), Some(1), Some(3), None]);
    }
}
