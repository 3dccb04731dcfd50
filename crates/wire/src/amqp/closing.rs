//! How channels end: by what the client asks, or by what the broker finds wrong (AMQP 0-9-1, section 4.8).

use model::exchange::{Ending, Message, Quality};

use super::calls::{Calls, Said, exchange};
use super::channel::Delivery;
use super::spec::{BASIC, CONNECTION};
use crate::decode::{Dir, Env};

impl Calls {
    /// The broker closes a channel, or all. What it names as the reason has failed; when that cannot be told, or is no
    /// call that awaits an answer, the closing is told by itself.
    pub(super) fn closed_by_server(&mut self, said: Said, env: &mut Env<'_, '_>) {
        let whole = said.spec.class == CONNECTION;
        let failed = self.blamed(&said, whole, env);
        let code = said.args.text("reply-code").to_owned();
        let words = said.args.text("reply-text").to_owned();
        let (number, quality) = (said.channel, said.quality);
        let mut response = said.message(env.at);
        let name = said.spec.name;
        response.headers.extend(said.args.facts());
        let serial = failed.unwrap_or_else(|| {
            let mut exchange = exchange(name, said.first, env);
            // Nobody asked for it, so nobody waited.
            exchange.waits = true;
            exchange.quality = quality.unwrap_or(Quality::Complete);
            env.open(exchange)
        });
        env.ledger.change(serial, env.at, |exchange| {
            exchange.status = (!code.is_empty()).then_some(code);
            exchange.failure = Some(words);
            // Of a handshake something was answered before.
            if let Some(known) = exchange.response.take() {
                response.first = known.first;
                response.bytes += known.bytes;
                response.headers.splice(0..0, known.headers);
            }
            exchange.response = Some(response);
        });
        env.finish(serial);
        let over: Vec<u16> = if whole { self.channels.keys().copied().collect() } else { vec![number] };
        for number in over {
            self.channel_closed(number, env);
        }
        if self.connect == Some(serial) {
            self.connect = None;
        }
    }

    /// The exchange that a channel's closing is about.
    fn blamed(&self, said: &Said, whole: bool, env: &Env<'_, '_>) -> Option<u32> {
        let reason = (said.args.number("class")?, said.args.number("method")?);
        if whole && let Some(serial) = self.connect {
            return Some(serial);
        }
        let channels =
            self.channels.iter().filter(|(number, _)| whole || **number == said.channel).map(|(_, c)| c);
        let mut asked = channels.clone().flat_map(|channel| &channel.waiting);
        let fits = asked.find(|w| (u64::from(w.asked.class), u64::from(w.asked.id)) == reason);
        if let Some(waiting) = fits {
            return Some(waiting.serial);
        }
        if reason != (u64::from(BASIC), 40) {
            return None;
        }
        let unconfirmed = channels.filter_map(|channel| channel.confirms.as_ref());
        let published: Vec<u32> =
            unconfirmed.flat_map(|confirms| confirms.open.values().map(|(serial, _)| *serial)).collect();
        if let [only] = published[..] {
            return Some(only);
        }
        // Of several it is the first that goes to what the words name: `no exchange 'x' in vhost '/'`.
        let words = said.args.text("reply-text");
        published.into_iter().find(|serial| {
            env.ledger.get(*serial).is_some_and(|exchange| {
                let to = exchange.request.headers.iter().find(|(name, _)| name == "exchange");
                to.is_some_and(|(_, to)| words.contains(&format!("'{to}'")))
            })
        })
    }

    /// Nothing on a channel is answered any more, nor settled.
    pub(super) fn channel_closed(&mut self, number: u16, env: &mut Env<'_, '_>) {
        self.content_broken(Dir::ToServer, number, None, env);
        self.content_broken(Dir::ToClient, number, None, env);
        self.unanswered(number, Ending::Open, env);
        for delivery in self.channels.remove(&number).into_iter().flat_map(|channel| channel.deliveries) {
            let (_, Delivery { serial, doubt, .. }) = delivery;
            env.ledger.mark(serial, doubt);
            env.finish(serial);
        }
    }

    /// Nobody answers any more. A client may still settle what it got before.
    pub(super) fn all_unanswered(&mut self, env: &mut Env<'_, '_>) {
        self.connect_ended(Ending::Closed, env);
        let open: Vec<u16> = self.channels.keys().copied().collect();
        for number in open {
            self.unanswered(number, Ending::Closed, env);
        }
    }

    fn unanswered(&mut self, number: u16, ending: Ending, env: &mut Env<'_, '_>) {
        self.returns_over(number, ending, env);
        let Some(channel) = self.channels.get_mut(&number) else { return };
        for waiting in channel.waiting.drain(..) {
            env.ledger.close(waiting.serial, ending, env.cx);
        }
        let unconfirmed = channel.confirms.iter_mut().flat_map(|confirms| std::mem::take(&mut confirms.open));
        for (_, (serial, _)) in unconfirmed {
            env.ledger.close(serial, ending, env.cx);
        }
    }

    /// The broker takes no messages for now (`RabbitMQ`'s extension), and then takes them again.
    pub(super) fn blocks(&mut self, said: Said, env: &mut Env<'_, '_>) {
        if let Some(serial) = self.blocked.take() {
            env.ledger.change(serial, env.at, |exchange| {
                let response = exchange.response.get_or_insert_with(Message::default);
                (response.last, response.complete) = (env.at, true);
            });
            env.finish(serial);
        }
        if said.spec.name == "Connection.Blocked" {
            let mut exchange = exchange(said.spec.name, said.first, env);
            exchange.waits = true;
            let mut response = said.message(env.at);
            response.complete = false;
            response.headers.extend(said.args.facts());
            exchange.response = Some(response);
            self.blocked = Some(env.open(exchange));
        }
    }
}
