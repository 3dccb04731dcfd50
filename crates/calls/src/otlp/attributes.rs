//! What OpenTelemetry calls the facts of a call: its semantic conventions, version 1.37.

use model::call::Call;
use model::exchange::{Protocol, TopicRole};
use serde_json::{Value, json};

use crate::body::body_text;
use crate::judge::header;

/// Bytes of a statement that go out at most.
const STATEMENT: usize = 4096;

/// An attribute that is a text.
pub(super) fn text(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

/// 64 bits do not fit into a number of JSON, so they are a text there.
fn number(key: &str, value: i64) -> Value {
    json!({ "key": key, "value": { "intValue": value.to_string() } })
}

/// The attributes of the caller's or of the callee's span.
pub(super) fn of(call: &Call, is_callers: bool) -> Vec<Value> {
    let mut all = Attributes(Vec::new());
    match call.protocol {
        Protocol::Http1 | Protocol::Http2 | Protocol::WebSocket => http(&mut all, call, is_callers),
        Protocol::Grpc => grpc(&mut all, call),
        Protocol::Redis => database(&mut all, call, "redis"),
        Protocol::Postgres => database(&mut all, call, "postgresql"),
        Protocol::Mysql => database(&mut all, call, "mysql"),
        Protocol::Mongodb => database(&mut all, call, "mongodb"),
        Protocol::Kafka => messaging(&mut all, call, "kafka"),
        Protocol::Amqp => messaging(&mut all, call, "rabbitmq"),
        Protocol::Nats => messaging(&mut all, call, "nats"),
        Protocol::Mqtt => messaging(&mut all, call, "mqtt"),
        Protocol::Dns => all.text("dns.question.name", &call.target),
        Protocol::Tls => all.text("tls.client.server_name", &call.target),
        Protocol::Tcp => {}
    }
    let (near, far) = if is_callers { (&call.from, &call.to) } else { (&call.to, &call.from) };
    let server = call.to.host.clone().unwrap_or_else(|| match call.to.service.as_str() {
        model::call::OUTSIDE => call.to.addr.ip().to_string(),
        service => service.to_owned(),
    });
    all.text("server.address", &server);
    all.number("server.port", call.to.addr.port().into());
    if !is_callers {
        all.text("client.address", &call.from.addr.ip().to_string());
    }
    all.text("network.local.address", &near.addr.ip().to_string());
    all.text("network.peer.address", &far.addr.ip().to_string());
    all.number("network.peer.port", far.addr.port().into());
    all.text("network.protocol.name", network(call.protocol).0);
    all.text("network.protocol.version", network(call.protocol).1);
    if !call.ok {
        all.text("error.type", call.status.as_deref().unwrap_or("_OTHER"));
    }
    all.text("shoal.call.id", &call.id);
    all.text("shoal.call.quality", call.quality.name());
    all.0
}

struct Attributes(Vec<Value>);

impl Attributes {
    /// What is not known is left out.
    fn text(&mut self, key: &str, value: &str) {
        if !value.is_empty() {
            self.0.push(text(key, value));
        }
    }

    fn number(&mut self, key: &str, value: i64) {
        self.0.push(number(key, value));
    }
}

fn http(all: &mut Attributes, call: &Call, is_callers: bool) {
    if call.protocol != Protocol::WebSocket {
        all.text("http.request.method", &call.method);
        if let Some(status) = call.status.as_ref().and_then(|status| status.parse::<u16>().ok()) {
            all.number("http.response.status_code", status.into());
        }
        let route = call.route.split_once(' ').map_or("", |(_, route)| route);
        let route = if route.starts_with('/') { route } else { "" };
        all.text(if is_callers { "url.template" } else { "http.route" }, route);
        all.number("http.request.body.size", call.request.bytes as i64);
        if let Some(response) = &call.response {
            all.number("http.response.body.size", response.bytes as i64);
        }
    }
    let scheme = match (call.protocol, call.decrypted) {
        (Protocol::WebSocket, false) => "ws",
        (Protocol::WebSocket, true) => "wss",
        (_, false) => "http",
        (_, true) => "https",
    };
    all.text("url.scheme", scheme);
    all.text("url.path", &call.path);
    all.text("url.query", call.target.split_once('?').map_or("", |(_, query)| query));
    if is_callers {
        let rest = if call.target.starts_with('/') { call.target.as_str() } else { call.path.as_str() };
        let host = header(&call.request, ":authority").or_else(|| header(&call.request, "host"));
        let host = host.map_or_else(|| call.to.addr.to_string(), str::to_owned);
        all.text("url.full", &format!("{scheme}://{host}{rest}"));
    }
    all.text("user_agent.original", header(&call.request, "user-agent").unwrap_or_default());
}

fn grpc(all: &mut Attributes, call: &Call) {
    all.text("rpc.system", "grpc");
    if let Some((service, method)) = call.path.trim_start_matches('/').rsplit_once('/') {
        all.text("rpc.service", service);
        all.text("rpc.method", method);
    }
    let code = call.response.as_ref().and_then(|response| header(response, "grpc-status"));
    if let Some(code) = code.and_then(|code| code.trim().parse().ok()) {
        all.number("rpc.grpc.status_code", code);
    }
}

fn database(all: &mut Attributes, call: &Call, system: &str) {
    all.text("db.system.name", system);
    all.text("db.operation.name", &call.method);
    all.text("db.query.summary", &call.operation);
    let statement = call.request.media.as_deref() == Some("application/sql");
    if statement && let Some(text) = body_text(&call.request) {
        all.text("db.query.text", start(&text));
        all.text("db.collection.name", &call.target);
    } else if call.protocol == Protocol::Mongodb {
        all.text("db.collection.name", &call.target);
    }
    if let Some(status) = call.status.as_ref().filter(|_| !call.ok) {
        all.text("db.response.status_code", status);
    }
    if call.topic.is_some() {
        messaging(all, call, system);
    }
}

fn messaging(all: &mut Attributes, call: &Call, system: &str) {
    all.text("messaging.system", system);
    all.text("messaging.operation.name", &call.method);
    let Some(topic) = &call.topic else { return };
    all.text("messaging.destination.name", &topic.name);
    let role = match topic.role {
        TopicRole::Sends => "send",
        TopicRole::Receives => "receive",
    };
    all.text("messaging.operation.type", role);
    if let Some(key) = &topic.key {
        let name = if call.protocol == Protocol::Kafka {
            "messaging.kafka.message.key"
        } else {
            "messaging.message.conversation_id"
        };
        all.text(name, key);
    }
}

fn network(protocol: Protocol) -> (&'static str, &'static str) {
    match protocol {
        Protocol::Http1 => ("http", "1.1"),
        Protocol::Http2 | Protocol::Grpc => ("http", "2"),
        Protocol::Tcp => ("", ""),
        other => (other.name(), ""),
    }
}

fn start(text: &str) -> &str {
    text.get(..text.floor_char_boundary(STATEMENT)).unwrap_or(text)
}
