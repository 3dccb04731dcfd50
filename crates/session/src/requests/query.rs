//! What readers ask for, in the words of the stores.

use api::shape::{CallsQuery, From, LogsQuery};
use api::{ApiError, Code};
use model::Timestamp;
use model::exchange::Protocol;

fn bad(error: impl std::fmt::Display) -> ApiError {
    ApiError::new(Code::BadRequest, error.to_string())
}

/// An error about what somebody wrote; `at` is the place in it, in characters.
fn misread(at: usize, message: impl std::fmt::Display, hint: Option<&str>) -> ApiError {
    ApiError { hint: hint.map(str::to_owned), at: u32::try_from(at).ok(), ..bad(message) }
}

fn of_lines(error: &logs::FilterError) -> ApiError {
    misread(error.at, error, error.hint.as_deref())
}

fn line_filter(source: &str) -> Result<logs::Where, ApiError> {
    logs::Where::parse(source).map_err(|e| of_lines(&e))
}

fn call_filter(source: &str) -> Result<calls::Where, ApiError> {
    calls::Where::parse(source).map_err(|e| misread(e.position, &e, Some(e.hint())))
}

fn moment(text: Option<&String>) -> Result<Option<Timestamp>, ApiError> {
    text.map(|t| t.parse()).transpose().map_err(bad)
}

/// A span of time.
pub(super) fn within(since: Option<&String>, until: Option<&String>) -> Result<calls::Within, ApiError> {
    let within = calls::Within { since: moment(since)?, until: moment(until)? };
    match (within.since, within.until) {
        (Some(since), Some(until)) if since >= until => {
            Err(bad("the range is empty: it ends before it begins"))
        }
        _ => Ok(within),
    }
}

pub(crate) fn logs_query(query: &LogsQuery) -> Result<logs::Query, ApiError> {
    let text = match (&query.text, &query.grep) {
        (Some(_), Some(_)) => return Err(bad("ask for a text or for a regular expression, not for both")),
        (Some(text), None) => Some(logs::Text::literal(text)),
        (None, Some(grep)) => Some(logs::Text::regex(grep).map_err(|e| of_lines(&e))?),
        (None, None) => None,
    };
    Ok(logs::Query {
        services: query.services.clone(),
        min_level: query.level.as_ref().map(|l| l.parse()).transpose().map_err(bad)?,
        since: moment(query.since.as_ref())?,
        until: moment(query.until.as_ref())?,
        text,
        filter: query.where_.as_ref().map(|w| line_filter(w)).transpose()?,
        whole: query.records,
        ..logs::Query::default()
    })
}

pub(super) fn place(from: &From) -> Result<logs::From, ApiError> {
    Ok(match from {
        From::Newest => logs::From::Newest,
        From::Oldest => logs::From::Oldest,
        From::Before(cursor) => logs::From::Before(cursor.parse().map_err(bad)?),
        From::After(cursor) => logs::From::After(cursor.parse().map_err(bad)?),
    })
}

pub(crate) fn calls_query(query: &CallsQuery) -> Result<calls::Query, ApiError> {
    let protocol = match query.protocol.as_deref() {
        None => None,
        Some(name) => {
            let known = Protocol::ALL.map(|p| format!("`{}`", p.name())).join(", ");
            Some(
                Protocol::named(name)
                    .ok_or_else(|| bad(format!("`{name}` is no protocol; protocols are {known}")))?,
            )
        }
    };
    Ok(calls::Query {
        from: query.from_service.clone(),
        to: query.to_service.clone(),
        services: query.services.clone(),
        protocol,
        failed: query.failed,
        foreground: !query.background,
        slower: query.slower,
        since: moment(query.since.as_ref())?,
        until: moment(query.until.as_ref())?,
        text: query.text.clone(),
        filter: query.where_.as_ref().map(|w| call_filter(w)).transpose()?,
    })
}

pub(super) fn position(from: &From) -> Result<calls::Position, ApiError> {
    Ok(match from {
        From::Newest => calls::Position::Newest,
        From::Oldest => calls::Position::Oldest,
        From::Before(cursor) => calls::Position::Before(cursor.parse().map_err(bad)?),
        From::After(cursor) => calls::Position::After(cursor.parse().map_err(bad)?),
    })
}
