//! Routes: how a call gets one, and what is counted of them.

use std::collections::HashMap;
use std::time::Duration;

use model::Timestamp;
use model::call::Route;
use model::exchange::Exchange;

use super::Calls;
use crate::judge;
use crate::names::ServiceId;
use crate::query::RouteQuery;

/// The span of time that [`Route::per_second`] looks back over.
const LATELY: Duration = Duration::from_mins(1);

impl Calls {
    /// The route of a call to `to`. Earlier routes may turn out to be the same one.
    pub(super) fn learn_route(&mut self, to: ServiceId, exchange: &Exchange) -> String {
        let learning = self.learnt.learn(to, exchange.protocol, &judge::operation(exchange));
        if learning.news {
            self.rename_routes(to);
        }
        learning.route
    }

    /// Goes over all that is stored, which happens at most once for each beginning of a path.
    fn rename_routes(&mut self, to: ServiceId) {
        let learnt = &self.learnt;
        self.edges.rename_routes(to, |protocol, route| learnt.again(to, protocol, route));
        let all: Vec<u64> = self.store.order().iter().map(|(_, ordinal)| *ordinal).collect();
        for ordinal in all {
            let Some(entry) = self.store.get(ordinal) else { continue };
            if self.edges.ends(&entry.share).1 != to {
                continue;
            }
            let route = self.learnt.again(to, entry.call.protocol, &entry.call.route);
            if route != entry.call.route {
                self.store.change(ordinal, |entry| entry.call.route = route);
            }
        }
    }

    /// The routes of every edge, with the calls that are no longer kept; by caller, callee, protocol and route. What
    /// happened lately is what happened in the minute before `now`.
    pub fn routes(&self, query: &RouteQuery, now: Timestamp) -> Vec<Route> {
        let since = now.minus(LATELY);
        let mut lately: HashMap<usize, u64> = HashMap::new();
        for (_, ordinal) in self.store.order().iter().rev().take_while(|(at, _)| *at > since) {
            let Some(entry) = self.store.get(*ordinal) else { continue };
            if entry.call.ts <= now {
                *lately.entry(self.edges.route(&entry.share)).or_default() += 1;
            }
        }
        let mut routes: Vec<Route> = Vec::new();
        for (number, (from, to, protocol), text, counts) in self.edges.routes() {
            let (from, to) = (self.names.name(from), self.names.name(to));
            if !query.matches(from, to) {
                continue;
            }
            let [p50_ms, p90_ms, p99_ms] = counts.percentiles();
            let calls = lately.get(&number).copied().unwrap_or_default();
            routes.push(Route {
                from: from.to_owned(),
                to: to.to_owned(),
                protocol,
                route: text.to_owned(),
                calls: counts.calls,
                errors: counts.errors,
                per_second: calls as f64 / LATELY.as_secs_f64(),
                p50_ms,
                p90_ms,
                p99_ms,
                last: counts.last,
            });
        }
        let key = |route: &Route| (route.from.clone(), route.to.clone(), route.protocol, route.route.clone());
        routes.sort_by_cached_key(key);
        routes
    }
}
