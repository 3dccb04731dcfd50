//! Calls as an HTTP Archive 1.2, as browsers' developer tools read it.

use std::borrow::Borrow;
use std::collections::HashMap;

use model::Timestamp;
use model::call::Call;
use model::exchange::{Ending, Message, Protocol, Quality};
use serde_json::{Value, json};

use super::{Url, base64, cookies, kept, sockets};
use crate::body::body_text;
use crate::judge::header;
use crate::protobuf::Rules;

/// An archive, and what is not in it.
#[derive(Debug)]
pub struct Archive {
    /// It itself.
    pub json: Value,
    /// How many calls of other protocols were left out; a comment in the archive says it too.
    pub left_out: usize,
}

/// The archive of what is HTTP. Messages of a WebSocket are with the request that switched to it, or have an entry of
/// their own where that is not among the calls.
pub fn har(calls: impl Iterator<Item = impl Borrow<Call>>, rules: Rules<'_>) -> Archive {
    let mut entries: Vec<Value> = Vec::new();
    let mut switched: HashMap<String, usize> = HashMap::new();
    let mut left_out = 0;
    for call in calls {
        let call: &Call = call.borrow();
        match call.protocol {
            Protocol::Http1 | Protocol::Http2 | Protocol::Grpc if !call.method.is_empty() => {
                if call.status.as_deref() == Some("101") {
                    switched.insert(call.conn.clone(), entries.len());
                }
                entries.push(entry(call, rules));
            }
            Protocol::WebSocket => {
                let known = switched.get(call.conn.as_str()).and_then(|place| entries.get_mut(*place));
                let at = if let Some(at) = known {
                    at
                } else {
                    entries.push(entry(call, rules));
                    let Some(last) = entries.last_mut() else { continue };
                    last
                };
                at["_resourceType"] = "websocket".into();
                at["_webSocketMessages"] = sockets::messages(call).into();
            }
            _ => left_out += 1,
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
    Archive { json: json!({ "log": log }), left_out }
}

fn entry(call: &Call, rules: Rules<'_>) -> Value {
    let mut entry = json!({
        "startedDateTime": moment(call.ts),
        "time": call.ms.unwrap_or(0.0),
        "request": request(call, rules),
        "response": response(call, rules),
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

fn request(call: &Call, rules: Rules<'_>) -> Value {
    let query = call.target.split_once('?').map_or("", |(_, query)| query);
    let query = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        json!({ "name": name, "value": value })
    });
    let mut request = json!({
        // A WebSocket begins with a GET (RFC 6455, section 4.1).
        "method": if call.protocol == Protocol::WebSocket { "GET" } else { &call.method },
        "url": Url::of(call).text(),
        "httpVersion": version(call),
        "cookies": [],
        "headers": headers(&call.request),
        "queryString": query.collect::<Vec<_>>(),
        "headersSize": -1,
        "bodySize": call.request.bytes,
    });
    if call.protocol != Protocol::WebSocket && !call.request.body.is_empty() {
        let mut data = json!({ "mimeType": header(&call.request, "content-type").unwrap_or_default() });
        put_body(&mut data, call, &call.request, rules);
        // HAR knows an encoding of what was received, and none of what was sent.
        if let Some(fields) = data.as_object_mut()
            && fields.remove("encoding").is_some()
        {
            let coded = fields.insert("text".to_owned(), "".into()).unwrap_or_default();
            fields.insert("_base64".to_owned(), coded);
            let cut = fields.get("comment").and_then(Value::as_str).map(|cut| format!("; {cut}"));
            let comment = format!("no text: `_base64` has its bytes{}", cut.unwrap_or_default());
            fields.insert("comment".to_owned(), comment.into());
        }
        request["postData"] = data;
    }
    cookies::put(&mut request, &call.request);
    request
}

fn response(call: &Call, rules: Rules<'_>) -> Value {
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
    put_body(&mut content, call, message, rules);
    let mut response = json!({
        "status": status(call, message),
        "statusText": "",
        "httpVersion": version(call),
        "cookies": [],
        "headers": headers(message),
        "content": content,
        "redirectURL": header(message, "location").unwrap_or_default(),
        "headersSize": -1,
        "bodySize": call.response.as_ref().map_or(-1, |message| message.bytes as i64),
    });
    cookies::put(&mut response, message);
    if let Some(error) = error(call) {
        response["_error"] = error.into();
    }
    if call.protocol == Protocol::Grpc
        && let Some(status) = &call.status
    {
        response["_grpcStatus"] = status.as_str().into();
    }
    response
}

fn version(call: &Call) -> &'static str {
    let http2 = match call.protocol {
        Protocol::Http2 => true,
        // gRPC-Web runs over either; only HTTP/2 has pseudo-headers.
        Protocol::Grpc => header(&call.request, ":scheme").is_some(),
        _ => false,
    };
    if http2 { "HTTP/2" } else { "HTTP/1.1" }
}

/// HTTP's status; 0 where none was seen. A call with a status of gRPC's had 200 (gRPC over HTTP/2, "Responses"), and a
/// WebSocket whose beginning was seen had 101.
fn status(call: &Call, response: &Message) -> u16 {
    match call.protocol {
        Protocol::WebSocket if call.quality == Quality::MidStream => 0,
        Protocol::WebSocket => 101,
        Protocol::Grpc if header(response, "grpc-status").is_some() => 200,
        _ => call.status.as_deref().and_then(|status| status.parse().ok()).unwrap_or(0),
    }
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
    let told = message.headers.iter().filter(|(name, _)| !name.starts_with(':'));
    told.map(|(name, value)| json!({ "name": name, "value": value })).collect()
}

fn put_body(into: &mut Value, call: &Call, message: &Message, rules: Rules<'_>) {
    match call.protocol {
        // They have a place of their own.
        Protocol::WebSocket => return,
        // Only who knows its fields knows what must be hidden.
        Protocol::Grpc => {
            match rules.messages(call, message) {
                Ok(messages) if messages.is_empty() => {}
                Ok(messages) => {
                    into["text"] = messages.join("\n").into();
                    into["comment"] = "the messages as JSON, one a line".into();
                }
                Err(why) => into["comment"] = format!("without its messages: {why}").into(),
            }
            return;
        }
        _ => {}
    }
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

/// `send` to the request's last byte, `wait` to the response's first, `receive` to its last. HAR has -1 only for the
/// others, so what was not seen is 0 and a comment says it.
fn timings(call: &Call) -> Value {
    let between = |from: Timestamp, to: Timestamp| to.since(from).as_nanos() as f64 / 1e6;
    let request = &call.request;
    let send = between(request.first, request.last);
    let (wait, receive) = match &call.response {
        Some(response) => (between(request.last, response.first), between(response.first, response.last)),
        None => (0.0, 0.0),
    };
    let mut timings = json!({ "blocked": -1, "dns": -1, "connect": -1, "ssl": -1, "send": send, "wait": wait, "receive": receive });
    if call.response.is_none() {
        timings["comment"] = "no response was seen, so `wait` and `receive` are not known".into();
    }
    timings
}

/// To the millisecond, which every reader of archives understands.
fn moment(at: Timestamp) -> String {
    let text = at.to_string();
    let kept = text.split('.').next().unwrap_or_default();
    format!("{kept}.{:03}Z", at.subsec_nanos() / 1_000_000)
}
