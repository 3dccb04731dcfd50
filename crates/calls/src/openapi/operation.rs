//! One method of one path.

use std::collections::{BTreeMap, BTreeSet};

use model::call::Call;
use model::exchange::Message;
use serde_json::{Map, Value, json};

use super::schema::Shape;
use super::{multipart, params};
use crate::body::{body_text, content_type};

/// No more names of a query are told: then they are values.
const QUERY: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Operation {
    calls: u64,
    callers: BTreeSet<String>,
    path: Vec<Shape>,
    query: BTreeMap<String, Parameter>,
    request: Bodies,
    /// How many requests had a body.
    with_body: u64,
    answers: BTreeMap<String, Answer>,
}

#[derive(Debug, Default)]
struct Parameter {
    /// How many requests had it.
    calls: u64,
    /// Some had it several times.
    repeated: bool,
    shape: Shape,
}

#[derive(Debug, Default)]
struct Answer {
    bodies: Bodies,
}

/// By content type.
type Bodies = BTreeMap<String, Body>;

#[derive(Debug, Default)]
struct Body {
    shape: Shape,
    /// One at least could not be read: nothing is said of any.
    opaque: bool,
}

impl Operation {
    pub(super) fn add(&mut self, call: &Call, template: &str) {
        self.calls += 1;
        if !self.callers.contains(&call.from.service) {
            self.callers.insert(call.from.service.clone());
        }
        let values = params::values(template, &call.path);
        self.path.resize_with(values.len(), Shape::default);
        for (shape, value) in self.path.iter_mut().zip(values) {
            shape.add(&value.map_or_else(|| "".into(), params::scalar));
        }
        self.add_query(&call.target);
        self.with_body += u64::from(add_body(&mut self.request, &call.request));
        if let Some(status) = &call.status {
            let answer = self.answers.entry(status.clone()).or_default();
            // What answers `HEAD` has the type of a body, and none.
            if let Some(response) = call.response.as_ref().filter(|_| call.method != "HEAD") {
                add_body(&mut answer.bodies, response);
            }
        }
    }

    fn add_query(&mut self, target: &str) {
        let mut own: BTreeMap<String, u32> = BTreeMap::new();
        for (name, value) in params::query(target) {
            if !self.query.contains_key(&name) && self.query.len() >= QUERY {
                continue;
            }
            *own.entry(name.clone()).or_default() += 1;
            self.query.entry(name).or_default().shape.add(&params::scalar(&value));
        }
        for (name, times) in own {
            let parameter = self.query.entry(name).or_default();
            parameter.calls += 1;
            parameter.repeated |= times > 1;
        }
    }

    /// Whether anything but "there is no such thing" was ever answered.
    pub(super) fn is_offered(&self) -> bool {
        let absent = |status: &String| matches!(status.as_str(), "404" | "405" | "501");
        self.answers.is_empty() || !self.answers.keys().all(absent)
    }

    /// With these names for the parameters of its path.
    pub(super) fn describe(&self, names: &[String]) -> Value {
        let callers: Vec<String> = self.callers.iter().map(|name| format!("`{name}`")).collect();
        let mut shown = json!({ "description": format!("Called by {}.", callers.join(", ")) });
        let in_path = names.iter().zip(&self.path).map(
            |(name, shape)| json!({ "name": name, "in": "path", "required": true, "schema": shape.schema() }),
        );
        let in_query = self.query.iter().map(|(name, parameter)| {
            let one = parameter.shape.schema();
            let schema = if parameter.repeated { json!({ "type": "array", "items": one }) } else { one };
            json!({ "name": name, "in": "query", "required": parameter.calls == self.calls, "schema": schema })
        });
        let parameters: Vec<Value> = in_path.chain(in_query).collect();
        if !parameters.is_empty() {
            shown["parameters"] = parameters.into();
        }
        if !self.request.is_empty() {
            shown["requestBody"] =
                json!({ "required": self.with_body == self.calls, "content": content(&self.request) });
        }
        let mut responses = Map::new();
        for (status, answer) in &self.answers {
            let mut response = json!({ "description": reason(status) });
            if !answer.bodies.is_empty() {
                response["content"] = content(&answer.bodies);
            }
            responses.insert(status.clone(), response);
        }
        if responses.is_empty() {
            responses.insert("default".to_owned(), json!({ "description": "No answer was seen" }));
        }
        shown["responses"] = Value::Object(responses);
        shown
    }
}

/// Whether there was a body.
fn add_body(bodies: &mut Bodies, message: &Message) -> bool {
    if message.body.is_empty() && message.bytes == 0 {
        return false;
    }
    let kind = content_type(message).unwrap_or_else(|| "application/octet-stream".to_owned());
    let body = bodies.entry(kind.clone()).or_default();
    match value(message, &kind) {
        // What was not kept whole says nothing; there may be others.
        _ if message.cut => {}
        Some(value) => body.shape.add(&value),
        None => body.opaque = true,
    }
    true
}

/// What a body holds; `None` where that cannot be told.
fn value(message: &Message, kind: &str) -> Option<Value> {
    // Its files may be anything.
    if kind == "multipart/form-data" {
        return multipart::fields(message);
    }
    let text = body_text(message)?;
    match kind {
        "application/json" => serde_json::from_str(&text).ok(),
        "application/x-www-form-urlencoded" => {
            let fields = params::query(&format!("?{text}")).collect::<Vec<_>>();
            Some(fields.into_iter().map(|(name, value)| (name, Value::String(value))).collect())
        }
        _ if kind.ends_with("+json") => serde_json::from_str(&text).ok(),
        // A text says nothing by how it looks.
        _ => Some("".into()),
    }
}

fn content(bodies: &Bodies) -> Value {
    let media = bodies.iter().map(|(kind, body)| {
        let known = !body.opaque && !body.shape.is_empty();
        (kind.clone(), if known { json!({ "schema": body.shape.schema() }) } else { json!({}) })
    });
    Value::Object(media.collect())
}

/// RFC 9110, section 15; what is not there has only its class.
fn reason(status: &str) -> &'static str {
    match status {
        "101" => "Switching Protocols",
        "200" => "OK",
        "201" => "Created",
        "202" => "Accepted",
        "204" => "No Content",
        "206" => "Partial Content",
        "301" => "Moved Permanently",
        "302" => "Found",
        "303" => "See Other",
        "304" => "Not Modified",
        "307" => "Temporary Redirect",
        "308" => "Permanent Redirect",
        "400" => "Bad Request",
        "401" => "Unauthorized",
        "403" => "Forbidden",
        "404" => "Not Found",
        "405" => "Method Not Allowed",
        "409" => "Conflict",
        "410" => "Gone",
        "415" => "Unsupported Media Type",
        "422" => "Unprocessable Content",
        "429" => "Too Many Requests",
        "500" => "Internal Server Error",
        "502" => "Bad Gateway",
        "503" => "Service Unavailable",
        "504" => "Gateway Timeout",
        _ => match status.as_bytes().first() {
            Some(b'2') => "Success",
            Some(b'3') => "Redirection",
            Some(b'4') => "The request was refused",
            Some(b'5') => "The service failed",
            _ => "Answered",
        },
    }
}
