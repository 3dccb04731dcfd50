//! `docs/MANIFEST.md`: the same declarations as the schema, for reading.

use serde_json::{Map, Value};

use crate::schema::schema;
use crate::shape::{BuildTable, Manifest, Service};

const HEAD: &str = "# The manifest: `services.toml`

<!-- Made from the types in crates/manifest. Do not edit: run `UPDATE=1 cargo test -p manifest generated`. -->

Shoal looks in the current folder, then in the nearest parent, for `services.toml` or `shoal.toml`; `-f FILE` names
another. With several `-f`, tables of the later file join those of the first, lists are appended, and everything else
is replaced; relative paths count from the first file's folder. `shoal check` reads the manifest and says what is
wrong with it, all at once. The first line below lets editors complete and check it:

```toml
#:schema ./services.schema.json
name = \"shop\"

[services.gateway]
build = \"gateway\"
ports = [\"8080:80\"]
depends_on = [\"orders\"]
ready = { http = \":80/healthz\" }

[services.orders]
build = \"orders\"
env = { DB = \"postgres://shop@db/shop\", LEVEL = \"${LOG_LEVEL:-info}\" }
depends_on = { db = \"ready\" }
reload = [
  { watch = \"orders/app\", to = \"/app\", then = \"restart\" },
  { watch = \"orders/requirements.txt\", then = \"rebuild\" },
]

[services.db]
image = \"postgres:15\"
volumes = [\"db:/var/lib/postgresql/data\"]
lifetime = \"persistent\"

[[allow]]
from = \"gateway\"
to = [\"orders\"]
```

Durations are written `10ms`, `1.5s`, `2m`, `1h30m`; sizes `64k`, `512m`, `1g` (k is 1024 bytes). Relative paths count
from the manifest's folder; `~` is the home folder. An unknown key is an error.

## Variables
Variables are replaced in every string that is a value, never in keys. The shell's own variables beat those of `.env`.

| written | becomes |
|---|---|
| `$A`, `${A}` | the variable; empty, with a warning, when it is not set |
| `${A:-x}`, `${A-x}` | `x` when it is not set or empty; when it is not set |
| `${A:?why}`, `${A?why}` | an error with these words when it is not set or empty; when it is not set |
| `${A:+x}`, `${A+x}` | `x` when it is set and not empty; when it is set |
| `$$` | a plain `$` |
| `${svc.orders.host}` | the host name of the service `orders` |
| `${svc.orders.port}`, `${svc.orders.address}` | its one container port; `orders:PORT` |

`x` may contain variables itself. In a file of variables (`.env`, `env_file`) a line is `KEY=VALUE`: `'…'` is literal,
`\"…\"` and bare values have their variables replaced, `\\n \\r \\t \\\\ \\\" \\$` mean something in `\"…\"` only, a comment behind
a bare value needs a blank before its `#`, and a key alone takes the shell's value.
";

/// Tables in the order of reading: name in the schema, heading.
const TABLES: [(&str, &str); 10] = [
    ("Service", "`[services.NAME]`"),
    ("BuildTable", "`build`"),
    ("Ready", "`ready`"),
    ("Reload", "`reload`"),
    ("VolumeTable", "An entry of `volumes` as a table"),
    ("EnvFileTable", "An entry of `env_file` as a table"),
    ("Resources", "`resources`"),
    ("UlimitTable", "An entry of `ulimits` as a table"),
    ("Calls", "`[calls]`"),
    ("Allow", "`[[allow]]`"),
];

/// The reference of every key, as Markdown.
pub fn reference() -> String {
    let schema = schema();
    let mut out = vec![HEAD.to_owned(), section("Top level", &schema)];
    for (name, heading) in TABLES {
        out.push(section(heading, &schema["$defs"][name]));
    }
    out.push(later());
    out.join("\n")
}

fn section(heading: &str, table: &Value) -> String {
    let about = table["description"].as_str().unwrap_or_default();
    let mut lines = vec![
        format!("## {heading}"),
        about.to_owned(),
        String::new(),
        "| key | type | default | meaning |".to_owned(),
        "|---|---|---|---|".to_owned(),
    ];
    for (key, value) in table["properties"].as_object().into_iter().flatten() {
        let required = table["required"]
            .as_array()
            .is_some_and(|required| required.contains(&Value::from(key.as_str())));
        let default = match value.get("default") {
            Some(default) => format!("`{default}`"),
            None if required => "required".to_owned(),
            None => String::new(),
        };
        let meaning = value["description"].as_str().unwrap_or_default().replace('|', "\\|");
        lines.push(format!("| `{key}` | {} | {default} | {meaning} |", kind(value).replace('|', "\\|")));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// A schema's type, for people.
fn kind(schema: &Value) -> String {
    let Some(object) = schema.as_object() else { return "anything".to_owned() };
    if let Some(title) = object.get("title").and_then(Value::as_str) {
        return title.to_owned();
    }
    if object.contains_key("$ref") {
        return "table".to_owned();
    }
    if let Some(ways) = object.get("anyOf").and_then(Value::as_array) {
        let mut names: Vec<String> = Vec::new();
        for name in ways.iter().map(kind) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        return names.join(" or ");
    }
    plain(object)
}

fn plain(object: &Map<String, Value>) -> String {
    match object.get("type").and_then(Value::as_str) {
        Some("array") => {
            let item = object.get("items").map(kind).unwrap_or_default();
            if item.contains(" or ") { format!("list of ({item})") } else { format!("list of {item}") }
        }
        Some("object") => match object.get("additionalProperties") {
            Some(values @ Value::Object(_)) => format!("table of {}", kind(values)),
            _ => "table".to_owned(),
        },
        Some(name) => name.to_owned(),
        None => "anything".to_owned(),
    }
}

/// What is refused for now, and what to do until then.
fn later() -> String {
    let mut lines = vec![
        "## Not supported yet".to_owned(),
        "These keys are an error that says so.".to_owned(),
        String::new(),
        "| key | until then |".to_owned(),
        "|---|---|".to_owned(),
    ];
    for (place, shape) in [
        ("", Manifest::SHAPE),
        ("services.NAME.", Service::SHAPE),
        ("services.NAME.build.", BuildTable::SHAPE),
    ] {
        lines.extend(
            shape
                .later
                .iter()
                .map(|(key, until)| format!("| `{place}{key}` | {} |", until.replace('|', "\\|"))),
        );
    }
    lines.push(String::new());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_of_the_schema_has_its_section() {
        let schema = schema();
        let mut defined: Vec<&String> =
            schema["$defs"].as_object().into_iter().flat_map(|tables| tables.keys()).collect();
        let mut listed = TABLES.map(|(name, _)| name).to_vec();
        defined.sort();
        listed.sort_unstable();
        assert_eq!(defined, listed);
    }

    #[test]
    fn rows_tell_type_default_and_meaning() {
        let text = reference();
        let row = |key: &str| {
            text.lines().find(|line| line.starts_with(&format!("| `{key}` |"))).unwrap_or_default()
        };
        insta::assert_snapshot!([row("stop_grace"), row("ports"), row("depends_on"), row("watch"), row("scale")].join("\n"), @r#"
        | `stop_grace` | duration | `"10s"` | How long it may take to end before it is killed. |
        | `ports` | list of published port |  | Ports published on this machine: `HOST:CONTAINER`, on 127.0.0.1 unless an address stands before. A container port alone gets a free port of this machine. |
        | `depends_on` | list of string or table of condition |  | What must be ready first: a list of names, or a table of name = `"started"`, `"ready"` or `"completed"`. |
        | `watch` | string | required | The file or folder that is watched. |
        "#);
    }
}
