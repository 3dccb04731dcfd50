//! The observed edges as pictures' source: Graphviz and Mermaid. Those through a broker are dashed.

use std::collections::BTreeMap;
use std::fmt::Write;

use model::call::Edge;

/// A digraph for Graphviz. Names are quoted, whatever is in them.
pub fn dot(edges: &[Edge]) -> String {
    let mut text = String::from("digraph stack {\n  rankdir=LR;\n  node [shape=box, style=rounded];\n");
    for name in nodes(edges).keys() {
        put(&mut text, format_args!("  {};\n", dot_quote(name)));
    }
    for edge in edges {
        let colour = if edge.errors > 0 { ", color=red" } else { "" };
        let dashes = if edge.via.is_some() { ", style=dashed" } else { "" };
        let (from, to) = (dot_quote(&edge.from), dot_quote(&edge.to));
        put(
            &mut text,
            format_args!("  {from} -> {to} [label={}{colour}{dashes}];\n", dot_quote(&label(edge))),
        );
    }
    text.push_str("}\n");
    text
}

/// A flowchart for Mermaid. Names are labels, never syntax.
pub fn mermaid(edges: &[Edge]) -> String {
    let mut text = String::from("flowchart LR\n");
    let nodes = nodes(edges);
    for (name, number) in &nodes {
        put(&mut text, format_args!("  n{number}[\"{}\"]\n", mermaid_escape(name)));
    }
    for edge in edges {
        let number = |name: &str| nodes.get(name).copied().unwrap_or_default();
        let (from, to) = (number(&edge.from), number(&edge.to));
        let arrow = if edge.via.is_some() { "-.->" } else { "-->" };
        put(&mut text, format_args!("  n{from} {arrow}|\"{}\"| n{to}\n", mermaid_escape(&label(edge))));
    }
    text
}

fn nodes(edges: &[Edge]) -> BTreeMap<&str, usize> {
    let names = edges.iter().flat_map(|edge| [edge.from.as_str(), edge.to.as_str()]);
    let mut nodes: BTreeMap<&str, usize> = names.map(|name| (name, 0)).collect();
    for (number, (_, slot)) in nodes.iter_mut().enumerate() {
        *slot = number;
    }
    nodes
}

/// `http/1, 12 calls, 2 failed, p50 3.1 ms`; `kafka, 3 messages, orders via broker`.
fn label(edge: &Edge) -> String {
    let plural = if edge.calls == 1 { "" } else { "s" };
    let what = if edge.via.is_some() { "message" } else { "call" };
    let mut label = format!("{}, {} {what}{plural}", edge.protocol.name(), edge.calls);
    if let (Some(via), Some(topic)) = (&edge.via, &edge.topic) {
        put(&mut label, format_args!(", {topic} via {via}"));
    }
    if edge.errors > 0 {
        put(&mut label, format_args!(", {} failed", edge.errors));
    }
    if let Some(p50) = edge.p50_ms {
        put(&mut label, format_args!(", p50 {} ms", (p50 * 100.0).round() / 100.0));
    }
    label
}

/// A quoted string of the DOT language, in which `\` begins an escape and control characters have no place.
fn dot_quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            letter if letter.is_control() => quoted.push(' '),
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

/// Mermaid reads `#name;` as a character; everything that could end a label or begin markup goes that way.
fn mermaid_escape(text: &str) -> String {
    let mut escaped = String::new();
    for letter in text.chars() {
        match letter {
            letter if letter.is_control() => escaped.push(' '),
            letter if letter.is_alphanumeric() || " .,:/-_".contains(letter) => escaped.push(letter),
            letter => put(&mut escaped, format_args!("#{};", letter as u32)),
        }
    }
    escaped
}

/// Writing to a string cannot fail.
fn put(text: &mut String, what: std::fmt::Arguments<'_>) {
    let written = text.write_fmt(what);
    debug_assert!(written.is_ok());
}
