//! How messages of gRPC become readable.

use model::call::Call;
use model::exchange::Message;

use super::{Decoded, Schemas};
use crate::Redaction;

/// How bodies of gRPC become readable, and what of it is hidden: before that, nobody knew the names of its fields.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// The repository's schemas.
    pub schemas: &'a Schemas,
    /// What must not be shown.
    pub redaction: &'a Redaction,
}

impl Rules<'_> {
    /// The messages of a gRPC call's `message` as JSON, what must not be shown hidden; or why they cannot be told.
    pub fn messages(self, call: &Call, message: &Message) -> Result<Vec<String>, &'static str> {
        let is_request = std::ptr::eq(message, &raw const call.request);
        let is_json = message.media.as_deref() == Some("application/json");
        let mut rest = message.body.as_slice();
        let mut told = Vec::with_capacity(message.parts.len());
        for part in &message.parts {
            let (bytes, behind) = rest.split_at(rest.len().min(part.kept as usize));
            rest = behind;
            if (bytes.len() as u64) < part.bytes && !is_json {
                return Err("not all of them was kept");
            }
            if is_json {
                told.push(String::from_utf8_lossy(bytes).into_owned());
                continue;
            }
            match self.schemas.decode(&call.path, is_request, bytes, false) {
                Some(Decoded::Named(text)) => told.push(self.redaction.json(&text).unwrap_or(text)),
                Some(Decoded::Raw(_)) => return Err("no .proto file of the repository describes them"),
                None => return Err("they are no protobuf that can be read"),
            }
        }
        if told.is_empty() && message.bytes > 0 {
            return Err("none of them was kept");
        }
        Ok(told)
    }
}
