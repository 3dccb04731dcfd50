//! What the capture keeps, and who may call whom.

use std::collections::BTreeMap;

use model::plan::{AllowRule, CallsConfig, Speaks};

use super::Draft;
use crate::collect::Stack;
use crate::nearest::{listed, nearest};
use crate::paths::resolve;
use crate::read::{At, Map};
use crate::source::Findings;

/// What the capture's container has room for, beside what decoding and reporting may hold.
const PACKETS_LIMIT: u64 = 32 * 1024 * 1024;
/// The name of everything that is no service of the stack.
const OUTSIDE: &str = "outside";

pub(super) fn lowered(
    stack: &Stack,
    drafts: &BTreeMap<&str, Draft>,
    findings: &mut Findings,
) -> (CallsConfig, Vec<AllowRule>) {
    let mut config = CallsConfig::default();
    let mut rules = Vec::new();
    for (index, part) in stack.parts.iter().enumerate() {
        if let Some(calls) = part.manifest.calls.get() {
            if let (0, Some(limit)) = (index, calls.body_limit.value()) {
                config.body_limit = usize::try_from(limit.0).unwrap_or(usize::MAX);
            }
            if let (0, Some(limit)) = (index, calls.disk_limit.value()) {
                config.disk_limit = limit.0;
            }
            if let (0, Some(packets)) = (index, calls.packets.get()) {
                config.packets = packets.value.0;
                if packets.value.0 > PACKETS_LIMIT {
                    let message = "`packets` is more than the capture has room for";
                    findings.error(packets.spot, "invalid-value", message).hint("write `32m` or less");
                }
            }
            for path in calls.tls_keys.get().into_iter().flat_map(|list| &list.0) {
                let file = resolve(&path.value, &part.folder, part.variables.shell);
                if file.is_dir() {
                    let message = format!("`{}` is a folder", path.value);
                    findings.error(path.spot, "wrong-path", message).hint("name the file in it");
                } else if !config.tls_keys.contains(&file) {
                    config.tls_keys.push(file);
                }
            }
            for name in calls.redact.get().into_iter().flat_map(|list| &list.0) {
                if !config.redact.contains(&name.value.0) {
                    config.redact.push(name.value.0.clone());
                }
            }
        }
        for rule in part.manifest.allow.get().into_iter().flat_map(|list| &list.0) {
            let to = rule.to.get().map(|list| list.0.as_slice()).unwrap_or_default();
            if stack.complete {
                let from = rule.from.get().filter(|from| from.value != OUTSIDE);
                for name in from.into_iter().chain(to) {
                    check_name(name, drafts, findings);
                }
            }
            if let Some(from) = rule.from.value() {
                rules.push(AllowRule { from, to: to.iter().map(|name| name.value.clone()).collect() });
            }
        }
    }
    for draft in drafts.values() {
        config.protocols.extend(speaks(draft, findings));
    }
    (config, rules)
}

/// What the service's ports speak.
fn speaks(draft: &Draft, findings: &mut Findings) -> Vec<Speaks> {
    let mut all = Vec::new();
    let written = draft.service.and_then(|service| service.protocols.get());
    for (port, key, protocol) in written.into_iter().flat_map(Map::sound) {
        match port.parse::<u16>().ok().filter(|port| *port > 0) {
            Some(port) => {
                all.push(Speaks { service: draft.name.to_owned(), port, protocol: protocol.value });
            }
            None => {
                findings
                    .error(key, "invalid-port", format!("`{port}` is no port"))
                    .hint("write the container's port, such as `{ 5433 = \"postgres\" }`");
            }
        }
    }
    all
}

fn check_name(name: &At<String>, drafts: &BTreeMap<&str, Draft>, findings: &mut Findings) {
    if !drafts.contains_key(name.value.as_str()) {
        let hint = nearest(&name.value, drafts.keys().copied()).map_or_else(
            || format!("the services are {}", listed(drafts.keys().copied())),
            |near| format!("did you mean `{near}`?"),
        );
        findings
            .error(name.spot, "unknown-service", format!("there is no service `{}`", name.value))
            .hint(hint);
    }
}
