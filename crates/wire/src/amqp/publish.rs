//! Messages on their way to the broker, and what it says to them: confirms (`RabbitMQ`'s extension) and returns.

use std::collections::BTreeMap;

use model::exchange::{Ending, Message, Quality, Topic, TopicRole};

use super::calls::{Calls, Returnable, Said, exchange, place};
use super::channel::{Answer, Belongs, Confirms, Content};
use crate::decode::{Dir, Env};
use crate::ledger::Ledger;

impl Calls {
    pub(super) fn publish(&mut self, said: Said, env: &mut Env<'_, '_>) {
        let place = place(&said.args);
        let returnable = said.args.has("mandatory") || said.args.has("immediate");
        let (number, first) = (said.channel, said.first);
        let mut exchange = exchange("Publish", first, env);
        exchange.topic = Some(Topic { role: TopicRole::Sends, name: place.clone(), key: None });
        exchange.target = place;
        exchange.quality = said.quality.unwrap_or(Quality::Complete);
        exchange.request.headers.extend(said.args.facts());
        exchange.request.last = env.at;
        let serial = env.open(exchange);
        let limit = env.cx.limits.pending_per_flow;
        let channel = self.channel(number);
        let answer = match &mut channel.confirms {
            Some(confirms) => match confirms.count(env.at) {
                Some(number) => {
                    confirms.open.insert(number, (serial, false));
                    if confirms.open.len() > limit {
                        confirms.open.pop_first();
                    }
                    Answer::Confirm
                }
                None => Answer::Unknown(confirms.why),
            },
            None if returnable => Answer::Return,
            None => Answer::Never,
        };
        let belongs = Belongs::Publish { serial, answer };
        channel.contents[Dir::ToServer as usize] = Some(Content { belongs, left: None });
        if let Answer::Unknown(why) = answer {
            env.ledger.mark(serial, why);
        }
    }

    /// A message was written to its end, or as far as it will be seen.
    pub(super) fn published(&mut self, number: u16, serial: u32, answer: Answer, env: &mut Env<'_, '_>) {
        match answer {
            Answer::Never | Answer::Unknown(_) => env.finish(serial),
            Answer::Return => {
                self.returnable.push_back(Returnable { sent: env.at, channel: number, serial });
                if self.returnable.len() > env.cx.limits.pending_per_flow
                    && let Some(oldest) = self.returnable.pop_front()
                {
                    env.finish(oldest.serial);
                }
            }
            Answer::Confirm => {}
        }
    }

    /// The broker takes, or refuses, one message or all up to one.
    pub(super) fn confirm(&mut self, said: &Said, env: &mut Env<'_, '_>) {
        let Some(tag) = said.args.number("delivery-tag") else { return };
        let response = said.message(env.at);
        let nack = said.spec.name == "Basic.Nack";
        let channel = self.channel(said.channel);
        // Of a channel that is older than the capture, nobody knows how many messages it has seen.
        let confirms = channel.confirms.get_or_insert_with(|| Confirms::new(None, env.at));
        let miscounted = confirms.check(tag);
        let confirmed = take(&mut confirms.open, tag, said.args.has("multiple"));
        // A message that was sent after a loss is confirmed: what came before it was, as good as certainly.
        let over: Vec<u64> = if confirmed.iter().any(|(_, (_, doubted))| !doubted) {
            confirms.open.range(..tag).filter(|(_, (_, doubted))| *doubted).map(|(tag, _)| *tag).collect()
        } else {
            Vec::new()
        };
        let over: Vec<_> = over.iter().filter_map(|tag| confirms.open.remove(tag)).collect();
        for (_, (serial, _)) in confirmed {
            env.ledger.change(serial, env.at, |exchange| {
                let status =
                    exchange.status.get_or_insert_with(|| if nack { "NACK" } else { "ACK" }.to_owned());
                if nack && status == "NACK" {
                    exchange.failure = Some("refused by the broker".to_owned());
                }
                answer(&mut exchange.response, &response);
            });
            env.finish(serial);
        }
        for (serial, _) in over {
            env.close(serial);
        }
        for serial in miscounted {
            env.ledger.mark(serial, Quality::Gap);
            env.finish(serial);
        }
    }

    /// The broker sends a message back: no queue takes it.
    pub(super) fn returned(&mut self, said: &Said, env: &mut Env<'_, '_>) {
        let content = Content { belongs: Belongs::Nothing, left: None };
        let channel = self.channel(said.channel);
        channel.contents[Dir::ToClient as usize] = Some(content);
        let confirmed: Vec<u32> = match &channel.confirms {
            Some(confirms) => confirms.open.values().map(|(serial, _)| *serial).collect(),
            None => Vec::new(),
        };
        let place = place(&said.args);
        let fits = |ledger: &Ledger, serial: u32| {
            ledger.get(serial).is_some_and(|exchange| {
                let asked = |(name, _): &(String, String)| name == "mandatory" || name == "immediate";
                exchange.status.is_none()
                    && exchange.target == place
                    && exchange.request.headers.iter().any(asked)
            })
        };
        let response = said.message(env.at);
        let tell = |exchange: &mut model::exchange::Exchange| {
            exchange.status = Some(said.args.text("reply-code").to_owned());
            exchange.failure = Some(said.args.text("reply-text").to_owned());
            answer(&mut exchange.response, &response);
        };
        if let Some(serial) = confirmed.into_iter().find(|serial| fits(env.ledger, *serial)) {
            env.ledger.change(serial, env.at, tell);
            return;
        }
        let here = |sent: &&Returnable| sent.channel == said.channel;
        let sent = self.returnable.iter().filter(here).map(|sent| sent.serial);
        if let Some(serial) = sent.clone().find(|serial| fits(env.ledger, *serial)) {
            env.ledger.change(serial, env.at, tell);
            // What was sent before it on this channel would have come back before it.
            let before: Vec<_> = sent.take_while(|sent| *sent <= serial).collect();
            self.returnable.retain(|sent| !before.contains(&sent.serial));
            for serial in before {
                env.finish(serial);
            }
            return;
        }
        let mut exchange = exchange("Publish", said.first, env);
        exchange.quality = Quality::NoRequest;
        exchange.topic = Some(Topic { role: TopicRole::Sends, name: place.clone(), key: None });
        exchange.target = place;
        tell(&mut exchange);
        env.tell(exchange);
    }

    /// The broker has gone on: nothing that was published on this channel comes back any more.
    pub(super) fn returns_over(&mut self, channel: u16, ending: Ending, env: &mut Env<'_, '_>) {
        self.returnable.retain(|sent| {
            if sent.channel == channel {
                env.ledger.finish(sent.serial, ending, env.cx);
            }
            sent.channel != channel
        });
    }
}

/// Takes what a tag settles out of what is open: itself, or all up to it, of which zero means all there are.
pub(super) fn take<T>(open: &mut BTreeMap<u64, T>, tag: u64, multiple: bool) -> Vec<(u64, T)> {
    if !multiple {
        return open.remove_entry(&tag).into_iter().collect();
    }
    let rest = match tag.checked_add(1) {
        Some(next) if tag > 0 => open.split_off(&next),
        _ => BTreeMap::new(),
    };
    std::mem::replace(open, rest).into_iter().collect()
}

/// The first answer begins the response, each one goes on with it.
fn answer(response: &mut Option<Message>, said: &Message) {
    match response {
        None => *response = Some(said.clone()),
        Some(response) => {
            response.bytes += said.bytes;
            response.last = said.last;
        }
    }
}
