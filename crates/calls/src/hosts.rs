//! Names of addresses in the world, as they were last answered by DNS.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use model::call::Call;
use model::exchange::Protocol;
use serde_json::Value;

/// So many addresses are remembered.
const KEPT: usize = 4096;
/// A name that is longer is none (RFC 1035, section 2.3.4).
const LONGEST: usize = 255;

#[derive(Debug, Default)]
pub(crate) struct Hosts {
    names: HashMap<IpAddr, String>,
    order: VecDeque<IpAddr>,
}

impl Hosts {
    /// What the address was asked for as.
    pub(crate) fn name(&self, addr: IpAddr) -> Option<&str> {
        self.names.get(&addr.to_canonical()).map(String::as_str)
    }

    /// Takes the answers of a call, when it is one to DNS.
    pub(crate) fn hear(&mut self, call: &Call) {
        if call.protocol != Protocol::Dns {
            return;
        }
        let Some(response) = call.response.as_ref().filter(|response| !response.body.is_empty()) else {
            return;
        };
        let Ok(Value::Array(answers)) = serde_json::from_slice(&response.body) else { return };
        for answer in answers {
            let text = |field: &str| answer.get(field).and_then(Value::as_str).unwrap_or_default();
            let addr = match text("type") {
                "A" | "AAAA" => text("data").parse::<IpAddr>(),
                _ => continue,
            };
            // An alias leads from the name that was asked for to the one that has the address.
            let asked = if call.target.is_empty() { text("name") } else { &call.target };
            let name = asked.trim_end_matches('.').to_ascii_lowercase();
            if let Ok(addr) = addr
                && (1..=LONGEST).contains(&name.len())
            {
                self.learn(addr.to_canonical(), name);
            }
        }
    }

    fn learn(&mut self, addr: IpAddr, name: String) {
        if self.names.insert(addr, name).is_none() {
            self.order.push_back(addr);
            if self.order.len() > KEPT
                && let Some(oldest) = self.order.pop_front()
            {
                self.names.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::fixture::{call, exchange};

    fn answer(hosts: &mut Hosts, asked: &str, body: &str) {
        let mut x = exchange(1, 0, "A", asked);
        x.protocol = Protocol::Dns;
        x.response.as_mut().unwrap().body = body.into();
        hosts.hear(&call(x, "orders", "outside"));
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_name_that_was_asked_for_last() {
        let mut hosts = Hosts::default();
        let body = r#"[{"name":"api.pay.example","type":"CNAME","ttl":9,"data":"edge.cdn.example"},
            {"name":"edge.cdn.example","type":"A","ttl":9,"data":"192.0.2.7"},
            {"name":"edge.cdn.example","type":"AAAA","ttl":9,"data":"2001:db8::7"}]"#;
        answer(&mut hosts, "API.pay.example.", body);
        assert_eq!(hosts.name(ip("192.0.2.7")), Some("api.pay.example"));
        assert_eq!(hosts.name(ip("2001:db8::7")), Some("api.pay.example"));
        assert_eq!(hosts.name(ip("::ffff:192.0.2.7")), Some("api.pay.example"));
        assert_eq!(hosts.name(ip("192.0.2.8")), None);
        answer(&mut hosts, "", r#"[{"name":"other.example","type":"A","data":"192.0.2.7"}]"#);
        assert_eq!(hosts.name(ip("192.0.2.7")), Some("other.example"));
    }

    #[test]
    fn answers_that_are_none_teach_nothing() {
        let mut hosts = Hosts::default();
        for body in [
            "",
            "[",
            "{}",
            r#"["x"]"#,
            r#"[{"type":"A","data":"192.0.2.7"}]"#,
            r#"[{"name":"x","type":"A","data":"no address"}]"#,
            r#"[{"name":"x","type":"TXT","data":"192.0.2.7"}]"#,
        ] {
            answer(&mut hosts, "", body);
        }
        assert!(hosts.names.is_empty());
    }

    #[test]
    fn memory_is_bounded() {
        let mut hosts = Hosts::default();
        for i in 0..2 * KEPT as u32 {
            hosts.learn(IpAddr::V4(i.into()), "x".to_owned());
        }
        assert_eq!((hosts.names.len(), hosts.order.len()), (KEPT, KEPT));
        assert!(hosts.name(IpAddr::V4(0.into())).is_none());
    }
}
