//! `shoal events`.

use api::commands::command;
use api::shape::{Event, EventsRead};

use crate::args::StackArguments;
use crate::failure::Failure;
use crate::print::{self, Paint};

pub(super) async fn run(arguments: &StackArguments, follow: bool, json: bool) -> Result<(), Failure> {
    let client = super::session(arguments).await?;
    super::or_interrupt(async {
        let mut read = EventsRead::default();
        loop {
            let page = client.call(command::events_read, &read).await?;
            for event in &page.events {
                if json { print::json(event)? } else { print::line(&shown(event, Paint::stdout()))? }
            }
            if page.events.is_empty() && !follow {
                return Ok(());
            }
            read.after = page.after;
            read.wait_ms = if follow { 10_000 } else { 0 };
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
