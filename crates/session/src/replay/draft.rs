//! The request of a call as it can be sent again.

use api::shape::ReplayRequest;
use api::{ApiError, Code};
use calls::REDACTED;
use model::call::Call;
use model::exchange::Protocol;

/// Headers that belong to the connection, or that are made anew with the body.
const OF_THE_CONNECTION: [&str; 10] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "transfer-encoding",
    "content-length",
    "upgrade",
    "te",
    "trailer",
    "expect",
    "http2-settings",
];

/// A request to send.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Draft {
    pub(crate) http2: bool,
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    /// What `Host` or `:authority` says.
    pub(crate) host: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Headers that are not sent since their values are hidden.
    pub(crate) left_out: Vec<String>,
    pub(crate) note: Option<String>,
}

fn bad(message: impl Into<String>) -> ApiError {
    ApiError::new(Code::BadRequest, message)
}

impl Draft {
    /// The call's request with what is to be changed.
    pub(crate) fn of(call: &Call, edits: &ReplayRequest) -> Result<Self, ApiError> {
        let http = matches!(call.protocol, Protocol::Http1 | Protocol::Http2);
        if !http || call.method.is_empty() || call.method == "CONNECT" {
            let what = if call.method == "CONNECT" { "a tunnel" } else { call.protocol.name() };
            return Err(bad(format!("`{}` is {what}; only calls of HTTP can be made again", call.id))
                .hint("`shoal calls --grpcurl ID` prints the command that makes a call of gRPC again"));
        }
        let body = body(call, edits)?;
        let target = target(&call.target, edits);
        let (headers, left_out) = headers(call, edits);
        let given = edits.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
        let sent = |wanted: &str| {
            let found = call.request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.map(|(_, value)| value.clone())
        };
        let host =
            given.map(|(_, value)| value.clone()).or_else(|| sent(":authority")).or_else(|| sent("host"));
        let hides = target.contains(REDACTED)
            || (edits.body.is_none() && body.windows(REDACTED.len()).any(|part| part == REDACTED.as_bytes()));
        Ok(Self {
            http2: call.protocol == Protocol::Http2,
            method: edits.method.clone().unwrap_or_else(|| call.method.clone()),
            target,
            host: host.unwrap_or_else(|| call.to.addr.to_string()),
            headers,
            body,
            left_out,
            note: hides.then(|| format!("what is hidden in its query or body goes out as `{REDACTED}`")),
        })
    }
}

fn body(call: &Call, edits: &ReplayRequest) -> Result<Vec<u8>, ApiError> {
    match &edits.body {
        Some(text) if edits.binary => unhex(text).ok_or_else(|| bad("the body is no hexadecimal digits")),
        Some(text) => Ok(text.clone().into_bytes()),
        None if call.request.cut => {
            Err(bad(format!("only {} bytes of its body were kept", call.request.body.len()))
                .hint("give the whole body, or keep more: `body_limit` in the manifest"))
        }
        None => Ok(call.request.body.clone()),
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |letter: u8| char::from(letter).to_digit(16).map(|digit| digit as u8);
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
    rest.is_empty().then(|| bytes.collect()).flatten()
}

/// The target with another path and other parameters; without scheme and host where it has them.
fn target(sent: &str, edits: &ReplayRequest) -> String {
    let sent = match sent.split_once("://") {
        Some((_, rest)) if !sent.starts_with('/') => {
            rest.find('/').map_or("/", |slash| rest.split_at(slash).1)
        }
        _ => sent,
    };
    let sent = sent.split('#').next().unwrap_or_default();
    let (path, query) = sent.split_once('?').map_or((sent, None), |(path, query)| (path, Some(query)));
    let (path, query) = match &edits.path {
        None => (path, query),
        Some(given) => match given.split_once('?') {
            Some((path, "")) => (path, None),
            Some((path, query)) => (path, Some(query)),
            None => (given.as_str(), query),
        },
    };
    let edited = |pair: &&str| {
        let name = pair.split('=').next().unwrap_or_default();
        !edits.query.keys().any(|key| key == name || encoded(key) == name)
    };
    let kept = query.into_iter().flat_map(|query| query.split('&')).filter(edited).map(str::to_owned);
    let given = edits.query.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
    let pairs: Vec<String> = kept.chain(given).collect();
    let path = if path.is_empty() { "/" } else { path };
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}

/// Percent-encoded but for what needs it nowhere in a query (RFC 3986, section 2.3).
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.extend(['%', hex(byte >> 4), hex(byte & 15)]);
        }
    }
    out
}

fn hex(digit: u8) -> char {
    char::from_digit(digit.into(), 16).unwrap_or('0').to_ascii_uppercase()
}

/// What is sent, and the names of what is not since its value is hidden.
fn headers(call: &Call, edits: &ReplayRequest) -> (Vec<(String, String)>, Vec<String>) {
    let request = &call.request;
    let is = |name: &str, known: &str| name.eq_ignore_ascii_case(known);
    let listed = request.headers.iter().filter(|(name, _)| is(name, "connection"));
    let listed: Vec<&str> = listed.flat_map(|(_, names)| names.split(',').map(str::trim)).collect();
    let (mut sent, mut left_out): (Vec<(String, String)>, Vec<String>) = (Vec::new(), Vec::new());
    for (name, value) in &request.headers {
        let of_connection = OF_THE_CONNECTION.iter().any(|known| is(name, known))
            || listed.iter().any(|listed| is(name, listed));
        let edited = edits.headers.keys().chain(&edits.without).any(|given| is(name, given));
        // The body goes out as it is shown.
        let of_coding = is(name, "content-encoding") && (request.decoded || edits.body.is_some());
        if name.starts_with(':') || is(name, "host") || of_connection || edited || of_coding {
            continue;
        }
        if value.contains(REDACTED) {
            left_out.push(name.to_ascii_lowercase());
        } else {
            sent.push((name.clone(), value.clone()));
        }
    }
    left_out.dedup();
    let given = edits.headers.iter().filter(|(name, _)| !is(name, "host"));
    sent.extend(given.map(|(name, value)| (name.clone(), value.clone())));
    sent.push(("shoal-replay".to_owned(), call.id.clone()));
    (sent, left_out)
}

#[cfg(test)]
mod tests {
    use calls::{Calls, Limits};
    use model::exchange::Exchange;
    use model::plan::CallsConfig;

    use super::*;

    fn call(change: impl FnOnce(&mut Exchange)) -> Call {
        let addr = "127.0.0.1:8000".parse().unwrap();
        let mut exchange = Exchange::new((1, 0), addr, addr, Protocol::Http1, model::Timestamp(1));
        exchange.method = "POST".to_owned();
        exchange.target = "/orders?full=1&tag=a".to_owned();
        let headers = [
            ("Host", "orders:8000"),
            ("Connection", "keep-alive, X-Hop"),
            ("X-Hop", "1"),
            ("Content-Length", "2"),
            ("Authorization", "Bearer t0psecret"),
            ("X-Plain", "loud"),
        ];
        exchange.request.headers = headers.map(|(n, v)| (n.to_owned(), v.to_owned())).to_vec();
        (exchange.request.body, exchange.request.bytes) = (b"{}".to_vec(), 2);
        change(&mut exchange);
        let mut calls = Calls::new(&CallsConfig::default(), Limits::default(), "e");
        calls.observe(exchange);
        calls.get("e-0").unwrap().clone()
    }

    fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
        all.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn a_call_goes_out_as_it_was_but_for_what_is_hidden_and_the_connections_own() {
        let draft = Draft::of(&call(|_| ()), &ReplayRequest::default()).unwrap();
        assert_eq!((draft.method.as_str(), draft.target.as_str()), ("POST", "/orders?full=1&tag=a"));
        assert_eq!(draft.host, "orders:8000");
        assert_eq!(draft.headers, pairs(&[("X-Plain", "loud"), ("shoal-replay", "e-0")]));
        assert_eq!(draft.left_out, ["authorization"]);
        assert_eq!((draft.body.as_slice(), draft.note), (&b"{}"[..], None));
    }

    #[test]
    fn everything_can_be_changed() {
        let own = |all: &[(&str, &str)]| pairs(all).into_iter().collect();
        let edits = ReplayRequest {
            method: Some("PUT".to_owned()),
            path: Some("/orders/7".to_owned()),
            query: own(&[("tag", "b c&d"), ("new", "ü")]),
            headers: own(&[("authorization", "Bearer mine"), ("x-plain", "quiet"), ("HOST", "other")]),
            body: Some("00ff".to_owned()),
            binary: true,
            ..ReplayRequest::default()
        };
        let less = ReplayRequest {
            without: vec!["x-plain".to_owned(), "authorization".to_owned()],
            ..ReplayRequest::default()
        };
        let draft = Draft::of(&call(|_| ()), &less).unwrap();
        assert_eq!((draft.headers, draft.left_out.len()), (pairs(&[("shoal-replay", "e-0")]), 0));
        let draft = Draft::of(&call(|_| ()), &edits).unwrap();
        assert_eq!(draft.target, "/orders/7?full=1&new=%C3%BC&tag=b%20c%26d");
        assert_eq!((draft.method.as_str(), draft.host.as_str()), ("PUT", "other"));
        let expected = [("authorization", "Bearer mine"), ("x-plain", "quiet"), ("shoal-replay", "e-0")];
        assert_eq!(draft.headers, pairs(&expected));
        assert_eq!((draft.body.as_slice(), draft.left_out.len()), (&[0, 255][..], 0));
    }

    #[test]
    fn targets() {
        for (sent, path, expected) in [
            ("http://orders:8000/a?x=1", None, "/a?x=1"),
            ("http://orders:8000", None, "/"),
            ("/a?x=1#f", None, "/a?x=1"),
            ("/a?x=1", Some("/b?y=2"), "/b?y=2"),
            ("/a?x=1", Some("/b?"), "/b"),
            ("/a?next=http://x/", Some("/b"), "/b?next=http://x/"),
            ("*", None, "*"),
        ] {
            let edits = ReplayRequest { path: path.map(str::to_owned), ..ReplayRequest::default() };
            assert_eq!(target(sent, &edits), expected, "{sent} {path:?}");
        }
    }

    #[test]
    fn what_cannot_be_sent_is_refused() {
        let edits = ReplayRequest::default();
        let cut = call(|x| x.request.cut = true);
        assert!(Draft::of(&cut, &edits).unwrap_err().message.contains("2 bytes"));
        let whole = ReplayRequest { body: Some("{}".to_owned()), ..edits.clone() };
        assert!(Draft::of(&cut, &whole).is_ok());
        for protocol in [Protocol::Grpc, Protocol::Redis] {
            assert_eq!(
                Draft::of(&call(|x| x.protocol = protocol), &edits).unwrap_err().code,
                Code::BadRequest
            );
        }
        let odd = ReplayRequest { body: Some("0g".to_owned()), binary: true, ..edits.clone() };
        assert!(Draft::of(&call(|_| ()), &odd).is_err());
        let hidden = call(|x| {
            x.request.body = br#"{"password":"hunter2"}"#.to_vec();
            x.request.headers.push(("content-type".to_owned(), "application/json".to_owned()));
        });
        assert!(Draft::of(&hidden, &edits).unwrap().note.is_some());
    }
}
