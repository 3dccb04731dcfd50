//! `shoal calls record` and `shoal calls pcap`: packets as they were heard, into a file of the user's choice.

use std::fs::File;
use std::io::{IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use api::Client;
use api::commands::command;
use api::shape::PacketsRead;
use api::{ApiError, Code};
use tokio::time::Instant;

use super::time::moment;
use crate::failure::Failure;
use crate::print;

/// How long a page of packets is waited for.
const WAIT: Duration = Duration::from_millis(500);

/// The packets of a call's connection, as far as they are still there.
pub(super) async fn of_call(client: &Client, id: &str, to: &Path) -> Result<(), Failure> {
    let mut read = PacketsRead { call: Some(id.to_owned()), ..PacketsRead::default() };
    let mut pages = Vec::new();
    loop {
        let page = client.call(command::packets_read, &read).await?;
        read.after = Some(page.after.clone());
        let more = page.more;
        pages.push(page);
        if !more {
            break;
        }
    }
    if pages.iter().all(|page| page.packets == 0) {
        let error = ApiError::new(Code::NotFound, format!("the packets of `{id}` are not kept any more"))
            .hint("`[calls] packets` in the manifest says how much is kept; `shoal calls record` writes them as they come");
        return Err(error.into());
    }
    let mut written = Written::open(to)?;
    for page in &pages {
        written.put(page)?;
    }
    written.finish();
    Ok(())
}

/// From when to when packets are recorded.
#[derive(Debug, Default)]
pub(super) struct When {
    /// RFC 3339, or from now on.
    since: Option<String>,
    /// RFC 3339.
    until: Option<String>,
    /// How long from now until the end; `None`: until Ctrl-C.
    left: Option<Duration>,
}

impl When {
    /// As people type it.
    pub(super) fn read(
        since: Option<&str>,
        until: Option<&str>,
        seconds: Option<f64>,
    ) -> Result<Self, Failure> {
        let span = seconds.map(Duration::try_from_secs_f64).transpose();
        let span = span.map_err(|_| Failure::usage("`--seconds` is no span of time"))?;
        let since = since.map(moment).transpose()?;
        let until = until.map(moment).transpose()?;
        let left = match (span, &until) {
            (Some(span), _) => Some(span),
            (None, Some(until)) => Some(super::time::left_until(until)),
            // What is kept is all that was asked for.
            (None, None) => since.as_ref().map(|_| Duration::ZERO),
        };
        Ok(Self { since, until, left })
    }
}

/// The packets of services: those that are kept since a time, those that come for so long, or both.
pub(super) async fn record(
    client: &Client,
    services: &[String],
    when: When,
    to: &Path,
) -> Result<(), Failure> {
    let When { since, until, left } = when;
    let mut read = PacketsRead { services: services.to_vec(), since, until, ..PacketsRead::default() };
    // Nothing is written before it is known that there is something to write.
    let first = client.call(command::packets_read, &read).await?;
    let mut written = Written::open(to)?;
    let mut page = first;
    let mut end = left.map(|left| Instant::now() + left);
    if end.is_none() {
        print::note("recording until Ctrl-C");
    }
    let stop = tokio::signal::ctrl_c();
    tokio::pin!(stop);
    let mut stopping = false;
    loop {
        written.put(&page)?;
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO) && !page.more {
            break;
        }
        read.after = Some(page.after.clone());
        read.wait_ms = left.map_or(WAIT, |left| left.min(WAIT)).as_millis() as u32;
        let stopped = tokio::select! {
            next = client.call(command::packets_read, &read) => {
                page = next?;
                false
            }
            _ = &mut stop, if !stopping => true,
        };
        if stopped {
            // What came until now belongs to it.
            stopping = true;
            end = Some(Instant::now());
            read.wait_ms = 0;
            page = client.call(command::packets_read, &read).await?;
        }
    }
    written.finish();
    Ok(())
}

/// A capture file in the making.
struct Written {
    to: Box<dyn Write + Send>,
    shown: String,
    packets: u64,
    bytes: u64,
    missed: u64,
}

impl Written {
    fn open(to: &Path) -> Result<Self, Failure> {
        let (sink, shown): (Box<dyn Write + Send>, _) = if to == Path::new("-") {
            if std::io::stdout().is_terminal() {
                return Err(Failure::usage("packets are no text; write them `--to` a file, or into a pipe"));
            }
            (Box::new(std::io::stdout()), "standard output".to_owned())
        } else {
            let shown = PathBuf::from(to).display().to_string();
            let file = File::create(to).with_context(|| format!("`{shown}` cannot be written"))?;
            (Box::new(file), shown)
        };
        Ok(Self { to: sink, shown, packets: 0, bytes: 0, missed: 0 })
    }

    fn put(&mut self, page: &api::shape::PacketsPage) -> Result<(), Failure> {
        let bytes = page.bytes()?;
        self.to.write_all(&bytes)?;
        self.to.flush()?;
        self.packets += u64::from(page.packets);
        self.bytes += bytes.len() as u64;
        self.missed += page.missed.get();
        Ok(())
    }

    fn finish(self) {
        let size = print::size(self.bytes as f64);
        print::note(&format!("{} packets, {size}, written to {}", self.packets, self.shown));
        print::note("they are raw: passwords, cookies and tokens in them are not hidden");
        if self.missed > 0 {
            let missed = self.missed;
            print::note(&format!("{missed} packets came faster than they could be read and are not in it"));
        }
    }
}
