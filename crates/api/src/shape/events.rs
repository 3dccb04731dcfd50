//! What happened to a stack, by time.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::Whole;

/// Anything on the time axis that is no line and no call.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Event {
    /// Its place in the list; grows.
    pub seq: u32,
    /// When.
    pub ts: String,
    /// `started ready exited failed stopped removed built pulled reload watch manifest engine capture …`.
    pub kind: String,
    /// Which service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub service: Option<String>,
    /// Which container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub instance: Option<String>,
    /// For people.
    pub text: String,
    /// Of an exit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub exit_code: Option<i32>,
    /// Of a reload: the files, relative to the manifest's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub files: Option<Vec<String>>,
    /// Of a reload: bytes sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub bytes: Option<Whole>,
    /// Of a reload: `nothing restart signal run rebuild`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub action: Option<String>,
    /// Of a reload: how long each phase took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub ms: Option<ReloadMs>,
    /// Of a reload: whether it worked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub ok: Option<bool>,
    /// What failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub error: Option<String>,
}

/// The phases of a reload in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ReloadMs {
    /// From the first change seen to the end of the quiet window.
    pub detect: f64,
    /// Until the last byte was handed to the container's agent.
    pub send: f64,
    /// Until the container had the files and the signals.
    pub apply: f64,
    /// What the commands took; left out where there were none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub run: Option<f64>,
    /// From the signal to the old process until the new one ran; left out where nothing was restarted in place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub restart: Option<f64>,
    /// Until the service answered again; left out where nothing was restarted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub ready: Option<f64>,
    /// All of it.
    pub total: f64,
}

/// Which events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(default, deny_unknown_fields)]
pub struct EventsRead {
    /// After this `seq`; 0: from the first that is kept.
    pub after: u32,
    /// At most so many; 0: 1,000.
    pub limit: u32,
    /// How long to wait for a first one, in milliseconds.
    pub wait_ms: u32,
}

/// Events, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct EventsPage {
    /// In order.
    pub events: Vec<Event>,
    /// The `seq` to go on from.
    pub after: u32,
}
