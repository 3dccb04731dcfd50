//! What does not fit: the manifest against what was seen, and what was seen against itself.

use std::collections::{BTreeMap, BTreeSet};

use model::call::OUTSIDE;
use model::exchange::Protocol;

use crate::Calls;
use crate::names::ServiceId;

/// After so many calls a service that nobody has called is worth a word.
const TRAFFIC: u64 = 50;

/// Something that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// `[[allow]]` does not permit these calls.
    Forbidden {
        /// The caller.
        from: String,
        /// The callee.
        to: String,
        /// How many there were.
        calls: u64,
    },
    /// The caller's `depends_on` does not name the callee.
    Undeclared {
        /// The caller.
        from: String,
        /// The callee.
        to: String,
        /// How many calls there were.
        calls: u64,
    },
    /// Several services answer the same method and route.
    Twice {
        /// Method and route.
        route: String,
        /// Who answers.
        services: Vec<String>,
    },
    /// Nobody has called a service that is there to be called.
    Uncalled {
        /// The service.
        service: String,
    },
}

impl Finding {
    /// The name that the contract uses.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Forbidden { .. } => "forbidden",
            Self::Undeclared { .. } => "undeclared",
            Self::Twice { .. } => "twice",
            Self::Uncalled { .. } => "uncalled",
        }
    }

    /// What was found, in one sentence.
    pub fn text(&self) -> String {
        match self {
            Self::Forbidden { from, to, calls } => {
                format!("`{from}` calls `{to}`, which no `[[allow]]` permits: {}", times(*calls))
            }
            Self::Undeclared { from, to, calls } => {
                format!("`{from}` calls `{to}` and does not depend on it: {}", times(*calls))
            }
            Self::Twice { route, services } => {
                let names: Vec<String> = services.iter().map(|name| format!("`{name}`")).collect();
                format!("`{route}` is answered by {}", names.join(" and "))
            }
            Self::Uncalled { service } => format!("Nobody has called `{service}`"),
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Forbidden { from, to, .. } => {
                format!("add `{to}` to the `[[allow]]` of `{from}`, or let it ask somebody else")
            }
            Self::Undeclared { from, to, .. } => {
                format!("add `{to}` to the `depends_on` of `{from}`, so that it is ready first")
            }
            Self::Twice { .. } => {
                "one of them may be left over, or a caller may ask the wrong one".to_owned()
            }
            Self::Uncalled { .. } => {
                "it may not be needed, or its callers may have another address for it".to_owned()
            }
        }
    }
}

fn times(calls: u64) -> String {
    if calls == 1 { "1 call".to_owned() } else { format!("{calls} calls") }
}

impl Calls {
    /// What does not fit, the gravest first. Health checks and scrapes are nobody's dependency and do not count.
    pub fn findings(&self) -> Vec<Finding> {
        let mut pairs: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        let mut answers: BTreeSet<&str> = BTreeSet::new();
        for ((from, to, _), counts) in self.edges.counts() {
            if counts.sums.calls > counts.sums.errors {
                answers.insert(self.names.name(to));
            }
            let calls = counts.sums.calls.saturating_sub(counts.sums.background);
            if calls > 0 {
                *pairs.entry((self.names.name(from), self.names.name(to))).or_default() += calls;
            }
        }
        let mut findings = Vec::new();
        let broken = pairs.iter().filter(|((from, to), _)| self.manifest.forbids(from, to));
        findings.extend(broken.map(|((from, to), calls)| Finding::Forbidden {
            from: (*from).to_owned(),
            to: (*to).to_owned(),
            calls: *calls,
        }));
        let unknown = pairs.iter().filter(|((from, to), _)| self.manifest.undeclared(from, to));
        findings.extend(unknown.map(|((from, to), calls)| Finding::Undeclared {
            from: (*from).to_owned(),
            to: (*to).to_owned(),
            calls: *calls,
        }));
        findings.extend(self.answered_twice());
        if pairs.values().sum::<u64>() >= TRAFFIC {
            let called: BTreeSet<&str> = pairs.keys().map(|(_, to)| *to).collect();
            let idle = self.manifest.services.iter().filter(|(name, service)| {
                let listens =
                    service.listens || answers.contains(name.as_str()) || self.names.has_listened(name);
                listens && !called.contains(name.as_str()) && self.names.has_seen(name) && !self.feeds(name)
            });
            findings.extend(idle.map(|(name, _)| Finding::Uncalled { service: name.clone() }));
        }
        findings
    }

    /// Whether it works on what others leave at a broker.
    fn feeds(&self, service: &str) -> bool {
        self.names.id(service).is_some_and(|service| self.brokers.feeds(service))
    }

    fn answered_twice(&self) -> impl Iterator<Item = Finding> {
        let mut answer: BTreeMap<&str, BTreeSet<ServiceId>> = BTreeMap::new();
        let mut pass_on: BTreeSet<(&str, ServiceId)> = BTreeSet::new();
        for (_, (from, to, protocol), route, counts) in self.edges.routes() {
            let asks = matches!(protocol, Protocol::Http1 | Protocol::Http2 | Protocol::Grpc);
            if !asks || !says_something(protocol, route) || counts.sums.calls <= counts.sums.background {
                continue;
            }
            // Whoever asks somebody else the same passes it on.
            pass_on.insert((route, from));
            if counts.sums.errors < counts.sums.calls && self.names.name(to) != OUTSIDE {
                answer.entry(route).or_default().insert(to);
            }
        }
        answer.into_iter().filter_map(move |(route, services)| {
            let services = services.into_iter().filter(|service| !pass_on.contains(&(route, *service)));
            let mut services: Vec<String> =
                services.map(|service| self.names.name(service).to_owned()).collect();
            services.sort_unstable();
            (services.len() > 1).then(|| Finding::Twice { route: route.to_owned(), services })
        })
    }
}

/// Whether a route names something of its service's own: everybody has `GET /` and `GET /favicon.ico`.
fn says_something(protocol: Protocol, route: &str) -> bool {
    if protocol == Protocol::Grpc {
        return !route.starts_with("grpc.");
    }
    let path = route.split_once(' ').map_or("", |(_, path)| path);
    let mut words = path.split('/').filter(|segment| !segment.is_empty() && !segment.starts_with('{'));
    let common = ["/favicon.ico", "/robots.txt", "/*", "*"];
    !route.starts_with("OPTIONS ")
        && path.starts_with('/')
        && !common.contains(&path)
        && words.next().is_some()
}
