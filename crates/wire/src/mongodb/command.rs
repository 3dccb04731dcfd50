//! What commands ask for and what their replies say.

use super::bson::{ARRAY, Document};

/// Members that every message repeats: which session, which time, which database (told beside the body).
pub(super) const LEFT_OUT: &[&str] = &["lsid", "$clusterTime", "operationTime", "$db"];

/// One command.
#[derive(Debug)]
pub(super) struct Command<'a> {
    pub(super) name: &'a str,
    /// The collection, or what else it is about.
    pub(super) target: &'a str,
    pub(super) document: Document<'a>,
}

impl<'a> Command<'a> {
    pub(super) fn read(document: Document<'a>) -> Option<Self> {
        let first = document.first()?;
        // Old clients wrap a command to add how to read.
        if let b"$query" | b"query" = first.name
            && let Some(inner) = first.document()
        {
            return Self::read(inner);
        }
        let name = str::from_utf8(first.name).ok()?;
        let target = match name {
            "getMore" => document.text("collection"),
            "explain" => first.document().and_then(|explained| explained.first()?.text()),
            _ => first.text(),
        };
        Some(Self { name, target: target.unwrap_or_default(), document })
    }

    /// Whether it is answered when something happens, or when a time is over.
    pub(super) fn waits(&self) -> bool {
        match self.name {
            // Only of a cursor that waits for more may this be asked (getMore: `maxTimeMS`).
            "getMore" => self.document.get("maxTimeMS").is_some(),
            _ if is_hello(self.name) => {
                let has = |name| self.document.get(name).is_some();
                has("topologyVersion") && has("maxAwaitTimeMS")
            }
            _ => false,
        }
    }

    /// Whether its cursor waits for more at its end: a change stream, the tail of a capped collection.
    pub(super) fn tails(&self) -> bool {
        match self.name {
            "find" => ["tailable", "awaitData"].iter().all(|name| self.document.number(name) == Some(1.0)),
            "aggregate" => {
                let stages = self.document.document("pipeline");
                let first = stages.and_then(|stages| stages.first()?.document()?.first());
                first.is_some_and(|stage| stage.name == b"$changeStream")
            }
            _ => false,
        }
    }

    /// The cursor that it asks for more.
    pub(super) fn cursor(&self) -> Option<i64> {
        if self.name == "getMore" { long(self.document, "getMore") } else { None }
    }
}

pub(super) fn is_hello(name: &str) -> bool {
    matches!(name, "hello" | "isMaster" | "ismaster")
}

/// Members whose values no one else may see, of a command of this name and of its reply.
pub(super) fn secrets(name: &str) -> &'static [&'static str] {
    match name {
        "saslStart" | "saslContinue" => &["payload"],
        "authenticate" => &["key", "nonce"],
        "getnonce" => &["nonce"],
        "createUser" | "updateUser" => &["pwd"],
        "usersInfo" => &["storedKey", "serverKey"],
        // Clients save a round trip and prove who they are at once.
        _ if is_hello(name) => &["payload"],
        _ => &[],
    }
}

/// Of a reply whose command was not seen.
pub(super) fn secrets_of(reply: Document<'_>) -> &'static [&'static str] {
    let proves = ["conversationId", "speculativeAuthenticate"].iter().any(|name| reply.get(name).is_some());
    if proves { &["payload"] } else { &["nonce"] }
}

/// How it went: a status, and words where it failed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) status: Option<String>,
    pub(super) failure: Option<String>,
}

impl Outcome {
    /// A write may be done in part: its reply says that it is fine, and what in it is not.
    pub(super) fn read(reply: Document<'_>) -> Self {
        let failed = |error: Document<'_>| Self {
            status: Some(code(error).unwrap_or_else(|| "failed".to_owned())),
            failure: Some(error.text("errmsg").unwrap_or_default().to_owned()),
        };
        let ok = reply.number("ok");
        if ok == Some(0.0) {
            return failed(reply);
        }
        let errors = reply.document("writeErrors");
        if let Some(error) = errors.and_then(|errors| errors.first()?.document()) {
            return failed(error);
        }
        if let Some(error) = reply.document("writeConcernError") {
            return failed(error);
        }
        Self { status: ok.map(|_| "OK".to_owned()), failure: None }
    }
}

/// An error's name, else its number. Errors of single writes have no name; of these one is met every day.
fn code(error: Document<'_>) -> Option<String> {
    if let Some(name) = error.text("codeName") {
        return Some(name.to_owned());
    }
    Some(match error.number("code")? {
        11000.0 => "DuplicateKey".to_owned(),
        121.0 => "DocumentValidationFailure".to_owned(),
        code => code.to_string(),
    })
}

/// The small facts of a reply: how many documents it brings or has changed, and where more are.
pub(super) fn facts(reply: Document<'_>) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    for name in ["n", "nModified"] {
        if let Some(number) = reply.number(name) {
            facts.push((name.to_owned(), number.to_string()));
        }
    }
    if let Some(cursor) = reply.document("cursor") {
        let batch = cursor.document("firstBatch").or_else(|| cursor.document("nextBatch"));
        if let Some(batch) = batch.filter(|batch| batch.whole()) {
            facts.push(("returned".to_owned(), batch.elements().count().to_string()));
        }
        if let Some(id) = long(cursor, "id").filter(|id| *id != 0) {
            facts.push(("cursor".to_owned(), id.to_string()));
        }
    }
    facts
}

/// The cursor that a reply leaves open.
pub(super) fn open_cursor(reply: Document<'_>) -> Option<i64> {
    long(reply.document("cursor")?, "id").filter(|id| *id != 0)
}

/// Whether the reply to a getMore came when something happened or a time was over.
pub(super) fn has_waited(reply: Document<'_>) -> bool {
    let waited = |cursor: Document<'_>| {
        let batch = cursor.get("nextBatch")?;
        let empty = batch.kind == ARRAY && batch.document()?.first().is_none();
        let open = long(cursor, "id")? != 0;
        Some(cursor.get("postBatchResumeToken").is_some() || (empty && open))
    };
    reply.document("cursor").and_then(waited).unwrap_or(false)
}

fn long(document: Document<'_>, name: &str) -> Option<i64> {
    let value = document.get(name)?.value;
    match value.len() {
        8 => Some(i64::from_le_bytes(value.try_into().ok()?)),
        _ => None,
    }
}
