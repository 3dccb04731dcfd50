//! The calls of one connection: who handles which frame, and what a loss and the end mean for all channels.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use model::Timestamp;
use model::exchange::{Ending, Exchange, Message, Protocol, Quality};

use super::args::Args;
use super::channel::Channel;
use super::fields::Fields;
use super::frame;
use super::spec::{BASIC, CHANNEL, CONNECTION, Sender, Spec};
use crate::decode::{Dir, Env, Loss};
use crate::framing::{Broken, Frame, Head};
use crate::limits::Limits;
use crate::rejoin::Framed;

/// How much of a frame is looked at, in bytes, whatever the limit of bodies is: the arguments of a method.
const FRAME_KEPT: usize = 64 * 1024;
/// How many channels are followed; `RabbitMQ`'s own limit is 2047.
const CHANNELS_LIMIT: usize = 4096;
/// How long a message that nobody confirms may still be sent back by the broker.
const RETURNS_WITHIN: Duration = Duration::from_secs(1);

/// A method, as it was said on a channel.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) dir: Dir,
    pub(super) channel: u16,
    pub(super) spec: &'static Spec,
    pub(super) args: Args,
    /// The frame's size.
    pub(super) bytes: u64,
    pub(super) first: Timestamp,
    /// Why a part of it is missing.
    pub(super) quality: Option<Quality>,
}

impl Said {
    /// It as one side's message.
    pub(super) fn message(&self, at: Timestamp) -> Message {
        Message {
            bytes: self.bytes,
            first: self.first,
            last: at,
            complete: self.quality.is_none(),
            ..Message::default()
        }
    }
}

/// A message that the broker may send back.
#[derive(Debug)]
pub(super) struct Returnable {
    pub(super) sent: Timestamp,
    pub(super) channel: u16,
    pub(super) serial: u32,
}

#[derive(Debug, Default)]
pub(super) struct Calls {
    pub(super) channels: BTreeMap<u16, Channel>,
    /// The exchange of the handshake.
    pub(super) connect: Option<u32>,
    /// The exchange of the broker's word that it takes no messages for now.
    pub(super) blocked: Option<u32>,
    pub(super) returnable: VecDeque<Returnable>,
}

impl Calls {
    pub(super) fn channel(&mut self, number: u16) -> &mut Channel {
        if self.channels.len() >= CHANNELS_LIMIT && !self.channels.contains_key(&number) {
            self.channels.pop_first();
        }
        self.channels.entry(number).or_default()
    }

    fn method(&mut self, dir: Dir, channel: u16, frame: &Frame<'_>, env: &mut Env<'_, '_>) {
        let payload = frame::payload(frame);
        let quality = frame.loss.map(Loss::quality);
        self.content_broken(dir, channel, quality.or(Some(Quality::Gap)), env);
        let Some(spec) = frame::method(payload) else {
            if let Some(quality) = quality {
                self.channel(channel).lost(dir, quality, env.at);
                self.doubt(dir, quality, env);
            }
            return;
        };
        let wrong_way = match spec.sender {
            Sender::Client => dir == Dir::ToClient,
            Sender::Server => dir == Dir::ToServer,
            Sender::Both => false,
        };
        if wrong_way {
            return;
        }
        let fields = Fields::new(&payload[4..]);
        let (first, bytes) = (frame.first, (frame::HEAD as u64) + frame.size);
        let args = Args::read(spec, fields);
        let said = Said { dir, channel, spec, args, bytes, first, quality };
        match (spec.class, spec.id, dir) {
            (CONNECTION, 10..=41, _) => self.handshake(&said, fields, env),
            (CONNECTION, 50, Dir::ToClient) | (CHANNEL, 40, Dir::ToClient) => {
                self.closed_by_server(said, env);
            }
            (CHANNEL, 41, Dir::ToServer) => self.channel_closed(channel, env),
            (CONNECTION, 60 | 61, _) => self.blocks(said, env),
            (BASIC, 30, Dir::ToClient) => self.consumer_cancelled(&said, env),
            (BASIC, 40, _) => self.publish(said, env),
            (BASIC, 50, _) => self.returned(&said, env),
            (BASIC, 60, _) => self.deliver(said, env),
            (BASIC, 71, _) => self.got(said, env),
            (BASIC, 80 | 90 | 120, Dir::ToServer) => self.settle(&said, env),
            (BASIC, 80 | 120, Dir::ToClient) => self.confirm(&said, env),
            (_, _, Dir::ToServer) if spec.answers.is_none() => self.request(said, env),
            (_, _, Dir::ToClient) if spec.answers.is_some() => self.response(said, env),
            // The other side's part in what the broker began is of no interest.
            _ => {}
        }
    }

    fn doubt(&mut self, dir: Dir, quality: Quality, env: &mut Env<'_, '_>) {
        if dir == Dir::ToClient {
            env.ledger.doubt_all(quality);
        } else if let Some(serial) = self.connect {
            env.ledger.mark(serial, quality);
        }
    }
}

impl Framed for Calls {
    fn head(bytes: &[u8]) -> Head {
        frame::head(bytes)
    }

    fn keep(limits: &Limits) -> usize {
        FRAME_KEPT.max(limits.body + 1)
    }

    fn find(&self, dir: Dir, bytes: &[u8]) -> Result<usize, usize> {
        frame::find(dir, bytes)
    }

    fn frame(&mut self, dir: Dir, frame: &Frame<'_>, env: &mut Env<'_, '_>) -> Result<(), Broken> {
        if frame::ends_wrong(frame) {
            return Err(Broken);
        }
        let channel = frame::channel(frame.head);
        match frame.head.first() {
            Some(&frame::PROTOCOL_TYPE) => self.protocol_header(dir, frame, env),
            Some(&frame::METHOD) => self.method(dir, channel, frame, env),
            Some(&frame::HEADER) => self.content_header(dir, channel, frame, env),
            Some(&frame::BODY) => self.content_body(dir, channel, frame, env),
            _ => {}
        }
        Ok(())
    }

    /// Messages of one direction may be missing, on any channel.
    fn lost(&mut self, dir: Dir, quality: Quality, env: &mut Env<'_, '_>) {
        let open: Vec<u16> = self.channels.keys().copied().collect();
        for number in open {
            self.content_broken(dir, number, Some(quality), env);
        }
        self.channels.values_mut().for_each(|channel| channel.lost(dir, quality, env.at));
        self.doubt(dir, quality, env);
    }

    fn server_closed(&mut self, env: &mut Env<'_, '_>) {
        self.all_unanswered(env);
    }

    fn end(&mut self, ending: Ending, env: &mut Env<'_, '_>) {
        self.connect_ended(ending, env);
        for Returnable { serial, .. } in self.returnable.drain(..) {
            env.ledger.finish(serial, ending, env.cx);
        }
        for delivery in self.channels.values().flat_map(|channel| channel.deliveries.values()) {
            env.ledger.mark(delivery.serial, delivery.doubt);
        }
        self.channels.clear();
        env.end(ending);
    }

    fn wake(&mut self, env: &mut Env<'_, '_>) {
        let now = env.at;
        while let Some(oldest) =
            self.returnable.pop_front_if(|oldest| oldest.sent.plus(RETURNS_WITHIN) <= now)
        {
            env.finish(oldest.serial);
        }
    }

    fn due(&self) -> Option<Timestamp> {
        self.returnable.front().map(|oldest| oldest.sent.plus(RETURNS_WITHIN))
    }

    fn held(&self) -> usize {
        let channels: usize = self.channels.values().map(Channel::held).sum();
        channels + self.returnable.len() * size_of::<Returnable>()
    }
}

/// A new exchange of a connection.
pub(super) fn exchange(method: &str, first: Timestamp, env: &mut Env<'_, '_>) -> Exchange {
    let mut exchange = env.connection.exchange(Protocol::Amqp, first);
    method.clone_into(&mut exchange.method);
    exchange
}

/// Where a message goes, and comes from: the default exchange has no name, and some exchanges need no key.
pub(super) fn place(args: &Args) -> String {
    match (args.text("exchange"), args.text("routing-key")) {
        ("", key) => key.to_owned(),
        (exchange, "") => exchange.to_owned(),
        (exchange, key) => format!("{exchange}/{key}"),
    }
}
