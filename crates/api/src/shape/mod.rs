//! The shapes that travel. A field that is not known is left out, never null. Times are RFC 3339 in UTC with
//! nanoseconds, spans are milliseconds, sizes are bytes.

mod calls;
mod chain;
mod doctor;
mod events;
mod logs;
mod map;
mod packets;
mod replay;
mod stack;
mod terminal;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

pub use calls::{
    CallDetail, CallId, CallMessage, CallRow, CallShow, CallsExport, CallsPage, CallsQuery, CallsRead,
    ExportFormat, FormPart, HiddenState, PartShape, PartyShape, Timeline, TimelineRequest,
};
pub use chain::{Chain, ChainCall};
pub use doctor::{Check, CheckState, DoctorReport};
pub use events::{Event, EventsPage, EventsRead, ReloadMs};
pub use logs::{LogLine, LogsOutline, LogsOutlineRequest, LogsPage, LogsQuery, LogsRead, LogsTally};
pub use map::{
    CountedSpan, EdgeList, EdgeRow, EdgesRequest, FindingList, FindingRow, OpenApi, OpenApiRequest,
    RecentRow, RouteList, RouteRow, RoutesRequest, ServiceApi,
};
pub use packets::{PacketsPage, PacketsRead};
pub use replay::{ReplayAnswer, ReplayRequest, ReplayResult};
pub use stack::{
    Build, CaptureState, CaptureView, Change, Counters, Delta, DiagnosticShape, Down, EngineView, PortView,
    ReloadView, ServiceView, Services, Severity, Snapshot, StackView, State, Up, WatchMessage,
};
pub use terminal::{TerminalControl, TerminalRequest};

/// Nothing to say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Empty {}

/// It was done, or begun.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Done {
    /// What else is worth saying, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub note: Option<String>,
}

/// A whole number that JavaScript can hold: at most 2^53 - 1, where larger ones end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Deserialize, TS)]
#[ts(type = "number")]
pub struct Whole(u64);

impl Whole {
    const MOST: u64 = (1 << 53) - 1;

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Whether there is none.
    pub const fn is_zero(&self) -> bool {
        self.0 == 0
    }

    /// The number for arithmetic with fractions.
    pub const fn as_f64(self) -> f64 {
        self.0 as f64
    }
}

impl std::convert::From<u64> for Whole {
    fn from(number: u64) -> Self {
        Self(number.min(Self::MOST))
    }
}

impl Serialize for Whole {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0.min(Self::MOST))
    }
}

impl std::fmt::Display for Whole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// How many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Count {
    /// The number.
    pub count: Whole,
}

/// A text in some other tool's form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Text {
    /// The text.
    pub text: String,
    /// What else is worth saying, for people: what is not in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub note: Option<String>,
}

/// Where a page of a time-ordered list starts. Cursors are opaque, and valid as long as the list is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "snake_case", tag = "at", content = "cursor")]
pub enum From {
    /// The end of the list, going back.
    #[default]
    Newest,
    /// The beginning of the list, going on.
    Oldest,
    /// Before this place, going back.
    Before(String),
    /// After this place, going on.
    After(String),
}
