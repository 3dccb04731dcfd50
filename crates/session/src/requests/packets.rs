//! Packets as the capture heard them.

use std::time::{Duration, Instant};

use api::shape::{PacketsPage, PacketsRead};
use api::{ApiError, Code};
use calls::Within;
use model::Timestamp;
use model::packets::{Packets, PacketsOf, Record, file_head};

use super::pages::no_call;
use super::query::within;
use crate::Session;
use crate::captures::Post;
use crate::jobs::now;

/// How often it is looked for packets that are waited for.
const LOOK: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

impl Session {
    /// A page of packets.
    pub async fn packets(&self, read: PacketsRead) -> Result<PacketsPage, ApiError> {
        let bad = |e: String| ApiError::new(Code::BadRequest, e);
        let Within { since, until } = within(read.since.as_ref(), read.until.as_ref())?;
        let after: Option<u64> = read
            .after
            .as_ref()
            .map(|n| n.parse())
            .transpose()
            .map_err(|_| bad("`after` is no place".to_owned()))?;
        let first = after.is_none();
        let past = read.call.is_some() || since.is_some();
        let mut from = after.or_else(|| past.then_some(0));
        let deadline = Instant::now() + Duration::from_millis(read.wait_ms.into()).min(LONGEST_WAIT);
        let mut missed = 0;
        loop {
            // A service's addresses change when it is started again.
            let (post, of) = self.of_whom(&read)?;
            let mut page = self.kept_packets(&post, from, since.unwrap_or_default(), of).await?;
            let over = until.is_some_and(|until| end_at(&mut page, until) || now() > until);
            missed += page.missed;
            if over || page.count > 0 || page.more || Instant::now() >= deadline {
                return Ok(shown(&page, missed, first));
            }
            from = Some(page.next);
            tokio::time::sleep(LOOK).await;
        }
    }

    /// What is asked for, and of which capture: loopbacks have one each.
    fn of_whom(&self, read: &PacketsRead) -> Result<(Post, PacketsOf), ApiError> {
        if let Some(id) = &read.call {
            let calls = self.shared.calls();
            let call = calls.get(id).ok_or_else(|| no_call(id))?;
            let post = calls.loopback_of(id).map_or(Post::Networks, |of| Post::Loopback(of.to_owned()));
            return Ok((post, PacketsOf::Connection { ends: [call.from.addr, call.to.addr], at: call.ts }));
        }
        if read.services.is_empty() {
            return Ok((Post::Networks, PacketsOf::All));
        }
        let known = self.shared.board.snapshot().services;
        if let Some(name) = read.services.iter().find(|name| !known.iter().any(|s| s.service == **name)) {
            let names: Vec<&str> = known.iter().map(|s| s.service.as_str()).collect();
            return Err(ApiError::new(Code::NotFound, format!("there is no service `{name}`"))
                .hint(format!("services are: {}", names.join(", "))));
        }
        let (at, calls) = (now(), self.shared.calls());
        let hosts = read.services.iter().flat_map(|name| calls.names().addresses(name, at));
        Ok((Post::Networks, PacketsOf::Hosts(hosts.collect())))
    }

    async fn kept_packets(
        &self,
        post: &Post,
        from: Option<u64>,
        since: Timestamp,
        of: PacketsOf,
    ) -> Result<Packets, ApiError> {
        let Some(remote) = self.shared.remote(post) else {
            return Err(ApiError::new(
                Code::Conflict,
                "calls are not being observed, so there are no packets",
            )
            .hint("start the stack with `shoal up`, without `--no-capture`"));
        };
        let gone = || ApiError::new(Code::Failed, "the capture does not answer; it may be starting again");
        let page = remote.packets(from, since, of).await.ok_or_else(gone)?;
        if page.kept == 0 {
            return Err(ApiError::new(Code::Conflict, "no packets are kept").hint(
                "write `packets = \"16m\"` under `[calls]` in the manifest; a running stack obeys at once",
            ));
        }
        Ok(page)
    }
}

/// Leaves out what was heard after `until`; whether anything was, so that nothing more is to come.
fn end_at(page: &mut Packets, until: Timestamp) -> bool {
    let (mut length, mut count) = (0, 0);
    while let Some(record) = page.records.get(length..).and_then(Record::read) {
        if record.at > until {
            page.records.truncate(length);
            (page.count, page.more) = (count, false);
            return true;
        }
        (length, count) = (length + record.bytes.len(), count + 1);
    }
    false
}

fn shown(page: &Packets, missed: u64, first: bool) -> PacketsPage {
    let head = file_head();
    let bytes = [if first { &head[..] } else { &[] }, &page.records].concat();
    PacketsPage {
        pcap: PacketsPage::encode(&bytes),
        packets: page.count,
        missed: missed.into(),
        after: page.next.to_string(),
        more: page.more,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_end_at_a_time() {
        let at = |ms: i64| Timestamp(ms * 1_000_000);
        let record = |ms| [&Record::head(at(ms), 2, 2)[..], b"ab"].concat();
        let page = || Packets {
            records: [record(1), record(5)].concat(),
            count: 2,
            more: true,
            ..Packets::default()
        };
        for (until, over, count) in [(0, true, 0), (1, true, 1), (4, true, 1), (5, false, 2), (9, false, 2)] {
            let mut cut = page();
            assert_eq!((end_at(&mut cut, at(until)), cut.count, cut.more), (over, count, !over), "{until}");
            assert_eq!(cut.records, page().records[..count as usize * 18]);
        }
    }
}
