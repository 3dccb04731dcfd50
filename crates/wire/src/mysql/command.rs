//! What a client asks for, by the first byte of its packet.

use model::exchange::Quality;

use super::handshake::{self, Hello, capability};
use super::packet::Packet;
use super::parameters::{self, Fields};
use super::read::{Reader, text};
use super::rows::Format;
use super::statements::{Statement, Statements};
use crate::limits::Limits;
use crate::sql::{Dialect, Summary, redact, summary};

/// The bytes that commands begin with.
pub(super) mod code {
    pub(crate) const QUIT: u8 = 0x01;
    pub(crate) const QUERY: u8 = 0x03;
    pub(crate) const STATISTICS: u8 = 0x09;
    pub(crate) const PING: u8 = 0x0e;
    pub(crate) const CHANGE_USER: u8 = 0x11;
    pub(crate) const PREPARE: u8 = 0x16;
    pub(crate) const EXECUTE: u8 = 0x17;
    pub(crate) const RESET_CONNECTION: u8 = 0x1f;
}

/// What clients can whose login was not seen, as far as it changes how they name themselves.
const MODERN: u64 = capability::SECURE_CONNECTION | capability::PLUGIN_AUTH;

/// What answers a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// Nothing does.
    Nothing,
    /// An OK.
    Done,
    /// An OK, or columns and rows, perhaps several times, or the wish for a file.
    Result(Format),
    /// Rows of columns that are known.
    Rows,
    /// Column definitions.
    Fields,
    /// A statement's id, parameters and columns.
    Prepared,
    /// Words.
    Words,
    /// A talk about who the client is.
    Auth,
    /// Events without end.
    Stream,
}

#[derive(Debug)]
pub(super) struct Command {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) fields: Fields,
    pub(super) body: Vec<u8>,
    /// `body` is not all of it.
    pub(super) cut: bool,
    pub(super) answer: Answer,
    /// The statement that it is about.
    pub(super) statement: Option<u32>,
    /// What it prepares.
    pub(super) prepares: Option<Statement>,
    pub(super) quality: Quality,
}

impl Command {
    fn new(method: &str, answer: Answer) -> Self {
        Self {
            method: method.to_owned(),
            target: String::new(),
            fields: Vec::new(),
            body: Vec::new(),
            cut: false,
            answer,
            statement: None,
            prepares: None,
            quality: Quality::Complete,
        }
    }

    fn about(method: &str, target: &[u8], answer: Answer) -> Self {
        Self { target: text(target), ..Self::new(method, answer) }
    }

    /// One that is compressed in a way that is not read.
    pub(super) fn unreadable() -> Self {
        let fields = vec![("compression".to_owned(), "zstd".to_owned())];
        Self {
            fields,
            cut: true,
            quality: Quality::Truncated,
            ..Self::new("COMMAND", Answer::Result(Format::Either))
        }
    }

    /// The login, and a change of user.
    pub(super) fn login(method: &str, hello: Hello) -> Self {
        let mut command = Self::about(method, hello.database.as_bytes(), Answer::Auth);
        let named = [("user", hello.user), ("auth-plugin", hello.plugin)]
            .map(|(name, value)| (name.to_owned(), value));
        let fields = named.into_iter().chain(hello.attributes);
        command.fields = fields.filter(|(_, value)| !value.is_empty()).collect();
        command
    }
}

/// Whether commands begin with this byte.
pub(super) fn is_known(first: u8) -> bool {
    matches!(first, 0x01..=0x0a | 0x0c..=0x0e | 0x11..=0x13 | 0x15..=0x1c | 0x1e | 0x1f | 0xfa)
}

/// The command of a packet that begins one; `None` when it is no command that the protocol knows.
pub(super) fn read(
    packet: &Packet<'_>,
    capabilities: Option<u64>,
    statements: &mut Statements,
    limits: &Limits,
) -> Option<Command> {
    let (&first, arguments) = packet.payload.split_first()?;
    let mut reader = Reader(arguments);
    let command = match (first, packet.size) {
        (code::QUIT, 1) => Command::new("QUIT", Answer::Nothing),
        (0x02, 2..) => Command::about("USE", arguments, Answer::Done),
        (code::QUERY, 2..) => query(packet, arguments, limits),
        (0x04, 2..) => {
            let table = reader.until_nul().unwrap_or(arguments);
            Command::about("FIELD LIST", table, Answer::Fields)
        }
        (0x05, 2..) => Command::about("CREATE DATABASE", arguments, Answer::Done),
        (0x06, 2..) => Command::about("DROP DATABASE", arguments, Answer::Done),
        (0x07, 2) => Command::new("REFRESH", Answer::Done),
        (0x08, 1..=2) => Command::new("SHUTDOWN", Answer::Done),
        (code::STATISTICS, 1) => Command::new("STATISTICS", Answer::Words),
        (0x0a, 1) => Command::new("PROCESS LIST", Answer::Result(Format::Text)),
        (0x0c, 5) => Command::about("KILL", reader.u32()?.to_string().as_bytes(), Answer::Done),
        (0x0d, 1) => Command::new("DEBUG", Answer::Done),
        (code::PING, 1) => Command::new("PING", Answer::Done),
        (code::CHANGE_USER, 3..) => {
            statements.forget_all();
            Command::login("CHANGE USER", handshake::change_user(arguments, capabilities.unwrap_or(MODERN))?)
        }
        (0x12, 11..) => Command::about("BINLOG DUMP", arguments.get(10..)?, Answer::Stream),
        (0x1e, 11..) => {
            reader.take(2 + 4)?;
            let length = reader.u32()? as usize;
            Command::about("BINLOG DUMP", reader.take(length)?, Answer::Stream)
        }
        (0x13, 3..) => Command::new("TABLE DUMP", Answer::Stream),
        (0x15, 18..) => Command::new("REGISTER REPLICA", Answer::Done),
        (code::PREPARE, 2..) => prepare(packet, arguments, statements, limits),
        (code::EXECUTE, 10..) | (0xfa, 7..) => {
            let id = reader.u32()?;
            execute(first, id, (reader.0, packet.whole()), capabilities, statements, limits)
        }
        (0x18, 7..) => {
            let (id, place) = (reader.u32()?, reader.u16()?);
            statements.change(id, limits, |statement| {
                *statement.long.entry(place).or_default() += packet.size - 7;
            });
            let mut command = of_statement("SEND LONG DATA", id, Answer::Nothing, statements);
            command.fields.push(("parameter".to_owned(), format!("${}", u32::from(place) + 1)));
            command
        }
        (0x19, 5) => {
            let id = reader.u32()?;
            let command = of_statement("CLOSE", id, Answer::Nothing, statements);
            statements.forget(id);
            command
        }
        (0x1a, 5) => {
            let id = reader.u32()?;
            statements.change(id, limits, |statement| statement.long.clear());
            of_statement("RESET", id, Answer::Done, statements)
        }
        (0x1b, 3) => Command::about("SET OPTION", option(reader.u16()?).as_bytes(), Answer::Done),
        (0x1c, 9) => {
            let (id, rows) = (reader.u32()?, reader.u32()?);
            let mut command = of_statement("FETCH", id, Answer::Rows, statements);
            command.fields.push(("rows".to_owned(), rows.to_string()));
            command
        }
        (code::RESET_CONNECTION, 1) => {
            statements.forget_all();
            Command::new("RESET CONNECTION", Answer::Done)
        }
        _ => return None,
    };
    Some(command)
}

fn query(packet: &Packet<'_>, arguments: &[u8], limits: &Limits) -> Command {
    let (fields, sql) = parameters::query_attributes(arguments);
    let (mut command, _) = of_sql(sql, packet.whole(), Answer::Result(Format::Text), limits);
    command.fields = fields;
    command
}

fn prepare(packet: &Packet<'_>, sql: &[u8], statements: &mut Statements, limits: &Limits) -> Command {
    let (mut command, verb) = of_sql(sql, packet.whole(), Answer::Prepared, limits);
    let statement = Statement {
        sql: command.body.clone(),
        cut: command.cut,
        verb,
        relation: std::mem::take(&mut command.target),
        ..Statement::default()
    };
    command.target = match statement.relation.as_str() {
        "" => statement.verb.clone(),
        relation => format!("{} {relation}", statement.verb),
    };
    "PREPARE".clone_into(&mut command.method);
    statements.prepare(statement.clone());
    command.prepares = Some(statement);
    command
}

/// A command that is SQL, and its verb.
fn of_sql(sql: &[u8], whole: bool, answer: Answer, limits: &Limits) -> (Command, String) {
    let Summary { verb, object } = summary(sql, !whole, Dialect::Mysql);
    let redacted = redact(sql, Dialect::Mysql);
    let shown = String::from_utf8_lossy(&redacted);
    let mut end = shown.len().min(limits.body);
    while !shown.is_char_boundary(end) {
        end -= 1;
    }
    let method = if verb.is_empty() { "QUERY" } else { &verb };
    let mut command = Command::new(method, answer);
    command.target = object;
    command.cut = !whole || end < shown.len();
    command.body = shown.as_bytes()[..end].to_vec();
    (command, verb)
}

fn execute(
    first: u8,
    id: u32,
    arguments: (&[u8], bool),
    capabilities: Option<u64>,
    statements: &mut Statements,
    limits: &Limits,
) -> Command {
    let mut command = of_statement("EXECUTE", id, Answer::Result(Format::Binary), statements);
    let Some(statement) = statements.get(id) else { return command };
    if !statement.verb.is_empty() {
        command.method.clone_from(&statement.verb);
        command.target.clone_from(&statement.relation);
    }
    let attributes = capabilities.map(|flags| flags & capability::QUERY_ATTRIBUTES != 0);
    let execution = match first {
        code::EXECUTE => parameters::execution(arguments, statement, attributes),
        _ => parameters::bulk(arguments.0, statement),
    };
    command.fields.extend(execution.fields);
    statements.change(id, limits, |statement| {
        statement.long.clear();
        if let Some(types) = execution.types {
            statement.types = types;
        }
    });
    command
}

/// A command about a prepared statement, whose SQL it shows.
fn of_statement(method: &str, id: u32, answer: Answer, statements: &Statements) -> Command {
    let mut command = Command::new(method, answer);
    let name = if id == u32::MAX { "latest".to_owned() } else { format!("#{id}") };
    command.statement = Some(id);
    if let Some(statement) = statements.get(id) {
        command.body.clone_from(&statement.sql);
        command.cut = statement.cut;
        command.fields.push(("statement".to_owned(), name.clone()));
    } else if matches!(answer, Answer::Result(_) | Answer::Rows) {
        // What it asks for was said before.
        command.quality = Quality::MidStream;
    }
    command.target = name;
    command
}

fn option(number: u16) -> String {
    match number {
        0 => "multi-statements on".to_owned(),
        1 => "multi-statements off".to_owned(),
        _ => number.to_string(),
    }
}
