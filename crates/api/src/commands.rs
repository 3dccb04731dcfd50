//! The one list of commands.
//!
//! A command is `POST /v1/rpc/NAME` with its request as JSON; the answer is its response, or an [`ApiError`] with
//! status 400 to 504. What lasts longer than an answer is a WebSocket: `GET /v1/watch` sends a
//! [`Snapshot`](crate::shape::Snapshot) and then numbered [`Delta`](crate::shape::Delta)s;
//! `GET /v1/terminal?…` ([`TerminalRequest`](crate::shape::TerminalRequest)) carries bytes of a terminal as binary
//! messages and [`TerminalControl`](crate::shape::TerminalControl) as text messages.

use std::future::Future;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::shape::{
    CallDetail, CallId, CallShow, CallsExport, CallsPage, CallsRead, Chain, Count, DoctorReport, Done, Down,
    EdgeList, EdgesRequest, Empty, EventsPage, EventsRead, FindingList, LogsOutline, LogsOutlineRequest,
    LogsPage, LogsQuery, LogsRead, OpenApi, OpenApiRequest, PacketsPage, PacketsRead, ReplayRequest,
    ReplayResult, RouteList, RoutesRequest, Services, Snapshot, Text, Timeline, TimelineRequest, Up,
};
use crate::{ApiError, Code};

/// A command by type: its name and what goes in and out.
pub trait Command {
    /// As in the address.
    const NAME: &'static str;
    /// What goes in.
    type Request: Serialize + DeserializeOwned + Send;
    /// What comes out.
    type Response: Serialize + DeserializeOwned + Send;
}

macro_rules! commands {
    ($($(#[$doc:meta])* $name:ident($request:ident) -> $response:ident;)*) => {
        /// Every command as a type, for [`Client::call`](crate::Client::call).
        #[expect(non_camel_case_types, reason = "a command has one spelling everywhere")]
        pub mod command {
            use super::*;
            $(
                $(#[$doc])*
                #[derive(Debug)]
                pub struct $name;
                impl Command for $name {
                    const NAME: &'static str = stringify!($name);
                    type Request = $request;
                    type Response = $response;
                }
            )*
        }

        /// Whoever answers commands. A command without an answer does not compile.
        pub trait Handler: Send + Sync {
            $($(#[$doc])* fn $name(&self, request: $request) -> impl Future<Output = Result<$response, ApiError>> + Send;)*
        }

        /// Answers the command called `name`, JSON in and out. An empty body stands for `{}`.
        pub async fn dispatch<H: Handler>(handler: &H, name: &str, body: &[u8]) -> Result<Vec<u8>, ApiError> {
            match name {
                $(stringify!($name) => write(name, &handler.$name(read(name, body)?).await?),)*
                _ => Err(ApiError::new(Code::NotFound, format!("there is no command `{name}`"))),
            }
        }

        /// The map from command names to request and response types, in TypeScript.
        #[cfg(test)]
        pub(crate) fn typescript() -> String {
            let mut types = std::collections::BTreeSet::new();
            let mut lines = String::new();
            // A shape may have another name in TypeScript than in Rust.
            let config = ts_rs::Config::default();
            $(
                let (request, response) = (<$request as ts_rs::TS>::ident(&config), <$response as ts_rs::TS>::ident(&config));
                lines.push_str(&format!("  {}: {{ request: {request}; response: {response} }};\n", stringify!($name)));
                types.extend([request, response]);
            )*
            let imports: String = types.into_iter().map(|t| format!("import type {{ {t} }} from \"./{t}\";\n")).collect();
            format!("// Generated from crates/api/src/commands.rs. Do not edit.\n{imports}\nexport interface Commands {{\n{lines}}}\n")
        }
    };
}

commands! {
    /// Everything a view shows at first.
    snapshot(Empty) -> Snapshot;
    /// Starts services, and what they depend on; returns at once.
    up(Up) -> Done;
    /// Stops and removes the stack; returns when nothing of it is left.
    down(Down) -> Done;
    /// Starts services that are stopped; returns at once.
    start(Services) -> Done;
    /// Stops services and keeps their containers' logs; returns when they are stopped.
    stop(Services) -> Done;
    /// Stops and starts services; returns at once.
    restart(Services) -> Done;
    /// Builds images again and replaces the containers; returns at once.
    rebuild(Services) -> Done;
    /// Applies the changes that wait in manual reload mode.
    reload(Services) -> Done;
    /// A page of log lines; waits for new ones when asked to.
    logs_read(LogsRead) -> LogsPage;
    /// How many stored lines match.
    logs_count(LogsQuery) -> Count;
    /// Where in the log the lines lie that match.
    logs_outline(LogsOutlineRequest) -> LogsOutline;
    /// A page of calls, without headers and bodies unless asked for.
    calls_read(CallsRead) -> CallsPage;
    /// One call whole.
    call_show(CallShow) -> CallDetail;
    /// The calls that led to this one, and those that it caused.
    chain(CallId) -> Chain;
    /// Calls in another tool's form.
    calls_export(CallsExport) -> Text;
    /// Packets as they were heard, as a capture file; waits for the first when asked to.
    packets_read(PacketsRead) -> PacketsPage;
    /// Makes a call of HTTP again, from this machine, and tells both answers.
    replay(ReplayRequest) -> ReplayResult;
    /// Who called whom.
    edges(EdgesRequest) -> EdgeList;
    /// What was asked over each edge, calls that differ only in ids as one.
    routes(RoutesRequest) -> RouteList;
    /// What services offer, inferred from what they were asked.
    openapi(OpenApiRequest) -> OpenApi;
    /// What does not fit: calls that the manifest does not know or permit, services that nobody calls.
    findings(Empty) -> FindingList;
    /// A page of events; waits for new ones when asked to.
    events_read(EventsRead) -> EventsPage;
    /// How many calls and errors fell into each bin of a time range.
    timeline(TimelineRequest) -> Timeline;
    /// The user approves of this manifest on this machine.
    trust(Empty) -> Done;
    /// What is wrong with this machine, and what mends it.
    doctor(Empty) -> DoctorReport;
    /// The session ends; containers run on.
    shutdown(Empty) -> Done;
}

fn read<T: DeserializeOwned>(name: &str, body: &[u8]) -> Result<T, ApiError> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body)
        .map_err(|e| ApiError::new(Code::BadRequest, format!("the request of `{name}` cannot be read: {e}")))
}

fn write<T: Serialize>(name: &str, value: &T) -> Result<Vec<u8>, ApiError> {
    serde_json::to_vec(value)
        .map_err(|e| ApiError::new(Code::Failed, format!("the answer of `{name}` cannot be written: {e}")))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// `ts-rs` writes the shapes; this writes the map beside them. `./dev check` then asks git for differences.
    #[test]
    fn export_bindings_commands() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui/src/api/generated");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("Commands.ts"), super::typescript()).unwrap();
    }

    #[test]
    fn no_type_needs_bigint() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui/src/api/generated");
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            assert!(!text.contains("bigint"), "{} has a 64-bit integer", entry.path().display());
        }
    }
}
