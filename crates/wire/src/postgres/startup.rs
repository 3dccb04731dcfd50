//! The beginning of a connection: the wish for encryption, the start-up packet, authentication. One exchange, `CONNECT`,
//! which ends when the server is ready for queries.

use model::Timestamp;
use model::exchange::{Message, Protocol};

use super::answer::message;
use super::detect::{CANCEL, GSS, SSL, STARTUP_LIMIT};
use super::message::{Reader, fact, text};
use super::{Phase, Postgres};
use crate::decode::{Env, Verdict};
use crate::framing::{Frame, Head};
use crate::tls;

/// How many parameters of the server become headers.
const PARAMETERS_LIMIT: usize = 64;

/// A connection that is not open yet.
#[derive(Debug, Default)]
pub(super) struct Opening {
    /// The exchange, from the start-up packet until the server is ready.
    pub(super) connect: Option<u32>,
    /// Packets before the start-up packet: when the first came, and their bytes.
    asked: Option<(Timestamp, u64)>,
    answered: Option<(Timestamp, u64)>,
    /// What was refused: `ssl`, `gss`.
    wished: Vec<&'static str>,
}

impl Opening {
    /// The server does not encrypt.
    pub(super) fn refused(&mut self, at: Timestamp) {
        self.answered.get_or_insert((at, 0)).1 += 1;
    }
}

/// What the server makes of the wish for encryption.
pub(super) enum Encryption {
    Refused,
    /// An error message follows.
    Error,
    Becomes(Verdict),
}

/// Reads the server's one byte, behind which there are `rest` more.
pub(super) fn encryption(answer: u8, rest: usize) -> Encryption {
    match answer {
        b'N' => Encryption::Refused,
        b'E' => Encryption::Error,
        b'S' => Encryption::Becomes(tls::begins(rest)),
        _ => Encryption::Becomes(Verdict::NotMine),
    }
}

/// A length that counts itself, without a kind before it.
pub(super) fn head(bytes: &[u8]) -> Head {
    match bytes.first_chunk().map(|length| u32::from_be_bytes(*length)) {
        None => Head::More,
        Some(length @ 8..=STARTUP_LIMIT) => Head::Frame { head: 4, payload: u64::from(length) - 4 },
        Some(_) => Head::Bad,
    }
}

impl Postgres {
    pub(super) fn startup(&mut self, frame: &Frame<'_>, env: &mut Env<'_, '_>) {
        let mut reader = Reader(frame.payload);
        let (first, bytes) = *self.opening.asked.get_or_insert((frame.first, 0));
        let bytes = bytes + frame.on_wire();
        self.opening.asked = Some((first, bytes));
        let code = reader.u32();
        if let Some(wish @ (SSL | GSS)) = code {
            self.opening.wished.push(if wish == SSL { "ssl" } else { "gss" });
            self.opening.wished.truncate(2);
            self.phase = Phase::Encryption;
            return;
        }
        let mut exchange = env.connection.exchange(Protocol::Postgres, first);
        let request = &mut exchange.request;
        (request.bytes, request.last, request.complete) = (bytes, env.at, true);
        if let Some(loss) = frame.loss {
            exchange.quality = loss.quality();
        }
        for wish in self.opening.wished.drain(..) {
            fact(request, wish, "refused");
        }
        let answered = self.opening.answered.take();
        exchange.response = answered.map(|(first, bytes)| Message { bytes, ..message(first) });
        self.opening.asked = None;
        if code == Some(CANCEL) {
            "CANCEL".clone_into(&mut exchange.method);
            // The key behind it is a secret.
            if let Some(process) = reader.u32() {
                fact(&mut exchange.request, "pid", &process.to_string());
            }
            self.phase = Phase::Cancelled(env.open(exchange));
            return;
        }
        "CONNECT".clone_into(&mut exchange.method);
        exchange.target = parameters(&mut reader, &mut exchange.request);
        self.phase = Phase::Messages;
        self.opening.connect = Some(env.open(exchange));
    }

    /// Tells of a client that wanted encryption, was refused, and left.
    pub(super) fn left_unencrypted(&mut self, env: &mut Env<'_, '_>) {
        let (Some((first, bytes)), Some((answered, got))) = (self.opening.asked, self.opening.answered)
        else {
            return;
        };
        let mut exchange = env.connection.exchange(Protocol::Postgres, first);
        "CONNECT".clone_into(&mut exchange.method);
        (exchange.request.bytes, exchange.request.complete) = (bytes, true);
        for wish in self.opening.wished.drain(..) {
            fact(&mut exchange.request, wish, "refused");
        }
        exchange.failure = Some("encryption was refused".to_owned());
        exchange.response = Some(Message { bytes: got, complete: true, ..message(answered) });
        self.opening.asked = None;
        env.ledger.tell(exchange, answered, env.cx);
    }

    /// Whether the connection is being opened and the server has not said a word.
    pub(super) fn is_unanswered(&self, env: &Env<'_, '_>) -> bool {
        let exchange = self.opening.connect.and_then(|serial| env.ledger.get(serial));
        exchange.is_some_and(|exchange| exchange.response.is_none())
    }
}

/// A message of the server before it is ready for the first time.
pub(super) fn opening_answer(serial: u32, kind: u8, frame: &Frame<'_>, env: &mut Env<'_, '_>) {
    let mut reader = Reader(frame.payload);
    env.ledger.change(serial, env.at, |exchange| {
        let response = exchange.response.get_or_insert_default();
        if response.bytes == 0 {
            response.first = frame.first;
        }
        response.bytes += frame.on_wire();
        response.last = env.at;
        match kind {
            b'R' => {
                if let Some(method) = authentication(&mut reader) {
                    fact(response, "auth", &method);
                }
            }
            b'S' if response.headers.len() < PARAMETERS_LIMIT => {
                if let (Some(name), Some(value)) = (reader.text(), reader.text()) {
                    fact(response, &text(name).to_ascii_lowercase(), &text(value));
                }
            }
            // The key behind it is a secret.
            b'K' => {
                if let Some(process) = reader.u32() {
                    fact(response, "pid", &process.to_string());
                }
            }
            _ => {}
        }
    });
    env.ledger.miss(serial, frame.loss);
}

/// The server is ready for the first time.
pub(super) fn opened(serial: u32, env: &mut Env<'_, '_>) {
    env.ledger.change(serial, env.at, |exchange| {
        exchange.status = Some("OK".to_owned());
        if let Some(response) = &mut exchange.response {
            response.complete = true;
        }
    });
    env.close(serial);
}

/// The parameters of a start-up packet, as headers; the database that is asked for.
fn parameters(reader: &mut Reader<'_>, request: &mut Message) -> String {
    let (mut user, mut database) = (String::new(), String::new());
    while let Some(name) = reader.text().filter(|name| !name.is_empty()) {
        let Some(value) = reader.text() else { break };
        let (name, mut value) = (text(name).to_ascii_lowercase(), text(value));
        match name.as_str() {
            "user" => user.clone_from(&value),
            "database" => database.clone_from(&value),
            secret if secret.contains("password") || secret.contains("token") => {
                "[redacted]".clone_into(&mut value);
            }
            _ => {}
        }
        fact(request, &name, &value);
    }
    // The manual: a database that is not named has the user's name.
    if database.is_empty() { user } else { database }
}

/// How the server wants the client to prove who it is; `None` for the steps on the way.
fn authentication(reader: &mut Reader<'_>) -> Option<String> {
    let method = match reader.u32()? {
        2 => "kerberos",
        3 => "password",
        5 => "md5",
        7 => "gss",
        9 => "sspi",
        10 => {
            let mechanisms = std::iter::from_fn(|| reader.text().filter(|name| !name.is_empty()));
            return Some(mechanisms.map(text).collect::<Vec<_>>().join(" "));
        }
        _ => return None,
    };
    Some(method.to_owned())
}
