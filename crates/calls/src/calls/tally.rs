//! Calls that were counted and not told one by one.

use model::exchange::Tally;

use super::{Calls, Source};
use crate::counts::Counted;
use crate::ends::Ends;
use crate::judge::{self, Heard};
use crate::routes::OTHER;

impl Calls {
    /// Takes calls that came too thick to be told: edges, totals and the time axis count them, lists lack them. The two
    /// halves of calls through a published port cannot be told from two calls here, and count twice.
    pub fn count(&mut self, source: Source, tally: &Tally) {
        self.settle();
        // What it is called outlives the session: nothing may be in it that must be hidden.
        let mut like = tally.like.clone();
        self.prepare(&mut like);
        let like = &like;
        let at = judge::start(like);
        let home = self.home(source.0);
        let ends = Ends::of(&self.names, home, (like.client, like.server), at);
        if ends.is_of_strangers(&self.names, like) {
            return;
        }
        if ends.is_probe(&self.names, like) {
            self.head.probes += tally.calls;
            return;
        }
        let failed = !judge::ok(like);
        // Calls of many targets have no route of their own.
        let route = if like.target.is_empty() {
            OTHER.to_owned()
        } else {
            let heard = match judge::heard(like.protocol, like.status.as_deref()) {
                Heard::Answered(_) => Heard::Answered(u32::try_from(tally.calls).unwrap_or(u32::MAX)),
                heard => heard,
            };
            self.learn_route(ends.to, like.protocol, &judge::operation(like), heard)
        };
        let background = self.background(&ends, home, like);
        let counted =
            Counted { tally, at, failed, background: background.is_some(), latency: judge::is_latency(like) };
        self.edges.count(ends.from, ends.to, &route, &counted);
        self.brokers.count((ends.from, ends.to), tally, at);
        self.axis.count(at, tally.calls, failed);
        self.head.total += tally.calls;
        self.head.failed += if failed { tally.calls } else { 0 };
        self.head.tallied += tally.calls;
    }
}
