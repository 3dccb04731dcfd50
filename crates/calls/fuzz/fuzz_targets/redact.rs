//! Any bytes as what a call says, in every grammar that is looked into. A secret put among them is never shown.
#![no_main]

use std::net::{Ipv4Addr, SocketAddr};

use calls::Redaction;
use model::Timestamp;
use model::exchange::{Exchange, Message, Protocol};
use model::plan::CallsConfig;

const KINDS: [&str; 10] = [
    "application/json",
    "application/x-www-form-urlencoded",
    "application/xml",
    "application/yaml",
    "multipart/form-data; boundary=a",
    "text/plain",
    "text/html",
    "application/graphql",
    "application/sql",
    "",
];
/// Not in any input: letters alone would be found by chance.
const SECRET: &str = "XNEVERSHOWNX";

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let [kind, protocol, rest @ ..] = input else { return };
    let kind = KINDS[usize::from(*kind) % KINDS.len()];
    let protocols = [Protocol::Http1, Protocol::Redis, Protocol::Mysql, Protocol::Postgres];
    let (before, behind) = rest.split_at(rest.len() / 2);
    // On a line of its own it is a pair, whatever stands around it, in a text that has no grammar of its own.
    let is_loose = kind == "text/plain" && !holds_secret(rest);
    let body = if is_loose { [before, b"\n\"password\": \"", SECRET.as_bytes(), b"\"\n", behind].concat() } else { rest.to_vec() };
    let end = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let protocol = if is_loose { Protocol::Http1 } else { protocols[usize::from(*protocol) % protocols.len()] };
    let mut exchange = Exchange::new((0, 0), end, end, protocol, Timestamp(0));
    exchange.target = String::from_utf8_lossy(before).into_owned();
    let message = |body: &[u8]| {
        let header = ("location".to_owned(), String::from_utf8_lossy(before).into_owned());
        Message { headers: vec![header], body: body.to_vec(), media: Some(kind.to_owned()), ..Message::default() }
    };
    exchange.request = message(&body);
    exchange.response = Some(message(behind));
    let rules = Redaction::new(&CallsConfig::default());
    rules.exchange(&mut exchange);
    assert!(!is_loose || !holds_secret(&exchange.request.body), "{:?}", String::from_utf8_lossy(&exchange.request.body));
});

fn holds_secret(text: &[u8]) -> bool {
    text.windows(SECRET.len()).any(|part| part == SECRET.as_bytes())
}
