//! What keeping and searching logs costs, each beside its anchor: `./dev bench logs [ingest|steady|search|memory]`.
//!
//! `ingest` and `steady` run a real session on the machine's engine, beside a reader that throws the same stream away;
//! `search` counts in ten million lines beside ripgrep; `memory` looks at a session that holds as many. Needs Linux,
//! the engine on this machine, and `./dev build --release` (which `./dev bench` does).

#![expect(clippy::print_stdout, reason = "a benchmark's result is what it prints")]

mod anchor;
mod corpus;
mod ingest;
mod measure;
mod memory;
mod search;
mod stack;

fn main() {
    let named: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let parts: [(&str, fn()); 4] = [
        ("ingest", ingest::flood),
        ("steady", ingest::steady),
        ("search", search::run),
        ("memory", memory::run),
    ];
    let all: Vec<&str> = parts.iter().map(|(name, _)| *name).collect();
    let unknown = named.iter().find(|name| !all.contains(&name.as_str()));
    assert!(unknown.is_none(), "no such part; there are {}", all.join(", "));
    for (name, part) in parts {
        if named.is_empty() || named.iter().any(|n| n == name) {
            println!("\n== {name}");
            part();
        }
    }
}
