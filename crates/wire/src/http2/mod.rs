//! HTTP/2 without TLS (RFC 9113), both directions of one connection.
//!
//! `side` holds where each direction stands, `frame` reads heads, `hpack` header blocks, `calls` makes exchanges of
//! streams. A listener that came late, or lost bytes, looks for the next frame (`hunt`) and takes header blocks for what
//! can still be known of them. What gRPC carries in its bodies is for [`grpc`](crate::grpc).

mod calls;
mod detect;
mod fields;
mod frame;
mod hpack;
mod hunt;
mod losses;
mod side;
mod stream;

use model::Timestamp;
use model::exchange::{Ending, Exchange, Quality};

use crate::decode::{Decode, Dir, Env, Loss, Verdict};
use crate::stranger;
use calls::Calls;
pub(crate) use detect::recognise;
use fields::Headers;
use frame::FrameHead;
use hunt::{Hunted, Scan};
use side::{Data, OpenBlock, Place, Side};

/// A header block longer than this is not read to its end, in bytes. Servers allow 8 to 64 KB.
const BLOCK_LIMIT: usize = 128 * 1024;

pub(crate) fn decoder() -> Box<dyn Decode> {
    Box::new(Http2::new(Calls::default()))
}

/// The decoder of a connection that an HTTP/1 request turned into HTTP/2: its answer comes on stream 1.
pub(crate) fn upgraded(request: Exchange, env: &mut Env<'_, '_>) -> Box<dyn Decode> {
    let mut calls = Calls::default();
    calls.upgraded(request, env);
    Box::new(Http2::new(calls))
}

/// The decoder of one connection.
#[derive(Debug)]
struct Http2 {
    sides: [Side; 2],
    calls: Calls,
    /// When the client's preface was seen.
    begun: Option<Timestamp>,
    server: Server,
    turn: Turn,
}

/// Whether the connection, which is older than the capture, was taken for one the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// Nothing has told yet.
    Open,
    /// It was, as the bytes say that are being read.
    Found,
    Settled,
}

/// What the server has said so far.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Server {
    #[default]
    Nothing,
    Frames,
    /// It speaks another protocol.
    Stranger,
}

/// How reading a frame went.
enum Step {
    Next,
    NeedsMore,
    Broken,
}

impl Decode for Http2 {
    fn data(&mut self, dir: Dir, bytes: &[u8], env: &mut Env<'_, '_>) -> Verdict {
        let verdict = self.take(dir, bytes, env);
        if self.turn == Turn::Found {
            self.turn = Turn::Settled;
            return Verdict::Turned;
        }
        verdict
    }

    fn gap(&mut self, dir: Dir, bytes: u64, loss: Loss, env: &mut Env<'_, '_>) {
        if dir == Dir::ToClient && self.server == Server::Nothing {
            self.server = Server::Frames;
        }
        let side = &mut self.sides[dir as usize];
        side.hunted = Hunted::default();
        let mut missing = bytes;
        if let Place::Data(data) = &mut side.place {
            let content = missing.min(data.left);
            data.left -= content;
            // Where the padding begins may be lost as well: then it counts as content.
            data.padded &= content == 0;
            let padding = (missing - content).min(data.padding);
            data.padding -= padding;
            missing -= content + padding;
            self.calls.content_lost(dir, data.stream, content, loss, env);
            if data.left == 0 && data.padding == 0 {
                self.data_ended(dir, env);
            }
        }
        let side = &mut self.sides[dir as usize];
        match side.place {
            _ if missing == 0 => {}
            Place::Hunt => self.calls.lose(dir, loss),
            Place::Preface(_) | Place::Data(_) => self.lose(dir, loss, env),
            Place::Frames => {
                side.framer.lose(missing, loss);
                if side.framer.is_lost() {
                    self.lose(dir, loss, env);
                } else {
                    // The loss may have been all that was missing of a frame.
                    self.step(dir, &mut &b""[..], env);
                }
            }
        }
    }

    fn end(&mut self, ending: Ending, env: &mut Env<'_, '_>) {
        self.calls.end(ending, env);
    }

    fn wake(&mut self, env: &mut Env<'_, '_>) {
        self.calls.wake(env);
    }

    fn due(&self) -> Option<Timestamp> {
        self.calls.due()
    }

    fn held(&self) -> usize {
        self.calls.held() + self.sides.iter().map(Side::held).sum::<usize>()
    }
}

impl Http2 {
    fn new(calls: Calls) -> Self {
        let sides = [Side::new(Place::Preface(0)), Side::new(Place::Frames)];
        Self { sides, calls, begun: None, server: Server::Nothing, turn: Turn::Open }
    }

    fn take(&mut self, dir: Dir, bytes: &[u8], env: &mut Env<'_, '_>) -> Verdict {
        if self.sides[dir as usize].hunted.is_empty() {
            return self.read(dir, bytes, env);
        }
        // What is held until a frame is found in it is then read with the times at which it came.
        let mut pieces = vec![(env.at, bytes.to_vec())];
        while let Some((at, piece)) = pieces.pop() {
            env.at = at;
            let dir = self.turned(dir);
            if self.sides[dir as usize].hunted.is_empty() {
                match self.read(dir, &piece, env) {
                    Verdict::Mine => {}
                    verdict => return verdict,
                }
                continue;
            }
            let side = &mut self.sides[dir as usize];
            let is_expected = |stream| self.calls.expects(dir, stream);
            if let Some(found) = side.hunted.more(dir, &piece, env.at, is_expected) {
                side.found();
                pieces.extend(found.into_iter().rev());
            }
        }
        Verdict::Mine
    }

    /// The direction of bytes that were handed in as of `dir`.
    fn turned(&self, dir: Dir) -> Dir {
        if self.turn == Turn::Found { dir.other() } else { dir }
    }

    /// The client is the other end, as a header block tells: what was made of the bytes so far is given up.
    fn turn_round(&mut self, env: &mut Env<'_, '_>) {
        self.turn = Turn::Found;
        std::mem::take(&mut self.calls).end(Ending::Open, env);
        self.sides.reverse();
        if let Place::Preface(_) = self.sides[Dir::ToClient as usize].place {
            self.sides[Dir::ToClient as usize].place = Place::Frames;
        }
        let connection = &mut *env.connection;
        std::mem::swap(&mut connection.client, &mut connection.server);
    }

    fn read(&mut self, handed: Dir, bytes: &[u8], env: &mut Env<'_, '_>) -> Verdict {
        if handed == Dir::ToClient && !bytes.is_empty() && self.is_strange(bytes, env) {
            return Verdict::Mine;
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let dir = self.turned(handed);
            match &self.sides[dir as usize].place {
                Place::Preface(known) => {
                    let known = *known;
                    rest = self.preface(known, rest, env.at);
                }
                Place::Data(_) => self.content(dir, &mut rest, env),
                Place::Frames => match self.step(dir, &mut rest, env) {
                    Step::Next => {}
                    Step::NeedsMore => break,
                    Step::Broken if self.begun.is_some() || env.ledger.any() => {
                        self.lose(dir, Loss::Lost, env);
                    }
                    Step::Broken if self.sides[dir as usize].trusted => return Verdict::NotMine,
                    // Bytes of a connection that is older than the capture begin anywhere.
                    Step::Broken => self.sides[dir as usize].place = Place::Hunt,
                },
                Place::Hunt => {
                    let mut scan = Scan::default();
                    let place = scan.look(dir, rest, |stream| self.calls.expects(dir, stream));
                    let side = &mut self.sides[dir as usize];
                    let Some(place) = place else {
                        side.hunted.keep(rest, env.at, scan);
                        break;
                    };
                    rest = &rest[place..];
                    side.found();
                }
            }
        }
        Verdict::Mine
    }

    /// Whether the server speaks another protocol, by its first bytes: then nothing that was asked is answered any more.
    fn is_strange(&mut self, bytes: &[u8], env: &mut Env<'_, '_>) -> bool {
        if let (Server::Nothing, Some(begun)) = (self.server, self.begun) {
            let words = stranger::in_http1(bytes).or_else(|| stranger::in_tls(bytes));
            self.server = if words.is_some() { Server::Stranger } else { Server::Frames };
            if let Some(words) = words {
                self.calls.answered_otherwise(&words, bytes.len(), begun, env);
            }
        }
        self.server == Server::Stranger
    }

    /// Takes bytes of what a client begins with; the others are frames.
    fn preface<'b>(&mut self, known: usize, bytes: &'b [u8], at: Timestamp) -> &'b [u8] {
        let expected = &detect::PREFACE[known..];
        let same = bytes.iter().zip(expected).take_while(|(byte, expected)| byte == expected).count();
        let [client, server] = &mut self.sides;
        client.place = if known + same == detect::PREFACE.len() {
            self.begun = Some(at);
            client.trusted = true;
            server.trusted = true;
            client.hpack.begin();
            server.hpack.begin();
            Place::Frames
        } else if same == bytes.len() {
            Place::Preface(known + same)
        } else {
            Place::Frames
        };
        &bytes[same..]
    }

    /// Takes bytes of a `DATA` frame.
    fn content(&mut self, dir: Dir, rest: &mut &[u8], env: &mut Env<'_, '_>) {
        let Place::Data(data) = &mut self.sides[dir as usize].place else { return };
        let bytes = data.take(rest);
        let (stream, ended) = (data.stream, data.left == 0 && data.padding == 0);
        if !bytes.is_empty() {
            self.calls.content(dir, stream, bytes, env);
        }
        if ended {
            self.data_ended(dir, env);
        }
    }

    fn data_ended(&mut self, dir: Dir, env: &mut Env<'_, '_>) {
        let place = &mut self.sides[dir as usize].place;
        if let Place::Data(data) = std::mem::replace(place, Place::Frames) {
            self.calls.piece_ended(dir, data.stream, data.size, env);
            if data.ends {
                self.calls.message_ended(dir, data.stream, env);
            }
        }
    }

    /// Nobody knows where the next frame begins, nor what the lost ones added to the table.
    fn lose(&mut self, dir: Dir, loss: Loss, env: &mut Env<'_, '_>) {
        let side = &mut self.sides[dir as usize];
        side.place = Place::Hunt;
        if let Some(mut block) = side.block.take() {
            block.loss.get_or_insert(loss);
            self.block_ended(dir, &block, env);
        }
        self.sides[dir as usize].hpack.lose(loss);
        self.calls.lose(dir, loss);
    }

    /// Reads one frame.
    fn step(&mut self, dir: Dir, rest: &mut &[u8], env: &mut Env<'_, '_>) -> Step {
        let [to_server, to_client] = &mut self.sides;
        let (side, other) = match dir {
            Dir::ToServer => (to_server, to_client),
            Dir::ToClient => (to_client, to_server),
        };
        let trusted = side.trusted;
        let frame =
            match side.framer.next(rest, env.at, BLOCK_LIMIT, |bytes| frame::head(bytes, trusted, dir)) {
                Ok(Some(frame)) => frame,
                Ok(None) => return Step::NeedsMore,
                Err(_) => return Step::Broken,
            };
        let Some(head) = FrameHead::read(frame.head) else { return Step::Broken };
        side.trusted |= head.is_control() || head.kind == frame::HEADERS;
        let mut loss = frame.loss;
        if !frame.whole() && head.kind != frame::DATA {
            loss.get_or_insert(Loss::Cut);
        }
        let is_end = head.has(frame::END_HEADERS);
        match head.kind {
            frame::DATA => {
                let size = u64::from(head.length);
                side.place = Place::Data(Data {
                    stream: head.stream,
                    size,
                    left: size,
                    padded: head.has(frame::PADDED) && size > 0,
                    padding: 0,
                    ends: head.has(frame::END_STREAM),
                });
                self.calls.piece(dir, head.stream, size, frame.first, env);
                if size == 0 {
                    self.data_ended(dir, env);
                }
            }
            frame::HEADERS | frame::PUSH_PROMISE => {
                let promised = match head.kind {
                    frame::PUSH_PROMISE => frame::promised(&head, frame.payload),
                    _ => None,
                };
                if side.block.take().is_some() || (head.kind == frame::PUSH_PROMISE && promised.is_none()) {
                    // A block without its end, or of nobody knows which stream.
                    side.hpack.miss();
                }
                if head.kind == frame::PUSH_PROMISE && promised.is_none() {
                    return Step::Next;
                }
                let mut block = OpenBlock {
                    stream: head.stream,
                    promised,
                    ends: head.kind == frame::HEADERS && head.has(frame::END_STREAM),
                    first: frame.first,
                    bytes: Vec::new(),
                    loss: None,
                };
                block.extend(frame::fragment(&head, frame.payload), loss, BLOCK_LIMIT);
                if is_end {
                    self.block_ended(dir, &block, env);
                } else {
                    side.block = Some(block);
                }
            }
            frame::CONTINUATION => match side.block.take_if(|block| block.stream == head.stream) {
                Some(mut block) => {
                    block.extend(frame::fragment(&head, frame.payload), loss, BLOCK_LIMIT);
                    if is_end {
                        self.block_ended(dir, &block, env);
                    } else {
                        side.block = Some(block);
                    }
                }
                // The rest of a block whose beginning was not seen: it may have added to the table.
                None => side.hpack.miss(),
            },
            frame::RST_STREAM => {
                let code = frame::word(frame.payload, 0);
                self.calls.reset(dir, head.stream, code, env);
            }
            frame::SETTINGS if !head.has(frame::ACK) => {
                // What one side allows is for the other side's table.
                if let Some(size) = frame::table_size(frame.payload) {
                    other.hpack.allow(size);
                }
            }
            frame::GOAWAY if dir == Dir::ToClient => {
                if let (Some(last), Some(code)) =
                    (frame::word(frame.payload, 0), frame::word(frame.payload, 4))
                {
                    self.calls.go_away(last & 0x7fff_ffff, code, env);
                }
            }
            _ => {}
        }
        Step::Next
    }

    /// A header block is there, as far as it will be.
    fn block_ended(&mut self, dir: Dir, block: &OpenBlock, env: &mut Env<'_, '_>) {
        let hpack = &mut self.sides[dir as usize].hpack;
        let read = hpack.decode(&block.bytes);
        let unknown = read.fields.iter().any(|field| !field.known);
        let mut quality = unknown.then(|| hpack.unseen()).or(read.cut.then_some(Quality::Truncated));
        if block.loss.is_some() || !read.whole {
            let loss = block.loss.unwrap_or(Loss::Lost);
            quality = Some(loss.quality());
            hpack.lose(loss);
        }
        let OpenBlock { stream, promised, ends, first, .. } = *block;
        let mut dir = dir;
        if self.turn == Turn::Open && self.begun.is_none() && promised.is_none() {
            match fields::goes(&read) {
                Some(told) if told == dir => self.turn = Turn::Settled,
                Some(told) => {
                    self.turn_round(env);
                    dir = told;
                }
                None => {}
            }
        }
        let headers = Headers { stream, promised, ends, first, block: read, quality };
        self.calls.headers(dir, headers, env);
    }
}
