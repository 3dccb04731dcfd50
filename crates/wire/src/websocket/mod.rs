//! WebSocket (RFC 6455) from the switch of protocols on: one exchange for each connection, whose request is what the
//! client sent, whose response is what the server sent, and whose parts are the messages.
//!
//! `frame` reads heads and masks, `side` puts one direction's frames together to messages, `inflate` unpacks them. After
//! a loss whose place is not known, `hunt` looks for segments that are frames from end to end.

mod detect;
mod frame;
mod hunt;
mod inflate;
mod side;

use model::Timestamp;
use model::exchange::{Ending, Exchange, Message, Protocol, Quality};

use crate::conversation::{Connection, Cx, Decode, Dir, Loss, Verdict};
use crate::ledger::{self, Ledger};
use crate::limits::Limits;
use frame::Kind;
use inflate::Inflater;
use side::{Came, Side};

pub(crate) use detect::recognise;

/// The decoder of a connection that is older than the capture.
pub(crate) fn decoder() -> Box<dyn Decode> {
    Box::new(WebSocket::new([Side::unknown(Dir::ToServer), Side::unknown(Dir::ToClient)]))
}

/// The decoder of a connection that switched `at` this time, asking for this target, by this response.
pub(crate) fn switched(
    target: &str,
    response: &Message,
    at: Timestamp,
    connection: &mut Connection,
    cx: &mut Cx<'_>,
) -> Box<dyn Decode> {
    let agreed: Vec<_> = response
        .headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
        .filter(|(name, _)| matches!(name.as_str(), "sec-websocket-protocol" | "sec-websocket-extensions"))
        .collect();
    let inflater = |resets| {
        let extension = extension(&agreed)?;
        Some(Inflater::new(extension.split(';').any(|word| word.trim() == resets)))
    };
    let sides = [
        Side::new(Dir::ToServer, inflater("client_no_context_takeover")),
        Side::new(Dir::ToClient, inflater("server_no_context_takeover")),
    ];
    let mut decoder = WebSocket::new(sides);
    let mut exchange = begin(at, connection);
    path(target).clone_into(&mut exchange.target);
    exchange.request.headers = agreed;
    decoder.talk.ledger.open(exchange, at, cx);
    Box::new(decoder)
}

/// The offer of permessage-deflate that was taken, with its parameters.
fn extension(agreed: &[(String, String)]) -> Option<&str> {
    agreed
        .iter()
        .filter(|(name, _)| name == "sec-websocket-extensions")
        .flat_map(|(_, value)| value.split(','))
        .find(|extension| extension.split(';').next().is_some_and(|name| name.trim() == "permessage-deflate"))
}

/// The target without its query, and without the place where a proxy was asked for it.
fn path(target: &str) -> &str {
    let target = target.split(['?', '#']).next().unwrap_or_default();
    match target.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |slash| rest.split_at(slash).1),
        None => target,
    }
}

fn begin(at: Timestamp, connection: &mut Connection) -> Exchange {
    let mut exchange = connection.exchange(Protocol::WebSocket, at);
    "WebSocket".clone_into(&mut exchange.method);
    exchange.waits = true;
    exchange
}

/// The decoder of one connection.
#[derive(Debug)]
struct WebSocket {
    sides: [Side; 2],
    talk: Talk,
}

/// Its exchange.
#[derive(Debug)]
struct Talk {
    ledger: Ledger,
    /// Somebody said that it is over.
    closing: bool,
}

impl Decode for WebSocket {
    fn data(
        &mut self,
        dir: Dir,
        at: Timestamp,
        bytes: &[u8],
        connection: &mut Connection,
        cx: &mut Cx<'_>,
    ) -> Verdict {
        self.open(at, connection, cx);
        let Self { sides, talk } = self;
        sides[dir as usize].data(at, bytes, cx.limits, &mut |came| talk.tell(dir, at, &came, cx.limits));
        Verdict::Mine
    }

    fn gap(
        &mut self,
        dir: Dir,
        at: Timestamp,
        bytes: u64,
        loss: Loss,
        connection: &mut Connection,
        cx: &mut Cx<'_>,
    ) {
        self.open(at, connection, cx);
        let Self { sides, talk } = self;
        talk.ledger.mark_all(loss.quality());
        let tell = &mut |came| talk.tell(dir, at, &came, cx.limits);
        sides[dir as usize].gap(at, bytes, loss, cx.limits, tell);
    }

    fn close(&mut self, dir: Dir, at: Timestamp, connection: &mut Connection, cx: &mut Cx<'_>) {
        self.open(at, connection, cx);
        self.talk.change(at, |exchange| match (dir, &mut exchange.response) {
            (Dir::ToServer, _) => exchange.request.complete = true,
            (Dir::ToClient, response) => response.iter_mut().for_each(|message| message.complete = true),
        });
    }

    fn end(&mut self, ending: Ending, _: &mut Connection, cx: &mut Cx<'_>) -> bool {
        let abrupt = matches!(ending, Ending::Closed | Ending::Reset) && !self.talk.closing;
        self.talk.change(Timestamp(0), |exchange| {
            if abrupt && exchange.quality == Quality::Complete {
                exchange.failure = Some("closed without a close frame".to_owned());
            }
        });
        self.talk.ledger.end(ending, cx);
        self.talk.ledger.any()
    }

    fn report(&mut self, now: Timestamp, cx: &mut Cx<'_>) {
        self.talk.ledger.report(now, cx);
    }

    fn due(&self) -> Option<Timestamp> {
        self.talk.ledger.due()
    }

    fn held(&self) -> usize {
        self.talk.ledger.held() + self.sides.iter().map(Side::held).sum::<usize>()
    }
}

impl WebSocket {
    fn new(sides: [Side; 2]) -> Self {
        Self { sides, talk: Talk { ledger: Ledger::default(), closing: false } }
    }

    /// Opens the exchange of a connection that is older than the capture.
    fn open(&mut self, at: Timestamp, connection: &mut Connection, cx: &mut Cx<'_>) {
        if !self.talk.ledger.any() {
            let mut exchange = begin(at, connection);
            exchange.quality = Quality::MidStream;
            self.talk.ledger.open(exchange, at, cx);
        }
    }
}

impl Talk {
    fn change(&mut self, at: Timestamp, change: impl FnOnce(&mut Exchange)) {
        if let Some(serial) = self.ledger.first() {
            self.ledger.change(serial, at, change);
        }
    }

    fn tell(&mut self, dir: Dir, at: Timestamp, came: &Came, limits: &Limits) {
        let closes = came.message.as_ref().filter(|message| message.kind == Kind::Close);
        let (code, reason) = closes.map_or((None, &[][..]), |message| frame::closing(&message.bytes));
        let first = closes.is_some() && !std::mem::replace(&mut self.closing, closes.is_some());
        self.change(at, |exchange| {
            if let Some(code) = code.filter(|_| first) {
                exchange.status = Some(code.to_string());
                exchange.failure = frame::wrong(code).map(|words| match str::from_utf8(reason) {
                    Ok(reason) if !reason.is_empty() => reason.to_owned(),
                    Ok(_) | Err(_) => words.to_owned(),
                });
            }
            let message = match dir {
                Dir::ToServer => &mut exchange.request,
                Dir::ToClient => exchange
                    .response
                    .get_or_insert_with(|| Message { first: came.first, ..Message::default() }),
            };
            message.bytes += came.wire;
            message.last = message.last.max(at);
            // Of packets out of order, the last one to come is not the last in the stream.
            let at = message.last;
            match (&came.message, code) {
                (Some(part), Some(code)) => {
                    let kind = format!("close {code}");
                    ledger::list(message, at, &kind, reason, part.size.saturating_sub(2), limits);
                }
                (Some(part), None) => {
                    ledger::list(message, at, part.kind.name(), &part.bytes, part.size, limits);
                }
                (None, _) => {}
            }
            message.complete |= closes.is_some();
        });
    }
}
