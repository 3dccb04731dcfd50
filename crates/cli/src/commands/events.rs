//! `shoal events`.

use std::collections::VecDeque;

use api::commands::command;
use api::shape::{Event, EventsRead};

use crate::args::StackArguments;
use crate::failure::Failure;
use crate::print::{self, Paint};

pub(super) async fn run(
    arguments: &StackArguments,
    follow: bool,
    lines: Option<usize>,
    json: bool,
) -> Result<(), Failure> {
    let tell = |event: &Event| {
        if json { print::json(event) } else { print::line(&shown(event, Paint::stdout())) }
    };
    let client = super::session(arguments).await?;
    super::or_interrupt(async {
        let mut read = EventsRead::default();
        // The last of the past, until all of it was read.
        let mut last = lines.map(|lines| (lines, VecDeque::new()));
        loop {
            let page = client.call(command::events_read, &read).await?;
            if page.events.is_empty() {
                for event in last.take().into_iter().flat_map(|(_, events)| events) {
                    tell(&event)?;
                }
                if !follow {
                    return Ok(());
                }
            }
            for event in page.events {
                let Some((lines, events)) = &mut last else {
                    tell(&event)?;
                    continue;
                };
                events.push_back(event);
                if events.len() > *lines {
                    events.pop_front();
                }
            }
            read.after = page.after;
            read.wait_ms = if follow && last.is_none() { 10_000 } else { 0 };
        }
    })
    .await
}

fn shown(event: &Event, paint: Paint) -> String {
    let service = event.service.as_deref().unwrap_or("");
    let gap = " ".repeat(12_usize.saturating_sub(service.len()));
    let failed = event.ok == Some(false) || event.kind == "failed" || event.exit_code.is_some_and(|c| c != 0);
    let mut text = if failed { paint.red(&event.text) } else { event.text.clone() };
    if let Some(bytes) = &event.bytes {
        text.push_str(&paint.dim(&format!("  {}", print::size(bytes.as_f64()))));
    }
    // A failed reload's text has its error in it; what is told of the watching says here what to do.
    if let Some(hint) = event.error.as_ref().filter(|_| event.kind == "watch") {
        text.push_str(&paint.dim(&format!("  hint: {hint}")));
    }
    let ms = event.ms.as_ref().map(|ms| {
        let phases = [
            ("detect", Some(ms.detect)),
            ("send", Some(ms.send)),
            ("apply", Some(ms.apply)),
            ("run", ms.run),
            ("restart", ms.restart),
            ("ready", ms.ready),
        ];
        let phases =
            phases.into_iter().filter_map(|(name, took)| Some(format!("{name} {}", print::span(took?))));
        paint.dim(&format!("  {} ({})", print::span(ms.total), phases.collect::<Vec<_>>().join(", ")))
    });
    format!(
        "{} {}{gap} {:<9} {text}{}",
        paint.dim(print::clock(&event.ts)),
        paint.named(service),
        event.kind,
        ms.unwrap_or_default()
    )
}
