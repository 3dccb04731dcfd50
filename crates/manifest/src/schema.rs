//! The JSON Schema of `services.toml`, for editors.

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use crate::shape::Manifest;

/// The JSON Schema (draft 2020-12) of a manifest, with descriptions and defaults.
pub fn schema() -> Value {
    let generator: SchemaGenerator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<Manifest>();
    schema.insert("title".to_owned(), "services.toml".into());
    schema.to_value()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::{Allow, Service};

    fn keys(table: &Value) -> Vec<&str> {
        table["properties"]
            .as_object()
            .map(|keys| keys.keys().map(String::as_str).collect())
            .unwrap_or_default()
    }

    #[test]
    fn the_schema_has_the_keys_that_the_reader_knows() {
        let schema = schema();
        assert_eq!(keys(&schema), Manifest::SHAPE.keys);
        assert_eq!(keys(&schema["$defs"]["Service"]), Service::SHAPE.keys);
        assert_eq!(keys(&schema["$defs"]["Allow"]), Allow::SHAPE.keys);
        assert_eq!(schema["$defs"]["Allow"]["required"], serde_json::json!(["from", "to"]));
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    }

    #[test]
    fn every_key_says_what_it_means() {
        let schema = schema();
        let tables =
            schema["$defs"].as_object().into_iter().flat_map(|tables| tables.values()).chain([&schema]);
        for table in tables {
            assert_eq!(table["additionalProperties"], false, "{table}");
            for (key, value) in table["properties"].as_object().into_iter().flatten() {
                let text = value["description"].as_str().unwrap_or_default();
                assert!(text.len() > 10 && text.ends_with('.'), "`{key}`: {text}");
            }
        }
    }

    #[test]
    fn no_key_is_both_known_and_unknown() {
        let shape = Service::SHAPE;
        for (key, _) in shape.later.iter().chain(shape.elsewhere) {
            assert!(!shape.keys.contains(key), "{key}");
        }
    }
}
