//! What is inferred, by tables; and that it holds for what it was inferred from.

use model::call::{Background, Call};
use model::exchange::{Exchange, Protocol};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::schema::Shape;
use super::{Interfaces, params};
use crate::tests::fixture::{call, exchange, header};

fn schema(values: &[Value]) -> Value {
    let mut shape = Shape::default();
    for value in values {
        shape.add(value);
    }
    shape.schema()
}

#[test]
fn values_that_differ_are_merged() {
    for (values, expected) in [
        (&[json!(1), json!(2)][..], json!({ "type": "integer" })),
        (&[json!(1), json!(2.5)], json!({ "type": "number" })),
        (&[json!("a"), json!(null)], json!({ "type": ["string", "null"] })),
        (&[json!("2026-11-23T06:00:00Z")], json!({ "type": "string", "format": "date-time" })),
        (&[json!([])], json!({ "type": "array", "items": {} })),
        (&[json!([1]), json!(["a"])], json!({ "type": "array", "items": { "type": ["integer", "string"] } })),
        (
            &[json!({ "a": 1, "b": true }), json!({ "a": 2 })],
            json!({
                "type": "object",
                "properties": { "a": { "type": "integer" }, "b": { "type": "boolean" } },
                "required": ["a"],
            }),
        ),
        (
            &[json!({}), json!({ "a": 1 })],
            json!({ "type": "object", "properties": { "a": { "type": "integer" } } }),
        ),
        // What was hidden may be anything.
        (
            &[json!({ "token": "[redacted]" })],
            json!({ "type": "object", "properties": { "token": {} }, "required": ["token"] }),
        ),
    ] {
        assert_eq!(schema(values), expected, "{values:?}");
    }
}

#[test]
fn keys_that_are_many_are_no_fields() {
    let map: serde_json::Map<String, Value> = (0..150).map(|id| (format!("id{id}"), json!(id))).collect();
    let expected = json!({ "type": "object", "additionalProperties": { "type": "integer" } });
    assert_eq!(schema(&[map.into()]), expected);
    let each: Vec<Value> = (0..150).map(|id| json!({ format!("id{id}"): "x" })).collect();
    assert_eq!(schema(&each), json!({ "type": "object", "additionalProperties": { "type": "string" } }));
}

#[test]
fn each_parameter_has_a_name_of_its_own() {
    for (template, path, values) in [
        ("/orders/{id}", "/orders/{id}", &[Some("7")][..]),
        ("/orders/{id}/items/{id}", "/orders/{id}/items/{id2}", &[Some("7"), Some("8")]),
        ("/t/{}/order-{id}.json", "/t/{value}/order-{id}.json", &[Some("a"), None]),
        ("/plain", "/plain", &[]),
        ("/{", "/{", &[None]),
    ] {
        let (nameless, given) = params::nameless(template);
        let given: Vec<params::Names> =
            given.iter().map(|name| params::Names::from([((*name).to_owned(), 1)])).collect();
        let names = params::choose(&given);
        assert_eq!(params::named(&nameless, &names), path);
        let seen = match template {
            "/orders/{id}" => "/orders/7",
            "/t/{}/order-{id}.json" => "/t/a/order-9.json",
            _ => "/orders/7/items/8",
        };
        assert_eq!(params::values(template, seen), values, "{template}");
        assert!(names.len() <= values.len());
    }
}

#[test]
fn a_parameter_with_several_names_has_the_commonest() {
    let names = |all: &[(&str, u64)]| all.iter().map(|(n, times)| ((*n).to_owned(), *times)).collect();
    for (given, chosen) in [
        (&[("email", 1), ("id", 3)][..], "id"),
        (&[("email", 2), ("id", 2)], "email"),
        (&[("value", 9), ("id", 1)], "id"),
        (&[], "value"),
    ] {
        assert_eq!(params::choose(&[names(given)]), [chosen], "{given:?}");
    }
}

#[test]
fn paths_that_differ_only_in_names_are_one() {
    let get = |target: &str| call(asked("GET", target, "", "200", "{}"), "web", "orders");
    let document = &documents(&[
        get("/users/7"),
        get("/users/8"),
        get("/users/9"),
        get("/users/ann@example.com"),
        call(asked("DELETE", "/users/bob@example.com", "", "204", ""), "web", "orders"),
    ])[0]
        .1;
    let paths = document["paths"].as_object().unwrap();
    assert_eq!(paths.keys().collect::<Vec<_>>(), ["/users/{id}"]);
    let both = &paths["/users/{id}"];
    let parameter = |method: &str| &both[method]["parameters"];
    assert_eq!(
        parameter("get"),
        &json!([{ "name": "id", "in": "path", "required": true, "schema": { "type": ["integer", "string"], "format": "email" } }])
    );
    assert_eq!(parameter("delete")[0]["name"], "id");
}

#[test]
fn a_form_with_files_has_a_field_a_part() {
    let form = "--b\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nann\r\n\
        --b\r\nContent-Disposition: form-data; name=\"tag\"\r\n\r\n2026-11-23\r\n\
        --b\r\nContent-Disposition: form-data; name=\"tag\"\r\n\r\n2026-11-24\r\n\
        --b\r\nContent-Disposition: form-data; name=\"secret\"\r\n\r\n[redacted]\r\n\
        --b\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"a.png\"\r\n\
        Content-Type: image/png\r\n\r\n";
    let mut x = exchange(1, 0, "POST", "/photos");
    header(&mut x.request, "Content-Type", "multipart/form-data; boundary=b");
    x.request.body = [form.as_bytes(), &[0x89, 0xff], b"\r\n--b--\r\n"].concat();
    x.request.bytes = x.request.body.len() as u64;
    let document = &documents(&[call(x, "web", "orders")])[0].1;
    let content = &document["paths"]["/photos"]["post"]["requestBody"]["content"]["multipart/form-data"];
    assert_eq!(
        content["schema"],
        json!({
            "type": "object",
            "properties": {
                "name": { "type": "string" },
                "tag": { "type": "array", "items": { "type": "string", "format": "date" } },
                "secret": {},
                "photo": { "type": "string" },
            },
            "required": ["name", "photo", "secret", "tag"],
        })
    );
}

fn asked(method: &str, target: &str, body: &str, status: &str, answer: &str) -> Exchange {
    let mut x = exchange(1, 0, method, target);
    x.status = Some(status.to_owned());
    for (message, text) in [(&mut x.request, body), (x.response.as_mut().unwrap(), answer)] {
        if !text.is_empty() {
            header(message, "content-type", "application/json; charset=utf-8");
            (message.body, message.bytes) = (text.as_bytes().to_vec(), text.len() as u64);
        }
    }
    x
}

fn documents(calls: &[Call]) -> Vec<(String, Value)> {
    let mut interfaces = Interfaces::default();
    for call in calls {
        interfaces.add(call);
    }
    interfaces.documents().map(|(name, document)| (name.to_owned(), document)).collect()
}

#[test]
fn a_service_is_described_by_what_it_was_asked() {
    let put = |from: &str, x| call(x, from, "orders");
    let mut cut = asked("GET", "/big", "", "200", r#"{"a":1}"#);
    cut.response.as_mut().unwrap().cut = true;
    let health =
        Call { background: Some(Background::Health), ..put("web", asked("GET", "/health", "", "200", "{}")) };
    let all = [
        put("web", asked("POST", "/orders", r#"{"sku":"a","count":2}"#, "201", r#"{"id":7}"#)),
        put("outside", asked("POST", "/orders", r#"{"sku":"b"}"#, "422", r#"{"error":"no count"}"#)),
        put("web", asked("GET", "/orders/7?full=1&tag=a&tag=b", "", "200", r#"{"id":7}"#)),
        put("web", asked("GET", "/orders/8?full=2", "", "404", "")),
        put("web", asked("GET", "/wp-login.php", "", "404", "")),
        put("web", cut),
        health,
        call(exchange(1, 0, "GET", "/world"), "orders", "outside"),
        call(Exchange { protocol: Protocol::Redis, ..exchange(1, 0, "GET", "key") }, "orders", "redis"),
    ];
    let documents = documents(&all);
    assert_eq!(documents.len(), 1, "{documents:?}");
    insta::assert_json_snapshot!(documents[0].1);
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e6..1e6f64).prop_map(Value::from),
        "[a-z]{0,4}|2026-11-23|a@b\\.org".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("[a-e]|[a-z]{3}", inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Whether a value fits a schema, by as much of JSON Schema as is inferred; any other keyword fails.
fn fits(schema: &Value, value: &Value) -> bool {
    let name = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let is = |wanted: &Value| wanted == name || (wanted == "number" && name == "integer");
    schema.as_object().unwrap().iter().all(|(keyword, rule)| match (keyword.as_str(), value) {
        ("type", _) => rule.as_array().map_or_else(|| is(rule), |all| all.iter().any(is)),
        ("format", Value::String(text)) => match rule.as_str().unwrap() {
            "date" => text.len() == 10,
            "email" => text.contains('@'),
            _ => false,
        },
        ("items", Value::Array(list)) => list.iter().all(|element| fits(rule, element)),
        ("properties", Value::Object(object)) => {
            object.iter().all(|(name, value)| rule.get(name).is_some_and(|rule| fits(rule, value)))
        }
        ("required", Value::Object(object)) => {
            rule.as_array().unwrap().iter().all(|name| object.contains_key(name.as_str().unwrap()))
        }
        ("additionalProperties", Value::Object(object)) => object.values().all(|value| fits(rule, value)),
        ("format" | "items" | "properties" | "required" | "additionalProperties", _) => true,
        _ => false,
    })
}

proptest! {
    #[test]
    fn what_was_seen_fits_what_is_inferred_from_it(values in prop::collection::vec(json_value(), 1..12)) {
        let schema = schema(&values);
        for value in &values {
            prop_assert!(fits(&schema, value), "{schema} {value}");
        }
    }

    #[test]
    fn so_do_the_bodies_of_calls(values in prop::collection::vec(json_value(), 1..6)) {
        let calls: Vec<Call> = values
            .iter()
            .map(|value| call(asked("POST", "/x", &value.to_string(), "200", "[]"), "web", "orders"))
            .collect();
        let document = &documents(&calls)[0].1;
        let content = &document["paths"]["/x"]["post"]["requestBody"]["content"]["application/json"];
        for value in &values {
            prop_assert!(fits(&content["schema"], value), "{content} {value}");
        }
    }
}
