//! What codes are called.

use std::borrow::Cow;

/// From here on a reason is a failure (MQTT 5, section 2.4).
const FAILURE: u8 = 0x80;

/// A code's name, and whether it says that something failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reason {
    pub(super) name: Cow<'static, str>,
    pub(super) failure: bool,
}

/// MQTT 5, section 2.4. Code 0 is called by what it means in the packet.
pub(super) fn reason(code: u8, zero: &'static str) -> Reason {
    let name = match code {
        0x00 => zero,
        0x01 => "Granted QoS 1",
        0x02 => "Granted QoS 2",
        0x04 => "Disconnect with Will Message",
        0x10 => "No matching subscribers",
        0x11 => "No subscription existed",
        0x18 => "Continue authentication",
        0x19 => "Re-authenticate",
        0x80 => "Unspecified error",
        0x81 => "Malformed Packet",
        0x82 => "Protocol Error",
        0x83 => "Implementation specific error",
        0x84 => "Unsupported Protocol Version",
        0x85 => "Client Identifier not valid",
        0x86 => "Bad User Name or Password",
        0x87 => "Not authorized",
        0x88 => "Server unavailable",
        0x89 => "Server busy",
        0x8a => "Banned",
        0x8b => "Server shutting down",
        0x8c => "Bad authentication method",
        0x8d => "Keep Alive timeout",
        0x8e => "Session taken over",
        0x8f => "Topic Filter invalid",
        0x90 => "Topic Name invalid",
        0x91 => "Packet Identifier in use",
        0x92 => "Packet Identifier not found",
        0x93 => "Receive Maximum exceeded",
        0x94 => "Topic Alias invalid",
        0x95 => "Packet too large",
        0x96 => "Message rate too high",
        0x97 => "Quota exceeded",
        0x98 => "Administrative action",
        0x99 => "Payload format invalid",
        0x9a => "Retain not supported",
        0x9b => "QoS not supported",
        0x9c => "Use another server",
        0x9d => "Server moved",
        0x9e => "Shared Subscriptions not supported",
        0x9f => "Connection rate exceeded",
        0xa0 => "Maximum connect time",
        0xa1 => "Subscription Identifiers not supported",
        0xa2 => "Wildcard Subscriptions not supported",
        _ => return Reason { name: format!("Reason {code:#04x}").into(), failure: code >= FAILURE },
    };
    Reason { name: name.into(), failure: code >= FAILURE }
}

/// The answer to a connect in MQTT 3.1.1 (section 3.2.2.3).
pub(super) fn connect_return(code: u8) -> Reason {
    let name = match code {
        0 => "Connection Accepted",
        1 => "Unacceptable protocol version",
        2 => "Identifier rejected",
        3 => "Server unavailable",
        4 => "Bad user name or password",
        5 => "Not authorized",
        _ => return Reason { name: format!("Return code {code}").into(), failure: true },
    };
    Reason { name: name.into(), failure: code != 0 }
}

/// The answer to one filter of a subscribe; in MQTT 3.1.1 (section 3.9.3) there is one failure.
pub(super) fn granted(code: u8, version: u8) -> Reason {
    match code {
        0x80 if version < 5 => Reason { name: "Failure".into(), failure: true },
        _ => reason(code, "Granted QoS 0"),
    }
}
