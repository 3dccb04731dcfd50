//! What ends an answer: OK, ERR and EOF packets.

use super::read::{Reader, text};

/// Another result follows.
pub(super) const MORE_RESULTS: u16 = 1 << 3;
/// No rows follow: they wait for a FETCH.
pub(super) const CURSOR_EXISTS: u16 = 1 << 6;
const SESSION_CHANGED: u16 = 1 << 14;
/// An ERR with this code tells how far a MariaDB server has come.
const PROGRESS: u16 = 0xffff;
/// Changes of the session that are shown at most.
const CHANGES_LIMIT: usize = 16;

/// It went well.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Done {
    pub(super) affected: u64,
    pub(super) last_insert_id: u64,
    pub(super) status: u16,
    pub(super) warnings: u16,
    pub(super) info: String,
    /// What changed in the session, where it was asked to tell.
    pub(super) changes: Vec<(String, String)>,
}

impl Done {
    pub(super) fn more_results(&self) -> bool {
        self.status & MORE_RESULTS != 0
    }

    pub(super) fn cursor_exists(&self) -> bool {
        self.status & CURSOR_EXISTS != 0
    }
}

/// An OK packet, or an EOF packet in either of its forms.
pub(super) fn done(payload: &[u8]) -> Option<Done> {
    let mut reader = Reader(payload);
    match (reader.u8()?, payload.len()) {
        (0xfe, 1) => return Some(Done::default()),
        (0xfe, 5) => {
            let (warnings, status) = (reader.u16()?, reader.u16()?);
            return Some(Done { status, warnings, ..Done::default() });
        }
        (0 | 0xfe, _) => {}
        _ => return None,
    }
    let (affected, last_insert_id) = (reader.length()?, reader.length()?);
    let status = reader.u16().unwrap_or_default();
    let warnings = reader.u16().unwrap_or_default();
    let mut done = Done { affected, last_insert_id, status, warnings, ..Done::default() };
    // Where session changes are told, the words have a length before them; else they go to the end.
    let mut ahead = reader;
    let words = ahead.string().unwrap_or_default();
    if ahead.is_empty() || status & SESSION_CHANGED != 0 {
        done.info = text(words);
        done.changes = ahead.string().map(changes).unwrap_or_default();
    } else {
        done.info = text(reader.0);
    }
    Some(done)
}

fn changes(bytes: &[u8]) -> Vec<(String, String)> {
    let (mut reader, mut found) = (Reader(bytes), Vec::new());
    while let (Some(kind), Some(data)) = (reader.u8(), reader.string()) {
        let mut data = Reader(data);
        match kind {
            0 => {
                while let (Some(name), Some(value)) = (data.string(), data.string()) {
                    found.push((text(name).to_lowercase(), text(value)));
                }
            }
            1 => found.extend(data.string().map(|name| ("schema".to_owned(), text(name)))),
            3 => {
                data.u8();
                found.extend(data.string().map(|set| ("gtid".to_owned(), text(set))));
            }
            4 => found.extend(data.string().map(|words| ("transaction".to_owned(), text(words)))),
            // That something changed, and a transaction's state in letters.
            _ => {}
        }
        if found.len() >= CHANGES_LIMIT {
            break;
        }
    }
    found.truncate(CHANGES_LIMIT);
    found
}

/// It failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failed {
    pub(super) code: u16,
    pub(super) sqlstate: Option<String>,
    pub(super) message: String,
}

/// An ERR packet; `None` when it tells progress.
pub(super) fn failed(payload: &[u8]) -> Option<Failed> {
    let mut reader = Reader(payload);
    if reader.u8()? != 0xff {
        return None;
    }
    let code = reader.u16()?;
    if code == PROGRESS {
        return None;
    }
    let sqlstate = reader.0.strip_prefix(b"#").and_then(|rest| rest.split_at_checked(5));
    let message = sqlstate.map_or(reader.0, |(_, message)| message);
    Some(Failed { code, sqlstate: sqlstate.map(|(state, _)| text(state)), message: text(message) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ok_is_read_in_all_its_forms() {
        let cases: [(&[u8], &str); 7] = [
            (b"\0\x01\x07\x02\0\x03\0", "1 7 2 3  []"),
            (b"\0\0\0\x02\0\0\0Rows matched: 1", "0 0 2 0 Rows matched: 1 []"),
            (b"\0\0\0\x02\0\0\0\x05Rows!", "0 0 2 0 Rows! []"),
            (b"\xfe\0\0\x02\0\x01\0", "0 0 2 1  []"),
            (b"\xfe\x01\0\x22\0", "0 0 34 1  []"),
            (
                b"\0\xfc\x01\x01\0\x02\x40\0\0\0\x07\x01\x05\x04shop",
                "257 0 16386 0  [(\"schema\", \"shop\")]",
            ),
            (
                b"\0\0\0\x02\x40\0\0\0\x12\0\x0f\x0aautocommit\x03OFF\x04\x01\0",
                "0 0 16386 0  [(\"autocommit\", \"OFF\")]",
            ),
        ];
        for (payload, expected) in cases {
            let Done { affected, last_insert_id, status, warnings, info, changes } = done(payload).unwrap();
            let seen = format!("{affected} {last_insert_id} {status} {warnings} {info} {changes:?}");
            assert_eq!(seen, expected, "{payload:?}");
            for end in 0..payload.len() {
                done(&payload[..end]);
            }
        }
        assert_eq!(done(b"\x01\0\0\x02\0"), None);
    }

    #[test]
    fn an_error_has_a_code_and_perhaps_a_state_and_progress_is_none() {
        let error = failed(b"\xff\x26\x04#23000Duplicate entry").unwrap();
        assert_eq!((error.code, error.sqlstate.as_deref()), (1062, Some("23000")));
        assert_eq!(error.message, "Duplicate entry");
        let error = failed(b"\xff\x10\x04Too many connections").unwrap();
        assert_eq!(
            (error.code, error.sqlstate, error.message.as_str()),
            (1040, None, "Too many connections")
        );
        assert_eq!(failed(b"\xff\xff\xff\x01\x01\x02\0\0\0\x04work"), None);
    }
}
