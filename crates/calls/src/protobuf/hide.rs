//! Messages without what must not be kept: only the repository's `.proto` files say what is in them.

use std::collections::HashSet;

use prost_reflect::prost::Message;
use prost_reflect::{DynamicMessage, Kind, MessageDescriptor};

use super::Schemas;
use super::schemas::named;
use crate::Redaction;

impl Schemas {
    /// The message with hidden values replaced, or nothing of it where that cannot be done; `None` when nothing in it is
    /// hidden, or no schema says what it is.
    pub(crate) fn hide(
        &self,
        target: &str,
        is_request: bool,
        bytes: &[u8],
        rules: &Redaction,
    ) -> Option<Vec<u8>> {
        let descriptor = self
            .of(target, is_request)
            .filter(|of| !bytes.is_empty() && has_hidden(of, rules, &mut HashSet::new()))?;
        // What is not set is nothing to hide.
        match named(descriptor.clone(), bytes, false) {
            // A field that the schema does not know may be anything.
            Some(named) if named.has_unknown => Some(Vec::new()),
            Some(named) => {
                let hidden = rules.json(&named.text)?;
                // A number cannot be replaced by a text: then nothing of it is kept.
                Some(encoded(descriptor, &hidden).unwrap_or_default())
            }
            // It was cut, or is no such message.
            None => Some(Vec::new()),
        }
    }
}

fn encoded(descriptor: &MessageDescriptor, json: &str) -> Option<Vec<u8>> {
    let mut text = serde_json::Deserializer::from_str(json);
    DynamicMessage::deserialize(descriptor.clone(), &mut text).ok().map(|message| message.encode_to_vec())
}

/// Whether a value somewhere in such a message may be hidden. Those that were `seen` are asked once: messages may contain
/// themselves.
fn has_hidden(descriptor: &MessageDescriptor, rules: &Redaction, seen: &mut HashSet<String>) -> bool {
    seen.insert(descriptor.full_name().to_owned())
        && descriptor.fields().any(|field| {
            rules.may_hide(field.json_name())
                || rules.may_hide(field.name())
                || matches!(field.kind(), Kind::Message(inner) if has_hidden(&inner, rules, seen))
        })
}
