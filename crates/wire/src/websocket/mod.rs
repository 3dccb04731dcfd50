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

use model::exchange::{Ending, Exchange, Message, Protocol, Quality};

use crate::decode::{Decode, Dir, Env, Loss, Verdict};
use crate::ledger;
use frame::Kind;
use inflate::Inflater;
use side::{Came, Side};

pub(crate) use detect::recognise;

/// The decoder of a connection that is older than the capture.
pub(crate) fn decoder() -> Box<dyn Decode> {
    let sides = [Side::unknown(Dir::ToServer), Side::unknown(Dir::ToClient)];
    Box::new(WebSocket { sides, closing: false })
}

/// The decoder of a connection that switched now, asking for this target, by this response.
pub(crate) fn switched(target: &str, response: &Message, env: &mut Env<'_, '_>) -> Box<dyn Decode> {
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
    let mut exchange = begin(env);
    path(target).clone_into(&mut exchange.target);
    exchange.request.headers = agreed;
    env.open(exchange);
    Box::new(WebSocket { sides, closing: false })
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

fn begin(env: &mut Env<'_, '_>) -> Exchange {
    let mut exchange = env.connection.exchange(Protocol::WebSocket, env.at);
    "WebSocket".clone_into(&mut exchange.method);
    exchange.waits = true;
    exchange
}

/// The decoder of one connection.
#[derive(Debug)]
struct WebSocket {
    sides: [Side; 2],
    /// Somebody said that it is over.
    closing: bool,
}

impl Decode for WebSocket {
    fn data(&mut self, dir: Dir, bytes: &[u8], env: &mut Env<'_, '_>) -> Verdict {
        open(env);
        let Self { sides, closing } = self;
        sides[dir as usize].data(env.at, bytes, env.cx.limits, &mut |came| tell(closing, dir, &came, env));
        Verdict::Mine
    }

    fn gap(&mut self, dir: Dir, bytes: u64, loss: Loss, env: &mut Env<'_, '_>) {
        open(env);
        let Self { sides, closing } = self;
        env.ledger.mark_all(loss.quality());
        sides[dir as usize]
            .gap(env.at, bytes, loss, env.cx.limits, &mut |came| tell(closing, dir, &came, env));
    }

    fn close(&mut self, dir: Dir, env: &mut Env<'_, '_>) {
        open(env);
        env.ledger.change_first(env.at, |exchange| match (dir, &mut exchange.response) {
            (Dir::ToServer, _) => exchange.request.complete = true,
            (Dir::ToClient, response) => response.iter_mut().for_each(|message| message.complete = true),
        });
    }

    fn end(&mut self, ending: Ending, env: &mut Env<'_, '_>) {
        let abrupt = matches!(ending, Ending::Closed | Ending::Reset) && !self.closing;
        env.ledger.change_first(env.at, |exchange| {
            if abrupt && exchange.quality == Quality::Complete {
                exchange.failure = Some("closed without a close frame".to_owned());
            }
        });
        env.end(ending);
    }

    fn held(&self) -> usize {
        self.sides.iter().map(Side::held).sum::<usize>()
    }
}

/// Opens the exchange of a connection that is older than the capture.
fn open(env: &mut Env<'_, '_>) {
    if !env.ledger.any() {
        let mut exchange = begin(env);
        exchange.quality = Quality::MidStream;
        env.open(exchange);
    }
}

/// Adds what came to the exchange.
fn tell(closing: &mut bool, dir: Dir, came: &Came, env: &mut Env<'_, '_>) {
    let closes = came.message.as_ref().filter(|message| message.kind == Kind::Close);
    let (code, reason) = closes.map_or((None, &[][..]), |message| frame::closing(&message.bytes));
    let first = closes.is_some() && !std::mem::replace(closing, closes.is_some());
    env.ledger.change_first(env.at, |exchange| {
        if let Some(code) = code.filter(|_| first) {
            exchange.status = Some(code.to_string());
            exchange.failure = frame::wrong(code).map(|words| match str::from_utf8(reason) {
                Ok(reason) if !reason.is_empty() => reason.to_owned(),
                Ok(_) | Err(_) => words.to_owned(),
            });
        }
        let message = match dir {
            Dir::ToServer => &mut exchange.request,
            Dir::ToClient => {
                exchange.response.get_or_insert_with(|| Message { first: came.first, ..Message::default() })
            }
        };
        message.bytes += came.wire;
        message.last = message.last.max(env.at);
        // Of packets out of order, the last one to come is not the last in the stream.
        let at = message.last;
        match (&came.message, code) {
            (Some(part), Some(code)) => {
                let kind = format!("close {code}");
                ledger::list(message, at, &kind, reason, part.size.saturating_sub(2), env.cx.limits);
            }
            (Some(part), None) => {
                ledger::list(message, at, part.kind.name(), &part.bytes, part.size, env.cx.limits);
            }
            (None, _) => {}
        }
        message.complete |= closes.is_some();
    });
}
