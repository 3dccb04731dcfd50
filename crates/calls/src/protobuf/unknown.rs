//! Fields that a schema does not have, since the program that sent them is newer than it: told by number, beside the
//! named ones.

use prost_reflect::prost::encoding::{WireType, decode_key, decode_varint};
use prost_reflect::{DynamicMessage, MapKey, UnknownField, Value};
use serde_json::{Map, Value as Json, json};

use super::raw;

/// Whether a message, or one within it, has fields that the schema does not know.
pub(super) fn has(message: &DynamicMessage) -> bool {
    message.unknown_fields().next().is_some() || message.fields().any(|(_, value)| within(value).any(has))
}

fn within(value: &Value) -> Box<dyn Iterator<Item = &DynamicMessage> + '_> {
    match value {
        Value::Message(inner) => Box::new(std::iter::once(inner)),
        Value::List(all) => Box::new(all.iter().flat_map(within)),
        Value::Map(all) => Box::new(all.values().flat_map(within)),
        _ => Box::new(std::iter::empty()),
    }
}

/// Adds them to the JSON of a message, each under its number.
pub(super) fn add(message: &DynamicMessage, told: &mut Json) {
    // A type that has a form of its own in JSON, such as a time, has no place for them.
    let Json::Object(object) = told else { return };
    for (field, value) in message.fields() {
        if let Some(inner) = object.get_mut(field.json_name()) {
            add_within(value, inner);
        }
    }
    for field in message.unknown_fields() {
        if let Some(value) = value(field) {
            put(object, field.number().to_string(), value);
        }
    }
}

fn add_within(value: &Value, told: &mut Json) {
    match (value, told) {
        (Value::Message(inner), told) => add(inner, told),
        (Value::List(all), Json::Array(told)) => {
            all.iter().zip(told).for_each(|(value, told)| add_within(value, told));
        }
        (Value::Map(all), Json::Object(told)) => {
            for (key, value) in all {
                let key = match key {
                    MapKey::Bool(key) => key.to_string(),
                    MapKey::I32(key) => key.to_string(),
                    MapKey::I64(key) => key.to_string(),
                    MapKey::U32(key) => key.to_string(),
                    MapKey::U64(key) => key.to_string(),
                    MapKey::String(key) => key.clone(),
                };
                if let Some(told) = told.get_mut(&key) {
                    add_within(value, told);
                }
            }
        }
        _ => {}
    }
}

/// Several of one number are a list.
fn put(object: &mut Map<String, Json>, number: String, value: Json) {
    match object.get_mut(&number) {
        Some(Json::Array(all)) => all.push(value),
        Some(first) => *first = Json::Array(vec![first.take(), value]),
        None => drop(object.insert(number, value)),
    }
}

/// What the wire says of a value: a number, a text, or what [`raw`] makes of a message.
fn value(field: &UnknownField) -> Option<Json> {
    let mut bytes = Vec::new();
    field.encode(&mut bytes);
    let mut rest = bytes.as_slice();
    decode_key(&mut rest).ok()?;
    Some(match field.wire_type() {
        WireType::Varint => json!(decode_varint(&mut rest).ok()?),
        WireType::LengthDelimited => {
            decode_varint(&mut rest).ok()?;
            match std::str::from_utf8(rest) {
                Ok(text) if !text.chars().any(|c| c.is_control() && !c.is_whitespace()) => json!(text),
                Ok(_) | Err(_) => json!(raw(rest, false).unwrap_or_else(|| rest.escape_ascii().to_string())),
            }
        }
        WireType::SixtyFourBit => json!(format!("0x{:016x}", u64::from_le_bytes(rest.try_into().ok()?))),
        WireType::ThirtyTwoBit => json!(format!("0x{:08x}", u32::from_le_bytes(rest.try_into().ok()?))),
        WireType::StartGroup | WireType::EndGroup => json!(raw(&bytes, false)?),
    })
}
