//! Text that nobody would write: anything may be wrong with it, and nothing may break.

use crate::common::{Folder, manifest};
use proptest::prelude::*;

/// TOML made of the manifest's own keys with values of every kind.
fn toml() -> impl Strategy<Value = String> {
    let key = prop_oneof![
        prop::sample::select(vec![
            "name",
            "include",
            "env_file",
            "services",
            "calls",
            "allow",
            "image",
            "build",
            "command",
            "env",
            "ports",
            "volumes",
            "depends_on",
            "ready",
            "reload",
            "profiles",
            "resources",
            "watch",
            "to",
            "then",
            "run",
            "http",
            "tcp",
            "exec",
            "every",
            "from",
            "redact",
            "ulimits",
            "labels",
            "type",
            "source",
            "target",
        ])
        .prop_map(str::to_owned),
        "[a-z]{1,4}",
        "\"[^\"\\\\\n\r\t\u{0}-\u{1f}\u{7f}]{0,4}\"",
    ];
    let leaf = prop_oneof![
        "'[a-z0-9:/.$ {}?+-]{0,16}'",
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| format!("{number:?}").replace("NaN", "nan")),
        any::<bool>().prop_map(|flag| flag.to_string()),
        Just("1979-05-27T07:32:00Z".to_owned()),
    ];
    let inner = key.clone();
    let value = leaf.prop_recursive(4, 24, 4, move |value| {
        let pairs = prop::collection::btree_map(inner.clone(), value.clone(), 0..4);
        let table = pairs.prop_map(|pairs| {
            let pairs: Vec<String> =
                pairs.into_iter().map(|(key, value)| format!("{key} = {value}")).collect();
            format!("{{ {} }}", pairs.join(", "))
        });
        let list = prop::collection::vec(value, 0..4).prop_map(|list| format!("[{}]", list.join(", ")));
        prop_oneof![table, list]
    });
    let service = prop::collection::btree_map(key.clone(), value.clone(), 0..6);
    let services = prop::collection::btree_map("[a-c]", service, 0..3);
    (prop::collection::btree_map(key, value, 0..4), services).prop_map(|(top, services)| {
        let mut lines: Vec<String> = top.into_iter().map(|(key, value)| format!("{key} = {value}")).collect();
        for (name, service) in services {
            lines.push(format!("[services.{name}]"));
            lines.extend(service.into_iter().map(|(key, value)| format!("{key} = {value}")));
        }
        lines.join("\n")
    })
}

fn survives(folder: &Folder) {
    let loaded = folder.load();
    let errors = loaded.diagnostics.iter().any(|one| one.severity == manifest::Severity::Error);
    assert_eq!(loaded.plan.is_none(), errors);
    for one in loaded.diagnostics {
        assert!(one.line >= 1 && one.column >= 1 && one.length >= 1);
        assert!(!one.render(false).contains('\x1b'));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text(text in any::<String>()) {
        survives(&manifest(&text));
    }

    #[test]
    fn any_env_file(bytes in any::<Vec<u8>>()) {
        let folder = manifest("[services.a]\nimage = 'x'\nenv_file = ['x.env', { path = 'x.env', format = 'raw' }]\n");
        folder.write("x.env", &bytes);
        folder.write(".env", &bytes);
        survives(&folder);
    }

    #[test]
    fn any_manifest(text in toml()) {
        survives(&manifest(&text));
    }

    #[test]
    fn a_manifest_cut_off_anywhere(at in 0_usize..2000) {
        let text = include_str!("../fixtures/six/services.toml");
        let end = text.floor_char_boundary(at.min(text.len()));
        survives(&manifest(&text[..end]));
    }
}

#[test]
fn nesting_and_doubling_are_bounded() {
    survives(&manifest(&format!("name = {}", "[".repeat(100_000))));
    survives(&manifest(&format!("name = '{}'", "${A:-".repeat(50_000))));
    let mut doubling = vec!["A0=xxxxxxxxxx".to_owned()];
    doubling.extend((1..64).map(|n| format!("A{n}=$A{0}$A{0}", n - 1)));
    let doubling = doubling.join("\n");
    survives(&Folder::with(&[("services.toml", "name = '${A63}'"), (".env", &doubling)]));
    let words = format!("[services.a]\nimage = 'x'\ncommand = [{}]", "'$LONG',".repeat(50_000));
    let mut many = manifest(&words);
    many.env.insert("LONG".to_owned(), "x".repeat(100_000));
    survives(&many);
    let ports = "'1-256:1-256',".repeat(2_000);
    survives(&manifest(&format!("[services.a]\nimage = 'x'\nports = [{ports}]")));
    survives(&Folder::with(&[("services.toml", "env_file = '/dev/zero'")]));
}
