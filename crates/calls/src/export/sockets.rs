//! What went over a `WebSocket`, in the form that Chrome writes into archives.

use model::call::Call;
use model::exchange::Message;
use serde_json::{Value, json};

use super::base64;

/// `_webSocketMessages`: both directions in the order of time. What Chrome does not write is there too: pings, pongs and
/// closes, and the size of a message that was not kept whole.
pub(super) fn messages(call: &Call) -> Vec<Value> {
    let empty = Message::default();
    let response = call.response.as_ref().unwrap_or(&empty);
    let sent = each(&call.request, "send");
    let mut all: Vec<(i64, Value)> = sent.chain(each(response, "receive")).collect();
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, message)| message).collect()
}

fn each<'m>(message: &'m Message, direction: &'static str) -> impl Iterator<Item = (i64, Value)> + 'm {
    let mut rest = message.body.as_slice();
    message.parts.iter().map(move |part| {
        let (bytes, behind) = rest.split_at(rest.len().min(part.kept as usize));
        rest = behind;
        let opcode = opcode(&part.kind);
        let data = match std::str::from_utf8(bytes) {
            Ok(text) if opcode != BINARY => text.to_owned(),
            // A letter may be cut in half.
            Err(_) if opcode == TEXT => String::from_utf8_lossy(bytes).into_owned(),
            Ok(_) | Err(_) => base64::encode(bytes),
        };
        let mut told =
            json!({ "type": direction, "time": part.at.0 as f64 / 1e9, "opcode": opcode, "data": data });
        if (bytes.len() as u64) < part.bytes {
            told["_bytes"] = part.bytes.into();
        }
        (part.at.0, told)
    })
}

const TEXT: u8 = 1;
const BINARY: u8 = 2;

/// RFC 6455, section 11.8.
fn opcode(kind: &str) -> u8 {
    match kind.split(' ').next().unwrap_or_default() {
        "continuation" => 0,
        "text" => TEXT,
        "close" => 8,
        "ping" => 9,
        "pong" => 10,
        _ => BINARY,
    }
}
