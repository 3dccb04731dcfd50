//! Calls that were made because of each other.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::CallRow;

/// A call of a chain, and why it was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ChainCall {
    /// The call.
    pub call: CallRow,
    /// The id of the call that it was made for; left out for the first of the chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub parent: Option<String>,
    /// How that is known: `trace` by headers, `inferred` when it can be no other (its caller was serving no other call, no
    /// other message was left there), `ambiguous` when it may be one of several and this is the most likely.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub link: Option<String>,
}

/// What led to a call, the call itself, and what it caused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Chain {
    /// In order of their beginning; a call comes after the one that it was made for.
    pub calls: Vec<ChainCall>,
}
