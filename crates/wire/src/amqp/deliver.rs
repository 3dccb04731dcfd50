//! Messages on their way from the broker to a consumer, and what the consumer does with them.

use model::exchange::{Exchange, Message, Quality, Topic, TopicRole};

use super::calls::{Calls, Said, exchange, place};
use super::channel::{Belongs, Content, Delivery};
use super::publish::take;
use crate::decode::{Dir, Env};

impl Calls {
    pub(super) fn deliver(&mut self, said: Said, env: &mut Env<'_, '_>) {
        let (number, first) = (said.channel, said.first);
        let mut exchange = exchange("Deliver", first, env);
        exchange.waits = true;
        exchange.quality = said.quality.unwrap_or(Quality::Complete);
        receives(&mut exchange, place(&said.args));
        let channel = self.channel(number);
        let consumer = channel.consumer(said.args.text("consumer-tag"));
        // A consumer that is older than the capture settles its deliveries if any on its channel does.
        let settled = consumer.map_or(!channel.settles, |consumer| consumer.no_ack);
        let mut headers: Vec<_> =
            consumer.iter().map(|consumer| ("queue".to_owned(), consumer.queue.clone())).collect();
        let tag = said.args.number("delivery-tag").filter(|_| !settled);
        headers.extend(said.args.facts());
        exchange.response = Some(Message { headers, first, last: env.at, ..Message::default() });
        let serial = env.open(exchange);
        let limit = env.cx.limits.pending_per_flow;
        let channel = self.channel(number);
        if let Some(tag) = tag {
            channel.deliveries.insert(tag, Delivery { serial, delivered: first, doubt: None });
            if channel.deliveries.len() > limit {
                channel.deliveries.pop_first();
            }
        }
        let belongs = Belongs::Deliver { serial, settled: tag.is_none() };
        channel.contents[Dir::ToClient as usize] = Some(Content { belongs, left: None });
    }

    /// The consumer is done with one delivery or all up to one.
    pub(super) fn settle(&mut self, said: &Said, env: &mut Env<'_, '_>) {
        let channel = self.channel(said.channel);
        channel.settles = true;
        let Some(tag) = said.args.number("delivery-tag") else { return };
        let settled = take(&mut channel.deliveries, tag, said.args.has("multiple"));
        let requeue = said.args.has("requeue");
        let status = match said.spec.name {
            "Basic.Ack" => "ACK",
            "Basic.Nack" => "NACK",
            _ => "REJECT",
        };
        for (_, Delivery { serial, delivered, .. }) in settled {
            let handling = env.at.since(delivered).as_secs_f64() * 1000.0;
            env.ledger.change(serial, env.at, |exchange| {
                exchange.status = Some(status.to_owned());
                if status != "ACK" && !requeue {
                    exchange.failure = Some("rejected by the consumer".to_owned());
                }
                let request = &mut exchange.request;
                request.headers.push(("handling-ms".to_owned(), format!("{handling:.3}")));
                if requeue {
                    request.headers.push(("requeue".to_owned(), "true".to_owned()));
                }
                (request.bytes, request.last, request.complete) = (said.bytes, env.at, true);
            });
            env.finish(serial);
        }
    }

    /// The broker ends a consumer, since its queue is gone.
    pub(super) fn consumer_cancelled(&mut self, said: &Said, env: &mut Env<'_, '_>) {
        let mut exchange = exchange(said.spec.name, said.first, env);
        let tag = said.args.text("consumer-tag");
        let consumer = self.channel(said.channel).unsubscribe(tag);
        exchange.target = consumer.map_or(tag.to_owned(), |consumer| consumer.queue);
        exchange.failure = Some("the broker ended the consumer".to_owned());
        exchange.waits = true;
        exchange.response = Some(said.message(env.at));
        env.tell(exchange);
    }
}

/// It is about a message that comes from there.
pub(super) fn receives(exchange: &mut Exchange, place: String) {
    if exchange.method == "Deliver" {
        exchange.target.clone_from(&place);
    }
    exchange.topic = Some(Topic { role: TopicRole::Receives, name: place, key: None });
}
