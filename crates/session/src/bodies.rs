//! Messages of calls in the contract's form: headers, and bodies as something to read.

use api::shape::{CallMessage, FormPart, PartShape};
use calls::protobuf::{self, Decoded, Rules};
use model::call::Call;
use model::exchange::{FIRST_PARTS, Message, Protocol};

pub(crate) fn message(call: &Call, message: &Message, whole: bool, rules: Rules<'_>) -> CallMessage {
    let mut shown = CallMessage {
        bytes: message.bytes.into(),
        headers: None,
        body: None,
        binary: false,
        truncated: message.cut,
        decoded: message.decoded,
        media: message.media.clone(),
        fields: None,
        form: Vec::new(),
        parts: Vec::new(),
    };
    if whole {
        shown.parts = parts(call, message, rules);
        shown.headers = Some(headers(&message.headers));
        shown.form = form(message);
        let parts = shown.parts.iter().zip(&message.parts);
        let mut secret = parts.into_iter().any(|(shown, part)| part.kept > 0 && shown.body.is_none());
        if protobuf::is_body(message) {
            let is_request = std::ptr::eq(message, &raw const call.request);
            let decoded = rules.schemas.decode(&call.path, is_request, &message.body, message.cut);
            let said = Said::of(decoded, rules);
            (shown.fields, secret) = (said.text, said.secret);
        }
        if !message.body.is_empty() && !secret {
            let text = calls::body_text(message);
            shown.binary = text.is_none();
            shown.body = Some(text.map_or_else(|| hex(&message.body), std::borrow::Cow::into_owned));
        }
    }
    shown
}

fn parts(call: &Call, message: &Message, rules: Rules<'_>) -> Vec<PartShape> {
    let mut rest = message.body.as_slice();
    let mut shown = Vec::with_capacity(message.parts.len());
    for (number, part) in message.parts.iter().enumerate() {
        let left_out = if number == FIRST_PARTS { message.left_out() } else { 0 };
        let (bytes, behind) = rest.split_at(rest.len().min(part.kept as usize));
        rest = behind;
        // Bytes of protobuf may happen to be a text.
        let grpc = call.protocol == Protocol::Grpc;
        let text = std::str::from_utf8(bytes).ok().filter(|_| !grpc);
        let is_request = std::ptr::eq(message, &raw const call.request);
        let cut = (bytes.len() as u64) < part.bytes;
        let decoded = grpc.then(|| rules.schemas.decode(&call.target, is_request, bytes, cut)).flatten();
        let said = Said::of(decoded, rules);
        shown.push(PartShape {
            decoded: said.text,
            media: said.media.map(str::to_owned),
            ts: part.at.to_string(),
            left_out: left_out.into(),
            kind: part.kind.clone(),
            bytes: part.bytes.into(),
            binary: text.is_none(),
            // Its bytes would still tell what is hidden.
            body: (!bytes.is_empty() && !said.secret).then(|| text.map_or_else(|| hex(bytes), str::to_owned)),
        });
    }
    shown
}

/// What a message of protobuf says.
#[derive(Default)]
struct Said {
    text: Option<String>,
    media: Option<&'static str>,
    /// Something in it is hidden.
    secret: bool,
}

impl Said {
    fn of(decoded: Option<Decoded>, rules: Rules<'_>) -> Self {
        match decoded {
            Some(Decoded::Named(text)) => {
                let hidden = rules.redaction.json(&text);
                let secret = hidden.is_some();
                Self { text: Some(hidden.unwrap_or(text)), media: Some("application/json"), secret }
            }
            Some(Decoded::Raw(text)) => Self { text: Some(text), media: Some("text/plain"), secret: false },
            None => Self::default(),
        }
    }
}

fn form(message: &Message) -> Vec<FormPart> {
    let one = |part: calls::BodyPart<'_>| {
        let text = std::str::from_utf8(part.body).ok();
        FormPart {
            bytes: (part.body.len() as u64).into(),
            binary: text.is_none(),
            body: (!part.body.is_empty()).then(|| text.map_or_else(|| hex(part.body), str::to_owned)),
            truncated: part.cut,
            name: part.name,
            filename: part.filename,
            media: part.media,
        }
    };
    calls::body_parts(message).into_iter().map(one).collect()
}

fn headers(all: &[(String, String)]) -> serde_json::Map<String, serde_json::Value> {
    let mut map = serde_json::Map::new();
    for (name, value) in all {
        let name = name.to_ascii_lowercase();
        let joined = match map.get(&name).and_then(|v| v.as_str()) {
            Some(before) => format!("{before}, {value}"),
            None => value.clone(),
        };
        map.insert(name, joined.into());
    }
    map
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|b| [DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 15)]])
        .map(char::from)
        .collect()
}

#[cfg(test)]
mod tests {
    use calls::Calls;
    use calls::protobuf::{ProtoFile, Schemas};
    use model::Timestamp;
    use model::exchange::{Exchange, Part};
    use model::plan::CallsConfig;

    use super::*;
    use crate::translate::call;

    fn users() -> ProtoFile {
        let source =
            "syntax = \"proto3\"; package shop; service Users { rpc Login(Request) returns (Request); }
            message Request { string name = 1; string password = 2; }";
        ProtoFile { path: "users.proto".to_owned(), source: source.to_owned() }
    }

    #[test]
    fn secrets_of_grpc_are_hidden_once_their_names_are_known() {
        let (schemas, problems) = Schemas::read(vec![users()]);
        assert!(problems.is_empty(), "{problems:?}");
        let addr = "127.0.0.1:1".parse().unwrap();
        let at = Timestamp(1);
        let mut exchange = Exchange::new((1, 0), addr, addr, Protocol::Grpc, at);
        exchange.target = "/shop.Users/Login".to_owned();
        for text in ["\n\u{3}ann\u{12}\u{6}hunter", "\n\u{3}bob"] {
            let (bytes, kept) = (text.len() as u64, text.len() as u32);
            exchange.request.body.extend_from_slice(text.as_bytes());
            exchange.request.parts.push(Part { at, kind: "message".to_owned(), bytes, kept });
        }
        let mut calls = Calls::new(&CallsConfig::default(), calls::Limits::default(), "e");
        calls.observe(exchange);
        let rules = Rules { schemas: &schemas, redaction: calls.redaction() };
        let shown = call(calls.get("e-0").unwrap(), true, rules).request;
        assert_eq!(shown.body, None, "the whole body would tell it");
        let decoded: Vec<_> = shown.parts.iter().map(|part| part.decoded.as_deref().unwrap()).collect();
        assert!(decoded[0].contains("ann") && decoded[0].contains("[redacted]"), "{decoded:?}");
        assert!(decoded[1].contains("bob"), "{decoded:?}");
        assert_eq!(shown.parts[0].body, None);
        assert!(!serde_json::to_string(&shown).unwrap().contains("hunter"));
    }

    fn http(kind: &str, body: &[u8]) -> Calls {
        let addr = "127.0.0.1:1".parse().unwrap();
        let mut exchange = Exchange::new((1, 0), addr, addr, Protocol::Http1, Timestamp(1));
        (exchange.method, exchange.target) = ("POST".to_owned(), "/shop.Users/Login?connect=v1".to_owned());
        exchange.request.headers.push(("Content-Type".to_owned(), kind.to_owned()));
        (exchange.request.body, exchange.request.bytes) = (body.to_vec(), body.len() as u64);
        let mut calls = Calls::new(&CallsConfig::default(), calls::Limits::default(), "e");
        calls.observe(exchange);
        calls
    }

    #[test]
    fn protobuf_in_http_is_shown_by_field_and_by_the_schemas_of_its_path() {
        let calls = http("application/proto", b"\n\x03ann\x12\x06hunter");
        let rules = |schemas| Rules { schemas, redaction: calls.redaction() };
        let nothing = Schemas::default();
        let shown = call(calls.get("e-0").unwrap(), true, rules(&nothing)).request;
        assert_eq!(shown.fields.as_deref(), Some("1: \"ann\"\n2: \"hunter\"\n"));
        assert!(shown.body.is_some());
        let (schemas, _) = Schemas::read(vec![users()]);
        let shown = call(calls.get("e-0").unwrap(), true, rules(&schemas)).request;
        let fields = shown.fields.as_deref().unwrap_or_default();
        assert!(fields.contains("ann") && fields.contains("[redacted]"), "{fields}");
        assert!(!serde_json::to_string(&shown).unwrap().contains("hunter"));
        assert_eq!(shown.body, None, "the body would tell it");
    }

    #[test]
    fn a_form_is_shown_by_its_parts_and_its_secrets_are_hidden() {
        let body = b"--B\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nhunter\r\n\
            --B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x.png\"\r\nContent-Type: image/png\r\n\r\n\
            \x89PNG\r\n--B--\r\n";
        let calls = http("multipart/form-data; boundary=B", body);
        let nothing = Schemas::default();
        let rules = Rules { schemas: &nothing, redaction: calls.redaction() };
        let shown = call(calls.get("e-0").unwrap(), true, rules).request;
        let [password, file] = &shown.form[..] else { panic!("{:?}", shown.form) };
        assert_eq!(password.body.as_deref(), Some("[redacted]"));
        assert_eq!((file.name.as_deref(), file.filename.as_deref()), (Some("f"), Some("x.png")));
        assert_eq!((file.body.as_deref(), file.binary), (Some("89504e47"), true));
        assert!(!serde_json::to_string(&shown).unwrap().contains("hunter"));
    }

    #[test]
    fn headers_of_one_name_are_joined() {
        let all = [("Set-Cookie", "a=1"), ("Host", "x"), ("set-cookie", "b=2")];
        let all: Vec<_> = all.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let map = headers(&all);
        assert_eq!(map["set-cookie"], "a=1, b=2");
        assert_eq!(map.keys().collect::<Vec<_>>(), ["set-cookie", "host"]);
        assert_eq!(hex(&[0, 0xab]), "00ab");
    }
}
