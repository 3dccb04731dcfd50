//! No file of tests is forgotten: one that no `mod` names would never be compiled, and its tests never run.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn sources(folder: &Path, found: &mut BTreeSet<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of tests").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.insert(path);
        }
    }
}

/// `file`, and every file that its `mod` lines name.
fn compiled(file: &Path, found: &mut BTreeSet<PathBuf>) {
    found.insert(file.to_owned());
    let text = std::fs::read_to_string(file).expect("a source file");
    let folder = file.parent().expect("a folder");
    let below = match file.file_stem().and_then(|s| s.to_str()) {
        Some("main" | "mod") | None => folder.to_owned(),
        Some(name) => folder.join(name),
    };
    let names = text
        .lines()
        .filter_map(|l| l.trim_start_matches("pub(crate) ").strip_prefix("mod ")?.strip_suffix(';'));
    for name in names {
        let beside = below.join(format!("{name}.rs"));
        compiled(&if beside.exists() { beside } else { below.join(name).join("mod.rs") }, found);
    }
}

#[test]
fn every_file_of_tests_is_compiled() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut there = BTreeSet::new();
    sources(&folder, &mut there);
    let mut named = BTreeSet::new();
    for binary in ["layering.rs", "it/main.rs"] {
        compiled(&folder.join(binary), &mut named);
    }
    let forgotten: Vec<_> = there.difference(&named).collect();
    assert!(forgotten.is_empty(), "no `mod` names {forgotten:?}");
}
