//! Lines of access logs: one request each, with the status of its answer.

use std::sync::LazyLock;

use memchr::{memchr, memchr_iter, memmem};
use regex::{Captures, Regex};
use serde_json::{Map, Value};

/// What a request line begins with.
const METHODS: &str = "GET|POST|PUT|DELETE|PATCH|HEAD|OPTIONS|CONNECT|TRACE";

/// The names of what a line tells of its request.
pub(crate) const FIELDS: [&str; 8] =
    ["client", "method", "path", "protocol", "referer", "agent", "status", "bytes"];

/// One request as its line tells it.
pub(crate) struct Access<'t>(Captures<'t>);

impl<'t> Access<'t> {
    /// The request that a line tells of, if it is one of an access log.
    pub(crate) fn of(text: &'t str) -> Option<Self> {
        // Most lines are none, and these looks cost less than the patterns.
        let bytes = text.as_bytes();
        let first = bytes.first()?;
        memchr(b'/', bytes)?;
        let after_quote = |at: usize| matches!(bytes.get(at + 1..at + 3), Some([b' ', b'1'..=b'5']));
        if memchr_iter(b'"', bytes).any(after_quote)
            && let Some(found) = QUOTED.captures(text)
        {
            return Some(Self(found));
        }
        let has = |part: &[u8]| memmem::find(bytes, part).is_some();
        let found = match first {
            _ if bytes.ends_with(b"\"") && has(b" [") => HAPROXY.captures(text),
            b'0'..=b'9' if has(b"_") && !has(b" - - ") => SQUID.captures(text),
            _ => None,
        };
        let bare = (first.is_ascii_uppercase() || has(b" - ")) && has(b"ms");
        found.or_else(|| bare.then(|| BARE.captures(text))?).map(Self)
    }

    /// The three digits of its status.
    pub(crate) fn status(&self) -> &'t str {
        self.0.name("status").map_or("", |found| found.as_str())
    }

    /// What the line says of the request, under the names that structured loggers use.
    pub(crate) fn fields(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        let (texts, numbers) = FIELDS.split_at(6);
        for name in texts {
            if let Some(found) = self.0.name(name).filter(|found| !matches!(found.as_str(), "" | "-")) {
                fields.insert((*name).to_owned(), found.as_str().into());
            }
        }
        for name in numbers {
            if let Some(number) = self.0.name(name).and_then(|found| found.as_str().parse::<u64>().ok()) {
                fields.insert((*name).to_owned(), number.into());
            }
        }
        fields
    }
}

fn pattern(text: &str) -> Regex {
    Regex::new(&text.replace("METHODS", METHODS)).expect("the pattern is constant")
}

/// The common and the combined log format, and what is made after them: nginx, Apache, gunicorn, uvicorn, Flask, morgan.
static QUOTED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"^(?:(?<client>[^ "]+) - [^"]*|[^"]*)"(?<method>METHODS) (?<path>[^" ]*)(?: (?<protocol>[^"]*))?" (?<status>[1-5][0-9]{2})(?: (?<bytes>[0-9]+|-)(?: "(?<referer>[^"]*)" "(?<agent>[^"]*)")?|[^0-9]|$)"#,
    )
});

/// Without quotes at the line's beginning: morgan's `dev`, `short` and `tiny`, Next.js.
static BARE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(?:(?<client>[0-9A-Za-z.:]+) - )?(?<method>METHODS) (?<path>[^ ]+)(?: (?<protocol>HTTP/[0-9.]+))? (?<status>[1-5][0-9]{2})(?: in)? (?:(?:[0-9]+|-) - )?[0-9.]+ ?ms\b",
    )
});

/// `CLIENT [TIME] FRONTEND BACKEND/SERVER 0/0/1/2/3 503 217 - - … "GET /x HTTP/1.1"`: `option httplog` of `HAProxy`.
static HAPROXY: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"^(?<client>[0-9a-f.:]+) \[[^\]]+\] [^ ]+ [^ ]+/[^ ]+ (?:-?[0-9]+/){4}\+?[0-9]+ (?<status>[1-5][0-9]{2}) \+?(?<bytes>[0-9]+) .* "(?<method>[A-Z]+) (?<path>[^" ]*)(?: (?<protocol>[^"]*))?"$"#,
    )
});

/// `SECONDS.MS MS CLIENT TCP_MISS/200 BYTES GET URL …`: Squid.
static SQUID: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^[0-9]+\.[0-9]{3} +[0-9]+ (?<client>[^ ]+) (?:TCP|UDP|NONE)[A-Z_]*/(?<status>[1-5][0-9]{2}) (?<bytes>[0-9]+) (?<method>[A-Z]+) (?<path>[^ ]+) ",
    )
});

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tells_requests_of_the_usual_servers() {
        for (text, expected) in [
            (
                r#"10.0.0.7 - - [24/Nov/2026:10:26:43 +0000] "GET /x?a=1 HTTP/1.1" 404 153 "-" "curl/7.88.1""#,
                json!({"client": "10.0.0.7", "method": "GET", "path": "/x?a=1", "protocol": "HTTP/1.1", "status": 404, "bytes": 153, "agent": "curl/7.88.1"}),
            ),
            (
                r#"INFO:     127.0.0.1:33056 - "GET /boom HTTP/1.1" 500 Internal Server Error"#,
                json!({"method": "GET", "path": "/boom", "protocol": "HTTP/1.1", "status": 500}),
            ),
            (
                r#"[24/Nov/2026 10:30:13] "POST /buy HTTP/1.1" 201 145"#,
                json!({"method": "POST", "path": "/buy", "protocol": "HTTP/1.1", "status": 201, "bytes": 145}),
            ),
            ("GET /missing 404 0.754 ms - 146", json!({"method": "GET", "path": "/missing", "status": 404})),
            (
                "::ffff:127.0.0.1 - GET / HTTP/1.1 200 1 - 0.991 ms",
                json!({"client": "::ffff:127.0.0.1", "method": "GET", "path": "/", "protocol": "HTTP/1.1", "status": 200}),
            ),
            (
                r#"127.0.0.1:36940 [24/Nov/2026:10:27:33.823] f b/<NOSRV> 0/-1/-1/-1/0 503 217 - - SC-- 1/1/0/0/0 0/0 "GET /x HTTP/1.1""#,
                json!({"client": "127.0.0.1:36940", "method": "GET", "path": "/x", "protocol": "HTTP/1.1", "status": 503, "bytes": 217}),
            ),
            (
                "1795516058.366      0 127.0.0.1 TCP_DENIED/403 3448 GET http://127.0.0.1:9/x - HIER_NONE/- text/html",
                json!({"client": "127.0.0.1", "method": "GET", "path": "http://127.0.0.1:9/x", "status": 403, "bytes": 3448}),
            ),
        ] {
            let access = Access::of(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(Value::Object(access.fields()), expected, "{text}");
        }
    }

    #[test]
    fn leaves_other_lines_alone() {
        for text in [
            "",
            "GET /orders 500 items",
            "GET /orders 500 3 items",
            "please GET /x 404 1 ms",
            "GET /x",
            r#""GET /x" 20"#,
            "TCP_MISS/200",
            "a/b 500",
        ] {
            assert!(Access::of(text).is_none(), "{text}");
        }
    }
}
