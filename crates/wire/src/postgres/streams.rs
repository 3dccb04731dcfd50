//! What comes beside the answers, or in pieces: copied data, notices and parameters, notifications.

use model::exchange::{Part, Protocol, Quality, Topic, TopicRole};

use super::Postgres;
use super::answer::message;
use super::message::{Reader, Report, fact, text};
use crate::decode::Env;
use crate::framing::Frame;
use crate::ledger;

/// How many channels of one connection get their notifications listed.
pub(super) const LISTENS_LIMIT: usize = 64;

/// A statement whose data is copied in or out.
#[derive(Debug)]
pub(super) struct Copying {
    pub(super) serial: u32,
    pub(super) is_text: bool,
    /// The client sends the data.
    pub(super) into: bool,
    pub(super) client_ended: bool,
}

impl Copying {
    pub(super) fn ignores_sync(&self) -> bool {
        self.into && !self.client_ended
    }
}

impl Postgres {
    /// Data that is copied into the server, or what ends it.
    pub(super) fn copies(&mut self, kind: u8, frame: &Frame<'_>, env: &mut Env<'_, '_>) {
        // What comes behind an error is passed over by the server.
        let Some(copying) = &mut self.copying else { return };
        let serial = copying.serial;
        if kind != b'd' {
            copying.client_ended = true;
        }
        let is_text = copying.is_text;
        env.ledger.change(serial, env.at, |exchange| {
            let request = &mut exchange.request;
            if request.parts.is_empty() && !request.body.is_empty() {
                // The statement is the first message of what becomes a stream.
                ledger::keep(request, b"\n", env.cx.limits);
                let (kept, bytes) = (request.body.len() as u32, request.bytes);
                request.parts.push(Part { at: request.last, kind: "query".to_owned(), bytes, kept });
                request.messages = 1;
            }
            match kind {
                b'd' => {
                    let data = if is_text { frame.payload } else { b"" };
                    ledger::part(request, env.at, "data", data, frame.size, env.cx.limits);
                    request.bytes += frame.head.len() as u64;
                }
                b'f' => {
                    ledger::part(request, env.at, "fail", frame.payload, frame.size, env.cx.limits);
                    request.bytes += frame.head.len() as u64;
                }
                _ => {
                    request.bytes += frame.on_wire();
                    request.last = env.at;
                }
            }
        });
        env.ledger.miss(serial, frame.loss);
    }

    pub(super) fn copied(&mut self, serial: u32, frame: &Frame<'_>, env: &mut Env<'_, '_>) {
        let is_text = self.copying.as_ref().is_some_and(|copying| copying.is_text && !copying.into);
        let data = if is_text { frame.payload } else { b"" };
        env.ledger.change(serial, env.at, |exchange| {
            let response = exchange.response.get_or_insert_with(|| message(frame.first));
            if is_text {
                response.media = Some("text/plain".to_owned());
            }
            let kind = if exchange.waits { replication(frame.payload) } else { "data" };
            ledger::part(response, env.at, kind, data, frame.size, env.cx.limits);
            response.bytes += frame.head.len() as u64;
        });
        env.ledger.miss(serial, frame.loss);
    }

    /// A notice, or a parameter that has changed, belongs to what is being answered.
    pub(super) fn remarked(&mut self, kind: u8, frame: &Frame<'_>, env: &mut Env<'_, '_>) {
        let Some(serial) = self.answering() else { return };
        let (name, value) = if kind == b'N' {
            ("notice".to_owned(), Report::read(frame.payload).message().to_owned())
        } else {
            let mut reader = Reader(frame.payload);
            (text(reader.text_or_rest()).to_ascii_lowercase(), text(reader.text_or_rest()))
        };
        if self.opening.connect.is_none() {
            self.respond(serial, frame, env);
        }
        env.ledger.change(serial, env.at, |exchange| {
            fact(exchange.response.get_or_insert_with(|| message(env.at)), &name, &value);
        });
    }

    /// Somebody has notified a channel that this connection listens to.
    pub(super) fn notified(&mut self, frame: &Frame<'_>, env: &mut Env<'_, '_>) {
        let mut reader = Reader(frame.payload);
        reader.u32();
        let channel = text(reader.text_or_rest());
        let payload = reader.text_or_rest();
        let known = self.listens.iter().find(|(listened, _)| *listened == channel).map(|(_, serial)| *serial);
        let serial = match known {
            Some(serial) => serial,
            None if self.listens.len() >= LISTENS_LIMIT => return,
            None => {
                // It listens since before the capture.
                let mut exchange = env.connection.exchange(Protocol::Postgres, frame.first);
                "LISTEN".clone_into(&mut exchange.method);
                exchange.target.clone_from(&channel);
                exchange.topic = Some(Topic { role: TopicRole::Receives, name: channel.clone(), key: None });
                (exchange.waits, exchange.quality) = (true, Quality::NoRequest);
                let serial = env.open(exchange);
                self.listens.push((channel, serial));
                serial
            }
        };
        env.ledger.change(serial, env.at, |exchange| {
            let response = exchange.response.get_or_insert_with(|| message(frame.first));
            response.media = Some("text/plain".to_owned());
            let missing = frame.on_wire() - payload.len() as u64;
            ledger::part(response, env.at, "notification", payload, payload.len() as u64, env.cx.limits);
            response.bytes += missing;
        });
        env.ledger.miss(serial, frame.loss);
    }

    pub(super) fn unlisten(&mut self, channel: &str, env: &mut Env<'_, '_>) {
        let (ended, listens) = std::mem::take(&mut self.listens)
            .into_iter()
            .partition(|(listened, _)| channel == "*" || listened == channel);
        self.listens = listens;
        let ended: Vec<(String, u32)> = ended;
        for (_, serial) in ended {
            env.close(serial);
        }
    }
}

/// What a message of replication is.
fn replication(payload: &[u8]) -> &'static str {
    match payload.first() {
        Some(b'w') => "wal",
        Some(b'k') => "keepalive",
        _ => "data",
    }
}
