//! How to see that a service is ready.

use std::time::Duration;

use model::plan::{Check, Probe, Transport};

use super::Draft;
use crate::read::{At, Field, Placed};
use crate::shape::{Ready, Service};
use crate::source::Findings;

const EVERY: Duration = Duration::from_millis(50);
const TIMEOUT: Duration = Duration::from_secs(1);
const WITHIN: Duration = Duration::from_mins(1);

pub(super) fn lowered(
    draft: &Draft,
    written: &Service,
    ready: &Ready,
    findings: &mut Findings,
) -> Option<Probe> {
    let every = time(&ready.every, EVERY, findings);
    let timeout = time(&ready.timeout, TIMEOUT, findings);
    let mut within = time(&ready.within, WITHIN, findings);
    if let Some(retries) = ready.retries.get() {
        within = (every + timeout).saturating_mul(retries.value.0);
        if let Some(key) = ready.within.key() {
            findings
                .error(key, "one-of", "`within` and `retries` say the same")
                .hint("leave one of them out");
        }
    }
    let keys = [ready.http.key(), ready.tcp.key(), ready.exec.key(), ready.log.key()];
    let mut given = keys.into_iter().flatten();
    if let (Some(_), Some(second)) = (given.next(), given.next()) {
        let message = "`ready` has more than one of `http`, `tcp`, `exec`, `log`";
        findings.error(second, "one-of", message).hint("leave one of them; `exec` can ask several things");
        return None;
    }
    let check = if let Some(http) = ready.http.get() {
        let port = http.value.port.or_else(|| first_port(written));
        let Some(port) = port else {
            let message = format!("`{}` names no port, and `{}` declares none", http.value.path, draft.name);
            findings.error(http.spot, "no-port", message).hint(format!("write `:8080{}`", http.value.path));
            return None;
        };
        Check::Http { port, path: http.value.path.clone() }
    } else if let Some(tcp) = ready.tcp.get() {
        Check::Tcp(tcp.value.0)
    } else if let Some(exec) = ready.exec.get() {
        if exec.words.is_empty() {
            findings.error(exec.spot, "invalid-command", "the command is empty");
            return None;
        }
        Check::Exec(exec.words.clone())
    } else if let Some(log) = ready.log.get() {
        if log.value.is_empty() {
            findings.error(log.spot, "invalid-value", "every line contains the empty text");
            return None;
        }
        Check::Log(log.value.clone())
    } else {
        let none =
            [ready.http.is_absent(), ready.tcp.is_absent(), ready.exec.is_absent(), ready.log.is_absent()];
        if none == [true; 4] && !ready.broken {
            findings
                .error(ready.spot(), "one-of", "`ready` needs one of `http`, `tcp`, `exec`, `log`")
                .hint("such as `ready = { http = \":80/healthz\" }`");
        }
        return None;
    };
    Some(Probe { check, every, timeout, within })
}

/// The first TCP port of the service.
fn first_port(written: &Service) -> Option<u16> {
    let ports = written.ports.get().into_iter().flat_map(|ports| &ports.0).flat_map(|at| &at.value.0);
    ports.filter(|port| port.protocol == Transport::Tcp).map(|port| port.container).next()
}

fn time(field: &Field<At<Duration>>, default: Duration, findings: &mut Findings) -> Duration {
    match field.get() {
        Some(at) if at.value.is_zero() => {
            findings.error(at.spot, "invalid-value", "the time must be longer than nothing");
            default
        }
        Some(at) => at.value,
        None => default,
    }
}
