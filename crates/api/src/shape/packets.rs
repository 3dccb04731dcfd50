//! Packets as they were heard, in the form of a capture file.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::Whole;
use crate::{ApiError, Code};

/// Which of the packets that the capture still has, or is about to hear.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export, optional_fields)]
#[serde(default, deny_unknown_fields)]
pub struct PacketsRead {
    /// Of this call's connection. Else of services.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// To and from these services; empty: all.
    pub services: Vec<String>,
    /// Not before this time, RFC 3339. Without it: those that come from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Not after this time, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// To go on: what the last page said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// How long to wait for a first packet, in milliseconds, up to 30,000.
    pub wait_ms: u32,
}

/// Some of them. The pages of one question, one after the other, are a pcap file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct PacketsPage {
    /// The page's bytes in base64 (RFC 4648 section 4). They are raw: nothing is hidden in them.
    pub pcap: String,
    /// How many packets they are.
    pub packets: u32,
    /// How many packets, of whomever, were forgotten since the last page before they could be read.
    pub missed: Whole,
    /// What to give to `after` for more.
    pub after: String,
    /// There are more already.
    pub more: bool,
}

impl PacketsPage {
    /// Bytes in the form that travels.
    pub fn encode(bytes: &[u8]) -> String {
        BASE64_STANDARD.encode(bytes)
    }

    /// The page's bytes.
    pub fn bytes(&self) -> Result<Vec<u8>, ApiError> {
        let wrong = |e| ApiError::new(Code::Failed, format!("packets came damaged from the session: {e}"));
        BASE64_STANDARD.decode(&self.pcap).map_err(wrong)
    }
}
