//! The calls of one connection: responses bear the numbers of their requests, and come in their order.

use std::collections::VecDeque;

use model::exchange::{Ending, Message, Protocol, Quality};

use super::apis::{self, Api};
use super::fields::Fields;
use super::header::{self, SIZE, Shape};
use super::known::{Known, Session};
use super::request::Asked;
use super::response::Answered;
use super::tell::{tell_request, tell_response};
use super::walk::Walk;
use super::{request, response};
use crate::decode::{Dir, Env, Loss};
use crate::framing::{Broken, Frame, Head};
use crate::limits::Limits;
use crate::rejoin::Framed;

/// How much of a message is looked at, in bytes, whatever the limit of bodies is: the topics of a large cluster.
const MESSAGE_KEPT: usize = 128 * 1024;
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

/// A message that is too large to be kept.
#[derive(Debug)]
struct Large {
    /// Reads all of it, where there is more to be known than its beginning.
    walk: Option<Walk>,
}

#[derive(Debug, Default)]
pub(super) struct Calls {
    /// By [`Dir`]: the message that is being read.
    large: [Option<Large>; 2],
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
        let large = self.walked(Dir::ToServer, frame);
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
            if let Some(walk) = large {
                walk.tell_asked(&mut asked, &known);
            }
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
        let large = self.walked(Dir::ToClient, frame);
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
                if let Some(walk) = large {
                    walk.tell_answered(&mut answered, &known);
                }
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

    /// What reads the body of a message whose beginning this is, to its end, if there is anything in it but its beginning.
    fn walk(&self, dir: Dir, payload: &[u8]) -> Option<Walk> {
        let (api, version, body) = match dir {
            Dir::ToServer => {
                let header = header::request(payload, u64::MAX)?;
                (header.api, header.version, header.body)
            }
            Dir::ToClient => {
                let mut fields = Fields::new(payload, false);
                let correlation = fields.i32()?;
                let asked = self.waiting.iter().find(|waiting| waiting.correlation == correlation)?;
                let mut body = Fields::new(fields.rest(), asked.api.is_flexible(asked.version));
                body.tags()?;
                (asked.api, asked.version, body.rest())
            }
        };
        let has_records = api.key == if dir == Dir::ToServer { apis::PRODUCE } else { apis::FETCH };
        (has_records && api.knows(version)).then(|| {
            let mut walk = Walk::of(api.key, version, api.is_flexible(version));
            walk.feed(body);
            walk
        })
    }

    /// What was read of a message that was too large to be kept, if all of it came.
    fn walked(&mut self, dir: Dir, frame: &Frame<'_>) -> Option<Walk> {
        self.large[dir as usize].take()?.walk.filter(|_| frame.loss.is_none())
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

    fn passes(&mut self, dir: Dir, kept: &[u8], more: &[u8]) {
        if self.large[dir as usize].is_none() {
            self.large[dir as usize] = Some(Large { walk: self.walk(dir, kept) });
        }
        if let Some(Large { walk: Some(walk) }) = &mut self.large[dir as usize] {
            walk.feed(more);
        }
    }

    fn lost(&mut self, dir: Dir, quality: Quality, env: &mut Env<'_, '_>) {
        self.large[dir as usize] = None;
        if dir == Dir::ToClient {
            self.doubt(quality, env);
        }
    }

    fn end(&mut self, ending: Ending, env: &mut Env<'_, '_>) {
        self.waiting.clear();
        env.end(ending);
    }

    fn held(&self) -> usize {
        let walks = self.large.iter().flatten().filter_map(|large| large.walk.as_ref());
        walks.map(Walk::held).sum::<usize>() + self.session.held() + self.waiting.len() * size_of::<Waiting>()
    }
}
