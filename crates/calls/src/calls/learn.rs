//! Routes: how a call gets one, and what is counted of them.

use std::time::Duration;

use model::Timestamp;
use model::call::Route;
use model::exchange::Protocol;

use super::Calls;
use crate::counts::Counts;
use crate::judge::Heard;
use crate::names::ServiceId;
use crate::query::{Counted, RouteQuery};

/// The span of time that [`Route::per_second`] looks back over.
const LATELY: Duration = Duration::from_mins(1);

impl Calls {
    /// The route of a call to `to`. Earlier routes may turn out to be the same one.
    pub(super) fn learn_route(
        &mut self,
        to: ServiceId,
        protocol: Protocol,
        operation: &str,
        heard: Heard,
    ) -> String {
        let learning = self.learnt.learn(to, protocol, operation, heard);
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
                self.store.relabel(ordinal, |entry| entry.call.route = route);
            }
        }
    }

    /// The routes of every edge, with the calls that are no longer kept, or those of a span of the last day; by caller,
    /// callee, protocol and route. Their rate is that of the minute before `now`, or of the span.
    pub fn routes(&self, query: &RouteQuery, now: Timestamp) -> Counted<Route> {
        if query.within.is_everything() {
            return Counted { counted: self.all_routes(query, now), span: None };
        }
        let (since, until) = query.within.ends();
        let range = self.edges.past(since, until);
        let seconds = range.seconds().max(f64::MIN_POSITIVE);
        let rate = |counts: &Counts| counts.sums.calls as f64 / seconds;
        let of_range = self.edges.routes_past(&range);
        let routes =
            of_range.filter_map(|(ends, text, counts)| self.route(query, ends, text, counts, rate(counts)));
        Counted { counted: sorted(routes.collect()), span: range.span() }
    }

    fn all_routes(&self, query: &RouteQuery, now: Timestamp) -> Vec<Route> {
        let lately = self.edges.past(now.minus(LATELY), now).counts;
        let rate = |number: usize| {
            lately.get(&number).map_or(0.0, |counts| counts.sums.calls as f64 / LATELY.as_secs_f64())
        };
        let all = self.edges.routes();
        let routes = all
            .filter_map(|(number, ends, text, counts)| self.route(query, ends, text, counts, rate(number)));
        sorted(routes.collect())
    }

    fn route(
        &self,
        query: &RouteQuery,
        (from, to, protocol): (ServiceId, ServiceId, Protocol),
        text: &str,
        counts: &Counts,
        per_second: f64,
    ) -> Option<Route> {
        let (from, to) = (self.names.name(from), self.names.name(to));
        let [p50_ms, p90_ms, p99_ms] = counts.percentiles();
        query.matches(from, to).then(|| Route {
            from: from.to_owned(),
            to: to.to_owned(),
            protocol,
            route: text.to_owned(),
            calls: counts.sums.calls,
            errors: counts.sums.errors,
            per_second,
            p50_ms,
            p90_ms,
            p99_ms,
            last: counts.sums.last,
        })
    }
}

fn sorted(mut routes: Vec<Route>) -> Vec<Route> {
    let key = |route: &Route| (route.from.clone(), route.to.clone(), route.protocol, route.route.clone());
    routes.sort_by_cached_key(key);
    routes
}
