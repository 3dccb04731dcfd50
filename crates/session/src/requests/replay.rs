//! A call made again.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use api::shape::{PortView, ReplayAnswer, ReplayRequest, ReplayResult, ServiceView, State};
use api::{ApiError, Code};
use model::call::{Call, OUTSIDE};
use model::exchange::{Exchange, Message};

use super::pages::no_call;
use crate::jobs::now;
use crate::replay::{Draft, Read, Sent, send};
use crate::translate::Rules;
use crate::{Session, translate};

impl Session {
    /// Makes a call again, from this machine, and tells both answers. The capture sees it as it sees any other call.
    pub async fn replay(&self, request: &ReplayRequest) -> Result<ReplayResult, ApiError> {
        let schemas = self.shared.protos.read().await;
        let call = {
            let calls = self.shared.calls();
            let call = calls.get(&request.id).ok_or_else(|| no_call(&request.id))?;
            calls.whole(call).into_owned()
        };
        if call.decrypted {
            let what = format!("`{}` went through TLS, and calls are made again without", call.id);
            return Err(ApiError::new(Code::BadRequest, what)
                .hint("`shoal calls --curl ID` prints the command that makes it again"));
        }
        let draft = Draft::of(&call, request)?;
        let addrs = self.addresses(&call)?;
        let begun = now();
        let sent = send(&draft, &addrs).await?;
        let (addr, status, ms) = (sent.addr.to_string(), sent.status.clone(), sent.ms);
        let notes: Vec<String> = draft.note.into_iter().chain(sent.read.note()).collect();
        let mut answer = answer(&call, sent, begun);
        let calls = self.shared.calls();
        // What is hidden in an answer is seen in the call that the capture sees.
        drop(calls.prepare(&mut answer));
        let rules = Rules { schemas: &schemas, redaction: calls.redaction() };
        let answered = Call { response: answer.response, ..call.clone() };
        let message = translate::call(&answered, true, rules).response;
        let message = message.ok_or_else(|| ApiError::new(Code::Failed, "the answer is lost"))?;
        Ok(ReplayResult {
            was: translate::call(&call, true, rules),
            now: ReplayAnswer { status, ms, message },
            addr,
            left_out: draft.left_out,
            note: (!notes.is_empty()).then(|| notes.join("; ")),
        })
    }

    /// Where the callee is reached from here: at its published ports, then at its containers' own addresses.
    fn addresses(&self, call: &Call) -> Result<Vec<SocketAddr>, ApiError> {
        let name = &call.to.service;
        if name == OUTSIDE {
            return Err(ApiError::new(Code::BadRequest, format!("`{}` went out of the stack", call.id))
                .hint("`shoal calls --curl ID` prints the command that makes it again"));
        }
        let services = self.shared.board.snapshot().services;
        let runs = |service: &&ServiceView| service.service == *name && service.state == State::Running;
        let Some(service) = services.iter().find(runs) else {
            return Err(ApiError::new(Code::Conflict, format!("`{name}` does not run"))
                .hint(format!("`shoal start {name}`")));
        };
        let port = call.to.addr.port();
        let mut addrs = published(&service.ports, port);
        if cfg!(target_os = "linux") {
            let own = self.shared.calls().names().addresses(name, now());
            addrs.extend(own.into_iter().map(|ip| SocketAddr::new(ip, port)));
        }
        if addrs.is_empty() {
            return Err(ApiError::new(Code::Conflict, format!("port {port} of `{name}` is not published"))
                .hint(format!(
                    "`ports = [\"{port}\"]` in the manifest makes it reachable from this machine"
                )));
        }
        Ok(addrs)
    }
}

/// The addresses on this machine of a container's port.
fn published(ports: &[PortView], port: u16) -> Vec<SocketAddr> {
    let own = ports.iter().filter(|p| p.container == port && p.protocol == "tcp");
    let local = |bound: &PortView| {
        let ip = match bound.address.parse::<IpAddr>() {
            Ok(IpAddr::V6(ip)) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            Ok(ip) if !ip.is_unspecified() => ip,
            Ok(_) | Err(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        SocketAddr::new(ip, bound.host)
    };
    own.map(local).collect()
}

/// What was answered, as a capture would tell it.
fn answer(call: &Call, sent: Sent, begun: model::Timestamp) -> Exchange {
    let mut exchange = Exchange::new((0, 0), call.from.addr, sent.addr, call.protocol, begun);
    let (bytes, cut) = (sent.body.len() as u64, sent.read != Read::Whole);
    exchange.status = Some(sent.status);
    exchange.response = Some(Message {
        headers: sent.headers,
        body: sent.body,
        bytes,
        cut,
        first: begun,
        last: now(),
        complete: !cut,
        ..Message::default()
    });
    exchange
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_ports_are_reached_on_this_machine() {
        let port = |address: &str, host, container, protocol: &str| PortView {
            address: address.to_owned(),
            host,
            container,
            protocol: protocol.to_owned(),
        };
        let ports = [
            port("0.0.0.0", 32768, 8000, "tcp"),
            port("::", 32769, 8000, "tcp"),
            port("192.168.1.2", 80, 8000, "tcp"),
            port("", 81, 8000, "tcp"),
            port("0.0.0.0", 53, 8000, "udp"),
            port("0.0.0.0", 9000, 9000, "tcp"),
        ];
        let found: Vec<String> = published(&ports, 8000).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["127.0.0.1:32768", "[::1]:32769", "192.168.1.2:80", "127.0.0.1:81"]);
    }
}
