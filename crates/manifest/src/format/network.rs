//! Ports: alone, and published on this machine.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use model::plan::{Port, Transport};
use schemars::{Schema, json_schema};

use super::{Format, Problem, Scalar, string_schema};

const CODE: &str = "invalid-port";

fn one_port(text: &str) -> Result<u16, Problem> {
    let wrong =
        || Problem::new(CODE, format!("`{text}` is no port")).with_hint("ports are numbers from 1 to 65535");
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    text.parse::<u16>().ok().filter(|port| *port > 0).ok_or_else(wrong)
}

/// A port inside a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PortNumber(pub(crate) u16);

impl Format for PortNumber {
    const EXPECTED: &'static str = "a port such as 8080";

    fn parse(scalar: &Scalar) -> Result<Self, Problem> {
        match scalar {
            Scalar::Integer(number) => one_port(&number.to_string()),
            Scalar::Text { text, .. } => one_port(text),
            Scalar::Float(_) | Scalar::Flag(_) | Scalar::Other => Err(Problem::Mistyped),
        }
        .map(Self)
    }

    fn schema() -> Schema {
        json_schema!({
            "title": "port",
            "anyOf": [{ "type": "integer", "minimum": 1, "maximum": 65535 }, string_schema("port", r"\d+", &["8080"])],
        })
    }
}

/// One entry of `ports`: `[[ADDRESS:]HOST:]CONTAINER[/tcp|/udp]`, each port a number or a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ports(pub(crate) Vec<Port>);

/// Where a port is bound when the manifest names no address: only this machine may call.
const LOOPBACK: &str = "127.0.0.1";

impl Ports {
    fn from_text(text: &str) -> Result<Self, Problem> {
        let (ports, protocol) = match text.rsplit_once('/') {
            None => (text, Transport::Tcp),
            Some((ports, "tcp")) => (ports, Transport::Tcp),
            Some((ports, "udp")) => (ports, Transport::Udp),
            Some((_, other)) => {
                let problem = Problem::new(CODE, format!("`{other}` is no transport of a port"));
                return Err(problem.with_hint("write `/tcp` or `/udp`"));
            }
        };
        let (rest, container) =
            ports.rsplit_once(':').map_or((None, ports), |(rest, port)| (Some(rest), port));
        let container = range(container)?;
        let Some(rest) = rest else {
            return Ok(Self(container.map(|container| port(LOOPBACK, None, container, protocol)).collect()));
        };
        let (address, host) = if rest.ends_with(']') {
            return Err(Problem::new(CODE, format!("`{text}` does not say which port of this machine"))
                .with_hint(format!("write `{rest}:HOST:CONTAINER`, or `{rest}::CONTAINER` for a free one")));
        } else {
            rest.rsplit_once(':').map_or((None, rest), |(address, host)| (Some(address), host))
        };
        let address = match address {
            None => LOOPBACK.to_owned(),
            Some(address) => bound_address(address)?,
        };
        if host.is_empty() {
            return Ok(Self(container.map(|container| port(&address, None, container, protocol)).collect()));
        }
        let host = range(host)?;
        if host.len() != container.len() {
            return Err(Problem::new(
                CODE,
                format!("`{text}` maps {} ports to {}", host.len(), container.len()),
            )
            .with_hint("both ranges need the same length"));
        }
        let pairs = host.zip(container);
        Ok(Self(pairs.map(|(host, container)| port(&address, Some(host), container, protocol)).collect()))
    }
}

fn port(address: &str, host: Option<u16>, container: u16, protocol: Transport) -> Port {
    Port { address: address.to_owned(), host, container, protocol }
}

/// An address with or without brackets; `::1` keeps none.
fn bound_address(text: &str) -> Result<String, Problem> {
    let bare = text.strip_prefix('[').and_then(|inner| inner.strip_suffix(']'));
    let address = bare.unwrap_or(text);
    match address.parse::<IpAddr>() {
        Ok(IpAddr::V6(_)) if bare.is_none() => Err(Problem::new(CODE, format!("`{text}` needs brackets"))
            .with_hint(format!("write `[{text}]:8080:80`"))),
        Ok(address) => Ok(address.to_string()),
        Err(_) => {
            let hint = if text == "localhost" {
                "write `127.0.0.1`, which is the default anyway"
            } else {
                "write `127.0.0.1:8080:80`, `0.0.0.0:8080:80` or `[::1]:8080:80`"
            };
            Err(Problem::new(CODE, format!("`{text}` is no address of this machine")).with_hint(hint))
        }
    }
}

/// Engines start a forwarder for each published port.
const MAX_RANGE: u16 = 256;

/// `80` or `8000-8010`.
fn range(text: &str) -> Result<RangeInclusive<u16>, Problem> {
    let Some((first, last)) = text.split_once('-') else {
        return one_port(text).map(|port| port..=port);
    };
    let (first, last) = (one_port(first)?, one_port(last)?);
    if first > last {
        return Err(Problem::new(CODE, format!("`{text}` runs backwards"))
            .with_hint(format!("write `{last}-{first}`")));
    }
    if last - first >= MAX_RANGE {
        return Err(Problem::new(CODE, format!("`{text}` is more than {MAX_RANGE} ports")));
    }
    Ok(first..=last)
}

impl Format for Ports {
    const EXPECTED: &'static str = "a port such as \"8080:80\"";

    fn parse(scalar: &Scalar) -> Result<Self, Problem> {
        match scalar {
            Scalar::Integer(number) => Self::from_text(&number.to_string()),
            Scalar::Text { text, .. } => Self::from_text(text),
            Scalar::Float(_) | Scalar::Flag(_) | Scalar::Other => Err(Problem::Mistyped),
        }
    }

    fn schema() -> Schema {
        let pattern =
            r"(?:(?:\[[0-9a-fA-F:.]+\]|[\d.]+):)?(?:(?:\d+(?:-\d+)?)?:)?\d+(?:-\d+)?(?:/(?:tcp|udp))?";
        json_schema!({
            "title": "published port",
            "anyOf": [
                { "type": "integer", "minimum": 1, "maximum": 65535 },
                string_schema("published port", pattern, &["8080:80", "0.0.0.0:8080:80", "53:53/udp", "80"]),
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{explain, parse};
    use super::*;

    fn check(text: &str) -> String {
        let show = |port: &Port| {
            let host = port.host.map_or("?".to_owned(), |host| host.to_string());
            format!("{} {host} {} {}", port.address, port.container, port.protocol.name())
        };
        match parse::<Ports>(text) {
            Ok(ports) => ports.0.iter().map(show).collect::<Vec<_>>().join(", "),
            Err(_) => explain::<Ports>(text),
        }
    }

    #[test]
    fn every_way_to_write_a_port() {
        for (text, expected) in [
            ("80", "127.0.0.1 ? 80 tcp"),
            ("8080:80", "127.0.0.1 8080 80 tcp"),
            ("127.0.0.1:8080:80", "127.0.0.1 8080 80 tcp"),
            ("0.0.0.0:80:80", "0.0.0.0 80 80 tcp"),
            ("53:53/udp", "127.0.0.1 53 53 udp"),
            ("80/tcp", "127.0.0.1 ? 80 tcp"),
            ("0.0.0.0::80", "0.0.0.0 ? 80 tcp"),
            ("[::1]:8080:80", "::1 8080 80 tcp"),
            ("[::]::80", ":: ? 80 tcp"),
            ("8000-8001:80-81", "127.0.0.1 8000 80 tcp, 127.0.0.1 8001 81 tcp"),
            ("80-81", "127.0.0.1 ? 80 tcp, 127.0.0.1 ? 81 tcp"),
        ] {
            assert_eq!(check(text), expected, "{text}");
        }
        assert_eq!(Ports::parse(&Scalar::Integer(80)), parse("80"));
    }

    #[test]
    fn every_way_to_get_it_wrong() {
        let wrong = [
            "",
            "http",
            "0",
            "70000",
            "8080:",
            ":80:",
            "+1:80",
            "80/sctp",
            "localhost:8080:80",
            "::1:8080:80",
            "[::1]:80",
            "9-8:8-9",
            "1-2:1-3",
            "1-9000",
            "1:2:3:4",
        ];
        insta::assert_snapshot!(wrong.map(check).join("\n"), @r#"
        : [invalid-port] `` is no port (ports are numbers from 1 to 65535)
        http: [invalid-port] `http` is no port (ports are numbers from 1 to 65535)
        0: [invalid-port] `0` is no port (ports are numbers from 1 to 65535)
        70000: [invalid-port] `70000` is no port (ports are numbers from 1 to 65535)
        8080:: [invalid-port] `` is no port (ports are numbers from 1 to 65535)
        :80:: [invalid-port] `` is no port (ports are numbers from 1 to 65535)
        +1:80: [invalid-port] `+1` is no port (ports are numbers from 1 to 65535)
        80/sctp: [invalid-port] `sctp` is no transport of a port (write `/tcp` or `/udp`)
        localhost:8080:80: [invalid-port] `localhost` is no address of this machine (write `127.0.0.1`, which is the default anyway)
        ::1:8080:80: [invalid-port] `::1` needs brackets (write `[::1]:8080:80`)
        [::1]:80: [invalid-port] `[::1]:80` does not say which port of this machine (write `[::1]:HOST:CONTAINER`, or `[::1]::CONTAINER` for a free one)
        9-8:8-9: [invalid-port] `9-8` runs backwards (write `8-9`)
        1-2:1-3: [invalid-port] `1-2:1-3` maps 2 ports to 3 (both ranges need the same length)
        1-9000: [invalid-port] `1-9000` is more than 256 ports
        1:2:3:4: [invalid-port] `1:2` is no address of this machine (write `127.0.0.1:8080:80`, `0.0.0.0:8080:80` or `[::1]:8080:80`)
        "#);
        assert!(PortNumber::parse(&Scalar::Integer(-1)).is_err());
    }
}
