//! The handshake, from the protocol header to the opened virtual host, is one exchange (AMQP 0-9-1, section 2.2.4).
//!
//! What the client proves itself with is never kept: of its answer to the broker's challenge only the user's name is
//! read.

use model::exchange::{Ending, Exchange, Message};

use super::calls::{Calls, Said, exchange};
use super::fields::{Fields, lossy};
use crate::decode::{Dir, Env};
use crate::framing::Frame;

impl Calls {
    pub(super) fn protocol_header(&mut self, dir: Dir, frame: &Frame<'_>, env: &mut Env<'_, '_>) {
        if dir == Dir::ToClient {
            // The broker names what it speaks instead, and closes.
            let Some(serial) = self.connect.take() else { return };
            let version: Vec<_> = frame.head.iter().skip(4).map(u8::to_string).collect();
            env.ledger.change(serial, env.at, |exchange| {
                exchange.failure = Some(format!("the broker speaks AMQP {} only", version.join(".")));
                extend(&mut exchange.response, frame.first, env.at, frame.head.len() as u64);
            });
            env.finish(serial);
        } else if self.connect.is_none() {
            let mut exchange = exchange("CONNECT", frame.first, env);
            exchange.request.bytes = frame.head.len() as u64;
            exchange.request.last = env.at;
            self.connect = Some(env.open(exchange));
        }
    }

    pub(super) fn handshake(&mut self, said: &Said, fields: Fields<'_>, env: &mut Env<'_, '_>) {
        let Some(serial) = self.connect else { return };
        env.ledger.change(serial, env.at, |exchange| {
            match said.dir {
                Dir::ToServer => {
                    exchange.request.bytes += said.bytes;
                    exchange.request.last = env.at;
                }
                Dir::ToClient => extend(&mut exchange.response, said.first, env.at, said.bytes),
            }
            take(exchange, said.spec.id, fields);
        });
        env.ledger.mark(serial, said.quality);
        if said.spec.name == "Connection.OpenOk" {
            self.connect = None;
            env.finish(serial);
        }
    }

    /// The connection ends. A broker that dislikes a client's name or password may do that without a word.
    pub(super) fn connect_ended(&mut self, ending: Ending, env: &mut Env<'_, '_>) {
        let Some(serial) = self.connect.take() else { return };
        env.ledger.change(serial, model::Timestamp(0), |exchange| {
            let answered = exchange.response.is_some();
            if answered && matches!(ending, Ending::Closed | Ending::Reset) {
                exchange.failure = Some("the connection ended within the handshake".to_owned());
            }
        });
        env.ledger.close(serial, ending, env.cx);
    }
}

fn extend(response: &mut Option<Message>, first: model::Timestamp, at: model::Timestamp, bytes: u64) {
    let response = response.get_or_insert_with(|| Message { first, ..Message::default() });
    response.bytes += bytes;
    response.last = at;
}

/// What a step of the handshake tells.
fn take(exchange: &mut Exchange, id: u16, mut fields: Fields<'_>) -> Option<()> {
    let response = &mut exchange.response;
    let mut answered = |name: &str, value: String| {
        if let Some(response) = response {
            response.headers.push((name.to_owned(), value));
        }
    };
    match id {
        10 => {
            fields.short()?;
            for (name, value) in about(fields.table()?) {
                answered(&name, value);
            }
            answered("mechanisms", short(fields.long_bytes()?)?);
        }
        11 => {
            exchange.request.headers.extend(about(fields.table()?));
            let mechanism = fields.name()?;
            let user = fields.long_bytes().and_then(|proof| user(&mechanism, proof));
            exchange.request.headers.push(("mechanism".to_owned(), mechanism));
            exchange.request.headers.extend(user.map(|user| ("user".to_owned(), user)));
        }
        31 => {
            answered("channel-max", fields.short()?.to_string());
            answered("frame-max", fields.long()?.to_string());
            answered("heartbeat", fields.short()?.to_string());
        }
        40 => {
            exchange.target = fields.name()?;
            exchange.request.complete = true;
        }
        41 => {
            exchange.status = Some("OK".to_owned());
            if let Some(response) = response {
                response.complete = true;
            }
        }
        _ => {}
    }
    Some(())
}

/// A text that is short enough to be told.
fn short(text: &[u8]) -> Option<String> {
    (text.len() < 256).then(|| lossy(text))
}

/// What a peer says of itself, as far as it is short.
fn about(table: Fields<'_>) -> impl Iterator<Item = (String, String)> {
    const TOLD: [&str; 6] =
        ["product", "version", "platform", "cluster_name", "connection_name", "information"];
    table.all().into_iter().filter(|(name, value)| TOLD.contains(&name.as_str()) && value.len() < 256)
}

/// The name in a proof of who one is.
fn user(mechanism: &str, proof: &[u8]) -> Option<String> {
    match mechanism {
        // RFC 4616: who to be, who one is, and the password, with zeros between.
        "PLAIN" => proof.split(|byte| *byte == 0).nth(1).and_then(short),
        "AMQPLAIN" => {
            Fields::new(proof).all().into_iter().find(|(name, _)| name == "LOGIN").map(|(_, user)| user)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_proof_only_the_user_is_read() {
        let table = b"\x05LOGINS\0\0\0\x03joe\x08PASSWORDS\0\0\0\x06secret";
        for (mechanism, proof, expected) in [
            ("PLAIN", &b"\0joe\0secret"[..], Some("joe")),
            ("PLAIN", b"admin\0joe\0secret", Some("joe")),
            ("PLAIN", b"secret", None),
            ("AMQPLAIN", table, Some("joe")),
            ("AMQPLAIN", &table[20..], None),
            ("EXTERNAL", b"joe", None),
            ("SCRAM-SHA-1", b"n,,n=joe", None),
        ] {
            assert_eq!(user(mechanism, proof).as_deref(), expected, "{mechanism} {proof:?}");
        }
    }
}
