//! Puts replies to commands, by the id that a reply says it answers.

use std::collections::{BTreeMap, BTreeSet};

use model::exchange::{Ending, Exchange, Message as Half, Protocol, Quality};

use crate::decode::{Dir, Env};
use crate::detect::Proof;
use crate::framing::{Broken, Frame, Head};
use crate::limits::Limits;
use crate::rejoin::Framed;

use super::bson::Document;
use super::command::{self, Command, Outcome};
use super::detect;
use super::halves::{more, name, old_outcome, render, render_list};
use super::message::{self, COMPRESSED, Header, List, MORE_TO_COME, Message};

/// Cursors that wait for more are remembered, so many for each connection.
const TAILING_LIMIT: usize = 1024;
/// More of a message is read than of its body is kept: what follows a long list says how it went.
const READ: usize = 256 * 1024;

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

/// The exchanges of one connection.
#[derive(Debug, Default)]
pub(super) struct Calls {
    pending: BTreeMap<i32, Pending>,
    tailing: BTreeSet<i64>,
}

impl Framed for Calls {
    fn head(bytes: &[u8]) -> Head {
        message::head(bytes)
    }

    fn keep(limits: &Limits) -> usize {
        limits.body.max(READ)
    }

    fn find(&self, dir: Dir, bytes: &[u8]) -> Result<usize, usize> {
        // Messages begin where segments do, mostly.
        let begins = detect::message(bytes, dir) == Proof::Yes;
        let whole = matches!(message::head(bytes), Head::Frame { .. });
        if begins && whole { Ok(0) } else { Err(bytes.len()) }
    }

    fn frame(&mut self, dir: Dir, frame: &Frame<'_>, env: &mut Env<'_, '_>) -> Result<(), Broken> {
        if self.message(dir, frame, env) { Ok(()) } else { Err(Broken) }
    }

    fn lost(&mut self, dir: Dir, quality: Quality, env: &mut Env<'_, '_>) {
        if dir == Dir::ToClient {
            env.ledger.doubt_all(quality);
        }
    }

    fn end(&mut self, ending: Ending, env: &mut Env<'_, '_>) {
        self.pending.clear();
        env.end(ending);
    }

    fn held(&self) -> usize {
        self.pending.len() * (size_of::<Pending>() + 16) + self.tailing.len() * 16
    }
}

impl Calls {
    /// Takes a message; false when it is none.
    fn message(&mut self, dir: Dir, frame: &Frame<'_>, env: &mut Env<'_, '_>) -> bool {
        let Some(header) = Header::read(frame.head) else { return false };
        let (mut opcode, mut bytes) = (header.opcode, std::borrow::Cow::Borrowed(frame.payload));
        let mut whole = frame.whole();
        let mut compressor = None;
        if opcode == COMPRESSED {
            let Some(inside) = message::decompress(frame.payload, Self::keep(env.cx.limits)) else {
                return !whole;
            };
            compressor = Some(inside.compressor);
            opcode = inside.opcode;
            let Some(inflated) = inside.bytes else {
                self.unreadable(dir, header, inside.compressor, frame, env);
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
            (Dir::ToServer, Some(message)) => self.request(header, &message, compressor, frame, env),
            (Dir::ToClient, message) if known => {
                self.response(header, message.as_ref(), compressor, frame, env);
            }
            (Dir::ToServer | Dir::ToClient, _) => {}
        }
        known
    }

    fn request(
        &mut self,
        header: Header,
        message: &Message<'_>,
        compressor: Option<&str>,
        frame: &Frame<'_>,
        env: &mut Env<'_, '_>,
    ) {
        let mut exchange = env.connection.exchange(Protocol::Mongodb, frame.first);
        exchange.request = frame.message(env.at);
        let mut facts = Vec::new();
        let mut pending = Pending { serial: 0, secrets: &[], tails: false, more: false, endless: false };
        let mut answered = true;
        let limits = env.limits();
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
        let serial = env.open(exchange);
        env.ledger.miss(serial, frame.loss);
        if answered {
            self.wait(header.id, Pending { serial, ..pending }, env);
        } else {
            env.finish(serial);
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
        frame: &Frame<'_>,
        env: &mut Env<'_, '_>,
    ) {
        let pending = match self.pending.remove(&header.answers) {
            Some(pending) => pending,
            None => unasked(message, frame, env),
        };
        let limits = env.limits();
        let mut goes_on = false;
        let mut half = frame.message(env.at);
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
        env.ledger.change(pending.serial, env.at, |exchange| {
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
        env.ledger.miss(pending.serial, frame.loss);
        if goes_on {
            // What comes next answers this reply.
            self.wait(header.id, pending, env);
        } else {
            env.close(pending.serial);
        }
    }

    /// A message that is compressed in a way that is not read here.
    fn unreadable(
        &mut self,
        dir: Dir,
        header: Header,
        compressor: &str,
        frame: &Frame<'_>,
        env: &mut Env<'_, '_>,
    ) {
        match dir {
            Dir::ToServer => {
                let mut exchange = env.connection.exchange(Protocol::Mongodb, frame.first);
                name(&mut exchange, "compressed", compressor);
                exchange.request = Half { cut: true, ..frame.message(env.at) };
                let serial = env.open(exchange);
                env.ledger.miss(serial, frame.loss);
                self.wait(
                    header.id,
                    Pending { serial, secrets: &[], tails: false, more: false, endless: false },
                    env,
                );
            }
            Dir::ToClient => self.response(header, None, Some(compressor), frame, env),
        }
    }

    fn wait(&mut self, id: i32, pending: Pending, env: &mut Env<'_, '_>) {
        // Those that were given up wait no more.
        if self.pending.len() >= 2 * env.cx.limits.pending_per_flow {
            self.pending.retain(|_, pending| env.ledger.get(pending.serial).is_some());
        }
        if let Some(before) = self.pending.insert(id, pending) {
            env.close(before.serial);
        }
    }

    fn tails(&mut self, cursor: i64) {
        if self.tailing.len() >= TAILING_LIMIT {
            self.tailing.pop_first();
        }
        self.tailing.insert(cursor);
    }
}

/// The command was not seen.
fn unasked(message: Option<&Message<'_>>, frame: &Frame<'_>, env: &mut Env<'_, '_>) -> Pending {
    let secrets = match message {
        Some(Message::Command { document, .. }) => command::secrets_of(*document),
        _ => &["payload", "nonce"],
    };
    let mut exchange = env.connection.exchange(Protocol::Mongodb, frame.first);
    exchange.quality = Quality::NoRequest;
    let serial = env.open(exchange);
    Pending { serial, secrets, tails: false, more: true, endless: false }
}
