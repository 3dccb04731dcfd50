//! Both sides' packets, put together: who asks, what is asked, what answers it.

use std::collections::VecDeque;

use model::exchange::{Ending, Protocol, Quality};

use super::answer::{Pending, Rules, Step};
use super::command::{self, Answer, Command};
use super::compress::Method;
use super::handshake::{self, Greeting, capability};
use super::outcome;
use super::packet::Packet;
use super::rows::Format;
use super::statements::Statements;
use crate::decode::{Env, Loss};

/// What a packet makes of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Goes,
    /// The rest is not MySQL's protocol.
    NotMine,
    /// The rest is TLS.
    Tls,
    /// All that follows is compressed.
    Compressed(Method),
    /// This packet fits nothing: its direction's place is not known any more.
    Astray,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing was seen.
    Start,
    /// The server has greeted.
    Greeted,
    Commands,
}

#[derive(Debug)]
pub(super) struct Session {
    phase: Phase,
    greeting: Option<Greeting>,
    /// What both sides can; `None` when the login was not seen.
    capabilities: Option<u64>,
    /// No EOF stands behind columns: agreed on, or seen.
    no_eof: Option<bool>,
    statements: Statements,
    /// Commands in the order in which they will be answered.
    pub(super) pending: VecDeque<Pending>,
    /// A command may have been missed: an answer without one is worth telling.
    pub(super) unseen: bool,
    /// Commands were sent before the last one was answered.
    pub(super) pipelines: bool,
    /// Why nobody knows where in an answer the server is, if nobody does.
    pub(super) answers_lost: Option<Quality>,
    /// And bytes of the client's are missing since then: commands whose answers are among the lost may still come.
    pub(super) asked_late: bool,
    /// The last answer was not seen to its end: the next one has to prove that it is another.
    doubtful: bool,
}

impl Default for Session {
    fn default() -> Self {
        Self {
            phase: Phase::Start,
            greeting: None,
            capabilities: None,
            no_eof: None,
            statements: Statements::default(),
            pending: VecDeque::new(),
            unseen: true,
            pipelines: false,
            answers_lost: None,
            asked_late: false,
            doubtful: false,
        }
    }
}

impl Session {
    pub(super) fn client(&mut self, packet: &Packet<'_>, env: &mut Env<'_, '_>) -> Next {
        if let Some(front) = self.pending.front_mut()
            && front.takes_file()
        {
            // A file is sent in packets, of which an empty one is the last.
            let serial = front.serial;
            if packet.size == 0 {
                front.file_ended();
            }
            goes_on(serial, packet, env);
            return Next::Goes;
        }
        if !packet.opens(0) {
            return self.talks(packet, env);
        }
        if self.phase == Phase::Greeted && env.ledger.any() {
            // The end of the login was not seen.
            self.abandon(Quality::Gap, env);
        }
        let Some(command) = command::read(packet, self.capabilities, &mut self.statements, env.cx.limits)
        else {
            return if env.ledger.any() { Next::Astray } else { Next::NotMine };
        };
        self.phase = Phase::Commands;
        self.command(command, packet, env);
        Next::Goes
    }

    /// What a client says while it logs in: a hello, then proofs of who it is, which are counted.
    fn talks(&mut self, packet: &Packet<'_>, env: &mut Env<'_, '_>) -> Next {
        if let Some(front) = self.pending.front()
            && front.answer == Answer::Auth
        {
            goes_on(front.serial, packet, env);
            return Next::Goes;
        }
        if self.phase != Phase::Greeted || !self.pending.is_empty() {
            return if env.ledger.any() { Next::Astray } else { Next::NotMine };
        }
        if handshake::is_tls_request(packet.payload) {
            return Next::Tls;
        }
        let Some(hello) = handshake::hello(packet.payload) else { return Next::NotMine };
        let server = self.greeting.as_ref();
        let capabilities = hello.capabilities & server.map_or(u64::MAX, |greeting| greeting.capabilities);
        self.capabilities = Some(capabilities);
        self.no_eof = Some(capabilities & capability::DEPRECATE_EOF != 0);
        let mut command = Command::login("CONNECT", hello);
        command.fields.extend(server.map(|server| ("server-version".to_owned(), server.version.clone())));
        self.command(command, packet, env);
        Next::Goes
    }

    /// Makes an exchange of a command, and waits for its answer if there will be one.
    pub(super) fn command(&mut self, command: Command, packet: &Packet<'_>, env: &mut Env<'_, '_>) {
        let missed = self.give_up_lost_answers(env);
        self.asked_late |= packet.loss.is_some() && self.answers_lost.is_some();
        self.doubtful |= missed;
        self.unseen = false;
        self.pipelines |= !self.pending.is_empty();
        let mut exchange = env.connection.exchange(Protocol::Mysql, packet.first);
        exchange.method = command.method;
        exchange.target = command.target;
        exchange.quality = command.quality;
        let request = &mut exchange.request;
        request.bytes = packet.on_wire();
        request.last = env.at;
        request.complete = packet.loss.is_none();
        request.headers = command.fields;
        request.media = (!command.body.is_empty()).then(|| "application/sql".to_owned());
        request.body = command.body;
        request.cut = command.cut;
        exchange.waits = matches!(command.answer, Answer::Nothing | Answer::Stream);
        let serial = env.open(exchange);
        env.ledger.miss(serial, packet.loss);
        if command.answer == Answer::Nothing {
            env.close(serial);
        } else {
            if missed && self.pipelines {
                // Answers to earlier commands may still come: which is whose is a guess.
                env.ledger.mark(serial, Quality::Gap);
            }
            let mut pending = Pending::new(serial, command.answer, packet.seq.wrapping_add(1));
            pending.statement = command.statement;
            pending.prepares = command.prepares;
            if pending.answer == Answer::Rows {
                let known = command.statement.and_then(|id| self.statements.get(id));
                pending.columns = known.map(|known| known.columns.clone()).unwrap_or_default();
            }
            self.pending.push_back(pending);
        }
    }

    pub(super) fn server(&mut self, packet: &Packet<'_>, env: &mut Env<'_, '_>) -> Next {
        if self.phase == Phase::Start && packet.opens(0) {
            return self.greets(packet, env);
        }
        if self.pending.is_empty() && !self.unasked(packet, env) {
            return Next::Goes;
        }
        let Some(front) = self.pending.front_mut() else { return Next::Goes };
        let serial = front.serial;
        if std::mem::take(&mut self.doubtful) && !packet.opens(front.seq) {
            self.abandon(Quality::Gap, env);
            return Next::Astray;
        }
        if let Some(loss) = packet.loss
            && (loss == Loss::Lost || !front.is_full())
        {
            env.ledger.mark(serial, loss.quality());
        }
        let known = front.statement.and_then(|id| self.statements.get(id));
        let known = known.map(|statement| statement.columns.as_slice()).unwrap_or_default();
        let rules = Rules {
            no_eof: self.no_eof,
            metadata_flag: self.capabilities.is_some_and(|flags| flags & capability::OPTIONAL_METADATA != 0),
        };
        let limits = env.cx.limits;
        let step = env
            .ledger
            .change(serial, env.at, |exchange| front.read(packet, env.at, exchange, (known, rules), limits));
        match step {
            Some(Step::Goes) => Next::Goes,
            Some(Step::Ended) => self.ended(env),
            Some(Step::Astray) | None => {
                self.abandon(packet.loss.map_or(Quality::Gap, Loss::quality), env);
                Next::Goes
            }
        }
    }

    fn greets(&mut self, packet: &Packet<'_>, env: &mut Env<'_, '_>) -> Next {
        if outcome::failed(packet.payload).is_some() {
            // The server takes no more clients, or not this one.
            let mut exchange = env.connection.exchange(Protocol::Mysql, packet.first);
            "CONNECT".clone_into(&mut exchange.method);
            exchange.quality = Quality::NoRequest;
            let serial = env.open(exchange);
            self.pending.push_back(Pending::new(serial, Answer::Auth, 0));
            self.phase = Phase::Commands;
            return self.server(packet, env);
        }
        self.greeting = handshake::greeting(packet.payload);
        self.phase = Phase::Greeted;
        if self.greeting.is_some() { Next::Goes } else { Next::NotMine }
    }

    /// An answer to nothing that was seen becomes an exchange of its own, if it can be one.
    fn unasked(&mut self, packet: &Packet<'_>, env: &mut Env<'_, '_>) -> bool {
        let failed = outcome::failed(packet.payload).is_some();
        let answers = self.unseen && packet.opens(1);
        if !failed && !answers {
            return false;
        }
        self.unseen = false;
        let mut exchange = env.connection.exchange(Protocol::Mysql, packet.first);
        exchange.quality = Quality::NoRequest;
        if self.phase == Phase::Greeted {
            "CONNECT".clone_into(&mut exchange.method);
        }
        let serial = env.ledger.open(exchange, packet.first, env.cx);
        self.pending.push_back(Pending::new(serial, Answer::Result(Format::Either), packet.seq));
        true
    }

    /// The first command is answered.
    fn ended(&mut self, env: &mut Env<'_, '_>) -> Next {
        let Some(front) = self.pending.pop_front() else { return Next::Goes };
        let failed = env.ledger.get(front.serial).is_some_and(|exchange| exchange.failure.is_some());
        env.close(front.serial);
        self.no_eof = self.no_eof.or(front.eofs.map(|eofs| !eofs));
        if let (Some(mut statement), Some(id), false) = (front.prepares, front.prepared, failed) {
            statement.columns = front.columns;
            self.statements.prepared(id, statement, env.cx.limits);
        } else if let Some(id) = front.statement
            && !front.columns.is_empty()
            && front.answer != Answer::Rows
        {
            self.statements.change(id, env.cx.limits, |statement| statement.columns = front.columns);
        }
        if front.answer != Answer::Auth || self.phase != Phase::Greeted || failed {
            return Next::Goes;
        }
        self.phase = Phase::Commands;
        let flags = self.capabilities.unwrap_or_default();
        match (flags & capability::COMPRESS != 0, flags & capability::COMPRESS_ZSTD != 0) {
            (true, _) => Next::Compressed(Method::Zlib),
            (false, true) => Next::Compressed(Method::Zstd),
            (false, false) => Next::Goes,
        }
    }

    pub(super) fn end(&mut self, ending: Ending, env: &mut Env<'_, '_>) {
        self.pending.clear();
        env.end(ending);
    }

    pub(super) fn held(&self) -> usize {
        self.statements.held()
            + self.pending.iter().map(Pending::held).sum::<usize>()
            + self.greeting.as_ref().map_or(0, |greeting| greeting.version.len())
    }
}

/// More of what the client sends for an exchange.
fn goes_on(serial: u32, packet: &Packet<'_>, env: &mut Env<'_, '_>) {
    env.ledger.change(serial, env.at, |exchange| {
        exchange.request.bytes += packet.on_wire();
        exchange.request.last = env.at;
    });
    env.ledger.miss(serial, packet.loss);
}
