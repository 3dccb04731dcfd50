//! Tables with known keys. [`table!`] makes one list of keys into the Rust type, its reader, its merge rule and its
//! JSON Schema, so that these cannot disagree.

use std::borrow::Cow;

use schemars::Schema;
use serde_json::{Map as JsonMap, Value};

use crate::nearest::{listed, nearest};
use crate::read::{Field, Node, Read, Reader};
use crate::source::Spot;

/// What a table may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// What it is, for people: "a service".
    pub(crate) what: &'static str,
    pub(crate) keys: &'static [&'static str],
    /// Keys that will mean something later, and what to do until then.
    pub(crate) later: &'static [(&'static str, &'static str)],
    /// Keys of Compose that go by another name here, and what to write.
    pub(crate) elsewhere: &'static [(&'static str, &'static str)],
}

/// A table while its keys are taken out one by one.
pub(crate) struct Taken<'a> {
    spot: Spot,
    shape: Shape,
    entries: Vec<(&'a str, Spot, Node<'a>)>,
    /// Whether some key was not understood: a missing one may be meant by it.
    pub(crate) broken: bool,
}

impl<'a> Taken<'a> {
    /// Opens a table and reports the keys that it does not know.
    pub(crate) fn open(node: &Node<'a>, shape: Shape, reader: &mut Reader) -> Option<Self> {
        let Some(entries) = node.entries() else {
            reader.mistyped(node, &format!("{} as a table", shape.what));
            return None;
        };
        let mut broken = false;
        for (name, key, _) in &entries {
            if !shape.keys.contains(name) {
                broken = true;
                unknown(name, *key, shape, reader);
            }
        }
        Some(Self { spot: node.spot, shape, entries, broken })
    }

    pub(crate) fn take<T: Read>(&mut self, name: &str, required: bool, reader: &mut Reader) -> Field<T> {
        let Some((_, key, node)) = self.entries.iter().find(|(key, ..)| *key == name) else {
            if required && !self.broken {
                let message = format!("{} needs `{name}`", self.shape.what);
                reader.findings.error(self.spot, "missing-key", message);
            }
            return Field::Absent;
        };
        match T::read(node, reader) {
            Some(value) => Field::Good { key: *key, value },
            None => Field::Bad,
        }
    }
}

fn unknown(name: &str, key: Spot, shape: Shape, reader: &mut Reader) {
    let hint_for = |list: &[(&str, &str)], name: &str| {
        list.iter().find(|(key, _)| *key == name).map(|(_, hint)| (*hint).to_owned())
    };
    if let Some(hint) = hint_for(shape.later, name) {
        let message = format!("`{name}` is not supported yet");
        reader.findings.error(key, "not-supported-yet", message).hint(hint);
        return;
    }
    let foreign = || shape.elsewhere.iter().map(|(key, _)| *key);
    let hint = hint_for(shape.elsewhere, name)
        .or_else(|| nearest(name, shape.keys.iter().copied()).map(|near| format!("did you mean `{near}`?")))
        .or_else(|| nearest(name, foreign()).and_then(|near| hint_for(shape.elsewhere, near)))
        .unwrap_or_else(|| format!("the keys are {}", listed(shape.keys.iter().copied())));
    let message = format!("`{name}` is not a key of {}", shape.what);
    reader.findings.error(key, "unknown-key", message).hint(hint);
}

/// A JSON Schema of a table in the making.
pub(crate) struct TableSchema {
    about: &'static str,
    properties: JsonMap<String, Value>,
    required: Vec<Value>,
}

impl TableSchema {
    pub(crate) fn new(about: &'static str) -> Self {
        Self { about, properties: JsonMap::new(), required: Vec::new() }
    }

    pub(crate) fn key(
        &mut self,
        name: &str,
        about: &str,
        schema: Schema,
        required: bool,
        default: Option<Value>,
    ) {
        let mut schema = schema.to_value();
        if let Value::Object(schema) = &mut schema {
            schema.insert("description".to_owned(), prose(about).into_owned().into());
            if let Some(default) = default {
                schema.insert("default".to_owned(), default);
            }
        }
        if required {
            self.required.push(name.into());
        }
        self.properties.insert(name.to_owned(), schema);
    }

    pub(crate) fn finish(self) -> Schema {
        let mut object = JsonMap::new();
        object.insert("description".to_owned(), prose(self.about).into_owned().into());
        object.insert("type".to_owned(), "object".into());
        object.insert("properties".to_owned(), self.properties.into());
        if !self.required.is_empty() {
            object.insert("required".to_owned(), self.required.into());
        }
        object.insert("additionalProperties".to_owned(), false.into());
        Schema::from(object)
    }
}

/// Doc comment lines as one paragraph.
fn prose(doc: &str) -> Cow<'_, str> {
    let lines: Vec<&str> = doc.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join(" ").into()
}

/// A key's name; `type` is a word of Rust's and stands as `r#type` in the declaration.
pub(crate) const fn bare(name: &'static str) -> &'static str {
    match name.as_bytes() {
        [b'r', b'#', rest @ ..] => match std::str::from_utf8(rest) {
            Ok(bare) => bare,
            Err(_) => name,
        },
        _ => name,
    }
}

/// Declares a table: `key: Type = default,`; `key(required): Type,` for what must be there.
macro_rules! table {
    (
        $(#[doc = $about:literal])*
        $name:ident: $what:literal {
            $( $(#[doc = $doc:literal])* $key:ident $(($required:ident))? : $type:ty $(= $default:expr)? , )*
        }
        $( later { $($later:ident: $until:literal,)* } )?
        $( elsewhere { $($other:ident: $write:literal,)* } )?
    ) => {
        $(#[doc = $about])*
        #[derive(Debug, Clone, Default)]
        pub(crate) struct $name {
            pub(crate) spot: crate::source::Spot,
            /// Whether it has keys that were not understood: a missing one may be meant by them.
            pub(crate) broken: bool,
            $( $(#[doc = $doc])* pub(crate) $key: crate::read::Field<$type>, )*
        }

        impl $name {
            /// Its keys.
            pub(crate) const SHAPE: crate::table::Shape = crate::table::Shape {
                what: $what,
                keys: &[$(crate::table::bare(stringify!($key))),*],
                later: &[$($((stringify!($later), $until)),*)?],
                elsewhere: &[$($((stringify!($other), $write)),*)?],
            };
        }

        impl crate::read::Read for $name {
            fn read(node: &crate::read::Node, reader: &mut crate::read::Reader) -> Option<Self> {
                let mut taken = crate::table::Taken::open(node, Self::SHAPE, reader)?;
                $(
                    let marks: &[&str] = &[$(stringify!($required))?];
                    let $key = taken.take(crate::table::bare(stringify!($key)), !marks.is_empty(), reader);
                )*
                Some(Self { spot: node.spot, broken: taken.broken, $($key),* })
            }
        }

        impl crate::read::Placed for $name {
            fn spot(&self) -> crate::source::Spot {
                self.spot
            }
        }

        impl crate::read::Merge for $name {
            fn merge(&mut self, over: Self) {
                self.broken |= over.broken;
                $( self.$key.merge(over.$key); )*
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let mut table = crate::table::TableSchema::new(concat!($($about, "\n"),*));
                $(
                    let marks: &[&str] = &[$(stringify!($required))?];
                    let default = [$(serde_json::json!($default))?].into_iter().next();
                    let schema = generator.subschema_for::<$type>();
                    table.key(crate::table::bare(stringify!($key)), concat!($($doc, "\n"),*), schema, !marks.is_empty(), default);
                )*
                table.finish()
            }
        }
    };
}

pub(crate) use table;
