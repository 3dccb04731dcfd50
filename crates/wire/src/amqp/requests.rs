//! Methods that a method answers: one after the other on each channel (AMQP 0-9-1, section 2.2.1).

use model::exchange::{Ending, Quality};

use super::calls::{Calls, Said, exchange};
use super::channel::{Belongs, Confirms, Consumer, Content, Waiting};
use super::spec::{self, BASIC, CHANNEL, CONFIRM, QUEUE};
use crate::decode::{Dir, Env};

impl Calls {
    pub(super) fn request(&mut self, said: Said, env: &mut Env<'_, '_>) {
        let Said { channel: number, spec, .. } = said;
        self.forget_doubted(number, env);
        let channel = self.channel(number);
        channel.asks_lost = false;
        let mut exchange = exchange(spec.name, said.first, env);
        exchange.target.clone_from(&said.args.target);
        match (spec.class, spec.id) {
            (QUEUE, 10) if said.args.has("nowait") => channel.queue.clone_from(&exchange.target),
            (QUEUE, 20..=50) | (BASIC, 20 | 70) if exchange.target.is_empty() => {
                exchange.target.clone_from(&channel.queue);
            }
            (BASIC, 30) => {
                let tag = said.args.text("consumer-tag");
                exchange.target = channel.unsubscribe(tag).map_or(tag.to_owned(), |consumer| consumer.queue);
            }
            (CONFIRM, 10) if channel.confirms.is_none() => {
                channel.confirms = Some(Confirms::new(Some(1), env.at));
            }
            _ => {}
        }
        if (spec.class, spec.id) == (BASIC, 20) && said.args.has("consumer-tag") {
            let consumer = Consumer { queue: exchange.target.clone(), no_ack: said.args.has("no-ack") };
            channel.subscribe(said.args.text("consumer-tag"), consumer);
        }
        exchange.request = said.message(env.at);
        exchange.quality = said.quality.unwrap_or(Quality::Complete);
        // RabbitMQ has no answer to the asynchronous kind of recovery.
        let answered = !said.args.has("nowait") && (spec.class, spec.id) != (BASIC, 100);
        exchange.request.headers.extend(said.args.facts());
        let serial = env.open(exchange);
        if answered {
            let waiting = &mut self.channel(number).waiting;
            waiting.push_back(Waiting { serial, asked: spec, doubted: false });
            if waiting.len() > env.cx.limits.pending_per_flow {
                waiting.pop_front();
            }
        } else {
            env.finish(serial);
        }
    }

    pub(super) fn response(&mut self, said: Said, env: &mut Env<'_, '_>) {
        let (number, class, id) = (said.channel, said.spec.class, said.spec.id);
        let status = if (class, id) == (BASIC, 72) { "EMPTY" } else { "OK" };
        let serial = self.answered(said, status, env);
        env.finish(serial);
        if (class, id) == (CHANNEL, 41) {
            self.channel_closed(number, env);
        }
    }

    /// A message that was asked for: its content follows.
    pub(super) fn got(&mut self, said: Said, env: &mut Env<'_, '_>) {
        let (number, place) = (said.channel, super::calls::place(&said.args));
        let serial = self.answered(said, "OK", env);
        env.ledger.change(serial, env.at, |exchange| {
            super::deliver::receives(exchange, place);
            if let Some(response) = &mut exchange.response {
                // From here on it is the message that counts.
                (response.bytes, response.complete) = (0, false);
            }
        });
        let content = Content { belongs: Belongs::Get { serial }, left: None };
        self.channel(number).contents[Dir::ToClient as usize] = Some(content);
    }

    /// Puts an answer to its request, or to none, and tells the exchange.
    fn answered(&mut self, said: Said, status: &str, env: &mut Env<'_, '_>) -> u32 {
        let serial = self.asked(&said, env).unwrap_or_else(|| {
            let asked = said.spec.answers.and_then(|id| spec::method(said.spec.class, id));
            let mut exchange = exchange(asked.map_or("", |asked| asked.name), said.first, env);
            exchange.quality = Quality::NoRequest;
            env.open(exchange)
        });
        self.returns_over(said.channel, Ending::Open, env);
        let at = env.at;
        let mut response = said.message(at);
        let queue = said.args.text("queue").to_owned();
        let tag = said.args.text("consumer-tag").to_owned();
        let quality = said.quality;
        response.headers.extend(said.args.facts());
        let consumer = env.ledger.change(serial, at, |exchange| {
            if exchange.target.is_empty() {
                exchange.target.clone_from(&queue);
            }
            exchange.status = Some(status.to_owned());
            exchange.response = Some(response);
            let no_ack = exchange.request.headers.iter().any(|(name, _)| name == "no-ack");
            Consumer { queue: exchange.target.clone(), no_ack }
        });
        env.ledger.mark(serial, quality);
        let seen = env.ledger.get(serial).is_some_and(|exchange| exchange.quality != Quality::NoRequest);
        let channel = self.channel(said.channel);
        match ((said.spec.class, said.spec.id), consumer) {
            ((QUEUE, 11), _) => channel.queue = queue,
            ((BASIC, 21), Some(consumer)) if seen => channel.subscribe(&tag, consumer),
            _ => {}
        }
        serial
    }

    /// The request that an answer belongs to.
    fn asked(&mut self, said: &Said, env: &mut Env<'_, '_>) -> Option<u32> {
        let channel = self.channels.get_mut(&said.channel)?;
        let fits = |waiting: &Waiting| {
            waiting.asked.class == said.spec.class && Some(waiting.asked.id) == said.spec.answers
        };
        let place = channel.waiting.iter().position(fits)?;
        let found = channel.waiting.remove(place)?;
        // Requests are answered in order: the answers to those before were lost.
        let passed: Vec<_> = channel.waiting.drain(..place).collect();
        // Its own answer may have been lost, and then another request: it may be that one's.
        let unclear = found.doubted && channel.asks_lost;
        for waiting in passed {
            env.close(waiting.serial);
        }
        if unclear {
            env.close(found.serial);
            return None;
        }
        Some(found.serial)
    }

    /// Whoever asks again has got the answers that may have been lost.
    fn forget_doubted(&mut self, number: u16, env: &mut Env<'_, '_>) {
        let channel = self.channel(number);
        let doubted: Vec<_> = channel.waiting.iter().filter(|w| w.doubted).map(|w| w.serial).collect();
        channel.waiting.retain(|waiting| !waiting.doubted);
        for serial in doubted {
            env.close(serial);
        }
    }
}
