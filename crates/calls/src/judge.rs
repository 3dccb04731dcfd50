//! What an exchange of each protocol means: its operation, whether it failed, whether its time is a latency.
//!
//! A protocol that `wire` learns to decode needs its arms here and nowhere else in this crate.

use std::borrow::Cow;

use model::Timestamp;
use model::exchange::{Ending, Exchange, Message, Protocol, Quality};

use crate::{broken, inside};

/// For people: `GET /orders/7`, `query Cart`, `tcp :5432`.
pub(crate) fn operation(exchange: &Exchange) -> String {
    match exchange.protocol {
        Protocol::Tcp => format!("tcp :{}", exchange.server.port()),
        _ if exchange.quality == Quality::NoRequest && exchange.method.is_empty() => {
            "request not seen".to_owned()
        }
        Protocol::Grpc => exchange.target.trim_start_matches('/').to_owned(),
        Protocol::Http1 | Protocol::Http2 => {
            if let Some(named) = inside::operation(exchange) {
                return named;
            }
            let shown = match target_path(&exchange.target) {
                Cow::Borrowed("") => exchange.target.as_str().into(),
                path => path,
            };
            format!("{} {shown}", exchange.method)
        }
        _ if exchange.target.is_empty() => exchange.method.clone(),
        _ => format!("{} {}", exchange.method, exchange.target),
    }
}

/// The path that HTTP and what runs over it ask for, without its query; empty for all others.
pub(crate) fn path(exchange: &Exchange) -> Cow<'_, str> {
    match exchange.protocol {
        Protocol::Http1 | Protocol::Http2 | Protocol::Grpc | Protocol::WebSocket => {
            target_path(&exchange.target)
        }
        _ => "".into(),
    }
}

/// The path of a request target without its query (RFC 9112, section 3.2); empty for the form of `CONNECT`.
pub(crate) fn target_path(target: &str) -> Cow<'_, str> {
    let target = target.split(['?', '#']).next().unwrap_or_default();
    if target.starts_with('/') || target == "*" {
        return target.into();
    }
    match target.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/".into(), |slash| rest.split_at(slash).1.into()),
        None => "".into(),
    }
}

/// Whether it went well, as far as was seen: what was not seen is no failure.
pub(crate) fn ok(exchange: &Exchange) -> bool {
    let unanswered = exchange.response.is_none() && exchange.quality == Quality::NoResponse;
    match exchange.protocol {
        _ if exchange.failure.is_some() || broken::off(exchange).is_some() => false,
        Protocol::Tcp => match exchange.ending {
            Ending::Refused | Ending::NoAnswer => false,
            Ending::Reset => exchange.response.as_ref().is_some_and(|response| response.bytes > 0),
            Ending::Open | Ending::Closed | Ending::Idle => true,
        },
        protocol => match &exchange.status {
            Some(status) => {
                let http = matches!(protocol, Protocol::Http1 | Protocol::Http2);
                let reset = exchange.done
                    && exchange.ending == Ending::Reset
                    && exchange.response.as_ref().is_some_and(|response| !response.complete)
                    // Whoever listens to a stream may leave as it likes.
                    && !(http && exchange.waits);
                !reset && (!http || status.parse::<u16>().is_ok_and(|code| code < 400))
            }
            None => match exchange.ending {
                Ending::Refused | Ending::NoAnswer => false,
                Ending::Reset => !exchange.done,
                Ending::Open | Ending::Closed | Ending::Idle => {
                    !(exchange.done && unanswered && !exchange.waits)
                }
            },
        },
    }
}

/// What the answer says about whether the callee has what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Nothing yet.
    Nothing,
    /// It has no such thing.
    Missing,
    /// It has, as so many calls were told.
    Answered(u32),
}

/// Only HTTP has a status for what is not there (RFC 9110, sections 15.5.5, 15.5.6 and 15.5.11).
pub(crate) fn heard(protocol: Protocol, status: Option<&str>) -> Heard {
    match (protocol, status) {
        (Protocol::Http1 | Protocol::Http2, None) => Heard::Nothing,
        (Protocol::Http1 | Protocol::Http2, Some("404" | "405" | "410")) => Heard::Missing,
        _ => Heard::Answered(1),
    }
}

/// When it began: at its request, or at its response when that is all that was seen.
pub(crate) fn start(exchange: &Exchange) -> Timestamp {
    match &exchange.response {
        Some(response) if exchange.quality == Quality::NoRequest => response.first,
        Some(response) if exchange.request.first.0 == 0 => response.first,
        _ => exchange.request.first,
    }
}

/// Milliseconds from the request's first byte to the response's last; `None` until both were seen. For `tcp`, from the
/// connect to the close, of which a refusal is one.
pub(crate) fn ms(exchange: &Exchange) -> Option<f64> {
    let response = exchange.response.as_ref();
    let last = match exchange.protocol {
        Protocol::Tcp => {
            let ended = match exchange.ending {
                Ending::Closed | Ending::Reset | Ending::Refused => true,
                Ending::Open | Ending::NoAnswer | Ending::Idle => response.is_some(),
            };
            let last =
                response.map_or(exchange.request.last, |response| response.last.max(exchange.request.last));
            (exchange.done && ended).then_some(last)?
        }
        _ => response.filter(|response| response.complete)?.last,
    };
    between(exchange, last)
}

/// Milliseconds from the request's first byte to the response's first.
pub(crate) fn ttfb_ms(exchange: &Exchange) -> Option<f64> {
    between(exchange, exchange.response.as_ref()?.first)
}

fn between(exchange: &Exchange, until: Timestamp) -> Option<f64> {
    let from = exchange.request.first;
    if exchange.quality == Quality::NoRequest || from.0 == 0 || until < from {
        return None;
    }
    Some(until.since(from).as_nanos() as f64 / 1e6)
}

/// Whether its time says how fast the callee is. Waiting by design (an upgraded connection, a tunnel, a stream of
/// events, a connection that is held open) does not, and must not colour percentiles.
pub(crate) fn is_latency(exchange: &Exchange) -> bool {
    match exchange.protocol {
        _ if exchange.waits => false,
        Protocol::Http1 | Protocol::Http2 => {
            let tunnel = exchange.method == "CONNECT";
            let upgraded = exchange.status.as_deref() == Some("101");
            let streams = exchange.response.as_ref().is_some_and(is_event_stream);
            !(tunnel || upgraded || streams)
        }
        Protocol::Tcp => matches!(exchange.ending, Ending::Refused | Ending::NoAnswer),
        _ => true,
    }
}

fn is_event_stream(message: &Message) -> bool {
    header(message, "content-type").is_some_and(|kind| {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("text/event-stream")
    })
}

/// The first value of a header, whose name is given in lower case.
pub(crate) fn header<'a>(message: &'a Message, name: &str) -> Option<&'a str> {
    message
        .headers
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

/// What went wrong, in words: the answer's own, or how the connection broke before one was seen.
pub(crate) fn failure(exchange: &Exchange) -> Option<Cow<'_, str>> {
    if let Some(words) = &exchange.failure {
        return (!words.is_empty()).then_some(words.as_str().into());
    }
    let broken = broken::off(exchange);
    match exchange.ending {
        _ if broken.is_some() => broken,
        _ if exchange.status.is_some() || !exchange.done => None,
        Ending::Refused => Some("the connection was refused".into()),
        Ending::NoAnswer => Some("the connect was not answered".into()),
        Ending::Reset => Some("the connection was reset".into()),
        Ending::Open | Ending::Closed | Ending::Idle => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::fixture::{exchange, tcp};

    #[test]
    fn paths_of_all_target_forms() {
        for (target, expected) in [
            ("/", "/"),
            ("/orders/7?full=1", "/orders/7"),
            ("/a#b", "/a"),
            ("http://web:80/orders?x", "/orders"),
            ("http://web", "/"),
            ("web:443", ""),
            ("*", "*"),
            ("", ""),
        ] {
            assert_eq!(target_path(target), expected, "{target}");
        }
    }

    #[test]
    fn http_fails_by_status_or_by_silence() {
        let check = |change: &dyn Fn(&mut Exchange), expected: bool| {
            let mut x = exchange(1, 0, "GET", "/");
            change(&mut x);
            assert_eq!(ok(&x), expected, "{x:?}");
        };
        for (status, expected) in
            [("200", true), ("302", true), ("399", true), ("400", false), ("503", false)]
        {
            check(&|x| x.status = Some(status.to_owned()), expected);
        }
        let silent = |x: &mut Exchange, quality, ending, done| {
            (x.status, x.response, x.quality, x.ending, x.done) = (None, None, quality, ending, done);
        };
        check(&|x| silent(x, Quality::Complete, Ending::Open, false), true);
        check(&|x| silent(x, Quality::NoResponse, Ending::Closed, true), false);
        check(&|x| silent(x, Quality::NoResponse, Ending::Idle, true), false);
        check(&|x| silent(x, Quality::NoResponse, Ending::Reset, true), false);
        check(&|x| silent(x, Quality::NoResponse, Ending::Refused, true), false);
        // What the capture lost is not the service's fault.
        check(&|x| silent(x, Quality::Gap, Ending::Closed, true), true);
        check(&|x| x.ending = Ending::Reset, true);
        check(
            &|x| {
                x.ending = Ending::Reset;
                x.response.as_mut().unwrap().complete = false;
            },
            false,
        );
    }

    #[test]
    fn tcp_fails_when_nobody_answers() {
        for (ending, bytes, expected) in [
            (Ending::Open, 0, true),
            (Ending::Closed, 0, true),
            (Ending::Idle, 9, true),
            (Ending::Reset, 9, true),
            (Ending::Reset, 0, false),
            (Ending::Refused, 0, false),
            (Ending::NoAnswer, 0, false),
        ] {
            let mut x = tcp(1, 5432, ending, bytes, bytes);
            assert_eq!(ok(&x), expected, "{ending:?} {bytes}");
            x.response = None;
            assert_eq!(ok(&x), expected && ending != Ending::Reset, "{ending:?} without response");
        }
    }

    #[test]
    fn waiting_is_no_latency() {
        let plain = exchange(1, 0, "GET", "/");
        assert!(is_latency(&plain));
        let mut upgraded = plain.clone();
        upgraded.status = Some("101".to_owned());
        assert!(!is_latency(&upgraded));
        let mut events = plain.clone();
        events.response.as_mut().unwrap().headers =
            vec![("Content-Type".to_owned(), "text/event-stream; charset=utf-8".to_owned())];
        assert!(!is_latency(&events));
        assert!(!is_latency(&tcp(1, 6379, Ending::Closed, 10, 10)));
        assert!(is_latency(&tcp(1, 6379, Ending::Refused, 0, 0)));
    }

    #[test]
    fn times_need_both_ends() {
        let mut x = exchange(1, 0, "GET", "/");
        assert_eq!((ms(&x), ttfb_ms(&x)), (Some(3.0), Some(2.0)));
        x.response.as_mut().unwrap().complete = false;
        assert_eq!((ms(&x), ttfb_ms(&x)), (None, Some(2.0)));
        x.response = None;
        assert_eq!((ms(&x), ttfb_ms(&x)), (None, None));
        let mut x = exchange(1, 0, "GET", "/");
        (x.quality, x.method) = (Quality::NoRequest, String::new());
        assert_eq!((ms(&x), operation(&x).as_str()), (None, "request not seen"));
        assert_eq!(start(&x), x.response.unwrap().first);
    }

    #[test]
    fn a_connection_lasts_from_connect_to_close() {
        for (ending, answered, expected) in [
            (Ending::Closed, true, Some(1000.0)),
            (Ending::Idle, true, Some(1000.0)),
            (Ending::Closed, false, Some(900.0)),
            (Ending::Refused, false, Some(900.0)),
            (Ending::NoAnswer, false, None),
            (Ending::Idle, false, None),
            (Ending::Open, true, None),
        ] {
            let mut x = tcp(1, 5432, ending, 1, 1);
            if !answered {
                x.response = None;
            }
            assert_eq!(ms(&x), expected, "{ending:?} {answered}");
        }
    }
}
