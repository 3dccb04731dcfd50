//! Terminals: `GET /v1/terminal` with these values as its query.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Which terminal to open. In the address: `?service=orders&cols=80&rows=24&command=ls&command=-l`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct TerminalRequest {
    /// In this service's container; empty: a shell on this machine, in the manifest's folder.
    pub service: String,
    /// Program and arguments; empty: the best shell there is.
    pub command: Vec<String>,
    /// Without a terminal: output and errors stay apart, nothing is echoed.
    pub plain: bool,
    /// Columns.
    pub cols: u16,
    /// Rows.
    pub rows: u16,
}

/// Text messages on a terminal's WebSocket. Binary messages are bytes: towards the session what is typed, from it
/// what is printed; of a plain terminal the first byte of a printed message is 1 for output and 2 for errors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TerminalControl {
    /// To the session: the window's size changed.
    Resize {
        /// Columns.
        cols: u16,
        /// Rows.
        rows: u16,
    },
    /// To the session: nothing more will be typed.
    Eof,
    /// From the session, last: the program ended.
    Exit {
        /// Its exit code, when it is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        code: Option<i32>,
    },
    /// From the session, last: the terminal could not be opened.
    Failed {
        /// Why.
        error: crate::ApiError,
    },
}
