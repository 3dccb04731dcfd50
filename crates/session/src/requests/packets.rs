//! Packets as the capture heard them.

use std::time::{Duration, Instant};

use api::shape::{PacketsPage, PacketsRead};
use api::{ApiError, Code};
use model::Timestamp;
use model::packets::{Packets, PacketsOf, file_head};

use super::pages::no_call;
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
        let since: Option<Timestamp> =
            read.since.as_ref().map(|at| at.parse()).transpose().map_err(|e| bad(format!("{e}")))?;
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
            let page = self.kept_packets(&post, from, since.unwrap_or_default(), of).await?;
            missed += page.missed;
            if page.count > 0 || page.more || Instant::now() >= deadline {
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
