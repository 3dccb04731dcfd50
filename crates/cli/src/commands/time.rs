//! Times as people type them.

use std::time::{Duration, SystemTime};

use model::Timestamp;

use crate::failure::Failure;

/// `10m` (so long ago) or RFC 3339, as RFC 3339.
pub(super) fn moment(text: &str) -> Result<String, Failure> {
    if let Some(ago) = span(text) {
        return Ok(Timestamp::from_system(SystemTime::now()).minus(ago).to_string());
    }
    match text.parse::<Timestamp>() {
        Ok(at) => Ok(at.to_string()),
        Err(_) => {
            Err(Failure::usage(format!("`{text}` is no time; write `10m`, `2h` or `2026-01-31T08:30:00Z`")))
        }
    }
}

/// `250ms`, `1.5s`, `10m`, `2h`, `1d`.
pub(super) fn span(text: &str) -> Option<Duration> {
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(unit_at);
    let number: f64 = number.parse().ok()?;
    let seconds = match unit {
        "ms" => number / 1000.0,
        "s" => number,
        "m" => number * 60.0,
        "h" => number * 3600.0,
        "d" => number * 86_400.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_need_a_unit() {
        assert_eq!(span("1.5s"), Some(Duration::from_millis(1500)));
        assert_eq!(span("2h"), Some(Duration::from_hours(2)));
        assert_eq!([span("12"), span("-1s"), span("1y"), span("")], [None; 4]);
    }
}
