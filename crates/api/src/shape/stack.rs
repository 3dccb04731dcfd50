//! A stack as a whole: its services and how it is observed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{EdgeRow, Event, Whole};

/// What `up` should do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(default, deny_unknown_fields)]
pub struct Up {
    /// Which services, with what they depend on; empty: all.
    pub services: Vec<String>,
    /// Build images even if they are there.
    pub build: bool,
    /// The user approves of this manifest on this machine.
    pub trust: bool,
    /// Do not watch files.
    pub no_reload: bool,
    /// Do not look at calls.
    pub no_capture: bool,
    /// Profiles that count from now on, beside those that the session has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[ts(as = "Option<Vec<String>>", optional)]
    pub profiles: Vec<String>,
    /// The variables of the shell that asks: from now on the manifest is read with them, not with those of the shell
    /// that happened to start the session.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[ts(as = "Option<BTreeMap<String, String>>", optional)]
    pub env: BTreeMap<String, String>,
}

/// What `down` should do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(default, deny_unknown_fields)]
pub struct Down {
    /// Remove the stack's named volumes too: their data is lost.
    pub volumes: bool,
    /// Remove services of lifetime `persistent` too.
    pub all: bool,
}

/// Some services by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(default, deny_unknown_fields)]
pub struct Services {
    /// Names; empty: all.
    pub services: Vec<String>,
}

/// Everything a view shows at first. Deltas with a higher number change it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Snapshot {
    /// The number of the newest delta that is in here.
    pub seq: u32,
    /// The stack.
    pub stack: StackView,
    /// Its services in the manifest's order by name.
    pub services: Vec<ServiceView>,
    /// The engine.
    pub engine: EngineView,
    /// How calls are observed.
    pub capture: CaptureView,
    /// How much there is of everything.
    pub counters: Counters,
    /// The newest events, oldest first, at most 200.
    pub events: Vec<Event>,
    /// Who called whom.
    pub edges: Vec<EdgeRow>,
}

/// What changed since the delta before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Delta {
    /// One more than the delta before; a gap means: ask for a snapshot.
    pub seq: u32,
    /// In order.
    pub changes: Vec<Change>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
pub enum Change {
    /// The stack is now so.
    Stack(StackView),
    /// This service is now so, or is new.
    Service(ServiceView),
    /// This service is gone from the manifest.
    ServiceGone(String),
    /// The engine is now so.
    Engine(EngineView),
    /// The capture is now so.
    Capture(CaptureView),
    /// The numbers are now so.
    Counters(Counters),
    /// This happened.
    Event(Event),
    /// All edges are now so.
    Edges(Vec<EdgeRow>),
}

/// What `GET /v1/watch` sends: the snapshot first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
pub enum WatchMessage {
    /// The state as it is now; sent first, and again when this reader fell behind.
    Snapshot(Box<Snapshot>),
    /// What changed.
    Delta(Delta),
}

/// The stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct StackView {
    /// Its name.
    pub name: String,
    /// The manifest's folder.
    pub folder: String,
    /// The manifest.
    pub manifest: String,
    /// Whether the user approved of this manifest on this machine.
    pub trusted: bool,
    /// What is wrong with the manifest; the running stack follows the last good one.
    pub diagnostics: Vec<DiagnosticShape>,
    /// What running this manifest does to this machine, for the question of trust.
    pub asks: Vec<String>,
}

/// How bad a diagnostic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The manifest cannot be used.
    Error,
    /// Worth knowing.
    Warning,
}

/// Something about a place in a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct DiagnosticShape {
    /// How bad.
    pub severity: Severity,
    /// Stable, such as `unknown-key`.
    pub code: String,
    /// The file.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// How many characters are meant.
    pub length: u32,
    /// The line itself.
    pub source: String,
    /// One sentence.
    pub message: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub hint: Option<String>,
}

/// How far a service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Waits for another service.
    Waiting,
    /// Its image is being built.
    Building,
    /// Its image is being pulled.
    Pulling,
    /// Its container starts.
    Starting,
    /// Its container runs; `ready` says the rest.
    Running,
    /// Its container ends.
    Stopping,
    /// Not running, and not meant to.
    Stopped,
    /// Not running though it should be.
    Failed,
    /// Ended with exit code 0.
    Completed,
}

/// One service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ServiceView {
    /// Its name in the manifest.
    pub service: String,
    /// How far it is.
    pub state: State,
    /// Whether it answers.
    pub ready: bool,
    /// Why it waits, for people: `db to be ready`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub waiting_for: Option<String>,
    /// Its container's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub instance: Option<String>,
    /// Its image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub image: Option<String>,
    /// Its ports on this machine.
    pub ports: Vec<PortView>,
    /// How often its container started again by itself.
    pub restarts: u32,
    /// How its last container ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub exit_code: Option<i32>,
    /// Since when it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub started: Option<String>,
    /// Cores in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub cpu: Option<f64>,
    /// Bytes in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub memory: Option<Whole>,
    /// What went wrong last, until it goes right again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub error: Option<crate::ApiError>,
    /// How far its build or pull is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub build: Option<Build>,
    /// Its reload, when it has rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub reload: Option<ReloadView>,
    /// The services that it depends on.
    pub depends_on: Vec<String>,
}

/// A port on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct PortView {
    /// The address it is bound to.
    pub address: String,
    /// The port on this machine.
    pub host: u16,
    /// The port in the container.
    pub container: u16,
    /// `tcp` or `udp`.
    pub protocol: String,
}

/// How far a build or a pull is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Build {
    /// The step being done, such as `[3/7] RUN apt-get …`.
    pub step: String,
    /// Steps done.
    pub done: u32,
    /// Steps known so far.
    pub total: u32,
}

/// The reload of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ReloadView {
    /// Whether batches wait for the user.
    pub manual: bool,
    /// Changed files that wait.
    pub pending: u32,
    /// Whether the last batch failed.
    pub failed: bool,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub error: Option<String>,
    /// Why saves are found late, or lead to nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub notice: Option<String>,
}

/// The engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct EngineView {
    /// Whether it answers.
    pub ok: bool,
    /// Where it is.
    pub address: String,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub version: Option<String>,
    /// Why it does not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub error: Option<crate::ApiError>,
}

/// Whether calls are being observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "lowercase")]
pub enum CaptureState {
    /// Not asked for, or nothing runs.
    Off,
    /// Being set up.
    Starting,
    /// Packets are seen.
    On,
    /// Not possible; the message says why.
    Failed,
}

/// How calls are observed, and what was missed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct CaptureView {
    /// Whether.
    pub state: CaptureState,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub message: Option<String>,
    /// Packets seen.
    pub packets: Whole,
    /// Packets that the kernel dropped since the ring was full.
    pub lost_kernel: Whole,
    /// Bytes that no decoder saw.
    pub lost_gaps: Whole,
    /// Calls that were not followed to their end, since bounds on memory were reached.
    pub given_up: Whole,
    /// Exchanges dropped on the way from the guest.
    pub lost_transport: Whole,
    /// Calls that came too thick to be told one by one: they are in the counts of their edges only.
    pub tallied: Whole,
    /// How many bytes of the newest packets are kept, by the manifest; 0: none are.
    #[serde(default)]
    pub packets_kept: Whole,
}

/// How much there is of everything.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Counters {
    /// Log lines stored.
    pub lines: Whole,
    /// Log lines of the last second.
    pub lines_per_second: Whole,
    /// Calls seen.
    pub calls: Whole,
    /// Calls of the last second.
    pub calls_per_second: Whole,
    /// Failed calls seen.
    pub failed_calls: Whole,
    /// Grows with every change of any call.
    pub calls_revision: Whole,
    /// Resident memory of the session, in bytes.
    pub session_memory: Whole,
}
