//! `shoal calls replay`: a call made again, and what is different about its answer.

mod columns;
mod diff;

use std::collections::BTreeMap;

use api::Client;
use api::commands::command;
use api::shape::{CallMessage, ReplayRequest, ReplayResult};

use columns::columns;
use diff::diff;

use crate::failure::Failure;
use crate::print::{self, Paint};

/// Headers that differ each time and say nothing by it.
const ALWAYS: [&str; 1] = ["date"];

pub(super) async fn run(
    client: &Client,
    id: &str,
    set: &[String],
    without: &[String],
    json: bool,
) -> Result<(), Failure> {
    let request = ReplayRequest { without: without.to_vec(), ..request(id, set)? };
    let result = client.call(command::replay, &request).await?;
    if json {
        return print::json(&result);
    }
    if !result.left_out.is_empty() {
        let names: Vec<String> = result.left_out.iter().map(|name| format!("`{name}`")).collect();
        print::note(&format!(
            "sent without {}: what is hidden goes out only if given, such as `--set header.{}=VALUE`",
            names.join(", "),
            result.left_out[0]
        ));
    }
    if let Some(note) = &result.note {
        print::note(note);
    }
    let paint = Paint::stdout();
    let lines = match print::columns().filter(|width| *width >= columns::LEAST) {
        Some(width) => columns(&result, width, paint),
        None => shown(&result, paint),
    };
    lines.iter().try_for_each(|line| print::line(line))
}

/// What to change.
fn request(id: &str, set: &[String]) -> Result<ReplayRequest, Failure> {
    let mut request = ReplayRequest { id: id.to_owned(), ..ReplayRequest::default() };
    for edit in set {
        let wrong = || {
            Failure::usage(format!(
                "`{edit}` changes nothing; write `method=`, `path=`, `query.NAME=`, `header.NAME=` or `body=`"
            ))
        };
        let (what, value) = edit.split_once('=').ok_or_else(wrong)?;
        let value = value.to_owned();
        match what.split_once('.') {
            None if what == "method" => request.method = Some(value),
            None if what == "path" && value.starts_with('/') => request.path = Some(value),
            None if what == "body" => body(&mut request, value)?,
            Some(("query", name)) if !name.is_empty() => drop(request.query.insert(name.to_owned(), value)),
            Some(("header", name)) if !name.is_empty() => {
                request.headers.insert(name.to_owned(), value);
            }
            _ => return Err(wrong()),
        }
    }
    Ok(request)
}

fn body(request: &mut ReplayRequest, value: String) -> Result<(), Failure> {
    let Some(file) = value.strip_prefix('@') else {
        request.body = Some(value);
        return Ok(());
    };
    let bytes = std::fs::read(file).map_err(|e| Failure::usage(format!("`{file}` cannot be read: {e}")))?;
    request.body = Some(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(other) => {
            request.binary = true;
            let digits = other.as_bytes().iter().flat_map(|byte| [byte >> 4, byte & 15]);
            digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
        }
    });
    Ok(())
}

fn shown(result: &ReplayResult, paint: Paint) -> Vec<String> {
    let (was, now) = (&result.was, &result.now);
    let row = &was.row;
    let then = row.status.as_deref().unwrap_or("-");
    let status = |text: &str| if then == now.status { text.to_owned() } else { paint.amber(text) };
    let mut lines = vec![
        format!("{} {}", paint.bold(&row.operation), paint.dim(&format!("sent to {}", result.addr))),
        format!("was {} {:>9}", status(then), row.ms.map(print::span).unwrap_or_default()),
        format!("now {} {:>9}", status(&now.status), print::span(now.ms)),
    ];
    let empty = nothing();
    let before = was.response.as_ref().unwrap_or(&empty);
    let differs = |(name, old, new): &Pair<'_>| old != new && !ALWAYS.contains(name);
    for (name, old, new) in headers(before, &now.message).into_iter().filter(differs) {
        let side = |mark: &str, value: Option<&str>| value.map(|value| format!("{mark} {name}: {value}"));
        lines.extend(side("-", old).map(|line| paint.red(&line)));
        lines.extend(side("+", new).map(|line| paint.green(&line)));
    }
    let (old, new) = (text(before), text(&now.message));
    if old == new {
        lines.push(paint.dim(if new.is_empty() { "both have no body" } else { "the bodies are the same" }));
    } else {
        lines.push(String::new());
        lines.extend(diff(&old, &new).into_iter().map(|(mark, line)| match mark {
            '-' => paint.red(&format!("- {line}")),
            '+' => paint.green(&format!("+ {line}")),
            _ => format!("  {line}"),
        }));
    }
    if before.truncated || now.message.truncated {
        lines.push(paint.amber("[not all of the bodies was kept: see `body_limit` in the manifest]"));
    }
    lines
}

/// No message.
fn nothing() -> CallMessage {
    CallMessage {
        bytes: 0.into(),
        headers: None,
        body: None,
        binary: false,
        truncated: false,
        decoded: false,
        media: None,
        fields: None,
        form: Vec::new(),
        parts: Vec::new(),
    }
}

/// A header: its name, and its value then and now.
type Pair<'a> = (&'a str, Option<&'a str>, Option<&'a str>);

fn headers<'a>(was: &'a CallMessage, now: &'a CallMessage) -> Vec<Pair<'a>> {
    let mut both: BTreeMap<&str, [Option<&str>; 2]> = BTreeMap::new();
    for (side, message) in [was, now].into_iter().enumerate() {
        for (name, value) in message.headers.iter().flatten() {
            both.entry(name).or_default()[side] = value.as_str();
        }
    }
    both.into_iter().map(|(name, [old, new])| (name, old, new)).collect()
}

/// The body in lines that can be compared: JSON has one value a line.
fn text(message: &CallMessage) -> Vec<String> {
    let body = message.body.as_deref().unwrap_or_default();
    let json = serde_json::from_str::<serde_json::Value>(body).ok();
    let pretty = json.and_then(|json| serde_json::to_string_pretty(&json).ok());
    pretty.as_deref().unwrap_or(body).lines().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_change_is_read() {
        let set = ["method=PUT", "path=/a=b", "query.q=1=2", "header.X-A=b.c", "body={\"a\":1}"];
        let request = request("e-1", &set.map(str::to_owned)).unwrap();
        assert_eq!((request.method.as_deref(), request.path.as_deref()), (Some("PUT"), Some("/a=b")));
        assert_eq!((request.query["q"].as_str(), request.headers["X-A"].as_str()), ("1=2", "b.c"));
        assert_eq!((request.body.as_deref(), request.binary), (Some("{\"a\":1}"), false));
        for wrong in ["method", "path=a", "header.=x", "color=red", "status.x=1", "body=@/no/such/file"] {
            assert!(super::request("e-1", &[wrong.to_owned()]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn both_answers_are_compared() {
        let message = |headers: serde_json::Value, body: &str| serde_json::json!({ "bytes": body.len(), "headers": headers, "body": body });
        let mut now = message(serde_json::json!({ "date": "2", "x-a": "2" }), r#"{"a":1,"b":3}"#);
        (now["status"], now["ms"]) = ("500".into(), 2.5.into());
        let was = message(serde_json::json!({ "date": "1", "x-a": "1" }), r#"{"a":1,"b":2}"#);
        let result = serde_json::json!({ "addr": "127.0.0.1:1", "now": now, "was": {
            "id": "a", "ts": "2026-11-23T06:00:00Z", "protocol": "http/1",
            "from": { "service": "web", "addr": "" }, "to": { "service": "orders", "addr": "" },
            "operation": "GET /a", "ok": true, "conn": "", "quality": "complete", "status": "200", "ms": 1.0,
            "request": { "bytes": 0 }, "response": was,
        }});
        let shown = shown(&serde_json::from_value(result).unwrap(), Paint::none());
        assert_eq!(shown[0], "GET /a sent to 127.0.0.1:1");
        assert!(shown[1].starts_with("was 200") && shown[2].starts_with("now 500"), "{shown:?}");
        let rest: Vec<&str> = shown[3..].iter().map(|line| line.trim_end()).collect();
        assert_eq!(
            rest,
            ["- x-a: 1", "+ x-a: 2", "", "  {", "    \"a\": 1,", "-   \"b\": 2", "+   \"b\": 3", "  }"]
        );
    }
}
