//! Every capture in `tests/data/http` against the rows of the reference's `http.log` and `conn.log`.
//!
//! A row and an exchange are the same when all agrees that the log has: method, target, status, sizes of the bodies. What
//! differs must be in `deviations.txt`, and nothing else may be: `-` is a row that we lack, `+` an exchange that no row
//! has. `docs/protocols/http1.md` says why.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;

use flate2::read::GzDecoder;
use model::exchange::{Exchange, Protocol};
use wire::Limits;

use crate::packets::{captured, line};

/// The rows of a log, by the names of its columns.
fn rows(text: &str) -> Vec<BTreeMap<&str, &str>> {
    let mut names: Vec<&str> = Vec::new();
    let mut rows = Vec::new();
    for line in text.lines() {
        if let Some(fields) = line.strip_prefix("#fields\t") {
            names = fields.split('\t').collect();
        } else if !line.starts_with('#') && names.is_empty() {
            names = line.split('\t').collect();
        } else if !line.starts_with('#') {
            rows.push(names.iter().copied().zip(line.split('\t')).collect());
        }
    }
    rows
}

const COLUMNS: [&str; 5] = ["method", "uri", "status_code", "request_body_len", "response_body_len"];

/// What an HTTP exchange would be in such a column.
fn column(exchange: &Exchange, name: &str) -> String {
    let or_dash = |text: &str| if text.is_empty() { "-" } else { text }.to_owned();
    match name {
        "method" => or_dash(&exchange.method),
        "uri" if exchange.target.is_empty() && !exchange.method.is_empty() => "(empty)".to_owned(),
        "uri" => or_dash(&exchange.target),
        "status_code" => or_dash(exchange.status.as_deref().unwrap_or_default()),
        "request_body_len" => exchange.request.bytes.to_string(),
        _ => exchange.response.as_ref().map_or(0, |response| response.bytes).to_string(),
    }
}

/// What the exchanges and the log's rows do not share.
fn differences(exchanges: &[Exchange], log: &str) -> Vec<String> {
    let rows = rows(log);
    let columns: Vec<_> =
        COLUMNS.into_iter().filter(|name| rows.first().is_some_and(|row| row.contains_key(name))).collect();
    let mut missing: Vec<String> =
        rows.iter().map(|row| columns.iter().map(|name| row[name]).collect::<Vec<_>>().join(" ")).collect();
    let mut more = Vec::new();
    for exchange in exchanges {
        let as_row = columns.iter().map(|name| column(exchange, name)).collect::<Vec<_>>().join(" ");
        let same = missing.iter().position(|row| exchange.protocol == Protocol::Http1 && *row == as_row);
        match same.filter(|_| !columns.is_empty()) {
            Some(at) => drop(missing.remove(at)),
            None => more.push(format!("+ {}", line(exchange))),
        }
    }
    let mut lines: Vec<_> = missing.into_iter().map(|row| format!("- {row}")).collect();
    lines.extend(more);
    let many = |(line, count)| if count == 1 { line } else { format!("{line}, {count} times") };
    let mut lines: Vec<_> = counted(lines).into_iter().map(many).collect();
    lines.sort_by_key(|line| line.starts_with('+'));
    lines
}

/// How often each pair of ends meets.
fn connections(exchanges: &[Exchange]) -> BTreeMap<String, usize> {
    let end = |addr: SocketAddr| format!("{}:{}", addr.ip(), addr.port());
    let ends: BTreeMap<u64, String> =
        exchanges.iter().map(|e| (e.conn, format!("{} {}", end(e.client), end(e.server)))).collect();
    counted(ends.into_values())
}

fn counted(lines: impl IntoIterator<Item = String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for line in lines {
        *counts.entry(line).or_default() += 1;
    }
    counts
}

#[test]
fn every_row_of_the_reference_is_an_exchange() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/http"));
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut found = Vec::new();
    let mut logs = 0;
    for path in files {
        let name = path.file_name().unwrap().to_str().unwrap();
        let mut file = fs::read(&path).unwrap();
        if path.extension().is_some_and(|extension| extension == "gz") {
            let packed = std::mem::take(&mut file);
            GzDecoder::new(&packed[..]).read_to_end(&mut file).unwrap();
        }
        let Some((stem, _)) = name.split_once(".pcap") else { continue };
        let exchanges = captured(&file, Limits::new(1000));
        let log = fs::read_to_string(folder.join(format!("{stem}.http.log"))).unwrap_or_default();
        logs += usize::from(!log.is_empty());
        let differences = differences(&exchanges, &log);
        if !differences.is_empty() {
            found.push(format!("= {name}{}", if log.is_empty() { ", which has no log" } else { "" }));
            found.extend(differences);
        }
        if let Ok(log) = fs::read_to_string(folder.join(format!("{stem}.conn.log"))) {
            let rows = rows(&log);
            let end = |row: &BTreeMap<&str, &str>, end: &str| {
                Some(format!("{}:{}", row.get(&*format!("id.{end}_h"))?, row.get(&*format!("id.{end}_p"))?))
            };
            let ends =
                rows.iter().filter_map(|row| Some(format!("{} {}", end(row, "orig")?, end(row, "resp")?)));
            let expected = counted(ends);
            let expected_number: usize = expected.values().sum();
            if expected_number == rows.len() {
                assert_eq!(connections(&exchanges), expected, "{name}");
            } else {
                assert_eq!(connections(&exchanges).values().sum::<usize>(), rows.len(), "{name}");
            }
        }
    }
    let known = fs::read_to_string(folder.join("deviations.txt")).unwrap();
    assert!(logs > 40, "{logs}");
    assert_eq!(found, known.lines().collect::<Vec<_>>());
}
