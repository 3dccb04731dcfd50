//! The cookies of a message, as archives list them.

use model::exchange::Message;
use serde_json::{Value, json};

use crate::REDACTED;

/// What is told of cookies whose header is hidden as a whole, which by default all are.
const HIDDEN: &str = "its cookies are hidden, names and values";

/// Puts the list into a request or response of an archive. Names that are hidden cannot be listed, so a comment says that
/// there were some.
pub(super) fn put(into: &mut Value, message: &Message) {
    let mut cookies = Vec::new();
    for (name, value) in &message.headers {
        let sent = name.eq_ignore_ascii_case("cookie");
        if !sent && !name.eq_ignore_ascii_case("set-cookie") {
            continue;
        }
        if value.trim() == REDACTED {
            into["comment"] = HIDDEN.into();
        } else if sent {
            cookies.extend(value.split(';').filter_map(pair));
        } else {
            cookies.extend(set(value));
        }
    }
    into["cookies"] = cookies.into();
}

/// `sid=1` (RFC 6265, section 4.2.1).
fn pair(text: &str) -> Option<Value> {
    let (name, value) = text.trim().split_once('=')?;
    Some(json!({ "name": name, "value": value }))
}

/// `sid=1; Path=/; HttpOnly` (RFC 6265, section 4.1.1). Archives want `expires` in another form than it was sent in, so
/// it is in the headers only.
fn set(text: &str) -> Option<Value> {
    let mut parts = text.split(';').map(str::trim);
    let mut cookie = pair(parts.next()?)?;
    for part in parts {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        match name.to_ascii_lowercase().as_str() {
            "path" => cookie["path"] = value.into(),
            "domain" => cookie["domain"] = value.into(),
            "httponly" => cookie["httpOnly"] = true.into(),
            "secure" => cookie["secure"] = true.into(),
            _ => {}
        }
    }
    Some(cookie)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(headers: &[(&str, &str)]) -> Value {
        let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let mut into = json!({});
        put(&mut into, &Message { headers, ..Message::default() });
        into
    }

    #[test]
    fn cookies_are_listed_as_far_as_they_are_known() {
        for (headers, expected) in [
            (&[("accept", "a=b")][..], json!({ "cookies": [] })),
            (
                &[("Cookie", "sid=[redacted]; theme=a=b; odd")],
                json!({ "cookies": [{ "name": "sid", "value": "[redacted]" }, { "name": "theme", "value": "a=b" }] }),
            ),
            (
                &[
                    ("set-cookie", "sid=1; Path=/a; HttpOnly; Secure; Max-Age=3"),
                    ("Set-Cookie", "t=2; domain=x"),
                ],
                json!({ "cookies": [
                    { "name": "sid", "value": "1", "path": "/a", "httpOnly": true, "secure": true },
                    { "name": "t", "value": "2", "domain": "x" },
                ] }),
            ),
            (&[("cookie", "[redacted]")], json!({ "comment": HIDDEN, "cookies": [] })),
        ] {
            assert_eq!(listed(headers), expected, "{headers:?}");
        }
    }
}
