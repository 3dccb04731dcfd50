//! HTTP calls that last because something is waited for, and not because somebody is slow.
//!
//! There are three signs: the request asks to be held (RFC 7240's `Prefer: wait`, or a parameter by which well-known
//! interfaces do it), the answer's media type is one of a stream, or the answer comes like one: without a length, and
//! with pauses. A computation that takes long makes one pause, a slow line makes short ones.

use std::time::Duration;

use model::Timestamp;
use model::exchange::{Exchange, Message};

/// Parameters that ask for whatever comes: Kubernetes, Docker, etcd.
const SWITCHES: [&str; 5] = ["watch", "follow", "stream", "longpoll", "long_poll"];
/// Parameters that say how long nothing may come: Consul, Nomad, Vault.
const SPANS: [&str; 7] = ["wait", "poll", "longpoll", "long_poll", "wait_time", "waittime", "wait_seconds"];
/// The same, but on many interfaces how long an answer may take to compute: only beside one of [`PLACES`].
const TIMEOUTS: [&str; 3] = ["timeout", "timeout_ms", "timeoutseconds"];
/// Parameters that say what the asker has already: Telegram, Matrix, `CouchDB`.
const PLACES: [&str; 11] = [
    "offset",
    "since",
    "after",
    "cursor",
    "index",
    "seq",
    "rev",
    "version",
    "resourceversion",
    "last_event_id",
    "next_batch",
];
/// What `CouchDB` calls feeds that last.
const FEEDS: [&str; 3] = ["longpoll", "continuous", "eventsource"];
/// Media types whose parts come as they happen.
const STREAMS: [&str; 8] = [
    "text/event-stream",
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/x-jsonlines",
    "application/stream+json",
    "application/json-seq",
    "multipart/x-mixed-replace",
];
/// Nothing came for so long: a pause.
const PAUSE: Duration = Duration::from_secs(1);
/// So many pauses make a stream, when most of the body's time was spent in them.
const PAUSES: u32 = 2;

/// Whether a request asks to be held until there is something to say.
pub(crate) fn asks_for_it(exchange: &Exchange) -> bool {
    let query = exchange.target.split_once('?').map_or("", |(_, query)| query);
    let query = query.split('#').next().unwrap_or_default();
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let is = |names: &[&str], name: &str| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    let has_place = pairs.clone().any(|(name, _)| is(&PLACES, name));
    let by_query = pairs.into_iter().any(|(name, value)| {
        (is(&SWITCHES, name) && matches!(value, "" | "1" | "true"))
            || (is(&SPANS, name) && is_span(value))
            || (is(&TIMEOUTS, name) && has_place && is_span(value))
            || (name.eq_ignore_ascii_case("feed") && is(&FEEDS, value))
    });
    by_query || values(&exchange.request, "prefer").any(prefers_to_wait)
}

/// Whether a response's media type is one of a stream.
pub(crate) fn is_stream(response: &Message) -> bool {
    values(response, "content-type").any(|kind| {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        STREAMS.iter().any(|stream| kind.eq_ignore_ascii_case(stream))
    })
}

fn values<'m>(message: &'m Message, name: &'m str) -> impl Iterator<Item = &'m str> {
    let fields = message.headers.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name));
    fields.map(|(_, value)| value.as_str())
}

/// `wait=10` among the preferences (RFC 7240, section 4.3).
fn prefers_to_wait(preferences: &str) -> bool {
    let mut all = preferences.split([',', ';']).filter_map(|one| one.split_once('='));
    all.any(|(name, value)| {
        name.trim().eq_ignore_ascii_case("wait") && is_span(value.trim().trim_matches('"'))
    })
}

/// `30`, `30s`, `1500ms`, `5m`: more than nothing.
fn is_span(text: &str) -> bool {
    let unit = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit);
    number.parse::<u64>().is_ok_and(|number| number > 0)
        && matches!(unit, "" | "ms" | "s" | "m" | "h" | "sec" | "min")
}

/// The pauses in a body that has no length.
#[derive(Debug, Default)]
pub(crate) struct Pauses {
    count: u32,
    idle: Duration,
}

impl Pauses {
    /// Something comes `at` a time. Whether the response is a stream by now.
    pub(crate) fn go_on(&mut self, response: &Message, at: Timestamp) -> bool {
        let pause = at.since(response.last);
        if pause >= PAUSE {
            self.count += 1;
            self.idle += pause;
        }
        self.count >= PAUSES && self.idle * 2 > at.since(response.first)
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use model::exchange::Protocol;

    use super::*;

    fn asked(target: &str, prefer: &str) -> bool {
        let anywhere = SocketAddr::from(([10, 0, 0, 1], 1));
        let mut exchange = Exchange::new((0, 0), anywhere, anywhere, Protocol::Http1, Timestamp(0));
        target.clone_into(&mut exchange.target);
        exchange.request.headers = vec![("Prefer".to_owned(), prefer.to_owned())];
        asks_for_it(&exchange)
    }

    #[test]
    fn requests_that_ask_to_be_held() {
        for target in [
            "/api/v1/pods?watch=true",
            "/api/v1/pods?limit=5&watch",
            "/containers/1/logs?follow=1",
            "/v1/kv/a?index=7&wait=30s",
            "/v1/agent/service/web?WAIT=5m",
            "/bot/getUpdates?timeout=30&offset=9",
            "/sync?since=s1&timeout=30000",
            "/db/_changes?feed=longpoll",
            "/updates?poll=1500ms#x",
        ] {
            assert!(asked(target, ""), "{target}");
        }
        for target in [
            "/orders",
            "/orders?watch=false",
            "/watches?watch=rolex",
            "/search?timeout=30s",
            "/search?timeout=0&offset=2",
            "/orders?wait=0s",
            "/orders?wait=no",
            "/wait=30s",
            "/orders?offset=2",
        ] {
            assert!(!asked(target, ""), "{target}");
        }
        for (prefer, expected) in [
            ("wait=10", true),
            ("respond-async, wait=100", true),
            ("return=minimal; foo=1, Wait=\"5\"", true),
            ("wait=0", false),
            ("handling=lenient", false),
        ] {
            assert_eq!(asked("/jobs", prefer), expected, "{prefer}");
        }
    }

    #[test]
    fn media_of_streams() {
        let of = |kind: &str| {
            let headers = vec![("Content-Type".to_owned(), kind.to_owned())];
            is_stream(&Message { headers, ..Message::default() })
        };
        assert!(STREAMS.iter().all(|kind| of(kind) && of(&format!("{}; a=b", kind.to_uppercase()))));
        assert!(!of("application/json") && !of("multipart/mixed") && !of(""));
    }

    #[test]
    fn pauses_make_a_stream_where_they_are_most_of_its_time() {
        let is_stream = |moments: &[i64]| {
            let at = |ms: i64| Timestamp(ms * 1_000_000);
            let mut message = Message { first: at(0), last: at(0), ..Message::default() };
            let mut pauses = Pauses::default();
            moments.iter().any(|ms| {
                let found = pauses.go_on(&message, at(*ms));
                message.last = at(*ms);
                found
            })
        };
        assert!(is_stream(&[20_000, 40_000]));
        assert!(is_stream(&[0, 1_200, 1_210, 2_300]));
        assert!(!is_stream(&[30_000, 30_010]), "one long computation");
        assert!(!is_stream(&[900, 1_800, 2_700, 3_600]), "a slow line");
        assert!(!is_stream(&[0, 900, 1_800, 2_800, 3_700, 4_700]), "it does work in between");
        assert!(!is_stream(&[]));
    }
}
