//! Calls in the formats of other tools.

mod base64;
mod cookies;
mod curl;
mod grpcurl;
mod har;
mod shell;
mod sockets;

pub use curl::curl;
pub use grpcurl::grpcurl;
pub use har::{Archive, har};

use model::call::Call;
use model::exchange::{Message, Protocol};

use crate::REDACTED;
use crate::judge::header;

/// Host and port of a call's URL, and the path with its query.
struct Url<'a> {
    scheme: &'a str,
    host: String,
    port: u16,
    rest: &'a str,
}

impl Url<'_> {
    /// By the target where it is absolute, by `:authority` or the `Host` header where there is one, by the address else.
    /// The port is always the one that was connected to: a `Host` that a proxy passed on names another.
    fn of(call: &Call) -> Url<'_> {
        let port = call.to.addr.port();
        let (authority, rest) = match call.target.split_once("://") {
            Some((_, after)) if !call.target.starts_with('/') => {
                let slash = after.find('/').unwrap_or(after.len());
                let (authority, rest) = after.split_at(slash);
                (Some(authority), if rest.is_empty() { "/" } else { rest })
            }
            _ => {
                let request = &call.request;
                (header(request, ":authority").or_else(|| header(request, "host")), call.target.as_str())
            }
        };
        let host = authority.map(host_of).filter(|host| is_host(host));
        let host = host.map_or_else(|| address(call), str::to_owned);
        let scheme = match (call.protocol, header(&call.request, ":scheme")) {
            (Protocol::WebSocket, _) if call.decrypted => "wss",
            (Protocol::WebSocket, _) => "ws",
            (_, Some("https")) => "https",
            _ if call.decrypted => "https",
            _ => "http",
        };
        Url { scheme, host, port, rest }
    }

    fn text(&self) -> String {
        let rest = if self.rest.starts_with('/') { self.rest } else { "/" };
        match (self.scheme, self.port) {
            ("https" | "wss", 443) | ("http" | "ws", 80) => format!("{}://{}{rest}", self.scheme, self.host),
            (scheme, port) => format!("{scheme}://{}:{port}{rest}", self.host),
        }
    }
}

/// `3 of 5 bytes`: what a body that was cut still has. How long a coded body is without its coding is not known then.
fn kept(message: &Message) -> String {
    match (message.body.len(), message.decoded) {
        (kept, true) => format!("the first {kept} bytes"),
        (kept, false) => format!("{kept} of {} bytes", message.bytes),
    }
}

/// A line of comment that says where a command has a placeholder for what is hidden; nothing where it has none.
fn hidden(places: &[String]) -> String {
    match places {
        [] => String::new(),
        _ => format!("\n# hidden, so put it in yourself where it says `{REDACTED}`: {}", places.join(", ")),
    }
}

fn address(call: &Call) -> String {
    match call.to.addr.ip() {
        std::net::IpAddr::V4(ip) => ip.to_string(),
        std::net::IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

/// Without port and user.
fn host_of(authority: &str) -> &str {
    let authority = authority.rsplit('@').next().unwrap_or(authority).trim();
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    }
}

/// Whether it can stand in a URL as a host: what came over the wire may be anything.
fn is_host(host: &str) -> bool {
    let plain = |host: &str| host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
    let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    match literal {
        Some(literal) => literal.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && !host.starts_with('-') && plain(host),
    }
}
