//! Files in the repository that are made from the types, and the example that everybody starts with.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use manifest::{Request, load, reference, schema};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// `UPDATE=1` writes them instead.
#[test]
fn generated_files_are_current() {
    let schema = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    for (path, expected) in [("services.schema.json", schema), ("docs/MANIFEST.md", reference())] {
        let file = root().join(path);
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&file, &expected).unwrap();
        }
        let found = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            found == expected,
            "`{path}` is out of date: run `UPDATE=1 cargo test -p manifest generated`"
        );
    }
}

#[test]
fn the_example_has_nothing_wrong_with_it() {
    let files = [root().join("services.example.toml")];
    let env = BTreeMap::new();
    let loaded =
        load(&Request { files: &files, name: None, profiles: &["*".to_owned()], services: &[], env: &env });
    let rendered: String = loaded.diagnostics.iter().map(|one| one.render(false)).collect();
    assert!(loaded.diagnostics.is_empty(), "{rendered}");
    let services = loaded.plan.map(|plan| plan.services.len()).unwrap_or_default();
    assert!(services >= 7, "the example has {services} services");
}
