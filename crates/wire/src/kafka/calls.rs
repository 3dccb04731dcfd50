//! The calls of one connection: responses bear the numbers of their requests, and come in their order.

use std::collections::VecDeque;

use model::exchange::{Ending, Exchange, Message, Protocol, Quality, Topic, TopicRole};

use super::apis::{self, Api};
use super::fields::Fields;
use super::header::{self, SIZE, Shape};
use super::known::{Known, Session};
use super::records::Seen;
use super::request::Asked;
use super::response::{Answered, is_normal};
use super::{errors, request, response};
use crate::decode::{Dir, Env, Loss};
use crate::framing::{Broken, Frame, Head};
use crate::limits::Limits;
use crate::rejoin::Framed;

/// How much of a message is looked at, in bytes, whatever the limit of bodies is: the topics of a large cluster.
const MESSAGE_KEPT: usize = 128 * 1024;
/// How many names an operation shows.
const NAMES_SHOWN: usize = 3;

/// How many times as many requests are known by their numbers as are kept whole.
const WAITING_TIMES: usize = 4;
/// How many responses are looked for after a loss: those to the oldest requests.
const AWAITED_LIMIT: usize = 64;
/// How many requests that want no answer are remembered.
const UNANSWERED_LIMIT: usize = 16;

#[derive(Debug)]
struct Waiting {
    correlation: i32,
    serial: u32,
    api: &'static Api,
    version: i16,
    /// Its answer may have been lost.
    doubted: bool,
}

#[derive(Debug, Default)]
pub(super) struct Calls {
    waiting: VecDeque<Waiting>,
    session: Session,
    /// Who asks.
    client: String,
    /// Proofs of who one is may come without any header, as with the first version of the handshake.
    bare_proofs: bool,
    /// Such proofs that are not answered.
    proofs: u32,
    /// Numbers of the latest requests that wanted no answer. Some brokers answer all the same.
    unanswered: VecDeque<i32>,
}

impl Calls {
    fn request(&mut self, frame: &Frame<'_>, env: &mut Env<'_, '_>) -> Result<(), Broken> {
        let Some(header) = header::request(frame.payload, frame.size) else {
            if self.bare_proofs {
                self.proofs += 1;
            }
            // What is left of one that was cut tells nothing.
            return if self.bare_proofs || frame.loss.is_some() { Ok(()) } else { Err(Broken) };
        };
        self.bare_proofs = (header.api.key, header.version) == (apis::SASL_HANDSHAKE, 0);
        header.client.clone_into(&mut self.client);
        let (api, version) = (header.api, header.version);
        let mut exchange = env.connection.exchange(Protocol::Kafka, frame.first);
        api.name.clone_into(&mut exchange.method);
        exchange.waits = api.waits;
        exchange.quality = frame.loss.map_or(Quality::Complete, Loss::quality);
        let message = &mut exchange.request;
        (message.bytes, message.last) = (SIZE as u64 + frame.size, env.at);
        message.complete = frame.loss.is_none();
        let mut head = |name: &str, value: String| message.headers.push((name.to_owned(), value));
        if !header.client.is_empty() {
            head("client-id", header.client.to_owned());
        }
        head("api-version", version.to_string());
        head("correlation-id", header.correlation.to_string());
        let mut asked = Asked::default();
        if api.knows(version) {
            let room = env.limits().body;
            let fields = Fields::new(header.body, api.is_flexible(version));
            let mut known = Known { servers: env.cx.servers, session: &mut self.session };
            asked = request::read(api, version, fields, &mut known, room);
        }
        let unanswered = asked.unanswered;
        tell_request(&mut exchange, api, asked, env.cx.limits.body);
        let serial = env.open(exchange);
        let correlation = header.correlation;
        if unanswered {
            env.finish(serial);
            self.unanswered.truncate(UNANSWERED_LIMIT - 1);
            self.unanswered.push_front(correlation);
            return Ok(());
        }
        self.waiting.push_back(Waiting { correlation, serial, api, version, doubted: false });
        if self.waiting.len() > WAITING_TIMES * env.cx.limits.pending_per_flow {
            self.waiting.pop_front();
        }
        Ok(())
    }

    fn response(&mut self, frame: &Frame<'_>, env: &mut Env<'_, '_>) {
        let mut fields = Fields::new(frame.payload, false);
        let Some(correlation) = fields.i32() else {
            if let Some(loss) = frame.loss {
                self.doubt(loss.quality(), env);
            }
            return;
        };
        let place = self.waiting.iter().position(|waiting| waiting.correlation == correlation);
        let asked = place.and_then(|place| self.waiting.remove(place));
        if asked.is_none() && self.unanswered.contains(&correlation) {
            return;
        }
        if asked.is_none() && self.proofs > 0 {
            self.proofs -= 1;
            return;
        }
        self.forget_doubted(place.unwrap_or_default(), env);
        let mut answered = Answered::default();
        if let Some(Waiting { api, version, .. }) = &asked
            && api.knows(*version)
        {
            // So that a client may ask without knowing what the broker knows, this one's header has no tags.
            let flexible = api.is_flexible(*version);
            let mut body = Fields::new(fields.rest(), flexible && api.key != apis::API_VERSIONS);
            let room = env.limits().body;
            let mut known = Known { servers: env.cx.servers, session: &mut self.session };
            if body.tags().is_some() {
                let body = Fields::new(body.rest(), flexible);
                answered = response::read(api, *version, body, &mut known, room);
            }
        }
        // Of one that was given up for the number of open ones, nothing more is told.
        let serial = if let Some(asked) = &asked {
            asked.serial
        } else {
            let mut exchange = env.connection.exchange(Protocol::Kafka, frame.first);
            exchange.quality = Quality::NoRequest;
            env.open(exchange)
        };
        let mut message = Message {
            bytes: SIZE as u64 + frame.size,
            first: frame.first,
            last: env.at,
            ..Message::default()
        };
        message.complete = frame.loss.is_none();
        let (at, limit) = (env.at, env.cx.limits.body);
        let key = asked.map(|asked| asked.api.key);
        env.ledger.change(serial, at, |exchange| tell_response(exchange, message, key, answered, limit));
        env.ledger.miss(serial, frame.loss);
        env.finish(serial);
    }

    /// Whether bytes begin with a response to what was asked. All of them go on with a zero: of a count, a time or a
    /// code.
    fn is_answer(&self, bytes: &[u8]) -> bool {
        let Ok(Some(number)) = header::response(bytes) else { return false };
        bytes.get(SIZE + 4).is_none_or(|next| *next == 0)
            && self.waiting.iter().take(AWAITED_LIMIT).any(|waiting| waiting.correlation == number)
    }

    /// Whether a response ends where the bytes do, or where another begins.
    fn ends_well(&self, bytes: &[u8]) -> bool {
        let size = bytes.first_chunk::<SIZE>().map_or(0, |size| u32::from_be_bytes(*size) as usize);
        bytes.get(SIZE + size..).is_some_and(|rest| rest.is_empty() || self.is_answer(rest))
    }

    /// Responses come in order: one that may have been lost, and whose request was before one that is answered, was.
    fn forget_doubted(&mut self, place: usize, env: &mut Env<'_, '_>) {
        let before: Vec<_> = self.waiting.drain(..place.min(self.waiting.len())).collect();
        for waiting in before.into_iter().rev() {
            if waiting.doubted {
                env.close(waiting.serial);
            } else {
                self.waiting.push_front(waiting);
            }
        }
    }

    /// Responses may have been lost.
    fn doubt(&mut self, quality: Quality, env: &mut Env<'_, '_>) {
        self.waiting.iter_mut().for_each(|waiting| waiting.doubted = true);
        env.ledger.doubt_all(quality);
    }
}

impl Framed for Calls {
    fn head(bytes: &[u8]) -> Head {
        header::head(bytes)
    }

    fn keep(limits: &Limits) -> usize {
        MESSAGE_KEPT.max(limits.body.saturating_mul(2))
    }

    fn find(&self, dir: Dir, bytes: &[u8]) -> Result<usize, usize> {
        let starts = 0..bytes.len();
        match dir {
            Dir::ToServer => {
                let mut maybe = None;
                for at in starts {
                    match header::shape(&bytes[at..]) {
                        Shape::Strong(header) | Shape::Sure(header) if header.client == self.client => {
                            return Ok(at);
                        }
                        // Where clients have no name, it takes a segment that begins with a request.
                        Shape::Weak(header) if at == 0 && header.client == self.client => return Ok(at),
                        Shape::Maybe => maybe = maybe.or(Some(at)),
                        _ => {}
                    }
                }
                Err(maybe.unwrap_or(bytes.len()))
            }
            Dir::ToClient => {
                let mut starts = starts.filter(|at| self.is_answer(&bytes[*at..]));
                starts.find(|at| *at == 0 || self.ends_well(&bytes[*at..])).ok_or(bytes.len())
            }
        }
    }

    fn frame(&mut self, dir: Dir, frame: &Frame<'_>, env: &mut Env<'_, '_>) -> Result<(), Broken> {
        match dir {
            Dir::ToServer => self.request(frame, env),
            Dir::ToClient => {
                self.response(frame, env);
                Ok(())
            }
        }
    }

    fn lost(&mut self, dir: Dir, quality: Quality, env: &mut Env<'_, '_>) {
        if dir == Dir::ToClient {
            self.doubt(quality, env);
        }
    }

    fn end(&mut self, ending: Ending, env: &mut Env<'_, '_>) {
        self.waiting.clear();
        env.end(ending);
    }

    fn held(&self) -> usize {
        self.session.held() + self.waiting.len() * size_of::<Waiting>()
    }
}

fn tell_request(exchange: &mut Exchange, api: &Api, asked: Asked, limit: usize) {
    let more = asked.about.len().saturating_sub(NAMES_SHOWN);
    exchange.target = asked.about[..asked.about.len() - more].join(", ");
    if more > 0 {
        exchange.target = format!("{} +{more}", exchange.target);
        exchange.request.headers.push(("names".to_owned(), asked.about.join(", ")));
    }
    let facts = asked.facts.into_iter().map(|(name, value)| (name.to_owned(), value));
    exchange.request.headers.extend(facts);
    let role = match api.key {
        apis::PRODUCE => Some(TopicRole::Sends),
        apis::FETCH => Some(TopicRole::Receives),
        _ => None,
    };
    if let (Some(role), Some(name)) = (role, asked.about.into_iter().next()) {
        let key = asked.records.as_ref().and_then(|seen| seen.key.clone());
        exchange.topic = Some(Topic { role, name, key });
    }
    if asked.counts.len() > 1 {
        tell_topics(&mut exchange.request, &asked.counts);
    }
    if let Some(seen) = asked.records {
        show(&mut exchange.request, seen, limit);
    }
}

/// How many records there are of which topic.
fn tell_topics(message: &mut Message, counts: &[(String, u64)]) {
    let counts: Vec<_> = counts.iter().map(|(topic, count)| format!("{topic}={count}")).collect();
    message.headers.push(("topics".to_owned(), counts.join(", ")));
}

fn tell_response(
    exchange: &mut Exchange,
    mut message: Message,
    key: Option<i16>,
    answered: Answered,
    limit: usize,
) {
    if let (Some(code), Some(key)) = (answered.code, key) {
        let name = errors::name(code);
        if !is_normal(key, code) {
            let what = if answered.what.is_empty() { String::new() } else { format!(": {}", answered.what) };
            exchange.failure = Some(format!("{name}{what}"));
        }
        exchange.status = Some(name);
    }
    if let Some((first, _)) = answered.counts.first() {
        let key = answered.records.as_ref().and_then(|seen| seen.key.clone());
        exchange.topic = Some(Topic { role: TopicRole::Receives, name: first.clone(), key });
        tell_topics(&mut message, &answered.counts);
    }
    if let Some(seen) = answered.records {
        show(&mut message, seen, limit);
    }
    exchange.response = Some(message);
}

/// Puts what was seen of records into a message.
fn show(message: &mut Message, seen: Seen, limit: usize) {
    let more = if seen.more { "+" } else { "" };
    message.headers.push(("records".to_owned(), format!("{}{more}", seen.count)));
    message.messages = seen.count;
    if let Some(codec) = seen.codec {
        message.headers.push(("codec".to_owned(), codec.to_owned()));
    }
    if seen.shown > 0 {
        message.media = Some("application/json".to_owned());
        message.body = (seen.json + "]").into_bytes();
    }
    message.cut = seen.more || seen.shown < seen.count || message.body.len() > limit;
    message.body.truncate(limit);
}
