//! The JSON Schema that all values that were seen in one place fit.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::formats::Formats;
use crate::REDACTED;

/// An object with more keys has no fields: its keys are values, as of a map from ids.
const FIELDS: usize = 100;
/// What lies deeper is not described.
const DEEPEST: usize = 32;
/// So many elements of each list are looked at; with more, nothing is said about what they are.
const ELEMENTS: usize = 1000;

/// What was seen in one place.
#[derive(Debug, Default, Clone)]
pub(super) struct Shape {
    /// It may be anything: what was there was hidden, or too much to look at.
    any: bool,
    null: bool,
    boolean: bool,
    integer: bool,
    number: bool,
    string: Option<Formats>,
    array: Option<Box<Shape>>,
    object: Option<Fields>,
}

/// What was seen in the objects of one place.
#[derive(Debug, Default, Clone)]
struct Fields {
    objects: u64,
    /// With how many objects had it.
    named: BTreeMap<String, (u64, Shape)>,
    /// Of a map: what all its values are.
    values: Option<Box<Shape>>,
}

impl Shape {
    /// One more value.
    pub(super) fn add(&mut self, value: &Value) {
        self.add_at(value, 0);
    }

    fn add_at(&mut self, value: &Value, depth: usize) {
        match value {
            _ if depth > DEEPEST => self.any = true,
            Value::Null => self.null = true,
            Value::Bool(_) => self.boolean = true,
            Value::Number(number) if number.is_f64() => self.number = true,
            Value::Number(_) => self.integer = true,
            // It stands where anything may have been.
            Value::String(text) if text == REDACTED => self.any = true,
            Value::String(text) => {
                let seen = Formats::of(text);
                self.string = Some(self.string.map_or(seen, |known| known.and(seen)));
            }
            Value::Array(list) => {
                let elements = self.array.get_or_insert_default();
                elements.any |= list.len() > ELEMENTS;
                for element in list.iter().take(ELEMENTS) {
                    elements.add_at(element, depth + 1);
                }
            }
            Value::Object(object) => self.object.get_or_insert_default().add(object, depth),
        }
    }

    /// Whether a value was seen.
    pub(super) fn is_empty(&self) -> bool {
        !self.any && self.types().is_empty()
    }

    fn merge(&mut self, other: Self) {
        self.any |= other.any;
        self.null |= other.null;
        self.boolean |= other.boolean;
        self.integer |= other.integer;
        self.number |= other.number;
        self.string = match (self.string, other.string) {
            (Some(own), Some(more)) => Some(own.and(more)),
            (own, more) => own.or(more),
        };
        if let Some(more) = other.array {
            self.array.get_or_insert_default().merge(*more);
        }
        if let Some(more) = other.object {
            self.object.get_or_insert_default().merge(more);
        }
    }

    fn types(&self) -> Vec<&'static str> {
        let seen = [
            ("boolean", self.boolean),
            // Every integer is a number.
            ("integer", self.integer && !self.number),
            ("number", self.number),
            ("string", self.string.is_some()),
            ("array", self.array.is_some()),
            ("object", self.object.is_some()),
            ("null", self.null),
        ];
        seen.into_iter().filter(|(_, seen)| *seen).map(|(name, _)| name).collect()
    }

    /// The schema (JSON Schema 2020-12, as OpenAPI 3.1 has it).
    pub(super) fn schema(&self) -> Value {
        if self.any {
            return json!({});
        }
        let mut schema = Map::new();
        match self.types().as_slice() {
            [] => {}
            [one] => drop(schema.insert("type".to_owned(), (*one).into())),
            many => drop(schema.insert("type".to_owned(), many.to_vec().into())),
        }
        if let Some(format) = self.string.and_then(Formats::name) {
            schema.insert("format".to_owned(), format.into());
        }
        if let Some(elements) = &self.array {
            schema.insert("items".to_owned(), elements.schema());
        }
        if let Some(fields) = &self.object {
            fields.describe(&mut schema);
        }
        Value::Object(schema)
    }
}

impl Fields {
    fn add(&mut self, object: &Map<String, Value>, depth: usize) {
        self.objects += 1;
        for (name, value) in object {
            if let Some(values) = &mut self.values {
                values.add_at(value, depth + 1);
                continue;
            }
            if let Some((times, shape)) = self.named.get_mut(name) {
                *times += 1;
                shape.add_at(value, depth + 1);
                continue;
            }
            let mut shape = Shape::default();
            shape.add_at(value, depth + 1);
            self.named.insert(name.clone(), (1, shape));
            self.fold();
        }
    }

    fn merge(&mut self, other: Self) {
        self.objects += other.objects;
        for (name, (times, shape)) in other.named {
            let known = self.named.entry(name).or_default();
            known.0 += times;
            known.1.merge(shape);
        }
        if let Some(values) = other.values {
            self.values.get_or_insert_default().merge(*values);
        }
        self.fold();
    }

    /// Keys that are too many, or beside those of a map, are no fields.
    fn fold(&mut self) {
        if self.named.len() > FIELDS || self.values.is_some() {
            let values = self.values.get_or_insert_default();
            for (_, (_, shape)) in std::mem::take(&mut self.named) {
                values.merge(shape);
            }
        }
    }

    fn describe(&self, schema: &mut Map<String, Value>) {
        if let Some(values) = &self.values {
            schema.insert("additionalProperties".to_owned(), values.schema());
            return;
        }
        let properties: Map<String, Value> =
            self.named.iter().map(|(name, (_, shape))| (name.clone(), shape.schema())).collect();
        let required = self.named.iter().filter(|(_, (times, _))| *times == self.objects);
        let required: Vec<&str> = required.map(|(name, _)| name.as_str()).collect();
        schema.insert("properties".to_owned(), Value::Object(properties));
        if !required.is_empty() {
            schema.insert("required".to_owned(), required.into());
        }
    }
}
