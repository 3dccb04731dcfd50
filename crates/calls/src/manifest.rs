//! What the manifest says about calls.

use std::collections::{BTreeMap, BTreeSet};

use model::call::OUTSIDE;
use model::plan::{Check, Plan, Speaks};

/// The part of a plan that calls are held against.
#[derive(Debug, Default)]
pub(crate) struct Manifest {
    pub(crate) services: BTreeMap<String, Declared>,
    /// Whom each caller that a rule names may call.
    allow: BTreeMap<String, BTreeSet<String>>,
    pub(crate) protocols: Vec<Speaks>,
}

#[derive(Debug)]
pub(crate) struct Declared {
    pub(crate) depends_on: BTreeSet<String>,
    /// The path that is asked to see whether it is ready.
    ready: Option<String>,
    /// A command in its own container says whether it is ready.
    checked_within: bool,
    /// It is there to be called by what the manifest says: it has published ports or a port that is probed.
    pub(crate) listens: bool,
}

impl Manifest {
    pub(crate) fn of(plan: &Plan) -> Self {
        let services = plan.services.iter().map(|(name, service)| {
            let check = service.ready.as_ref().map(|probe| &probe.check);
            let declared = Declared {
                depends_on: service.depends_on.iter().map(|dependency| dependency.service.clone()).collect(),
                ready: match check {
                    Some(Check::Http { path, .. }) => Some(path.clone()),
                    Some(Check::Tcp(_) | Check::Exec(_) | Check::Log(_)) | None => None,
                },
                checked_within: matches!(check, Some(Check::Exec(_))),
                listens: !service.ports.is_empty()
                    || matches!(check, Some(Check::Http { .. } | Check::Tcp(_))),
            };
            (name.clone(), declared)
        });
        let mut allow: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for rule in &plan.allow {
            allow.entry(rule.from.clone()).or_default().extend(rule.to.iter().cloned());
        }
        Self { services: services.collect(), allow, protocols: plan.calls.protocols.clone() }
    }

    /// The path that the manifest asks of a service to see whether it is ready.
    pub(crate) fn ready_path(&self, service: &str) -> Option<&str> {
        self.services.get(service)?.ready.as_deref()
    }

    /// Whether it is seen by a command in its own container that it is ready.
    pub(crate) fn is_checked_within(&self, service: &str) -> bool {
        self.services.get(service).is_some_and(|declared| declared.checked_within)
    }

    /// Whether the rules are against it: a caller that any of them names may call only what they name for it. The world
    /// cannot be named as a callee, so it may always be called.
    pub(crate) fn forbids(&self, from: &str, to: &str) -> bool {
        from != to && to != OUTSIDE && self.allow.get(from).is_some_and(|allowed| !allowed.contains(to))
    }

    /// Whether `from` calls `to` without saying that it depends on it. A manifest in which nothing depends on anything
    /// does not say who calls whom.
    pub(crate) fn undeclared(&self, from: &str, to: &str) -> bool {
        let known = |name: &str| self.services.get(name);
        let speaks = self.services.values().any(|service| !service.depends_on.is_empty());
        match (known(from), known(to)) {
            (Some(caller), Some(_)) => speaks && from != to && !caller.depends_on.contains(to),
            _ => false,
        }
    }
}
