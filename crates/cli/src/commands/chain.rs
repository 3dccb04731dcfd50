//! `shoal calls chain`: a tree, and beside it when each call began and ended.

use std::collections::HashMap;

use api::Client;
use api::commands::command;
use api::shape::{CallId, CallRow, ChainCall};
use model::Timestamp;

use super::calls::name;
use crate::failure::Failure;
use crate::print::{self, Paint};

/// Letters from the chain's beginning to its end.
const WIDTH: usize = 32;

pub(super) async fn run(client: &Client, id: &str, json: bool) -> Result<(), Failure> {
    let chain = client.call(command::chain, &CallId { id: id.to_owned() }).await?;
    if json {
        return chain.calls.iter().try_for_each(print::json);
    }
    let paint = Paint::stdout();
    print::table(&rows(&chain.calls, id, paint))?;
    let has = |link: &str| chain.calls.iter().any(|call| call.link.as_deref() == Some(link));
    if has("inferred") {
        print::line(&paint.dim("~ known by time alone: it can have been made for no other call"))?;
    }
    if has("ambiguous") {
        print::line(
            &paint.dim("? it may have been made for one of several calls; this is the most likely one"),
        )?;
    }
    Ok(())
}

/// A row a call, below the one that it was made for.
fn rows(calls: &[ChainCall], asked: &str, paint: Paint) -> Vec<Vec<String>> {
    let mut made_for: HashMap<Option<&str>, Vec<&ChainCall>> = HashMap::new();
    for call in calls {
        made_for.entry(call.parent.as_deref()).or_default().push(call);
    }
    let time = Time::of(calls);
    let mut rows = Vec::with_capacity(calls.len());
    // Each with the lines that lead to it; the next one last.
    let mut open: Vec<(&ChainCall, String, String)> = Vec::new();
    let top = made_for.get(&None).map(Vec::as_slice).unwrap_or_default();
    open.extend(top.iter().rev().map(|call| (*call, String::new(), String::new())));
    while let Some((call, before, below)) = open.pop() {
        rows.push(row(call, &before, asked, &time, paint));
        let made = made_for.get(&Some(call.call.id.as_str())).map(Vec::as_slice).unwrap_or_default();
        for (place, next) in made.iter().enumerate().rev() {
            let (own, further) = if place + 1 == made.len() { ("└ ", "  ") } else { ("├ ", "│ ") };
            open.push((*next, format!("{below}{own}"), format!("{below}{further}")));
        }
    }
    rows
}

fn row(call: &ChainCall, before: &str, asked: &str, time: &Time, paint: Paint) -> Vec<String> {
    let (row, how) = (&call.call, how(call.link.as_deref()));
    let what = format!("{} -> {}  {}", name(&row.from), name(&row.to), row.operation);
    let what = if row.id == asked { paint.bold(&what) } else { what };
    let status = row.status.as_deref().unwrap_or(if row.pending { "..." } else { "-" });
    vec![
        format!("{}{how}{what}", paint.dim(before)),
        if row.ok { paint.green(status) } else { paint.red(status) },
        row.ms.map(print::span).unwrap_or_default(),
        time.bar(row),
        paint.dim(&row.id),
    ]
}

fn how(link: Option<&str>) -> &'static str {
    match link {
        Some("inferred") => "~ ",
        Some("ambiguous") => "? ",
        _ => "",
    }
}

/// The chain's span of time, in milliseconds.
struct Time {
    first: f64,
    last: f64,
}

impl Time {
    fn of(calls: &[ChainCall]) -> Self {
        let starts = calls.iter().map(|call| start(&call.call));
        let ends = calls.iter().map(|call| start(&call.call) + call.call.ms.unwrap_or_default());
        Self { first: starts.fold(f64::INFINITY, f64::min), last: ends.fold(f64::NEG_INFINITY, f64::max) }
    }

    /// At least one letter, within the width. A call that goes on reaches to the end.
    fn bar(&self, call: &CallRow) -> String {
        let place = |ms: f64| {
            let part =
                if self.last > self.first { (ms - self.first) / (self.last - self.first) } else { 0.0 };
            (part * WIDTH as f64).round() as usize
        };
        let from = place(start(call)).min(WIDTH - 1);
        let end = call.ms.map_or(if call.pending { self.last } else { start(call) }, |ms| start(call) + ms);
        let len = place(end).saturating_sub(from).clamp(1, WIDTH - from);
        format!("{}{}{}", " ".repeat(from), "━".repeat(len), " ".repeat(WIDTH - from - len))
    }
}

fn start(call: &CallRow) -> f64 {
    call.ts.parse::<Timestamp>().unwrap_or_default().millis()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(id: &str, parent: Option<&str>, link: &str, (start, ms): (u32, Option<f64>)) -> ChainCall {
        let row = serde_json::json!({
            "id": id, "ts": format!("2026-11-23T06:00:00.{start:03}000000Z"), "protocol": "http/1",
            "from": { "service": "web", "addr": "" }, "to": { "service": "orders", "addr": "" },
            "operation": format!("GET /{id}"), "ok": true, "conn": "", "quality": "complete", "ms": ms,
            "pending": ms.is_none(),
        });
        ChainCall {
            call: serde_json::from_value(row).unwrap(),
            parent: parent.map(str::to_owned),
            link: parent.map(|_| link.to_owned()),
        }
    }

    #[test]
    fn a_tree_with_a_waterfall() {
        let calls = [
            call("a", None, "", (0, Some(160.0))),
            call("b", Some("a"), "trace", (10, Some(80.0))),
            call("c", Some("b"), "inferred", (20, Some(10.0))),
            call("d", Some("a"), "ambiguous", (120, Some(0.0))),
            call("e", Some("b"), "trace", (130, None)),
        ];
        let shown: Vec<String> = rows(&calls, "b", Paint::none())
            .iter()
            .map(|row| format!("{:<34}|{}|", row[0], row[3]))
            .collect();
        assert_eq!(
            shown,
            [
                "web -> orders  GET /a             |━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━|",
                "├ web -> orders  GET /b           |  ━━━━━━━━━━━━━━━━              |",
                "│ ├ ~ web -> orders  GET /c       |    ━━                          |",
                "│ └ web -> orders  GET /e         |                          ━━━━━━|",
                "└ ? web -> orders  GET /d         |                        ━       |",
            ]
        );
    }
}
