//! Exchanges as `wire` would report them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use model::Timestamp;
use model::call::Call;
use model::exchange::{Ending, Exchange, Message, Protocol};
use model::plan::{
    CallsConfig, Check, Condition, ContainerOptions, Dependency, Lifetime, Plan, Probe, PullPolicy,
    Resources, RestartPolicy, Service, Source,
};

use crate::shape::{self, Identity};
use crate::{Calls, Limits};

pub(crate) const WEB: &str = "172.20.0.2";
pub(crate) const ORDERS: &str = "172.20.0.3";
pub(crate) const DB: &str = "172.20.0.4";
pub(crate) const GATEWAY: &str = "172.20.0.1";

/// 2026-11-23T06:00:00Z and some milliseconds.
pub(crate) fn at(ms: i64) -> Timestamp {
    Timestamp(1_795_413_600_000_000_000 + ms * 1_000_000)
}

pub(crate) fn addr(ip: &str, port: u16) -> SocketAddr {
    SocketAddr::new(ip.parse().unwrap(), port)
}

/// A whole HTTP call from web to orders: two milliseconds to the first byte, three to the last.
pub(crate) fn exchange(conn: u64, serial: u32, method: &str, target: &str) -> Exchange {
    let (client, server) = (addr(WEB, 40_000 + conn as u16), addr(ORDERS, 8000));
    Exchange {
        method: method.to_owned(),
        target: target.to_owned(),
        status: Some("200".to_owned()),
        request: message(at(0), at(1), 0),
        response: Some(message(at(2), at(3), 0)),
        done: true,
        ..Exchange::new((conn, serial), client, server, Protocol::Http1, at(0))
    }
}

pub(crate) fn message(first: Timestamp, last: Timestamp, bytes: u64) -> Message {
    Message { bytes, first, last, complete: true, ..Message::default() }
}

/// The same, before anything of the response was seen.
pub(crate) fn pending(exchange: &Exchange) -> Exchange {
    Exchange { status: None, response: None, done: false, ..exchange.clone() }
}

/// The same, moved on the time axis.
pub(crate) fn later(mut exchange: Exchange, ms: i64) -> Exchange {
    let by = |at: &mut Timestamp| at.0 += ms * 1_000_000;
    by(&mut exchange.request.first);
    by(&mut exchange.request.last);
    if let Some(response) = &mut exchange.response {
        by(&mut response.first);
        by(&mut response.last);
    }
    exchange
}

/// A connection of an unknown protocol from orders to db.
pub(crate) fn tcp(conn: u64, port: u16, ending: Ending, sent: u64, received: u64) -> Exchange {
    Exchange {
        client: addr(ORDERS, 50_000 + conn as u16),
        server: addr(DB, port),
        protocol: Protocol::Tcp,
        method: String::new(),
        target: String::new(),
        status: None,
        request: message(at(0), at(900), sent),
        response: Some(message(at(1), at(1000), received)),
        ending,
        done: ending != Ending::Open,
        ..exchange(conn, 0, "", "")
    }
}

pub(crate) fn header(message: &mut Message, name: &str, value: &str) {
    message.headers.push((name.to_owned(), value.to_owned()));
}

/// A call without a store.
pub(crate) fn call(exchange: Exchange, from: &str, to: &str) -> Call {
    let (from, to) = (from.to_owned(), to.to_owned());
    let route = crate::routes::template(exchange.protocol, &crate::judge::operation(&exchange));
    let (id, conn) = ("id".to_owned(), "conn".to_owned());
    shape::call(
        exchange,
        Identity {
            id,
            conn,
            from,
            to,
            hosts: [None, None],
            note: None,
            route,
            background: None,
            redacted: false,
            forbidden: false,
        },
    )
}

/// A store that knows web, orders and db.
pub(crate) fn calls(limits: Limits) -> Calls {
    let mut calls = Calls::new(&CallsConfig::default(), limits, "e1");
    let names = calls.names_mut();
    for (ip, name) in [(WEB, "web"), (ORDERS, "orders"), (DB, "db")] {
        names.learn(ip.parse().unwrap(), name, at(-60_000));
    }
    names.gateway(GATEWAY.parse().unwrap());
    calls
}

/// The HTTP Archive of calls, by no schemas.
pub(crate) fn archive(calls: &Calls, found: &[&Call]) -> serde_json::Value {
    let schemas = crate::protobuf::Schemas::default();
    let rules = crate::protobuf::Rules { schemas: &schemas, redaction: calls.redaction() };
    crate::export::har(found.iter().copied(), rules).json
}

/// A plan of these services, each with what it depends on; `a` is asked for `/ready-a`.
pub(crate) fn plan(services: &[(&str, &[&str])]) -> Plan {
    let mut plan = Plan::empty("shop", "/shop");
    for (name, depends_on) in services {
        plan.services.insert((*name).to_owned(), service(name, depends_on));
    }
    plan
}

fn service(name: &str, depends_on: &[&str]) -> Service {
    let depends_on = depends_on.iter().map(|name| (*name).to_owned());
    let check = Check::Http { port: 8000, path: format!("/ready-{name}") };
    let (every, timeout, within) = (Duration::from_secs(1), Duration::from_secs(1), Duration::from_secs(9));
    Service {
        name: name.to_owned(),
        source: Source::Image("image".to_owned()),
        command: None,
        entrypoint: None,
        env: BTreeMap::new(),
        ports: Vec::new(),
        volumes: Vec::new(),
        depends_on: depends_on.map(|service| Dependency { service, condition: Condition::Ready }).collect(),
        ready: Some(Probe { check, every, timeout, within }),
        reload: Vec::new(),
        restart: RestartPolicy::No,
        lifetime: Lifetime::Session,
        resources: Resources::default(),
        stop_signal: None,
        stop_grace: Duration::from_secs(1),
        user: None,
        working_dir: None,
        pull: PullPolicy::Missing,
        platform: None,
        loopback: false,
        container: ContainerOptions::default(),
    }
}
