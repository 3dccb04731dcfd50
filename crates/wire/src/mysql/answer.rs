//! The answer to one command, packet by packet.

use model::Timestamp;
use model::exchange::{Exchange, Message};

use super::columns::{Column, column};
use super::command::Answer;
use super::events;
use super::outcome::{self, Done};
use super::packet::{FULL, Packet};
use super::read::{Reader, text};
use super::rows::{self, Format, Row};
use super::statements::Statement;
use super::totals::Totals;
use crate::ledger;
use crate::limits::Limits;

/// Columns whose names are kept; rows of more columns are counted.
const COLUMNS_LIMIT: usize = 1024;

/// Where an answer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Its first packet is due, or that of its next result.
    First,
    Columns {
        left: u64,
    },
    /// `begins`: an EOF may stand between the columns and the rows.
    Rows {
        begins: bool,
    },
    /// What a PREPARE tells: parameters, then columns, perhaps with an EOF behind each.
    Definitions {
        parameters: u16,
        columns: u16,
    },
    /// The client sends a file.
    File,
    /// Where it stands was lost: what comes is counted.
    Astray,
}

/// What a packet did to an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Goes,
    Ended,
    /// It fits no answer.
    Astray,
}

/// What both sides know of the session, as far as it changes how answers are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// No EOF stands behind columns; `None`: not known.
    pub(super) no_eof: Option<bool>,
    /// MySQL's flag whether columns follow stands before their number.
    pub(super) metadata_flag: bool,
}

/// A command that is not answered to its end.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) serial: u32,
    pub(super) answer: Answer,
    /// The statement that it executes or fetches from.
    pub(super) statement: Option<u32>,
    /// The statement that it prepares, and the id that the server gave it.
    pub(super) prepares: Option<Statement>,
    pub(super) prepared: Option<u32>,
    /// The sequence number of the answer's first packet.
    pub(super) seq: u8,
    pub(super) columns: Vec<Column>,
    /// Rows are counted only: a column's definition is lost, or there is no more room.
    blind: bool,
    /// Whether an EOF stands behind definitions, as far as this answer told.
    pub(super) eofs: Option<bool>,
    pub(super) stage: Stage,
    pub(super) totals: Totals,
}

impl Pending {
    pub(super) fn new(serial: u32, answer: Answer, seq: u8) -> Self {
        Self {
            serial,
            answer,
            statement: None,
            prepares: None,
            prepared: None,
            seq,
            columns: Vec::new(),
            blind: false,
            eofs: None,
            stage: if answer == Answer::Rows { Stage::Rows { begins: false } } else { Stage::First },
            totals: Totals::default(),
        }
    }

    pub(super) fn is_astray(&self) -> bool {
        self.stage == Stage::Astray
    }

    pub(super) fn go_astray(&mut self) {
        self.stage = Stage::Astray;
    }

    /// What comes of the rows would not be kept.
    pub(super) fn is_full(&self) -> bool {
        self.blind
    }

    /// Whether what the client sends belongs to this exchange and is no command.
    pub(super) fn takes_file(&self) -> bool {
        self.stage == Stage::File
    }

    /// The client's file is over.
    pub(super) fn file_ended(&mut self) {
        self.stage = Stage::First;
    }

    pub(super) fn held(&self) -> usize {
        size_of::<Self>()
            + self.columns.iter().map(Column::held).sum::<usize>()
            + self.prepares.as_ref().map_or(0, Statement::held)
    }

    /// Takes the server's next packet. `known`: the columns of its statement, as they were told before.
    pub(super) fn read(
        &mut self,
        packet: &Packet<'_>,
        at: Timestamp,
        exchange: &mut Exchange,
        (known, rules): (&[Column], Rules),
        limits: &Limits,
    ) -> Step {
        let first = packet.first;
        let response =
            exchange.response.get_or_insert_with(|| Message { first, last: first, ..Message::default() });
        response.last = at;
        let kind = packet.payload.first().copied();
        // An event counts itself.
        if (self.answer, kind) != (Answer::Stream, Some(0)) {
            response.bytes += packet.on_wire();
        }
        let Some(kind) = kind else {
            // An empty packet says nothing; one whose beginning is lost may have said anything.
            return if packet.size == 0 || self.is_astray() { Step::Goes } else { Step::Astray };
        };
        match self.stage {
            Stage::Astray => Step::Goes,
            // Neither a column nor a row nor an event begins so.
            _ if kind == 0xff && packet.size >= 3 => match outcome::failed(packet.payload) {
                Some(failed) => {
                    self.totals.tell_failure(self.answer, failed, exchange);
                    Step::Ended
                }
                None => Step::Goes,
            },
            Stage::First | Stage::File => self.first(packet, kind, at, exchange, (known, rules), limits),
            Stage::Columns { left } => {
                if !self.define(packet) {
                    return Step::Astray;
                }
                self.stage = match left {
                    0 | 1 => Stage::Rows { begins: true },
                    _ => Stage::Columns { left: left - 1 },
                };
                Step::Goes
            }
            Stage::Rows { begins } => self.row(packet, kind, begins, exchange, limits),
            Stage::Definitions { parameters, columns } => {
                self.definition(packet, kind, parameters, columns, exchange, rules)
            }
        }
    }

    fn first(
        &mut self,
        packet: &Packet<'_>,
        kind: u8,
        at: Timestamp,
        exchange: &mut Exchange,
        (known, rules): (&[Column], Rules),
        limits: &Limits,
    ) -> Step {
        let payload = packet.payload;
        let is_end = kind == 0xfe && packet.size < 9;
        match self.answer {
            Answer::Nothing | Answer::Rows => Step::Astray,
            Answer::Done => match kind {
                0 | 0xfe => self.done(exchange, packet),
                _ => Step::Astray,
            },
            Answer::Auth => match kind {
                0 => self.done(exchange, packet),
                0xfe => {
                    let plugin = payload.get(1..).and_then(|rest| Reader(rest).until_nul());
                    if let Some(plugin) = plugin {
                        switch_plugin(exchange, plugin);
                    }
                    Step::Goes
                }
                // More of the talk, which is nobody's business.
                _ => Step::Goes,
            },
            Answer::Words => {
                if let Some(response) = &mut exchange.response {
                    let kept = payload.len().min(limits.body);
                    response.body = payload[..kept].to_vec();
                    response.cut = (kept as u64) < packet.size;
                    response.media = Some("text/plain".to_owned());
                }
                self.end(exchange, &Done::default())
            }
            Answer::Fields if kind == 0xfe && packet.size < FULL => self.done(exchange, packet),
            Answer::Fields => {
                self.totals.rows += 1;
                Step::Goes
            }
            Answer::Stream if is_end => self.done(exchange, packet),
            Answer::Stream => {
                if let Some(response) = &mut exchange.response {
                    ledger::part(response, at, events::name(payload), b"", packet.on_wire(), limits);
                }
                Step::Goes
            }
            Answer::Prepared => self.prepare_ok(packet, exchange, rules),
            Answer::Result(_) => match kind {
                0 | 0xfe => self.done(exchange, packet),
                0xfb => {
                    exchange.request.headers.push(("file".to_owned(), text(&payload[1..])));
                    self.stage = Stage::File;
                    Step::Goes
                }
                _ => self.columns_follow(packet, exchange, (known, rules), limits),
            },
        }
    }

    /// The number of columns, and perhaps whether their definitions follow.
    fn columns_follow(
        &mut self,
        packet: &Packet<'_>,
        exchange: &mut Exchange,
        (known, rules): (&[Column], Rules),
        limits: &Limits,
    ) -> Step {
        let mut reader = Reader(packet.payload);
        let mut follow = true;
        if rules.metadata_flag {
            follow = reader.u8() != Some(0);
        }
        let Some(count) = reader.length().filter(|count| (1..=0xffff).contains(count)) else {
            return Step::Astray;
        };
        // MariaDB's flag stands behind the number.
        match reader.u8() {
            Some(0) => follow = false,
            Some(1) | None => {}
            Some(_) => return Step::Astray,
        }
        if !packet.whole() || !reader.is_empty() {
            return Step::Astray;
        }
        self.columns.clear();
        // A body that is full stays so.
        self.blind = exchange.response.as_ref().is_some_and(|response| response.cut && self.blind);
        self.stage = Stage::Columns { left: count };
        if !follow {
            if known.len() as u64 == count {
                self.columns = known.to_vec();
            }
            self.stage = Stage::Rows { begins: true };
        }
        if (follow || !self.columns.is_empty())
            && let Some(response) = &mut exchange.response
        {
            rows::begin(response, self.totals.results, limits);
        }
        self.totals.results += 1;
        Step::Goes
    }

    /// Takes a column's definition; false when it is none.
    pub(super) fn define(&mut self, packet: &Packet<'_>) -> bool {
        match column(packet.payload, &self.columns) {
            _ if self.blind => {}
            Some(column) if self.columns.len() < COLUMNS_LIMIT => self.columns.push(column),
            None if packet.whole() => return false,
            Some(_) | None => {
                self.blind = true;
                self.columns.clear();
            }
        }
        true
    }

    fn row(
        &mut self,
        packet: &Packet<'_>,
        kind: u8,
        begins: bool,
        exchange: &mut Exchange,
        limits: &Limits,
    ) -> Step {
        if kind == 0xfe && packet.size < FULL {
            // A text row that begins so holds 16 MiB.
            if begins && packet.size == 5 && packet.loss.is_none() {
                self.eofs = Some(true);
                let Some(done) = outcome::done(packet.payload) else { return Step::Astray };
                self.stage = Stage::Rows { begins: false };
                return if done.cursor_exists() { self.end(exchange, &done) } else { Step::Goes };
            }
            return self.done(exchange, packet);
        }
        if begins {
            self.eofs = Some(false);
        }
        self.stage = Stage::Rows { begins: false };
        if self.totals.results == 0 {
            // Rows that were fetched.
            self.totals.results = 1;
            if let Some(response) = exchange.response.as_mut().filter(|_| !self.columns.is_empty()) {
                rows::begin(response, 0, limits);
            }
        }
        self.totals.rows += 1;
        let Some(response) = &mut exchange.response else { return Step::Goes };
        let format = match self.answer {
            Answer::Result(format) => format,
            _ => Format::Binary,
        };
        if self.blind || self.columns.is_empty() {
            response.cut = true;
        } else {
            let row = Row { bytes: packet.payload, format, whole: packet.whole() };
            self.blind = !rows::add(response, row, &self.columns, self.totals.results > 1, limits);
        }
        Step::Goes
    }

    /// An OK or EOF packet: this result ends, and perhaps the answer.
    fn done(&mut self, exchange: &mut Exchange, packet: &Packet<'_>) -> Step {
        // What says whether more follows may be what is lost.
        let known = packet.loss.is_none() || packet.payload.len() >= 7;
        let Some(done) = outcome::done(packet.payload).filter(|_| known) else { return Step::Astray };
        // Where the command is not known, this may be the answer to a PREPARE, whose numbers mean something else.
        if self.answer != Answer::Result(Format::Either) || packet.size != 12 {
            self.totals.add(&done);
        }
        if done.more_results() && matches!(self.answer, Answer::Result(_)) {
            self.stage = Stage::First;
            return Step::Goes;
        }
        self.end(exchange, &done)
    }

    pub(super) fn end(&mut self, exchange: &mut Exchange, done: &Done) -> Step {
        self.totals.tell(self.answer, done, exchange);
        Step::Ended
    }
}

/// The server asks for another way to prove who the client is.
fn switch_plugin(exchange: &mut Exchange, plugin: &[u8]) {
    let plugin = text(plugin);
    let headers = &mut exchange.request.headers;
    match headers.iter_mut().find(|(name, _)| name == "auth-plugin") {
        Some((_, known)) => *known = plugin,
        None => headers.push(("auth-plugin".to_owned(), plugin)),
    }
}
