//! TLS 1.0 to 1.3 (RFC 8446, RFC 5246) as far as it can be read without keys: one exchange for each connection that says
//! who was asked for, what was agreed, and how it went. The bytes behind the handshake are counted.
//!
//! `record` knows records, `hello` and `certificate` read what is sent in the clear, `names` has the registries' words.
//! A protocol that turns into TLS in the middle of a connection hands it over by [`begins`].

mod certificate;
mod cipher;
mod detect;
mod hello;
mod inside;
mod keys;
mod names;
mod reader;
mod record;
mod way;

use model::Timestamp;
use model::exchange::{Ending, Exchange, Message, Protocol, Quality};

use crate::decode::{Decode, Dir, Env, Loss, Verdict};
use crate::stranger;
use inside::Inside;
use record::{Record, Sealed, Side};

pub(crate) use detect::recognise;
pub(crate) use keys::Keys;
pub(crate) use names::alert;

/// The decoder of a connection that speaks TLS from the bytes on that it gets.
pub(crate) fn decoder() -> Box<dyn Decode> {
    Box::<Tls>::default()
}

/// From the last `rest` bytes on, a connection that began otherwise is TLS.
pub(crate) fn begins(rest: usize) -> Verdict {
    Verdict::Becomes { decoder: decoder(), rest }
}

/// A TLS 1.3 alert: two bytes, the kind of what is inside, and the cipher's tag of 16 bytes. No other message of a
/// handshake is as short.
const SEALED_ALERT: u64 = 2 + 1 + 16;

/// The decoder of one connection.
#[derive(Debug, Default)]
struct Tls {
    sides: [Side; 2],
    version: Option<u16>,
    handshake: Handshake,
    /// Where the connection's secrets are known, or may come to be.
    inside: Option<Box<Inside>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Handshake {
    #[default]
    Running,
    Done,
    Failed,
    /// Bytes of it are missing: whether it was done is not known.
    Unclear,
}

impl Decode for Tls {
    fn data(&mut self, dir: Dir, bytes: &[u8], env: &mut Env<'_, '_>) -> Verdict {
        self.sides[dir as usize].count(env.at, bytes.len() as u64);
        let mut rest = bytes;
        // The inside begins behind the client's hello, wherever that ends.
        let mut inside = bytes;
        while self.handshake == Handshake::Running {
            let side = &mut self.sides[dir as usize];
            match side.next(&mut rest, env.at) {
                Ok(Some(record)) => {
                    let known = self.inside.is_some();
                    self.record(dir, record, env);
                    if !known {
                        inside = rest;
                    }
                }
                Ok(None) => break,
                Err(_) if !env.ledger.any() => return Verdict::NotMine,
                Err(_) if self.version.is_none() && dir == Dir::ToClient => {
                    let words = stranger::in_http1(bytes);
                    self.fail(words.as_deref().unwrap_or("the answer is no TLS"), env);
                }
                Err(_) => self.handshake = Handshake::Unclear,
            }
        }
        if let Some(within) = &mut self.inside {
            within.data(dir, inside, env);
        }
        self.tell(env);
        Verdict::Mine
    }

    fn gap(&mut self, dir: Dir, bytes: u64, loss: Loss, env: &mut Env<'_, '_>) {
        let side = &mut self.sides[dir as usize];
        side.count(env.at, bytes);
        if let Some(inside) = &mut self.inside {
            inside.gap(dir, env.at, bytes, loss);
        }
        // Behind the handshake only numbers of bytes are shown, and those are known where the capture cut some off.
        if self.handshake == Handshake::Running {
            self.handshake = Handshake::Unclear;
            env.ledger.mark_all(loss.quality());
        } else if loss == Loss::Lost {
            env.ledger.mark_all(loss.quality());
        }
        self.tell(env);
    }

    fn close(&mut self, dir: Dir, env: &mut Env<'_, '_>) {
        self.sides[dir as usize].closed = true;
        if let Some(inside) = &mut self.inside {
            inside.close(dir, env);
        }
        self.tell(env);
    }

    fn end(&mut self, ending: Ending, env: &mut Env<'_, '_>) {
        if let Some(inside) = &mut self.inside {
            let last = self.sides.iter().map(Side::last).max().unwrap_or_default();
            inside.end(ending, last, env);
        }
        self.tell(env);
        let broken = self.handshake == Handshake::Running;
        if matches!(ending, Ending::Closed | Ending::Reset) {
            env.ledger.change_first(env.at, |exchange| {
                if broken && exchange.quality == Quality::Complete {
                    exchange.failure = Some("closed during the handshake".to_owned());
                }
                // Many programs reset a connection on which all is said.
                if !broken && let Some(response) = &mut exchange.response {
                    response.complete = true;
                }
            });
        }
        env.end(ending);
    }

    fn waits(&self) -> bool {
        self.inside.as_ref().is_some_and(|inside| inside.waits())
    }

    fn wake(&mut self, env: &mut Env<'_, '_>) {
        if let Some(inside) = &mut self.inside {
            let before = (inside.opened, inside.is_hopeless());
            inside.look(env.at, env);
            inside.report(env);
            if before != (inside.opened, inside.is_hopeless()) {
                self.tell(env);
            }
        }
    }

    fn due(&self) -> Option<Timestamp> {
        self.inside.as_ref().and_then(|inside| inside.due())
    }

    fn held(&self) -> usize {
        self.inside.as_ref().map_or(0, |inside| inside.held())
            + self.sides.iter().map(Side::held).sum::<usize>()
    }
}

impl Tls {
    fn record(&mut self, dir: Dir, record: Record, env: &mut Env<'_, '_>) {
        match (record, dir) {
            (Record::Hello(hello), Dir::ToServer) if !env.ledger.any() => {
                // What is TLS within TLS stays closed.
                if env.cx.keys.expected() && !env.connection.within {
                    self.inside = Some(Box::new(Inside::new(hello.random, env.at, env.connection)));
                }
                let mut exchange = self.begin(env);
                exchange.target = hello.server_name;
                field(
                    &mut exchange.request,
                    "versions",
                    hello.versions.iter().filter_map(|v| names::version(*v)),
                );
                field(&mut exchange.request, "alpn", hello.protocols);
                env.open(exchange);
            }
            (Record::Answer(hello), Dir::ToClient) if hello.random == hello::AGAIN => {}
            (Record::Answer(hello), Dir::ToClient) => {
                if let Some(inside) = &mut self.inside {
                    inside.agreed(&hello);
                }
                self.version = Some(hello.version);
                self.tell(env);
                env.ledger.change_first(env.at, |exchange| {
                    exchange.status = names::version(hello.version);
                    let response = exchange.response.get_or_insert_default();
                    response.headers.clear();
                    field(response, "cipher", [names::cipher(hello.cipher)]);
                    field(response, "alpn", hello.protocol);
                });
            }
            (Record::Certificate(names), Dir::ToClient) => env.ledger.change_first(env.at, |exchange| {
                let response = exchange.response.get_or_insert_default();
                field(response, "subject", names.subject);
                field(response, "issuer", names.issuer);
            }),
            (Record::Alert { level, description }, _) => {
                // A warning ends nothing, before TLS 1.3 (RFC 8446 section 6).
                let fatal = level == names::FATAL || self.version == Some(names::TLS_1_3);
                if fatal && !names::is_orderly(description) {
                    self.fail(&alert(description), env);
                }
            }
            (Record::Sealed(sealed), _) => self.sealed(dir, sealed, env),
            (Record::Hello(_) | Record::Answer(_) | Record::Certificate(_) | Record::Other, _) => {}
        }
    }

    /// A record that cannot be read: with those of both directions the handshake is done.
    fn sealed(&mut self, dir: Dir, sealed: Sealed, env: &mut Env<'_, '_>) {
        if !env.ledger.any() {
            // The handshake was before the capture.
            let mut exchange = self.begin(env);
            exchange.quality = Quality::MidStream;
            env.open(exchange);
            self.handshake = Handshake::Unclear;
            return;
        }
        let since_1_3 = self.version == Some(names::TLS_1_3);
        let alert = match sealed {
            Sealed::Alert => true,
            Sealed::Data(size) => since_1_3 && dir == Dir::ToServer && size == SEALED_ALERT,
            Sealed::Other => false,
        };
        if alert {
            return self.fail("encrypted alert", env);
        }
        // What comes before the version is known is early data; a change of ciphers means nothing since TLS 1.3.
        if self.version.is_some() && (matches!(sealed, Sealed::Data(_)) || !since_1_3) {
            self.sides[dir as usize].sealed = true;
        }
        if self.sides.iter().all(|side| side.sealed) {
            self.handshake = Handshake::Done;
        }
    }

    fn begin(&self, env: &mut Env<'_, '_>) -> Exchange {
        let first = self.sides.iter().filter_map(|side| side.first).min();
        let mut exchange = env.connection.exchange(Protocol::Tls, first.unwrap_or(env.at));
        "TLS".clone_into(&mut exchange.method);
        exchange.waits = true;
        exchange
    }

    fn fail(&mut self, words: &str, env: &mut Env<'_, '_>) {
        self.handshake = Handshake::Failed;
        env.ledger.change_first(env.at, |exchange| exchange.failure = Some(words.to_owned()));
    }

    /// Tells how much went each way.
    fn tell(&mut self, env: &mut Env<'_, '_>) {
        let opened = self.inside.as_ref().is_some_and(|inside| inside.opened);
        self.inside.take_if(|inside| inside.is_hopeless() && !inside.opened);
        let [to_server, to_client] = &self.sides;
        env.ledger.change_first(env.at, |exchange| {
            exchange.decrypted |= opened;
            to_server.fill(&mut exchange.request);
            if let Some(first) = to_client.first {
                to_client
                    .fill(exchange.response.get_or_insert_with(|| Message { first, ..Message::default() }));
            }
        });
    }
}

/// Adds a field of several words, if there are any.
fn field(message: &mut Message, name: &str, words: impl IntoIterator<Item = String>) {
    let words: Vec<_> = words.into_iter().collect();
    if !words.is_empty() {
        message.headers.push((name.to_owned(), words.join(", ")));
    }
}
