//! Whatever a secret stands in, however that is written and wherever it was cut, it is in nothing that is shown.

use model::exchange::{Message, Protocol};
use model::plan::CallsConfig;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Hidden, Redaction};

/// No other text here has it, nor a part of it.
const SECRET: &str = "QZ7x;QZ &#?%QZ,'QZ";
/// One that JSON has to write otherwise.
const QUOTED: &str = "QZ\" QZ\\QZ\nQZ\\\"QZ}";
const MARK: &str = "QZ";

const NAMES: [&str; 8] = [
    "password",
    "new_password",
    "clientSecret",
    "access_token",
    "X-Api-Key",
    "passwordConfirmation",
    "db.passwd",
    "pin",
];

fn rules() -> Redaction {
    let mut config = CallsConfig::default();
    config.redact.push("$.pin".to_owned());
    Redaction::new(&config)
}

/// Any document with the secret below a name that says so.
fn document() -> impl Strategy<Value = Value> {
    let plain = prop_oneof![
        Just(json!(null)),
        any::<i32>().prop_map(|number| json!(number)),
        "[ -~ä]{0,12}".prop_map(|text| json!(text)),
    ];
    let name = prop::sample::select(NAMES.to_vec());
    let secret = name.clone().prop_map(|name| json!({ name: QUOTED }));
    let deep = name.prop_map(|name| json!({ name: { "a": [1, SECRET, { "b": QUOTED }] } }));
    let leaf = prop_oneof![2 => plain, 2 => secret, 1 => deep];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[a-z ]{0,6}", inner.clone()), 0..4)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
            // A document within a string.
            inner.prop_map(|value| json!({ "Message": value.to_string() })),
        ]
    })
}

fn percent(text: &str) -> String {
    text.bytes()
        .map(
            |byte| {
                if byte.is_ascii_alphanumeric() {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02X}")
                }
            },
        )
        .collect()
}

/// A type and a body of it.
fn body() -> impl Strategy<Value = (&'static str, String)> {
    let name = prop::sample::select(NAMES.to_vec());
    let form = "application/x-www-form-urlencoded";
    let quoted = SECRET.replace('\'', "''");
    let sql = "application/sql";
    prop_oneof![
        4 => (document(), any::<bool>()).prop_map(|(document, pretty)| {
            let text = if pretty { serde_json::to_string_pretty(&document).unwrap() } else { document.to_string() };
            ("application/json", text)
        }),
        1 => document().prop_map(|document| ("text/plain", format!("said {document} then"))),
        1 => document().prop_map(move |document| (form, format!("a=1&data={}&b=2", percent(&document.to_string())))),
        1 => name.clone().prop_map(move |name| (form, format!("x=1&{name}={}&y=2", percent(SECRET)))),
        1 => name.clone().prop_map(|name| ("application/xml", format!("<a><{name} b='c'>{SECRET}</{name}></a>"))),
        1 => name.clone().prop_map(|name| {
            let query = format!("mutation {{ a({}: \"{SECRET}\") {{ ok }} }}", name.replace(['-', '.'], "_"));
            ("application/json", json!({ "query": query }).to_string())
        }),
        1 => name.prop_map(move |name| {
            (sql, format!("INSERT INTO t (a, \"{name}\") VALUES ('b', '{quoted}') RETURNING \"{name}\" = '{quoted}'"))
        }),
    ]
}

fn message(kind: &str, body: Vec<u8>, cut: bool) -> Message {
    let media = Some(kind.to_owned());
    Message { bytes: body.len() as u64, body, media, cut, ..Message::default() }
}

fn hide(message: &mut Message) -> Hidden {
    rules().hide(Protocol::Http1, &mut String::new(), message, None)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_secret_is_never_shown((kind, text) in body(), cut in any::<prop::sample::Index>(), whole in any::<bool>()) {
        let end = if whole { text.len() } else { cut.index(text.len() + 1) };
        let body = text.as_bytes()[..end].to_vec();
        let mut shown = message(kind, body.clone(), !whole);
        let hidden = hide(&mut shown);
        let seen = String::from_utf8_lossy(&shown.body).into_owned();
        prop_assert!(!seen.contains(MARK), "{kind}\n{}\n{seen}", String::from_utf8_lossy(&body));
        prop_assert_eq!(hidden.is_empty(), shown.body == body);
        // What is hidden stays hidden.
        hide(&mut shown);
        prop_assert!(!String::from_utf8_lossy(&shown.body).contains(MARK));
    }

    #[test]
    fn any_bytes_are_read(kind in 0..9_usize, body in prop::collection::vec(any::<u8>(), 0..300), more in "[\\\\\"'{}<>:=&;#?$,()a-c /%]{0,80}") {
        let kinds = ["application/json", "text/plain", "application/xml", "application/sql", "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=a", "application/yaml", "text/html", ""];
        for (protocol, body) in [(Protocol::Http1, body.clone()), (Protocol::Redis, more.clone().into_bytes()), (Protocol::Mysql, body)] {
            let mut request = message(kinds[kind], body.clone(), false);
            let mut response = message(kinds[kind], more.clone().into_bytes(), true);
            let mut target = more.clone();
            rules().hide(protocol, &mut target, &mut request, Some(&mut response));
        }
    }
}

/// Bodies larger than are kept, made of what readers might read again and again: in time that is not linear, they would not
/// end while anybody waits.
#[test]
fn hostile_bodies_take_linear_time() {
    let parts = [
        "\"password\":",
        "{\"token\":",
        "[",
        "\\\"",
        "password=",
        "token: ",
        "<password>",
        "<token a='",
        "</",
        "a://b:",
        "\"{\\\"a\\\":",
        "%7B",
        "&token",
        ";a=",
        "token)",
        "--B\r\n\r\n",
        "$token:$",
        "token:$a ",
        "<token>",
        "'token",
    ];
    let kinds = [
        "application/json",
        "text/plain",
        "application/xml",
        "application/sql",
        "multipart/form-data; boundary=B",
    ];
    for part in parts {
        let body = part.repeat(256 * 1024 / part.len()).into_bytes();
        for kind in kinds {
            let mut shown = message(kind, body.clone(), true);
            hide(&mut shown);
            assert!(shown.body.len() <= 8 * body.len(), "{kind} of {part:?}");
        }
    }
}
