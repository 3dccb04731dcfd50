//! Values that may be written in more than one way.

use std::borrow::Cow;
use std::collections::BTreeMap;

use model::plan::Condition;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{BuildTable, EnvFileTable, UlimitTable, VolumeTable};
use crate::format::{Format, Limit, Mounted};
use crate::read::{At, Entry, Field, Kind, List, Map, Merge, Node, Read, Reader, Several};
use crate::source::Spot;
use crate::words::{self, Uncut};

/// Gives a union its schema: any of its ways.
macro_rules! union_schema {
    ($name:ident, [$($way:ty),*]) => {
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                json_schema!({ "anyOf": [$(generator.subschema_for::<$way>()),*] })
            }
        }
    };
}

/// Gives a union its merge rule: the later one replaces.
macro_rules! replace {
    ($($name:ident),*) => {
        $(impl Merge for $name {
            fn merge(&mut self, over: Self) {
                *self = over;
            }
        })*
    };
}

replace!(Words, EnvFile, Volume, Ulimit);

/// A command: a list of words, or a string that is cut into them.
#[derive(Debug, Clone)]
pub(crate) struct Words {
    pub(crate) spot: Spot,
    pub(crate) words: Vec<String>,
}

impl Read for Words {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        match node.kind {
            Kind::Values(_) => {
                let listed = List::<At<String>>::read(node, reader)?;
                let whole = node.elements().is_some_and(|elements| elements.len() == listed.0.len());
                let words = listed.0.into_iter().map(|word| word.value).collect();
                whole.then_some(Self { spot: node.spot, words })
            }
            Kind::Scalar(_) => {
                let text = At::<String>::read(node, reader)?;
                let words = cut(&text, reader)?;
                Some(Self { spot: node.spot, words })
            }
            Kind::Table(_) | Kind::Tables(_) | Kind::Nothing => {
                reader.mistyped(node, "a command: a string or a list of strings");
                None
            }
        }
    }
}

fn cut(text: &At<String>, reader: &mut Reader) -> Option<Vec<String>> {
    match words::split(&text.value) {
        Ok(words) => {
            let operator =
                words.iter().find(|word| ["&&", "||", "|", ";", ">", ">>", "<"].contains(&word.as_str()));
            if let Some(operator) = operator {
                let message = format!("`{operator}` goes to the command as a word, as no shell runs it");
                let quoted = serde_json::Value::from(text.value.as_str());
                reader
                    .findings
                    .warning(text.spot, "no-shell", message)
                    .hint(format!("write `[\"sh\", \"-c\", {quoted}]`"));
            }
            Some(words)
        }
        Err(uncut) => {
            let message = match uncut {
                Uncut::Quote(quote) => format!("the quote {quote} is not closed"),
                Uncut::Backslash => "the command ends with a backslash".to_owned(),
            };
            reader
                .findings
                .error(text.spot, "invalid-command", message)
                .hint("write the command as a list of strings, such as `[\"python\", \"app.py\"]`");
            None
        }
    }
}

union_schema!(Words, [At<String>, List<At<String>>]);

/// A folder with a Dockerfile, or a table that says more.
#[derive(Debug, Clone)]
pub(crate) struct Build(pub(crate) BuildTable);

impl Read for Build {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        if matches!(node.kind, Kind::Table(_)) {
            return BuildTable::read(node, reader).map(Self);
        }
        let context = At::<String>::read(node, reader)?;
        let context = Field::Good { key: node.spot, value: context };
        Some(Self(BuildTable { spot: node.spot, context, ..BuildTable::default() }))
    }
}

impl Merge for Build {
    fn merge(&mut self, over: Self) {
        self.0.merge(over.0);
    }
}

union_schema!(Build, [At<String>, BuildTable]);

/// A file of variables: its path, or a table that says more.
#[derive(Debug, Clone)]
pub(crate) struct EnvFile {
    pub(crate) path: At<String>,
    pub(crate) required: bool,
    pub(crate) raw: bool,
}

impl Read for EnvFile {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        if matches!(node.kind, Kind::Table(_)) {
            let table = EnvFileTable::read(node, reader)?;
            let required = table.required.value().unwrap_or(true);
            return Some(Self {
                path: table.path.get()?.clone(),
                required,
                raw: table.format.get().is_some(),
            });
        }
        Some(Self { path: At::read(node, reader)?, required: true, raw: false })
    }
}

union_schema!(EnvFile, [At<String>, EnvFileTable]);

/// A volume: `SOURCE:TARGET[:ro]`, or a table that says more.
#[derive(Debug, Clone)]
pub(crate) enum Volume {
    Short(At<Mounted>),
    Full(Box<VolumeTable>),
}

impl Read for Volume {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        if matches!(node.kind, Kind::Table(_)) {
            return VolumeTable::read(node, reader).map(|table| Self::Full(Box::new(table)));
        }
        At::read(node, reader).map(Self::Short)
    }
}

union_schema!(Volume, [At<Mounted>, VolumeTable]);

/// One number for both limits, or a table of both.
#[derive(Debug, Clone)]
pub(crate) struct Ulimit {
    pub(crate) soft: i64,
    pub(crate) hard: i64,
}

impl Read for Ulimit {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        if matches!(node.kind, Kind::Table(_)) {
            let table = UlimitTable::read(node, reader)?;
            let (soft, hard) = (table.soft.value()?.0, table.hard.value()?.0);
            if hard != -1 && (soft == -1 || soft > hard) {
                let message = format!("the soft limit {soft} is above the hard limit {hard}");
                reader.findings.error(node.spot, "invalid-value", message);
                return None;
            }
            return Some(Self { soft, hard });
        }
        let both = At::<Limit>::read(node, reader)?.value.0;
        Some(Self { soft: both, hard: both })
    }
}

union_schema!(Ulimit, [At<Limit>, UlimitTable]);

/// What must come first: a list of names (all `ready`), or a table of names and conditions.
#[derive(Debug, Clone)]
pub(crate) struct DependsOn(pub(crate) Map<At<Condition>>);

impl Read for DependsOn {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        if matches!(node.kind, Kind::Table(_)) {
            return Map::read(node, reader).map(Self);
        }
        let Some(elements) = node.elements() else {
            reader.mistyped(node, "a list of services, or a table of conditions");
            return None;
        };
        let mut first: BTreeMap<String, Entry<At<Condition>>> = BTreeMap::new();
        for element in &elements {
            let Some(name) = At::<String>::read(element, reader) else { continue };
            let value = At { value: Condition::Ready, spot: name.spot, origin: None };
            if first.contains_key(&name.value) {
                let message = format!("`{}` is listed twice", name.value);
                reader.findings.warning(name.spot, "listed-twice", message).hint("leave one of them out");
                continue;
            }
            first.insert(name.value, Entry { key: name.spot, value: Some(value) });
        }
        Some(Self(Map(first)))
    }
}

impl Merge for DependsOn {
    fn merge(&mut self, over: Self) {
        self.0.merge(over.0);
    }
}

union_schema!(DependsOn, [List<At<String>>, Map<At<Condition>>]);

impl<T: Format> JsonSchema for At<T> {
    fn schema_name() -> Cow<'static, str> {
        std::any::type_name::<T>().into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        T::schema()
    }
}

impl<T: JsonSchema> JsonSchema for List<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("ListOf{}", T::schema_name()).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "array", "items": generator.subschema_for::<T>() })
    }
}

impl<T: JsonSchema> JsonSchema for Several<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("SeveralOf{}", T::schema_name()).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [one, { "type": "array", "items": one }] })
    }
}

impl<T: JsonSchema> JsonSchema for Map<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("MapOf{}", T::schema_name()).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "additionalProperties": generator.subschema_for::<T>() })
    }
}
