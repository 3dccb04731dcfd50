//! Puts replies to commands, by the id that a reply says it answers.

use std::collections::{BTreeMap, BTreeSet};

use model::Timestamp;
use model::exchange::{Ending, Exchange, Message as Half, Protocol, Quality};

use crate::conversation::{Connection, Cx, Dir, Loss};
use crate::framing::Frame;
use crate::ledger::Ledger;
use crate::limits::Limits;

use super::bson::Document;
use super::command::{self, Command, Outcome};
use super::halves::{half, more, name, old_outcome, render, render_list};
use super::message::{self, COMPRESSED, Header, List, MORE_TO_COME, Message};

/// Cursors that wait for more are remembered, so many for each connection.
const TAILING_LIMIT: usize = 1024;
/// More of a message is read than of its body is kept: what follows a long list says how it went.
const READ: usize = 256 * 1024;

/// So much of a message is read.
pub(super) fn reads(limits: &Limits) -> usize {
    limits.body.max(READ)
}

/// What is needed to open and close an exchange.
#[derive(Debug)]
pub(super) struct Env<'a, 'b> {
    pub(super) connection: &'a mut Connection,
    pub(super) cx: &'a mut Cx<'b>,
}

/// A command that waits for its reply.
#[derive(Debug)]
struct Pending {
    serial: u32,
    secrets: &'static [&'static str],
    /// Its cursor will wait for more.
    tails: bool,
    /// It asks a cursor for more.
    more: bool,
    /// It is answered again and again until the client has enough of it.
    endless: bool,
}

/// One message as it came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    /// Its size on the wire.
    pub(super) size: u64,
    pub(super) loss: Option<Loss>,
}

/// The exchanges of one connection.
#[derive(Debug, Default)]
pub(super) struct Calls {
    pub(super) ledger: Ledger,
    pending: BTreeMap<i32, Pending>,
    tailing: BTreeSet<i64>,
}

impl Calls {
    /// Takes a message; false when it is none.
    pub(super) fn message(
        &mut self,
        dir: Dir,
        frame: &Frame<'_>,
        at: Timestamp,
        env: &mut Env<'_, '_>,
    ) -> bool {
        let Some(header) = Header::read(frame.head) else { return false };
        let seen = Seen {
            first: frame.first,
            last: at,
            size: frame.head.len() as u64 + frame.size,
            loss: frame.loss,
        };
        let (mut opcode, mut bytes) = (header.opcode, std::borrow::Cow::Borrowed(frame.payload));
        let mut whole = frame.whole();
        let mut compressor = None;
        if opcode == COMPRESSED {
            let Some(inside) = message::decompress(frame.payload, reads(env.cx.limits)) else {
                return !whole;
            };
            compressor = Some(inside.compressor);
            opcode = inside.opcode;
            let Some(inflated) = inside.bytes else {
                self.unreadable(dir, header, inside.compressor, &seen, env);
                return true;
            };
            whole &= inflated.len() == inside.size;
            bytes = inflated;
        }
        let read = message::read(opcode, &bytes, whole);
        // Compressed bytes that cannot be read say nothing about where messages begin.
        let known = read.is_some() || !whole || compressor.is_some();
        match (dir, read) {
            (Dir::ToServer, Some(Message::Reply { .. }))
            | (Dir::ToClient, Some(Message::Query { .. } | Message::Legacy { .. })) => return false,
            (Dir::ToServer, Some(message)) => self.request(header, &message, compressor, &seen, env),
            (Dir::ToClient, message) if known => {
                self.response(header, message.as_ref(), compressor, &seen, env);
            }
            (Dir::ToServer | Dir::ToClient, _) => {}
        }
        known
    }

    pub(super) fn replies_lost(&mut self, loss: Loss) {
        self.ledger.doubt_all(loss.quality());
    }

    pub(super) fn end(&mut self, ending: Ending, cx: &mut Cx<'_>) {
        self.pending.clear();
        self.ledger.end(ending, cx);
    }

    pub(super) fn held(&self) -> usize {
        self.ledger.held() + self.pending.len() * (size_of::<Pending>() + 16) + self.tailing.len() * 16
    }

    fn request(
        &mut self,
        header: Header,
        message: &Message<'_>,
        compressor: Option<&str>,
        seen: &Seen,
        env: &mut Env<'_, '_>,
    ) {
        let mut exchange = env.connection.exchange(Protocol::Mongodb, seen.first);
        exchange.request = half(seen);
        let mut facts = Vec::new();
        let mut pending = Pending { serial: 0, secrets: &[], tails: false, more: false, endless: false };
        let mut answered = true;
        let limits = self.limits(env);
        match message {
            Message::Command { flags, document, lists } => {
                answered = flags & MORE_TO_COME == 0;
                facts.extend(document.text("$db").map(|db| ("db".to_owned(), db.to_owned())));
                self.command(&mut exchange, &mut pending, *document, lists, &limits);
            }
            Message::Query { place, document } => {
                let (db, collection) = place.split_once('.').unwrap_or((place, ""));
                facts.push(("db".to_owned(), db.to_owned()));
                if collection == "$cmd" {
                    self.command(&mut exchange, &mut pending, *document, &[], &limits);
                } else {
                    name(&mut exchange, "query", collection);
                    render(&mut exchange.request, *document, &[], &[], &limits);
                }
            }
            Message::Legacy { name: method, place, answered: answers, documents } => {
                answered = *answers;
                let (db, collection) = place.split_once('.').unwrap_or((place, ""));
                facts.extend((!db.is_empty()).then(|| ("db".to_owned(), db.to_owned())));
                name(&mut exchange, method, collection);
                let list = List { name: "documents", documents };
                render_list(&mut exchange.request, &list, &limits);
            }
            Message::Reply { .. } => return,
        }
        facts.extend(compressor.map(|name| ("compressor".to_owned(), name.to_owned())));
        exchange.request.headers = facts;
        let serial = self.ledger.open(exchange, seen.last, env.cx);
        self.mark(serial, seen);
        if answered {
            self.wait(header.id, Pending { serial, ..pending }, env);
        } else {
            self.ledger.finish(serial, Ending::Open, env.cx);
        }
    }

    fn command(
        &self,
        exchange: &mut Exchange,
        pending: &mut Pending,
        document: Document<'_>,
        lists: &[List<'_>],
        limits: &Limits,
    ) {
        let Some(command) = Command::read(document) else { return };
        name(exchange, command.name, command.target);
        let tailed = command.cursor().is_some_and(|cursor| self.tailing.contains(&cursor));
        exchange.waits = command.waits() || tailed;
        pending.secrets = command::secrets(command.name);
        pending.tails = command.tails();
        pending.more = command.name == "getMore";
        pending.endless = command::is_hello(command.name);
        render(&mut exchange.request, command.document, lists, pending.secrets, limits);
    }

    fn response(
        &mut self,
        header: Header,
        message: Option<&Message<'_>>,
        compressor: Option<&str>,
        seen: &Seen,
        env: &mut Env<'_, '_>,
    ) {
        let pending = match self.pending.remove(&header.answers) {
            Some(pending) => pending,
            None => self.unasked(message, seen, env),
        };
        let limits = self.limits(env);
        let mut goes_on = false;
        let mut half = half(seen);
        half.headers.extend(compressor.map(|name| ("compressor".to_owned(), name.to_owned())));
        let mut outcome = Outcome::default();
        let mut waited = false;
        match message {
            Some(Message::Command { flags, document, lists }) => {
                goes_on = flags & MORE_TO_COME != 0;
                waited = goes_on || (pending.more && command::has_waited(*document));
                if pending.tails
                    && let Some(cursor) = command::open_cursor(*document)
                {
                    self.tails(cursor);
                }
                (outcome, half.headers) =
                    (Outcome::read(*document), [half.headers, command::facts(*document)].concat());
                render(&mut half, *document, lists, pending.secrets, &limits);
            }
            Some(Message::Reply { flags, cursor, documents }) => {
                outcome = old_outcome(*flags, documents);
                half.headers.extend((*cursor != 0).then(|| ("cursor".to_owned(), cursor.to_string())));
                match Document::read(documents) {
                    Some((only, [])) => render(&mut half, only, &[], pending.secrets, &limits),
                    _ => render_list(&mut half, &List { name: "documents", documents }, &limits),
                }
            }
            Some(Message::Query { .. } | Message::Legacy { .. }) | None => {}
        }
        half.complete &= !goes_on || pending.endless;
        self.ledger.change(pending.serial, seen.last, |exchange| {
            exchange.waits |= waited;
            exchange.status = outcome.status.or(exchange.status.take());
            exchange.failure = outcome.failure.or(exchange.failure.take());
            match &mut exchange.response {
                Some(stream) => more(stream, &half, &limits),
                None if goes_on => {
                    let mut stream = Half { body: Vec::new(), bytes: 0, cut: false, ..half.clone() };
                    more(&mut stream, &half, &limits);
                    exchange.response = Some(stream);
                }
                None => exchange.response = Some(half),
            }
        });
        self.mark(pending.serial, seen);
        if goes_on {
            // What comes next answers this reply.
            self.wait(header.id, pending, env);
        } else {
            self.ledger.close(pending.serial, Ending::Open, env.cx);
        }
    }

    /// A message that is compressed in a way that is not read here.
    fn unreadable(&mut self, dir: Dir, header: Header, compressor: &str, seen: &Seen, env: &mut Env<'_, '_>) {
        match dir {
            Dir::ToServer => {
                let mut exchange = env.connection.exchange(Protocol::Mongodb, seen.first);
                name(&mut exchange, "compressed", compressor);
                exchange.request = Half { cut: true, ..half(seen) };
                let serial = self.ledger.open(exchange, seen.last, env.cx);
                self.mark(serial, seen);
                self.wait(
                    header.id,
                    Pending { serial, secrets: &[], tails: false, more: false, endless: false },
                    env,
                );
            }
            Dir::ToClient => self.response(header, None, Some(compressor), seen, env),
        }
    }

    /// The command was not seen.
    fn unasked(&mut self, message: Option<&Message<'_>>, seen: &Seen, env: &mut Env<'_, '_>) -> Pending {
        let secrets = match message {
            Some(Message::Command { document, .. }) => command::secrets_of(*document),
            _ => &["payload", "nonce"],
        };
        let mut exchange = env.connection.exchange(Protocol::Mongodb, seen.first);
        exchange.quality = Quality::NoRequest;
        let serial = self.ledger.open(exchange, seen.last, env.cx);
        Pending { serial, secrets, tails: false, more: true, endless: false }
    }

    fn wait(&mut self, id: i32, pending: Pending, env: &mut Env<'_, '_>) {
        // Those that were given up wait no more.
        if self.pending.len() >= 2 * env.cx.limits.pending_per_flow {
            self.pending.retain(|_, pending| self.ledger.get(pending.serial).is_some());
        }
        if let Some(before) = self.pending.insert(id, pending) {
            self.ledger.close(before.serial, Ending::Open, env.cx);
        }
    }

    fn tails(&mut self, cursor: i64) {
        if self.tailing.len() >= TAILING_LIMIT {
            self.tailing.pop_first();
        }
        self.tailing.insert(cursor);
    }

    fn mark(&mut self, serial: u32, seen: &Seen) {
        if let Some(loss) = seen.loss {
            self.ledger.mark(serial, loss.quality());
        }
    }

    /// How much of bodies is kept: nothing more where too many commands wait for their reply.
    fn limits(&self, env: &Env<'_, '_>) -> Limits {
        let limits = env.cx.limits;
        let body = if self.ledger.held() < limits.flow_buffer { limits.body } else { 0 };
        Limits { body, ..*limits }
    }
}
