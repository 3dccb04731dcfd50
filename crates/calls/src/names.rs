//! Who has which address, and since when.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use model::Timestamp;
use model::call::OUTSIDE;
use model::exchange::Protocol;
use model::plan::Speaks;

use crate::subnet::Subnet;

/// A container speaks before the engine has said which address it got, so a name reaches this far back.
const EARLY: Duration = Duration::from_secs(5);
/// The last packets of a connection come after the engine has said that its container is gone.
const LATE: Duration = Duration::from_secs(2);
/// How many owners of one address, and how many spans of probing of one service, are remembered.
const SPANS: usize = 64;

/// A service's place in [`Names`]; 0 is [`OUTSIDE`].
pub(crate) type ServiceId = u32;

/// Names of addresses, each valid for a span of time: addresses change hands when containers are replaced.
#[derive(Debug)]
pub struct Names {
    services: Vec<String>,
    ids: HashMap<String, ServiceId>,
    spans: HashMap<IpAddr, Vec<Span>>,
    gateways: HashSet<IpAddr>,
    published: HashMap<u16, (ServiceId, u16)>,
    /// The subnets of networks that others are on as well.
    shared: Vec<Subnet>,
    probing: HashMap<ServiceId, VecDeque<Span>>,
    /// Services that took a connection of Shoal's own.
    listening: HashSet<ServiceId>,
    fresh: Vec<(IpAddr, Timestamp)>,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    service: ServiceId,
    from: Timestamp,
    to: Option<Timestamp>,
}

impl Span {
    fn covers(&self, at: Timestamp) -> bool {
        self.from <= at && self.to.is_none_or(|to| at < to)
    }
}

impl Default for Names {
    fn default() -> Self {
        Self {
            services: vec![OUTSIDE.to_owned()],
            ids: HashMap::from([(OUTSIDE.to_owned(), 0)]),
            spans: HashMap::new(),
            gateways: HashSet::new(),
            published: HashMap::new(),
            shared: Vec::new(),
            probing: HashMap::new(),
            listening: HashSet::new(),
            fresh: Vec::new(),
        }
    }
}

impl Names {
    /// From `at` on, `addr` belongs to an instance of `service`. Calls that were seen shortly before, or since, under
    /// no name get it with the next [`observe`](crate::Calls::observe) or [`settle`](crate::Calls::settle).
    pub fn learn(&mut self, addr: IpAddr, service: &str, at: Timestamp) {
        let addr = addr.to_canonical();
        let service = self.intern(service);
        let spans = self.spans.entry(addr).or_default();
        if let Some(span) = spans.iter_mut().find(|span| span.service == service && span.to.is_none()) {
            span.from = span.from.min(at);
        } else {
            spans.push(Span { service, from: at, to: None });
            spans.sort_by_key(|span| span.from);
            // An address has one owner at a time: the next one's start ends the span of whoever was not forgotten.
            for i in 1..spans.len() {
                let next = spans[i].from;
                let before = &mut spans[i - 1];
                before.to = Some(before.to.map_or(next, |to| to.min(next)));
            }
            if spans.len() > SPANS {
                spans.remove(0);
            }
        }
        self.fresh.push((addr, at.minus(EARLY)));
    }

    /// From `at` on, `addr` belongs to nobody.
    pub fn forget(&mut self, addr: IpAddr, at: Timestamp) {
        let spans = self.spans.get_mut(&addr.to_canonical());
        if let Some(span) = spans.and_then(|spans| spans.iter_mut().rfind(|span| span.to.is_none())) {
            span.to = Some(at.max(span.from));
        }
    }

    /// `addr` is this machine as containers see it: a network's gateway, or the address behind `host.docker.internal`.
    /// What comes from there comes from outside; what goes there goes to a published port.
    pub fn gateway(&mut self, addr: IpAddr) {
        self.gateways.insert(addr.to_canonical());
    }

    /// `host_port` of this machine leads to `container_port` of `service`.
    pub fn published(&mut self, host_port: u16, service: &str, container_port: u16) {
        let service = self.intern(service);
        self.published.insert(host_port, (service, container_port));
    }

    /// `host_port` leads nowhere any more.
    pub fn unpublished(&mut self, host_port: u16) {
        self.published.remove(&host_port);
    }

    /// Networks with these subnets are heard since somebody of the stack is on them; what others say to each other there
    /// is none of the stack's. Replaces what was said before.
    pub fn shared_subnets<'a>(&mut self, subnets: impl Iterator<Item = &'a str>) {
        self.shared = subnets.filter_map(Subnet::read).collect();
    }

    /// From `at` on, Shoal itself tries to connect to `service` to see whether it is ready. Connects from this machine
    /// that carry nothing are its own until [`Names::probed`], and no calls.
    pub fn probing(&mut self, service: &str, at: Timestamp) {
        let service = self.intern(service);
        let spans = self.probing.entry(service).or_default();
        if spans.back().is_none_or(|span| span.to.is_some()) {
            spans.push_back(Span { service, from: at, to: None });
            if spans.len() > SPANS {
                spans.pop_front();
            }
        }
    }

    /// Shoal has stopped probing `service`.
    pub fn probed(&mut self, service: &str, at: Timestamp) {
        let spans = self.ids.get(service).and_then(|service| self.probing.get_mut(service));
        if let Some(span) = spans.and_then(|spans| spans.back_mut()).filter(|span| span.to.is_none()) {
            span.to = Some(at);
        }
    }

    /// Who had `addr` at that moment; [`OUTSIDE`] when nobody of the stack did.
    pub fn resolve(&self, addr: IpAddr, at: Timestamp) -> &str {
        self.name(self.owner(addr, at))
    }

    /// The addresses that belong to a service at that moment.
    pub fn addresses(&self, service: &str, at: Timestamp) -> Vec<IpAddr> {
        let id = self.id(service).filter(|id| *id != 0);
        let has = |spans: &[Span]| spans.iter().any(|span| Some(span.service) == id && span.covers(at));
        let mut own: Vec<IpAddr> = self.spans.iter().filter(|(_, s)| has(s)).map(|(addr, _)| *addr).collect();
        own.sort_unstable();
        own
    }

    /// What is spoken at which address, by what services' ports speak: at their own, and where they are published on
    /// this machine.
    pub(crate) fn protocols(&self, rules: &[Speaks], at: Timestamp) -> Vec<(SocketAddr, Protocol)> {
        let mut all = Vec::new();
        for Speaks { service, port, protocol } in rules {
            let own = self.addresses(service, at).into_iter().map(|ip| (ip, *port));
            let behind = |(_, behind): &(_, &(ServiceId, u16))| {
                Some(behind.0) == self.id(service) && behind.1 == *port
            };
            let hosts = self.published.iter().filter(behind).map(|(host, _)| *host);
            let published = hosts.flat_map(|host| self.gateways.iter().map(move |ip| (*ip, host)));
            all.extend(own.chain(published).map(|end| (end.into(), *protocol)));
        }
        all.sort_unstable();
        all
    }

    pub(crate) fn name(&self, service: ServiceId) -> &str {
        self.services.get(service as usize).map_or(OUTSIDE, String::as_str)
    }

    pub(crate) fn owner(&self, addr: IpAddr, at: Timestamp) -> ServiceId {
        let Some(spans) = self.spans.get(&addr.to_canonical()) else { return 0 };
        let early = |span: &&Span| at < span.from && span.from.since(at) <= EARLY;
        let late = |span: &&Span| span.to.is_some_and(|to| to <= at && at.since(to) <= LATE);
        let owner = spans
            .iter()
            .rfind(|span| span.covers(at))
            .or_else(|| spans.iter().find(early))
            .or_else(|| spans.iter().rfind(late));
        owner.map_or(0, |span| span.service)
    }

    pub(crate) fn id(&self, service: &str) -> Option<ServiceId> {
        self.ids.get(service).copied()
    }

    /// Whether an address ever belonged to it.
    pub(crate) fn has_seen(&self, service: &str) -> bool {
        let id = self.id(service);
        id.is_some_and(|id| self.spans.values().flatten().any(|span| span.service == id))
    }

    /// A probe of Shoal's was answered.
    pub(crate) fn listens(&mut self, service: ServiceId) {
        self.listening.insert(service);
    }

    /// Whether a service ever answered a probe of Shoal's.
    pub(crate) fn has_listened(&self, service: &str) -> bool {
        self.id(service).is_some_and(|service| self.listening.contains(&service))
    }

    pub(crate) fn is_gateway(&self, addr: IpAddr) -> bool {
        self.gateways.contains(&addr.to_canonical())
    }

    /// Whether an address is on a network that others are on as well.
    pub(crate) fn is_shared(&self, addr: IpAddr) -> bool {
        self.shared.iter().any(|subnet| subnet.contains(addr))
    }

    /// The service and container port behind a published port.
    pub(crate) fn behind(&self, host_port: u16) -> Option<(ServiceId, u16)> {
        self.published.get(&host_port).copied()
    }

    pub(crate) fn is_published(&self, service: ServiceId, container_port: u16) -> bool {
        self.published.values().any(|behind| *behind == (service, container_port))
    }

    pub(crate) fn is_probing(&self, service: ServiceId, at: Timestamp) -> bool {
        self.probing.get(&service).is_some_and(|spans| spans.iter().any(|span| span.covers(at)))
    }

    /// Addresses that were learnt since the last time, and from when on calls may be renamed.
    pub(crate) fn take_fresh(&mut self) -> Vec<(IpAddr, Timestamp)> {
        std::mem::take(&mut self.fresh)
    }

    pub(crate) fn intern(&mut self, service: &str) -> ServiceId {
        if let Some(id) = self.ids.get(service) {
            return *id;
        }
        let id = self.services.len() as ServiceId;
        self.services.push(service.to_owned());
        self.ids.insert(service.to_owned(), id);
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_parts(seconds, 0)
    }

    #[test]
    fn an_address_changes_hands() {
        let mut names = Names::default();
        let a = addr("172.20.0.3");
        names.learn(a, "orders", at(100));
        names.forget(a, at(200));
        names.learn(a, "stock", at(300));
        names.learn(a, "web", at(400));
        for (moment, name) in [
            (50, "outside"),
            (96, "orders"),
            (100, "orders"),
            (199, "orders"),
            (201, "orders"),
            (210, "outside"),
            (297, "stock"),
            (399, "stock"),
            (400, "web"),
            (9000, "web"),
        ] {
            assert_eq!(names.resolve(a, at(moment)), name, "at {moment}");
        }
    }

    #[test]
    fn learning_late_that_it_was_there_before_moves_the_start() {
        let mut names = Names::default();
        let a = addr("172.20.0.3");
        names.learn(a, "orders", at(100));
        names.learn(a, "orders", at(20));
        assert_eq!(names.resolve(a, at(30)), "orders");
    }

    #[test]
    fn an_older_owner_learnt_later_does_not_take_over() {
        let mut names = Names::default();
        let a = addr("172.20.0.3");
        names.learn(a, "new", at(100));
        names.learn(a, "old", at(10));
        assert_eq!(names.resolve(a, at(50)), "old");
        assert_eq!(names.resolve(a, at(150)), "new");
    }

    #[test]
    fn mapped_addresses_are_the_same_as_plain_ones() {
        let mut names = Names::default();
        names.learn(addr("172.20.0.3"), "orders", at(1));
        assert_eq!(names.resolve(addr("::ffff:172.20.0.3"), at(2)), "orders");
        assert_eq!(names.resolve(addr("fd00::2"), at(2)), "outside");
    }

    #[test]
    fn what_a_port_speaks_follows_its_service() {
        let mut names = Names::default();
        let rule = |port, protocol| Speaks { service: "db".to_owned(), port, protocol };
        let rules = [rule(5433, Protocol::Postgres), rule(9000, Protocol::Tcp)];
        assert_eq!(names.protocols(&rules, at(1)), []);
        names.learn(addr("10.0.0.2"), "db", at(1));
        names.learn(addr("10.0.0.3"), "web", at(1));
        names.gateway(addr("10.0.0.1"));
        names.published(15433, "db", 5433);
        names.published(8080, "web", 9000);
        let end = |text: &str| text.parse::<SocketAddr>().unwrap();
        let expected = [
            (end("10.0.0.1:15433"), Protocol::Postgres),
            (end("10.0.0.2:5433"), Protocol::Postgres),
            (end("10.0.0.2:9000"), Protocol::Tcp),
        ];
        assert_eq!(names.protocols(&rules, at(2)), expected);
        names.forget(addr("10.0.0.2"), at(3));
        names.unpublished(15433);
        assert_eq!(names.protocols(&rules, at(4)), []);
    }

    #[test]
    fn the_owners_of_one_address_are_bounded() {
        let mut names = Names::default();
        let a = addr("172.20.0.3");
        for i in 0..1000 {
            names.learn(a, &format!("s{i}"), at(i * 10));
        }
        assert_eq!(names.spans[&a].len(), SPANS);
        assert_eq!(names.resolve(a, at(9_995)), "s999");
    }
}
