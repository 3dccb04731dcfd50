//! `shoal logs`.

use api::Client;
use api::commands::command;
use api::shape::{From, LogLine, LogsQuery, LogsRead};

use super::time::moment;
use crate::args::{LogsArguments, StackArguments};
use crate::failure::Failure;
use crate::print::{self, Paint};

/// Lines a page.
const PAGE: u32 = 2000;

pub(super) async fn run(arguments: &StackArguments, logs: &LogsArguments) -> Result<(), Failure> {
    let query = LogsQuery {
        services: logs.services.clone(),
        level: logs.level.clone(),
        since: logs.since.as_deref().map(moment).transpose()?,
        until: logs.until.as_deref().map(moment).transpose()?,
        text: None,
        grep: logs.grep.clone(),
        where_: logs.where_.clone(),
    };
    let client = super::session(arguments).await?;
    if logs.count {
        let count = client.call(command::logs_count, &query).await?;
        return print::line(&format!("{}", count.count));
    }
    let from = if logs.lines.is_some() { From::Newest } else { From::Oldest };
    let mut follow = Follow {
        client: &client,
        query,
        from,
        json: logs.json,
        wait: false,
        limit: logs.lines.unwrap_or(PAGE),
    };
    super::or_interrupt(async {
        if logs.lines.is_some_and(|n| n > 0) {
            follow.print_next().await?;
        }
        if logs.lines.is_some() && !logs.follow {
            return Ok(());
        }
        if logs.lines == Some(0) {
            follow.skip_to_end().await?;
        }
        follow.limit = PAGE;
        while follow.print_next().await? > 0 {}
        follow.wait = true;
        if !logs.follow {
            return Ok(());
        }
        loop {
            follow.print_next().await?;
        }
    })
    .await
}

/// Prints lines from a place on.
pub(super) struct Follow<'a> {
    client: &'a Client,
    query: LogsQuery,
    from: From,
    json: bool,
    wait: bool,
    limit: u32,
}

impl<'a> Follow<'a> {
    /// All lines since a time, and those to come.
    pub(super) fn since(client: &'a Client, services: Vec<String>, since: String) -> Self {
        let query = LogsQuery { services, since: Some(since), ..LogsQuery::default() };
        Self { client, query, from: From::Oldest, json: false, wait: true, limit: PAGE }
    }

    async fn skip_to_end(&mut self) -> Result<(), Failure> {
        let read =
            LogsRead { query: self.query.clone(), from: From::Newest, limit: 1, ..LogsRead::default() };
        self.from = From::After(self.client.call(command::logs_read, &read).await?.after);
        Ok(())
    }

    /// Prints the next page, and says how many lines it had.
    pub(super) async fn print_next(&mut self) -> Result<usize, Failure> {
        let wait_ms = if self.wait && matches!(self.from, From::After(_)) { 10_000 } else { 0 };
        let read = LogsRead {
            query: self.query.clone(),
            from: self.from.clone(),
            limit: self.limit,
            wait_ms,
            ..LogsRead::default()
        };
        let page = self.client.call(command::logs_read, &read).await?;
        let paint = Paint::stdout();
        for line in &page.lines {
            if self.json { print::json(line)? } else { print::line(&shown(line, paint))? }
        }
        self.from = From::After(page.after);
        Ok(page.lines.len())
    }
}

fn shown(line: &LogLine, paint: Paint) -> String {
    let text = match line.level.as_deref() {
        Some("error" | "fatal") => paint.red(&line.text),
        Some("warn") => paint.amber(&line.text),
        Some("debug" | "trace") => paint.dim(&line.text),
        _ => line.text.clone(),
    };
    let name = paint.named(&line.service);
    let gap = " ".repeat(12_usize.saturating_sub(line.service.len()));
    format!("{} {name}{gap} {text}", paint.dim(print::clock(&line.ts)))
}
