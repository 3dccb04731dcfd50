//! What header blocks say: pseudo-header fields (RFC 9113 section 8.3) become what they stand for, the others headers.

use model::Timestamp;
use model::exchange::{Exchange, Quality};

use super::hpack::{Block, Field, is_placeholder};
use crate::decode::Dir;

/// How many fields a request's pseudo-header fields are at most, as all programs send them.
const PSEUDO_FIELDS: usize = 4;
/// What stands for a method or a path whose bytes were lost.
const LOST: &str = "‹lost›";

/// A header block and what its frames say.
#[derive(Debug)]
pub(super) struct Headers {
    pub(super) stream: u32,
    /// The stream that it is about, where it is pushed.
    pub(super) promised: Option<u32>,
    pub(super) ends: bool,
    pub(super) first: Timestamp,
    pub(super) block: Block,
    /// Why not all of it is known.
    pub(super) quality: Option<Quality>,
}

impl Headers {
    /// Of a message that began before `at`, when nobody saw it.
    pub(super) fn unseen(stream: u32, at: Timestamp) -> Self {
        Self { stream, promised: None, ends: false, first: at, block: Block::default(), quality: None }
    }
}

/// Whether a client's block on a new stream is a request. It may be trailers of one that was not seen; fields that are
/// not known are more likely to be a request's.
pub(super) fn is_request(block: &Block) -> bool {
    block.fields.iter().any(|field| !field.known || field.name.starts_with(':'))
}

/// Whether a server's block on a stream that was not answered is a response's head, and not the trailers of one that was
/// lost.
pub(super) fn is_response(block: &Block) -> bool {
    block.fields.iter().any(|field| !field.known || field.name == ":status")
}

/// Which way a block goes, where it says so by itself (RFC 9113 section 8.3).
pub(super) fn goes(block: &Block) -> Option<Dir> {
    let has = |name| block.fields.iter().any(|field| field.known && field.name == name);
    match (has(":method") || has(":path"), has(":status")) {
        (true, false) => Some(Dir::ToServer),
        (false, true) => Some(Dir::ToClient),
        _ => None,
    }
}

/// Fills in what a request asks for.
pub(super) fn ask(exchange: &mut Exchange, block: Block) {
    // Unknown fields among the first ones are pseudo-header fields. Which is which is not known, but together they are
    // the same for each request to the same path.
    let first = block.fields.iter().take(PSEUDO_FIELDS);
    let pseudo = first.take_while(|field| !field.known || field.name.starts_with(':'));
    let mut unknown = pseudo.map(|field| field.name.as_str()).filter(|name| is_placeholder(name)).peekable();
    // The method comes first.
    let method = block.get(":method").or_else(|| unknown.next());
    let path = block.get(":path").or_else(|| {
        // A tunnel has no path (RFC 9113 section 8.5).
        block.get(":authority").filter(|_| block.get(":method") == Some("CONNECT"))
    });
    method.unwrap_or(LOST).clone_into(&mut exchange.method);
    exchange.target = match path {
        Some(path) => path.to_owned(),
        None if unknown.peek().is_some() => unknown.collect::<Vec<_>>().join(" "),
        None => LOST.to_owned(),
    };
    exchange.request.headers = headers(block, &[":method", ":path"]);
}

/// The fields as headers, but for those that are told elsewhere.
pub(super) fn headers(block: Block, but: &[&str]) -> Vec<(String, String)> {
    let told = |field: &Field| field.known && but.contains(&field.name.as_str());
    block.fields.into_iter().filter(|field| !told(field)).map(|field| (field.name, field.value)).collect()
}

/// How long the body is said to be, in bytes.
pub(super) fn content_length(block: &Block) -> Option<u64> {
    block.get("content-length")?.parse().ok()
}

/// Whether another response to the same request follows (RFC 9110 section 15.2).
pub(super) fn is_interim(block: &Block) -> bool {
    block.get(":status").is_some_and(|status| status.len() == 3 && status.starts_with('1') && status != "101")
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use model::Timestamp;
    use model::exchange::Protocol;

    use super::*;

    fn block(fields: &[(&str, &str)]) -> Block {
        let field = |(name, value): &(&str, &str)| Field {
            name: (*name).to_owned(),
            value: (*value).to_owned(),
            known: !is_placeholder(name),
        };
        let mut block = Block::default();
        block.fields = fields.iter().map(field).collect();
        block
    }

    #[test]
    fn what_is_asked_is_told_as_far_as_it_is_known() {
        const A: &str = "‹indexed 1›";
        const B: &str = "‹indexed 2›";
        const C: &str = "‹indexed 3›";
        type Fields = &'static [(&'static str, &'static str)];
        let cases: [(Fields, &str, &str, usize); 7] = [
            (
                &[(":method", "GET"), (":scheme", "http"), (":path", "/a"), (":authority", "x")],
                "GET",
                "/a",
                2,
            ),
            (&[(":method", "CONNECT"), (":authority", "db:1")], "CONNECT", "db:1", 1),
            (
                &[
                    (":method", "CONNECT"),
                    (":protocol", "websocket"),
                    (":scheme", "http"),
                    (":path", "/c"),
                    (":authority", "x"),
                ],
                "CONNECT",
                "/c",
                3,
            ),
            (
                &[(":method", "POST"), (":scheme", "http"), (A, ""), (B, ""), (C, "")],
                "POST",
                "‹indexed 1› ‹indexed 2›",
                4,
            ),
            (&[(":method", "POST"), (":scheme", "http"), (":authority", "x"), (A, "")], "POST", A, 3),
            (&[(A, ""), (":scheme", "http"), (":path", "/a"), ("accept", "x"), (B, "")], A, "/a", 4),
            (&[(":method", "GET")], "GET", LOST, 0),
        ];
        for (fields, method, target, headers) in cases {
            let anywhere = SocketAddr::from(([10, 0, 0, 1], 1));
            let mut exchange = Exchange::new((0, 0), anywhere, anywhere, Protocol::Http2, Timestamp(0));
            assert!(is_request(&block(fields)));
            ask(&mut exchange, block(fields));
            let found = (exchange.method.as_str(), exchange.target.as_str(), exchange.request.headers.len());
            assert_eq!(found, (method, target, headers));
        }
        assert!(!is_request(&block(&[("x-sum", "0")])));
    }

    #[test]
    fn interim_responses_are_told_from_answers() {
        for (status, interim) in [("100", true), ("103", true), ("101", false), ("200", false), ("1", false)]
        {
            assert_eq!(is_interim(&block(&[(":status", status)])), interim, "{status}");
        }
    }
}
