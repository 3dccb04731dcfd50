//! Forms with files (`multipart/form-data`, RFC 7578).

use model::exchange::Message;
use serde_json::{Map, Value};

use crate::multipart::body_parts;

/// The form as an object with a field a part, several of one name as a list; `None` where that cannot be told. What is
/// in a file says nothing, as that of any text.
pub(super) fn fields(message: &Message) -> Option<Value> {
    let mut fields = Map::new();
    for part in body_parts(message) {
        let name = part.name?;
        let text = str::from_utf8(part.body).ok().filter(|_| part.filename.is_none());
        let value: Value = text.unwrap_or_default().into();
        match fields.get_mut(&name) {
            None => drop(fields.insert(name, value)),
            Some(Value::Array(list)) => list.push(value),
            Some(one) => {
                let first = one.take();
                *one = vec![first, value].into();
            }
        }
    }
    (!fields.is_empty()).then_some(Value::Object(fields))
}
