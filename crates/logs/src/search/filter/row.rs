//! A line as expressions see it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;

use cel::Value;
use cel::common::types::{CelInt, CelString};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use model::Timestamp;
use model::line::{Level, Stream};
use serde_json::Map;

use crate::store::record::level_number;

/// The name under which comparisons see the level as a number.
pub(super) const LEVEL: &str = "@level";

/// The names that expressions may use.
pub(super) const NAMES: [&str; 8] =
    ["service", "instance", "level", "text", "stream", "ts", "fields", "trace"];

/// What of a line is a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Subject {
    Service,
    Instance,
    Level,
    Stream,
    Text,
    Trace,
    Field(Vec<String>),
}

impl Subject {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "service" => Self::Service,
            "instance" => Self::Instance,
            "level" => Self::Level,
            "stream" => Self::Stream,
            "text" => Self::Text,
            "trace" => Self::Trace,
            _ => return None,
        })
    }

    /// What asking for it costs, in steps of about ten times.
    pub(super) fn cost(&self) -> u8 {
        match self {
            Self::Service | Self::Instance | Self::Level | Self::Stream => 0,
            Self::Text => 1,
            Self::Trace | Self::Field(_) => 3,
        }
    }
}

/// One line; what costs something is only made when the expression asks for it.
pub(super) struct Row<'l> {
    service: &'l str,
    instance: &'l str,
    stream: Stream,
    level: Option<Level>,
    ts: i64,
    text: &'l str,
    members: OnceLock<Map<String, serde_json::Value>>,
    fields: OnceLock<Option<Box<dyn Val>>>,
    trace: OnceLock<String>,
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
        let (members, fields, trace) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Self { service, instance, stream, level, ts, text, members, fields, trace }
    }

    pub(super) fn level_number(&self) -> i64 {
        i64::from(level_number(self.level))
    }

    pub(super) fn time(&self) -> Timestamp {
        Timestamp(self.ts)
    }

    /// The text that something is; `None` for a field that is not there or no text.
    pub(super) fn text(&self, subject: &Subject) -> Option<Cow<'_, str>> {
        Some(match subject {
            Subject::Service => self.service.into(),
            Subject::Instance => self.instance.into(),
            Subject::Level => self.level.map_or("", Level::name).into(),
            Subject::Stream => self.stream.name().into(),
            Subject::Text => self.text.into(),
            Subject::Trace => self.trace().into(),
            Subject::Field(path) => self.field(path)?.as_str()?.into(),
        })
    }

    /// The field at a path.
    pub(super) fn field(&self, path: &[String]) -> Option<&serde_json::Value> {
        let (last, above) = path.split_last()?;
        self.members(above)?.get(last)
    }

    /// All fields below a path.
    pub(super) fn members(&self, path: &[String]) -> Option<&Map<String, serde_json::Value>> {
        let all = self.members.get_or_init(|| crate::fields(self.text).unwrap_or_default());
        path.iter().try_fold(all, |members, name| members.get(name)?.as_object())
    }

    fn trace(&self) -> &str {
        self.trace.get_or_init(|| crate::trace(self.text).unwrap_or_default())
    }

    fn fields(&self) -> Option<&dyn Val> {
        let made = self.fields.get_or_init(|| {
            let members = self.members(&[]).cloned().unwrap_or_default();
            Box::try_from(value(serde_json::Value::Object(members))).ok()
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
            LEVEL => Some(CowVal::owned(CelInt::from(self.level_number()))),
            "text" => borrowed(self.text),
            "stream" => borrowed(self.stream.name()),
            "ts" => Some(CowVal::owned(CelString::from(Timestamp(self.ts).to_string()))),
            "fields" => self.fields().map(CowVal::Borrowed),
            "trace" => borrowed(self.trace()),
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
