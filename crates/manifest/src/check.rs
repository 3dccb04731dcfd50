//! What several services must agree on: profiles, dependencies, ports of this machine.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use model::plan::{Condition, Port, RestartPolicy, Transport};

use crate::Request;
use crate::lower::Draft;
use crate::nearest::{listed, nearest};
use crate::read::At;
use crate::source::{Findings, Spot};

type Drafts<'a> = BTreeMap<&'a str, Draft<'a>>;

fn profiles<'a>(draft: &Draft<'a>) -> impl Iterator<Item = &'a At<String>> {
    draft.service.and_then(|service| service.profiles.get()).into_iter().flat_map(|list| &list.0)
}

fn dependencies_of<'a>(draft: &Draft<'a>) -> impl Iterator<Item = (&'a str, Spot, &'a At<Condition>)> {
    draft.service.and_then(|service| service.depends_on.get()).into_iter().flat_map(|list| list.0.sound())
}

/// The services that run: those without profiles, those of an active profile, and those asked for by name, which
/// makes their profiles active.
pub(crate) fn active<'a>(
    drafts: &Drafts<'a>,
    request: &Request,
    findings: &mut Findings,
) -> BTreeSet<&'a str> {
    let mut on: BTreeSet<&str> = request.profiles.iter().map(String::as_str).collect();
    let known: BTreeSet<&str> =
        drafts.values().flat_map(profiles).map(|profile| profile.value.as_str()).collect();
    for profile in
        request.profiles.iter().filter(|profile| *profile != "*" && !known.contains(profile.as_str()))
    {
        let hint = nearest(profile, known.iter().copied()).map_or_else(
            || {
                if known.is_empty() {
                    "no service has profiles".to_owned()
                } else {
                    format!("there are {}", listed(known.iter().copied()))
                }
            },
            |near| format!("did you mean `{near}`?"),
        );
        let spot = findings.add_argument(format!("--profile {profile}"), 10);
        findings
            .warning(spot, "unknown-profile", format!("no service is of the profile `{profile}`"))
            .hint(hint);
    }
    for name in request.services {
        if let Some(draft) = drafts.get(name.as_str()) {
            on.extend(profiles(draft).map(|profile| profile.value.as_str()));
            continue;
        }
        let hint = nearest(name, drafts.keys().copied()).map_or_else(
            || format!("the services are {}", listed(drafts.keys().copied())),
            |near| format!("did you mean `{near}`?"),
        );
        let spot = findings.add_argument(name.clone(), 0);
        findings.error(spot, "unknown-service", format!("there is no service `{name}`")).hint(hint);
    }
    let runs = |draft: &&Draft| {
        let mut own = profiles(draft).peekable();
        own.peek().is_none() || on.contains("*") || own.any(|profile| on.contains(profile.value.as_str()))
    };
    drafts.values().filter(runs).map(|draft| draft.name).collect()
}

/// Every dependency exists, runs when its dependant does, and can become what is waited for.
pub(crate) fn dependencies(
    drafts: &Drafts,
    active: &BTreeSet<&str>,
    complete: bool,
    findings: &mut Findings,
) {
    for draft in drafts.values() {
        for (name, key, condition) in dependencies_of(draft) {
            let Some(dependency) = drafts.get(name) else {
                if complete {
                    let others = || drafts.keys().copied().filter(|other| *other != draft.name);
                    let hint = match nearest(name, others()) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None if others().next().is_none() => "there is no other service".to_owned(),
                        None => format!("the other services are {}", listed(others())),
                    };
                    findings
                        .error(key, "unknown-service", format!("there is no service `{name}`"))
                        .hint(hint);
                }
                continue;
            };
            if active.contains(draft.name) && !active.contains(name) {
                let own: Vec<&str> = profiles(dependency).map(|profile| profile.value.as_str()).collect();
                let message = format!("`{}` needs `{name}`, whose profile is not active", draft.name);
                let hint = match own.first() {
                    Some(first) => {
                        format!("start with `--profile {first}`, or give `{}` the same profile", draft.name)
                    }
                    None => String::new(),
                };
                findings.error(key, "inactive-dependency", message).hint(hint);
            }
            let restart = dependency.service.and_then(|service| service.restart.value());
            if condition.value == Condition::Completed
                && restart.is_some_and(|restart| restart.0 == RestartPolicy::Always)
            {
                let message = format!("`{name}` never completes, as it is always started again");
                let hint = format!("wait for `ready`, or take `restart = \"always\"` from `{name}`");
                findings.error(condition.spot, "never-completes", message).hint(hint);
            }
        }
    }
}

/// No service waits for itself, over however many others.
pub(crate) fn cycles(drafts: &Drafts, findings: &mut Findings) {
    let mut done: BTreeSet<&str> = BTreeSet::new();
    for start in drafts.keys() {
        // Depth first without recursion: the path to here, and at each step the dependencies left to look at.
        let mut path: Vec<(&str, Vec<(&str, Spot)>)> = Vec::new();
        let mut next = Some(*start);
        loop {
            if let Some(name) = next.take().filter(|name| !done.contains(name)) {
                let left = drafts
                    .get(name)
                    .map(|draft| dependencies_of(draft).map(|(to, key, _)| (to, key)).collect());
                path.push((name, left.unwrap_or_default()));
            }
            let Some((name, left)) = path.last_mut() else { break };
            let Some((to, key)) = left.pop() else {
                done.insert(name);
                path.pop();
                continue;
            };
            match path.iter().position(|(name, _)| *name == to) {
                Some(from) => {
                    let ring: Vec<&str> = path.iter().skip(from).map(|(name, _)| *name).collect();
                    report_cycle(&ring, key, findings);
                }
                None => next = Some(to),
            }
        }
    }
}

fn report_cycle(ring: &[&str], key: Spot, findings: &mut Findings) {
    let least = ring.iter().enumerate().min_by_key(|(_, name)| **name).map_or(0, |(at, _)| at);
    let mut turned: Vec<String> =
        ring.iter().cycle().skip(least).take(ring.len()).map(|name| format!("`{name}`")).collect();
    turned.extend(turned.first().cloned());
    let message = if ring.len() == 1 {
        format!("{} waits for itself", turned[0])
    } else {
        format!("these services wait for each other: {}", turned.join(" -> "))
    };
    findings.error(key, "cycle", message).hint("take one of these `depends_on` out");
}

/// No two services that run are published on the same port of this machine.
pub(crate) fn host_ports(drafts: &Drafts, active: &BTreeSet<&str>, findings: &mut Findings) {
    let mut all: Vec<Published> = Vec::new();
    for draft in drafts.values().filter(|draft| active.contains(draft.name)) {
        let lists = draft.service.and_then(|service| service.ports.get());
        for at in lists.into_iter().flat_map(|list| &list.0) {
            all.extend(at.value.0.iter().map(|port| (at.spot, draft.name, port)));
        }
    }
    all.sort_by_key(|(spot, ..)| *spot);
    type Published<'a> = (Spot, &'a str, &'a Port);
    let mut taken: BTreeMap<(u16, Transport), Vec<Published>> = BTreeMap::new();
    let mut told: BTreeSet<Spot> = BTreeSet::new();
    for (spot, name, port) in all {
        let Some(host) = port.host else { continue };
        let others = taken.entry((host, port.protocol)).or_default();
        let clash = others.iter().find(|(_, _, other)| overlap(&other.address, &port.address));
        let Some((first, owner, other)) = clash else {
            others.push((spot, name, port));
            continue;
        };
        // The same entry in two manifests laid over each other is one port.
        let repeated = *owner == name && *other == port && first.file != spot.file;
        if !repeated && told.insert(spot) {
            let message = format!("port `{host}` of this machine is already published by `{owner}`");
            let free = host.checked_add(1).unwrap_or(1024);
            findings
                .error(spot, "duplicate-port", message)
                .hint(format!("write `{free}:{}`", port.container));
        }
    }
}

/// Whether two addresses cannot both have the same port: equal, or one of them means all of its kind.
fn overlap(a: &str, b: &str) -> bool {
    match (a.parse::<IpAddr>(), b.parse::<IpAddr>()) {
        (Ok(a), Ok(b)) => {
            a == b || (a.is_ipv4() == b.is_ipv4() && (a.is_unspecified() || b.is_unspecified()))
        }
        _ => a == b,
    }
}
