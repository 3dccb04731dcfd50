//! Calls as an HTTP Archive 1.2, as browsers' developer tools read it.

use model::Timestamp;
use model::call::Call;
use model::exchange::{Ending, Message, Protocol};
use serde_json::{Value, json};

use super::{Url, base64, kept};
use crate::body::body_text;
use crate::judge::header;

/// The archive. Calls of other protocols are left out; a comment says how many.
pub fn har<'a>(calls: impl Iterator<Item = &'a Call>) -> Value {
    let mut entries = Vec::new();
    let mut left_out = 0;
    for call in calls {
        if call.protocol == Protocol::Http1 && !call.method.is_empty() {
            entries.push(entry(call));
        } else {
            left_out += 1;
        }
    }
    let mut log = json!({
        "version": "1.2",
        "creator": { "name": "Shoal", "version": env!("CARGO_PKG_VERSION") },
        "entries": entries,
    });
    if left_out > 0 {
        let what =
            if left_out == 1 { "call of another protocol was" } else { "calls of other protocols were" };
        log["comment"] = format!("{left_out} {what} left out").into();
    }
    json!({ "log": log })
}

fn entry(call: &Call) -> Value {
    let mut entry = json!({
        "startedDateTime": moment(call.ts),
        "time": call.ms.unwrap_or(0.0),
        "request": request(call),
        "response": response(call),
        "cache": {},
        "timings": timings(call),
        "serverIPAddress": call.to.addr.ip().to_string(),
        "connection": call.conn,
        "_id": call.id,
        "_from": call.from.service,
        "_to": call.to.service,
        "_quality": call.quality.name(),
    });
    if let Some(note) = &call.note {
        entry["comment"] = note.as_str().into();
    }
    entry
}

fn request(call: &Call) -> Value {
    let query = call.target.split_once('?').map_or("", |(_, query)| query);
    let query = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        json!({ "name": name, "value": value })
    });
    let mut request = json!({
        "method": call.method,
        "url": Url::of(call).text(),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": headers(&call.request),
        "queryString": query.collect::<Vec<_>>(),
        "headersSize": -1,
        "bodySize": call.request.bytes,
    });
    if !call.request.body.is_empty() {
        let mut data = json!({ "mimeType": header(&call.request, "content-type").unwrap_or_default() });
        put_body(&mut data, &call.request);
        request["postData"] = data;
    }
    request
}

fn response(call: &Call) -> Value {
    let empty = Message::default();
    let message = call.response.as_ref().unwrap_or(&empty);
    let size = if message.decoded && !message.cut { message.body.len() as u64 } else { message.bytes };
    let mut content = json!({
        "size": size,
        "mimeType": header(message, "content-type").unwrap_or("x-unknown"),
    });
    if message.decoded && !message.cut {
        content["compression"] = (size as i64 - message.bytes as i64).into();
    }
    put_body(&mut content, message);
    let status = call.status.as_deref().and_then(|status| status.parse::<u16>().ok()).unwrap_or(0);
    let mut response = json!({
        "status": status,
        "statusText": "",
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": headers(message),
        "content": content,
        "redirectURL": header(message, "location").unwrap_or_default(),
        "headersSize": -1,
        "bodySize": call.response.as_ref().map_or(-1, |message| message.bytes as i64),
    });
    if let Some(error) = error(call) {
        response["_error"] = error.into();
    }
    response
}

fn error(call: &Call) -> Option<&'static str> {
    match call.ending {
        _ if call.status.is_some() => None,
        _ if !call.done => Some("no response yet"),
        Ending::Refused => Some("connection refused"),
        Ending::NoAnswer => Some("no answer to the connect"),
        Ending::Reset => Some("connection reset"),
        Ending::Open | Ending::Closed | Ending::Idle => Some("response not seen"),
    }
}

fn headers(message: &Message) -> Vec<Value> {
    message.headers.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect()
}

fn put_body(into: &mut Value, message: &Message) {
    if let Some(text) = body_text(message) {
        into["text"] = text.into();
    } else if !message.body.is_empty() {
        into["text"] = base64::encode(&message.body).into();
        into["encoding"] = "base64".into();
    }
    if message.cut {
        into["comment"] = format!("{} were kept", kept(message)).into();
    }
}

/// `send` to the request's last byte, `wait` to the response's first, `receive` to its last; -1 where nothing was seen.
fn timings(call: &Call) -> Value {
    let between = |from: Timestamp, to: Timestamp| to.since(from).as_nanos() as f64 / 1e6;
    let request = &call.request;
    let send = between(request.first, request.last);
    let (wait, receive) = match &call.response {
        Some(response) => (between(request.last, response.first), between(response.first, response.last)),
        None => (-1.0, -1.0),
    };
    json!({ "blocked": -1, "dns": -1, "connect": -1, "ssl": -1, "send": send, "wait": wait, "receive": receive })
}

/// To the millisecond, which every reader of archives understands.
fn moment(at: Timestamp) -> String {
    let text = at.to_string();
    let kept = text.split('.').next().unwrap_or_default();
    format!("{kept}.{:03}Z", at.subsec_nanos() / 1_000_000)
}
