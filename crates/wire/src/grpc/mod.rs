//! gRPC over HTTP/2 (the protocol description in gRPC's repository, `PROTOCOL-HTTP2.md`) and gRPC-Web over either HTTP
//! (`PROTOCOL-WEB.md`): the messages in a body, and the status at its end.
//!
//! Whoever reads the HTTP below tells this what the bodies hold; here they become messages and a status.

mod base64;
mod deadline;
mod inflate;
mod messages;
mod status;

use std::time::Duration;

use model::Timestamp;
use model::exchange::{Exchange, Protocol, Quality};

use crate::decode::Dir;
use crate::limits::Limits;
use base64::Base64;
pub(crate) use deadline::passed as deadline_passed;
use messages::Messages;
pub(crate) use status::{is_settled, settle};

/// A call whose status comes so long after its first message is a stream, even if only one message came.
const STREAMS_AFTER: Duration = Duration::from_secs(1);

/// What a content type says of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    /// The trailers are a frame of the body.
    Web,
    /// The same in base64.
    WebText,
}

/// Reads the bodies of one call.
#[derive(Debug)]
pub(crate) struct Grpc {
    ways: [Way; 2],
}

#[derive(Debug)]
struct Way {
    kind: Kind,
    /// What the messages are, as a media type.
    media: Option<&'static str>,
    text: Base64,
    messages: Messages,
}

impl Grpc {
    /// Of a call whose request has these headers; `None` when it is no gRPC call.
    pub(crate) fn new(headers: &[(String, String)]) -> Option<Self> {
        let content_type = value(headers, "content-type")?;
        let mut grpc = Self::of(kind(content_type)?, headers);
        grpc.ways[Dir::ToServer as usize].media = media(content_type);
        Some(grpc)
    }

    /// Of a call that is known to be one by other signs than its content type.
    pub(crate) fn guessed(headers: &[(String, String)]) -> Self {
        Self::of(Kind::Plain, headers)
    }

    fn of(kind: Kind, headers: &[(String, String)]) -> Self {
        let way = || Way { kind, media: None, text: Base64::default(), messages: Messages::default() };
        let mut grpc = Self { ways: [way(), way()] };
        grpc.ways[Dir::ToServer as usize].messages.encoding(value(headers, "grpc-encoding"));
        grpc
    }

    /// Takes bytes of a body that are counted already.
    pub(crate) fn body(
        &mut self,
        dir: Dir,
        at: Timestamp,
        bytes: &[u8],
        exchange: &mut Exchange,
        limits: &Limits,
    ) {
        let way = &mut self.ways[dir as usize];
        let Some(message) = dir.message(exchange) else { return };
        let plain;
        let bytes = if way.kind == Kind::WebText {
            plain = way.text.decode(bytes);
            &plain
        } else {
            bytes
        };
        way.messages.feed(at, bytes, message, limits);
        if message.media.is_none() {
            message.media = way.media.map(str::to_owned);
        }
        if let Some(trailers) = way.messages.take_trailers() {
            message.headers.extend(trailers.iter().cloned());
            settle(exchange, &trailers);
        }
        if dir == Dir::ToClient {
            exchange.waits |= way.messages.count() > 1;
        }
    }

    /// Bytes of a body are missing.
    pub(crate) fn lose(&mut self, dir: Dir, bytes: u64) {
        let way = &mut self.ways[dir as usize];
        match way.kind {
            Kind::Plain | Kind::Web => way.messages.lose(bytes),
            Kind::WebText => way.messages.lose(u64::MAX),
        }
    }

    /// A body that lost its place may find it again: the next `bytes` were sent in one piece.
    pub(crate) fn piece(&mut self, dir: Dir, bytes: u64) {
        self.ways[dir as usize].messages.piece(bytes);
    }

    /// A body is at its end, or no more of it will be seen.
    pub(crate) fn ended(
        &mut self,
        dir: Dir,
        complete: bool,
        at: Timestamp,
        exchange: &mut Exchange,
        limits: &Limits,
    ) {
        if let Some(message) = dir.message(exchange) {
            self.ways[dir as usize].messages.ended(at, message, limits);
        }
        if dir == Dir::ToServer {
            return;
        }
        exchange.waits |= is_stream(exchange, at);
        let seen = complete && exchange.quality == Quality::Complete;
        if seen && exchange.status.is_none() && exchange.failure.is_none() {
            exchange.failure = Some("the response ended without a status".to_owned());
        }
    }

    pub(crate) fn held(&self) -> usize {
        self.ways.iter().map(|way| way.messages.held()).sum()
    }
}

/// Takes the HTTP status and the headers of a response. Of a gRPC call only its own status counts, and a body that holds
/// no messages is left as it is.
pub(crate) fn answered(
    grpc: &mut Option<Grpc>,
    exchange: &mut Exchange,
    status: Option<String>,
    headers: &[(String, String)],
) {
    let Some(reader) = grpc else {
        exchange.status = status;
        return;
    };
    let way = &mut reader.ways[Dir::ToClient as usize];
    way.messages.encoding(value(headers, "grpc-encoding"));
    let content_type = value(headers, "content-type");
    let answer = content_type.map(kind);
    if let Some(Some(kind)) = answer {
        way.kind = kind;
        way.media = content_type.and_then(media);
    }
    let strange = answer == Some(None);
    if !settle(exchange, headers)
        && let Some(status) = status.filter(|status| strange || status != "200")
    {
        exchange.failure = Some(format!("HTTP status {status}"));
    }
    if strange {
        *grpc = None;
    }
}

/// A call turns out to be a gRPC call after all: what came of its bodies is read again.
pub(crate) fn turn(grpc: &mut Option<Grpc>, exchange: &mut Exchange, limits: &Limits) {
    exchange.protocol = Protocol::Grpc;
    *grpc = Some(Grpc::guessed(&exchange.request.headers));
    if let Some(response) = &exchange.response {
        let (status, headers) = (exchange.status.take(), response.headers.clone());
        answered(grpc, exchange, status, &headers);
    }
    let Some(reader) = grpc else { return };
    for dir in [Dir::ToServer, Dir::ToClient] {
        let Some(message) = dir.message(exchange) else { continue };
        let (body, last) = (std::mem::take(&mut message.body), message.last);
        let cut = std::mem::take(&mut message.cut);
        reader.body(dir, last, &body, exchange, limits);
        if cut {
            reader.lose(dir, u64::MAX);
        }
        if let Some(message) = dir.message(exchange) {
            message.cut |= cut;
        }
    }
}

/// Whether a call that goes on at `now`, or ended then, is a stream by its times.
pub(crate) fn is_stream(exchange: &Exchange, now: Timestamp) -> bool {
    streams_at(exchange).is_some_and(|at| at <= now)
}

/// When a call will be a stream by its times, if it has not ended by then.
pub(crate) fn streams_at(exchange: &Exchange) -> Option<Timestamp> {
    exchange.response.as_ref()?.parts.first().map(|part| part.at.plus(STREAMS_AFTER))
}

/// Whether a body that comes in a piece of `size` bytes, of which these are the first, begins with a message.
pub(crate) fn begins_message(bytes: &[u8], size: u64) -> bool {
    matches!(bytes, [0 | 1, l0, l1, l2, l3, ..]
        if u64::from(u32::from_be_bytes([*l0, *l1, *l2, *l3])) + messages::PREFIX as u64 == size)
}

fn value<'h>(headers: &'h [(String, String)], name: &str) -> Option<&'h str> {
    headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

fn kind(content_type: &str) -> Option<Kind> {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let rest = essence.strip_prefix("application/grpc")?;
    let suffix = |rest: &str| rest.is_empty() || rest.starts_with('+');
    if suffix(rest) {
        return Some(Kind::Plain);
    }
    let rest = rest.strip_prefix("-web")?;
    if suffix(rest) {
        return Some(Kind::Web);
    }
    rest.strip_prefix("-text").filter(|rest| suffix(rest)).map(|_| Kind::WebText)
}

/// What messages are whose content type ends like this.
fn media(content_type: &str) -> Option<&'static str> {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.split_once('+').map(|(_, suffix)| suffix) {
        None | Some("proto") => Some("application/protobuf"),
        Some("json") => Some("application/json"),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types_tell_the_kind_of_call() {
        for (content_type, expected) in [
            ("application/grpc", Some(Kind::Plain)),
            ("application/grpc+proto", Some(Kind::Plain)),
            ("application/grpc; charset=utf-8", Some(Kind::Plain)),
            ("Application/gRPC-Web+proto", Some(Kind::Web)),
            ("application/grpc-web", Some(Kind::Web)),
            ("application/grpc-web-text+proto", Some(Kind::WebText)),
            ("application/grpc-web-text", Some(Kind::WebText)),
            ("application/grpcx", None),
            ("application/json", None),
            ("", None),
        ] {
            assert_eq!(kind(content_type), expected, "{content_type}");
        }
        assert_eq!(media("application/grpc; x=y"), Some("application/protobuf"));
        assert_eq!(media("application/grpc-web+json"), Some("application/json"));
        assert_eq!(media("application/grpc+thrift"), None);
    }

    #[test]
    fn a_message_that_fills_its_piece_is_recognised() {
        assert!(begins_message(b"\0\0\0\0\x02ab", 7));
        assert!(begins_message(b"\x01\0\0\x01\0", 261));
        assert!(!begins_message(b"\0\0\0\0\x02ab", 8));
        assert!(!begins_message(b"\x02\0\0\0\x02ab", 7));
        assert!(!begins_message(b"\0\0\0", 3));
    }
}
