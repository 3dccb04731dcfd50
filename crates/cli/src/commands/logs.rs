//! `shoal logs`.

mod otlp;

use std::borrow::Cow;
use std::path::Path;
use std::time::SystemTime;

use api::Client;
use api::commands::command;
use api::shape::{From, LogLine, LogsQuery, LogsRead};
use model::Timestamp;
use server::LogFile;

use self::otlp::Otlp;
use super::time::moment;
use crate::args::{LogsArguments, StackArguments};
use crate::failure::Failure;
use crate::locate::Stack;
use crate::print::{self, Paint};

/// Lines a page.
const PAGE: u32 = 2000;

pub(super) async fn run(arguments: &StackArguments, logs: &LogsArguments) -> Result<(), Failure> {
    let query = query(logs)?;
    if let Some(file) = &logs.open {
        return opened(file, &query, logs);
    }
    let stack = Stack::find(arguments, &[])?;
    let client = stack.session().await?;
    if logs.count {
        let count = client.call(command::logs_count, &query).await?;
        return print::line(&format!("{}", count.count));
    }
    let from = if logs.lines.is_some() { From::Newest } else { From::Oldest };
    let out = Out::of(logs, &stack.loaded.name)?;
    let mut follow =
        Follow { client: &client, query, from, out, wait: false, limit: logs.lines.unwrap_or(PAGE) };
    super::or_interrupt(async {
        follow.all(logs).await?;
        follow.out.finish()
    })
    .await
}

fn query(logs: &LogsArguments) -> Result<LogsQuery, Failure> {
    Ok(LogsQuery {
        services: logs.services.clone(),
        level: logs.level.clone(),
        since: logs.since.as_deref().map(moment).transpose()?,
        until: logs.until.as_deref().map(moment).transpose()?,
        // Ids are written in either case, and text without capitals is found in both.
        text: logs.trace.as_ref().map(|id| id.to_lowercase()),
        grep: logs.grep.clone(),
        where_: logs.where_.clone(),
        records: !logs.no_group,
    })
}

/// The lines of a file.
fn opened(file: &Path, query: &LogsQuery, logs: &LogsArguments) -> Result<(), Failure> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let mut out = Out::of(logs, &name)?;
    let last = logs.lines.map(|n| n as usize);
    server::open_logs(file, query, last, &mut |line| out.put(std::slice::from_ref(line)))?;
    out.finish()
}

/// Where lines go.
enum Out {
    Text(Paint),
    Json,
    Otlp(Otlp),
    File(Box<LogFile>),
}

impl Out {
    fn of(logs: &LogsArguments, stack: &str) -> Result<Self, Failure> {
        Ok(if let Some(path) = &logs.save {
            let now = Timestamp::from_system(SystemTime::now());
            Self::File(Box::new(LogFile::create(path, stack, now)?))
        } else if logs.otlp {
            Self::Otlp(Otlp::default())
        } else if logs.json {
            Self::Json
        } else {
            Self::Text(Paint::stdout())
        })
    }

    fn put(&mut self, lines: &[LogLine]) -> Result<(), Failure> {
        match self {
            Self::File(file) => Ok(file.add(lines)?),
            Self::Text(paint) => lines.iter().try_for_each(|line| print::line(&shown(line, *paint))),
            Self::Json => lines.iter().try_for_each(print::json),
            Self::Otlp(otlp) => lines.iter().try_for_each(|line| match otlp.take(line) {
                Some(told) => print::json(&told),
                None => Ok(()),
            }),
        }
    }

    /// Tells what has been waiting for more, when there is none at the moment.
    fn settle(&mut self) -> Result<(), Failure> {
        match self {
            Self::Otlp(otlp) => otlp.flush().map_or(Ok(()), |told| print::json(&told)),
            Self::Text(_) | Self::Json | Self::File(_) => Ok(()),
        }
    }

    fn finish(mut self) -> Result<(), Failure> {
        self.settle()?;
        match self {
            Self::File(file) => Ok(file.finish()?),
            Self::Text(_) | Self::Json | Self::Otlp(_) => Ok(()),
        }
    }
}

/// Prints lines from a place on.
pub(super) struct Follow<'a> {
    client: &'a Client,
    query: LogsQuery,
    from: From,
    out: Out,
    wait: bool,
    limit: u32,
}

impl<'a> Follow<'a> {
    /// All lines since a time, and those to come.
    pub(super) fn since(client: &'a Client, services: Vec<String>, since: String) -> Self {
        let query = LogsQuery { services, since: Some(since), ..LogsQuery::default() };
        let out = Out::Text(Paint::stdout());
        Self { client, query, from: From::Oldest, out, wait: true, limit: PAGE }
    }

    /// What was asked for on the command line.
    async fn all(&mut self, logs: &LogsArguments) -> Result<(), Failure> {
        if logs.lines.is_some_and(|n| n > 0) {
            self.print_next().await?;
        }
        if logs.lines.is_some() && !logs.follow {
            return Ok(());
        }
        if logs.lines == Some(0) {
            self.skip_to_end().await?;
        }
        self.limit = PAGE;
        while self.print_next().await? > 0 {}
        self.wait = true;
        if !logs.follow {
            return Ok(());
        }
        loop {
            self.out.settle()?;
            self.print_next().await?;
        }
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
        self.out.put(&page.lines)?;
        self.from = From::After(page.after);
        Ok(page.lines.len())
    }
}

fn shown(line: &LogLine, paint: Paint) -> String {
    let text = visible(&line.text);
    let text = match line.level.as_deref() {
        Some("error" | "fatal") => paint.red(&text),
        Some("warn") => paint.amber(&text),
        Some("debug" | "trace") => paint.dim(&text),
        _ => text.into_owned(),
    };
    let name = paint.named(&line.service);
    let gap = " ".repeat(12_usize.saturating_sub(line.service.len()));
    format!("{} {name}{gap} {text}", paint.dim(print::clock(&line.ts)))
}

/// What a terminal would be left with: what was written last over the same line, without what rings or moves.
fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(|c: char| c.is_control() && c != '\t') {
        return text.into();
    }
    let last = text.rsplit('\r').find(|part| !part.trim().is_empty()).unwrap_or_default();
    last.chars().filter(|c| !c.is_control() || *c == '\t').collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_shown_as_it_ended() {
        for (text, expected) in [
            ("plain\ttext", "plain\ttext"),
            ("10%\r50%\r100%\r", "100%"),
            ("\r\r", ""),
            ("a\u{7}b\u{8}c\u{9b}31m", "abc31m"),
        ] {
            assert_eq!(visible(text), expected, "{text:?}");
        }
    }
}
