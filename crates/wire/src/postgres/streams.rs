//! What comes beside the answers, or in pieces: copied data, notices and parameters, notifications.

use model::Timestamp;
use model::exchange::{Ending, Part, Protocol, Quality, Topic, TopicRole};

use super::answer::message;
use super::message::{Reader, Report, fact, text};
use super::{Postgres, size};
use crate::conversation::{Connection, Cx};
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
    pub(super) fn copies(&mut self, kind: u8, at: Timestamp, frame: &Frame<'_>, cx: &mut Cx<'_>) {
        // What comes behind an error is passed over by the server.
        let Some(copying) = &mut self.copying else { return };
        let serial = copying.serial;
        if kind != b'd' {
            copying.client_ended = true;
        }
        let is_text = copying.is_text;
        self.ledger.change(serial, at, |exchange| {
            let request = &mut exchange.request;
            if request.parts.is_empty() && !request.body.is_empty() {
                // The statement is the first message of what becomes a stream.
                ledger::keep(request, b"\n", cx.limits);
                let (kept, bytes) = (request.body.len() as u32, request.bytes);
                request.parts.push(Part { at: request.last, kind: "query".to_owned(), bytes, kept });
            }
            match kind {
                b'd' => {
                    let data = if is_text { frame.payload } else { b"" };
                    ledger::part(request, at, "data", data, frame.size, cx.limits);
                    request.bytes += frame.head.len() as u64;
                }
                b'f' => {
                    ledger::part(request, at, "fail", frame.payload, frame.size, cx.limits);
                    request.bytes += frame.head.len() as u64;
                }
                _ => {
                    request.bytes += size(frame);
                    request.last = at;
                }
            }
        });
        if let Some(loss) = frame.loss {
            self.ledger.mark(serial, loss.quality());
        }
    }

    pub(super) fn copied(&mut self, serial: u32, at: Timestamp, frame: &Frame<'_>, cx: &mut Cx<'_>) {
        let is_text = self.copying.as_ref().is_some_and(|copying| copying.is_text && !copying.into);
        let data = if is_text { frame.payload } else { b"" };
        self.ledger.change(serial, at, |exchange| {
            let response = exchange.response.get_or_insert_with(|| message(frame.first));
            if is_text {
                response.media = Some("text/plain".to_owned());
            }
            let kind = if exchange.waits { replication(frame.payload) } else { "data" };
            ledger::part(response, at, kind, data, frame.size, cx.limits);
            response.bytes += frame.head.len() as u64;
        });
        if let Some(loss) = frame.loss {
            self.ledger.mark(serial, loss.quality());
        }
    }

    /// A notice, or a parameter that has changed, belongs to what is being answered.
    pub(super) fn remarked(&mut self, kind: u8, at: Timestamp, frame: &Frame<'_>) {
        let Some(serial) = self.answering() else { return };
        let (name, value) = if kind == b'N' {
            ("notice".to_owned(), Report::read(frame.payload).message().to_owned())
        } else {
            let mut reader = Reader(frame.payload);
            (text(reader.text_or_rest()).to_ascii_lowercase(), text(reader.text_or_rest()))
        };
        if self.opening.connect.is_none() {
            self.respond(serial, at, frame);
        }
        self.ledger.change(serial, at, |exchange| {
            fact(exchange.response.get_or_insert_with(|| message(at)), &name, &value);
        });
    }

    /// Somebody has notified a channel that this connection listens to.
    pub(super) fn notified(
        &mut self,
        at: Timestamp,
        frame: &Frame<'_>,
        connection: &mut Connection,
        cx: &mut Cx<'_>,
    ) {
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
                let mut exchange = connection.exchange(Protocol::Postgres, frame.first);
                "LISTEN".clone_into(&mut exchange.method);
                exchange.target.clone_from(&channel);
                exchange.topic = Some(Topic { role: TopicRole::Receives, name: channel.clone(), key: None });
                (exchange.waits, exchange.quality) = (true, Quality::NoRequest);
                let serial = self.ledger.open(exchange, at, cx);
                self.listens.push((channel, serial));
                serial
            }
        };
        self.ledger.change(serial, at, |exchange| {
            let response = exchange.response.get_or_insert_with(|| message(frame.first));
            response.media = Some("text/plain".to_owned());
            let missing = size(frame) - payload.len() as u64;
            ledger::part(response, at, "notification", payload, payload.len() as u64, cx.limits);
            response.bytes += missing;
        });
        if let Some(loss) = frame.loss {
            self.ledger.mark(serial, loss.quality());
        }
    }

    pub(super) fn unlisten(&mut self, channel: &str, cx: &mut Cx<'_>) {
        let (ended, listens) = std::mem::take(&mut self.listens)
            .into_iter()
            .partition(|(listened, _)| channel == "*" || listened == channel);
        self.listens = listens;
        let ended: Vec<(String, u32)> = ended;
        for (_, serial) in ended {
            self.ledger.close(serial, Ending::Open, cx);
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
