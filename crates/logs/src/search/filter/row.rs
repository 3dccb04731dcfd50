//! A line as expressions see it.

use std::collections::HashMap;
use std::sync::OnceLock;

use cel::Value;
use cel::common::types::{CelInt, CelString};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use model::Timestamp;
use model::line::{Level, Stream};

use crate::store::record::level_number;

/// The name under which comparisons see the level as a number.
pub(super) const LEVEL: &str = "@level";

/// The names that expressions may use.
pub(super) const NAMES: [&str; 7] = ["service", "instance", "level", "text", "stream", "ts", "fields"];

/// One line; what costs something is only made when the expression asks for it.
pub(super) struct Row<'l> {
    service: &'l str,
    instance: &'l str,
    stream: Stream,
    level: Option<Level>,
    ts: i64,
    text: &'l str,
    fields: OnceLock<Option<Box<dyn Val>>>,
}

impl<'l> Row<'l> {
    pub(super) fn new(
        service: &'l str,
        instance: &'l str,
        stream: Stream,
        level: Option<Level>,
        ts: i64,
        text: &'l str,
    ) -> Self {
        Self { service, instance, stream, level, ts, text, fields: OnceLock::new() }
    }

    fn fields(&self) -> Option<&dyn Val> {
        let made = self.fields.get_or_init(|| {
            let fields = crate::fields(self.text).unwrap_or_default();
            Box::try_from(value(serde_json::Value::Object(fields))).ok()
        });
        made.as_deref()
    }
}

impl VariableResolver for Row<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        let borrowed = |text: &'b str| Some(CowVal::owned(CelString::from(text)));
        match variable {
            "service" => borrowed(self.service),
            "instance" => borrowed(self.instance),
            "level" => borrowed(self.level.map_or("", Level::name)),
            LEVEL => Some(CowVal::owned(CelInt::from(i64::from(level_number(self.level))))),
            "text" => borrowed(self.text),
            "stream" => borrowed(self.stream.name()),
            "ts" => Some(CowVal::owned(CelString::from(Timestamp(self.ts).to_string()))),
            "fields" => self.fields().map(CowVal::Borrowed),
            _ => None,
        }
    }
}

/// Whole numbers become CEL's `int` wherever they fit, so that `fields.user == 7` holds.
fn value(json: serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(flag) => Value::Bool(flag),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => Value::Int(whole),
            (None, Some(whole)) => Value::UInt(whole),
            (None, None) => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        serde_json::Value::String(text) => Value::from(text),
        serde_json::Value::Array(all) => Value::from(all.into_iter().map(value).collect::<Vec<_>>()),
        serde_json::Value::Object(all) => {
            Value::from(all.into_iter().map(|(key, member)| (key, value(member))).collect::<HashMap<_, _>>())
        }
    }
}
