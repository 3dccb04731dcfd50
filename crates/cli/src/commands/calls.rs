//! `shoal calls`.

use api::Client;
use api::commands::command;
use api::shape::{
    CallDetail, CallMessage, CallShow, CallsExport, CallsQuery, CallsRead, ExportFormat, FormPart, From,
    HiddenState, PartyShape, Text,
};

use super::time::{moment, span};
use crate::args::{CallsArguments, CallsCommand, StackArguments};
use crate::failure::Failure;
use crate::print::{self, Paint};

/// Calls a page.
const PAGE: u32 = 500;

pub(super) async fn run(arguments: &StackArguments, calls: &CallsArguments) -> Result<(), Failure> {
    let query = query(calls)?;
    if !calls.pcap.is_empty() {
        return super::captured::list(arguments, calls, query);
    }
    if let Some(CallsCommand::Show { id, json, pcap, tls_keys, .. }) = &calls.command
        && !pcap.is_empty()
    {
        let call = super::captured::one(arguments, id, pcap, tls_keys)?;
        return if *json { print::json(&call) } else { whole(&call) };
    }
    let client = super::session(arguments).await?;
    if let Some(CallsCommand::Show { id, reveal, json, .. }) = &calls.command {
        let call = client.call(command::call_show, &CallShow { id: id.clone(), reveal: *reveal }).await?;
        return if *json { print::json(&call) } else { whole(&call) };
    }
    if let Some(CallsCommand::Chain { id, json }) = &calls.command {
        return super::chain::run(&client, id, *json).await;
    }
    if let Some(CallsCommand::Replay { id, set, without, json }) = &calls.command {
        return super::replay::run(&client, id, set, without, *json).await;
    }
    match &calls.command {
        Some(CallsCommand::Pcap { id, to }) => return super::packets::of_call(&client, id, to).await,
        Some(CallsCommand::Record { services, since, until, seconds, to }) => {
            let when = super::packets::When::read(since.as_deref(), until.as_deref(), *seconds)?;
            return super::packets::record(&client, services, when, to).await;
        }
        Some(CallsCommand::Show { .. } | CallsCommand::Chain { .. } | CallsCommand::Replay { .. }) | None => {
        }
    }
    if let Some((ids, format)) = form(calls) {
        let export = CallsExport { ids, query, format, limit: calls.lines };
        return exported(&client.call(command::calls_export, &export).await?);
    }
    super::or_interrupt(pages(&client, calls, query)).await
}

/// Which calls are asked for in another tool's form; no id: those of the query.
pub(super) fn form(calls: &CallsArguments) -> Option<(Vec<String>, ExportFormat)> {
    let one = |id: &Option<String>, format| id.clone().map(|id| (vec![id], format));
    one(&calls.curl, ExportFormat::Curl)
        .or_else(|| one(&calls.grpcurl, ExportFormat::Grpcurl))
        .or_else(|| calls.otlp.then(|| (Vec::new(), ExportFormat::Otlp)))
        .or_else(|| calls.openapi.then(|| (Vec::new(), ExportFormat::Openapi)))
        .or_else(|| calls.har.then(|| (Vec::new(), ExportFormat::Har)))
}

pub(super) fn exported(text: &Text) -> Result<(), Failure> {
    if let Some(note) = &text.note {
        print::note(note);
    }
    if text.text.is_empty() { Ok(()) } else { print::line(&text.text) }
}

async fn pages(client: &Client, calls: &CallsArguments, query: CallsQuery) -> Result<(), Failure> {
    let paint = Paint::stdout();
    if calls.lines == Some(0) && !calls.follow {
        return Ok(());
    }
    let mut read = CallsRead {
        query,
        from: if calls.lines.is_some() { From::Newest } else { From::Oldest },
        limit: calls.lines.unwrap_or(PAGE).max(1),
        wait_ms: 0,
        whole: calls.json,
        done: true,
    };
    // `-n 0` asks for what comes from now on: the newest call is only the place to go on from.
    let mut skipping = calls.lines == Some(0);
    let mut hidden = 0;
    loop {
        let page = client.call(command::calls_read, &read).await?;
        let shown_now = if std::mem::take(&mut skipping) { &[] } else { page.calls.as_slice() };
        for call in shown_now {
            if calls.json { print::json(call)? } else { print::line(&shown(call, paint))? }
        }
        hidden += page.background_hidden;
        let last = page.calls.is_empty() || calls.lines.is_some();
        if last && !calls.follow {
            if hidden > 0 {
                print::note(&format!("{hidden} background hidden"));
            }
            return Ok(());
        }
        read.from = From::After(page.after);
        read.limit = PAGE;
        read.wait_ms = if last { 10_000 } else { 0 };
    }
}

fn query(calls: &CallsArguments) -> Result<CallsQuery, Failure> {
    let slower = match calls.slower.as_deref() {
        None => None,
        Some(text) => match span(text) {
            Some(span) => Some(span.as_secs_f64() * 1000.0),
            None => return Err(Failure::usage(format!("`{text}` is no span; write `250ms` or `1.5s`"))),
        },
    };
    Ok(CallsQuery {
        from_service: calls.from.clone(),
        to_service: calls.to.clone(),
        services: Vec::new(),
        protocol: calls.protocol.clone(),
        failed: calls.failed,
        background: !calls.no_background,
        slower,
        since: calls.since.as_deref().map(moment).transpose()?,
        until: calls.until.as_deref().map(moment).transpose()?,
        text: None,
        where_: condition(calls),
    })
}

/// The expression that was asked for, of one trace when one was asked for.
fn condition(calls: &CallsArguments) -> Option<String> {
    let quoted = |id: &String| format!("trace == {}", serde_json::Value::from(id.as_str()));
    match (calls.trace.as_ref().map(quoted), &calls.where_) {
        (Some(trace), Some(other)) => Some(format!("{trace} && ({other})")),
        (trace, other) => trace.or_else(|| other.clone()),
    }
}

pub(super) fn shown(call: &CallDetail, paint: Paint) -> String {
    let row = &call.row;
    let ends = format!("{} -> {}", name(&row.from), name(&row.to));
    let status = row.status.as_deref().unwrap_or(if row.pending { "..." } else { "-" });
    let status =
        if row.ok { paint.green(&format!("{status:>4}")) } else { paint.red(&format!("{status:>4}")) };
    let ms = row.ms.map(print::span).unwrap_or_default();
    let quality =
        if row.quality == "complete" { String::new() } else { paint.amber(&format!("  {}", row.quality)) };
    let quality = if row.decrypted { format!("{quality}{}", paint.dim("  decrypted")) } else { quality };
    let background = row.background.as_ref().map(|what| paint.dim(&format!("  {what}"))).unwrap_or_default();
    let id = paint.dim(&format!("  {}", row.id));
    format!(
        "{} {ends:<24} {status} {ms:>8}  {}{quality}{background}{id}",
        paint.dim(print::clock(&row.ts)),
        row.operation
    )
}

/// A service by its name; somebody in the world by that which was asked for; who has no name, as in a capture file, by
/// address.
pub(super) fn name(party: &PartyShape) -> String {
    match (&party.service, &party.host) {
        (Some(service), Some(host)) => format!("{service} ({host})"),
        (Some(service), None) => service.clone(),
        (None, _) => party.addr.clone(),
    }
}

fn whole(call: &CallDetail) -> Result<(), Failure> {
    let paint = Paint::stdout();
    print::line(&shown(call, paint))?;
    let row = &call.row;
    print::line(&format!(
        "from {}  to {}  {}  connection {}",
        row.from.addr, row.to.addr, row.protocol, row.conn
    ))?;
    if let Some(target) = &row.target {
        print::line(&format!("asked for {target}"))?;
    }
    if let Some(ttfb) = row.ttfb_ms {
        print::line(&format!("first byte after {}", print::span(ttfb)))?;
    }
    if let Some(note) = &row.note {
        print::line(note)?;
    }
    match call.hidden {
        Some(HiddenState::Kept) => {
            print::line(
                &paint.dim(&format!("hidden values: `shoal calls show {} --reveal` prints them", row.id)),
            )?;
        }
        Some(HiddenState::Gone) => print::line(&paint.dim("hidden values: no longer known to anybody"))?,
        Some(HiddenState::Shown) => print::line(&paint.amber("hidden values are shown"))?,
        None => {}
    }
    message("request", &call.request, paint)?;
    call.response.as_ref().map_or(Ok(()), |response| message("response", response, paint))
}

/// The name of a part of a form, the file that it was, its type and size.
fn about(part: &FormPart) -> String {
    let words = [part.name.as_deref(), part.filename.as_deref(), part.media.as_deref()];
    let words: Vec<&str> = words.into_iter().flatten().collect();
    format!("{} {}", words.join("  "), print::size(part.bytes.as_f64())).trim_start().to_owned()
}

fn message(title: &str, message: &CallMessage, paint: Paint) -> Result<(), Failure> {
    print::line(&format!("\n{} {}", paint.bold(title), print::size(message.bytes.as_f64())))?;
    for (name, value) in message.headers.iter().flatten() {
        print::line(&format!("{}: {}", paint.dim(name), value.as_str().unwrap_or_default()))?;
    }
    let cut = if message.truncated {
        paint.amber("\n[cut here: see `body_limit` in the manifest]")
    } else {
        String::new()
    };
    // The messages of a stream are its body, one after the other.
    for part in &message.parts {
        let said = part.decoded.as_ref().or(part.body.as_ref()).map_or("", |body| body.trim_end());
        let about = format!("{} {} {}", part.ts, part.kind, print::size(part.bytes.as_f64()));
        if !part.left_out.is_zero() {
            print::line(&format!(
                "\n{}",
                paint.amber(&format!("[{} messages are not listed]", part.left_out))
            ))?;
        }
        print::line(&format!("\n{}\n{said}", paint.dim(&about)))?;
    }
    for part in &message.form {
        print::line(&format!("\n{}\n{}", paint.dim(&about(part)), part.body.as_deref().unwrap_or_default()))?;
    }
    if let Some(fields) = &message.fields {
        return print::line(&format!("\n{}{cut}", fields.trim_end()));
    }
    match &message.body {
        Some(_) if !message.form.is_empty() => print::line(&cut)?,
        Some(body) if message.parts.is_empty() => print::line(&format!("\n{body}{cut}"))?,
        Some(_) | None if message.truncated => print::line(&cut)?,
        Some(_) | None => {}
    }
    Ok(())
}
