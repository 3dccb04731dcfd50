//! The events of a binary log, as a replica gets them.

/// The kind of an event: its type stands behind a NUL and four bytes of time.
pub(super) fn name(payload: &[u8]) -> &'static str {
    match payload.get(5) {
        Some(2) => "query",
        Some(3) => "stop",
        Some(4) => "rotate",
        Some(15) => "format",
        Some(16) => "commit",
        Some(19) => "table",
        Some(20 | 23 | 30) => "write rows",
        Some(21 | 24 | 31 | 39) => "update rows",
        Some(22 | 25 | 32) => "delete rows",
        Some(27) => "heartbeat",
        Some(33 | 34 | 162) => "gtid",
        Some(160) => "annotate rows",
        Some(161) => "checkpoint",
        Some(163) => "gtid list",
        Some(_) | None => "event",
    }
}
