//! Who may use whom. Reads `cargo metadata` and holds it against the table below, which is the one in
//! `docs/ARCHITECTURE.md`. Change both in a commit that says why.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// A crate, the crates of ours that it may use, and the outside crates that it may use.
struct Row(&'static str, &'static [&'static str], &'static [&'static str]);

/// Outside crates that any crate may use: they are vocabulary, not machinery.
const ANYBODY: &[&str] = &["serde", "serde_json", "thiserror", "tracing", "bytes", "futures-util"];

const TABLE: &[Row] = &[
    Row("model", &[], &["serde_bytes", "postcard"]),
    Row("manifest", &["model"], &["toml_edit", "schemars"]),
    Row("wire", &["model"], &["httparse", "etherparse", "flate2", "foldhash", "ring"]),
    Row("guest", &["model", "wire"], &["foldhash", "libc", "mimalloc"]),
    Row(
        "engine",
        &["model"],
        &[
            "bollard",
            "ignore",
            "tar",
            "tokio",
            "tokio-util",
            "sha2",
            "hyper",
            "hyper-util",
            "http-body-util",
            "tokio-rustls",
        ],
    ),
    Row("watch", &["model"], &["notify", "ignore", "tokio"]),
    Row(
        "logs",
        &["model"],
        &["regex", "regex-syntax", "grep-matcher", "grep-regex", "memchr", "memmap2", "cel"],
    ),
    Row(
        "calls",
        &["model", "wire"],
        &[
            "hdrhistogram",
            "cel",
            "regex",
            "prost-reflect",
            "protox",
            "flate2",
            "brotli-decompressor",
            "ruzstd",
            "postcard",
        ],
    ),
    Row("capture", &["model", "engine", "wire"], &["tokio", "pcap-parser", "flate2"]),
    Row("terminal", &["model", "engine"], &["portable-pty", "tokio"]),
    Row(
        "api",
        &["model"],
        &[
            "base64",
            "ts-rs",
            "hyper",
            "hyper-util",
            "http-body-util",
            "tokio",
            "tokio-tungstenite",
            "directories",
        ],
    ),
    Row(
        "session",
        &["model", "api", "manifest", "engine", "watch", "logs", "calls", "capture", "terminal"],
        // HTTP is what a call that is made again speaks; lines that are saved are packed.
        &["tokio", "tokio-util", "tar", "flate2", "hyper", "hyper-util", "http-body-util"],
    ),
    Row("server", &["api", "session"], &["axum", "rust-embed", "tokio"]),
    Row(
        "cli",
        &["api", "server", "manifest", "model"],
        &["anyhow", "clap", "clap_complete", "crossterm", "mimalloc", "tokio", "tracing-subscriber"],
    ),
    Row("desktop", &["api"], &["anyhow", "tauri", "tauri-build", "open", "tauri-plugin-dialog", "tokio"]),
    Row("testkit", &["model", "engine"], &["tokio"]),
    Row("tests", &[], &[]),
];

/// One crate alone may speak these languages to the outside.
const OWNERS: &[(&str, &[&str])] = &[
    ("bollard", &["engine"]),
    ("tauri", &["desktop"]),
    ("notify", &["watch"]),
    ("portable-pty", &["terminal"]),
    ("libc", &["guest"]),
    ("axum", &["server"]),
    ("clap", &["cli"]),
];

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .output()
        .expect("cargo runs");
    serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON")
}

/// Every crate's dependencies that end up in what is shipped: not those of tests.
fn shipped() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("packages").iter();
    let dependencies = |package: &Value| {
        let all = package["dependencies"].as_array().expect("dependencies").iter();
        all.filter(|d| d["kind"] != "dev").map(|d| d["name"].as_str().expect("a name").to_owned()).collect()
    };
    packages.map(|p| (p["name"].as_str().expect("a name").to_owned(), dependencies(p))).collect()
}

#[test]
fn arrows_point_one_way() {
    let crates = shipped();
    let ours: BTreeSet<&str> = crates.keys().map(String::as_str).collect();
    let mut wrong = Vec::new();
    for (name, dependencies) in &crates {
        let Some(Row(_, inner, outer)) = TABLE.iter().find(|row| row.0 == name) else {
            wrong.push(format!("`{name}` is in no row of the table"));
            continue;
        };
        for dependency in dependencies {
            let dependency = dependency.as_str();
            let allowed = if ours.contains(dependency) {
                inner.contains(&dependency)
            } else {
                outer.contains(&dependency) || ANYBODY.contains(&dependency)
            };
            if !allowed {
                wrong.push(format!("`{name}` may not use `{dependency}`"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_language_is_spoken_by_its_owner_alone() {
    for (spoken, owners) in OWNERS {
        for (name, dependencies) in shipped() {
            assert!(
                !dependencies.contains(*spoken) || owners.contains(&name.as_str()),
                "`{name}` may not speak `{spoken}`"
            );
        }
    }
}

#[test]
fn the_documented_table_is_this_one() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/ARCHITECTURE.md"))
        .expect("docs/ARCHITECTURE.md");
    for Row(name, inner, _) in TABLE.iter().filter(|row| row.0 != "tests") {
        let mut uses = inner.to_vec();
        uses.sort_unstable();
        let shown = if uses.is_empty() { "-".to_owned() } else { uses.join(", ") };
        let row = format!("| `{name}` | {shown} |");
        assert!(text.contains(&row), "docs/ARCHITECTURE.md lacks a row that begins with `{row}`");
    }
}

#[test]
fn the_pure_crates_read_no_clock_and_no_environment() {
    let banned = ["SystemTime::now", "Instant::now", "std::env::var", "env::vars", "tokio::"];
    for pure in ["model", "manifest", "wire", "logs", "calls"] {
        let folder = format!("{}/../crates/{pure}/src", env!("CARGO_MANIFEST_DIR"));
        for file in sources(folder.as_ref()) {
            let text = std::fs::read_to_string(&file).expect("a source file");
            let product = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            for word in banned {
                let used = product.lines().any(|l| !l.trim_start().starts_with("//") && l.contains(word));
                assert!(!used, "{} uses `{word}`", file.display());
            }
        }
    }
}

fn sources(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a source folder").flatten() {
        let path = entry.path();
        if path.is_dir() && path.file_name().is_some_and(|n| n != "tests") {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs")
            && path.file_name().is_some_and(|n| n != "tests.rs")
        {
            found.push(path);
        }
    }
    found
}
